//! Files that may be growing, until they have settled.
//!
//! Owns which those are and what they were at the last look. Reads no file. Invariant:
//! a file settles when it was the same in two looks, and not before.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use aerial_model::id::FolderId;

use crate::library::identity::Stamp;

/// What a look saw; `None`: the file was not there.
pub(super) type Seen = Option<Stamp>;

/// Files that may be growing: their folder, and what they were at the last look.
#[derive(Debug, Default)]
pub(super) struct Settling(HashMap<PathBuf, (FolderId, Option<Seen>)>);

impl Settling {
    /// Something happened to this file: it must be the same in two looks from now.
    pub(super) fn add(&mut self, path: PathBuf, folder: FolderId) {
        self.0.insert(path, (folder, None));
    }

    /// Takes one look at each; answers with the folders of those that have settled.
    pub(super) fn look(&mut self, looks: Vec<(PathBuf, Seen)>) -> BTreeSet<FolderId> {
        let mut settled = BTreeSet::new();
        for (path, seen) in looks {
            let Some((id, last)) = self.0.get_mut(&path) else { continue };
            if *last == Some(seen) {
                settled.insert(*id);
                self.0.remove(&path);
            } else {
                *last = Some(seen);
            }
        }
        settled
    }

    /// Files of folders that are no more settle never.
    pub(super) fn keep(&mut self, known: impl Fn(FolderId) -> bool) {
        self.0.retain(|_, (folder, _)| known(*folder));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The files that have not settled yet.
    pub(super) fn paths<T: FromIterator<PathBuf>>(&self) -> T {
        self.0.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const FOLDER: FolderId = FolderId(Uuid::nil());

    #[test]
    fn a_file_is_offered_when_it_was_the_same_in_two_looks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("big.mkv");
        let mut settling = Settling::default();
        settling.add(path.clone(), FOLDER);
        let mut look = |content: &str| {
            std::fs::write(&path, content).unwrap();
            let stamp = Stamp { mtime_ns: 0, ..Stamp::read(&path).unwrap() };
            !settling.look(vec![(path.clone(), Some(stamp))]).is_empty()
        };
        assert_eq!(
            ["1", "12", "123", "123", "123"].map(&mut look),
            [false, false, false, true, false]
        );
        assert!(settling.0.is_empty());
    }

    #[test]
    fn a_removed_file_settles_too_and_an_event_begins_anew() {
        let path = PathBuf::from("/gone");
        let mut settling = Settling::default();
        settling.add(path.clone(), FOLDER);
        assert!(settling.look(vec![(path.clone(), None)]).is_empty());
        settling.add(path.clone(), FOLDER);
        assert!(settling.look(vec![(path.clone(), None)]).is_empty());
        assert_eq!(settling.look(vec![(path, None)]), [FOLDER].into());
    }
}
