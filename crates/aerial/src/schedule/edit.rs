//! Changing channels and lineups.
//!
//! Owns the one path that every change of a plan takes: commit from the old
//! inputs, store the new ones, make a new lineup version where it differs, all
//! in one transaction; then tell. Invariant: what is committed stays.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use aerial_model::channel::{Channel, Edit, LineupItem, What, ranked};
use aerial_model::hls::{self, Edge};
use aerial_model::id::{ChannelId, ItemId, MediaId};
use aerial_model::ledger::Row;
use aerial_model::lineup::{Lineup, Order};
use aerial_model::planner::Planner;
use aerial_model::time::{AirTime, Ticks};
use uuid::Uuid;

use super::each::Each;
use super::flatten::{Moment, flatten};
use super::live::{ATTEMPTS, Entry, Live, finished, is_conflict};
use super::revision::Revision;
use super::{Change, Result, Schedule, ScheduleError};
use crate::db::{Playable, Write};

/// Most items of a lineup: five times what was asked for, and a version of it
/// still is a few megabytes.
pub(super) const MOST_ITEMS: usize = 50_000;

/// A commit takes milliseconds, on a busy disk some hundred; what playlists promise
/// meanwhile is not cut away either.
const COMMITTED_WITHIN: Ticks = Ticks::from_secs(2);

/// When a change is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// Whether it changes what airs at all.
    pub changes_plan: bool,
    /// When what it changes can first air: the end of what is committed.
    pub at: AirTime,
    /// The lineup version in force from then on.
    pub lineup_version: u32,
}

/// An item as a lineup is to have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewItem {
    /// An item that the lineup has already, wherever it stood; `None`: a new one.
    pub id: Option<ItemId>,
    /// What it stands for.
    pub what: What,
}

impl From<What> for NewItem {
    fn from(what: What) -> Self {
        Self { id: None, what }
    }
}

/// What is to change.
pub(super) enum Alteration {
    Settings(Edit),
    /// In place of the lineup of that revision; of whichever there is, where none is named.
    Put(Vec<NewItem>, Option<Revision>),
    /// Settings and items at once; those that it has already stay what they are.
    All {
        edit: Edit,
        items: Vec<What>,
    },
    Insert {
        items: Vec<NewItem>,
        at: Option<usize>,
    },
    Remove(ItemId),
    Arrange(Vec<ItemId>),
    /// Nothing but what the library says of the media.
    Library,
}

/// What came of a change.
pub(super) struct Altered {
    pub(super) channel: Arc<Channel>,
    pub(super) effect: Effect,
}

/// A change that is written and not committed yet.
pub(super) struct Pending {
    live: Live,
    was: Arc<Channel>,
    effect: Effect,
}

impl Schedule {
    /// Makes a channel with these items. Number and name must be given.
    pub async fn create_channel(&self, edit: &Edit, items: Vec<What>) -> Result<Arc<Channel>> {
        let now = self.now();
        let id = ChannelId(Uuid::now_v7());
        // The id's low half is random: as good a seed as any.
        let channel = Channel::create(id, id.0.as_u64_pair().1, now, edit)?;
        let schedule = self.clone();
        finished(id, async move {
            let write = schedule.0.db.write().await?;
            schedule.insert(&write, &channel, items, now).await?;
            write.commit().await?;
            let channel = Arc::new(channel);
            schedule.announce(channel.clone());
            Ok(channel)
        })
        .await
    }

    /// Changes a channel's settings; waits like every change of a plan.
    pub async fn edit_channel(&self, id: ChannelId, edit: Edit) -> Result<(Arc<Channel>, Effect)> {
        let altered = self.alter(id, Alteration::Settings(edit)).await?;
        Ok((altered.channel, altered.effect))
    }

