//! HTTP: the routes, as a table of contents.
//!
//! Owns which path goes where, and the state that handlers share. Each module
//! is one noun of the API; `shell` is around all of them, `problem` is how any
//! of them fails. Handlers hold no logic of their own: the schedule, the
//! library and the Stream Manager decide.
//!
//! Invariants: every route under `/api/v1` is in the OpenAPI document, since both
//! are made from the same list; every route says what it asks for (`guard`).

pub mod account;
pub mod addresses;
pub mod apps;
pub mod as_run;
pub mod assets;
pub mod backups;
pub mod browse;
pub mod channels;
pub mod clock;
pub mod contents;
pub mod edits;
pub mod events;
pub mod exchange;
pub mod extract;
pub mod folders;
mod guard;
pub mod guide;
pub mod health;
pub mod lineups;
pub mod load;
mod logos;
pub mod media;
mod metrics;
pub mod openapi;
pub mod page;
mod playing;
mod prefix;
pub mod preview;
pub mod problem;
pub mod readiness;
mod replay;
mod request_id;
pub mod scan;
mod scheduled;
mod sessions;
pub mod settings;
mod shell;
pub mod slates;
pub mod stream;
pub mod streams;
pub mod strips;
pub mod system;
pub mod thumbnail;
pub mod tokens;
pub mod totals;
pub mod treatment;
mod under_token;
pub mod webhooks;
pub mod wire;

use axum::extract::FromRef;
use axum::middleware::{self, Next};
use axum::response::IntoResponse;
use axum::routing::{any, get, post, put};
use axum::{Extension, Router};
use tokio_util::sync::CancellationToken;
use tower::ServiceBuilder;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::Access;
use crate::access::caller::Caller;
use crate::backup::Backups;
use crate::clock::Clock;
use crate::config::Loaded;
use crate::db::Db;
use crate::discovery::Device;
use crate::ffmpeg::Spawner;
use crate::library::{Library, Logos, Thumbnails, Uploads, Watcher};
use crate::load::Load;
use crate::metrics::Metrics;
use crate::schedule::Schedule;
use crate::stream::own_slates::OwnSlates;
use crate::stream::slate::Slates;
use crate::webhooks::Webhooks;

use addresses::Listening;
use apps::origin::PublicUrl;
use events::Events;
use guard::{Gate, Guarded, Needs};
use prefix::Base;
use readiness::Readiness;
use settings::Restart;
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
    /// Who may do what.
    pub access: Access,
    /// The address that is set for clients.
    pub public_url: PublicUrl,
    /// Processes.
    pub spawner: Spawner,
    /// The time.
    pub clock: Clock,
    /// How loaded it is.
    pub load: Load,
    /// What is counted, for whoever watches over it.
    pub metrics: Metrics,
    /// Who is told of faults.
    pub webhooks: Webhooks,
    /// What it is set to.
    pub loaded: Loaded,
    /// What starts it anew.
    pub restart: Restart,
    /// What is shown where nothing else can be.
    pub slates: Slates,
    /// Somebody's own of these.
    pub own_slates: OwnSlates,
    /// Where it listens.
    pub listening: Listening,
    /// Files with all that must not be lost.
    pub backups: Backups,
    /// What was found out about this server.
    pub host: Host,
    /// Whether it can serve.
    pub readiness: Readiness,
    /// What the server is to TV apps.
    pub device: Device,
    /// Cancelled when the server begins to stop.
    pub ending: CancellationToken,
}

/// All that this server answers, but for the streams.
pub fn router(state: AppState) -> Router {
    let (api, document) = api().split_for_parts();
    let document = openapi::routes(&openapi::completed(&document));
    let everywhere = api
        .merge(guard::all_guarded(Needs::WATCH, document))
        .route("/metrics", guard::guarded(Needs::FIGURES, get(metrics::get)))
        .route("/api", any(shell::nowhere))
        .route("/api/{*path}", any(shell::nowhere));
    let apps = shell::around_api(apps::router()).with_state(state.clone());
    let api = shell::around_api(everywhere).fallback(assets::nowhere).with_state(state);
    api.merge(apps).merge(guard::not_under_tokens(assets::router()))
}

/// Puts around all that this server answers what is between it and the network.
pub fn outside(router: Router, access: Access, public: PublicUrl, metrics: Metrics) -> Router {
    let base = Base::of(&public);
    let gate = Gate::new(access, public);
    let router = router.layer(middleware::from_fn_with_state(gate, guard::identify));
    let router = router.layer(middleware::from_fn_with_state(metrics, metrics::counted));
    let router = shell::around_all(router);
    // Before a route is looked for, so around the router, not in it.
    let taking_off = middleware::from_fn(move |request, next: Next| {
        let taken = base.taken_off(request);
        async move {
            match taken {
                Ok(request) => next.run(request).await,
                Err(there) => there.into_response(),
            }
        }
    });
    Router::new().fallback_service(ServiceBuilder::new().layer(taking_off).service(router))
}

