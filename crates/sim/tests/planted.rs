//! The simulator finds what is wrong: faults planted into its world.
//!
//! Each test plants one fault, lives histories until one fails, and asks for the
//! invariant that stands for it and for a short history that still shows it.

use aerial_sim::generate;
use aerial_sim::history::{Event, Fault, History, Level, Plant, Viewing};
use aerial_sim::invariant::Invariant;
use aerial_sim::report::Tally;
use aerial_sim::{live, shrink};

const HOUR_MS: u64 = 3_600_000;

/// Seeds that are tried: enough that each fault comes to light in one of them.
const SEEDS: u64 = 100;

/// The first history in which the fault is found, made short.
#[track_caller]
fn found(plant: Plant, level: Level, expected: Invariant, most_events: usize) {
    let (channels, length_ms) = match level {
        Level::Years => (2, 5 * 24 * HOUR_MS),
        Level::Windows => (2, HOUR_MS / 6),
    };
    for seed in 1..=SEEDS {
        let mut history = generate::history(level, seed, channels, length_ms);
        history.plant = Some(plant);
        let Err(failure) = live(&history, &mut Tally::default()) else { continue };
        let violation = failure.violation;
        assert_eq!(violation.invariant, expected, "seed {seed}: {}", violation.detail);
        let short = shrink::shrunk(&history, expected);
        assert!(short.events.len() <= most_events, "seed {seed}:\n{}", short.to_lines());
        // What is printed fails when it is read again, and it is the fault that fails.
        let mut replayed = History::from_lines(&short.to_lines()).expect("as written");
        let failure = live(&replayed, &mut Tally::default()).err();
        assert_eq!(failure.map(|failure| failure.violation.invariant), Some(expected));
        replayed.plant = None;
        assert_eq!(live(&replayed, &mut Tally::default()), Ok(()));
        return;
    }
    panic!("{SEEDS} histories did not show {plant:?}");
}

#[test]
fn a_clock_set_back_behind_what_was_promised() {
    // Chance seldom brings a viewer back between the step and the time it was from.
    let tune_in = Event::TuneIn { viewer: 9, channel: 0, viewing: Viewing::Hls { high: true } };
    let away = Event::Wait { ms: 5 * 60_000 };
    let step = Event::StepClock { ms: -2 * HOUR_MS.cast_signed() };
    let mut history = generate::history(Level::Years, 1, 1, 24 * HOUR_MS);
    history.events.extend((0..4).map(|viewer| Event::Vanish { viewer }));
    history.events.extend([away, tune_in, away, step, away, tune_in]);
    assert_eq!(live(&history, &mut Tally::default()), Ok(()));
    history.plant = Some(Plant::ClockStepsBehindPromises);
    let failure = live(&history, &mut Tally::default()).unwrap_err();
    assert_eq!(failure.violation.invariant, Invariant::ListsGoForward);
    let short = shrink::shrunk(&history, Invariant::ListsGoForward);
    assert!(short.events.len() <= 6, "{}", short.to_lines());
}

#[test]
fn a_failing_file_that_never_becomes_slate() {
    let tune_in = Event::TuneIn { viewer: 9, channel: 0, viewing: Viewing::Hls { high: true } };
    for seed in 1..20 {
        let mut history = generate::history(Level::Windows, seed, 1, HOUR_MS / 60);
        let fault = Some(Fault::Missing);
        history.events.extend((0..15).map(|media| Event::Spoil { media, fault }));
        history.events.extend([tune_in, Event::Wait { ms: 100_000 }]);
        // In a calm world nothing may fail, so that nobody looks for what is slow.
        if live(&history, &mut Tally::default()).is_err() {
            continue;
        }
        history.plant = Some(Plant::NothingIsSlate);
        let Err(failure) = live(&history, &mut Tally::default()) else { continue };
        let invariant = failure.violation.invariant;
        assert_eq!(invariant, Invariant::NobodyWaitsLong, "{}", failure.violation.detail);
        let short = shrink::shrunk(&history, invariant);
        assert!(short.events.len() <= 4, "{}", short.to_lines());
        return;
    }
    panic!("no history showed it");
}

macro_rules! plants {
    ($($name:ident: $plant:ident, $level:ident, $invariant:ident, $events:literal;)*) => {$(
        #[test]
        fn $name() {
            found(Plant::$plant, Level::$level, Invariant::$invariant, $events);
        }
    )*};
}

plants! {
    an_edit_that_forgets_the_two_minutes:
        EditForgetsTwoMinutes, Years, EditsSpareTheCommitted, 4;
    an_edit_that_rewrites_a_committed_row:
        EditRewritesTheLastRow, Years, CommittedNeverChanges, 4;
    a_restart_that_forgets_the_numbers:
        RestartForgetsNumbers, Years, NumbersRunOn, 5;
    an_airing_ended_behind_what_was_promised:
        SkipCutsWhatWasPromised, Years, SkippingKeepsPromises, 5;
    a_session_that_ends_early:
        SessionEndsEarly, Years, GraceIsExact, 4;
    clients_forgotten_while_they_may_return:
        ClientsAreForgotten, Years, ClientsAreCounted, 4;
    a_guide_that_knows_an_old_plan:
        GuideIsStale, Years, AllAgree, 4;
    an_evictor_that_ignores_playlists:
        EvictorIgnoresPlaylists, Windows, NamedSegmentsStay, 8;
    a_second_worker_for_the_same_segment:
        SecondWorkerStarts, Windows, OneWorkerMakesIt, 4;
    workers_that_nobody_ends:
        WorkersAreForgotten, Windows, WorkersAreWanted, 5;
}
