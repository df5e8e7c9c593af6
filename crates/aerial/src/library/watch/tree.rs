//! A tree of folders that the system watches.
//!
//! Owns beginning and ending the watch of a folder with all that is in it. Does not
//! listen to what is told.
//! Invariant: a folder in it that is barred to us, or that goes meanwhile, costs the
//! watch of that folder alone, never of those beside it.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use notify_debouncer_full::notify::{self, ErrorKind, RecursiveMode, Watcher};
use notify_debouncer_full::{Debouncer, FileIdCache};

use super::file_system::network_file_system;
use super::refusal::says;
use crate::library::walk::is_hidden;

/// How far the watch of a folder goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// To all that is in it.
    Whole,
    /// Not into folders that are barred to us: `lost+found` on a disk of its own, another
    /// user's waste bin.
    Part,
}

/// What can be asked to watch a folder and all that is in it.
pub(super) trait Watches {
    /// Begins; where it fails at one folder in it, some of the others are watched.
    fn watch(&mut self, folder: &Path) -> notify::Result<()>;
    /// Ends, for all that is in it too.
    fn unwatch(&mut self, folder: &Path) -> notify::Result<()>;
}

impl<W: Watcher, C: FileIdCache> Watches for Debouncer<W, C> {
    fn watch(&mut self, folder: &Path) -> notify::Result<()> {
        Debouncer::watch(self, folder, RecursiveMode::Recursive)
    }

    fn unwatch(&mut self, folder: &Path) -> notify::Result<()> {
        Debouncer::unwatch(self, folder)
    }
}

/// Watches the folder at `path`, or says why that cannot be. What is watched already
/// stays so; blocks.
pub(super) fn begin(system: &mut impl Watches, path: &Path) -> Result<Reach, String> {
    std::fs::read_dir(path).map_err(|error| format!("the folder cannot be reached ({error})"))?;
    if let Some(kind) = network_file_system(path) {
        return Err(format!("{kind} does not tell of changes that other machines make"));
    }
    watch_tree(system, path, &mut HashSet::new()).map_err(|error| {
        // Half a watch would be neither.
        end(system, path);
        says(&error)
    })
}

/// Lets go of the folder at `path`, if it was watched.
pub(super) fn end(system: &mut impl Watches, path: &Path) {
    let _ = system.unwatch(path);
}

/// The system's watch of a tree ends at the first folder in it that fails. The folders of
/// such a tree are then watched each by itself, as deep as it takes. `entered` has those
/// that were gone into like that: links lead round in circles.
fn watch_tree(
    system: &mut impl Watches,
    folder: &Path,
    entered: &mut HashSet<(u64, u64)>,
) -> notify::Result<Reach> {
    let Err(error) = system.watch(folder) else { return Ok(Reach::Whole) };
    if !is_of_one_folder(&error) || error.paths.iter().any(|path| path == folder) {
        return Err(error);
    }
    let about = std::fs::metadata(folder).map_err(notify::Error::io)?;
    if !entered.insert((about.dev(), about.ino())) {
        return Ok(Reach::Part);
    }
    for entry in std::fs::read_dir(folder).map_err(notify::Error::io)?.flatten() {
        let inner = entry.path();
        if is_hidden(&entry.file_name()) || !inner.is_dir() {
            continue;
        }
        match watch_tree(system, &inner, entered) {
            Err(error) if !is_of_one_folder(&error) => return Err(error),
            Err(_) | Ok(_) => {}
        }
    }
    Ok(Reach::Part)
}

/// Whether a watch failed for a reason that the folders beside it need not share.
fn is_of_one_folder(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(source) => {
            matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::PathBuf;

    /// Watches as inotify does: folder after folder, until one named `shut` fails.
    #[derive(Default)]
    struct Inotify {
        watched: BTreeSet<PathBuf>,
        /// How many folders can be watched.
        limit: usize,
    }

    impl Watches for Inotify {
        fn watch(&mut self, folder: &Path) -> notify::Result<()> {
            if folder.ends_with("shut") {
                let barred = notify::Error::io(io::ErrorKind::PermissionDenied.into());
                return Err(barred.add_path(folder.to_owned()));
            }
            self.watched.insert(folder.to_owned());
            if self.watched.len() > self.limit {
                return Err(notify::Error::new(ErrorKind::MaxFilesWatch));
            }
            let mut inner: Vec<PathBuf> =
                fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            inner.sort();
            let mut folders = inner.iter().filter(|path| path.is_dir() && !path.is_symlink());
            folders.try_for_each(|path| self.watch(path))
        }

        fn unwatch(&mut self, folder: &Path) -> notify::Result<()> {
            self.watched.retain(|path| !path.starts_with(folder));
            Ok(())
        }
    }

    fn library(folders: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    fn names(system: &Inotify, root: &Path) -> Vec<String> {
        let below = system.watched.iter().map(|path| path.strip_prefix(root).unwrap());
        below.map(|path| path.display().to_string()).collect()
    }

    #[test]
    fn a_folder_that_is_barred_costs_no_other_its_watch() {
        let root = library(&["a/deep", "b/one/shut", "b/two", "shut", "z/deep"]);
        std::os::unix::fs::symlink(root.path(), root.path().join("b/round")).unwrap();
        let mut system = Inotify { limit: 100, ..Inotify::default() };
        assert_eq!(begin(&mut system, root.path()), Ok(Reach::Part));
        let all = names(&system, root.path());
        for watched in ["", "a", "a/deep", "b", "b/one", "b/two", "z", "z/deep"] {
            assert!(all.iter().any(|name| name == watched), "{watched} in {all:?}");
        }
        assert!(!all.iter().any(|name| name.ends_with("shut")));
        // It was opened: the watch is whole, and nothing had to be let go for that.
        for shut in ["shut", "b/one/shut"] {
            fs::rename(root.path().join(shut), root.path().join(shut).with_file_name("open"))
                .unwrap();
        }
        assert_eq!(begin(&mut system, root.path()), Ok(Reach::Whole));
        assert!(names(&system, root.path()).contains(&"b/one/open".to_owned()));
    }

    #[test]
    fn where_the_system_has_no_more_watches_nothing_is_half_watched() {
        let root = library(&["a/shut", "b", "c"]);
        let mut system = Inotify { limit: 2, ..Inotify::default() };
        let reason = begin(&mut system, root.path()).unwrap_err();
        assert!(reason.contains("max_user_watches"), "{reason}");
        assert!(system.watched.is_empty());
    }

    #[test]
    fn a_folder_that_is_barred_itself_is_not_watched() {
        let root = library(&["shut"]);
        let mut system = Inotify { limit: 100, ..Inotify::default() };
        let reason = begin(&mut system, &root.path().join("shut")).unwrap_err();
        assert!(reason.contains("cannot be watched"), "{reason}");
    }
}
