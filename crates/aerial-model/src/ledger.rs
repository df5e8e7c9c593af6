//! The ledger: a channel's committed airings, the only truth about time.
//!
//! Owns how a run of rows is read (`rules.md`, 1, 2 and 4): `row` is what is stored of
//! one, `airing` what really airs of it. Does not plan and does not store. Invariant:
//! rows are append-only, each starts where the one before ends, and sequence numbers
//! run on.
//!
//! A row is never changed, but a later one can cut it: it then begins before
//! the earlier one's own end, at one of its cuts. Whatever was committed behind
//! that cut never airs. So of all rows that begin at or before an instant (or
//! a sequence number), the one with the highest ordinal is on the air then.

mod airing;
mod row;

pub use self::airing::{AirSegment, Airing};
pub use self::row::{Broken, Content, Cursor, Fault, Row};

use std::cmp::Ordering;

use crate::id::MapId;
use crate::segment_map::SegmentMap;
use crate::time::AirTime;

/// A run of committed rows, as they air.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    airings: Vec<Airing>,
}

impl Ledger {
    /// Reads rows in the order of their ordinals, from any of them on. None of
    /// them may air copied video: see [`Ledger::read_with`].
    pub fn read(rows: impl IntoIterator<Item = Row>) -> Result<Self, Broken> {
        Self::read_with(rows, |_| None)
    }

    /// The same; `copied` gives the maps that are cut at a file's keyframes.
    pub fn read_with(
        rows: impl IntoIterator<Item = Row>,
        copied: impl Fn(MapId) -> Option<SegmentMap>,
    ) -> Result<Self, Broken> {
        let mut ledger = Self::default();
        for row in rows {
            ledger.push_with(row, &copied)?;
        }
        Ok(ledger)
    }

    /// Adds the row that was committed next. One that begins before the last
    /// one's end cuts the airing it begins in; those after it never air.
    pub fn push(&mut self, row: Row) -> Result<(), Broken> {
        self.push_with(row, |_| None)
    }

    /// The same; `copied` gives the maps that are cut at a file's keyframes.
    pub fn push_with(
        &mut self,
        row: Row,
        copied: impl Fn(MapId) -> Option<SegmentMap>,
    ) -> Result<(), Broken> {
        let map = row.map(copied)?;
        row.check(map.as_ref())?;
        let kept = self.airings.partition_point(|a| a.row.first_sequence < row.first_sequence);
        self.can_follow(&row, kept).map_err(|fault| Broken { ordinal: row.ordinal, fault })?;
        if let Some(before) = kept.checked_sub(1).and_then(|last| self.airings.get_mut(last)) {
            before.end = row.start;
            before.end_sequence = row.first_sequence;
        }
        self.airings.truncate(kept);
        self.airings.push(Airing::whole(row, map));
        Ok(())
    }

    /// Whether the row can air behind the first `kept` airings, and void those after.
    fn can_follow(&self, row: &Row, kept: usize) -> Result<(), Fault> {
        if let Some(tail) = self.tail()
            && row.ordinal != tail.ordinal.saturating_add(1)
        {
            return Err(Fault::Ordinal(tail.ordinal.saturating_add(1)));
        }
        let Some(before) = kept.checked_sub(1).and_then(|last| self.airings.get(last)) else {
            // Nothing is left before it. That is right for the first row, and
            // for one that cuts a row from before those that were read.
            return match self.airings.first() {
                Some(first) if first.row.ordinal == 0 || row.start > first.row.start => {
                    Err(Fault::Sequence(first.end_sequence))
                }
                _ => Ok(()),
            };
        };
        let start = match row.first_sequence.cmp(&before.end_sequence) {
            Ordering::Equal => Some(before.end),
            Ordering::Less => before.cut_start(row.first_sequence),
            Ordering::Greater => None,
        };
        let start = start.ok_or(Fault::Sequence(before.end_sequence))?;
        if row.start != start {
            return Err(Fault::Start(start));
        }
        let changes =
            (row.frame_height, row.signature) != (before.row.frame_height, before.row.signature);
        let expected = before.row.discontinuity_sequence.saturating_add(changes.into());
        if row.discontinuity_sequence != expected {
            return Err(Fault::Discontinuity(expected));
        }
        Ok(())
    }

    /// The row committed last: where the plan goes on.
    pub fn tail(&self) -> Option<&Row> {
        self.airings.last().map(|airing| &airing.row)
    }

    /// What airs, in order, each beginning where the one before ends.
    pub fn airings(&self) -> &[Airing] {
        &self.airings
    }

    /// Index of the airing that is on the air at that instant; `None` before
    /// the first and after the last.
    pub fn index_at(&self, instant: AirTime) -> Option<usize> {
        let after = self.airings.partition_point(|airing| airing.row.start <= instant);
        after.checked_sub(1).filter(|index| self.airings[*index].contains(instant))
    }

    /// What is on the air at that instant.
    pub fn airing_at(&self, instant: AirTime) -> Option<&Airing> {
        self.index_at(instant).map(|index| &self.airings[index])
    }

