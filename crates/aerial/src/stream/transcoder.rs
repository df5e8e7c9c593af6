//! The transcoder: matches what sessions will want with workers.
//!
//! One task owns all workers and tracks; sessions state their demand, the model
//! (`demand`) decides, this starts and ends. Knows no channel and no clock time.
//! Invariants: single flight (one worker per missing segment, whichever sessions
//! want it), and a track that fails becomes slate, never a hole.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::command::{self, Filters, Tuning};
use aerial_model::demand::{Decision, TrackKey, Want, WorkerId, WorkerView, decide};
use aerial_model::segmenter::{Handover, Position};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::slate::Slates;
use super::store::{SegmentKey, Store};
use super::track::{Source, Track};
use super::worker::{Ended, Failure, Outcome, Progress, Unfinished, Worker};
use crate::clock::monotonic;
use crate::ffmpeg::{Child, Invocation, Spawner};

/// How often workers' reach is compared with demand when nothing happens.
const REVIEW: Duration = Duration::from_millis(250);

/// The second failure in a row without a segment between makes the rest slate
/// (`design.md`, invariant 6: retried once, then put aside).
const FAILURES_UNTIL_SLATE: u32 = 2;

/// A track that became slate is tried again this often (`rules.md`, 23).
const RETRY_SLATED: Duration = Duration::from_secs(30);

/// If not even a slate can be made, it is tried again after this.
const SLATE_PAUSE: Duration = Duration::from_secs(1);

/// Identifies a session's demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub u64);

/// How the transcoder makes what it makes.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// The FFmpeg to run.
    pub ffmpeg: PathBuf,
    /// What it was built with.
    pub filters: Filters,
    /// How hard it tries.
    pub tuning: Tuning,
    /// Lower priority than the server itself.
    pub niceness: u8,
}

/// A worker, for the API.
#[derive(Clone, Debug)]
pub struct WorkerStatus {
    /// Its name in logs.
    pub id: WorkerId,
    /// What it makes.
    pub track: Arc<Track>,
    /// The process.
    pub pid: u32,
    /// The segment that it makes now.
    pub segment: u32,
    /// It sleeps until more is wanted.
    pub parked: bool,
    /// Media made per time running, in hundredths; none before the first segment.
    pub speed_percent: Option<u32>,
}

/// What went wrong with a track, for the API.
#[derive(Clone, Debug)]
pub struct TrackStatus {
    /// Which.
    pub track: TrackKey,
    /// How often a worker of it was started again.
    pub restarts: u32,
    /// The last failure.
    pub last_error: Option<String>,
    /// It is slate for now.
    pub slated: bool,
}

/// All that runs.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The workers.
    pub workers: Vec<WorkerStatus>,
    /// The tracks that are wanted.
    pub tracks: Vec<TrackStatus>,
}

/// The handle; clones reach the same transcoder.
#[derive(Clone, Debug)]
pub struct Transcoder {
    commands: mpsc::Sender<Command>,
    status: watch::Receiver<Arc<Status>>,
}

#[derive(Debug)]
enum Command {
    Want { session: SessionId, tracks: Vec<Arc<Track>>, wants: Vec<Want> },
    Withdraw { session: SessionId, done: oneshot::Sender<()> },
}

impl Transcoder {
    /// Starts the transcoder. The returned task ends when `stop` is cancelled,
    /// having ended every worker.
    pub fn start(
        spawner: Spawner,
        encoding: Encoding,
        store: Store,
        slates: Slates,
        stop: CancellationToken,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        // Sessions state their demand about once a second each; a full queue
        // makes them wait, which loses nothing.
        let (commands, inbox) = mpsc::channel(64);
        let (status_in, status) = watch::channel(Arc::default());
        let owner = Owner {
            status: status_in,
            spawner,
            encoding,
            store,
            slates,
            demands: HashMap::new(),
            tracks: HashMap::new(),
            workers: HashMap::new(),
            running: JoinSet::new(),
            composing: JoinSet::new(),
            next_worker: 0,
        };
        let task = tokio::spawn(owner.run(inbox, stop));
        (Self { commands, status }, task)
    }

    /// States all that a session wants from now on.
    pub async fn want(&self, session: SessionId, tracks: Vec<Arc<Track>>, wants: Vec<Want>) {
        // A transcoder that has stopped makes nothing more, for anybody.
        let _ = self.commands.send(Command::Want { session, tracks, wants }).await;
    }

