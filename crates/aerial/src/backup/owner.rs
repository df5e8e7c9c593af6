//! To whom belongs what root restores: to whom the data folder belongs.
//!
//! Owns finding out who that is, and giving it to him. Invariant: only what is root's in
//! the folder changes hands; no link is followed out of it, and no other disk entered.

use std::fs::metadata;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat};
use rustix::process::geteuid;

use super::{BackupError, Result};

/// Who a data folder belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    /// Who is to have what is restored, if it is root who restores and somebody else whose
    /// the folder is, or, where there is none yet, the folder that it will be in.
    pub(super) fn other_than_root(data: &Path) -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        let absolute = std::path::absolute(data).ok()?;
        let found = absolute.ancestors().find_map(|folder| metadata(folder).ok())?;
        let owner = Self { uid: found.uid(), gid: found.gid() };
        (owner.uid != 0).then_some(owner)
    }

    /// Gives him what is root's of a folder.
    pub(super) fn take(self, data: &Path) -> Result<()> {
        let all = || -> io::Result<()> {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let folder = openat(CWD, data, flags, Mode::empty())?;
            let disk = fstat(&folder)?.st_dev;
            self.take_folder(&folder, |stat| stat.st_dev == disk)
        };
        let failed =
            |source| BackupError::NotGiven { path: data.to_owned(), uid: self.uid, source };
        all().map_err(failed)
    }

    fn take_folder(
        self,
        folder: &OwnedFd,
        is_here: impl Fn(&rustix::fs::Stat) -> bool + Copy,
    ) -> io::Result<()> {
        for entry in Dir::read_from(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            // A link, or gone meanwhile; nothing else is closed to root.
            let Ok(file) = openat(folder, name, flags, Mode::empty()) else { continue };
            let stat = fstat(&file)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory if is_here(&stat) => self.take_folder(&file, is_here)?,
                // With another name it may be a file of the system.
                FileType::RegularFile if stat.st_nlink == 1 => self.take_one(&file)?,
                _ => {}
            }
        }
        self.take_one(folder)
    }

    fn take_one(self, file: &OwnedFd) -> io::Result<()> {
        if fstat(file)?.st_uid != 0 {
            return Ok(());
        }
        fchown(file, Some(self.uid), Some(self.gid))
    }
}

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
    fn only_what_is_roots_changes_hands_and_only_in_the_folder() {
        if !geteuid().is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir_all(data.join("slates")).unwrap();
        let outside = dir.path().join("outside");
        for file in [&data.join("slates/off_air"), &data.join("other"), &outside] {
            std::fs::write(file, "").unwrap();
        }
        symlink(&outside, data.join("link")).unwrap();
        std::fs::hard_link(&outside, data.join("second")).unwrap();
        chown(&data, Some(12_345), Some(12_346)).unwrap();
        lchown(data.join("other"), Some(54_321), Some(54_321)).unwrap();
        let owner = Owner::other_than_root(&data.join("not/yet")).unwrap();
        assert_eq!(owner, Owner { uid: 12_345, gid: 12_346 });
        owner.take(&data).unwrap();
        let whose = |path: &Path| {
            let found = std::fs::symlink_metadata(path).unwrap();
            (found.uid(), found.gid())
        };
        for taken in ["", "slates", "slates/off_air"] {
            assert_eq!(whose(&data.join(taken)), (12_345, 12_346), "{taken}");
        }
        assert_eq!(whose(&data.join("other")), (54_321, 54_321));
        assert_eq!(whose(&outside), (0, 0));
    }
}
