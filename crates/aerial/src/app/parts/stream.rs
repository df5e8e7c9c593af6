//! What makes streams: store, slates, transcoder, remuxes, sessions, the as-run log.
//!
//! Owns how these are joined, and the order of their end: sessions, which want
//! segments; workers, which make them; what writes down what aired; the store last.
//! Invariant: after `shut_down` no FFmpeg works for a viewer, and all that was made is
//! on disk.

use std::path::Path;
use std::sync::Arc;

use aerial_model::hls::window::SERVED_FOR;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::ground::Ground;
use super::library::LibraryParts;
use crate::app::{AppError, trial};
use crate::config::Settings;
use crate::ffmpeg::{Ffmpeg, font};
use crate::library::{Ffprobe, FromTheAir};
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
use crate::stream::store::Store;
use crate::stream::transcoder::Transcoder;

/// All that makes streams.
pub(super) struct StreamParts {
    pub(super) store: Store,
    pub(super) devices: Devices,
    pub(super) slates: Slates,
    /// Slates that somebody uploaded.
    pub(super) own_slates: OwnSlates,
    pub(super) transcoder: Transcoder,
    pub(super) admission: Admission,
    pub(super) manager: Manager,
    remuxes: Remuxes,
    transcoding: Running,
    as_run: Running,
}

impl StreamParts {
    pub(super) async fn start(
        ground: &Ground,
        library: &LibraryParts,
        settings: &Settings,
    ) -> Result<Self, AppError> {
        let store = ground.store.clone();
        let devices = Devices::default();
        let findings = findings(ground, library);
        let encoding = encoding(&ground.ffmpeg, settings, devices.clone());
        let slates = slates(ground, settings, encoding.clone());
        let own_slates = OwnSlates::open(slates.clone(), ground.data.root().join("slates"));
        let stop = CancellationToken::new();
        let (transcoder, task) = Transcoder::start(
            ground.spawner.clone(),
            encoding,
            store.clone(),
            slates.clone(),
            findings.clone(),
            stop.clone(),
        );
        let transcoding = Running { stop, task };
        let remuxes = remuxes(ground, &store, &findings);
        let programme = Programme::new(Arc::new(library.schedule.clone()), &ground.ffmpeg.version)
            .on(devices.clone())
            .with_remuxes(remuxes.clone())
            .offering(settings.stream.rungs(), settings.stream.height.get());
        let admission = Admission::new(trial::first_limit(settings));
        let before = ground.db.slates(ground.clock.now() - SERVED_FOR).await?;
        let log = library.schedule.slate_log();
        let slated = Slated::new(log, slates.clone(), store.clone(), before);
        let manager = Manager::new(
            ground.clock.clone(),
            programme,
            transcoder.clone(),
            store.clone(),
            admission.clone(),
            slated,
        );
        run_sessions(ground, library, &manager, findings);
        ground.db.close_as_run().await?;
        let as_run = start_as_run(ground, library, &manager);
        Ok(Self {
            store,
            devices,
            slates,
            own_slates,
            transcoder,
            admission,
            manager,
            remuxes,
            transcoding,
            as_run,
        })
    }

    /// Ends all that makes streams; nobody watches any more.
    pub(super) async fn shut_down(self) {
        self.manager.shut_down().await;
        self.transcoding.end("the transcoder").await;
        self.as_run.end("the as-run log").await;
        self.remuxes.shut_down().await;
        self.store.flush().await;
    }
}

/// A task that runs until it is told to stop, not merely until the server begins to end.
struct Running {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn end(self, what: &str) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "{what} ended abnormally");
        }
    }
}

/// Where it is told what workers find out about files.
fn findings(ground: &Ground, library: &LibraryParts) -> Arc<dyn Findings> {
    Arc::new(FromTheAir {
        db: ground.db.clone(),
        library: library.library.clone(),
        listener: Arc::new(library.schedule.clone()),
        clock: ground.clock.clone(),
    })
}

fn encoding(ffmpeg: &Ffmpeg, settings: &Settings, devices: Devices) -> Encoding {
    Encoding {
        ffmpeg: ffmpeg.ffmpeg.clone(),
        filters: ffmpeg.filters(),
        tuning: settings.ffmpeg.tuning(),
        niceness: u8::try_from(settings.ffmpeg.niceness.get()).unwrap_or(0),
        devices,
        // A worker keeps a core busy, and another in part.
        turns: std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// The slates; those that were set are tried, since people who set them are there now. The
/// start does not wait for that: their disk may be away.
fn slates(ground: &Ground, settings: &Settings, encoding: Encoding) -> Slates {
    let looks = SlateLooks {
        font: font().map(Path::to_owned),
        off_air: settings.slates.off_air.clone(),
        trouble: settings.slates.trouble.clone(),
    };
    let slates = Slates::new(ground.spawner.clone(), encoding, looks);
    let (tried, ending) = (slates.clone(), ground.ending.clone());
    ground.tasks.spawn(async move {
        // A try that is broken off by the end says nothing.
        if let Some(refused) = ending.run_until_cancelled(tried.try_own()).await {
            refused.iter().for_each(|error| tracing::warn!(%error, "a slate is not shown"));
        }
    });
    slates
}

fn remuxes(ground: &Ground, store: &Store, findings: &Arc<dyn Findings>) -> Remuxes {
    let tools = RemuxTools {
        spawner: ground.spawner.clone(),
        ffmpeg: ground.ffmpeg.ffmpeg.clone(),
        // Of its own, so that it does not wait for a scan.
        prober: Arc::new(Ffprobe::new(ground.spawner.clone(), &ground.ffmpeg.ffprobe)),
        store: store.clone(),
        findings: findings.clone(),
    };
    Remuxes::new(tools, ground.ending.clone())
}

/// Runs the sessions, and looks at what they will show before it airs.
fn run_sessions(
    ground: &Ground,
    library: &LibraryParts,
    manager: &Manager,
    findings: Arc<dyn Findings>,
) {
    let Ground { clock, tasks, ending, .. } = ground;
    let preflight = Preflight::new(clock.clone(), findings, Arc::new(library.indexing.clone()));
    manager.with_preflight(preflight.clone());
    let sessions = manager.clone();
    let on_air = move || sessions.list().iter().map(|view| view.channel.id).collect();
    tasks.spawn(preflight.run(manager.programme().clone(), on_air, ending.clone()));
    let manager = manager.clone();
    tasks.spawn(async move { manager.run().await });
}

/// Writes down what really airs, until it is told to stop.
fn start_as_run(ground: &Ground, library: &LibraryParts, manager: &Manager) -> Running {
    let stop = CancellationToken::new();
    let log = Arc::new(library.schedule.clone());
    let (clock, told) = (ground.clock.clone(), stop.clone());
    let writing = manager.as_run().clone().write(log, manager.faults(), clock, told);
    Running { stop, task: tokio::spawn(writing) }
}
