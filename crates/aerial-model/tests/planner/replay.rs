//! What is played again is what the twin walked: whenever it is asked for, with
//! whatever else, and whatever was edited since.

use aerial_model::ledger::{AirSegment, Content, Ledger, Row};
use aerial_model::replay::{Address, MOST_AIRINGS, Replay, aired};
use aerial_model::time::{AirTime, Ticks};
use proptest::prelude::*;

use crate::history::{History, histories};
use crate::world::{World, copied, events, map_of, read};

/// A segment: its name, when it begins, and what it shows.
type Told = (Address, AirTime, u64, u32, Content);

fn told(replay: &Replay, segment: &AirSegment) -> Told {
    let (start, sequence) = (segment.start, segment.sequence);
    (replay.address(segment), start, sequence, segment.index, segment.row.content)
}

fn replay(world: &World, ledger: &Ledger, from: AirTime, to: AirTime) -> Replay {
    let planner_of = |version| world.past.get(&version).cloned();
    let rows = aired(ledger, &planner_of, &(from..to)).unwrap();
    Replay::of(rows, copied).unwrap()
}

/// All segments that begin in `from..to`.
fn segments(world: &World, from: AirTime, to: AirTime) -> Vec<Told> {
    let replay = replay(world, &world.ledger, from, to);
    let Some(first) = replay.ledger().segment_at_or_after(from) else { return Vec::new() };
    let all = replay.ledger().segments_from(first.sequence);
    let within = all.filter(|s| (from..to).contains(&s.start));
    within.map(|segment| told(&replay, &segment)).collect()
}

/// The same, as the twin walked it.
fn walked(world: &World, from: AirTime, to: AirTime) -> Vec<(AirTime, u64, u32, Content)> {
    let ends = world.truth.iter().skip(1).map(|next| next.first_sequence);
    let ends = ends.chain(world.truth.last().map(Row::end_sequence));
    let mut told = Vec::new();
    for (row, end) in world.truth.iter().zip(ends) {
        if row.end() <= from || row.start >= to {
            continue;
        }
        let map = map_of(&row.content);
        let all = (row.first_sequence..end).zip(0u32..);
        let all =
            all.map(|(sequence, index)| (row.start + map.cut(index), sequence, index, row.content));
        told.extend(all.filter(|(start, ..)| (from..to).contains(start)));
    }
    told
}

/// A stretch of the committed time, at most about an hour of it, and no more airings
/// (of clips of one frame) than can be told at once.
fn stretch(world: &World, (a, b): (f64, f64)) -> (AirTime, AirTime) {
    let (start, end) = (world.truth[0].start, world.ledger.tail().unwrap().end());
    let all = (end - start).0 as f64;
    let from = start + Ticks((all * a) as i64);
    let first = world.truth.partition_point(|row| row.end() <= from);
    let too_many = world.truth.get(first + MOST_AIRINGS).map_or(end, |row| row.start);
    (from, too_many.min(end).min(from + Ticks(1 + (all.min(324e6) * b) as i64)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_played_again_is_what_was_planned(
        history in histories(), part in (0.0f64..1.0, 0.0f64..1.0),
    ) {
        let world = history.lived();
        let (from, to) = stretch(&world, part);
        let again = segments(&world, from, to);
        let expected = walked(&world, from, to);
        let without_names: Vec<_> =
            again.iter().map(|(_, start, sequence, index, what)| (*start, *sequence, *index, *what)).collect();
        prop_assert_eq!(without_names, expected);
    }

    #[test]
    fn every_segment_is_found_by_its_name_alone(
        history in histories(), part in (0.0f64..1.0, 0.0f64..0.2),
    ) {
        let world = history.lived();
        let (from, to) = stretch(&world, part);
        for one in segments(&world, from, to).into_iter().take(20) {
            // As a request for one segment reads the ledger: from there on, and the row before.
            let rows = &world.rows;
            let first = rows.iter().rposition(|row| row.start <= one.1).unwrap();
            let ledger = read(rows[first.saturating_sub(1)..].iter().copied());
            let replay = replay(&world, &ledger, one.1, one.1 + Ticks(1));
            let found = replay.segment(one.0).unwrap();
            prop_assert_eq!(told(&replay, &found), one);
            let other = Address { ordinal: one.0.ordinal + 1, ..one.0 };
            prop_assert_eq!(replay.segment(other), None);
        }
    }

    #[test]
    fn what_aired_stays_so_whatever_happens_after(
        history in histories(), more in prop::collection::vec(events(), 1..6),
        part in (0.0f64..1.0, 0.0f64..0.5),
    ) {
        let mut world = history.lived();
        let (from, to) = stretch(&world, part);
        let mut before = segments(&world, from, to);
        // What no player was promised yet may be cut until it begins, and it begins
        // anew where the clock is set back.
        let mut aired = world.now;
        for event in &more {
            world.happens(event);
            aired = aired.min(world.now);
        }
        world.commit();
        before.retain(|(_, start, ..)| *start < aired);
        prop_assert_eq!(segments(&world, from, to.min(aired)), before);
    }

    #[test]
    fn whoever_watched_saw_the_same(history in histories()) {
        let world = history.lived();
        for (sequence, (start, length, content)) in &world.promised {
            let again = replay(&world, &world.ledger, *start, *start + Ticks(1));
            let segment = again.ledger().segment_at(*start).unwrap();
            prop_assert_eq!(
                (segment.sequence, segment.start, segment.length, segment.row.content),
                (*sequence, *start, *length, *content)
            );
        }
    }
}

/// A guard of the tests themselves: what nobody watched is in the stretches.
#[test]
fn stretches_nobody_watched_are_played_again() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut unwatched = 0;
    for _ in 0..100 {
        let history: History = histories().new_tree(&mut runner).unwrap().current();
        let world = history.lived();
        let skips = world.rows.iter().filter(|row| matches!(row.content, Content::Skip { .. }));
        for skip in skips {
            let to = skip.end().min(skip.start + Ticks::from_secs(600));
            let again = segments(&world, skip.start, to);
            assert!(again.iter().all(|(address, ..)| address.ordinal == skip.ordinal));
            unwatched += again.len();
        }
    }
    assert!(unwatched > 1_000, "{unwatched}");
}
