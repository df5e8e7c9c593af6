//! How a missing segment is set about: by a worker, by slate, or not yet.
//!
//! Owns the starting of workers: what they go on with, with which command, and how they
//! are taken on. What is to be done, and when, `demand` and `health` decide.

use std::sync::Arc;
use std::time::Duration;

use aerial_model::command;
use aerial_model::demand::{TrackKey, WorkerId};
use aerial_model::fault::Class;
use aerial_model::pace::Gauge;
use aerial_model::segmenter::{Handover, Position};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::device::{self, stands_in};
use super::health::{Course, slated_segments};
use super::notes::Notes;
use super::owner::{Owner, sessions_of};
use super::running::Running;
use crate::clock::monotonic;
use crate::ffmpeg::{Child, Invocation};
use crate::stream::store::Growth;
use crate::stream::track::{Source, Track};
use crate::stream::worker::{Failure, HANG, Progress, Unfinished, Worker};

/// What is copied takes little, and is not to wait behind all that is encoded: so many
/// times less nice.
const COPIED_IS_LESS_NICE: u8 = 3;

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

impl Owner {
    /// Sets about a segment that is missing and needed `due` from now.
    pub(super) async fn start(&mut self, key: TrackKey, segment: u32, limit: u32, due: Duration) {
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
                    self.tell_slate(key, segment);
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
                self.not_started(&track, segment, failure, unfinished);
            }
        }
    }

    /// Says that a track's programme is slate for now.
    fn tell_slate(&self, key: TrackKey, segment: u32) {
        let Some(state) = self.tracks.get(&key) else { return };
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

    /// A run that failed before it began: noted like any other.
    fn not_started(
        &mut self,
        track: &Arc<Track>,
        segment: u32,
        failure: Failure,
        unfinished: Option<Unfinished>,
    ) {
        self.next_worker += 1;
        let run = Notes::unstarted(WorkerId(self.next_worker), track, segment);
        self.notes.not_started(&sessions_of(&self.demands, track.key), &run, &failure);
        self.failed(track, failure, unfinished);
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
        let niceness = match track.treatment.copies_video() {
            true => self.encoding.niceness / COPIED_IS_LESS_NICE,
            false => self.encoding.niceness,
        };
        let invocation = Invocation::new(&self.encoding.ffmpeg).args(arguments).niceness(niceness);
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
}
