//! The folders: those of the library, and the disk that the data is on.
//!
//! Owns what is asked of them. Reads no file. Invariant: nothing is written to them.

use std::io;
use std::path::PathBuf;

use futures::future::join_all;
use rustix::fs::{Access, access, statvfs};

use super::report::{Report, Severity};
use crate::config::{ByteSize, Settings};
use crate::library::Place;

/// Up to how many entries of a folder are counted.
const COUNTED: usize = 10_000;

/// `set` are the settings' folders, `known` those of the catalogue: one of these that is
/// away keeps nobody from serving the others, one that is new is refused.
pub(super) async fn examine_folders(set: &[PathBuf], known: &[PathBuf], report: &mut Report) {
    let (set, known) = tokio::join!(look(set), look(known));
    let is_known = |(folder, place): &(&PathBuf, Place)| {
        known.iter().any(|(known, _)| *known == *folder || **known == place.path)
    };
    let new: Vec<_> = set.into_iter().filter(|one| !is_known(one)).collect();
    let new = new.into_iter().map(|one| (one, Severity::Fault));
    let all: Vec<_> = new.chain(known.into_iter().map(|one| (one, Severity::Note))).collect();
    if all.is_empty() {
        let text = "no folder of media in the settings or the library: give one with --media DIR, \
                    or add it in the app";
        report.add(Severity::Note, text);
    }
    for ((folder, place), severity) in all {
        let shown = folder.display();
        match place.entries {
            Ok(count) => {
                report.add(Severity::Fine, format!("{shown} can be read ({count} entries)"));
            }
            Err(error) => {
                let advice = match error.kind() {
                    io::ErrorKind::NotFound => "is the path right, and the drive there?",
                    io::ErrorKind::PermissionDenied => "let the server's user read it",
                    io::ErrorKind::NotADirectory => "name the folder, not the file",
                    io::ErrorKind::TimedOut => "is the server of the drive there?",
                    _ => "is the drive all right?",
                };
                let text = format!("{shown} cannot be read ({error}): {advice}");
                report.add(severity, text);
            }
        }
    }
}

async fn look(folders: &[PathBuf]) -> Vec<(&PathBuf, Place)> {
    let places = join_all(folders.iter().map(|folder| Place::look(folder, COUNTED))).await;
    folders.iter().zip(places).collect()
}

pub(super) fn examine_disk(settings: &Settings, report: &mut Report) {
    let data = &settings.server.data;
    let absolute = std::path::absolute(data).unwrap_or_else(|_| data.clone());
    // The data folder itself is made at the first start.
    let Some(existing) = absolute.ancestors().find(|folder| folder.exists()) else { return };
    if !existing.is_dir() || access(existing, Access::WRITE_OK | Access::EXEC_OK).is_err() {
        let text = format!(
            "cannot write to {}: let the server's user do so, or choose another with --data",
            existing.display()
        );
        return report.add(Severity::Fault, text);
    }
    let Ok(disk) = statvfs(existing) else { return };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let (limit, floor) = (settings.store.limit, settings.store.free);
    let shown = rounded(free);
    if free < floor.0 {
        let text = format!(
            "{shown} free for {}, below the {floor} that is to be left free: make room, or \
             lower store.free (AERIAL_STORE_FREE)",
            data.display()
        );
        report.add(Severity::Note, text);
    } else if free < limit.0.saturating_add(floor.0) {
        let text = format!("{shown} free for {}, so less than {limit} is kept", data.display());
        report.add(Severity::Note, text);
    } else {
        let text = format!("{shown} free for {} (uses up to {limit})", data.display());
        report.add(Severity::Fine, text);
    }
}

/// In whole GiB or MiB.
fn rounded(bytes: u64) -> ByteSize {
    let unit = if bytes >= 10 << 30 { 1 << 30 } else { 1 << 20 };
    ByteSize(bytes / unit * unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    async fn folders(folders: &[&Path]) -> Report {
        let mut report = Report::default();
        let folders: Vec<_> = folders.iter().map(|folder| (*folder).to_owned()).collect();
        examine_folders(&folders, &[], &mut report).await;
        report
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_a_fault_and_one_that_is_empty_is_not() {
        let folder = tempfile::tempdir().unwrap();
        assert!(folders(&[folder.path()]).await.can_serve());
        let report = folders(&[folder.path(), Path::new("/no/such/folder")]).await;
        assert!(!report.can_serve());
        assert!(report.to_string().contains("is the path right"), "{report}");
        let file = folder.path().join("film.mkv");
        std::fs::write(&file, "").unwrap();
        let report = folders(&[&file]).await;
        assert!(report.to_string().contains("name the folder, not the file"), "{report}");
    }

    #[tokio::test]
    async fn a_folder_behind_a_link_is_known_also_while_it_is_away() {
        let house = tempfile::tempdir().unwrap();
        let link = house.path().join("films");
        std::os::unix::fs::symlink("nas/films", &link).unwrap();
        let known = house.path().canonicalize().unwrap().join("nas/films");
        let mut report = Report::default();
        examine_folders(&[link], &[known], &mut report).await;
        let severities: Vec<Severity> = report.0.iter().map(|one| one.severity).collect();
        assert_eq!(severities, [Severity::Note], "{report}");
    }

    #[tokio::test]
    async fn without_a_folder_there_is_a_note() {
        let report = folders(&[]).await;
        assert_eq!(report.0[0].severity, Severity::Note);
        assert!(report.can_serve());
    }

    #[test]
    fn a_small_disk_is_a_note_and_an_impossible_data_folder_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = Settings::default();
        settings.server.data = folder.path().join("not/yet/there");
        settings.store.free = ByteSize(u64::MAX >> 1);
        let mut report = Report::default();
        examine_disk(&settings, &mut report);
        assert_eq!(report.0[0].severity, Severity::Note, "{report}");
        settings.server.data = "/dev/null/data".into();
        let mut report = Report::default();
        examine_disk(&settings, &mut report);
        assert!(!report.can_serve(), "{report}");
    }
}
