//! `/streams`: the sessions, as people see and command them.
//!
//! Owns how a session is told, and [`Sessions`], what the API needs of the
//! Stream Manager. The streams themselves are served elsewhere (`stream`).

use std::fmt;
use std::sync::Arc;

use aerial_model::client::ClientId;
use aerial_model::id::{ChannelId, ChannelRef, MediaId};
use aerial_model::time::AirTime;
use axum::extract::State;
use axum::http::StatusCode;
use futures::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{At, Json, Query};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Kind, Problem};
use super::scheduled::find;
use super::wire::Instant;
use crate::schedule::Schedule;
use crate::stream::strip::Strip;
use crate::stream::tally::Tally;

/// A session, as the Stream Manager knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFacts {
    /// Which channel is on the air.
    pub channel: ChannelId,
    /// `starting`, `active`, `draining`, `stopping`, `failed`.
    pub state: &'static str,
    /// Since when it is in that state.
    pub since: AirTime,
    /// When it was started.
    pub started_at: AirTime,
    /// Who watches.
    pub clients: Vec<ClientFacts>,
    /// The renditions that somebody wants.
    pub renditions: Vec<RenditionFacts>,
    /// What went wrong last, and what was done about it.
    pub last_error: Option<String>,
    /// How often a worker had to be started again.
    pub restarts: u64,
}

/// A viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFacts {
    /// Who.
    pub id: ClientId,
    /// When it came.
    pub since: AirTime,
    /// When it was last heard of.
    pub last_seen: AirTime,
    /// What it watches.
    pub rendition: Option<String>,
}

/// A rendition that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenditionFacts {
    /// Such as `720p`.
    pub name: String,
    /// The encoder in use.
    pub encoder: Option<String>,
    /// What is on the air in it is copied: its picture, its sound.
    pub copied: (bool, bool),
    /// How hard the encoder tries.
    pub preset: Option<&'static str>,
    /// How fast it is made, in thousandths of real time.
    pub speed_permille: Option<u32>,
    /// How far it is made ahead of now.
    pub buffer_ahead_ms: i64,
}

/// A session's history, as the Stream Manager remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionHistory {
    /// Its number, ever higher.
    pub session: u64,
    /// When it was started.
    pub started_at: AirTime,
    /// When it ended, if it has.
    pub ended_at: Option<AirTime>,
    /// How often a run of FFmpeg failed and another took its place.
    pub restarts: u64,
    /// The last runs, the newest first.
    pub runs: Vec<RunFacts>,
}

/// One run of FFmpeg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFacts {
    /// Its number in logs.
    pub worker: u64,
    /// The process; `None` where there was none.
    pub pid: Option<u32>,
    /// What it made.
    pub title: String,
    /// In which size.
    pub frame: (u16, u16),
    /// From which segment of the file on.
    pub segment: u32,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// When it began.
    pub started_at: AirTime,
    /// When it ended, if it has.
    pub ended_at: Option<AirTime>,
    /// How its process ended, in words.
    pub exit: Option<String>,
    /// Segments that it has completed, so far.
    pub completed: u32,
    /// The class of what was wrong, and what it was.
    pub fault: Option<(&'static str, String)>,
    /// The last 64 KiB of what FFmpeg said.
    pub stderr: String,
}

/// What is counted of the streams.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Since the start.
    pub tally: Tally,
    /// Who watches something again.
    pub replays: usize,
    /// Workers at work, and asleep.
    pub workers: (usize, usize),
}

/// Why the Stream Manager did not do what was asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The channel is not on the air, or has no such client.
    #[error("{0}")]
    NotThere(String),
    /// Not now: full, stopping, or the session failed and waits.
    #[error("{0}")]
    NotNow(String),
    /// Something that should work did not.
    #[error("{0}")]
    Failed(String),
}

/// What the API needs of the Stream Manager.
pub trait Sessions: fmt::Debug + Send + Sync + 'static {
    /// All sessions.
    fn list(&self) -> Vec<SessionFacts>;
    /// The session of a channel, if it is on the air.
    fn get(&self, channel: ChannelId) -> Option<SessionFacts>;
    /// Puts a channel on the air, also without a viewer; the session of one that
    /// is on the air already.
    fn start(&self, channel: ChannelId) -> BoxFuture<'_, Result<SessionFacts, Refusal>>;
    /// Takes a channel off the air.
    fn stop(&self, channel: ChannelId) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Registers a viewer; starts the session where there is none.
    fn register(&self, channel: ChannelId) -> BoxFuture<'_, Result<ClientId, Refusal>>;
    /// Forgets a viewer.
    fn unregister(
        &self,
        channel: ChannelId,
        client: ClientId,
    ) -> BoxFuture<'_, Result<(), Refusal>>;
    /// What ran for a channel's sessions, the newest first: the one on the air, and
    /// those that ended within the hour.
    fn history(&self, channel: ChannelId) -> Vec<SessionHistory>;
    /// What is wrong with a media that will air soon on a channel that is on the
    /// air, as far as is known.
    fn warning(&self, media: MediaId) -> Option<String>;
    /// The strips of all sessions, or of this channel's, by number.
    fn strips(&self, only: Option<ChannelId>) -> BoxFuture<'_, Vec<Strip>>;
    /// What is counted of the streams, for whoever watches over the server.
    fn figures(&self) -> Figures;
    /// The first segment that no playlist of this channel has listed.
    fn first_unpromised(&self, channel: ChannelId) -> BoxFuture<'_, Result<u64, Refusal>>;
}

