//! The window: which segments a client's playlist lists, and which it may have.
//!
//! Owns `rules.md`, 19 and 21. Reads the ledger; knows no session and no file.
//! Invariant: the same ledger, client id and clock give the same window; its
//! first and last sequence never go back, and it always holds now.

use std::ops::Range;

use crate::client::ClientId;
use crate::hls::TARGET_DURATION_TRANSCODED;
use crate::ledger::{AirSegment, Ledger};
use crate::time::{AirTime, Ticks};

/// How far a client's window reaches back: a pause of a minute is taken up
/// where it stopped (`rules.md`, 19).
const WINDOW_BACK: Ticks = Ticks::from_secs(60);

/// The window reaches at least to the segment that contains now + this: with
/// short segments alone, mpv was left with 1.6 s of buffer (`rules.md`, 19).
const WINDOW_AHEAD: Ticks = Ticks::from_secs(8);

/// Segments promised after the join segment and after the current one: all
/// players tried ask for the join segment first then (`rules.md`, 19).
pub const PROMISED: u64 = 2;

/// For how long a newcomer is shown no more than its first promise.
const NEWCOMER: Ticks = Ticks::from_secs(4);

/// A player has asked for its list again, and fetched what is new in it, after the
/// target duration and this: a newcomer's list that ends earlier lets its picture
/// stop. So it is where items last a second or two.
const FETCHED: Ticks = Ticks::from_secs(1);

/// A segment is served until it and what a playlist held beside it have left
/// every window (`rules.md`, 21).
pub const SERVED_FOR: Ticks = Ticks::from_secs(160);

/// What players may know of the future: two segments past the window's end.
const SERVED_AHEAD: Ticks = Ticks::from_secs(40);

/// Where the sequence numbers stand at one instant, read from the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The segment that contains now - 60 s, or the first from which on the
    /// numbers run on.
    pub back: u64,
    /// The segment that contains now.
    pub current: u64,
    /// The segment that plays when a player that asks now has asked again.
    pub soon: u64,
    /// The segment that contains now + 8 s.
    pub ahead: u64,
    /// The last segment that is listed for anybody; see [`unpromised`].
    pub last: u64,
}

impl Edge {
    /// That of a channel with this target duration; `None` where nothing is
    /// committed for now.
    pub fn at(ledger: &Ledger, target_duration: u32, now: AirTime) -> Option<Self> {
        let current = ledger.segment_at_or_after(now)?.sequence;
        let at = |instant| ledger.segment_at_or_after(instant).map_or(current, |s| s.sequence);
        // After a stretch nobody watched, the window begins where the numbers run on.
        let back = first_running_on(ledger, at(now - WINDOW_BACK).min(current), current);
        let reload = Ticks::from_secs(target_duration.into());
        let ahead = at(now + WINDOW_AHEAD).max(current);
        let (soon, last) = match target_duration > TARGET_DURATION_TRANSCODED {
            // VLC asks again after 8 to 9 s only, wants what it plays a second before,
            // and never plays the last segment that is listed: with less than this it
            // stops for up to half a second at each reload.
            true => (ahead, at(now + reload + FETCHED * 2) + 1),
            false => (at(now + reload + FETCHED).max(current), ahead),
        };
        Some(Self { back, current, soon, ahead, last: last.max(current + PROMISED) })
    }
}

/// The first sequence number at or after `from` from which on all segments up
/// to `current` are committed.
fn first_running_on(ledger: &Ledger, from: u64, current: u64) -> u64 {
    (from..=current)
        .rev()
        .take_while(|sequence| ledger.segment(*sequence).is_some())
        .last()
        .unwrap_or(current)
}

/// The sequence numbers that a client's playlist lists.
pub fn window(client: &ClientId, edge: Edge, now: AirTime) -> Range<u64> {
    // An id from before the clock was set back, or a made-up one, joins now.
    let join = client.joined_sequence().min(edge.current);
    let first = join.max(edge.back);
    // For such an id it is new until the clock has passed its joining once more:
    // else its list would grow, and then be a newcomer's again.
    let newcomer = now < client.joined_at() + NEWCOMER;
    // For an id that joins now again and again the promise moves on by itself.
    let runs_out = client.joined_sequence() <= edge.current && join + PROMISED < edge.soon;
    let end = match newcomer {
        // No more than it needs: some begin with the third before the end.
        true if runs_out => edge.ahead + 1,
        true => join + PROMISED + 1,
        false => unpromised(edge),
    };
    // A newcomer whose segments are short is past its promise before its 4 s.
    first..end.max(join + PROMISED + 1).max(edge.current + 1)
}

/// The first sequence number that no client's playlist has listed so far: a
/// function of the clock, so it holds for what was told before a restart too.
pub fn unpromised(edge: Edge) -> u64 {
    edge.last + 1
}

