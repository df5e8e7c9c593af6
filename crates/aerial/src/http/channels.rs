//! `/channels`: the channels' settings, what is on, and ending an item early.
//!
//! Owns the routes; how a channel is told and taken is in `settings`. What may be set is
//! the model's decision (`aerial_model::channel`), when it takes effect the schedule's.

mod settings;

use std::sync::Arc;

use aerial_model::channel::{self, What};
use aerial_model::id::{ChannelNumber, ChannelRef};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use self::settings::number;
pub use self::settings::{Channel, ChannelEdit, NewChannel, Order, Video};
use super::extract::{At, Json, Query};
use super::guide::NowView;
use super::lineups::{refused, whats};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Problem};
use super::scheduled::{find, takes_effect_at};
use super::streams::Streams;
use super::wire::Instant;
use crate::clock::Clock;
use crate::db::Db;
use crate::schedule::Schedule;

/// A channel after a change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EditedChannel {
    /// As it is now.
    #[serde(flatten)]
    channel: Channel,
    /// When the change can first be seen on the air; `null` where it alters
    /// nothing that airs.
    #[schema(required = true)]
    takes_effect_at: Option<Instant>,
}

/// All channels, by number.
#[utoipa::path(
    get, path = "/channels", operation_id = "list_channels", tag = "channels",
    params(PageQuery),
    responses((status = 200, body = Listing<Channel>)),
)]
pub(super) async fn list(
    State(schedule): State<Schedule>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<Channel>>> {
    let after: Option<ChannelNumber> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let channels = schedule.channels();
    let rest = channels.iter().filter(|channel| after.is_none_or(|after| channel.number > after));
    let told = rest.map(|channel| Channel::from(&**channel));
    Ok(Json(Listing::cut(told, page.limit, |channel| channel.number.clone())))
}

/// Makes a channel.
#[utoipa::path(
    post, path = "/channels", operation_id = "create_channel", tag = "channels",
    request_body = NewChannel,
    responses(
        (status = 201, body = Channel, headers(("Location" = String, description = "Its path."))),
        (status = 409, description = "The number is taken.", body = Problem),
    ),
)]
pub(super) async fn create(
    State(schedule): State<Schedule>,
    Json(new): Json<NewChannel>,
) -> Answer<impl IntoResponse> {
    let (edit, items) = new.parts();
    let whats: Vec<What> = whats(&items)?;
    let made = schedule.create_channel(&edit, whats).await;
    let channel = made.map_err(|error| refused(error, &items))?;
    let place = format!("/api/v1/channels/{}", channel.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(Channel::from(&*channel))))
}

/// A copy of a channel to make.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClone {
    /// `5` or `5.1`; the next whole number that is free, unless said.
    #[serde(default, deserialize_with = "number")]
    #[schema(value_type = Option<String>, example = "5.1")]
    number: Option<String>,
    /// 1 to 100 characters; the other's name with a number behind it, unless said.
    name: Option<String>,
}

/// Makes a channel with the settings and the lineup of another. Its shuffle is of its
/// own, and so is its past.
#[utoipa::path(
    post, path = "/channels/{channel}/clone", operation_id = "clone_channel", tag = "channels",
    params(("channel" = String, Path, description = "Its number or id.")),
    request_body = NewClone,
    responses(
        (status = 201, body = Channel, headers(("Location" = String, description = "Its path."))),
        (status = 404, body = Problem),
        (status = 409, description = "The number is taken.", body = Problem),
    ),
)]
pub(super) async fn clone(
    State(schedule): State<Schedule>,
    At(channel): At<ChannelRef>,
    Json(new): Json<NewClone>,
) -> Answer<impl IntoResponse> {
    let known = find(&schedule, channel)?;
    let channels = schedule.channels();
    let mut edit = known.as_edit();
    edit.number = Some(new.number.unwrap_or_else(|| free_after(known.number, &channels)));
    edit.name = Some(new.name.unwrap_or_else(|| copied_name(&known.name, &channels)));
    let items = schedule.lineup(known.id).await?.into_iter().map(|item| item.what).collect();
    let channel = schedule.create_channel(&edit, items).await?;
    let place = format!("/api/v1/channels/{}", channel.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, place)], Json(Channel::from(&*channel))))
}

