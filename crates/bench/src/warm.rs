//! The time to a whole first segment where it is there already: because somebody
//! watches, or because it was made before and is kept.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::films::Film;
use crate::report::{Report, list, median, millis, verdict};
use crate::server::{Channel, Server, Video};
use crate::viewer::Viewer;

const TIMES: usize = 12;
const GOAL: Duration = Duration::from_millis(50);
/// Between two of them, so that they join at different places.
const PAUSE: Duration = Duration::from_millis(700);
/// The film is made to its end, and none of it is in memory by chance alone.
const MADE_WITHIN: Duration = Duration::from_secs(90);

pub(crate) fn measure(server: &Server, film: &Film, report: &mut Report) -> Result<()> {
    let channel = server.channel(film, 20, Video::Transcoded)?;
    let mut somebody = Viewer::tune_in(server.address, &channel.number)?;
    somebody.look()?;
    server.wait_until_parked()?;
    let mut watched = Vec::new();
    for _ in 0..TIMES {
        watched.push(tune_in(server, &channel)?);
        somebody.look()?;
        std::thread::sleep(PAUSE);
    }
    row("tune-in, warm: whole segment, somebody watches", &watched, report);
    made(server, &mut somebody)?;
    let mut kept = Vec::new();
    for _ in 0..TIMES {
        server.stop(&channel)?;
        server.wait_until_quiet()?;
        kept.push(tune_in(server, &channel)?);
        std::thread::sleep(PAUSE);
    }
    server.stop(&channel)?;
    row("tune-in, warm: whole segment, kept from before", &kept, report);
    Ok(())
}

/// Watches until all of the film was made once: it airs over and over.
fn made(server: &Server, viewer: &mut Viewer) -> Result<()> {
    let end = Instant::now() + MADE_WITHIN;
    viewer.watch(Instant::now(), end)?;
    server.wait_until_parked()
}

fn tune_in(server: &Server, channel: &Channel) -> Result<Duration> {
    let began = Instant::now();
    let mut viewer = Viewer::tune_in(server.address, &channel.number)?;
    let first = viewer.first()?;
    Ok(first.whole - began)
}

fn row(what: &str, times: &[Duration], report: &mut Report) {
    eprintln!("bench: {what}: {} ms", list(times));
    let slowest = times.iter().max().copied().unwrap_or_default();
    let kept = verdict(slowest < GOAL);
    let kept = format!("at most {}, to be under 50 ms: {kept}", millis(slowest));
    report.row(what, millis(median(times)), "", kept);
}
