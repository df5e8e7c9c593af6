//! The data folder and its lock.
//!
//! Owns the folder's layout (`--data`) and who may use it. Knows nothing of
//! what the files hold. Invariant: one server per folder; the lock is the
//! kernel's, so it ends with the process that holds it, however that ends.

mod swap;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// The catalogue's name in the data folder.
pub const CATALOGUE: &str = "catalogue.sqlite";

/// Where uploaded logos are in the data folder.
pub const LOGOS: &str = "artwork/logos";

/// The file whose lock the server of a data folder has.
const LOCK: &str = "lock";

const SEGMENTS: &str = "segments";
const ARTWORK: &str = "artwork";
const TMP: &str = "tmp";

/// What else must not be lost: settings, and what people uploaded. All the rest of the
/// folder is made again by a server that needs it.
pub const KEPT: [&str; 4] = ["settings.toml", "config.toml", "slates", LOGOS];

/// What can be wrong with the data folder.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It, or something in it, cannot be made or opened.
    #[error(
        "the data folder needs `{path}`, which cannot be used: {source}; \
         give another folder with --data, or mend its rights"
    )]
    Unusable {
        /// What could not be made or opened.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server uses it.
    #[error(
        "the data folder `{path}` is in use by another Aerial server ({}); \
         stop that one, or give another folder with --data",
        process(*.pid)
    )]
    InUse {
        /// The data folder.
        path: PathBuf,
        /// The process that holds it, where it can be told.
        pid: Option<u32>,
    },
    /// A part of it is mounted by itself, and cannot be set aside.
    #[error(
        "`{0}` is mounted by itself, so that it cannot be replaced in one step; \
         nothing was changed: restore while it is not mounted, or into another folder"
    )]
    Mounted(PathBuf),
}

impl DataDirError {
    /// Whether the server that has the folder is gone, and its lock soon is, too (`held`).
    pub fn is_left_behind(&self) -> bool {
        let Self::InUse { pid: Some(pid), .. } = self else { return false };
        let pid = i32::try_from(*pid).ok().and_then(Pid::from_raw);
        pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
    }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "process unknown".to_owned(), |pid| format!("process {pid}"))
}

/// The data folder, locked for as long as this lives.
#[derive(Debug)]
pub struct DataDir {
    root: PathBuf,
    /// Held open for its lock.
    _lock: File,
}

impl DataDir {
    /// Makes the folder where it does not exist (readable by its owner alone),
    /// takes its lock, and makes the folders in it.
    pub fn open(root: &Path) -> Result<Self, DataDirError> {
        make_private(root)?;
        let root = root.canonicalize().map_err(|source| unusable(root, source))?;
        let lock = lock(&root)?;
        swap::finish(&root)?;
        let dir = Self { root, _lock: lock };
        for folder in [dir.segments(), dir.artwork(), dir.tmp()] {
            make_private(&folder)?;
        }
        dir.empty_tmp()?;
        Ok(dir)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The catalogue's database file.
    pub fn catalogue(&self) -> PathBuf {
        self.root.join(CATALOGUE)
    }

    /// The segment store.
    pub fn segments(&self) -> PathBuf {
        self.root.join(SEGMENTS)
    }

    /// Pictures of media and channels.
    pub fn artwork(&self) -> PathBuf {
        self.root.join(ARTWORK)
    }

    /// Logos that people uploaded.
    pub fn logos(&self) -> PathBuf {
        self.root.join(LOGOS)
    }

    /// Files that no start needs to find again; emptied at each.
    pub fn tmp(&self) -> PathBuf {
        self.root.join(TMP)
    }

    /// Whether there is anything in it that must not be lost.
    pub fn is_occupied(&self) -> bool {
        swap::is_occupied(&self.root)
    }

    /// Puts what lies in `new`, which must be in [`Self::tmp`], in the place of all that
    /// must not be lost; that is set aside in a folder of this name, which is answered.
    /// A crash leaves the one or the other; where a part is mounted by itself, nothing
    /// is changed.
    pub fn replace(&self, new: &Path, aside: &str) -> Result<PathBuf, DataDirError> {
        swap::replace(&self.root, new, aside)
    }

    /// What a server that was killed left behind.
    fn empty_tmp(&self) -> Result<(), DataDirError> {
        let tmp = self.tmp();
        let entries = fs::read_dir(&tmp).map_err(|source| unusable(&tmp, source))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let removed = if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            if let Err(error) = removed {
                tracing::warn!(path = %path.display(), %error, "cannot remove a temporary file");
            }
        }
        Ok(())
    }
}