/// The part of the API that needs nothing but the data folder, for when no server
/// runs: the channels, their lineups, folders, finding media, and the password.
pub fn catalogue(schedule: Schedule, db: Db, uploads: Uploads, access: Access) -> Router {
    #[derive(Clone, FromRef)]
    struct Catalogue {
        schedule: Schedule,
        db: Db,
        uploads: Uploads,
        access: Access,
        public_url: PublicUrl,
    }
    let routes = Router::new()
        .route("/api/v1/account/password", put(account::set_password))
        .route("/api/v1/channels", get(channels::list).post(channels::create))
        .route("/api/v1/channels/{channel}", get(channels::get).patch(channels::edit))
        .route("/api/v1/channels/{channel}/lineup", get(lineups::get).put(lineups::put))
        .route("/api/v1/channels/export", get(exchange::export))
        .route("/api/v1/channels/import", post(exchange::import))
        .route("/api/v1/folders", get(folders::list))
        .route("/api/v1/media", get(media::list))
        // Whoever asks has the data folder in their hands.
        .layer(Extension(Caller::of_this_process()));
    let public_url = PublicUrl::default();
    shell::around_api(routes).with_state(Catalogue { schedule, db, uploads, access, public_url })
}

/// The document that describes the API.
pub fn document() -> serde_json::Value {
    openapi::completed(&api().into_openapi())
}

fn api() -> OpenApiRouter<AppState> {
    let health = Guarded::new()
        .routes(Needs::OPEN, routes!(health::healthz))
        .routes(Needs::OPEN, routes!(health::readyz));
    OpenApiRouter::with_openapi(openapi::Document::openapi())
        .merge(health.into_inner())
        .nest("/api/v1", v1().into_inner())
}

#[rustfmt::skip]
fn v1() -> Guarded<AppState> {
    Guarded::new()
        .routes(Needs::WATCH, routes!(channels::list, channels::create))
        .routes(Needs::WATCH, routes!(channels::get, channels::edit, channels::delete))
        .routes(Needs::READ, routes!(exchange::export))
        .routes(Needs::MANAGE, routes!(exchange::import))
        .routes(Needs::MANAGE, routes!(channels::clone))
        .routes(Needs::READ, routes!(as_run::of_channel))
        .routes(Needs::READ, routes!(as_run::of_all))
        .routes(Needs::WATCH, routes!(channels::now))
        .routes(Needs::MANAGE, routes!(channels::skip))
        .routes(Needs::MANAGE, routes!(logos::put))
        .routes(Needs::MANAGE, routes!(preview::preview))
        .routes(Needs::MANAGE, routes!(preview::preview_new))
        .routes(Needs::READ, routes!(lineups::get, lineups::put))
        .routes(Needs::MANAGE, routes!(lineups::add))
        .routes(Needs::MANAGE, routes!(lineups::delete))
        .routes(Needs::MANAGE, routes!(lineups::arrange))
        .routes(Needs::WATCH, routes!(guide::guide))
        .routes(Needs::WATCH, routes!(guide::now_on_all))
        .routes(Needs::READ, routes!(media::list))
        .routes(Needs::READ, routes!(media::get, media::edit, media::delete))
        .routes(Needs::MANAGE, routes!(media::retry))
        .routes(Needs::READ, routes!(totals::totals))
        .routes(Needs::READ, routes!(totals::channels))
        .routes(Needs::PLAYER, routes!(thumbnail::get))
        .routes(Needs::READ, routes!(media::shows))
        .routes(Needs::READ, routes!(folders::list, folders::add))
        .routes(Needs::MANAGE, routes!(folders::delete))
        .routes(Needs::MANAGE, routes!(browse::browse))
        .routes(Needs::READ, routes!(scan::get, scan::start, scan::cancel))
        .routes(Needs::READ, routes!(streams::list))
        .routes(Needs::READ, routes!(streams::get, streams::start, streams::stop))
        .routes(Needs::READ, routes!(streams::history::get))
        .routes(Needs::READ, routes!(strips::list))
        .routes(Needs::READ, routes!(strips::get))
        .routes(Needs::KNOWN, routes!(streams::clients::register))
        .routes(Needs::VIEWER, routes!(streams::clients::unregister))
        .routes(Needs::WATCH, routes!(clock::get))
        .routes(Needs::READ, routes!(addresses::get))
        .routes(Needs::READ, routes!(load::get))
        .routes(Needs::MANAGE, routes!(settings::get, settings::edit))
        .routes(Needs::READ, routes!(slates::list))
        .routes(Needs::READ, routes!(slates::get, slates::put, slates::delete))
        .routes(Needs::MANAGE, routes!(backups::list, backups::make))
        .routes(Needs::MANAGE, routes!(backups::get, backups::delete))
        .routes(Needs::READ, routes!(system::get))
        .routes(Needs::MANAGE, routes!(system::test_encoders))
        .routes(Needs::MANAGE, routes!(webhooks::test))
        .routes(Needs::WATCH, routes!(events::events))
        .routes(Needs::OPEN, routes!(account::get, account::sign_in, account::sign_out))
        .routes(Needs::OPEN, routes!(account::set_password))
        .routes(Needs::READ, routes!(account::settings, account::edit_settings))
        .routes(Needs::MANAGE, routes!(tokens::list, tokens::make))
        .routes(Needs::MANAGE, routes!(tokens::revoke))
}
