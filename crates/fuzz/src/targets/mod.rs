//! The targets, one for each thing that reads what others wrote.

pub(crate) mod api;
pub(crate) mod config;
pub(crate) mod discovery;
pub(crate) mod mpegts;
pub(crate) mod names;
pub(crate) mod nfo;
pub(crate) mod probe;
