//! Playlists per second, beside a static file of the same process and, where it
//! is installed, of nginx.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};

use crate::http::{Connection, first_link, resolve};
use crate::report::Report;
use crate::server::{Channel, Server};

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
    channel: &Channel,
    folder: &Path,
    report: &mut Report,
) -> Result<()> {
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
    let fixed = hammered(server.address, &vec!["/icon.svg".to_owned(); CLIENTS])?;
    row(report, "live playlists, 200 clients", &playlists, None);
    row(report, "a static file of the same server", &fixed, Some(&playlists));
    match Nginx::start(folder, &playlist)? {
        Some(nginx) => {
            let seen = hammered(nginx.address, &vec!["/list.m3u8".to_owned(); CLIENTS])?;
            row(report, "the same bytes from nginx", &seen, Some(&playlists));
        }
        None => report.row("the same bytes from nginx", "nginx is not installed", "", ""),
    }
    Ok(())
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

/// An nginx with one file.
struct Nginx {
    process: Child,
    address: SocketAddr,
}

impl Nginx {
    fn start(folder: &Path, file: &[u8]) -> Result<Option<Self>> {
        let root = folder.join("nginx");
        std::fs::create_dir_all(&root)?;
        std::fs::write(root.join("list.m3u8"), file)?;
        let root = root.canonicalize()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let config = format!(
            "daemon off; pid {root}/pid; error_log {root}/error.log; worker_processes auto;\n\
             events {{ worker_connections 1024; }}\n\
             http {{ access_log off; root {root}; keepalive_requests 10000000;\n\
             client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;\n\
             uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;\n\
             server {{ listen {address}; }} }}\n",
            root = root.display()
        );
        std::fs::write(root.join("nginx.conf"), config)?;
        let program = ["/usr/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"];
        let Some(program) = program.into_iter().find(|path| Path::new(path).exists()) else {
            return Ok(None);
        };
        let process = Command::new(program)
            .arg("-c")
            .arg(root.join("nginx.conf"))
            .args(["-g", if is_root() { "user root;" } else { "" }])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let nginx = Self { process, address };
        let patience = Instant::now() + Duration::from_secs(5);
        while Connection::open(address).is_err() {
            ensure!(Instant::now() < patience, "nginx does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(Some(nginx))
    }
}

/// As root its workers become another user, who may not read this folder.
fn is_root() -> bool {
    rustix::process::getuid().is_root()
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.process.wait();
    }
}
