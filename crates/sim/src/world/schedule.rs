//! One writer's view of the catalogue: commits, edits, skips.
//!
//! Mirrors the server's `schedule/live` and `schedule/edit`. Owns the cache of
//! what was last read or written. Invariant: whatever can alter a plan first
//! commits up to now + 2 min from the old inputs (`rules.md`, 3).

use std::sync::Arc;

use aerial_model::guide::{Guide, Programme};
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::planner::{COMMIT_AHEAD, NoSkip, Planner};
use aerial_model::time::{AirTime, Ticks};

use super::catalogue::{Catalogue, Commit};
use crate::history::{Edit, Plant};
use crate::invariant::edits::Announced;
use crate::invariant::{Invariant, Violation};
use crate::library::Library;

/// As `schedule/live` has them.
const REMEMBER: Ticks = Ticks::from_secs(15 * 60);
const FORGET_AFTER: Ticks = Ticks::from_secs(60 * 60);

/// A channel as a writer knows it.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    pub(crate) planner: Arc<Planner>,
    pub(crate) ledger: Arc<Ledger>,
}

impl Live {
    fn is_committed(&self, now: AirTime) -> bool {
        self.ledger.tail().is_some_and(|tail| tail.end() > now + COMMIT_AHEAD)
    }

    fn reaches(&self, from: AirTime) -> bool {
        let Some(first) = self.ledger.airings().first() else { return true };
        let is_skip = matches!(first.row.content, Content::Skip { .. });
        first.row.ordinal == 0 || (!is_skip && first.row.start <= from)
    }

    /// Nothing was ever planned or committed.
    fn is_untouched(&self) -> bool {
        self.ledger.tail().is_none() && self.planner.lineup().slots.is_empty()
    }
}

/// What came of an edit.
#[derive(Debug)]
pub(crate) struct Edited {
    /// `None` where nothing was planned yet, so that nobody has to wait.
    pub(crate) announced: Option<Announced>,
    /// As it was before, and as it is with it.
    pub(crate) was: Live,
    pub(crate) is: Live,
}

/// A writer of the catalogue.
#[derive(Debug)]
pub(crate) struct Schedule {
    live: Vec<Option<Live>>,
    plant: Option<Plant>,
    /// The server is not the first one on this catalogue.
    restarted: bool,
}

type Answer<T> = Result<T, Violation>;

impl Schedule {
    /// One that has read nothing yet.
    pub(crate) fn new(channels: usize, plant: Option<Plant>, restarted: bool) -> Self {
        Self { live: vec![None; channels], plant, restarted }
    }

    fn load(&self, catalogue: &Catalogue, channel: usize, now: AirTime) -> Answer<Live> {
        let stored = &catalogue.channels[channel];
        let ledger = read(stored.rows_from(now - REMEMBER))?;
        Ok(Live { planner: Arc::new(Planner::new(stored.lineup())), ledger })
    }

    /// A channel as it stands, from memory where it is there.
    pub(crate) fn live(
        &mut self,
        catalogue: &Catalogue,
        channel: usize,
        now: AirTime,
    ) -> Answer<Live> {
        if let Some(live) = &self.live[channel] {
            return Ok(live.clone());
        }
        let live = self.load(catalogue, channel, now)?;
        self.live[channel] = Some(live.clone());
        Ok(live)
    }

    /// The cache, where it still is right; else as it is stored.
    fn synced(&self, catalogue: &Catalogue, channel: usize, now: AirTime) -> Answer<Live> {
        if let Some(live) = &self.live[channel] {
            let stored = &catalogue.channels[channel];
            let tail = stored.rows.last().map(|row| row.ordinal);
            let known = live.ledger.tail().map(|row| row.ordinal);
            if tail == known && stored.lineup().version == live.planner.lineup().version {
                return Ok(live.clone());
            }
        }
        self.load(catalogue, channel, now)
    }

    /// Commits up to now + 2 min; does nothing where that is done.
    pub(crate) fn commit(
        &mut self,
        catalogue: &mut Catalogue,
        channel: usize,
        now: AirTime,
    ) -> Answer<Arc<Ledger>> {
        self.commit_racing(catalogue, channel, now, None)
    }

