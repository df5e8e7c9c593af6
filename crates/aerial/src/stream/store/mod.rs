//! The segment store: finished and growing segments, keyed by track and index.
//!
//! Owns the files under the data folder's `segments`, bounded caches of segments
//! in memory, and the registry of growing ones. Knows no channel: segments are
//! in media time, and restamped when served. Invariants: a segment appears whole
//! or not at all (temporary file, rename), the first writer wins, what was
//! finished can be had at least until it is on disk, and the bytes on disk stay
//! under the limit.

mod copies;
mod disk;
mod files;
mod growing;
mod trouble;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::demand::TrackKey;
use aerial_model::segment::Segment;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

pub use self::copies::RemuxKey;
use self::disk::Disk;
use self::files::{Files, OnDisk};
pub use self::growing::{Growing, Growth};
pub use self::trouble::{DiskError, Limits, Trouble};
use crate::clock::monotonic;
use crate::stream::tally::Tally;

/// After it was last asked for or listed. A segment can be fetched for as long as a
/// playlist reached back plus its own length again (`rules.md`, 21), and playlists
/// reach back 60 s. Sessions say every second what is listed.
const KEPT_FOR: Duration = Duration::from_secs(150);

/// Recent segments in memory: enough for a minute of eight 720p channels.
const MEMORY_BYTES: u64 = 128 << 20;

/// A segment that nobody asked for this long leaves the memory.
const MEMORY_IDLE: Duration = Duration::from_secs(60);

/// Segments that are nowhere else: slates, and all while the disk is full.
const UNKEPT_BYTES: u64 = 128 << 20;

/// Slates remembered as such: four minutes of hundreds of channels.
const SLATES: u64 = 50_000;

/// Segments that wait to be written. A disk slower than this piles up is as
/// good as none: more are served from memory alone.
const UNWRITTEN_BYTES: usize = 64 << 20;

/// After so long without a write that failed the disk works again.
const WELL_AFTER: Duration = Duration::from_secs(60);

/// Names one segment of one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    /// The track.
    pub track: TrackKey,
    /// The segment's index in the track's map.
    pub index: u32,
}

/// What the store has of a segment.
#[derive(Clone, Debug)]
pub enum Found {
    /// All of it.
    Finished(Arc<Segment>),
    /// It is being made.
    Growing(Arc<Growing>),
}

/// How it stands with a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is nothing of it.
    Missing,
    /// It is being made.
    Growing,
    /// All of it is there.
    Finished,
    /// It is there, and is slate or ends as slate.
    Slate,
}

/// How full the store is, and how it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Segments on disk.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The limit they stay under.
    pub limit_bytes: u64,
    /// What of the disk is always left free.
    pub free_floor_bytes: u64,
    /// Bytes in memory.
    pub memory_bytes: u64,
    /// The most that these may be.
    pub memory_limit_bytes: u64,
    /// Why segments are not kept on disk now.
    pub trouble: Option<Trouble>,
}

/// The store; clones share it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    disk: Disk,
    /// Copies of what is on disk.
    memory: Cache<SegmentKey, Arc<Segment>>,
    /// What is not on disk and will not be.
    unkept: Cache<SegmentKey, Arc<Segment>>,
    /// Which of those are slate, and since when.
    slates: Cache<SegmentKey, Instant>,
    /// Never held across an await; taken before the disk's index where both are.
    making: Mutex<Making>,
    /// Told whenever a segment is begun, finished or abandoned.
    changed: Notify,
    writes: TaskTracker,
    /// One write at a time.
    writing: Semaphore,
    /// What was wrong with a write, and when last; it was said.
    trouble: Mutex<Option<(Trouble, Instant)>>,
    /// Somebody looks after the disk: one that hangs has one of them to hold.
    tended: AtomicBool,
    tally: Tally,
}

/// Segments on their way.
#[derive(Debug, Default)]
struct Making {
    growing: HashMap<SegmentKey, Arc<Growing>>,
    /// Finished, and not on disk yet.
    unwritten: HashMap<SegmentKey, Arc<Segment>>,
    unwritten_bytes: usize,
}

