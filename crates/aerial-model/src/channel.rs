//! A channel as people arrange it.
