//! Daylight saving changes nothing: days have 23, 24 or 25 hours of programmes.

use std::sync::Arc;

use aerial_model::guide::{Guide, Programme};
use aerial_model::ledger::Ledger;
use aerial_model::lineup::{Lineup, Order, SlotKey};
use aerial_model::planner::Planner;
use aerial_model::time::{AirTime, Ticks};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use rstest::rstest;

use crate::world::slot;

const BERLIN: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const NEW_YORK: &str = "EST5EDT,M3.2.0,M11.1.0";
const LORD_HOWE: &str = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0";

#[rstest]
#[case::berlin_spring(BERLIN, date(2026, 3, 29), 46)]
#[case::berlin_autumn(BERLIN, date(2026, 10, 25), 50)]
#[case::new_york_spring(NEW_YORK, date(2026, 3, 8), 46)]
#[case::new_york_autumn(NEW_YORK, date(2026, 11, 1), 50)]
#[case::half_an_hour_in_spring(LORD_HOWE, date(2026, 10, 4), 47)]
#[case::half_an_hour_in_autumn(LORD_HOWE, date(2026, 4, 5), 49)]
fn a_day_of_half_hours_has_as_many_as_it_has_half_hours(
    #[case] zone: &str,
    #[case] change: Date,
    #[case] expected: usize,
) {
    let zone = TimeZone::posix(zone).unwrap();
    let midnight = |day: Date| {
        let local = day.to_zoned(zone.clone()).unwrap();
        AirTime::from_unix_millis(local.timestamp().as_millisecond())
    };
    let half_hour = Ticks::from_secs(1_800);
    let slots = (0..5)
        .map(|n| slot(n, n, SlotKey { rank: n as i64, episode: 0 }, (25, 1), 45_000))
        .collect();
    let starts_at = midnight(change.yesterday().unwrap());
    let lineup = Lineup {
        version: 1,
        order: Order::Sequential,
        seed: 0,
        looping: true,
        starts_at,
        created_at: starts_at,
        frame_height: 720,
        slots,
    };
    let planner = Arc::new(Planner::new(Arc::new(lineup)));
    let ledger = Ledger::read(planner.commit(None, starts_at)).unwrap();
    let guide = Guide::new(&ledger, &planner, &|_| None);
    let (from, to) = (midnight(change), midnight(change.tomorrow().unwrap()));
    let day: Vec<Programme> = guide.programmes(from, to).collect();
    assert_eq!(day.len(), expected);
    assert_eq!((day[0].start, day[expected - 1].end), (from, Some(to)));
    for (index, programme) in day.iter().enumerate() {
        assert_eq!(programme.start, from + half_hour * index as i64);
        let now = guide.now(programme.start + Ticks::from_secs(600)).unwrap();
        assert_eq!(now.current, *programme);
    }
}
