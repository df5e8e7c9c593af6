//! The planner: what a channel airs after the rows it has committed.
//!
//! Owns the step from a ledger's last row and a lineup to the rows that follow,
//! one by one or across years by arithmetic. Does not commit, and knows no
//! clock. Invariant: a row follows from the row before it and the lineup alone,
//! so planning in one go and in many steps gives the same airings.
//!
//! What follows a row:
//!
//! 1. Before the lineup's start, and while there is nothing to play, slates.
//! 2. Else the slot after the cursor in the cycle's order; after the cycle's
//!    last, the next cycle if the lineup loops, else slates for ever (until an
//!    edit puts something behind the cursor).

mod off_air;
mod order;
mod seam;

use std::sync::Arc;

use crate::ladder::Looks;
use crate::ledger::{Content, Cursor, Ledger, Row};
use crate::lineup::{Lineup, Slot};
use crate::time::{AirTime, Ticks};

use off_air::Wait;
use order::Cycles;
pub(crate) use seam::Seam;

/// What starts within this time is committed before it is served, and before
/// anything that could change the plan (`rules.md`, 3).
pub const COMMIT_AHEAD: Ticks = Ticks::from_secs(120);

/// Plans one version of a lineup. Made once per version and shared: it keeps the
/// lineup's running sums and the orders of the cycles asked for last.
#[derive(Debug)]
pub struct Planner {
    lineup: Arc<Lineup>,
    looks: Looks,
    cycles: Cycles,
}

/// What a seam is followed by.
enum Phase {
    /// This slot, at its place in a cycle.
    Play {
        /// The cycle.
        cycle: u64,
        /// The place in its order.
        position: usize,
    },
    /// Slates, until the lineup starts.
    Wait(Wait),
    /// Slates, for ever.
    Idle,
}

/// A part of the plan, as a guide shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stretch {
    /// An airing.
    Airing(Row),
    /// All slates up to the next airing, if there is one.
    OffAir {
        /// When they begin.
        start: AirTime,
        /// When they end; `None` for never.
        end: Option<AirTime>,
    },
}

impl Planner {
    /// Plans that version. Slots that could never be shown (no length, or one
    /// over 141 days) are left out.
    pub fn new(lineup: Arc<Lineup>) -> Self {
        let (cycles, looks) = (Cycles::of(&lineup), Looks::of(&lineup.slots));
        Self { lineup, looks, cycles }
    }

    /// The version that is planned.
    pub fn lineup(&self) -> &Arc<Lineup> {
        &self.lineup
    }

    /// How alike its videos are.
    pub fn looks(&self) -> Looks {
        self.looks
    }

