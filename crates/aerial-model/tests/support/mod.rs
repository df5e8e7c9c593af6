//! Golden tests' hands: they make sources with the real FFmpeg, probe them and
//! run workers, and read back what came out.
#![allow(clippy::disallowed_methods, reason = "a test waits for each process it starts")]
#![allow(clippy::unwrap_used, reason = "these are the hands of tests")]
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod film;

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use aerial_model::command::{Filters, Speed, Tuning};
use aerial_model::media::MediaFacts;
use aerial_model::probe::{Answer, Probe, ProbeError, Step};
use aerial_model::profile::Profile;
use tempfile::TempDir;

/// The size of sources and of what workers make of them: nothing to scale.
pub(crate) const PROFILE: Profile = Profile {
    width: 320,
    height: 180,
    video_kbps: 400,
    audio_kbps: 96,
    encoder: aerial_model::encoder::Encoder::X264,
};

pub(crate) const TUNING: Tuning = Tuning { speed: Speed::Ultrafast, threads: 2, lookahead: 5 };

pub(crate) const FILTERS: Filters = Filters { zscale: true, drawtext: true };

pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new().prefix("aerial-golden-").tempdir().unwrap()
}

pub(crate) fn run<A: Into<OsString>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Output {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    Command::new(program)
        .args(&arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{program} must be installed: {error}"))
}

/// A program that is not needed for everything.
pub(crate) fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Runs and insists on success.
pub(crate) fn run_cleanly<A: Into<OsString>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Vec<u8> {
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let output = run(program, arguments.clone());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} failed: {said}");
    output.stdout
}

pub(crate) fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

/// Frames that bear their number: ten blocks along the top, white for a one.
pub(crate) fn numbered(rate: &str, seconds: &str) -> String {
    let mut graph = format!(
        "testsrc2=s=320x180:r={rate}:d={seconds},drawbox=x=0:y=0:w=320:h=32:color=black:t=fill"
    );
    for bit in 0..10 {
        graph += &format!(
            ",drawbox=x={}:y=0:w=32:h=32:color=white:t=fill:enable='mod(floor(n/{}),2)'",
            bit * 32,
            1 << bit
        );
    }
    graph + ",format=yuv420p"
}

/// A source made by FFmpeg from numbered frames and a tone.
pub(crate) fn make(to: &Path, rate: &str, seconds: &str, encode: &str) {
    let mut line = words("-v error -y -f lavfi -i");
    line.push(numbered(rate, seconds).into());
    line.extend(words(&format!("-f lavfi -i sine=f=440:r=48000:d={seconds}")));
    line.extend(words(encode));
    line.push(to.into());
    run_cleanly("ffmpeg", line);
}

/// FFmpeg on files that are there already.
pub(crate) fn convert(from: &Path, before: &str, after: &str, to: &Path) {
    let mut line = words("-v error -y");
    line.extend(words(before));
    line.extend(["-i".into(), from.into()]);
    line.extend(words(after));
    line.push(to.into());
    run_cleanly("ffmpeg", line);
}

/// Probes as the library does.
pub(crate) fn probe(path: &Path) -> Result<MediaFacts, ProbeError> {
    let mut probe = Probe::new(path, std::fs::metadata(path).unwrap().len())?;
    for _ in 0..8 {
        let output = run("ffprobe", probe.arguments());
        let answer = Answer {
            success: output.status.success(),
            stdout: &output.stdout,
            stderr: &output.stderr,
        };
        match probe.answer(answer)? {
            Step::Again(next) => probe = next,
            Step::Done(facts) => return Ok(*facts),
        }
    }
    panic!("probing {path:?} does not end")
}

/// The FFmpeg that makes segments: another than the one on the path, where
/// `AERIAL_TEST_FFMPEG` names it.
pub(crate) fn tested_ffmpeg() -> String {
    std::env::var("AERIAL_TEST_FFMPEG").unwrap_or_else(|_| "ffmpeg".to_owned())
}

/// What FFmpeg's muxer wrote.
pub(crate) struct Packets {
    /// PTS on the media's clock, DTS, and IDR, in the order of decoding.
    pub(crate) video: Vec<(i64, i64, bool)>,
    pub(crate) audio: Vec<i64>,
}

/// Reads back what a run wrote.
pub(crate) fn read_back(file: &Path) -> Packets {
    const OFFSET: i64 = 900_000;
    let mut line = words("-v error -show_entries packet=codec_type,pts,dts,flags -of csv=p=0 -i");
    line.push(file.into());
    let text = String::from_utf8(run_cleanly("ffprobe", line)).unwrap();
    let (mut video, mut audio) = (Vec::new(), Vec::new());
    for packet in text.lines() {
        let field: Vec<&str> = packet.split(',').collect();
        if field.len() < 4 {
            continue; // side data, on a line of its own
        }
        let at = |n: usize| field[n].parse::<i64>().unwrap() - OFFSET;
        match field[0] {
            "video" => video.push((at(1), at(2), field[3].starts_with('K'))),
            _ => audio.push(at(1)),
        }
    }
    Packets { video, audio }
}

/// Arguments that write the blocks of [`numbered`] frames to stdout, a row of 320
/// bytes each.
pub(crate) fn numbers_of(stream: &str) -> Vec<OsString> {
    words(&format!(
        "-map {stream} -vf crop=320:32:0:0,scale=320:1:flags=area,format=gray \
         -fps_mode passthrough -enc_time_base 1:90000 -f rawvideo pipe:1"
    ))
}

/// The numbers that those rows show.
pub(crate) fn numbers(rows: &[u8]) -> Vec<u16> {
    // The middle of each of ten blocks.
    let number = |row: &[u8]| (0..10).map(|bit| u16::from(row[bit * 32 + 16] > 128) << bit).sum();
    rows.chunks_exact(320).map(number).collect()
}
