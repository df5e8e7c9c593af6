//! Writer, segmenter and slates against synthetic workers, judged by another
//! parser.

// In tests a panic is the verdict; helpers are no `#[test]` functions.
#![allow(clippy::unwrap_used)]

mod reading;

use aerial_model::mpegts::{AccessUnit, SegmentWriter, UnitKind, VideoCodec, restamp};
use aerial_model::segment::Segment;
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::slate::{Slate, SlateError};
use aerial_model::segmenter::{
    Handover, Output, Position, Segmenter, SegmenterError, Treatment, WORKER_TS_OFFSET,
};
use aerial_model::time::{FrameRate, Ticks};
use bytes::Bytes;
use proptest::prelude::*;
use reading::{Reading, read};

const RATES: [(u32, u32); 8] = [
    (24_000, 1_001),
    (24, 1),
    (25, 1),
    (30_000, 1_001),
    (30, 1),
    (50, 1),
    (60_000, 1_001),
    (60, 1),
];

fn rate((num, den): (u32, u32)) -> FrameRate {
    FrameRate::new(num, den).unwrap()
}

fn maps() -> impl Strategy<Value = SegmentMap> {
    let any_rate = prop_oneof![
        8 => prop::sample::select(&RATES[..]).prop_map(rate),
        1 => (1u32..20).prop_map(|n| rate((n, 1))),
    ];
    (any_rate, 1i64..11_000).prop_map(|(rate, ms)| {
        SegmentMap::of_frames(rate, rate.frames_in(Ticks::from_millis(ms)).max(1)).unwrap()
    })
}

/// Sizes of pictures and audio frames, as real and as tiny ones.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    idr: usize,
    picture: usize,
    audio: usize,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let sizes = (
        prop_oneof![30usize..300, 3_000usize..9_000],
        prop_oneof![8usize..60, 60usize..2_500],
        prop_oneof![8usize..30, 200usize..700],
    );
    sizes.prop_map(|(idr, picture, audio)| Sizes { idr, picture, audio })
}

fn picture(frame: u64, idr: bool, size: usize) -> Bytes {
    let mut data = vec![0, 0, 0, 1, 9, 0xf0, 0, 0, 1, if idr { 0x65 } else { 0x41 }];
    data.extend_from_slice(format!("f{frame}.").as_bytes());
    // Sizes differ from picture to picture.
    let size = size + frame as usize * 7919 % size.max(1);
    data.resize(data.len().max(size), b'x');
    data.into()
}

fn adts(n: i64, size: usize) -> Bytes {
    let length = 7 + size + n as usize * 31 % 5;
    let mut frame = vec![0x21; length];
    let low = (length as u8 & 7) << 5 | 0x1f;
    let (high, middle) = (0x80 | (length >> 11) as u8, (length >> 3) as u8);
    frame[..7].copy_from_slice(&[0xff, 0xf1, 0x4c, high, middle, low, 0xfc]);
    frame.into()
}

/// The frames of `from..to` in the decoding order of closed GOPs with a
/// B-pyramid, beginning with an IDR.
fn decoding_order(from: u64, to: u64) -> Vec<u64> {
    let mut order = vec![from];
    let mut next = from + 1;
    while next < to {
        let group = (to - next).min(4);
        let anchor = next + group - 1;
        order.push(anchor);
        match group {
            4 => order.extend([next + 1, next, next + 2]),
            _ => order.extend(next..anchor),
        }
        next += group;
    }
    order
}

/// What FFmpeg started at `position` would write: two frames of reordering,
/// audio from a quarter second before with the encoder's priming.
fn worker(map: &SegmentMap, position: Position, sizes: Sizes) -> Vec<u8> {
    let rate = map.rate();
    let far = map.end() + WORKER_TS_OFFSET + Ticks::from_secs(9);
    let mut writer = SegmentWriter::new(VideoCodec::H264, Ticks::ZERO, far);
    let mut from = position.frame;
    let mut index = from;
    for segment in position.segment..map.segments() {
        let to = map.cut_frame(segment + 1);
        for frame in if from < to { decoding_order(from, to) } else { vec![] } {
            let decoded = match index.checked_sub(2) {
                Some(shown) => rate.ticks_at(shown),
                None => -rate.ticks_at(2 - index),
            };
            writer.push(AccessUnit {
                kind: UnitKind::Video { idr: frame == from },
                pts: rate.ticks_at(frame) + WORKER_TS_OFFSET,
                dts: decoded + WORKER_TS_OFFSET,
                data: picture(
                    frame,
                    frame == from,
                    if frame == from { sizes.idr } else { sizes.picture },
                ),
            });
            index += 1;
        }
        from = from.max(to);
    }
    let first = (position.audio.0.min(rate.ticks_at(position.frame).0) - 22_500).max(0) / 1_920 - 1;
    for n in first..=map.end().0 / 1_920 + 2 {
        let pts = Ticks(n * 1_920) + WORKER_TS_OFFSET;
        writer.push(AccessUnit {
            kind: UnitKind::Audio,
            pts,
            dts: pts,
            data: adts(n.max(0), sizes.audio),
        });
    }
    writer.close().bytes.to_vec()
}

