//! The ledger: a channel's committed airings, the only truth about time.
//!
//! Owns the rows and how a run of them is read (`rules.md`, 1, 2 and 4). Does
//! not plan and does not store. Invariant: rows are append-only, each starts
//! where the one before ends, and sequence numbers run on.
//!
//! A row is never changed, but a later one can cut it: it then begins before
//! the earlier one's own end, at one of its cuts. Whatever was committed behind
//! that cut never airs. So of all rows that begin at or before an instant (or
//! a sequence number), the one with the highest ordinal is on the air then.

use serde::{Deserialize, Serialize};

use crate::id::{ItemId, MapId, MediaId};
use crate::lineup::SlotKey;
use crate::segment_map::{MapOutline, SegmentMap};
use crate::time::{AUDIO_FRAME, AirTime, Ticks};

/// What fills the time of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// A media plays.
    Media {
        /// What plays, and the planner's cursor after it.
        cursor: Cursor,
        /// The map that this airing pinned.
        map_id: MapId,
        /// What is known of the map without its cuts.
        map: MapOutline,
        /// First segment of the map that plays.
        first: u32,
        /// The segment after the last that plays.
        end: u32,
    },
    /// Nothing to play: slates, cut by this map (25 frames per second, 4 s
    /// segments); the cursor, if the channel has begun, stays.
    OffAir {
        /// The slates' cut points.
        map: MapOutline,
        /// Where the plan goes on when there is something to play again.
        cursor: Option<Cursor>,
    },
    /// A stretch nobody watched, told by its counts alone.
    Skip {
        /// Segments in the stretch.
        segments: u64,
        /// The last airing in it, if any media aired.
        cursor: Option<Cursor>,
    },
}

/// Where in the lineup an airing stands: enough to know what follows even when
/// the slot itself has been deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor {
    /// How often the lineup was begun before; from 0.
    pub cycle: u64,
    /// The lineup item.
    pub item: ItemId,
    /// The media.
    pub media: MediaId,
    /// The slot's place in the arranged order.
    pub key: SlotKey,
}

/// One row of a channel's ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// From 0, without gaps, unique per channel.
    pub ordinal: u64,
    /// When it begins.
    pub start: AirTime,
    /// How long it lasts if nothing cuts it: a multiple of an audio frame.
    pub length: Ticks,
    /// Sequence number of its first segment.
    pub first_sequence: u64,
    /// EXT-X-DISCONTINUITY-SEQUENCE of its first segment.
    pub discontinuity_sequence: u32,
    /// Height of the frame its pictures are padded into. Where it or the
    /// signature differs from the row before, there is a discontinuity.
    pub frame_height: u16,
    /// Which codec configuration the copied video has (`rules.md`, 15); `None`
    /// for the frame's own. A skip keeps that of the row before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<u64>,
    /// The lineup version it was planned from.
    pub lineup_version: u32,
    /// What fills it.
    pub content: Content,
}

impl Row {
    /// When it ends if nothing cuts it.
    pub fn end(&self) -> AirTime {
        self.start + self.length
    }

    /// How many segments it has if nothing cuts it.
    pub fn segments(&self) -> u64 {
        match self.content {
            Content::Media { first, end, .. } => u64::from(end.saturating_sub(first)),
            Content::OffAir { map, .. } => u64::from(map.segments()),
            Content::Skip { segments, .. } => segments,
        }
    }

    /// The sequence number after its last segment.
    pub fn end_sequence(&self) -> u64 {
        self.first_sequence.saturating_add(self.segments())
    }

    /// Where the plan goes on after it.
    pub fn cursor(&self) -> Option<Cursor> {
        match self.content {
            Content::Media { cursor, .. } => Some(cursor),
            Content::OffAir { cursor, .. } | Content::Skip { cursor, .. } => cursor,
        }
    }

    /// Its map, without the cuts; a skip has none.
    fn outline(&self) -> Option<MapOutline> {
        match self.content {
            Content::Media { map, .. } | Content::OffAir { map, .. } => Some(map),
            Content::Skip { .. } => None,
        }
    }

    /// The first segment of its map that airs.
    fn first_index(&self) -> u32 {
        match self.content {
            Content::Media { first, .. } => first,
            Content::OffAir { .. } | Content::Skip { .. } => 0,
        }
    }

