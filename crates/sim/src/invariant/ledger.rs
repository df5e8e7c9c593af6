//! Rows of the ledger: they never change, they meet, their numbers run on.

use aerial_model::ledger::{Content, Row};
use aerial_model::planner::Planner;
use aerial_model::time::{AUDIO_FRAME, AirTime};

use super::{Held, Invariant, hold};

/// A committed airing never changes: what is stored is what was committed.
pub(crate) fn committed_never_changes(committed: &[Row], stored: &[Row]) -> Held {
    let first = stored.first().map_or(0, |row| row.ordinal as usize);
    let kept = committed.get(first..).unwrap_or_default();
    let differs = kept.iter().zip(stored).find(|(was, is)| was != is);
    hold(Invariant::CommittedNeverChanges, differs.is_none() && kept.len() == stored.len(), || {
        format!("{} rows were committed and {} are stored: {differs:?}", kept.len(), stored.len())
    })
}

/// A row starts where the last ends, or cuts it, and lasts whole audio frames.
pub(crate) fn rows_meet(before: Option<&Row>, row: &Row) -> Held {
    let on_grid = row.length.0 > 0 && row.length.0 % AUDIO_FRAME.0 == 0;
    let meets = before.is_none_or(|before| {
        row.start == before.end()
            || (row.first_sequence < before.end_sequence() && row.start < before.end())
    });
    let on_grid =
        on_grid && before.is_none_or(|before| (row.start - before.start).0 % AUDIO_FRAME.0 == 0);
    hold(Invariant::RowsMeet, on_grid && meets, || format!("{row:?} after {before:?}"))
}

/// Ordinals have no gaps; numbers run on, or go back to where an airing is cut.
pub(crate) fn numbers_run_on(before: Option<&Row>, row: &Row, is_cut: bool) -> Held {
    let holds = match before {
        None => row.ordinal == 0 && row.first_sequence == 0,
        Some(before) => {
            row.ordinal == before.ordinal + 1
                && (is_cut || row.first_sequence == before.end_sequence())
        }
    };
    hold(Invariant::NumbersRunOn, holds && row.segments() > 0, || {
        format!("{row:?} after {before:?}")
    })
}

/// The discontinuity sequence grows by one where the frame height changes and
/// nowhere else; so a skip adds at most one.
pub(crate) fn discontinuities_are_few(before: Option<&Row>, row: &Row) -> Held {
    let (was, height) = before.map_or((0, row.frame_height), |before| {
        (before.discontinuity_sequence, before.frame_height)
    });
    let expected = was + u32::from(height != row.frame_height);
    hold(Invariant::DiscontinuitiesAreFew, row.discontinuity_sequence == expected, || {
        format!("{row:?} has not discontinuity sequence {expected}, after {before:?}")
    })
}

/// A channel that nobody watched answers at once: one skip is committed for all
/// the time, and then nothing that was over by now.
pub(crate) fn idle_time_is_one_row(committed: &[Row], now: AirTime) -> Held {
    let is_skip = |row: &Row| matches!(row.content, Content::Skip { .. });
    let past = committed.iter().position(|row| row.end() > now).unwrap_or(committed.len());
    let holds = past <= 1
        && committed[..past].iter().all(|row| is_skip(row) || committed.len() == 1)
        && !committed.iter().skip(1).any(is_skip);
    hold(Invariant::IdleTimeIsOneRow, holds, || format!("at {now}: {committed:?}"))
}

/// Who lost a race knows the rows that are stored, and not its own.
pub(crate) fn writers_agree(known: Option<&Row>, stored: &[Row]) -> Held {
    let ordinal = known.map(|row| row.ordinal);
    let kept = stored.iter().rev().find(|row| Some(row.ordinal) == ordinal);
    hold(Invariant::WritersAgree, known == kept, || {
        format!("the loser knows {known:?}, stored is {kept:?}")
    })
}

/// A skip's airings fill it: they meet, their numbers and lengths add up to its
/// own, and its cursor is that of the last. Returns how many there are.
pub(crate) fn skip_tells_its_airings(
    planner: &Planner,
    skip: &Row,
    before: Option<&Row>,
) -> Result<u64, super::Violation> {
    let (mut start, mut sequence, mut cursor) =
        (skip.start, skip.first_sequence, before.and_then(Row::cursor));
    let mut count = 0;
    for airing in planner.expand(skip, before, skip.start) {
        let meets = airing.start == start && airing.first_sequence == sequence;
        hold(Invariant::SkipsTellTheirAirings, meets, || {
            format!("{airing:?} in {skip:?} should be number {sequence} at {start}")
        })?;
        (start, sequence, cursor) = (airing.end(), airing.end_sequence(), airing.cursor());
        count += 1;
    }
    let fills = start == skip.end() && sequence == skip.end_sequence() && cursor == skip.cursor();
    hold(Invariant::SkipsTellTheirAirings, fills, || {
        format!("{skip:?} is told up to number {sequence} at {start}, {cursor:?}")
    })?;
    Ok(count)
}
