//! From "I want channel 5" to the first bytes of its picture, cold, beside plain
//! FFmpeg at the same place of the same film with the same encoder settings.

use std::ffi::OsString;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aerial_model::command::{Filters, Tuning, WorkerRun, worker};
use aerial_model::media::MediaFacts;
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::Ticks;
use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;

use crate::films::Film;
use crate::http::{first_link, resolve};
use crate::report::{Report, list, median, millis, verdict};
use crate::server::{Channel, Server};

/// The last first: what a worker makes after its place is never a later one's.
const PLACES: [i64; 3] = [45, 25, 5];
const FILMS: usize = 4;
const GOAL: f64 = 1.5;

/// What is timed at one place.
#[derive(Default)]
struct Times {
    /// From the first request of a viewer.
    tune_in: Vec<Duration>,
    /// From the request for the join segment.
    segment: Vec<Duration>,
    /// From the start of plain FFmpeg.
    plain: Vec<Duration>,
    /// From the start of the worker's own FFmpeg, without the server.
    worker: Vec<Duration>,
}

pub(crate) fn measure(server: &Server, films: &[Film], report: &mut Report) -> Result<()> {
    let facts = films[0].facts()?;
    let mut times = Times::default();
    for (n, place) in PLACES.into_iter().enumerate() {
        for (m, film) in films[..FILMS].iter().enumerate() {
            let channel = server.channel(film, place)?;
            // Read once, as a disk's cache would have it for both.
            let _ = std::fs::read(&film.path)?;
            // Interleaved, and each as often first as last.
            if (n + m) % 2 == 0 {
                let at = aerial(server, &channel, &mut times)?;
                ffmpeg(film, &facts, at, &mut times)?;
            } else {
                let at = Ticks::from_secs(place / 4 * 4);
                ffmpeg(film, &facts, at, &mut times)?;
                aerial(server, &channel, &mut times)?;
            }
        }
    }
    let [tune_in, segment, plain, own] =
        [&times.tune_in, &times.segment, &times.plain, &times.worker].map(|t| median(t));
    eprintln!("bench: tune-in {} ms", list(&times.tune_in));
    eprintln!("bench: plain   {} ms", list(&times.plain));
    eprintln!("bench: worker  {} ms", list(&times.worker));
    let ratio = tune_in.as_secs_f64() / plain.as_secs_f64();
    let beside = format!("plain FFmpeg {}", millis(plain));
    let kept = format!("{ratio:.2} times, to be under {GOAL}: {}", verdict(ratio < GOAL));
    report.row("tune-in: first bytes, cold", millis(tune_in), &beside, kept);
    let ratio = segment.as_secs_f64() / plain.as_secs_f64();
    let text = "of it from the segment's request";
    report.row(text, millis(segment), &beside, format!("{ratio:.2} times"));
    let ratio = own.as_secs_f64() / plain.as_secs_f64();
    let text = "of it the worker's FFmpeg, alone";
    report.row(text, millis(own), &beside, format!("{ratio:.2} times"));
    Ok(())
}

/// Tunes in as a player does; where the join segment begins in the film.
fn aerial(server: &Server, channel: &Channel, times: &mut Times) -> Result<Ticks> {
    server.wait_until_quiet()?;
    let entry = format!("/stream/{}.m3u8", channel.number);
    let began = Instant::now();
    let mut connection = server.connect()?;
    let master = connection.get(&entry)?;
    ensure!(master.status == 200, "{entry} was answered {}", master.status);
    let playlist_at = resolve(&entry, first_link(master.text()?)?);
    let playlist = connection.get(&playlist_at)?;
    let segment_at = resolve(&playlist_at, first_link(playlist.text()?)?);
    let asked = Instant::now();
    let first = connection.first_byte(&segment_at)?;
    times.tune_in.push(first - began);
    times.segment.push(first - asked);
    server.stop(channel)?;
    server.wait_until_quiet()?;
    let date =
        playlist.text()?.lines().find_map(|line| line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:"));
    let date: Timestamp = date.context("a playlist without a date")?.parse()?;
    Ok(Ticks::from_millis(date.as_millisecond() - channel.starts_at.as_millisecond()))
}

/// The worker's FFmpeg by itself, and a plain one with the worker's encoder.
fn ffmpeg(film: &Film, facts: &MediaFacts, at: Ticks, times: &mut Times) -> Result<()> {
    let map = facts.uniform_map().context("an empty film")?;
    let segment = map.index_at(at + Ticks::from_millis(10));
    let own = worker_line(film, facts, &map, segment)?;
    let encoder = own.iter().position(|word| word == "-c:v").context("no encoder")?;
    let end = own.iter().position(|word| word == "-force_key_frames").context("no keyframes")?;
    let millis = map.cut(segment).as_millis();
    let mut plain: Vec<OsString> = ["-nostdin", "-v", "error", "-ss"].map(OsString::from).into();
    plain.push(format!("{}.{:03}", millis / 1_000, millis % 1_000).into());
    plain.extend(["-i".into(), film.path.clone().into()]);
    plain.extend(["-vf", "scale=1280:720,format=yuv420p"].map(OsString::from));
    plain.extend_from_slice(&own[encoder..end]);
    plain.extend(["-f", "mpegts", "pipe:1"].map(OsString::from));
    times.plain.push(first_output(&plain)?);
    times.worker.push(first_output(&own)?);
    Ok(())
}

fn worker_line(
    film: &Film,
    facts: &MediaFacts,
    map: &SegmentMap,
    segment: u32,
) -> Result<Vec<OsString>> {
    let profile = Profile::transcoded(Rendition::Height(720), 1_080).context("no profile")?;
    Ok(worker(&WorkerRun {
        path: &film.path,
        facts,
        map,
        first_frame: map.cut_frame(segment),
        first_audio: map.cut(segment),
        profile: &profile,
        tuning: &Tuning::default(),
        filters: Filters { zscale: true, drawtext: true },
        hardware: None,
    }))
}

/// From the start of FFmpeg to its first byte of output.
fn first_output(arguments: &[OsString]) -> Result<Duration> {
    let began = Instant::now();
    let mut child = Command::new("ffmpeg")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut output = child.stdout.take().context("no pipe")?;
    let read = output.read(&mut [0; 1]);
    let took = began.elapsed();
    child.kill()?;
    child.wait()?;
    ensure!(read? == 1, "FFmpeg gave nothing for {arguments:?}");
    Ok(took)
}
