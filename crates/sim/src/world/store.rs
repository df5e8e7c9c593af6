//! The segment store: what lies on disk, what is in memory, what grows.
//!
//! Mirrors the server's `stream/store`, with times for bytes: what is used least
//! recently goes first, never what was used or listed in the last minutes
//! (`rules.md`, 21). That a playlist lists a segment counts as a use, which it does
//! not in the server yet. The disk survives a crash, the rest does not. Invariant:
//! first writer wins.

use std::collections::{BTreeMap, BTreeSet};

use super::programme::SegmentKey;
use crate::history::Plant;

/// As `stream/store` has them.
const KEPT_FOR_MS: u64 = 150_000;
const UNKEPT_FOR_MS: u64 = 240_000;

#[derive(Clone, Copy, Debug)]
struct Entry {
    bytes: u64,
    /// `None`: not since this start of the server.
    used: Option<u64>,
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

    /// The server starts: it does not know what was used when.
    pub(crate) fn opened(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.used = None);
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
            entry.used = Some(now_ms);
        }
    }

    /// Writes a segment if there is room, having made room; says what gave way.
    fn write(&mut self, key: SegmentKey, bytes: u64, now_ms: u64) -> (bool, Vec<SegmentKey>) {
        let evicted = self.evict((self.bytes + bytes).saturating_sub(self.limit), now_ms);
        let fits = self.bytes + bytes <= self.limit;
        if fits {
            self.bytes += bytes;
            self.entries.insert(key, Entry { bytes, used: Some(now_ms) });
        }
        (fits, evicted)
    }

    fn evict(&mut self, over: u64, now_ms: u64) -> Vec<SegmentKey> {
        if over == 0 {
            return Vec::new();
        }
        let ignores = self.plant == Some(Plant::EvictorIgnoresPlaylists);
        let may_go = |used: Option<u64>| {
            ignores || used.is_none_or(|used| now_ms.saturating_sub(used) >= KEPT_FOR_MS)
        };
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

/// What the server keeps in memory.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Slates, and what the disk has no room for: until when.
    unkept: BTreeMap<SegmentKey, u64>,
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
            self.unkept.insert(key, now_ms + UNKEPT_FOR_MS);
        }
        evicted
    }

    /// Puts a slate in a segment's place; completes one that grew.
    pub(crate) fn stand_in(&mut self, disk: &Disk, key: SegmentKey, now_ms: u64) {
        self.growing.remove(&key);
        if !self.has(disk, key) {
            self.unkept.insert(key, now_ms + UNKEPT_FOR_MS);
        }
    }

    /// A growing segment is given up.
    pub(crate) fn forget(&mut self, key: SegmentKey) {
        self.growing.remove(&key);
    }

    /// Somebody reads or lists a segment.
    pub(crate) fn touch(&mut self, key: SegmentKey, now_ms: u64) {
        if let Some(until) = self.unkept.get_mut(&key) {
            *until = (*until).max(now_ms + KEPT_FOR_MS);
        }
    }

    /// Lets go what nobody can ask for any more; says what.
    pub(crate) fn sweep(&mut self, now_ms: u64) -> Vec<SegmentKey> {
        let gone = self.unkept.extract_if(.., |_, until| now_ms >= *until);
        gone.map(|(key, _)| key).collect()
    }
}
