//! `/metrics`: the server's figures for Prometheus, and the counting of requests.
//!
//! Owns the gathering; names and writing are the business of `metrics`. Invariants: a
//! request is counted under its route's template, never under its path; to be asked
//! costs a few small queries, and holds nothing up.

use std::collections::{HashMap, HashSet};

use aerial_model::id::ChannelId;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use rustix::process::{Resource, getrlimit};
use tokio::runtime::Handle;

use super::AppState;
use super::assets::OfTheApp;
use super::guard::is_safe;
use super::readiness::Reason;
use super::streams::SessionFacts;
use super::system::{HostFacts, disk};
use crate::clock::monotonic;
use crate::db::Db;
use crate::load::Procfs;
use crate::metrics::{ChannelFigures, Facts, Method, Metrics, Readiness, Work};

/// What the app's page and its files are counted under.
const APP: &str = "app";
/// What is counted under no route.
const NONE: &str = "none";

/// Counts a request when its answer begins.
pub(super) async fn counted(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = match is_safe(request.method()) {
        true => Method::Read,
        false => Method::Change,
    };
    let asked = monotonic();
    let response = next.run(request).await;
    let route = match (response.extensions().get::<OfTheApp>(), &route) {
        (Some(OfTheApp), _) => APP,
        (None, Some(route)) => route.as_str(),
        (None, None) => NONE,
    };
    metrics.answered(route, method, response.status().as_u16(), asked.elapsed());
    response
}

/// `/metrics`.
pub(super) async fn get(State(state): State<AppState>) -> Response {
    let facts = gathered(&state).await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], state.metrics.text(&facts)).into_response()
}

async fn gathered(state: &AppState) -> Facts {
    let host = &state.host.0;
    let figures = state.streams.figures();
    let hindrances = state.readiness.hindrances().await;
    let holds = |reason| hindrances.iter().any(|(of, _)| *of == reason);
    let occupancy = host.admission.occupancy();
    let pixels = u32::from(host.frame.0) * u32::from(host.frame.1);
    let of_disk = host.clone();
    // A network disk may take its time, and there may be thousands of open files.
    let of_system = move || (Procfs::default().itself(), disk_of(&of_disk));
    let (process, disk) = tokio::task::spawn_blocking(of_system).await.unwrap_or_default();
    Facts {
        version: env!("CARGO_PKG_VERSION"),
        ffmpeg_version: host.ffmpeg_version.clone(),
        restarts: host.restarts,
        tasks: Handle::current().metrics().num_alive_tasks(),
        readiness: Reason::ALL
            .map(|reason| Readiness { reason: reason.name(), holds: holds(reason) })
            .into(),
        channels: channels(state),
        replays: figures.replays,
        tally: figures.tally,
        processes: state.spawner.living(),
        workers: figures.workers,
        work: Work {
            limit: occupancy.limit.encodes(pixels),
            running: occupancy.running.len(),
            taken_percent: occupancy.taken_percent,
        },
        media: media(&state.db).await,
        put_aside: told(state.db.count_put_aside().await),
        store: Some(host.store.usage()),
        disk,
        listeners: state.events.listeners(),
        process,
        most_descriptors: getrlimit(Resource::Nofile).current,
    }
}

/// All channels, with what became of their segments; those that are no more are
/// forgotten.
fn channels(state: &AppState) -> Vec<ChannelFigures> {
    let (channels, sessions) = (state.schedule.channels(), state.streams.list());
    let tally = state.streams.figures().tally;
    let known: HashSet<ChannelId> = channels.iter().map(|channel| channel.id).collect();
    tally.keep(|id| known.contains(id));
    let sessions: HashMap<ChannelId, SessionFacts> =
        sessions.into_iter().map(|session| (session.channel, session)).collect();
    let figures = channels.iter().map(|channel| {
        let session = sessions.get(&channel.id);
        ChannelFigures {
            number: channel.number.to_string(),
            state: session.map(|session| session.state),
            clients: session.map_or(0, |session| session.clients.len()),
            segments: tally.of_channel(channel.id),
        }
    });
    figures.collect()
}

async fn media(db: &Db) -> Vec<(&'static str, u64)> {
    let Some(counts) = told(db.media_counts().await) else { return Vec::new() };
    [("ok", counts.ok), ("unplayable", counts.unplayable), ("missing", counts.missing)].into()
}

/// Size of the data folder's disk, and what is free of it.
fn disk_of(host: &HostFacts) -> Option<(u64, u64)> {
    disk(host).map(|disk| (disk.total_bytes, disk.free_bytes))
}

/// What the catalogue told; that it told nothing is seen in `aerial_not_ready`.
fn told<T>(answer: Result<T, crate::db::DbError>) -> Option<T> {
    answer.inspect_err(|error| tracing::warn!(%error, "some metrics are not known")).ok()
}