    /// The rows to commit at `now`: those that start up to two minutes later.
    pub fn commit(&self, tail: Option<&Row>, now: AirTime) -> Rows<'_> {
        self.rows(tail, now, AirTime(now.0.saturating_add(COMMIT_AHEAD.0)))
    }

    /// The rows that follow `tail` (`None`: the channel's first ones) up to the
    /// last that starts at or before `until`.
    ///
    /// If the airing that contains `now` is not the first of them, one skip row
    /// stands for all before it. If `now` is not after the tail's end, nothing
    /// is skipped.
    pub fn rows(&self, tail: Option<&Row>, now: AirTime, until: AirTime) -> Rows<'_> {
        let seam = self.seam(tail);
        let mut rows = Rows { planner: self, skip: None, next: Some(seam), until };
        if seam.start < now {
            rows.next = self.reach(seam, now);
            if let Some(reached) = rows.next
                && reached.start > seam.start
            {
                rows.skip = self.skip_row(&seam, &reached);
                // The discontinuity, if there is one, is now before the skip.
                rows.next = rows.skip.as_ref().map(Seam::after);
            }
        }
        rows
    }

    /// The row that is planned for an instant, without building those before it:
    /// the last of `rows(tail, instant, instant)`. `None` before the tail's end.
    pub fn at(&self, tail: Option<&Row>, instant: AirTime) -> Option<Row> {
        if self.seam(tail).start > instant {
            return None;
        }
        self.rows(tail, instant, instant).last()
    }

    /// The airings that a skip row stands for, from the one that contains `from`
    /// on; `before` is the row before the skip, and this must plan the skip's
    /// lineup version. All of them bear the skip's ordinal.
    pub fn expand(&self, skip: &Row, before: Option<&Row>, from: AirTime) -> Expansion<'_> {
        let seam = Seam::into_skip(skip, before);
        let next = if from > seam.start { self.reach(seam, from) } else { Some(seam) };
        Expansion { planner: self, next, end: skip.end() }
    }

    /// The row that ends the airing on the air at `now` early (`rules.md`, 4):
    /// at its first segment not yet promised, and not begun.
    pub fn skip(&self, ledger: &Ledger, now: AirTime, unpromised: u64) -> Result<Row, NoSkip> {
        let tail = ledger.tail().ok_or(NoSkip::NotCommitted)?;
        let airing = ledger.airing_at(now).ok_or(NoSkip::NotCommitted)?;
        let current = airing.segment_at(now).ok_or(NoSkip::NotCommitted)?;
        let sequence = unpromised.max(current.sequence + 1);
        if sequence >= airing.end_sequence {
            return Err(NoSkip::Ending { at: airing.end });
        }
        let (_, start) = ledger.cut_before(sequence).ok_or(NoSkip::NotCommitted)?;
        let seam = Seam {
            ordinal: tail.ordinal.saturating_add(1),
            start,
            sequence,
            ..Seam::after(&airing.row)
        };
        let row = self.row(&seam).ok_or(NoSkip::NothingToPlay)?;
        match row.content {
            Content::Media { .. } => Ok(row),
            Content::OffAir { .. } | Content::Skip { .. } => Err(NoSkip::NothingToPlay),
        }
    }

    /// Where the plan goes on after `tail`.
    pub(crate) fn seam(&self, tail: Option<&Row>) -> Seam {
        tail.map_or_else(|| Seam::origin(&self.lineup), Seam::after)
    }

    /// Where the plan of a skip row begins; `None` if it was not planned from
    /// this version of the lineup.
    pub(crate) fn seam_in(&self, skip: &Row, before: Option<&Row>) -> Option<Seam> {
        let ours = skip.lineup_version == self.lineup.version;
        ours.then(|| Seam::into_skip(skip, before))
    }

    /// The stretch that follows a seam, and the seam after it.
    pub(crate) fn stretch(&self, seam: &Seam) -> Option<(Stretch, Option<Seam>)> {
        match self.phase(seam) {
            Phase::Play { .. } => {
                let row = self.row(seam)?;
                Some((Stretch::Airing(row), Some(Seam::after(&row))))
            }
            Phase::Wait(wait) => {
                let after = seam.later(wait.length(), wait.segments(), seam.cursor);
                let end = after.map(|after| after.start);
                Some((Stretch::OffAir { start: seam.start, end }, after))
            }
            Phase::Idle => Some((Stretch::OffAir { start: seam.start, end: None }, None)),
        }
    }

    /// The seam before the airing, or before all of the slates, that `instant`
    /// is in; `seam` itself if `instant` is not after it.
    pub(crate) fn enter(&self, seam: Seam, instant: AirTime) -> Option<Seam> {
        let seam = match self.phase(&seam) {
            Phase::Idle => return Some(seam),
            Phase::Wait(wait) if seam.until(instant) < wait.length() => return Some(seam),
            Phase::Wait(wait) => seam.later(wait.length(), wait.segments(), seam.cursor)?,
            Phase::Play { .. } => seam,
        };
        match self.phase(&seam) {
            Phase::Play { cycle, position } => self.enter_cycles(seam, cycle, position, instant),
            Phase::Wait(_) | Phase::Idle => Some(seam),
        }
    }

    /// [`Self::enter`] where slot after slot follows, the first of them at
    /// `position` of cycle `number`.
    fn enter_cycles(
        &self,
        seam: Seam,
        number: u64,
        position: usize,
        instant: AirTime,
    ) -> Option<Seam> {
        let (length, count) =
            (i128::from(self.cycles.length()), i128::from(self.cycles.segments()));
        let cycle = self.cycles.get(number);
        // Where the instant and the seam are, from the start of the seam's cycle.
        let begun = i128::from(cycle.start(position));
        let counted = i128::from(cycle.segments_before(position));
        let offset = begun + seam.until(instant).max(0);
        let (whole, rest) = (offset / length, offset % length);
        if whole == 0 || self.lineup.looping {
            let reached = number.checked_add(u64::try_from(whole).ok()?)?;
            let cycle = self.cycles.get(reached);
            let there = cycle.position_at(i64::try_from(rest).ok()?);
            if (reached, there) == (number, position) {
                return Some(seam);
            }
            let ticks = whole * length + i128::from(cycle.start(there)) - begun;
            let segments = whole * count + i128::from(cycle.segments_before(there)) - counted;
            let cursor = match there.checked_sub(1) {
                Some(before) => self.cycles.cursor(reached, &cycle, before),
                None => self.last_of(reached.checked_sub(1)?),
            };
            seam.later(ticks, segments, Some(cursor))
        } else {
            seam.later(length - begun, count - counted, Some(self.last_of(number)))
        }
    }

    /// The cursor of a cycle's last slot; there is one.
    fn last_of(&self, number: u64) -> Cursor {
        let cycle = self.cycles.get(number);
        self.cycles.cursor(number, &cycle, self.cycles.len().saturating_sub(1))
    }

    /// The seam before the row that `instant` is in, slates row by row.
    fn reach(&self, seam: Seam, instant: AirTime) -> Option<Seam> {
        let seam = self.enter(seam, instant)?;
        let rows = seam.until(instant).max(0) / off_air::ROW_LENGTH;
        let rows = match self.phase(&seam) {
            Phase::Play { .. } => return Some(seam),
            Phase::Wait(wait) => rows.min(wait.rows()),
            Phase::Idle => rows,
        };
        seam.later(rows * off_air::ROW_LENGTH, rows * off_air::ROW_SEGMENTS, seam.cursor)
    }

    fn phase(&self, seam: &Seam) -> Phase {
        match self.next_slot(seam.cursor.as_ref()) {
            None => Phase::Idle,
            Some((cycle, position)) => match Wait::of(seam.until(self.lineup.starts_at)) {
                Some(wait) => Phase::Wait(wait),
                None => Phase::Play { cycle, position },
            },
        }
    }

    /// What plays after the cursor: the cycle and the position in it.
    fn next_slot(&self, cursor: Option<&Cursor>) -> Option<(u64, usize)> {
        if self.cycles.len() == 0 {
            return None;
        }
        let Some(cursor) = cursor else { return Some((0, 0)) };
        let position = self.cycles.position_after(cursor);
        if position < self.cycles.len() {
            return Some((cursor.cycle, position));
        }
        if self.lineup.looping { Some((cursor.cycle.checked_add(1)?, 0)) } else { None }
    }

    /// The row that follows a seam.
    fn row(&self, seam: &Seam) -> Option<Row> {
        let map = match self.phase(seam) {
            Phase::Play { cycle: number, position } => {
                let cycle = self.cycles.get(number);
                let slot: &Slot = self.cycles.slot(&cycle, position);
                let content = Content::Media {
                    cursor: self.cycles.cursor(number, &cycle, position),
                    map_id: slot.map_id,
                    map: slot.map,
                    first: 0,
                    end: slot.map.segments(),
                };
                return seam.row(&self.lineup, slot.air_length(), content);
            }
            Phase::Wait(wait) => wait.next_map(),
            Phase::Idle => off_air::row_map(),
        };
        let content = Content::OffAir { map, cursor: seam.cursor };
        seam.row(&self.lineup, map.end().round_up_to_audio_frame(), content)
    }

    /// The one row that stands for everything between two seams.
    fn skip_row(&self, from: &Seam, to: &Seam) -> Option<Row> {
        let length = Ticks(to.start.0.checked_sub(from.start.0)?);
        let segments = to.sequence.checked_sub(from.sequence)?;
        from.row(&self.lineup, length, Content::Skip { segments, cursor: to.cursor })
    }
}