/// The Stream Manager, as the API sees it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Streams(Arc<dyn Sessions>);

impl Streams {
    /// Of this manager.
    pub fn new(sessions: impl Sessions) -> Self {
        Self(Arc::new(sessions))
    }

    /// See [`Sessions::first_unpromised`].
    pub(super) async fn first_unpromised(&self, channel: ChannelId) -> Result<u64, Refusal> {
        self.0.first_unpromised(channel).await
    }

    /// See [`Sessions::list`].
    pub(super) fn list(&self) -> Vec<SessionFacts> {
        self.0.list()
    }

    /// See [`Sessions::figures`].
    pub(super) fn figures(&self) -> Figures {
        self.0.figures()
    }

    /// See [`Sessions::strips`].
    pub(super) async fn strips(&self, only: Option<ChannelId>) -> Vec<Strip> {
        self.0.strips(only).await
    }

    /// See [`Sessions::warning`].
    pub(super) fn warning(&self, media: MediaId) -> Option<String> {
        self.0.warning(media)
    }

    /// Takes a channel off the air that is no more.
    pub(super) async fn withdraw(&self, channel: ChannelId) {
        match self.0.stop(channel).await {
            Ok(()) | Err(Refusal::NotThere(_)) => {}
            Err(error) => {
                tracing::error!(%channel, %error, "cannot end a deleted channel's session")
            }
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::NotThere(_) => Kind::NotFound,
            Refusal::NotNow(_) => Kind::Unavailable,
            Refusal::Failed(_) => Kind::Internal,
        };
        Self::new(kind, refusal.to_string())
    }
}

/// A channel on the air.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Session {
    /// The channel's id.
    channel: Uuid,
    /// Its number.
    number: String,
    /// Its name.
    name: String,
    /// `starting`, `active`, `draining` (nobody watches), `stopping` or `failed`.
    state: &'static str,
    /// Since when it is in that state.
    since: Instant,
    /// When it was started.
    started_at: Instant,
    /// Who watches.
    clients: Vec<Client>,
    /// What is being made.
    renditions: Vec<Rendition>,
    /// What went wrong last, and what was done about it.
    #[schema(required = true)]
    last_error: Option<String>,
    /// How often a worker had to be started again.
    restarts: u64,
}

/// A viewer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Client {
    /// Its opaque id.
    id: String,
    /// When it came.
    since: Instant,
    /// When it was last heard of.
    last_seen: Instant,
    /// What it watches.
    #[schema(required = true)]
    rendition: Option<String>,
}

/// A rendition that is being made.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Rendition {
    /// Such as `720p`.
    #[schema(example = "720p")]
    name: String,
    /// The encoder in use.
    #[schema(required = true)]
    encoder: Option<String>,
    /// What is done with the picture of what is on the air.
    video: Action,
    /// What is done with its sound.
    audio: Action,
    /// How hard the encoder tries: x264's name. A cheaper one than usual while the
    /// machine does not keep up.
    #[schema(required = true)]
    preset: Option<&'static str>,
    /// How fast it is made: 1 is real time.
    #[schema(required = true)]
    speed: Option<f64>,
    /// How far it is made ahead of now.
    buffer_ahead_ms: i64,
}

/// What is done with a picture or a sound on the air.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RenditionAction)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is sent as the file has it.
    Copied,
    /// It is made anew.
    Transcoded,
}

impl Action {
    pub(super) fn of(copied: bool) -> Self {
        if copied { Self::Copied } else { Self::Transcoded }
    }
}

fn told(schedule: &Schedule, facts: SessionFacts) -> Session {
    let channel = schedule.channel(ChannelRef::Id(facts.channel));
    let client = |client: ClientFacts| Client {
        id: client.id.to_string(),
        since: client.since.into(),
        last_seen: client.last_seen.into(),
        rendition: client.rendition,
    };
    let rendition = |rendition: RenditionFacts| Rendition {
        name: rendition.name,
        encoder: rendition.encoder,
        video: Action::of(rendition.copied.0),
        audio: Action::of(rendition.copied.1),
        preset: rendition.preset,
        speed: rendition.speed_permille.map(|permille| f64::from(permille) / 1_000.0),
        buffer_ahead_ms: rendition.buffer_ahead_ms,
    };
    Session {
        channel: facts.channel.0,
        number: channel.as_ref().map(|channel| channel.number.to_string()).unwrap_or_default(),
        name: channel.map(|channel| channel.name.clone()).unwrap_or_default(),
        state: facts.state,
        since: facts.since.into(),
        started_at: facts.started_at.into(),
        clients: facts.clients.into_iter().map(client).collect(),
        renditions: facts.renditions.into_iter().map(rendition).collect(),
        last_error: facts.last_error,
        restarts: facts.restarts,
    }
}

