//! Forgetting media whose files are long gone.
//!
//! Owns which of them nothing needs any more. Invariant: what a lineup, a kept version of
//! one or a committed airing names stays, and so does what people edited.

use std::collections::HashSet;

use aerial_model::id::{ChannelId, MediaId};
use aerial_model::time::AirTime;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::entity::media::{Column, Entity};
use super::entity::{ledger, lineup_item, lineup_version};
use super::error::{Doing, Result};
use super::media::MediaEdits;
use super::{Db, stored};

/// Rows of one statement.
const ROWS_AT_ONCE: usize = 500;

impl Db {
    /// Forgets media that have been missing since before `before`, that nobody edited,
    /// and that no lineup, no version of one and no ledger row names. Answers with them.
    pub async fn forget_missing(&self, before: AirTime) -> Result<Vec<MediaId>> {
        if long_gone(self.reader(), before).await?.is_empty() {
            return Ok(Vec::new());
        }
        // Nothing new is planned of what is missing, so others may write meanwhile.
        let named = self.planned_media().await?;
        let write = self.write().await?;
        let mut forgotten = long_gone(&write.0, before).await?;
        forgotten.retain(|id| !named.contains(id));
        for some in forgotten.chunks(ROWS_AT_ONCE) {
            Entity::delete_many()
                .filter(Column::Id.is_in(some.iter().map(MediaId::to_string)))
                .exec(&write.0)
                .await
                .doing("delete media")?;
        }
        write.commit().await?;
        Ok(forgotten)
    }

    /// What ledgers and the kept versions of lineups name.
    async fn planned_media(&self) -> Result<HashSet<MediaId>> {
        let aired: Vec<Option<String>> = ledger::Entity::find()
            .select_only()
            .column(ledger::Column::MediaId)
            .distinct()
            .into_tuple()
            .all(self.reader())
            .await
            .doing("read the ledger")?;
        let mut named = HashSet::new();
        for id in aired.iter().flatten() {
            named.insert(stored::parsed("media id", id)?);
        }
        let versions: Vec<(String, i64)> = lineup_version::Entity::find()
            .select_only()
            .columns([lineup_version::Column::ChannelId, lineup_version::Column::Version])
            .into_tuple()
            .all(self.reader())
            .await
            .doing("read lineups")?;
        // One at a time: each may have megabytes.
        for (channel, version) in versions {
            let channel: ChannelId = stored::parsed("channel id", &channel)?;
            let version = stored::narrowed("lineup version", version)?;
            let lineup = self.lineup(channel, version).await?;
            named.extend(lineup.iter().flat_map(|lineup| &lineup.slots).map(|slot| slot.media));
        }
        Ok(named)
    }
}

/// Missing since before then, edited by nobody, and no item of a lineup.
async fn long_gone<C: ConnectionTrait>(db: &C, before: AirTime) -> Result<Vec<MediaId>> {
    let items = Query::select()
        .column(lineup_item::Column::MediaId)
        .from(lineup_item::Entity)
        .and_where(lineup_item::Column::MediaId.is_not_null())
        .take();
    let found: Vec<(String, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::EditsJson])
        .filter(Column::MissingSinceMs.lt(before.unix_millis()))
        .filter(Column::Id.not_in_subquery(items))
        .into_tuple()
        .all(db)
        .await
        .doing("read media")?;
    let mut gone = Vec::new();
    for (id, edits) in &found {
        let edits: MediaEdits = stored::from_json("edits of a media", edits)?;
        if edits == MediaEdits::default() {
            gone.push(stored::parsed("media id", id)?);
        }
    }
    Ok(gone)
}
