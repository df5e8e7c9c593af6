//! The server as a whole: the real program, the real FFmpeg, players as they are.
//!
//! Each test starts its own server on a free port, with a data folder and a media
//! folder of its own. Waiting is for events, with a limit far beyond what a busy
//! machine needs; nothing here passes or fails by being fast or slow.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod support;

mod bad_input;
mod copied;
mod logs;
mod marker;
mod metrics;
mod picture;
mod purity;
mod restart;
mod restored;
mod sharing;
mod trouble;
mod webhooks;
