//! Demand and supply: which workers are to run for the segments that sessions
//! will want.
//!
//! Owns the decision alone; the transcoder starts and ends the workers. Knows
//! no process and no file. Invariant: at most one worker makes a segment that
//! is missing, and a worker that nobody needs is ended.

pub mod wanted;

use std::time::Duration;

use serde::Serialize;

/// What the segment store keys by: one media's map in one profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackKey(pub [u8; 16]);

/// As a folder is named.
impl std::fmt::Display for TrackKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for TrackKey {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut key = [0; 16];
        if text.len() != 32 || !text.is_ascii() {
            return Err(());
        }
        for (byte, place) in key.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&text[place..place + 2], 16).map_err(|_| ())?;
        }
        Ok(Self(key))
    }
}

/// One FFmpeg run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct WorkerId(pub u64);

/// A worker that makes the segment this many before a missing one is waited
/// for: the rest of one segment takes it about as long as a new worker's start.
const REACH: u32 = 1;

/// A parked worker that nobody read for this long is ended; a new one costs
/// 0.2 s, a parked one up to 210 MiB (`docs/ffmpeg.md`).
pub const PARKED_FOR: Duration = Duration::from_secs(60);

/// A stretch of a track's segments that a session will want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Of which track.
    pub track: TrackKey,
    /// The first segment that is wanted.
    pub first: u32,
    /// Segments below this must be made now (the 20 s mark); at least `first`.
    pub low: u32,
    /// A worker that runs may go on up to this one (the 60 s mark).
    pub high: u32,
    /// How soon `first` is needed: the scarcest is served first.
    pub due: Duration,
}

/// What segments last, but for an item's last one: 4 s, or more where they are
/// cut for copying.
const SEGMENT: Duration = Duration::from_secs(4);

impl Want {
    /// How soon a segment of it is needed, or sooner.
    pub(crate) fn due_of(&self, index: u32) -> Duration {
        self.due + SEGMENT * index.saturating_sub(self.first)
    }
}

/// A worker, as the decision needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerView {
    /// Which.
    pub id: WorkerId,
    /// Of which track.
    pub track: TrackKey,
    /// The segment that it is making, or would make next.
    pub position: u32,
    /// It does not begin this segment or any after it.
    pub limit: u32,
    /// Another worker is making the segment at its position.
    pub overtaken: bool,
    /// For how long nobody has read from it.
    pub parked_for: Duration,
}

/// What the transcoder must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Start a worker at this segment.
    Start {
        /// Of which track.
        track: TrackKey,
        /// Its first segment.
        segment: u32,
        /// It may go on up to this one.
        limit: u32,
        /// How soon its first segment is needed.
        due: Duration,
    },
    /// Let a worker go on up to this segment.
    Extend {
        /// Which.
        worker: WorkerId,
        /// Its new limit.
        limit: u32,
    },
    /// End a worker.
    End {
        /// Which.
        worker: WorkerId,
        /// Why, for the log.
        reason: &'static str,
    },
}

/// Matches demand with supply. `made` says whether a segment is finished.
pub fn decide(
    wants: &[Want],
    workers: &[WorkerView],
    made: impl Fn(TrackKey, u32) -> bool,
) -> Vec<Decision> {
    let mut decisions: Vec<Decision> = workers
        .iter()
        .filter_map(|worker| useless(worker, wants, &made).map(|reason| (worker.id, reason)))
        .map(|(worker, reason)| Decision::End { worker, reason })
        .collect();
    let ended = |id: WorkerId, decisions: &[Decision]| {
        decisions.iter().any(|d| matches!(d, Decision::End { worker, .. } if *worker == id))
    };

    let mut by_need: Vec<&Want> = wants.iter().collect();
    by_need.sort_by_key(|want| (want.due, want.track, want.first));
    for want in by_need {
        let missing = (want.first..want.low).find(|index| !made(want.track, *index));
        let Some(missing) = missing else { continue };
        let near = workers
            .iter()
            .filter(|w| w.track == want.track && !ended(w.id, &decisions))
            .filter(|w| w.position <= missing && missing - w.position <= REACH)
            .max_by_key(|w| w.position);
        match near {
            Some(worker) if worker.limit < want.high => {
                extend(&mut decisions, worker.id, want.high);
            }
            Some(_) => {}
            None => start(&mut decisions, want, missing),
        }
    }
    decisions
}

