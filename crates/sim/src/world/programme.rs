//! What a channel airs, as its stream reads it from the ledger.
//!
//! Mirrors the server's `stream/programme` and `stream/track`. Invariant: everything here
//! follows from the committed rows, the library and the clock.

use std::collections::BTreeSet;
use std::ops::Range;

use aerial_model::demand::wanted::{self, LOW_MARK};
use aerial_model::demand::{TrackKey, Want};
use aerial_model::id::MapId;
use aerial_model::ledger::{AirSegment, Content, Ledger, Row};
use aerial_model::profile::Rendition;
use aerial_model::time::AirTime;

use crate::library::Library;

/// Names one segment of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    /// The track.
    pub track: TrackKey,
    /// The segment's index in the track's map.
    pub index: u32,
}

/// One media in one rendition, or slates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) key: TrackKey,
    pub(crate) height: u16,
    /// How many segments it has.
    pub(crate) segments: u32,
    /// The map it is cut by; `None`: it is slate.
    pub(crate) map_id: Option<MapId>,
}

/// The track that a row plays in a rendition.
pub(crate) fn track(library: &Library, row: &Row, rendition: Rendition) -> Track {
    let height = match rendition {
        Rendition::Height(height) => height.min(row.frame_height),
        Rendition::Source => row.frame_height,
    };
    let named = |source: u128, kind: u128| {
        TrackKey((source << 32 | u128::from(height) << 8 | kind).to_be_bytes())
    };
    match row.content {
        Content::Media { map_id, .. } => {
            let segments = library.cuts(map_id).map_or(0, |cuts| cuts.segments());
            let is_there = library.current(map_id).is_some();
            // A file that was replaced is slate to the end of the airing.
            let (key, map_id) = match is_there {
                true => (named(map_id.0.as_u128(), 0), Some(map_id)),
                false => (named(map_id.0.as_u128(), 2), None),
            };
            Track { key, height, segments, map_id }
        }
        Content::OffAir { .. } | Content::Skip { .. } => {
            let segments = u32::try_from(row.segments()).unwrap_or(u32::MAX);
            let key = named(u128::from(row.length.0.cast_unsigned()), 1);
            Track { key, height, segments, map_id: None }
        }
    }
}

/// The name of a segment in the store.
pub(crate) fn key(library: &Library, segment: &AirSegment, rendition: Rendition) -> SegmentKey {
    SegmentKey { track: track(library, &segment.row, rendition).key, index: segment.index }
}

/// The segments that a playlist lists.
pub(crate) fn listed(ledger: &Ledger, window: Range<u64>) -> Vec<AirSegment> {
    let from = ledger.segments_from(window.start);
    from.take_while(|segment| segment.sequence < window.end).collect()
}

/// The tracks that airings play in one rendition, by ordinal.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracks(pub(crate) Vec<(u64, Track)>);

impl Tracks {
    /// Those needed from these segments on, up to what begins soon.
    pub(crate) fn of(
        library: &Library,
        ledger: &Ledger,
        rendition: Rendition,
        from: [u64; 2],
        now: AirTime,
    ) -> Self {
        let mut tracks = Self::default();
        let soon = |segment: &AirSegment| segment.start <= now + LOW_MARK;
        for segment in from.into_iter().flat_map(|from| ledger.segments_from(from).take_while(soon))
        {
            if tracks.find(segment.row.ordinal).is_none() {
                tracks.0.push((segment.row.ordinal, track(library, &segment.row, rendition)));
            }
        }
        tracks
    }

    fn find(&self, ordinal: u64) -> Option<&Track> {
        self.0.iter().find(|(of, _)| *of == ordinal).map(|(_, track)| track)
    }

    pub(crate) fn key(&self, ledger: &Ledger, sequence: u64) -> Option<SegmentKey> {
        let segment = ledger.segment(sequence)?;
        let track = self.find(segment.row.ordinal)?.key;
        Some(SegmentKey { track, index: segment.index })
    }
}

/// What is wanted of these tracks by players that will ask for the segments of
/// `starts` next. `made` says what is finished.
pub(crate) fn wants(
    ledger: &Ledger,
    tracks: &Tracks,
    starts: &BTreeSet<u64>,
    now: AirTime,
    made: impl Fn(SegmentKey) -> bool,
) -> Vec<Want> {
    let track = |ordinal| tracks.find(ordinal).map(|track| track.key);
    wanted::wants(ledger, track, starts, now, |track, index| made(SegmentKey { track, index }))
}