    /// The same, while another writer is quicker.
    pub(crate) fn commit_racing(
        &mut self,
        catalogue: &mut Catalogue,
        channel: usize,
        now: AirTime,
        mut other: Option<&mut Self>,
    ) -> Answer<Arc<Ledger>> {
        if let Some(live) = self.live[channel].as_ref().filter(|live| live.is_committed(now)) {
            return Ok(live.ledger.clone());
        }
        loop {
            let live = self.synced(catalogue, channel, now)?;
            let rows = self.planned(&live, now);
            if let Some(other) = other.take() {
                other.commit(catalogue, channel, now)?;
            }
            let commit = commit(channel, rows.clone(), now, &live);
            if catalogue.append(commit).is_err() {
                self.live[channel] = None;
                continue;
            }
            let mut ledger = extended(&live.ledger, &rows)?;
            let oldest = ledger.airings().first().map(|airing| airing.end);
            if oldest.is_some_and(|end| end < now - REMEMBER - FORGET_AFTER) {
                ledger = read(catalogue.channels[channel].rows_from(now - REMEMBER))?;
            }
            self.live[channel] = Some(Live { planner: live.planner, ledger: ledger.clone() });
            return Ok(ledger);
        }
    }

    fn planned(&self, live: &Live, now: AirTime) -> Vec<Row> {
        let mut rows: Vec<Row> = live.planner.commit(live.ledger.tail(), now).collect();
        if self.plant == Some(Plant::RestartForgetsNumbers) && self.restarted {
            for row in &mut rows {
                row.first_sequence = row.first_sequence.saturating_sub(1);
            }
        }
        rows
    }

    /// What is committed, from `from` on; commits what must be first.
    pub(crate) fn committed(
        &mut self,
        catalogue: &mut Catalogue,
        channel: usize,
        from: AirTime,
        now: AirTime,
    ) -> Answer<Arc<Ledger>> {
        let ledger = self.commit(catalogue, channel, now)?;
        let live = self.live(catalogue, channel, now)?;
        if live.reaches(from) { Ok(ledger) } else { past(catalogue, channel, &live, from) }
    }

    /// Changes a channel, or takes up what became of the library.
    pub(crate) fn edit(
        &mut self,
        catalogue: &mut Catalogue,
        library: &Library,
        channel: usize,
        edit: Option<&Edit>,
        now: AirTime,
    ) -> Answer<Option<Edited>> {
        let was = self.synced(catalogue, channel, now)?;
        let stored = &mut catalogue.channels[channel];
        if let Some(edit) = edit {
            let tail = stored.rows.last().copied();
            stored.items = stored.edited(library, tail.as_ref(), edit);
            stored.channel = stored.settings(now, edit);
        }
        let old = was.planner.lineup().clone();
        let created_at = if was.is_untouched() { now } else { old.created_at };
        let mut lineup = stored.flatten(library, created_at, old.version);
        let is_same = match lineup.slots.is_empty() && was.is_untouched() {
            true => (lineup.order, lineup.looping) == (old.order, old.looping),
            false => lineup == *old,
        };
        if is_same {
            self.live[channel] = Some(was);
            return Ok(None);
        }
        lineup.version += 1;
        let mut ledger = was.ledger.clone();
        if !was.is_untouched() {
            let rows = match self.plant {
                Some(Plant::EditForgetsTwoMinutes) => {
                    was.planner.rows(ledger.tail(), now, now).collect()
                }
                _ => self.planned(&was, now),
            };
            // Under the catalogue's lock: nobody can have been quicker.
            let commit = commit(channel, rows.clone(), now, &was);
            let Ok(()) = catalogue.append(commit) else { return Ok(None) };
            ledger = extended(&ledger, &rows)?;
        }
        let lineup = Arc::new(lineup);
        let stored = &mut catalogue.channels[channel];
        stored.lineups.insert(lineup.version, lineup.clone());
        if self.plant == Some(Plant::EditRewritesTheLastRow)
            && let Some(last) = stored.rows.last_mut()
        {
            last.lineup_version = lineup.version;
        }
        let tail = ledger.tail().map(Row::end);
        let announced = tail.map(|end| Announced { at: end.max(now), version: lineup.version });
        let is = Live { planner: Arc::new(Planner::new(lineup)), ledger };
        self.live[channel] = Some(is.clone());
        Ok(Some(Edited { announced, was, is }))
    }

