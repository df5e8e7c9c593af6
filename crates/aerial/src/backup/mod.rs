//! Backups: one file with all that must not be lost, and the way back.
//!
//! Owns the file's form, how it is made while a server runs, how it is verified, how it
//! is put in the place of what is there, and the backups that are kept by count. What
//! must not be lost, `data_dir` says; how the catalogue is copied is `db`'s. Invariants:
//! a file that bears a backup's name was read again and found whole when it was made; one
//! that is not whole restores nothing; nothing is made where the disk would be full then.

mod archive;
mod keep;
mod make;
mod manifest;
mod name;
mod owner;
mod restore;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::config::ByteSize;
use crate::data_dir::DataDirError;
use crate::db::DbError;

pub use archive::verify;
pub use keep::{Backups, Kept, Standing, Trouble, backup_folder, floor};
pub use make::{Source, make};
pub use manifest::{Manifest, Member};
pub use name::{BackupName, Why};
pub use restore::{Restored, restore};

/// Why a backup was not made, or not restored.
#[derive(Debug, Error)]
pub enum BackupError {
    /// The catalogue cannot be copied.
    #[error(transparent)]
    Catalogue(#[from] DbError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Data(#[from] DataDirError),
    /// There is nothing to back up.
    #[error(
        "there is no catalogue in `{}`: nothing to back up. Give the server's data folder with \
         --data",
        .0.display()
    )]
    NoCatalogue(PathBuf),
    /// A restore was broken off in the data folder.
    #[error(
        "the data folder `{}` is in the middle of a restore: start the server, which finishes it",
        .0.display()
    )]
    BeingRestored(PathBuf),
    /// The folder of backups is not there.
    #[error(
        "the folder `{}` for backups is not there: make it, or mount its disk",
        .0.display()
    )]
    NoFolder(PathBuf),
    /// A file of that name is there.
    #[error("`{}` is there already: give the backup another name", .0.display())]
    Exists(PathBuf),
    /// The disk would be fuller than it may be.
    #[error(
        "there is no room for a backup in `{}`: it needs about {needed}, and of the {free} that \
         are free {floor} stay free (half of store.free). Free some space, or choose another disk",
        path.display()
    )]
    NoRoom {
        /// On which disk.
        path: PathBuf,
        /// How much it needs.
        needed: ByteSize,
        /// How much is free.
        free: ByteSize,
        /// How much stays free.
        floor: ByteSize,
    },
    /// A file cannot be read or written.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("`{}` is no backup of Aerial: {reason}", path.display())]
    NotABackup {
        /// The file.
        path: PathBuf,
        /// How that is seen.
        reason: String,
    },
    /// Some of it is missing or altered.
    #[error(
        "the backup `{}` is damaged: {reason}. Nothing was changed; take another backup",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer program made it.
    #[error(
        "the backup `{}` was made by a newer Aerial ({version}; {reason}): nothing was changed. \
         Restore it with that version or a later one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Which made it.
        version: String,
        /// What of it this one does not know.
        reason: String,
    },
    /// There is something to lose.
    #[error(
        "there is something in the data folder `{}`: nothing was changed. Give an empty one \
         with --data, or --force, which sets aside what is there",
        .0.display()
    )]
    Occupied(PathBuf),
    /// It is restored, but the service cannot use it.
    #[error(
        "it is restored, but `{}` cannot be given to the user {uid}, to whom the data folder \
         belongs: {source}. Do so with `chown -R`, then start the server",
        path.display()
    )]
    NotGiven {
        /// The data folder.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// It was broken off.
    #[error("the backup was broken off")]
    BrokenOff,
}

impl BackupError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

type Result<T> = std::result::Result<T, BackupError>;

/// Refuses where the disk of a folder would have less than the floor left.
fn room(folder: &Path, needed: u64, floor: u64) -> Result<()> {
    // Where the system does not say, writing will.
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= needed.saturating_add(floor) {
        return Ok(());
    }
    let (needed, free, floor) = (rounded(needed), rounded(free), rounded(floor));
    Err(BackupError::NoRoom { path: folder.to_owned(), needed, free, floor })
}

/// To be read by people: not a byte more exact than that.
fn rounded(bytes: u64) -> ByteSize {
    let unit = [1u64 << 30, 1 << 20, 1 << 10].into_iter().find(|unit| bytes >= 10 * unit);
    let unit = unit.unwrap_or(1);
    ByteSize(bytes.div_ceil(unit) * unit)
}

/// What lies in a folder for as long as this lives, and is gone then.
#[derive(Debug)]
struct Passing(PathBuf);

impl Passing {
    fn folder(path: PathBuf) -> Result<Self> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(&path);
        made.map_err(BackupError::io("make", &path))?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        // The next start empties the folder for what passes.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests;
