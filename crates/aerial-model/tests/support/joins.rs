//! What it means that any worker can continue any other.
#![allow(clippy::unwrap_used, reason = "these are the hands of tests")]
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;

use aerial_model::segment::Segment;
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::{Handover, Position, Segmenter};
use aerial_model::time::Ticks;

use crate::reading::{Reading, read};
use crate::support::film::{Film, READ_BYTES, decoded, joined, on_the_channel, whole};

/// Where the films stand on their channel: they run over 2^33.
const ON_AIR: Ticks = Ticks((1 << 33) - 4 * 90_000 / 1_920 * 1_920);

/// Of worker 0's output, so much had come when another took over.
const TAKEN_OVER_AT_PERCENT: usize = 45;

/// Makes workers at each interesting place and compares them.
pub(crate) fn workers_join(path: &Path, folder: &Path) -> (Film, Vec<u16>) {
    let film = Film::at(path);
    let map = film.map.clone();
    let output = film.worker(Position::at(&film.map, 0));
    let first = from_output(&map, &output);
    is_whole(&map, &first);
    let numbers = aired(&map, &first, folder);

    let mut starts = vec![1, map.segments() - 1];
    starts.sort_unstable();
    starts.dedup();
    for start in starts.into_iter().filter(|start| (1..map.segments()).contains(start)) {
        let others = film.segments(start);
        for (ours, theirs) in first[start as usize..].iter().zip(&others) {
            assert_eq!(times(ours), times(theirs), "by a worker started at segment {start}");
        }
        let spliced = [&first[..start as usize], &others].concat();
        is_whole(&map, &spliced);
        assert_eq!(aired(&map, &spliced, folder), numbers, "the same pictures from {start} on");
    }
    let continued = taken_over(&film, &output[..output.len() * TAKEN_OVER_AT_PERCENT / 100]);
    is_continued(&map, &continued, &first);
    assert_eq!(aired(&map, &continued, folder), numbers, "the same pictures when taken over");
    (film, numbers)
}

/// Segments of a whole output of a worker.
fn from_output(map: &SegmentMap, output: &[u8]) -> Vec<Segment> {
    let (mut segmenter, mut out) = (Segmenter::new(map.clone(), 0), Vec::new());
    for piece in output.chunks(READ_BYTES) {
        segmenter.push(piece, &mut out).unwrap();
    }
    let finished = segmenter.finish(&mut out).unwrap();
    assert!(finished.complete, "{finished:?}");
    whole(&out)
}

/// The segments of a worker that dies after this output and of the one that
/// takes its writer over.
fn taken_over(film: &Film, output: &[u8]) -> Vec<Segment> {
    let (mut segmenter, mut out) =
        (Segmenter::resume(film.map.clone(), Handover::at(&film.map, 0)), Vec::new());
    segmenter.push(output, &mut out).unwrap();
    film.resumed(segmenter.into_handover(), out)
}

/// Every place of the grid has its picture, the sound is unbroken from the start
/// to the rounded end.
pub(crate) fn is_gapless(map: &SegmentMap, segments: &[Segment]) -> Reading {
    let reading = read(&joined(segments));
    let grid: Vec<i64> = (0..map.frames()).map(|frame| map.rate().ticks_at(frame).0).collect();
    assert_eq!(reading.shown(), grid);
    assert_eq!(segments.len(), map.segments() as usize);
    reading.assert_closed();
    reading.assert_audio_is_unbroken();
    assert_eq!(reading.audio[0].pts, 0);
    assert_eq!(reading.audio.len() as i64 * 1_920, map.end().round_up_to_audio_frame().0);
    reading
}

/// Gapless, and each segment begins with its only IDR.
pub(crate) fn is_whole(map: &SegmentMap, segments: &[Segment]) {
    assert_eq!(is_gapless(map, segments).random_access, segments.len());
    for (index, segment) in segments.iter().enumerate() {
        let reading = read(&segment.bytes);
        reading.assert_closed();
        assert_eq!(reading.random_access, 1);
        assert_eq!(reading.video[0].pts, map.cut(index as u32).0, "an IDR on each cut");
    }
}

/// As whole as if one worker had made them. Which pictures are B-frames after the
/// place where one took over may differ, not when they are shown or decoded.
fn is_continued(map: &SegmentMap, segments: &[Segment], first: &[Segment]) {
    let (ours, theirs) = (is_gapless(map, segments), read(&joined(first)));
    let decoding = |r: &Reading| r.video.iter().map(|pes| pes.dts).collect::<Vec<_>>();
    assert_eq!(decoding(&ours), decoding(&theirs));
    for (ours, theirs) in segments.iter().zip(first) {
        assert_eq!(times(ours).1, times(theirs).1, "the same sound in each segment");
    }
}

/// Video PTS and DTS and audio PTS: what must agree at joins.
fn times(segment: &Segment) -> (Vec<(i64, i64)>, Vec<i64>) {
    let reading = read(&segment.bytes);
    reading.assert_closed();
    (
        reading.video.iter().map(|pes| (pes.pts, pes.dts)).collect(),
        reading.audio.iter().map(|pes| pes.pts).collect(),
    )
}

/// The numbers of the pictures as FFmpeg sees them on a channel.
pub(crate) fn aired(map: &SegmentMap, segments: &[Segment], folder: &Path) -> Vec<u16> {
    let bytes = on_the_channel(segments.iter().map(|segment| (segment, ON_AIR)));
    let decoded = decoded(&bytes, folder);
    assert_eq!(decoded.numbers.len() as u64, map.frames());
    assert_eq!(decoded.sounds as i64 * 1_920, map.end().round_up_to_audio_frame().0);
    decoded.numbers
}
