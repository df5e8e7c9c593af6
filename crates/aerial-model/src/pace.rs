//! Pace: how hard encoders try, by how well they keep up.
//!
//! Owns the measuring of a worker's speed and the decision to step down to a
//! cheaper preset and up again. What players see stays as the profile pins it
//! (`rules.md`, 13). Invariants: never dearer than what was asked for; no step
//! follows another before its effect can be seen.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use crate::demand::WorkerId;
use crate::time::Ticks;
use crate::tuning::Speed;

/// A speed is told of the work of so long: three segments at real time.
const WINDOW: Duration = Duration::from_secs(12);

/// With less than this made ahead, falling behind shows before long (the low mark,
/// below which a worker must be at work).
const SCARCE: Duration = Duration::from_secs(20);

/// Falling behind for less than this is a hitch, not a lack of strength.
const BEHIND_FOR: Duration = Duration::from_secs(6);

/// Workers at this speed, in per cent of real time, leave no room for a dearer
/// preset: a step costs about a third.
const CALM_PERCENT: u32 = 150;

/// So long all must be calm before a step up.
const CALM_FOR: Duration = Duration::from_secs(60);

/// The longest wait for a step up, where each before had to be taken back.
const CALM_MOST: Duration = Duration::from_secs(960);

/// A worker with so little made ahead is replaced by one that tries less hard; one
/// with more is let go on, as a new one costs a start.
const REPLACED_BELOW: Duration = Duration::from_secs(12);

/// How fast one worker works, parked times left out.
#[derive(Clone, Debug, Default)]
pub struct Gauge {
    worked: Duration,
    /// When, in time worked, how much was made.
    marks: VecDeque<(Duration, Ticks)>,
    made: Option<Ticks>,
}

impl Gauge {
    /// Time has passed, at work or not, and so much of the media is made.
    pub fn look(&mut self, passed: Duration, working: bool, made: Ticks) {
        if working {
            self.worked += passed;
        }
        // The first is half a segment or FFmpeg's start: it only begins the count.
        if self.made.replace(made).is_some_and(|before| before != made) {
            self.marks.push_back((self.worked, made));
        }
        while self.marks.len() > 2 && self.worked.saturating_sub(self.marks[1].0) >= WINDOW {
            self.marks.pop_front();
        }
    }

    /// In per cent of real time; `None` before two segments are made.
    pub fn percent(&self) -> Option<u32> {
        let ((from, made_from), (to, made_to)) = (*self.marks.front()?, *self.marks.back()?);
        let segment_ms = (self.made_of_last()?).as_millis();
        let percent = |made_ms: i64, worked: Duration| {
            let worked_ms = i64::try_from(worked.as_millis()).unwrap_or(i64::MAX).max(1);
            u32::try_from(made_ms.max(0) * 100 / worked_ms).unwrap_or(u32::MAX)
        };
        let whole = percent((made_to - made_from).as_millis(), to.saturating_sub(from));
        // It may have stopped since: the segment under way cannot be faster than this.
        let under_way = percent(segment_ms, self.worked.saturating_sub(to));
        Some(whole.min(under_way))
    }

    fn made_of_last(&self) -> Option<Ticks> {
        let count = self.marks.len();
        (count >= 2).then(|| self.marks[count - 1].1 - self.marks[count - 2].1)
    }
}

/// A worker, as it is seen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Which.
    pub worker: WorkerId,
    /// The preset that it was started with.
    pub speed: Speed,
    /// In per cent of real time, where it is known.
    pub percent: Option<u32>,
    /// How soon what it makes next is needed.
    pub due: Duration,
    /// It is not parked.
    pub working: bool,
}

impl Reading {
    fn falls_behind(&self) -> bool {
        self.working && self.due < SCARCE && self.percent.is_some_and(|percent| percent < 100)
    }

    fn is_calm(&self) -> bool {
        let slow = self.percent.is_some_and(|percent| percent < CALM_PERCENT);
        !(self.working && slow && self.due < SCARCE)
    }
}

/// Another preset from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// That of workers so far.
    pub from: Speed,
    /// That of the next workers.
    pub to: Speed,
}

impl Change {
    /// To a cheaper one.
    pub fn is_down(self) -> bool {
        self.to < self.from
    }
}