/// Segments by index, put together from what a segmenter gave.
fn collect(out: &[Output]) -> Vec<(u32, Segment)> {
    let mut segments = Vec::new();
    let mut open: Option<(u32, Vec<_>)> = None;
    for output in out {
        match output {
            Output::Opened { index } => {
                assert!(open.is_none(), "{index} opened before another was closed");
                open = Some((*index, Vec::new()));
            }
            Output::Chunk { index, chunk } => {
                let (current, chunks) = open.as_mut().expect("a chunk of an open segment");
                assert_eq!(current, index);
                let before: usize =
                    chunks.iter().map(|c: &aerial_model::mpegts::Chunk| c.bytes.len()).sum();
                assert_eq!(chunk.offset as usize, before);
                chunks.push(chunk.clone());
            }
            Output::Closed { index } => {
                let (current, chunks) = open.take().expect("an open segment is closed");
                assert_eq!(current, *index);
                segments.push((current, Segment::from_chunks(&chunks)));
            }
        }
    }
    segments
}

fn segments_from(map: &SegmentMap, segment: u32, sizes: Sizes) -> Vec<(u32, Segment)> {
    let bytes = worker(map, Position::at(map, segment), sizes);
    let mut segmenter = Segmenter::new(map.clone(), segment);
    let mut out = Vec::new();
    segmenter.push(&bytes, &mut out).unwrap();
    let finished = segmenter.finish(&mut out).unwrap();
    assert!(finished.complete, "{finished:?}");
    collect(&out)
}

/// All a media's segments have to have, whoever made them.
fn assert_whole(map: &SegmentMap, segments: &[(u32, Segment)]) {
    let indices: Vec<u32> = segments.iter().map(|(index, _)| *index).collect();
    let first = indices[0];
    assert_eq!(indices, (first..map.segments()).collect::<Vec<u32>>());
    for (index, segment) in segments {
        let reading = read(&segment.bytes);
        reading.assert_closed();
        let frames = map.cut_frame(*index)..map.cut_frame(index + 1);
        let expected: Vec<i64> = frames.map(|frame| map.rate().ticks_at(frame).0).collect();
        assert_eq!(reading.shown(), expected);
        assert_eq!(reading.video[0].pts, map.cut(*index).0);
        let (cut, next) = (map.cut(*index).0, map.cut(index + 1).0);
        assert!(reading.audio.iter().all(|pes| (cut..next).contains(&pes.pts)));
        assert_stamps(segment, &reading);
    }
    let joined = read(&join(segments));
    joined.assert_audio_is_unbroken();
    if first == 0 {
        assert_eq!(joined.audio.len() as i64, map.end().round_up_to_audio_frame().0 / 1_920);
    }
}

fn join(segments: &[(u32, Segment)]) -> Vec<u8> {
    segments.iter().flat_map(|(_, segment)| segment.bytes.to_vec()).collect()
}

