//! `/backups`: files with all that must not be lost.
//!
//! Owns how they are told and sent; `backup` makes and keeps them. Invariant: they hold
//! hashes of secrets, so nothing of them is to be had by who may not manage.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use tokio_util::io::ReaderStream;
use utoipa::ToSchema;

use super::extract::{At, Json, PathParameter, Query};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Kind, Problem};
use super::wire::Instant;
use crate::backup::{BackupError, BackupName, Backups, Kept, Standing, Trouble, Why};

/// How much is read at a time.
const CHUNK: usize = 64 * 1024;

impl PathParameter for BackupName {
    const NAME: &'static str = "backup";
    const WHAT: &'static str = "backup";
}

/// A backup.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Backup)]
pub struct BackupView {
    /// Its name.
    #[schema(example = "aerial-20261128T153000Z.tar.gz")]
    name: String,
    /// When it was made.
    made_at: Instant,
    /// On whose account.
    why: WhyView,
    /// Its size.
    size_bytes: u64,
    /// The version that made it; `null`: it cannot be read.
    #[schema(required = true)]
    version: Option<String>,
    /// How many channels are in it.
    #[schema(required = true)]
    channels: Option<u64>,
    /// How many media the catalogue in it knows.
    #[schema(required = true)]
    media: Option<u64>,
}

/// On whose account a backup was made.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = BackupWhy)]
#[serde(rename_all = "snake_case")]
pub enum WhyView {
    /// It was time for one; it goes when there are enough newer ones.
    Schedule,
    /// A newer Aerial was about to change the catalogue's schema; the last three stay.
    Upgrade,
    /// Somebody asked for it; it stays until it is deleted.
    ByHand,
}

impl From<Kept> for BackupView {
    fn from(Kept { name, size_bytes, manifest }: Kept) -> Self {
        let counted = manifest.as_ref().map(|manifest| (manifest.channels, manifest.media));
        Self {
            name: name.to_string(),
            made_at: name.at.into(),
            why: match name.why {
                Why::Schedule => WhyView::Schedule,
                Why::Upgrade => WhyView::Upgrade,
                Why::ByHand => WhyView::ByHand,
            },
            size_bytes,
            version: manifest.map(|manifest| manifest.version),
            channels: counted.map(|(channels, _)| channels),
            media: counted.map(|(_, media)| media),
        }
    }
}

/// How it stands with backups.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BackupStanding)]
pub struct StandingView {
    /// The folder that they are in.
    folder: String,
    /// How often one is made; `null`: none is made by itself.
    #[schema(required = true)]
    every_ms: Option<u64>,
    /// How many of those that are made by themselves stay.
    keep: u16,
    /// When the newest was made.
    #[schema(required = true)]
    last_at: Option<Instant>,
    /// When the next will be made.
    #[schema(required = true)]
    next_at: Option<Instant>,
    /// Why the last was not made; `null`: it was.
    #[schema(required = true)]
    trouble: Option<BackupTrouble>,
}

/// Why the last backup was not made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BackupTrouble {
    /// When it was to be.
    at: Instant,
    /// Why it was not, and what to do.
    reason: String,
}

impl From<Standing> for StandingView {
    fn from(standing: Standing) -> Self {
        let told = |Trouble { at, reason }| BackupTrouble { at: at.into(), reason };
        let millis = |every: std::time::Duration| every.as_millis().try_into().unwrap_or(u64::MAX);
        Self {
            folder: standing.folder.to_string_lossy().into_owned(),
            every_ms: standing.every.map(millis),
            keep: standing.keep,
            last_at: standing.last.map(Into::into),
            next_at: standing.next.map(Into::into),
            trouble: standing.trouble.map(told),
        }
    }
}

/// The backups that are there, newest first.
#[utoipa::path(
    get, path = "/backups", operation_id = "list_backups", tag = "system",
    params(PageQuery),
    responses((status = 200, body = Listing<BackupView>)),
)]
pub(super) async fn list(
    State(backups): State<Backups>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<BackupView>>> {
    let before: Option<BackupName> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let all = backups.list().await?;
    let rest = all.into_iter().filter(|kept| before.is_none_or(|before| kept.name < before));
    let listing = Listing::cut(rest, page.limit, |kept| kept.name.to_string());
    Ok(Json(listing.map(BackupView::from)))
}

/// Makes a backup now, while everything goes on, reads it again, and keeps it until it is
/// deleted.
#[utoipa::path(
    post, path = "/backups", operation_id = "make_backup", tag = "system",
    responses(
        (
            status = 201,
            body = BackupView,
            headers(("Location" = String, description = "Where it is to be had.")),
        ),
        (status = 409, description = "One was made in the same second.", body = Problem),
        (status = 500, description = "None was made: the disk is full, say.", body = Problem),
    ),
)]
pub(super) async fn make(State(backups): State<Backups>) -> Answer<impl IntoResponse> {
    let made = backups.make(Why::ByHand).await?;
    let location = format!("/api/v1/backups/{}", made.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(BackupView::from(made))))
}

/// A backup, to be kept elsewhere. `aerial restore` takes it.
#[utoipa::path(
    get, path = "/backups/{backup}", operation_id = "get_backup", tag = "system",
    params(("backup" = String, Path, description = "Its name.")),
    responses(
        (status = 200, content_type = "application/gzip", body = Vec<u8>),
        (status = 404, description = "There is none of that name.", body = Problem),
    ),
)]
pub(super) async fn get(
    State(backups): State<Backups>,
    At(name): At<BackupName>,
) -> Answer<impl IntoResponse> {
    let none = || Problem::not_found("backup", &name.to_string());
    let file = tokio::fs::File::open(backups.path(name)).await.map_err(|_| none())?;
    let size = file.metadata().await.map_err(|_| none())?.len();
    let headers: [(HeaderName, String); 3] = [
        (header::CONTENT_TYPE, "application/gzip".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(ReaderStream::with_capacity(file, CHUNK))))
}

/// Deletes a backup.
#[utoipa::path(
    delete, path = "/backups/{backup}", operation_id = "delete_backup", tag = "system",
    params(("backup" = String, Path, description = "Its name.")),
    responses(
        (status = 204),
        (status = 404, description = "There is none of that name.", body = Problem),
    ),
)]
pub(super) async fn delete(
    State(backups): State<Backups>,
    At(name): At<BackupName>,
) -> Answer<StatusCode> {
    match backups.delete(name).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found("backup", &name.to_string())),
    }
}

impl From<BackupError> for Problem {
    fn from(error: BackupError) -> Self {
        let kind = match &error {
            BackupError::Exists(_) => Kind::Conflict,
            BackupError::BrokenOff => Kind::Unavailable,
            _ => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
