//! Cuts a worker's output into segments.
//!
//! Owns the question which access unit belongs to which segment, and how far a
//! worker has come. How a segment's bytes are written is `mpegts::write`'s to
//! say; starting and ending workers is not its business. Invariant: what is
//! handed on is always a prefix of the media in display order, without gap or
//! double, so that any other worker can continue exactly there.

pub mod slate;
mod timing;

use std::collections::VecDeque;

use crate::mpegts::{AccessUnit, Chunk, DemuxError, Demuxer, SegmentWriter, UnitKind, VideoCodec};
use crate::segment_map::SegmentMap;
use crate::time::{AUDIO_FRAME, Ticks};
use timing::first_audio;

/// The `-output_ts_offset` of every worker, taken off again here: the first AAC
/// packet and the DTS of B-frames are negative without it, and wrap.
pub const WORKER_TS_OFFSET: Ticks = Ticks::from_secs(10);

/// Units of one track that may wait for the other: a minute of audio, more than
/// FFmpeg ever interleaves.
const WAITING_LIMIT: usize = 4_000;

/// AAC frames that FFmpeg may make again before another worker is the quicker
/// way: 10 s of silence, which take it 0.1 s.
const MADE_AGAIN_LIMIT: usize = 470;

/// The first things not yet handed on: where another worker continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// The segment under way, or to be opened next; the map's number of
    /// segments when all is done.
    pub segment: u32,
    /// The first frame wanted, counted from the media's start.
    pub frame: u64,
    /// The first audio PTS wanted. It can be before the frame's time (audio
    /// comes by decoding time) or after it.
    pub audio: Ticks,
}

impl Position {
    /// The beginning of segment `segment`.
    pub fn at(map: &SegmentMap, segment: u32) -> Self {
        let segment = segment.min(map.segments());
        Self { segment, frame: map.cut_frame(segment), audio: first_audio(map.cut(segment)) }
    }

    /// Whether nothing is left to make.
    pub fn is_end(&self, map: &SegmentMap) -> bool {
        self.segment >= map.segments()
    }
}

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

/// Why a worker's output cannot be used from here on. What was handed on before
/// stays good: end the worker, and continue at [`Segmenter::position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmenterError {
    /// The stream itself is damaged.
    #[error("the worker's output is damaged: {0}; start another worker at the position reached")]
    Stream(#[from] DemuxError),
    /// The first picture is not the one asked for: the run's clock is not the
    /// media's.
    #[error(
        "rebased: the worker's first keyframe is at {found} s where {expected} s was asked for"
    )]
    Rebased {
        /// When the first frame wanted is shown.
        expected: Ticks,
        /// The PTS that came.
        found: Ticks,
    },
    /// The first picture is no IDR, or a cut came without one.
    #[error("no IDR at frame {frame}, where segment {segment} must begin or go on")]
    NoKeyframe {
        /// The segment.
        segment: u32,
        /// The frame that should have been an IDR.
        frame: u64,
    },
    /// A picture between two frames of the grid.
    #[error("a picture at {pts} s, which is no frame of the media's grid")]
    OffGrid {
        /// Its PTS.
        pts: Ticks,
    },
    /// The file's sound changes its channels or its rate, so FFmpeg has begun its
    /// sound anew, from the run's first sample on. A worker started at the position
    /// reached sees the change soon after its own start.
    #[error(
        "after {last} s the file's sound changes its form, and FFmpeg makes all sound before it again; \
         start another worker at the position reached"
    )]
    SoundBegunAnew {
        /// PTS of the last sound that was right.
        last: Ticks,
    },
    /// A picture decoded after it is shown, or not after the one before it.
    #[error("the picture at {pts} s is to be decoded at {dts} s, too late or out of order")]
    BadTimes {
        /// Its PTS.
        pts: Ticks,
        /// Its DTS.
        dts: Ticks,
    },
    /// A frame that came before, or that belongs to a segment already whole.
    #[error("frame {frame} came again")]
    Repeated {
        /// Which.
        frame: u64,
    },
    /// The next segment began while frames of this one were missing.
    #[error("segment {segment} is left at frame {next} of {end}: frames are missing")]
    Missing {
        /// The segment.
        segment: u32,
        /// The first frame not handed on.
        next: u64,
        /// The first frame of the next segment.
        end: u64,
    },
    /// One track runs away from the other.
    #[error("over {WAITING_LIMIT} units of one track without the other's")]
    Unbalanced,
}

/// A segment's writer and how far it has come: what one worker's segmenter
/// leaves and its successor's takes over.
#[derive(Debug)]
pub struct Handover {
    position: Position,
    open: Option<Open>,
}

