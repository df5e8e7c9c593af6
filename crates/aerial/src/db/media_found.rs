//! What scans say each media is, apart from what is in its file: names and
//! `.nfo` files change without it.

use std::collections::HashMap;

use aerial_model::id::{FolderId, MediaId};
use aerial_model::time::AirTime;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QuerySelect,
};

use super::entity::media::{Column, Entity, Model};
use super::error::{Doing, Result};
use super::media::{About, MediaEdits};
use super::media_store::describe;
use super::{Db, stored};

/// Ids of one statement: far under SQLite's 32,766 values.
const ROWS_AT_ONCE: usize = 500;

impl Db {
    /// What the last scan said of each file of a folder, without people's edits.
    pub async fn descriptions(&self, folder: FolderId) -> Result<HashMap<MediaId, About>> {
        let rows: Vec<(String, String)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::FoundJson])
            .filter(Column::FolderId.eq(folder.to_string()))
            .into_tuple()
            .all(self.reader())
            .await
            .doing("read the descriptions of a folder")?;
        rows.into_iter()
            .map(|(id, found)| {
                Ok((
                    stored::parsed("media id", &id)?,
                    stored::from_json("description of a media", &found)?,
                ))
            })
            .collect()
    }

    /// Writes anew what media are, people's edits in place, in one transaction.
    /// Answers with those that read differently now.
    pub async fn redescribe_media(
        &self,
        found: &HashMap<MediaId, About>,
        now: AirTime,
    ) -> Result<Vec<MediaId>> {
        let write = self.write().await?;
        let mut changed = Vec::new();
        let ids: Vec<String> = found.keys().map(ToString::to_string).collect();
        for some in ids.chunks(ROWS_AT_ONCE) {
            let rows: Vec<Model> = Entity::find()
                .filter(Column::Id.is_in(some.iter().cloned()))
                .all(&write.0)
                .await
                .doing("read media")?;
            for mut row in rows {
                let id = stored::parsed("media id", &row.id)?;
                let Some(about) = found.get(&id) else { continue };
                let edits: MediaEdits = stored::from_json("edits of a media", &row.edits_json)?;
                let before = row.about_json.clone();
                row.found_json = stored::json("write a description", about)?;
                describe(&mut row, &edits.over(about))?;
                if row.about_json != before {
                    row.changed_at_ms = now.unix_millis();
                    changed.push(id);
                }
                let row = row.into_active_model().reset_all();
                Entity::update(row).exec(&write.0).await.doing("describe a media")?;
            }
        }
        write.commit().await?;
        Ok(changed)
    }
}
