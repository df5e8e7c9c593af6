//! The segment store: finished and growing segments, keyed by track and index.
//!
//! Owns the files under the data folder's `segments`, a bounded cache of recent
//! segments in memory, and the registry of growing ones. Knows no channel:
//! segments are in media time, and restamped when served. Invariants: a
//! segment appears whole or not at all (temporary file, rename), the first
//! writer wins, and the bytes on disk stay under the limit.

mod disk;
mod growing;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::demand::TrackKey;
use aerial_model::segment::Segment;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use self::disk::Disk;
pub use self::disk::{DiskError, Limits};
pub use self::growing::Growing;

/// Recent segments in memory: enough for a minute of eight 720p channels.
const MEMORY_BYTES: u64 = 128 << 20;

/// A segment that nobody asked for this long leaves the memory.
const MEMORY_IDLE: Duration = Duration::from_secs(60);

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
    memory: moka::sync::Cache<SegmentKey, Arc<Segment>>,
    /// Segments being made. Never held across an await; taken before the
    /// disk's index where both are.
    growing: Mutex<HashMap<SegmentKey, Arc<Growing>>>,
    /// Told whenever a segment is begun or finished.
    changed: Notify,
    writes: TaskTracker,
}

impl Store {
    /// Opens the store in `folder`, which it owns: what a crash left there of
    /// unfinished files is removed, what is finished is kept.
    pub fn open(folder: PathBuf, limits: Limits) -> Result<Self, DiskError> {
        let memory = moka::sync::Cache::builder()
            .max_capacity(MEMORY_BYTES)
            .weigher(|_, segment: &Arc<Segment>| segment.bytes.len().try_into().unwrap_or(u32::MAX))
            .time_to_idle(MEMORY_IDLE)
            .build();
        Ok(Self(Arc::new(Inner {
            disk: Disk::open(folder, limits)?,
            memory,
            growing: Mutex::default(),
            changed: Notify::new(),
            writes: TaskTracker::new(),
        })))
    }

    /// Whether the segment is finished.
    pub fn has(&self, key: SegmentKey) -> bool {
        self.0.memory.contains_key(&key) || self.0.disk.has(key)
    }

    /// What there is of the segment now.
    pub async fn find(&self, key: SegmentKey) -> Option<Found> {
        if let Some(segment) = self.0.memory.get(&key) {
            self.0.disk.touch(key);
            return Some(Found::Finished(segment));
        }
        let growing = self.growing().get(&key).cloned();
        if let Some(growing) = growing {
            return Some(Found::Growing(growing));
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

    /// Waits until the segment is there or being made.
    pub async fn wait(&self, key: SegmentKey) -> Found {
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(found) = self.find(key).await {
                return found;
            }
            changed.await;
        }
    }

    /// Begins a segment; `None` if it is there already or somebody else makes it.
    pub fn begin(&self, key: SegmentKey) -> Option<Arc<Growing>> {
        let begun = {
            let mut growing = self.growing();
            // Looked up under the lock: a segment is kept before it stops growing.
            if growing.contains_key(&key) || self.has(key) {
                return None;
            }
            let begun = Arc::new(Growing::new(key));
            growing.insert(key, Arc::clone(&begun));
            begun
        };
        self.0.changed.notify_waiters();
        Some(begun)
    }

    /// Completes a segment and keeps it: in memory at once, on disk soon.
    pub fn finish(&self, growing: &Growing) {
        let key = growing.key();
        let segment = Arc::new(growing.complete());
        self.keep_in_memory(key, Arc::clone(&segment));
        let store = self.clone();
        self.0.writes.spawn_blocking(move || {
            if let Err(error) = store.0.disk.write(key, &segment) {
                tracing::error!(track = %key.track, index = key.index, %error,
                    "a segment is served from memory alone; free some disk space or lower `store.limit`");
            }
        });
    }

    /// Completes a segment that is not what the track's is (a slate took over):
    /// it is kept in memory alone, for those who were promised it.
    pub fn finish_unkept(&self, growing: &Growing) {
        self.keep_in_memory(growing.key(), Arc::new(growing.complete()));
    }

    /// Puts a slate in a segment's place, in memory alone; nothing if the
    /// segment is there or being made.
    pub fn stand_in(&self, key: SegmentKey, segment: Segment) {
        let growing = self.growing();
        if !growing.contains_key(&key) && !self.has(key) {
            self.0.memory.insert(key, Arc::new(segment));
            self.0.changed.notify_waiters();
        }
    }

    /// Gives up a segment for which nobody is left to complete it.
    pub fn abandon(&self, growing: &Growing) {
        growing.abandon();
        self.growing().remove(&growing.key());
        self.0.changed.notify_waiters();
    }

    /// Frees the memory of segments that nobody asks for any more.
    pub fn sweep(&self) {
        self.0.memory.run_pending_tasks();
    }

    /// How full it is.
    pub fn usage(&self) -> Usage {
        self.0.disk.usage()
    }

    /// Waits until everything finished is on disk.
    pub async fn flush(&self) {
        self.0.writes.close();
        self.0.writes.wait().await;
        self.0.writes.reopen();
    }

    fn keep_in_memory(&self, key: SegmentKey, segment: Arc<Segment>) {
        self.0.memory.insert(key, segment);
        self.growing().remove(&key);
        self.0.changed.notify_waiters();
    }

    fn growing(&self) -> MutexGuard<'_, HashMap<SegmentKey, Arc<Growing>>> {
        self.0.growing.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    fn chunk(text: &'static str) -> Chunk {
        Chunk { bytes: Bytes::from_static(text.as_bytes()), ..Chunk::default() }
    }
    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(folder.path().join("segments"), LIMITS).unwrap()
    }
    async fn make(store: &Store, index: u32, text: &'static str) {
        let growing = store.begin(key(index)).unwrap();
        growing.push(chunk(text));
        store.finish(&growing);
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
        // A file is believed only if it holds whole packets.
        let packet = format!("{:188}", "pictures").leak();
        make(&store(&folder), 3, packet).await;
        let again = store(&folder);
        assert!(again.has(key(3)) && !again.has(key(4)));
        assert_eq!(text(again.find(key(3)).await), packet);
    }

    #[tokio::test]
    async fn a_growing_segment_is_read_as_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let growing = store.begin(key(0)).unwrap();
        let Found::Growing(reader) = store.wait(key(0)).await else { panic!("not growing") };
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
        store.finish(&growing);
        assert_eq!(reading.await.unwrap(), "one two");
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_when_the_segment_begins() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.wait(key(9)).await }
        });
        tokio::task::yield_now().await;
        let _growing = store.begin(key(9)).unwrap();
        assert!(matches!(waiting.await.unwrap(), Found::Growing(_)));
    }

    #[tokio::test]
    async fn the_first_writer_wins() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let growing = store.begin(key(0)).unwrap();
        assert!(store.begin(key(0)).is_none());
        store.finish(&growing);
        assert!(store.begin(key(0)).is_none());
    }

    #[tokio::test]
    async fn an_abandoned_segment_can_be_begun_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(&folder);
        let growing = store.begin(key(0)).unwrap();
        store.abandon(&growing);
        assert!(growing.chunks_from(0).await.is_none() && growing.is_abandoned());
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
