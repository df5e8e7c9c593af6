//! Cuts a worker's output into segments.
