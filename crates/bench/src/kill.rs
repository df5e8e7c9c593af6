//! FFmpeg killed at random moments while FFmpeg, mpv and hls.js watch: what they
//! showed, told from the numbers in the pictures.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::browser;
use crate::browser::is_installed;
use crate::chance::Chance;
use crate::films::Film;
use crate::open::Open;
use crate::report::{Report, verdict};
use crate::screens::{Heard, Screen};
use crate::server::{Channel, Server, Video, children};
use crate::shown::{Judgement, SEGMENT_MS};

/// The same moments each time, as far as the machine is the same.
const SEED: u64 = 20_260;
/// Between two kills.
const APART: Duration = Duration::from_secs(6);
/// Workers that are a minute ahead are asleep until 40 s of it are played.
const PATIENCE: Duration = Duration::from_secs(100);
/// Players have begun by then.
const BEGUN: Duration = Duration::from_secs(40);
/// What was done about the last kill is shown by then.
const AFTERWARDS: Duration = Duration::from_secs(20);
/// What the last requests and players had open is closed within moments, and a connection
/// on which nothing is asked after 30 s.
const CLOSED_BY: Duration = Duration::from_secs(40);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How many minutes of film each player needs, at the most.
pub(crate) fn minutes(kills: usize) -> u64 {
    let seconds = kills as u64 * 25 + (BEGUN + AFTERWARDS + PATIENCE).as_secs();
    seconds.div_ceil(60).max(6)
}

/// A player, its channel, and what it told.
struct Watching {
    name: &'static str,
    channel: Channel,
    screen: Screen,
    heard: Heard,
}

impl Watching {
    fn hear(&mut self) -> Result<()> {
        let new = self.screen.heard()?;
        self.heard.pictures.extend(new.pictures);
        self.heard.complaints.extend(new.complaints);
        self.heard.reloads = new.reloads;
        Ok(())
    }
}

pub(crate) fn measure(
    server: &Server,
    films: &[Film],
    hls_js: &Path,
    kills: usize,
    report: &mut Report,
) -> Result<()> {
    let [_, serving] = server.processes()?;
    // What a first request opens for good.
    server.system()?;
    let before = Open::of(serving)?;
    let mut watching = Vec::new();
    for (name, film) in ["FFmpeg", "mpv", "hls.js"].into_iter().zip(films) {
        let channel = server.channel(film, 0, Video::Transcoded)?;
        let url = format!("http://{}/stream/{}.m3u8", server.address, channel.number);
        let screen = match name {
            "FFmpeg" => Screen::ffmpeg(&url)?,
            "mpv" if is_installed("mpv") => Screen::mpv(&url)?,
            "hls.js" if let Some(browser) = browser::installed() => {
                Screen::hls_js(browser, &browser::script(hls_js)?, &url)?
            }
            _ => {
                report.row(&format!("SIGKILL: {name}"), "is not installed", "", "");
                continue;
            }
        };
        watching.push(Watching { name, channel, screen, heard: Heard::default() });
    }
    let began = Instant::now();
    while watching.iter().any(|one| one.heard.pictures.is_empty()) {
        std::thread::sleep(LOOK_AGAIN);
        watching.iter_mut().try_for_each(Watching::hear)?;
        let silent = watching.iter().find(|one| one.heard.pictures.is_empty());
        if let Some(silent) = silent
            && began.elapsed() > BEGUN
        {
            bail!("{} shows nothing: {:?}", silent.name, silent.heard.complaints);
        }
    }
    let killed = kill(server, &watching, kills)?;
    std::thread::sleep(AFTERWARDS);
    watching.iter_mut().try_for_each(Watching::hear)?;
    told(&watching, &killed, report);
    let channels: Vec<Channel> = watching.into_iter().map(|one| one.channel).collect();
    channels.iter().try_for_each(|channel| server.stop(channel))?;
    server.wait_until_quiet()?;
    let beyond = settled(serving, &before)?;
    let (ffmpegs, after) = (children(serving)?.len(), Open::of(serving)?.count());
    let kept = verdict(ffmpegs == 0 && beyond.is_nothing());
    let what = if beyond.is_nothing() { String::new() } else { format!(" ({beyond} more)") };
    let text = format!("{ffmpegs} FFmpegs, {after} descriptors{what}");
    report.row("SIGKILL: left over", text, format!("none, {} before", before.count()), kept);
    Ok(())
}

