//! Lineups: the items as people arranged them, and the versions that the
//! planner works from.
//!
//! Owns their rows. Does not flatten items into slots: `schedule` does.
//! Invariant: a version is written once.

use std::collections::{HashMap, HashSet};

use aerial_model::channel::{LineupItem, What};
use aerial_model::id::{ChannelId, ItemId, MapId, MediaId};
use aerial_model::lineup::Lineup;
use aerial_model::segment_map::MapOutline;
use aerial_model::time::AirTime;
use sea_orm::sea_query::Query;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::entity::{ledger, lineup_item as item, lineup_version as version, media as media_row};
use super::error::{DbError, Doing, Result};
use super::media::MediaState;
use super::{Db, Write, media, stored};

/// Rows of one statement.
const ROWS_AT_ONCE: usize = 2_000;

/// A media, with just what a lineup needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playable {
    /// Which.
    pub media: MediaId,
    /// Its cut points; `None` where it cannot be played at all.
    pub map: Option<(MapId, MapOutline)>,
    /// Its cut points where its video is copied.
    pub copied: Option<(MapId, MapOutline)>,
    /// Whether it can air.
    pub state: MediaState,
    /// Height of its picture as watched; `None` without one.
    pub height: Option<u32>,
    /// The show it is an episode of.
    pub show: Option<String>,
    /// Its season.
    pub season: Option<u32>,
    /// Its number in the season.
    pub episode: Option<u32>,
    /// Its file's name, for an order where numbers do not give one.
    pub name: Vec<u8>,
}

impl Db {
    /// A channel's items, in order.
    pub async fn lineup_items(&self, channel: ChannelId) -> Result<Vec<LineupItem>> {
        items(self.reader(), channel).await
    }

    /// A channel's latest lineup version.
    pub async fn latest_lineup(&self, channel: ChannelId) -> Result<Option<Lineup>> {
        latest(self.reader(), channel).await
    }

    /// One version of a channel's lineup.
    pub async fn lineup(&self, channel: ChannelId, number: u32) -> Result<Option<Lineup>> {
        let row = version::Entity::find_by_id((channel.to_string(), i64::from(number)))
            .one(self.reader())
            .await
            .doing("read a lineup")?;
        row.map(|row| stored::from_json("lineup", &row.lineup_json)).transpose()
    }

    /// What each of these items can play.
    pub async fn playables(&self, items: &[LineupItem]) -> Result<Vec<Playable>> {
        playables(self.reader(), items).await
    }
}

impl Db {
    /// The channels with an item that one of these media is, or is an episode of.
    pub async fn channels_with(&self, ids: &[MediaId]) -> Result<HashSet<ChannelId>> {
        channels_with(self.reader(), ids).await
    }
}

impl Write {
    /// A channel's items, as this transaction sees them.
    pub async fn lineup_items(&self, channel: ChannelId) -> Result<Vec<LineupItem>> {
        items(&self.0, channel).await
    }

    /// A channel's latest lineup version, as this transaction sees it.
    pub async fn latest_lineup(&self, channel: ChannelId) -> Result<Option<Lineup>> {
        latest(&self.0, channel).await
    }

    /// The number of a channel's latest lineup version.
    pub async fn latest_lineup_number(&self, channel: ChannelId) -> Result<Option<u32>> {
        let number: Option<i64> = version::Entity::find()
            .select_only()
            .column(version::Column::Version)
            .filter(version::Column::ChannelId.eq(channel.to_string()))
            .order_by_desc(version::Column::Version)
            .into_tuple()
            .one(&self.0)
            .await
            .doing("read a lineup")?;
        number.map(|number| stored::narrowed("lineup version", number)).transpose()
    }

    /// What each of these can play, as this transaction sees it.
    pub async fn playables(&self, items: &[LineupItem]) -> Result<Vec<Playable>> {
        playables(&self.0, items).await
    }

