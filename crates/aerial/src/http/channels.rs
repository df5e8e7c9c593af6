//! `/channels`: the channels' settings, what is on, and ending an item early.
//!
//! Owns how a channel is told and taken. What may be set is the model's
//! decision (`aerial_model::channel`), when it takes effect the schedule's.

use aerial_model::channel::{self, What};
use aerial_model::id::{ChannelNumber, ChannelRef};
use aerial_model::lineup;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{At, Json, Query};
use super::guide::NowView;
use super::lineups::{NewItem, refused, whats};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Problem};
use super::scheduled::{find, takes_effect_at};
use super::streams::Streams;
use super::wire::Instant;
use crate::clock::Clock;
use crate::db::Db;
use crate::schedule::Schedule;

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Channel {
    /// For good.
    pub id: Uuid,
    /// As people type it, `5` or `5.1`; can be given to another channel.
    #[schema(example = "5.1")]
    pub number: String,
    /// What it is called.
    pub name: String,
    /// URL of its logo, absolute or from this server's root.
    #[schema(required = true)]
    pub logo: Option<String>,
    /// The heading TV apps list it under.
    #[schema(required = true)]
    pub group: Option<String>,
    /// Before this instant it is off the air.
    pub starts_at: Instant,
    /// After the last item: begin again, or go off the air.
    #[serde(rename = "loop")]
    pub looping: bool,
    /// In which order its items play.
    pub order: Order,
    /// Its renditions, best first; empty: what the machine affords.
    #[schema(example = json!(["720p", "480p"]))]
    pub ladder: Vec<String>,
    /// How long its session waits for a next viewer; `null`: as the server is set.
    #[schema(required = true)]
    pub grace_ms: Option<u64>,
    /// Whether its files' video is copied where it can be.
    pub video: Video,
    /// It is on the air whether anybody watches or not; it is made all the time.
    pub keep_running: bool,
    /// How many days back what aired can be played again; 0: not at all.
    pub catchup_days: u32,
    /// When it was made.
    pub created_at: Instant,
}

impl From<&channel::Channel> for Channel {
    fn from(channel: &channel::Channel) -> Self {
        Self {
            id: channel.id.0,
            number: channel.number.to_string(),
            name: channel.name.clone(),
            logo: channel.logo.clone(),
            group: channel.group.clone(),
            starts_at: channel.starts_at.into(),
            looping: channel.looping,
            order: channel.order.into(),
            ladder: channel.ladder.iter().map(ToString::to_string).collect(),
            grace_ms: channel.grace_ms,
            video: channel.video.into(),
            keep_running: channel.keep_running,
            catchup_days: channel.catchup_days,
            created_at: channel.created_at.into(),
        }
    }
}

/// What a channel does with its files' video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ChannelVideo)]
pub enum Video {
    /// Copied where it can be; segments are up to 8 s long.
    Auto,
    /// All of it is transcoded; segments are 4 s long.
    Transcode,
}

impl From<channel::Video> for Video {
    fn from(video: channel::Video) -> Self {
        match video {
            channel::Video::Auto => Self::Auto,
            channel::Video::Transcode => Self::Transcode,
        }
    }
}

impl From<Video> for channel::Video {
    fn from(video: Video) -> Self {
        match video {
            Video::Auto => Self::Auto,
            Video::Transcode => Self::Transcode,
        }
    }
}

/// In which order a channel's items play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// As arranged.
    Sequential,
    /// Everything once per cycle, in an order that looks random.
    Shuffle,
}

impl From<lineup::Order> for Order {
    fn from(order: lineup::Order) -> Self {
        match order {
            lineup::Order::Sequential => Self::Sequential,
            lineup::Order::Shuffle => Self::Shuffle,
        }
    }
}

impl From<Order> for lineup::Order {
    fn from(order: Order) -> Self {
        match order {
            Order::Sequential => Self::Sequential,
            Order::Shuffle => Self::Shuffle,
        }
    }
}