/// The preset that the next workers of one device are started with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pace {
    asked: Speed,
    speed: Speed,
    #[serde(skip)]
    behind_since: Option<Duration>,
    #[serde(skip)]
    calm_since: Option<Duration>,
    #[serde(skip)]
    changed: Duration,
    /// How long it must be calm before a step up.
    #[serde(skip)]
    patience: Duration,
}

impl Pace {
    /// As people asked for.
    pub fn of(asked: Speed) -> Self {
        Self {
            asked,
            speed: asked,
            behind_since: None,
            calm_since: None,
            changed: Duration::ZERO,
            patience: CALM_FOR,
        }
    }

    /// With which preset the next worker is started.
    pub fn speed(&self) -> Speed {
        self.speed
    }

    /// The preset that people asked for.
    pub fn asked(&self) -> Speed {
        self.asked
    }

    /// Looks at all workers of the device; `now` counts from anywhere.
    pub fn look(&mut self, readings: &[Reading], now: Duration) -> Option<Change> {
        // Those that are dearer show the step before this one, not this one.
        let current = || readings.iter().filter(|reading| reading.speed <= self.speed);
        let behind = current().any(Reading::falls_behind);
        let calm = readings.iter().all(Reading::is_calm);
        self.behind_since = behind.then(|| self.behind_since.unwrap_or(now));
        self.calm_since = calm.then(|| self.calm_since.unwrap_or(now));
        let for_long = |since: Option<Duration>, long: Duration| {
            since.is_some_and(|since| now.saturating_sub(since.max(self.changed)) >= long)
        };
        if for_long(self.behind_since, BEHIND_FOR) {
            let to = neighbour(self.speed, -1)?;
            // A step up that has to be taken back was too soon.
            if now.saturating_sub(self.changed) < self.patience {
                self.patience = (self.patience * 2).min(CALM_MOST);
            }
            return Some(self.change(to, now));
        }
        if self.speed < self.asked && for_long(self.calm_since, self.patience) {
            let to = neighbour(self.speed, 1)?;
            return Some(self.change(to, now));
        }
        if self.speed == self.asked && for_long(self.calm_since, CALM_MOST) {
            self.patience = CALM_FOR;
        }
        None
    }

    fn change(&mut self, to: Speed, now: Duration) -> Change {
        let from = std::mem::replace(&mut self.speed, to);
        (self.changed, self.behind_since, self.calm_since) = (now, None, None);
        Change { from, to }
    }

    /// Those that try harder than they can, and whose buffer is running out: to be
    /// replaced at the end of their segment.
    pub fn too_slow<'a>(
        &'a self,
        readings: &'a [Reading],
    ) -> impl Iterator<Item = WorkerId> + use<'a> {
        readings
            .iter()
            .filter(|reading| reading.speed > self.speed && reading.falls_behind())
            .filter(|reading| reading.due < REPLACED_BELOW)
            .map(|reading| reading.worker)
    }
}

