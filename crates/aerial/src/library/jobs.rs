//! Scans as jobs: asked for, waiting, at work, ended, taken up after a restart.
//!
//! Owns the one task that scans, and its handle, [`Library`]. What a scan does
//! is in `scan`. Invariant: one scan at a time; what is asked for meanwhile is
//! put together into the next one, so nothing queues up without bound; a job
//! that was not ended is begun again at the next start.

use std::collections::BTreeSet;
use std::path::PathBuf;

use aerial_model::id::FolderId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::describe::Describer;
use super::progress::{Progress, Reporter, ScanState};
use super::scan::{Ending, Scan, ScanError, Scope, Tools};
use crate::clock::monotonic;
use crate::db::{DbError, Job, JobId, JobState};

/// What these jobs are called in the catalogue.
const KIND: &str = "scan";

/// Requests that wait to be looked at; each takes the task microseconds, as
/// they are put together, so this is only full if the task is gone.
const WAITING_REQUESTS: usize = 64;

/// What to scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScanRequest {
    /// These folders; empty stands for all.
    pub folders: BTreeSet<FolderId>,
    /// Leave these files alone, they are being written.
    pub growing: BTreeSet<PathBuf>,
    /// Read those again that could not be played.
    pub retry: bool,
}

impl ScanRequest {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// One folder.
    pub fn folder(folder: FolderId) -> Self {
        Self { folders: [folder].into(), ..Self::default() }
    }
}

/// The library is shutting down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the library is shutting down: scan again after the start")]
pub struct LibraryClosed;

enum Order {
    Scan(ScanRequest, oneshot::Sender<JobId>),
    Cancel(oneshot::Sender<bool>),
}

/// The handle of the task that scans. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Library {
    orders: mpsc::Sender<Order>,
    progress: watch::Receiver<Progress>,
}

/// The task that scans; [`LibraryTask::run`] is spawned by whoever joins it.
#[must_use = "nothing is scanned until it runs"]
pub struct LibraryTask {
    tools: Tools,
    orders: mpsc::Receiver<Order>,
    reporter: Reporter,
    describer: Describer,
    /// Asked for while another scan is at work.
    next: Option<Asked>,
}

/// A job that is to be done.
struct Asked {
    job: Job,
    scope: Scope,
}

impl Library {
    /// The handle and the task behind it.
    pub fn new(tools: Tools) -> (Self, LibraryTask) {
        let (sender, orders) = mpsc::channel(WAITING_REQUESTS);
        let (reporter, progress) = Reporter::new();
        let task =
            LibraryTask { tools, orders, reporter, describer: Describer::default(), next: None };
        (Self { orders: sender, progress }, task)
    }

    /// Asks for a scan. While another is at work it waits, together with all
    /// that is asked for meanwhile.
    pub async fn scan(&self, request: ScanRequest) -> Result<JobId, LibraryClosed> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Scan(request, answer)).await.map_err(|_| LibraryClosed)?;
        answered.await.map_err(|_| LibraryClosed)
    }

    /// Ends the scan that is at work, and forgets those that wait. Whether there was one.
    pub async fn cancel(&self) -> Result<bool, LibraryClosed> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Cancel(answer)).await.map_err(|_| LibraryClosed)?;
        answered.await.map_err(|_| LibraryClosed)
    }

    /// How far the scan at work is, or how the last one ended.
    pub fn progress(&self) -> Progress {
        self.progress.borrow().clone()
    }

    /// The same, as it changes.
    pub fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until this job has ended, in whatever way, or a later one has begun.
    pub async fn ended(&self, job: JobId) -> Result<Progress, LibraryClosed> {
        let mut progress = self.progress.clone();
        // Ids are UUIDv7: a later job's is greater.
        let over = |p: &Progress| {
            p.job.is_some_and(|id| id > job.0 || (id == job.0 && !p.state.is_running()))
        };
        progress.wait_for(over).await.map(|p| p.clone()).map_err(|_| LibraryClosed)
    }
}

impl LibraryTask {
    /// Takes up what was not ended, then scans what is asked for until told to
    /// stop. What is at work then is taken up at the next start.
    pub async fn run(mut self, shut_down: CancellationToken) {
        if let Err(error) = self.take_up().await {
            warn!(%error, "cannot see whether a scan was interrupted");
        }
        loop {
            if let Some(asked) = self.next.take() {
                self.work(asked, &shut_down).await;
            }
            if shut_down.is_cancelled() {
                return;
            }
            if self.next.is_some() {
                continue;
            }
            tokio::select! {
                () = shut_down.cancelled() => return,
                order = self.orders.recv() => match order {
                    Some(order) => { self.take(order).await; }
                    None => return,
                },
            }
        }
    }

    /// Jobs that the last run of the program did not end, as one.
    async fn take_up(&mut self) -> Result<(), DbError> {
        let jobs = self.tools.db.unfinished_jobs().await?;
        for mut job in jobs.into_iter().filter(|job| job.kind == KIND) {
            let detail: Progress = serde_json::from_value(job.detail.clone()).unwrap_or_default();
            let request = ScanRequest {
                folders: detail.folders.into_iter().collect(),
                retry: detail.retry,
                ..ScanRequest::default()
            };
            match &mut self.next {
                None => {
                    info!(job = %job.id, "a scan was interrupted: it is taken up again");
                    self.next = Some(Asked { scope: scope(request), job });
                }
                Some(next) => {
                    next.scope.add(request);
                    job.state = JobState::Cancelled;
                    job.finished_at = Some(self.tools.clock.now());
                    self.tools.db.save_job(&job).await?;
                }
            }
        }
        Ok(())
    }