/// What is open beyond what was before, once connections that nobody uses are closed: only
/// then is the state the same as before the first request.
fn settled(serving: u32, before: &Open) -> Result<Open> {
    let began = Instant::now();
    loop {
        let beyond = Open::of(serving)?.beyond(before);
        if beyond.is_nothing() || began.elapsed() > CLOSED_BY {
            return Ok(beyond);
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Kills so many; how many of each channel, by number.
fn kill(server: &Server, watching: &[Watching], kills: usize) -> Result<HashMap<String, usize>> {
    let mut chance = Chance(SEED);
    let (mut killed, mut done) = (HashMap::<String, usize>::new(), Vec::new());
    while done.len() < kills {
        std::thread::sleep(chance.within(APART));
        let began = Instant::now();
        let (channel, pid) = loop {
            let mut there = Vec::new();
            for one in watching {
                let number = &one.channel.number;
                if let Some(pid) = worker(server, number, &done)? {
                    there.push((number.clone(), pid));
                }
            }
            if !there.is_empty() {
                break there.swap_remove(chance.below(there.len()));
            }
            if began.elapsed() > PATIENCE {
                bail!("after {} kills no FFmpeg is at work that has made a segment", done.len());
            }
            std::thread::sleep(LOOK_AGAIN);
        };
        let id = i32::try_from(pid).ok().and_then(Pid::from_raw).context("no process id")?;
        // It may have ended by itself a moment ago.
        if kill_process(id, Signal::KILL).is_ok() {
            eprintln!("bench: kill {} of {kills}: channel {channel}", done.len() + 1);
            done.push(pid);
            *killed.entry(channel).or_default() += 1;
        }
    }
    Ok(killed)
}

/// A channel's FFmpeg that may be killed: one that follows a killed one must have made a
/// segment, since the second in a row is given up on by design.
pub(crate) fn worker(server: &Server, number: &str, done: &[u32]) -> Result<Option<u32>> {
    let path = format!("/streams/{number}/history");
    let history = server.api("GET", &path, &Value::Null)?;
    let runs = history["items"][0]["runs"].as_array().cloned().unwrap_or_default();
    let pid_of = |run: &Value| run["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
    let killed_before = runs.iter().skip(1).filter_map(pid_of).any(|pid| done.contains(&pid));
    let Some(run) = runs.first().filter(|run| run["ended_at"].is_null()) else { return Ok(None) };
    let made_some = run["completed"].as_u64().is_some_and(|segments| segments > 0);
    Ok(pid_of(run).filter(|pid| !done.contains(pid) && (made_some || !killed_before)))
}

fn told(watching: &[Watching], killed: &HashMap<String, usize>, report: &mut Report) {
    for one in watching {
        let judged = Judgement::of(&one.heard.pictures, one.channel.starts_at);
        let kills = killed.get(&one.channel.number).copied().unwrap_or(0);
        let what = format!("SIGKILL of FFmpeg, {kills} times: {}", one.name);
        let left_out = judged.left_out;
        // FFmpeg and mpv show every picture; a browser drops those it is too slow for.
        let whole = one.name == "hls.js" || left_out == 0;
        let shown = format!(
            "{} pictures, {} slate, {left_out} left out, {} twice",
            judged.pictures, judged.slate, judged.back
        );
        let times = format!(
            "stood still {} ms, slipped {} ms, {} reloads, {} complaints",
            judged.stood_still_ms,
            judged.slipped_ms,
            one.heard.reloads,
            one.heard.complaints.len()
        );
        for complaint in one.heard.complaints.iter().take(10) {
            eprintln!("bench: {} says: {complaint}", one.name);
        }
        let kept = verdict(judged.is_good() && whole && one.heard.reloads == 0);
        report.row(&what, shown, times, format!("within {SEGMENT_MS} ms: {kept}"));
    }
}
