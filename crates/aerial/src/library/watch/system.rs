//! The system's watches: which folders have one, and why the others have none.
//!
//! Owns asking the system. What is done about a folder without
//! a watch is the task's. Invariant: a folder has a watch on all of its tree that may be
//! read (`tree`), or none and a reason.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use aerial_model::id::FolderId;
use notify_debouncer_full::notify::RecommendedWatcher;
use notify_debouncer_full::{Debouncer, RecommendedCache};
use serde::Serialize;

use super::file_system::is_fuse;
use super::tree::{Reach, begin, end};
use crate::db::Folder;

/// How changes in a folder are noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Watched {
    /// The system tells at once.
    AtOnce,
    /// It is scanned now and then.
    NowAndThen {
        /// Why it cannot be watched, for people.
        reason: String,
    },
}

impl Watched {
    /// Says how often it is scanned, too.
    pub(super) fn now_and_then(reason: &str, every: Duration) -> Self {
        let reason = format!("{reason}; it is scanned every {} s", every.as_secs());
        Self::NowAndThen { reason }
    }
}

pub(super) type System = Debouncer<RecommendedWatcher, RecommendedCache>;

/// A folder and what stood there when it was watched.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    /// Device and inode: another disk mounted there is not watched by the old watch.
    pub(super) root: Option<(u64, u64)>,
    pub(super) watched: Watched,
    /// Watched, and yet scanned now and then: FUSE may be a local disk (NTFS) or
    /// another machine's (sshfs), and does not say which; what is barred to us in it may
    /// be opened.
    pub(super) doubtful: bool,
    /// How far the watch goes, where there is one.
    reach: Reach,
}

impl Place {
    fn new(
        path: PathBuf,
        root: Option<(u64, u64)>,
        begun: Result<Reach, String>,
        rescan_every: Duration,
    ) -> Self {
        let (watched, reach) = match begun {
            Ok(reach) => (Watched::AtOnce, reach),
            Err(reason) => (Watched::now_and_then(&reason, rescan_every), Reach::Whole),
        };
        let doubtful = is_fuse(&path) || reach == Reach::Part;
        Self { path, root, watched, doubtful, reach }
    }
}

/// Watches what is new, lets go of what is gone, tries again what failed; blocks.
pub(super) fn rewatch(
    mut system: Result<System, String>,
    mut old: HashMap<FolderId, Place>,
    folders: Vec<Folder>,
    rescan_every: Duration,
) -> (Result<System, String>, HashMap<FolderId, Place>) {
    let mut places = HashMap::new();
    for Folder { id, path, .. } in folders {
        let root = std::fs::metadata(&path).ok().map(|m| (m.dev(), m.ino()));
        let known = old.remove(&id);
        let same = |place: &Place| {
            place.path == path && place.root == root && place.watched == Watched::AtOnce
        };
        let known = known.filter(same);
        if let Some(place) = known.as_ref().filter(|place| place.reach == Reach::Whole) {
            places.insert(id, place.clone());
            continue;
        }
        let begun = match &mut system {
            Ok(system) => {
                // The watch of a part goes on while it is tried to have the rest.
                if known.is_none() {
                    end(system, &path);
                }
                begin(system, &path)
            }
            Err(reason) => Err(reason.clone()),
        };
        places.insert(id, Place::new(path, root, begun, rescan_every));
    }
    if let Ok(system) = &mut system {
        for gone in old.into_values() {
            end(system, &gone.path);
            // The watch of a folder around it has lost this part of its tree.
            for place in places.values_mut().filter(|place| {
                place.watched == Watched::AtOnce && gone.path.starts_with(&place.path)
            }) {
                end(system, &place.path);
                let begun = begin(system, &place.path);
                *place = Place::new(place.path.clone(), place.root, begun, rescan_every);
            }
        }
    }
    (system, places)
}