impl Store {
    /// Opens the store in `folder`, which it owns: what a crash left there of
    /// unfinished files is removed, what is finished is kept.
    pub fn open(folder: PathBuf, limits: Limits) -> Result<Self, DiskError> {
        Self::open_with(folder, limits, Box::new(OnDisk))
    }

    fn open_with(
        folder: PathBuf,
        limits: Limits,
        files: Box<dyn Files>,
    ) -> Result<Self, DiskError> {
        Ok(Self(Arc::new(Inner {
            disk: Disk::open(folder, limits, files)?,
            memory: cache(MEMORY_BYTES).time_to_idle(MEMORY_IDLE).build(),
            unkept: cache(UNKEPT_BYTES).time_to_idle(KEPT_FOR).build(),
            slates: Cache::builder().max_capacity(SLATES).time_to_idle(KEPT_FOR).build(),
            making: Mutex::default(),
            changed: Notify::new(),
            writes: TaskTracker::new(),
            writing: Semaphore::new(1),
            trouble: Mutex::default(),
            tended: AtomicBool::new(false),
            tally: Tally::default(),
        })))
    }

    /// What is counted of segments, and of all that the stream part does.
    pub fn tally(&self) -> &Tally {
        &self.0.tally
    }

    /// How it stands with the segment, without a mark that anybody asked.
    pub fn standing(&self, key: SegmentKey) -> Standing {
        let (growing, there) = {
            let making = self.making();
            (making.growing.contains_key(&key), self.has_among(&making, key))
        };
        match (growing, there) {
            (true, _) => Standing::Growing,
            (false, true) if self.is_slate(key) => Standing::Slate,
            (false, true) => Standing::Finished,
            (false, false) => Standing::Missing,
        }
    }

    /// Whether the segment is finished.
    pub fn has(&self, key: SegmentKey) -> bool {
        self.has_among(&self.making(), key)
    }

    fn has_among(&self, making: &Making, key: SegmentKey) -> bool {
        making.unwritten.contains_key(&key)
            || self.0.memory.contains_key(&key)
            || self.0.unkept.contains_key(&key)
            || self.0.disk.has(key)
    }

    /// What there is of the segment now.
    pub async fn find(&self, key: SegmentKey) -> Option<Found> {
        if let Some(found) = self.find_in_memory(key) {
            return Some(found);
        }
        if !self.0.disk.has(key) {
            return None;
        }
        let store = self.clone();
        let read = tokio::task::spawn_blocking(move || store.0.disk.read(key)).await;
        match read.unwrap_or(Ok(None)) {
            Ok(segment) => {
                let segment = Arc::new(segment?);
                self.0.memory.insert(key, Arc::clone(&segment));
                Some(Found::Finished(segment))
            }
            Err(error) => {
                tracing::warn!(track = %key.track, index = key.index, %error, "a stored segment is made again");
                None
            }
        }
    }

    fn find_in_memory(&self, key: SegmentKey) -> Option<Found> {
        {
            let making = self.making();
            if let Some(growing) = making.growing.get(&key) {
                return Some(Found::Growing(Arc::clone(growing)));
            }
            if let Some(segment) = making.unwritten.get(&key) {
                return Some(Found::Finished(Arc::clone(segment)));
            }
        }
        if let Some(segment) = self.0.memory.get(&key) {
            self.0.disk.touch(key);
            return Some(Found::Finished(segment));
        }
        self.0.unkept.get(&key).map(Found::Finished)
    }

