//! A row of the ledger: one committed airing, as it is stored.
//!
//! Owns what a row says and whether that, taken alone, can be true. Whether it can
//! follow the rows before it is the ledger's. Invariant: a row that was checked has
//! segments, and the length that they have on the audio grid.

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
    pub(super) fn first_index(&self) -> u32 {
        match self.content {
            Content::Media { first, .. } => first,
            Content::OffAir { .. } | Content::Skip { .. } => 0,
        }
    }

    /// The row's map, with the cuts that a file's keyframes gave it.
    pub(super) fn map(
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
    pub(super) fn check(&self, segment_map: Option<&SegmentMap>) -> Result<(), Broken> {
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