    /// Deletes a channel with all that is its own. Whether there was one.
    pub async fn delete_channel(&self, id: ChannelId) -> Result<bool> {
        let Ok(entry) = self.entry(id) else { return Ok(false) };
        let schedule = self.clone();
        finished(id, async move {
            let _gate = entry.gate.lock().await;
            let write = schedule.0.db.write().await?;
            let gone = write.delete_channel(id).await?;
            write.commit().await?;
            entry.forget();
            schedule.directory_mut(|directory| directory.remove(id));
            schedule.tell(Change::ChannelDeleted(id));
            Ok(gone)
        })
        .await
    }

    /// A channel's items, in order.
    pub async fn lineup(&self, id: ChannelId) -> Result<Vec<LineupItem>> {
        self.entry(id)?;
        Ok(self.0.db.lineup_items(id).await?)
    }

    /// Puts these items, in this order, in place of those there are.
    pub async fn put_lineup(&self, id: ChannelId, items: Vec<NewItem>) -> Result<Effect> {
        Ok(self.alter(id, Alteration::Put(items, None)).await?.effect)
    }

    /// The same, unless the lineup is no longer the one that was seen.
    pub async fn put_lineup_over(
        &self,
        id: ChannelId,
        items: Vec<NewItem>,
        seen: Revision,
    ) -> Result<Effect> {
        Ok(self.alter(id, Alteration::Put(items, Some(seen))).await?.effect)
    }

    /// Adds items: before the one that is now at that place, or at the end.
    pub async fn add_items(
        &self,
        id: ChannelId,
        items: Vec<What>,
        at: Option<usize>,
    ) -> Result<Effect> {
        let items = items.into_iter().map(NewItem::from).collect();
        Ok(self.alter(id, Alteration::Insert { items, at }).await?.effect)
    }

    /// Takes an item out.
    pub async fn delete_item(&self, id: ChannelId, item: ItemId) -> Result<Effect> {
        Ok(self.alter(id, Alteration::Remove(item)).await?.effect)
    }

    /// Puts the items in this order; those not named follow as they stood.
    pub async fn arrange(&self, id: ChannelId, order: Vec<ItemId>) -> Result<Effect> {
        Ok(self.alter(id, Alteration::Arrange(order)).await?.effect)
    }

    /// Sets the order mode.
    pub async fn set_order(&self, id: ChannelId, order: Order) -> Result<Effect> {
        let edit = Edit { order: Some(order), ..Edit::default() };
        Ok(self.alter(id, Alteration::Settings(edit)).await?.effect)
    }

    /// Takes up what became of these media (found, changed, gone, deleted) in all
    /// lineups that play them, and tells of it. What is wrong with one channel keeps
    /// it from none of the others.
    ///
    /// # Errors
    /// The first channel's that could not take it up.
    pub async fn library_changed(&self, media: &[MediaId]) -> Result<()> {
        if media.is_empty() {
            return Ok(());
        }
        let changed: HashSet<MediaId> = media.iter().copied().collect();
        self.0.sources.invalidate_all();
        let write = self.0.db.write().await?;
        let mut affected = write.channels_with(media).await?;
        drop(write);
        let mut each = Each::default();
        for channel in self.channels() {
            if affected.contains(&channel.id) {
                continue;
            }
            // Deleted ones, and episodes that left a show, are in the version alone.
            if each.took(channel.id, self.plays(channel.id, &changed).await) == Some(true) {
                affected.insert(channel.id);
            }
        }
        for channel in affected {
            each.took(channel, self.reflatten(channel).await);
        }
        self.tell(Change::Media(media.into()));
        each.done()
    }

    /// Whether a channel's lineup has any of these media.
    async fn plays(&self, channel: ChannelId, media: &HashSet<MediaId>) -> Result<bool> {
        let live = self.live(&self.entry(channel)?).await?;
        Ok(live.planner.lineup().slots.iter().any(|slot| media.contains(&slot.media)))
    }

