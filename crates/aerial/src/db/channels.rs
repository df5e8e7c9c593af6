//! The channels' settings, as rows; their items are in `lineups`.

use aerial_model::channel::Channel;
use aerial_model::id::{ChannelId, ChannelNumber};
use aerial_model::time::AirTime;
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, QueryOrder};

use super::entity::channel::{Column, Entity, Model};
use super::error::{DbError, Doing, Result, is_unique_violation};
use super::{Db, Write, stored};

fn read(row: Model) -> Result<Channel> {
    Ok(Channel {
        id: stored::parsed("channel id", &row.id)?,
        number: ChannelNumber {
            major: stored::narrowed("channel number", row.number_major.into())?,
            minor: match row.number_minor {
                0 => None,
                minor => Some(stored::narrowed("channel number", minor.into())?),
            },
        },
        name: row.name,
        logo: row.logo,
        group: row.group_name,
        starts_at: AirTime(row.starts_at_ticks),
        looping: row.looping,
        order: stored::from_json("order", &row.play_order)?,
        seed: row.seed as u64,
        ladder: stored::from_json("ladder", &row.ladder_json)?,
        grace_ms: row.grace_ms.map(|ms| stored::narrowed("grace period", ms)).transpose()?,
        keep_running: row.keep_running,
        catchup_days: stored::narrowed("catch-up days", row.catchup_days.into())?,
        created_at: AirTime(row.created_at_ticks),
        video: stored::from_json("treatment of video", &format!("\"{}\"", row.video))?,
        video_since: row.video_since_ticks.map(AirTime),
    })
}

fn row(channel: &Channel) -> Result<Model> {
    Ok(Model {
        id: channel.id.to_string(),
        number_major: channel.number.major as i32,
        // Sub-numbers begin at 1, so 0 is free to mean none (and unique with it).
        number_minor: channel.number.minor.map_or(0, i32::from),
        name: channel.name.clone(),
        logo: channel.logo.clone(),
        group_name: channel.group.clone(),
        starts_at_ticks: channel.starts_at.0,
        looping: channel.looping,
        play_order: stored::json("write an order", &channel.order)?,
        seed: channel.seed as i64,
        ladder_json: stored::json("write a ladder", &channel.ladder)?,
        grace_ms: channel.grace_ms.map(|ms| ms as i64),
        keep_running: channel.keep_running,
        catchup_days: channel.catchup_days.try_into().unwrap_or_default(),
        created_at_ticks: channel.created_at.0,
        video: channel.video.as_str().to_owned(),
        video_since_ticks: channel.video_since.map(|since| since.0),
    })
}

impl Db {
    /// All channels, by number.
    pub async fn channels(&self) -> Result<Vec<Channel>> {
        let rows = Entity::find()
            .order_by_asc(Column::NumberMajor)
            .order_by_asc(Column::NumberMinor)
            .all(self.reader())
            .await
            .doing("list channels")?;
        rows.into_iter().map(read).collect()
    }
}

impl Write {
    /// One channel, as this transaction sees it.
    pub async fn channel(&self, id: ChannelId) -> Result<Option<Channel>> {
        let row = Entity::find_by_id(id.to_string()).one(&self.0).await.doing("read a channel")?;
        row.map(read).transpose()
    }

    /// Adds a channel.
    pub async fn insert_channel(&self, channel: &Channel) -> Result<()> {
        let row = row(channel)?.into_active_model();
        let done = Entity::insert(row).exec_without_returning(&self.0).await;
        number_free(done, channel)
    }

    /// Writes a changed channel.
    pub async fn update_channel(&self, channel: &Channel) -> Result<()> {
        let row = row(channel)?.into_active_model().reset_all();
        number_free(row.update(&self.0).await, channel)
    }

    /// Removes a channel with all that is its own. Whether there was one.
    pub async fn delete_channel(&self, id: ChannelId) -> Result<bool> {
        let gone =
            Entity::delete_by_id(id.to_string()).exec(&self.0).await.doing("delete a channel")?;
        Ok(gone.rows_affected > 0)
    }
}

fn number_free<T>(done: std::result::Result<T, sea_orm::DbErr>, channel: &Channel) -> Result<()> {
    match done {
        Err(error) if is_unique_violation(&error) => Err(DbError::NumberTaken(channel.number)),
        other => other.map(|_| ()).doing("write a channel"),
    }
}
