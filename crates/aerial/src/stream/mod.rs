//! The Stream Manager.

pub mod timeline;
