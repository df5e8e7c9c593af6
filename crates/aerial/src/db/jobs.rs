//! Long jobs, such as a scan, as they must be known after a restart.
//!
//! Owns their rows; what is in `detail` is the job's own business.

use std::fmt;

use aerial_model::time::AirTime;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde_json::Value;
use uuid::Uuid;

use super::entity::job::{Column, Entity, Model};
use super::error::{Doing, Result};
use super::{Db, stored};

/// One job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct JobId(pub Uuid);

impl JobId {
    /// A new one.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Not at its end; after a restart, to be taken up again.
    Running,
    /// Came to its end.
    Done,
    /// Somebody ended it.
    Cancelled,
    /// It could not go on; `detail` says why.
    Failed,
}

impl JobState {
    const ALL: [(Self, &str); 4] = [
        (Self::Running, "running"),
        (Self::Done, "done"),
        (Self::Cancelled, "cancelled"),
        (Self::Failed, "failed"),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("failed", |(_, text)| text)
    }

    fn read(text: &str) -> Self {
        Self::ALL.iter().find(|(_, known)| *known == text).map_or(Self::Failed, |(state, _)| *state)
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// For good.
    pub id: JobId,
    /// What kind of job, such as `scan`.
    pub kind: String,
    /// How far it is.
    pub state: JobState,
    /// When it began.
    pub started_at: AirTime,
    /// When it ended, in whatever way.
    pub finished_at: Option<AirTime>,
    /// What it needs to go on, and what it has to tell.
    pub detail: Value,
}

impl Job {
    fn read(row: Model) -> Result<Self> {
        Ok(Self {
            id: JobId(stored::parsed("job id", &row.id)?),
            kind: row.kind,
            state: JobState::read(&row.state),
            started_at: AirTime::from_unix_millis(row.started_at_ms),
            finished_at: row.finished_at_ms.map(AirTime::from_unix_millis),
            detail: stored::from_json("detail of a job", &row.detail_json)?,
        })
    }
}

impl Db {
    /// Writes a job as it is now, new or known.
    pub async fn save_job(&self, job: &Job) -> Result<()> {
        let row = Model {
            id: job.id.to_string(),
            kind: job.kind.clone(),
            state: job.state.as_str().to_owned(),
            started_at_ms: job.started_at.unix_millis(),
            finished_at_ms: job.finished_at.map(AirTime::unix_millis),
            detail_json: stored::json("write a job", &job.detail)?,
        };
        let write = self.write().await?;
        let updated = [Column::State, Column::FinishedAtMs, Column::DetailJson];
        Entity::insert(row.into_active_model().reset_all())
            .on_conflict(OnConflict::column(Column::Id).update_columns(updated).to_owned())
            .exec_without_returning(&write.0)
            .await
            .doing("write a job")?;
        write.commit().await
    }

    /// The latest jobs of a kind, the newest first.
    pub async fn jobs(&self, kind: &str, limit: u64) -> Result<Vec<Job>> {
        let rows = Entity::find()
            .filter(Column::Kind.eq(kind))
            .order_by_desc(Column::StartedAtMs)
            .order_by_desc(Column::Id)
            .limit(limit)
            .all(self.reader())
            .await
            .doing("list jobs")?;
        rows.into_iter().map(Job::read).collect()
    }

    /// Jobs that had not ended when the server did, the oldest first.
    pub async fn unfinished_jobs(&self) -> Result<Vec<Job>> {
        let rows = Entity::find()
            .filter(Column::State.eq(JobState::Running.as_str()))
            .order_by_asc(Column::StartedAtMs)
            .all(self.reader())
            .await
            .doing("list jobs")?;
        rows.into_iter().map(Job::read).collect()
    }

    /// Forgets jobs that ended before `before`.
    pub async fn prune_jobs(&self, before: AirTime) -> Result<u64> {
        let write = self.write().await?;
        let gone = Entity::delete_many()
            .filter(Column::FinishedAtMs.lt(before.unix_millis()))
            .exec(&write.0)
            .await
            .doing("prune jobs")?;
        write.commit().await?;
        Ok(gone.rows_affected)
    }
}
