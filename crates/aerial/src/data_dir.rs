//! The data folder and its lock.