    /// The session wants nothing more; returns when the workers that only it
    /// needed have ended.
    pub async fn withdraw(&self, session: SessionId) {
        let (done, ended) = oneshot::channel();
        if self.commands.send(Command::Withdraw { session, done }).await.is_ok() {
            let _ = ended.await;
        }
    }

    /// All that runs, as of a moment ago.
    pub fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }
}

struct Owner {
    status: watch::Sender<Arc<Status>>,
    spawner: Spawner,
    encoding: Encoding,
    store: Store,
    slates: Slates,
    demands: HashMap<SessionId, Vec<Want>>,
    tracks: HashMap<TrackKey, TrackState>,
    workers: HashMap<WorkerId, Running>,
    running: JoinSet<(WorkerId, Ended)>,
    /// Slates being composed.
    composing: JoinSet<TrackKey>,
    next_worker: u64,
}

struct TrackState {
    track: Arc<Track>,
    unfinished: Vec<Unfinished>,
    failures: u32,
    restarts: u32,
    last_error: Option<String>,
    /// Until then it is slate.
    slate_until: Option<Instant>,
    composing: bool,
}

struct Running {
    track: Arc<Track>,
    pid: u32,
    first: u32,
    started: Instant,
    limit: watch::Sender<u32>,
    progress: watch::Receiver<Progress>,
    stop: CancellationToken,
    /// Told to end: whoever waits for that.
    waiting: Vec<oneshot::Sender<()>>,
}

