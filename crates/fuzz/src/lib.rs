//! What is fuzzed, and with which bytes it begins.
//!
//! Owns the targets: each takes any bytes and must neither panic nor hang, and must
//! keep what it promises of its answers. Who makes the bytes is not their business:
//! `mutate` makes them at random from the seeds, for the tests; the program
//! `aerial-fuzz-guided` leaves that to libFuzzer, which sees the code that they reach.
//!
//! Invariant: a target gives the same for the same bytes, so that an input which was
//! found once, kept below `regressions`, is found again.
#![allow(clippy::unwrap_used, reason = "to panic is how a target says what it found")]
#![allow(
    clippy::disallowed_methods,
    reason = "the bans are for the server; this measures how long a target takes"
)]

pub mod mutate;
mod targets;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mutate::Mutator;

/// Longer than any input of a megabyte takes, on a busy machine and not optimised.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something that reads what others wrote.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name on the command line.
    pub name: &'static str,
    /// Gives it the bytes; panics at a fault.
    pub run: fn(&[u8]),
    /// Bytes that it should understand.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that mean something to it.
    pub words: &'static [&'static str],
}

/// All of them.
pub const TARGETS: &[Target] = &[
    targets::api::QUERY,
    targets::config::TARGET,
    targets::discovery::TARGET,
    targets::api::IMPORT,
    targets::mpegts::TARGET,
    targets::names::TARGET,
    targets::nfo::TARGET,
    targets::probe::TARGET,
];

/// The target of that name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// What was found: the bytes, and what the target said.
#[derive(Clone, Debug)]
pub struct Found {
    /// The bytes.
    pub input: Vec<u8>,
    /// What was wrong.
    pub what: String,
}

impl Target {
    /// Where inputs are kept at which it once failed.
    pub fn regressions(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions").join(self.name)
    }

    /// The seeds, and what is kept.
    pub fn corpus(&self) -> Vec<Vec<u8>> {
        let kept = std::fs::read_dir(self.regressions()).into_iter().flatten().flatten();
        let mut kept: Vec<PathBuf> = kept.map(|entry| entry.path()).collect();
        kept.sort_unstable();
        let mut corpus = (self.seeds)();
        corpus.extend(kept.iter().filter_map(|path| std::fs::read(path).ok()));
        corpus
    }

    /// Gives it these bytes.
    ///
    /// # Errors
    /// It panicked, or took too long.
    pub fn try_on(&self, input: &[u8]) -> Result<(), Found> {
        let began = Instant::now();
        let ran = catch_unwind(AssertUnwindSafe(|| (self.run)(input)));
        let found = |what: String| Found { input: input.to_vec(), what };
        match ran {
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text = text.or_else(|| panic.downcast_ref::<&str>().map(|t| (*t).to_owned()));
                Err(found(text.unwrap_or_else(|| "it panicked".to_owned())))
            }
            Ok(()) if began.elapsed() > PATIENCE => {
                Err(found(format!("it took {:?}", began.elapsed())))
            }
            Ok(()) => Ok(()),
        }
    }

    /// Gives it the corpus, and then what chance makes of that, for so long; how many
    /// inputs it took.
    ///
    /// # Errors
    /// The first input at which it failed.
    pub fn fuzz(&self, seed: u64, length: Duration) -> Result<u64, Found> {
        let corpus = self.corpus();
        for input in &corpus {
            self.try_on(input)?;
        }
        let (until, mut mutator) = (Instant::now() + length, Mutator::new(seed, self.words));
        let mut tried = corpus.len() as u64;
        while Instant::now() < until {
            self.try_on(&mutator.made_of(&corpus))?;
            tried += 1;
        }
        Ok(tried)
    }
}
