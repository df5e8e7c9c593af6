//! HTTP.

pub mod assets;
pub mod problem;
pub mod stream;
