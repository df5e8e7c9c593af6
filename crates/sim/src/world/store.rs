//! The segment store: what lies on disk, what is in memory, what grows.
//!
//! Mirrors the server's `stream/store`, with times for bytes: what is used least
//! recently goes first, never what was used or listed in the last minutes
//! (`rules.md`, 21); sessions say every second what is listed. The disk survives a
//! crash, with when its files were used, to half a minute; the rest does not.
//! Invariant: first writer wins.

use std::collections::{BTreeMap, BTreeSet};

use super::programme::SegmentKey;
use crate::history::Plant;

/// As `stream/store` has them.
const KEPT_FOR_MS: u64 = 150_000;
const MARKED_EVERY_MS: u64 = 30_000;

#[derive(Clone, Copy, Debug)]
struct Entry {
    bytes: u64,
    used: u64,
    /// When its file says that it was used.
    marked: u64,
}

/// What survives the server.
#[derive(Debug)]
pub(crate) struct Disk {
    entries: BTreeMap<SegmentKey, Entry>,
    bytes: u64,
    limit: u64,
    plant: Option<Plant>,
}

impl Disk {
    pub(crate) fn new(limit: u64, plant: Option<Plant>) -> Self {
        Self { entries: BTreeMap::new(), bytes: 0, limit, plant }
    }

    /// The server starts: it knows what the files say of their use.
    pub(crate) fn opened(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.used = entry.marked);
    }

    /// Lets files tell when they were used.
    pub(crate) fn mark_used(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.used - entry.marked >= MARKED_EVERY_MS {
                entry.marked = entry.used;
            }
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Somebody reads or lists a segment.
    pub(crate) fn touch(&mut self, key: SegmentKey, now_ms: u64) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.used = now_ms;
        }
    }

    /// Writes a segment if there is room, having made room; says what gave way.
    fn write(&mut self, key: SegmentKey, bytes: u64, now_ms: u64) -> (bool, Vec<SegmentKey>) {
        let evicted = self.evict((self.bytes + bytes).saturating_sub(self.limit), now_ms);
        let fits = self.bytes + bytes <= self.limit;
        if fits {
            self.bytes += bytes;
            self.entries.insert(key, Entry { bytes, used: now_ms, marked: now_ms });
        }
        (fits, evicted)
    }

    fn evict(&mut self, over: u64, now_ms: u64) -> Vec<SegmentKey> {
        if over == 0 {
            return Vec::new();
        }
        let ignores = self.plant == Some(Plant::EvictorIgnoresPlaylists);
        let may_go = |used: u64| ignores || now_ms.saturating_sub(used) >= KEPT_FOR_MS;
        let candidates = self.entries.iter().filter(|(_, entry)| may_go(entry.used));
        let mut candidates: Vec<_> =
            candidates.map(|(key, entry)| (entry.used, *key, entry.bytes)).collect();
        candidates.sort_unstable();
        let (mut freed, mut evicted) = (0, Vec::new());
        for (_, key, bytes) in candidates {
            if freed >= over {
                break;
            }
            self.entries.remove(&key);
            freed += bytes;
            evicted.push(key);
        }
        self.bytes -= freed;
        evicted
    }
}

/// A segment that is nowhere else.
#[derive(Clone, Copy, Debug)]
struct Unkept {
    until: u64,
    /// Since when it is slate, if it is.
    slate_since: Option<u64>,
}

/// What the server keeps in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Slates, and what the disk has no room for.
    unkept: BTreeMap<SegmentKey, Unkept>,
    growing: BTreeSet<SegmentKey>,
}

impl Memory {
    /// Whether the segment is finished.
    pub(crate) fn has(&self, disk: &Disk, key: SegmentKey) -> bool {
        self.unkept.contains_key(&key) || disk.entries.contains_key(&key)
    }

    /// Whether something of it is there.
    pub(crate) fn has_begun(&self, disk: &Disk, key: SegmentKey) -> bool {
        self.growing.contains(&key) || self.has(disk, key)
    }

    /// Begins a segment; false if it is there, or somebody else makes it.
    pub(crate) fn begin(&mut self, disk: &Disk, key: SegmentKey) -> bool {
        !self.has(disk, key) && self.growing.insert(key)
    }

    /// A segment that grew is whole; says what gave way for it.
    pub(crate) fn finish(
        &mut self,
        disk: &mut Disk,
        key: SegmentKey,
        bytes: u64,
        now_ms: u64,
    ) -> Vec<SegmentKey> {
        self.growing.remove(&key);
        let (written, evicted) = disk.write(key, bytes, now_ms);
        if !written {
            self.unkept.insert(key, Unkept { until: now_ms + KEPT_FOR_MS, slate_since: None });
        }
        evicted
    }

    /// Puts a slate in a segment's place; completes one that grew.
    pub(crate) fn stand_in(&mut self, disk: &Disk, key: SegmentKey, now_ms: u64) {
        self.growing.remove(&key);
        if !self.has(disk, key) {
            let slate = Unkept { until: now_ms + KEPT_FOR_MS, slate_since: Some(now_ms) };
            self.unkept.insert(key, slate);
        }
    }

    /// Since when what there is of the segment is slate, if it is.
    pub(crate) fn slate_since(&self, key: SegmentKey) -> Option<u64> {
        self.unkept.get(&key)?.slate_since
    }

    /// Forgets a slate, so that the segment itself can be made.
    pub(crate) fn drop_slate(&mut self, key: SegmentKey) {
        self.unkept.remove(&key);
    }

    /// A growing segment is given up.
    pub(crate) fn forget(&mut self, key: SegmentKey) {
        self.growing.remove(&key);
    }

    /// Somebody reads or lists a segment.
    pub(crate) fn touch(&mut self, key: SegmentKey, now_ms: u64) {
        if let Some(unkept) = self.unkept.get_mut(&key) {
            unkept.until = now_ms + KEPT_FOR_MS;
        }
    }

    /// Lets go what nobody can ask for any more; says what.
    pub(crate) fn sweep(&mut self, now_ms: u64) -> Vec<SegmentKey> {
        let gone = self.unkept.extract_if(.., |_, unkept| now_ms >= unkept.until);
        gone.map(|(key, _)| key).collect()
    }
}