    /// Puts these items in place of those the channel has (`current`), touching
    /// only what differs. Refused if a new one names a media that the library
    /// does not have.
    pub async fn put_lineup_items(
        &self,
        channel: ChannelId,
        current: &[LineupItem],
        wanted: &[LineupItem],
    ) -> Result<()> {
        let old: HashMap<ItemId, &LineupItem> =
            current.iter().map(|item| (item.id, item)).collect();
        let new: HashMap<ItemId, &LineupItem> = wanted.iter().map(|item| (item.id, item)).collect();
        let differs = |item: &&LineupItem, there: &HashMap<ItemId, &LineupItem>| {
            there.get(&item.id).is_none_or(|other| other != item)
        };
        let gone: Vec<ItemId> =
            current.iter().filter(|item| differs(item, &new)).map(|item| item.id).collect();
        let added: Vec<&LineupItem> = wanted.iter().filter(|item| differs(item, &old)).collect();
        self.check_media(&added).await?;
        for some in gone.chunks(ROWS_AT_ONCE) {
            item::Entity::delete_many()
                .filter(item::Column::ChannelId.eq(channel.to_string()))
                .filter(item::Column::Id.is_in(some.iter().map(ToString::to_string)))
                .exec(&self.0)
                .await
                .doing("write a lineup")?;
        }
        self.add_lineup_items(channel, &added).await
    }

    async fn check_media(&self, items: &[&LineupItem]) -> Result<()> {
        let wanted: Vec<MediaId> = items.iter().filter_map(|item| media_of(item)).collect();
        let existing = self.existing_media(&wanted).await?;
        match wanted.into_iter().find(|id| !existing.contains(id)) {
            Some(unknown) => Err(DbError::UnknownMedia(unknown)),
            None => Ok(()),
        }
    }

    async fn add_lineup_items(&self, channel: ChannelId, items: &[&LineupItem]) -> Result<()> {
        for some in items.chunks(ROWS_AT_ONCE) {
            let rows = some.iter().map(|one| {
                let (media_id, show) = match &one.what {
                    What::Media(id) => (Some(id.to_string()), None),
                    What::Show(show) => (None, Some(show.clone())),
                };
                let (id, channel_id) = (one.id.to_string(), channel.to_string());
                item::Model { id, channel_id, rank: one.rank, media_id, show }.into_active_model()
            });
            item::Entity::insert_many(rows)
                .exec_without_returning(&self.0)
                .await
                .doing("write a lineup")?;
        }
        Ok(())
    }

    /// Adds the next version, and drops those before it that no ledger row was
    /// planned from: nothing ever aired from them.
    pub async fn add_lineup_version(
        &self,
        channel: ChannelId,
        lineup: &Lineup,
        now: AirTime,
    ) -> Result<()> {
        let row = version::Model {
            channel_id: channel.to_string(),
            version: i64::from(lineup.version),
            created_at_ticks: now.0,
            lineup_json: stored::json("write a lineup", lineup)?,
        };
        version::Entity::insert(row.into_active_model())
            .exec_without_returning(&self.0)
            .await
            .doing("write a lineup")?;
        self.drop_unused_versions(channel).await.map(|_| ())
    }

    /// Drops versions that are not the latest and that no ledger row names.
    pub(super) async fn drop_unused_versions(&self, channel: ChannelId) -> Result<u64> {
        let Some(latest) = self.latest_lineup_number(channel).await? else { return Ok(0) };
        let used = Query::select()
            .distinct()
            .column(ledger::Column::LineupVersion)
            .from(ledger::Entity)
            .and_where(ledger::Column::ChannelId.eq(channel.to_string()))
            .take();
        let gone = version::Entity::delete_many()
            .filter(version::Column::ChannelId.eq(channel.to_string()))
            .filter(version::Column::Version.lt(i64::from(latest)))
            .filter(version::Column::Version.not_in_subquery(used))
            .exec(&self.0)
            .await
            .doing("prune lineups")?;
        Ok(gone.rows_affected)
    }

    /// The channels with an item that one of these media is, or is an episode of.
    pub async fn channels_with(&self, ids: &[MediaId]) -> Result<HashSet<ChannelId>> {
        channels_with(&self.0, ids).await
    }
}

async fn channels_with<C: ConnectionTrait>(db: &C, ids: &[MediaId]) -> Result<HashSet<ChannelId>> {
    let mut channels = HashSet::new();
    for some in ids.chunks(ROWS_AT_ONCE) {
        let ids: Vec<String> = some.iter().map(ToString::to_string).collect();
        let shows = Query::select()
            .distinct()
            .column(media_row::Column::Show)
            .from(media_row::Entity)
            .and_where(media_row::Column::Id.is_in(ids.clone()))
            .and_where(media_row::Column::Show.is_not_null())
            .take();
        let found: Vec<String> = item::Entity::find()
            .select_only()
            .column(item::Column::ChannelId)
            .distinct()
            .filter(
                Condition::any()
                    .add(item::Column::MediaId.is_in(ids))
                    .add(item::Column::Show.in_subquery(shows)),
            )
            .into_tuple()
            .all(db)
            .await
            .doing("find channels")?;
        for id in &found {
            channels.insert(stored::parsed("channel id", id)?);
        }
    }
    Ok(channels)
}