    /// The row's map, with the cuts that a file's keyframes gave it.
    fn map(
        &self,
        copied: impl Fn(MapId) -> Option<SegmentMap>,
    ) -> Result<Option<SegmentMap>, Broken> {
        let Some(outline) = self.outline() else { return Ok(None) };
        let map = match (outline.uniform(), self.content) {
            (Some(map), _) => Some(map),
            (None, Content::Media { map_id, .. }) => copied(map_id),
            (None, _) => None,
        };
        match map.filter(|map| map.outline() == outline) {
            Some(map) => Ok(Some(map)),
            None => Err(Broken { ordinal: self.ordinal, fault: Fault::Map }),
        }
    }

    /// Whether the row, taken alone, can be true.
    fn check(&self, segment_map: Option<&SegmentMap>) -> Result<(), Broken> {
        let broken = |fault| Err(Broken { ordinal: self.ordinal, fault });
        let exact = match self.content {
            Content::Media { map, first, end, .. } => {
                if first >= end || end > map.segments() {
                    return broken(Fault::Segments);
                }
                segment_map.map(|map| map.cut(end) - map.cut(first))
            }
            Content::OffAir { map, .. } => Some(map.end()),
            Content::Skip { segments: 0, .. } => return broken(Fault::Segments),
            Content::Skip { .. } => None,
        };
        let on_grid = self.length > Ticks::ZERO && self.length.0 % AUDIO_FRAME.0 == 0;
        let as_mapped = exact.is_none_or(|exact| exact.round_up_to_audio_frame() == self.length);
        if !on_grid || !as_mapped || self.start.0.checked_add(self.length.0).is_none() {
            return broken(Fault::Length);
        }
        if self.first_sequence.checked_add(self.segments()).is_none() {
            return broken(Fault::Segments);
        }
        Ok(())
    }
}

/// A row that cannot follow the rows before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ledger row {ordinal} is broken: {fault}; restore the database from a backup")]
pub struct Broken {
    /// The row.
    pub ordinal: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Ordinals have no gaps.
    #[error("its ordinal should be {0}")]
    Ordinal(u64),
    /// It neither starts where the row before ends nor at one of its cuts.
    #[error("it should start at {0}")]
    Start(AirTime),
    /// Sequence numbers run on, or back to a cut of a row that knows its cuts.
    #[error("its first sequence number should be at most {0}, and within a media or off the air")]
    Sequence(u64),
    /// Its length is not that of its segments, rounded up to an audio frame.
    #[error("its length is not that of its segments in whole audio frames")]
    Length,
    /// It names no segments, or some that its map does not have.
    #[error("it names segments that are not there")]
    Segments,
    /// Its map's cuts are not there, or are another map's.
    #[error("the cuts of its segment map are missing")]
    Map,
    /// The discontinuity sequence grows by one where the frame height or the
    /// codec configuration changes, and nowhere else.
    #[error("its discontinuity sequence should be {0}")]
    Discontinuity(u32),
}

/// A row as it airs: it ends where it says, or where a later row cuts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Airing {
    /// The row as committed.
    pub row: Row,
    /// Where it is cut; a skip has none.
    map: Option<SegmentMap>,
    /// When it really ends: the start of the next.
    pub end: AirTime,
    /// The sequence number after its last segment that airs.
    pub end_sequence: u64,
}

impl Airing {
    fn whole(row: Row, map: Option<SegmentMap>) -> Self {
        Self { row, map, end: row.end(), end_sequence: row.end_sequence() }
    }

    /// Where it is cut; `None` for a skip.
    pub fn map(&self) -> Option<&SegmentMap> {
        self.map.as_ref()
    }

    /// When the segment that has this sequence number begins, exactly; a skip
    /// does not know.
    fn segment_start(&self, sequence: u64) -> Option<AirTime> {
        let (map, first) = (self.map.as_ref()?, self.row.first_index());
        let index = first + u32::try_from(sequence.checked_sub(self.row.first_sequence)?).ok()?;
        Some(self.row.start + (map.cut(index) - map.cut(first)))
    }

    /// When that segment of its map airs, or would if all of it did; a skip does not
    /// know.
    pub fn airs_at(&self, index: u32) -> Option<AirTime> {
        let map = self.map.as_ref()?;
        Some(self.row.start + (map.cut(index) - map.cut(self.row.first_index())))
    }

    /// When another row begins that cuts this one before the segment of this
    /// sequence number: like an airing's end, on the audio grid (`rules.md`, 17).
    fn cut_start(&self, sequence: u64) -> Option<AirTime> {
        let exact = self.segment_start(sequence)? - self.row.start;
        Some(self.row.start + exact.round_up_to_audio_frame())
    }

