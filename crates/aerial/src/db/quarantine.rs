//! What the stream part found out about files, as the catalogue keeps it.
//!
//! Owns putting media aside, taking them back, and maps that are truer than the
//! file's header. Invariant: what is written is of the bytes that it was found out
//! about; a file that was replaced meanwhile is left alone.

use aerial_model::id::{MapId, MediaId};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{AirTime, Ticks};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
};
use uuid::Uuid;

use super::entity::media::{Column, Entity, Model};
use super::error::{Doing, Result};
use super::media::Identity;
use super::media_store::is_of;
use super::{Db, stored};

impl Db {
    /// Puts a media aside that failed on the air. Whether that is new.
    pub async fn put_aside(
        &self,
        id: MediaId,
        identity: &Identity,
        reason: &str,
        now: AirTime,
    ) -> Result<bool> {
        self.amend(id, |row| {
            let is_new = is_of(row, identity) && row.quarantine_reason.is_none();
            if is_new {
                row.quarantine_reason = Some(reason.to_owned());
                row.quarantined_since_ms = Some(now.unix_millis());
                row.changed_at_ms = now.unix_millis();
            }
            Ok(is_new)
        })
        .await
    }

    /// Takes a media back that was put aside. Whether it was.
    pub async fn take_back(&self, id: MediaId, now: AirTime) -> Result<bool> {
        self.amend(id, |row| {
            row.quarantined_since_ms = None;
            let was = row.quarantine_reason.take().is_some();
            if was {
                row.changed_at_ms = now.unix_millis();
            }
            Ok(was)
        })
        .await
    }

    /// How many media are put aside.
    pub async fn count_put_aside(&self) -> Result<u64> {
        let put_aside = Entity::find().filter(Column::QuarantineReason.is_not_null());
        put_aside.count(self.reader()).await.doing("count what is put aside")
    }

    /// Gives a media another map, by which it is planned from now on; airings of the
    /// one before are still made. Whether it is another.
    pub async fn remap(
        &self,
        id: MediaId,
        identity: &Identity,
        (length, map): (Ticks, SegmentMap),
        now: AirTime,
    ) -> Result<bool> {
        let json = stored::json("write a segment map", &map.outline())?;
        self.amend(id, |row| {
            let is_new = is_of(row, identity)
                && row.map_id.is_some()
                && row.map_json.as_deref() != Some(json.as_str());
            if is_new {
                row.earlier_map_id = row.map_id.replace(MapId(Uuid::now_v7()).to_string());
                row.map_json = Some(json.clone());
                row.length_ticks = Some(length.0);
                row.changed_at_ms = now.unix_millis();
            }
            Ok(is_new)
        })
        .await
    }

    /// Changes a row, if the change says so.
    async fn amend(
        &self,
        id: MediaId,
        change: impl FnOnce(&mut Model) -> Result<bool>,
    ) -> Result<bool> {
        let write = self.write().await?;
        let row = Entity::find_by_id(id.to_string()).one(&write.0).await.doing("read media")?;
        let Some(mut row) = row else { return Ok(false) };
        if !change(&mut row)? {
            return Ok(false);
        }
        row.into_active_model().reset_all().update(&write.0).await.doing("amend media")?;
        write.commit().await?;
        Ok(true)
    }
}