/// Why an airing cannot be ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSkip {
    /// Nothing is committed for this instant.
    #[error("nothing is on the air yet; tune in first")]
    NotCommitted,
    /// Players already hold the list of its last segment.
    #[error("what is on the air ends by itself at {at}, and players have been promised all of it")]
    Ending {
        /// When it ends.
        at: AirTime,
    },
    /// Off the air would follow.
    #[error("nothing follows what is on the air; add something to the lineup, or let it loop")]
    NothingToPlay,
}

/// The rows that follow a ledger's tail.
#[derive(Clone, Debug)]
pub struct Rows<'a> {
    planner: &'a Planner,
    skip: Option<Row>,
    next: Option<Seam>,
    until: AirTime,
}

impl Iterator for Rows<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        if let Some(skip) = self.skip.take() {
            return Some(skip);
        }
        let seam = self.next.take().filter(|seam| seam.start <= self.until)?;
        let row = self.planner.row(&seam)?;
        self.next = Some(Seam::after(&row));
        Some(row)
    }
}

/// The airings that a skip row stands for.
#[derive(Clone, Debug)]
pub struct Expansion<'a> {
    planner: &'a Planner,
    next: Option<Seam>,
    end: AirTime,
}

impl Iterator for Expansion<'_> {
    type Item = Row;

    fn next(&mut self) -> Option<Row> {
        let seam = self.next.take().filter(|seam| seam.start < self.end)?;
        let row = self.planner.row(&seam)?;
        self.next = Some(Seam { ordinal: seam.ordinal, ..Seam::after(&row) });
        Some(row)
    }
}
