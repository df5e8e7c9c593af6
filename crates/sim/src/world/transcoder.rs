//! The transcoder and its workers, without any process.
//!
//! Mirrors the server's `stream/transcoder/owner`, `track_state` and
//! `stream/worker`: which workers run is `aerial_model::demand`'s to decide.
//! Invariant: a segment that was begun is completed, handed on or given up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aerial_model::demand::{Decision, TrackKey, Want, WorkerId, WorkerView, decide};

use super::health::{Course, HANG_MS, Health, slated_segments};
use super::programme::{SegmentKey, Track};
use super::store::{Disk, Memory};
use crate::history::{Fault, Plant};
use crate::invariant::{Invariant, Violation, work};
use crate::library::Library;
use crate::report::Tally;

/// From its start to its first picture, about what FFmpeg needs.
const STARTS_IN_MS: u64 = 300;

/// What the transcoder works with.
pub(crate) struct Surroundings<'a> {
    pub(crate) library: &'a Library,
    pub(crate) disk: &'a mut Disk,
    pub(crate) memory: &'a mut Memory,
    /// Segments that somebody waits for.
    pub(crate) awaited: &'a BTreeSet<SegmentKey>,
    pub(crate) now_ms: u64,
    /// Since the last turn.
    pub(crate) passed_ms: u64,
    pub(crate) speed_percent: u32,
}

#[derive(Debug)]
struct Worker {
    id: WorkerId,
    track: Track,
    position: u32,
    limit: u32,
    /// Of the segment at its position, milliseconds of media.
    made_ms: u64,
    /// Its segment is begun, here or elsewhere.
    open: bool,
    /// Its segment is in its hands.
    growth: bool,
    /// It gives nothing before.
    ready_at: u64,
    gave_at: u64,
    /// How long it may give nothing.
    patience: u64,
    parked_since: Option<u64>,
    completed: bool,
    stopping: bool,
}

/// How a worker ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Complete,
    Failed,
    Hung,
}

#[derive(Debug)]
struct TrackState {
    track: Track,
    health: Health,
    /// Segments that were begun and that nobody makes now, with what is made.
    unfinished: Vec<(u32, u64)>,
    given_up: bool,
}

/// The transcoder.
#[derive(Debug, Default)]
pub(crate) struct Transcoder {
    workers: Vec<Worker>,
    tracks: BTreeMap<TrackKey, TrackState>,
    next_worker: u64,
    plant: Option<Plant>,
    /// What the store gave away since somebody looked.
    pub(crate) evicted: Vec<SegmentKey>,
}

impl Transcoder {
    pub(crate) fn new(plant: Option<Plant>) -> Self {
        Self { plant, ..Self::default() }
    }

    /// Whether nothing is left to be done.
    pub(crate) fn is_idle(&self) -> bool {
        self.workers.is_empty() && self.tracks.is_empty()
    }

    /// A session wants these.
    pub(crate) fn wanted(&mut self, tracks: &[Track]) {
        for track in tracks {
            let state = self.tracks.entry(track.key).or_insert_with(|| TrackState {
                track: *track,
                health: Health::default(),
                unfinished: Vec::new(),
                given_up: false,
            });
            state.given_up = false;
        }
    }

    /// A session is gone: its tracks that nobody else wants are given up.
    pub(crate) fn withdrawn(&mut self, wants: &[Want]) {
        for (key, state) in &mut self.tracks {
            state.given_up |= wants.iter().all(|want| want.track != *key);
        }
    }

    /// All processes die.
    pub(crate) fn kill(&mut self, at: &mut Surroundings<'_>) {
        for worker in std::mem::take(&mut self.workers) {
            self.ended(worker, Some(Ended::Failed), at);
        }
    }

    /// Time passed: workers work, demand is compared with them.
    pub(crate) fn turn(
        &mut self,
        wants: &[Want],
        at: &mut Surroundings<'_>,
        tally: &mut Tally,
    ) -> Result<(), Violation> {
        let mut workers = Vec::with_capacity(self.workers.len());
        for mut worker in std::mem::take(&mut self.workers) {
            if worker.stopping {
                self.ended(worker, None, at);
            } else if let Some(ended) = worker.works(at, &mut self.evicted, tally) {
                self.ended(worker, Some(ended), at);
            } else {
                workers.push(worker);
            }
        }
        self.workers = workers;
        self.reconcile(wants, at, tally)?;
        self.let_go(wants, at);
        let views = self.views(at);
        tally.check(Invariant::WorkersAreWanted, work::workers_are_wanted(&views, wants))?;
        tally.check(Invariant::ParkedWorkersEnd, work::parked_workers_end(&views))?;
        let has = |w: &Worker| (w.track.key, w.position);
        let in_hand = self.workers.iter().filter(|w| w.growth).map(has).collect();
        tally.check(Invariant::OneWorkerMakesIt, work::segments_have_one_maker(in_hand))
    }

