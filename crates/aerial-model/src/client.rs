//! A viewer's opaque id.
