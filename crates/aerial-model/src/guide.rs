//! The guide: a channel's ledger and plan, as programmes.
//!
//! Owns how rows are shown to people: skips are opened again, slates that follow
//! one another are one programme, and what is committed and what is only planned
//! read alike. Does not know titles. Invariant: "now", the guide and the playlist
//! are read from the same rows, so they cannot disagree; and a programme is the
//! same whatever window it is asked for in.

use std::sync::Arc;

use crate::id::{ItemId, MapId, MediaId};
use crate::ledger::{Airing, Content, Cursor, Ledger, Row};
use crate::planner::{Planner, Seam, Stretch};
use crate::segment_map::MapOutline;
use crate::time::{AirTime, Ticks};

/// One programme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Programme {
    /// When it begins.
    pub start: AirTime,
    /// When it ends; `None` where nothing is planned ever to follow, which only
    /// happens off the air.
    pub end: Option<AirTime>,
    /// The committed row it was read from (off the air: the first of them; of
    /// what nobody watched: the skip). `None`: planned only, an edit can change it.
    pub ordinal: Option<u64>,
    /// What is shown.
    pub kind: Kind,
}

/// What a programme shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A media plays.
    Media {
        /// The lineup item.
        item: ItemId,
        /// The media.
        media: MediaId,
        /// The segment map that the airing pinned.
        map_id: MapId,
        /// How often the lineup was begun before.
        cycle: u64,
        /// Where in the media the programme begins.
        media_start: Ticks,
    },
    /// Nothing is on.
    OffAir,
    /// Past time that nobody watched, planned from a lineup no longer kept.
    Unknown,
}

impl Programme {
    /// Whether it is on at that instant.
    pub fn contains(&self, instant: AirTime) -> bool {
        self.start <= instant && self.end.is_none_or(|end| instant < end)
    }

    fn of_row(row: &Row, end: AirTime, ordinal: Option<u64>) -> Self {
        let kind = match row.content {
            Content::Media {
                cursor: Cursor { cycle, item, media, .. },
                map_id,
                map,
                first,
                ..
            } => Kind::Media { item, media, map_id, cycle, media_start: begins_at(map, first) },
            Content::OffAir { .. } => Kind::OffAir,
            Content::Skip { .. } => Kind::Unknown,
        };
        Self { start: row.start, end: Some(end), ordinal, kind }
    }

    fn off_air(start: AirTime, end: Option<AirTime>, ordinal: Option<u64>) -> Self {
        Self { start, end, ordinal, kind: Kind::OffAir }
    }

    /// Takes in `next` where both are one time off the air.
    fn joined(&self, next: &Self) -> Option<Self> {
        let one = self.kind == Kind::OffAir && next.kind == Kind::OffAir;
        one.then(|| Self { end: next.end, ordinal: self.ordinal.or(next.ordinal), ..*self })
    }
}

/// What is on, and what comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// What is on.
    pub current: Programme,
    /// For how long it has been.
    pub offset: Ticks,
    /// For how much longer it will be; `None` for ever.
    pub remaining: Option<Ticks>,
    /// What comes next, if anything ever does.
    pub next: Option<Programme>,
}

/// Planners of earlier lineup versions, to open skips with; `None` for a version
/// no longer kept.
pub type Past<'a> = &'a (dyn Fn(u32) -> Option<Arc<Planner>> + Sync);

/// A channel's programmes: as committed, then as planned.
///
/// To open a skip, the row before it must be in the ledger too.
#[derive(Clone, Copy)]
pub struct Guide<'a> {
    ledger: &'a Ledger,
    planner: &'a Arc<Planner>,
    past: Past<'a>,
}

impl<'a> Guide<'a> {
    /// Reads the ledger, and what `planner` plans behind it.
    pub fn new(ledger: &'a Ledger, planner: &'a Arc<Planner>, past: Past<'a>) -> Self {
        Self { ledger, planner, past }
    }

