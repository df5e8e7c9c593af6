//! Workers: as many as are wanted, in time.

use aerial_model::demand::{Decision, PARKED_FOR, TrackKey, Want, WorkerView};
use aerial_model::time::AirTime;

use super::{Held, Invariant, hold};

/// The transcoder looks after its workers four times a second.
const REVIEW_MS: u64 = 250;

/// No worker is started at a segment that is made already, that another makes or
/// makes next, or beside one that is started with it.
pub(crate) fn one_worker_makes_it(
    decisions: &[Decision],
    workers: &[WorkerView],
    made: impl Fn(TrackKey, u32) -> bool,
) -> Held {
    let ends = |view: &WorkerView| {
        decisions.iter().any(|d| matches!(d, Decision::End { worker, .. } if *worker == view.id))
    };
    for (place, decision) in decisions.iter().enumerate() {
        let Decision::Start { track, segment, .. } = decision else { continue };
        let other = workers.iter().find(|w| {
            w.track == *track && !ends(w) && (w.position == *segment || w.position + 1 == *segment)
        });
        let twice = decisions[..place].iter().find(|other| {
            matches!(other, Decision::Start { track: t, segment: s, .. }
                if t == track && s.abs_diff(*segment) <= 1)
        });
        let is_made = made(*track, *segment);
        hold(Invariant::OneWorkerMakesIt, other.is_none() && twice.is_none() && !is_made, || {
            format!("{decision:?}, beside {other:?} and {twice:?}, made: {is_made}")
        })?;
    }
    Ok(())
}

/// Of all workers that have a missing segment in their hands, each has another.
pub(crate) fn segments_have_one_maker(mut in_hand: Vec<(TrackKey, u32)>) -> Held {
    in_hand.sort_unstable();
    let twice = in_hand.windows(2).find(|pair| pair[0] == pair[1]);
    hold(Invariant::OneWorkerMakesIt, twice.is_none(), || format!("two make {twice:?}"))
}

/// Every worker's track is wanted.
pub(crate) fn workers_are_wanted(workers: &[WorkerView], wants: &[Want]) -> Held {
    let idle = workers.iter().find(|w| wants.iter().all(|want| want.track != w.track));
    hold(Invariant::WorkersAreWanted, idle.is_none(), || format!("{idle:?} of {wants:?}"))
}

/// No worker has been parked for longer than a minute, but for a review.
pub(crate) fn parked_workers_end(workers: &[WorkerView]) -> Held {
    let most = PARKED_FOR.as_millis() as u64 + REVIEW_MS;
    let long = workers.iter().find(|worker| worker.parked_for.as_millis() as u64 > most);
    hold(Invariant::ParkedWorkersEnd, long.is_none(), || format!("{long:?}"))
}

/// A request for a segment has not waited longer than it may.
pub(crate) fn nobody_waits_long(sequence: u64, waited_ms: u64, most_ms: u64) -> Held {
    hold(Invariant::NobodyWaitsLong, waited_ms <= most_ms, || {
        format!("number {sequence} was asked for {waited_ms} ms ago, at most {most_ms} are in time")
    })
}

/// What a player has in its buffer lasts until the next segment comes.
pub(crate) fn picture_runs_on(sequence: u64, late_ms: u64) -> Held {
    hold(Invariant::PicturesRunOn, late_ms == 0, || {
        format!("number {sequence} came {late_ms} ms after the picture stopped")
    })
}

/// Of an item that is on the air, something can be sent.
pub(crate) fn item_begins_on_time(sequence: u64, start: AirTime, has_begun: bool) -> Held {
    hold(Invariant::ItemsBeginOnTime, has_begun, || {
        format!("number {sequence}, the first of its item, aired at {start}, and nothing is made")
    })
}
