//! The transcoder's task.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::command;
use aerial_model::demand::{Decision, TrackKey, Want, WorkerId, WorkerView, decide};
use aerial_model::fault::Class;
use aerial_model::segmenter::{Handover, Position};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use super::device::{self, stands_in};
use super::health::{Course, slated_segments};
use super::notes::Notes;
use super::track_state::TrackState;
use super::{
    Command, Encoding, Lease, Released, SessionId, Slates, Status, Store, TrackStatus, WorkerStatus,
};
use crate::clock::monotonic;
use crate::ffmpeg::{Child, Invocation, Spawner};
use crate::stream::history::Run;
use crate::stream::store::{Growth, SegmentKey};
use crate::stream::track::{Source, Track};
use crate::stream::worker::{Ended, Failure, HANG, Outcome, Progress, Unfinished, Worker};
use aerial_model::command::Speed;
use aerial_model::pace::{Gauge, Pace};

/// How often workers' reach is compared with demand when nothing happens.
const REVIEW: Duration = Duration::from_millis(250);

/// If not even a slate can be made, it is tried again after this.
const SLATE_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Owner {
    status: watch::Sender<Arc<Status>>,
    spawner: Spawner,
    pub(super) encoding: Encoding,
    store: Store,
    slates: Slates,
    notes: Notes,
    demands: HashMap<SessionId, (Vec<Want>, Lease)>,
    pub(super) tracks: HashMap<TrackKey, TrackState>,
    pub(super) workers: HashMap<WorkerId, Running>,
    /// How hard the next workers try, on each device.
    pub(super) paces: BTreeMap<&'static str, Pace>,
    pub(super) began: Instant,
    running: JoinSet<Ended>,
    /// Slates being composed; they give back what they could not complete.
    composing: JoinSet<Option<Unfinished>>,
    /// Who waits for all that is ended now.
    leaving: Vec<Released>,
    next_worker: u64,
}

pub(super) struct Running {
    pub(super) track: Arc<Track>,
    task: Id,
    pid: u32,
    run: Arc<Run>,
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
    stands_in: bool,
    /// Told to end: who waits for that.
    waiting: Vec<Released>,
    /// What each line of it bears.
    pub(super) span: Span,
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

    async fn start(&mut self, key: TrackKey, segment: u32, limit: u32, due: Duration) {
        let ending = |worker: &Running| worker.track.key == key && worker.stop.is_cancelled();
        if self.workers.values().any(ending) {
            // It may have the segment in its hands still: never two for one.
            return;
        }
        let Some(state) = self.tracks.get_mut(&key) else { return };
        let limit = limit.min(state.track.map.segments());
        let slated = limit.min(segment.saturating_add(slated_segments(due)));
        if matches!(state.track.source, Source::Slate(_)) {
            self.compose(key, segment, limit);
            return;
        }
        match state.course(segment, due) {
            Course::Work => {}
            Course::Wait => return,
            Course::Slate => {
                if !std::mem::replace(&mut state.told_slate, true) {
                    let (title, reason) = (state.track.title(), state.trouble());
                    let (sessions, channels) = self.notes.whose(&sessions_of(&self.demands, key));
                    tracing::warn!(
                        sessions,
                        channels,
                        title,
                        segment,
                        ?reason,
                        "the programme is slate for now"
                    );
                }
                self.compose(key, segment, slated);
                return;
            }
        }
        let stands_in = stands_in(&self.encoding.devices, &state.track);
        if stands_in && !state.unfinished.iter().any(|left| left.growth.key().index == segment) {
            // Its sessions turn to the track in software within a moment.
            return;
        }
        // What a device began is completed in software, and no more.
        let limit = if stands_in { segment + 1 } else { limit };
        let (handover, continued) = match state.take_unfinished(segment) {
            Some(Unfinished { growth, handover }) => (handover, Some(growth)),
            None => (Handover::of(&state.track.map, state.track.treatment, segment), None),
        };
        if !state.track.treatment.copies_video()
            && handover.position().frame >= state.track.map.frames()
            && let Some(growth) = continued
        {
            // The last sound alone is missing, and FFmpeg makes none without a
            // picture: a tenth of a second of silence completes it.
            state.unfinished.push(Unfinished { growth, handover });
            self.compose(key, segment, segment);
            return;
        }
        let track = Arc::clone(&state.track);
        match self.spawn(&track, handover.position()).await {
            Ok((child, line)) => {
                let patience = self.tracks.get(&key).map_or(HANG, |s| s.health.patience(due));
                let from = Unbegun { handover, continued, segment, limit, patience };
                self.employ(track, child, line, from);
            }
            Err(failure) => {
                let unfinished = continued.map(|growth| Unfinished { growth, handover });
                let fault = (failure.class, failure.detail.clone());
                self.next_worker += 1;
                let run = Notes::unstarted(WorkerId(self.next_worker), &track, segment);
                self.notes.began(&sessions_of(&self.demands, key), &run);
                self.notes.ended(&run, None, 0, Some(fault));
                self.failed(&track, failure, unfinished);
            }
        }
    }

