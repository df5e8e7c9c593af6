//! A disk that is full, or cannot be written.
