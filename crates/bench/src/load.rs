//! Playlists per second, beside a static file of the same process and, where it
//! is installed, of nginx.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::films::Film;
use crate::http::{Connection, first_link, resolve};
use crate::nginx::{self, Nginx};
use crate::report::Report;
use crate::server::{Server, Video};
use crate::viewer::Viewer;

const CLIENTS: usize = 200;
const FOR: Duration = Duration::from_secs(10);
/// Clients only wait and compare.
const STACK_BYTES: usize = 256 << 10;

/// What some clients saw.
struct Seen {
    per_second: f64,
    median: Duration,
    p99: Duration,
}

pub(crate) fn measure(
    server: &Server,
    film: &Film,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
    let channel = server.channel(film, 0, Video::Copied)?;
    Viewer::tune_in(server.address, &channel.number)?.look()?;
    server.wait_until_parked()?;
    let entry = format!("/stream/{}.m3u8", channel.number);
    let mut paths = Vec::with_capacity(CLIENTS);
    let mut connection = server.connect()?;
    for _ in 0..CLIENTS {
        let master = connection.get(&entry)?;
        paths.push(resolve(&entry, first_link(master.text()?)?));
    }
    let playlist = connection.get(&paths[0])?.body;
    let playlists = hammered(server.address, &paths)?;
    let fixed = hammered(server.address, &vec!["/".to_owned(); CLIENTS])?;
    row(report, "live playlists, 200 clients", &playlists, None);
    row(report, "a static file of the same server", &fixed, Some(&playlists));
    match Nginx::start(folder, &[("list.m3u8".to_owned(), playlist)], "auto")? {
        Some(nginx) => {
            let seen = hammered(nginx.address, &vec!["/list.m3u8".to_owned(); CLIENTS])?;
            row(report, "the same bytes from nginx", &seen, Some(&playlists));
        }
        None => report.row("the same bytes from nginx", nginx::MISSING, "", ""),
    }
    server.stop(&channel)
}

fn row(report: &mut Report, what: &str, seen: &Seen, playlists: Option<&Seen>) {
    let latency = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1e3);
    let ratio = playlists.map_or(String::new(), |playlists| {
        format!("playlists: {:.2} of this rate", playlists.per_second / seen.per_second)
    });
    report.row(
        what,
        format!("{:.0} a second", seen.per_second),
        format!("median {} ms, p99 {} ms", latency(seen.median), latency(seen.p99)),
        ratio,
    );
}

/// Each path by a client of its own, on a kept connection, one request after the other.
fn hammered(address: SocketAddr, paths: &[String]) -> Result<Seen> {
    let ready = Barrier::new(paths.len());
    let times: Result<Vec<Vec<Duration>>> = std::thread::scope(|scope| {
        let clients: Result<Vec<_>> = paths
            .iter()
            .map(|path| {
                let ready = &ready;
                let client = move || client(address, path, ready);
                Ok(std::thread::Builder::new()
                    .stack_size(STACK_BYTES)
                    .spawn_scoped(scope, client)?)
            })
            .collect();
        let panicked = |_| anyhow!("a client panicked");
        clients?.into_iter().map(|client| client.join().map_err(panicked)?).collect()
    });
    let mut times = times?.concat();
    ensure!(!times.is_empty(), "not one answer");
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    let per_second = times.len() as f64 / FOR.as_secs_f64();
    Ok(Seen { per_second, median: at(50), p99: at(99) })
}

fn client(address: SocketAddr, path: &str, ready: &Barrier) -> Result<Vec<Duration>> {
    let connection = Connection::open(address);
    // Also one that failed: the others wait for it.
    ready.wait();
    let mut connection = connection?;
    let (end, mut times) = (Instant::now() + FOR, Vec::new());
    while Instant::now() < end {
        let asked = Instant::now();
        let answer = connection.get(path)?;
        ensure!(answer.status == 200, "{path} was answered {}", answer.status);
        times.push(asked.elapsed());
    }
    Ok(times)
}
