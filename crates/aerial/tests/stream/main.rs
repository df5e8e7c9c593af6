//! The stream part against real processes: a schedule in memory, small films,
//! and an FFmpeg that does what a script says, or is the real one.
//!
//! Nothing here waits for a fixed time: a test waits until something is so, and
//! fails when that takes unreasonably long. Most use a clock that stands still.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]

mod as_run;
mod clients;
mod copies;
mod device;
mod faults;
mod hour;
mod limit;
mod loops;
mod media;
mod off_air;
mod pace;
mod picture;
mod preflight;
mod remux;
mod replay;
mod routes;
mod sharing;
mod store;
mod strips;
mod tally;
mod tokens;
mod turns;
mod world;
