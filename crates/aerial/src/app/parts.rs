//! The parts of a server: in which order they are started and ended.
//!
//! Owns the wiring. Each part is given what it needs when it is made; what is
//! started last is ended first. Invariant: after `shut_down` no process, task or
//! file of any part is left, and the data folder is free for the next server.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::hls::window::SERVED_FOR;
use aerial_model::time::{AirTime, Ticks};
use axum::Router;
use axum::extract::FromRef as _;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::first_scan::FirstScan;
use super::trial::{self, Trial};
use super::{AppError, Startup, opening, system, time_kept};
use crate::access::{Access, key};
use crate::backup::Backups;
use crate::clock::Clock;
use crate::config::{self, Settings};
use crate::connections::Gauge;
use crate::data_dir::DataDir;
use crate::db::{Db, ENDED_WELL};
use crate::discovery::{self, Asked, Device, Discovery};
use crate::ffmpeg::sandbox::trial::{self as sandbox_trial, Holds};
use crate::ffmpeg::selftest::Chain;
use crate::ffmpeg::{Ffmpeg, Spawner, font, own_binary};
use crate::http::addresses::Listening;
use crate::http::apps::origin::PublicUrl;
use crate::http::events::{Change, Events};
use crate::http::settings::Restart;
use crate::http::streams::Streams;
use crate::http::system::{Host, HostFacts, Tried};
use crate::http::{self, AppState};
use crate::indexing::Indexing;
use crate::keeper;
use crate::library::{Ffprobe, FromTheAir, Library, Logos, Thumbnails, Tools, WatchTimes, Watcher};
use crate::load::{Load, Sent, Sources};
use crate::metrics::Metrics;
use crate::schedule::{Schedule, Standard};
use crate::stream::admission::Admission;
use crate::stream::devices::Devices;
use crate::stream::encoding::Encoding;
use crate::stream::findings::Findings;
use crate::stream::manager::Manager;
use crate::stream::own_slates::OwnSlates;
use crate::stream::preflight::Preflight;
use crate::stream::programme::Programme;
use crate::stream::remux::{RemuxTools, Remuxes};
use crate::stream::slate::{SlateLooks, Slates};
use crate::stream::slated::Slated;
use crate::stream::store::{Limits, Store};
use crate::stream::transcoder::Transcoder;
use crate::webhooks::{self, Patience, Webhooks, What};

/// Ledgers are pruned, and media that are away for a day left out, this often.
const HOUSEKEEPING: Duration = Duration::from_secs(3_600);

/// Stretches that the as-run log has at the most, whatever their age: 100 to 200 MB,
/// and of ten channels that never stop half a year of half hours.
const AS_RUN_KEPT: u64 = 200_000;

