//! The folders of the library.

use std::path::{Path, PathBuf};

use aerial_model::id::FolderId;
use aerial_model::time::AirTime;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    Statement,
};
use uuid::Uuid;

use super::entity::folder::{Column, Entity, Model};
use super::error::{DbError, Doing, Result, is_unique_violation};
use super::{Db, stored};

/// Gives the places of a folder's media in lineups to copies of them in others.
const HAND_OVER: &str = "
    UPDATE lineup_items SET media_id = twin.id
    FROM media AS own JOIN media AS twin
        ON twin.content_hash = own.content_hash
        AND twin.size_bytes = own.size_bytes
        AND twin.folder_id <> own.folder_id
        AND twin.missing_since_ms IS NULL
        AND twin.unplayable_reason IS NULL
    WHERE own.id = lineup_items.media_id AND own.folder_id = ?";

/// A folder that is scanned for media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// For good.
    pub id: FolderId,
    /// Absolute.
    pub path: PathBuf,
    /// When it was added.
    pub added_at: AirTime,
    /// When a scan of it last came to its end.
    pub scanned_at: Option<AirTime>,
    /// Why the last scan could not read it.
    pub last_error: Option<String>,
}

impl Folder {
    fn read(row: Model) -> Result<Self> {
        Ok(Self {
            id: stored::parsed("folder id", &row.id)?,
            path: stored::path(row.path),
            added_at: AirTime::from_unix_millis(row.added_at_ms),
            scanned_at: row.scanned_at_ms.map(AirTime::from_unix_millis),
            last_error: row.last_error,
        })
    }
}

impl Db {
    /// All folders, in the order they were added.
    pub async fn folders(&self) -> Result<Vec<Folder>> {
        let rows = Entity::find()
            .order_by_asc(Column::AddedAtMs)
            .order_by_asc(Column::Id)
            .all(self.reader())
            .await
            .doing("list folders")?;
        rows.into_iter().map(Folder::read).collect()
    }

    /// One folder.
    pub async fn folder(&self, id: FolderId) -> Result<Option<Folder>> {
        let row =
            Entity::find_by_id(id.to_string()).one(self.reader()).await.doing("read a folder")?;
        row.map(Folder::read).transpose()
    }

    /// Adds a folder (the path absolute); refused if it is there already.
    pub async fn add_folder(&self, path: &Path, now: AirTime) -> Result<Folder> {
        let row = Model {
            id: FolderId(Uuid::now_v7()).to_string(),
            path: stored::path_bytes(path),
            added_at_ms: now.unix_millis(),
            scanned_at_ms: None,
            last_error: None,
        };
        let write = self.write().await?;
        match Entity::insert(row.clone().into_active_model()).exec_without_returning(&write.0).await
        {
            Err(error) if is_unique_violation(&error) => {
                return Err(DbError::FolderKnown(path.to_owned()));
            }
            other => other.doing("add a folder")?,
        };
        write.commit().await?;
        Folder::read(row)
    }

    /// Forgets a folder, its media, and their places in lineups, but for those of
    /// files that another folder has as well (no file is touched). Whether there
    /// was one.
    pub async fn delete_folder(&self, id: FolderId) -> Result<bool> {
        let write = self.write().await?;
        let hand_over =
            Statement::from_sql_and_values(DbBackend::Sqlite, HAND_OVER, [id.to_string().into()]);
        write.0.execute_raw(hand_over).await.doing("keep the places of copies")?;
        let gone =
            Entity::delete_by_id(id.to_string()).exec(&write.0).await.doing("delete a folder")?;
        write.commit().await?;
        Ok(gone.rows_affected > 0)
    }

    /// How the last scan of a folder ended: at `now`, or not at all because of `error`.
    pub async fn set_folder_scanned(
        &self,
        id: FolderId,
        now: AirTime,
        error: Option<&str>,
    ) -> Result<()> {
        let write = self.write().await?;
        let mut update = Entity::update_many()
            .col_expr(Column::LastError, Expr::value(error.map(str::to_owned)))
            .filter(Column::Id.eq(id.to_string()));
        if error.is_none() {
            update = update.col_expr(Column::ScannedAtMs, Expr::value(Some(now.unix_millis())));
        }
        update.exec(&write.0).await.doing("mark a folder")?;
        write.commit().await
    }
}
