//! Lives that go well: some days and some minutes of each kind of world.

use aerial_sim::generate;
use aerial_sim::history::{Event, Level, Viewing};
use aerial_sim::invariant::Invariant;
use aerial_sim::live;
use aerial_sim::report::Tally;

const HOUR_MS: u64 = 3_600_000;

fn lived(level: Level, seeds: std::ops::Range<u64>, length_ms: u64) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        let history = generate::history(level, seed, 3, length_ms);
        if let Err(failure) = live(&history, &mut tally) {
            panic!("seed {seed}, event {}: {failure}", failure.event);
        }
    }
    tally
}

#[test]
fn days_of_half_hour_items_go_well() {
    let tally = lived(Level::Years, 1..6, 4 * 24 * HOUR_MS);
    assert!(tally.airings > 600 && tally.playlists > 200, "{}", tally.table());
}

#[test]
fn minutes_looked_at_segment_by_segment_go_well() {
    let tally = lived(Level::Windows, 1..7, HOUR_MS / 8);
    assert!(tally.segments > 500, "{}", tally.table());
    // A guard of the simulator itself: nothing is left unchecked.
    for invariant in Invariant::ALL {
        assert!(tally.checked(*invariant) > 0, "{invariant} was never checked");
    }
}

#[test]
fn the_same_seed_lives_the_same_life() {
    let life = || lived(Level::Windows, 3..4, HOUR_MS / 12).table();
    assert_eq!(life(), life());
}

#[test]
fn events_can_be_taken_away_in_any_way() {
    let history = generate::history(Level::Windows, 2, 2, HOUR_MS / 30);
    for kept in 1..4 {
        let events = history.events.iter().skip(kept % 2).step_by(kept).copied().collect();
        let lived = live(&history.with(events), &mut Tally::default());
        assert_eq!(lived, Ok(()));
    }
}

#[test]
fn a_channel_that_was_idle_for_a_year_answers_at_once() {
    let tune_in = Event::TuneIn { viewer: 1, channel: 0, viewing: Viewing::Transport };
    let year = Event::Wait { ms: 365 * 24 * HOUR_MS };
    let minute = Event::Wait { ms: 60_000 };
    for seed in 1..6 {
        let history = generate::history(Level::Years, seed, 1, 0);
        let away = Event::Leave { viewer: 1 };
        let events = vec![tune_in, minute, away, year, tune_in, minute, away, year, tune_in];
        let mut tally = Tally::default();
        assert_eq!(live(&history.with(events), &mut tally), Ok(()));
        // A year of items of half an hour or so, or of slates of half a minute.
        assert!(tally.airings > 2 * 14_000, "{}", tally.table());
    }
}
