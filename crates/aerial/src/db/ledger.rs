//! The ledger's rows, as they were committed.
//!
//! Owns how a row is written and read back. Invariant: a row is inserted once
//! and never updated; of two writers of one ordinal, the second is told.

use aerial_model::id::ChannelId;
use aerial_model::ledger::{Content, Cursor, Row};
use aerial_model::lineup::SlotKey;
use aerial_model::time::{AirTime, Ticks};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};

use super::entity::ledger::{Column, Entity, Model};
use super::error::{DbError, Doing, Result, is_unique_violation};
use super::{Db, Write, stored};

/// Rows of one statement: 20 columns each.
const ROWS_AT_ONCE: usize = 1_000;

impl Db {
    /// The last committed row.
    pub async fn ledger_tail(&self, channel: ChannelId) -> Result<Option<Row>> {
        tail(self.reader(), channel).await
    }

    /// The committed rows that may tell of the time from `from` on, as they
    /// were appended: from the last one that starts at or before it, and the one
    /// before that (a skip cannot be opened without it). A row may cut the one
    /// before it short.
    pub async fn ledger_rows(
        &self,
        channel: ChannelId,
        from: AirTime,
        until: Option<AirTime>,
    ) -> Result<Vec<Row>> {
        rows(self.reader(), channel, from, until).await
    }
}

impl Write {
    /// The last committed row, as this transaction sees it.
    pub async fn ledger_tail(&self, channel: ChannelId) -> Result<Option<Row>> {
        tail(&self.0, channel).await
    }

    /// See [`Db::ledger_rows`].
    pub async fn ledger_rows(
        &self,
        channel: ChannelId,
        from: AirTime,
        until: Option<AirTime>,
    ) -> Result<Vec<Row>> {
        rows(&self.0, channel, from, until).await
    }

    /// Appends rows. Where another writer was first, nothing of this
    /// transaction may be committed: drop it, read the tail, plan again.
    pub async fn append_ledger(&self, channel: ChannelId, rows: &[Row]) -> Result<()> {
        for some in rows.chunks(ROWS_AT_ONCE) {
            let models = some
                .iter()
                .map(|row| write(channel, row).map(IntoActiveModel::into_active_model))
                .collect::<Result<Vec<_>>>()?;
            match Entity::insert_many(models).exec_without_returning(&self.0).await {
                Err(error) if is_unique_violation(&error) => {
                    let ordinal = some.first().map_or(0, |row| row.ordinal);
                    return Err(DbError::LedgerConflict { channel, ordinal });
                }
                other => other.doing("commit airings")?,
            };
        }
        Ok(())
    }

    /// Forgets rows that ended before `before` and lineup versions that then
    /// nothing needs; the last two rows always stay. How many of each went.
    pub async fn prune_ledger(&self, channel: ChannelId, before: AirTime) -> Result<(u64, u64)> {
        // The row that contains `before` stays, and the one before it, so that the
        // time after it can be told.
        let around = rows(&self.0, channel, before, Some(before)).await?;
        let Some(keep_from) = around.first().map(|row| row.ordinal) else { return Ok((0, 0)) };
        let gone = Entity::delete_many()
            .filter(Column::ChannelId.eq(channel.to_string()))
            .filter(Column::Ordinal.lt(keep_from as i64))
            .exec(&self.0)
            .await
            .doing("prune the ledger")?;
        Ok((gone.rows_affected, self.drop_unused_versions(channel).await?))
    }
}

async fn tail<C: ConnectionTrait>(db: &C, channel: ChannelId) -> Result<Option<Row>> {
    let row = Entity::find()
        .filter(Column::ChannelId.eq(channel.to_string()))
        .order_by_desc(Column::Ordinal)
        .limit(1)
        .one(db)
        .await
        .doing("read the ledger")?;
    row.map(read).transpose()
}

async fn rows<C: ConnectionTrait>(
    db: &C,
    channel: ChannelId,
    from: AirTime,
    until: Option<AirTime>,
) -> Result<Vec<Row>> {
    let of_channel = || Entity::find().filter(Column::ChannelId.eq(channel.to_string()));
    let first: Option<i64> = of_channel()
        .select_only()
        .column(Column::Ordinal)
        .filter(Column::StartTicks.lte(from.0))
        .order_by_desc(Column::Ordinal)
        .limit(1)
        .into_tuple()
        .one(db)
        .await
        .doing("read the ledger")?;
    let mut query = of_channel().filter(Column::Ordinal.gte(first.unwrap_or(0) - 1));
    if let Some(until) = until {
        // The last row that begins by then: those before it that were cut away begin
        // later, and are part of how it is read.
        let last: Option<i64> = of_channel()
            .select_only()
            .column(Column::Ordinal)
            .filter(Column::StartTicks.lte(until.0))
            .order_by_desc(Column::Ordinal)
            .limit(1)
            .into_tuple()
            .one(db)
            .await
            .doing("read the ledger")?;
        query = query.filter(Column::Ordinal.lte(last.unwrap_or(-1)));
    }
    let rows = query.order_by_asc(Column::Ordinal).all(db).await.doing("read the ledger")?;
    rows.into_iter().map(read).collect()
}

