//! The schedule: each channel's lineup, ledger and plan, as one service.
//!
//! Owns what happens between the catalogue and the pure planner: commits, edits
//! that wait for the committed airing, and views of the plan. Does not decide
//! what follows (`planner`) and knows nothing of streams.
//!
//! Invariant: nothing that was committed is ever planned again. Whatever can
//! alter a plan first commits up to now + 2 min from the old inputs, in the same
//! transaction (`rules.md`, 3); reads never commit.
//!
//! Locks: `directory` and each entry's `live` guard plain values and are held
//! for a lookup or an exchange, never across an await and never two at once. An
//! entry's `gate` is held by whoever changes that channel; who changes several
//! (`import`) takes their gates in the order of their ids.

mod as_run;
mod each;
mod edit;
mod first;
mod flatten;
mod import;
mod live;
mod maps;
mod replay;
mod revision;
mod timeline;
mod view;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use aerial_model::channel::{Channel, Invalid};
use aerial_model::id::{ChannelId, ChannelNumber, ChannelRef, ItemId, MapId, MediaId};
use aerial_model::ledger::Broken;
use aerial_model::planner::{NoSkip, Planner};
use aerial_model::replay::NotTold;
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{AirTime, Ticks};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::broadcast;

use crate::clock::Clock;
use crate::config::Settings;
use crate::db::{Db, DbError, SlateRange};
use crate::stream::slated::SlateLog;
use crate::stream::timeline::MediaSource;

pub use edit::{Effect, NewItem};
pub use first::{FirstChannels, FirstScan};
pub use import::{Imported, Listed, NotImported};
pub use revision::Revision;
pub use view::{Draft, Preview};

use each::Each;
use live::Entry;

/// How long the past of a channel can be told (`rules.md`, 6), what a guide of a week
/// needs; where catch-up reaches further, that and `BESIDE`.
const KEEP: Ticks = Ticks::from_secs(8 * 24 * 3_600);

/// What began just within the reach of catch-up is played to its end.
const BESIDE: Ticks = Ticks::from_secs(24 * 3_600);

/// A file that was away for as long is not expected back.
const MISSING_KEPT: Ticks = Ticks::from_secs(90 * 24 * 3_600);

/// A folder that nobody looked through for as long may have its files back.
const LOOKED_WITHIN: Ticks = Ticks::from_secs(7 * 24 * 3_600);

/// Planners of earlier lineups, which tell of what nobody watched; one of 10,000
/// films has a megabyte.
const PLANNERS_KEPT: u64 = 16;

/// Changes that a slow listener may be behind before it misses some; it is then
/// told so, and reads all anew.
const CHANGES_KEPT: usize = 256;

/// Files of airings that are remembered: those on the air and the next ones.
const SOURCES_KEPT: u64 = 1_024;
/// One that was read just as a scan changed it must not stay.
const SOURCES_KEPT_FOR: Duration = Duration::from_secs(60);
/// Where copied films are cut takes 50 kB each.
const MAPS_KEPT_FOR: Duration = Duration::from_secs(3_600);

/// What can go wrong with a schedule.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The catalogue failed, or refused.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Settings that cannot be.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such channel.
    #[error("there is no channel {0}")]
    UnknownChannel(ChannelRef),
    /// The lineup has no such item.
    #[error("the lineup of channel {channel} has no item {item}")]
    UnknownItem {
        /// The channel.
        channel: ChannelId,
        /// The item.
        item: ItemId,
    },
    /// The same item twice in one lineup.
    #[error("item {0} is named twice; leave the id out of what is new")]
    ItemTwice(ItemId),
    /// The library has nothing of such a show.
    #[error("the library has no show `{0}`")]
    UnknownShow(String),
    /// The lineup is not the one that was edited.
    #[error(
        "the lineup of channel {0} was changed by somebody else meanwhile: look at it again, \
         then save over it with its `revision`"
    )]
    Overtaken(ChannelId),
    /// More items than a lineup may have.
    #[error("a lineup has at most {most} items")]
    TooLong {
        /// The limit.
        most: usize,
    },
    /// The airing cannot be ended early.
    #[error("channel {channel}: {source}")]
    CannotSkip {
        /// The channel.
        channel: ChannelId,
        /// Why.
        source: NoSkip,
    },
    /// It cannot be told what aired.
    #[error("channel {channel}: {source}")]
    NotTold {
        /// The channel.
        channel: ChannelId,
        /// Why.
        source: NotTold,
    },
    /// The stored ledger contradicts itself.
    #[error("channel {channel}: {source}")]
    Ledger {
        /// The channel.
        channel: ChannelId,
        /// Which row, and what is wrong with it.
        source: Broken,
    },
    /// A change was not carried through.
    #[error("the change of channel {0} was broken off; look whether it was made, and try again")]
    BrokenOff(ChannelId),
}

