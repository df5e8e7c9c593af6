//! HTTP: the routes, as a table of contents.
//!
//! Owns which path goes where, and the state that handlers share. Each module
//! is one noun of the API; `shell` is around all of them, `problem` is how any
//! of them fails. Handlers hold no logic of their own: the schedule, the
//! library and the Stream Manager decide.
//!
//! Invariant: every route under `/api/v1` is in the OpenAPI document, since both
//! are made from the same list.

pub mod apps;
pub mod as_run;
pub mod assets;
pub mod channels;
pub mod contents;
pub mod edits;
pub mod events;
pub mod extract;
pub mod folders;
pub mod guide;
pub mod lineups;
mod logos;
pub mod media;
pub mod openapi;
pub mod page;
pub mod preview;
pub mod problem;
pub mod scan;
mod scheduled;
mod sessions;
mod shell;
pub mod stream;
pub mod streams;
pub mod system;
pub mod thumbnail;
pub mod treatment;
pub mod wire;

use axum::Router;
use axum::extract::FromRef;
use axum::routing::{any, get};
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::clock::Clock;
use crate::db::Db;
use crate::discovery::Device;
use crate::ffmpeg::Spawner;
use crate::library::{Library, Logos, Thumbnails, Watcher};
use crate::schedule::Schedule;

use apps::origin::PublicUrl;
use events::Events;
use streams::Streams;
use system::Host;

/// What handlers share. Cheap to clone.
#[derive(Clone, FromRef)]
pub struct AppState {
    /// Channels, lineups, and what is on when.
    pub schedule: Schedule,
    /// The catalogue.
    pub db: Db,
    /// Scans.
    pub library: Library,
    /// Which folders are watched.
    pub watcher: Watcher,
    /// The sessions.
    pub streams: Streams,
    /// What changes, for whoever listens.
    pub events: Events,
    /// Pictures of media.
    pub thumbnails: Thumbnails,
    /// Logos of channels.
    pub logos: Logos,
    /// The address that is set for clients.
    pub public_url: PublicUrl,
    /// Processes.
    pub spawner: Spawner,
    /// The time.
    pub clock: Clock,
    /// What was found out about this server.
    pub host: Host,
    /// What the server is to TV apps.
    pub device: Device,
    /// Cancelled when the server begins to stop.
    pub ending: CancellationToken,
}

/// All that this server answers, but for the streams.
pub fn router(state: AppState) -> Router {
    let (api, document) = api().split_for_parts();
    let everywhere = api
        .merge(openapi::routes(&openapi::completed(&document)))
        .route("/api", any(shell::nowhere))
        .route("/api/{*path}", any(shell::nowhere));
    let apps = shell::around_api(apps::router()).with_state(state.clone());
    let api = shell::around_api(everywhere).fallback(shell::nowhere).with_state(state);
    shell::around_all(api.merge(apps).merge(assets::router()))
}

/// The part of the API that needs nothing but the catalogue, for when no server
/// runs: the channels, their lineups, folders, and finding media.
pub fn catalogue(schedule: Schedule, db: Db) -> Router {
    #[derive(Clone, FromRef)]
    struct Catalogue {
        schedule: Schedule,
        db: Db,
    }
    let routes = Router::new()
        .route("/api/v1/channels", get(channels::list).post(channels::create))
        .route("/api/v1/channels/{channel}", get(channels::get).patch(channels::edit))
        .route("/api/v1/channels/{channel}/lineup", get(lineups::get).put(lineups::put))
        .route("/api/v1/folders", get(folders::list))
        .route("/api/v1/media", get(media::list));
    shell::around_api(routes).with_state(Catalogue { schedule, db })
}

/// The document that describes the API.
pub fn document() -> serde_json::Value {
    openapi::completed(&api().into_openapi())
}

fn api() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .routes(routes!(system::healthz))
        .routes(routes!(system::readyz))
        .nest("/api/v1", v1())
}

#[rustfmt::skip]
fn v1() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(channels::list, channels::create))
        .routes(routes!(channels::get, channels::edit, channels::delete))
        .routes(routes!(as_run::of_channel))
        .routes(routes!(as_run::of_all))
        .routes(routes!(channels::now))
        .routes(routes!(channels::skip))
        .routes(routes!(logos::put))
        .routes(routes!(preview::preview))
        .routes(routes!(lineups::get, lineups::put))
        .routes(routes!(lineups::add))
        .routes(routes!(lineups::delete))
        .routes(routes!(lineups::arrange))
        .routes(routes!(guide::guide))
        .routes(routes!(media::list))
        .routes(routes!(media::get, media::edit, media::delete))
        .routes(routes!(media::retry))
        .routes(routes!(thumbnail::get))
        .routes(routes!(media::shows))
        .routes(routes!(folders::list, folders::add))
        .routes(routes!(folders::delete))
        .routes(routes!(scan::get, scan::start, scan::cancel))
        .routes(routes!(streams::list))
        .routes(routes!(streams::get, streams::start, streams::stop))
        .routes(routes!(streams::history))
        .routes(routes!(streams::register))
        .routes(routes!(streams::unregister))
        .routes(routes!(system::get))
        .routes(routes!(system::test_encoders))
        .routes(routes!(events::events))
}
