//! A row as it airs, and its segments on the channel's clock.
//!
//! Owns the step from a segment of a map to its time, its number and back. Which row
//! cuts which is the ledger's. Invariant: a segment that it names airs whole; none
//! behind a cut is named.

use super::row::Row;
use crate::segment_map::SegmentMap;
use crate::time::{AirTime, Ticks};

/// A row as it airs: it ends where it says, or where a later row cuts it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Airing {
    /// The row as committed.
    pub row: Row,
    /// Where it is cut; a skip has none.
    pub(super) map: Option<SegmentMap>,
    /// When it really ends: the start of the next.
    pub end: AirTime,
    /// The sequence number after its last segment that airs.
    pub end_sequence: u64,
}

impl Airing {
    pub(super) fn whole(row: Row, map: Option<SegmentMap>) -> Self {
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
    pub(super) fn cut_start(&self, sequence: u64) -> Option<AirTime> {
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