    /// Ends the current airing early.
    pub(crate) fn skip(
        &mut self,
        catalogue: &mut Catalogue,
        channel: usize,
        now: AirTime,
        unpromised: u64,
    ) -> Answer<Result<Row, NoSkip>> {
        let live = self.synced(catalogue, channel, now)?;
        let rows = self.planned(&live, now);
        let ledger = extended(&live.ledger, &rows)?;
        let cut = match live.planner.skip(&ledger, now, unpromised) {
            Ok(cut) => cut,
            // The transaction is dropped: nothing of it is committed.
            Err(refused) => return Ok(Err(refused)),
        };
        let mut behind = vec![cut];
        behind.extend(live.planner.commit(Some(&cut), now));
        let ledger = extended(&ledger, &behind)?;
        let commits = [
            commit(channel, rows, now, &live),
            Commit { is_cut: true, ..commit(channel, behind, now, &live) },
        ];
        for commit in commits {
            let Ok(()) = catalogue.append(commit) else { return Ok(Err(NoSkip::NotCommitted)) };
        }
        self.live[channel] = Some(Live { planner: live.planner, ledger });
        Ok(Ok(cut))
    }

    /// The guide from `from` on.
    pub(crate) fn guide<T>(
        &mut self,
        catalogue: &mut Catalogue,
        channel: usize,
        (from, now): (AirTime, AirTime),
        tell: impl FnOnce(Guide<'_>, &Ledger) -> T,
    ) -> Answer<T> {
        let mut live = self.live(catalogue, channel, now)?;
        if !live.reaches(from) {
            live.ledger = past(catalogue, channel, &live, from)?;
        }
        if self.plant == Some(Plant::GuideIsStale)
            && let Some(first) = catalogue.channels[channel].planner(1)
        {
            live.planner = first;
        }
        Ok(told(catalogue, channel, &live, tell))
    }

    /// Reads all anew when next asked.
    pub(crate) fn forget(&mut self) {
        self.live.fill(None);
    }
}

/// Reads a channel's guide as somebody knows it.
pub(crate) fn told<T>(
    catalogue: &mut Catalogue,
    channel: usize,
    live: &Live,
    tell: impl FnOnce(Guide<'_>, &Ledger) -> T,
) -> T {
    let stored = &mut catalogue.channels[channel];
    let mut planners = Vec::new();
    for airing in live.ledger.airings() {
        let version = airing.row.lineup_version;
        if matches!(airing.row.content, Content::Skip { .. }) {
            planners.extend(stored.planner(version).map(|planner| (version, planner)));
        }
    }
    let past = |wanted: u32| {
        planners.iter().find(|(version, _)| *version == wanted).map(|(_, planner)| planner.clone())
    };
    tell(Guide::new(&live.ledger, &live.planner, &past), &live.ledger)
}

/// The programmes from `now` up to `at`.
pub(crate) fn programmes(
    catalogue: &mut Catalogue,
    channel: usize,
    live: &Live,
    (now, at): (AirTime, AirTime),
) -> Vec<Programme> {
    told(catalogue, channel, live, |guide, _| guide.programmes(now, at).collect())
}

fn commit(channel: usize, rows: Vec<Row>, now: AirTime, live: &Live) -> Commit {
    Commit { channel, rows, now, planner: live.planner.clone(), is_cut: false }
}

/// The ledger from `from` on, up to where the known one ends.
fn past(catalogue: &Catalogue, channel: usize, live: &Live, from: AirTime) -> Answer<Arc<Ledger>> {
    let last = live.ledger.tail().map_or(0, |tail| tail.ordinal);
    let rows = catalogue.channels[channel].rows_from(from);
    let known = rows.partition_point(|row| row.ordinal <= last);
    read(&rows[..known])
}

fn read(rows: &[Row]) -> Answer<Arc<Ledger>> {
    Ledger::read(rows.iter().copied()).map(Arc::new).map_err(broken)
}

fn extended(ledger: &Arc<Ledger>, rows: &[Row]) -> Answer<Arc<Ledger>> {
    if rows.is_empty() {
        return Ok(ledger.clone());
    }
    let mut ledger = Ledger::clone(ledger);
    rows.iter().try_for_each(|row| ledger.push(*row)).map_err(broken)?;
    Ok(Arc::new(ledger))
}

fn broken(error: aerial_model::ledger::Broken) -> Violation {
    Violation { invariant: Invariant::NumbersRunOn, detail: error.to_string() }
}
