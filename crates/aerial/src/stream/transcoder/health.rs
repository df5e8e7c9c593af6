//! What is to be done with a track whose workers fail.
//!
//! Owns the count of failures and the times that follow from it. Starts and
//! composes nothing. Invariant: whatever is needed within moments is either
//! being worked on or slate; nothing is tried again and again without a pause.

use std::time::Duration;

use aerial_model::fault::{self, Answer, Class};
use tokio::time::Instant;

use crate::stream::worker::HANG;

/// What is needed this soon cannot wait for another attempt: players have about
/// this much in their buffers.
const PRESSED: Duration = Duration::from_secs(6);

/// Slate is made for what playlists list and players fetch, and no further: the
/// programme returns at the first cut not yet promised (`rules.md`, 23).
const SLATED_AHEAD: Duration = Duration::from_secs(12);

/// A track that became slate is tried again this often (`rules.md`, 23).
const RETRY_SLATED: Duration = Duration::from_secs(30);

/// Less than this is no hang: FFmpeg may have to read all before a place to find it
/// (2.4 s were seen), on a machine that is busy.
const HANGS_LEAST: Duration = Duration::from_secs(4);

/// What to do about a missing segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Start a worker.
    Work,
    /// Nothing, for now.
    Wait,
    /// Make it slate.
    Slate,
}

/// How a track's workers do.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// In a row, without a whole segment between.
    failures: u32,
    /// To the last of them.
    answer: Option<Answer>,
    /// The last of them was a hang.
    hung: bool,
    /// Since the track is wanted.
    pub(super) restarts: u32,
    pub(super) last_error: Option<String>,
    /// Not before then.
    retry_at: Option<Instant>,
    /// It is slate until then, when a worker is tried.
    slate_until: Option<Instant>,
}

impl Health {
    /// A worker made whole segments.
    pub(super) fn made_some(&mut self) {
        (self.failures, self.answer, self.retry_at, self.slate_until) = (0, None, None, None);
        self.hung = false;
    }

    /// A worker failed: what is done about it.
    pub(super) fn failed(&mut self, class: Class, detail: String, now: Instant) -> Answer {
        self.failures += 1;
        self.restarts += 1;
        self.hung = class == Class::Hang;
        self.last_error = Some(detail);
        let answer = fault::answer(class, self.failures);
        self.retry_at = answer.retry_after.map(|pause| now + pause);
        if self.slate_until.is_some() {
            self.slate_until = Some(now + RETRY_SLATED);
        }
        *self.answer.insert(answer)
    }

    /// How long the next worker may give nothing before it has given anything, for a
    /// segment that is needed `due` from now. Two that hang leave time for slate: an
    /// item is begun 20 s early, but after one that was ended early there are 8 to 12.
    /// Who tunes in is waited for: a disk may have to spin up.
    pub(super) fn patience(&self, due: Duration) -> Duration {
        let first = self.failures == 0 && !due.is_zero();
        match (first, self.hung) {
            (true, _) => (due / 2).clamp(HANGS_LEAST, HANG),
            (false, true) => due.clamp(HANGS_LEAST, HANG),
            (false, false) => HANG,
        }
    }

    /// The next worker is to do without a device.
    pub(super) fn is_in_software(&self) -> bool {
        self.answer.is_some_and(|answer| answer.in_software)
    }

    /// What to do about a missing segment of a file that cannot be played now.
    pub(super) fn course_withheld(due: Duration, read: bool) -> Course {
        if read || due <= SLATED_AHEAD { Course::Slate } else { Course::Wait }
    }

    /// What to do about a missing segment that is needed `due` from now; `read`
    /// says that somebody has a part of it already.
    pub(super) fn course(&mut self, due: Duration, read: bool, now: Instant) -> Course {
        if self.slate_until.is_none() {
            // Retried at once the first time (`rules.md`, 22).
            let at_once = |answer: Answer| answer.retry_after == Some(Duration::ZERO);
            if self.answer.is_none_or(at_once) {
                return Course::Work;
            }
            let Some(retry_at) = self.retry_at.filter(|_| !read && due > PRESSED) else {
                self.slate_until = Some(now + RETRY_SLATED);
                return self.course(due, read, now);
            };
            return if now < retry_at { Course::Wait } else { Course::Work };
        }
        if !self.is_slated(now) {
            Course::Work
        } else if read || due <= SLATED_AHEAD {
            Course::Slate
        } else {
            Course::Wait
        }
    }