    /// Ends the current airing early: at the first segment that no playlist has listed,
    /// or after the one on the air if that is later. Tells when the next item begins.
    ///
    /// `unpromised` says which segment that is, by where the numbers stand then; it is
    /// asked once all is had that others may have to be waited for, since playlists go on.
    pub async fn skip(
        &self,
        id: ChannelId,
        unpromised: impl FnOnce(Option<Edge>) -> u64 + Send + 'static,
    ) -> Result<Effect> {
        let entry = self.entry(id)?;
        let schedule = self.clone();
        finished(id, async move {
            let _gate = entry.gate.lock().await;
            let write = schedule.0.db.write().await?;
            let live = schedule.synced(&write, &entry).await?;
            let now = schedule.now_on(id);
            let mut rows: Vec<Row> = live.planner.commit(live.ledger.tail(), now).collect();
            let maps = schedule.maps_of(&rows).await?;
            let ledger = entry.extended(&live.ledger, &rows, &maps)?;
            let target = hls::target_duration(live.channel.video_at(now));
            let edge = Edge::at(&ledger, target, now + COMMITTED_WITHIN);
            let cut = live
                .planner
                .skip(&ledger, now, unpromised(edge))
                .map_err(|source| ScheduleError::CannotSkip { channel: id, source })?;
            rows.push(cut);
            rows.extend(live.planner.commit(Some(&cut), now));
            // All that can fail, before it is committed: else the catalogue would have the
            // cut, and what is remembered not.
            let maps = schedule.maps_of(&rows).await?;
            let ledger = entry.extended(&live.ledger, &rows, &maps)?;
            write.append_ledger(id, &rows).await?;
            write.commit().await?;
            let (channel, planner) = (live.channel.clone(), live.planner.clone());
            let lineup_version = planner.lineup().version;
            entry.set(Arc::new(Live { channel, planner, ledger }));
            let effect = Effect { changes_plan: true, at: cut.start, lineup_version };
            schedule.tell(Change::Lineup { channel: id, effect });
            Ok(effect)
        })
        .await
    }

    pub(super) async fn reflatten(&self, id: ChannelId) -> Result<Effect> {
        Ok(self.alter(id, Alteration::Library).await?.effect)
    }

    /// Stores a channel with its first lineup version.
    pub(super) async fn insert(
        &self,
        write: &Write,
        channel: &Channel,
        items: Vec<What>,
        now: AirTime,
    ) -> Result<()> {
        let new = items.into_iter().map(NewItem::from).collect();
        let items = ranked(&[], identified(channel.id, &[], new)?);
        write.insert_channel(channel).await?;
        write.put_lineup_items(channel.id, &[], &items).await?;
        let playables = write.playables(&items).await?;
        check_shows(&items, &[], &playables)?;
        let lineup = flatten(channel, channel.created_at, 1, &items, &playables, self.moment(now));
        Ok(write.add_lineup_version(channel.id, &lineup, now).await?)
    }

    pub(super) fn announce(&self, channel: Arc<Channel>) {
        self.directory_mut(|directory| directory.put(channel.clone()));
        self.tell(Change::Channel(channel));
    }

