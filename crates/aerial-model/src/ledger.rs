//! The ledger: a channel's committed airings, the only truth about time.
//!
//! Owns the rows and how a run of them is read (`rules.md`, 1, 2 and 4). Does
//! not plan and does not store. Invariant: rows are append-only, each starts
//! where the one before ends, and sequence numbers run on.

use serde::{Deserialize, Serialize};

use crate::id::{ItemId, MapId, MediaId};
use crate::lineup::SlotKey;
use crate::segment_map::SegmentMap;
use crate::time::{AirTime, Ticks};

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
        /// Its cut points.
        map: SegmentMap,
        /// First segment of the map that plays.
        first: u32,
        /// The segment after the last that plays.
        end: u32,
    },
    /// Nothing to play: slates, cut by this map (25 frames per second, 4 s
    /// segments); the cursor, if the channel has begun, stays.
    OffAir {
        /// The slates' cut points.
        map: SegmentMap,
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
    /// Height of the frame its pictures are padded into; differs from the row
    /// before exactly where a discontinuity is.
    pub frame_height: u16,
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
            Content::Media { first, end, .. } => u64::from(end - first),
            Content::OffAir { map, .. } => u64::from(map.segments()),
            Content::Skip { segments, .. } => segments,
        }
    }

    /// The sequence number after its last segment.
    pub fn end_sequence(&self) -> u64 {
        self.first_sequence + self.segments()
    }

    /// Where the plan goes on after it.
    pub fn cursor(&self) -> Option<Cursor> {
        match self.content {
            Content::Media { cursor, .. } => Some(cursor),
            Content::OffAir { cursor, .. } | Content::Skip { cursor, .. } => cursor,
        }
    }
}
