//! What really works, as against what is listed.
//!
//! `-encoders` lists NVENC, QSV and VAAPI where all three fail, and a widespread
//! static build crashes on every `.ts`. So encoders encode half a second with a
//! worker's own command line, common containers are written and read, and the
//! speed is measured. Owns no policy: what follows from a verdict is decided
//! by who asks. Invariant: each try ends within [`TIME`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use aerial_model::command::{self, OUTPUT_OFFSET, Tuning, WorkerRun};
use aerial_model::media::{AudioFacts, Color, Entry, FieldOrder, MediaFacts, VideoFacts};
use aerial_model::mpegts::{Demuxer, UnitKind};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{FrameRate, Ticks};

use super::{Exit, Ffmpeg, Invocation, Output, RunError, RunLimits, Spawner};
use crate::clock::monotonic;
use crate::config::Settings;

/// How long one try may take.
pub const TIME: Duration = Duration::from_secs(10);

/// Half a second at 1080p is below 1 MB; more than this is a fault.
const OUTPUT_BYTES: usize = 32 << 20;

/// Half a second at 23.976 pictures a second.
const SAMPLE_FRAMES: u64 = 12;

/// A try gives way to streams.
const NICENESS: u8 = 10;

/// What FFmpeg does where it lies.
const SILENT: &str = "it ended without an error";

/// The containers that are written and read: what most libraries are made of.
const CONTAINERS: [&str; 4] = ["mp4", "mkv", "ts", "avi"];

/// Seconds of video in the measurement: long enough that FFmpeg's own start of
/// 70 ms does not count, short enough to finish on a slow machine.
const MEASURED_SECS: u32 = 3;

/// Of the measured speed, what is given to streams: real pictures are harder
/// than test pictures, and the server needs some of the machine.
const USABLE_PERCENT: u32 = 60;

/// What a try showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works, and took so long.
    Works(Duration),
    /// It does not; the reason is for people.
    Fails(String),
}

/// How much this machine can encode at once, measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The height of the pictures.
    pub height: u16,
    /// How many streams of it, in real time, side by side.
    pub streams: u32,
}

/// What a worker would encode with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// What comes out.
    pub profile: Profile,
    /// How hard it tries.
    pub tuning: Tuning,
}

impl Chain {
    /// The chain that these settings ask for, at its full height.
    pub fn of(settings: &Settings) -> Self {
        let height = settings.stream.height.get();
        let profile =
            Profile::transcoded(Rendition::Height(height), height).expect("a height has a profile");
        Self { profile, tuning: settings.ffmpeg.tuning() }
    }
}

/// Encode half a second of picture and sound in software, as a worker does:
/// from a file, through its command line. `folder` is for that file, which is
/// removed again.
pub async fn try_software(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    chain: &Chain,
    folder: &Path,
) -> Verdict {
    let file = folder.join(format!("try-{}.mkv", uuid::Uuid::now_v7()));
    let verdict = match encode(ffmpeg, spawner, chain, &file).await {
        Ok(took) => Verdict::Works(took),
        Err(reason) => Verdict::Fails(reason),
    };
    if let Err(error) = std::fs::remove_file(&file)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(file = %file.display(), %error, "a temporary file is left");
    }
    verdict
}

async fn encode(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    chain: &Chain,
    file: &Path,
) -> Result<Duration, String> {
    let sample = Sample::new().ok_or("half a second cannot be cut")?;
    let write = quiet(ffmpeg)
        .args(["-f", "lavfi", "-i", &sample.picture()])
        .args(["-f", "lavfi", "-i", "sine=sample_rate=44100:duration=0.5"])
        .args(["-c:v", "mpeg4", "-q:v", "4", "-c:a", "pcm_s16le", "-f", "matroska", "-y"])
        .arg(file);
    run(spawner, write).await.map_err(|reason| format!("writing a file to try: {reason}"))?;
    let arguments = command::worker(&WorkerRun {
        path: file,
        facts: &sample.facts,
        map: &sample.map,
        first_frame: 0,
        first_audio: Ticks::ZERO,
        profile: &chain.profile,
        tuning: &chain.tuning,
        filters: ffmpeg.filters(),
    });
    let since = monotonic();
    let worker = Invocation::new(&ffmpeg.ffmpeg).args(arguments).niceness(NICENESS);
    let output = run(spawner, worker).await?;
    judge(&output.stdout)?;
    Ok(since.elapsed())
}

