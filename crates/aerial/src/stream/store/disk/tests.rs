//! The disk under its limit, and what it is after a crash.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

fn key(index: u32) -> SegmentKey {
    SegmentKey { track: TrackKey([7; 16]), index }
}
fn segment(size: usize) -> Segment {
    Segment { bytes: vec![0x47; size].into(), stamps: Vec::new() }
}
fn disk(folder: &tempfile::TempDir, bytes: u64) -> Disk {
    Disk::open(
        folder.path().to_owned(),
        Limits { bytes, free_floor_bytes: 0 },
        Box::new(files::OnDisk),
    )
    .unwrap()
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
    assert!(disk.holds().1 <= 3_500);
    assert!(!disk.path(key(1)).exists());
}

#[tokio::test(start_paused = true)]
async fn what_a_playlist_may_still_name_does_not_give_way() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(&folder, 1_500);
    disk.write(key(0), &segment(1_000)).unwrap();
    let refused = disk.write(key(1), &segment(1_000));
    assert!(matches!(refused, Err(DiskError::Limit { limit: 1_500, .. })), "{refused:?}");
    assert!(disk.has(key(0)) && disk.holds().1 <= 1_500);
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
    assert_eq!(disk.holds().1, 0);
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
    fs::write(part.with_file_name("notes.txt"), b"somebody else's").unwrap();
    // Not even a folder: it can be no track's, and does no harm.
    fs::write(folder.path().join("08".repeat(16)), b"").unwrap();
    let again = disk(&folder, 1 << 20);
    assert!(!part.exists() && again.has(key(0)));
    assert!(folder.path().join("notes.txt").exists());
    assert!(part.with_file_name("notes.txt").exists());
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

#[tokio::test(start_paused = true)]
async fn for_a_remux_that_does_not_fit_all_the_same_nothing_gives_way() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(&folder, 3_500);
    let remux = RemuxKey([1; 16]);
    for index in 0..2 {
        disk.write(key(index), &segment(1_000)).unwrap();
    }
    tokio::time::advance(KEPT_FOR).await;
    let refused = disk.reserve(remux, 4_000);
    assert!(matches!(refused, Err(DiskError::Limit { limit: 3_500, .. })), "{refused:?}");
    // Nor where what is in use leaves too little.
    disk.touch(key(1));
    let refused = disk.reserve(remux, 3_000);
    assert!(matches!(refused, Err(DiskError::Limit { .. })), "{refused:?}");
    assert!(disk.has(key(0)) && disk.has(key(1)));
    disk.reserve(remux, 2_000).unwrap();
    assert!(!disk.has(key(0)) && disk.has(key(1)));

    // And where it is the disk that is full.
    let limits = Limits { bytes: 1 << 20, free_floor_bytes: u64::MAX / 2 };
    let again = Disk::open(folder.path().to_owned(), limits, Box::new(files::OnDisk)).unwrap();
    tokio::time::advance(KEPT_FOR * 2).await;
    let refused = again.reserve(remux, 10);
    assert!(matches!(refused, Err(DiskError::Full { .. })), "{refused:?}");
    assert!(again.has(key(1)));
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
    assert_eq!(again.holds().1, 8);
    assert!(!copies::part(&remuxes, half).exists());
    again.drop_remux(whole);
    assert!(!copies::path(&remuxes, whole).exists() && again.holds().1 == 0);
}

#[test]
fn without_room_on_the_disk_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { bytes: 1 << 20, free_floor_bytes: u64::MAX / 2 };
    let disk = Disk::open(folder.path().to_owned(), limits, Box::new(files::OnDisk)).unwrap();
    assert!(matches!(disk.write(key(0), &segment(10)), Err(DiskError::Full { .. })));
}

/// A disk that others fill, too.
#[derive(Debug)]
struct Shared(Arc<AtomicU64>);

