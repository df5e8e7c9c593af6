//! The cuts of maps that are cut at a file's own keyframes.
//!
//! Owns the cache of them: rows name such a map, and a ledger needs its cuts.
//! Invariant: a map never changes, so what was read once stays right.

use std::collections::{BTreeSet, HashMap};

use aerial_model::id::MapId;
use aerial_model::ledger::{Content, Row};
use aerial_model::segment_map::SegmentMap;

use super::{Result, Schedule};

/// The maps that some rows name.
#[derive(Clone, Debug, Default)]
pub(super) struct Maps(HashMap<MapId, SegmentMap>);

impl Maps {
    pub(super) fn get(&self, id: MapId) -> Option<SegmentMap> {
        self.0.get(&id).cloned()
    }
}

impl Schedule {
    /// The maps of those rows that air copied video.
    pub(super) async fn maps_of(&self, rows: &[Row]) -> Result<Maps> {
        let copied = rows.iter().filter_map(|row| match row.content {
            Content::Media { map_id, map, .. } => map.signature().map(|_| map_id),
            Content::OffAir { .. } | Content::Skip { .. } => None,
        });
        self.copied_maps(copied).await
    }

    /// The maps of these ids, as far as they are there; from memory what was asked for
    /// before.
    pub(super) async fn copied_maps(&self, ids: impl IntoIterator<Item = MapId>) -> Result<Maps> {
        let (mut maps, mut missing) = (Maps::default(), BTreeSet::new());
        for id in ids {
            match self.0.maps.get(&id) {
                Some(map) => drop(maps.0.insert(id, map)),
                None => drop(missing.insert(id)),
            }
        }
        if !missing.is_empty() {
            let missing: Vec<MapId> = missing.into_iter().collect();
            for (id, map) in self.0.db.segment_maps(&missing).await? {
                self.0.maps.insert(id, map.clone());
                maps.0.insert(id, map);
            }
        }
        Ok(maps)
    }
}
