//! A lineup's items as people arrange them, and the ranks that keep them in order.
//!
//! Owns what an item stands for and how ranks are given. Does not know what an item
//! airs (`lineup`). Invariant: an item keeps its rank while things come and go around
//! it, so that a deleted item's place can still be told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::{ItemId, MediaId};

/// What a lineup item stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// One media.
    Media(MediaId),
    /// A show: all its episodes in order, and those to come.
    Show(String),
}

/// One item of a channel's lineup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineupItem {
    /// For good.
    pub id: ItemId,
    /// Items play in the order of their ranks.
    pub rank: i64,
    /// What it stands for.
    pub what: What,
}

/// The distance of two ranks made one after the other: room to halve 32 times,
/// and for two thousand million items.
const RANK_STEP: i64 = 1 << 32;

/// Gives items their ranks, in the order they are wanted in: one function for
/// inserting, moving, deleting and arranging anew.
///
/// Items that are in `current` already keep their ranks as far as can be: all
/// but the fewest that must move (the longest ascending run stays), and but for
/// neighbours of a gap too small for what comes into it.
pub fn ranked(current: &[LineupItem], wanted: Vec<(ItemId, What)>) -> Vec<LineupItem> {
    let known: BTreeMap<ItemId, i64> = current.iter().map(|item| (item.id, item.rank)).collect();
    let old: Vec<Option<i64>> = wanted.iter().map(|(id, _)| known.get(id).copied()).collect();
    let ranks = filled(longest_ascending(&old));
    let items = wanted.into_iter().zip(ranks);
    items.map(|((id, what), rank)| LineupItem { id, rank, what }).collect()
}

