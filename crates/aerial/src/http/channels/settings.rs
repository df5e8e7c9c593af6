//! A channel's settings, as the API tells and takes them.
//!
//! Owns their names, and what is told of each in the API's document. Checks nothing but
//! the shape: what may be set is the model's decision. Invariant: a setting has one name,
//! whether it is told, given to a new channel or changed.

use aerial_model::{channel, lineup};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::http::lineups::NewItem;
use crate::http::wire::Instant;

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
    pub(super) fn parts(self) -> (channel::Edit, Vec<NewItem>) {
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
pub(super) fn number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
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