/// The parts, in the order in which they are started.
pub(super) struct Parts {
    data: DataDir,
    pub(super) spawner: Spawner,
    ffmpeg: Ffmpeg,
    db: Db,
    schedule: Schedule,
    library: Library,
    store: Store,
    transcoding: (CancellationToken, JoinHandle<()>),
    as_run: (CancellationToken, JoinHandle<()>),
    remuxes: Remuxes,
    manager: Manager,
    api: AppState,
    /// What connections send.
    pub(super) sent: Sent,
    /// How many connections there are.
    pub(super) connected: Gauge,
    /// Tasks that run until `ending`.
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Parts {
    pub(super) async fn start(
        startup: &Startup,
        listening: &[SocketAddr],
        kept: bool,
    ) -> Result<Self, AppError> {
        let Startup { settings, restarts, demo, .. } = startup;
        let clock = Clock::system();
        let data = DataDir::open(&settings.server.data)?;
        let shim = own_binary().map_err(system("find this program's own file"))?;
        let spawner = Spawner::sandboxed(shim, settings.ffmpeg.sandbox)?;
        let sandbox = sandbox_trial::examine(&spawner, &data.tmp()).await;
        match settings.ffmpeg.sandbox {
            config::Sandbox::On if !sandbox.all() => {
                return Err(AppError::NoSandbox(sandbox.told()));
            }
            config::Sandbox::Auto if !sandbox.all() => tracing::warn!("{}", sandbox.told()),
            _ => tracing::info!("{}", sandbox.told()),
        }
        let ffmpeg = Ffmpeg::discover(&settings.ffmpeg, &spawner).await?;
        tracing::info!(version = ffmpeg.version, path = %ffmpeg.ffmpeg.display(), "FFmpeg");
        for shortcoming in ffmpeg.shortcomings() {
            tracing::warn!("this FFmpeg has {shortcoming}");
        }
        let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
        let backups = backups(startup, &data, &clock, &ending);
        backups.before_upgrade().await;
        let db = Db::open(&data.catalogue()).await?;
        time_kept::resume(&clock, &db, settings.server.trust_clock).await?;
        let mut folders = settings.library.folders.clone();
        if *demo {
            folders.push(opening::make_demo(&data, &ffmpeg, &spawner).await?);
        }
        opening::add_folders(&db, &folders, &clock).await?;
        let schedule =
            Schedule::open_with(db.clone(), clock.clone(), Standard::of(settings)).await?;
        let prober = Ffprobe::new(spawner.clone(), &ffmpeg.ffprobe)
            .at_once(usize::from(settings.library.probes.get()));
        let (library, scanning) = Library::new(Tools {
            db: db.clone(),
            prober: Arc::new(prober),
            listener: Arc::new(schedule.clone()),
            clock: clock.clone(),
        });
        tasks.spawn(scanning.run(ending.clone()));
        let times = WatchTimes { rescan_every: settings.library.rescan.0, ..WatchTimes::default() };
        // Before the first scan, so that nothing falls between the two.
        let (watcher, watching) = Watcher::new(db.clone(), library.clone(), times);
        let watching = match settings.library.watch {
            true => watching,
            false => watching.without_listening(),
        };
        tasks.spawn(watching.run(ending.clone()));
        let indexing = Indexing {
            db: db.clone(),
            schedule: schedule.clone(),
            spawner: spawner.clone(),
            ffmpeg: ffmpeg.ffmpeg.clone(),
            ffprobe: ffmpeg.ffprobe.clone(),
            clock: clock.clone(),
            turn: Arc::default(),
        };
        if *demo {
            opening::open_demo(&library, &schedule, &indexing, &folders).await?;
        } else {
            let first_scan = FirstScan::new(library.clone(), schedule.clone());
            tasks.spawn(first_scan.run(ending.clone()));
        }
        let as_run_days = settings.history.days.get();
        tasks.spawn(housekeep(schedule.clone(), clock.clone(), as_run_days, ending.clone()));
        tasks.spawn(time_kept::note(clock.clone(), db.clone(), ending.clone()));
        tasks.spawn(indexing.clone().run(ending.clone()));

        let limits =
            Limits { bytes: settings.store.limit.0, free_floor_bytes: settings.store.free.0 };
        let store = Store::open(data.segments(), limits)?;
        let devices = Devices::default();
        let findings: Arc<dyn Findings> = Arc::new(FromTheAir {
            db: db.clone(),
            library: library.clone(),
            listener: Arc::new(schedule.clone()),
            clock: clock.clone(),
        });
        let encoding = encoding(&ffmpeg, settings, devices.clone());
        let looks = SlateLooks {
            font: font().map(Path::to_owned),
            off_air: settings.slates.off_air.clone(),
            trouble: settings.slates.trouble.clone(),
        };
        let slates = Slates::new(spawner.clone(), encoding.clone(), looks);
        slates.try_own().await?;
        let uploaded = OwnSlates::open(slates.clone(), data.root().join("slates"));
        let own_slates = slates.clone();
        let stop_transcoding = CancellationToken::new();
        let slates_for_settings = slates.clone();
        let (transcoder, transcoding) = Transcoder::start(
            spawner.clone(),
            encoding,
            store.clone(),
            slates,
            findings.clone(),
            stop_transcoding.clone(),
        );
        let remux_tools = RemuxTools {
            spawner: spawner.clone(),
            ffmpeg: ffmpeg.ffmpeg.clone(),
            // Of its own, so that it does not wait for a scan.
            prober: Arc::new(Ffprobe::new(spawner.clone(), &ffmpeg.ffprobe)),
            store: store.clone(),
            findings: findings.clone(),
        };
        let remuxes = Remuxes::new(remux_tools, ending.clone());
        let programme = Programme::new(Arc::new(schedule.clone()), &ffmpeg.version)
            .on(devices.clone())
            .with_remuxes(remuxes.clone())
            .offering(settings.stream.rungs(), settings.stream.height.get());
        let admission = Admission::new(trial::first_limit(settings));
        let before = db.slates(clock.now() - SERVED_FOR).await?;
        let slated = Slated::new(schedule.slate_log(), own_slates, store.clone(), before);
        let manager = Manager::new(
            clock.clone(),
            programme,
            transcoder.clone(),
            store.clone(),
            admission.clone(),
            slated,
        );
        let preflight = Preflight::new(clock.clone(), findings, Arc::new(indexing));
        manager.with_preflight(preflight.clone());
        let sessions = manager.clone();
        let on_air = move || sessions.list().iter().map(|view| view.channel.id).collect();
        tasks.spawn(preflight.run(manager.programme().clone(), on_air, ending.clone()));
        tasks.spawn({
            let manager = manager.clone();
            async move { manager.run().await }
        });
        let transcoding = (stop_transcoding, transcoding);
        db.close_as_run().await?;
        // None is written down before the first start, and the first from a backup.
        let broke_off = db.setting(ENDED_WELL).await? == Some(false);
        db.set_setting(ENDED_WELL, &false).await?;
        let as_run = start_as_run(&manager, &schedule, &clock);
        let (tell_encoders, encoders) = watch::channel(Tried::default());
        let again = Arc::new(Notify::new());
        let trial = Trial {
            ffmpeg: ffmpeg.clone(),
            spawner: spawner.clone(),
            chain: Chain::of(settings),
            folder: data.tmp(),
            db: db.clone(),
            clock: clock.clone(),
            encodes: settings.stream.encodes,
            admission: admission.clone(),
            transcoder,
            choice: settings.ffmpeg.encoder,
            devices,
            again: Arc::clone(&again),
        };
        tasks.spawn(trial.run(tell_encoders, ending.clone()));
        let at = (settings, &data, store.clone());
        let host =
            host((&ffmpeg, sandbox), at, *restarts, (encoders, admission, again), clock.now());
        let device = Device::of_install(&db).await?;
        let key = key::make(data.root(), listening)
            .map_err(system("write the key into the data folder"))?;
        let install = device.id.to_string();
        let access =
            Access::open(db.clone(), clock.clone(), settings.access.clone(), &install, Some(&key))
                .await?;
        tasks.spawn(access.clone().run(ending.clone()));
        let events = Events::new(ending.clone());
        tasks.spawn(events.clone().hand_on(manager.changes()));
        let (load, sent, connected) = (Load::default(), Sent::default(), Gauge::default());
        let metrics = Metrics::new(sent.clone(), connected.clone());
        let (hooks, patience) = (&settings.webhooks, Patience::default());
        let webhooks = Webhooks::start(hooks, patience, metrics.clone(), &tasks, &ending);
        if !webhooks.is_empty() {
            if broke_off {
                webhooks.tell(What::Restart, clock.now());
            }
            let sources = webhooks::Sources {
                faults: manager.faults(),
                schedule: schedule.clone(),
                db: db.clone(),
                store: store.clone(),
                clock: clock.clone(),
            };
            let (watching, ending) = (webhooks::watch(webhooks.clone(), sources), ending.clone());
            tasks.spawn(async move { ending.run_until_cancelled(watching).await });
        }
        let sources = Sources {
            clock: clock.clone(),
            spawner: spawner.clone(),
            store: store.clone(),
            data: data.root().to_owned(),
            sent: sent.clone(),
            on_air: Box::new({
                let manager = manager.clone();
                move || {
                    let views = manager.list();
                    (views.len(), views.iter().map(|view| view.clients.len()).sum())
                }
            }),
        };
        let (heard, told) = (events.clone(), events.clone());
        tasks.spawn(load.clone().run(
            sources,
            move || heard.are_heard(),
            move |sample| told.tell(Change::Load(sample.into())),
            ending.clone(),
        ));
        let places = Listening::default();
        places.on(listening.to_vec());
        let restart = match kept {
            true => keeper::renewal().map_or_else(Restart::by_hand, Restart::by),
            false => Restart::by_hand(),
        };
        tasks.spawn(backups.clone().run());
        let api = AppState {
            load,
            backups,
            metrics,
            webhooks,
            loaded: startup.loaded.clone(),
            restart,
            slates: slates_for_settings,
            own_slates: uploaded,
            listening: places,
            schedule: schedule.clone(),
            db: db.clone(),
            library: library.clone(),
            watcher,
            streams: Streams::new(manager.clone()),
            events,
            thumbnails: Thumbnails::new(spawner.clone(), &ffmpeg.ffmpeg, data.artwork()),
            logos: Logos::new(spawner.clone(), &ffmpeg.ffmpeg, font(), data.logos()),
            access,
            public_url: PublicUrl(settings.server.public_url.clone().map(|url| url.0)),
            spawner: spawner.clone(),
            clock,
            host,
            device,
            ending: ending.clone(),
        };
        Ok(Self {
            data,
            spawner,
            ffmpeg,
            db,
            schedule,
            library,
            store,
            transcoding,
            as_run,
            remuxes,
            manager,
            api,
            sent,
            connected,
            tasks,
            ending,
        })
    }

    pub(super) fn router(&self) -> Router {
        let streams = http::stream::router(self.manager.clone(), self.ending.clone());
        let all = http::router(self.api.clone()).merge(streams);
        let AppState { access, public_url, metrics, .. } = &self.api;
        http::outside(all, access.clone(), public_url.clone(), metrics.clone())
    }

    /// Who may do what.
    pub(super) fn access(&self) -> &Access {
        &self.api.access
    }

    /// Lets TV apps find the server, which listens there.
    pub(super) fn answer_seekers(
        &self,
        settings: &config::Discovery,
        listen: SocketAddr,
        handed_over: Option<UdpSocket>,
    ) {
        let hdhomerun = discovery::socket(settings, listen.ip(), handed_over);
        let ssdp = discovery::ssdp_socket(settings, listen.ip());
        let discovery = Discovery {
            device: self.api.device,
            listen,
            public_url: PublicUrl::from_ref(&self.api).0,
            admission: self.manager.admission().clone(),
        };
        for (socket, asked) in [(hdhomerun, Asked::HdHomeRun), (ssdp, Asked::Ssdp)] {
            let Some(socket) = socket else { continue };
            self.tasks.spawn(discovery.clone().run(socket, asked, self.ending.clone()));
        }
    }

    /// Ends what would never end by itself: scans, feeds of events, unending
    /// streams. Everything else goes on for the requests in flight.
    pub(super) fn begin_ending(&self) {
        self.ending.cancel();
    }

    /// Ends all parts, the last started first; no connection is left that could
    /// ask for anything.
    pub(super) async fn shut_down(self) {
        self.manager.shut_down().await;
        let (stop_transcoding, transcoding) = self.transcoding;
        stop_transcoding.cancel();
        if let Err(error) = transcoding.await {
            tracing::error!(%error, "the transcoder ended abnormally");
        }
        let (stop_as_run, as_run) = self.as_run;
        stop_as_run.cancel();
        if let Err(error) = as_run.await {
            tracing::error!(%error, "the as-run log ended abnormally");
        }
        self.remuxes.shut_down().await;
        self.store.flush().await;
        self.ending.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let left = self.spawner.shut_down().await;
        if left > 0 {
            let program = self.ffmpeg.ffmpeg.display();
            tracing::error!(left, %program, "processes hang in the system and could not be ended");
        }
        if let Err(error) = self.db.set_setting(ENDED_WELL, &true).await {
            tracing::error!(%error, "a good end is not written down");
        }
        drop(self.api);
        drop(self.schedule);
        drop(self.library);
        if let Err(error) = self.db.close().await {
            tracing::error!(%error, "the catalogue was not closed cleanly");
        }
        drop(self.data);
    }
}

fn backups(
    startup: &Startup,
    data: &DataDir,
    clock: &Clock,
    ending: &CancellationToken,
) -> Backups {
    let (settings, file) = (&startup.settings, startup.loaded.file());
    let own = settings.server.data.join(config::DATA_SETTINGS);
    let config = (file != own).then(|| file.to_owned());
    Backups::new(data.root(), settings, config, clock.clone(), ending.clone())
}

/// Writes down what really airs, until it is told to stop.
fn start_as_run(
    manager: &Manager,
    schedule: &Schedule,
    clock: &Clock,
) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let log = Arc::new(schedule.clone());
    let writing =
        manager.as_run().clone().write(log, manager.faults(), clock.clone(), stop.clone());
    (stop, tokio::spawn(writing))
}

