//! What is stored: channels, items, lineup versions and rows.
//!
//! A stand-in for the server's `db/ledger`, `db/lineups` and `schedule/flatten`.
//! Owns what survives a crash. Invariant: rows are only ever appended, and an
//! ordinal is taken once (`rules.md`, 3).

use std::collections::BTreeMap;
use std::sync::Arc;

use aerial_model::channel::{self, Channel, LineupItem, What, ranked};
use aerial_model::id::{ChannelId, ItemId};
use aerial_model::ledger::Row;
use aerial_model::lineup::{Lineup, Slot, SlotKey};
use aerial_model::planner::Planner;
use aerial_model::time::AirTime;
use uuid::Uuid;

use crate::history::Edit;
use crate::library::Library;
use crate::random::Random;

/// One channel, as it is stored.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) channel: Channel,
    pub(crate) items: Vec<LineupItem>,
    pub(crate) rows: Vec<Row>,
    pub(crate) lineups: BTreeMap<u32, Arc<Lineup>>,
    /// For a guide of the past: planners of versions, made when first asked for.
    planners: BTreeMap<u32, Arc<Planner>>,
    next_item: u128,
}

/// Rows that were committed together.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) channel: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) now: AirTime,
    /// From which version each row was planned, so that skips can be opened.
    pub(crate) planner: Arc<Planner>,
    /// The first row cuts an airing.
    pub(crate) is_cut: bool,
}

/// Another writer was first.
#[derive(Debug)]
pub(crate) struct Conflict;

/// The catalogue.
#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    pub(crate) channels: Vec<Stored>,
    /// What was committed since somebody looked.
    pub(crate) committed: Vec<Commit>,
}

impl Catalogue {
    /// The channels of that seed, made at `now`.
    pub(crate) fn of_seed(seed: u64, channels: u8, library: &Library, now: AirTime) -> Self {
        let mut random = Random::new(seed ^ 0x6368_616e_6e65_6c73);
        let mut catalogue = Self::default();
        for number in 0..channels {
            let settings = channel::Edit {
                number: Some((u32::from(number) + 1).to_string()),
                name: Some(format!("Channel {}", number + 1)),
                looping: Some(random.chance(85)),
                order: Some(order(random.chance(40))),
                grace_ms: Some(Some(random.one_of(&[30_000, 30_000, 5_000, 0, 90_000]))),
                ..channel::Edit::default()
            };
            let id = ChannelId(Uuid::from_u128(u128::from(number) + 1));
            let channel = Channel::create(id, random.bits(), now, &settings);
            let mut stored = Stored {
                channel: channel.expect("the settings of the simulator's channels are valid"),
                items: Vec::new(),
                rows: Vec::new(),
                lineups: BTreeMap::new(),
                planners: BTreeMap::new(),
                next_item: 1,
            };
            for _ in 0..random.within(0..12) {
                let (media, at) = (random.bits() as u8, random.bits() as u8);
                stored.items = stored.edited(library, None, &Edit::Insert { media, at });
            }
            let lineup = stored.flatten(library, now, 1);
            stored.lineups.insert(1, Arc::new(lineup));
            catalogue.channels.push(stored);
        }
        catalogue
    }

    /// Appends rows, unless another writer was first.
    pub(crate) fn append(&mut self, commit: Commit) -> Result<(), Conflict> {
        let rows = &mut self.channels[commit.channel].rows;
        let Some(first) = commit.rows.first() else { return Ok(()) };
        if rows.last().is_some_and(|last| first.ordinal <= last.ordinal) {
            return Err(Conflict);
        }
        rows.extend_from_slice(&commit.rows);
        self.committed.push(commit);
        Ok(())
    }
}

fn order(shuffled: bool) -> aerial_model::lineup::Order {
    use aerial_model::lineup::Order;
    if shuffled { Order::Shuffle } else { Order::Sequential }
}

impl Stored {
    /// The newest version of the lineup.
    pub(crate) fn lineup(&self) -> Arc<Lineup> {
        let (_, newest) = self.lineups.last_key_value().expect("a channel has a first lineup");
        newest.clone()
    }

