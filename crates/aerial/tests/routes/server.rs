//! A server to ask: the real router over a real catalogue in a temporary data
//! folder, with a clock that stands still and a Stream Manager that remembers.

mod answer;
mod library;
mod sessions;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aerial::access::Access;
use aerial::access::secret::Secret;
use aerial::backup::Backups;
use aerial::clock::Clock;
use aerial::config;
use aerial::config::{Flags, Sandbox, Settings};
use aerial::data_dir::DataDir;
use aerial::db::Db;
use aerial::discovery::Device;
use aerial::ffmpeg::sandbox::trial::Holds;
use aerial::ffmpeg::{Spawner, font};
use aerial::http::addresses::Listening;
use aerial::http::apps::origin::PublicUrl;
use aerial::http::events::Events;
use aerial::http::readiness::{Pace, Readiness};
use aerial::http::settings::Restart;
use aerial::http::streams::Streams;
use aerial::http::system::{Encoder, Host, HostFacts, Tried};
use aerial::http::{AppState, outside, router};
use aerial::library::{Library, Logos, Thumbnails, Tools, WatchTimes, Watcher};
use aerial::load::Load;
use aerial::metrics::Metrics;
use aerial::schedule::Schedule;
use aerial::stream::admission::Admission;
use aerial::stream::devices::Devices;
use aerial::stream::encoding::Encoding;
use aerial::stream::own_slates::OwnSlates;
use aerial::stream::slate::{SlateLooks, Slates};
use aerial::stream::store::{Limits, Store};
use aerial::webhooks::{Patience, Webhooks};
use aerial_model::capacity::Limit;
use aerial_model::command::{Filters, Tuning};
use aerial_model::id::{FolderId, MediaId};
use aerial_model::time::{AirTime, Ticks};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Method, Request};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

pub(crate) use self::answer::{Answer, anonymous};
pub(crate) use self::library::facts;
use self::library::{ReadsNothing, Told};
pub(crate) use self::sessions::Manager;

/// The key in the data folder.
pub(crate) const KEY: &str = "the key in the data folder";

/// 2026-12-24T18:00:00Z.
pub(crate) const NOW: AirTime = AirTime::from_unix_millis(1_798_135_200_000);

/// What a reverse proxy says of `https://tv.example.org/aerial`.
pub(crate) const PROXIED: [(&str, &str); 5] = [
    ("host", "127.0.0.1:8400"),
    ("x-forwarded-for", "192.168.7.20"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "tv.example.org"),
    ("x-forwarded-prefix", "/aerial/"),
];

pub(crate) struct Server {
    pub(crate) router: Router,
    pub(crate) db: Db,
    pub(crate) clock: Clock,
    pub(crate) schedule: Schedule,
    pub(crate) folder: FolderId,
    pub(crate) films: PathBuf,
    pub(crate) manager: Manager,
    pub(crate) ending: CancellationToken,
    /// How often the server asked to be started anew.
    pub(crate) restarts: Arc<AtomicUsize>,
    pub(crate) spawner: Spawner,
    pub(crate) data: DataDir,
    pub(crate) access: Access,
    pub(crate) ffmpeg: PathBuf,
    _dir: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn new() -> Self {
        // As behind a proxy on the same machine.
        let trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
        Self::with(config::Access { trusted_proxies, ..config::Access::default() }).await
    }

    pub(crate) async fn with(rules: config::Access) -> Self {
        Self::telling(rules, Vec::new()).await
    }

