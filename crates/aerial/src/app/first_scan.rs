//! The scan that each start begins with, and the channels that the first makes.
//!
//! Owns when first channels are looked for: as soon as something can be played,
//! so that people watch after seconds however long the scan takes. Which they
//! are is the schedule's decision. Invariant: it ends with the server, or when
//! there is nothing more to make.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::db::{Db, JobId, MediaFilter, StateFilter};
use crate::library::{Library, ScanRequest, outline};
use crate::schedule::{self, FirstChannels, Schedule};

/// When first channels are looked for.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// Between two looks whether anything can be played.
    look: Duration,
    /// What was found first waits so long for others to begin with.
    gather: Duration,
    /// New shows and films wait so long; twice as long each time, for each look
    /// reads the whole library,
    join: Duration,
    /// up to this.
    join_at_most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let secs = Duration::from_secs;
        Self {
            look: Duration::from_millis(500),
            gather: secs(3),
            join: secs(5),
            join_at_most: secs(60),
        }
    }
}

/// The task.
pub(super) struct FirstScan {
    library: Library,
    schedule: Schedule,
    pace: Pace,
}

impl FirstScan {
    pub(super) fn new(library: Library, schedule: Schedule) -> Self {
        Self { library, schedule, pace: Pace::default() }
    }

    /// Looks for new media, and makes channels of the first that are found.
    pub(super) async fn run(self, ending: CancellationToken) {
        tokio::select! {
            // First: a scan that is ended by the shutdown has not found all.
            biased;
            () = ending.cancelled() => {}
            () = self.scan(&ending) => {}
        }
    }

    async fn scan(&self, ending: &CancellationToken) {
        let Ok(mut job) = self.library.scan(ScanRequest::all()).await else { return };
        loop {
            let mut first = match self.schedule.first_channels().await {
                Ok(Some(first)) => first,
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, "no first channels were made");
                    return;
                }
            };
            let reserved = shows(self.schedule.db(), ending.child_token()).await;
            reserved.into_iter().for_each(|shows| first.reserve(shows));
            let Some(next) = self.follow(&mut first, job).await else { return };
            job = next;
        }
    }

    /// Makes channels while this scan goes on. The next scan, where this one found
    /// nothing to make any of; `None` if all is made.
    async fn follow(&self, first: &mut FirstChannels, job: JobId) -> Option<JobId> {
        let mut ended = pin!(self.library.ended(job));
        let (mut found, mut wait) = (false, self.pace.look);
        loop {
            tokio::select! {
                biased;
                progress = &mut ended => {
                    progress.ok()?;
                    break;
                }
                () = sleep(wait) => {}
            }
            if !found {
                found = self.can_play_something().await;
                wait = if found { self.pace.gather } else { self.pace.look };
                continue;
            }
            let had_some = first.is_begun();
            grow(first, schedule::FirstScan::GoesOn).await;
            wait = match (had_some, first.is_begun()) {
                (true, _) => (wait * 2).min(self.pace.join_at_most),
                (false, true) => self.pace.join,
                (false, false) => self.pace.gather,
            };
        }
        grow(first, schedule::FirstScan::Ended).await;
        if first.is_done() {
            return None;
        }
        let mut progress = self.library.subscribe();
        let later = progress.wait_for(|p| p.job.is_some_and(|id| id > job.0)).await;
        later.ok()?.job.map(JobId)
    }

    async fn can_play_something(&self) -> bool {
        let filter = MediaFilter { state: Some(StateFilter::Ok), ..MediaFilter::default() };
        self.schedule.db().count_media(&filter).await.is_ok_and(|media| media > 0)
    }
}

/// A fault is told and the next look tries again.
async fn grow(first: &mut FirstChannels, scan: schedule::FirstScan) {
    match first.grow(scan).await {
        Ok(channels) => {
            for channel in channels {
                tracing::info!(number = %channel.number, name = channel.name, "a first channel");
            }
        }
        Err(error) => tracing::error!(%error, "first channels were not made"),
    }
}

/// The shows that the names of files tell of; `None` where the catalogue cannot.
async fn shows(db: &Db, stop: CancellationToken) -> Option<Vec<String>> {
    let folders = db.folders().await.ok()?;
    let folders: Vec<PathBuf> = folders.into_iter().map(|folder| folder.path).collect();
    // Ended early with the server, which does not wait for it.
    let guard = stop.clone().drop_guard();
    let shows = tokio::task::spawn_blocking(move || outline::shows(&folders, &stop)).await.ok();
    drop(guard);
    shows
}

#[cfg(test)]
mod tests;