/// The segment of that number, if it may be served now.
pub fn servable(ledger: &Ledger, sequence: u64, now: AirTime) -> Option<AirSegment> {
    ledger
        .segment(sequence)
        .filter(|segment| segment.end() + SERVED_FOR > now && segment.start < now + SERVED_AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hls::TARGET_DURATION_COPIED;
    use crate::id::{ItemId, MapId, MediaId};
    use crate::ledger::{Content, Cursor, Row};
    use crate::lineup::SlotKey;
    use crate::segment_map::MapOutline;
    use crate::time::FrameRate;
    use proptest::prelude::*;

    fn client_at(sequence: u64, ms: i64) -> ClientId {
        ClientId::new(sequence, AirTime::from_unix_millis(ms), 5)
    }

    /// Items of so many frames at 25 per second, laid end to end from the epoch.
    fn ledger_of(items: &[u64]) -> Ledger {
        let nil = uuid::Uuid::nil;
        let (item, media, map_id) = (ItemId(nil()), MediaId(nil()), MapId(nil()));
        let cursor = Cursor { cycle: 0, item, media, key: SlotKey::default() };
        let (mut rows, mut start, mut first_sequence) = (Vec::new(), AirTime::EPOCH, 0);
        for (ordinal, frames) in (0..).zip(items) {
            let map = MapOutline::of_frames(FrameRate::PAL, *frames).unwrap();
            let content = Content::Media { cursor, map_id, map, first: 0, end: map.segments() };
            let row = Row {
                ordinal,
                start,
                length: map.end().round_up_to_audio_frame(),
                first_sequence,
                discontinuity_sequence: 0,
                frame_height: 720,
                signature: None,
                lineup_version: 1,
                content,
            };
            (start, first_sequence) = (row.end(), row.end_sequence());
            rows.push(row);
        }
        Ledger::read(rows).unwrap()
    }

    #[test]
    fn a_newcomer_sees_its_join_segment_and_two_more() {
        let edge = Edge { back: 85, current: 100, soon: 101, ahead: 102, last: 102 };
        let now = AirTime::from_unix_millis(3_999);
        assert_eq!(window(&client_at(100, 0), edge, now), 100..103);
        let later = Edge { current: 101, soon: 102, ahead: 103, last: 103, ..edge };
        assert_eq!(window(&client_at(100, 0), later, now), 100..103);
        assert_eq!(window(&client_at(100, 0), later, now + Ticks::from_millis(1)), 100..104);
    }

    #[test]
    fn a_newcomer_among_short_items_sees_as_much_as_lasts_until_it_asks_again() {
        // Items of a second: join + 2 is over 2 s from now.
        let (client, now) = (client_at(100, 0), AirTime::from_unix_millis(500));
        let edge = Edge { back: 40, current: 100, soon: 105, ahead: 108, last: 108 };
        assert_eq!(window(&client, edge, now), 100..109);
        // Some of a second, and then a long one: what is promised is enough.
        let edge = Edge { back: 85, current: 100, soon: 102, ahead: 103, last: 103 };
        assert_eq!(window(&client, edge, now), 100..103);
    }

    #[test]
    fn where_players_ask_every_8_s_more_is_listed() {
        // Four segments of 4 s in each 16 s.
        let ledger = ledger_of(&[100; 20]);
        let at = |target, seconds| {
            let now = AirTime::EPOCH + Ticks::from_secs(seconds);
            let Edge { current, soon, last, .. } = Edge::at(&ledger, target, now).unwrap();
            (current, soon, last)
        };
        assert_eq!(at(TARGET_DURATION_TRANSCODED, 9), (2, 3, 4));
        assert_eq!(at(TARGET_DURATION_COPIED, 9), (2, 4, 5));
        assert_eq!(at(TARGET_DURATION_COPIED, 12), (2, 4, 6));
    }

    #[test]
    fn an_old_client_sees_a_minute_back() {
        let edge = Edge { back: 85, current: 100, soon: 101, ahead: 102, last: 102 };
        assert_eq!(window(&client_at(3, 0), edge, AirTime::from_unix_millis(9_000)), 85..103);
    }

    #[test]
    fn an_id_from_the_future_joins_now() {
        let edge = Edge { back: 85, current: 100, soon: 101, ahead: 102, last: 102 };
        assert_eq!(window(&client_at(5_000, 90_000), edge, AirTime::EPOCH), 100..103);
    }

    proptest! {
        #[test]
        fn a_window_never_goes_back_and_always_lasts(
            items in prop::collection::vec(25u64..600, 60..200),
            // Asked for from before the joining on: a clock that was set back.
            join_at in 0i64..20_000, set_back in prop_oneof![Just(0i64), 0i64..20_000],
            steps in prop::collection::vec(1i64..6_000, 1..60),
            target in prop_oneof![
                Just(TARGET_DURATION_TRANSCODED), Just(TARGET_DURATION_COPIED)
            ],
        ) {
            let ledger = ledger_of(&items);
            let last = ledger.airings().last().unwrap().row.end();
            let joined = AirTime::from_unix_millis(join_at);
            let join = ledger.segment_at_or_after(joined).unwrap().sequence;
            let client = ClientId::new(join, joined, 1);
            let (mut now, mut previous) = (joined - Ticks::from_millis(set_back), 0..0);
            let asks_again = Ticks::from_secs(target.into()) + FETCHED;
            for step in steps {
                let Some(edge) = Edge::at(&ledger, target, now) else { break };
                let window = window(&client, edge, now);
                prop_assert!(window.contains(&edge.current));
                prop_assert!(window.start >= previous.start && window.end >= previous.end);
                prop_assert!(window.end <= unpromised(edge));
                // As far as there is a ledger.
                if set_back == 0 && now + asks_again + Ticks::from_secs(12) < last {
                    // An airing's last picture stays for up to an audio frame more.
                    let end = |sequence| ledger.segment(sequence + 1).unwrap().start;
                    let settled = now >= joined + NEWCOMER;
                    match target > TARGET_DURATION_TRANSCODED {
                        true if settled => {
                            prop_assert!(end(window.end - 2) > now + asks_again + FETCHED);
                        }
                        true => prop_assert!(end(window.end - 1) > now + asks_again - FETCHED),
                        false => prop_assert!(end(window.end - 1) > now + asks_again),
                    }
                }
                previous = window;
                now += Ticks::from_millis(step);
            }
        }
    }
}
