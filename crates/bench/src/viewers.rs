//! Five hundred viewers of five channels, beside nginx under the same load.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::crowd;
use crate::films::Film;
use crate::http::Connection;
use crate::nginx::{self, Nginx};
use crate::report::{Report, percentile, ratio, verdict};
use crate::server::{Channel, Server, Video, cpu, resident_kib};
use crate::viewer::{RELOAD, Seen, Viewer};

const VIEWERS: usize = 500;
const CHANNELS: usize = 5;
const WATCHED: Duration = Duration::from_secs(60);
/// Caches are full by then: what nobody asks for leaves the memory after a minute, and
/// the last of what was made ahead at the start comes to that.
const SETTLE: Duration = Duration::from_secs(120);
/// Of nginx's time for a static file.
const GOAL: f64 = 2.0;
/// What caches and the allocator may still move.
const FLAT_KIB: u64 = 8 << 10;

pub(crate) fn measure(
    server: &Server,
    films: &[Film],
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let channels = films[..CHANNELS].iter().map(|film| server.channel(film, 30, Video::Copied));
    let channels: Vec<Channel> = channels.collect::<Result<_>>()?;
    let (seen, memory, used) = watched(server, &channels)?;
    let files = as_files(server, &channels)?;
    let late = format!("{} of {} segments late", seen.late, seen.segments);
    let worst = seen.scarcest.unwrap_or_default().as_secs_f64();
    let what = format!("{VIEWERS} viewers, {CHANNELS} copied channels, 60 s");
    let least = format!("at least {worst:.1} s left to play: {}", verdict(seen.late == 0));
    let mb = seen.bytes / 1_000_000 / (SETTLE + WATCHED).as_secs();
    report.row(&what, late, format!("{mb} MB a second"), least);
    let used = used.as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
    report.row("its server's CPU", format!("{used:.0} % of a core"), "", "");
    let [before, after] = memory;
    let flat = verdict(after <= before + FLAT_KIB);
    let text = format!("{} MiB after, {} MiB before", after >> 10, before >> 10);
    report.row("its memory", text, "the last minute", format!("flat: {flat}"));
    beside_nginx(folder, &files, &seen, report)?;
    channels.iter().try_for_each(|channel| server.stop(channel))
}

/// What all viewers saw, resident memory in the first and the last third of the last
/// minute, and the server's CPU time in it.
fn watched(server: &Server, channels: &[Channel]) -> Result<(Seen, [u64; 2], Duration)> {
    let [_, serving] = server.processes()?;
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| -> Result<_> {
            std::thread::sleep(SETTLE + RELOAD);
            let used = cpu(serving)?;
            let mut resident = Vec::new();
            for _ in 1..WATCHED.as_secs() {
                resident.push(resident_kib(serving)?);
                std::thread::sleep(Duration::from_secs(1));
            }
            let used = cpu(serving)? - used;
            // What is cached comes and goes by segments: the middle of a third.
            let third = resident.len() / 3;
            let (first, last) = (&mut resident.clone()[..third], &mut resident[2 * third..]);
            first.sort_unstable();
            last.sort_unstable();
            Ok(([first[third / 2], last[third / 2]], used))
        });
        let seen = crowd::watch(VIEWERS, SETTLE + WATCHED, |viewer, times| {
            let channel = &channels[viewer % channels.len()];
            let mut viewer = Viewer::tune_in(server.address, &channel.number)?;
            ensure!(viewer.rendition() == "source", "it is given {}", viewer.rendition());
            viewer.watch(times.from, times.until)?;
            Ok(viewer.seen)
        })?;
        let (memory, used) = looking.join().ok().context("the observer panicked")??;
        let mut all = Seen::default();
        seen.into_iter().for_each(|seen| all.add(seen));
        Ok((all, memory, used))
    })
}

/// A list and a few segments of each channel.
fn as_files(server: &Server, channels: &[Channel]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut files = Vec::new();
    for (n, channel) in channels.iter().enumerate() {
        let mut connection = Connection::open(server.address)?;
        let mut viewer = Viewer::tune_in(server.address, &channel.number)?;
        viewer.news()?;
        for (m, listed) in viewer.listed.iter().enumerate() {
            files.push((format!("{n}-{m}.ts"), connection.get(&listed.path)?.body));
        }
        files.push((format!("{n}.m3u8"), viewer.playlist()?));
    }
    Ok(files)
}

fn beside_nginx(
    folder: &Path,
    files: &[(String, Vec<u8>)],
    ours: &Seen,
    report: &mut Report,
) -> Result<()> {
    const WHAT: &str = "a playlist at that load, p99";
    let Some(nginx) = Nginx::start(folder, files, "auto")? else {
        report.row(WHAT, nginx::MISSING, "", "");
        return Ok(());
    };
    let theirs = crowd::watch(VIEWERS, WATCHED, |viewer, times| {
        let n = viewer % CHANNELS;
        let mut connection = Connection::open(nginx.address)?;
        let segments = files.iter().filter(|(name, _)| name.starts_with(&format!("{n}-"))).count();
        let (mut took, mut next, mut turn) = (Vec::new(), times.from, 0);
        while next < times.until {
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            let asked = Instant::now();
            ensure!(connection.get(&format!("/{n}.m3u8"))?.status == 200, "nginx has no list");
            took.push(asked.elapsed());
            let segment = connection.fetch(&format!("/{n}-{}.ts", turn % segments))?;
            ensure!(segment.status == 200, "nginx has no segment");
            (next, turn) = ((next + RELOAD).max(Instant::now()), turn + 1);
        }
        Ok(took)
    })?;
    let theirs = theirs.concat();
    let [ours, theirs] = [&ours.playlists, &theirs].map(|t| [50, 99].map(|n| percentile(t, n)));
    let text = |t: [Duration; 2]| {
        let [median, p99] = t.map(|t| t.as_secs_f64() * 1e3);
        format!("{p99:.2} ms (median {median:.2})")
    };
    let times = ratio(ours[1], theirs[1]);
    let kept = format!("{times:.2} times, to be within {GOAL}: {}", verdict(times <= GOAL));
    report.row(WHAT, text(ours), format!("a static file from nginx {}", text(theirs)), kept);
    Ok(())
}
