//! What must hold through any history of viewers, edits, restarts and clocks.

use aerial_model::guide::{Kind, Programme};
use aerial_model::ledger::{Content, Row};
use aerial_model::lineup::Lineup;
use aerial_model::time::{AirTime, Ticks};
use proptest::prelude::*;

use crate::world::{Event, NEW_YEAR, World, events, lineups, map_of, read};

/// What a channel went through.
#[derive(Clone, Debug)]
pub struct History {
    lineup: Lineup,
    events: Vec<Event>,
}

impl History {
    pub fn lived(&self) -> World {
        let mut world = World::new(self.lineup.clone());
        self.events.iter().for_each(|event| world.happens(event));
        // At last the clock is right again, so that there is something to look at.
        world.now = world.now.max(NEW_YEAR);
        world.commit();
        world
    }
}

pub fn histories() -> impl Strategy<Value = History> {
    (lineups(), prop::collection::vec(events(), 1..14))
        .prop_map(|(lineup, events)| History { lineup, events })
}

/// The ledger's airings, those in skips too, as (start, end, first sequence,
/// sequence after, content).
fn told(world: &World) -> Vec<(AirTime, AirTime, u64, u64, Content)> {
    let mut told = Vec::new();
    let mut before: Option<Row> = None;
    for airing in world.ledger.airings() {
        let row = airing.row;
        if let Content::Skip { .. } = row.content {
            let planner = &world.past[&row.lineup_version];
            told.extend(
                planner
                    .expand(&row, before.as_ref(), row.start)
                    .inspect(|opened| assert_eq!(opened.ordinal, row.ordinal))
                    .map(|r| (r.start, r.end(), r.first_sequence, r.end_sequence(), r.content)),
            );
        } else {
            let (first, end) = (row.first_sequence, airing.end_sequence);
            told.push((row.start, airing.end, first, end, row.content));
        }
        before = Some(row);
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_ledger_is_what_the_twin_walked(history in histories()) {
        let world = history.lived();
        let truth: Vec<_> = world.truth.iter().zip(
            world.truth.iter().skip(1).map(|next| next.first_sequence)
                .chain(world.truth.last().map(Row::end_sequence)),
        ).map(|(r, end)| (r.start, r.end(), r.first_sequence, end, r.content)).collect();
        prop_assert_eq!(told(&world), truth);
    }

    #[test]
    fn sequence_numbers_are_strictly_monotonic_and_airings_meet(history in histories()) {
        let world = history.lived();
        let airings = world.ledger.airings();
        prop_assert_eq!(airings[0].row.first_sequence, 0);
        for pair in airings.windows(2) {
            prop_assert_eq!(pair[0].end, pair[1].row.start);
            prop_assert_eq!(pair[0].end_sequence, pair[1].row.first_sequence);
            prop_assert!(pair[0].row.first_sequence < pair[1].row.first_sequence);
            prop_assert!(pair[0].row.start < pair[1].row.start);
            prop_assert_eq!((pair[1].row.start - pair[0].row.start).0 % 1_920, 0);
            let look = |row: &Row| (row.frame_height, row.signature);
            let changed = look(&pair[0].row) != look(&pair[1].row);
            let grown = pair[1].row.discontinuity_sequence - pair[0].row.discontinuity_sequence;
            prop_assert_eq!(grown, u32::from(changed));
        }
    }

    #[test]
    fn an_airing_is_on_from_its_first_tick_to_its_last(history in histories()) {
        let world = history.lived();
        for airing in world.ledger.airings() {
            if matches!(airing.row.content, Content::Skip { .. }) {
                continue;
            }
            let on = |instant| world.ledger.segment_at(instant).map(|segment| segment.sequence);
            prop_assert_eq!(on(airing.row.start), Some(airing.row.first_sequence));
            // Also in the moment between its last frame and the next airing.
            prop_assert_eq!(on(airing.end - Ticks(1)), Some(airing.end_sequence - 1));
        }
    }

    #[test]
    fn what_players_were_told_stays_so(history in histories()) {
        let world = history.lived();
        for (sequence, name) in &world.promised {
            let segment = world.ledger.segment(*sequence).unwrap();
            prop_assert_eq!(*name, (segment.start, segment.length, segment.row.content));
        }
    }

    #[test]
    fn reading_the_rows_again_gives_the_same_ledger(history in histories()) {
        let world = history.lived();
        prop_assert_eq!(&read(world.rows.iter().copied()), &world.ledger);
        // From any row on, too; what airs then does not depend on what went before.
        for from in 0..world.rows.len() {
            let part = read(world.rows[from..].iter().copied());
            let airings = world.ledger.airings();
            prop_assert!(airings.ends_with(part.airings()) || airings.len() < part.airings().len()
                || part.airings()[1..] == airings[airings.len() + 1 - part.airings().len()..]);
        }
    }

    #[test]
    fn guide_now_and_playlist_agree_at_every_instant(
        history in histories(), parts in prop::collection::vec(0.0f64..1.0, 1..12),
    ) {
        let world = history.lived();
        let start = world.truth[0].start;
        let end = world.ledger.tail().unwrap().end() + Ticks::from_secs(300);
        let programmes: Vec<Programme> =
            world.guide(|guide| guide.programmes(start, end).collect());
        for pair in programmes.windows(2) {
            prop_assert_eq!(pair[0].end, Some(pair[1].start), "programmes meet");
        }
        for part in parts {
            let instant = start + Ticks(((end - start).0 as f64 * part) as i64);
            let listed = programmes.iter().find(|programme| programme.contains(instant));
            let now = world.guide(|guide| guide.now(instant)).unwrap();
            prop_assert_eq!(Some(&now.current), listed);
            prop_assert_eq!(now.current.start + now.offset, instant);
            let next = programmes.iter().find(|programme| programme.start > instant);
            if next.is_some() {
                prop_assert_eq!(now.next.as_ref(), next);
                prop_assert_eq!(now.remaining.map(|left| instant + left), next.map(|n| n.start));
            }
            if let Some(segment) = world.ledger.segment_at(instant) {
                prop_assert!(segment.start <= instant);
                prop_assert!(instant < segment.end() + Ticks(1_920));
                prop_assert_eq!(world.ledger.segment(segment.sequence), Some(segment));
                prop_assert_eq!(world.ledger.segment_at_or_after(instant), Some(segment));
                match (segment.row.content, now.current.kind) {
                    (Content::Media { cursor, .. }, Kind::Media { item, media, .. }) => {
                        let map = map_of(&segment.row.content);
                        prop_assert_eq!((cursor.item, cursor.media), (item, media));
                        prop_assert_eq!(now.current.start, segment.row.start);
                        prop_assert_eq!(map.cut(segment.index), segment.media_start);
                        prop_assert_eq!(
                            segment.start - segment.row.start, segment.media_start,
                        );
                    }
                    (Content::OffAir { .. }, Kind::OffAir) => {}
                    other => prop_assert!(false, "playlist and guide disagree: {:?}", other),
                }
            } else if instant >= world.ledger.tail().unwrap().end() {
                let row = world.planner.at(world.ledger.tail(), instant).unwrap();
                prop_assert!(row.start <= instant && instant < row.end());
                match (row.content, now.current.kind) {
                    (Content::Media { cursor, .. }, Kind::Media { item, media, cycle, .. }) => {
                        prop_assert_eq!((cursor.item, cursor.media, cursor.cycle), (item, media, cycle));
                        prop_assert_eq!((now.current.start, now.current.end), (row.start, Some(row.end())));
                    }
                    (Content::OffAir { .. }, Kind::OffAir) => {}
                    other => prop_assert!(false, "plan and guide disagree: {:?}", other),
                }
            }
        }
    }

    #[test]
    fn the_guide_is_what_the_twin_walked(history in histories(), part in 0.0f64..1.0) {
        let world = history.lived();
        let start = world.truth[0].start;
        let end = world.ledger.tail().unwrap().end() + Ticks::from_secs(600);
        let from = start + Ticks(((end - start).0 as f64 * part) as i64);
        let shown: Vec<Programme> = world.guide(|guide| guide.programmes(from, end).collect());
        let mut expected = world.expected_programmes(end);
        expected.retain(|programme| programme.end.is_some_and(|e| e > from) && programme.start < end);
        prop_assert_eq!(shown.len(), expected.len());
        let last = shown.len() - 1;
        for (index, (shown, expected)) in shown.iter().zip(&expected).enumerate() {
            prop_assert_eq!((shown.start, shown.kind), (expected.start, expected.kind));
            // The last may go on past the window that the twin walked.
            if index < last {
                prop_assert_eq!(shown.end, expected.end);
            } else {
                prop_assert!(shown.end.is_none_or(|end| Some(end) >= expected.end));
            }
        }
    }

    #[test]
    fn segments_run_on_from_any_number(history in histories(), part in 0.0f64..1.0) {
        let world = history.lived();
        let end = world.ledger.tail().unwrap().end_sequence();
        let from = (end as f64 * part) as u64;
        let mut expected = None;
        for segment in world.ledger.segments_from(from).take(500) {
            prop_assert!(segment.sequence >= from);
            if let Some((sequence, start, row_end)) = expected {
                prop_assert_eq!(segment.sequence, sequence);
                // Exactly, or where an airing begins, on the next audio frame.
                let gap = segment.start - start;
                let begins = segment.begins_airing();
                prop_assert!(gap == Ticks::ZERO || (begins && gap > Ticks::ZERO && gap < Ticks(1_920)));
                prop_assert!(!begins || row_end == segment.start);
            } else if segment.sequence > from {
                prop_assert!(world.ledger.segment(from).is_none(), "{} is there", from);
            }
            let airing = world.ledger.airing_of(segment.sequence).unwrap();
            expected = Some((segment.sequence + 1, segment.end(), airing.end));
        }
    }

    #[test]
    fn a_commit_only_adds(history in histories(), event in events()) {
        let mut world = history.lived();
        let before = world.rows.clone();
        world.happens(&event);
        world.commit();
        prop_assert_eq!(&world.rows[..before.len()], &before[..]);
        // Committed twice, nothing is added.
        let again = world.planner.commit(world.ledger.tail(), world.now).count();
        prop_assert_eq!(again, 0);
    }
}

#[test]
fn every_kind_of_event_really_happens() {
    // A guard of the tests themselves: skips by idleness, cuts, off the air and
    // media must all be common in the histories above.
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = [0; 5];
    for _ in 0..200 {
        let world = histories().new_tree(&mut runner).unwrap().current().lived();
        let has = |f: &dyn Fn(&Row) -> bool| usize::from(world.rows.iter().any(f));
        seen[0] += has(&|row| matches!(row.content, Content::Media { .. }));
        seen[1] += has(&|row| matches!(row.content, Content::OffAir { .. }));
        seen[2] += has(&|row| matches!(row.content, Content::Skip { .. }));
        seen[3] += usize::from(world.ledger.airings().iter().any(|airing| airing.is_cut()));
        seen[4] += has(&|row| row.discontinuity_sequence > 0);
    }
    assert!(seen.iter().all(|count| *count >= 20), "{seen:?}");
}