    fn views(&self, at: &Surroundings<'_>) -> Vec<WorkerView> {
        self.workers.iter().filter(|worker| !worker.stopping).map(|w| w.view(at)).collect()
    }

    fn reconcile(
        &mut self,
        wants: &[Want],
        at: &mut Surroundings<'_>,
        tally: &mut Tally,
    ) -> Result<(), Violation> {
        let views = self.views(at);
        let hidden = usize::from(self.plant == Some(Plant::SecondWorkerStarts));
        let made = |track, index| at.memory.has(at.disk, SegmentKey { track, index });
        let decisions = decide(wants, views.get(hidden..).unwrap_or_default(), made);
        let single = work::one_worker_makes_it(&decisions, &views, made);
        tally.check(Invariant::OneWorkerMakesIt, single)?;
        for decision in decisions {
            match decision {
                Decision::Start { track, segment, limit, due } => {
                    self.start(track, segment, limit, due, at);
                }
                Decision::Extend { worker, limit } => {
                    let found = self.workers.iter_mut().find(|w| w.id == worker);
                    found.into_iter().for_each(|w| w.limit = limit.min(w.track.segments));
                }
                Decision::End { worker, .. } => {
                    let found = self.workers.iter_mut().find(|w| w.id == worker);
                    let forgets = self.plant == Some(Plant::WorkersAreForgotten);
                    let wanted = |w: &Worker| wants.iter().any(|want| want.track == w.track.key);
                    found.into_iter().for_each(|w| w.stopping = !forgets || wanted(w));
                }
            }
        }
        Ok(())
    }

    fn start(
        &mut self,
        key: TrackKey,
        segment: u32,
        limit: u32,
        due: Duration,
        at: &mut Surroundings<'_>,
    ) {
        if self.workers.iter().any(|worker| worker.track.key == key && worker.stopping) {
            // It may have the segment in its hands still.
            return;
        }
        let Some(state) = self.tracks.get_mut(&key) else { return };
        let limit = limit.min(state.track.segments);
        if state.track.map_id.is_none() {
            self.compose(key, segment, limit, at);
            return;
        }
        let due_ms = due.as_millis() as u64;
        let read = at.awaited.contains(&SegmentKey { track: key, index: segment });
        let read = read && state.unfinished.iter().any(|(index, _)| *index == segment);
        match state.health.course(due_ms, read, at.now_ms) {
            Course::Work => {}
            Course::Slate if self.plant != Some(Plant::NothingIsSlate) => {
                let slated = limit.min(segment.saturating_add(slated_segments(due_ms)));
                self.compose(key, segment, slated, at);
                return;
            }
            Course::Wait | Course::Slate => return,
        }
        let patience = state.health.patience(due_ms);
        let continued = state.take_unfinished(segment);
        self.next_worker += 1;
        self.workers.push(Worker {
            id: WorkerId(self.next_worker),
            track: state.track,
            position: segment,
            limit,
            made_ms: continued.unwrap_or(0),
            open: continued.is_some(),
            growth: continued.is_some(),
            ready_at: at.now_ms + STARTS_IN_MS,
            gave_at: at.now_ms,
            patience,
            parked_since: None,
            completed: false,
            stopping: false,
        });
    }

    /// Makes slate of what is missing of `segment`, and of all before `limit`.
    fn compose(&mut self, key: TrackKey, segment: u32, limit: u32, at: &mut Surroundings<'_>) {
        let Some(state) = self.tracks.get_mut(&key) else { return };
        if state.take_unfinished(segment).is_some() {
            at.memory.stand_in(at.disk, SegmentKey { track: key, index: segment }, at.now_ms);
        }
        for index in segment..limit {
            let key = SegmentKey { track: key, index };
            if !at.memory.has_begun(at.disk, key) {
                at.memory.stand_in(at.disk, key, at.now_ms);
            }
        }
    }

