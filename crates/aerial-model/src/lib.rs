//! The pure part of Aerial.
//!
//! Everything that decides *what* is on the air, *when*, and *which bytes* say
//! so lives here: time, segment maps, the ledger and its planner, the guide,
//! playlists, MPEG-TS, and the FFmpeg command lines.
//!
//! Invariant: this crate has no clock, file, socket, process, task or ambient
//! randomness. `now` is always an argument.

pub mod access;
pub mod air_clock;
pub mod allowance;
pub mod capacity;
pub mod channel;
pub mod client;
pub mod command;
pub mod demand;
pub mod discovery;
pub mod encoder;
pub mod fault;
pub mod guide;
pub mod hls;
pub mod id;
pub mod keyframes;
pub mod ladder;
pub mod ledger;
pub mod level;
pub mod lineup;
pub mod m3u;
pub mod media;
pub mod mpegts;
pub mod network;
pub mod pace;
pub mod planner;
pub mod preflight;
pub mod probe;
pub mod profile;
pub mod replay;
pub mod segment;
pub mod segment_map;
pub mod segmenter;
pub mod session;
pub mod time;
pub mod tuning;
pub mod turns;
pub mod xmltv;