    /// The programmes that are on at some time in `from..to`, made one by one.
    pub fn programmes(&self, from: AirTime, to: AirTime) -> Programmes<'a> {
        let source = self.source(from);
        Programmes { guide: *self, from, to, source, pending: None }
    }

    /// What is on at `instant`, and what comes next; `None` before the channel's
    /// first row (or the first that was read).
    pub fn now(&self, instant: AirTime) -> Option<Now> {
        let mut programmes = self.programmes(instant, AirTime(i64::MAX));
        let current = programmes.next().filter(|programme| programme.contains(instant))?;
        Some(Now {
            current,
            offset: instant - current.start,
            remaining: current.end.map(|end| end - instant),
            next: programmes.next(),
        })
    }

    fn source(&self, from: AirTime) -> Source {
        let index = self.ledger.airings().partition_point(|airing| airing.end <= from);
        if index < self.ledger.airings().len() {
            Source::Ledger(index)
        } else {
            Source::Plan(self.planner.enter(self.planner.seam(self.ledger.tail()), from))
        }
    }

    /// The airings of the skip at `index`, from `from` on; `None` where they
    /// cannot be told.
    fn open(&self, index: usize, from: AirTime) -> Option<Opened> {
        let skip = self.ledger.airings()[index].row;
        let before = index.checked_sub(1).map(|before| &self.ledger.airings()[before].row);
        if before.is_none() && skip.ordinal > 0 {
            return None;
        }
        let planner = match self.planner.seam_in(&skip, before) {
            Some(_) => self.planner.clone(),
            None => (self.past)(skip.lineup_version)?,
        };
        let seam = planner.seam_in(&skip, before)?;
        let next = planner.enter(seam, from);
        Some(Opened { planner, skip, next })
    }

    /// Where the time off the air that ends with airing `index` begins; `None`
    /// if that airing does not end off the air.
    fn off_air_since(&self, index: usize) -> Option<(AirTime, u64)> {
        let mut since = None;
        for (index, airing) in self.ledger.airings()[..=index].iter().enumerate().rev() {
            let Airing { row, end, .. } = airing;
            match row.content {
                Content::OffAir { .. } => since = Some((row.start, row.ordinal)),
                Content::Media { .. } => break,
                Content::Skip { .. } => {
                    let last = *end - Ticks(1);
                    let Some(Opened { planner, next: Some(seam), .. }) = self.open(index, last)
                    else {
                        break;
                    };
                    let Some((Stretch::OffAir { start, .. }, _)) = planner.stretch(&seam) else {
                        break;
                    };
                    since = Some((start, row.ordinal));
                    if start > row.start {
                        break;
                    }
                }
            }
        }
        since
    }
}

/// Where programmes are read from.
#[derive(Debug)]
enum Source {
    /// The airing of that index.
    Ledger(usize),
    /// The airings in the skip of that index.
    Skip(usize, Box<Opened>),
    /// What is planned from there.
    Plan(Option<Seam>),
}

/// A skip, opened.
#[derive(Debug)]
struct Opened {
    planner: Arc<Planner>,
    skip: Row,
    next: Option<Seam>,
}

impl Opened {
    fn next(&mut self) -> Option<Programme> {
        let (start, end, ordinal) = (self.skip.start, self.skip.end(), self.skip.ordinal);
        let (stretch, after) = self.planner.stretch(&self.next.take()?)?;
        self.next = after;
        let programme = match stretch {
            Stretch::Airing(row) => Programme::of_row(&row, row.end().min(end), Some(ordinal)),
            Stretch::OffAir { start, end: until } => {
                let end = until.map_or(end, |until| until.min(end));
                Programme::off_air(start, Some(end), Some(ordinal))
            }
        };
        (start..end).contains(&programme.start).then_some(programme)
    }
}

/// Programmes, made one by one.
pub struct Programmes<'a> {
    guide: Guide<'a>,
    from: AirTime,
    to: AirTime,
    source: Source,
    pending: Option<Programme>,
}

