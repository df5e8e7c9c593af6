//! To whom belongs what root restores: to whom the data folder belongs.
//!
//! Owns finding out who that is, and giving it to him. Invariant: only what is root's and
//! was named changes hands; no link is followed, and no other disk entered.

use std::fs::metadata;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat};
use rustix::process::geteuid;

use super::{BackupError, Result};

/// Who a data folder belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
    /// The folders that are made on the way to the data folder, itself the first.
    made: Vec<PathBuf>,
}

impl Owner {
    /// Who is to have what is restored, if it is root who restores and somebody else whose
    /// the folder is, or, where there is none yet, the folder that it will be in.
    pub(super) fn other_than_root(data: &Path) -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let absolute = std::path::absolute(data).ok()?;
        let missing = absolute.ancestors().take_while(|folder| metadata(folder).is_err());
        // What ends in `..` is there already, once what is before it is.
        let missing = missing.filter(|folder| folder.file_name().is_some());
        let made = missing.map(Path::to_owned).collect();
        let found = absolute.ancestors().find_map(|folder| metadata(folder).ok())?;
        let owner = Self { uid: found.uid(), gid: found.gid(), made };
        (owner.uid != 0).then_some(owner)
    }

    /// Gives him what is root's of these: some alone, others with all that is in them, as
    /// far as they are there.
    pub(super) fn take(&self, alone: &[PathBuf], whole: &[PathBuf]) -> Result<()> {
        for (path, is_whole) in self
            .made
            .iter()
            .chain(alone)
            .map(|path| (path, false))
            .chain(whole.iter().map(|path| (path, true)))
        {
            self.take_path(path, is_whole).map_err(|source| BackupError::NotGiven {
                path: path.clone(),
                uid: self.uid,
                source,
            })?;
        }
        Ok(())
    }

    fn take_path(&self, path: &Path, is_whole: bool) -> io::Result<()> {
        let Ok(file) = openat(CWD, path, LOOK, Mode::empty()) else { return Ok(()) };
        let stat = fstat(&file)?;
        if is_whole && FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            let disk = stat.st_dev;
            return self.take_folder(&file, |stat| stat.st_dev == disk);
        }
        self.take_one(&file, &stat)
    }

    fn take_folder(
        &self,
        folder: &OwnedFd,
        is_here: impl Fn(&Stat) -> bool + Copy,
    ) -> io::Result<()> {
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            // A link, or gone meanwhile; nothing else is closed to root.
            let Ok(file) = openat(folder, name, LOOK, Mode::empty()) else { continue };
            let stat = fstat(&file)?;
            if !is_here(&stat) {
                continue;
            }
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => self.take_folder(&file, is_here)?,
                _ => self.take_one(&file, &stat)?,
            }
        }
        self.take_one(folder, &fstat(folder)?)
    }

    fn take_one(&self, file: &OwnedFd, stat: &Stat) -> io::Result<()> {
        let is_ours = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => true,
            // With another name it may be a file of the system.
            FileType::RegularFile => stat.st_nlink == 1,
            _ => false,
        };
        if !is_ours || stat.st_uid != 0 {
            return Ok(());
        }
        fchown(file, Some(self.uid), Some(self.gid))
    }
}

/// Looks at what is there itself, and waits for nobody at the other end of it.
const LOOK: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{chown, lchown, symlink};

    #[test]
    fn what_is_restored_is_its_own_where_the_folder_is() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Owner::other_than_root(dir.path()), None);
        assert_eq!(Owner::other_than_root(&dir.path().join("no/such")), None);
    }

    #[test]
    fn only_what_is_roots_and_named_changes_hands() {
        if !geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        chown(dir.path(), Some(12_345), Some(12_346)).unwrap();
        let data = dir.path().join("not/yet");
        let owner = Owner::other_than_root(&data).unwrap();
        assert_eq!(owner.made, [data.clone(), dir.path().join("not")]);
        let around = Owner::other_than_root(&dir.path().join("new/../../x")).unwrap();
        assert_eq!(around.made, [dir.path().join("new/../../x"), dir.path().join("new")]);
        std::fs::create_dir_all(data.join("slates")).unwrap();
        std::fs::create_dir(data.join("segments")).unwrap();
        let outside = dir.path().join("outside");
        let others = [&data.join("segments/film"), &data.join("film"), &outside];
        for file in [&data.join("slates/off_air"), &data.join("slates/other")].iter().chain(&others)
        {
            std::fs::write(file, "").unwrap();
        }
        symlink(&outside, data.join("slates/link")).unwrap();
        std::fs::hard_link(&outside, data.join("slates/second")).unwrap();
        lchown(data.join("slates/other"), Some(54_321), Some(54_321)).unwrap();
        let named = |names: &[&str]| names.iter().map(|name| data.join(name)).collect::<Vec<_>>();
        owner.take(&named(&["segments", "no such"]), &named(&["slates", "nor such"])).unwrap();
        let whose = |path: &Path| {
            let found = std::fs::symlink_metadata(path).unwrap();
            (found.uid(), found.gid())
        };
        for taken in ["..", "", "segments", "slates", "slates/off_air"] {
            assert_eq!(whose(&data.join(taken)), (12_345, 12_346), "{taken}");
        }
        assert_eq!(whose(&data.join("slates/other")), (54_321, 54_321));
        for other in others {
            assert_eq!(whose(other), (0, 0), "{}", other.display());
        }
    }
}
