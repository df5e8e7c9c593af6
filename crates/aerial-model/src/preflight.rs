//! Preflight: which files are to be looked at before they air.
//!
//! Owns the decision what is due. Looks at no file. Invariant: at an
//! airing's commit the last look at its file is at most a quarter of an hour old; one
//! that is shown over and over is not looked at each time.

use crate::id::{MapId, MediaId};
use crate::time::{AirTime, Ticks};

/// How long before its start a file is looked at (`rules.md`, 7).
pub const AHEAD: Ticks = Ticks::from_secs(600);

/// How long a look at a file that was well holds for its next airings: clips of a
/// minute are not read every minute.
pub const HOLDS: Ticks = Ticks::from_secs(300);

/// How soon one that was not well is looked at again: slate is retried as often.
pub const AGAIN: Ticks = Ticks::from_secs(30);

/// What is looked at: one version of a file.
pub type File = (MediaId, MapId);

/// A look that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When.
    pub at: AirTime,
    /// Nothing was wrong.
    pub well: bool,
}

/// The files that are due, the soonest first, each once. `airings` are those on
/// the air and planned, with their starts.
pub fn due(
    airings: impl IntoIterator<Item = (File, AirTime)>,
    looked: impl Fn(File) -> Option<Look>,
    now: AirTime,
) -> Vec<File> {
    let mut due: Vec<(AirTime, File)> = Vec::new();
    for (file, start) in airings {
        if start > now + AHEAD {
            continue;
        }
        let holds = looked(file).is_some_and(|look| match look.well {
            true => look.at >= start - AHEAD || now - look.at < HOLDS,
            false => now - look.at < AGAIN,
        });
        if !holds {
            due.push((start, file));
        }
    }
    due.sort_unstable();
    let mut files: Vec<File> = Vec::new();
    for (_, file) in due {
        if !files.contains(&file) {
            files.push(file);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::COMMIT_AHEAD;
    use proptest::prelude::*;
    use uuid::Uuid;

    const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

    fn file(n: u128) -> File {
        (MediaId(Uuid::from_u128(n)), MapId(Uuid::from_u128(n)))
    }
    fn secs(seconds: i64) -> Ticks {
        Ticks::from_secs(seconds)
    }

    #[test]
    fn what_begins_within_ten_minutes_is_due_and_the_soonest_comes_first() {
        let airings = [(file(3), NOW + secs(601)), (file(2), NOW + secs(600)), (file(1), NOW)];
        assert_eq!(due(airings, |_| None, NOW), [file(1), file(2)]);
    }

    #[test]
    fn a_look_counts_for_the_airing_that_it_was_taken_for() {
        let well = |at| move |_| Some(Look { at, well: true });
        let airing = [(file(1), NOW + secs(600))];
        assert_eq!(due(airing, well(NOW), NOW + secs(599)), []);
        // One from long before does not.
        assert_eq!(due(airing, well(NOW - secs(301)), NOW), [file(1)]);
        assert_eq!(due(airing, well(NOW - secs(299)), NOW), []);
    }

    #[test]
    fn what_was_not_well_is_looked_at_again_soon() {
        let ill = |_| Some(Look { at: NOW, well: false });
        let airing = [(file(1), NOW + secs(300))];
        assert_eq!(due(airing, ill, NOW + secs(29)), []);
        assert_eq!(due(airing, ill, NOW + secs(30)), [file(1)]);
    }

    proptest! {
        /// Whoever asks every few seconds, from ten minutes before on, has looked at
        /// every airing's file in that time and before its commit.
        #[test]
        fn no_airing_is_committed_without_a_look(
            lengths in prop::collection::vec(10i64..2_000, 1..40), files in 1u128..4, every in 5i64..20,
        ) {
            let mut starts = Vec::new();
            let mut at = NOW + secs(700);
            for (n, length) in lengths.iter().enumerate() {
                starts.push((file(n as u128 % files), at));
                at += secs(*length);
            }
            let mut looked: std::collections::HashMap<File, Vec<AirTime>> = Default::default();
            let mut now = NOW;
            while now < at {
                let last = |file: File| looked.get(&file)?.last().map(|at| Look { at: *at, well: true });
                for file in due(starts.iter().copied(), last, now) {
                    looked.entry(file).or_default().push(now);
                }
                now += secs(every);
            }
            for (file, start) in &starts {
                let commit = *start - COMMIT_AHEAD;
                let fresh = looked[file].iter().any(|at| *at <= commit && commit - *at <= AHEAD + HOLDS);
                prop_assert!(fresh, "{start}: {:?}", looked[file]);
            }
            for looks in looked.values() {
                prop_assert!(looks.windows(2).all(|two| two[1] - two[0] >= HOLDS));
            }
        }
    }
}
