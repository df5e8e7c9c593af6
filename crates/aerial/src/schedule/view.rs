//! Looking at a plan: what is on, the guide, and what an unsaved lineup would
//! play. Nothing here commits.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use aerial_model::channel::{Channel, Edit, ranked};
use aerial_model::guide::{Guide, Now, Programme};
use aerial_model::id::{ChannelId, ChannelRef, MediaId};
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::lineup::{Lineup, Slot};
use aerial_model::planner::Planner;
use aerial_model::time::{AirTime, Ticks};
use uuid::Uuid;

use super::edit::{NewItem, check_shows, identified, is_untouched};
use super::flatten::flatten;
use super::live::{Entry, Live};
use super::{Result, Schedule};

/// How far a preview looks: a month, so that long items are in it too.
const PREVIEW_REACH: Ticks = Ticks::from_secs(31 * 24 * 3_600);

/// A lineup that is not saved.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// The items; `None`: those that there are.
    pub items: Option<Vec<NewItem>>,
    /// Changed settings.
    pub edit: Edit,
    /// Programmes that begin before this; `None`: within a month.
    pub until: Option<AirTime>,
}

/// What a draft would play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    /// When it would take effect.
    pub at: AirTime,
    /// From what is on now; what begins before `at` is committed and stays.
    pub programmes: Vec<Programme>,
    /// How long everything takes once.
    pub cycle: Ticks,
    /// How many programmes that is.
    pub in_cycle: usize,
}

/// What a lineup plays after what is committed before it.
fn previewed(
    lineup: Lineup,
    (ledger, past): (Arc<Ledger>, HashMap<u32, Arc<Planner>>),
    (now, at, until): (AirTime, AirTime, Option<AirTime>),
    limit: usize,
) -> Preview {
    let (cycle, in_cycle) = (lineup.slots.iter().map(Slot::air_length).sum(), lineup.slots.len());
    let view = View { ledger, planner: Arc::new(Planner::new(Arc::new(lineup))), past };
    let reach = now + PREVIEW_REACH;
    let until = until.map_or(reach, |until| until.clamp(now, reach));
    let programmes = view.read(|guide| guide.programmes(now, until).take(limit).collect());
    Preview { at, programmes, cycle, in_cycle }
}

/// What a guide is read from.
struct View {
    ledger: Arc<Ledger>,
    planner: Arc<Planner>,
    past: HashMap<u32, Arc<Planner>>,
}

impl View {
    fn read<T>(&self, read: impl FnOnce(Guide<'_>) -> T) -> T {
        let past = |version: u32| self.past.get(&version).cloned();
        read(Guide::new(&self.ledger, &self.planner, &past))
    }
}

impl Schedule {
    /// What is on, and what comes next.
    pub async fn on_now(&self, channel: ChannelRef) -> Result<Option<Now>> {
        let (known, _) = self.find(channel)?;
        self.on_at(channel, self.now_on(known.id)).await
    }

    /// What is on at that instant, and what comes next then.
    pub(super) async fn on_at(&self, channel: ChannelRef, at: AirTime) -> Result<Option<Now>> {
        let (_, entry) = self.find(channel)?;
        Ok(self.view(&entry, at).await?.read(|guide| guide.now(at)))
    }

    /// The first `limit` programmes that are on at some time in `from..to`.
    pub async fn guide(
        &self,
        channel: ChannelRef,
        from: AirTime,
        to: AirTime,
        limit: usize,
    ) -> Result<Vec<Programme>> {
        let (_, entry) = self.find(channel)?;
        let view = self.view(&entry, from).await?;
        Ok(view.read(|guide| guide.programmes(from, to).take(limit).collect()))
    }