fn neighbour(speed: Speed, step: isize) -> Option<Speed> {
    let place = Speed::ALL.iter().position(|known| *known == speed)?;
    Speed::ALL.get(place.checked_add_signed(step)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
    fn reading(percent: u32, due: u64, speed: Speed) -> Reading {
        let percent = Some(percent);
        Reading { worker: WorkerId(1), speed, percent, due: at(due), working: true }
    }

    /// Looks each quarter second, from one second to another.
    fn watch(pace: &mut Pace, from: u64, to: u64, reading: Reading) -> Vec<(u64, Change)> {
        let quarters = (from * 4..to * 4).map(|quarter| Duration::from_millis(quarter * 250));
        quarters
            .filter_map(|now| pace.look(&[reading], now).map(|change| (now.as_secs(), change)))
            .collect()
    }

    #[test]
    fn it_steps_down_after_falling_behind_for_six_seconds() {
        let mut pace = Pace::of(Speed::Veryfast);
        let steps = watch(&mut pace, 0, 30, reading(80, 10, Speed::Veryfast));
        let down = Change { from: Speed::Veryfast, to: Speed::Superfast };
        // And no further: that worker shows what the dearer preset did.
        assert_eq!(steps, [(6, down)]);
        assert!(down.is_down());
        let steps = watch(&mut pace, 30, 60, reading(90, 10, Speed::Superfast));
        assert_eq!(steps, [(36, Change { from: Speed::Superfast, to: Speed::Ultrafast })]);
        // There is nothing cheaper.
        assert_eq!(watch(&mut pace, 60, 90, reading(70, 10, Speed::Ultrafast)), []);
    }

    #[test]
    fn a_hitch_or_a_full_buffer_is_no_reason() {
        let mut pace = Pace::of(Speed::Veryfast);
        assert_eq!(watch(&mut pace, 0, 5, reading(50, 10, Speed::Veryfast)), []);
        assert_eq!(watch(&mut pace, 5, 6, reading(120, 10, Speed::Veryfast)), []);
        assert_eq!(watch(&mut pace, 6, 11, reading(50, 10, Speed::Veryfast)), []);
        assert_eq!(watch(&mut pace, 11, 60, reading(50, 40, Speed::Veryfast)), []);
        let parked = Reading { working: false, ..reading(50, 10, Speed::Veryfast) };
        assert_eq!(watch(&mut pace, 60, 90, parked), []);
    }

    #[test]
    fn it_steps_up_after_a_calm_minute_and_waits_longer_where_that_was_too_soon() {
        let mut pace = Pace::of(Speed::Veryfast);
        watch(&mut pace, 100, 107, reading(80, 10, Speed::Veryfast));
        assert_eq!(pace.speed(), Speed::Superfast);
        // Fast enough, but not for more.
        assert_eq!(watch(&mut pace, 107, 300, reading(120, 10, Speed::Superfast)), []);
        let up = Change { from: Speed::Superfast, to: Speed::Veryfast };
        assert_eq!(watch(&mut pace, 300, 370, reading(160, 10, Speed::Superfast)), [(360, up)]);
        watch(&mut pace, 370, 380, reading(80, 10, Speed::Veryfast));
        assert_eq!(watch(&mut pace, 380, 600, reading(160, 10, Speed::Superfast)), [(500, up)]);
        // Never beyond what was asked for.
        assert_eq!(watch(&mut pace, 600, 9_000, reading(900, 50, Speed::Veryfast)), []);
        assert_eq!(pace.patience, CALM_FOR);
    }

    #[test]
    fn a_worker_that_runs_out_is_replaced_by_a_cheaper_one() {
        let mut pace = Pace::of(Speed::Veryfast);
        let dear = [reading(80, 10, Speed::Veryfast)];
        assert_eq!(pace.too_slow(&dear).count(), 0, "there is nothing cheaper yet");
        watch(&mut pace, 0, 7, dear[0]);
        assert_eq!(pace.too_slow(&dear).collect::<Vec<_>>(), [WorkerId(1)]);
        for fine in [reading(80, 15, Speed::Veryfast), reading(101, 5, Speed::Veryfast)] {
            assert_eq!(pace.too_slow(&[fine]).count(), 0, "{fine:?}");
        }
        assert_eq!(pace.too_slow(&[reading(80, 5, Speed::Superfast)]).count(), 0);
    }

    #[test]
    fn a_gauge_leaves_out_the_start_and_parked_times() {
        let mut gauge = Gauge::default();
        let step = Duration::from_millis(250);
        let mut made = Ticks::ZERO;
        // Three seconds of start, then a segment each two seconds.
        (0..12).for_each(|_| gauge.look(step, true, made));
        assert_eq!(gauge.percent(), None);
        for quarter in 1..=24 {
            made = Ticks::from_secs(4 * (quarter / 8));
            gauge.look(step, true, made);
        }
        assert_eq!(gauge.percent(), Some(200));
        (0..400).for_each(|_| gauge.look(step, false, made));
        assert_eq!(gauge.percent(), Some(200));
        // A segment that takes ten seconds and is not done yet: 40 % at most.
        (0..40).for_each(|_| gauge.look(step, true, made));
        assert_eq!(gauge.percent(), Some(40));
    }

    #[test]
    fn a_gauge_tells_of_the_last_moments() {
        let mut gauge = Gauge::default();
        let mut made = Ticks::ZERO;
        gauge.look(Duration::ZERO, true, made);
        for seconds in [1, 1, 1, 1, 1, 1, 5, 5, 5, 5] {
            made += Ticks::from_secs(4);
            gauge.look(at(seconds), true, made);
        }
        assert_eq!(gauge.percent(), Some(80));
    }
}