type Result<T> = std::result::Result<T, ScheduleError>;

/// What holds for channels that say nothing of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standard {
    /// How long a session waits for a next client.
    pub grace: Ticks,
    /// The tallest frame that anything is padded into.
    pub height: u16,
}

impl Standard {
    /// As the server is set.
    pub fn of(settings: &Settings) -> Self {
        let grace = settings.stream.grace.0.as_millis();
        Self {
            // At most an hour: settings are valid.
            grace: Ticks::from_millis(i64::try_from(grace).unwrap_or_default()),
            height: settings.stream.tallest(),
        }
    }
}

impl Default for Standard {
    /// 30 s, and the tallest rung of the ladder.
    fn default() -> Self {
        Self { grace: Ticks::from_secs(30), height: 1_080 }
    }
}

/// Something that listeners may want to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A channel was made, or its settings changed.
    Channel(Arc<Channel>),
    /// A channel was deleted.
    ChannelDeleted(ChannelId),
    /// What a channel will air changed.
    Lineup {
        /// The channel.
        channel: ChannelId,
        /// When it takes effect.
        effect: Effect,
    },
    /// Media were found, changed, vanished or came back.
    Media(Arc<[MediaId]>),
}

/// The schedule of all channels. Cheap to clone.
#[derive(Clone)]
pub struct Schedule(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    standard: Standard,
    changes: broadcast::Sender<Change>,
    /// Counts the changes, from another number in each server.
    revision: AtomicU64,
    /// When the last of them was; when this server began, if none was yet.
    changed_at: AtomicI64,
    directory: RwLock<Directory>,
    sources: moka::sync::Cache<(MediaId, MapId), MediaSource>,
    maps: moka::sync::Cache<MapId, SegmentMap>,
    planners: moka::sync::Cache<(ChannelId, u32), Arc<Planner>>,
}

/// The catalogue, as it is told of slates.
#[derive(Debug)]
struct Logged(Db);

impl SlateLog for Logged {
    fn store(&self, slate: SlateRange) -> BoxFuture<'_, std::result::Result<(), String>> {
        async move { self.0.add_slate(&slate).await.map_err(|error| error.to_string()) }.boxed()
    }
}

/// Which channels there are.
#[derive(Default)]
struct Directory {
    by_id: HashMap<ChannelId, (Arc<Channel>, Arc<Entry>)>,
    by_number: BTreeMap<ChannelNumber, ChannelId>,
}

impl Directory {
    fn put(&mut self, channel: Arc<Channel>) {
        let entry = match self.by_id.remove(&channel.id) {
            Some((old, entry)) => {
                self.unlist(&old);
                entry
            }
            None => Arc::new(Entry::new(channel.id)),
        };
        self.by_number.insert(channel.number, channel.id);
        self.by_id.insert(channel.id, (channel, entry));
    }

    fn remove(&mut self, id: ChannelId) {
        if let Some((channel, _)) = self.by_id.remove(&id) {
            self.unlist(&channel);
        }
    }

    /// Another may have its number by now.
    fn unlist(&mut self, channel: &Channel) {
        if self.by_number.get(&channel.number) == Some(&channel.id) {
            self.by_number.remove(&channel.number);
        }
    }
}

impl Schedule {
    /// The schedule of the channels in the catalogue. Lineups and ledgers are
    /// read when they are first needed.
    pub async fn open(db: Db, clock: Clock) -> Result<Self> {
        Self::open_with(db, clock, Standard::default()).await
    }

    /// The same, with what the server is set to.
    pub async fn open_with(db: Db, clock: Clock, standard: Standard) -> Result<Self> {
        let mut directory = Directory::default();
        for channel in db.channels().await? {
            directory.put(Arc::new(channel));
        }
        Ok(Self(Arc::new(Inner {
            db,
            changed_at: AtomicI64::new(clock.now().0),
            clock,
            standard,
            changes: broadcast::channel(CHANGES_KEPT).0,
            // Behind what any earlier one counted to.
            revision: AtomicU64::new(uuid::Uuid::now_v7().as_u64_pair().0),
            directory: RwLock::new(directory),
            sources: moka::sync::Cache::builder()
                .max_capacity(SOURCES_KEPT)
                .time_to_live(SOURCES_KEPT_FOR)
                .build(),
            maps: moka::sync::Cache::builder()
                .max_capacity(SOURCES_KEPT)
                .time_to_idle(MAPS_KEPT_FOR)
                .build(),
            planners: moka::sync::Cache::new(PLANNERS_KEPT),
        })))
    }

