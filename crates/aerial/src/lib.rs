//! The Aerial server: everything that touches the world.
//!
//! The model (`aerial-model`) decides; this crate reads clocks, files and
//! sockets, runs FFmpeg, and does what the model decided. Start reading at
//! `app`, which shows what is started and ended in which order.

pub mod access;
pub mod app;
pub mod backup;
pub mod cli;
pub mod clock;
pub mod config;
pub mod connections;
pub mod data_dir;
pub mod db;
pub mod demo;
pub mod descriptors;
pub mod discovery;
pub mod doctor;
pub mod ffmpeg;
pub mod held;
pub mod http;
pub mod indexing;
pub mod keeper;
pub mod library;
pub mod load;
pub mod metrics;
pub mod schedule;
pub mod service_manager;
pub mod stream;
pub mod telemetry;
pub mod webhooks;
