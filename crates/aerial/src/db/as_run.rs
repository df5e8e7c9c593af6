//! The as-run log: what really aired, stretch by stretch.
//!
//! Owns the rows and how they are found. A row is a stretch of one airing (or of time
//! off the air) during which the channel was on the air; of an airing that was left and
//! taken up again there are two. Invariant: a row is only ever completed, and keeps the
//! names that things had when they aired, also when channel and file are long gone.

use aerial_model::id::{ChannelId, MediaId};
use aerial_model::time::AirTime;
use sea_orm::sea_query::{Expr, ExprTrait, OnConflict};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, Order, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entity::as_run::{Column, Entity, Model};
use super::error::{DbError, Doing, Result};
use super::{Db, stored};

/// Names one stretch; later ones have later names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AsRunId(pub Uuid);

impl AsRunId {
    /// A new one.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

/// How a stretch ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AiredEnd {
    /// It aired to its end.
    Completed,
    /// Somebody ended it early, and the next began.
    CutShort,
    /// Nobody watched any more.
    Left,
    /// The channel was taken off the air.
    Stopped,
    /// The server ended.
    ServerStopped,
    /// It was on when the backup was made that the server was restored from; what came
    /// then, that backup cannot know.
    BackedUp,
}

impl AiredEnd {
    const ALL: [(Self, &str); 6] = [
        (Self::Completed, "completed"),
        (Self::CutShort, "cut_short"),
        (Self::Left, "left"),
        (Self::Stopped, "stopped"),
        (Self::ServerStopped, "server_stopped"),
        (Self::BackedUp, "backed_up"),
    ];

    /// As API and catalogue name it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(end, _)| *end == self).map_or("stopped", |(_, name)| name)
    }

    fn read(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == name).map_or(Self::Stopped, |(end, _)| *end)
    }
}

/// A part of a stretch that was slate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlateSpan {
    /// When it began.
    pub from: AirTime,
    /// When it ended.
    pub to: AirTime,
    /// Why.
    pub reason: String,
}

/// A fault of a worker that made what was on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsRunFault {
    /// When.
    pub at: AirTime,
    /// Its class, as [`aerial_model::fault::Class::name`] has it.
    pub class: String,
    /// In words.
    pub reason: String,
}

/// A stretch, as the stream part tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsRun {
    /// For good.
    pub id: AsRunId,
    /// Whose.
    pub channel: ChannelId,
    /// The ledger's row; of time off the air, the first.
    pub ordinal: u64,
    /// What was on; `None` off the air.
    pub media: Option<MediaId>,
    /// When it was to begin, and to end.
    pub planned: (AirTime, AirTime),
    /// Since when it was on the air.
    pub from: AirTime,
    /// Until when it was, as far as is known.
    pub to: AirTime,
    /// From when to when of it anything was sent to viewers.
    pub sent: Option<(AirTime, AirTime)>,
    /// How it ended; `None` while it is on.
    pub end: Option<AiredEnd>,
    /// How many watched at once at the most.
    pub viewers: u32,
    /// What of it was slate; the last where there were very many.
    pub slates: Vec<SlateSpan>,
    /// What went wrong; the last where there was very much.
    pub faults: Vec<AsRunFault>,
    /// How often a worker failed.
    pub restarts: u32,
}

/// What things were called when they aired.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AsRunNames {
    /// The channel's number.
    pub number: String,
    /// The channel's name.
    pub channel: String,
    /// Of the film or the episode.
    pub title: String,
    /// The show it is an episode of.
    pub show: Option<String>,
    /// Its season.
    pub season: Option<u32>,
    /// Its number in the season.
    pub episode: Option<u32>,
}

/// Which stretches, and how many.
#[derive(Clone, Copy, Debug)]
pub struct AsRunQuery {
    /// Of this channel; `None`: of all.
    pub channel: Option<ChannelId>,
    /// On the air after this instant.
    pub from: Option<AirTime>,
    /// On the air before this instant.
    pub to: Option<AirTime>,
    /// The oldest first; else the newest.
    pub oldest_first: bool,
    /// After this one, in that order.
    pub after: Option<(AirTime, AsRunId)>,
    /// At most so many.
    pub limit: u64,
}

