//! Making a failing history short.
//!
//! Owns the search alone: delta debugging (Zeller, Hildebrandt: "Simplifying and
//! isolating failure-inducing input", 2002), first events, then their times.
//! Invariant: what it returns fails with the same invariant as what it was given.

use crate::history::{Event, History};
use crate::invariant::Invariant;
use crate::life::live;
use crate::report::Tally;

/// Lives that a search may take; each takes as long as the history.
const LIVES: u32 = 3_000;

struct Search<'a> {
    history: &'a History,
    invariant: Invariant,
    lives: u32,
}

/// The shortest history that could be found to fail so.
pub fn shrunk(history: &History, invariant: Invariant) -> History {
    let mut search = Search { history, invariant, lives: LIVES };
    let mut events = history.events.clone();
    // What comes after the failure has no part in it.
    if let Err(failure) = live(history, &mut Tally::default()) {
        events.truncate(failure.event + 1);
    }
    loop {
        let before = events.clone();
        events = search.without_chunks(events);
        events = search.with_waits_joined(events);
        events = search.with_shorter_times(events);
        if events == before || search.lives == 0 {
            return history.with(events);
        }
    }
}

impl Search<'_> {
    /// Whether these events fail in the same way.
    fn fails(&mut self, events: &[Event]) -> bool {
        if self.lives == 0 {
            return false;
        }
        self.lives -= 1;
        let lived = live(&self.history.with(events.to_vec()), &mut Tally::default());
        lived.is_err_and(|failure| failure.violation.invariant == self.invariant)
    }

    /// Takes chunks away, half of all at first, single events at last.
    fn without_chunks(&mut self, mut events: Vec<Event>) -> Vec<Event> {
        let mut chunk = events.len().div_ceil(2).max(1);
        loop {
            // From the end: what comes late is needed least often.
            let mut end = events.len();
            while end > 0 {
                let start = end.saturating_sub(chunk);
                let mut fewer = events.clone();
                fewer.drain(start..end);
                if self.fails(&fewer) {
                    events = fewer;
                }
                end = start;
            }
            if chunk == 1 {
                return events;
            }
            chunk = chunk.div_ceil(2);
        }
    }

    /// Makes one wait of two that follow each other.
    fn with_waits_joined(&mut self, mut events: Vec<Event>) -> Vec<Event> {
        let mut place = 1;
        while place < events.len() {
            if let (Event::Wait { ms: before }, Event::Wait { ms }) =
                (events[place - 1], events[place])
            {
                let mut fewer = events.clone();
                fewer.remove(place);
                fewer[place - 1] = Event::Wait { ms: before + ms };
                if self.fails(&fewer) {
                    events = fewer;
                    continue;
                }
            }
            place += 1;
        }
        events
    }

    /// Makes waits shorter.
    fn with_shorter_times(&mut self, mut events: Vec<Event>) -> Vec<Event> {
        for place in 0..events.len() {
            while let Event::Wait { ms } = events[place] {
                let mut shorter = events.clone();
                shorter[place] = Event::Wait { ms: ms / 2 };
                if ms == 0 || !self.fails(&shorter) {
                    break;
                }
                events = shorter;
            }
        }
        events
    }
}
