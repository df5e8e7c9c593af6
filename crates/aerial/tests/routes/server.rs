//! A server to ask: the real router over a real catalogue in a temporary data
//! folder, with a clock that stands still and a Stream Manager that remembers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aerial::access::Access;
use aerial::access::secret::Secret;
use aerial::backup::Backups;
use aerial::clock::Clock;
use aerial::config;
use aerial::config::{Flags, Sandbox, Settings};
use aerial::data_dir::DataDir;
use aerial::db::{About, Db, Identity, MediaKind, ScannedMedia};
use aerial::discovery::Device;
use aerial::ffmpeg::sandbox::trial::Holds;
use aerial::ffmpeg::{Spawner, font};
use aerial::http::addresses::Listening;
use aerial::http::apps::origin::PublicUrl;
use aerial::http::events::Events;
use aerial::http::settings::Restart;
use aerial::http::streams::{
    ClientFacts, Figures, Refusal, RunFacts, SessionFacts, SessionHistory, Sessions, Streams,
};
use aerial::http::system::{Encoder, Host, HostFacts, Tried};
use aerial::http::{AppState, outside, router};
use aerial::library::{
    Library, Listener, Logos, ProbeFailure, Prober, Thumbnails, Tools, WatchTimes, Watcher,
};
use aerial::load::Load;
use aerial::metrics::Metrics;
use aerial::schedule::Schedule;
use aerial::stream::admission::Admission;
use aerial::stream::devices::Devices;
use aerial::stream::encoding::Encoding;
use aerial::stream::own_slates::OwnSlates;
use aerial::stream::slate::{SlateLooks, Slates};
use aerial::stream::store::{Limits, Store};
use aerial::stream::strip::Strip;
use aerial::webhooks::{Patience, Webhooks};
use aerial_model::capacity::Limit;
use aerial_model::client::ClientId;
use aerial_model::command::{Filters, Tuning};
use aerial_model::id::{ChannelId, FolderId, MediaId};
use aerial_model::media::{AudioFacts, Color, Entry, FieldOrder, MediaFacts, VideoFacts};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{AirTime, FrameRate, Ticks};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use axum::response::Response;
use futures::future::{BoxFuture, ready};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

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

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The status and the body, with ids in the order in which they first occur.
    pub(crate) fn shown(&self) -> String {
        let body = match self.body.is_empty() {
            true => String::new(),
            false => format!("\n{}", serde_json::to_string_pretty(&self.json()).unwrap()),
        };
        anonymous(&format!("{}{body}", self.status))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// The paths of the fields that were wrong.
    pub(crate) fn fields(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }
}

