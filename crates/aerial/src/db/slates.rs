//! What was slate inside airings: ranges of sequence numbers, as they were sent.
//!
//! Owns the rows. Invariant: a range is written before anybody gets a byte of it
//! (`rules.md`, 23), and kept at least until nobody can ask for it any more.

use std::ops::Range;

use aerial_model::id::ChannelId;
use aerial_model::time::AirTime;
use sea_orm::sea_query::OnConflict;
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter};

use super::entity::slate::{Column, Entity, Model};
use super::error::{Doing, Result};
use super::{Db, stored};

/// A range of a channel's segments that were slate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlateRange {
    /// Whose.
    pub channel: ChannelId,
    /// Which.
    pub sequences: Range<u64>,
    /// Why.
    pub reason: String,
    /// When the last of them ends.
    pub ends: AirTime,
}

impl Db {
    /// Stores a range; one that begins at the same number is as long as the longer.
    pub async fn add_slate(&self, slate: &SlateRange) -> Result<()> {
        let row = Model {
            channel_id: slate.channel.to_string(),
            first_sequence: slate.sequences.start as i64,
            end_sequence: slate.sequences.end as i64,
            reason: slate.reason.clone(),
            ends_ticks: slate.ends.0,
        };
        let write = self.write().await?;
        let known = Entity::find_by_id((row.channel_id.clone(), row.first_sequence));
        let known = known.one(&write.0).await.doing("read slates")?;
        if known.is_some_and(|known| known.end_sequence >= row.end_sequence) {
            return Ok(());
        }
        let key = [Column::ChannelId, Column::FirstSequence];
        let longer = [Column::EndSequence, Column::EndsTicks];
        Entity::insert(row.into_active_model())
            .on_conflict(OnConflict::columns(key).update_columns(longer).to_owned())
            .exec_without_returning(&write.0)
            .await
            .doing("store a slate")?;
        write.commit().await
    }

    /// All ranges that end after `since`.
    pub async fn slates(&self, since: AirTime) -> Result<Vec<SlateRange>> {
        let rows = Entity::find().filter(Column::EndsTicks.gt(since.0));
        let rows = rows.all(self.reader()).await.doing("read slates")?;
        rows.into_iter()
            .map(|row| {
                Ok(SlateRange {
                    channel: stored::parsed("channel id", &row.channel_id)?,
                    sequences: row.first_sequence as u64..row.end_sequence as u64,
                    reason: row.reason,
                    ends: AirTime(row.ends_ticks),
                })
            })
            .collect()
    }

    /// Forgets ranges that ended before `before`. How many.
    pub async fn prune_slates(&self, before: AirTime) -> Result<u64> {
        let write = self.write().await?;
        let gone = Entity::delete_many().filter(Column::EndsTicks.lt(before.0));
        let gone = gone.exec(&write.0).await.doing("prune slates")?;
        write.commit().await?;
        Ok(gone.rows_affected)
    }
}