async fn housekeep(schedule: Schedule, clock: Clock, as_run_days: u16, ending: CancellationToken) {
    let mut hourly = tokio::time::interval(HOUSEKEEPING);
    let as_run_kept = Ticks::from_secs(i64::from(as_run_days) * 24 * 3_600);
    loop {
        tokio::select! {
            () = ending.cancelled() => return,
            _ = hourly.tick() => {}
        }
        if let Err(error) = schedule.housekeep().await {
            tracing::error!(%error, "old ledger rows were not pruned");
        }
        let before = clock.now() - as_run_kept;
        if let Err(error) = schedule.db().prune_as_run(before, AS_RUN_KEPT).await {
            tracing::error!(%error, "the as-run log was not pruned");
        }
    }
}

fn encoding(ffmpeg: &Ffmpeg, settings: &Settings, devices: Devices) -> Encoding {
    Encoding {
        ffmpeg: ffmpeg.ffmpeg.clone(),
        filters: ffmpeg.filters(),
        tuning: settings.ffmpeg.tuning(),
        niceness: u8::try_from(settings.ffmpeg.niceness.get()).unwrap_or(0),
        // A worker keeps a core busy, and another in part.
        devices,
        turns: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// What is told of this server.
fn host(
    (ffmpeg, sandbox): (&Ffmpeg, Holds),
    (settings, data, store): (&Settings, &DataDir, Store),
    restarts: u32,
    (encoders, admission, try_again): (watch::Receiver<Tried>, Admission, Arc<Notify>),
    now: AirTime,
) -> Host {
    Host(Arc::new(HostFacts {
        started_at: now,
        restarts,
        ffmpeg_version: ffmpeg.version.clone(),
        ffmpeg_path: ffmpeg.ffmpeg.clone(),
        ffmpeg_shortcomings: ffmpeg.shortcomings(),
        sandbox: (settings.ffmpeg.sandbox, sandbox),
        encoders,
        admission,
        try_again,
        frame: {
            let profile = Chain::of(settings).profile;
            (profile.width, profile.height)
        },
        data: data.root().to_owned(),
        store,
    }))
}