impl Handover {
    /// A fresh start at `segment`.
    pub fn at(map: &SegmentMap, segment: u32) -> Self {
        Self { position: Position::at(map, segment), open: None }
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
struct Open {
    writer: SegmentWriter,
    /// Frames by which decoding runs ahead of display.
    reorder: u64,
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
    /// By how many frames this worker's decoding runs ahead of display; `None`
    /// until its first picture has been seen and found right.
    reorder: Option<u64>,
    /// DTS of the last picture that came.
    decoded: Option<Ticks>,
    /// What came and is not handed on: in decoding order, with frame numbers.
    video: VecDeque<(u64, AccessUnit)>,
    audio: VecDeque<AccessUnit>,
    /// Sound that came again between two places of the grid.
    made_again: usize,
}

impl Segmenter {
    /// For a worker started at the beginning of segment `segment`.
    pub fn new(map: SegmentMap, segment: u32) -> Self {
        Self::resume(map, Handover::at(&map, segment))
    }

    /// For a worker started at `handover.position()`.
    pub fn resume(map: SegmentMap, handover: Handover) -> Self {
        let Handover { position, open } = handover;
        Self {
            map,
            demuxer: Demuxer::new(map.rate().ticks_at(position.frame) + WORKER_TS_OFFSET),
            position,
            open,
            reorder: None,
            decoded: None,
            video: VecDeque::new(),
            audio: VecDeque::new(),
            made_again: 0,
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
        let came = self.position.frame + self.video.len() as u64;
        if came + 1 < self.map.frames() {
            self.demuxer.forget_picture();
        }
        self.demuxer.finish();
        let result = self.accept_all(out);
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
                UnitKind::Video { idr } => self.accept_video(unit, idr)?,
                // Frames lie on the audio grid, so "before the end" and "before
                // the rounded length" are the same.
                UnitKind::Audio if unit.pts < self.map.end() => self.accept_audio(unit)?,
                UnitKind::Audio => {}
            }
            self.advance(out)?;
            if self.video.len().max(self.audio.len()) > WAITING_LIMIT {
                return Err(SegmenterError::Unbalanced);
            }
        }
        Ok(())
    }

    fn accept_video(&mut self, unit: AccessUnit, idr: bool) -> Result<(), SegmenterError> {
        let rate = self.map.rate();
        if self.reorder.is_none() {
            let expected = rate.ticks_at(self.position.frame);
            if unit.pts != expected {
                return Err(SegmenterError::Rebased { expected, found: unit.pts });
            }
            if !idr {
                let Position { segment, frame, .. } = self.position;
                return Err(SegmenterError::NoKeyframe { segment, frame });
            }
            self.reorder = Some(rate.frames_in(unit.pts - unit.dts));
        }
        let AccessUnit { pts, dts, .. } = unit;
        if dts > pts || self.decoded.replace(dts).is_some_and(|last| dts <= last) {
            return Err(SegmenterError::BadTimes { pts, dts });
        }
        let frame =
            timing::frame_at(rate, unit.pts).ok_or(SegmenterError::OffGrid { pts: unit.pts })?;
        // The last picture is held to the end and beyond where a source ends early.
        if frame < self.map.frames() {
            self.video.push_back((frame, unit));
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
            let result = self.hand_on_video(&mut open);
            self.hand_on_audio(&mut open);
            if result.is_err() || !open.end_tracks(&self.map, self.position) {
                self.open = Some(open);
                return result;
            }
            let index = self.position.segment;
            out.push(Output::Chunk { index, chunk: open.writer.close() });
            out.push(Output::Closed { index });
            self.position.segment += 1;
        }
        Ok(())
    }

    /// The growing segment, or the next one if its IDR is there.
    fn take_open(&mut self, out: &mut Vec<Output>) -> Result<Option<Open>, SegmenterError> {
        if let Some(open) = self.open.take() {
            return Ok(Some(open));
        }
        let Position { segment, frame, .. } = self.position;
        let (Some((first, unit)), Some(reorder)) = (self.video.front(), self.reorder) else {
            return Ok(None);
        };
        if *first != frame || unit.kind != (UnitKind::Video { idr: true }) {
            return Err(SegmenterError::NoKeyframe { segment, frame });
        }
        let codec = self.demuxer.video_codec().unwrap_or_default();
        out.push(Output::Opened { index: segment });
        Ok(Some(Open::new(&self.map, segment, codec, reorder)))
    }

    /// Hands on the longest run of pictures that closes the display order: an
    /// IDR alone is one, a P-frame goes with the B-frames before it.
    fn hand_on_video(&mut self, open: &mut Open) -> Result<(), SegmenterError> {
        let Position { segment, frame: next, .. } = self.position;
        let end = self.map.cut_frame(segment + 1);
        let (mut ready, mut highest) = (0, next);
        for (n, (frame, _)) in self.video.iter().take_while(|(frame, _)| *frame < end).enumerate() {
            if *frame < next {
                return Err(SegmenterError::Repeated { frame: *frame });
            }
            highest = highest.max(*frame + 1);
            if highest - next == n as u64 + 1 {
                ready = n + 1;
            }
        }
        let reorder = self.reorder.unwrap_or(open.reorder);
        for (_, mut unit) in self.video.drain(..ready) {
            if self.position.frame < reorder {
                // Before the media's start (`rules.md`, 16).
                unit.dts = timing::decode_time(self.map.rate(), self.position.frame, reorder);
            }
            self.position.frame += 1;
            open.writer.push(unit);
        }
        if self.position.frame < end && self.video.iter().any(|(frame, _)| *frame >= end) {
            return Err(SegmenterError::Missing { segment, next: self.position.frame, end });
        }
        Ok(())
    }

    fn hand_on_audio(&mut self, open: &mut Open) {
        let end = self.map.cut(self.position.segment + 1);
        while let Some(unit) = self.audio.pop_front_if(|unit| unit.pts < end) {
            self.position.audio = unit.pts + AUDIO_FRAME;
            open.writer.push(unit);
        }
    }
}

impl Open {
    fn new(map: &SegmentMap, index: u32, codec: VideoCodec, reorder: u64) -> Self {
        let limit = timing::clock_limit(map, index, reorder);
        Self { writer: SegmentWriter::new(codec, map.cut(index), limit), reorder }
    }

    /// Tells the writer which tracks are whole; `true` where both are.
    fn end_tracks(&mut self, map: &SegmentMap, position: Position) -> bool {
        let video = position.frame >= map.cut_frame(position.segment + 1);
        let audio = position.audio >= map.cut(position.segment + 1);
        if video {
            self.writer.end_video();
        }
        if audio {
            self.writer.end_audio();
        }
        video && audio
    }
}
