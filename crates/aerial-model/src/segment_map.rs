//! The segment map: the fixed list of places where a media may be cut.
//!
//! Owns the arithmetic of cuts, in exact ticks from the media's own start.
//! Does not know the file or how it is encoded; where keyframes lie is read by
//! `keyframes`. Invariant: a map never changes; other cuts are another map, with
//! another id.

mod cut_list;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::time::{FrameRate, Ticks};
pub use cut_list::{BadCutList, Cut, CutList};

/// What is known of a map without its cuts: enough to plan with, and as small
/// for a film as for a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MapOutline {
    rate: FrameRate,
    frames: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    copied: Option<CopiedOutline>,
}

/// Of a map that is cut where the file's own keyframes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct CopiedOutline {
    segments: u32,
    end: Ticks,
    /// Tells codec configurations apart.
    signature: u64,
}

impl MapOutline {
    /// Of the uniform map of that many frames; `None` for none.
    pub fn of_frames(rate: FrameRate, frames: u64) -> Option<Self> {
        (frames > 0).then_some(Self { rate, frames, copied: None })
    }

    /// The frame rate on whose grid transcoded frames lie.
    pub fn rate(&self) -> FrameRate {
        self.rate
    }

    /// Frames in all.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Number of segments; at least 1.
    pub fn segments(&self) -> u32 {
        self.copied.map_or_else(
            || {
                u32::try_from(self.frames.div_ceil(self.rate.frames_per_segment()))
                    .unwrap_or(u32::MAX)
            },
            |copied| copied.segments,
        )
    }

    /// Where the media ends.
    pub fn end(&self) -> Ticks {
        self.copied.map_or_else(|| self.rate.ticks_at(self.frames), |copied| copied.end)
    }

    /// Tells the codec configuration of a copied video from others; `None` where
    /// nothing is copied.
    pub fn signature(&self) -> Option<u64> {
        self.copied.map(|copied| copied.signature)
    }

    /// The map itself, where it is a uniform one.
    pub fn uniform(self) -> Option<SegmentMap> {
        self.copied.is_none().then_some(SegmentMap { outline: self, cuts: None })
    }
}

/// Where a media is cut, on which frame grid.
///
/// *Uniform* (`rules.md`, 10): cut `n` at frame `n` × (frames in 4 s); a tail
/// under 1 s is shared out by halving the last two segments. *Copied* (11): at
/// keyframes of the file, as its list says; transcoded renditions are cut at the
/// first frame of the grid at or after the keyframe less half a frame (12).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SegmentMap {
    outline: MapOutline,
    cuts: Option<Arc<CutList>>,
}

impl SegmentMap {
    /// The uniform map of `length` at `rate`; `None` where not even half a
    /// frame is there to show.
    pub fn uniform(rate: FrameRate, length: Ticks) -> Option<Self> {
        Self::of_frames(rate, rate.frames_in(length))
    }

    /// The uniform map of that many frames; `None` for none.
    pub fn of_frames(rate: FrameRate, frames: u64) -> Option<Self> {
        MapOutline::of_frames(rate, frames)?.uniform()
    }

    /// The map with these cuts, for transcoding at `rate`; `None` where not even
    /// half a frame is there to show.
    pub fn copied(rate: FrameRate, cuts: Arc<CutList>) -> Option<Self> {
        let (end, frames) = (cuts.end(), rate.frames_in(cuts.end()));
        let copied = CopiedOutline { segments: cuts.segments(), end, signature: cuts.signature() };
        let outline = MapOutline { rate, frames, copied: Some(copied) };
        (frames > 0).then_some(Self { outline, cuts: Some(cuts) })
    }

    /// What is known of it without its cuts.
    pub fn outline(&self) -> MapOutline {
        self.outline
    }

    /// The file's own keyframes, where they are the cuts.
    pub fn cut_list(&self) -> Option<&Arc<CutList>> {
        self.cuts.as_ref()
    }

    /// What is added to a time of the file to get the map's, where the map decides
    /// it: the first keyframe that is shown is its zero.
    pub fn alignment(&self) -> Option<Ticks> {
        self.cuts.as_ref().map(|cuts| -cuts.origin())
    }

    /// The frame rate on whose grid the cuts lie.
    pub fn rate(&self) -> FrameRate {
        self.outline.rate
    }

    /// Frames in all.
    pub fn frames(&self) -> u64 {
        self.outline.frames
    }

    /// Number of segments; at least 1.
    pub fn segments(&self) -> u32 {
        self.outline.segments()
    }

    /// The first frame of segment `index`; for `index == segments()`, and any
    /// beyond, the number of frames in all.
    pub fn cut_frame(&self, index: u32) -> u64 {
        let (rate, frames) = (self.rate(), self.frames());
        if let Some(cuts) = &self.cuts {
            return match index < cuts.segments() {
                true => first_frame_at(rate, cuts.cut(index).at).min(frames),
                false => frames,
            };
        }
        let whole = rate.frames_per_segment();
        let first = whole * u64::from(index);
        if first >= frames {
            return frames;
        }
        let tail = frames - first;
        if index > 0 && tail <= whole && rate.ticks_at(tail) < Ticks::from_secs(1) {
            // The last two together, halved; the earlier gets the odd frame.
            return first - whole + (whole + tail).div_ceil(2);
        }
        first
    }