    async fn alter(&self, id: ChannelId, alteration: Alteration) -> Result<Altered> {
        let entry = self.entry(id)?;
        let schedule = self.clone();
        finished(id, async move {
            let _gate = entry.gate.lock().await;
            let mut attempts = 1;
            loop {
                match schedule.try_alter(&entry, &alteration).await {
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

    async fn try_alter(&self, entry: &Entry, alteration: &Alteration) -> Result<Altered> {
        let write = self.0.db.write().await?;
        let pending = self.alter_within(&write, entry, alteration).await?;
        write.commit().await?;
        Ok(self.committed(entry, pending))
    }

    /// Writes a change; whoever holds the channel's gate commits it.
    pub(super) async fn alter_within(
        &self,
        write: &Write,
        entry: &Entry,
        alteration: &Alteration,
    ) -> Result<Pending> {
        let now = self.now_on(entry.id);
        let live = self.synced(write, entry).await?;
        let mut channel = live.channel.clone();
        if let Alteration::Settings(edit) | Alteration::All { edit, .. } = alteration {
            channel = Arc::new(channel.edited(edit)?);
            write.update_channel(&channel).await?;
        }
        let settings_alone = matches!(alteration, Alteration::Settings(_));
        let next = if settings_alone && !channel.plans_unlike(&live.channel) {
            None
        } else {
            let current = write.lineup_items(entry.id).await?;
            let wanted = wanted_items(entry.id, &current, alteration)?;
            if let Some(wanted) = &wanted {
                write.put_lineup_items(entry.id, &current, wanted).await?;
            }
            let items = wanted.as_ref().unwrap_or(&current);
            let playables = write.playables(items).await?;
            check_shows(items, &current, &playables)?;
            next_version(&channel, &live, items, &playables, self.moment(now))
        };
        let changes_plan = next.is_some();
        let (mut ledger, mut planner) = (live.ledger.clone(), live.planner.clone());
        if let Some(lineup) = next {
            if !is_untouched(&live) {
                // Rule 3: what the old inputs say of the next two minutes stays.
                let rows: Vec<Row> = live.planner.commit(ledger.tail(), now).collect();
                write.append_ledger(entry.id, &rows).await?;
                ledger = entry.extended(&ledger, &rows, &self.maps_of(&rows).await?)?;
            }
            write.add_lineup_version(entry.id, &lineup, now).await?;
            planner = Arc::new(Planner::new(Arc::new(lineup)));
        }
        let at = ledger.tail().map_or(now, |tail| tail.end().max(now));
        if channel.video != live.channel.video {
            // A new stream, whose playlists have another target duration, begins
            // where what is committed of the old one ends; an unused one has none.
            let begun = !is_untouched(&live) && channel.video != live.channel.video_at(now);
            let changed = Channel { video_since: begun.then_some(at), ..Channel::clone(&channel) };
            write.update_channel(&changed).await?;
            channel = Arc::new(changed);
        }
        let lineup_version = planner.lineup().version;
        let effect = Effect { changes_plan, at, lineup_version };
        let was = live.channel.clone();
        Ok(Pending { live: Live { channel, planner, ledger }, was, effect })
    }

    /// Takes up and tells a change that was committed.
    pub(super) fn committed(&self, entry: &Entry, pending: Pending) -> Altered {
        let Pending { live, was, effect } = pending;
        let (channel, changes_plan) = (live.channel.clone(), effect.changes_plan);
        entry.set(Arc::new(live));
        if was != channel {
            self.announce(channel.clone());
        }
        if changes_plan {
            self.tell(Change::Lineup { channel: entry.id, effect });
        }
        Altered { channel, effect }
    }
}

/// Nothing was ever planned or committed: there is nothing that a viewer or a
/// guide could have been told, so nothing to wait for.
pub(super) fn is_untouched(live: &Live) -> bool {
    live.ledger.tail().is_none() && live.planner.lineup().slots.is_empty()
}

/// The lineup's next version; `None` where it would be the same.
fn next_version(
    channel: &Channel,
    live: &Live,
    items: &[LineupItem],
    playables: &[Playable],
    moment: Moment,
) -> Option<Lineup> {
    let old = live.planner.lineup();
    let created_at = if is_untouched(live) { moment.now } else { old.created_at };
    let mut next = flatten(channel, created_at, old.version, items, playables, moment);
    let is_same = match next.slots.is_empty() && is_untouched(live) {
        // Still nothing to play: another time of beginning is no difference.
        true => (next.order, next.looping) == (old.order, old.looping),
        false => next == **old,
    };
    next.version += 1;
    (!is_same).then_some(next)
}

/// The items after the change, ranked; `None` where it does not concern them.
fn wanted_items(
    channel: ChannelId,
    current: &[LineupItem],
    alteration: &Alteration,
) -> Result<Option<Vec<LineupItem>>> {
    let old = || current.iter().map(|item| NewItem { id: Some(item.id), what: item.what.clone() });
    let has = |id: &ItemId| match current.iter().any(|item| item.id == *id) {
        true => Ok(()),
        false => Err(ScheduleError::UnknownItem { channel, item: *id }),
    };
    let wanted: Vec<NewItem> = match alteration {
        Alteration::Settings(_) | Alteration::Library => return Ok(None),
        Alteration::Put(items, seen) => {
            if seen.is_some_and(|seen| seen != Revision::of(current)) {
                return Err(ScheduleError::Overtaken(channel));
            }
            items.clone()
        }
        Alteration::All { items, .. } => recognised(current, items),
        Alteration::Insert { items, at } => {
            let mut all: Vec<NewItem> = old().collect();
            let at = at.unwrap_or(all.len()).min(all.len());
            all.splice(at..at, items.iter().cloned());
            all
        }
        Alteration::Remove(id) => {
            has(id)?;
            old().filter(|item| item.id != Some(*id)).collect()
        }
        Alteration::Arrange(order) => {
            let places: HashMap<&ItemId, usize> =
                order.iter().enumerate().map(|(place, id)| (id, place)).collect();
            let known: HashSet<ItemId> = current.iter().map(|item| item.id).collect();
            if let Some(unknown) = order.iter().find(|id| !known.contains(id)) {
                has(unknown)?;
            }
            let mut all: Vec<NewItem> = old().collect();
            let place = |item: &NewItem| item.id.and_then(|id| places.get(&id).copied());
            all.sort_by_key(|item| place(item).unwrap_or(usize::MAX));
            all
        }
    };
    Ok(Some(ranked(current, identified(channel, current, wanted)?)))
}

/// These items, with the ids of those that the lineup has already, so that what plays
/// now stays what it is.
fn recognised(current: &[LineupItem], items: &[What]) -> Vec<NewItem> {
    let mut ids: HashMap<&What, VecDeque<ItemId>> = HashMap::new();
    for item in current {
        ids.entry(&item.what).or_default().push_back(item.id);
    }
    let mut id = |what| ids.get_mut(what).and_then(VecDeque::pop_front);
    items.iter().map(|what| NewItem { id: id(what), what: what.clone() }).collect()
}

/// Gives new items their ids; refuses ids that the lineup does not have.
pub(super) fn identified(
    channel: ChannelId,
    current: &[LineupItem],
    wanted: Vec<NewItem>,
) -> Result<Vec<(ItemId, What)>> {
    if wanted.len() > MOST_ITEMS {
        return Err(ScheduleError::TooLong { most: MOST_ITEMS });
    }
    let known: HashSet<ItemId> = current.iter().map(|item| item.id).collect();
    let mut seen = HashSet::new();
    let mut identify = |item: NewItem| match item.id {
        None => Ok((ItemId(Uuid::now_v7()), item.what)),
        Some(id) if !known.contains(&id) => Err(ScheduleError::UnknownItem { channel, item: id }),
        Some(id) if !seen.insert(id) => Err(ScheduleError::ItemTwice(id)),
        Some(id) => Ok((id, item.what)),
    };
    wanted.into_iter().map(&mut identify).collect()
}

/// New items must not name a show of which there is nothing. One that was there
/// and lost its episodes may stay: they may come back.
pub(super) fn check_shows(
    items: &[LineupItem],
    current: &[LineupItem],
    playables: &[Playable],
) -> Result<()> {
    let shows: HashSet<&str> = playables.iter().filter_map(|p| p.show.as_deref()).collect();
    let kept: HashSet<&What> = current.iter().map(|item| &item.what).collect();
    for item in items {
        if let What::Show(show) = &item.what
            && !shows.contains(show.as_str())
            && !kept.contains(&item.what)
        {
            return Err(ScheduleError::UnknownShow(show.clone()));
        }
    }
    Ok(())
}
