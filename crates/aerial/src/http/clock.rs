//! `/clock`: which time it is, here and on a channel's air.
//!
//! Owns how a page learns the difference between its clock and the server's. A channel
//! has a time of its own (`rules.md`, 8): what its playlists date by, and what a page
//! that is to be in step holds to. Invariant: both times are of one instant, the answer
//! is made without a look at anything else, and nobody keeps it.

use aerial_model::id::ChannelRef;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::extract::{Json, Query};
use super::problem::{Answer, Problem};
use super::scheduled::find;
use super::wire::Instant;
use crate::clock::Clock;
use crate::schedule::Schedule;

/// Whose clock.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClockQuery {
    /// A channel's number or id; the server's clock alone, unless said.
    #[param(required = false)]
    channel: Option<String>,
}

/// Which time it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Clock)]
pub struct ClockView {
    /// The server's time.
    at: Instant,
    /// The channel's, where one was asked for.
    #[schema(required = true)]
    channel: Option<ChannelClock>,
}

/// Which time it is on a channel's air.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChannelClock {
    /// The channel's id.
    id: Uuid,
    /// Its time: EXT-X-PROGRAM-DATE-TIME in its playlists is of this clock. Mostly the
    /// server's; after a step of the machine's clock it goes on by itself until nobody
    /// watches.
    at: Instant,
}

/// Which time it is. A page that asks a few times, and takes the answer that came back
/// soonest as of the middle between question and answer, knows the difference to its own
/// clock to within half of that time.
#[utoipa::path(
    get, path = "/clock", operation_id = "get_clock", tag = "system",
    params(ClockQuery),
    responses(
        (status = 200, body = ClockView),
        (status = 404, description = "No such channel.", body = Problem),
    ),
)]
pub(super) async fn get(
    State(schedule): State<Schedule>,
    State(clock): State<Clock>,
    Query(query): Query<ClockQuery>,
) -> Answer<Json<ClockView>> {
    let channel = match &query.channel {
        Some(text) => {
            let channel: Option<ChannelRef> = text.parse().ok();
            let channel = channel.ok_or_else(|| Problem::not_found("channel", text))?;
            Some(find(&schedule, channel)?.id)
        }
        None => None,
    };
    let at = clock.now().into();
    let channel = channel.map(|id| ChannelClock { id: id.0, at: clock.now_on(id).into() });
    Ok(Json(ClockView { at, channel }))
}