fn write(channel: ChannelId, row: &Row) -> Result<Model> {
    let cursor = row.cursor();
    let mut model = Model {
        channel_id: channel.to_string(),
        ordinal: row.ordinal as i64,
        start_ticks: row.start.0,
        length_ticks: row.length.0,
        first_sequence: row.first_sequence as i64,
        discontinuity_sequence: row.discontinuity_sequence.into(),
        frame_height: row.frame_height.into(),
        lineup_version: row.lineup_version.into(),
        kind: String::new(),
        cycle: cursor.map(|cursor| cursor.cycle as i64),
        item_id: cursor.map(|cursor| cursor.item.to_string()),
        media_id: cursor.map(|cursor| cursor.media.to_string()),
        key_rank: cursor.map(|cursor| cursor.key.rank),
        key_episode: cursor.map(|cursor| cursor.key.episode as i64),
        map_id: None,
        map_json: None,
        first_index: None,
        end_index: None,
        segments: None,
        signature: row.signature.map(u64::cast_signed),
    };
    match &row.content {
        Content::Media { map_id, map, first, end, .. } => {
            model.kind = "media".to_owned();
            model.map_id = Some(map_id.to_string());
            model.map_json = Some(stored::json("write a segment map", map)?);
            model.first_index = Some(i64::from(*first));
            model.end_index = Some(i64::from(*end));
        }
        Content::OffAir { map, .. } => {
            model.kind = "off_air".to_owned();
            model.map_json = Some(stored::json("write a segment map", map)?);
        }
        Content::Skip { segments, .. } => {
            model.kind = "skip".to_owned();
            model.segments = Some(*segments as i64);
        }
    }
    Ok(model)
}

fn read(model: Model) -> Result<Row> {
    let content = content(&model)?;
    Ok(Row {
        ordinal: model.ordinal as u64,
        start: AirTime(model.start_ticks),
        length: Ticks(model.length_ticks),
        first_sequence: model.first_sequence as u64,
        discontinuity_sequence: stored::narrowed(
            "discontinuity sequence",
            model.discontinuity_sequence,
        )?,
        frame_height: stored::narrowed("frame height", model.frame_height.into())?,
        lineup_version: stored::narrowed("lineup version", model.lineup_version)?,
        signature: model.signature.map(i64::cast_unsigned),
        content,
    })
}

fn content(model: &Model) -> Result<Content> {
    let cursor = cursor(model)?;
    let map = || -> Result<_> {
        let json = model.map_json.as_deref().ok_or_else(|| incomplete(model))?;
        stored::from_json("segment map", json)
    };
    let index = |value: Option<i64>| -> Result<u32> {
        stored::narrowed("segment index", value.ok_or_else(|| incomplete(model))?)
    };
    match model.kind.as_str() {
        "media" => {
            let map_id = model.map_id.as_deref().ok_or_else(|| incomplete(model))?;
            Ok(Content::Media {
                cursor: cursor.ok_or_else(|| incomplete(model))?,
                map_id: stored::parsed("map id", map_id)?,
                map: map()?,
                first: index(model.first_index)?,
                end: index(model.end_index)?,
            })
        }
        "off_air" => Ok(Content::OffAir { map: map()?, cursor }),
        "skip" => {
            let segments = model.segments.ok_or_else(|| incomplete(model))?;
            Ok(Content::Skip { segments: segments as u64, cursor })
        }
        _ => Err(incomplete(model)),
    }
}

fn cursor(model: &Model) -> Result<Option<Cursor>> {
    let (Some(cycle), Some(item), Some(media), Some(rank), Some(episode)) =
        (model.cycle, &model.item_id, &model.media_id, model.key_rank, model.key_episode)
    else {
        return Ok(None);
    };
    Ok(Some(Cursor {
        cycle: cycle as u64,
        item: stored::parsed("item id", item)?,
        media: stored::parsed("media id", media)?,
        key: SlotKey { rank, episode: episode as u64 },
    }))
}

fn incomplete(model: &Model) -> DbError {
    stored::unreadable(
        "ledger row",
        &format!("channel {} ordinal {} kind {}", model.channel_id, model.ordinal, model.kind),
        "a column that its kind needs is empty".into(),
    )
}