    /// A planner of a version that is kept.
    pub(crate) fn planner(&mut self, version: u32) -> Option<Arc<Planner>> {
        let lineup = self.lineups.get(&version)?;
        let made = self.planners.entry(version);
        Some(made.or_insert_with(|| Arc::new(Planner::new(lineup.clone()))).clone())
    }

    /// The rows that a ledger from `from` on is read from: from the last that
    /// starts at or before it, and the one before that.
    pub(crate) fn rows_from(&self, from: AirTime) -> &[Row] {
        let last = self.rows.iter().rposition(|row| row.start <= from).unwrap_or(0);
        &self.rows[last.saturating_sub(1)..]
    }

    /// Forgets rows that ended before `before`, and versions that nothing needs.
    pub(crate) fn prune(&mut self, before: AirTime) {
        let kept = self.rows_from(before).len();
        self.rows.drain(..self.rows.len() - kept);
        let newest = self.lineup().version;
        let needed = |version: &u32| {
            *version == newest || self.rows.iter().any(|row| row.lineup_version == *version)
        };
        self.lineups.retain(|version, _| needed(version));
        self.planners.retain(|version, _| needed(version));
    }

    /// The items after an edit.
    pub(crate) fn edited(
        &mut self,
        library: &Library,
        tail: Option<&Row>,
        edit: &Edit,
    ) -> Vec<LineupItem> {
        let mut wanted: Vec<(ItemId, What)> =
            self.items.iter().map(|item| (item.id, item.what.clone())).collect();
        let place = |at: u8, count: usize| usize::from(at) % count.max(1);
        match *edit {
            Edit::Insert { media, at } => {
                let id = ItemId(Uuid::from_u128(self.next_item));
                self.next_item += 1;
                let media = library.media()[library.number(media)].id;
                wanted.insert(place(at, wanted.len() + 1), (id, What::Media(media)));
            }
            Edit::Remove { at } if !wanted.is_empty() => {
                wanted.remove(place(at, wanted.len()));
            }
            Edit::Move { from, to } if !wanted.is_empty() => {
                let item = wanted.remove(place(from, wanted.len()));
                wanted.insert(place(to, wanted.len() + 1), item);
            }
            Edit::RemoveCurrent => {
                let current = tail.and_then(Row::cursor).map(|cursor| cursor.item);
                wanted.retain(|(id, _)| Some(*id) != current);
            }
            Edit::Empty => wanted.clear(),
            _ => {}
        }
        ranked(&self.items, wanted)
    }

    /// The settings after an edit.
    pub(crate) fn settings(&self, now: AirTime, edit: &Edit) -> Channel {
        let change = match *edit {
            Edit::Shuffle(shuffled) => {
                channel::Edit { order: Some(order(shuffled)), ..Default::default() }
            }
            Edit::Looping(looping) => {
                channel::Edit { looping: Some(looping), ..Default::default() }
            }
            Edit::StartsIn(ms) => {
                let starts = AirTime::from_unix_millis(now.unix_millis() + ms);
                channel::Edit { starts_at: Some(starts.to_string()), ..Default::default() }
            }
            _ => channel::Edit::default(),
        };
        self.channel.edited(&change).unwrap_or_else(|_| self.channel.clone())
    }

    /// The lineup that settings and items make.
    pub(crate) fn flatten(&self, library: &Library, created_at: AirTime, version: u32) -> Lineup {
        let mut slots = Vec::with_capacity(self.items.len());
        let mut tallest = None;
        for item in &self.items {
            let What::Media(id) = &item.what else { continue };
            let found = library.media().iter().find(|media| media.id == *id);
            let Some(media) = found else { continue };
            let key = SlotKey { rank: item.rank, episode: 0 };
            let map = library.cuts_of(media).map();
            slots.push(Slot { item: item.id, media: *id, key, map_id: media.map_id, map });
            tallest = tallest.max(Some(media.height));
        }
        slots.sort_by_key(|slot| (slot.key, slot.item, slot.media));
        let channel = &self.channel;
        Lineup {
            version,
            order: channel.order,
            seed: channel.seed,
            looping: channel.looping,
            starts_at: match channel.starts_at == channel.created_at {
                true => created_at,
                false => channel.starts_at,
            },
            created_at,
            frame_height: tallest.unwrap_or(720),
            slots,
        }
    }
}
