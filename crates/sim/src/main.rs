//! `aerial-sim`: lives many histories, and shows the shortest that fails.
//!
//! Owns the command line. Exits with 1 where something did not hold, with 2 where
//! it was not understood.

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use aerial_sim::generate;
use aerial_sim::history::{self, History, Level};
use aerial_sim::report::Tally;
use aerial_sim::{Failure, live, shrink};

const USAGE: &str = "\
usage: aerial-sim [--seed N] [--years N] [--channels N] [--runs N] [--replay FILE]

  --seed N      the first seed; each run has the next (default 1)
  --years N     channel-years of half-hour items, one a run (default 100)
  --runs N      hours looked at segment by segment, one a run (default 60)
  --channels N  channels in each world (default 4)
  --replay FILE live the history in that file instead, as it was printed";

/// An hour of each world of windows.
const HOUR_MS: u64 = 3_600_000;
const YEAR_MS: u64 = 365 * 24 * HOUR_MS;

/// What is to be done.
struct Wanted {
    seed: u64,
    years: u64,
    runs: u64,
    channels: u8,
    replay: Option<String>,
}

fn wanted(mut arguments: impl Iterator<Item = String>) -> Result<Wanted, String> {
    let mut wanted = Wanted { seed: 1, years: 100, runs: 60, channels: 4, replay: None };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} has no value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{name}: `{value}` is no number"));
        match name.as_str() {
            "--seed" => wanted.seed = number()?,
            "--years" => wanted.years = number()?,
            "--runs" => wanted.runs = number()?,
            "--channels" => wanted.channels = number()?.clamp(1, 100) as u8,
            "--replay" => wanted.replay = Some(value),
            _ => return Err(format!("{name} is not known")),
        }
    }
    Ok(wanted)
}

fn main() -> ExitCode {
    let wanted = match wanted(std::env::args().skip(1)) {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut tally = Tally::default();
    let lived = match &wanted.replay {
        Some(file) => match replayed(file) {
            Ok(history) => all(std::iter::once(history), 1, &mut tally),
            Err(error) => {
                eprintln!("{file}: {error}");
                return ExitCode::from(2);
            }
        },
        None => {
            let Wanted { seed, years, runs, channels, .. } = wanted;
            let year = YEAR_MS / u64::from(channels);
            let years_of = (seed..seed + years)
                .map(|seed| generate::history(Level::Years, seed, channels, year));
            let windows_of = (seed..seed + runs)
                .map(|seed| generate::history(Level::Windows, seed, channels, HOUR_MS));
            all(years_of.chain(windows_of), years + runs, &mut tally)
        }
    };
    match lived {
        Ok(()) => {
            print!("{}", tally.table());
            ExitCode::SUCCESS
        }
        Err((history, failure)) => {
            show(&history, &failure, wanted.replay.is_none());
            ExitCode::FAILURE
        }
    }
}

fn replayed(file: &str) -> Result<History, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    History::from_lines(&text).map_err(|error| error.to_string())
}

/// Lives all of them, as many at once as there are cores, up to the first that fails;
/// a word now and then.
fn all(
    histories: impl Iterator<Item = History> + Send,
    count: u64,
    tally: &mut Tally,
) -> Result<(), (History, Failure)> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let left = Mutex::new((1..).zip(histories));
    let lived = Mutex::new((tally, 0, None::<(u64, History, Failure)>));
    let taken = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, history)) = taken() {
                    let mut own = Tally::default();
                    let life = live(&history, &mut own);
                    let mut lived = lived.lock().unwrap_or_else(PoisonError::into_inner);
                    let (tally, done, failed) = &mut *lived;
                    tally.add(&own);
                    *done += 1;
                    if let Err(failure) = life
                        && failed.as_ref().is_none_or(|(first, ..)| number < *first)
                    {
                        *failed = Some((number, history, failure));
                    }
                    if *done % count.div_ceil(10).max(1) == 0 || *done == count {
                        eprintln!("{done} of {count} runs, {} airings", tally.airings);
                    }
                    // Those that were begun before it are lived to their end.
                    if failed.is_some() {
                        return;
                    }
                }
            });
        }
    });
    let (_, _, failed) = lived.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), |(_, history, failure)| Err((history, failure)))
}

/// Says what failed, and how to see it again.
fn show(history: &History, failure: &Failure, shrinks: bool) {
    let event = history.events.get(failure.event);
    let event = event.map_or("the end".to_owned(), history::line);
    let level = if history.level == Level::Years { "a year" } else { "a window" };
    println!("seed {} fails, {level} of {} channels:", history.seed, history.channels);
    println!("  {}", failure.violation.invariant);
    println!("  event {} of {}: {event}", failure.event + 1, history.events.len());
    println!("  {}", failure.violation.detail);
    if shrinks {
        eprintln!("looking for a shorter history…");
        let short = shrink::shrunk(history, failure.violation.invariant);
        println!("\nA short history that fails so; save it, and `aerial-sim --replay FILE`:\n");
        print!("{}", short.to_lines());
        if let Err(failure) = live(&short, &mut Tally::default()) {
            println!("\n  {}", failure.violation.detail);
        }
    }
}
