//! Cuts a worker's output into segments.
//!
//! Owns the question which access unit belongs to which segment, and how far a
//! worker has come. How a segment's bytes are written is `mpegts::write`'s to
//! say; starting and ending workers is not its business. Invariant: what is
//! handed on is always a prefix of the media in display order, without gap or
//! double, so that any other worker can continue exactly there.

mod copied;
mod error;
mod grid;
mod handover;
mod pictures;
pub mod slate;
mod timing;

use std::collections::VecDeque;
use std::sync::Arc;

pub use self::error::SegmenterError;
use self::error::WAITING_LIMIT;
use self::handover::Open;
pub use self::handover::{Handover, Position, Treatment};
use self::pictures::Pictures;
use crate::mpegts::{AccessUnit, Chunk, Demuxer, UnitKind};
use crate::segment_map::{CutList, SegmentMap};
use crate::time::{AUDIO_FRAME, Ticks};

/// The `-output_ts_offset` of every worker, taken off again here: the first AAC
/// packet and the DTS of B-frames are negative without it, and wrap.
pub const WORKER_TS_OFFSET: Ticks = Ticks::from_secs(10);

/// AAC frames that FFmpeg may make again before another worker is the quicker
/// way: 10 s of silence, which take it 0.1 s.
const MADE_AGAIN_LIMIT: usize = 470;

/// What a segmenter gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// A segment has begun; its first chunk follows.
    Opened {
        /// Which.
        index: u32,
    },
    /// More of the open segment.
    Chunk {
        /// Which.
        index: u32,
        /// Its next packets.
        chunk: Chunk,
    },
    /// The segment is whole.
    Closed {
        /// Which.
        index: u32,
    },
}

/// How a worker's output ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Whether the media was made to its end.
    pub complete: bool,
    /// What would come next; with a truncated file it is before the end.
    pub next: Position,
}

/// Fed with a worker's standard output, gives segments.
#[derive(Debug)]
pub struct Segmenter {
    map: SegmentMap,
    demuxer: Demuxer,
    position: Position,
    open: Option<Open>,
    pictures: Pictures,
    /// The cuts that copied sound is sorted by.
    copied_sound: Option<Arc<CutList>>,
    /// Sound that came and is not handed on.
    audio: VecDeque<AccessUnit>,
    /// Sound that came again between two places of the grid.
    made_again: usize,
    /// No more comes.
    ended: bool,
}

impl Segmenter {
    /// For a worker started at the beginning of segment `segment`.
    pub fn new(map: SegmentMap, segment: u32) -> Self {
        let handover = Handover::at(&map, segment);
        Self::resume(map, handover)
    }

    /// For a worker started at `handover.position()`.
    pub fn resume(map: SegmentMap, handover: Handover) -> Self {
        Self::resume_as(map, Treatment::Transcoded, handover)
    }

    /// The same, of what is treated so. Without keyframes to be cut at, all is
    /// transcoded.
    pub fn resume_as(map: SegmentMap, treatment: Treatment, handover: Handover) -> Self {
        let Handover { position, open } = handover;
        let cuts = map.cut_list().filter(|_| treatment.copies_video()).cloned();
        let begins = match &cuts {
            Some(cuts) => cuts.cut(position.segment).at + cuts.origin(),
            None => map.rate().ticks_at(position.frame),
        };
        Self {
            demuxer: Demuxer::new(begins + WORKER_TS_OFFSET),
            copied_sound: cuts.clone().filter(|_| treatment == Treatment::Copied),
            pictures: match cuts {
                Some(cuts) => Pictures::Copied(copied::Pictures::new(), cuts),
                None => Pictures::Grid(grid::Pictures::default()),
            },
            map,
            position,
            open,
            audio: VecDeque::new(),
            made_again: 0,
            ended: false,
        }
    }

