//! The library and the schedule: what there is to show, and what airs when.
//!
//! Owns the order in which they begin: folders, schedule, scanner, watcher, and only
//! then the first scan. Invariant: the demo's channels are there before anybody can ask
//! for them; any other library is scanned while the server serves.

use std::path::PathBuf;
use std::sync::Arc;

use super::ground::Ground;
use crate::app::first_scan::FirstScan;
use crate::app::{AppError, Startup, housekeeping, opening, time_kept};
use crate::config::Settings;
use crate::indexing::Indexing;
use crate::library::{Ffprobe, Library, Tools, WatchTimes, Watcher};
use crate::schedule::{Schedule, Standard};

/// What there is to show, and when.
pub(super) struct LibraryParts {
    pub(super) schedule: Schedule,
    pub(super) library: Library,
    pub(super) watcher: Watcher,
    pub(super) indexing: Indexing,
}

impl LibraryParts {
    pub(super) async fn start(ground: &Ground, startup: &Startup) -> Result<Self, AppError> {
        let Startup { settings, demo, .. } = startup;
        let Ground { clock, db, tasks, ending, .. } = ground;
        let folders = folders(ground, settings, *demo).await?;
        let schedule =
            Schedule::open_with(db.clone(), clock.clone(), Standard::of(settings)).await?;
        let library = library(ground, settings, &schedule);
        // Before the first scan, so that nothing falls between the two.
        let watcher = watcher(ground, settings, &library);
        let indexing = Indexing {
            db: db.clone(),
            schedule: schedule.clone(),
            spawner: ground.spawner.clone(),
            ffmpeg: ground.ffmpeg.ffmpeg.clone(),
            ffprobe: ground.ffmpeg.ffprobe.clone(),
            clock: clock.clone(),
            turn: Arc::default(),
        };
        if *demo {
            opening::open_demo(&library, &schedule, &indexing, &folders).await?;
        } else {
            let first_scan = FirstScan::new(library.clone(), schedule.clone());
            tasks.spawn(first_scan.run(ending.clone()));
        }
        let days = settings.history.days.get();
        tasks.spawn(housekeeping::run(schedule.clone(), clock.clone(), days, ending.clone()));
        tasks.spawn(time_kept::note(clock.clone(), db.clone(), ending.clone()));
        tasks.spawn(indexing.clone().run(ending.clone()));
        Ok(Self { schedule, library, watcher, indexing })
    }
}

/// The folders that are set and, last, the demo's; all of them are in the catalogue.
async fn folders(
    ground: &Ground,
    settings: &Settings,
    demo: bool,
) -> Result<Vec<PathBuf>, AppError> {
    let mut folders = settings.library.folders.clone();
    if demo {
        folders.push(opening::make_demo(&ground.data, &ground.ffmpeg, &ground.spawner).await?);
    }
    opening::add_folders(&ground.db, &folders, &ground.clock).await?;
    Ok(folders)
}

/// The library, whose scans run from now on.
fn library(ground: &Ground, settings: &Settings, schedule: &Schedule) -> Library {
    let prober = Ffprobe::new(ground.spawner.clone(), &ground.ffmpeg.ffprobe)
        .at_once(usize::from(settings.library.probes.get()));
    let (library, scanning) = Library::new(Tools {
        db: ground.db.clone(),
        prober: Arc::new(prober),
        listener: Arc::new(schedule.clone()),
        clock: ground.clock.clone(),
    });
    ground.tasks.spawn(scanning.run(ground.ending.clone()));
    library
}

/// Watches the folders for what comes and goes, or only looks now and then.
fn watcher(ground: &Ground, settings: &Settings, library: &Library) -> Watcher {
    let times = WatchTimes { rescan_every: settings.library.rescan.0, ..WatchTimes::default() };
    let (watcher, watching) = Watcher::new(ground.db.clone(), library.clone(), times);
    let watching = match settings.library.watch {
        true => watching,
        false => watching.without_listening(),
    };
    ground.tasks.spawn(watching.run(ground.ending.clone()));
    watcher
}
