//! Measures a server beside plain FFmpeg and nginx, in one run.
//!
//! A crate of its own, so that the server is built as it is shipped: a bench or
//! example of the server's crate would build it again with the features of its
//! tests. Owns the order of the measurements and the table; each module measures
//! one thing. Everything stays on the loopback and ends by itself, by its process
//! id. What is missed is told and fails nothing, but for the soak: a busy machine is no
//! fault.
#![allow(
    clippy::disallowed_methods,
    reason = "the bans are for the server; this reads the clock and waits for its own processes"
)]

mod browser;
mod chance;
mod channels;
mod cost;
mod crowd;
mod films;
mod http;
mod idle;
mod kill;
mod leak;
mod load;
mod nginx;
mod numbers;
mod open;
mod options;
mod players;
mod report;
mod screens;
mod segments;
mod server;
mod shown;
mod soak;
mod tune_in;
mod viewer;
mod viewers;
mod warm;

use anyhow::{Context as _, Result};

use films::Film;
use options::Options;
use report::Report;
use server::Server;

/// Long enough that what is made in one part of it is not wanted in another.
const LONG_MINUTES: u64 = 4;
/// Four to tune in to, one to transcode, one to read from memory.
const LONG_FILMS: usize = 6;
/// Each has places for a hundred starts in two ways.
const TINY_FILMS: usize = 12;

fn main() -> Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    report::tell_load();
    let mut report = Report::default();
    let measured = measure(&options, &mut report);
    report::tell_load();
    // Also what was measured before something failed.
    report.print();
    measured
}

/// Beside an FFmpeg of usual priority.
const BESIDE_FFMPEG: [(&str, &str); 1] = [("AERIAL_FFMPEG_NICENESS", "0")];

fn measure(options: &Options, report: &mut Report) -> Result<()> {
    if options.wants(options::SOAK) {
        soak::measure(options, report)?;
    }
    let any = |parts: &[&str]| parts.iter().any(|part| options.wants(part));
    if any(&["idle", "tune-in", "warm", "players", "load"]) {
        short_films(options, report)?;
    }
    if any(&["copied", "cost", "viewers", "segments"]) {
        long_films(options, report)?;
    }
    if options.wants("channels") {
        channels::measure(options, report)?;
    }
    if options.wants("leak") {
        let films = films::tiny(&options.folder.join("films"), TINY_FILMS)?;
        let server = started(options, &films, &[])?;
        leak::measure(&server, &films, options.starts, report)?;
        server.end();
    }
    if options.wants("kill") {
        let minutes = kill::minutes(options.kills);
        let films = films::numbered(&options.folder.join("films"), minutes)?;
        let server = started(options, &films, &[])?;
        kill::measure(&server, &films, &options.hls_js, options.kills, report)?;
        server.end();
    }
    Ok(())
}

/// What is measured with films that are short, and so soon made.
fn short_films(options: &Options, report: &mut Report) -> Result<()> {
    let films = films::short(&options.folder.join("films"))?;
    let server = started(options, &films, &BESIDE_FFMPEG)?;
    if options.wants("idle") {
        idle::measure(&server, report)?;
    }
    if options.wants("tune-in") {
        tune_in::transcoded(&server, &films, report)?;
    }
    if options.wants("players") {
        players::measure(&server, &films, &options.hls_js, report)?;
    }
    if options.wants("warm") {
        warm::measure(&server, &films[0], report)?;
    }
    if options.wants("load") {
        load::measure(&server, &films[0], &options.folder, report)?;
    }
    server.end();
    Ok(())
}

/// What needs films that do not come again soon.
fn long_films(options: &Options, report: &mut Report) -> Result<()> {
    let films = films::long(&options.folder.join("films"), LONG_MINUTES, LONG_FILMS)?;
    if options.wants("copied") || options.wants("cost") {
        let server = started(options, &films, &BESIDE_FFMPEG)?;
        if options.wants("copied") {
            tune_in::copied(&server, &films, report)?;
        }
        if options.wants("cost") {
            cost::measure(&server, &films[4], report)?;
        }
        server.end();
    }
    if !options.wants("viewers") && !options.wants("segments") {
        return Ok(());
    }
    let server = started(options, &films, &[])?;
    if options.wants("viewers") {
        viewers::measure(&server, &films, &options.folder, report)?;
    }
    if options.wants("segments") {
        segments::measure(&server, &films[5], &options.folder, report)?;
    }
    server.end();
    Ok(())
}

fn started(options: &Options, films: &[Film], settings: &[(&str, &str)]) -> Result<Server> {
    Server::start(&options.aerial, &options.folder, films, settings).context("starting the server")
}
