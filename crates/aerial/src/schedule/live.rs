//! One channel in memory: what was last read or written of it.
//!
//! Owns the cache and its commits. Invariant: the cached ledger is a run of what
//! the catalogue holds, up to its last row unless another process writes too;
//! before it is added to, that is looked at.

use std::sync::{Arc, PoisonError, RwLock};

use aerial_model::channel::Channel;
use aerial_model::id::{ChannelId, ChannelRef};
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::lineup::Lineup;
use aerial_model::planner::{COMMIT_AHEAD, Planner};
use aerial_model::time::{AirTime, Ticks};

use super::maps::Maps;
use super::{Result, Schedule, ScheduleError};
use crate::db::{DbError, Write};

/// How much of the past is kept in memory: what playlists reach back to, amply.
const REMEMBER: Ticks = Ticks::from_secs(15 * 60);

/// When that much more has piled up, the past is dropped down to `REMEMBER`.
const FORGET_AFTER: Ticks = Ticks::from_secs(60 * 60);

/// How far ahead a playlist may list, amply: the end of a segment of 8 s that
/// contains now + 8 s (`rules.md`, 19). With that much committed, nobody has to
/// wait for the database.
const LISTED: Ticks = Ticks::from_secs(30);

/// How often a commit is tried against another writer's.
pub(super) const ATTEMPTS: usize = 5;

/// One channel of the directory.
pub(super) struct Entry {
    pub(super) id: ChannelId,
    live: RwLock<Option<Arc<Live>>>,
    /// Held by whoever changes the channel.
    pub(super) gate: tokio::sync::Mutex<()>,
}

/// A channel as it stands.
pub(super) struct Live {
    pub(super) channel: Arc<Channel>,
    pub(super) planner: Arc<Planner>,
    pub(super) ledger: Arc<Ledger>,
}

impl Entry {
    pub(super) fn new(id: ChannelId) -> Self {
        Self { id, live: RwLock::default(), gate: tokio::sync::Mutex::default() }
    }

    pub(super) fn cached(&self) -> Option<Arc<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, live: Arc<Live>) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Some(live);
    }

    /// Makes the next reader read the catalogue.
    pub(super) fn forget(&self) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn broken(&self, source: aerial_model::ledger::Broken) -> ScheduleError {
        ScheduleError::Ledger { channel: self.id, source }
    }

    pub(super) fn read_ledger(&self, rows: Vec<Row>, maps: &Maps) -> Result<Arc<Ledger>> {
        let ledger = Ledger::read_with(rows, |id| maps.get(id));
        ledger.map(Arc::new).map_err(|source| self.broken(source))
    }

    /// The ledger with these rows behind it.
    pub(super) fn extended(
        &self,
        ledger: &Arc<Ledger>,
        rows: &[Row],
        maps: &Maps,
    ) -> Result<Arc<Ledger>> {
        if rows.is_empty() {
            return Ok(ledger.clone());
        }
        let mut ledger = Ledger::clone(ledger);
        for row in rows {
            ledger.push_with(*row, |id| maps.get(id)).map_err(|source| self.broken(source))?;
        }
        Ok(Arc::new(ledger))
    }
}

impl Live {
    /// Whether all that must be committed at `now` is.
    pub(super) fn is_committed(&self, now: AirTime) -> bool {
        self.ledger.tail().is_some_and(|tail| tail.end() > now + COMMIT_AHEAD)
    }

    /// Whether all that a playlist could list at `now` is committed, amply.
    pub(super) fn lasts(&self, now: AirTime) -> bool {
        self.ledger.tail().is_some_and(|tail| tail.end() > now + LISTED)
    }

    /// Whether the cached ledger tells of all committed time from `from` on.
    pub(super) fn reaches(&self, from: AirTime) -> bool {
        let Some(first) = self.ledger.airings().first() else { return true };
        let is_skip = matches!(first.row.content, Content::Skip { .. });
        // What a skip stands for is only told with the row before it.
        first.row.ordinal == 0 || (!is_skip && first.row.start <= from)
    }
}

impl Schedule {
    /// A channel as it stands, from memory where it is there.
    pub(super) async fn live(&self, entry: &Arc<Entry>) -> Result<Arc<Live>> {
        if let Some(live) = entry.cached() {
            return Ok(live);
        }
        let _gate = entry.gate.lock().await;
        if let Some(live) = entry.cached() {
            return Ok(live);
        }
        let write = self.0.db.write().await?;
        let live = self.load(&write, entry).await?;
        entry.set(live.clone());
        Ok(live)
    }

