//! The transcoder's task: what is wanted beside what is made, again and again.
//!
//! Owns tracks and workers. How a segment is set about is in `starting`, slate in
//! `composing`; who works first, and how hard, in `turns` and `pacing`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::{Decision, TrackKey, Want, WorkerId, WorkerView, decide};
use aerial_model::pace::Pace;
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::device;
use super::notes::Notes;
use super::running::Running;
use super::track_state::TrackState;
use super::{Command, Encoding, Lease, Released, SessionId, Slates, Status, Store, TrackStatus};
use crate::clock::monotonic;
use crate::ffmpeg::Spawner;
use crate::stream::store::SegmentKey;
use crate::stream::track::{Source, Track};
use crate::stream::worker::{Ended, Failure, Outcome, Unfinished};

/// How often workers' reach is compared with demand when nothing happens.
const REVIEW: Duration = Duration::from_millis(250);

pub(super) struct Owner {
    status: watch::Sender<Arc<Status>>,
    pub(super) spawner: Spawner,
    pub(super) encoding: Encoding,
    pub(super) store: Store,
    pub(super) slates: Slates,
    pub(super) notes: Notes,
    pub(super) demands: HashMap<SessionId, (Vec<Want>, Lease)>,
    pub(super) tracks: HashMap<TrackKey, TrackState>,
    pub(super) workers: HashMap<WorkerId, Running>,
    /// How hard the next workers try, on each device.
    pub(super) paces: BTreeMap<&'static str, Pace>,
    pub(super) began: Instant,
    pub(super) running: JoinSet<Ended>,
    /// Slates being composed; they give back what they could not complete.
    pub(super) composing: JoinSet<Option<Unfinished>>,
    /// Who waits for all that is ended now.
    leaving: Vec<Released>,
    pub(super) next_worker: u64,
}

