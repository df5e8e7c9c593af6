//! What a transcoding session costs the server itself, beside its FFmpeg.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde_json::Value;

use crate::films::Film;
use crate::report::{Report, verdict};
use crate::server::{Server, Video, cpu, cpu_of_ended};
use crate::viewer::Viewer;

const WATCHED: Duration = Duration::from_secs(60);
/// The films' segments, transcoded.
const SEGMENT: Duration = Duration::from_secs(4);
const GOAL_PERCENT: f64 = 3.0;

/// FFmpeg works ahead, so more is made than is watched: each side is counted by the
/// second of film that it handled.
pub(crate) fn measure(server: &Server, film: &Film, report: &mut Report) -> Result<()> {
    let channel = server.channel(film, 0, Video::Transcoded)?;
    server.wait_until_quiet()?;
    let [_, serving] = server.processes()?;
    let (ours, theirs) = (cpu(serving)?, cpu_of_ended(serving)?);
    let began = Instant::now();
    let mut viewer = Viewer::tune_in(server.address, &channel.number)?;
    viewer.watch(began, began + WATCHED)?;
    server.stop(&channel)?;
    server.wait_until_quiet()?;
    let (ours, theirs) = (cpu(serving)? - ours, cpu_of_ended(serving)? - theirs);
    let path = format!("/streams/{}/history", channel.number);
    let history = server.api("GET", &path, &Value::Null)?;
    let runs = history["items"][0]["runs"].as_array().cloned().unwrap_or_default();
    let made: u64 = runs.iter().filter_map(|run| run["completed"].as_u64()).sum();
    ensure!(made > 0, "nothing was made of {}", film.title);
    let made = SEGMENT.as_secs_f64() * made as f64;
    let watched = WATCHED.as_secs_f64();
    let percent = (ours.as_secs_f64() / watched) / (theirs.as_secs_f64() / made) * 100.0;
    report.row(
        "a transcoding session: the server's own CPU",
        format!("{:.2} s a minute", ours.as_secs_f64() * 60.0 / watched),
        format!("its FFmpeg {:.1} s a minute of film", theirs.as_secs_f64() * 60.0 / made),
        format!("{percent:.2} %, to be under 3 %: {}", verdict(percent < GOAL_PERCENT)),
    );
    let sent = format!("{} MB sent", viewer.seen.bytes / 1_000_000);
    let late = viewer.seen.late;
    report.row("its segments that came late", late.to_string(), sent, verdict(late == 0));
    Ok(())
}
