//! What really works, as against what is listed.
//!
//! `-encoders` lists NVENC, QSV and VAAPI where all three fail, and a widespread
//! static build crashes on every `.ts`. So encoders encode half a second with a
//! worker's own command line, and common containers are written and read. Owns no policy: what follows from a verdict is decided
//! by who asks. Invariant: each try ends within [`TIME`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use aerial_model::command::{self, OUTPUT_OFFSET, Tuning};
use aerial_model::mpegts::{Demuxer, UnitKind};
use aerial_model::profile::{Profile, Rendition};

use super::sample::{Picture, Sample};
use super::{Exit, Ffmpeg, Invocation, Output, RunError, RunLimits, Spawner};
use crate::clock::monotonic;
use crate::config::Settings;

/// How long one try may take.
pub const TIME: Duration = Duration::from_secs(10);

/// Half a second at 1080p is below 1 MB; more than this is a fault.
const OUTPUT_BYTES: usize = 32 << 20;

/// Half a second at 23.976 pictures a second.
const SAMPLE_FRAMES: u64 = 12;

/// What is tried: another size, rate and sampling than what comes out.
const TRIED: Picture = Picture {
    size: (1_280, 534),
    rate: (24_000, 1_001),
    frames: SAMPLE_FRAMES,
    codec: ("mpeg4", &["-q:v", "4"]),
    grain: false,
};

/// A try gives way to streams.
const NICENESS: u8 = 10;

/// What FFmpeg does where it lies.
const SILENT: &str = "it ended without an error";

/// The containers that are written and read: what most libraries are made of.
const CONTAINERS: [&str; 4] = ["mp4", "mkv", "ts", "avi"];

/// What a try showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works, and took so long.
    Works(Duration),
    /// It does not; the reason is for people.
    Fails(String),
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
        let profile = Self::profile(settings.stream.height.get());
        Self { profile, tuning: settings.ffmpeg.tuning() }
    }

    /// The profile of a picture that high.
    pub fn profile(height: u16) -> Profile {
        Profile::transcoded(Rendition::Height(height), height).expect("a height has a profile")
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
    let file = Temporary::in_folder(folder);
    match encode(ffmpeg, spawner, chain, &file.0).await {
        Ok(took) => Verdict::Works(took),
        Err(reason) => Verdict::Fails(reason),
    }
}

/// A file that is removed when this is dropped.
pub(super) struct Temporary(pub(super) PathBuf);

impl Temporary {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self(folder.join(format!("try-{}.mkv", uuid::Uuid::now_v7())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(file = %self.0.display(), %error, "a temporary file is left");
        }
    }
}

async fn encode(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    chain: &Chain,
    file: &Path,
) -> Result<Duration, String> {
    let sample = Sample::of(TRIED).ok_or("half a second cannot be cut")?;
    let write = sample.write(ffmpeg, file);
    run(spawner, write).await.map_err(|reason| format!("writing a file to try: {reason}"))?;
    let arguments = command::worker(&sample.run(ffmpeg, file, &chain.profile, &chain.tuning));
    let since = monotonic();
    let worker = Invocation::new(&ffmpeg.ffmpeg).args(arguments).niceness(NICENESS).reads(file);
    let output = run(spawner, worker).await?;
    judge(&output.stdout, SAMPLE_FRAMES)?;
    Ok(since.elapsed())
}

/// So many pictures, the first of which can be entered, and sound.
pub(super) fn judge(stdout: &[u8], frames: u64) -> Result<(), String> {
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
        (count, 1.., true) if count == frames => Ok(()),
        (0, 0, _) => Err(format!("{SILENT}, but what came out is no MPEG-TS")),
        (count, 1.., false) if count == frames => {
            Err(format!("{SILENT}, but the first picture is no keyframe"))
        }
        _ => Err(format!(
            "{SILENT}, but {pictures} pictures of {frames} and {sounds} pieces of sound came out"
        )),
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
        .arg(&file)
        .writes(&file);
    run(spawner, write).await.map_err(|reason| format!("writing: {reason}"))?;
    let read = quiet(ffmpeg)
        .args(["-protocol_whitelist", "file,pipe", "-i"])
        .arg(aerial_model::probe::input(&file))
        .reads(&file)
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

fn quiet(ffmpeg: &Ffmpeg) -> Invocation {
    Invocation::new(&ffmpeg.ffmpeg).args(["-nostdin", "-hide_banner", "-v", "error"])
}

/// Run it and have its output, or what it said.
pub(super) async fn run(spawner: &Spawner, invocation: Invocation) -> Result<Output, String> {
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
        assert!(judge(b"", SAMPLE_FRAMES).unwrap_err().contains("no MPEG-TS"));
        assert!(judge(b"fine\n", SAMPLE_FRAMES).is_err());
        let packet = [[0x47; 1].as_slice(), &[0; 187]].concat();
        assert!(judge(&packet.repeat(10), SAMPLE_FRAMES).is_err());
    }

    #[test]
    fn the_reason_is_the_last_thing_said() {
        assert_eq!(reason_of(Exit::Code(1), "a\nNo device\n\n"), "No device (exit code 1)");
        assert_eq!(reason_of(Exit::Signal(11), ""), "ended by signal 11");
    }
}