    /// Takes an order; whether the scan at work must end.
    async fn take(&mut self, order: Order) -> bool {
        match order {
            Order::Scan(request, answer) => {
                let id = self.ask(request).await;
                let _ = answer.send(id);
                false
            }
            Order::Cancel(answer) => {
                let waiting = self.next.take();
                if let Some(mut asked) = waiting {
                    asked.job.state = JobState::Cancelled;
                    asked.job.finished_at = Some(self.tools.clock.now());
                    self.save(&asked.job).await;
                }
                let _ = answer.send(self.reporter.now().state.is_running());
                true
            }
        }
    }

    async fn ask(&mut self, request: ScanRequest) -> JobId {
        if let Some(next) = &mut self.next {
            next.scope.add(request);
            let (id, job) = (next.job.id, next.detailed());
            self.save(&job).await;
            return id;
        }
        let job = Job {
            id: JobId::fresh(),
            kind: KIND.to_owned(),
            state: JobState::Running,
            started_at: self.tools.clock.now(),
            finished_at: None,
            detail: serde_json::Value::Null,
        };
        let asked = Asked { job, scope: scope(request) };
        // Saved before it begins, so that a crash does not forget it.
        self.save(&asked.detailed()).await;
        let id = asked.job.id;
        self.next = Some(asked);
        id
    }

    /// Does one job, taking orders meanwhile.
    async fn work(&mut self, asked: Asked, shut_down: &CancellationToken) {
        let since = monotonic();
        let Asked { mut job, scope } = asked;
        self.reporter.update(|p| *p = waiting(&job, &scope));
        let stop = shut_down.child_token();
        let scan = Scan {
            tools: self.tools.clone(),
            reporter: self.reporter.clone(),
            stop: stop.clone(),
            describer: std::mem::take(&mut self.describer),
        };
        // A task of its own: it may hold the catalogue's writer while an order
        // that is taken here waits for it.
        let mut running = AbortOnDropHandle::new(tokio::spawn(scan.run(scope)));
        let mut cancelled = false;
        let joined = loop {
            tokio::select! {
                joined = &mut running => break joined,
                Some(order) = self.orders.recv() => {
                    if self.take(order).await {
                        cancelled = true;
                        stop.cancel();
                    }
                }
            }
        };
        let result = joined.map_err(|_| ScanError::BrokeDown).and_then(|(result, describer)| {
            self.describer = describer;
            result
        });
        let (state, shown, error) = match result {
            Ok(Ending::Done) => (JobState::Done, ScanState::Done, None),
            Ok(Ending::Stopped) if cancelled => (JobState::Cancelled, ScanState::Cancelled, None),
            // Shutting down: it stays "running" in the catalogue, to be taken up.
            Ok(Ending::Stopped) => (JobState::Running, ScanState::Cancelled, None),
            Err(error) => (JobState::Failed, ScanState::Failed, Some(error.to_string())),
        };
        let now = self.tools.clock.now();
        let mut progress = self.reporter.now();
        (progress.state, progress.error, progress.current) = (shown, error, None);
        progress.finished_at = Some(now);
        job.state = state;
        job.finished_at = (state != JobState::Running).then_some(now);
        job.detail = detail(&progress);
        self.save(&job).await;
        tell(&progress, since.elapsed());
        // Last, so that whoever waits for the end finds everything stored.
        self.reporter.update(|p| *p = progress);
    }

    async fn save(&self, job: &Job) {
        if let Err(error) = self.tools.db.save_job(job).await {
            warn!(job = %job.id, %error, "cannot save how far the scan is");
        }
    }
}

impl Asked {
    /// The job as it is saved: with what it is to do.
    fn detailed(&self) -> Job {
        Job { detail: detail(&waiting(&self.job, &self.scope)), ..self.job.clone() }
    }
}

impl Scope {
    /// Both together.
    fn add(&mut self, request: ScanRequest) {
        if self.folders.is_empty() || request.folders.is_empty() {
            self.folders.clear();
        } else {
            self.folders.extend(request.folders);
        }
        // Who knows what is being written says so each time: the last word counts.
        self.growing = request.growing;
        self.retry |= request.retry;
    }
}

fn scope(request: ScanRequest) -> Scope {
    let ScanRequest { folders, growing, retry } = request;
    Scope { folders, growing, retry }
}

fn waiting(job: &Job, scope: &Scope) -> Progress {
    Progress {
        job: Some(job.id.0),
        state: ScanState::Waiting,
        folders: scope.folders.iter().copied().collect(),
        retry: scope.retry,
        started_at: job.started_at,
        ..Progress::default()
    }
}

fn detail(progress: &Progress) -> serde_json::Value {
    // Strings and numbers alone: this cannot fail.
    serde_json::to_value(progress).unwrap_or_default()
}

fn tell(progress: &Progress, took: std::time::Duration) {
    let elapsed_ms = took.as_millis() as u64;
    let Progress { found, probed, failed, unchanged, missing, moved, .. } = progress;
    match (&progress.error, progress.state) {
        (Some(error), _) => warn!(%error, elapsed_ms, "the scan failed"),
        (None, ScanState::Done) => {
            info!(
                found,
                probed, failed, unchanged, missing, moved, elapsed_ms, "scanned the library"
            );
        }
        (None, _) => info!(found, probed, elapsed_ms, "the scan was ended early"),
    }
}