/// Settings to change; what is not there stays as it is.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChannelEdit {
    /// `5` or `5.1`; no other channel may have it.
    #[serde(default, deserialize_with = "number")]
    #[schema(value_type = Option<String>, example = "5.1")]
    number: Option<String>,
    /// 1 to 100 characters.
    name: Option<String>,
    /// A URL; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    logo: Option<Option<String>>,
    /// 1 to 100 characters; `null` takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    group: Option<Option<String>>,
    /// Before this instant it is off the air; when it was made, unless said.
    #[schema(value_type = Option<Instant>)]
    starts_at: Option<String>,
    /// After the last item begin again; yes, unless said.
    #[serde(rename = "loop")]
    looping: Option<bool>,
    /// Sequential, unless said.
    order: Option<Order>,
    /// `source` or heights such as `720p`; empty, unless said: what the machine affords.
    ladder: Option<Vec<String>>,
    /// 0 to 3600000; `null`: as the server is set.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<u64>, maximum = 3_600_000)]
    grace_ms: Option<Option<u64>>,
    /// Auto, unless said. A change begins a new stream: who watches must tune in again.
    video: Option<Video>,
    /// It is on the air whether anybody watches or not; no, unless said.
    keep_running: Option<bool>,
    /// How many days back what aired can be played again, 0 to 30; not at all (0),
    /// unless said.
    #[schema(maximum = 30)]
    catchup_days: Option<u32>,
}

impl From<ChannelEdit> for channel::Edit {
    fn from(edit: ChannelEdit) -> Self {
        Self {
            number: edit.number,
            name: edit.name,
            logo: edit.logo,
            group: edit.group,
            starts_at: edit.starts_at,
            looping: edit.looping,
            order: edit.order.map(Into::into),
            ladder: edit.ladder,
            grace_ms: edit.grace_ms,
            video: edit.video.map(Into::into),
            keep_running: edit.keep_running,
            catchup_days: edit.catchup_days,
        }
    }
}

/// A channel to make: settings, and its first items.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChannel {
    /// `5` or `5.1`; no other channel may have it.
    #[serde(default, deserialize_with = "number")]
    #[schema(value_type = String, required = true, example = "5.1")]
    number: Option<String>,
    /// 1 to 100 characters.
    #[serde(default)]
    #[schema(value_type = String, required = true)]
    name: Option<String>,
    /// A URL.
    logo: Option<String>,
    /// 1 to 100 characters.
    group: Option<String>,
    /// Before this instant it is off the air; now, unless said.
    #[schema(value_type = Option<Instant>)]
    starts_at: Option<String>,
    /// After the last item begin again; yes, unless said.
    #[serde(rename = "loop")]
    looping: Option<bool>,
    /// Sequential, unless said.
    order: Option<Order>,
    /// `source` or heights such as `720p`; empty, unless said: what the machine affords.
    ladder: Option<Vec<String>>,
    /// 0 to 3600000; as the server is set, unless said.
    #[schema(maximum = 3_600_000)]
    grace_ms: Option<u64>,
    /// Auto, unless said.
    video: Option<Video>,
    /// It is on the air whether anybody watches or not; no, unless said.
    keep_running: Option<bool>,
    /// How many days back what aired can be played again, 0 to 30; not at all (0),
    /// unless said.
    #[schema(maximum = 30)]
    catchup_days: Option<u32>,
    /// What it plays; can be given later.
    #[serde(default)]
    items: Vec<NewItem>,
}

impl NewChannel {
    fn parts(self) -> (channel::Edit, Vec<NewItem>) {
        let edit = channel::Edit {
            number: self.number,
            name: self.name,
            logo: self.logo.map(Some),
            group: self.group.map(Some),
            starts_at: self.starts_at,
            looping: self.looping,
            order: self.order.map(Into::into),
            ladder: self.ladder,
            grace_ms: self.grace_ms.map(Some),
            video: self.video.map(Into::into),
            keep_running: self.keep_running,
            catchup_days: self.catchup_days,
        };
        (edit, self.items)
    }
}

/// Tells `null` from a field that is not there.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

/// A number as text, or as a whole number. `5.10` as a number would be 5.1.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Text;
    impl de::Visitor<'_> for Text {
        type Value = Option<String>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a channel number as text, such as \"5\" or \"5.1\"")
        }
        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.to_owned()))
        }
        fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Self::Value, E> {
            Ok(Some(whole.to_string()))
        }
        fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }
    deserializer.deserialize_any(Text)
}

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

/// The first whole number after that one which no channel has.
fn free_after(number: ChannelNumber, channels: &[std::sync::Arc<channel::Channel>]) -> String {
    let taken = |number: &ChannelNumber| channels.iter().any(|one| one.number == *number);
    let numbers =
        (number.major.saturating_add(1)..).map(|major| ChannelNumber { major, minor: None });
    numbers.into_iter().find(|number| !taken(number)).map_or_else(String::new, |n| n.to_string())
}

/// `Films 2` of `Films`, or `Films 3` where there is one.
fn copied_name(name: &str, channels: &[std::sync::Arc<channel::Channel>]) -> String {
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
    let effect = schedule.skip(id, streams.first_unpromised(id).await?).await?;
    Ok(Json(Skipped { takes_effect_at: Instant(effect.at) }))
}