    /// Waits until the segment is there, or its first bytes are.
    pub async fn wait(&self, key: SegmentKey) -> Found {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.find(key).await {
                Some(Found::Growing(growing)) if growing.begun().await => {
                    return Found::Growing(growing);
                }
                // Given up before anybody had anything of it: somebody else
                // may have begun it again already.
                Some(Found::Growing(_)) => continue,
                Some(found) => return found,
                None => changed.await,
            }
        }
    }

    /// Begins a segment; `None` if it is there already or somebody else makes it.
    pub fn begin(&self, key: SegmentKey) -> Option<Growth> {
        let begun = {
            let mut making = self.making();
            if making.growing.contains_key(&key) || self.has_among(&making, key) {
                return None;
            }
            let begun = Arc::new(Growing::new(key));
            making.growing.insert(key, Arc::clone(&begun));
            Growth::new(begun, self.clone())
        };
        self.0.changed.notify_waiters();
        Some(begun)
    }

    /// Puts a slate in a segment's place, in memory alone; nothing if the
    /// segment is there or being made.
    pub fn stand_in(&self, key: SegmentKey, segment: Segment) {
        let making = self.making();
        if !making.growing.contains_key(&key) && !self.has_among(&making, key) {
            self.0.unkept.insert(key, Arc::new(segment));
            drop(making);
            self.0.changed.notify_waiters();
        }
    }

    /// These are listed by live playlists, or about to be: they are in use.
    pub fn listed(&self, keys: impl IntoIterator<Item = SegmentKey>) {
        for key in keys {
            self.0.disk.touch(key);
            // To ask for them keeps them.
            let _kept = (self.0.unkept.get(&key), self.0.slates.get(&key));
        }
    }

    /// Says that a segment is slate, or ends as slate.
    pub fn mark_slate(&self, key: SegmentKey) {
        self.0.slates.insert(key, monotonic());
    }

    /// Since when what there is of the segment is slate, if it is.
    pub fn slate_since(&self, key: SegmentKey) -> Option<Instant> {
        self.0.slates.get(&key).filter(|_| self.0.unkept.contains_key(&key))
    }

    /// Forgets a slate, so that the segment itself can be made.
    pub fn drop_slate(&self, key: SegmentKey) {
        if self.is_slate(key) {
            self.0.slates.invalidate(&key);
            self.0.unkept.invalidate(&key);
        }
    }

    /// Whether what there is of the segment is slate, or ends as slate.
    pub fn is_slate(&self, key: SegmentKey) -> bool {
        self.0.slates.contains_key(&key) && self.0.unkept.contains_key(&key)
    }

    /// Frees the memory of segments that nobody asks for any more, lets the disk tell a
    /// later server what was used, and keeps its floor free.
    pub fn sweep(&self) {
        self.0.memory.run_pending_tasks();
        self.0.unkept.run_pending_tasks();
        self.0.slates.run_pending_tasks();
        if !self.0.tended.swap(true, Ordering::Relaxed) {
            let store = self.clone();
            self.0.writes.spawn(async move {
                store.look_after_disk().await;
                store.0.tended.store(false, Ordering::Relaxed);
            });
        }
    }

    async fn look_after_disk(&self) {
        let store = self.clone();
        let _ = tokio::task::spawn_blocking(move || store.0.disk.mark_used()).await;
        // The semaphore is never closed.
        let _turn = self.0.writing.acquire().await;
        let store = self.clone();
        let _ = tokio::task::spawn_blocking(move || store.0.disk.keep_floor()).await;
    }

    /// How full it is, and how it does.
    pub fn usage(&self) -> Usage {
        let (segments, bytes) = self.0.disk.holds();
        let Limits { bytes: limit_bytes, free_floor_bytes } = self.0.disk.limits();
        let unwritten_bytes = self.making().unwritten_bytes as u64;
        Usage {
            segments,
            bytes,
            limit_bytes,
            free_floor_bytes,
            memory_bytes: self.0.memory.weighted_size()
                + self.0.unkept.weighted_size()
                + unwritten_bytes,
            memory_limit_bytes: MEMORY_BYTES + UNKEPT_BYTES + UNWRITTEN_BYTES as u64,
            trouble: self.trouble().as_ref().map(|(trouble, _)| trouble.clone()),
        }
    }

    /// Where this remux is, if it is there; it is kept for some minutes from now.
    pub fn remux(&self, key: RemuxKey) -> Option<PathBuf> {
        self.0.disk.use_remux(key).then(|| copies::path(&self.0.disk.remuxes(), key))
    }

    /// Makes room for a remux of about that size: the file that it is to be
    /// written to. Blocks.
    pub fn begin_remux(&self, key: RemuxKey, bytes: u64) -> Result<PathBuf, DiskError> {
        let folder = self.0.disk.remuxes();
        copies::make_folder(&folder)?;
        self.0.disk.reserve(key, bytes)?;
        Ok(copies::part(&folder, key))
    }

    /// The remux is written, whole, and this was found in it. Blocks.
    pub fn keep_remux(&self, key: RemuxKey, facts: &[u8]) -> Result<PathBuf, DiskError> {
        let folder = self.0.disk.remuxes();
        let kept = copies::keep(&folder, key, facts);
        self.0.disk.settle(key, kept.as_ref().ok().copied());
        kept.map(|_| copies::path(&folder, key))
    }

    /// What was found in a remux that is there. Blocks.
    pub fn remux_facts(&self, key: RemuxKey) -> Result<Vec<u8>, DiskError> {
        copies::facts(&self.0.disk.remuxes(), key)
    }

    /// The remux was not made, or cannot be used. Blocks.
    pub fn drop_remux(&self, key: RemuxKey) {
        self.0.disk.drop_remux(key);
    }

    /// Waits until everything finished is on disk.
    pub async fn flush(&self) {
        self.0.writes.close();
        self.0.writes.wait().await;
        self.0.writes.reopen();
    }

    /// A segment that grew is whole.
    fn keep(&self, key: SegmentKey, segment: Arc<Segment>, on_disk: bool) {
        let size = segment.bytes.len();
        let write = {
            let mut making = self.making();
            making.growing.remove(&key);
            let write = on_disk && making.unwritten_bytes + size <= UNWRITTEN_BYTES;
            if write {
                making.unwritten_bytes += size;
                making.unwritten.insert(key, Arc::clone(&segment));
            } else {
                self.0.unkept.insert(key, Arc::clone(&segment));
            }
            write
        };
        self.0.changed.notify_waiters();
        if write {
            let store = self.clone();
            self.0.writes.spawn(async move { store.write(key, segment).await });
        } else if on_disk {
            self.said_of_disk(key, Some(Trouble::slow()));
        }
    }

    async fn write(&self, key: SegmentKey, segment: Arc<Segment>) {
        // The semaphore is never closed.
        let _turn = self.0.writing.acquire().await;
        let (store, whole) = (self.clone(), Arc::clone(&segment));
        let written = tokio::task::spawn_blocking(move || store.0.disk.write(key, &whole)).await;
        let size = segment.bytes.len();
        match written {
            Ok(Ok(())) => {
                self.0.memory.insert(key, segment);
                self.said_of_disk(key, None);
            }
            Ok(Err(error)) => {
                self.0.unkept.insert(key, segment);
                self.said_of_disk(key, Some(Trouble::from(&error)));
            }
            // The runtime is being shut down.
            Err(_) => {}
        }
        let mut making = self.making();
        making.unwritten.remove(&key);
        making.unwritten_bytes -= size;
    }

    /// Says once that the disk fails, and once that it works again: a store that is too
    /// small has room for one segment and none for the next.
    fn said_of_disk(&self, key: SegmentKey, trouble: Option<Trouble>) {
        let now = monotonic();
        let mut known = self.trouble();
        match trouble {
            Some(trouble) => {
                if known.is_none() {
                    let Trouble { reason, advice } = &trouble;
                    tracing::error!(track = %key.track, index = key.index, reason, advice,
                        "segments are served from memory alone");
                }
                *known = Some((trouble, now));
            }
            None => {
                if known.take_if(|(_, failed)| now.duration_since(*failed) >= WELL_AFTER).is_some()
                {
                    tracing::info!("segments are written to disk again");
                }
            }
        }
    }

    fn trouble(&self) -> MutexGuard<'_, Option<(Trouble, Instant)>> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives up a growing segment.
    fn forget(&self, key: SegmentKey) {
        self.making().growing.remove(&key);
        self.0.changed.notify_waiters();
    }

    fn making(&self) -> MutexGuard<'_, Making> {
        self.0.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Least recently used goes first: a policy that weighs how often a segment is
/// asked for would refuse new ones, which everybody is about to ask for.
fn cache(
    bytes: u64,
) -> moka::sync::CacheBuilder<SegmentKey, Arc<Segment>, Cache<SegmentKey, Arc<Segment>>> {
    Cache::builder()
        .max_capacity(bytes)
        .weigher(|_, segment: &Arc<Segment>| segment.bytes.len().try_into().unwrap_or(u32::MAX))
        .eviction_policy(EvictionPolicy::lru())
}

#[cfg(test)]
mod tests;