    /// The catalogue behind it, for reading.
    pub fn db(&self) -> &Db {
        &self.0.db
    }

    /// When anything changed last, as far as this server knows.
    pub fn changed_at(&self) -> AirTime {
        AirTime(self.0.changed_at.load(Ordering::Relaxed))
    }

    /// Another number after each change: what was read of a schedule with the same
    /// one is the same, until time goes on.
    pub fn revision(&self) -> u64 {
        self.0.revision.load(Ordering::Relaxed)
    }

    /// Hears of changes from now on.
    pub fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// A channel's settings; `None` where there is none.
    pub fn channel(&self, channel: ChannelRef) -> Option<Arc<Channel>> {
        self.find(channel).ok().map(|(channel, _)| channel)
    }

    /// All channels, by number.
    pub fn channels(&self) -> Vec<Arc<Channel>> {
        let directory = self.0.directory.read().unwrap_or_else(PoisonError::into_inner);
        let of = |id| directory.by_id.get(id).map(|(channel, _)| channel.clone());
        directory.by_number.values().filter_map(of).collect()
    }

    /// Prunes what nothing needs any more, and leaves out media that have been
    /// missing or unplayable for 24 h. To be called every hour or so. What is wrong with
    /// one channel keeps it from none of the others.
    pub async fn housekeep(&self) -> Result<()> {
        let before = self.0.clock.now() - KEEP;
        let mut earliest = before;
        let mut each = Each::default();
        for channel in self.channels() {
            let reach = channel.catchup().map_or(KEEP, |reach| KEEP.max(reach + BESIDE));
            let before = self.0.clock.now() - reach;
            // Also where it fails: its maps are needed for as long.
            earliest = earliest.min(before);
            each.took(channel.id, self.tidy(&channel, before).await);
        }
        self.0.db.prune_jobs(before).await?;
        let write = self.0.db.write().await?;
        write.prune_maps(earliest).await?;
        write.commit().await?;
        self.0.db.prune_slates(before).await?;
        each.done()
    }

    /// Forgets media whose files are long gone, where nothing names them. To be called
    /// every hour or so.
    pub async fn forget_missing(&self) -> Result<()> {
        let now = self.0.clock.now();
        let forgotten = self.0.db.forget_missing(now - MISSING_KEPT, now - LOOKED_WITHIN).await?;
        if !forgotten.is_empty() {
            tracing::info!(media = forgotten.len(), "forgot media whose files are long gone");
        }
        self.library_changed(&forgotten).await
    }

    async fn tidy(&self, channel: &Channel, before: AirTime) -> Result<()> {
        self.reflatten(channel.id).await?;
        let write = self.0.db.write().await?;
        let (rows, versions) = write.prune_ledger(channel.id, before).await?;
        write.commit().await?;
        if rows + versions > 0 {
            tracing::debug!(channel = %channel.number, rows, versions, "pruned the ledger");
        }
        Ok(())
    }

    fn find(&self, channel: ChannelRef) -> Result<(Arc<Channel>, Arc<Entry>)> {
        let directory = self.0.directory.read().unwrap_or_else(PoisonError::into_inner);
        let id = match channel {
            ChannelRef::Id(id) => Some(id),
            ChannelRef::Number(number) => directory.by_number.get(&number).copied(),
        };
        let found = id.and_then(|id| directory.by_id.get(&id)).cloned();
        found.ok_or(ScheduleError::UnknownChannel(channel))
    }

    fn entry(&self, id: ChannelId) -> Result<Arc<Entry>> {
        self.find(ChannelRef::Id(id)).map(|(_, entry)| entry)
    }

    fn directory_mut(&self, change: impl FnOnce(&mut Directory)) {
        change(&mut self.0.directory.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn tell(&self, change: Change) {
        // An error says that nobody listens, which is no fault.
        self.0.changed_at.store(self.now().0, Ordering::Relaxed);
        self.0.revision.fetch_add(1, Ordering::Relaxed);
        let _ = self.0.changes.send(change);
    }

    /// What is to be told of slates that were sent.
    pub fn slate_log(&self) -> Arc<dyn SlateLog> {
        Arc::new(Logged(self.0.db.clone()))
    }

    fn moment(&self, now: AirTime) -> flatten::Moment {
        flatten::Moment { now, tallest_frame: self.0.standard.height }
    }

    /// The server's time.
    fn now(&self) -> AirTime {
        self.0.clock.now()
    }

    /// The time on a channel's air.
    fn now_on(&self, channel: ChannelId) -> AirTime {
        self.0.clock.now_on(channel)
    }
}
