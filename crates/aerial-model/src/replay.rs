//! What aired, to be played again: committed rows, with what nobody watched opened.
//!
//! Owns which segments are played for a stretch of the past, and how each of them is
//! named for good. Plans nothing itself: the planner of a skip's own lineup version
//! opens it. Invariant: what is told of an instant follows from the committed rows and
//! the lineup versions they name, so it is the same whenever and with whatever else
//! it is asked for, and no edit changes it.
//!
//! A segment's address is the ordinal of the committed row that it airs in, and the
//! instant at which it begins. Stretches that nobody watched are one row with many
//! airings; rows that were cut leave instants that a later row fills with something
//! else: the two together name one segment for ever.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::guide::Past;
use crate::id::MapId;
use crate::ledger::{AirSegment, Broken, Content, Ledger, Row};
use crate::segment_map::SegmentMap;
use crate::time::{AirTime, Ticks};

/// Guides tell whole seconds, and airings begin on an audio frame: a stretch whose
/// ends are this close to an airing's is meant to have its ends.
const MEANT: Ticks = Ticks::from_secs(1);

/// The most airings of one stretch: twelve hours of clips of two seconds.
pub const MOST_AIRINGS: usize = 20_000;

/// Why it cannot be told what aired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// The lineup that it was planned from is not kept any more.
    #[error("what aired from {from} to {to} is not known any more")]
    Forgotten {
        /// From when on.
        from: AirTime,
        /// Until when.
        to: AirTime,
    },
    /// Nobody could list that many.
    #[error("more than {MOST_AIRINGS} items aired in that time; ask for less of it")]
    TooMany,
}

/// The rows that were on the air at some time in `span`, in order, those of skips as
/// they were planned. Each bears the ordinal of the committed row that it is of.
///
/// `planner_of` knows the lineup versions. The row before the first must be in the
/// ledger too where the first is a skip.
pub fn aired(
    ledger: &Ledger,
    planner_of: Past<'_>,
    span: &Range<AirTime>,
) -> Result<Vec<Row>, NotTold> {
    let airings = ledger.airings();
    let from = airings.partition_point(|airing| airing.end <= span.start);
    let mut rows = Vec::new();
    for (index, airing) in airings.iter().enumerate().skip(from) {
        let row = airing.row;
        if row.start >= span.end {
            break;
        }
        let left = MOST_AIRINGS - rows.len();
        match row.content {
            Content::Media { .. } | Content::OffAir { .. } => rows.push(row),
            Content::Skip { .. } => {
                let forgotten = NotTold::Forgotten { from: row.start, to: row.end() };
                let before = index.checked_sub(1).map(|before| &airings[before].row);
                if before.is_none() && row.ordinal > 0 {
                    return Err(forgotten);
                }
                let planner = planner_of(row.lineup_version).ok_or(forgotten)?;
                let opened = planner.expand(&row, before, span.start);
                rows.extend(opened.take_while(|row| row.start < span.end).take(left + 1));
            }
        }
        if rows.len() > MOST_AIRINGS {
            return Err(NotTold::TooMany);
        }
    }
    Ok(rows)
}

/// Names a segment of a channel's past, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The committed row that it airs in.
    pub ordinal: u64,
    /// When it begins.
    pub start: AirTime,
}

/// Not the address of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no segment's address; take it from a list")]
pub struct BadAddress;

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ordinal, self.start.0)
    }
}

impl FromStr for Address {
    type Err = BadAddress;
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let number = |digits: &str| {
            let plain = digits == "0" || !digits.starts_with('0');
            let all = plain && digits.bytes().all(|byte| byte.is_ascii_digit());
            all.then(|| digits.parse::<i64>().ok()).flatten().ok_or(BadAddress)
        };
        let (ordinal, start) = text.split_once('-').ok_or(BadAddress)?;
        Ok(Self { ordinal: number(ordinal)?.unsigned_abs(), start: AirTime(number(start)?) })
    }
}

/// A stretch of the past, as it is played again.
///
/// It is a ledger of its own: its ordinals and discontinuities count from 0, its
/// sequence numbers and instants are the channel's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    ledger: Ledger,
    /// Of each row, which committed row it is of.
    ordinals: Vec<u64>,
}

impl Replay {
    /// Of these rows, as [`aired`] gives them; `copied` gives the maps that are cut at
    /// a file's own keyframes.
    pub fn of(
        rows: impl IntoIterator<Item = Row>,
        copied: impl Fn(MapId) -> Option<SegmentMap>,
    ) -> Result<Self, Broken> {
        let mut replay = Self::default();
        for row in rows {
            let look = |row: &Row| (row.frame_height, row.signature);
            let discontinuity_sequence = replay.ledger.tail().map_or(0, |before| {
                before.discontinuity_sequence + u32::from(look(before) != look(&row))
            });
            let ordinal = replay.ordinals.len() as u64;
            replay.ledger.push_with(Row { ordinal, discontinuity_sequence, ..row }, &copied)?;
            replay.ordinals.push(row.ordinal);
        }
        Ok(replay)
    }

    /// The ledger that it is.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// How a segment of it is named.
    pub fn address(&self, segment: &AirSegment) -> Address {
        let ordinal = usize::try_from(segment.row.ordinal).ok();
        let ordinal = ordinal.and_then(|place| self.ordinals.get(place).copied());
        Address { ordinal: ordinal.unwrap_or_default(), start: segment.start }
    }

