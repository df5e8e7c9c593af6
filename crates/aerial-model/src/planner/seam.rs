//! The seam: the place between two rows, where the plan goes on.
//!
//! Owns what a row takes over from all that came before it. Does not know what
//! comes next. Invariant: rows planned from equal seams are equal; no sum here
//! overflows, time and numbers that no `i64` and `u64` can tell end the plan.

use crate::ledger::{Content, Cursor, Row};
use crate::lineup::Lineup;
use crate::planner::off_air;
use crate::time::{AirTime, Ticks};

/// What a row takes over from the rows before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seam {
    /// Ordinal of the next row.
    pub(super) ordinal: u64,
    /// When it begins.
    pub(super) start: AirTime,
    /// Its first sequence number.
    pub(super) sequence: u64,
    /// Discontinuities so far.
    pub(super) discontinuity: u32,
    /// Frame height and codec configuration so far; none before the first row.
    pub(super) look: Option<(u16, Option<u64>)>,
    /// What aired last; none before the first media.
    pub(super) cursor: Option<Cursor>,
}

impl Seam {
    /// Before a channel's first row. What starts later than the channel was made
    /// is waited for in whole slate loops, so that it starts on the instant.
    pub(super) fn origin(lineup: &Lineup) -> Self {
        let (starts_at, created_at) = (lineup.starts_at.0, lineup.created_at.0);
        let ahead = i128::from(starts_at) - i128::from(created_at);
        let loops = (ahead + off_air::LOOP - 1).max(0) / off_air::LOOP;
        let start = i128::from(starts_at) - loops * off_air::LOOP;
        Self {
            ordinal: 0,
            start: AirTime(i64::try_from(start).unwrap_or(created_at)),
            sequence: 0,
            discontinuity: 0,
            look: None,
            cursor: None,
        }
    }

    /// After a row that nothing cuts.
    pub(super) fn after(row: &Row) -> Self {
        Self {
            ordinal: row.ordinal.saturating_add(1),
            start: row.end(),
            sequence: row.end_sequence(),
            discontinuity: row.discontinuity_sequence,
            look: Some((row.frame_height, row.signature)),
            cursor: row.cursor(),
        }
    }

    /// Where a skip begins: its airings follow, all under the skip's ordinal.
    pub(super) fn into_skip(skip: &Row, before: Option<&Row>) -> Self {
        Self {
            ordinal: skip.ordinal,
            start: skip.start,
            sequence: skip.first_sequence,
            discontinuity: skip.discontinuity_sequence,
            look: Some((skip.frame_height, skip.signature)),
            cursor: before.and_then(Row::cursor),
        }
    }

    /// That much later, in the same plan and with no row in between; `None`
    /// past the end of time.
    pub(super) fn later(self, ticks: i128, segments: i128, cursor: Option<Cursor>) -> Option<Self> {
        let start = i64::try_from(i128::from(self.start.0) + ticks).ok()?;
        let sequence = u64::try_from(i128::from(self.sequence) + segments).ok()?;
        Some(Self { start: AirTime(start), sequence, cursor, ..self })
    }

    /// How long it is until `instant`; negative if that is past.
    pub(super) fn until(&self, instant: AirTime) -> i128 {
        i128::from(instant.0) - i128::from(self.start.0)
    }

    /// The row that fills the time from here; `None` past the end of time.
    pub(super) fn row(&self, lineup: &Lineup, length: Ticks, content: Content) -> Option<Row> {
        let signature = match content {
            Content::Media { map, .. } => map.signature(),
            Content::OffAir { .. } => None,
            // What it stands for was not seen: nothing changes with it.
            Content::Skip { .. } => self.look.and_then(|(_, signature)| signature),
        };
        let changes = self.look.is_some_and(|look| look != (lineup.frame_height, signature));
        let row = Row {
            ordinal: self.ordinal,
            start: self.start,
            length,
            first_sequence: self.sequence,
            discontinuity_sequence: self.discontinuity.checked_add(changes.into())?,
            frame_height: lineup.frame_height,
            signature,
            lineup_version: lineup.version,
            content,
        };
        self.start.0.checked_add(length.0)?;
        self.sequence.checked_add(row.segments())?;
        Some(row)
    }
}