    /// The first frame of the grid at or after `at` less half a frame.
    pub fn frame_at_or_after(&self, at: Ticks) -> u64 {
        first_frame_at(self.rate(), at)
    }

    /// When segment `index` begins, from the media's own start.
    pub fn cut(&self, index: u32) -> Ticks {
        match &self.cuts {
            Some(cuts) if index < self.segments() => cuts.cut(index).at,
            Some(cuts) => cuts.end(),
            None => self.rate().ticks_at(self.cut_frame(index)),
        }
    }

    /// How long segment `index` lasts, exactly.
    pub fn segment_length(&self, index: u32) -> Ticks {
        self.cut(index + 1) - self.cut(index)
    }

    /// Where the media ends.
    pub fn end(&self) -> Ticks {
        self.outline.end()
    }

    /// The segment that contains `position`; positions before the start are in
    /// the first, positions past the end in the last.
    pub fn index_at(&self, position: Ticks) -> u32 {
        if let Some(cuts) = &self.cuts {
            return cuts.index_at(position);
        }
        let last = self.segments() - 1;
        let whole = self.rate().frames_per_segment();
        // A guess that is right but for rounding and the shared tail.
        let guess = (self.rate().frames_in(position.max(Ticks::ZERO)) / whole).min(u64::from(last));
        let mut index = guess as u32;
        while index > 0 && self.cut(index) > position {
            index -= 1;
        }
        while index < last && self.cut(index + 1) <= position {
            index += 1;
        }
        index
    }
}

/// The first frame of the grid at or after `at` less half a frame.
fn first_frame_at(rate: FrameRate, at: Ticks) -> u64 {
    let near = rate.frames_in(at);
    // Twice the distance, so that half a frame is a whole number.
    let reaches = |frame: u64| (rate.ticks_at(frame) - at).0 * 2 >= -(rate.ticks_at(1).0);
    let mut frame = near.saturating_sub(1);
    while !reaches(frame) {
        frame += 1;
    }
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rates() -> impl Strategy<Value = FrameRate> {
        prop_oneof![
            Just((24_000, 1_001)),
            Just((24, 1)),
            Just((25, 1)),
            Just((30_000, 1_001)),
            Just((50, 1)),
            Just((60_000, 1_001)),
            Just((60, 1)),
            (1u32..=60).prop_map(|n| (n, 1)),
        ]
        .prop_map(|(n, d)| FrameRate::new(n, d).unwrap())
    }

    #[test]
    fn a_short_tail_is_shared_by_the_last_two_segments() {
        let map = SegmentMap::of_frames(FrameRate::PAL, 210).unwrap();
        let cuts: Vec<u64> = (0..=map.segments()).map(|n| map.cut_frame(n)).collect();
        assert_eq!(cuts, [0, 100, 155, 210]);
    }

    #[test]
    fn a_tail_of_a_second_stands_alone() {
        let map = SegmentMap::of_frames(FrameRate::PAL, 225).unwrap();
        let cuts: Vec<u64> = (0..=map.segments()).map(|n| map.cut_frame(n)).collect();
        assert_eq!(cuts, [0, 100, 200, 225]);
    }

    #[test]
    fn a_media_shorter_than_a_second_is_one_segment() {
        let map = SegmentMap::uniform(FrameRate::PAL, Ticks(45_000)).unwrap();
        assert_eq!((map.segments(), map.end()), (1, Ticks(46_800)));
        assert_eq!(SegmentMap::uniform(FrameRate::PAL, Ticks(1_000)), None);
    }

    proptest! {
        #[test]
        fn segments_tile_the_media_and_none_is_over_four_seconds_and_a_frame(
            rate in rates(), frames in 1u64..2_000_000,
        ) {
            let map = SegmentMap::of_frames(rate, frames).unwrap();
            let n = map.segments();
            prop_assert_eq!(map.cut(0), Ticks::ZERO);
            prop_assert_eq!(map.cut(n), map.end());
            for index in n.saturating_sub(3)..n {
                let length = map.segment_length(index);
                prop_assert!(length > Ticks::ZERO && length <= Ticks(360_361), "{}", length);
                prop_assert!(n == 1 || length >= Ticks::from_secs(1), "{}", length);
            }
        }

        #[test]
        fn index_at_finds_the_segment_that_contains_a_position(
            rate in rates(), frames in 1u64..200_000, part in 0.0f64..1.0,
        ) {
            let map = SegmentMap::of_frames(rate, frames).unwrap();
            let position = Ticks((map.end().0 as f64 * part) as i64);
            let index = map.index_at(position);
            prop_assert!(map.cut(index) <= position);
            prop_assert!(position < map.cut(index + 1));
        }
    }
}
