//! The order in which a cycle plays its slots, with its running sums.
//!
//! Owns sorting, shuffling and the search for a cursor's place. Does not know
//! instants. Invariant: a cycle plays every slot exactly once, whatever the
//! order, so all cycles of a lineup have the same length and segment count.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use crate::id::{ItemId, MediaId};
use crate::ledger::Cursor;
use crate::lineup::{Lineup, Order, Slot, SlotKey};
use crate::time::Ticks;

/// Longest airing that is planned: 2^40 ticks, 141 days. Longer ones are damaged
/// numbers; with this limit eight million slots add up without an overflow.
const LONGEST_AIRING: Ticks = Ticks(1 << 40);

/// Shuffled cycles kept: the one on the air, the one before (its last slot is
/// the cursor at the start of the next), and the same for a reader elsewhere.
const CYCLES_KEPT: usize = 4;

/// A slot's place in a cycle. Whatever is equal before is told apart by the ids.
type Place = (u64, SlotKey, ItemId, MediaId);

/// One cycle's order.
#[derive(Debug)]
pub(super) struct Cycle {
    /// Slots, as they play.
    slots: Vec<u32>,
    /// Where each slot plays.
    positions: Vec<u32>,
    /// When what plays at each position begins, from the cycle's start; and its end.
    starts: Vec<i64>,
    /// Segments before each position; and all.
    segments: Vec<u64>,
}

impl Cycle {
    fn of(slots: &[Slot], order: Vec<u32>) -> Self {
        let mut positions = vec![0; order.len()];
        let mut starts = Vec::with_capacity(order.len() + 1);
        let mut segments = Vec::with_capacity(order.len() + 1);
        let (mut start, mut count) = (0, 0);
        for (position, slot) in order.iter().enumerate() {
            starts.push(start);
            segments.push(count);
            positions[*slot as usize] = position as u32;
            start += slots[*slot as usize].air_length().0;
            count += u64::from(slots[*slot as usize].map.segments());
        }
        starts.push(start);
        segments.push(count);
        Self { slots: order, positions, starts, segments }
    }

    /// When what plays at `position` begins, from the cycle's start.
    pub(super) fn start(&self, position: usize) -> i64 {
        self.starts[position]
    }

    /// Segments before `position`.
    pub(super) fn segments_before(&self, position: usize) -> u64 {
        self.segments[position]
    }

    /// The position that plays at `offset`, at least 0, from the cycle's start.
    pub(super) fn position_at(&self, offset: i64) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }
}

/// All cycles of a lineup.
#[derive(Debug)]
pub(super) struct Cycles {
    order: Order,
    /// As arranged.
    slots: Vec<Slot>,
    /// Of each slot, without the cycle.
    digests: Vec<u64>,
    seed: u64,
    by_name: BTreeMap<(ItemId, MediaId), u32>,
    arranged: Arc<Cycle>,
    /// Shuffled cycles, the one used last in front. Guards nothing but this
    /// cache, and is never held while another lock is taken.
    recent: Mutex<VecDeque<(u64, Arc<Cycle>)>>,
}

impl Cycles {
    pub(super) fn of(lineup: &Lineup) -> Self {
        let mut slots: Vec<Slot> = lineup
            .slots
            .iter()
            .filter(|slot| (Ticks(1)..=LONGEST_AIRING).contains(&slot.air_length()))
            .copied()
            .collect();
        slots.sort_by_key(|slot| (slot.key, slot.item, slot.media));
        let mut by_name = BTreeMap::new();
        slots.retain(|slot| {
            let next = by_name.len() as u32;
            let mut is_new = false;
            by_name.entry((slot.item, slot.media)).or_insert_with(|| {
                is_new = true;
                next
            });
            is_new
        });
        let digests = slots.iter().map(|s| digest(lineup.seed, s.item, s.media)).collect();
        let arranged = Arc::new(Cycle::of(&slots, (0..slots.len() as u32).collect()));
        Self {
            order: lineup.order,
            slots,
            digests,
            seed: lineup.seed,
            by_name,
            arranged,
            recent: Mutex::default(),
        }
    }

    /// How many slots a cycle has.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How long a cycle lasts.
    pub(super) fn length(&self) -> i64 {
        self.arranged.start(self.len())
    }

    /// How many segments a cycle has.
    pub(super) fn segments(&self) -> u64 {
        self.arranged.segments_before(self.len())
    }

