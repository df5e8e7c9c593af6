//! The comparison of what a walk found with what is known: what is to be done.
//!
//! Owns the decision which files are read at all. Pure: no file and no database.
//! Invariant: a file whose path, size and time of change are known is not
//! opened, and nothing is taken for gone that the walk could not have seen.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use aerial_model::id::{FolderId, MediaId};

use super::identity::Stamp;
use super::walk::Walked;
use crate::db::{About, KnownFile, MediaState};

/// A file that must be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToRead {
    /// The folder it is in.
    pub folder: FolderId,
    /// Where it is.
    pub path: PathBuf,
    /// What the walk saw of it.
    pub stamp: Stamp,
    /// What its names say.
    pub about: About,
    /// No media is known at this path: it may be one that moved.
    pub is_new: bool,
}

/// What is to be done about one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Files to read: new or changed ones, and those that could not be asked before.
    pub to_read: Vec<ToRead>,
    /// How many are as they were.
    pub unchanged: usize,
    /// Known ones that were missing and are there again, as they were.
    pub returned: Vec<MediaId>,
    /// Known ones that are gone now.
    pub vanished: Vec<Vanished>,
    /// What reads differently now, though the file is the same.
    pub redescribed: HashMap<MediaId, About>,
}

/// A known file that is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vanished {
    /// The media.
    pub id: MediaId,
    /// How many bytes it had; a new file of the same bytes is this one, moved.
    pub size: u64,
}

/// What is known and asked for.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The folder.
    pub folder: FolderId,
    /// Its files as the catalogue has them.
    pub files: &'a [KnownFile],
    /// What the last scan said they are.
    pub abouts: &'a HashMap<MediaId, About>,
    /// Folders of the library inside this one: they are scanned by themselves.
    pub inner: &'a [PathBuf],
    /// Files that are being written: left alone until they are whole.
    pub growing: &'a BTreeSet<PathBuf>,
    /// Read those again that could not be played.
    pub retry: bool,
}

/// Compares.
pub fn compare(walked: &Walked, abouts: Vec<About>, known: Known<'_>) -> Plan {
    let mut plan = Plan::default();
    let elsewhere = |path: &Path| known.inner.iter().any(|inner| path.starts_with(inner));
    let by_path: HashMap<&Path, &KnownFile> =
        known.files.iter().map(|file| (file.path.as_path(), file)).collect();
    let mut seen: HashSet<&Path> = HashSet::new();
    for (video, about) in walked.videos.iter().zip(abouts) {
        if elsewhere(&video.path) {
            continue;
        }
        seen.insert(&video.path);
        if known.growing.contains(&video.path) {
            continue;
        }
        let file = by_path.get(video.path.as_path());
        match file {
            Some(file) if is_same(file, video.stamp, known.retry) => {
                if matches!(file.state, MediaState::Missing { .. }) {
                    plan.returned.push(file.id);
                } else {
                    plan.unchanged += 1;
                }
                if known.abouts.get(&file.id) != Some(&about) {
                    plan.redescribed.insert(file.id, about);
                }
            }
            _ => plan.to_read.push(ToRead {
                folder: known.folder,
                path: video.path.clone(),
                stamp: video.stamp,
                about,
                is_new: file.is_none(),
            }),
        }
    }
    plan.vanished = known
        .files
        .iter()
        .filter(|file| !matches!(file.state, MediaState::Missing { .. }))
        .filter(|file| !seen.contains(file.path.as_path()))
        .filter(|file| walked.has_seen(&file.path) && !elsewhere(&file.path))
        .map(|file| Vanished { id: file.id, size: file.identity.size_bytes })
        .collect();
    plan
}

/// Whether the file is as it was read; one that could not be asked has no hash.
fn is_same(file: &KnownFile, stamp_now: Stamp, retry: bool) -> bool {
    let again = retry && matches!(file.state, MediaState::Unplayable { .. });
    stamp(file) == stamp_now && file.identity.hash.is_some() && !again
}