impl Owner {
    pub(super) fn new(
        spawner: Spawner,
        encoding: Encoding,
        store: Store,
        slates: Slates,
        notes: Notes,
        status: watch::Sender<Arc<Status>>,
    ) -> Self {
        Self {
            status,
            spawner,
            encoding,
            store,
            slates,
            notes,
            demands: HashMap::new(),
            tracks: HashMap::new(),
            workers: HashMap::new(),
            paces: BTreeMap::new(),
            began: monotonic(),
            running: JoinSet::new(),
            composing: JoinSet::new(),
            leaving: Vec::new(),
            next_worker: 0,
        }
    }

    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, stop: CancellationToken) {
        let mut review = tokio::time::interval(REVIEW);
        review.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                command = inbox.recv() => match command {
                    Some(command) => self.obey(command),
                    None => break,
                },
                Some(ended) = self.running.join_next_with_id() => self.worker_ended(ended),
                Some(composed) = self.composing.join_next_with_id() => self.composed(composed),
                _ = review.tick() => {}
            }
            self.reconcile().await;
            self.status.send_replace(Arc::new(self.status()));
        }
        self.shut_down().await;
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Want { session, tracks, wants, lease } => {
                for track in tracks {
                    // The newest knows best where the file is.
                    let state = self.tracks.entry(track.key);
                    let state = state.or_insert_with(|| TrackState::new(Arc::clone(&track)));
                    (state.track, state.given_up) = (track, false);
                }
                self.end_withheld();
                self.demands.insert(session, (wants, lease));
            }
            Command::Withdraw { session, done } => {
                self.demands.remove(&session);
                self.give_up_unwanted();
                self.leaving.push(done);
            }
        }
    }

    /// A session is gone: its tracks that nobody else wants are let go with all
    /// that was begun of them.
    fn give_up_unwanted(&mut self) {
        for (key, state) in &mut self.tracks {
            let mut wanted = self.demands.values().flat_map(|(wants, _)| wants);
            if !wanted.any(|want| want.track == *key) {
                state.given_up = true;
                if let Some(composing) = &state.composing {
                    composing.abort();
                }
            }
        }
    }

    async fn reconcile(&mut self) {
        let before = self.demands.len();
        self.demands.retain(|_, (_, lease)| lease.strong_count() > 0);
        if self.demands.len() < before {
            self.give_up_unwanted();
        }
        let wants: Vec<Want> =
            self.demands.values().flat_map(|(wants, _)| wants).copied().collect();
        let views = self.views();
        self.keep_pace(&views, &wants);
        let decisions = self.decide(&wants, &views);
        for decision in self.take_turns(decisions, &views, &wants) {
            match decision {
                Decision::Start { track, segment, limit, due } => {
                    self.start(track, segment, limit, due).await;
                }
                Decision::Extend { worker, limit } => {
                    if let Some(worker) = self.workers.get(&worker) {
                        let limit = worker.retires_at.map_or(limit, |last| limit.min(last));
                        worker.limit.send_replace(limit);
                    }
                }
                Decision::End { worker, reason } => {
                    if let Some(running) = self.workers.get(&worker)
                        && !running.completes()
                    {
                        let title = running.track.title();
                        running.span.in_scope(|| tracing::debug!(title, reason, "worker ends"));
                        running.stop.cancel();
                    }
                }
            }
        }
        self.let_go(&wants);
        self.attend_leaving();
    }

    fn decide(&self, wants: &[Want], views: &[WorkerView]) -> Vec<Decision> {
        decide(wants, views, |track, index| self.store.has(SegmentKey { track, index }))
    }

    /// The workers that were not told to end.
    fn views(&self) -> Vec<WorkerView> {
        let made = |track, index| self.store.has(SegmentKey { track, index });
        self.workers
            .iter()
            .filter(|(_, worker)| !worker.stop.is_cancelled())
            .map(|(id, worker)| worker.view(*id, made))
            .collect()
    }

    /// Forgets tracks that nobody wants, no worker makes, and of which nothing
    /// is left to complete.
    fn let_go(&mut self, wants: &[Want]) {
        let mut to_complete = Vec::new();
        for (key, state) in &mut self.tracks {
            let left = state.let_go(wants);
            to_complete.extend(left.into_iter().map(|segment| (*key, segment)));
        }
        for (key, segment) in to_complete {
            self.compose(key, segment, segment);
        }
        let workers = &self.workers;
        self.tracks.retain(|key, state| {
            wants.iter().any(|want| want.track == *key)
                || workers.values().any(|worker| worker.track.key == *key)
                || state.composing.is_some()
                || !state.unfinished.is_empty()
        });
    }

    /// Lets those who wait know when all that is being ended is gone.
    fn attend_leaving(&mut self) {
        for done in self.leaving.drain(..) {
            for worker in self.workers.values_mut().filter(|worker| worker.stop.is_cancelled()) {
                worker.waiting.push(Arc::clone(&done));
            }
            for state in self.tracks.values_mut() {
                if state.given_up && state.composing.is_some() {
                    state.waiting.push(Arc::clone(&done));
                }
            }
        }
    }

    fn worker_ended(&mut self, joined: Result<(Id, Ended), JoinError>) {
        let task = match &joined {
            Ok((task, _)) => *task,
            Err(error) => error.id(),
        };
        let Some(id) = self.workers.iter().find(|(_, w)| w.task == task).map(|(id, _)| *id) else {
            return;
        };
        let Some(worker) = self.workers.remove(&id) else { return };
        let ended = joined.map_or_else(|error| Ended::abnormally(&error), |(_, ended)| ended);
        let sessions = served(&self.demands, worker.track.key, ended.progress.segment);
        self.notes.worker_ended(&worker.run, &sessions, &ended);
        if let Some(state) = self.tracks.get_mut(&worker.track.key)
            && ended.progress.completed > 0
        {
            state.health.made_some();
            (state.told_slate, state.told) = (false, None);
        }
        match ended.outcome {
            Outcome::Complete | Outcome::Told => {
                if let Some(state) = self.tracks.get_mut(&worker.track.key) {
                    state.unfinished.extend(ended.unfinished);
                }
            }
            Outcome::Failed(failure) => {
                worker.span.in_scope(|| {
                    tracing::warn!(
                        title = worker.track.title(),
                        segment = ended.progress.segment,
                        class = failure.class.name(),
                        reason = failure.detail,
                        "worker failed"
                    );
                });
                device::blame(
                    &self.encoding.devices,
                    &worker.track,
                    &failure,
                    &worker.run.stderr(),
                );
                self.failed(&worker.track, failure, ended.unfinished);
            }
        }
        // Whoever waits for it is told by the end of `worker.waiting`.
    }

    /// Takes note of a failure: the next decision starts a successor, or slate.
    pub(super) fn failed(
        &mut self,
        track: &Arc<Track>,
        failure: Failure,
        unfinished: Option<Unfinished>,
    ) {
        let state =
            self.tracks.entry(track.key).or_insert_with(|| TrackState::new(Arc::clone(track)));
        state.unfinished.extend(unfinished);
        let detail = failure.detail.clone();
        let answer = state.health.failed(failure.class, failure.detail, monotonic());
        let Some(tell) = answer.tell else { return };
        if let Source::Media(source) = &track.source
            && let Some(remux) = source.remux
        {
            self.notes.remux_failed((source, remux), tell, detail, &self.store);
        } else if state.told.replace(tell) != Some(tell) {
            self.notes.tell(track, tell, detail);
        }
    }

    /// Ends the workers of files that cannot be played any more: what they make is
    /// of other bytes than were planned.
    fn end_withheld(&self) {
        for worker in self.workers.values() {
            let state = self.tracks.get(&worker.track.key);
            if state.is_some_and(TrackState::is_withheld) {
                worker.stop.cancel();
            }
        }
    }

    fn status(&self) -> Status {
        let now = monotonic();
        Status {
            workers: self.workers.iter().map(|(id, worker)| worker.status(*id)).collect(),
            tracks: self
                .tracks
                .values()
                .map(|state| TrackStatus {
                    track: state.track.key,
                    restarts: state.health.restarts,
                    last_error: state.trouble().map(str::to_owned),
                    slated: state.is_withheld() || state.health.is_slated(now),
                })
                .collect(),
        }
    }

    async fn shut_down(mut self) {
        self.workers.values().for_each(|worker| worker.stop.cancel());
        while let Some(ended) = self.running.join_next_with_id().await {
            self.worker_ended(ended);
        }
        // What is left unfinished is abandoned with what holds it.
        self.composing.shutdown().await;
        self.notes.shut_down().await;
        self.status.send_replace(Arc::default());
    }
}

/// Whose a track is.
pub(super) fn sessions_of(
    demands: &HashMap<SessionId, (Vec<Want>, Lease)>,
    track: TrackKey,
) -> Vec<SessionId> {
    who(demands, |want| want.track == track)
}

/// Who wants this segment of a track: others may be elsewhere in it, with another worker.
fn served(
    demands: &HashMap<SessionId, (Vec<Want>, Lease)>,
    track: TrackKey,
    segment: u32,
) -> Vec<SessionId> {
    who(demands, |want| want.track == track && (want.first..=want.high).contains(&segment))
}

fn who(
    demands: &HashMap<SessionId, (Vec<Want>, Lease)>,
    wanted: impl Fn(&Want) -> bool,
) -> Vec<SessionId> {
    let wants = |(wants, _): &(Vec<Want>, Lease)| wants.iter().any(&wanted);
    demands.iter().filter(|(_, demand)| wants(demand)).map(|(session, _)| *session).collect()
}