    /// Whether a later row cuts it.
    pub fn is_cut(&self) -> bool {
        self.end_sequence < self.row.end_sequence()
    }

    /// Whether it is on the air at that instant.
    pub fn contains(&self, instant: AirTime) -> bool {
        self.row.start <= instant && instant < self.end
    }

    /// The segment of that sequence number; `None` if it is another row's, or
    /// if this is a skip.
    pub fn segment(&self, sequence: u64) -> Option<AirSegment> {
        if !(self.row.first_sequence..self.end_sequence).contains(&sequence) {
            return None;
        }
        let (map, first) = (self.map.as_ref()?, self.row.first_index());
        let index = first + u32::try_from(sequence - self.row.first_sequence).ok()?;
        let media_start = map.cut(index);
        Some(AirSegment {
            row: self.row,
            sequence,
            index,
            start: self.row.start + (media_start - map.cut(first)),
            length: map.cut(index + 1) - media_start,
            media_start,
        })
    }

    /// The segment that is on the air at that instant. The up to 21 ms by which
    /// an airing outlasts its segments belong to the last one.
    pub fn segment_at(&self, instant: AirTime) -> Option<AirSegment> {
        if !self.contains(instant) {
            return None;
        }
        let (map, first) = (self.map.as_ref()?, self.row.first_index());
        let index = map.index_at(map.cut(first) + (instant - self.row.start));
        let sequence = self.row.first_sequence + u64::from(index.saturating_sub(first));
        self.segment(sequence.min(self.end_sequence.checked_sub(1)?))
    }
}

/// One segment on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AirSegment {
    /// The row it belongs to.
    pub row: Row,
    /// Its EXT-X-MEDIA-SEQUENCE number.
    pub sequence: u64,
    /// Its index in the row's map.
    pub index: u32,
    /// When it begins.
    pub start: AirTime,
    /// Its length, as the map has it (EXTINF, `rules.md`, 12). The last of an
    /// airing is *not* stretched to the next row's start, up to 21 ms later:
    /// EXTINF names the frames that are in it, and each airing's first segment
    /// carries its own EXT-X-PROGRAM-DATE-TIME.
    pub length: Ticks,
    /// Where in the media it begins; add `start - media_start` to media time to
    /// get the channel's time.
    pub media_start: Ticks,
}

impl AirSegment {
    /// When it ends.
    pub fn end(&self) -> AirTime {
        self.start + self.length
    }

    /// Whether it is the first of its airing.
    pub fn begins_airing(&self) -> bool {
        self.sequence == self.row.first_sequence
    }
}

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
        let broken = |fault| Err(Broken { ordinal: row.ordinal, fault });
        if let Some(tail) = self.tail()
            && row.ordinal != tail.ordinal.saturating_add(1)
        {
            return broken(Fault::Ordinal(tail.ordinal.saturating_add(1)));
        }
        let kept = self.airings.partition_point(|a| a.row.first_sequence < row.first_sequence);
        match kept.checked_sub(1).and_then(|last| self.airings.get_mut(last)) {
            Some(before) => {
                let next = if row.first_sequence == before.end_sequence {
                    Some(before.end)
                } else if row.first_sequence < before.end_sequence {
                    before.cut_start(row.first_sequence)
                } else {
                    None
                };
                let Some(start) = next else {
                    return broken(Fault::Sequence(before.end_sequence));
                };
                if row.start != start {
                    return broken(Fault::Start(start));
                }
                let changes = (row.frame_height, row.signature)
                    != (before.row.frame_height, before.row.signature);
                let expected = before.row.discontinuity_sequence.saturating_add(changes.into());
                if row.discontinuity_sequence != expected {
                    return broken(Fault::Discontinuity(expected));
                }
                before.end = row.start;
                before.end_sequence = row.first_sequence;
            }
            // Nothing is left before it. That is right for the first row, and
            // for one that cuts a row from before those that were read.
            None => {
                if let Some(first) = self.airings.first()
                    && (first.row.ordinal == 0 || row.start > first.row.start)
                {
                    return broken(Fault::Sequence(first.end_sequence));
                }
            }
        }
        self.airings.truncate(kept);
        self.airings.push(Airing::whole(row, map));
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
    use crate::time::FrameRate;
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
