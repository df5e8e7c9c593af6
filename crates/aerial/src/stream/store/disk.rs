//! The store's files: one per segment, and the remuxes beside them, under a limit.
//!
//! Owns the folder, an index of what lies in it, and what must give way when it
//! is full: least recently used first, never what was used in the last minutes.
//! How remuxes are written and read is `copies`'s. Does blocking I/O: call it off the runtime. Invariant: a file that bears a
//! segment's name is whole; a damaged one is removed when it is read.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::demand::TrackKey;
use aerial_model::segment::Segment;
use tokio::time::Instant;

use super::copies::{self, RemuxKey};
use super::{SegmentKey, Usage};
use crate::clock::monotonic;

/// A segment can be fetched for as long as a playlist reached back plus its
/// own length again (`rules.md`, 21), and playlists reach back 60 s.
const KEPT_FOR: Duration = Duration::from_secs(150);

const SUFFIX: &str = "segment";

/// What the store may take of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// At most this many bytes of segments.
    pub bytes: u64,
    /// Leave at least this much of the disk free.
    pub free_floor_bytes: u64,
}

/// The store's folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// Reading or writing failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what was written.
    #[error("{}: {source}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: aerial_model::segment::SegmentFileError,
    },
    /// All that is in the store may still be asked for by a playlist.
    #[error("no room: {needed} bytes more would be over the limit of {limit}, all of it in use")]
    Limit {
        /// Bytes to write.
        needed: u64,
        /// What the store may take.
        limit: u64,
    },
    /// There is no room, and nothing may give way.
    #[error("no room: {needed} bytes more would leave less than {floor} bytes free")]
    Full {
        /// Bytes to write.
        needed: u64,
        /// Bytes that must stay free.
        floor: u64,
    },
}

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    limits: Limits,
    /// Never held while a file is read or written.
    index: Mutex<Index>,
}

#[derive(Debug, Default)]
struct Index {
    entries: HashMap<Item, Entry>,
    bytes: u64,
}

/// What can lie in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Item {
    Segment(SegmentKey),
    Remux(RemuxKey),
}

#[derive(Debug)]
struct Entry {
    bytes: u64,
    /// `None`: not since this start.
    used: Option<Instant>,
    /// It is being written: it has its room, and nothing else yet.
    unfinished: bool,
}

impl Entry {
    fn used_now(bytes: u64) -> Self {
        Self { bytes, used: Some(monotonic()), unfinished: false }
    }
}

impl Disk {
    pub(super) fn open(folder: PathBuf, limits: Limits) -> Result<Self, DiskError> {
        fs::create_dir_all(&folder).map_err(|source| at(&folder, source))?;
        let mut index = Index::default();
        for track in read_dir(&folder)? {
            let Some(key) = track.file_name().and_then(|n| n.to_str()?.parse::<TrackKey>().ok())
            else {
                continue;
            };
            for file in read_dir(&track)? {
                match segment_index(&file) {
                    Some(number) => {
                        let bytes = fs::metadata(&file).map_err(|source| at(&file, source))?.len();
                        let key = Item::Segment(SegmentKey { track: key, index: number });
                        index.insert(key, Entry { bytes, used: None, unfinished: false });
                    }
                    // Left by a crash in the middle of a write. A folder in which
                    // nothing can be removed (read-only) still gives what it has.
                    None => {
                        if let Err(error) = fs::remove_file(&file) {
                            tracing::warn!(file = %file.display(), %error, "left by a crash, and cannot be removed");
                        }
                    }
                }
            }
        }
        for (key, bytes) in copies::found(&folder.join(copies::FOLDER))? {
            index.insert(Item::Remux(key), Entry { bytes, used: None, unfinished: false });
        }
        Ok(Self { folder, limits, index: Mutex::new(index) })
    }

    pub(super) fn has(&self, key: SegmentKey) -> bool {
        self.index().entries.contains_key(&Item::Segment(key))
    }

    pub(super) fn touch(&self, key: SegmentKey) {
        self.touch_item(Item::Segment(key));
    }