impl Owner {
    async fn run(mut self, mut inbox: mpsc::Receiver<Command>, stop: CancellationToken) {
        let mut review = tokio::time::interval(REVIEW);
        review.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                command = inbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                Some(ended) = self.running.join_next() => self.worker_ended(ended),
                Some(composed) = self.composing.join_next() => {
                    if let Ok(track) = composed
                        && let Some(state) = self.tracks.get_mut(&track)
                    {
                        state.composing = false;
                    }
                }
                _ = review.tick() => {}
            }
            self.reconcile().await;
            self.status.send_replace(Arc::new(self.status()));
        }
        self.shut_down().await;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Want { session, tracks, wants } => {
                for track in tracks {
                    self.tracks.entry(track.key).or_insert_with(|| TrackState::new(track));
                }
                self.demands.insert(session, wants);
            }
            Command::Withdraw { session, done } => {
                self.demands.remove(&session);
                self.end_unwanted(done);
            }
        }
    }

    /// Ends the workers of tracks that nobody wants any more; `done` is told
    /// when the last of them is gone.
    fn end_unwanted(&mut self, done: oneshot::Sender<()>) {
        let unwanted: Vec<WorkerId> = self
            .workers
            .iter()
            .filter(|(_, worker)| !self.is_wanted(worker.track.key))
            .map(|(id, _)| *id)
            .collect();
        // Each worker's end releases a part; when all parts are gone, so is `done`'s.
        let parts: Vec<oneshot::Receiver<()>> = unwanted
            .into_iter()
            .filter_map(|id| {
                let worker = self.workers.get_mut(&id)?;
                let (part, ended) = oneshot::channel();
                worker.waiting.push(part);
                worker.stop.cancel();
                Some(ended)
            })
            .collect();
        tokio::spawn(async move {
            for part in parts {
                let _ = part.await;
            }
            let _ = done.send(());
        });
    }

    fn is_wanted(&self, track: TrackKey) -> bool {
        self.demands.values().flatten().any(|want| want.track == track)
    }

    async fn reconcile(&mut self) {
        let wants: Vec<Want> = self.demands.values().flatten().copied().collect();
        let workers: Vec<WorkerView> = self
            .workers
            .iter()
            .filter(|(_, worker)| !worker.stop.is_cancelled())
            .map(|(id, worker)| worker.view(*id))
            .collect();
        let store = &self.store;
        let decisions =
            decide(&wants, &workers, |track, index| store.has(SegmentKey { track, index }));
        for decision in decisions {
            match decision {
                Decision::Start { track, segment, limit } => {
                    self.start(track, segment, limit).await
                }
                Decision::Extend { worker, limit } => {
                    if let Some(worker) = self.workers.get(&worker) {
                        worker.limit.send_replace(limit);
                    }
                }
                Decision::End { worker, reason } => {
                    if let Some(running) = self.workers.get(&worker) {
                        tracing::debug!(
                            worker = worker.0,
                            title = running.track.title(),
                            reason,
                            "worker ends"
                        );
                        running.stop.cancel();
                    }
                }
            }
        }
        self.forget_unwanted();
    }

    async fn start(&mut self, key: TrackKey, segment: u32, limit: u32) {
        let Some(state) = self.tracks.get_mut(&key) else { return };
        let limit = limit.min(state.track.map.segments());
        let slated = state.slate_until.is_some_and(|until| monotonic() < until);
        if slated || matches!(state.track.source, Source::Slate) {
            self.compose(key, segment, limit);
            return;
        }
        let unfinished = state.take_unfinished(segment);
        let (handover, continued) = match unfinished {
            Some(unfinished) => (unfinished.handover, Some(unfinished.growing)),
            None => (Handover::at(&state.track.map, segment), None),
        };
        let track = Arc::clone(&state.track);
        match self.spawn(&track, handover.position()).await {
            Ok(child) => {
                let worker = self.employ(track, child.pid(), segment, limit);
                let id = worker.id;
                self.running
                    .spawn(async move { (id, worker.run(child, handover, continued).await) });
            }
            Err(failure) => {
                let unfinished = continued.map(|growing| Unfinished { growing, handover });
                self.failed(&track, failure, unfinished);
            }
        }
    }

    async fn spawn(&self, track: &Track, position: Position) -> Result<Child, Failure> {
        let Source::Media(media) = &track.source else {
            unreachable!("slates are composed, not spawned")
        };
        let arguments = command::worker(&command::WorkerRun {
            path: &media.path,
            facts: &media.facts,
            map: &track.map,
            first_frame: position.frame,
            first_audio: position.audio,
            profile: &track.profile,
            tuning: &self.encoding.tuning,
            filters: self.encoding.filters,
        });
        let invocation =
            Invocation::new(&self.encoding.ffmpeg).args(arguments).niceness(self.encoding.niceness);
        self.spawner.spawn(invocation).await.map_err(|error| Failure {
            class: super::worker::FailureClass::Exit,
            detail: error.to_string(),
        })
    }

    /// Takes a process on as a worker.
    fn employ(&mut self, track: Arc<Track>, pid: u32, first: u32, limit: u32) -> Worker {
        self.next_worker += 1;
        let id = WorkerId(self.next_worker);
        let (limit, limit_seen) = watch::channel(limit);
        let (progress, progress_seen) = watch::channel(Progress {
            segment: first,
            overtaken: false,
            completed: 0,
            parked_since: None,
        });
        let stop = CancellationToken::new();
        tracing::info!(worker = id.0, title = track.title(), segment = first, pid, "worker starts");
        self.workers.insert(
            id,
            Running {
                track: Arc::clone(&track),
                pid,
                first,
                started: monotonic(),
                limit,
                progress: progress_seen,
                stop: stop.clone(),
                waiting: Vec::new(),
            },
        );
        Worker { id, track, store: self.store.clone(), limit: limit_seen, progress, stop }
    }

    fn worker_ended(&mut self, joined: Result<(WorkerId, Ended), tokio::task::JoinError>) {
        let (id, ended) = match joined {
            Ok(ended) => ended,
            Err(error) => {
                // A bug; the process itself was killed by its guard.
                tracing::error!(%error, "a worker's task ended abnormally");
                self.workers.retain(|_, worker| !worker.progress.has_changed().is_err());
                return;
            }
        };
        let Some(worker) = self.workers.remove(&id) else { return };
        let made_some = ended.progress.completed > 0;
        if let Some(state) = self.tracks.get_mut(&worker.track.key)
            && made_some
        {
            state.failures = 0;
        }
        match ended.outcome {
            Outcome::Complete | Outcome::Told => {
                if let (Some(state), Some(unfinished)) =
                    (self.tracks.get_mut(&worker.track.key), ended.unfinished)
                {
                    state.unfinished.push(unfinished);
                }
            }
            Outcome::Failed(failure) => {
                let restarts_at = ended.progress.segment;
                tracing::warn!(
                    worker = id.0, title = worker.track.title(), segment = restarts_at,
                    class = ?failure.class, reason = failure.detail, "worker failed"
                );
                self.failed(&worker.track, failure, ended.unfinished);
            }
        }
        for waiting in worker.waiting {
            let _ = waiting.send(());
        }
    }

    /// Takes note of a failure: the next decision starts a successor, or slate.
    fn failed(&mut self, track: &Arc<Track>, failure: Failure, unfinished: Option<Unfinished>) {
        let state =
            self.tracks.entry(track.key).or_insert_with(|| TrackState::new(Arc::clone(track)));
        state.unfinished.extend(unfinished);
        state.failures += 1;
        state.restarts += 1;
        state.last_error = Some(failure.detail);
        if state.failures >= FAILURES_UNTIL_SLATE {
            state.slate_until = Some(monotonic() + RETRY_SLATED);
            // One attempt when the time has come; it fails back into slate.
            state.failures = FAILURES_UNTIL_SLATE - 1;
            tracing::warn!(title = track.title(), "the programme is slate for now");
        }
    }

    /// Makes slate in place of the missing segments from `segment` to `limit`.
    fn compose(&mut self, key: TrackKey, segment: u32, limit: u32) {
        let Some(state) = self.tracks.get_mut(&key) else { return };
        if std::mem::replace(&mut state.composing, true) {
            return;
        }
        let (track, store, slates) =
            (Arc::clone(&state.track), self.store.clone(), self.slates.clone());
        let unfinished = state.take_unfinished(segment);
        self.composing.spawn(async move {
            if let Err(error) = slates.fill(&track, unfinished, segment..limit, &store).await {
                tracing::error!(title = track.title(), %error, "there is not even a slate");
                // Without a pause this would be tried again at once, for ever.
                tokio::time::sleep(SLATE_PAUSE).await;
            }
            track.key
        });
    }

    /// Forgets tracks that nobody wants and no worker makes.
    fn forget_unwanted(&mut self) {
        let wanted: Vec<TrackKey> = self
            .tracks
            .keys()
            .copied()
            .filter(|key| {
                self.is_wanted(*key) || self.workers.values().any(|worker| worker.track.key == *key)
            })
            .collect();
        let store = &self.store;
        self.tracks.retain(|key, state| {
            let keep = wanted.contains(key) || state.composing;
            if !keep {
                state
                    .unfinished
                    .drain(..)
                    .for_each(|unfinished| store.abandon(&unfinished.growing));
            }
            keep
        });
    }

    fn status(&self) -> Status {
        Status {
            workers: self.workers.iter().map(|(id, worker)| worker.status(*id)).collect(),
            tracks: self
                .tracks
                .values()
                .map(|state| TrackStatus {
                    track: state.track.key,
                    restarts: state.restarts,
                    last_error: state.last_error.clone(),
                    slated: state.slate_until.is_some_and(|until| monotonic() < until),
                })
                .collect(),
        }
    }

    async fn shut_down(mut self) {
        self.workers.values().for_each(|worker| worker.stop.cancel());
        while let Some(ended) = self.running.join_next().await {
            self.worker_ended(ended);
        }
        self.composing.shutdown().await;
        self.demands.clear();
        for state in self.tracks.values_mut() {
            state.composing = false;
        }
        self.forget_unwanted();
    }
}

