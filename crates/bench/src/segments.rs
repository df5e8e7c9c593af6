//! How fast one core serves segments from memory, beside nginx with the same bytes.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::films::Film;
use crate::http::Connection;
use crate::nginx::{self, Nginx};
use crate::report::{Report, verdict};
use crate::server::{Server, Video, cpu};
use crate::viewer::Viewer;

/// As many as keep a core busy.
const CONNECTIONS: usize = 8;
/// Interleaved, so that both have the machine as it is.
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(4);
/// Enough for a list of a minute.
const WATCHED: Duration = Duration::from_secs(40);
const GOAL: f64 = 0.5;

/// What was served.
#[derive(Debug, Default)]
struct Served {
    bytes: u64,
    took: Duration,
    /// CPU time of who served it.
    used: Duration,
}

impl Served {
    fn mb_a_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.took.as_secs_f64()
    }

    /// Where whoever reads is slower than who serves, this still tells the cost.
    fn mb_a_cpu_second(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.used.as_secs_f64()
    }
}

pub(crate) fn measure(
    server: &Server,
    film: &Film,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    const WHAT: &str = "segments from memory, one core";
    let own = sched_getaffinity(None)?;
    if own.count() < 2 {
        report.row(WHAT, "needs a second core to read with", "", "");
        return Ok(());
    }
    let channel = server.channel(film, 100, Video::Copied)?;
    let mut viewer = Viewer::tune_in(server.address, &channel.number)?;
    let began = Instant::now();
    viewer.watch(began, began + WATCHED)?;
    server.wait_until_parked()?;
    viewer.news()?;
    let paths: Vec<String> = viewer.listed.iter().map(|listed| listed.path.clone()).collect();
    let mut files = Vec::new();
    let mut connection = server.connect()?;
    for (n, path) in paths.iter().enumerate() {
        files.push((format!("{n}.ts"), connection.get(path)?.body));
    }
    let Some(nginx) = Nginx::start(folder, &files, "1")? else {
        report.row(WHAT, nginx::MISSING, "", "");
        return Ok(());
    };
    let names: Vec<String> = files.iter().map(|(name, _)| format!("/{name}")).collect();
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let serving = server.processes()?[1..].to_vec();
    let compared = compared(
        &own,
        (server.address, &paths, &serving),
        (nginx.address, &names, &nginx.workers()?),
    );
    // Whatever came of it, nobody is held to a core any more.
    hold(&serving, &own)?;
    sched_setaffinity(None, &own)?;
    let (ours, theirs) = compared?;
    server.stop(&channel)?;
    let rate = ours.mb_a_second() / theirs.mb_a_second();
    let cost = ours.mb_a_cpu_second() / theirs.mb_a_cpu_second();
    let beside =
        format!("nginx {:.0} MB/s, {} MB of files", theirs.mb_a_second(), bytes / 1_000_000);
    let kept = format!("{rate:.2} of it, to be {GOAL}: {}", verdict(rate >= GOAL));
    report.row(WHAT, format!("{:.0} MB/s", ours.mb_a_second()), beside, kept);
    let per = |served: &Served| format!("{:.0} MB", served.mb_a_cpu_second());
    let kept = format!("{cost:.2} of it, to be {GOAL}: {}", verdict(cost >= GOAL));
    report.row("the same for a second of CPU", per(&ours), format!("nginx {}", per(&theirs)), kept);
    Ok(())
}

/// An address, paths, and who serves them.
type Side<'a> = (SocketAddr, &'a [String], &'a [u32]);

fn compared(own: &CpuSet, ours: Side<'_>, theirs: Side<'_>) -> Result<(Served, Served)> {
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|core| own.is_set(*core)).collect();
    let (first, rest) = cores.split_first().context("no core")?;
    let set = |cores: &[usize]| {
        let mut set = CpuSet::new();
        cores.iter().for_each(|core| set.set(*core));
        set
    };
    hold(ours.2, &set(&[*first]))?;
    hold(theirs.2, &set(&[*first]))?;
    // Threads that are started from here on read elsewhere.
    sched_setaffinity(None, &set(rest))?;
    let mut sums = (Served::default(), Served::default());
    for _ in 0..ROUNDS {
        round(ours, &mut sums.0)?;
        round(theirs, &mut sums.1)?;
    }
    Ok(sums)
}

/// Holds all threads of these processes to these cores.
fn hold(processes: &[u32], cores: &CpuSet) -> Result<()> {
    for process in processes {
        for task in std::fs::read_dir(format!("/proc/{process}/task"))? {
            let id = task?.file_name().to_str().and_then(|id| id.parse().ok());
            let Some(id) = id.and_then(Pid::from_raw) else { continue };
            // A thread may have ended meanwhile.
            let _ = sched_setaffinity(Some(id), cores);
        }
    }
    Ok(())
}

fn round((address, paths, serving): Side<'_>, served: &mut Served) -> Result<()> {
    let used = || -> Result<Duration> { serving.iter().map(|pid| cpu(*pid)).sum() };
    let (ending, bytes) = (AtomicBool::new(false), AtomicU64::new(0));
    let (before, began) = (used()?, Instant::now());
    let read = std::thread::scope(|scope| {
        let (ending, bytes) = (&ending, &bytes);
        let readers: Vec<_> = (0..CONNECTIONS)
            .map(|reader| {
                scope.spawn(move || -> Result<()> {
                    let mut connection = Connection::open(address)?;
                    for path in paths.iter().cycle().skip(reader) {
                        let fetched = connection.fetch(path)?;
                        ensure!(fetched.status == 200, "{path} was answered {}", fetched.status);
                        bytes.fetch_add(fetched.bytes, Ordering::Relaxed);
                        if ending.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        std::thread::sleep(ROUND);
        ending.store(true, Ordering::Relaxed);
        let ends = readers.into_iter().map(|reader| reader.join().ok().context("a reader")?);
        ends.collect::<Result<Vec<()>>>()
    });
    read?;
    served.took += began.elapsed();
    served.used += used()? - before;
    served.bytes += bytes.into_inner();
    Ok(())
}