    pub(crate) async fn telling(rules: config::Access, hooks: Vec<config::Webhook>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::open(&dir.path().join("data")).unwrap();
        let films = dir.path().join("films");
        std::fs::create_dir(&films).unwrap();
        let db = Db::open(&data.catalogue()).await.unwrap();
        let clock = Clock::simulated(NOW);
        let schedule = Schedule::open(db.clone(), clock.clone()).await.unwrap();
        let folder = db.add_folder(&films, NOW).await.unwrap().id;
        let ending = CancellationToken::new();
        let (library, scans) = Library::new(Tools {
            db: db.clone(),
            prober: Arc::new(ReadsNothing),
            listener: Arc::new(Told(schedule.clone())),
            clock: clock.clone(),
        });
        tokio::spawn(scans.run(ending.clone()));
        let spawner = Spawner::new(env!("CARGO_BIN_EXE_aerial")).unwrap();
        let manager = Manager::default();
        // It is looked for, never run.
        let ffmpeg = dir.path().join("ffmpeg");
        std::fs::write(&ffmpeg, "").unwrap();
        let host = host(&data, &ffmpeg);
        // Its task is not run: nothing is watched in these tests.
        let (watcher, _watching) = Watcher::new(db.clone(), library.clone(), WatchTimes::default());
        let slates = Slates::new(spawner.clone(), encoding(), SlateLooks::default());
        let flags = Flags { data: Some(data.root().to_owned()), ..Flags::default() };
        let restarts = Arc::new(AtomicUsize::new(0));
        let asked = Arc::clone(&restarts);
        let listening = Listening::default();
        listening.on(vec!["192.168.1.7:8400".parse().unwrap()]);
        // Nobody takes samples either.
        let load = Load::default();
        let key = Secret::read(KEY);
        let access =
            Access::open(db.clone(), clock.clone(), rules, "test", Some(&key)).await.unwrap();
        let loaded = Settings::load_with_origins(&flags, []).unwrap();
        let backups =
            Backups::new(data.root(), loaded.settings(), None, clock.clone(), ending.clone());
        // Each who asks is told how it is by then.
        let wait = Duration::from_secs(60);
        let pace = Pace { fresh: Duration::ZERO, wait, ..Pace::default() };
        let readiness = Readiness::new(db.clone(), ffmpeg.clone(), pace, ending.clone());
        tokio::spawn(readiness.clone().run());
        let state = AppState {
            readiness,
            backups,
            schedule: schedule.clone(),
            db: db.clone(),
            library,
            watcher,
            streams: Streams::new(manager.clone()),
            events: Events::new(ending.clone()),
            thumbnails: Thumbnails::new(spawner.clone(), "ffmpeg", data.artwork()),
            logos: Logos::new(
                spawner.clone(),
                "ffmpeg".as_ref(),
                font(),
                data.artwork().join("logos"),
            ),
            access: access.clone(),
            public_url: PublicUrl::default(),
            spawner: spawner.clone(),
            clock: clock.clone(),
            load,
            metrics: Metrics::default(),
            webhooks: Webhooks::start(
                &hooks,
                Patience::default(),
                Metrics::default(),
                &TaskTracker::new(),
                &ending,
            ),
            loaded,
            restart: Restart::by(move || {
                asked.fetch_add(1, Ordering::Relaxed);
            }),
            own_slates: OwnSlates::open(slates.clone(), data.root().join("slates")),
            slates,
            listening,
            host: Host(Arc::new(host)),
            device: Device::of_install(&db).await.unwrap(),
            ending: ending.clone(),
        };
        Self {
            router: outside(
                router(state.clone()),
                access.clone(),
                PublicUrl::default(),
                state.metrics,
            ),
            db,
            clock,
            schedule,
            folder,
            films,
            manager,
            ending,
            restarts,
            spawner,
            data,
            access,
            ffmpeg,
            _dir: dir,
        }
    }

    /// Asks from this machine, unless the request says otherwise.
    pub(crate) async fn respond(&self, mut request: Request<Body>) -> Response {
        let extensions = request.extensions_mut();
        if extensions.get::<ConnectInfo<SocketAddr>>().is_none() {
            extensions.insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4_711))));
        }
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.respond(request).await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// The status alone, of answers that may have no end.
    pub(crate) async fn status(&self, request: Request<Body>) -> u16 {
        self.respond(request).await.status().as_u16()
    }

    pub(crate) async fn ask(&self, method: Method, path: &str) -> Answer {
        self.ask_with(method, path, &[]).await
    }

    pub(crate) async fn ask_with(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path).await
    }

    pub(crate) async fn tell(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        self.send(request.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.tell(Method::POST, path, &body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.tell(Method::PUT, path, &body).await
    }

    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.tell(Method::PATCH, path, &body).await
    }

    /// Makes a channel that plays these.
    pub(crate) async fn channel(&self, number: &str, media: &[MediaId]) -> Value {
        let items: Vec<Value> = media.iter().map(|id| json!({ "media": id.to_string() })).collect();
        let body = json!({ "number": number, "name": format!("Channel {number}"), "items": items });
        self.post("/api/v1/channels", body).await.expect(201).json()
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.set(self.clock.now() + Ticks::from_secs(seconds));
    }
}

/// What is told of the machine.
fn host(data: &DataDir, ffmpeg: &Path) -> HostFacts {
    HostFacts {
        started_at: NOW - Ticks::from_secs(90),
        restarts: 1,
        ffmpeg_version: "5.1.9".to_owned(),
        ffmpeg_path: ffmpeg.to_owned(),
        ffmpeg_shortcomings: Vec::new(),
        sandbox: (Sandbox::Auto, Holds::default()),
        encoders: watch::channel(Tried {
            at: Some(NOW - Ticks::from_secs(60)),
            encoders: vec![Encoder {
                name: "libx264".to_owned(),
                works: true,
                in_use: true,
                verdict: "encoded half a second".to_owned(),
            }],
        })
        .1,
        admission: Admission::new(Limit::Set { encodes: 2, pixels: 1_280 * 720 }),
        try_again: Arc::default(),
        frame: (1_280, 720),
        data: data.root().to_owned(),
        store: Store::open(data.segments(), Limits { bytes: 1 << 30, free_floor_bytes: 1 << 20 })
            .unwrap(),
    }
}

/// How slates are made, if any is.
fn encoding() -> Encoding {
    Encoding {
        ffmpeg: "ffmpeg".into(),
        filters: Filters { zscale: false, drawtext: false },
        tuning: Tuning::default(),
        niceness: 0,
        turns: 1,
        devices: Devices::default(),
    }
}
