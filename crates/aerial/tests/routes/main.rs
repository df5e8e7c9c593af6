//! The API, asked through the real router. Files mirror the URLs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod access;
mod addresses;
mod apps;
mod as_run;
mod backups;
mod channels;
mod clock;
mod commands;
mod docs;
mod events;
mod exchange;
mod folders;
mod guide;
mod hdhomerun;
mod hostile;
#[path = "../hostile_support/mod.rs"]
mod hostile_support;
mod lineup;
mod media;
mod metrics;
mod now;
mod preview;
mod problems;
mod scan;
mod server;
mod settings;
mod skip;
mod slates;
mod stream_tokens;
mod streams;
mod strips;
mod system;
mod webhooks;
