//! FFmpeg command lines, built from facts.