    /// What a channel would play if the draft were saved now.
    pub async fn preview(&self, id: ChannelId, draft: Draft, limit: usize) -> Result<Preview> {
        let entry = self.entry(id)?;
        let live = self.live(&entry).await?;
        let now = self.now_on(id);
        let channel = live.channel.edited(&draft.edit)?;
        let current = self.0.db.lineup_items(id).await?;
        let items = match draft.items {
            Some(items) => ranked(&current, identified(id, &current, items)?),
            None => current.clone(),
        };
        let playables = self.0.db.playables(&items).await?;
        check_shows(&items, &current, &playables)?;
        let old = live.planner.lineup();
        let version = old.version + 1;
        let waits = !is_untouched(&live);
        let created_at = if waits { old.created_at } else { now };
        let lineup = flatten(&channel, created_at, version, &items, &playables, self.moment(now));
        let committed = waits.then(|| live.planner.commit(live.ledger.tail(), now));
        let rows: Vec<Row> = committed.into_iter().flatten().collect();
        let ledger = entry.extended(&live.ledger, &rows, &self.maps_of(&rows).await?)?;
        let at = ledger.tail().map_or(now, Row::end);
        let past = HashMap::from([(old.version, live.planner.clone())]);
        Ok(previewed(lineup, (ledger, past), (now, at, draft.until), limit))
    }

    /// What a channel would play that is not made yet.
    pub async fn preview_new(&self, draft: Draft, limit: usize) -> Result<Preview> {
        let (id, now) = (ChannelId(Uuid::now_v7()), self.now());
        // Nobody has to have decided on these to see what will play.
        let number = draft.edit.number.clone().or_else(|| Some("1".to_owned()));
        let name = draft.edit.name.clone().or_else(|| Some("New".to_owned()));
        let edit = Edit { number, name, ..draft.edit };
        let channel = Channel::create(id, id.0.as_u64_pair().1, now, &edit)?;
        let items = ranked(&[], identified(id, &[], draft.items.unwrap_or_default())?);
        let playables = self.0.db.playables(&items).await?;
        check_shows(&items, &[], &playables)?;
        let lineup = flatten(&channel, now, 1, &items, &playables, self.moment(now));
        let before = (Arc::default(), HashMap::new());
        Ok(previewed(lineup, before, (now, now, draft.until), limit))
    }

    /// All media that a lineup names: what begins within that time in the order in
    /// which it airs, then the others.
    pub async fn media_by_turn(&self, within: Ticks) -> Vec<MediaId> {
        let now = self.now();
        let (mut soon, mut others) = (Vec::new(), Vec::new());
        for channel in self.channels() {
            let Ok(entry) = self.entry(channel.id) else { continue };
            // One that cannot be read says so where it is watched.
            let Ok(live) = self.live(&entry).await else { continue };
            let tail = live.ledger.tail().filter(|tail| tail.end() > now);
            let rows = live.planner.rows(tail, now, now + within);
            soon.extend(rows.filter_map(|row| match row.content {
                Content::Media { cursor, .. } => Some((row.start, cursor.media)),
                _ => None,
            }));
            others.extend(live.planner.lineup().slots.iter().map(|slot| slot.media));
        }
        soon.sort_unstable();
        let mut seen = HashSet::new();
        let turns = soon.into_iter().map(|(_, media)| media).chain(others);
        turns.filter(|media| seen.insert(*media)).collect()
    }

    async fn view(&self, entry: &Arc<Entry>, from: AirTime) -> Result<View> {
        let live = self.live(entry).await?;
        let ledger = match live.reaches(from) {
            true => live.ledger.clone(),
            false => self.past_ledger(entry, &live, from..AirTime(i64::MAX)).await?,
        };
        let mut past = HashMap::new();
        for airing in ledger.airings().iter().filter(|airing| airing.end > from) {
            let version = airing.row.lineup_version;
            let is_skip = matches!(airing.row.content, Content::Skip { .. });
            if !is_skip || version == live.planner.lineup().version || past.contains_key(&version) {
                continue;
            }
            if let Some(planner) = self.planner_of(entry, &live, version).await? {
                past.insert(version, planner);
            }
        }
        Ok(View { ledger, planner: live.planner.clone(), past })
    }

    /// The ledger of that time, at most up to where the cached one ends: what was
    /// committed since may be of another version than the cached planner.
    pub(super) async fn past_ledger(
        &self,
        entry: &Entry,
        live: &Live,
        span: Range<AirTime>,
    ) -> Result<Arc<Ledger>> {
        let last = live.ledger.tail().map_or(0, |tail| tail.ordinal);
        let mut rows = self.0.db.ledger_rows(entry.id, span.start, Some(span.end)).await?;
        rows.retain(|row| row.ordinal <= last);
        let maps = self.maps_of(&rows).await?;
        entry.read_ledger(rows, &maps)
    }
}
