//! What really works, as against what is listed.
//!
//! `-encoders` lists NVENC, QSV and VAAPI where all three fail, and a widespread
//! static build crashes on every `.ts`. So encoders encode half a second through
//! a chain like that of a worker, common containers are written and read, and
//! the speed is measured. Owns no policy: what follows from a verdict is decided
//! by who asks. Invariant: each try ends within [`TIME`].

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Exit, Ffmpeg, Invocation, Output, RunError, RunLimits, Spawner};
use crate::clock::monotonic;

/// How long one try may take.
pub const TIME: Duration = Duration::from_secs(10);

/// Half a second at 1080p is below 1 MB; more than this is a fault.
const OUTPUT_BYTES: usize = 32 << 20;

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

/// Encode half a second of picture and sound in software: H.264 and AAC from
/// scaled and padded pictures to MPEG-TS, as a worker does.
pub async fn try_software(ffmpeg: &Ffmpeg, spawner: &Spawner) -> Verdict {
    let filters = "[0:v]settb=1/90000,fps=25:round=near:start_time=0,tpad=stop=-1:stop_mode=clone,\
         trim=end=0.5,scale=1280:-2:flags=bicubic,pad=1280:720:-1:-1,format=yuv420p[v];\
         [1:a]aresample=48000,aformat=channel_layouts=stereo,atrim=end=0.5,asetnsamples=n=1024:p=0[x];\
         anullsrc=r=48000:cl=stereo:n=1024,atrim=end=0.5[n];\
         [n][x]amix=inputs=2:duration=first:normalize=0:dropout_transition=0[a]";
    let invocation = quiet(ffmpeg)
        .args(["-f", "lavfi", "-i", "testsrc2=size=1920x800:rate=24000/1001:duration=0.5"])
        .args(["-f", "lavfi", "-i", "sine=sample_rate=44100:duration=0.5"])
        .args(["-filter_complex", filters, "-map", "[v]", "-map", "[a]"])
        .args(["-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high"])
        .args(["-sc_threshold", "0", "-flags", "+cgop", "-force_key_frames", "0.000000"])
        .args(["-c:a", "aac", "-ac", "2", "-f", "mpegts", "-muxdelay", "0", "pipe:1"]);
    let since = monotonic();
    match run(spawner, invocation).await {
        Ok(output) if !is_mpegts(&output.stdout) => {
            Verdict::Fails("it ended without an error, but what came out is no MPEG-TS".to_owned())
        }
        Ok(_) => Verdict::Works(since.elapsed()),
        Err(reason) => Verdict::Fails(reason),
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

/// At least a table and some media, each packet beginning with the sync byte
/// (ISO 13818-1, 2.4.3.2).
fn is_mpegts(bytes: &[u8]) -> bool {
    const PACKET: usize = 188;
    bytes.len() >= 10 * PACKET
        && bytes.len().is_multiple_of(PACKET)
        && bytes.chunks(PACKET).all(|packet| packet[0] == 0x47)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_packets_with_sync_bytes_are_mpegts() {
        let packet = [[0x47; 1].as_slice(), &[0; 187]].concat();
        assert!(is_mpegts(&packet.repeat(10)));
        assert!(!is_mpegts(&packet.repeat(9)));
        assert!(!is_mpegts(&packet.repeat(11)[..2_000]));
        assert!(!is_mpegts(&[0; 188 * 10]));
        assert!(!is_mpegts(b""));
    }

    #[test]
    fn the_reason_is_the_last_thing_said() {
        assert_eq!(reason_of(Exit::Code(1), "a\nNo device\n\n"), "No device (exit code 1)");
        assert_eq!(reason_of(Exit::Signal(11), ""), "ended by signal 11");
    }
}
