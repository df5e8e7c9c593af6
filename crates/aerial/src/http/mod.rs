//! HTTP.

pub mod assets;
