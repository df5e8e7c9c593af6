//! `/media/totals` and `/media/{media}/channels`: the library at a glance, and where a
//! file of it plays.

use aerial_model::channel::What;
use aerial_model::id::MediaId;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{At, Json, Query};
use super::media::{Filter, find};
use super::page::{Listing, PageQuery};
use super::problem::{Answer, Problem};
use super::wire::millis;
use crate::db::Db;
use crate::schedule::{Schedule, ScheduleError};

/// How much there is of some media.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MediaTotals {
    /// How many.
    media: u64,
    /// All that are playable together.
    length_ms: i64,
    /// All their files together.
    size_bytes: u64,
    /// How many can air. The figures by state are of all states, also where one was
    /// asked for.
    ok: u64,
    /// How many cannot be played.
    unplayable: u64,
    /// Of how many the file is gone.
    missing: u64,
    /// By video codec, the most frequent first. They are of all codecs, also where one was
    /// asked for.
    codecs: Vec<CodecTotal>,
}

/// How many media have a codec.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CodecTotal {
    /// FFmpeg's name of it; `null`: no picture, or not known.
    #[schema(required = true)]
    codec: Option<String>,
    /// How many.
    media: u64,
}

/// How much there is of the media that fit.
#[utoipa::path(
    get, path = "/media/totals", operation_id = "media_totals", tag = "library",
    params(Filter),
    responses((status = 200, body = MediaTotals)),
)]
pub(super) async fn totals(
    State(db): State<Db>,
    Query(filter): Query<Filter>,
) -> Answer<Json<MediaTotals>> {
    let filter = filter.into();
    let (sums, states, codecs) = db.media_totals(&filter).await?;
    Ok(Json(MediaTotals {
        media: sums.media,
        length_ms: millis(sums.length),
        size_bytes: sums.size_bytes,
        ok: states.ok,
        unplayable: states.unplayable,
        missing: states.missing,
        codecs: codecs.into_iter().map(|(codec, media)| CodecTotal { codec, media }).collect(),
    }))
}

/// A channel that plays a media.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlayedOn {
    /// The channel's id.
    channel: Uuid,
    /// Its number.
    number: String,
    /// Its name.
    name: String,
    /// The show that it plays it as an episode of; `null`: it plays this media by itself.
    #[schema(required = true)]
    show: Option<String>,
}

/// The channels that play a media, by number.
#[utoipa::path(
    get, path = "/media/{media}/channels", operation_id = "media_channels", tag = "library",
    params(("media" = Uuid, Path, description = "Its id."), PageQuery),
    responses((status = 200, body = Listing<PlayedOn>), (status = 404, body = Problem)),
)]
pub(super) async fn channels(
    State(db): State<Db>,
    State(schedule): State<Schedule>,
    At(id): At<MediaId>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Listing<PlayedOn>>> {
    let show = find(&db, id).await?.about.show;
    let after: Option<aerial_model::id::ChannelNumber> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let play = db.channels_with(&[id]).await?;
    let mut played = Vec::new();
    for channel in schedule.channels() {
        if !play.contains(&channel.id) || after.is_some_and(|after| channel.number <= after) {
            continue;
        }
        let items = match schedule.lineup(channel.id).await {
            Ok(items) => items,
            Err(ScheduleError::UnknownChannel(_)) => continue,
            Err(error) => return Err(error.into()),
        };
        let by_itself = items.iter().any(|item| item.what == What::Media(id));
        played.push(PlayedOn {
            channel: channel.id.0,
            number: channel.number.to_string(),
            name: channel.name.clone(),
            show: show.clone().filter(|_| !by_itself),
        });
    }
    Ok(Json(Listing::cut(played, page.limit, |one| one.number.clone())))
}
