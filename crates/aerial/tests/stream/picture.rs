//! What was sent, judged from its packets and from its decoded pictures.

use std::io::Write as _;
use std::process::Stdio;

use aerial_model::mpegts::{Demuxer, UnitKind};
use aerial_model::time::{FrameRate, Ticks};

use crate::media::command;

/// A picture without a number: colour bars have more than two shades.
pub(crate) const SLATE: Option<u16> = None;

/// The numbers of all frames in the order of showing. FFmpeg must have nothing
/// to say while it decodes.
pub(crate) fn numbers(bytes: &[u8]) -> Vec<Option<u16>> {
    let graph = "crop=320:32:0:0,scale=40:4:flags=area,format=gray";
    let pictures = decoded(bytes, &["-map", "0:v", "-vf", graph, "-f", "rawvideo"]);
    // Four rows, for below 1000 bits per second FFmpeg would say something.
    assert_eq!(pictures.len() % 160, 0);
    pictures.chunks_exact(160).map(|picture| number(&picture[40..80])).collect()
}

/// Reads the middle of each block; its edges are blurred.
fn number(row: &[u8]) -> Option<u16> {
    let mut number = 0;
    for (bit, block) in row.chunks_exact(4).enumerate() {
        match (block[1], block[2]) {
            (0..60, 0..60) => {}
            (190.., 190..) => number |= 1 << bit,
            _ => return SLATE,
        }
    }
    Some(number)
}

/// What FFmpeg makes of it, without a complaint.
pub(crate) fn decoded(bytes: &[u8], arguments: &[&str]) -> Vec<u8> {
    let mut child = command("ffmpeg")
        .args(["-v", "warning", "-i", "-"])
        .args(arguments)
        .args(["-fps_mode", "passthrough", "-enc_time_base", "1:90000", "pipe:1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut input, bytes) = (child.stdin.take().unwrap(), bytes.to_vec());
    let feeder = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    let _ = feeder.join().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.is_empty() && output.status.success(), "FFmpeg says: {said}");
    output.stdout
}

/// Frames and sounds as the packets have them.
pub(crate) struct Times {
    /// PTS of the pictures, in the order of showing, from the first one on.
    pub(crate) shown: Vec<i64>,
    pub(crate) heard: Vec<i64>,
}

pub(crate) fn times(bytes: &[u8], near: Ticks) -> Times {
    let mut demuxer = Demuxer::new(near);
    demuxer.push(bytes);
    demuxer.finish();
    let (mut shown, mut heard) = (Vec::new(), Vec::new());
    while let Some(unit) = demuxer.next_unit() {
        let unit = unit.expect("whole packets with rising counters");
        match unit.kind {
            UnitKind::Video { .. } => shown.push(unit.pts.0),
            UnitKind::Audio => heard.push(unit.pts.0),
        }
    }
    shown.sort_unstable();
    Times { shown, heard }
}

/// Every frame of an item from `first` on is there once, at its time, and its
/// sound has no gap.
pub(crate) fn assert_unbroken(bytes: &[u8], rate: FrameRate, first: u64, frames: u64) {
    let Times { shown, heard } = times(bytes, Ticks::ZERO);
    let start = shown[0];
    let at = |frame: u64| (rate.ticks_at(frame) - rate.ticks_at(first)).0;
    let grid: Vec<i64> = (first..first + frames).map(|frame| start + at(frame)).collect();
    assert_eq!(shown, grid, "the grid of pictures");
    let gaps: Vec<_> = heard.windows(2).filter(|two| two[1] - two[0] != 1_920).collect();
    assert!(gaps.is_empty(), "the sound has gaps: {gaps:?}");
    let sound = heard.len() as i64 * 1_920;
    assert!((sound - at(first + frames)).abs() <= 1_920, "{sound} ticks of sound");
}