/// Puts `id-1`, `id-2` … in place of UUIDs.
pub(crate) fn anonymous(text: &str) -> String {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut shown = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let is_id = rest.get(..36).is_some_and(|id| {
            let dashes = id.bytes().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
            dashes && rest.as_bytes().get(36).is_none_or(|byte| !byte.is_ascii_alphanumeric())
        });
        let length = match is_id {
            true => 36,
            false => rest.chars().next().map_or(0, char::len_utf8),
        };
        let (part, after) = rest.split_at(length);
        if is_id {
            let next = known.len() + 1;
            shown.push_str(&format!("id-{}", known.entry(part).or_insert(next)));
        } else {
            shown.push_str(part);
        }
        rest = after;
    }
    shown
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
        let host = HostFacts {
            started_at: NOW - Ticks::from_secs(90),
            restarts: 1,
            ffmpeg_version: "5.1.9".to_owned(),
            ffmpeg_path: ffmpeg.clone(),
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
            store: Store::open(
                data.segments(),
                Limits { bytes: 1 << 30, free_floor_bytes: 1 << 20 },
            )
            .unwrap(),
        };
        // Its task is not run: nothing is watched in these tests.
        let (watcher, _watching) = Watcher::new(db.clone(), library.clone(), WatchTimes::default());
        let encoding = Encoding {
            ffmpeg: "ffmpeg".into(),
            filters: Filters { zscale: false, drawtext: false },
            tuning: Tuning::default(),
            niceness: 0,
            turns: 1,
            devices: Devices::default(),
        };
        let slates = Slates::new(spawner.clone(), encoding, SlateLooks::default());
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
        let state = AppState {
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

    /// Films of these many seconds.
    pub(crate) async fn films(&self, seconds: &[i64]) -> Vec<MediaId> {
        let film = |(n, seconds): (usize, &i64)| {
            let n = n + 1;
            let title = format!("Film {n}");
            let about =
                About { title, kind: MediaKind::Movie, year: Some(1999), ..About::default() };
            self.scanned(&format!("film {n:05}.mkv"), Ok(*seconds), about)
        };
        self.add(seconds.iter().enumerate().map(film).collect()).await
    }

    /// Episodes of a show, each of that many seconds.
    pub(crate) async fn show(&self, show: &str, episodes: u32, seconds: i64) -> Vec<MediaId> {
        let episode = |episode| {
            let about = About {
                title: format!("Part {episode}"),
                kind: MediaKind::Episode,
                show: Some(show.to_owned()),
                season: Some(1),
                episode: Some(episode),
                ..About::default()
            };
            self.scanned(&format!("{show} S01E{episode:02}.mkv"), Ok(seconds), about)
        };
        self.add((1..=episodes).map(episode).collect()).await
    }

    /// A file that cannot be played.
    pub(crate) async fn broken(&self, name: &str, reason: &str) -> MediaId {
        let about = About { title: name.to_owned(), ..About::default() };
        self.add(vec![self.scanned(name, Err(reason.to_owned()), about)]).await[0]
    }

    fn scanned(&self, name: &str, found: Result<i64, String>, about: About) -> ScannedMedia {
        let map = |seconds| SegmentMap::uniform(FrameRate::PAL, Ticks::from_secs(seconds)).unwrap();
        ScannedMedia {
            id: None,
            folder: self.folder,
            path: self.films.join(name),
            identity: Identity {
                size_bytes: 9,
                mtime_ns: 1,
                hash: Some(*blake3_of(name).as_bytes()),
            },
            found: found.map(|seconds| (facts(seconds), map(seconds))),
            about,
        }
    }

    async fn add(&self, media: Vec<ScannedMedia>) -> Vec<MediaId> {
        let ids = self.db.upsert_media(media, self.clock.now()).await.unwrap().added;
        self.schedule.library_changed(&ids).await.unwrap();
        ids
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

fn blake3_of(name: &str) -> blake3::Hash {
    blake3::hash(name.as_bytes())
}

pub(crate) fn facts(seconds: i64) -> MediaFacts {
    let end = Ticks::from_secs(seconds);
    MediaFacts {
        container: "matroska,webm".to_owned(),
        start_time: Ticks::ZERO,
        length: end,
        video: Some(VideoFacts {
            index: 0,
            codec: "hevc".to_owned(),
            profile: Some("Main 10".to_owned()),
            pixel_format: Some("yuv420p10le".to_owned()),
            width: 1920,
            height: 1080,
            pixel_aspect: (1, 1),
            rotation: 0,
            average_rate: Some(FrameRate::PAL),
            nominal_rate: Some(FrameRate::PAL),
            field_order: FieldOrder::Progressive,
            color: Color::default(),
            start: Ticks::ZERO,
            end,
            kbps: None,
            language: None,
        }),
        audio: vec![AudioFacts {
            index: 1,
            codec: "aac".to_owned(),
            profile: Some("LC".to_owned()),
            sample_rate: 48_000,
            channels: 2,
            layout: Some("stereo".to_owned()),
            start: Ticks::ZERO,
            end,
            language: Some("eng".to_owned()),
        }],
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: BTreeMap::new(),
    }
}

/// Says of every file that there is nothing in it.
struct ReadsNothing;

impl Prober for ReadsNothing {
    fn probe<'a>(&'a self, _: &'a Path, _: u64) -> BoxFuture<'a, Result<MediaFacts, ProbeFailure>> {
        Box::pin(async { Err(ProbeFailure::Bad("it is no video".to_owned())) })
    }
}

/// The schedule hears of what scans find.
struct Told(Schedule);

impl Listener for Told {
    fn library_changed(&self, media: Vec<MediaId>) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.library_changed(&media).await.unwrap() })
    }
}

/// Remembers who was put on the air, and does nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manager(Arc<Mutex<Sessioned>>);

#[derive(Debug, Default)]
struct Sessioned {
    sessions: BTreeMap<ChannelId, SessionFacts>,
    unpromised: u64,
    full: bool,
    warnings: BTreeMap<MediaId, String>,
    strips: Vec<Strip>,
    figures: Figures,
}

impl Manager {
    pub(crate) fn promise_until(&self, sequence: u64) {
        self.0.lock().unwrap().unpromised = sequence;
    }

    pub(crate) fn warn(&self, media: MediaId, why: &str) {
        self.0.lock().unwrap().warnings.insert(media, why.to_owned());
    }