impl Programmes<'_> {
    /// The next part of the ledger or the plan, slates not yet joined.
    fn part(&mut self) -> Option<Programme> {
        loop {
            match &mut self.source {
                Source::Ledger(index) => {
                    let index = *index;
                    let Some(airing) = self.guide.ledger.airings().get(index) else {
                        let guide = &self.guide;
                        self.source = Source::Plan(Some(guide.planner.seam(guide.ledger.tail())));
                        continue;
                    };
                    let is_skip = matches!(airing.row.content, Content::Skip { .. });
                    if let Some(opened) =
                        is_skip.then(|| self.guide.open(index, self.from)).flatten()
                    {
                        self.source = Source::Skip(index, Box::new(opened));
                        continue;
                    }
                    self.source = Source::Ledger(index + 1);
                    let ordinal = Some(airing.row.ordinal);
                    return Some(Programme::of_row(&airing.row, airing.end, ordinal));
                }
                Source::Skip(index, opened) => {
                    if let Some(programme) = opened.next() {
                        return Some(programme);
                    }
                    self.source = Source::Ledger(*index + 1);
                }
                Source::Plan(seam) => {
                    let (stretch, after) = self.guide.planner.stretch(&seam.take()?)?;
                    *seam = after;
                    return Some(match stretch {
                        Stretch::Airing(row) => Programme::of_row(&row, row.end(), None),
                        Stretch::OffAir { start, end } => Programme::off_air(start, end, None),
                    });
                }
            }
        }
    }

    /// The first programme, with the slates before `from` that belong to it.
    fn first(&mut self) -> Option<Programme> {
        let first = self.part()?;
        if first.kind != Kind::OffAir {
            return Some(first);
        }
        let airings = self.guide.ledger.airings();
        let before = airings.partition_point(|airing| airing.end <= first.start).checked_sub(1);
        let since = before
            .filter(|index| airings[*index].end == first.start)
            .and_then(|index| self.guide.off_air_since(index));
        Some(match since {
            Some((start, ordinal)) => Programme { start, ordinal: Some(ordinal), ..first },
            None => first,
        })
    }
}

impl Iterator for Programmes<'_> {
    type Item = Programme;

    fn next(&mut self) -> Option<Programme> {
        let mut programme = match self.pending.take() {
            Some(programme) => programme,
            None => self.first()?,
        };
        if programme.start >= self.to {
            return None;
        }
        while programme.end.is_some() {
            let Some(next) = self.part() else { break };
            match programme.joined(&next) {
                Some(joined) => programme = joined,
                None => {
                    self.pending = Some(next);
                    break;
                }
            }
        }
        Some(programme)
    }
}