    fn touch_item(&self, item: Item) {
        if let Some(entry) = self.index().entries.get_mut(&item) {
            entry.used = Some(monotonic());
        }
    }

    pub(super) fn usage(&self) -> Usage {
        let index = self.index();
        let segments = index.entries.keys().filter(|item| matches!(item, Item::Segment(_)));
        let (segments, bytes) = (segments.count(), index.bytes);
        Usage { segments, bytes, limit_bytes: self.limits.bytes }
    }

    /// Where the remuxes are.
    pub(super) fn remuxes(&self) -> PathBuf {
        self.folder.join(copies::FOLDER)
    }

    /// Whether this remux is there, whole; it is in use from now on.
    pub(super) fn use_remux(&self, key: RemuxKey) -> bool {
        let mut index = self.index();
        let entry = index.entries.get_mut(&Item::Remux(key)).filter(|entry| !entry.unfinished);
        entry.map(|entry| entry.used = Some(monotonic())).is_some()
    }

    /// Makes room for a remux of about that size, and holds it.
    pub(super) fn reserve(&self, key: RemuxKey, bytes: u64) -> Result<(), DiskError> {
        self.make_room(bytes)?;
        let entry = Entry { unfinished: true, ..Entry::used_now(bytes) };
        self.index().insert(Item::Remux(key), entry);
        Ok(())
    }

    /// The remux is there, this large; or, for `None`, it was not made.
    pub(super) fn settle(&self, key: RemuxKey, bytes: Option<u64>) {
        let mut index = self.index();
        match bytes {
            Some(bytes) => index.insert(Item::Remux(key), Entry::used_now(bytes)),
            None => index.remove(Item::Remux(key)),
        }
    }

    /// Forgets a remux that cannot be used.
    pub(super) fn drop_remux(&self, key: RemuxKey) {
        self.remove(Item::Remux(key));
    }

