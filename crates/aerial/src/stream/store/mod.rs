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
mod growing;

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
use tokio_util::task::TaskTracker;

pub use self::copies::RemuxKey;
use self::disk::Disk;
pub use self::disk::{DiskError, Limits};
pub use self::growing::{Growing, Growth};

/// Recent segments in memory: enough for a minute of eight 720p channels.
const MEMORY_BYTES: u64 = 128 << 20;

/// A segment that nobody asked for this long leaves the memory.
const MEMORY_IDLE: Duration = Duration::from_secs(60);

/// Segments that are nowhere else: slates, and all while the disk is full.
const UNKEPT_BYTES: u64 = 128 << 20;

/// They are made up to 60 s ahead and can be asked for until 140 s after they
/// aired (`rules.md`, 21); until then an address must not get another content.
const UNKEPT_FOR: Duration = Duration::from_secs(240);

/// Slates remembered as such: four minutes of hundreds of channels.
const SLATES: u64 = 50_000;

/// Segments that wait to be written. A disk slower than this piles up is as
/// good as none: more are served from memory alone.
const UNWRITTEN_BYTES: usize = 64 << 20;

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

/// How full the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Segments on disk.
    pub segments: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The limit they stay under.
    pub limit_bytes: u64,
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
    /// Which of those are slate.
    slates: Cache<SegmentKey, ()>,
    /// Never held across an await; taken before the disk's index where both are.
    making: Mutex<Making>,
    /// Told whenever a segment is begun, finished or abandoned.
    changed: Notify,
    writes: TaskTracker,
    /// One write at a time.
    writing: Semaphore,
    /// The last write failed, and that was said.
    disk_fails: AtomicBool,
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
        Ok(Self(Arc::new(Inner {
            disk: Disk::open(folder, limits)?,
            memory: cache(MEMORY_BYTES).time_to_idle(MEMORY_IDLE).build(),
            unkept: cache(UNKEPT_BYTES).time_to_live(UNKEPT_FOR).build(),
            slates: Cache::builder().max_capacity(SLATES).time_to_live(UNKEPT_FOR).build(),
            making: Mutex::default(),
            changed: Notify::new(),
            writes: TaskTracker::new(),
            writing: Semaphore::new(1),
            disk_fails: AtomicBool::new(false),
        })))
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

    /// Says that a segment is slate, or ends as slate.
    pub fn mark_slate(&self, key: SegmentKey) {
        self.0.slates.insert(key, ());
    }

    /// Whether what there is of the segment is slate, or ends as slate.
    pub fn is_slate(&self, key: SegmentKey) -> bool {
        self.0.slates.contains_key(&key) && self.0.unkept.contains_key(&key)
    }

    /// Frees the memory of segments that nobody asks for any more.
    pub fn sweep(&self) {
        self.0.memory.run_pending_tasks();
        self.0.unkept.run_pending_tasks();
    }

    /// How full it is.
    pub fn usage(&self) -> Usage {
        self.0.disk.usage()
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
            self.said_of_disk(key, Err(&"the disk is too slow, segments wait to be written"));
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
                self.said_of_disk(key, Ok(()));
            }
            Ok(Err(error)) => {
                self.0.unkept.insert(key, segment);
                self.said_of_disk(key, Err(&error));
            }
            // The runtime is being shut down.
            Err(_) => {}
        }
        let mut making = self.making();
        making.unwritten.remove(&key);
        making.unwritten_bytes -= size;
    }

    /// Says once that the disk fails, and once that it works again.
    fn said_of_disk(&self, key: SegmentKey, result: Result<(), &dyn std::fmt::Display>) {
        let before = self.0.disk_fails.swap(result.is_err(), Ordering::Relaxed);
        match result {
            Err(error) if !before => {
                tracing::error!(track = %key.track, index = key.index, %error,
                    "segments are served from memory alone; free some disk space or raise `store.limit`");
            }
            Ok(()) if before => tracing::info!("segments are written to disk again"),
            _ => {}
        }
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
mod tests {
    use super::*;
    use aerial_model::mpegts::Chunk;
    use bytes::Bytes;

    const LIMITS: Limits = Limits { bytes: 10_000, free_floor_bytes: 0 };

    fn key(index: u32) -> SegmentKey {
        SegmentKey { track: TrackKey([7; 16]), index }
    }
    fn chunk(text: &str) -> Chunk {
        Chunk { bytes: Bytes::copy_from_slice(text.as_bytes()), ..Chunk::default() }
    }
    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(folder.path().join("segments"), LIMITS).unwrap()
    }
    async fn make(store: &Store, index: u32, text: &str) {
        let growing = store.begin(key(index)).unwrap();
        growing.push(chunk(text));
        growing.finish();
        store.flush().await;
    }
    fn text(found: Option<Found>) -> String {
        match found {
            Some(Found::Finished(segment)) => String::from_utf8(segment.bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_finished_segment_is_found_again_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let packets = "pictures".repeat(2 * 188 / 8);
        make(&store(&folder), 3, &packets).await;
        let again = store(&folder);
        assert!(again.has(key(3)) && !again.has(key(4)));
        assert_eq!(text(again.find(key(3)).await), packets);
    }

    #[tokio::test]
    async fn a_growing_segment_is_read_as_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let growing = store.begin(key(0)).unwrap();
        let Some(Found::Growing(reader)) = store.find(key(0)).await else { panic!("not growing") };
        let reading = tokio::spawn(async move {
            let (mut from, mut text) = (0, Vec::new());
            while let Some(chunks) = reader.chunks_from(from).await {
                from += chunks.len();
                chunks.iter().for_each(|c| text.extend_from_slice(&c.bytes));
            }
            String::from_utf8(text).unwrap()
        });
        growing.push(chunk("one "));
        tokio::task::yield_now().await;
        growing.push(chunk("two"));
        growing.finish();
        assert_eq!(reading.await.unwrap(), "one two");
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_the_first_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.wait(key(9)).await }
        });
        tokio::task::yield_now().await;
        let growing = store.begin(key(9)).unwrap();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        growing.push(chunk("first"));
        assert!(matches!(waiting.await.unwrap(), Found::Growing(_)));
    }

    #[tokio::test]
    async fn whoever_waits_is_not_told_of_a_segment_that_was_given_up_without_a_byte() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let growing = store.begin(key(9)).unwrap();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.wait(key(9)).await }
        });
        tokio::task::yield_now().await;
        drop(growing);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        make(&store, 9, "by somebody else").await;
        assert_eq!(text(Some(waiting.await.unwrap())), "by somebody else");
    }

    /// As it is after a panic of whoever made it.
    #[tokio::test]
    async fn a_maker_that_is_lost_leaves_nobody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let growing = store.begin(key(0)).unwrap();
        growing.push(chunk("half"));
        let Found::Growing(reader) = store.wait(key(0)).await else { panic!("not growing") };
        let lost = tokio::spawn(async move {
            let _growing = growing;
            panic!("as meant");
        });
        assert!(lost.await.is_err());
        assert_eq!(reader.chunks_from(0).await.map(|chunks| chunks.len()), Some(1));
        assert!(reader.chunks_from(1).await.is_none() && reader.is_abandoned());
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_served_from_memory() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        // A file where the track's folder should be: nobody can write there.
        std::fs::write(folder.path().join("segments").join(key(0).track.to_string()), b"").unwrap();
        make(&store, 0, "pictures").await;
        assert_eq!(text(store.find(key(0)).await), "pictures");
        assert_eq!(store.usage().segments, 0);
        assert!(store.begin(key(0)).is_none());
    }

    #[tokio::test]
    async fn a_finished_segment_is_there_before_it_is_written_and_after() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        // The disk is busy.
        let turn = store.0.writing.acquire().await.unwrap();
        let growing = store.begin(key(0)).unwrap();
        growing.push(chunk("pictures"));
        growing.finish();
        store.0.memory.invalidate_all();
        store.sweep();
        assert!(store.has(key(0)) && store.usage().segments == 0);
        assert_eq!(text(store.find(key(0)).await), "pictures");
        drop(turn);
        store.flush().await;
        assert!(store.making().unwritten.is_empty() && store.making().unwritten_bytes == 0);
        assert_eq!(store.usage().segments, 1);
    }

    #[tokio::test]
    async fn a_new_segment_is_never_refused_for_older_ones() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let large = || Segment { bytes: vec![0; 8 << 20].into(), stamps: Vec::new() };
        for index in 0..40 {
            store.stand_in(key(index), large());
            store.sweep();
            assert!(store.has(key(index)), "{index}");
        }
        assert!(!store.has(key(0)), "the memory is bounded");
    }

    #[tokio::test]
    async fn the_first_writer_wins() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let growing = store.begin(key(0)).unwrap();
        assert!(store.begin(key(0)).is_none());
        growing.finish();
        assert!(store.begin(key(0)).is_none());
    }

    #[tokio::test]
    async fn an_abandoned_segment_can_be_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let growing = store.begin(key(0)).unwrap();
        let Some(Found::Growing(reader)) = store.find(key(0)).await else { panic!("not growing") };
        assert!(growing.is_read());
        drop(growing);
        assert!(reader.chunks_from(0).await.is_none() && reader.is_abandoned());
        assert!(store.begin(key(0)).is_some());
    }

    #[tokio::test]
    async fn a_slate_stands_in_in_memory_alone() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let slate = Segment { bytes: Bytes::from_static(b"slate"), stamps: Vec::new() };
        store.stand_in(key(0), slate);
        assert_eq!(text(store.find(key(0)).await), "slate");
        assert_eq!(store.usage().segments, 0);
    }
}
