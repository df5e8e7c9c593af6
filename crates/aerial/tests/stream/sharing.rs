//! One worker for all who want the same.
