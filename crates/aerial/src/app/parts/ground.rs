//! What every other part stands on: the clock, the data folder with its segments, FFmpeg,
//! the catalogue.
//!
//! Owns what is taken first and given back last, and the word that ends all that would
//! run for ever. Invariant: after `give_back` no task and no process is left, and the
//! data folder is free for the next server.

use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{AppError, Startup, system, time_kept};
use crate::backup::Backups;
use crate::clock::Clock;
use crate::config::{self, Sandbox, Settings};
use crate::data_dir::{DataDir, DataDirError};
use crate::db::{Db, DbError, ENDED_WELL};
use crate::ffmpeg::sandbox::trial::{self, Holds};
use crate::ffmpeg::{Ffmpeg, Spawner, own_binary};
use crate::held::once_free;
use crate::stream::store::{Limits, Store};

/// How long tasks may take to end. They do so at once, but for one whose disk hangs, which
/// must not use up the time that the keeper gives the whole end.
const TASKS_PATIENCE: Duration = Duration::from_secs(3);
const CLOSE_PATIENCE: Duration = Duration::from_secs(3);

/// What every other part is given of.
pub(super) struct Ground {
    pub(super) clock: Clock,
    pub(super) data: DataDir,
    pub(super) store: Store,
    pub(super) spawner: Spawner,
    /// What the sandbox of this machine holds back.
    pub(super) sandbox: Holds,
    pub(super) ffmpeg: Ffmpeg,
    pub(super) backups: Backups,
    pub(super) db: Db,
    /// Tasks that run until `ending`.
    pub(super) tasks: TaskTracker,
    pub(super) ending: CancellationToken,
}

impl Ground {
    /// Locks the data folder, opens the segments, finds FFmpeg, and opens the catalogue.
    pub(super) async fn take(startup: &Startup) -> Result<Self, AppError> {
        let settings = &startup.settings;
        let clock = Clock::system();
        let data = once_free(
            || DataDir::open(&settings.server.data),
            |error| matches!(error, DataDirError::InUse { .. }),
        )?;
        // Before the catalogue: on a full disk it has room only once segments have given way.
        let limits =
            Limits { bytes: settings.store.limit.0, free_floor_bytes: settings.store.free.0 };
        let store = Store::open(data.segments(), limits)?;
        let shim = own_binary().map_err(system("find this program's own file"))?;
        let spawner = Spawner::sandboxed(shim, settings.ffmpeg.sandbox)?;
        let sandbox = try_sandbox(settings.ffmpeg.sandbox, &spawner, &data).await?;
        let ffmpeg = find_ffmpeg(settings, &spawner).await?;
        let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
        let backups = backups(startup, &data, &clock, &ending);
        backups.before_upgrade().await;
        let db = Db::open(&data.catalogue()).await?;
        time_kept::resume(&clock, &db, settings.server.trust_clock).await?;
        Ok(Self { clock, data, store, spawner, sandbox, ffmpeg, backups, db, tasks, ending })
    }

    /// Writes down that a server began, and tells whether the last one broke off.
    pub(super) async fn begin(&self) -> Result<bool, DbError> {
        // None is written down before the first start, and the first from a backup.
        let broke_off = self.db.setting(ENDED_WELL).await? == Some(false);
        self.db.set_setting(ENDED_WELL, &false).await?;
        Ok(broke_off)
    }

    /// Ends all tasks, then all processes. The other parts have ended what they own.
    pub(super) async fn end_tasks(&self) {
        self.ending.cancel();
        self.tasks.close();
        if timeout(TASKS_PATIENCE, self.tasks.wait()).await.is_err() {
            let left = self.tasks.len();
            tracing::error!(left, "tasks wait for a disk that does not answer, and are left to it");
        }
        let left = self.spawner.shut_down().await;
        if left > 0 {
            let program = self.ffmpeg.ffmpeg.display();
            tracing::error!(left, %program, "processes hang in the system and could not be ended");
        }
        if let Err(error) = self.db.set_setting(ENDED_WELL, &true).await {
            tracing::error!(%error, "a good end is not written down");
        }
    }

    /// Closes the catalogue, which no other part has any more, and unlocks the folder.
    pub(super) async fn give_back(self) {
        match timeout(CLOSE_PATIENCE, self.db.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the catalogue was not closed cleanly"),
            Err(_) => tracing::error!("the catalogue is still in use, and was not closed cleanly"),
        }
        drop(self.data);
    }
}

/// What the sandbox holds back here; refused if that is too little for the settings.
async fn try_sandbox(
    wanted: Sandbox,
    spawner: &Spawner,
    data: &DataDir,
) -> Result<Holds, AppError> {
    let holds = trial::examine(spawner, &data.tmp()).await;
    match wanted {
        Sandbox::On if !holds.all() => return Err(AppError::NoSandbox(holds.told())),
        Sandbox::Auto if !holds.all() => tracing::warn!("{}", holds.told()),
        _ => tracing::info!("{}", holds.told()),
    }
    Ok(holds)
}

async fn find_ffmpeg(settings: &Settings, spawner: &Spawner) -> Result<Ffmpeg, AppError> {
    let ffmpeg = Ffmpeg::discover(&settings.ffmpeg, spawner).await?;
    tracing::info!(version = ffmpeg.version, path = %ffmpeg.ffmpeg.display(), "FFmpeg");
    for shortcoming in ffmpeg.shortcomings() {
        tracing::warn!("this FFmpeg has {shortcoming}");
    }
    Ok(ffmpeg)
}

/// Backups of the data folder, and of the file of settings where that lies elsewhere.
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
