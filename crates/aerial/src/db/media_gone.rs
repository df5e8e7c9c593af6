//! Forgetting media whose files are long gone.
//!
//! Owns which of them nothing needs any more. Invariant: what a lineup, a kept version of
//! one or a committed airing names stays, and so does what people edited, and what is in a
//! folder that was not looked through lately.

use std::collections::HashSet;

use aerial_model::id::{ChannelId, MediaId};
use aerial_model::time::AirTime;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::entity::media::{Column, Entity};
use super::entity::{folder, ledger, lineup_item, lineup_version};
use super::error::{Doing, Result};
use super::media::MediaEdits;
use super::{Db, stored};

/// Rows of one statement.
const ROWS_AT_ONCE: usize = 500;

impl Db {
    /// Forgets media that have been missing since before `before`, in folders that were
    /// looked through after `looked`; that nobody edited, and that no item or version of a
    /// lineup and no ledger row names. Answers with them.
    pub async fn forget_missing(&self, before: AirTime, looked: AirTime) -> Result<Vec<MediaId>> {
        let mut gone = long_gone(self.reader(), before, looked).await?;
        // Nothing new is planned of what is missing, so others may write meanwhile.
        if !gone.is_empty() {
            let aired = self.aired_media().await?;
            gone.retain(|id| !aired.contains(id));
        }
        if !gone.is_empty() {
            let planned = self.planned_media().await?;
            gone.retain(|id| !planned.contains(id));
        }
        if gone.is_empty() {
            return Ok(gone);
        }
        let write = self.write().await?;
        let mut forgotten = long_gone(&write.0, before, looked).await?;
        forgotten.retain(|id| gone.contains(id));
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

    /// What ledgers name.
    async fn aired_media(&self) -> Result<HashSet<MediaId>> {
        let aired: Vec<Option<String>> = ledger::Entity::find()
            .select_only()
            .column(ledger::Column::MediaId)
            .distinct()
            .into_tuple()
            .all(self.reader())
            .await
            .doing("read the ledger")?;
        aired.iter().flatten().map(|id| stored::parsed("media id", id)).collect()
    }

    /// What the kept versions of lineups name.
    async fn planned_media(&self) -> Result<HashSet<MediaId>> {
        let mut named = HashSet::new();
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

/// Missing since before then where somebody looked since then, edited by nobody, and no
/// item of a lineup.
async fn long_gone<C: ConnectionTrait>(
    db: &C,
    before: AirTime,
    looked: AirTime,
) -> Result<Vec<MediaId>> {
    let looked_through = Query::select()
        .column(folder::Column::Id)
        .from(folder::Entity)
        .and_where(folder::Column::LastError.is_null())
        .and_where(folder::Column::ScannedAtMs.gt(looked.unix_millis()))
        .take();
    let items = Query::select()
        .column(lineup_item::Column::MediaId)
        .from(lineup_item::Entity)
        .and_where(lineup_item::Column::MediaId.is_not_null())
        .take();
    let found: Vec<(String, String)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::EditsJson])
        .filter(Column::MissingSinceMs.lt(before.unix_millis()))
        .filter(Column::FolderId.in_subquery(looked_through))
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