/// The stamps are all the times there are: with them set to 0, none is left.
fn assert_stamps(segment: &Segment, reading: &Reading) {
    let video = reading.video.iter().map(|pes| 1 + usize::from(pes.dts != pes.pts));
    let times = video.sum::<usize>() + reading.audio.len() + reading.pcr.len();
    assert_eq!(segment.stamps.len(), times);
    let mut bytes = segment.bytes.to_vec();
    restamp(&mut bytes, &segment.stamps, Ticks(1_000_000));
    let moved = read(&bytes);
    let all = |reading: &Reading, by: i64| -> Vec<i64> {
        let units = reading.video.iter().chain(&reading.audio).flat_map(|pes| [pes.pts, pes.dts]);
        units.chain(reading.pcr.iter().copied()).map(|time| time + by).collect()
    };
    assert_eq!(all(&moved, 0), all(reading, 1_000_000));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn segments_are_whole_and_the_same_whichever_worker_makes_them(
        map in maps(), sizes in sizes(), start in any::<prop::sample::Index>(),
    ) {
        let all = segments_from(&map, 0, sizes);
        assert_whole(&map, &all);
        let start = start.index(map.segments() as usize);
        prop_assert_eq!(&segments_from(&map, start as u32, sizes)[..], &all[start..]);
    }

    #[test]
    fn how_the_bytes_are_cut_changes_nothing_but_the_chunks(
        map in maps(), sizes in sizes(), piece in 1usize..9_000,
    ) {
        let bytes = worker(&map, Position::at(&map, 0), sizes);
        let mut segmenter = Segmenter::new(map.clone(), 0);
        let mut out = Vec::new();
        for bytes in bytes.chunks(piece) {
            segmenter.push(bytes, &mut out).unwrap();
        }
        prop_assert!(segmenter.finish(&mut out).unwrap().complete);
        prop_assert_eq!(collect(&out), segments_from(&map, 0, sizes));
    }

    #[test]
    fn workers_that_die_anywhere_are_continued_without_gap_or_double(
        map in maps(), sizes in sizes(),
        deaths in prop::collection::vec((any::<prop::sample::Index>(), 1usize..5_000), 1..5),
    ) {
        let mut handover = Handover::at(&map, 0);
        let mut out = Vec::new();
        for (death, piece) in deaths {
            if handover.position().is_end(&map) {
                break;
            }
            let bytes = worker(&map, handover.position(), sizes);
            let mut segmenter = Segmenter::resume(map.clone(), handover);
            for bytes in bytes[..death.index(bytes.len())].chunks(piece) {
                segmenter.push(bytes, &mut out).unwrap();
            }
            handover = segmenter.into_handover();
        }
        let before = handover.position();
        let mut segmenter = Segmenter::resume(map.clone(), handover);
        segmenter.push(&worker(&map, before, sizes), &mut out).unwrap();
        let finished = segmenter.finish(&mut out).unwrap();
        prop_assert!(finished.complete, "{:?} from {:?}", finished, before);
        assert_whole(&map, &collect(&out));
    }

    #[test]
    fn a_slate_completes_what_a_dead_worker_left(
        map in maps(), sizes in sizes(), death in any::<prop::sample::Index>(), tiny: bool,
    ) {
        let slate = slate(map.rate(), tiny);
        let bytes = worker(&map, Position::at(&map, 0), sizes);
        let mut segmenter = Segmenter::new(map.clone(), 0);
        let mut out = Vec::new();
        segmenter.push(&bytes[..death.index(bytes.len())], &mut out).unwrap();
        let mut position = segmenter.position();
        let mut handover = segmenter.into_handover();
        if handover.is_growing() {
            position = slate.complete(&map, Treatment::Transcoded, handover, &mut out).unwrap();
        }
        let mut segments = collect(&out);
        while !position.is_end(&map) {
            handover = Handover::at(&map, position.segment);
            segments.push((position.segment, slate.segment(&map, Treatment::Transcoded, position.segment, 2).unwrap()));
            position = Position::at(&map, handover.position().segment + 1);
        }
        assert_whole(&map, &segments);
    }

    #[test]
    fn segments_in_any_order_keep_the_counters(
        map in maps(), sizes in sizes(), order in prop::collection::vec(any::<prop::sample::Index>(), 1..6),
    ) {
        let segments = segments_from(&map, 0, sizes);
        // Each after the one before, on one clock.
        let mut at = Ticks::ZERO;
        let mut joined = Vec::new();
        for pick in order {
            let (index, segment) = &segments[pick.index(segments.len())];
            let mut bytes = segment.bytes.to_vec();
            at = at.round_up_to_audio_frame();
            let lead = if *index == 0 { Ticks::ZERO } else { map.rate().ticks_at(2) + Ticks(3_840) };
            restamp(&mut bytes, &segment.stamps, at + lead - map.cut(*index));
            // Only the counters are looked at: audio and clock do not fit here.
            joined.extend_from_slice(&bytes);
            at += map.segment_length(*index) + lead;
        }
        let mut counters = std::collections::BTreeMap::new();
        for packet in joined.chunks(188).filter(|packet| packet[3] & 0x10 != 0) {
            let pid = (packet[1] & 0x1f, packet[2]);
            let expected = counters.get(&pid).map_or(0, |last: &u8| (last + 1) % 16);
            prop_assert_eq!(packet[3] & 15, expected);
            counters.insert(pid, packet[3] & 15);
        }
    }

    #[test]
    fn garbage_never_panics_and_is_refused(
        mut bytes in prop::collection::vec(any::<u8>(), 400..3_000), sync: bool,
    ) {
        if sync {
            bytes.iter_mut().step_by(188).for_each(|byte| *byte = 0x47);
        }
        let map = SegmentMap::of_frames(FrameRate::PAL, 300).unwrap();
        let mut segmenter = Segmenter::new(map.clone(), 1);
        let mut out = Vec::new();
        let _ = segmenter.push(&bytes, &mut out).and_then(|()| segmenter.finish(&mut out));
        prop_assert_eq!(out, []);
    }

    #[test]
    fn a_damaged_worker_gives_no_segment_that_is_not_whole(
        sizes in sizes(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let map = SegmentMap::of_frames(FrameRate::PAL, 130).unwrap();
        let mut bytes = worker(&map, Position::at(&map, 0), sizes);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let mut segmenter = Segmenter::new(map.clone(), 0);
        let mut out = Vec::new();
        for piece in bytes.chunks(1_000) {
            if segmenter.push(piece, &mut out).is_err() {
                break;
            }
        }
        // What came before the fault is handed on, and can be continued.
        let handover = segmenter.into_handover();
        if !handover.position().is_end(&map) {
            slate(map.rate(), false).complete(&map, Treatment::Transcoded, handover, &mut out).unwrap();
        }
        for (index, segment) in collect(&out) {
            let reading = read(&segment.bytes);
            reading.assert_closed();
            let frames = map.cut_frame(index)..map.cut_frame(index + 1);
            let expected: Vec<i64> = frames.map(|frame| map.rate().ticks_at(frame).0).collect();
            prop_assert_eq!(reading.shown(), expected);
        }
    }
}

/// A still of 300 pictures and silence: of tiny units, or of usual ones.
fn slate(rate: FrameRate, tiny: bool) -> Slate {
    let (idr, other, audio) = if tiny { (90, 8, 6) } else { (9_000, 300, 340) };
    let mut units: Vec<AccessUnit> = (0..300u64)
        .map(|n| {
            let pts = rate.ticks_at(n);
            let data = picture(n, n == 0, if n == 0 { idr } else { other });
            AccessUnit { kind: UnitKind::Video { idr: n == 0 }, pts, dts: pts, data }
        })
        .collect();
    units.extend((0..3).map(|n| {
        let pts = Ticks(1_920 * n);
        AccessUnit { kind: UnitKind::Audio, pts, dts: pts, data: adts(n, audio) }
    }));
    Slate::from_clip(rate, VideoCodec::H264, &units).unwrap()
}

#[test]
fn off_air_is_made_of_slates_of_any_length() {
    for tiny in [true, false] {
        let slate = slate(FrameRate::PAL, tiny);
        for frames in [1, 2, 24, 25, 100, 101, 110, 125, 200, 233] {
            let map = SegmentMap::of_frames(FrameRate::PAL, frames).unwrap();
            let segments: Vec<(u32, Segment)> = (0..map.segments())
                .map(|index| (index, slate.segment(&map, Treatment::Transcoded, index, 0).unwrap()))
                .collect();
            assert_whole(&map, &segments);
            assert!(segments.iter().all(|(_, s)| read(&s.bytes).random_access == 1));
        }
    }
}

#[test]
fn a_segment_with_a_single_tiny_audio_frame_is_closed_too() {
    let rate = rate((60, 1));
    let map = SegmentMap::of_frames(rate, 1).unwrap();
    let segment = slate(rate, true).segment(&map, Treatment::Transcoded, 0, 0).unwrap();
    let reading = read(&segment.bytes);
    assert_eq!((reading.video.len(), reading.audio.len()), (1, 1));
    reading.assert_closed();
}

#[test]
fn clips_that_cannot_be_slates_are_refused() {
    let unit = |idr, pts| AccessUnit {
        kind: UnitKind::Video { idr },
        pts: Ticks(pts),
        dts: Ticks(0),
        data: Bytes::from_static(b"x"),
    };
    let refused = |units: &[AccessUnit]| {
        Slate::from_clip(FrameRate::PAL, VideoCodec::H264, units).unwrap_err()
    };
    assert_eq!(refused(&[]), SlateError::NoKeyframe);
    assert_eq!(refused(&[unit(false, 0)]), SlateError::NoKeyframe);
    let reordered = [unit(true, 0), unit(false, 7_200), unit(false, 3_600)];
    assert_eq!(refused(&reordered), SlateError::Reordered { picture: 2 });
    assert_eq!(refused(&[unit(true, 0)]), SlateError::NoSilence);

    let slate = slate(FrameRate::PAL, false);
    let film = SegmentMap::of_frames(rate((24, 1)), 50).unwrap();
    let other = SlateError::OtherRate { clip: FrameRate::PAL, media: film.rate() };
    assert_eq!(slate.segment(&film, Treatment::Transcoded, 0, 0), Err(other));
    let map = SegmentMap::of_frames(FrameRate::PAL, 50).unwrap();
    assert_eq!(
        slate.segment(&map, Treatment::Transcoded, 1, 0),
        Err(SlateError::NoSuchSegment { index: 1 })
    );
}

const USUAL: Sizes = Sizes { idr: 9_000, picture: 900, audio: 340 };

fn map_of(frames: u64) -> SegmentMap {
    SegmentMap::of_frames(FrameRate::PAL, frames).unwrap()
}

/// The first fault of a worker's output for `map` read as for `segment`.
fn fault(map: SegmentMap, segment: u32, bytes: &[u8]) -> SegmenterError {
    let mut segmenter = Segmenter::new(map.clone(), segment);
    let mut out = Vec::new();
    segmenter.push(bytes, &mut out).and_then(|()| segmenter.finish(&mut out)).unwrap_err()
}

#[test]
fn a_run_whose_clock_is_not_the_medias_is_refused() {
    let map = map_of(300);
    let bytes = worker(&map, Position::at(&map, 0), USUAL);
    let expected = SegmenterError::Rebased { expected: Ticks(360_000), found: Ticks(0) };
    assert_eq!(fault(map, 1, &bytes), expected);
}

#[test]
fn a_cut_without_an_idr_is_refused() {
    // One segment of 200 frames, read with a map that cuts it after 100.
    let long = Position { segment: 0, frame: 0, audio: Ticks(0) };
    let slow = SegmentMap::of_frames(rate((50, 1)), 200).unwrap();
    let bytes = worker(&slow, long, USUAL);
    let map = SegmentMap::of_frames(rate((25, 1)), 400).unwrap();
    assert_eq!(fault(map, 0, &bytes), SegmenterError::OffGrid { pts: Ticks(1_800) });
    let whole = Position { segment: 1, frame: 0, audio: Ticks(0) };
    let bytes = worker(&map_of(300), whole, USUAL);
    let missing = SegmenterError::Missing { segment: 0, next: 97, end: 100 };
    assert_eq!(fault(map_of(300), 0, &bytes), missing);
    // Where no B-frame leans over the cut.
    let bytes = worker(&map_of(106), whole, USUAL);
    assert_eq!(fault(map_of(106), 0, &bytes), SegmenterError::NoKeyframe { segment: 1, frame: 53 });
}

#[test]
fn a_truncated_file_is_told_from_a_whole_one() {
    let map = map_of(300);
    let short = worker(&map_of(230), Position::at(&map, 1), USUAL);
    let mut segmenter = Segmenter::new(map.clone(), 1);
    let mut out = Vec::new();
    segmenter.push(&short, &mut out).unwrap();
    let finished = segmenter.finish(&mut out).unwrap();
    assert!(!finished.complete);
    // The last picture that came may be cut off: it is made again.
    assert_eq!((finished.next.segment, finished.next.frame), (2, 229));
    assert_eq!(finished.next, segmenter.position());
    assert!(segmenter.into_handover().is_growing());
}

#[test]
fn a_picture_that_was_cut_off_is_made_again() {
    let map = map_of(40);
    let bytes = worker(&map, Position::at(&map, 0), USUAL);
    let data = |out: &[Output]| -> Vec<Vec<u8>> {
        read(&collect(out)[0].1.bytes).video.into_iter().map(|pes| pes.data).collect()
    };
    let mut whole = Vec::new();
    let mut segmenter = Segmenter::new(map.clone(), 0);
    segmenter.push(&bytes, &mut whole).unwrap();
    segmenter.finish(&mut whole).unwrap();
    let mut whole = data(&whole);
    whole.sort();
    // Cut between two packets, the stream says of itself that it is whole.
    for end in (188..bytes.len()).step_by(188) {
        let mut out = Vec::new();
        let mut first = Segmenter::new(map.clone(), 0);
        first.push(&bytes[..end], &mut out).unwrap();
        if first.finish(&mut out).is_ok_and(|finished| finished.complete) {
            continue; // nothing but stuffing was cut off
        }
        let handover = first.into_handover();
        let position = handover.position();
        if position.frame == map.frames() {
            continue; // sound alone is missing
        }
        let mut second = Segmenter::resume(map.clone(), handover);
        second.push(&worker(&map, position, USUAL), &mut out).unwrap();
        assert!(second.finish(&mut out).unwrap().complete, "{end} bytes, {position:?}");
        // All but the IDR that the successor begins with are those of the first.
        let joined = data(&out);
        assert_eq!(joined.len(), whole.len());
        let strangers = joined.iter().filter(|picture| !whole.contains(picture)).count();
        assert!(strangers <= 1, "{strangers} pictures are others, cut at {end}");
    }
}

#[test]
fn the_first_bytes_come_with_the_idr_alone() {
    let map = map_of(300);
    let bytes = worker(&map, Position::at(&map, 1), USUAL);
    let mut segmenter = Segmenter::new(map.clone(), 1);
    let mut out = Vec::new();
    let mut fed = 0;
    for packet in bytes.chunks(188) {
        segmenter.push(packet, &mut out).unwrap();
        fed += packet.len();
        if out.len() > 1 {
            break;
        }
    }
    assert_eq!(out[0], Output::Opened { index: 1 });
    let Output::Chunk { chunk, .. } = &out[1] else { panic!("{out:?}") };
    // The quarter second of audio before it has come, and its successor's start;
    // all of the IDR but its tail is out.
    let idr = picture(100, true, USUAL.idr).len();
    assert!(fed < idr + 6_000, "{fed} bytes for an IDR of {idr}");
    assert!(chunk.bytes.len() > idr, "{} bytes of an IDR of {idr}", chunk.bytes.len());
    assert_eq!(segmenter.position().frame, 101);
}

#[test]
fn b_frames_are_handed_on_with_what_they_lean_on() {
    let map = map_of(300);
    let bytes = worker(&map, Position::at(&map, 0), USUAL);
    let mut segmenter = Segmenter::new(map.clone(), 0);
    let mut frames = vec![0];
    for packet in bytes.chunks(188) {
        segmenter.push(packet, &mut Vec::new()).unwrap();
        let frame = segmenter.position().frame;
        if frames.last() != Some(&frame) {
            frames.push(frame);
        }
    }
    assert_eq!(frames[..6], [0, 1, 5, 9, 13, 17]);
}

#[test]
fn items_of_all_rates_follow_each_other_in_both_orders() {
    let items: Vec<(SegmentMap, Vec<(u32, Segment)>)> = RATES
        .iter()
        .map(|rates| {
            let rate = rate(*rates);
            let map =
                SegmentMap::of_frames(rate, rate.frames_in(Ticks::from_millis(1_500))).unwrap();
            let segments = segments_from(&map, 0, USUAL);
            (map, segments)
        })
        .collect();
    let mut at = Ticks::ZERO;
    let mut joined = Vec::new();
    for first in 0..items.len() {
        for second in 0..items.len() {
            for (map, segments) in [&items[first], &items[second]] {
                for (_, segment) in segments {
                    let mut bytes = segment.bytes.to_vec();
                    restamp(&mut bytes, &segment.stamps, at);
                    joined.extend_from_slice(&bytes);
                }
                at += map.end().round_up_to_audio_frame();
            }
        }
    }
    let reading = read(&joined);
    reading.assert_closed();
    reading.assert_audio_is_unbroken();
    assert_eq!(reading.audio.len() as i64 * 1_920, at.0);
}
