//! `/healthz` and `/readyz`: what a supervisor asks.
//!
//! Owns the answers. Whether the server can serve is found out by `readiness`.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::extract::Json;
use super::problem::{Answer, Kind, Problem};
use super::readiness::Readiness;

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
pub(super) async fn readyz(State(readiness): State<Readiness>) -> Answer<Json<Health>> {
    let found = readiness.hindrances().await;
    match found.is_empty() {
        true => Ok(Json(Health { status: "ready" })),
        false => {
            let reasons: Vec<String> = found.into_iter().map(|(_, why)| why).collect();
            Err(Problem::new(Kind::Unavailable, reasons.join("; ")))
        }
    }
}
