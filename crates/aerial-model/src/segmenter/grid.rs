//! Pictures that FFmpeg encoded: one for each place of the map's grid.
//!
//! Owns the check that a worker's pictures are the ones asked for, and which of
//! them can be handed on. Invariant: what is handed on closes the display order,
//! so that another worker can go on at the next frame.

use std::collections::VecDeque;

use super::error::SegmenterError;
use super::handover::{Open, Position};
use super::timing;
use crate::mpegts::AccessUnit;
use crate::segment_map::SegmentMap;
use crate::time::Ticks;

/// Pictures that came and are not handed on.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    /// By how many frames this worker's decoding runs ahead of display; `None`
    /// until its first picture has been seen and found right.
    reorder: Option<u64>,
    /// DTS of the last picture that came.
    decoded: Option<Ticks>,
    /// In decoding order, with frame numbers.
    waiting: VecDeque<(u64, AccessUnit)>,
}

impl Pictures {
    pub(super) fn accept(
        &mut self,
        map: &SegmentMap,
        position: Position,
        unit: AccessUnit,
    ) -> Result<(), SegmenterError> {
        let rate = map.rate();
        if self.reorder.is_none() {
            let expected = rate.ticks_at(position.frame);
            if unit.pts != expected {
                return Err(SegmenterError::Rebased { expected, found: unit.pts });
            }
            if !unit.is_idr() {
                let Position { segment, frame, .. } = position;
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
        if frame < map.frames() {
            self.waiting.push_back((frame, unit));
        }
        Ok(())
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// By how many frames decoding runs ahead, if the next segment's first
    /// picture is there.
    pub(super) fn opening(&self, position: Position) -> Result<Option<u64>, SegmenterError> {
        let Position { segment, frame, .. } = position;
        let (Some((first, unit)), Some(reorder)) = (self.waiting.front(), self.reorder) else {
            return Ok(None);
        };
        if *first != frame || !unit.is_idr() {
            return Err(SegmenterError::NoKeyframe { segment, frame });
        }
        Ok(Some(reorder))
    }

    /// Hands on the longest run of pictures that closes the display order: an
    /// IDR alone is one, a P-frame goes with the B-frames before it.
    pub(super) fn hand_on(
        &mut self,
        map: &SegmentMap,
        position: &mut Position,
        open: &mut Open,
    ) -> Result<(), SegmenterError> {
        let Position { segment, frame: next, .. } = *position;
        let end = map.cut_frame(segment + 1);
        let (mut ready, mut highest) = (0, next);
        let of_segment = self.waiting.iter().take_while(|(frame, _)| *frame < end);
        for (n, (frame, _)) in of_segment.enumerate() {
            if *frame < next {
                return Err(SegmenterError::Repeated { frame: *frame });
            }
            highest = highest.max(*frame + 1);
            if highest - next == n as u64 + 1 {
                ready = n + 1;
            }
        }
        let reorder = self.reorder.unwrap_or(open.reorder);
        for (_, mut unit) in self.waiting.drain(..ready) {
            if position.frame < reorder {
                // Before the media's start (`rules.md`, 16).
                unit.dts = timing::decode_time(map.rate(), position.frame, reorder);
            }
            position.frame += 1;
            open.writer.push(unit);
        }
        if position.frame < end && self.waiting.iter().any(|(frame, _)| *frame >= end) {
            return Err(SegmenterError::Missing { segment, next: position.frame, end });
        }
        Ok(())
    }
}
