//! Settings that the program itself keeps: a key and a value in JSON each.

use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::entity::setting::{Column, Entity, Model};
use super::error::{Doing, Result};
use super::{Db, Write, stored};

/// Under which it is written down whether the server before this one ended as it should;
/// nothing is before the first start, and in a backup.
pub const ENDED_WELL: &str = "ended_well";

/// Under which it is counted how often it was tried whether the catalogue takes what is
/// written.
pub const WRITES_TRIED: &str = "writes_tried";

impl Db {
    /// The value under `key`.
    pub async fn setting<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        let row = Entity::find_by_id(key).one(self.reader()).await.doing("read a setting")?;
        row.map(|row| stored::from_json("setting", &row.value_json)).transpose()
    }

    /// Sets the value under `key`.
    pub async fn set_setting<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<()> {
        let write = self.write().await?;
        write.set_setting(key, value).await?;
        write.commit().await
    }

    /// Whether it can be written: commits one small row that nobody goes by. It is another
    /// one each time, since SQLite writes no page that stays as it is.
    pub async fn writable(&self) -> Result<()> {
        let write = self.write().await?;
        let row = Entity::find_by_id(WRITES_TRIED).one(&write.0).await.doing("read a setting")?;
        let tried: u64 = match row {
            Some(row) => stored::from_json("setting", &row.value_json)?,
            None => 0,
        };
        write.set_setting(WRITES_TRIED, &tried.wrapping_add(1)).await?;
        write.commit().await
    }
}

impl Write {
    /// Sets the value under `key` together with the rest of this transaction.
    pub async fn set_setting<T: Serialize + Sync>(&self, key: &str, value: &T) -> Result<()> {
        let row =
            Model { key: key.to_owned(), value_json: stored::json("write a setting", value)? };
        Entity::insert(row.into_active_model().reset_all())
            .on_conflict(
                OnConflict::column(Column::Key).update_column(Column::ValueJson).to_owned(),
            )
            .exec_without_returning(&self.0)
            .await
            .doing("write a setting")?;
        Ok(())
    }
}
