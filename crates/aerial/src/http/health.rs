//! `/healthz` and `/readyz`: what a supervisor asks.
//!
//! Owns the reasons for which the server cannot serve. A disk that takes no segments is
//! none: they are served from memory then. Invariant: each reason says what to do.

use std::time::Duration;

use axum::extract::State;
use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::extract::Json;
use super::problem::{Answer, Kind, Problem};
use super::system::{Host, HostFacts};
use crate::db::Db;

/// How long whoever asks for readiness waits for the catalogue's writer.
const WRITER_WITHIN: Duration = Duration::from_secs(2);

/// Why the server cannot serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It is told to stop.
    Stopping,
    /// The catalogue cannot be read or written.
    Catalogue,
    /// FFmpeg is gone.
    Ffmpeg,
}

impl Reason {
    /// All of them.
    pub(super) const ALL: [Self; 3] = [Self::Stopping, Self::Catalogue, Self::Ffmpeg];

    /// As metrics tell it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Stopping => "stopping",
            Self::Catalogue => "catalogue",
            Self::Ffmpeg => "ffmpeg",
        }
    }
}

/// What keeps the server from serving now, in words; nothing where it can.
pub(super) async fn hindrances(
    db: &Db,
    host: &HostFacts,
    ending: &CancellationToken,
) -> Vec<(Reason, String)> {
    if ending.is_cancelled() {
        // Its parts end: what else is wrong is no matter.
        return vec![(Reason::Stopping, "the server is stopping".to_owned())];
    }
    let mut found = Vec::new();
    if let Err(error) = db.folders().await {
        found.push((Reason::Catalogue, error.to_string()));
    } else if let Ok(Err(error)) = timeout(WRITER_WITHIN, db.writable()).await {
        // One that is busy for long is no fault.
        found.push((Reason::Catalogue, error.to_string()));
    }
    let ffmpeg = &host.ffmpeg_path;
    if !tokio::fs::try_exists(ffmpeg).await.unwrap_or(false) {
        let path = ffmpeg.display();
        let gone = format!("FFmpeg is not at {path} any more: install it again");
        found.push((Reason::Ffmpeg, gone));
    }
    found
}

/// Told to a supervisor.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Health {
    /// `alive` or `ready`.
    status: &'static str,
}

/// The server answers.
#[utoipa::path(
    get, path = "/healthz", operation_id = "healthz", tag = "system",
    responses((status = 200, body = Health)),
)]
pub(super) async fn healthz() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// The server can serve: its catalogue can be written, FFmpeg is there, and it is not stopping.
#[utoipa::path(
    get, path = "/readyz", operation_id = "readyz", tag = "system",
    responses(
        (status = 200, body = Health),
        (status = 503, description = "Not now.", body = Problem),
    ),
)]
pub(super) async fn readyz(
    State(db): State<Db>,
    State(Host(host)): State<Host>,
    State(ending): State<CancellationToken>,
) -> Answer<Json<Health>> {
    let found = hindrances(&db, &host, &ending).await;
    match found.is_empty() {
        true => Ok(Json(Health { status: "ready" })),
        false => {
            let reasons: Vec<String> = found.into_iter().map(|(_, why)| why).collect();
            Err(Problem::new(Kind::Unavailable, reasons.join("; ")))
        }
    }
}
