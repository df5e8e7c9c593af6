//! The lineup as the planner sees it: one version of a channel's ordered slots.
//!
//! Owns the flattened, resolved form (shows are already their episodes, what
//! cannot air is already left out). Does not know titles or files. Invariant: a
//! version's content never changes; every edit, scan or quarantine that would
//! change it makes the next version.

use serde::{Deserialize, Serialize};

use crate::id::{ItemId, MapId, MediaId};
use crate::segment_map::MapOutline;
use crate::time::{AirTime, Ticks};

/// In which order a cycle plays its slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As arranged.
    #[default]
    Sequential,
    /// Everything once per cycle, in an order derived from the seed and the cycle.
    Shuffle,
}

/// Where a slot stands in the arranged order. It is kept when slots around it
/// come and go, so a ledger row whose slot was deleted still knows what follows.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct SlotKey {
    /// The lineup item's rank.
    pub rank: i64,
    /// The episode's place within a show; 0 for a single media.
    pub episode: u64,
}

/// One thing to play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The lineup item it comes from.
    pub item: ItemId,
    /// What plays.
    pub media: MediaId,
    /// Its place in the arranged order.
    pub key: SlotKey,
    /// Which cut points are used; the airing pins them.
    pub map_id: MapId,
    /// What is known of the map without its cuts.
    pub map: MapOutline,
}

impl Slot {
    /// How long its airing lasts: the segments' exact length rounded up to a
    /// whole audio frame (`rules.md`, 17).
    pub fn air_length(&self) -> Ticks {
        self.map.end().round_up_to_audio_frame()
    }
}

/// One version of a channel's lineup with all that decides what airs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineup {
    /// Grows by one with each change, per channel.
    pub version: u32,
    /// Sequential or shuffled.
    pub order: Order,
    /// What the shuffle is derived from; chosen once per channel.
    pub seed: u64,
    /// After the last slot: begin again, or go off the air.
    pub looping: bool,
    /// Before this instant the channel is off the air.
    pub starts_at: AirTime,
    /// When the channel was made: where its ledger begins at the latest.
    pub created_at: AirTime,
    /// Height of the frame that every airing is padded into; a change of it is
    /// a discontinuity.
    pub frame_height: u16,
    /// Sorted by key, no two with the same (item, media).
    pub slots: Vec<Slot>,
}
