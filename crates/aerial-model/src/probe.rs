//! Reads ffprobe's JSON into facts.