    /// The first things not yet handed on.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Takes the worker's next bytes and appends to `out` what they complete.
    ///
    /// # Errors
    /// The worker must be replaced; what is in `out` is good nevertheless.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<Output>) -> Result<(), SegmenterError> {
        self.demuxer.push(bytes);
        let result = self.accept_all(out);
        // Also after a fault: what came before it was handed on.
        self.hand_out_chunk(out);
        result
    }

    /// The worker's output has ended. Its last picture is taken only if it is
    /// the media's last one: a stream that was cut off may end within it.
    ///
    /// # Errors
    /// As [`Segmenter::push`].
    pub fn finish(&mut self, out: &mut Vec<Output>) -> Result<Finished, SegmenterError> {
        if !self.pictures.all_came(&self.map, self.position) {
            self.demuxer.forget_picture();
        }
        self.demuxer.finish();
        let mut result = self.accept_all(out);
        self.ended = true;
        if result.is_ok() {
            result = self.advance(out);
        }
        self.hand_out_chunk(out);
        result.map(|()| Finished { complete: self.position.is_end(&self.map), next: self.position })
    }

    /// Leaves the growing segment to another worker's segmenter.
    pub fn into_handover(self) -> Handover {
        Handover { position: self.position, open: self.open }
    }

    fn hand_out_chunk(&mut self, out: &mut Vec<Output>) {
        let index = self.position.segment;
        if let Some(chunk) = self.open.as_mut().and_then(|open| open.writer.take()) {
            out.push(Output::Chunk { index, chunk });
        }
    }

    /// Everything the demuxer has ready, up to the first fault.
    fn accept_all(&mut self, out: &mut Vec<Output>) -> Result<(), SegmenterError> {
        while let Some(unit) = self.demuxer.next_unit() {
            let mut unit = unit?;
            unit.pts -= WORKER_TS_OFFSET;
            unit.dts -= WORKER_TS_OFFSET;
            match unit.kind {
                UnitKind::Video { .. } => {
                    self.pictures.accept(&self.map, self.position, unit)?;
                }
                UnitKind::Audio => self.accept_sound(unit)?,
            }
            self.advance(out)?;
            if self.pictures.waiting().max(self.audio.len()) > WAITING_LIMIT {
                return Err(SegmenterError::Unbalanced);
            }
        }
        Ok(())
    }

    fn accept_sound(&mut self, mut unit: AccessUnit) -> Result<(), SegmenterError> {
        let Some(cuts) = &self.copied_sound else {
            // Frames lie on the audio grid, so "before the end" and "before the
            // rounded length" are the same.
            return if unit.pts < self.map.end() { self.accept_audio(unit) } else { Ok(()) };
        };
        unit.pts = copied::sound_time(cuts, unit.pts - cuts.origin());
        unit.dts = unit.pts;
        let next = self.audio.back().map_or(self.position.audio, |last| last.pts + AUDIO_FRAME);
        let last = copied::sound_threshold(&self.map, cuts, cuts.segments());
        if unit.pts >= next - copied::HALF_AUDIO_FRAME && unit.pts < last {
            self.audio.push_back(unit);
        }
        Ok(())
    }

    /// Passes over what came before: the encoder's priming, what the pre-seek
    /// brought, and what FFmpeg makes again where sound changes its form. That is
    /// silence up to the change, to which its muxer gives times a tick apart, from
    /// the last good one on; the sound after the change has its own times.
    fn accept_audio(&mut self, unit: AccessUnit) -> Result<(), SegmenterError> {
        let next = self.audio.back().map_or(self.position.audio, |last| last.pts + AUDIO_FRAME);
        if unit.pts >= next && unit.pts == unit.pts.round_up_to_audio_frame() {
            self.audio.push_back(unit);
            return Ok(());
        }
        let last = next - AUDIO_FRAME;
        self.made_again += usize::from(unit.pts > last);
        if self.made_again > MADE_AGAIN_LIMIT {
            return Err(SegmenterError::SoundBegunAnew { last });
        }
        Ok(())
    }

    /// Hands on whatever can be, over as many segments as it reaches.
    fn advance(&mut self, out: &mut Vec<Output>) -> Result<(), SegmenterError> {
        while !self.position.is_end(&self.map) {
            let Some(mut open) = self.take_open(out)? else { return Ok(()) };
            let result = self.pictures.hand_on(&self.map, &mut self.position, &mut open);
            self.hand_on_audio(&mut open);
            if result.is_err() || !self.end_tracks(&mut open) {
                self.open = Some(open);
                return result;
            }
            let index = self.position.segment;
            out.push(Output::Chunk { index, chunk: open.writer.close() });
            out.push(Output::Closed { index });
            self.position.segment += 1;
            self.pictures.turn(&mut self.position)?;
        }
        Ok(())
    }

    /// The growing segment, or the next one if its IDR is there.
    fn take_open(&mut self, out: &mut Vec<Output>) -> Result<Option<Open>, SegmenterError> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        let segment = self.position.segment;
        let Some(reorder) = self.pictures.opening(self.position)? else { return Ok(None) };
        let codec = self.demuxer.video_codec().unwrap_or_default();
        out.push(Output::Opened { index: segment });
        Ok(Some(Open::new(&self.map, segment, codec, reorder)))
    }

    fn hand_on_audio(&mut self, open: &mut Open) {
        let end = self.audio_end();
        while let Some(unit) = self.audio.pop_front_if(|unit| unit.pts < end) {
            self.position.audio = unit.pts + AUDIO_FRAME;
            open.writer.push(unit);
        }
    }

    /// Where the sound of the segment under way ends.
    fn audio_end(&self) -> Ticks {
        let next = self.position.segment + 1;
        match &self.copied_sound {
            Some(cuts) => copied::sound_threshold(&self.map, cuts, next),
            None => self.map.cut(next),
        }
    }

    /// Tells the writer which tracks are whole; `true` where both are.
    fn end_tracks(&self, open: &mut Open) -> bool {
        let video = self.pictures.are_whole(&self.map, self.position);
        // A copied sound that ends with the file is whole where the pictures are.
        let came_to_its_end = self.ended && self.copied_sound.is_some() && video;
        let audio = came_to_its_end || self.position.audio >= self.audio_end();
        if video {
            open.writer.end_video();
        }
        if audio {
            open.writer.end_audio();
        }
        video && audio
    }
}
