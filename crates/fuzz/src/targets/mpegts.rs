//! MPEG-TS, as FFmpeg's output may be when it is damaged: the demultiplexer, and what
//! lives on it: the segmenter, the index of keyframes, slates, the writer, and the files
//! of finished segments.

use aerial_model::keyframes::Indexer;
use aerial_model::mpegts::{
    AccessUnit, DemuxError, Demuxer, PACKET_BYTES, SegmentWriter, UnitKind, VideoCodec, restamp,
};
use aerial_model::segment::Segment;
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::slate::Slate;
use aerial_model::segmenter::{Output, Segmenter, WORKER_TS_OFFSET};
use aerial_model::time::{AUDIO_FRAME, FrameRate, Ticks};
use bytes::Bytes;

use crate::Target;

pub(crate) const TARGET: Target = Target { name: "mpegts", run, seeds, words: &[] };

/// An IDR with its parameter sets, and a picture that is none.
const IDR: &[u8] =
    b"\0\0\0\x01\x67\x64\0\x1f\xac\0\0\0\x01\x68\xee\x3c\0\0\0\x01\x65\x88\x84\0\x10";
const PICTURE: &[u8] = b"\0\0\0\x01\x41\x9a\x24\x6c\x41";

/// A frame of silence, with its ADTS header.
const SOUND: &[u8] = &[0xff, 0xf1, 0x4c, 0x80, 0x01, 0x7f, 0xfc, 0x21, 0x10, 0x04, 0x60];

/// The first byte says how the rest is given.
fn run(input: &[u8]) {
    let Some((how, stream)) = input.split_first() else { return };
    // Tables have checksums that chance never gets right, so whole ones may go before.
    let tables = SegmentWriter::new(codec(*how), Ticks::ZERO, Ticks::from_secs(4)).close().bytes;
    let stream = match how & 1 {
        0 => stream.to_vec(),
        _ => [&tables, stream].concat(),
    };
    let whole = units(&stream, stream.len());
    // However it is cut on its way, the same comes out.
    let pieces = units(&stream, usize::from(how >> 2).max(1));
    assert!(whole == pieces, "other units where the bytes come in pieces");
    let good: Vec<AccessUnit> = whole.into_iter().filter_map(Result::ok).collect();
    segmented(&stream);
    indexed(&stream);
    let _ = Segment::decode(&Bytes::from(stream));
    if let Ok(slate) = Slate::from_clip(FrameRate::PAL, codec(*how), &good) {
        let map = SegmentMap::uniform(FrameRate::PAL, Ticks::from_secs(9)).unwrap();
        let _ = slate.segment(&map, Default::default(), 1, 2);
    }
    written(&good, codec(*how));
}

fn codec(how: u8) -> VideoCodec {
    if how & 2 == 0 { VideoCodec::H264 } else { VideoCodec::Hevc }
}

fn units(stream: &[u8], piece: usize) -> Vec<Result<AccessUnit, DemuxError>> {
    let mut demuxer = Demuxer::new(WORKER_TS_OFFSET);
    let mut units = Vec::new();
    for piece in stream.chunks(piece.max(1)) {
        demuxer.push(piece);
        units.extend(std::iter::from_fn(|| demuxer.next_unit()));
    }
    demuxer.finish();
    units.extend(std::iter::from_fn(|| demuxer.next_unit()));
    units
}

fn segmented(stream: &[u8]) {
    let map = SegmentMap::uniform(FrameRate::PAL, Ticks::from_secs(9)).unwrap();
    let mut segmenter = Segmenter::new(map.clone(), 0);
    let mut out = Vec::new();
    let pushed = segmenter.push(stream, &mut out);
    if pushed.is_ok() {
        let _ = segmenter.finish(&mut out);
    }
    // What is handed on is in order, however it ended.
    let indexes = out.iter().map(|output| match output {
        Output::Opened { index } | Output::Chunk { index, .. } | Output::Closed { index } => *index,
    });
    let indexes: Vec<u32> = indexes.collect();
    assert!(indexes.is_sorted(), "{indexes:?}");
    assert!(indexes.iter().all(|index| *index < map.segments()));
    let position = segmenter.position();
    let again = Segmenter::resume(map, segmenter.into_handover());
    assert_eq!(again.position(), position);
}

fn indexed(stream: &[u8]) {
    let mut demuxer = Indexer::demuxer();
    let mut indexer = Indexer::default();
    demuxer.push(stream);
    if indexer.take_units(&mut demuxer).is_err() {
        return;
    }
    let facts = super::probe::facts();
    let Ok(indexed) = indexer.finish(&facts, 2) else { return };
    let segments = indexed.cuts.segments();
    if let Some(map) = SegmentMap::copied(facts.rate(), std::sync::Arc::new(indexed.cuts)) {
        assert_eq!(map.segments(), segments);
    }
}

/// What the demultiplexer gives, the writer takes, and restamping changes no length.
fn written(units: &[AccessUnit], codec: VideoCodec) {
    let start = units.first().map_or(Ticks::ZERO, |unit| unit.pts);
    let mut writer = SegmentWriter::new(codec, start, start + Ticks::from_secs(4));
    let mut chunks = Vec::new();
    for unit in units.iter().take(2_000).cloned() {
        // A segment is of a few seconds: the clock fills what is between.
        if (unit.dts - start).0.abs() > Ticks::from_secs(60).0 {
            continue;
        }
        writer.push(unit);
        chunks.extend(writer.take());
    }
    chunks.push(writer.close());
    let segment = Segment::from_chunks(chunks.iter());
    assert_eq!(segment.bytes.len() % PACKET_BYTES, 0);
    let mut moved = segment.bytes.to_vec();
    restamp(&mut moved, &segment.stamps, Ticks(-1));
    restamp(&mut moved, &segment.stamps, Ticks(1));
    assert!(moved == segment.bytes, "there and back is somewhere else");
    assert_eq!(Segment::decode(&segment.encode()), Ok(segment), "a file of it is another one");
}

/// Two segments of a film, from its start and from its middle, and a single table.
fn seeds() -> Vec<Vec<u8>> {
    let film = |how: u8, from: i64, frames: i64| {
        let start = WORKER_TS_OFFSET + Ticks(from * 3_600);
        let mut writer = SegmentWriter::new(codec(how), start, start + Ticks(frames * 3_600));
        for n in 0..frames {
            let (kind, data) = match n % 100 {
                0 => (UnitKind::Video { idr: true }, IDR),
                _ => (UnitKind::Video { idr: false }, PICTURE),
            };
            let pts = start + Ticks(n * 3_600);
            writer.push(AccessUnit { kind, pts, dts: pts, data: Bytes::from_static(data) });
        }
        for n in 0..frames * 3_600 / AUDIO_FRAME.0 {
            let pts = start + AUDIO_FRAME * n;
            let kind = UnitKind::Audio;
            writer.push(AccessUnit { kind, pts, dts: pts, data: Bytes::from_static(SOUND) });
        }
        let bytes = writer.close().bytes;
        [&[how][..], &bytes].concat()
    };
    vec![film(0x10, 0, 225), film(0x21, 100, 10), film(0x33, 0, 3), vec![1]]
}
