//! A channel started and stopped many times: is anything left of it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::films::{Film, TINY_HOURS};
use crate::open::Open;
use crate::report::{Report, verdict};
use crate::server::{Server, Video, children, resident_kib};
use crate::viewer::Viewer;

/// So many before the first look: what is made once is there then, and the history
/// of ended sessions is full (64).
const FIRST: usize = 100;
/// Apart by more than a worker makes ahead, so that each start needs FFmpeg.
const APART_SECONDS: i64 = 70;
/// What is in memory for a while has left it by then: the longest is slates' 240 s,
/// and there are none; segments leave after 60 s, viewers after 24 s.
const SETTLE: Duration = Duration::from_secs(100);
/// The allocator's own ways.
const SAME_KIB: u64 = 6 << 10;

/// What a server has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holdings {
    pub(crate) processes: usize,
    /// Without the catalogue's.
    pub(crate) descriptors: usize,
    pub(crate) tasks: u64,
    /// Files where segments are kept and things are made that are no finished segments.
    pub(crate) files: usize,
    pub(crate) kib: u64,
}

impl Holdings {
    pub(crate) fn of(server: &Server) -> Result<Self> {
        let [_, serving] = server.processes()?;
        Ok(Self {
            processes: children(serving)?.len(),
            descriptors: Open::of(serving)?.count(),
            tasks: server.system()?["tasks"].as_u64().context("a system without tasks")?,
            files: unfinished(&server.data.join("segments"))?
                + unfinished(&server.data.join("tmp"))?,
            kib: resident_kib(serving)?,
        })
    }
}

/// Files that are no finished segments.
fn unfinished(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            count += unfinished(&path)?;
        } else if path.extension().is_none_or(|suffix| suffix != "segment") {
            count += 1;
        }
    }
    Ok(count)
}

pub(crate) fn measure(
    server: &Server,
    films: &[Film],
    starts: usize,
    report: &mut Report,
) -> Result<()> {
    let mut places = (0..).map(|n: i64| {
        let films_there = films.len() as i64;
        let (turn, film) = (n / 2 / films_there, n / 2 % films_there);
        let video = if n % 2 == 0 { Video::Copied } else { Video::Transcoded };
        (film as usize, turn * APART_SECONDS, video)
    });
    let needed = (starts + FIRST) as i64 / 2 / films.len() as i64 * APART_SECONDS;
    ensure!(needed < TINY_HOURS as i64 * 3_600 - 120, "--starts {starts} is too many");
    let mut start_and_stop = |times: usize| -> Result<Duration> {
        let began = Instant::now();
        for (film, place, video) in places.by_ref().take(times) {
            let channel = server.channel(&films[film], place, video)?;
            Viewer::tune_in(server.address, &channel.number)?.first()?;
            server.stop(&channel)?;
            server.delete(&channel)?;
        }
        Ok(began.elapsed())
    };
    start_and_stop(FIRST)?;
    std::thread::sleep(SETTLE);
    let before = Holdings::of(server)?;
    let took = start_and_stop(starts)?;
    std::thread::sleep(SETTLE);
    let after = Holdings::of(server)?;
    let mut row = |what: &str, before: String, after: String, kept: bool| {
        let what = format!("{starts} starts and stops: {what}");
        report.row(&what, after, format!("{before} before"), verdict(kept));
    };
    let numbers = [
        ("FFmpegs", before.processes as u64, after.processes as u64),
        ("descriptors", before.descriptors as u64, after.descriptors as u64),
        ("tasks", before.tasks, after.tasks),
        ("files but segments", before.files as u64, after.files as u64),
    ];
    for (what, before, after) in numbers {
        row(what, before.to_string(), after.to_string(), after <= before);
    }
    let mib = |kib: u64| format!("{:.1} MiB", kib as f64 / 1_024.0);
    row("memory", mib(before.kib), mib(after.kib), after.kib <= before.kib + SAME_KIB);
    let each = took.as_secs_f64() * 1e3 / starts as f64;
    report.row("one start and stop, with its channel", format!("{each:.0} ms"), "", "");
    Ok(())
}