impl Db {
    /// Writes stretches as they are now, new or known.
    pub async fn save_as_run(&self, stretches: &[(AsRun, AsRunNames)]) -> Result<()> {
        let write = self.write().await?;
        for (stretch, names) in stretches {
            let row = model(stretch, names)?;
            let updated = [
                Column::PlannedEndTicks,
                Column::ToTicks,
                Column::SentFromTicks,
                Column::SentToTicks,
                Column::Ending,
                Column::Viewers,
                Column::SlatesJson,
                Column::FaultsJson,
                Column::Restarts,
            ];
            Entity::insert(row.into_active_model().reset_all())
                .on_conflict(OnConflict::column(Column::Id).update_columns(updated).to_owned())
                .exec_without_returning(&write.0)
                .await
                .doing("write the as-run log")?;
        }
        write.commit().await
    }

    /// Stretches in the order of their beginning.
    pub async fn as_run(&self, query: &AsRunQuery) -> Result<Vec<(AsRun, AsRunNames)>> {
        let mut of = Condition::all();
        if let Some(channel) = query.channel {
            of = of.add(Column::ChannelId.eq(channel.to_string()));
        }
        if let Some(from) = query.from {
            of = of.add(Column::ToTicks.gt(from.0).or(Column::Ending.is_null()));
        }
        if let Some(to) = query.to {
            of = of.add(Column::FromTicks.lt(to.0));
        }
        let order = if query.oldest_first { Order::Asc } else { Order::Desc };
        if let Some((from, id)) = query.after {
            let place = Expr::tuple([Column::FromTicks.into_expr(), Column::Id.into_expr()]);
            let after = Expr::tuple([from.0.into(), id.0.to_string().into()]);
            of = of.add(match query.oldest_first {
                true => place.gt(after),
                false => place.lt(after),
            });
        }
        let rows = Entity::find()
            .filter(of)
            .order_by(Column::FromTicks, order.clone())
            .order_by(Column::Id, order)
            .limit(query.limit)
            .all(self.reader())
            .await
            .doing("read the as-run log")?;
        rows.into_iter().map(read).collect()
    }

    /// Stretches that a server left open when it died ended with it.
    pub async fn close_as_run(&self) -> Result<()> {
        let write = self.write().await?;
        Entity::update_many()
            .col_expr(Column::Ending, Expr::value(AiredEnd::ServerStopped.name()))
            .filter(Column::Ending.is_null())
            .exec(&write.0)
            .await
            .doing("close the as-run log")?;
        write.commit().await
    }

    /// Forgets what ended before `before`, and the oldest where there are more than
    /// `most`. How many.
    pub async fn prune_as_run(&self, before: AirTime, most: u64) -> Result<u64> {
        let write = self.write().await?;
        let old = Entity::delete_many()
            .filter(Column::ToTicks.lt(before.0))
            .filter(Column::Ending.is_not_null());
        let old = old.exec(&write.0).await.doing("prune the as-run log")?.rows_affected;
        // The first that is one too many.
        let last: Option<i64> = Entity::find()
            .select_only()
            .column(Column::FromTicks)
            .order_by_desc(Column::FromTicks)
            .offset(most)
            .limit(1)
            .into_tuple()
            .one(&write.0)
            .await
            .doing("prune the as-run log")?;
        let over = match last {
            Some(last) => {
                let over = Entity::delete_many().filter(Column::FromTicks.lte(last));
                over.exec(&write.0).await.doing("prune the as-run log")?.rows_affected
            }
            None => 0,
        };
        write.commit().await?;
        Ok(old + over)
    }
}