/// What [`DataDir::open`] makes in a folder.
pub fn made(root: &Path) -> Vec<PathBuf> {
    [LOCK, SEGMENTS, ARTWORK, TMP].map(|name| root.join(name)).into()
}

/// What [`DataDir::replace`] puts into a folder, in its place or on the way there.
pub fn replaced(root: &Path) -> Vec<PathBuf> {
    swap::parts().chain([swap::COMING]).map(|name| root.join(name)).collect()
}

/// Whether a folder is in the middle of [`DataDir::replace`].
pub fn is_being_replaced(root: &Path) -> bool {
    swap::is_pending(root)
}

/// Which process has a data folder open, in words; `None`: none has. Takes no lock and
/// makes nothing.
pub fn holder(root: &Path) -> Option<String> {
    let mut file = File::open(root.join(LOCK)).ok()?;
    // Shared and let go at once: it is only asked whether somebody has it for himself.
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = file.read_to_string(&mut text);
            Some(process(text.trim().parse().ok()))
        }
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

fn unusable(path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Unusable { path: path.to_owned(), source }
}

fn make_private(path: &Path) -> Result<(), DataDirError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| unusable(path, source))
}

/// Takes the lock and writes our pid into its file, for whoever is refused.
fn lock(root: &Path) -> Result<File, DataDirError> {
    let path = root.join(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|source| unusable(&path, source))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            // Best effort: the pid only makes the message better.
            let _ = file.read_to_string(&mut text);
            return Err(DataDirError::InUse {
                path: root.to_owned(),
                pid: text.trim().parse().ok(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(unusable(&path, source)),
    }
    // Best effort: a full disk has no room for it, and is no reason not to serve.
    let _ = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_new_data_folder_is_private_and_has_its_parts() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&parent.path().join("a/b")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for folder in [dir.root().to_owned(), dir.segments(), dir.artwork(), dir.tmp()] {
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        }
    }

    #[test]
    fn a_lock_is_left_behind_where_nobody_bears_its_process_id() {
        let path = PathBuf::from("data");
        let of = |pid| DataDirError::InUse { path: path.clone(), pid };
        assert!(!of(Some(std::process::id())).is_left_behind());
        // Higher than any that Linux gives.
        assert!(of(Some(1 << 30)).is_left_behind());
        assert!(!of(None).is_left_behind());
    }

    #[test]
    fn a_second_server_on_the_same_folder_is_refused_by_name() {
        let parent = tempfile::tempdir().unwrap();
        let first = DataDir::open(parent.path()).unwrap();
        let error = DataDir::open(parent.path()).unwrap_err().to_string();
        assert!(error.contains(&first.root().display().to_string()), "{error}");
        let own = format!("process {}", std::process::id());
        assert!(error.contains(&own), "{error}");
        assert_eq!(holder(parent.path()), Some(own));
        drop(first);
        assert_eq!(holder(parent.path()), None);
        DataDir::open(parent.path()).unwrap();
    }

    #[test]
    fn a_start_removes_what_a_killed_server_left_in_tmp() {
        let parent = tempfile::tempdir().unwrap();
        let dir = DataDir::open(parent.path()).unwrap();
        fs::create_dir(dir.tmp().join("half")).unwrap();
        fs::write(dir.tmp().join("half/made"), "x").unwrap();
        fs::write(dir.tmp().join("other"), "x").unwrap();
        drop(dir);
        let dir = DataDir::open(parent.path()).unwrap();
        assert_eq!(fs::read_dir(dir.tmp()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("file");
        fs::write(&path, "x").unwrap();
        let error = DataDir::open(&path).unwrap_err().to_string();
        assert!(error.contains("file"), "{error}");
    }
}