fn stamp(file: &KnownFile) -> Stamp {
    Stamp { size: file.identity.size_bytes, mtime_ns: file.identity.mtime_ns }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::Identity;
    use crate::library::walk::{FoundFile, Note, NoteReason};
    use aerial_model::time::AirTime;
    use uuid::Uuid;

    const FOLDER: FolderId = FolderId(Uuid::nil());

    fn file(n: u128, path: &str, size: u64, state: MediaState) -> KnownFile {
        let identity = Identity { size_bytes: size, mtime_ns: 1, hash: Some([0; 32]) };
        KnownFile { id: MediaId(Uuid::from_u128(n)), path: path.into(), identity, state }
    }

    fn walked(files: &[(&str, u64)]) -> Walked {
        let videos = files
            .iter()
            .map(|(path, size)| FoundFile {
                path: path.into(),
                stamp: Stamp { size: *size, mtime_ns: 1 },
            })
            .collect();
        Walked { videos, ..Walked::default() }
    }

    fn plan<'a>(
        walked: &Walked,
        files: &'a [KnownFile],
        change: impl FnOnce(&mut Known<'a>),
    ) -> Plan {
        let abouts = files.iter().map(|file| (file.id, About::default())).collect();
        let mut known = Known {
            folder: FOLDER,
            files,
            abouts: Box::leak(Box::new(abouts)),
            inner: &[],
            growing: Box::leak(Box::default()),
            retry: false,
        };
        change(&mut known);
        compare(walked, vec![About::default(); walked.videos.len()], known)
    }

    fn paths(plan: &Plan) -> Vec<(&str, bool)> {
        plan.to_read.iter().map(|one| (one.path.to_str().unwrap(), one.is_new)).collect()
    }

    const MISSING: MediaState = MediaState::Missing { since: AirTime::EPOCH };

    #[test]
    fn only_what_is_new_or_changed_is_read() {
        let known = [file(1, "/m/a", 1, MediaState::Ok), file(2, "/m/b", 1, MediaState::Ok)];
        let plan = plan(&walked(&[("/m/a", 1), ("/m/b", 2), ("/m/c", 1)]), &known, |_| {});
        assert_eq!(paths(&plan), [("/m/b", false), ("/m/c", true)]);
        assert_eq!((plan.unchanged, plan.vanished.len(), plan.redescribed.len()), (1, 0, 0));
    }

    #[test]
    fn what_vanished_is_told_once_and_comes_back_unread() {
        let known = [file(1, "/m/a", 1, MediaState::Ok), file(2, "/m/b", 1, MISSING)];
        assert_eq!(plan(&walked(&[("/m/b", 1)]), &known, |_| {}).vanished.len(), 1);
        let back = plan(&walked(&[("/m/a", 1), ("/m/b", 1)]), &known, |_| {});
        assert_eq!(back.returned, [known[1].id]);
        assert!(back.to_read.is_empty() && back.vanished.is_empty());
        assert!(plan(&walked(&[("/m/a", 1)]), &known, |_| {}).vanished.is_empty());
    }

    #[test]
    fn what_the_walk_could_not_see_is_not_gone() {
        let known =
            [file(1, "/m/shut/a", 1, MediaState::Ok), file(2, "/m/open/b", 1, MediaState::Ok)];
        let mut walked = walked(&[]);
        let reason = NoteReason::Unreadable("denied".into());
        walked.notes.push(Note { path: "/m/shut".into(), reason });
        let ids: Vec<_> = plan(&walked, &known, |_| {}).vanished.iter().map(|v| v.id).collect();
        assert_eq!(ids, [known[1].id]);
    }

    #[test]
    fn a_folder_inside_a_folder_is_left_to_itself() {
        let known = [file(1, "/m/inner/a", 1, MediaState::Ok)];
        let inner = [PathBuf::from("/m/inner")];
        let plan = plan(&walked(&[("/m/inner/b", 1)]), &known, |known| known.inner = &inner);
        assert_eq!(plan, Plan::default());
    }

    #[test]
    fn what_is_being_written_is_left_alone() {
        let known = [file(1, "/m/a", 1, MediaState::Ok)];
        let growing = ["/m/a".into(), "/m/b".into()].into();
        let plan =
            plan(&walked(&[("/m/a", 2), ("/m/b", 1)]), &known, |known| known.growing = &growing);
        assert_eq!(plan, Plan::default());
    }

    #[test]
    fn unplayable_files_are_read_again_when_asked_or_never_answered() {
        let broken = MediaState::Unplayable { reason: "x".into(), since: AirTime::EPOCH };
        let mut known = [file(1, "/m/a", 1, broken.clone()), file(2, "/m/b", 1, broken)];
        known[1].identity.hash = None;
        let found = walked(&[("/m/a", 1), ("/m/b", 1)]);
        assert_eq!(paths(&plan(&found, &known, |_| {})), [("/m/b", false)]);
        assert_eq!(plan(&found, &known, |known| known.retry = true).to_read.len(), 2);
    }

    #[test]
    fn a_new_description_is_written_without_reading_the_file() {
        let known = [file(1, "/m/a", 1, MediaState::Ok)];
        let plan = plan(&walked(&[("/m/a", 1)]), &known, |known| {
            known.abouts = Box::leak(Box::default());
        });
        assert_eq!((plan.unchanged, plan.redescribed.len(), plan.to_read.len()), (1, 1, 0));
    }
}