    /// The segment of that name, if it is in it.
    pub fn segment(&self, address: Address) -> Option<AirSegment> {
        self.ledger.segment_at(address.start).filter(|segment| self.address(segment) == address)
    }

    /// What is played for `span`: from the segment that is on at its start to the one
    /// that is on before its end. Where an end is within a second of an airing's, it
    /// is that one.
    pub fn segments(&self, span: &Range<AirTime>) -> impl Iterator<Item = AirSegment> + '_ {
        let starts = || self.ledger.airings().iter().map(|airing| airing.row.start);
        let from = starts().find(|start| (span.start..span.start + MEANT).contains(start));
        let from = from.filter(|from| *from + MEANT < span.end).unwrap_or(span.start);
        let to =
            starts().find(|start| *start > from && (span.end - MEANT..span.end).contains(start));
        let to = to.unwrap_or(span.end);
        let first = self.ledger.segment_at_or_after(from).map(|segment| segment.sequence);
        let segments = first.into_iter().flat_map(|first| self.ledger.segments_from(first));
        segments.take_while(move |segment| segment.start < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ItemId, MediaId};
    use crate::ledger::Cursor;
    use crate::lineup::SlotKey;
    use crate::segment_map::MapOutline;
    use crate::time::FrameRate;
    use uuid::Uuid;

    const START: AirTime = AirTime::from_unix_millis(1_767_225_600_000);

    /// Films of 10 s (segments of 4, 4 and 2 s), each 10.00533 s on the air.
    fn films(count: u64) -> Vec<Row> {
        let map = MapOutline::of_frames(FrameRate::PAL, 250).unwrap();
        let length = map.end().round_up_to_audio_frame();
        let (item, media, key) = (ItemId(Uuid::nil()), MediaId(Uuid::nil()), SlotKey::default());
        let cursor = Cursor { cycle: 0, item, media, key };
        let content = Content::Media { cursor, map_id: MapId(Uuid::nil()), map, first: 0, end: 3 };
        let row = |n: u64| Row {
            ordinal: n + 7,
            start: START + length * n as i64,
            length,
            first_sequence: 100 + 3 * n,
            discontinuity_sequence: 4,
            frame_height: if n < 2 { 720 } else { 480 },
            signature: None,
            lineup_version: 1,
            content,
        };
        (0..count).map(row).collect()
    }

    fn replay(count: u64) -> Replay {
        Replay::of(films(count), |_| None).unwrap()
    }

    fn secs(seconds: i64) -> AirTime {
        START + Ticks::from_secs(seconds)
    }

    fn listed(replay: &Replay, span: Range<AirTime>) -> Vec<String> {
        let told = |segment: AirSegment| {
            let address = replay.address(&segment);
            assert_eq!(replay.segment(address), Some(segment));
            let at = (segment.start - START).as_millis();
            format!("{}@{at}/{}", address.ordinal, segment.row.discontinuity_sequence)
        };
        replay.segments(&span).map(told).collect()
    }

    #[test]
    fn a_stretch_begins_and_ends_within_the_segments_that_are_on() {
        let three = replay(3);
        assert_eq!(listed(&three, secs(5)..secs(12)), ["7@4000/0", "7@8000/0", "8@10005/0"]);
        assert_eq!(
            listed(&three, secs(17)..secs(60)),
            ["8@14005/0", "8@18005/0", "9@20010/1", "9@24010/1", "9@28010/1"]
        );
        assert_eq!(listed(&three, secs(40)..secs(50)), [""; 0]);
    }

    #[test]
    fn whole_seconds_of_a_guide_mean_the_airing_that_begins_within_them() {
        let three = replay(3);
        // It begins at 10.005 s, and ends at 20.010 s.
        let second = ["8@10005/0", "8@14005/0", "8@18005/0"];
        assert_eq!(listed(&three, secs(10)..secs(20)), second);
        assert_eq!(listed(&three, secs(10)..secs(20) + MEANT), second);
        // Next to nothing of it is still something.
        assert_eq!(listed(&three, secs(10)..secs(10) + Ticks(1)), ["7@8000/0"]);
    }

    #[test]
    fn more_airings_than_anybody_could_list_are_refused() {
        let all = replay(MOST_AIRINGS as u64 + 1);
        let (start, last) = (START, all.ledger().tail().unwrap().start);
        let told = |to| aired(all.ledger(), &|_| None, &(start..to)).map(|rows| rows.len());
        assert_eq!(told(last), Ok(MOST_AIRINGS));
        assert_eq!(told(last + Ticks(1)), Err(NotTold::TooMany));
    }

    #[test]
    fn what_another_row_begins_or_what_is_no_cut_has_no_such_address() {
        let three = replay(3);
        let address = |ordinal, at| Address { ordinal, start: START + Ticks(at) };
        assert!(three.segment(address(7, 360_000)).is_some());
        for wrong in [address(8, 360_000), address(7, 360_001), address(7, -1), address(7, 1 << 40)]
        {
            assert_eq!(three.segment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_read_back_as_written() {
        for (ordinal, start) in [(0, 0), (12, 159_050_304_000_000), (i64::MAX as u64, i64::MAX)] {
            let address = Address { ordinal, start: AirTime(start) };
            assert_eq!(address.to_string().parse(), Ok(address));
        }
        for text in
            ["", "-", "1", "1-", "-1-2", "1--2", "01-2", "1-02", "1-2-3", "1-99999999999999999999"]
        {
            assert_eq!(text.parse::<Address>(), Err(BadAddress), "{text}");
        }
    }
}