    /// Reads a segment; a damaged or vanished file is forgotten, so that it is
    /// made again.
    pub(super) fn read(&self, key: SegmentKey) -> Result<Option<Segment>, DiskError> {
        let path = self.path(key);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(source) => {
                self.index().remove(Item::Segment(key));
                return match source.kind() {
                    io::ErrorKind::NotFound => Ok(None),
                    _ => Err(at(&path, source)),
                };
            }
        };
        match Segment::decode(&bytes.into()) {
            Ok(segment) => {
                self.touch(key);
                Ok(Some(segment))
            }
            Err(source) => {
                self.remove(Item::Segment(key));
                Err(DiskError::Damaged { path, source })
            }
        }
    }

    /// Writes a segment, making room first. One call at a time, so that the limit
    /// is kept and no folder is removed under another's file.
    pub(super) fn write(&self, key: SegmentKey, segment: &Segment) -> Result<(), DiskError> {
        let encoded = segment.encode();
        let bytes = encoded.len() as u64;
        self.make_room(bytes)?;
        match self.put(key, &encoded) {
            Err(DiskError::Io { source, .. }) if source.kind() == io::ErrorKind::StorageFull => {
                // The floor was too low for this file system: give way once.
                self.evict(bytes.max(self.limits.bytes / 10));
                self.put(key, &encoded)?;
            }
            other => other?,
        }
        self.index().insert(Item::Segment(key), Entry::used_now(bytes));
        Ok(())
    }

    fn put(&self, key: SegmentKey, encoded: &[u8]) -> Result<(), DiskError> {
        let path = self.path(key);
        let track = self.folder.join(key.track.to_string());
        let temporary = track.join(format!("{}.part", key.index));
        let result = fs::create_dir_all(&track)
            .and_then(|()| fs::File::create(&temporary))
            .and_then(|mut file| file.write_all(encoded))
            .and_then(|()| fs::rename(&temporary, &path));
        result.map_err(|source| {
            // Nothing half-written stays; if this fails too, the next start removes it.
            let _ = fs::remove_file(&temporary);
            at(&path, source)
        })
    }

    fn make_room(&self, needed: u64) -> Result<(), DiskError> {
        let over = (self.usage().bytes + needed).saturating_sub(self.limits.bytes);
        if over > 0 {
            self.evict(over);
            let limit = self.limits.bytes;
            if self.usage().bytes + needed > limit {
                return Err(DiskError::Limit { needed, limit });
            }
        }
        let short = |disk: &Self| {
            (disk.limits.free_floor_bytes + needed).saturating_sub(free_bytes(&disk.folder))
        };
        if short(self) > 0 {
            self.evict(short(self));
            if short(self) > 0 {
                return Err(DiskError::Full { needed, floor: self.limits.free_floor_bytes });
            }
        }
        Ok(())
    }

    /// Removes least recently used segments until `bytes` are freed, or none
    /// is left that may go.
    fn evict(&self, bytes: u64) {
        let now = monotonic();
        let mut candidates: Vec<(Option<Instant>, Item, u64)> = self
            .index()
            .entries
            .iter()
            .filter(|(_, entry)| !entry.unfinished)
            .filter(|(_, entry)| entry.used.is_none_or(|used| now - used >= KEPT_FOR))
            .map(|(item, entry)| (entry.used, *item, entry.bytes))
            .collect();
        candidates.sort_unstable();
        let mut freed = 0;
        for (_, item, size) in candidates {
            if freed >= bytes {
                break;
            }
            self.remove(item);
            freed += size;
        }
    }

    fn remove(&self, item: Item) {
        self.index().remove(item);
        match item {
            Item::Segment(key) => {
                let _ = fs::remove_file(self.path(key));
                // Succeeds only for the last segment of a track.
                let _ = fs::remove_dir(self.folder.join(key.track.to_string()));
            }
            Item::Remux(key) => copies::remove(&self.remuxes(), key),
        }
    }

    fn path(&self, key: SegmentKey) -> PathBuf {
        self.folder.join(key.track.to_string()).join(format!("{}.{SUFFIX}", key.index))
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    fn insert(&mut self, item: Item, entry: Entry) {
        self.bytes += entry.bytes;
        if let Some(old) = self.entries.insert(item, entry) {
            self.bytes -= old.bytes;
        }
    }

    fn remove(&mut self, item: Item) {
        if let Some(old) = self.entries.remove(&item) {
            self.bytes -= old.bytes;
        }
    }
}

pub(super) fn read_dir(folder: &Path) -> Result<Vec<PathBuf>, DiskError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|source| at(folder, source))
}

fn segment_index(file: &Path) -> Option<u32> {
    let whole = file.extension()?.to_str()? == SUFFIX;
    whole.then(|| file.file_stem()?.to_str()?.parse().ok()).flatten()
}

