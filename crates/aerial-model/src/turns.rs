//! Turns: which workers may work at the same time on one device.
//!
//! Owns the decision alone. More at once than a device has room for makes each
//! of them slower, the one whose viewers wait too. Invariants: what is needed
//! within moments always works, however many that are, so nobody starves; of the
//! others the one with the scarcest buffer has the next turn.

use std::time::Duration;

use crate::demand::{Want, WorkerView};

/// What is needed this soon works without a turn: two segments, of which players
/// have one or two in their buffers and a new worker needs a part of one to start.
pub const PRESSED: Duration = Duration::from_secs(8);

/// Who needs it this soon has nothing to show: the device is theirs, since an encoder
/// uses all of it that it gets. What is begun ahead of its time can wait that second;
/// beside it, tuning in took twice as long.
const WAITED_FOR: Duration = Duration::from_secs(1);

/// Who works is sent to rest only for one that is scarcer by this: two segments,
/// so that two workers do not take turns by the segment.
const HEAD_START: Duration = Duration::from_secs(8);

/// One that works, or would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contender<I> {
    /// Who.
    pub id: I,
    /// How soon what it makes next is needed.
    pub due: Duration,
    /// It works now.
    pub working: bool,
}

/// Those who may work, of all who work or would.
pub fn grant<I: Copy + Ord>(turns: usize, contenders: &[Contender<I>]) -> Vec<I> {
    let pressed = |contender: &&Contender<I>| contender.due <= PRESSED;
    let mut granted: Vec<I> = contenders.iter().filter(pressed).map(|c| c.id).collect();
    let mut others: Vec<&Contender<I>> = contenders.iter().filter(|c| !pressed(c)).collect();
    let scarcity = |contender: &Contender<I>| {
        let ahead = if contender.working { HEAD_START } else { Duration::ZERO };
        contender.due.saturating_sub(ahead)
    };
    others.sort_by_key(|contender| (scarcity(contender), contender.id));
    let waited_for = contenders.iter().any(|contender| contender.due < WAITED_FOR);
    let free = if waited_for { 0 } else { turns.saturating_sub(granted.len()) };
    granted.extend(others.into_iter().take(free).map(|contender| contender.id));
    granted
}

/// How soon what a worker makes next is needed; `None`: by nobody.
pub fn due(worker: &WorkerView, wants: &[Want]) -> Option<Duration> {
    wants
        .iter()
        .filter(|want| want.track == worker.track && worker.position < want.high)
        .map(|want| want.due_of(worker.position))
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn contender(id: u8, due_secs: u64, working: bool) -> Contender<u8> {
        Contender { id, due: Duration::from_secs(due_secs), working }
    }

    #[test]
    fn the_scarcest_buffer_has_the_next_turn() {
        let all = [contender(1, 30, false), contender(2, 12, false), contender(3, 19, false)];
        assert_eq!(grant(1, &all), [2]);
        assert_eq!(grant(2, &all), [2, 3]);
        assert_eq!(grant(9, &all), [2, 3, 1]);
    }

    #[test]
    fn who_works_goes_on_until_another_is_two_segments_scarcer() {
        assert_eq!(grant(1, &[contender(1, 24, true), contender(2, 16, false)]), [1]);
        assert_eq!(grant(1, &[contender(1, 25, true), contender(2, 16, false)]), [2]);
    }

    #[test]
    fn what_is_needed_within_moments_needs_no_turn_and_leaves_none() {
        let all = [
            contender(1, 1, false),
            contender(2, 8, false),
            contender(3, 3, true),
            contender(4, 9, true),
        ];
        assert_eq!(grant(1, &all), [1, 2, 3]);
        assert_eq!(grant(4, &all), [1, 2, 3, 4]);
    }

    #[test]
    fn while_somebody_waits_nothing_is_made_ahead() {
        let next_item = contender(2, 15, false);
        assert_eq!(grant(2, &[contender(1, 0, false), next_item]), [1]);
        assert_eq!(grant(2, &[contender(1, 4, true), next_item]), [1, 2]);
        assert_eq!(grant(2, &[contender(1, 0, false), contender(2, 8, true)]), [1, 2]);
    }

    proptest! {
        /// Workers of equal strength share a device that makes `turns` times real
        /// time for each turn: nobody's buffer runs dry.
        #[test]
        fn where_there_is_enough_for_all_nobody_runs_dry(
            buffers in prop::collection::vec(8u64..60, 1..12), turns in 1usize..5,
        ) {
            // In quarters of a second; all together make a third more than is played.
            let mut buffers: Vec<u64> = buffers.iter().map(|secs| secs * 12).collect();
            let mut working = vec![false; buffers.len()];
            for _ in 0..2_000 {
                let all: Vec<Contender<usize>> = buffers
                    .iter()
                    .enumerate()
                    .filter(|(n, buffer)| working[*n] && **buffer < 60 * 12 || **buffer < 20 * 12)
                    .map(|(id, buffer)| Contender {
                        id,
                        due: Duration::from_millis(buffer * 1_000 / 12),
                        working: working[id],
                    })
                    .collect();
                let granted = grant(turns, &all);
                let total = buffers.len() as u64 * 4;
                for (n, buffer) in buffers.iter_mut().enumerate() {
                    working[n] = granted.contains(&n);
                    if working[n] {
                        *buffer += total / granted.len() as u64;
                    }
                    prop_assert!(*buffer >= 3, "{n} ran dry");
                    *buffer -= 3;
                }
            }
        }
    }
}
