//! What a player showed, judged by the numbers in its pictures.
//!
//! Owns no player. Invariant: a picture that came too late, twice, or not at all
//! changes the judgement; how far a player runs ahead of what it shows does not.

use jiff::Timestamp;

use crate::numbers::{RATE, TURN};

/// A segment: more than that no viewer may lose.
pub(crate) const SEGMENT_MS: i64 = 4_000;

/// A picture: when it was shown, in milliseconds since 1970, and its number.
pub(crate) type Picture = (i64, Option<u32>);

/// What became of the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judgement {
    pub(crate) pictures: usize,
    /// Pictures without a number.
    pub(crate) slate: usize,
    /// Pictures that were never shown, between others that were.
    pub(crate) left_out: u32,
    /// Pictures that came again, or before their time.
    pub(crate) back: usize,
    /// The longest that the picture stood still, over what a player has in store.
    pub(crate) stood_still_ms: i64,
    /// How much further behind the programme it is at the end than at the start.
    pub(crate) slipped_ms: i64,
}

impl Judgement {
    /// Of pictures in the order of showing, on a channel that plays films of numbers
    /// since then.
    pub(crate) fn of(shown: &[Picture], since: Timestamp) -> Self {
        let mut judged = Self { pictures: shown.len(), ..Self::default() };
        let (mut first, mut last) = (None, None);
        let mut passed: i64 = 0;
        for (at, number) in shown {
            let Some(number) = number else {
                judged.slate += 1;
                continue;
            };
            if let Some((_, before)) = last {
                let step = (number + TURN - before) % TURN;
                match step {
                    0 => judged.back += 1,
                    1..500 => judged.left_out += step - 1,
                    _ => judged.back += 1,
                }
                if (1..500).contains(&step) {
                    passed += i64::from(step);
                }
            }
            let (began, _) = *first.get_or_insert((*at, *number));
            let late = at - began - passed * 1_000 / i64::from(RATE);
            judged.stood_still_ms = judged.stood_still_ms.max(late);
            last = Some((*at, *number));
        }
        if let (Some(first), Some(last)) = (first, last) {
            let turn = i64::from(TURN) * 1_000 / i64::from(RATE);
            let slipped = behind(last, since) - behind(first, since);
            // Within half a turn of where it was.
            judged.slipped_ms = (slipped + turn / 2).rem_euclid(turn) - turn / 2;
        }
        judged
    }

    /// Nothing that a viewer would have noticed for longer than a segment.
    pub(crate) fn is_good(&self) -> bool {
        self.pictures > 0
            && self.slate == 0
            && self.back == 0
            && self.stood_still_ms <= SEGMENT_MS
            && self.slipped_ms <= SEGMENT_MS
    }
}

/// How far behind the programme a picture is, but for whole turns.
fn behind((at, number): (i64, u32), since: Timestamp) -> i64 {
    at - since.as_millisecond() - i64::from(number) * 1_000 / i64::from(RATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since() -> Timestamp {
        Timestamp::from_millisecond(1_000_000).unwrap()
    }

    /// Shown at their times, 3 s behind the programme.
    fn shown(numbers: std::ops::Range<u32>) -> Vec<Picture> {
        numbers.map(|n| (1_003_000 + i64::from(n) * 40, Some(n % TURN))).collect()
    }

    #[test]
    fn pictures_in_order_and_in_time_are_good_over_a_turn() {
        let judged = Judgement::of(&shown(900..2_100), since());
        assert!(judged.is_good());
        assert_eq!((judged.left_out, judged.stood_still_ms, judged.slipped_ms), (0, 0, 0));
    }

    #[test]
    fn a_slate_is_seen() {
        let mut pictures = shown(0..100);
        pictures[50].1 = None;
        let judged = Judgement::of(&pictures, since());
        assert_eq!((judged.slate, judged.left_out), (1, 1));
        assert!(!judged.is_good());
    }

    #[test]
    fn what_stands_still_is_measured_and_slips() {
        let mut pictures = shown(0..200);
        pictures[100..].iter_mut().for_each(|(at, _)| *at += 5_000);
        let judged = Judgement::of(&pictures, since());
        assert_eq!((judged.stood_still_ms, judged.slipped_ms), (5_000, 5_000));
        assert!(!judged.is_good());
    }

    #[test]
    fn what_is_left_out_keeps_the_schedule_and_what_comes_again_is_seen() {
        let mut pictures = shown(0..200);
        pictures.drain(100..110);
        let judged = Judgement::of(&pictures, since());
        assert_eq!((judged.left_out, judged.slipped_ms, judged.back), (10, 0, 0));
        pictures.extend(shown(150..160));
        assert_eq!(Judgement::of(&pictures, since()).back, 1);
    }

    #[test]
    fn a_player_that_runs_ahead_does_not_stand_still_while_it_has_pictures() {
        // All of a segment at once, every 4 s, as FFmpeg reads.
        let pictures: Vec<Picture> =
            (0..1_000).map(|n| (1_000_000 + i64::from(n / 100) * 4_000, Some(n))).collect();
        assert_eq!(Judgement::of(&pictures, since()).stood_still_ms, 0);
    }
}
