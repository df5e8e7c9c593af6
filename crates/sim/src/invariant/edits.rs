//! Edits: they spare what is committed, and take effect when they say.

use aerial_model::guide::{Kind, Programme};
use aerial_model::ledger::Row;
use aerial_model::time::{AirTime, Ticks};

use super::{Held, Invariant, hold};

/// What starts within this time is committed (`rules.md`, 3).
const TWO_MINUTES: Ticks = Ticks::from_secs(120);

/// When an edit was said to take effect, and as which version of the lineup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announced {
    /// From then on.
    pub(crate) at: AirTime,
    /// The version that is then in effect.
    pub(crate) version: u32,
}

/// All that is on before the announced time is what it was before the edit.
pub(crate) fn edit_spares_the_committed(
    before: &[Programme],
    after: &[Programme],
    at: AirTime,
) -> Held {
    let until = |programmes: &[Programme]| -> Vec<(AirTime, AirTime, Kind)> {
        let told = programmes.iter().take_while(|programme| programme.start < at);
        told.map(|p| (p.start, p.end.map_or(at, |end| end.min(at)), p.kind)).collect()
    };
    let (before, after) = (until(before), until(after));
    hold(Invariant::EditsSpareTheCommitted, before == after, || {
        format!("an edit that waits until {at} made of {before:?} this: {after:?}")
    })
}

/// What is committed two minutes ahead is not for an edit to change.
pub(crate) fn edit_waits_two_minutes(at: AirTime, now: AirTime) -> Held {
    let earliest = now + TWO_MINUTES;
    hold(Invariant::EditsSpareTheCommitted, at > earliest, || {
        format!("at {now} an edit takes effect at {at}, before {earliest}")
    })
}

/// A row that begins at or after the announced time is of that version or a later
/// one; one before it is of an earlier one, unless it cuts an airing.
pub(crate) fn edit_takes_effect(announced: &[Announced], row: &Row, is_cut: bool) -> Held {
    let wrong = announced.iter().find(|edit| {
        if row.start >= edit.at {
            row.lineup_version < edit.version
        } else {
            row.lineup_version >= edit.version && !is_cut
        }
    });
    hold(Invariant::EditsTakeEffect, wrong.is_none(), || format!("{wrong:?}, but {row:?}"))
}

/// An airing is ended early at a segment that nobody was promised, not yet begun.
pub(crate) fn skipping_keeps_promises(row: &Row, promised_end: u64, now: AirTime) -> Held {
    let holds = row.start > now && row.first_sequence >= promised_end;
    hold(Invariant::SkippingKeepsPromises, holds, || {
        format!("at {now}, all before number {promised_end} being promised: {row:?}")
    })
}

/// What follows an airing that was ended early is what would have followed it.
pub(crate) fn skipping_goes_on(next: &Row, cut: &Row) -> Held {
    let goes_on = next.lineup_version != cut.lineup_version || next.cursor() == cut.cursor();
    hold(Invariant::SkippingKeepsPromises, goes_on, || {
        format!("{next:?} was next, and now it is {cut:?}")
    })
}