    /// The airing that a sequence number belongs to.
    pub fn airing_of(&self, sequence: u64) -> Option<&Airing> {
        let after = self.airings.partition_point(|a| a.row.first_sequence <= sequence);
        let airing = &self.airings[after.checked_sub(1)?];
        (sequence < airing.end_sequence).then_some(airing)
    }

    /// The segment of that sequence number; `None` if it is not committed, or in
    /// a stretch nobody watched.
    pub fn segment(&self, sequence: u64) -> Option<AirSegment> {
        self.airing_of(sequence)?.segment(sequence)
    }

    /// The segment on the air at that instant; `None` likewise.
    pub fn segment_at(&self, instant: AirTime) -> Option<AirSegment> {
        self.airing_at(instant)?.segment_at(instant)
    }

    /// The segment on the air at that instant or, where a clock stepped back
    /// into a stretch nobody watched (or before the first row), the next one.
    pub fn segment_at_or_after(&self, instant: AirTime) -> Option<AirSegment> {
        let from = self.airings.partition_point(|airing| airing.end <= instant);
        let airings = self.airings.get(from..)?;
        airings.iter().find_map(|a| a.segment_at(instant.max(a.row.start)))
    }

    /// The committed segments from that sequence number on. It begins after a
    /// skip that contains the number, and ends before the next skip: the
    /// numbers in it always run on.
    pub fn segments_from(&self, sequence: u64) -> impl Iterator<Item = AirSegment> + '_ {
        let from = self.airings.partition_point(|a| {
            a.end_sequence <= sequence || (a.row.first_sequence <= sequence && a.map.is_none())
        });
        self.airings[from..].iter().take_while(|a| a.map.is_some()).flat_map(move |a| {
            (sequence.max(a.row.first_sequence)..a.end_sequence).filter_map(|n| a.segment(n))
        })
    }

    /// Where a row can begin that cuts the airing of this sequence number before
    /// that segment (`rules.md`, 4); `None` where there is nothing to cut: the
    /// segment is its airing's first, not committed, or in a skip.
    pub fn cut_before(&self, sequence: u64) -> Option<(&Airing, AirTime)> {
        let airing = self.airing_of(sequence)?;
        if airing.row.first_sequence == sequence {
            return None;
        }
        Some((airing, airing.cut_start(sequence)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ItemId, MediaId};
    use crate::lineup::SlotKey;
    use crate::segment_map::MapOutline;
    use crate::time::{FrameRate, Ticks};
    use uuid::Uuid;

    /// A media of 10 s at 25 frames per second: segments of 4, 4 and 2 s, 469
    /// audio frames (10.00533 s) long.
    fn media(ordinal: u64, start: i64, first_sequence: u64) -> Row {
        let map = MapOutline::of_frames(FrameRate::PAL, 250).unwrap();
        let cursor = Cursor {
            cycle: 0,
            item: ItemId(Uuid::nil()),
            media: MediaId(Uuid::nil()),
            key: SlotKey::default(),
        };
        let content = Content::Media { cursor, map_id: MapId(Uuid::nil()), map, first: 0, end: 3 };
        Row {
            ordinal,
            start: AirTime(start),
            length: map.end().round_up_to_audio_frame(),
            first_sequence,
            discontinuity_sequence: 0,
            frame_height: 720,
            signature: None,
            lineup_version: 1,
            content,
        }
    }

    fn skip(ordinal: u64, start: i64, first_sequence: u64) -> Row {
        let content = Content::Skip { segments: 100, cursor: None };
        Row { length: Ticks(1_920 * 1_000), content, ..media(ordinal, start, first_sequence) }
    }

    const LENGTH: i64 = 900_480;

    #[test]
    fn a_row_that_begins_at_a_cut_ends_the_one_before_and_voids_what_followed() {
        let mut ledger =
            Ledger::read([media(0, 0, 0), media(1, LENGTH, 3), media(2, 2 * LENGTH, 6)]).unwrap();
        // The cut at 4 s is on the audio grid at 360,960.
        let start = LENGTH + 360_960;
        assert_eq!(ledger.cut_before(4).unwrap().1, AirTime(start));
        ledger.push(media(3, start, 4)).unwrap();
        assert_eq!(ledger.airings().len(), 3);
        let cut = &ledger.airings()[1];
        assert_eq!((cut.end, cut.end_sequence, cut.is_cut()), (AirTime(start), 4, true));
        assert_eq!(ledger.segment(3).unwrap().row.ordinal, 1);
        assert_eq!(ledger.segment(4).unwrap().row.ordinal, 3);
        // The 960 ticks between the cut and the next airing are the last segment's.
        assert_eq!(ledger.segment_at(AirTime(start - 1)).unwrap().sequence, 3);
        assert_eq!(ledger.segment_at(AirTime(start)).unwrap().sequence, 4);
        assert_eq!(ledger.airing_of(7), None);
        // Read from a row on that the last one voids.
        let part = Ledger::read([media(2, 2 * LENGTH, 6), media(3, start, 4)]).unwrap();
        assert_eq!(part.airings(), &ledger.airings()[2..]);
    }

    #[test]
    fn segments_have_the_length_of_their_map_and_start_where_it_says() {
        let ledger = Ledger::read([media(0, 1_000, 7), media(1, 1_000 + LENGTH, 10)]).unwrap();
        let told: Vec<(u64, i64, i64)> =
            ledger.segments_from(8).map(|s| (s.sequence, s.start.0, s.length.0)).collect();
        let second = 1_000 + LENGTH;
        assert_eq!(
            told,
            [
                (8, 361_000, 360_000),
                (9, 721_000, 180_000),
                (10, second, 360_000),
                (11, second + 360_000, 360_000),
                (12, second + 720_000, 180_000),
            ]
        );
    }

    #[test]
    fn a_list_of_segments_never_reaches_over_a_stretch_nobody_watched() {
        let gap = skip(1, LENGTH, 3);
        let after = media(2, gap.end().0, 103);
        let ledger = Ledger::read([media(0, 0, 0), gap, after]).unwrap();
        let numbers = |from| ledger.segments_from(from).map(|s| s.sequence).collect::<Vec<_>>();
        assert_eq!(numbers(1), [1, 2]);
        assert_eq!(numbers(50), [103, 104, 105]);
        assert!(numbers(106).is_empty());
        assert_eq!(ledger.segment(50), None);
        assert_eq!(ledger.segment_at(AirTime(LENGTH + 5)), None);
        let next = ledger.segment_at_or_after(AirTime(LENGTH + 5)).unwrap();
        assert_eq!((next.sequence, next.start), (103, after.start));
        assert_eq!(ledger.segment_at_or_after(AirTime(-5)).unwrap().sequence, 0);
        assert_eq!(ledger.segment_at_or_after(after.end()), None);
    }

    #[test]
    fn a_row_that_cannot_be_true_is_named() {
        let fault = |row: Row| {
            let mut ledger = Ledger::read([media(0, 0, 0), media(1, LENGTH, 3)]).unwrap();
            let before = ledger.clone();
            let broken = ledger.push(row).unwrap_err();
            assert_eq!(broken.ordinal, row.ordinal);
            assert_eq!(ledger, before, "a broken row changes nothing");
            broken.fault
        };
        let good = media(2, 2 * LENGTH, 6);
        assert!(Ledger::read([media(1, LENGTH, 3), good]).is_ok());
        assert_eq!(fault(Row { ordinal: 3, ..good }), Fault::Ordinal(2));
        assert_eq!(fault(Row { ordinal: 1, ..good }), Fault::Ordinal(2));
        assert_eq!(fault(Row { start: AirTime(5), ..good }), Fault::Start(good.start));
        assert_eq!(fault(Row { first_sequence: 7, ..good }), Fault::Sequence(6));
        assert_eq!(fault(Row { first_sequence: 0, ..good }), Fault::Sequence(3));
        let cut = AirTime(LENGTH + 360_960);
        assert_eq!(fault(Row { first_sequence: 4, ..good }), Fault::Start(cut));
        assert_eq!(fault(Row { length: Ticks(900_000), ..good }), Fault::Length);
        assert_eq!(fault(Row { length: Ticks(902_400), ..good }), Fault::Length);
        assert_eq!(fault(Row { discontinuity_sequence: 1, ..good }), Fault::Discontinuity(0));
        assert_eq!(fault(Row { frame_height: 480, ..good }), Fault::Discontinuity(1));
        let far = AirTime(i64::MAX - 5);
        assert_eq!(fault(Row { start: far, ..good }), Fault::Length);
        let none = Content::Skip { segments: 0, cursor: None };
        assert_eq!(fault(Row { content: none, ..good }), Fault::Segments);
        let many = Content::Skip { segments: u64::MAX, cursor: None };
        assert_eq!(fault(Row { content: many, ..good }), Fault::Segments);
        for (first, end) in [(0, 4), (3, 3), (2, 1)] {
            let mut row = good;
            if let Content::Media { first: f, end: e, .. } = &mut row.content {
                (*f, *e) = (first, end);
            }
            assert_eq!(fault(row), Fault::Segments);
        }
    }

    #[test]
    fn a_stretch_nobody_watched_cannot_be_cut() {
        let mut ledger = Ledger::read([media(0, 0, 0), skip(1, LENGTH, 3)]).unwrap();
        let error = ledger.push(media(2, LENGTH + 1_920, 4)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ledger row 2 is broken: its first sequence number should be at most 103, and \
             within a media or off the air; restore the database from a backup"
        );
        assert_eq!(ledger.cut_before(4), None);
    }

    #[test]
    fn rows_read_back_as_stored() {
        for row in [media(0, 0, 0), skip(1, LENGTH, 3)] {
            let text = serde_json::to_string(&row).unwrap();
            assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row);
        }
    }
}
