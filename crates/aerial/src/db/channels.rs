//! The channels, as people arrange them; their items are in `lineups`.

use std::time::Duration;

use aerial_model::id::{ChannelId, ChannelNumber};
use aerial_model::lineup::Order;
use aerial_model::profile::Rendition;
use aerial_model::time::AirTime;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use serde::{Deserialize, Serialize};

use super::entity::channel::{Column, Entity, Model};
use super::error::{DbError, Doing, Result, is_unique_violation};
use super::{Db, Write, stored};

/// A channel: all but its items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channel {
    /// For good.
    pub id: ChannelId,
    /// What people type; unique, can be given away.
    pub number: ChannelNumber,
    /// Its name.
    pub name: String,
    /// Where its logo is, if it has one.
    pub logo: Option<String>,
    /// The group it is listed in.
    pub group: Option<String>,
    /// Before this instant it is off the air.
    pub starts_at: AirTime,
    /// After the last item: begin again, or go off the air.
    pub looping: bool,
    /// Sequential or shuffled.
    pub order: Order,
    /// What the shuffle is derived from; chosen once.
    pub seed: u64,
    /// Which renditions it offers.
    pub ladder: Ladder,
    /// How long it stays on the air after the last viewer left.
    pub grace: Duration,
    /// When it was made.
    pub created_at: AirTime,
}

/// Which renditions a channel offers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ladder {
    /// What this machine can carry.
    #[default]
    Auto,
    /// These, and no others.
    Rungs(Vec<Rendition>),
}

/// A change of a channel: what is `None` stays; of what can be absent, the
/// inner `None` removes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelEdit {
    /// See [`Channel::number`].
    pub number: Option<ChannelNumber>,
    /// See [`Channel::name`].
    pub name: Option<String>,
    /// See [`Channel::logo`].
    pub logo: Option<Option<String>>,
    /// See [`Channel::group`].
    pub group: Option<Option<String>>,
    /// See [`Channel::starts_at`].
    pub starts_at: Option<AirTime>,
    /// See [`Channel::looping`].
    pub looping: Option<bool>,
    /// See [`Channel::order`].
    pub order: Option<Order>,
    /// See [`Channel::ladder`].
    pub ladder: Option<Ladder>,
    /// See [`Channel::grace`].
    pub grace: Option<Duration>,
}

impl ChannelEdit {
    /// The channel with the change made.
    pub fn of(&self, channel: &Channel) -> Channel {
        let edit = self.clone();
        let channel = channel.clone();
        Channel {
            number: edit.number.unwrap_or(channel.number),
            name: edit.name.unwrap_or(channel.name),
            logo: edit.logo.unwrap_or(channel.logo),
            group: edit.group.unwrap_or(channel.group),
            starts_at: edit.starts_at.unwrap_or(channel.starts_at),
            looping: edit.looping.unwrap_or(channel.looping),
            order: edit.order.unwrap_or(channel.order),
            ladder: edit.ladder.unwrap_or(channel.ladder),
            grace: edit.grace.unwrap_or(channel.grace),
            ..channel
        }
    }
}

impl Channel {
    fn read(row: Model) -> Result<Self> {
        Ok(Self {
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
            order: stored::from_json("order", &format!("\"{}\"", row.play_order))?,
            seed: row.seed as u64,
            ladder: stored::from_json("ladder", &row.ladder_json)?,
            grace: Duration::from_millis(stored::narrowed("grace period", row.grace_ms)?),
            created_at: AirTime(row.created_at_ticks),
        })
    }

    fn row(&self) -> Result<Model> {
        Ok(Model {
            id: self.id.to_string(),
            number_major: self.number.major as i32,
            // Sub-numbers begin at 1, so 0 is free to mean none (and unique with it).
            number_minor: self.number.minor.map_or(0, i32::from),
            name: self.name.clone(),
            logo: self.logo.clone(),
            group_name: self.group.clone(),
            starts_at_ticks: self.starts_at.0,
            looping: self.looping,
            play_order: match self.order {
                Order::Sequential => "sequential".to_owned(),
                Order::Shuffle => "shuffle".to_owned(),
            },
            seed: self.seed as i64,
            ladder_json: stored::json("write a ladder", &self.ladder)?,
            grace_ms: self.grace.as_millis() as i64,
            created_at_ticks: self.created_at.0,
        })
    }
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
        rows.into_iter().map(Channel::read).collect()
    }
}

impl Write {
    /// One channel, as this transaction sees it.
    pub async fn channel(&self, id: ChannelId) -> Result<Option<Channel>> {
        let row = Entity::find_by_id(id.to_string()).one(&self.0).await.doing("read a channel")?;
        row.map(Channel::read).transpose()
    }

    /// The first whole numbers that no channel has, as many as wanted.
    pub async fn free_numbers(&self, wanted: usize) -> Result<Vec<ChannelNumber>> {
        let rows = Entity::find()
            .filter(Column::NumberMinor.eq(0))
            .all(&self.0)
            .await
            .doing("list channels")?;
        let taken: std::collections::HashSet<u32> =
            rows.iter().map(|row| row.number_major.unsigned_abs()).collect();
        let free = (1..=99_999).filter(|major| !taken.contains(major));
        Ok(free.take(wanted).map(|major| ChannelNumber { major, minor: None }).collect())
    }

    /// Adds a channel.
    pub async fn insert_channel(&self, channel: &Channel) -> Result<()> {
        let row = channel.row()?.into_active_model();
        let done = Entity::insert(row).exec_without_returning(&self.0).await;
        number_free(done, channel)
    }

    /// Writes a changed channel.
    pub async fn update_channel(&self, channel: &Channel) -> Result<()> {
        let row = channel.row()?.into_active_model().reset_all();
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
