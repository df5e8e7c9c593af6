//! `/streams/{channel}/clients`: viewers that come and go by the API.

use aerial_model::client::ClientId;
use aerial_model::id::ChannelRef;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::facts::Streams;
use crate::http::extract::{At, Json};
use crate::http::problem::{Answer, Problem};
use crate::http::scheduled::find;
use crate::schedule::Schedule;

/// A registered viewer, and what it may ask for.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RegisteredClient)]
pub(crate) struct Registered {
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
pub(in crate::http) async fn register(
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
pub(in crate::http) async fn unregister(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
    At(client): At<ClientId>,
) -> Answer<StatusCode> {
    let id = find(&schedule, channel)?.id;
    streams.0.unregister(id, client).await?;
    Ok(StatusCode::NO_CONTENT)
}