/// Twelve pictures, the first of which can be entered, and sound.
fn judge(stdout: &[u8]) -> Result<(), String> {
    let mut demuxer = Demuxer::new(OUTPUT_OFFSET);
    demuxer.push(stdout);
    demuxer.finish();
    let (mut pictures, mut sounds, mut enters) = (0u64, 0u64, false);
    while let Some(unit) = demuxer.next_unit() {
        let unit = unit.map_err(|error| format!("{SILENT}, but what came out is {error}"))?;
        match unit.kind {
            UnitKind::Video { idr } => {
                enters |= idr && pictures == 0;
                pictures += 1;
            }
            UnitKind::Audio => sounds += 1,
        }
    }
    match (pictures, sounds, enters) {
        (SAMPLE_FRAMES, 1.., true) => Ok(()),
        (0, 0, _) => Err(format!("{SILENT}, but what came out is no MPEG-TS")),
        (SAMPLE_FRAMES, 1.., false) => {
            Err(format!("{SILENT}, but the first picture is no keyframe"))
        }
        _ => Err(format!(
            "{SILENT}, but {pictures} pictures of {SAMPLE_FRAMES} and {sounds} pieces of sound came out"
        )),
    }
}

/// The file that is tried: another size, rate and sampling than what comes out.
struct Sample {
    facts: MediaFacts,
    map: SegmentMap,
}

impl Sample {
    const SIZE: (u32, u32) = (1_280, 534);
    const RATE: (u32, u32) = (24_000, 1_001);

    fn new() -> Option<Self> {
        let rate = FrameRate::new(Self::RATE.0, Self::RATE.1)?;
        let length = rate.ticks_at(SAMPLE_FRAMES);
        let video = VideoFacts {
            index: 0,
            codec: "mpeg4".to_owned(),
            profile: None,
            pixel_format: Some("yuv420p".to_owned()),
            width: Self::SIZE.0,
            height: Self::SIZE.1,
            pixel_aspect: (1, 1),
            rotation: 0,
            average_rate: Some(rate),
            nominal_rate: Some(rate),
            field_order: FieldOrder::Progressive,
            color: Color::default(),
            start: Ticks::ZERO,
            end: length,
            kbps: None,
            language: None,
        };
        let audio = AudioFacts {
            index: 1,
            codec: "pcm_s16le".to_owned(),
            profile: None,
            sample_rate: 44_100,
            channels: 1,
            layout: None,
            start: Ticks::ZERO,
            end: Ticks::from_millis(500),
            language: None,
        };
        let facts = MediaFacts {
            container: "matroska,webm".to_owned(),
            start_time: Ticks::ZERO,
            length,
            video: Some(video),
            audio: vec![audio],
            subtitles: Vec::new(),
            chapters: Vec::new(),
            entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
            tags: std::collections::BTreeMap::new(),
        };
        Some(Self { map: facts.uniform_map()?, facts })
    }

    fn picture(&self) -> String {
        let ((width, height), (num, den)) = (Self::SIZE, Self::RATE);
        format!("testsrc2=size={width}x{height}:rate={num}/{den}:duration=0.5")
    }
}

/// Write and read half a second in each common container. `folder` is an empty
/// one to write to. Returns each container with its verdict.
pub async fn try_containers(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    folder: &Path,
) -> Vec<(&'static str, Verdict)> {
    let mut verdicts = Vec::new();
    for container in CONTAINERS {
        let since = monotonic();
        let verdict = match try_container(ffmpeg, spawner, folder, container).await {
            Ok(()) => Verdict::Works(since.elapsed()),
            Err(reason) => Verdict::Fails(reason),
        };
        verdicts.push((container, verdict));
    }
    verdicts
}

