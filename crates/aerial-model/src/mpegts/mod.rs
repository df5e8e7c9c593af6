//! MPEG-TS: read, write, restamp.