/// Free bytes of the disk that `folder` lies on; all there could be where the
/// system does not say.
fn free_bytes(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

pub(super) fn at(path: &Path, source: io::Error) -> DiskError {
    DiskError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(index: u32) -> SegmentKey {
        SegmentKey { track: TrackKey([7; 16]), index }
    }
    fn segment(size: usize) -> Segment {
        Segment { bytes: vec![0x47; size].into(), stamps: Vec::new() }
    }
    fn disk(folder: &tempfile::TempDir, bytes: u64) -> Disk {
        Disk::open(folder.path().to_owned(), Limits { bytes, free_floor_bytes: 0 }).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn past_the_limit_the_least_recently_used_go_first() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder, 3_500);
        for index in 0..3 {
            disk.write(key(index), &segment(1_000)).unwrap();
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::advance(KEPT_FOR).await;
        disk.touch(key(0));
        disk.write(key(3), &segment(1_000)).unwrap();
        assert!(disk.has(key(0)) && !disk.has(key(1)) && disk.has(key(3)));
        assert!(disk.usage().bytes <= 3_500);
        assert!(!disk.path(key(1)).exists());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_playlist_may_still_name_does_not_give_way() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder, 1_500);
        disk.write(key(0), &segment(1_000)).unwrap();
        let refused = disk.write(key(1), &segment(1_000));
        assert!(matches!(refused, Err(DiskError::Limit { limit: 1_500, .. })), "{refused:?}");
        assert!(disk.has(key(0)) && disk.usage().bytes <= 1_500);
        tokio::time::advance(KEPT_FOR).await;
        disk.write(key(1), &segment(1_000)).unwrap();
        assert!(!disk.has(key(0)) && disk.has(key(1)));
    }

    #[test]
    fn a_damaged_file_is_told_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder, 1 << 20);
        disk.write(key(0), &segment(1_000)).unwrap();
        let path = disk.path(key(0));
        fs::write(&path, b"not a segment").unwrap();
        assert!(matches!(disk.read(key(0)), Err(DiskError::Damaged { .. })));
        assert!(!disk.has(key(0)) && !path.exists());
        assert_eq!(disk.usage().bytes, 0);
    }

    #[test]
    fn a_vanished_file_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder, 1 << 20);
        disk.write(key(0), &segment(1_000)).unwrap();
        fs::remove_file(disk.path(key(0))).unwrap();
        assert!(disk.read(key(0)).unwrap().is_none());
        assert!(!disk.has(key(0)));
    }

    #[test]
    fn a_start_removes_what_a_crash_left_half_written_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        disk(&folder, 1 << 20).write(key(0), &segment(1_000)).unwrap();
        let part = folder.path().join(key(0).track.to_string()).join("1.part");
        fs::write(&part, b"half").unwrap();
        fs::write(folder.path().join("notes.txt"), b"somebody else's").unwrap();
        let again = disk(&folder, 1 << 20);
        assert!(!part.exists() && again.has(key(0)));
        assert!(folder.path().join("notes.txt").exists());
    }

    #[tokio::test(start_paused = true)]
    async fn a_remux_has_its_room_while_it_is_made_and_gives_way_when_it_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder, 3_500);
        let remux = RemuxKey([1; 16]);
        disk.write(key(0), &segment(1_000)).unwrap();
        disk.reserve(remux, 2_000).unwrap();
        tokio::time::advance(KEPT_FOR).await;
        assert!(!disk.use_remux(remux), "it is not there yet");
        disk.write(key(1), &segment(1_000)).unwrap();
        assert!(!disk.has(key(0)), "the segment went, and not the room");
        fs::create_dir_all(disk.remuxes()).unwrap();
        copies::keep(&disk.remuxes(), remux, b"{}").unwrap_err();
        disk.settle(remux, Some(1_500));
        assert!(disk.use_remux(remux));
        tokio::time::advance(KEPT_FOR).await;
        assert!(disk.use_remux(remux));
        disk.write(key(2), &segment(1_900)).unwrap();
        assert!(disk.use_remux(remux) && !disk.has(key(1)));
        tokio::time::advance(KEPT_FOR).await;
        disk.touch(key(2));
        disk.write(key(3), &segment(1_000)).unwrap();
        assert!(!disk.use_remux(remux) && disk.has(key(2)));
    }

    #[test]
    fn a_remux_is_found_again_after_a_restart_and_a_half_made_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let remuxes = disk(&folder, 1 << 20).remuxes();
        fs::create_dir_all(&remuxes).unwrap();
        let (whole, half) = (RemuxKey([1; 16]), RemuxKey([2; 16]));
        fs::write(copies::part(&remuxes, whole), b"pictures").unwrap();
        copies::keep(&remuxes, whole, b"{}").unwrap();
        fs::write(copies::part(&remuxes, half), b"half").unwrap();
        let again = disk(&folder, 1 << 20);
        assert!(again.use_remux(whole) && !again.use_remux(half));
        assert_eq!(again.usage().bytes, 8);
        assert!(!copies::part(&remuxes, half).exists());
        again.drop_remux(whole);
        assert!(!copies::path(&remuxes, whole).exists() && again.usage().bytes == 0);
    }

    #[test]
    fn without_room_on_the_disk_it_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let limits = Limits { bytes: 1 << 20, free_floor_bytes: u64::MAX / 2 };
        let disk = Disk::open(folder.path().to_owned(), limits).unwrap();
        assert!(matches!(disk.write(key(0), &segment(10)), Err(DiskError::Full { .. })));
    }
}