impl Files for Shared {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        files::OnDisk.read(path)
    }
    fn write(&self, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
        files::OnDisk.write(path, temporary, bytes)
    }
    fn mark_used(&self, path: &Path) -> io::Result<()> {
        files::OnDisk.mark_used(path)
    }
    fn free_bytes(&self, _: &Path) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn the_floor_is_kept_free_while_nothing_is_written_and_from_the_start_on() {
    let folder = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let limits = Limits { bytes: 1 << 20, free_floor_bytes: 1_500 };
    let open = || {
        let files = Box::new(Shared(Arc::clone(&free)));
        Disk::open(folder.path().to_owned(), limits, files).unwrap()
    };
    let has = |disk: &Disk| [0, 1, 2].map(|index| disk.has(key(index)));
    let disk = open();
    for index in 0..3 {
        disk.write(key(index), &segment(1_000)).unwrap();
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    free.store(1_000, Ordering::Relaxed);
    disk.keep_floor();
    assert_eq!(has(&disk), [true; 3], "lists name them");
    tokio::time::advance(KEPT_FOR).await;
    disk.keep_floor();
    assert_eq!(has(&disk), [false, true, true], "500 bytes were short");
    let file = fs::File::options().write(true).open(disk.path(key(1))).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    drop(disk);
    assert_eq!(has(&open()), [false, false, true], "the server before just made the last");
    assert!(!folder.path().join(key(1).track.to_string()).join("1.segment").exists());
}

#[tokio::test(start_paused = true)]
async fn what_was_used_before_a_restart_gives_way_after_what_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let before = disk(&folder, 3_500);
    let long_ago = std::time::SystemTime::UNIX_EPOCH;
    for index in 0..3 {
        before.write(key(index), &segment(1_000)).unwrap();
        let file = fs::File::options().write(true).open(before.path(key(index))).unwrap();
        file.set_modified(long_ago + Duration::from_secs(10 - u64::from(index))).unwrap();
    }
    // A list names the one that was made first, and the server is killed.
    tokio::time::advance(MARKED_EVERY).await;
    before.touch(key(0));
    before.mark_used();
    drop(before);
    let again = disk(&folder, 3_500);
    again.write(key(3), &segment(1_000)).unwrap();
    assert!(again.has(key(0)) && again.has(key(1)) && !again.has(key(2)));
    again.write(key(4), &segment(1_000)).unwrap();
    assert!(again.has(key(0)) && !again.has(key(1)));
    let refused = again.write(key(5), &segment(1_000));
    assert!(matches!(refused, Err(DiskError::Limit { .. })), "{refused:?}");
    assert!(again.has(key(0)), "it was in use a moment before the restart");
}

#[test]
fn folders_and_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    open(folder.path());
    let disk = disk(&folder, 1 << 20);
    disk.write(key(0), &segment(1_000)).unwrap();
    copies::make_folder(&disk.remuxes()).unwrap();
    let remux = RemuxKey([1; 16]);
    fs::write(copies::part(&disk.remuxes(), remux), b"pictures").unwrap();
    copies::keep(&disk.remuxes(), remux, b"{}").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for private in [folder.path(), disk.path(key(0)).parent().unwrap(), &disk.remuxes()] {
        assert_eq!(mode(private), 0o700, "{private:?}");
    }
    for file in read_dir(&disk.remuxes()).unwrap().iter().chain([&disk.path(key(0))]) {
        assert_eq!(mode(file), 0o600, "{file:?}");
    }
}

/// A disk that fails as it is told.
#[derive(Debug, Default)]
struct Failing {
    reads: Option<i32>,
    /// Writes fail until so many segments are gone.
    full_until: Option<usize>,
}

impl Files for Failing {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match self.reads {
            Some(error) => Err(io::Error::from_raw_os_error(error)),
            None => files::OnDisk.read(path),
        }
    }
    fn write(&self, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
        let there = path.parent().and_then(|track| read_dir(track).ok()).map_or(0, |all| all.len());
        if self.full_until.is_some_and(|most| there > most) {
            // As the system does it: the file is begun.
            files::OnDisk.write(temporary, temporary, b"half")?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        files::OnDisk.write(path, temporary, bytes)
    }
    fn mark_used(&self, path: &Path) -> io::Result<()> {
        files::OnDisk.mark_used(path)
    }
    fn free_bytes(&self, _: &Path) -> u64 {
        u64::MAX
    }
}

fn failing(folder: &tempfile::TempDir, files: Failing) -> Disk {
    let limits = Limits { bytes: 20_000, free_floor_bytes: 0 };
    Disk::open(folder.path().to_owned(), limits, Box::new(files)).unwrap()
}

#[test]
fn a_segment_that_cannot_be_read_is_told_and_takes_no_room_any_more() {
    /// Linux's number of it.
    const EIO: i32 = 5;
    let folder = tempfile::tempdir().unwrap();
    let disk = failing(&folder, Failing { reads: Some(EIO), ..Failing::default() });
    disk.write(key(0), &segment(1_000)).unwrap();
    let read = disk.read(key(0));
    assert!(matches!(read, Err(DiskError::Io { .. })), "{read:?}");
    assert!(!disk.has(key(0)) && disk.holds() == (0, 0) && !disk.path(key(0)).exists());
}

#[tokio::test(start_paused = true)]
async fn on_a_disk_that_is_full_before_its_limit_older_segments_give_way_and_it_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let disk = failing(&folder, Failing { full_until: Some(1), ..Failing::default() });
    disk.write(key(0), &segment(1_000)).unwrap();
    disk.write(key(1), &segment(1_000)).unwrap();
    // Nothing may give way yet: nothing half-written stays either.
    let full = disk.write(key(2), &segment(1_000));
    assert!(matches!(&full, Err(DiskError::Io { source, .. }) if is_full(source)), "{full:?}");
    assert!(!disk.path(key(2)).with_extension(PART).exists());
    tokio::time::advance(KEPT_FOR).await;
    disk.write(key(2), &segment(1_000)).unwrap();
    assert!(!disk.has(key(0)) && disk.has(key(1)) && disk.has(key(2)));
}