/// Where in the media an airing begins. The planner has every airing begin with
/// its media, so the cuts of a copied one are not asked for.
fn begins_at(map: MapOutline, first: u32) -> Ticks {
    map.uniform().map_or(Ticks::ZERO, |map| map.cut(first))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lineup::{Lineup, Order, Slot, SlotKey};

    use crate::time::FrameRate;
    use std::fmt::Write as _;
    use uuid::Uuid;

    const START: AirTime = AirTime::from_unix_millis(1_767_225_600_000);

    fn planner(version: u32, looping: bool, minutes: &[u64]) -> Arc<Planner> {
        let slots = minutes.iter().zip(1u128..).map(|(minutes, n)| Slot {
            item: ItemId(Uuid::from_u128(n)),
            media: MediaId(Uuid::from_u128(n)),
            key: SlotKey { rank: n as i64, episode: 0 },
            map_id: MapId(Uuid::from_u128(n)),
            map: MapOutline::of_frames(FrameRate::PAL, minutes * 1_500).unwrap(),
        });
        Arc::new(Planner::new(Arc::new(Lineup {
            version,
            order: Order::Sequential,
            seed: 0,
            looping,
            starts_at: START + Ticks::from_secs(600),
            created_at: START,
            frame_height: 720,
            slots: slots.collect(),
        })))
    }

    fn minute(n: i64) -> AirTime {
        START + Ticks::from_secs(60 * n)
    }

    fn list(programmes: impl Iterator<Item = Programme>) -> String {
        let mut text = String::new();
        for programme in programmes {
            let what = match programme.kind {
                Kind::Media { item, .. } => format!("item {}", item.0.as_u128()),
                Kind::OffAir => "off air".to_owned(),
                Kind::Unknown => "unknown".to_owned(),
            };
            let end = programme.end.map_or("for ever".to_owned(), |end| end.to_string());
            let row = programme.ordinal.map_or("planned".to_owned(), |n| format!("row {n}"));
            writeln!(text, "{} - {end} {what} ({row})", programme.start).unwrap();
        }
        text
    }

    #[test]
    fn it_reads_through_slates_skips_rows_and_plan() {
        let planner = planner(1, false, &[30, 40, 20, 60]);
        let mut rows: Vec<Row> = planner.commit(None, START).collect();
        rows.extend(planner.commit(rows.last(), minute(100)));
        let ledger = Ledger::read(rows).unwrap();
        let guide = Guide::new(&ledger, &planner, &|_| None);
        insta::assert_snapshot!(list(guide.programmes(START, minute(300))), @"
        2026-01-01T00:00:00.000Z - 2026-01-01T00:10:00.000Z off air (row 0)
        2026-01-01T00:10:00.000Z - 2026-01-01T00:40:00.000Z item 1 (row 4)
        2026-01-01T00:40:00.000Z - 2026-01-01T01:20:00.000Z item 2 (row 4)
        2026-01-01T01:20:00.000Z - 2026-01-01T01:40:00.000Z item 3 (row 4)
        2026-01-01T01:40:00.000Z - 2026-01-01T02:40:00.000Z item 4 (row 5)
        2026-01-01T02:40:00.000Z - for ever off air (planned)
        ");
        // The middle of it, the same.
        insta::assert_snapshot!(list(guide.programmes(minute(5), minute(50))), @"
        2026-01-01T00:00:00.000Z - 2026-01-01T00:10:00.000Z off air (row 0)
        2026-01-01T00:10:00.000Z - 2026-01-01T00:40:00.000Z item 1 (row 4)
        2026-01-01T00:40:00.000Z - 2026-01-01T01:20:00.000Z item 2 (row 4)
        ");
        let now = guide.now(minute(45)).unwrap();
        assert_eq!(
            (now.offset, now.remaining),
            (Ticks::from_secs(300), Some(Ticks::from_secs(2_100)))
        );
        assert_eq!(now.next.unwrap().start, minute(80));
        assert_eq!(guide.now(START - Ticks(1)), None);
    }

    #[test]
    fn a_skip_of_a_lineup_no_longer_kept_is_unknown() {
        let (old, new) = (planner(1, true, &[30]), planner(2, true, &[40]));
        let mut rows: Vec<Row> = old.commit(None, START).collect();
        rows.extend(old.commit(rows.last(), minute(100)));
        let ledger = Ledger::read(rows).unwrap();
        let shown =
            |past: Past| list(Guide::new(&ledger, &new, past).programmes(START, minute(150)));
        insta::assert_snapshot!(shown(&|_| None), @"
        2026-01-01T00:00:00.000Z - 2026-01-01T00:02:08.000Z off air (row 0)
        2026-01-01T00:02:08.000Z - 2026-01-01T01:40:00.000Z unknown (row 4)
        2026-01-01T01:40:00.000Z - 2026-01-01T02:10:00.000Z item 1 (row 5)
        2026-01-01T02:10:00.000Z - 2026-01-01T02:50:00.000Z item 1 (planned)
        ");
        insta::assert_snapshot!(shown(&|version| (version == 1).then(|| old.clone())), @"
        2026-01-01T00:00:00.000Z - 2026-01-01T00:10:00.000Z off air (row 0)
        2026-01-01T00:10:00.000Z - 2026-01-01T00:40:00.000Z item 1 (row 4)
        2026-01-01T00:40:00.000Z - 2026-01-01T01:10:00.000Z item 1 (row 4)
        2026-01-01T01:10:00.000Z - 2026-01-01T01:40:00.000Z item 1 (row 4)
        2026-01-01T01:40:00.000Z - 2026-01-01T02:10:00.000Z item 1 (row 5)
        2026-01-01T02:10:00.000Z - 2026-01-01T02:50:00.000Z item 1 (planned)
        ");
    }
}
