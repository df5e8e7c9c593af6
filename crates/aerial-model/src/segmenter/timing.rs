//! The arithmetic of a segment's times, on the map's grid.

use crate::segment_map::SegmentMap;
use crate::time::{FrameRate, Ticks};

/// What the clock stays before an item's end: the next item's first pictures
/// have their DTS up to 16 ticks before its start (H.264 reorders no more).
const ITEM_END_MARGIN: Ticks = Ticks(16);

/// The first audio frame at or after a cut; audio frames lie on a grid from the
/// media's start.
pub(super) fn first_audio(cut: Ticks) -> Ticks {
    cut.round_up_to_audio_frame()
}

/// Which frame is shown at exactly `pts`.
pub(super) fn frame_at(rate: FrameRate, pts: Ticks) -> Option<u64> {
    let frame = rate.frames_in(pts);
    (rate.ticks_at(frame) == pts).then_some(frame)
}

/// When the picture that is `index`th in decoding order is decoded, where
/// decoding runs `reorder` frames ahead. Those that would come before the
/// media's start are a tick apart (`rules.md`, 16), so that they never run into
/// the item before, whatever its rate.
pub(super) fn decode_time(rate: FrameRate, index: u64, reorder: u64) -> Ticks {
    match index.checked_sub(reorder) {
        Some(shown) => rate.ticks_at(shown),
        None => -Ticks((reorder - index) as i64),
    }
}

/// What a segment's clock stays below: the first decoding time of the next
/// one, or of the next item.
pub(super) fn clock_limit(map: &SegmentMap, index: u32, reorder: u64) -> Ticks {
    if index + 1 >= map.segments() {
        return map.end().round_up_to_audio_frame() - ITEM_END_MARGIN;
    }
    let transcoded = decode_time(map.rate(), map.cut_frame(index + 1), reorder);
    let copied = map.cut_list().and_then(|cuts| cuts.decode_times(index + 1).first().copied());
    // Where both kinds of tracks are cut alike, the earlier is good for both.
    copied.map_or(transcoded, |copied| copied.min(transcoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_decoded_before_the_start_are_a_tick_apart() {
        let rate = FrameRate::new(24_000, 1_001).unwrap();
        let times: Vec<i64> = (0..5).map(|n| decode_time(rate, n, 2).0).collect();
        assert_eq!(times, [-2, -1, 0, 3_754, 7_508]);
    }

    #[test]
    fn only_times_of_the_grid_are_frames() {
        let rate = FrameRate::new(60_000, 1_001).unwrap();
        assert_eq!(frame_at(rate, Ticks(3_003)), Some(2));
        assert_eq!(frame_at(rate, Ticks(1_502)), Some(1)); // 1501.5
        assert_eq!(frame_at(rate, Ticks(1_501)), None);
        assert_eq!(frame_at(rate, Ticks(-1_502)), None);
    }
}
