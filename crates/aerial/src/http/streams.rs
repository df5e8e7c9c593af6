//! `/streams`: the sessions, as people see and command them.
//!
//! Owns what may be asked of sessions. How one is told is in `session`, what ran for it in
//! `history`, its viewers in `clients`; `facts` is what the Stream Manager is asked for.
//! The streams themselves are served elsewhere (`stream`).

pub(super) mod clients;
mod facts;
pub(super) mod history;
mod session;

use aerial_model::id::ChannelRef;
use axum::extract::State;
use axum::http::StatusCode;
use uuid::Uuid;

pub use self::facts::{
    ClientFacts, Figures, Refusal, RenditionFacts, RunFacts, SessionFacts, SessionHistory,
    Sessions, Streams,
};
pub(super) use self::history::Fault;
pub(super) use self::session::Action;
use self::session::{Session, told};
use super::extract::{At, Json, Query};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Kind, Problem};
use super::scheduled::find;
use crate::schedule::Schedule;

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
