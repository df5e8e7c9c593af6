//! The segment store: under its limit, but for nothing that somebody may ask for.

use std::collections::BTreeSet;

use super::{Held, Invariant, hold};
use crate::world::SegmentKey;

/// What lies on disk is under the limit.
pub(crate) fn store_keeps_its_limit(bytes: u64, limit: u64) -> Held {
    hold(Invariant::StoreKeepsItsLimit, bytes <= limit, || format!("{bytes} of {limit} bytes"))
}

/// Nothing was given away that a playlist in a player's hands names.
pub(crate) fn named_segments_stay(evicted: &[SegmentKey], named: &BTreeSet<SegmentKey>) -> Held {
    let lost = evicted.iter().find(|key| named.contains(key));
    hold(Invariant::NamedSegmentsStay, lost.is_none(), || format!("{lost:?} is gone"))
}