    /// Whether it is slate for now.
    pub(super) fn is_slated(&self, now: Instant) -> bool {
        self.slate_until.is_some_and(|until| now < until)
    }
}

/// How many segments are slate from one on that is needed `due` from now: each
/// lasts about 4 s.
pub(super) fn slated_segments(due: Duration) -> u32 {
    let ahead = SLATED_AHEAD.saturating_sub(due).as_secs() / 4;
    1 + u32::try_from(ahead).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    const SOON: Duration = Duration::from_secs(3);
    const LATER: Duration = Duration::from_secs(16);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
    fn after(failures: u32, now: Instant) -> Health {
        let mut health = Health::default();
        for _ in 0..failures {
            health.failed(Class::Crash, "crash".to_owned(), now);
        }
        health
    }

    #[test]
    fn the_first_retry_is_at_once_then_after_1_2_and_4_seconds_where_there_is_time() {
        let now = monotonic();
        for (failures, pause) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 4)] {
            let mut health = after(failures, now);
            if pause > 0 {
                let early = now + at(pause) - Duration::from_millis(1);
                assert_eq!(health.course(LATER, false, early), Course::Wait, "{failures}");
            }
            assert_eq!(health.course(LATER, false, now + at(pause)), Course::Work, "{failures}");
        }
        let mut health = after(5, now);
        assert_eq!(health.course(LATER, false, now + at(29)), Course::Wait);
        assert!(health.is_slated(now));
    }

    #[test]
    fn a_file_that_was_replaced_is_slate_without_another_attempt() {
        let now = monotonic();
        let mut health = Health::default();
        health.failed(Class::ReplacedFile, "another".to_owned(), now);
        assert_eq!(health.course(SOON, false, now), Course::Slate);
        assert_eq!(health.course(LATER, false, now + at(29)), Course::Wait);
    }

    #[test]
    fn a_corrupt_file_has_one_attempt_more_and_that_in_software() {
        let now = monotonic();
        let mut health = Health::default();
        health.failed(Class::CorruptFile, "cut".to_owned(), now);
        assert_eq!(health.course(SOON, true, now), Course::Work);
        let answer = health.failed(Class::CorruptFile, "cut".to_owned(), now);
        assert!(health.is_in_software() && answer.tell == Some(fault::Tell::Bad));
        assert_eq!(health.course(LATER, false, now), Course::Wait);
        assert!(health.is_slated(now));
    }

    #[test]
    fn what_somebody_waits_for_is_slate_after_the_second_failure() {
        let now = monotonic();
        assert_eq!(after(1, now).course(SOON, true, now), Course::Work);
        assert_eq!(after(2, now).course(SOON, false, now), Course::Slate);
        assert_eq!(after(2, now).course(LATER, true, now), Course::Slate);
    }

    #[test]
    fn slate_is_made_no_further_than_is_promised_and_a_worker_is_tried_every_30_s() {
        let now = monotonic();
        let mut health = after(2, now);
        assert_eq!(health.course(SOON, false, now), Course::Slate);
        assert_eq!(health.course(LATER, false, now), Course::Wait);
        assert_eq!(health.course(LATER, false, now + at(30)), Course::Work);
        health.failed(Class::Crash, "again".to_owned(), now + at(31));
        assert_eq!(health.course(SOON, false, now + at(60)), Course::Slate);
        assert_eq!(health.course(LATER, false, now + at(61)), Course::Work);
        health.made_some();
        assert_eq!(health.course(SOON, false, now + at(62)), Course::Work);
        assert_eq!(health.restarts, 3);
    }

    #[test]
    fn two_that_hang_leave_time_for_slate() {
        let patience = |health: &Health, due| health.patience(at(due)).as_secs();
        let mut health = Health::default();
        let first: Vec<u64> = [0, 1, 8, 12, 20, 60].map(|due| patience(&health, due)).into();
        assert_eq!(first, [10, 4, 4, 6, 10, 10]);
        health.failed(Class::Hang, "hang".to_owned(), monotonic());
        let second: Vec<u64> = [0, 4, 6, 10, 50].map(|due| patience(&health, due)).into();
        assert_eq!(second, [4, 4, 6, 10, 10]);
        let crashed = after(1, monotonic());
        assert_eq!(patience(&crashed, 0), 10, "it is no hang that a busy machine is slow");
    }

    #[test]
    fn slate_reaches_12_s_ahead() {
        assert_eq!(slated_segments(Duration::ZERO), 4);
        assert_eq!(slated_segments(at(11)), 1);
        assert_eq!(slated_segments(at(50)), 1);
    }
}
