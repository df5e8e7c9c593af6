//! Which FFmpeg there is and what it can do.
