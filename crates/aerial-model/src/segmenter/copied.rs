//! Pictures and sound that come from the file as they are.
//!
//! Owns which of a copying worker's units are the ones asked for, and their
//! decoding times: FFmpeg's are invented for some containers and differ from run
//! to run (`docs/ffmpeg.md`). Invariant: two workers of one media, entered
//! anywhere, give the same units under the same times.

use std::collections::VecDeque;

use super::error::SegmenterError;
use super::handover::{Open, Position};
use crate::mpegts::AccessUnit;
use crate::segment_map::{CutList, SegmentMap};
use crate::time::{AUDIO_FRAME, Ticks};

/// Half an audio frame: what is nearer to a place belongs to it.
pub(super) const HALF_AUDIO_FRAME: Ticks = Ticks(AUDIO_FRAME.0 / 2);

/// How far the times of copied sound wobble from run to run where the container
/// counts in milliseconds: 15 to 45 ticks were seen.
const WOBBLE: Ticks = Ticks(90);

/// Pictures that came and are not handed on.
#[derive(Debug)]
pub(super) struct Pictures {
    /// The pictures before the cut are passed over, then as many of its segment
    /// as were handed on before.
    entry: Entry,
    /// Of the segment under way, in decoding order.
    waiting: VecDeque<AccessUnit>,
    /// The times of the segment's pictures that came, rising.
    times: Vec<Ticks>,
    /// How many pictures of the segment came.
    came: u64,
    /// The latest of those that were handed on.
    shown: Option<Ticks>,
    /// The next segment's first pictures.
    next: VecDeque<AccessUnit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Entry {
    /// The cut has not come.
    Before,
    /// It has; so many pictures are still to be passed over.
    Within { passed_over: u64 },
}

impl Pictures {
    pub(super) fn new() -> Self {
        Self {
            entry: Entry::Before,
            waiting: VecDeque::new(),
            times: Vec::new(),
            came: 0,
            shown: None,
            next: VecDeque::new(),
        }
    }

    pub(super) fn accept(
        &mut self,
        cuts: &CutList,
        position: Position,
        unit: AccessUnit,
    ) -> Result<(), SegmenterError> {
        let expected = cuts.cut(position.segment).at;
        if self.entry == Entry::Before {
            if !unit.is_idr() || unit.pts < expected {
                return Ok(());
            }
            if unit.pts != expected {
                return Err(SegmenterError::Rebased { expected, found: unit.pts });
            }
            self.entry = Entry::Within { passed_over: position.frame };
        }
        self.next.push_back(unit);
        self.sort_in(cuts, position)
    }

    /// Moves what came to the segment under way, up to its number of pictures.
    fn sort_in(&mut self, cuts: &CutList, position: Position) -> Result<(), SegmenterError> {
        let cut = cuts.cut(position.segment);
        while self.came < u64::from(cut.pictures) {
            let Some(unit) = self.next.pop_front() else { return Ok(()) };
            let first = self.came == 0;
            let right = if first { unit.is_idr() && unit.pts == cut.at } else { unit.pts > cut.at };
            let place = self.times.partition_point(|time| *time < unit.pts);
            if !right || self.times.get(place) == Some(&unit.pts) {
                let (segment, found) = (position.segment, unit.pts);
                return Err(SegmenterError::NotAsIndexed { segment, picture: self.came, found });
            }
            self.times.insert(place, unit.pts);
            self.came += 1;
            match &mut self.entry {
                Entry::Within { passed_over } if *passed_over > 0 => {
                    *passed_over -= 1;
                    self.shown = self.shown.max(Some(unit.pts));
                }
                _ => self.waiting.push_back(unit),
            }
        }
        Ok(())
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.next.len()
    }

    /// By how many pictures decoding runs ahead, if the next segment's first
    /// picture is there.
    pub(super) fn opening(&self, cuts: &CutList) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(cuts.reorder() as u64)
    }

    /// Hands on the longest run of pictures that closes the display order.
    pub(super) fn hand_on(
        &mut self,
        cuts: &CutList,
        position: &mut Position,
        open: &mut Open,
        frame: Ticks,
    ) {
        let segment = position.segment;
        let all = u64::from(cuts.cut(segment).pictures);
        let first_times = cuts.decode_times(segment);
        let depth = first_times.len() as u64;
        // Of what came, so many of the lowest times can no longer change.
        let settled = if self.came >= all { all } else { self.came.saturating_sub(depth) };
        let mut highest = self.shown;
        let (mut ready, mut ready_to) = (0, self.shown);
        for (n, unit) in self.waiting.iter().enumerate() {
            highest = highest.max(Some(unit.pts));
            let handed_on = position.frame + n as u64 + 1;
            let closes =
                handed_on <= settled && highest == self.times.get(handed_on as usize - 1).copied();
            if closes {
                (ready, ready_to) = (n + 1, highest);
            }
        }
        for mut unit in self.waiting.drain(..ready) {
            let place = position.frame as usize;
            let time = match place.checked_sub(first_times.len()) {
                Some(shown) => self.times.get(shown),
                None => first_times.get(place),
            };
            // At most what its own time is: the index counted the depth.
            unit.dts = time.copied().unwrap_or(unit.pts).min(unit.pts);
            position.frame += 1;
            open.writer.push(unit);
        }
        self.shown = ready_to;
        open.shown_until = ready_to.map(|shown| shown + frame).or(open.shown_until);
    }

    /// The segment is whole: the next one's pictures are looked at.
    pub(super) fn turn(
        &mut self,
        cuts: &CutList,
        position: Position,
    ) -> Result<(), SegmenterError> {
        self.times.clear();
        (self.came, self.shown) = (0, None);
        if position.segment < cuts.segments() { self.sort_in(cuts, position) } else { Ok(()) }
    }
}

/// Where the sound of segment `index` begins: frames are nearer to the index's
/// first one than to the one before.
pub(super) fn sound_threshold(map: &SegmentMap, cuts: &CutList, index: u32) -> Ticks {
    if index >= cuts.segments() {
        // Frames that reach beyond the item's end are dropped.
        return map.end().round_up_to_audio_frame() - AUDIO_FRAME + Ticks(1);
    }
    cuts.cut(index).audio - HALF_AUDIO_FRAME
}

/// The time of a copied audio frame, as every run would give it: a whole number
/// of frames from its segment's first.
pub(super) fn sound_time(cuts: &CutList, pts: Ticks) -> Ticks {
    let mut index = cuts.index_at(pts + HALF_AUDIO_FRAME);
    while index > 0 && pts < cuts.cut(index).audio - HALF_AUDIO_FRAME {
        index -= 1;
    }
    let anchor = cuts.cut(index).audio;
    let frames = (pts - anchor + HALF_AUDIO_FRAME).0.div_euclid(AUDIO_FRAME.0);
    let exact = anchor + AUDIO_FRAME * frames;
    if (exact - pts).0.abs() <= WOBBLE.0 { exact } else { pts }
}