fn model(stretch: &AsRun, names: &AsRunNames) -> Result<Model> {
    Ok(Model {
        id: stretch.id.0.to_string(),
        channel_id: stretch.channel.to_string(),
        number: names.number.clone(),
        channel_name: names.channel.clone(),
        ordinal: stretch.ordinal as i64,
        media_id: stretch.media.map(|media| media.to_string()),
        title: names.title.clone(),
        show: names.show.clone(),
        season: names.season.map(i64::from),
        episode: names.episode.map(i64::from),
        planned_start_ticks: stretch.planned.0.0,
        planned_end_ticks: stretch.planned.1.0,
        from_ticks: stretch.from.0,
        to_ticks: stretch.to.0,
        sent_from_ticks: stretch.sent.map(|(from, _)| from.0),
        sent_to_ticks: stretch.sent.map(|(_, to)| to.0),
        ending: stretch.end.map(|end| end.name().to_owned()),
        viewers: i64::from(stretch.viewers),
        slates_json: stored::json("write the as-run log", &stretch.slates)?,
        faults_json: stored::json("write the as-run log", &stretch.faults)?,
        restarts: i64::from(stretch.restarts),
    })
}

fn read(row: Model) -> Result<(AsRun, AsRunNames)> {
    let id: Uuid = row.id.parse().map_err(|source: uuid::Error| unreadable(&row, source))?;
    let number = |what, value: Option<i64>| value.map(|v| stored::narrowed(what, v)).transpose();
    let media = row.media_id.as_deref().map(|id| stored::parsed("media id", id)).transpose()?;
    let names = AsRunNames {
        season: number("season", row.season)?,
        episode: number("episode", row.episode)?,
        number: row.number,
        channel: row.channel_name,
        title: row.title,
        show: row.show,
    };
    let stretch = AsRun {
        id: AsRunId(id),
        channel: stored::parsed("channel id", &row.channel_id)?,
        ordinal: row.ordinal as u64,
        media,
        planned: (AirTime(row.planned_start_ticks), AirTime(row.planned_end_ticks)),
        from: AirTime(row.from_ticks),
        to: AirTime(row.to_ticks),
        sent: row.sent_from_ticks.zip(row.sent_to_ticks).map(|(a, b)| (AirTime(a), AirTime(b))),
        end: row.ending.as_deref().map(AiredEnd::read),
        viewers: stored::narrowed("viewers", row.viewers)?,
        slates: stored::from_json("slates of the as-run log", &row.slates_json)?,
        faults: stored::from_json("faults of the as-run log", &row.faults_json)?,
        restarts: stored::narrowed("restarts", row.restarts)?,
    };
    Ok((stretch, names))
}

fn unreadable(row: &Model, source: uuid::Error) -> DbError {
    stored::unreadable("row of the as-run log", &row.id, source.into())
}

#[cfg(test)]
mod tests {
    use aerial_model::time::Ticks;

    use super::*;

    const START: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

    fn at(seconds: i64) -> AirTime {
        START + Ticks::from_secs(seconds)
    }

    fn stretch(channel: u128, from: i64, to: i64, end: Option<AiredEnd>) -> AsRun {
        AsRun {
            id: AsRunId::fresh(),
            channel: ChannelId(Uuid::from_u128(channel)),
            ordinal: 7,
            media: Some(MediaId(Uuid::from_u128(9))),
            planned: (at(from), at(to)),
            from: at(from),
            to: at(to),
            sent: Some((at(from), at(to))),
            end,
            viewers: 2,
            slates: vec![SlateSpan { from: at(from), to: at(to), reason: "gone".to_owned() }],
            faults: vec![AsRunFault {
                at: at(from),
                class: "crash".to_owned(),
                reason: "signal 11".to_owned(),
            }],
            restarts: 1,
        }
    }

    fn names() -> AsRunNames {
        AsRunNames {
            number: "5".to_owned(),
            channel: "Five".to_owned(),
            title: "Film".to_owned(),
            show: Some("Show".to_owned()),
            season: Some(1),
            episode: Some(2),
        }
    }

    fn all(limit: u64) -> AsRunQuery {
        AsRunQuery { channel: None, from: None, to: None, oldest_first: true, after: None, limit }
    }

