//! Many copied channels at once, each watched and each with a film of its own: are
//! all segments in time, and what does one more session take of the memory.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::crowd;
use crate::films::{self, Film};
use crate::options::Options;
use crate::report::{Report, verdict};
use crate::server::{Channel, Server, Video, children, cpu, cpu_of_ended, resident_kib};
use crate::viewer::{RELOAD, Seen, Viewer};

/// A third of them is there first, until the caches are full and at rest.
const SETTLE: Duration = Duration::from_secs(45);
/// Between two that tune in: all at once is another measure.
const COMING: Duration = Duration::from_millis(500);
/// So many fill the store's 128 MiB of memory within seconds.
const FULL_CACHES: usize = 10;
/// What a worker has made when its viewer comes: a minute ahead, and some.
const AHEAD: Duration = Duration::from_secs(90);
/// What comes again after six minutes must have left the store by then, and what was
/// used in the last 150 s may not leave it: 30 MB a second are between the two.
const STORE_LIMIT: &str = "8GiB";
/// A film's bit rate, and something for its sound and container.
const BYTES_PER_SECOND: u64 = 600_000;
const GOAL_CHANNELS: usize = 60;
const GOAL_MIB: f64 = 4.0;

pub(crate) fn measure(options: &Options, report: &mut Report) -> Result<()> {
    let count = options.channels;
    // No film comes again while its beginning is still in the store.
    let once = SETTLE + COMING * count.try_into()? + options.watched + AHEAD;
    let minutes = if once.as_secs() <= 300 { 5 } else { 6 };
    let folder = options.folder.join("films");
    ensure_room(&options.folder, count as u64 * minutes * 60 * BYTES_PER_SECOND * 2)?;
    eprintln!("bench: {count} films of {minutes} minutes");
    let films = films::long(&folder, minutes, count)?;
    let limit = [("AERIAL_STORE_LIMIT", STORE_LIMIT)];
    let server = Server::start(&options.aerial, &options.folder, &films, &limit)?;
    let watched = watched(&server, &films, options, report);
    server.end();
    std::fs::remove_dir_all(folder.join(format!("{minutes}-minutes")))?;
    watched
}

/// Films and segments are gone again afterwards, but meanwhile they take their room.
fn ensure_room(folder: &Path, needed: u64) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let disk = rustix::fs::statvfs(folder)?;
    let free = disk.f_bavail * disk.f_frsize;
    let [needed, free] = [needed, free].map(|bytes| bytes >> 30);
    ensure!(
        free > needed,
        "the part `channels` needs {needed} GiB in {} and there are {free}: take fewer with \
         --channels",
        folder.display()
    );
    Ok(())
}

/// What the server and its FFmpegs took, at one moment.
#[derive(Clone, Copy, Debug)]
struct Taken {
    kib: u64,
    own: Duration,
    workers: Duration,
}

impl Taken {
    fn of(server: u32) -> Result<Self> {
        let living: Duration = children(server)?.iter().filter_map(|pid| cpu(*pid).ok()).sum();
        let workers = cpu_of_ended(server)? + living;
        Ok(Self { kib: resident_kib(server)?, own: cpu(server)?, workers })
    }
}

fn watched(server: &Server, films: &[Film], options: &Options, report: &mut Report) -> Result<()> {
    let channels = films.iter().enumerate().map(|(n, film)| {
        // Each at another place, so that their boundaries do not coincide.
        server.channel(film, n as i64 * 7 % 40, Video::Copied)
    });
    let channels: Vec<Channel> = channels.collect::<Result<_>>()?;
    let [_, serving] = server.processes()?;
    let few = channels.len().div_ceil(3);
    let comes = |n: usize| {
        let (wait, before) = if n < few { (Duration::ZERO, n) } else { (SETTLE, n - few) };
        wait + COMING * before as u32
    };
    let all_on = comes(channels.len()) + RELOAD;
    let length = all_on + options.watched - RELOAD;
    let (seen, [at_first, before, after]) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| -> Result<_> {
            std::thread::sleep(SETTLE);
            let at_first = Taken::of(serving)?;
            std::thread::sleep(all_on - SETTLE);
            let before = Taken::of(serving)?;
            std::thread::sleep(options.watched);
            Ok([at_first, before, Taken::of(serving)?])
        });
        let seen = crowd::watch(channels.len(), length, |n, times| {
            std::thread::sleep(comes(n));
            let mut viewer = Viewer::tune_in(server.address, &channels[n].number)?;
            ensure!(viewer.rendition() == "source", "it is given {}", viewer.rendition());
            viewer.watch(Instant::now(), times.until)?;
            Ok(viewer.seen)
        })?;
        Ok::<_, anyhow::Error>((seen, looking.join().ok().context("the observer panicked")??))
    })?;
    ensure_own_workers(server, &channels, films)?;
    let mut all = Seen::default();
    seen.into_iter().for_each(|seen| all.add(seen));
    told(&all, channels.len(), options, report);
    let seconds = options.watched.as_secs_f64();
    let share = |from: Duration, to: Duration| (to - from).as_secs_f64() / seconds * 100.0;
    report.row(
        "its server's CPU",
        format!("{:.0} % of a core", share(before.own, after.own)),
        format!("its FFmpegs {:.0} %", share(before.workers, after.workers)),
        "",
    );
    let more = (channels.len() - few).max(1);
    let each = (after.kib as f64 - at_first.kib as f64) / more as f64 / 1_024.0;
    let (all, [then, now]) = (channels.len(), [at_first.kib >> 10, after.kib >> 10]);
    let kept = if few < FULL_CACHES {
        "too few to fill the caches".to_owned()
    } else {
        format!("to be under {GOAL_MIB} MiB: {}", verdict(each < GOAL_MIB))
    };
    report.row(
        "memory: each session more, beyond caches",
        format!("{each:.2} MiB"),
        format!("{then} MiB with {few}, {now} MiB with {all}"),
        kept,
    );
    Ok(())
}

/// Two channels that share a worker would not count as two.
fn ensure_own_workers(server: &Server, channels: &[Channel], films: &[Film]) -> Result<()> {
    for (channel, film) in channels.iter().zip(films) {
        let path = format!("/streams/{}/history", channel.number);
        let history = server.api("GET", &path, &Value::Null)?;
        let run = &history["items"][0]["runs"][0];
        ensure!(run["title"] == film.title.as_str(), "{} had no worker: {run}", film.title);
    }
    Ok(())
}

fn told(all: &Seen, channels: usize, options: &Options, report: &mut Report) {
    let seconds = options.watched.as_secs();
    let what = format!("{channels} copied 1080p channels, each watched, {seconds} s");
    let late = format!("{} of {} segments late", all.late, all.segments);
    let kept = match (all.late, channels) {
        (0, GOAL_CHANNELS..) => verdict(true).to_owned(),
        (0, _) => format!("{GOAL_CHANNELS} to be reached"),
        _ => verdict(false).to_owned(),
    };
    let left = all.scarcest.unwrap_or_default().as_secs_f64();
    let still = all.worst.as_secs_f64();
    let beside = format!("at least {left:.1} s left to play, stood still {still:.1} s");
    report.row(&what, late, beside, kept);
}