    pub(crate) fn show(&self, strips: Vec<Strip>) {
        self.0.lock().unwrap().strips = strips;
    }

    pub(crate) fn fill(&self) {
        self.0.lock().unwrap().full = true;
    }

    fn started(&self, channel: ChannelId) -> Result<SessionFacts, Refusal> {
        let mut state = self.0.lock().unwrap();
        if state.full {
            let why = "2 channels are on the air, and this machine carries no more";
            return Err(Refusal::NotNow(why.to_owned()));
        }
        let fresh = SessionFacts {
            channel,
            state: "active",
            since: NOW,
            started_at: NOW,
            clients: Vec::new(),
            renditions: Vec::new(),
            last_error: None,
            restarts: 0,
        };
        Ok(state.sessions.entry(channel).or_insert(fresh).clone())
    }

    fn not_on_air() -> Refusal {
        Refusal::NotThere("the channel is not on the air".to_owned())
    }
}

impl Sessions for Manager {
    fn list(&self) -> Vec<SessionFacts> {
        self.0.lock().unwrap().sessions.values().cloned().collect()
    }

    fn get(&self, channel: ChannelId) -> Option<SessionFacts> {
        self.0.lock().unwrap().sessions.get(&channel).cloned()
    }

    fn start(&self, channel: ChannelId) -> BoxFuture<'_, Result<SessionFacts, Refusal>> {
        Box::pin(async move { self.started(channel) })
    }

    fn stop(&self, channel: ChannelId) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let gone = self.0.lock().unwrap().sessions.remove(&channel);
            gone.map(|_| ()).ok_or_else(Self::not_on_air)
        })
    }

    fn register(&self, channel: ChannelId) -> BoxFuture<'_, Result<ClientId, Refusal>> {
        Box::pin(async move {
            self.started(channel)?;
            let mut state = self.0.lock().unwrap();
            let session = state.sessions.get_mut(&channel).unwrap();
            let id = ClientId::new(7, NOW, session.clients.len() as u64);
            let rendition = Some("720p".to_owned());
            session.clients.push(ClientFacts { id, since: NOW, last_seen: NOW, rendition });
            Ok(id)
        })
    }

    fn unregister(
        &self,
        channel: ChannelId,
        client: ClientId,
    ) -> BoxFuture<'_, Result<(), Refusal>> {
        Box::pin(async move {
            let mut state = self.0.lock().unwrap();
            let session = state.sessions.get_mut(&channel).ok_or_else(Self::not_on_air)?;
            let before = session.clients.len();
            session.clients.retain(|known| known.id != client);
            match session.clients.len() < before {
                true => Ok(()),
                false => Err(Refusal::NotThere("there is no such viewer".to_owned())),
            }
        })
    }

    fn history(&self, channel: ChannelId) -> Vec<SessionHistory> {
        let state = self.0.lock().unwrap();
        let run = RunFacts {
            worker: 3,
            pid: Some(77),
            title: "Film".to_owned(),
            frame: (1280, 720),
            segment: 4,
            command: ["ffmpeg", "-i", "film.mkv"].map(str::to_owned).into(),
            started_at: NOW,
            ended_at: Some(NOW),
            exit: Some("exit code 0".to_owned()),
            completed: 2,
            fault: Some(("corrupt_file", "it ends in segment 6 of 9".to_owned())),
            stderr: "File ended prematurely\n".to_owned(),
        };
        let past = |session, ended_at| SessionHistory {
            session,
            started_at: NOW,
            ended_at,
            restarts: 1,
            runs: vec![run.clone()],
        };
        match state.sessions.contains_key(&channel) {
            true => vec![past(2, None), past(1, Some(NOW))],
            false => Vec::new(),
        }
    }

    fn warning(&self, media: MediaId) -> Option<String> {
        self.0.lock().unwrap().warnings.get(&media).cloned()
    }

    fn strips(&self, only: Option<ChannelId>) -> BoxFuture<'_, Vec<Strip>> {
        let strips = self.0.lock().unwrap().strips.clone();
        let wanted = strips.into_iter().filter(|one| only.is_none_or(|only| one.channel == only));
        Box::pin(ready(wanted.collect()))
    }

    fn figures(&self) -> Figures {
        self.0.lock().unwrap().figures.clone()
    }

    fn first_unpromised(&self, _: ChannelId) -> BoxFuture<'_, Result<u64, Refusal>> {
        let unpromised = self.0.lock().unwrap().unpromised;
        Box::pin(async move { Ok(unpromised) })
    }
}
