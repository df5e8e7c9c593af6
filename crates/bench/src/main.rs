//! Measures a server beside plain FFmpeg and a static file, in one run.
//!
//! A crate of its own, so that the server is built as it is shipped: a bench or
//! example of the server's crate would build it again with the features of its
//! tests. Owns the order of the measurements and the table; each module measures
//! one thing. Everything stays on the loopback and ends by itself.
#![allow(
    clippy::disallowed_methods,
    reason = "the bans are for the server; this reads the clock and waits for its own processes"
)]

mod films;
mod http;
mod idle;
mod load;
mod players;
mod report;
mod server;
mod session;
mod tune_in;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use report::Report;
use server::Server;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(binary), Some(folder), Some(hls_js)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        bail!("usage: aerial-bench PATH/TO/aerial WORK-FOLDER PATH/TO/hls.min.js [PART]…");
    };
    let parts: Vec<PathBuf> = arguments.collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p.as_os_str() == part);

    let films = films::made(&folder.join("films"))?;
    let mut report = Report::default();
    let server = Server::start(&binary, &folder, &films).context("starting the server")?;
    if wanted("idle") {
        idle::measure(&server, &mut report)?;
    }
    if wanted("tune-in") {
        tune_in::measure(&server, &films, &mut report)?;
    }
    if wanted("players") {
        players::measure(&server, &films, &hls_js, &mut report)?;
    }
    if wanted("session") || wanted("load") {
        // One channel for both: when a session has run for a minute, all is made and
        // no FFmpeg competes with the load.
        let channel = server.channel(&films[0], 0)?;
        session::measure(&server, &channel, &mut report)?;
        if wanted("load") {
            load::measure(&server, &channel, &folder, &mut report)?;
        }
    }
    server.end();
    report.print();
    Ok(())
}
