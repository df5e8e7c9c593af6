//! The store's reach into the file system.
//!
//! Owns how its files are written, read, marked as used and counted as free room,
//! and the rights they get. Knows nothing of segments. Blocks. Invariant: a file
//! appears under its name whole or not at all, and is its owner's alone.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};

use super::DiskError;

/// What the store holds is what its owner watches.
const PRIVATE_FOLDER: u32 = 0o700;
const PRIVATE_FILE: u32 = 0o600;

/// What the store asks of a file system; a seam, since a disk fails for no test.
pub(super) trait Files: Debug + Send + Sync {
    /// All of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// Writes a file under a temporary name, then gives it its own.
    fn write(&self, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Lets the file's time say that it was used now.
    fn mark_used(&self, path: &Path) -> io::Result<()>;

    /// Free bytes of the disk that `folder` lies on; all there could be where the
    /// system does not say.
    fn free_bytes(&self, folder: &Path) -> u64;
}

/// The disk itself.
#[derive(Debug)]
pub(super) struct OnDisk;

impl Files for OnDisk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn write(&self, path: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(PRIVATE_FILE).open(temporary)?;
        file.write_all(bytes)?;
        fs::rename(temporary, path)
    }

    fn mark_used(&self, path: &Path) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        Ok(futimens(File::open(path)?, &Timestamps { last_access: now, last_modification: now })?)
    }

    fn free_bytes(&self, folder: &Path) -> u64 {
        let disk = rustix::fs::statvfs(folder);
        disk.map_or(u64::MAX, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

/// Makes a folder that is its owner's alone, with those above it.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder)
}

/// Takes away what others may do with a folder or file that was there before.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let rights = fs::metadata(path)?.permissions();
    let mode = if path.is_dir() { PRIVATE_FOLDER } else { PRIVATE_FILE };
    if rights.mode() & 0o777 & !mode == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// What lies in a folder.
pub(super) fn read_dir(folder: &Path) -> Result<Vec<PathBuf>, DiskError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(|source| DiskError::at(folder, source))
}