/// Of the ranks given, the longest strictly ascending selection; the others `None`.
fn longest_ascending(ranks: &[Option<i64>]) -> Vec<Option<i64>> {
    // Patience sorting: `ends[n]` is the index that ends the best run of n + 1.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; ranks.len()];
    for (index, rank) in ranks.iter().enumerate() {
        let Some(rank) = rank else { continue };
        let length = ends.partition_point(|end| ranks[*end].is_some_and(|last| last < *rank));
        before[index] = length.checked_sub(1).map(|shorter| ends[shorter]);
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let mut kept = vec![None; ranks.len()];
    let mut at = ends.last().copied();
    while let Some(index) = at {
        kept[index] = ranks[index];
        at = before[index];
    }
    kept
}

/// Ranks for those that have none, between those that have.
fn filled(mut ranks: Vec<Option<i64>>) -> Vec<i64> {
    let count = ranks.len();
    let mut index = 0;
    while index < count {
        if ranks[index].is_some() {
            index += 1;
            continue;
        }
        let end = (index..count).find(|at| ranks[*at].is_some()).unwrap_or(count);
        match between(
            index.checked_sub(1).and_then(|at| ranks[at]),
            ranks.get(end).copied().flatten(),
            end - index,
        ) {
            Some(new) => {
                for (rank, new) in ranks[index..end].iter_mut().zip(new) {
                    *rank = Some(new);
                }
                index = end;
            }
            // Too little room: the neighbours make way, twice as many each time.
            None => {
                let wider = end - index;
                index = index.saturating_sub(wider);
                let end = (end + wider).min(count);
                ranks[index..end].fill(None);
            }
        }
    }
    ranks.into_iter().map(Option::unwrap_or_default).collect()
}

/// `count` ranks between two; `None` where there is not room for all.
fn between(low: Option<i64>, high: Option<i64>, count: usize) -> Option<Vec<i64>> {
    let many = i64::try_from(count).ok()?.checked_add(1)?;
    let (first, step) = match (low, high) {
        (None, None) => (0, RANK_STEP),
        (Some(low), None) => (low.checked_add(RANK_STEP)?, RANK_STEP),
        (None, Some(high)) => (high.checked_sub(RANK_STEP.checked_mul(many - 1)?)?, RANK_STEP),
        (Some(low), Some(high)) => {
            let step = high.checked_sub(low)? / many;
            (low.checked_add(step)?, step)
        }
    };
    first.checked_add(step.checked_mul(many)?)?;
    (step > 0).then(|| (0..many - 1).map(|n| first + step * n).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    fn id(n: u128) -> ItemId {
        ItemId(Uuid::from_u128(n))
    }

    fn wanted(ids: &[u128]) -> Vec<(ItemId, What)> {
        ids.iter().map(|n| (id(*n), What::Show(n.to_string()))).collect()
    }

    fn ranks_of(items: &[LineupItem], ids: &[u128]) -> Vec<Option<i64>> {
        let rank = |n: &u128| items.iter().find(|item| item.id == id(*n)).map(|item| item.rank);
        ids.iter().map(rank).collect()
    }

    #[test]
    fn what_stays_in_order_keeps_its_rank() {
        let before = ranked(&[], wanted(&[1, 2, 3, 4, 5]));
        // 2 is deleted, 5 moved to the front, 6 inserted behind 3.
        let after = ranked(&before, wanted(&[5, 1, 3, 6, 4]));
        assert_eq!(ranks_of(&after, &[1, 3, 4]), ranks_of(&before, &[1, 3, 4]));
        assert!(after.is_sorted_by(|a, b| a.rank < b.rank));
        let ids: Vec<ItemId> = after.iter().map(|item| item.id).collect();
        assert_eq!(ids, [5, 1, 3, 6, 4].map(id));
    }

    #[test]
    fn a_place_without_room_is_widened_by_its_neighbours_alone() {
        let mut items = ranked(&[], wanted(&(0..100).collect::<Vec<_>>()));
        // Always between the same two: far more often than a gap can be halved.
        for n in 100..400 {
            let mut ids: Vec<u128> = items.iter().map(|item| item.id.0.as_u128()).collect();
            ids.insert(50, n);
            let after = ranked(&items, wanted(&ids));
            assert!(after.is_sorted_by(|a, b| a.rank < b.rank));
            items = after;
        }
        let fresh = ranked(&[], wanted(&(0..100).collect::<Vec<_>>()));
        let far: Vec<u128> = (0..20).chain(80..100).collect();
        assert_eq!(ranks_of(&items, &far), ranks_of(&fresh, &far));
    }

    #[test]
    fn ranks_at_the_end_of_numbers_are_made_anew() {
        let item = |n, rank| LineupItem { id: id(n), rank, what: What::Show(n.to_string()) };
        let current = [item(1, i64::MIN), item(2, i64::MAX - 1), item(3, i64::MAX)];
        for ids in [&[1, 2, 3, 4][..], &[4, 1, 2, 3], &[1, 4, 2, 3], &[1, 2, 4, 3]] {
            assert!(ranked(&current, wanted(ids)).is_sorted_by(|a, b| a.rank < b.rank));
        }
    }

    proptest! {
        #[test]
        fn items_are_ranked_in_the_order_they_are_wanted_in(
            old in prop::collection::vec(0u128..30, 0..30),
            new in prop::collection::vec(0u128..30, 0..30),
            spread in 1i64..5,
        ) {
            let unique = |ids: Vec<u128>| {
                let mut seen = BTreeSet::new();
                ids.into_iter().filter(|n| seen.insert(*n)).collect::<Vec<_>>()
            };
            let current: Vec<LineupItem> = unique(old).into_iter().enumerate().map(|(at, n)| {
                LineupItem { id: id(n), rank: at as i64 * spread, what: What::Show(n.to_string()) }
            }).collect();
            let new = unique(new);
            let items = ranked(&current, wanted(&new));
            prop_assert!(items.is_sorted_by(|a, b| a.rank < b.rank));
            let ids: Vec<u128> = items.iter().map(|item| item.id.0.as_u128()).collect();
            prop_assert_eq!(&ids, &new);
            // The order it already has leaves everything as it is.
            prop_assert_eq!(&ranked(&items, wanted(&new)), &items);
        }
    }
}
