//! The cuts of maps that are cut at a file's own keyframes.
//!
//! Owns the cache of them: rows name such a map, and a ledger needs its cuts.
//! Invariant: a map never changes, so what was read once stays right.

use std::collections::HashMap;

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
        let (mut maps, mut missing) = (Maps::default(), Vec::new());
        for row in rows {
            let Content::Media { map_id, map, .. } = row.content else { continue };
            if map.signature().is_none() || maps.0.contains_key(&map_id) {
                continue;
            }
            match self.0.maps.get(&map_id) {
                Some(map) => drop(maps.0.insert(map_id, map)),
                None => missing.push(map_id),
            }
        }
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            for (id, map) in self.0.db.segment_maps(&missing).await? {
                self.0.maps.insert(id, map.clone());
                maps.0.insert(id, map);
            }
        }
        Ok(maps)
    }
}