/// The media that an item is, if it is not a show.
fn media_of(item: &LineupItem) -> Option<MediaId> {
    match &item.what {
        What::Media(id) => Some(*id),
        What::Show(_) => None,
    }
}

async fn items<C: ConnectionTrait>(db: &C, channel: ChannelId) -> Result<Vec<LineupItem>> {
    let rows = item::Entity::find()
        .filter(item::Column::ChannelId.eq(channel.to_string()))
        .order_by_asc(item::Column::Rank)
        .all(db)
        .await
        .doing("read a lineup")?;
    rows.into_iter()
        .map(|row| {
            let what = match (row.media_id, row.show) {
                (Some(id), _) => What::Media(stored::parsed("media id", &id)?),
                (None, show) => What::Show(show.unwrap_or_default()),
            };
            Ok(LineupItem { id: stored::parsed("item id", &row.id)?, rank: row.rank, what })
        })
        .collect()
}

async fn latest<C: ConnectionTrait>(db: &C, channel: ChannelId) -> Result<Option<Lineup>> {
    let row = version::Entity::find()
        .filter(version::Column::ChannelId.eq(channel.to_string()))
        .order_by_desc(version::Column::Version)
        .one(db)
        .await
        .doing("read a lineup")?;
    row.map(|row| stored::from_json("lineup", &row.lineup_json)).transpose()
}

async fn playables<C: ConnectionTrait>(db: &C, items: &[LineupItem]) -> Result<Vec<Playable>> {
    use media_row::Column;
    let ids: Vec<MediaId> = items.iter().filter_map(media_of).collect();
    let shows: HashSet<&str> = items
        .iter()
        .filter_map(|item| match &item.what {
            What::Show(show) => Some(show.as_str()),
            What::Media(_) => None,
        })
        .collect();
    let shows: Vec<&str> = shows.into_iter().collect();
    let mut conditions = Vec::new();
    for some in ids.chunks(ROWS_AT_ONCE) {
        conditions.push(Column::Id.is_in(some.iter().map(ToString::to_string)));
    }
    for some in shows.chunks(ROWS_AT_ONCE) {
        conditions.push(Column::Show.is_in(some.iter().copied()));
    }
    let mut found = HashMap::new();
    for condition in conditions {
        let rows: Vec<PlayableRow> = media_row::Entity::find()
            .select_only()
            .columns([
                Column::Id,
                Column::MapId,
                Column::MapJson,
                Column::CopyingJson,
                Column::MissingSinceMs,
                Column::UnplayableReason,
                Column::UnplayableSinceMs,
                Column::QuarantineReason,
                Column::QuarantinedSinceMs,
                Column::Height,
                Column::Show,
                Column::Season,
                Column::Episode,
                Column::Path,
            ])
            .filter(condition)
            .into_model()
            .all(db)
            .await
            .doing("read media")?;
        for row in rows {
            let playable = row.read()?;
            found.insert(playable.media, playable);
        }
    }
    let mut all: Vec<Playable> = found.into_values().collect();
    all.sort_by_key(|playable| playable.media);
    Ok(all)
}

#[derive(sea_orm::FromQueryResult)]
struct PlayableRow {
    id: String,
    map_id: Option<String>,
    map_json: Option<String>,
    copying_json: Option<String>,
    missing_since_ms: Option<i64>,
    unplayable_reason: Option<String>,
    unplayable_since_ms: Option<i64>,
    quarantine_reason: Option<String>,
    quarantined_since_ms: Option<i64>,
    height: Option<i32>,
    show: Option<String>,
    season: Option<i32>,
    episode: Option<i32>,
    path: Vec<u8>,
}

impl PlayableRow {
    fn read(self) -> Result<Playable> {
        let number = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
        let slash = self.path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        Ok(Playable {
            media: stored::parsed("media id", &self.id)?,
            map: media::map(self.map_id.as_deref(), self.map_json.as_deref())?
                .map(|(id, map)| (id, map.outline())),
            copied: media::copying(self.copying_json.as_deref())?.and_then(|c| c.map()),
            state: media::state(media::StateColumns {
                missing_since_ms: self.missing_since_ms,
                unplayable: (self.unplayable_reason, self.unplayable_since_ms),
                quarantined: (self.quarantine_reason, self.quarantined_since_ms),
            }),
            height: number(self.height),
            show: self.show,
            season: number(self.season),
            episode: number(self.episode),
            name: self.path[slash..].to_vec(),
        })
    }
}