    fn ended(&mut self, worker: Worker, how: Option<Ended>, at: &mut Surroundings<'_>) {
        let key = SegmentKey { track: worker.track.key, index: worker.position };
        let Some(state) = self.tracks.get_mut(&worker.track.key) else {
            if worker.growth {
                at.memory.forget(key);
            }
            return;
        };
        if worker.completed {
            state.health.made_some();
        }
        if worker.growth {
            state.unfinished.push((worker.position, worker.made_ms));
        }
        if matches!(how, Some(Ended::Failed | Ended::Hung)) {
            state.health.failed(how == Some(Ended::Hung), at.now_ms);
        }
    }

    /// Forgets tracks that nobody wants, and what was begun of them, unless
    /// somebody waits for it: that is completed.
    fn let_go(&mut self, wants: &[Want], at: &mut Surroundings<'_>) {
        for (track, state) in &mut self.tracks {
            let wanted = |index: u32| {
                let mut of_track = wants.iter().filter(|want| want.track == *track);
                of_track.any(|want| (want.first..want.high).contains(&index))
            };
            let given_up = state.given_up;
            state.unfinished.retain(|(index, _)| {
                let key = SegmentKey { track: *track, index: *index };
                if wanted(*index) {
                    return true;
                }
                if !given_up && at.awaited.contains(&key) {
                    at.memory.stand_in(at.disk, key, at.now_ms);
                } else {
                    at.memory.forget(key);
                }
                false
            });
        }
        let workers = &self.workers;
        self.tracks.retain(|key, state| {
            wants.iter().any(|want| want.track == *key)
                || workers.iter().any(|worker| worker.track.key == *key)
                || !state.unfinished.is_empty()
        });
    }
}

impl TrackState {
    fn take_unfinished(&mut self, segment: u32) -> Option<u64> {
        let place = self.unfinished.iter().position(|(index, _)| *index == segment)?;
        Some(self.unfinished.swap_remove(place).1)
    }
}

impl Worker {
    fn view(&self, at: &Surroundings<'_>) -> WorkerView {
        let key = SegmentKey { track: self.track.key, index: self.position };
        let parked_ms = self.parked_since.map_or(0, |since| at.now_ms - since);
        WorkerView {
            id: self.id,
            track: self.track.key,
            position: self.position,
            limit: self.limit,
            overtaken: self.open && !self.growth && !at.memory.has(at.disk, key),
            parked_for: Duration::from_millis(parked_ms),
        }
    }

    /// Makes as much as it can in the time that passed.
    fn works(
        &mut self,
        at: &mut Surroundings<'_>,
        evicted: &mut Vec<SegmentKey>,
        tally: &mut Tally,
    ) -> Option<Ended> {
        let map_id = self.track.map_id?;
        let fault = match at.library.current(map_id) {
            Some(media) => media.fault,
            // The file was replaced under its hands.
            None => Some(Fault::Missing),
        };
        let since_ready = at.now_ms.saturating_sub(self.ready_at);
        let passed_ms = at.passed_ms.min(since_ready);
        let mut makes_ms = passed_ms * u64::from(at.speed_percent) / 100;
        let cuts = at.library.cuts(map_id)?;
        loop {
            if self.position >= self.track.segments {
                return Some(Ended::Complete);
            }
            if self.position >= self.limit {
                self.parked_since = self.parked_since.or(Some(at.now_ms));
                self.gave_at = at.now_ms;
                return None;
            }
            self.parked_since = None;
            if makes_ms == 0 {
                break;
            }
            let span = |from: u32| (from..from.saturating_add(8)).contains(&self.position);
            match fault {
                Some(Fault::Missing) => return Some(Ended::Failed),
                Some(Fault::CrashesAt(from)) if span(from) => return Some(Ended::Failed),
                Some(Fault::HangsAt(from)) if span(from) => break,
                _ => {}
            }
            (self.gave_at, self.patience) = (at.now_ms, HANG_MS);
            let key = SegmentKey { track: self.track.key, index: self.position };
            if !self.open {
                (self.open, self.growth) = (true, at.memory.begin(at.disk, key));
            }
            let missing_ms = cuts.length_ms(self.position).saturating_sub(self.made_ms);
            if makes_ms < missing_ms {
                self.made_ms += makes_ms;
                break;
            }
            makes_ms -= missing_ms;
            if self.growth {
                let bytes = cuts.length_ms(self.position) * u64::from(self.track.height) / 2;
                evicted.extend(at.memory.finish(at.disk, key, bytes, at.now_ms));
                tally.segments += 1;
            }
            self.completed = true;
            (self.position, self.made_ms) = (self.position + 1, 0);
            (self.open, self.growth) = (false, false);
        }
        (at.now_ms - self.gave_at >= self.patience).then_some(Ended::Hung)
    }
}
