//! Segment maps that are cut at a file's own keyframes, and what an index found.
//!
//! Owns their rows. Invariant: a map is written once; it stays for as long as a
//! media or a committed airing names it.

use std::collections::HashMap;
use std::sync::Arc;

use aerial_model::id::{MapId, MediaId};
use aerial_model::segment_map::{CutList, MapOutline, SegmentMap};
use aerial_model::time::AirTime;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QuerySelect,
    Select,
};

use super::entity::map::{Column, Entity, Model};
use super::entity::{ledger, lineup_item, media};
use super::error::{Doing, Result};
use super::media::{Copying, Media};
use super::{Db, Write, stored};

/// Rows of one statement.
const ROWS_AT_ONCE: usize = 500;

impl Db {
    /// The maps of these ids, as far as they are there.
    pub async fn segment_maps(&self, ids: &[MapId]) -> Result<Vec<(MapId, SegmentMap)>> {
        let mut maps = Vec::new();
        for some in ids.chunks(ROWS_AT_ONCE) {
            let rows = Entity::find()
                .filter(Column::Id.is_in(some.iter().map(ToString::to_string)))
                .all(self.reader())
                .await
                .doing("read segment maps")?;
            for row in rows {
                maps.extend(read(&row)?);
            }
        }
        Ok(maps)
    }

    /// Those of these media that can be played and were not indexed yet, in this
    /// order.
    pub async fn not_indexed(&self, media: &[MediaId]) -> Result<Vec<Media>> {
        let mut found = Vec::new();
        for some in media.chunks(ROWS_AT_ONCE) {
            found.extend(self.not_indexed_of(some).await?);
            if found.len() >= ROWS_AT_ONCE {
                break;
            }
        }
        let place: HashMap<MediaId, usize> =
            media.iter().enumerate().map(|(place, id)| (*id, place)).collect();
        found.sort_by_key(|media: &Media| place.get(&media.id).copied());
        Ok(found)
    }

    async fn not_indexed_of(&self, some: &[MediaId]) -> Result<Vec<Media>> {
        let rows = without_index()
            .filter(media::Column::Id.is_in(some.iter().map(ToString::to_string)))
            .all(self.reader())
            .await
            .doing("read media")?;
        rows.into_iter().map(Media::read).collect()
    }

    /// Whether any media that a lineup names was not indexed yet.
    pub async fn is_indexing_due(&self) -> Result<bool> {
        let named = |column| Query::select().column(column).from(lineup_item::Entity).to_owned();
        let in_a_lineup = Condition::any()
            .add(media::Column::Id.in_subquery(named(lineup_item::Column::MediaId)))
            .add(media::Column::Show.in_subquery(named(lineup_item::Column::Show)));
        let due = without_index().filter(in_a_lineup).limit(1).count(self.reader()).await;
        Ok(due.doing("look for media to index")? > 0)
    }

    /// Stores what an index found of the media whose uniform map is `uniform`, with
    /// the cuts where there are any. Whether it still is that version of the file.
    pub async fn set_copying(
        &self,
        id: MediaId,
        uniform: MapId,
        copying: &Copying,
        cuts: Option<&CutList>,
        now: AirTime,
    ) -> Result<bool> {
        let write = self.write().await?;
        let json = stored::json("write an index", copying)?;
        let done = media::Entity::update_many()
            .col_expr(media::Column::CopyingJson, Expr::value(json))
            .filter(media::Column::Id.eq(id.to_string()))
            .filter(media::Column::MapId.eq(uniform.to_string()))
            .exec(&write.0)
            .await
            .doing("write an index")?;
        if done.rows_affected == 0 {
            return Ok(false);
        }
        if let (Copying::Copied { map_id, outline, .. }, Some(cuts)) = (copying, cuts) {
            let row = Model {
                id: map_id.to_string(),
                media_id: id.to_string(),
                outline_json: stored::json("write a segment map", outline)?,
                cuts: cuts.to_bytes(),
                made_at_ms: now.unix_millis(),
            };
            Entity::insert(row.into_active_model())
                .exec_without_returning(&write.0)
                .await
                .doing("write a segment map")?;
        }
        write.commit().await?;
        Ok(true)
    }
}

impl Write {
    /// Forgets maps that no media, no ledger row and no kept lineup names and that were
    /// made before `before`. How many.
    pub async fn prune_maps(&self, before: AirTime) -> Result<u64> {
        let aired = Query::select()
            .distinct()
            .column(ledger::Column::MapId)
            .from(ledger::Entity)
            .and_where(ledger::Column::MapId.is_not_null())
            .take();
        let indexed = Query::select()
            .expr(Expr::cust("json_extract(copying_json, '$.map_id')"))
            .from(media::Entity)
            .and_where(Expr::cust("json_extract(copying_json, '$.map_id') IS NOT NULL"))
            .take();
        let gone = Entity::delete_many()
            .filter(Column::MadeAtMs.lt(before.unix_millis()))
            .filter(Column::Id.not_in_subquery(aired))
            .filter(Column::Id.not_in_subquery(indexed))
            // What nobody watched is only told by the lineup that it was planned from.
            .filter(Expr::cust(
                "NOT EXISTS (SELECT 1 FROM lineup_versions \
                 WHERE instr(lineup_versions.lineup_json, maps.id) > 0)",
            ))
            .exec(&self.0)
            .await
            .doing("prune segment maps")?;
        Ok(gone.rows_affected)
    }
}

/// Media that can be played and were not indexed yet.
fn without_index() -> Select<media::Entity> {
    media::Entity::find()
        .filter(media::Column::CopyingJson.is_null())
        .filter(media::Column::MapId.is_not_null())
        .filter(media::Column::MissingSinceMs.is_null())
        .filter(media::Column::UnplayableReason.is_null())
}

fn read(row: &Model) -> Result<Option<(MapId, SegmentMap)>> {
    let outline: MapOutline = stored::from_json("segment map", &row.outline_json)?;
    let cuts = CutList::from_bytes(&row.cuts)
        .map_err(|error| stored::unreadable("segment map", &row.id, error.into()))?;
    let map = SegmentMap::copied(outline.rate(), Arc::new(cuts));
    let id = stored::parsed("map id", &row.id)?;
    Ok(map.map(|map| (id, map)))
}