/// The channels on the air.
#[utoipa::path(
    get, path = "/streams", operation_id = "list_streams", tag = "streams",
    params(PageQuery),
    responses((status = 200, body = Listing<Session>)),
)]
pub(super) async fn list(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<Session>>> {
    let after: Option<Uuid> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let mut sessions = streams.0.list();
    sessions.sort_by_key(|session| session.channel);
    let rest = sessions.into_iter().filter(|one| after.is_none_or(|after| one.channel.0 > after));
    let told = rest.map(|session| told(&schedule, session));
    Ok(Json(Listing::cut(told, page.limit, |session| session.channel.to_string())))
}

/// One channel's session.
#[utoipa::path(
    get, path = "/streams/{channel}", operation_id = "get_stream", tag = "streams",
    params(("channel" = String, Path, description = "The channel's number or id.")),
    responses(
        (status = 200, body = Session),
        (status = 404, description = "No such channel, or it is not on the air.", body = Problem),
    ),
)]
pub(super) async fn get(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
) -> Answer<Json<Session>> {
    let id = find(&schedule, channel)?.id;
    let session = streams.0.get(id).ok_or_else(|| {
        Problem::new(Kind::NotFound, format!("channel {channel} is not on the air"))
    })?;
    Ok(Json(told(&schedule, session)))
}

/// What ran for a channel, and how it went.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = SessionHistory)]
pub struct PastSession {
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
pub struct Run {
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
pub struct Fault {
    /// `missing_file`, `unreadable_file`, `replaced_file`, `corrupt_file`, `encoder`,
    /// `disk_full`, `crash`, `hang`, `output`, `machine` or `bug`.
    #[schema(example = "corrupt_file")]
    class: &'static str,
    /// In words.
    reason: String,
}

impl Fault {
    pub(super) fn new(class: &'static str, reason: String) -> Self {
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
pub(super) async fn history(
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

/// Puts a channel on the air, also without a viewer.
#[utoipa::path(
    post, path = "/streams/{channel}", operation_id = "start_stream", tag = "streams",
    params(("channel" = String, Path, description = "The channel's number or id.")),
    responses(
        (status = 200, body = Session),
        (status = 404, body = Problem),
        (status = 503, description = "Not now.", body = Problem),
    ),
)]
pub(super) async fn start(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
) -> Answer<Json<Session>> {
    let id = find(&schedule, channel)?.id;
    let session = streams.0.start(id).await?;
    Ok(Json(told(&schedule, session)))
}

/// Takes a channel off the air; whoever watches is cut off.
#[utoipa::path(
    delete, path = "/streams/{channel}", operation_id = "stop_stream", tag = "streams",
    params(("channel" = String, Path, description = "The channel's number or id.")),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub(super) async fn stop(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
) -> Answer<StatusCode> {
    let id = find(&schedule, channel)?.id;
    streams.0.stop(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A registered viewer, and what it may ask for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RegisteredClient)]
pub struct Registered {
    /// Its id, for `client=` in stream URLs.
    client: String,
}

/// Registers a viewer; puts the channel on the air where it is not.
#[utoipa::path(
    post, path = "/streams/{channel}/clients", operation_id = "register_client", tag = "streams",
    params(("channel" = String, Path, description = "The channel's number or id.")),
    responses(
        (status = 201, body = Registered),
        (status = 404, body = Problem),
        (status = 503, description = "Not now.", body = Problem),
    ),
)]
pub(super) async fn register(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
) -> Answer<(StatusCode, Json<Registered>)> {
    let id = find(&schedule, channel)?.id;
    let client = streams.0.register(id).await?;
    Ok((StatusCode::CREATED, Json(Registered { client: client.to_string() })))
}

/// Forgets a viewer: it has left.
#[utoipa::path(
    delete, path = "/streams/{channel}/clients/{client}", operation_id = "unregister_client",
    tag = "streams",
    params(
        ("channel" = String, Path, description = "The channel's number or id."),
        ("client" = String, Path, description = "The viewer's id."),
    ),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub(super) async fn unregister(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
    At(client): At<ClientId>,
) -> Answer<StatusCode> {
    let id = find(&schedule, channel)?.id;
    streams.0.unregister(id, client).await?;
    Ok(StatusCode::NO_CONTENT)
}