async fn try_container(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    folder: &Path,
    container: &str,
) -> Result<(), String> {
    let file: PathBuf = folder.join("try").with_extension(container);
    let write = quiet(ffmpeg)
        .args(["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=0.5"])
        .args(["-f", "lavfi", "-i", "sine=sample_rate=48000:duration=0.5"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-y"])
        .arg(&file);
    run(spawner, write).await.map_err(|reason| format!("writing: {reason}"))?;
    let read = quiet(ffmpeg)
        .args(["-i".as_ref(), file.as_os_str()])
        .args(["-map", "0:v", "-map", "0:a", "-f", "framecrc", "pipe:1"]);
    let output = run(spawner, read).await.map_err(|reason| format!("reading: {reason}"))?;
    let pictures =
        output.stdout.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"0,"));
    match pictures.count() {
        // Half a second at 25 pictures a second, one more or less by the rounding.
        11..=14 => Ok(()),
        count => Err(format!("reading: {count} pictures came out of 12")),
    }
}

/// Measure how many streams of this height can be encoded in real time at once.
/// `None` if the measurement fails or takes too long, which is below one stream.
pub async fn measure(ffmpeg: &Ffmpeg, spawner: &Spawner, height: u16) -> Option<Capacity> {
    let width = u32::from(height) * 16 / 9 / 2 * 2;
    let source = format!("testsrc2=size={width}x{height}:rate=25:duration={MEASURED_SECS}");
    let invocation = quiet(ffmpeg)
        .args(["-f", "lavfi", "-i", &source])
        .args(["-vf", "noise=alls=6:allf=t,format=yuv420p"])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-f", "null", "-"]);
    let since = monotonic();
    run(spawner, invocation).await.ok()?;
    let took_ms = u32::try_from(since.elapsed().as_millis()).ok()?.max(1);
    Some(Capacity { height, streams: MEASURED_SECS * 1_000 * USABLE_PERCENT / 100 / took_ms })
}

fn quiet(ffmpeg: &Ffmpeg) -> Invocation {
    Invocation::new(&ffmpeg.ffmpeg).args(["-nostdin", "-hide_banner", "-v", "error"])
}

/// Run it and have its output, or what it said.
async fn run(spawner: &Spawner, invocation: Invocation) -> Result<Output, String> {
    let limits = RunLimits { time: TIME, stdout_bytes: OUTPUT_BYTES };
    match spawner.run_to_end(invocation, limits).await {
        Ok(output) if output.exit.is_success() => Ok(output),
        Ok(Output { exit, stderr, .. }) => Err(reason_of(exit, &stderr)),
        Err(RunError::TimedOut { stderr, .. }) => {
            let said = last_line(&stderr).map(|line| format!(": {line}")).unwrap_or_default();
            Err(format!("no result within {} s{said}", TIME.as_secs()))
        }
        Err(error) => Err(error.to_string()),
    }
}

fn reason_of(exit: Exit, stderr: &str) -> String {
    match last_line(stderr) {
        Some(line) => format!("{line} ({exit})"),
        None => exit.to_string(),
    }
}

fn last_line(text: &str) -> Option<&str> {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_mpegts_with_all_pictures_does_not_count() {
        assert!(judge(b"").unwrap_err().contains("no MPEG-TS"));
        assert!(judge(b"fine\n").is_err());
        let packet = [[0x47; 1].as_slice(), &[0; 187]].concat();
        assert!(judge(&packet.repeat(10)).is_err());
    }

    #[test]
    fn the_reason_is_the_last_thing_said() {
        assert_eq!(reason_of(Exit::Code(1), "a\nNo device\n\n"), "No device (exit code 1)");
        assert_eq!(reason_of(Exit::Signal(11), ""), "ended by signal 11");
    }
}