fn extend(decisions: &mut Vec<Decision>, id: WorkerId, limit: u32) {
    for decision in decisions.iter_mut() {
        if let Decision::Extend { worker, limit: old } = decision
            && *worker == id
        {
            *old = limit.max(*old);
            return;
        }
    }
    decisions.push(Decision::Extend { worker: id, limit });
}

/// Starts a worker unless one that is to be started already serves the want.
fn start(decisions: &mut Vec<Decision>, want: &Want, missing: u32) {
    for decision in decisions.iter_mut() {
        if let Decision::Start { track, segment, limit, due } = decision
            && *track == want.track
            && segment.abs_diff(missing) <= REACH
        {
            // Beginning with the earlier one serves both.
            *segment = missing.min(*segment);
            *limit = want.high.max(*limit);
            *due = want.due_of(missing).min(*due);
            return;
        }
    }
    let (track, limit, due) = (want.track, want.high, want.due_of(missing));
    decisions.push(Decision::Start { track, segment: missing, limit, due });
}

/// Why nobody needs this worker, if so.
fn useless(
    worker: &WorkerView,
    wants: &[Want],
    made: &impl Fn(TrackKey, u32) -> bool,
) -> Option<&'static str> {
    let mut of_track = wants.iter().filter(|want| want.track == worker.track).peekable();
    if of_track.peek().is_none() {
        return Some("nobody wants this media now");
    }
    if worker.overtaken {
        return Some("another worker makes its segments");
    }
    // It is useful if a want's next missing segment is one that it will make.
    let useful = of_track.any(|want| {
        let from = want.first.max(worker.position);
        match (from..want.high).find(|index| !made(worker.track, *index)) {
            Some(missing) => worker.position + REACH >= missing,
            // All it was asked for is made: it waits for the mark to move on.
            None => worker.position >= want.first && worker.position <= want.high,
        }
    });
    if !useful {
        return Some("its segments are made or passed");
    }
    (worker.parked_for >= PARKED_FOR).then_some("nobody has read from it for a minute")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FILM: TrackKey = TrackKey([1; 16]);
    const NEXT: TrackKey = TrackKey([2; 16]);

    fn want(track: TrackKey, first: u32) -> Want {
        Want { track, first, low: first + 5, high: first + 15, due: Duration::ZERO }
    }
    fn worker(id: u64, position: u32, limit: u32) -> WorkerView {
        WorkerView {
            id: WorkerId(id),
            track: FILM,
            position,
            limit,
            overtaken: false,
            parked_for: Duration::ZERO,
        }
    }
    fn nothing(_: TrackKey, _: u32) -> bool {
        false
    }

    #[test]
    fn a_want_starts_a_worker_at_its_first_missing_segment() {
        let decisions = decide(&[want(FILM, 10)], &[], |_, index| index < 12);
        let due = Duration::from_secs(8);
        assert_eq!(decisions, [Decision::Start { track: FILM, segment: 12, limit: 25, due }]);
    }

    #[test]
    fn what_is_made_up_to_the_low_mark_starts_nothing() {
        assert_eq!(decide(&[want(FILM, 10)], &[], |_, index| index < 15), []);
    }

    #[test]
    fn two_channels_that_show_the_same_media_share_a_worker() {
        let decisions = decide(&[want(FILM, 10), want(FILM, 11)], &[], nothing);
        let due = Duration::ZERO;
        assert_eq!(decisions, [Decision::Start { track: FILM, segment: 10, limit: 26, due }]);
    }

    #[test]
    fn a_channel_that_is_a_segment_behind_shares_the_worker_too() {
        let behind = Want { due: Duration::from_secs(2), ..want(FILM, 10) };
        let decisions = decide(&[want(FILM, 11), behind], &[], nothing);
        let due = Duration::ZERO;
        assert_eq!(decisions, [Decision::Start { track: FILM, segment: 10, limit: 26, due }]);
    }

    #[test]
    fn far_apart_each_gets_its_own() {
        let decisions = decide(&[want(FILM, 10), want(FILM, 200)], &[], nothing);
        assert_eq!(decisions.len(), 2);
    }

    #[test]
    fn a_worker_that_is_close_behind_is_waited_for() {
        let close = [worker(1, 11, 30)];
        assert_eq!(decide(&[want(FILM, 12)], &close, nothing), []);
        let far = decide(&[want(FILM, 13)], &close, nothing);
        assert_eq!(
            far,
            [
                Decision::End { worker: WorkerId(1), reason: "its segments are made or passed" },
                Decision::Start { track: FILM, segment: 13, limit: 28, due: Duration::ZERO },
            ]
        );
    }

    #[test]
    fn a_parked_worker_is_read_again_below_the_low_mark_and_not_before() {
        let parked = [worker(1, 25, 25)];
        assert_eq!(decide(&[want(FILM, 15)], &parked, |_, index| index < 25), []);
        assert_eq!(decide(&[want(FILM, 20)], &parked, |_, index| index < 25), []);
        assert_eq!(
            decide(&[want(FILM, 21)], &parked, |_, index| index < 25),
            [Decision::Extend { worker: WorkerId(1), limit: 36 }]
        );
    }

    #[test]
    fn a_worker_of_a_media_that_nobody_wants_is_ended() {
        let decisions = decide(&[want(NEXT, 0)], &[worker(1, 10, 20)], |track, _| track == NEXT);
        assert_eq!(
            decisions,
            [Decision::End { worker: WorkerId(1), reason: "nobody wants this media now" }]
        );
    }

    #[test]
    fn a_worker_whose_way_is_already_made_is_ended() {
        let decisions = decide(&[want(FILM, 10)], &[worker(1, 11, 25)], |_, index| index != 24);
        assert_eq!(
            decisions,
            [Decision::End { worker: WorkerId(1), reason: "its segments are made or passed" }]
        );
    }

    #[test]
    fn a_worker_that_is_parked_for_a_minute_is_ended() {
        let parked = WorkerView { parked_for: PARKED_FOR, ..worker(1, 25, 25) };
        let decisions = decide(&[want(FILM, 12)], &[parked], |_, index| index < 25);
        assert!(matches!(decisions[..], [Decision::End { .. }]));
    }

    #[test]
    fn of_two_workers_at_one_segment_the_later_is_ended() {
        let overtaken = WorkerView { overtaken: true, ..worker(2, 10, 25) };
        assert_eq!(
            decide(&[want(FILM, 10)], &[worker(1, 10, 25), overtaken], nothing),
            [Decision::End { worker: WorkerId(2), reason: "another worker makes its segments" }]
        );
    }

    #[test]
    fn the_scarcest_is_started_first() {
        let late = Want { due: Duration::from_secs(9), ..want(FILM, 0) };
        let soon = Want { due: Duration::from_secs(1), ..want(NEXT, 0) };
        let decisions = decide(&[late, soon], &[], nothing);
        assert!(matches!(decisions[0], Decision::Start { track: NEXT, .. }));
    }

    #[test]
    fn a_track_key_reads_back_as_its_folder_is_named() {
        let key = TrackKey([0xA7; 16]);
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!("..".parse::<TrackKey>(), Err(()));
    }

    proptest! {
        /// A small world: wants move on, workers make a segment a step as far as
        /// their limit; every wanted segment gets made, by one worker.
        #[test]
        fn every_want_is_met_and_no_segment_is_begun_twice(
            starts in prop::collection::vec(0u32..40, 1..4),
        ) {
            let mut made = std::collections::BTreeSet::new();
            let mut workers: Vec<WorkerView> = Vec::new();
            let mut next_id = 0;
            for step in 0..30u32 {
                let wants: Vec<Want> = starts.iter().map(|s| want(FILM, s + step / 3)).collect();
                for decision in decide(&wants, &workers, |_, i| made.contains(&i)) {
                    match decision {
                        Decision::Start { segment, limit, .. } => {
                            next_id += 1;
                            workers.push(worker(next_id, segment, limit));
                        }
                        Decision::Extend { worker, limit } => {
                            workers.iter_mut().find(|w| w.id == worker).unwrap().limit = limit;
                        }
                        Decision::End { worker, .. } => workers.retain(|w| w.id != worker),
                    }
                }
                let positions: std::collections::BTreeSet<u32> =
                    workers.iter().filter(|w| w.position < w.limit).map(|w| w.position).collect();
                prop_assert_eq!(
                    positions.len(), workers.iter().filter(|w| w.position < w.limit).count()
                );
                for worker in workers.iter_mut().filter(|w| w.position < w.limit) {
                    made.insert(worker.position);
                    worker.position += 1;
                }
                // A worker one segment behind is waited for.
                for want in wants.iter().filter(|_| step > 0) {
                    prop_assert!(made.contains(&want.first), "{} at {step}", want.first);
                }
            }
        }
    }
}
