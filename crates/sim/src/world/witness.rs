//! Who remembers what was committed, promised and announced.
//!
//! Owns no part of the world, only copies of what it showed. Invariant: what the
//! world should keep is never looked up in the world.

use std::collections::{BTreeMap, VecDeque};

use aerial_model::ledger::{AirSegment, Content, Row};
use aerial_model::time::{AirTime, Ticks};

use super::catalogue::{Catalogue, Commit};
use crate::invariant::edits::{self, Announced};
use crate::invariant::playlist::{self, Name};
use crate::invariant::{Invariant, Violation, ledger};
use crate::report::Tally;

/// Rows at the ledger's end that are compared after each event; all of them are
/// at the end.
const LOOKED_AT: usize = 24;

/// Edits remembered: those whose time may still be to come, amply.
const EDITS_KEPT: usize = 16;

/// A segment may be asked for at least until so long after it aired.
const NAMED_FOR: Ticks = aerial_model::hls::window::SERVED_FOR;

/// What is remembered of one channel.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    rows: Vec<Row>,
    names: BTreeMap<u64, Name>,
    /// The number after the highest that was promised.
    pub(crate) promised_end: u64,
    announced: VecDeque<Announced>,
}

impl Witness {
    /// Looks at rows that were committed.
    pub(crate) fn sees(&mut self, commit: &Commit, tally: &mut Tally) -> Result<(), Violation> {
        if !commit.is_cut {
            let idle = ledger::idle_time_is_one_row(&commit.rows, commit.now);
            tally.check(Invariant::IdleTimeIsOneRow, idle)?;
        }
        for (place, row) in commit.rows.iter().enumerate() {
            let is_cut = commit.is_cut && place == 0;
            let before = self.rows.last();
            let numbers = ledger::numbers_run_on(before, row, is_cut);
            tally.check(Invariant::NumbersRunOn, numbers)?;
            tally.check(Invariant::RowsMeet, ledger::rows_meet(before, row))?;
            if is_cut {
                let kept = edits::skipping_keeps_promises(row, self.promised_end, commit.now);
                tally.check(Invariant::SkippingKeepsPromises, kept)?;
            } else {
                let few = ledger::discontinuities_are_few(before, row);
                tally.check(Invariant::DiscontinuitiesAreFew, few)?;
            }
            let effect = edits::edit_takes_effect(self.announced.make_contiguous(), row, is_cut);
            tally.check(Invariant::EditsTakeEffect, effect)?;
            if is_cut {
                // What follows a cut begins earlier than edits were told to.
                self.announced.clear();
            }
            tally.airings += match row.content {
                Content::Skip { .. } => {
                    let told = ledger::skip_tells_its_airings(&commit.planner, row, before);
                    let count = told.as_ref().copied().unwrap_or_default();
                    tally.check(Invariant::SkipsTellTheirAirings, told.map(drop))?;
                    count
                }
                Content::Media { .. } | Content::OffAir { .. } => 1,
            };
            self.rows.push(*row);
        }
        Ok(())
    }

    /// Compares the end of what is stored with what was committed, or all of it.
    pub(crate) fn compares(
        &self,
        catalogue: &Catalogue,
        channel: usize,
        all: bool,
        tally: &mut Tally,
    ) -> Result<(), Violation> {
        let stored = &catalogue.channels[channel].rows;
        let from = if all { 0 } else { stored.len().saturating_sub(LOOKED_AT) };
        let same = ledger::committed_never_changes(&self.rows, &stored[from..]);
        tally.check(Invariant::CommittedNeverChanges, same)
    }

    /// An edit was answered with when it takes effect.
    pub(crate) fn told_of(&mut self, edit: Announced) {
        self.announced.push_back(edit);
        if self.announced.len() > EDITS_KEPT {
            self.announced.pop_front();
        }
    }

    /// A segment is promised, or asked for: its number names it from now on.
    pub(crate) fn promised(
        &mut self,
        segment: &AirSegment,
        tally: &mut Tally,
    ) -> Result<(), Violation> {
        let name = Name::of(segment);
        let named = *self.names.entry(segment.sequence).or_insert(name);
        self.promised_end = self.promised_end.max(segment.sequence + 1);
        tally.check(Invariant::NamesStay, playlist::names_stay(segment.sequence, named, name))
    }

    /// Lets go names that nobody can ask for any more.
    pub(crate) fn forgets(&mut self, now: AirTime) {
        while let Some(first) = self.names.first_entry() {
            if first.get().start + first.get().length + NAMED_FOR >= now {
                break;
            }
            first.remove();
        }
    }
}
