//! All that must not be lost, put in the place of what is there, in one step.
//!
//! Owns the step. What comes and where it is from is `backup`'s. Invariants: a crash at
//! any moment leaves the old or, once the folder is opened again, the new, never a part
//! of each; nothing that was there is deleted, it is set aside.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{CATALOGUE, DataDirError, KEPT, make_private, unusable};

/// Under this name what comes lies in the data folder: from then on the step is done,
/// also by whoever opens the folder next.
pub(super) const COMING: &str = "restored";

/// In the folder of what comes: how the step is to be done.
const STEP: &str = "step.json";

/// What SQLite keeps beside a catalogue. With another one it would damage that.
const OF_THE_CATALOGUE: [&str; 2] = ["catalogue.sqlite-wal", "catalogue.sqlite-shm"];

/// How it is to be done.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    /// The folder for what is there.
    aside: String,
    /// What comes; all the rest is set aside too.
    parts: Vec<String>,
}

/// All that is replaced, in this order: the catalogue's log never stays beside another
/// catalogue.
pub(super) fn parts() -> impl Iterator<Item = &'static str> {
    OF_THE_CATALOGUE.into_iter().chain([CATALOGUE]).chain(KEPT)
}

/// Whether there is anything in a data folder that must not be lost.
pub(super) fn is_occupied(root: &Path) -> bool {
    parts().any(|part| {
        let path = root.join(part);
        match fs::read_dir(&path) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => path.exists(),
        }
    })
}

/// Whether a step was begun that is not done.
pub(super) fn is_pending(root: &Path) -> bool {
    root.join(COMING).join(STEP).exists()
}

/// Puts what lies in `new`, a folder on the same disk, in the place of what is there,
/// which is set aside in the folder `aside`. For who holds the lock.
pub(super) fn replace(root: &Path, new: &Path, aside: &str) -> Result<PathBuf, DataDirError> {
    // Once it was begun, a step must not fail for good.
    if let Some(mounted) = within(root).into_iter().find(|path| is_mounted(path)) {
        return Err(DataDirError::Mounted(mounted));
    }
    let there = KEPT.into_iter().chain([CATALOGUE]).filter(|part| new.join(part).exists());
    let step = Step { aside: aside.to_owned(), parts: there.map(str::to_owned).collect() };
    let path = new.join(STEP);
    let text = serde_json::to_vec(&step).map_err(|error| unusable(&path, error.into()))?;
    fs::write(&path, text).map_err(|source| unusable(&path, source))?;
    let written = File::open(&path).and_then(|file| file.sync_all());
    written.map_err(|source| unusable(&path, source))?;
    folders_synced(new)?;
    let coming = root.join(COMING);
    fs::rename(new, &coming).map_err(|source| unusable(&coming, source))?;
    synced(root)?;
    finish(root)?;
    Ok(root.join(aside))
}

/// Does the rest of a step that was begun. For who holds the lock.
pub(super) fn finish(root: &Path) -> Result<(), DataDirError> {
    let coming = root.join(COMING);
    let step = match fs::read(coming.join(STEP)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // What is left after the last step was done, if anything is.
            let _ = fs::remove_dir_all(&coming);
            return Ok(());
        }
        Err(source) => return Err(unusable(&coming.join(STEP), source)),
    };
    let unreadable = |reason: &str| {
        let source = io::Error::new(io::ErrorKind::InvalidData, reason.to_owned());
        unusable(&coming.join(STEP), source)
    };
    let step: Step =
        serde_json::from_slice(&step).map_err(|error| unreadable(&error.to_string()))?;
    let mut names = Path::new(&step.aside).components();
    if !matches!((names.next(), names.next()), (Some(Component::Normal(_)), None)) {
        return Err(unreadable("its `aside` is no name of a folder"));
    }
    let aside = root.join(&step.aside);
    for part in parts() {
        let (old, new) = (root.join(part), coming.join(part));
        let comes = step.parts.iter().any(|coming| coming == part);
        // Where what comes is in its place already, what is there is that.
        if (!comes || new.exists()) && old.exists() {
            moved(&old, &aside.join(part))?;
        }
        if comes && new.exists() {
            moved(&new, &old)?;
        }
    }
    // Before the step is forgotten.
    folders_synced(root)?;
    folders_synced(&aside)?;
    // The step last: until then it is done again, which changes nothing.
    for entry in fs::read_dir(&coming).map_err(|source| unusable(&coming, source))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(|source| unusable(&path, source))?;
        }
    }
    fs::remove_dir_all(&coming).map_err(|source| unusable(&coming, source))
}

fn moved(from: &Path, to: &Path) -> Result<(), DataDirError> {
    if let Some(folder) = to.parent() {
        make_private(folder)?;
    }
    fs::rename(from, to).map_err(|source| unusable(to, source))
}

fn folders_synced(root: &Path) -> Result<(), DataDirError> {
    let folders = within(root).into_iter().chain([root.to_owned()]);
    folders.filter(|path| path.is_dir()).try_for_each(|folder| synced(&folder))
}

/// The parts, and the folders that they are in.
fn within(root: &Path) -> BTreeSet<PathBuf> {
    let paths = parts().flat_map(|part| Path::new(part).ancestors());
    paths.filter(|path| *path != Path::new("")).map(|path| root.join(path)).collect()
}

