//! A worker that runs, as the transcoder holds it.

use std::sync::Arc;
use std::time::Duration;

use aerial_model::command::Speed;
use aerial_model::demand::{TrackKey, WorkerId, WorkerView};
use aerial_model::pace::Gauge;
use tokio::sync::watch;
use tokio::task::Id;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use super::{Released, WorkerStatus};
use crate::stream::history::Run;
use crate::stream::track::Track;
use crate::stream::worker::Progress;

/// A worker and the ways to it.
pub(super) struct Running {
    pub(super) track: Arc<Track>,
    pub(super) task: Id,
    pub(super) pid: u32,
    pub(super) run: Arc<Run>,
    pub(super) limit: watch::Sender<u32>,
    pub(super) progress: watch::Receiver<Progress>,
    pub(super) stop: CancellationToken,
    /// The preset that it was started with.
    pub(super) speed: Speed,
    pub(super) gauge: Gauge,
    /// When the gauge was last looked at.
    pub(super) looked: Instant,
    /// It is replaced before it begins this segment.
    pub(super) retires_at: Option<u32>,
    /// It completes in software what a device has begun.
    pub(super) stands_in: bool,
    /// Told to end: who waits for that.
    pub(super) waiting: Vec<Released>,
    /// What each line of it bears.
    pub(super) span: Span,
}

impl Running {
    /// It has still to complete what a device has begun.
    pub(super) fn completes(&self) -> bool {
        self.stands_in && self.progress.borrow().segment < *self.limit.borrow()
    }

    pub(super) fn view(&self, id: WorkerId, made: impl Fn(TrackKey, u32) -> bool) -> WorkerView {
        let progress = *self.progress.borrow();
        WorkerView {
            id,
            track: self.track.key,
            position: progress.segment,
            limit: *self.limit.borrow(),
            // One that is whole already is passed over, not fought about.
            overtaken: progress.overtaken && !made(self.track.key, progress.segment),
            parked_for: progress.parked_since.map_or(Duration::ZERO, |since| since.elapsed()),
        }
    }

    pub(super) fn status(&self, id: WorkerId) -> WorkerStatus {
        let progress = *self.progress.borrow();
        WorkerStatus {
            id,
            track: Arc::clone(&self.track),
            pid: self.pid,
            first: self.run.task.segment,
            segment: progress.segment,
            limit: *self.limit.borrow(),
            parked: progress.parked_since.is_some(),
            speed: self.speed,
            speed_percent: self.gauge.percent().filter(|_| progress.parked_since.is_none()),
        }
    }
}
