//! Off the air: how time without a programme is divided into rows of slates.
//!
//! Owns the lengths of such rows, one by one and by arithmetic. Does not decide
//! when a channel is off the air. Invariant: a wait for a programme ends at most
//! 61 ms after the instant the programme should start (a frame, and the rounding
//! to an audio frame), and no slate of it is under a second where the wait is not.

use crate::segment_map::MapOutline;
use crate::time::{FrameRate, Ticks};

/// Ticks in a slate's frame, at 25 frames per second.
const FRAME: i64 = 3_600;

/// Frames in one segment of slate.
const SEGMENT_FRAMES: i128 = 100;

/// Frames in a row: four slate loops of 8 s. Fewer rows than one for each loop,
/// and an edit still takes effect within half a minute.
const ROW_FRAMES: i128 = 800;

/// How long a whole row lasts: 32 s, 1500 audio frames exactly.
pub(super) const ROW_LENGTH: i128 = ROW_FRAMES * FRAME as i128;

/// Segments in a whole row.
pub(super) const ROW_SEGMENTS: i128 = ROW_FRAMES / SEGMENT_FRAMES;

/// One slate loop: 8 s, 375 audio frames exactly.
pub(super) const LOOP: i128 = 720_000;

/// The map of a whole row.
pub(super) fn row_map() -> MapOutline {
    map(ROW_FRAMES)
}

fn map(frames: i128) -> MapOutline {
    let one = MapOutline::of_frames(FrameRate::PAL, 1).expect("one frame is a map");
    MapOutline::of_frames(FrameRate::PAL, frames as u64).unwrap_or(one)
}

/// A wait for something that starts at a known instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    /// Whole rows.
    rows: i128,
    /// Frames of the row after them, the last: under 36 s, and at least 4 s
    /// unless that is the whole wait.
    last_frames: i128,
}

impl Wait {
    /// The wait that lasts at least `ticks`; `None` if there is nothing to wait for.
    pub(super) fn of(ticks: i128) -> Option<Self> {
        if ticks <= 0 {
            return None;
        }
        let frames = (ticks + i128::from(FRAME) - 1) / i128::from(FRAME);
        let rows = (frames - SEGMENT_FRAMES).max(0) / ROW_FRAMES;
        Some(Self { rows, last_frames: frames - rows * ROW_FRAMES })
    }

    /// Its whole rows.
    pub(super) fn rows(&self) -> i128 {
        self.rows
    }

    /// The map of its next row.
    pub(super) fn next_map(&self) -> MapOutline {
        if self.rows > 0 { row_map() } else { map(self.last_frames) }
    }

    /// How long it lasts in all.
    pub(super) fn length(&self) -> i128 {
        let last = Ticks(self.last_frames as i64 * FRAME).round_up_to_audio_frame();
        self.rows * ROW_LENGTH + i128::from(last.0)
    }

    /// How many segments it has in all.
    pub(super) fn segments(&self) -> i128 {
        self.rows * ROW_SEGMENTS + i128::from(map(self.last_frames).segments())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_wait_ends_at_most_61_ms_late_and_has_no_short_slates(ticks in 1i128..20_000_000) {
            let wait = Wait::of(ticks).unwrap();
            let late = wait.length() - ticks;
            prop_assert!((0..=5_519).contains(&late), "{late} ticks late");
            let map = map(wait.last_frames);
            for index in 0..map.segments() {
                let length = map.uniform().unwrap().segment_length(index);
                prop_assert!(length >= Ticks::from_secs(1) || ticks < 90_000, "{length}");
            }
        }

        #[test]
        fn waiting_row_by_row_is_the_same_wait(ticks in 1i128..50_000_000) {
            let whole = Wait::of(ticks).unwrap();
            let (mut passed, mut segments) = (0, 0);
            while let Some(wait) = Wait::of(ticks - passed) {
                passed += i128::from(wait.next_map().end().round_up_to_audio_frame().0);
                segments += i128::from(wait.next_map().segments());
            }
            prop_assert_eq!((passed, segments), (whole.length(), whole.segments()));
        }
    }

    #[test]
    fn a_wait_of_whole_slate_loops_is_exact() {
        for loops in 1..20 {
            assert_eq!(Wait::of(loops * LOOP).unwrap().length(), loops * LOOP);
        }
    }
}
