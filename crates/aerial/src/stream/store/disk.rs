//! The store's files: one per segment, and the remuxes beside them, under a limit.
//!
//! Owns the folder, an index of what lies in it, and what must give way when it
//! is full: least recently used first, never what was used in the last minutes,
//! also by the server before this one: a file's time of change says when it was.
//! How remuxes are written and read is `copies`'s. Does blocking I/O: call it off the
//! runtime. Invariant: a file that bears a segment's name is whole; a damaged one is
//! removed when it is read.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::demand::TrackKey;
use aerial_model::segment::Segment;
use tokio::time::Instant;

use super::copies::{self, RemuxKey};
use super::files::{self, Files, read_dir};
use super::{DiskError, KEPT_FOR, Limits, SegmentKey};
use crate::clock::{age, monotonic};

/// How far a file's time may lag behind its use: with it, what a list named at a
/// crash is still known as used for more than the minute that lists reach back.
const MARKED_EVERY: Duration = Duration::from_secs(30);

/// Of a disk that is full though nobody said so, this part of the limit is given back
/// at once: else each segment would find it full again.
const GIVES_WAY: u64 = 20;

/// What may go is looked for once for this part of the limit.
const LOOKS_SPARED: u64 = 256;

const SUFFIX: &str = "segment";
const PART: &str = "part";

#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    limits: Limits,
    files: Box<dyn Files>,
    /// Uses are counted from here.
    opened: Instant,
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
    /// Milliseconds after the store was opened, or before.
    used: i64,
    /// When its file says that it was used.
    marked: i64,
    /// It is being written: it has its room, and nothing else yet.
    unfinished: bool,
}

impl Entry {
    fn used_at(bytes: u64, used: i64) -> Self {
        Self { bytes, used, marked: used, unfinished: false }
    }

    /// As its file tells of it, where the store is opened.
    fn found(file: &Path) -> Result<Self, DiskError> {
        let found = fs::metadata(file).map_err(|source| DiskError::at(file, source))?;
        // Where there is no time of change, it was used long ago.
        let age = found.modified().map_or(Duration::MAX, age);
        Ok(Self::used_at(found.len(), -i64::try_from(age.as_millis()).unwrap_or(i64::MAX)))
    }
}

impl Disk {
    pub(super) fn open(
        folder: PathBuf,
        limits: Limits,
        files: Box<dyn Files>,
    ) -> Result<Self, DiskError> {
        files::make_folder(&folder).map_err(|source| DiskError::at(&folder, source))?;
        if let Err(error) = files::make_private(&folder) {
            tracing::warn!(folder = %folder.display(), %error, "others can read the segment store");
        }
        let mut index = Index::default();
        for track in read_dir(&folder)? {
            let Some(key) = track.file_name().and_then(|n| n.to_str()?.parse::<TrackKey>().ok())
            else {
                continue;
            };
            if let Err(error) = index.take_up(key, &track) {
                // One folder that cannot be read is no reason not to serve.
                tracing::warn!(%error, "kept segments of a track cannot be read");
            }
        }
        let remuxes = folder.join(copies::FOLDER);
        for key in copies::found(&remuxes)? {
            index.insert(Item::Remux(key), Entry::found(&copies::path(&remuxes, key))?);
        }
        let disk = Self { folder, limits, files, opened: monotonic(), index: Mutex::new(index) };
        disk.keep_floor();
        Ok(disk)
    }

    /// Gives back what the disk lacks of its floor, as far as that may go: others write
    /// there too, and a server that makes no segments must not be what fills it. One call
    /// at a time, writes among them.
    pub(super) fn keep_floor(&self) {
        // Where too little may go, the next write says so.
        let _ = self.make_room_on_disk(0);
    }

