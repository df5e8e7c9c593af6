//! `/streams/{channel}/history`: what ran for a channel's sessions, and how it went.

use aerial_model::id::ChannelRef;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::facts::{RunFacts, SessionHistory, Streams};
use crate::http::extract::{At, Json, Query};
use crate::http::page::{Listing, PageQuery};
use crate::http::problem::{Answer, Problem};
use crate::http::scheduled::find;
use crate::http::wire::Instant;
use crate::schedule::Schedule;

/// What ran for a channel, and how it went.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SessionHistory)]
pub(crate) struct PastSession {
    /// Its number since the server was started.
    session: u64,
    /// When it was started.
    started_at: Instant,
    /// When it ended; `null`: it is on the air.
    #[schema(required = true)]
    ended_at: Option<Instant>,
    /// How often a run of FFmpeg failed and another took its place.
    restarts: u64,
    /// Its last 16 runs of FFmpeg, the newest first.
    runs: Vec<Run>,
}

/// One run of FFmpeg.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    /// Its number in logs.
    worker: u64,
    /// Its process; `null`: it could not be started.
    #[schema(required = true)]
    pid: Option<u32>,
    /// What it made.
    title: String,
    /// In which size.
    #[schema(example = "1280x720")]
    frame: String,
    /// From which segment of the file on.
    segment: u32,
    /// The program and its arguments.
    command: Vec<String>,
    /// When it began.
    started_at: Instant,
    /// When it ended; `null`: it runs.
    #[schema(required = true)]
    ended_at: Option<Instant>,
    /// How its process ended.
    #[schema(required = true, example = "exit code 1")]
    exit: Option<String>,
    /// Segments that it has completed, so far.
    completed: u32,
    /// What was wrong; `null`: nothing was.
    #[schema(required = true)]
    fault: Option<Fault>,
    /// The last 64 KiB of what FFmpeg said.
    stderr: String,
}

/// What was wrong with a run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// `missing_file`, `unreadable_file`, `replaced_file`, `corrupt_file`, `encoder`,
    /// `disk_full`, `crash`, `hang`, `output`, `machine` or `bug`.
    #[schema(example = "corrupt_file")]
    class: &'static str,
    /// In words.
    reason: String,
}

impl Fault {
    pub(in crate::http) fn new(class: &'static str, reason: String) -> Self {
        Self { class, reason }
    }
}

impl From<SessionHistory> for PastSession {
    fn from(history: SessionHistory) -> Self {
        let run = |run: RunFacts| Run {
            worker: run.worker,
            pid: run.pid,
            title: run.title,
            frame: format!("{}x{}", run.frame.0, run.frame.1),
            segment: run.segment,
            command: run.command,
            started_at: run.started_at.into(),
            ended_at: run.ended_at.map(Into::into),
            exit: run.exit,
            completed: run.completed,
            fault: run.fault.map(|(class, reason)| Fault { class, reason }),
            stderr: run.stderr,
        };
        Self {
            session: history.session,
            started_at: history.started_at.into(),
            ended_at: history.ended_at.map(Into::into),
            restarts: history.restarts,
            runs: history.runs.into_iter().map(run).collect(),
        }
    }
}

/// What ran for a channel lately: its session on the air, and those that ended
/// within the hour, with FFmpeg's command lines and last words.
#[utoipa::path(
    get, path = "/streams/{channel}/history", operation_id = "get_stream_history",
    tag = "streams",
    params(
        ("channel" = String, Path, description = "The channel's number or id."),
        PageQuery,
    ),
    responses(
        (status = 200, body = Listing<PastSession>),
        (status = 404, description = "No such channel.", body = Problem),
    ),
)]
pub(in crate::http) async fn get(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<PastSession>>> {
    let id = find(&schedule, channel)?.id;
    let after: Option<u64> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let all = streams.0.history(id).into_iter();
    // The newest first.
    let rest = all.filter(|one| after.is_none_or(|after| one.session < after));
    let told = rest.map(PastSession::from);
    Ok(Json(Listing::cut(told, page.limit, |session| session.session.to_string())))
}
