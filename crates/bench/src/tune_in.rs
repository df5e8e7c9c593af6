//! The time from a viewer's first request to its first bytes and to its whole first
//! segment, when nothing is made of that programme yet, beside plain FFmpeg doing
//! just that.

use std::ffi::OsString;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
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
use crate::report::{Report, list, median, millis, paired, verdict};
use crate::server::{Channel, Server, Video};

/// The last first: what a worker makes after its place is never a later one's.
const PLACES: [i64; 3] = [45, 25, 5];
/// Those are copied so fast that a minute is there at once.
const COPIED_PLACES: [i64; 3] = [150, 85, 20];
const FILMS: usize = 4;
/// Of plain FFmpeg's time.
const GOAL_FIRST: f64 = 1.25;
const GOAL_WHOLE: f64 = 1.15;
const GOAL_COPIED: Duration = Duration::from_millis(500);

/// What is timed at one place.
#[derive(Default)]
struct Times {
    /// From the first request of a viewer to the first bytes of the join segment.
    tune_in: Vec<Duration>,
    /// The same to its last ones.
    whole: Vec<Duration>,
    /// From the start of plain FFmpeg to its first bytes.
    plain: Vec<Duration>,
    /// To the end of one that makes this segment alone.
    plain_whole: Vec<Duration>,
    /// From the start of the worker's own FFmpeg, without the server.
    worker: Vec<Duration>,
}

/// Times a film that is encoded anew.
pub(crate) fn transcoded(server: &Server, films: &[Film], report: &mut Report) -> Result<()> {
    let facts = films[0].facts()?;
    let mut times = Times::default();
    for (n, place) in PLACES.into_iter().enumerate() {
        for (m, film) in films[..FILMS].iter().enumerate() {
            let channel = server.channel(film, place, Video::Transcoded)?;
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
    told(&times, report);
    Ok(())
}

fn told(times: &Times, report: &mut Report) {
    let Times { tune_in, whole, plain, plain_whole, worker } = times;
    for (what, times) in [
        ("first bytes, aerial", tune_in),
        ("first bytes, plain", plain),
        ("first bytes, worker", worker),
        ("whole, aerial", whole),
        ("whole, plain", plain_whole),
    ] {
        eprintln!("bench: {what}: {} ms", list(times));
    }
    let mut row = |what: &str, ours: &[Duration], theirs: &[Duration], goal: Option<f64>| {
        let times = paired(ours, theirs);
        let kept = goal.map(|goal| format!(", to be within {goal}: {}", verdict(times <= goal)));
        let beside = format!("plain FFmpeg {}", millis(median(theirs)));
        let kept = format!("{times:.2} times{}", kept.unwrap_or_default());
        report.row(what, millis(median(ours)), beside, kept);
    };
    row("tune-in, cold: first bytes", tune_in, plain, Some(GOAL_FIRST));
    row("tune-in, cold: whole first segment", whole, plain_whole, Some(GOAL_WHOLE));
    row("the worker's FFmpeg alone: first bytes", worker, plain, None);
}

/// Times films whose picture is copied.
pub(crate) fn copied(server: &Server, films: &[Film], report: &mut Report) -> Result<()> {
    let mut times = Times::default();
    for place in COPIED_PLACES {
        for film in &films[..FILMS] {
            let channel = server.channel(film, place, Video::Copied)?;
            let _ = std::fs::read(&film.path)?;
            aerial(server, &channel, &mut times)?;
        }
    }
    eprintln!("bench: copied, first bytes   {} ms", list(&times.tune_in));
    eprintln!("bench: copied, whole segment {} ms", list(&times.whole));
    let whole = median(&times.whole);
    let slowest = times.whole.iter().max().copied().unwrap_or_default();
    let first = format!("first bytes {}", millis(median(&times.tune_in)));
    let kept = verdict(slowest <= GOAL_COPIED);
    let kept = format!("at most {}, to be within 500 ms: {kept}", millis(slowest));
    report.row("tune-in, cold, copied: whole first segment", millis(whole), first, kept);
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
    let segment = connection.fetch(&segment_at)?;
    ensure!(segment.status == 200, "{segment_at} was answered {}", segment.status);
    times.tune_in.push(segment.first - began);
    times.whole.push(segment.whole - began);
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
    let mut one = plain.clone();
    let frames = map.cut_frame(segment + 1) - map.cut_frame(segment);
    let length = map.cut(segment + 1) - map.cut(segment);
    one.extend(["-frames:v".into(), frames.to_string().into()]);
    one.extend(["-t".into(), format!("{}ms", length.as_millis()).into()]);
    for line in [&mut plain, &mut one] {
        line.extend(["-f", "mpegts", "pipe:1"].map(OsString::from));
    }
    times.plain.push(first_output(&plain)?);
    times.worker.push(first_output(&own)?);
    times.plain_whole.push(all_output(&one)?);
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
    let mut child = started(arguments)?;
    let mut output = child.stdout.take().context("no pipe")?;
    let read = output.read(&mut [0; 1]);
    let took = began.elapsed();
    child.kill()?;
    child.wait()?;
    ensure!(read? == 1, "FFmpeg gave nothing for {arguments:?}");
    Ok(took)
}

/// From the start of FFmpeg to its last byte of output.
fn all_output(arguments: &[OsString]) -> Result<Duration> {
    let began = Instant::now();
    let mut child = started(arguments)?;
    let mut output = child.stdout.take().context("no pipe")?;
    let bytes = std::io::copy(&mut output, &mut std::io::sink());
    let took = began.elapsed();
    let exit = child.wait()?;
    ensure!(exit.success() && bytes? > 0, "FFmpeg gave nothing for {arguments:?}");
    Ok(took)
}

fn started(arguments: &[OsString]) -> Result<Child> {
    let mut command = Command::new("ffmpeg");
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    Ok(command.spawn()?)
}
