//! How far a scan is, for people: numbers, the current file, notes.
//!
//! Owns what is shown and what survives a restart (the job's `detail`).
//! Invariant: bounded, however large the library and however broken its files.

use std::path::Path;
use std::sync::Arc;

use aerial_model::id::FolderId;
use aerial_model::time::AirTime;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Notes kept to show; the rest is counted.
const MAX_NOTES: usize = 200;

/// Where a scan is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScanState {
    /// There was none yet.
    #[default]
    Idle,
    /// Asked for, not begun.
    Waiting,
    /// Looking which files there are.
    Walking,
    /// Reading files.
    Probing,
    /// At its end.
    Done,
    /// Ended by somebody.
    Cancelled,
    /// Could not go on.
    Failed,
}

impl ScanState {
    /// At work, or about to be.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Waiting | Self::Walking | Self::Probing)
    }
}

/// A scan's numbers and notes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The job's id; `None` before the first.
    pub job: Option<uuid::Uuid>,
    /// Where it is.
    pub state: ScanState,
    /// The folders to scan; empty stands for all.
    pub folders: Vec<FolderId>,
    /// Also read those again that could not be played.
    pub retry: bool,
    /// When it began.
    pub started_at: AirTime,
    /// When it ended.
    pub finished_at: Option<AirTime>,
    /// Videos found by the walk.
    pub found: u64,
    /// Of these, as they were.
    pub unchanged: u64,
    /// To be read: new or changed.
    pub to_probe: u64,
    /// Of these, read.
    pub probed: u64,
    /// Of these, cannot be played.
    pub failed: u64,
    /// Known ones that are gone.
    pub missing: u64,
    /// Missing ones that are there again.
    pub returned: u64,
    /// Known ones found at another place.
    pub moved: u64,
    /// Still being written; a later scan reads them.
    pub growing: u64,
    /// The file being read.
    pub current: Option<String>,
    /// What people should know: unreadable folders, odd `.nfo` files.
    pub notes: Vec<ScanNote>,
    /// How many there were in all.
    pub notes_total: u64,
    /// Why it failed.
    pub error: Option<String>,
}

/// Something that people should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanNote {
    /// The file or folder.
    pub path: String,
    /// What about it.
    pub says: String,
}

/// Tells everybody how far the scan is.
#[derive(Clone, Debug)]
pub(super) struct Reporter(Arc<watch::Sender<Progress>>);

impl Reporter {
    pub(super) fn new() -> (Self, watch::Receiver<Progress>) {
        let (sender, receiver) = watch::channel(Progress::default());
        (Self(Arc::new(sender)), receiver)
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Progress)) {
        self.0.send_modify(change);
    }

    pub(super) fn now(&self) -> Progress {
        self.0.borrow().clone()
    }

    pub(super) fn note(&self, path: &Path, says: &impl ToString) {
        self.update(|progress| {
            progress.notes_total += 1;
            if progress.notes.len() < MAX_NOTES {
                let path = path.to_string_lossy().into_owned();
                progress.notes.push(ScanNote { path, says: says.to_string() });
            }
        });
    }
}