impl TrackState {
    fn new(track: Arc<Track>) -> Self {
        Self {
            track,
            unfinished: Vec::new(),
            failures: 0,
            restarts: 0,
            last_error: None,
            slate_until: None,
            composing: false,
        }
    }

    fn take_unfinished(&mut self, segment: u32) -> Option<Unfinished> {
        let place = self.unfinished.iter().position(|u| u.growing.key().index == segment)?;
        Some(self.unfinished.swap_remove(place))
    }
}

impl Running {
    fn view(&self, id: WorkerId) -> WorkerView {
        let progress = *self.progress.borrow();
        WorkerView {
            id,
            track: self.track.key,
            position: progress.segment,
            limit: *self.limit.borrow(),
            overtaken: progress.overtaken,
            parked_for: progress.parked_since.map_or(Duration::ZERO, |since| since.elapsed()),
        }
    }

    fn status(&self, id: WorkerId) -> WorkerStatus {
        let progress = *self.progress.borrow();
        let made = self.track.map.cut(progress.segment) - self.track.map.cut(self.first);
        let running_ms = self.started.elapsed().as_millis().max(1) as i64;
        WorkerStatus {
            id,
            track: Arc::clone(&self.track),
            pid: self.pid,
            segment: progress.segment,
            parked: progress.parked_since.is_some(),
            speed_percent: (progress.completed > 0 && progress.parked_since.is_none())
                .then(|| u32::try_from(made.as_millis() * 100 / running_ms).unwrap_or(0)),
        }
    }
}
