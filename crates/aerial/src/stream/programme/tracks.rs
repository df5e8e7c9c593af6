//! The tracks that some airings of a channel play in one rendition.
//!
//! Owns the step from a sequence number to the segment's name in the store. Knows
//! nothing of who wants it. Invariant: a segment has the track of its own airing, or
//! none.

use std::sync::Arc;

use aerial_model::ledger::{AirSegment, Ledger};

use crate::stream::store::SegmentKey;
use crate::stream::track::Track;

/// The tracks that some airings play in one rendition.
#[derive(Clone, Debug, Default)]
pub struct Tracks(pub(super) Vec<(u64, Arc<Track>)>);

impl Tracks {
    /// That of the airing with this ordinal.
    pub(in crate::stream) fn of(&self, ordinal: u64) -> Option<&Arc<Track>> {
        self.0.iter().find(|(of, _)| *of == ordinal).map(|(_, track)| track)
    }

    /// All of them, in the order of airing.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Track>> {
        self.0.iter().map(|(_, track)| track)
    }

    /// The name of a segment in the store, where its track is known.
    pub fn key(&self, ledger: &Ledger, sequence: u64) -> Option<SegmentKey> {
        let segment = ledger.segment(sequence)?;
        let track = self.of(segment.row.ordinal)?.key;
        Some(SegmentKey { track, index: segment.index })
    }

    /// The segments from `from` on, as far as their tracks are known.
    pub(super) fn segments<'a>(
        &'a self,
        ledger: &'a Ledger,
        from: u64,
    ) -> impl Iterator<Item = (AirSegment, &'a Arc<Track>)> + 'a {
        ledger
            .segments_from(from)
            .map_while(|segment| Some((segment, self.of(segment.row.ordinal)?)))
    }
}
