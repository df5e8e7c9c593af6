//! The planner alone: against its twin, over long times, at odd instants.

use std::sync::Arc;

use aerial_model::guide::Guide;
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::lineup::{Lineup, Order, SlotKey};
use aerial_model::planner::Planner;
use aerial_model::time::{AirTime, Ticks};
use proptest::prelude::*;

use crate::naive;
use crate::world::{NEW_YEAR, lineups, read, slot};

fn day(days: i64) -> Ticks {
    Ticks::from_secs(86_400 * days)
}

/// `count` slots of 10 to 52 minutes.
fn long(order: Order, looping: bool, count: u128) -> Lineup {
    let slots = (0..count).map(|n| {
        let key = SlotKey { rank: n as i64, episode: 0 };
        slot(n, n ^ 0x5555, key, (24_000, 1_001), 14_400 + (n as u64 * 7_919) % 60_000)
    });
    Lineup {
        version: 1,
        order,
        seed: 5,
        looping,
        starts_at: NEW_YEAR,
        created_at: NEW_YEAR,
        frame_height: 720,
        slots: slots.collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn one_go_and_many_steps_plan_the_same(
        lineup in lineups(), steps in prop::collection::vec(0i64..30_000_000, 1..20),
    ) {
        let planner = Planner::new(Arc::new(lineup.clone()));
        let end = NEW_YEAR + steps.iter().map(|step| Ticks(*step)).sum();
        let at_once: Vec<Row> = planner.rows(None, AirTime(i64::MIN), end).collect();
        let mut stepwise: Vec<Row> = Vec::new();
        let mut now = NEW_YEAR;
        for step in steps {
            now += Ticks(step);
            let planner = Planner::new(Arc::new(lineup.clone()));
            let rows: Vec<Row> =
                planner.rows(stepwise.last(), AirTime(i64::MIN), now).collect();
            stepwise.extend(rows);
        }
        prop_assert_eq!(&at_once, &stepwise);
        prop_assert_eq!(at_once, naive::walk(&lineup, None, end));
    }

    #[test]
    fn any_instant_is_found_as_the_twin_finds_it_by_walking(
        lineup in lineups(), first in 0i64..100_000_000, then in 0i64..900_000_000,
    ) {
        let planner = Planner::new(Arc::new(lineup.clone()));
        let origin = naive::origin(&lineup);
        let tails = [None, naive::walk(&lineup, None, origin + Ticks(first)).pop()];
        for tail in tails {
            let from = tail.map_or(origin, |tail| tail.end());
            let instant = from + Ticks(then);
            let found = planner.at(tail.as_ref(), instant);
            let walked = naive::walk(&lineup, tail.as_ref(), instant).pop();
            // Only the ordinal and the discontinuities say how one came there.
            let ordinal = found.map_or(0, |row| row.ordinal);
            let discontinuity_sequence = found.map_or(0, |row| row.discontinuity_sequence);
            let there = walked.map(|row| Row { ordinal, discontinuity_sequence, ..row });
            prop_assert_eq!(found, there);
            let jumped = walked.is_some_and(|row| row.start > from);
            prop_assert_eq!(ordinal, tail.map_or(0, |tail| tail.ordinal + 1) + u64::from(jumped));
            prop_assert_eq!(planner.at(tail.as_ref(), from - Ticks(1)), None);
        }
    }

    #[test]
    fn an_opened_skip_is_what_was_skipped_from_any_instant_on(
        lineup in lineups(), idle in 0i64..900_000_000, part in 0.0f64..1.1,
    ) {
        let planner = Planner::new(Arc::new(lineup.clone()));
        let origin = naive::origin(&lineup);
        let rows: Vec<Row> = planner.rows(None, origin + Ticks(idle), origin + Ticks(idle)).collect();
        let Some(skip) = rows.first().filter(|row| matches!(row.content, Content::Skip { .. }))
        else {
            return Ok(());
        };
        prop_assert_eq!(rows.len(), 2);
        let from = origin + Ticks((idle as f64 * part) as i64);
        let mut walked = naive::walk(&lineup, None, skip.end() - Ticks(1));
        walked.retain(|row| row.end() > from);
        walked.iter_mut().for_each(|row| row.ordinal = skip.ordinal);
        let mut opened: Vec<Row> = planner.expand(skip, None, from).collect();
        // Nobody was sent any of it, so discontinuities were not counted.
        for row in walked.iter_mut().chain(&mut opened) {
            row.discontinuity_sequence = 0;
        }
        prop_assert_eq!(opened, walked);
    }

    #[test]
    fn a_shuffle_plays_everything_once_in_each_cycle(lineup in lineups(), cycles in 1u64..5) {
        let lineup = Lineup {
            order: Order::Shuffle, looping: true, starts_at: NEW_YEAR, ..lineup
        };
        prop_assume!(!lineup.slots.is_empty());
        let planner = Planner::new(Arc::new(lineup.clone()));
        let count = lineup.slots.len();
        let rows: Vec<Row> = planner
            .rows(None, NEW_YEAR, AirTime(i64::MAX))
            .take(count * cycles as usize)
            .collect();
        for (cycle, rows) in rows.chunks(count).enumerate() {
            let mut played: Vec<_> = rows.iter().map(|row| {
                let cursor = row.cursor().unwrap();
                assert_eq!(cursor.cycle, cycle as u64);
                (cursor.item, cursor.media)
            }).collect();
            played.sort();
            let mut slots: Vec<_> = lineup.slots.iter().map(|s| (s.item, s.media)).collect();
            slots.sort();
            prop_assert_eq!(played, slots);
        }
    }

    #[test]
    fn no_clock_and_no_start_make_it_panic(
        lineup in lineups(), starts_at in any::<i64>(), created_at in any::<i64>(),
        now in any::<i64>(), until in any::<i64>(),
    ) {
        let lineup = Lineup {
            starts_at: AirTime(starts_at), created_at: AirTime(created_at), ..lineup
        };
        let planner = Arc::new(Planner::new(Arc::new(lineup)));
        let rows: Vec<Row> = planner.rows(None, AirTime(now), AirTime(until)).take(20).collect();
        let ledger = read(rows.iter().copied());
        let _ = planner.at(ledger.tail(), AirTime(until));
        let _ = planner.commit(ledger.tail(), AirTime(now)).take(20).count();
        let _ = planner.skip(&ledger, AirTime(now), 0);
        let guide = Guide::new(&ledger, &planner, &|_| None);
        let _ = guide.programmes(AirTime(now), AirTime(until)).take(20).count();
    }
}

#[test]
fn neighbouring_cycles_and_other_seeds_shuffle_unlike() {
    let lineup = long(Order::Shuffle, true, 200);
    let play = |lineup: &Lineup| -> Vec<_> {
        let planner = Planner::new(Arc::new(lineup.clone()));
        let rows = planner.rows(None, NEW_YEAR, AirTime(i64::MAX)).take(400);
        rows.map(|row| row.cursor().unwrap().item).collect()
    };
    let ours = play(&lineup);
    let other = play(&Lineup { seed: 6, ..lineup });
    let same = |a: &[_], b: &[_]| a.iter().zip(b).filter(|(a, b)| a == b).count();
    assert!(same(&ours[..200], &ours[200..]) < 10);
    assert!(same(&ours, &other) < 10);
    // Nor is any shuffle the arranged order.
    assert!(ours[..200].windows(2).filter(|pair| pair[0] < pair[1]).count() < 130);
}

#[test]
fn after_a_year_without_a_viewer_it_plans_what_the_twin_walked() {
    for order in [Order::Sequential, Order::Shuffle] {
        let lineup = long(order, true, 60);
        let planner = Planner::new(Arc::new(lineup.clone()));
        let tail = planner.commit(None, NEW_YEAR).last().unwrap();
        let now = NEW_YEAR + day(366);
        let (expected, walked) =
            naive::commit(&lineup, Some(&tail), now, now + Ticks::from_secs(120));
        let rows: Vec<Row> = planner.commit(Some(&tail), now).collect();
        assert_eq!(rows, expected);
        assert!(walked.len() > 10_000, "{} airings skipped", walked.len());
        let opened: Vec<Row> = planner.expand(&rows[0], Some(&tail), tail.end()).collect();
        assert!(
            opened.iter().zip(&walked).all(|(a, b)| (a.start, a.content) == (b.start, b.content))
        );
    }
}

#[test]
fn after_a_hundred_years_10_000_items_are_still_counted_exactly() {
    for order in [Order::Sequential, Order::Shuffle] {
        let lineup = long(order, true, 10_000);
        let length: i64 = lineup.slots.iter().map(|slot| slot.air_length().0).sum();
        let segments: u64 = lineup.slots.iter().map(|slot| u64::from(slot.map.segments())).sum();
        let planner = Planner::new(Arc::new(lineup.clone()));
        let cycles = day(36_525).0 / length;
        assert!(cycles > 100);
        // A whole number of cycles later, the first of a cycle begins.
        let row = planner.at(None, NEW_YEAR + Ticks(length * cycles)).unwrap();
        assert_eq!(row.start, NEW_YEAR + Ticks(length * cycles));
        assert_eq!(row.first_sequence, segments * cycles as u64);
        let cursor = row.cursor().unwrap();
        assert_eq!(cursor.cycle, cycles as u64);
        assert_eq!(cursor.item, naive::order(&lineup, cursor.cycle)[0].item);
        // A tick earlier, the last of the cycle before is on.
        let row = planner.at(None, row.start - Ticks(1)).unwrap();
        assert_eq!(row.cursor().unwrap().cycle, cycles as u64 - 1);
        assert_eq!(row.end_sequence(), segments * cycles as u64);
    }
}

#[test]
fn a_lineup_that_does_not_loop_ends_and_stays_off_the_air() {
    let lineup = long(Order::Sequential, false, 3);
    let length: Ticks = lineup.slots.iter().map(|slot| slot.air_length()).sum();
    let planner = Arc::new(Planner::new(Arc::new(lineup)));
    let end = NEW_YEAR + length;
    let last = planner.at(None, end - Ticks(1)).unwrap();
    assert_eq!(last.end(), end);
    let rows: Vec<Row> = planner.rows(Some(&last), end, end + Ticks::from_secs(60)).collect();
    assert_eq!(
        rows.iter().map(|row| row.start).collect::<Vec<_>>(),
        [end, end + Ticks::from_secs(32)]
    );
    assert!(rows.iter().all(|row| matches!(row.content, Content::OffAir { .. })));
    let much_later = planner.at(Some(&last), end + day(36_525)).unwrap();
    assert!(matches!(much_later.content, Content::OffAir { .. }));
    assert_eq!((much_later.start - end).0 % Ticks::from_secs(32).0, 0);
    assert_eq!(
        much_later.first_sequence,
        last.end_sequence() + ((much_later.start - end).0 / Ticks::from_secs(4).0) as u64,
    );
    let ledger = Ledger::default();
    let now = Guide::new(&ledger, &planner, &|_| None).now(end + day(1)).unwrap();
    assert_eq!((now.current.start, now.current.end, now.next), (end, None, None));
}

#[test]
fn a_channel_that_begins_later_begins_on_the_instant() {
    for seconds in [1, 7, 8, 9, 31, 32, 33, 36, 100, 86_400] {
        let starts_at = NEW_YEAR + Ticks::from_secs(seconds);
        let lineup = Lineup { starts_at, ..long(Order::Sequential, true, 2) };
        let planner = Planner::new(Arc::new(lineup));
        let first = planner.rows(None, NEW_YEAR, NEW_YEAR).next().unwrap();
        assert!(first.start <= NEW_YEAR && first.start > NEW_YEAR - Ticks::from_secs(8));
        let media = planner
            .rows(None, NEW_YEAR, starts_at)
            .find(|row| matches!(row.content, Content::Media { .. }))
            .unwrap();
        assert_eq!(media.start, starts_at);
        let segments = (starts_at - first.start).0 / Ticks::from_secs(4).0;
        assert_eq!(media.first_sequence, segments as u64);
    }
}

#[test]
fn any_instant_of_any_wait_is_found_as_the_twin_finds_it() {
    let lineup = long(Order::Sequential, true, 2);
    let tail = Planner::new(Arc::new(lineup.clone())).at(None, NEW_YEAR).unwrap();
    for seconds in 0..110 {
        let starts_at = tail.end() + Ticks::from_secs(seconds) + Ticks(12_345);
        let lineup = Lineup { version: 2, starts_at, ..lineup.clone() };
        let planner = Planner::new(Arc::new(lineup.clone()));
        let walked = naive::walk(&lineup, Some(&tail), starts_at + Ticks::from_secs(2));
        for second in 0..seconds + 2 {
            let instant = tail.end() + Ticks::from_secs(second);
            let found = planner.at(Some(&tail), instant).unwrap();
            let expected = walked.iter().rfind(|row| row.start <= instant).unwrap();
            assert_eq!(found, Row { ordinal: found.ordinal, ..*expected });
        }
    }
}

#[test]
fn a_lineup_that_is_filled_goes_on_where_its_cursor_stands() {
    let full = long(Order::Sequential, true, 3);
    let planner = Planner::new(Arc::new(full.clone()));
    let tail = planner.rows(None, NEW_YEAR, NEW_YEAR).last().unwrap();
    let empty = Planner::new(Arc::new(Lineup { version: 2, slots: Vec::new(), ..full.clone() }));
    let off_air = empty.commit(Some(&tail), tail.end() + day(30)).last().unwrap();
    assert_eq!(off_air.cursor(), tail.cursor());
    let filled = Planner::new(Arc::new(Lineup { version: 3, ..full.clone() }));
    let next = filled.rows(Some(&off_air), off_air.end(), off_air.end()).next().unwrap();
    assert_eq!(next.cursor().unwrap().item, full.slots[1].item);
    assert_eq!(next.start, off_air.end());
}

#[test]
fn now_takes_under_a_millisecond_with_10_000_items() {
    // Not a benchmark (`benches/planner.rs` is one): a guard against walking.
    // Unoptimised code on a busy machine gets twenty times as long.
    for order in [Order::Sequential, Order::Shuffle] {
        let planner = Arc::new(Planner::new(Arc::new(long(order, true, 10_000))));
        let ledger = Ledger::read(planner.commit(None, NEW_YEAR + day(1))).unwrap();
        let guide = Guide::new(&ledger, &planner, &|_| None);
        let much_later = NEW_YEAR + day(36_525);
        guide.now(much_later).unwrap();
        #[allow(clippy::disallowed_methods)]
        let begun = std::time::Instant::now();
        let calls = 20;
        for n in 0..calls {
            guide.now(much_later + Ticks::from_secs(n)).unwrap();
        }
        let each = begun.elapsed() / calls as u32;
        assert!(each < std::time::Duration::from_millis(20), "{each:?}");
    }
}
