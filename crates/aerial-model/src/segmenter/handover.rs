//! How far a segmenter has come, and what it leaves to the next.
//!
//! Owns positions and the growing segment that goes from one worker's segmenter to
//! another's. Invariant: whoever takes a handover continues at the first thing that was
//! not handed on, with the writer that wrote what was.

use super::timing::{self, first_audio};
use crate::mpegts::{SegmentWriter, VideoCodec};
use crate::segment_map::SegmentMap;
use crate::time::Ticks;

/// The first things not yet handed on: where another worker continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The segment under way, or to be opened next; the map's number of
    /// segments when all is done.
    pub segment: u32,
    /// The first frame wanted, counted from the media's start; of copied video
    /// the first picture, counted from the segment's start in decoding order.
    pub frame: u64,
    /// The first audio PTS wanted. It can be before the frame's time (audio
    /// comes by decoding time) or after it.
    pub audio: Ticks,
}

impl Position {
    /// The beginning of segment `segment`.
    pub fn at(map: &SegmentMap, segment: u32) -> Self {
        Self::of(map, Treatment::Transcoded, segment)
    }

    /// The same, of what is treated so.
    pub fn of(map: &SegmentMap, treatment: Treatment, segment: u32) -> Self {
        let segment = segment.min(map.segments());
        let frame = match treatment {
            Treatment::Transcoded => map.cut_frame(segment),
            Treatment::CopiedVideo | Treatment::Copied => 0,
        };
        let audio = match (treatment, map.cut_list()) {
            (Treatment::Copied, Some(cuts)) if segment < map.segments() => cuts.cut(segment).audio,
            _ => first_audio(map.cut(segment)),
        };
        Self { segment, frame, audio }
    }

    /// Whether nothing is left to make.
    pub fn is_end(&self, map: &SegmentMap) -> bool {
        self.segment >= map.segments()
    }
}

/// What of a track is copied. Only what is cut at the file's own keyframes can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Treatment {
    /// Nothing.
    #[default]
    Transcoded,
    /// The picture; the sound is transcoded.
    CopiedVideo,
    /// Picture and sound.
    Copied,
}

impl Treatment {
    /// The picture is copied.
    pub fn copies_video(self) -> bool {
        self != Self::Transcoded
    }
}

/// A segment's writer and how far it has come: what one worker's segmenter
/// leaves and its successor's takes over.
#[derive(Debug)]
pub struct Handover {
    pub(super) position: Position,
    pub(super) open: Option<Open>,
}

impl Handover {
    /// A fresh start at `segment`.
    pub fn at(map: &SegmentMap, segment: u32) -> Self {
        Self::of(map, Treatment::Transcoded, segment)
    }

    /// The same, of what is treated so.
    pub fn of(map: &SegmentMap, treatment: Treatment, segment: u32) -> Self {
        Self { position: Position::of(map, treatment, segment), open: None }
    }

    /// Where the next worker continues.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Whether a growing segment goes with it.
    pub fn is_growing(&self) -> bool {
        self.open.is_some()
    }
}

/// A growing segment.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) writer: SegmentWriter,
    /// Frames by which decoding runs ahead of display.
    pub(super) reorder: u64,
    /// When the last copied picture that was handed on ends.
    pub(super) shown_until: Option<Ticks>,
}

impl Open {
    pub(super) fn new(map: &SegmentMap, index: u32, codec: VideoCodec, reorder: u64) -> Self {
        let limit = timing::clock_limit(map, index, reorder);
        let writer = SegmentWriter::new(codec, map.cut(index), limit);
        Self { writer, reorder, shown_until: None }
    }
}
