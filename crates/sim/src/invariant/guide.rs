//! The guide, "now" and the playlist: one truth about time.

use aerial_model::guide::{Guide, Kind};
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::time::AirTime;

use super::{Held, Invariant, hold};

/// At `instant`, guide, now and the segment on the air tell the same, or, behind
/// what is committed, the row that is planned.
pub(crate) fn all_agree(
    guide: Guide<'_>,
    ledger: &Ledger,
    planned: Option<&Row>,
    instant: AirTime,
) -> Held {
    let now = guide.now(instant);
    let listed = guide.programmes(instant, AirTime(instant.0 + 1)).next();
    let same = now.map(|now| now.current) == listed;
    hold(Invariant::AllAgree, same, || format!("at {instant} now is {now:?}, guide {listed:?}"))?;
    let segment = ledger.segment_at(instant);
    let Some(row) = segment.map(|segment| segment.row).or(planned.copied()) else {
        return Ok(());
    };
    let agree = now.is_some_and(|now| match (row.content, now.current.kind) {
        (Content::Media { cursor, map_id, .. }, Kind::Media { item, media, map_id: of, .. }) => {
            (cursor.item, cursor.media, map_id) == (item, media, of)
                && now.current.start == row.start
        }
        (Content::OffAir { .. }, Kind::OffAir) => now.current.start <= row.start,
        _ => false,
    });
    let has_begun = segment.is_none_or(|segment| segment.start <= instant);
    hold(Invariant::AllAgree, agree && has_begun, || {
        format!("at {instant} now is {now:?}, but {row:?} is played, from {segment:?}")
    })?;
    let follows = now.and_then(|now| Some((now.current.end?, now.next?)));
    let meets = follows.is_none_or(|(end, next)| end == next.start);
    hold(Invariant::AllAgree, meets, || format!("at {instant} now is {now:?}"))
}

/// A row that is planned is found from its first tick to its last.
pub(crate) fn plan_holds(row: &Row, found: &[Option<Row>]) -> Held {
    let holds = found.iter().all(|found| found.as_ref() == Some(row));
    hold(Invariant::AllAgree, holds, || format!("{row:?} at its ends is {found:?}"))
}

/// An airing is on from its first tick to its last, its first segment and its last.
pub(crate) fn airing_holds(ledger: &Ledger, instant: AirTime) -> Held {
    let airing = ledger.airing_at(instant);
    let Some(airing) = airing.filter(|a| !matches!(a.row.content, Content::Skip { .. })) else {
        return Ok(());
    };
    let on = |instant| ledger.segment_at(instant).map(|segment| segment.sequence);
    let ends = (on(airing.row.start), on(AirTime(airing.end.0 - 1)));
    let holds = ends == (Some(airing.row.first_sequence), Some(airing.end_sequence - 1));
    hold(Invariant::AllAgree, holds, || format!("at its ends {ends:?} are on, of {airing:?}"))
}
