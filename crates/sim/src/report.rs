//! What was done and checked, counted, and as a table.

use std::fmt::Write as _;

use crate::invariant::{Held, Invariant};

/// Counts of one life, or of many.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Events that happened.
    pub events: u64,
    /// Time that passed for all channels together, in milliseconds.
    pub channel_ms: u64,
    /// Airings, also those in time that nobody watched.
    pub airings: u64,
    /// Segments that workers made.
    pub segments: u64,
    /// Playlists that players were given.
    pub playlists: u64,
    checks: Vec<u64>,
}

impl Tally {
    /// Counts a check.
    pub fn check(&mut self, invariant: Invariant, held: Held) -> Held {
        self.checks.resize(Invariant::ALL.len(), 0);
        self.checks[invariant as usize] += 1;
        held
    }

    /// How often an invariant was checked.
    pub fn checked(&self, invariant: Invariant) -> u64 {
        self.checks.get(invariant as usize).copied().unwrap_or(0)
    }

    /// Adds what another life counted.
    pub fn add(&mut self, other: &Self) {
        self.events += other.events;
        self.channel_ms += other.channel_ms;
        self.airings += other.airings;
        self.segments += other.segments;
        self.playlists += other.playlists;
        self.checks.resize(Invariant::ALL.len(), 0);
        for (sum, more) in self.checks.iter_mut().zip(&other.checks) {
            *sum += more;
        }
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // A year of 365 days, in hundredths.
        let hundredths = self.channel_ms / (365 * 24 * 36_000);
        let _ = writeln!(text, "{:>6}.{:02}  channel-years", hundredths / 100, hundredths % 100);
        for (count, what) in [
            (self.events, "events"),
            (self.airings, "airings"),
            (self.playlists, "playlists"),
            (self.segments, "segments"),
        ] {
            let _ = writeln!(text, "{count:>9}  {what}");
        }
        let _ = writeln!(text, "   checks");
        for invariant in Invariant::ALL {
            let _ = writeln!(text, "{:>9}  {invariant}", self.checked(*invariant));
        }
        text
    }
}