    fn now(&self) -> i64 {
        i64::try_from(self.opened.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    pub(super) fn has(&self, key: SegmentKey) -> bool {
        self.index().entries.contains_key(&Item::Segment(key))
    }

    pub(super) fn touch(&self, key: SegmentKey) {
        self.touch_item(Item::Segment(key));
    }

    fn touch_item(&self, item: Item) {
        let now = self.now();
        if let Some(entry) = self.index().entries.get_mut(&item) {
            entry.used = now;
        }
    }

    /// Lets files tell when they were used, for the server after this one. Blocks.
    pub(super) fn mark_used(&self) {
        let every = millis(MARKED_EVERY);
        let due: Vec<Item> = {
            let mut index = self.index();
            let lag = index.entries.iter_mut().filter(|(_, e)| e.used - e.marked >= every);
            lag.filter(|(_, entry)| !entry.unfinished)
                .map(|(item, entry)| {
                    // Also where it fails: it is tried again when it is used again.
                    entry.marked = entry.used;
                    *item
                })
                .collect()
        };
        for item in due {
            // On a disk that cannot be written nothing has to give way.
            let _ = self.files.mark_used(&self.path_of(item));
        }
    }

    /// Segments and bytes, remuxes among them.
    pub(super) fn holds(&self) -> (usize, u64) {
        let index = self.index();
        let segments = index.entries.keys().filter(|item| matches!(item, Item::Segment(_)));
        (segments.count(), index.bytes)
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    /// Where the remuxes are.
    pub(super) fn remuxes(&self) -> PathBuf {
        self.folder.join(copies::FOLDER)
    }

    /// Whether this remux is there, whole; it is in use from now on.
    pub(super) fn use_remux(&self, key: RemuxKey) -> bool {
        let now = self.now();
        let mut index = self.index();
        let entry = index.entries.get_mut(&Item::Remux(key)).filter(|entry| !entry.unfinished);
        entry.map(|entry| entry.used = now).is_some()
    }

    /// Makes room for a remux of about that size, and holds it.
    pub(super) fn reserve(&self, key: RemuxKey, bytes: u64) -> Result<(), DiskError> {
        self.could_make_room(bytes)?;
        self.make_room(bytes)?;
        let entry = Entry { unfinished: true, ..Entry::used_at(bytes, self.now()) };
        self.index().insert(Item::Remux(key), entry);
        Ok(())
    }

    /// The remux is there, this large; or, for `None`, it was not made.
    pub(super) fn settle(&self, key: RemuxKey, bytes: Option<u64>) {
        let now = self.now();
        let mut index = self.index();
        match bytes {
            Some(bytes) => index.insert(Item::Remux(key), Entry::used_at(bytes, now)),
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
        let bytes = match self.files.read(&path) {
            Ok(bytes) => bytes,
            Err(source) => {
                // What cannot be read is of no use, and takes room.
                self.remove(Item::Segment(key));
                return match source.kind() {
                    io::ErrorKind::NotFound => Ok(None),
                    _ => Err(DiskError::at(&path, source)),
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
            Err(DiskError::Io { source, .. }) if is_full(&source) => {
                // The floor was too low for this file system: give way once.
                self.evict(bytes.max(self.limits.bytes / GIVES_WAY));
                self.put(key, &encoded)?;
            }
            other => other?,
        }
        self.index().insert(Item::Segment(key), Entry::used_at(bytes, self.now()));
        Ok(())
    }

    fn put(&self, key: SegmentKey, encoded: &[u8]) -> Result<(), DiskError> {
        let path = self.path(key);
        let temporary = path.with_extension(PART);
        self.files.write(&path, &temporary, encoded).map_err(|source| {
            // Nothing half-written stays; if this fails too, the next start removes it.
            let _ = fs::remove_file(&temporary);
            DiskError::at(&path, source)
        })
    }

    /// Whether there would be room if all gave way that may: what is as large as a file
    /// must not empty the store, and then not fit all the same.
    fn could_make_room(&self, needed: u64) -> Result<(), DiskError> {
        let may_go: u64 = self.may_give_way().iter().map(|(.., bytes)| bytes).sum();
        let Limits { bytes: limit, free_floor_bytes: floor } = self.limits;
        if self.index().bytes.saturating_sub(may_go) + needed > limit {
            return Err(DiskError::Limit { needed, limit });
        }
        let free = self.files.free_bytes(&self.folder).saturating_add(may_go);
        if free < floor.saturating_add(needed) {
            return Err(DiskError::Full { needed, floor });
        }
        Ok(())
    }

    fn make_room(&self, needed: u64) -> Result<(), DiskError> {
        let over = (self.index().bytes + needed).saturating_sub(self.limits.bytes);
        if over > 0 {
            // A little more than needed: to find out what may go takes a look at all.
            self.evict(over + self.limits.bytes / LOOKS_SPARED);
            let limit = self.limits.bytes;
            if self.index().bytes + needed > limit {
                return Err(DiskError::Limit { needed, limit });
            }
        }
        self.make_room_on_disk(needed)
    }

    /// So that as much is free, and the floor.
    fn make_room_on_disk(&self, needed: u64) -> Result<(), DiskError> {
        let floor = self.limits.free_floor_bytes;
        let short = || (floor + needed).saturating_sub(self.files.free_bytes(&self.folder));
        if short() > 0 {
            self.evict(short());
            if short() > 0 {
                return Err(DiskError::Full { needed, floor });
            }
        }
        Ok(())
    }

    /// Removes least recently used segments until `bytes` are freed, or none
    /// is left that may go.
    fn evict(&self, bytes: u64) {
        let mut candidates = self.may_give_way();
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

    /// What may go: when it was used, what it is, and its bytes.
    fn may_give_way(&self) -> Vec<(i64, Item, u64)> {
        let now = self.now();
        self.index()
            .entries
            .iter()
            .filter(|(_, entry)| !entry.unfinished)
            .filter(|(_, entry)| now.saturating_sub(entry.used) >= millis(KEPT_FOR))
            .map(|(item, entry)| (entry.used, *item, entry.bytes))
            .collect()
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

    fn path_of(&self, item: Item) -> PathBuf {
        match item {
            Item::Segment(key) => self.path(key),
            Item::Remux(key) => copies::path(&self.remuxes(), key),
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
    /// Takes up what lies in a track's folder, and removes what a crash left there.
    fn take_up(&mut self, track: TrackKey, folder: &Path) -> Result<(), DiskError> {
        for file in read_dir(folder)? {
            match segment_index(&file) {
                Some(index) => {
                    let key = Item::Segment(SegmentKey { track, index });
                    self.insert(key, Entry::found(&file)?);
                }
                // Left in the middle of a write. A folder in which nothing can be
                // removed (read-only) still gives what it has.
                None if is_part(&file) => {
                    if let Err(error) = fs::remove_file(&file) {
                        tracing::warn!(file = %file.display(), %error, "left by a crash, and cannot be removed");
                    }
                }
                // Somebody else's.
                None => {}
            }
        }
        Ok(())
    }

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

fn segment_index(file: &Path) -> Option<u32> {
    let whole = file.extension()?.to_str()? == SUFFIX;
    whole.then(|| file.file_stem()?.to_str()?.parse().ok()).flatten()
}

fn is_part(file: &Path) -> bool {
    file.extension().is_some_and(|kind| kind == PART)
}

/// No room, or none for this user.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