    /// A channel as the transaction sees it; the cache, where it still is right.
    pub(super) async fn synced(&self, write: &Write, entry: &Entry) -> Result<Arc<Live>> {
        if let Some(live) = entry.cached() {
            let tail = write.ledger_tail(entry.id).await?.map(|row| row.ordinal);
            let version = write.latest_lineup_number(entry.id).await?;
            let known = live.ledger.tail().map(|row| row.ordinal);
            if tail == known && version == Some(live.planner.lineup().version) {
                return Ok(live);
            }
        }
        self.load(write, entry).await
    }

    async fn load(&self, write: &Write, entry: &Entry) -> Result<Arc<Live>> {
        let unknown = || ScheduleError::UnknownChannel(ChannelRef::Id(entry.id));
        let channel = write.channel(entry.id).await?.ok_or_else(unknown)?;
        let lineup: Lineup = write.latest_lineup(entry.id).await?.ok_or_else(unknown)?;
        let rows = write.ledger_rows(entry.id, self.now_on(entry.id) - REMEMBER, None).await?;
        let maps = self.maps_of(&rows).await?;
        Ok(Arc::new(Live {
            channel: Arc::new(channel),
            planner: Arc::new(Planner::new(Arc::new(lineup))),
            ledger: entry.read_ledger(rows, &maps)?,
        }))
    }

    /// Commits up to now + 2 min; does nothing where that is done.
    pub async fn commit(&self, channel: ChannelId) -> Result<Arc<Ledger>> {
        let entry = self.entry(channel)?;
        if let Some(live) = entry.cached().filter(|live| live.is_committed(self.now_on(entry.id))) {
            return Ok(live.ledger.clone());
        }
        let schedule = self.clone();
        finished(channel, async move {
            let _gate = entry.gate.lock().await;
            let mut attempts = 1;
            loop {
                match schedule.try_commit(&entry).await {
                    Err(error) if is_conflict(&error) && attempts < ATTEMPTS => {
                        entry.forget();
                        attempts += 1;
                    }
                    other => return other,
                }
            }
        })
        .await
    }

    /// Commits without letting anybody wait, unless somebody is at it.
    pub(super) fn commit_meanwhile(&self, entry: &Arc<Entry>, live: &Live) {
        if live.is_committed(self.now_on(entry.id)) || entry.gate.try_lock().is_err() {
            return;
        }
        let (schedule, channel) = (self.clone(), entry.id);
        tokio::spawn(async move {
            if let Err(error) = schedule.commit(channel).await {
                tracing::error!(%channel, %error, "cannot commit what comes next");
            }
        });
    }

    async fn try_commit(&self, entry: &Entry) -> Result<Arc<Ledger>> {
        let now = self.now_on(entry.id);
        // Whoever held the gate before may have done it.
        if let Some(live) = entry.cached().filter(|live| live.is_committed(now)) {
            return Ok(live.ledger.clone());
        }
        let write = self.0.db.write().await?;
        let live = self.synced(&write, entry).await?;
        let rows: Vec<Row> = live.planner.commit(live.ledger.tail(), now).collect();
        write.append_ledger(entry.id, &rows).await?;
        let mut ledger = entry.extended(&live.ledger, &rows, &self.maps_of(&rows).await?)?;
        let oldest = ledger.airings().first().map(|airing| airing.end);
        if oldest.is_some_and(|end| end < now - REMEMBER - FORGET_AFTER) {
            let rows = write.ledger_rows(entry.id, now - REMEMBER, None).await?;
            let maps = self.maps_of(&rows).await?;
            ledger = entry.read_ledger(rows, &maps)?;
        }
        write.commit().await?;
        let (channel, planner) = (live.channel.clone(), live.planner.clone());
        entry.set(Arc::new(Live { channel, planner, ledger: ledger.clone() }));
        Ok(ledger)
    }
}

pub(super) fn is_conflict(error: &ScheduleError) -> bool {
    matches!(error, ScheduleError::Db(DbError::LedgerConflict { .. }))
}

/// Carries a change through even if whoever asked for it goes away in the middle:
/// else the catalogue could have it and the cache not.
pub(super) async fn finished<T: Send + 'static>(
    channel: ChannelId,
    change: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(change).await.map_err(|_| ScheduleError::BrokenOff(channel))?
}
