//! The server that is measured: started as users start it, with its keeper.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::films::Film;
use crate::http::Connection;

/// Linux counts CPU time in hundredths of a second.
const CLOCK_TICKS: f64 = 100.0;

/// Sixty films are read at the disk's speed.
const SCANNED_WITHIN: Duration = Duration::from_secs(300);

/// Channels' numbers, above those that the server makes by itself.
static NEXT_NUMBER: AtomicU32 = AtomicU32::new(100);

/// A server with the films in its library; ended when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    keeper: Child,
    pub(crate) address: SocketAddr,
    /// Its data folder, made anew.
    pub(crate) data: PathBuf,
    /// Ids of the films, by title.
    media: Vec<(String, String)>,
}

/// A channel of one film.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) id: String,
    pub(crate) number: String,
    pub(crate) starts_at: Timestamp,
}

/// What a channel does with its film's picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Video {
    /// It is copied.
    Copied,
    /// It is encoded anew.
    Transcoded,
}

impl Server {
    /// Starts it, and waits until it has found the films and read them for copying,
    /// so that nothing of that is measured. It is set as users have it, but for these.
    pub(crate) fn start(
        binary: &Path,
        folder: &Path,
        films: &[Film],
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        Self::start_with_log((binary, folder), films, settings, Stdio::inherit())
    }