    /// The order of that cycle.
    pub(super) fn get(&self, number: u64) -> Arc<Cycle> {
        if self.order == Order::Sequential {
            return self.arranged.clone();
        }
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let known = recent.iter().position(|(cycle, _)| *cycle == number);
        let cycle = match known.and_then(|index| recent.remove(index)) {
            Some((_, cycle)) => cycle,
            None => Arc::new(self.shuffled(number)),
        };
        recent.push_front((number, cycle.clone()));
        recent.truncate(CYCLES_KEPT);
        cycle
    }

    fn shuffled(&self, number: u64) -> Cycle {
        let mut places: Vec<(Place, u32)> =
            (0..self.slots.len() as u32).map(|slot| (self.place_of(number, slot), slot)).collect();
        places.sort_unstable();
        Cycle::of(&self.slots, places.into_iter().map(|(_, slot)| slot).collect())
    }

    /// What plays at `position` of a cycle.
    pub(super) fn slot(&self, cycle: &Cycle, position: usize) -> &Slot {
        &self.slots[cycle.slots[position] as usize]
    }

    /// The cursor of what plays at `position` of cycle `number`.
    pub(super) fn cursor(&self, number: u64, cycle: &Cycle, position: usize) -> Cursor {
        let slot = self.slot(cycle, position);
        Cursor { cycle: number, item: slot.item, media: slot.media, key: slot.key }
    }

    /// The position that follows a cursor in its own cycle; `len()` if none does.
    ///
    /// A slot that was moved counts where it stands now. A deleted one counts
    /// where it stood: it is followed by what would have followed it. After a
    /// change of the order mode the cursor is looked up in the new order, which
    /// goes on from the same slot: in this cycle some play again, and some not.
    pub(super) fn position_after(&self, cursor: &Cursor) -> usize {
        let cycle = self.get(cursor.cycle);
        if let Some(slot) = self.by_name.get(&(cursor.item, cursor.media)) {
            return cycle.positions[*slot as usize] as usize + 1;
        }
        let digest = digest(self.seed, cursor.item, cursor.media);
        let gone = self.place(cursor.cycle, digest, cursor.key, cursor.item, cursor.media);
        cycle.slots.partition_point(|slot| self.place_of(cursor.cycle, *slot) < gone)
    }

    fn place_of(&self, number: u64, slot: u32) -> Place {
        let Slot { item, media, key, .. } = self.slots[slot as usize];
        self.place(number, self.digests[slot as usize], key, item, media)
    }

    fn place(&self, cycle: u64, digest: u64, key: SlotKey, item: ItemId, media: MediaId) -> Place {
        match self.order {
            Order::Sequential => (0, key, item, media),
            // Where a slot was arranged has no say in a shuffle.
            Order::Shuffle => (in_cycle(digest, cycle), SlotKey::default(), item, media),
        }
    }
}

/// The shuffle's hash of everything but the cycle. It must never change: plans
/// of channels on the air, and the expansion of their past, follow from it.
///
/// The two ids are taken as four big-endian 64-bit words, each XORed in and
/// mixed; [`in_cycle`] does the same with the cycle.
fn digest(seed: u64, item: ItemId, media: MediaId) -> u64 {
    let words = |id: Uuid| [(id.as_u128() >> 64) as u64, id.as_u128() as u64];
    words(item.0).into_iter().chain(words(media.0)).fold(mix(seed), |hash, word| mix(hash ^ word))
}

/// A slot's hash in one cycle. The cycle is mixed before it is XORed in, else
/// the orders of neighbouring cycles would resemble one another.
fn in_cycle(digest: u64, cycle: u64) -> u64 {
    mix(digest ^ mix(cycle))
}

/// One step of `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom
/// number generators", 2014): integer arithmetic only, alike on every machine.
fn mix(word: u64) -> u64 {
    let z = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixer_is_splitmix64() {
        // The generator's first two outputs for seed 0, as published.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(0x9e37_79b9_7f4a_7c15), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn the_shuffles_hash_never_changes() {
        let item = ItemId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001));
        let media = MediaId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0002));
        let hashes = [0, 1, u64::MAX].map(|cycle| in_cycle(digest(5, item, media), cycle));
        insta::assert_snapshot!(format!("{hashes:016x?}"), @"[dcb35e1ae28ff70c, 7cbe2b54bd25af85, 032082f2915364fe]");
    }
}
