//! The parts of a server: in which order they are started and ended.
//!
//! Owns the wiring. Each part is given what it needs when it is made; what is
//! started last is ended first. Invariant: after `shut_down` no process, task or
//! file of any part is left, and the data folder is free for the next server.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::command::{Filters, Tuning};
use axum::Router;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{AppError, system};
use crate::clock::Clock;
use crate::config::Settings;
use crate::data_dir::DataDir;
use crate::db::Db;
use crate::ffmpeg::{Ffmpeg, Spawner, own_binary};
use crate::http;
use crate::library::{Ffprobe, Library, ScanRequest, Tools};
use crate::schedule::Schedule;
use crate::stream::manager::Manager;
use crate::stream::programme::Programme;
use crate::stream::slate::Slates;
use crate::stream::store::{Limits, Store};
use crate::stream::transcoder::{Encoding, Transcoder};

/// Ledgers are pruned, and media that are away for a day left out, this often.
const HOUSEKEEPING: Duration = Duration::from_secs(3_600);

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
    manager: Manager,
    /// Tasks that run until `ending`.
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Parts {
    pub(super) async fn start(settings: &Settings) -> Result<Self, AppError> {
        let clock = Clock::system();
        let data = DataDir::open(&settings.server.data)?;
        let shim = own_binary().map_err(system("find this program's own file"))?;
        let spawner = Spawner::new(shim)?;
        let ffmpeg = Ffmpeg::discover(&settings.ffmpeg, &spawner).await?;
        tracing::info!(version = ffmpeg.version, path = %ffmpeg.ffmpeg.display(), "FFmpeg");
        for shortcoming in ffmpeg.shortcomings() {
            tracing::warn!("this FFmpeg has {shortcoming}");
        }
        let db = Db::open(&data.catalogue()).await?;
        add_folders(&db, &settings.library.folders, &clock).await?;
        let schedule = Schedule::open(db.clone(), clock.clone()).await?;

        let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
        let prober = Ffprobe::new(spawner.clone(), &ffmpeg.ffprobe)
            .at_once(usize::from(settings.library.probes.get()));
        let (library, scanning) = Library::new(Tools {
            db: db.clone(),
            prober: Arc::new(prober),
            listener: Arc::new(schedule.clone()),
            clock: clock.clone(),
        });
        tasks.spawn(scanning.run(ending.clone()));
        tasks.spawn(first_scan(library.clone(), schedule.clone(), ending.clone()));
        tasks.spawn(housekeep(schedule.clone(), ending.clone()));

        let limits =
            Limits { bytes: settings.store.limit.0, free_floor_bytes: settings.store.free.0 };
        let store = Store::open(data.segments(), limits)?;
        let encoding = encoding(&ffmpeg, settings);
        let slates = Slates::new(spawner.clone(), encoding.clone(), find_font());
        let stop_transcoding = CancellationToken::new();
        let (transcoder, transcoding) = Transcoder::start(
            spawner.clone(),
            encoding,
            store.clone(),
            slates,
            stop_transcoding.clone(),
        );
        let programme = Programme::new(Arc::new(schedule.clone()), &ffmpeg.version);
        let manager = Manager::new(clock, programme, transcoder, store.clone());
        tasks.spawn({
            let manager = manager.clone();
            async move { manager.run().await }
        });
        let transcoding = (stop_transcoding, transcoding);
        Ok(Self {
            data,
            spawner,
            ffmpeg,
            db,
            schedule,
            library,
            store,
            transcoding,
            manager,
            tasks,
            ending,
        })
    }

    pub(super) fn router(&self) -> Router {
        http::stream::router(self.manager.clone()).merge(http::assets::router())
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
        self.store.flush().await;
        self.ending.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let left = self.spawner.shut_down().await;
        if left > 0 {
            let program = self.ffmpeg.ffmpeg.display();
            tracing::error!(left, %program, "processes hang in the system and could not be ended");
        }
        drop(self.schedule);
        drop(self.library);
        if let Err(error) = self.db.close().await {
            tracing::error!(%error, "the catalogue was not closed cleanly");
        }
        drop(self.data);
    }
}

/// Makes the configured folders part of the library. One that is not there is
/// refused when it is new; one that was there before may come back.
async fn add_folders(db: &Db, folders: &[PathBuf], clock: &Clock) -> Result<(), AppError> {
    let known: Vec<PathBuf> = db.folders().await?.into_iter().map(|folder| folder.path).collect();
    for folder in folders {
        let absolute = std::path::absolute(folder)
            .map_err(|source| AppError::Folder { folder: folder.clone(), source })?;
        let real = std::fs::canonicalize(&absolute);
        let path = real.as_ref().unwrap_or(&absolute);
        match real.as_ref() {
            _ if known.contains(path) => {
                if let Err(error) = std::fs::read_dir(path) {
                    tracing::warn!(folder = %path.display(), %error, "a media folder cannot be read now");
                }
            }
            Ok(path) => match std::fs::read_dir(path) {
                Ok(_) => {
                    db.add_folder(path, clock.now()).await?;
                }
                Err(source) => return Err(AppError::Folder { folder: folder.clone(), source }),
            },
            Err(error) => {
                let source = std::io::Error::from(error.kind());
                return Err(AppError::Folder { folder: folder.clone(), source });
            }
        }
    }
    Ok(())
}

/// Looks for new media at each start, and makes channels of the first that are found.
async fn first_scan(library: Library, schedule: Schedule, ending: CancellationToken) {
    let scan = async {
        let Ok(job) = library.scan(ScanRequest::all()).await else { return };
        if library.ended(job).await.is_err() {
            return;
        }
        match schedule.make_first_channels().await {
            Ok(channels) => {
                for channel in channels {
                    tracing::info!(number = %channel.number, name = channel.name, "a first channel");
                }
            }
            Err(error) => tracing::error!(%error, "no first channels were made"),
        }
    };
    tokio::select! {
        () = ending.cancelled() => {}
        () = scan => {}
    }
}

async fn housekeep(schedule: Schedule, ending: CancellationToken) {
    let mut hourly = tokio::time::interval(HOUSEKEEPING);
    loop {
        tokio::select! {
            () = ending.cancelled() => return,
            _ = hourly.tick() => {}
        }
        if let Err(error) = schedule.housekeep().await {
            tracing::error!(%error, "old ledger rows were not pruned");
        }
    }
}

fn encoding(ffmpeg: &Ffmpeg, settings: &Settings) -> Encoding {
    Encoding {
        ffmpeg: ffmpeg.ffmpeg.clone(),
        filters: Filters {
            zscale: ffmpeg.has_filter("zscale") && ffmpeg.has_filter("tonemap"),
            drawtext: ffmpeg.has_filter("drawtext"),
        },
        tuning: Tuning {
            threads: u8::try_from(settings.ffmpeg.threads.get()).unwrap_or(2),
            ..Tuning::default()
        },
        niceness: u8::try_from(settings.ffmpeg.niceness.get()).unwrap_or(0),
    }
}

/// A typeface for slates, where the common systems keep one.
fn find_font() -> Option<PathBuf> {
    [
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "/usr/share/fonts/TTF/DejaVuSans.ttf",
        "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
        "/usr/share/fonts/liberation/LiberationSans-Regular.ttf",
        "/System/Library/Fonts/Supplemental/Arial.ttf",
    ]
    .into_iter()
    .map(PathBuf::from)
    .find(|font| Path::exists(font))
}
