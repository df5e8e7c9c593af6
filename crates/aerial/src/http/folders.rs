//! `/folders`: where the library is.
//!
//! Owns which paths are taken: absolute, there, readable, and none within
//! another. Invariant: adding or deleting a folder touches no file in it.

use std::path::{Path, PathBuf};

use aerial_model::id::{FolderId, MediaId};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::events::{Change, Events};
use super::extract::{At, Json, Query};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Kind, Problem, carried_through};
use super::wire::Instant;
use crate::clock::Clock;
use crate::db::{self, Db};
use crate::library::{Library, ScanRequest, Watcher};
use crate::schedule::Schedule;

/// Longest path that Linux takes.
const PATH_BYTES: usize = 4_096;

/// A folder of the library.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Folder {
    /// For good.
    id: Uuid,
    /// Where it is, absolute (what is not text in it is replaced by `�`).
    path: String,
    /// When it was added.
    added_at: Instant,
    /// When a scan of it last came to its end.
    #[schema(required = true)]
    scanned_at: Option<Instant>,
    /// Why the last scan could not read it.
    #[schema(required = true)]
    last_error: Option<String>,
}

impl From<&db::Folder> for Folder {
    fn from(folder: &db::Folder) -> Self {
        Self {
            id: folder.id.0,
            path: folder.path.to_string_lossy().into_owned(),
            added_at: folder.added_at.into(),
            scanned_at: folder.scanned_at.map(Instant),
            last_error: folder.last_error.clone(),
        }
    }
}

/// A folder to add.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewFolder {
    /// Where it is, absolute.
    #[schema(example = "/srv/videos")]
    path: String,
}

/// The library's folders, in the order they were added.
#[utoipa::path(
    get, path = "/folders", operation_id = "list_folders", tag = "library",
    params(PageQuery),
    responses((status = 200, body = Listing<Folder>)),
)]
pub(super) async fn list(
    State(db): State<Db>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<Folder>>> {
    let folders = db.folders().await?;
    let after = match page.cursor.as_deref() {
        None => 0,
        Some(cursor) => {
            let last = folders.iter().position(|folder| folder.id.to_string() == cursor);
            last.ok_or_else(|| {
                Problem::field("cursor", "is of another list, or of a folder that is gone")
            })? + 1
        }
    };
    let rest = folders.iter().skip(after).map(Folder::from);
    Ok(Json(Listing::cut(rest, page.limit, |folder| folder.id.to_string())))
}

/// Adds a folder, and scans it.
#[utoipa::path(
    post, path = "/folders", operation_id = "add_folder", tag = "library",
    request_body = NewFolder,
    responses(
        (status = 201, body = Folder, headers(("Location" = String, description = "Its path."))),
        (status = 409, description = "It is in the library already.", body = Problem),
    ),
)]
pub(super) async fn add(
    State(db): State<Db>,
    State(library): State<Library>,
    State(watcher): State<Watcher>,
    State(clock): State<Clock>,
    State(events): State<Events>,
    Json(new): Json<NewFolder>,
) -> Answer<impl IntoResponse> {
    let path = checked(&new.path).await.map_err(|why| Problem::field("path", why))?;
    for known in db.folders().await? {
        let other = &known.path;
        if path != *other && (path.starts_with(other) || other.starts_with(&path)) {
            let (inner, outer) =
                if path.starts_with(other) { (&path, other) } else { (other, &path) };
            let detail = format!(
                "`{}` is within `{}`: a library has no folder within another; \
                 one of the two is enough",
                inner.display(),
                outer.display(),
            );
            return Err(Problem::new(Kind::Conflict, detail).because_of("path"));
        }
    }
    let folder = db.add_folder(&path, clock.now()).await?;
    events.tell(Change::Folder { folder: folder.id.0, deleted: false });
    watcher.refresh();
    library.scan(ScanRequest::folder(folder.id)).await?;
    let place = format!("/api/v1/folders/{}", folder.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(Folder::from(&folder))))
}

/// The path without detours, if it is a folder that can be read.
async fn checked(text: &str) -> Result<PathBuf, String> {
    let path = place(text).await?;
    let unusable = |error: std::io::Error| format!("`{text}` cannot be read: {error}");
    let _entries = tokio::fs::read_dir(&path).await.map_err(unusable)?;
    Ok(path)
}

/// The path without detours, if it is a folder.
pub(super) async fn place(text: &str) -> Result<PathBuf, String> {
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err("must be absolute, such as /srv/videos".to_owned());
    }
    if text.len() > PATH_BYTES || text.contains('\0') {
        return Err(format!("must be a path of at most {PATH_BYTES} bytes"));
    }
    let unusable = |error: std::io::Error| format!("`{text}` cannot be read: {error}");
    let path = tokio::fs::canonicalize(path).await.map_err(unusable)?;
    let data = tokio::fs::metadata(&path).await.map_err(unusable)?;
    if !data.is_dir() {
        return Err(format!("`{text}` is not a folder"));
    }
    Ok(path)
}

/// Takes a folder out of the library, with its media and their places in
/// lineups, which copies in other folders keep. No file is touched.
#[utoipa::path(
    delete, path = "/folders/{folder}", operation_id = "delete_folder", tag = "library",
    params(("folder" = Uuid, Path, description = "Its id.")),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub(super) async fn delete(
    State(db): State<Db>,
    State(schedule): State<Schedule>,
    State(watcher): State<Watcher>,
    State(events): State<Events>,
    At(id): At<FolderId>,
) -> Answer<StatusCode> {
    carried_through(async move {
        let files = db.known_files(id).await?;
        if !db.delete_folder(id).await? {
            return Err(Problem::not_found("folder", &id.to_string()));
        }
        events.tell(Change::Folder { folder: id.0, deleted: true });
        watcher.refresh();
        let media: Vec<MediaId> = files.iter().map(|file| file.id).collect();
        schedule.library_changed(&media).await?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}