    async fn with(stretches: &[AsRun]) -> (tempfile::TempDir, Db) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("catalogue.sqlite")).await.unwrap();
        let named: Vec<_> = stretches.iter().map(|one| (one.clone(), names())).collect();
        db.save_as_run(&named).await.unwrap();
        (dir, db)
    }

    async fn begins(db: &Db, query: AsRunQuery) -> Vec<i64> {
        let found = db.as_run(&query).await.unwrap();
        found.iter().map(|(one, _)| (one.from - START).as_millis() / 1_000).collect()
    }

    #[tokio::test]
    async fn a_stretch_is_read_as_it_was_written_and_completed_later() {
        let mut one = stretch(1, 0, 10, None);
        let (_dir, db) = with(std::slice::from_ref(&one)).await;
        assert_eq!(db.as_run(&all(9)).await.unwrap(), [(one.clone(), names())]);
        (one.to, one.end, one.sent) = (at(60), Some(AiredEnd::CutShort), None);
        let renamed = AsRunNames { title: "Renamed".to_owned(), ..names() };
        db.save_as_run(&[(one.clone(), renamed)]).await.unwrap();
        assert_eq!(db.as_run(&all(9)).await.unwrap(), [(one, names())], "the first name stays");
    }

    #[tokio::test]
    async fn stretches_are_found_by_time_channel_and_page() {
        let done = Some(AiredEnd::Completed);
        let stretches = [
            stretch(1, 0, 10, done),
            stretch(2, 0, 10, done),
            stretch(1, 10, 20, done),
            stretch(1, 20, 21, None),
        ];
        let (_dir, db) = with(&stretches).await;
        assert_eq!(begins(&db, all(9)).await, [0, 0, 10, 20]);
        let newest = AsRunQuery { oldest_first: false, ..all(9) };
        assert_eq!(begins(&db, newest).await, [20, 10, 0, 0]);
        let channel = Some(ChannelId(Uuid::from_u128(1)));
        assert_eq!(begins(&db, AsRunQuery { channel, ..all(9) }).await, [0, 10, 20]);
        let (from, to) = (Some(at(10)), Some(at(20)));
        assert_eq!(begins(&db, AsRunQuery { from, to, ..all(9) }).await, [10]);
        // What is on lasts.
        assert_eq!(begins(&db, AsRunQuery { from: Some(at(99)), ..all(9) }).await, [20]);
        for oldest_first in [true, false] {
            let (mut query, mut seen) = (AsRunQuery { oldest_first, ..all(1) }, Vec::new());
            while let Some((one, _)) = db.as_run(&query).await.unwrap().pop() {
                query.after = Some((one.from, one.id));
                seen.push(one.id);
            }
            let mut distinct = seen.clone();
            distinct.sort_unstable();
            distinct.dedup();
            assert_eq!((seen.len(), distinct.len()), (4, 4));
        }
    }

    #[tokio::test]
    async fn it_is_bounded_in_age_and_in_number() {
        let done = Some(AiredEnd::Completed);
        let stretches: Vec<AsRun> = (0..9).map(|n| stretch(1, n * 10, n * 10 + 10, done)).collect();
        let (_dir, db) = with(&stretches).await;
        assert_eq!(db.prune_as_run(at(20), 100).await.unwrap(), 1);
        assert_eq!(begins(&db, all(9)).await, [10, 20, 30, 40, 50, 60, 70, 80]);
        assert_eq!(db.prune_as_run(at(0), 3).await.unwrap(), 5);
        assert_eq!(begins(&db, all(9)).await, [60, 70, 80]);
    }

    #[tokio::test]
    async fn what_a_dead_server_left_open_is_closed() {
        let (_dir, db) = with(&[stretch(1, 0, 10, None)]).await;
        db.close_as_run().await.unwrap();
        let found = db.as_run(&all(9)).await.unwrap();
        assert_eq!(found[0].0.end, Some(AiredEnd::ServerStopped));
    }
}
