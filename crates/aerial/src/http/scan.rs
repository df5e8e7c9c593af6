//! `/scan`: looking through the library's folders, as a job with progress.
//!
//! Owns how the job is told. The job itself is the library's.

use std::collections::BTreeSet;

use aerial_model::id::FolderId;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{Json, optional_json};
use super::problem::{Answer, Kind, Problem};
use super::wire::Instant;
use crate::db::Db;
use crate::library::{self, Library, Progress, ScanRequest, ScanState};

/// How far the scan at work is, or how the last one ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Scan {
    /// The job's id; `null` before the first.
    #[schema(required = true)]
    job: Option<Uuid>,
    /// Where it is.
    state: Stage,
    /// At work, or about to be.
    running: bool,
    /// The folders it looks through; empty: all.
    folders: Vec<Uuid>,
    /// When it began.
    #[schema(required = true)]
    started_at: Option<Instant>,
    /// When it ended, in whatever way.
    #[schema(required = true)]
    finished_at: Option<Instant>,
    /// Videos found.
    found: u64,
    /// Of these, as they were.
    unchanged: u64,
    /// Of these, new or changed: to be read.
    to_probe: u64,
    /// Of these, read.
    probed: u64,
    /// Of these, cannot be played.
    failed: u64,
    /// Known ones that are gone.
    missing: u64,
    /// Missing ones that are there again.
    returned: u64,
    /// Known ones found at another place.
    moved: u64,
    /// Still being written; a later scan reads them.
    growing: u64,
    /// The file being read.
    #[schema(required = true)]
    current: Option<String>,
    /// What people should know, the first 200.
    notes: Vec<Note>,
    /// How many there were in all.
    notes_total: u64,
    /// Why it failed.
    #[schema(required = true)]
    error: Option<String>,
}

/// Something that people should know of a file or folder.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ScanNote)]
pub struct Note {
    /// The file or folder.
    path: String,
    /// What about it.
    says: String,
}

/// Where a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ScanState)]
pub enum Stage {
    /// There was none yet.
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

impl From<ScanState> for Stage {
    fn from(state: ScanState) -> Self {
        match state {
            ScanState::Idle => Self::Idle,
            ScanState::Waiting => Self::Waiting,
            ScanState::Walking => Self::Walking,
            ScanState::Probing => Self::Probing,
            ScanState::Done => Self::Done,
            ScanState::Cancelled => Self::Cancelled,
            ScanState::Failed => Self::Failed,
        }
    }
}

impl From<Progress> for Scan {
    fn from(progress: Progress) -> Self {
        let note = |note: library::ScanNote| Note { path: note.path, says: note.says };
        Self {
            job: progress.job,
            state: progress.state.into(),
            running: progress.state.is_running(),
            folders: progress.folders.iter().map(|id| id.0).collect(),
            started_at: progress.job.map(|_| Instant(progress.started_at)),
            finished_at: progress.finished_at.map(Instant),
            found: progress.found,
            unchanged: progress.unchanged,
            to_probe: progress.to_probe,
            probed: progress.probed,
            failed: progress.failed,
            missing: progress.missing,
            returned: progress.returned,
            moved: progress.moved,
            growing: progress.growing,
            current: progress.current,
            notes: progress.notes.into_iter().map(note).collect(),
            notes_total: progress.notes_total,
            error: progress.error,
        }
    }
}

/// What to scan. Without a body: everything that is new or changed.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewScan {
    /// These folders; empty: all.
    #[serde(default)]
    folders: Vec<Uuid>,
    /// Also read those again that could not be played.
    #[serde(default)]
    retry: bool,
}

/// A scan that was asked for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AskedScan)]
pub struct Asked {
    /// The job's id; the same for all that is asked for while another is at work.
    job: Uuid,
}

/// How far the scan is.
#[utoipa::path(
    get, path = "/scan", operation_id = "get_scan", tag = "library",
    responses((status = 200, body = Scan)),
)]
pub(super) async fn get(State(library): State<Library>) -> Json<Scan> {
    Json(library.progress().into())
}

/// Asks for a scan; while another is at work it waits.
#[utoipa::path(
    post, path = "/scan", operation_id = "start_scan", tag = "library",
    request_body(content = Option<NewScan>, content_type = "application/json"),
    responses((status = 202, body = Asked)),
)]
pub(super) async fn start(
    State(db): State<Db>,
    State(library): State<Library>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<(StatusCode, Json<Asked>)> {
    let new: NewScan = optional_json(&headers, &body)?;
    let mut folders = BTreeSet::new();
    for (index, id) in new.folders.into_iter().enumerate() {
        let id = FolderId(id);
        if db.folder(id).await?.is_none() {
            let message = format!("the library has no folder {id}");
            return Err(Problem::field(format!("folders[{index}]"), message));
        }
        folders.insert(id);
    }
    let request = ScanRequest { folders, retry: new.retry, ..ScanRequest::all() };
    let job = library.scan(request).await?;
    Ok((StatusCode::ACCEPTED, Json(Asked { job: job.0 })))
}

/// Ends the scan at work, and forgets those that wait. What was found stays.
#[utoipa::path(
    delete, path = "/scan", operation_id = "cancel_scan", tag = "library",
    responses((status = 202), (status = 409, description = "None is at work.", body = Problem)),
)]
pub(super) async fn cancel(State(library): State<Library>) -> Answer<StatusCode> {
    match library.cancel().await? {
        true => Ok(StatusCode::ACCEPTED),
        false => Err(Problem::new(Kind::Conflict, "no scan is at work")),
    }
}