    /// The same, with its log somewhere else.
    pub(crate) fn start_with_log(
        (binary, folder): (&Path, &Path),
        films: &[Film],
        settings: &[(&str, &str)],
        log: Stdio,
    ) -> Result<Self> {
        let data = folder.join("data");
        // Nothing made before may be there.
        if data.exists() {
            std::fs::remove_dir_all(&data)?;
        }
        let library = films.first().and_then(|film| film.path.parent()).context("no films")?;
        let mut keeper = Command::new(binary)
            .arg("serve")
            .arg("--data")
            .arg(&data)
            .arg("--media")
            .arg(library)
            .args(["--listen", "127.0.0.1:0"])
            // Nothing is refused here, and nothing measured by the server meanwhile.
            .env("AERIAL_STREAM_ENCODES", "1000")
            .env("RUST_LOG", "warn")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("starting {}", binary.display()))?;
        let stdout = keeper.stdout.take().context("no stdout")?;
        let mut lines = BufReader::new(stdout).lines();
        let address = lines
            .find_map(|line| Some(line.ok()?.strip_prefix("listening on http://")?.parse()))
            .context("the server ended before it listened")??;
        std::thread::spawn(move || lines.for_each(drop));
        let mut server = Self { keeper, address, data, media: Vec::new() };
        server.wait_for_scan(films.len())?;
        server.wait_for_index()?;
        server.wait_until_quiet()?;
        Ok(server)
    }

    fn wait_for_scan(&mut self, films: usize) -> Result<()> {
        let patience = Instant::now() + SCANNED_WITHIN;
        while self.media.len() < films {
            ensure!(Instant::now() < patience, "the scan did not find {films} films");
            std::thread::sleep(Duration::from_millis(200));
            let found = self.api("GET", "/media?limit=200", &Value::Null)?;
            let items = found["items"].as_array().cloned().unwrap_or_default();
            let named = |media: &Value| {
                Some((media["title"].as_str()?.to_owned(), media["id"].as_str()?.to_owned()))
            };
            self.media = items.iter().filter_map(named).collect();
        }
        Ok(())
    }

    /// Each film is read for the places where it may be cut when it is copied.
    fn wait_for_index(&self) -> Result<()> {
        let patience = Instant::now() + SCANNED_WITHIN;
        for (title, id) in &self.media {
            loop {
                let media = self.api("GET", &format!("/media/{id}"), &Value::Null)?;
                if media["treatment"]["video"]["action"] == "copy" {
                    break;
                }
                let why = &media["treatment"]["summary"];
                ensure!(Instant::now() < patience, "{title} cannot be copied: {why}");
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        let tried = || Ok::<_, anyhow::Error>(!self.system()?["encoders"][0].is_null());
        while !tried()? {
            ensure!(Instant::now() < patience, "the encoders are not tried");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    pub(crate) fn system(&self) -> Result<Value> {
        self.api("GET", "/system", &Value::Null)
    }

    pub(crate) fn connect(&self) -> Result<Connection> {
        Connection::open(self.address)
    }

    pub(crate) fn api(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.connect()?.send(method, &format!("/api/v1{path}"), &text)?;
        ensure!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text()?);
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&answer.body)?)
    }

    /// A new channel that plays this film in a loop, now at that second of it.
    pub(crate) fn channel(&self, film: &Film, second: i64, video: Video) -> Result<Channel> {
        self.channel_of(std::slice::from_ref(film), second, video)
    }

    /// The id that the library gave a film.
    pub(crate) fn media(&self, film: &Film) -> Result<&str> {
        let media = self.media.iter().find(|(title, _)| *title == film.title);
        media.map(|(_, id)| id.as_str()).with_context(|| format!("{} is not there", film.title))
    }

    /// A new channel that plays these films one after the other, the first now at that
    /// second of it.
    pub(crate) fn channel_of(&self, films: &[Film], second: i64, video: Video) -> Result<Channel> {
        let item = |film| Ok(json!({ "media": self.media(film)? }));
        let items: Vec<Value> = films.iter().map(item).collect::<Result<_>>()?;
        let first = films.first().context("a channel without a film")?;
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let starts_at = Timestamp::now() - SignedDuration::from_secs(second);
        let starts_at: Timestamp = Timestamp::from_millisecond(starts_at.as_millisecond())?;
        let body = json!({
            "number": number.to_string(),
            "name": format!("{} from {second} s", first.title),
            "starts_at": starts_at.to_string(),
            "items": items,
            "video": match video {
                Video::Copied => "auto",
                Video::Transcoded => "transcode",
            },
        });
        let made = self.api("POST", "/channels", &body)?;
        let id = made["id"].as_str().context("a channel without an id")?.to_owned();
        Ok(Channel { id, number: number.to_string(), starts_at })
    }

    /// Takes it off the air, if it still is; nothing of it runs afterwards.
    pub(crate) fn stop(&self, channel: &Channel) -> Result<()> {
        let path = format!("/api/v1/streams/{}", channel.id);
        let answer = self.connect()?.send("DELETE", &path, "")?;
        let ended = answer.status < 300 || answer.status == 404;
        ensure!(ended, "DELETE {path}: {} {}", answer.status, answer.text()?);
        Ok(())
    }

    /// There is no such channel any more.
    pub(crate) fn delete(&self, channel: &Channel) -> Result<()> {
        self.api("DELETE", &format!("/channels/{}", channel.id), &Value::Null).map(drop)
    }

    /// Waits until no FFmpeg is left of what was measured before.
    pub(crate) fn wait_until_quiet(&self) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(20);
        let server = self.processes()?[1];
        while !children(server)?.is_empty() {
            ensure!(Instant::now() < patience, "an FFmpeg does not end");
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Waits until no FFmpeg works: those that sleep are no load.
    pub(crate) fn wait_until_parked(&self) -> Result<()> {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            let workers = children(self.processes()?[1])?;
            let used = || workers.iter().filter_map(|pid| cpu(*pid).ok()).sum::<Duration>();
            let before = used();
            std::thread::sleep(Duration::from_secs(1));
            if used() == before {
                return Ok(());
            }
            ensure!(Instant::now() < patience, "an FFmpeg works on and on");
        }
    }

    /// The keeper and the server.
    pub(crate) fn processes(&self) -> Result<[u32; 2]> {
        let keeper = self.keeper.id();
        let Some(server) = children(keeper)?.first().copied() else { bail!("no server is left") };
        Ok([keeper, server])
    }

    /// Ends it as a user would.
    pub(crate) fn end(mut self) {
        self.terminate();
        let _ = self.keeper.wait();
    }

    /// Asks the keeper for a new server in place of the one that runs.
    pub(crate) fn renew(&self) {
        self.signal(Signal::HUP);
    }

    fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.keeper.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(None) = self.keeper.try_wait() {
            self.terminate();
            let _ = self.keeper.wait();
        }
    }
}

/// Processes that this one started and that live.
pub(crate) fn children(pid: u32) -> Result<Vec<u32>> {
    let mut children = Vec::new();
    for task in
        std::fs::read_dir(format!("/proc/{pid}/task")).context("this needs Linux's /proc")?
    {
        // A thread may end meanwhile.
        let Ok(list) = std::fs::read_to_string(task?.path().join("children")) else { continue };
        children.extend(list.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Ok(children)
}

/// CPU time that a process used by itself, without its children.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    cpu_fields(pid, 11)
}

/// CPU time of those of its children that have ended.
pub(crate) fn cpu_of_ended(pid: u32) -> Result<Duration> {
    cpu_fields(pid, 13)
}

/// Two neighbours of `/proc/…/stat`: time in the program, time in the kernel.
fn cpu_fields(pid: u32, from: usize) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("/proc/…/stat")?;
    let ticks: f64 =
        rest.split_whitespace().skip(from).take(2).filter_map(|n| n.parse::<f64>().ok()).sum();
    Ok(Duration::from_secs_f64(ticks / CLOCK_TICKS))
}

/// Resident memory in KiB.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