/// Whether there is a disk of its own at this path, or another folder or file. From a list,
/// since kernels before 5.8 do not tell it of a path.
#[cfg(target_os = "linux")]
fn is_mounted(path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let mut name = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\\' => name.extend(format!("\\{byte:03o}").bytes()),
            _ => name.push(*byte),
        }
    }
    // The fifth word of each line, see proc_pid_mountinfo(5).
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    mounts
        .split(|byte| *byte == b'\n')
        .any(|mount| mount.split(|byte| *byte == b' ').nth(4).is_some_and(|point| point == name))
}

/// Whether there is a disk of its own at this path.
#[cfg(not(target_os = "linux"))]
fn is_mounted(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let disk = |path: &Path| path.symlink_metadata().ok().map(|about| about.dev());
    disk(path).is_some_and(|own| path.parent().and_then(disk) != Some(own))
}

/// So that a power cut does not undo it.
fn synced(folder: &Path) -> Result<(), DataDirError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| unusable(folder, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data folder, and beside it what is to come.
    fn folders() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let (root, new) = (dir.path().join("data"), dir.path().join("data/tmp/new"));
        for (path, text) in [
            (root.join("catalogue.sqlite"), "old"),
            (root.join("catalogue.sqlite-wal"), "old log"),
            (root.join("settings.toml"), "old"),
            (root.join("artwork/logos/a.png"), "old"),
            (root.join("artwork/thumbnail.jpg"), "a cache"),
            (new.join("catalogue.sqlite"), "new"),
            (new.join("slates/off_air"), "new"),
            (new.join("artwork/logos/b.png"), "new"),
        ] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        (dir, root, new)
    }

    fn is_new(root: &Path) {
        let read = |path: &str| fs::read_to_string(root.join(path)).ok();
        for (path, text) in [
            ("catalogue.sqlite", Some("new")),
            ("catalogue.sqlite-wal", None),
            ("settings.toml", None),
            ("slates/off_air", Some("new")),
            ("artwork/logos/a.png", None),
            ("artwork/logos/b.png", Some("new")),
            ("artwork/thumbnail.jpg", Some("a cache")),
            ("before/catalogue.sqlite", Some("old")),
            ("before/catalogue.sqlite-wal", Some("old log")),
            ("before/settings.toml", Some("old")),
            ("before/artwork/logos/a.png", Some("old")),
            ("restored/step.json", None),
        ] {
            assert_eq!(read(path).as_deref(), text, "{path}");
        }
        assert!(!root.join("restored").exists());
    }

    #[test]
    fn what_was_there_is_set_aside_and_no_log_stays_beside_another_catalogue() {
        let (_dir, root, new) = folders();
        assert!(is_occupied(&root));
        let aside = replace(&root, &new, "before").unwrap();
        assert_eq!(aside, root.join("before"));
        is_new(&root);
        finish(&root).unwrap();
        is_new(&root);
    }

    /// Every state in which a crash can leave a step: after each of its moves.
    #[test]
    fn a_step_that_was_broken_off_anywhere_is_done_by_whoever_comes_next() {
        let moves: [(&str, &str); 6] = [
            ("catalogue.sqlite-wal", "before/catalogue.sqlite-wal"),
            ("catalogue.sqlite", "before/catalogue.sqlite"),
            ("restored/catalogue.sqlite", "catalogue.sqlite"),
            ("settings.toml", "before/settings.toml"),
            ("restored/slates", "slates"),
            ("artwork/logos", "before/artwork/logos"),
        ];
        for done in 0..=moves.len() {
            let (_dir, root, new) = folders();
            let parts = ["catalogue.sqlite", "slates", "artwork/logos"].map(str::to_owned);
            let step = Step { aside: "before".to_owned(), parts: parts.to_vec() };
            fs::write(new.join(STEP), serde_json::to_vec(&step).unwrap()).unwrap();
            fs::rename(&new, root.join(COMING)).unwrap();
            for (from, to) in &moves[..done] {
                moved(&root.join(from), &root.join(to)).unwrap();
            }
            assert!(is_pending(&root));
            finish(&root).unwrap();
            is_new(&root);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_mounted_is_told_from_what_is_not() {
        let (_dir, root, _new) = folders();
        assert!(is_mounted(Path::new("/proc")) && !is_mounted(Path::new("/proc/self")));
        assert!(within(&root).contains(&root.join("artwork")) && !within(&root).contains(&root));
        assert!(!within(&root).iter().any(|path| is_mounted(path)));
    }

    #[test]
    fn a_folder_with_nothing_to_lose_is_not_occupied() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("artwork/logos")).unwrap();
        fs::write(dir.path().join("lock"), "1").unwrap();
        assert!(!is_occupied(dir.path()));
    }

    #[test]
    fn a_step_that_leads_out_of_the_folder_is_refused() {
        let (_dir, root, new) = folders();
        for aside in ["../elsewhere", "/tmp/x", "", ".."] {
            let step = Step { aside: aside.to_owned(), parts: Vec::new() };
            fs::create_dir_all(root.join(COMING)).unwrap();
            fs::write(root.join(COMING).join(STEP), serde_json::to_vec(&step).unwrap()).unwrap();
            assert!(finish(&root).is_err(), "{aside}");
        }
        drop(new);
    }
}
