//! The Stream Manager: channels on the air.
//!
//! Read in this order: `manager` (the face), `session` (one channel),
//! `transcoder` (demand meets supply), `worker` (one FFmpeg), `store` (what they
//! made). Never touches the database: ledgers and media come through
//! [`timeline::Timeline`]. Invariant: no process, file or task outlives its
//! owner.

pub mod admission;
pub mod as_run;
pub mod body;
pub mod devices;
pub mod encoding;
pub mod error;
pub mod findings;
pub mod history;
pub mod manager;
pub mod off_air;
pub mod own_slates;
pub mod preflight;
pub mod programme;
pub mod remux;
pub mod replay;
pub mod session;
pub mod slate;
pub mod slated;
pub mod source_file;
pub mod store;
pub mod strip;
pub mod tally;
pub mod timeline;
pub mod track;
pub mod transcoder;
pub mod transport;
pub mod worker;