    async fn spawn(
        &self,
        track: &Track,
        position: Position,
    ) -> Result<(Child, Vec<String>), Failure> {
        let Source::Media(media) = &track.source else {
            unreachable!("slates are composed, not spawned")
        };
        let (profile, hardware) =
            (&*track.profile, device::of_track(&self.encoding.devices, track));
        let tuning = self.tuning(track);
        let tuning = &tuning;
        let arguments = if track.treatment.copies_video() {
            command::copy(&command::CopyRun {
                path: &media.path,
                facts: &media.facts,
                map: &track.map,
                treatment: track.treatment,
                segment: position.segment,
                first_audio: position.audio,
                profile,
                tuning,
            })
        } else {
            command::worker(&command::WorkerRun {
                path: &media.path,
                facts: &media.facts,
                map: &track.map,
                first_frame: position.frame,
                first_audio: position.audio,
                profile,
                tuning,
                filters: self.encoding.filters,
                hardware: hardware.as_deref(),
            })
        };
        let invocation =
            Invocation::new(&self.encoding.ffmpeg).args(arguments).niceness(self.encoding.niceness);
        let invocation = invocation.reads(&media.path).drives_devices(hardware.is_some());
        let line = invocation.command_line();
        match self.spawner.spawn(invocation).await {
            Ok(child) => Ok((child, line)),
            Err(error) => Err(Failure { class: Class::Machine, detail: error.to_string() }),
        }
    }

    /// Takes a process on as a worker.
    fn employ(&mut self, track: Arc<Track>, child: Child, line: Vec<String>, from: Unbegun) {
        let Unbegun { handover, continued, segment: first, limit, patience } = from;
        self.next_worker += 1;
        let (id, pid) = (WorkerId(self.next_worker), child.pid());
        let stands_in = stands_in(&self.encoding.devices, &track);
        let (progress, progress_seen) = watch::channel(Progress::at(first));
        let run = Notes::started(id, &track, first, (&child, line), progress_seen.clone());
        let sessions = sessions_of(&self.demands, track.key);
        self.notes.began(&sessions, &run);
        let span = self.notes.span(id, &sessions);
        let (limit, limit_seen) = watch::channel(limit);
        let stop = CancellationToken::new();
        let in_software = self.tracks.get(&track.key).is_some_and(|s| s.health.is_in_software());
        let title = track.title();
        span.in_scope(|| {
            tracing::info!(title, segment = first, pid, in_software, "worker starts");
        });
        let worker = Worker {
            track: Arc::clone(&track),
            store: self.store.clone(),
            limit: limit_seen,
            progress,
            stop: stop.clone(),
            patience,
            keeps: !stands_in,
        };
        let work = worker.run(child, handover, continued).instrument(span.clone());
        let task = self.running.spawn(work).id();
        let running = Running {
            speed: self.tuning(&track).speed,
            track,
            task,
            pid,
            run,
            limit,
            progress: progress_seen,
            stop,
            gauge: Gauge::default(),
            looked: monotonic(),
            retires_at: None,
            stands_in,
            waiting: Vec::new(),
            span,
        };
        self.workers.insert(id, running);
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
        self.notes.worker_ended(&worker.run, &ended);
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
    fn failed(&mut self, track: &Arc<Track>, failure: Failure, unfinished: Option<Unfinished>) {
        let state =
            self.tracks.entry(track.key).or_insert_with(|| TrackState::new(Arc::clone(track)));
        state.unfinished.extend(unfinished);
        let detail = failure.detail.clone();
        let answer = state.health.failed(failure.class, failure.detail, monotonic());
        if let Some(tell) = answer.tell.filter(|tell| state.told.replace(*tell) != Some(*tell)) {
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

    /// Makes slate in place of what is missing of `segment`, and of the segments
    /// from there to `limit` (none: it is only to be completed).
    fn compose(&mut self, key: TrackKey, segment: u32, limit: u32) {
        let Some(state) = self.tracks.get_mut(&key) else { return };
        if state.composing.is_some() {
            return;
        }
        let (track, store, slates) =
            (Arc::clone(&state.track), self.store.clone(), self.slates.clone());
        let unfinished = state.take_unfinished(segment);
        let composing = self.composing.spawn(async move {
            let filled = slates.fill(&track, unfinished, segment..limit, &store).await;
            let (error, left) = filled.err()?;
            tracing::error!(title = track.title(), %error, "there is not even a slate");
            // Without a pause this would be tried again at once, for ever.
            tokio::time::sleep(SLATE_PAUSE).await;
            left
        });
        state.composing = Some(composing);
    }

    fn composed(&mut self, joined: Result<(Id, Option<Unfinished>), JoinError>) {
        let (task, left) = match joined {
            Ok(composed) => composed,
            Err(error) => {
                if error.is_panic() {
                    tracing::error!(%error, "composing a slate ended abnormally");
                }
                (error.id(), None)
            }
        };
        let of_task = |state: &&mut TrackState| {
            state.composing.as_ref().is_some_and(|composing| composing.id() == task)
        };
        if let Some(state) = self.tracks.values_mut().find(of_task) {
            state.composing = None;
            state.waiting.clear();
            state.unfinished.extend(left);
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
fn sessions_of(
    demands: &HashMap<SessionId, (Vec<Want>, Lease)>,
    track: TrackKey,
) -> Vec<SessionId> {
    let wants = |(wants, _): &(Vec<Want>, Lease)| wants.iter().any(|want| want.track == track);
    demands.iter().filter(|(_, demand)| wants(demand)).map(|(session, _)| *session).collect()
}

/// Where a worker begins.
struct Unbegun {
    handover: Handover,
    /// The growing segment that it goes on with.
    continued: Option<Growth>,
    segment: u32,
    limit: u32,
    /// How long it may take to its first bytes.
    patience: Duration,
}

impl Running {
    /// It has still to complete what a device has begun.
    fn completes(&self) -> bool {
        self.stands_in && self.progress.borrow().segment < *self.limit.borrow()
    }

    fn view(&self, id: WorkerId, made: impl Fn(TrackKey, u32) -> bool) -> WorkerView {
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

    fn status(&self, id: WorkerId) -> WorkerStatus {
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