/// The first whole number after that one which no channel has; after the last, from 1 on.
fn free_after(number: ChannelNumber, channels: &[Arc<channel::Channel>]) -> String {
    let taken = |number: &ChannelNumber| channels.iter().any(|one| one.number == *number);
    let after = (number.major + 1..=ChannelNumber::LAST).chain(1..=number.major);
    let mut numbers = after.map(|major| ChannelNumber { major, minor: None });
    numbers.find(|number| !taken(number)).unwrap_or(number).to_string()
}

/// `Films 2` of `Films`, or `Films 3` where there is one.
fn copied_name(name: &str, channels: &[Arc<channel::Channel>]) -> String {
    // So that a long one stays within its limit.
    let short: String = name.chars().take(channel::NAME_CHARS - 6).collect();
    let names = (2..).map(|copy: u32| format!("{} {copy}", short.trim_end()));
    let taken = |name: &String| channels.iter().any(|one| one.name == *name);
    names.into_iter().find(|name| !taken(name)).unwrap_or(short)
}

/// One channel.
#[utoipa::path(
    get, path = "/channels/{channel}", operation_id = "get_channel", tag = "channels",
    params(("channel" = String, Path, description = "Its number or id.")),
    responses((status = 200, body = Channel), (status = 404, body = Problem)),
)]
pub(super) async fn get(
    State(schedule): State<Schedule>,
    At(channel): At<ChannelRef>,
) -> Answer<Json<Channel>> {
    Ok(Json(Channel::from(&*find(&schedule, channel)?)))
}

/// Changes a channel's settings.
#[utoipa::path(
    patch, path = "/channels/{channel}", operation_id = "edit_channel", tag = "channels",
    params(("channel" = String, Path, description = "Its number or id.")),
    request_body = ChannelEdit,
    responses(
        (status = 200, body = EditedChannel),
        (status = 409, description = "The number is taken.", body = Problem),
    ),
)]
pub(super) async fn edit(
    State(schedule): State<Schedule>,
    At(channel): At<ChannelRef>,
    Json(edit): Json<ChannelEdit>,
) -> Answer<Json<EditedChannel>> {
    let id = find(&schedule, channel)?.id;
    let (channel, effect) = schedule.edit_channel(id, edit.into()).await?;
    let takes_effect_at = takes_effect_at(effect);
    Ok(Json(EditedChannel { channel: Channel::from(&*channel), takes_effect_at }))
}

/// Deletes a channel: off the air at once, its lineup and past forgotten.
#[utoipa::path(
    delete, path = "/channels/{channel}", operation_id = "delete_channel", tag = "channels",
    params(("channel" = String, Path, description = "Its number or id.")),
    responses((status = 204), (status = 404, body = Problem)),
)]
pub(super) async fn delete(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
) -> Answer<StatusCode> {
    let id = find(&schedule, channel)?.id;
    if !schedule.delete_channel(id).await? {
        return Err(Problem::not_found("channel", &channel.to_string()));
    }
    streams.withdraw(id).await;
    Ok(StatusCode::NO_CONTENT)
}

/// What is on now, and what comes next.
#[utoipa::path(
    get, path = "/channels/{channel}/now", operation_id = "now", tag = "guide",
    params(("channel" = String, Path, description = "Its number or id.")),
    responses((status = 200, body = NowView), (status = 404, body = Problem)),
)]
pub(super) async fn now(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    State(clock): State<Clock>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
) -> Answer<Json<NowView>> {
    let channel = find(&schedule, channel)?;
    NowView::of(&schedule, &db, (&clock, &streams), channel.id).await.map(Json)
}

/// When the next item begins.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Skipped {
    /// The item on the air ends then: at the first segment that no viewer was promised.
    takes_effect_at: Instant,
}

/// Ends the item that is on the air early.
#[utoipa::path(
    post, path = "/channels/{channel}/skip", operation_id = "skip", tag = "channels",
    params(("channel" = String, Path, description = "Its number or id.")),
    responses(
        (status = 200, body = Skipped),
        (status = 409, description = "Nothing is on that could be skipped.", body = Problem),
        (status = 404, body = Problem),
    ),
)]
pub(super) async fn skip(
    State(schedule): State<Schedule>,
    State(streams): State<Streams>,
    At(channel): At<ChannelRef>,
) -> Answer<Json<Skipped>> {
    let id = find(&schedule, channel)?.id;
    let effect = schedule.skip(id, move |edge| streams.first_unpromised(id, edge)).await?;
    Ok(Json(Skipped { takes_effect_at: Instant(effect.at) }))
}
