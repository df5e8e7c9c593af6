//! `/channels/{channel}/lineup`: what a channel plays.
//!
//! Owns how items are told and taken, and where in a request an item was that
//! the schedule refuses. Each change answers when it takes effect.

use std::collections::HashMap;

use aerial_model::channel::{LineupItem, What};
use aerial_model::id::{ChannelId, ChannelRef, ItemId, MediaId};
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::extract::{At, Json, Query};
use super::media::State as MediaStateView;
use super::page::{Listing, PageQuery};
use super::problem::{Answer, FieldError, Problem};
use super::scheduled::{find, takes_effect_at};
use super::wire::{Instant, millis};
use crate::db::{Db, DbError};
use crate::schedule::{self, Effect, Revision, Schedule, ScheduleError};

/// An item of a lineup.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LineupItem)]
pub struct Item {
    /// For good, wherever it is moved.
    id: Uuid,
    /// The media that it is, unless it is a show.
    #[schema(required = true)]
    media: Option<Uuid>,
    /// The show that it is: all its episodes in order, and those to come.
    #[schema(required = true)]
    show: Option<String>,
    /// Where the media's file is (what is not text in it is replaced by `�`).
    #[schema(required = true)]
    path: Option<String>,
    /// What it is called.
    title: String,
    /// The show that a media is an episode of.
    #[schema(required = true)]
    episode_of: Option<String>,
    /// The episode's season; 0 is specials.
    #[schema(required = true)]
    season: Option<u32>,
    /// Its number in the season.
    #[schema(required = true)]
    episode: Option<u32>,
    /// How long it plays; `null` where that is not known.
    #[schema(required = true)]
    length_ms: Option<i64>,
    /// How many episodes a show has.
    #[serde(skip_serializing_if = "Option::is_none")]
    episodes: Option<u64>,
    /// Whether it can air.
    state: MediaStateView,
}

/// An item as a lineup is to have it: name `media` or `show`, and for one that
/// is in the lineup already its `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewLineupItem)]
pub struct NewItem {
    /// The item it is, wherever it stood; none: a new one.
    id: Option<Uuid>,
    /// One media.
    media: Option<Uuid>,
    /// All episodes of a show, in order, also those to come.
    show: Option<String>,
}

impl NewItem {
    fn what(&self) -> Result<Option<What>, &'static str> {
        match (self.media, &self.show) {
            (Some(media), None) => Ok(Some(What::Media(MediaId(media)))),
            (None, Some(show)) => Ok(Some(What::Show(show.clone()))),
            (None, None) if self.id.is_some() => Ok(None),
            (None, None) => Err("name either a `media` or a `show`"),
            (Some(_), Some(_)) => Err("name a `media` or a `show`, not both"),
        }
    }
}

/// A page of a lineup.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Lineup {
    /// What is on it.
    items: Vec<Item>,
    /// The `cursor` of the page after it; `null` at the end.
    #[schema(required = true)]
    next: Option<String>,
    /// Names the whole lineup's items as they stand; for `PUT`.
    revision: Uuid,
}

/// A whole lineup.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLineup {
    /// All items, in the order they play.
    items: Vec<NewItem>,
    /// Of the lineup that was edited. Refused with 409 where somebody changed it
    /// meanwhile; unless said, whatever there is gives way.
    revision: Option<Uuid>,
}

/// Items to add.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddedItems {
    /// The items, in order; they are new, so none has an `id`.
    items: Vec<NewItem>,
    /// Before the item that is now at this place, from 0; at the end, unless said.
    at: Option<usize>,
}

/// An order of items.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// Ids of items in the order they are to play; those not named follow as they stood.
    items: Vec<Uuid>,
}

/// What came of a change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LineupChange {
    /// When the change can first be seen on the air: when what is on, and what is
    /// committed after it, has played. `null` where it alters nothing that airs.
    #[schema(required = true)]
    takes_effect_at: Option<Instant>,
    /// The lineup version in force from then on.
    lineup_version: u32,
}

impl From<Effect> for LineupChange {
    fn from(effect: Effect) -> Self {
        let takes_effect_at = takes_effect_at(effect);
        Self { takes_effect_at, lineup_version: effect.lineup_version }
    }
}

/// What these new items stand for; none of them may have an id.
pub(super) fn whats(items: &[NewItem]) -> Answer<Vec<What>> {
    let mut errors = Vec::new();
    let mut whats = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        if item.id.is_some() {
            let message = "is given by the server to what is new; leave it out";
            errors.push(FieldError::new(format!("items[{index}].id"), message));
        }
        match item.what() {
            Ok(what) => whats.extend(what),
            Err(message) => errors.push(FieldError::new(format!("items[{index}]"), message)),
        }
    }
    if errors.is_empty() { Ok(whats) } else { Err(Problem::invalid(errors)) }
}

/// These items as the schedule takes them. One with an id alone stays what it is.
pub(super) async fn wanted(
    schedule: &Schedule,
    channel: ChannelId,
    items: &[NewItem],
) -> Answer<Vec<schedule::NewItem>> {
    let ids_alone = items.iter().any(|item| matches!(item.what(), Ok(None)));
    let known: HashMap<ItemId, What> = match ids_alone {
        true => {
            let current = schedule.lineup(channel).await?;
            current.into_iter().map(|item| (item.id, item.what)).collect()
        }
        false => HashMap::new(),
    };
    let mut errors = Vec::new();
    let mut wanted = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let id = item.id.map(ItemId);
        let what = item.what().map(|what| what.or_else(|| known.get(&id?).cloned()));
        match what {
            Ok(Some(what)) => wanted.push(schedule::NewItem { id, what }),
            Ok(None) => {
                let message = "is no item of this lineup";
                errors.push(FieldError::new(format!("items[{index}].id"), message));
            }
            Err(message) => errors.push(FieldError::new(format!("items[{index}]"), message)),
        }
    }
    if errors.is_empty() { Ok(wanted) } else { Err(Problem::invalid(errors)) }
}

/// Why the schedule refused these items, with the place of the one it means.
pub(super) fn refused(error: ScheduleError, items: &[NewItem]) -> Problem {
    let place = |of: &dyn Fn(&NewItem) -> bool, field: &str| {
        // The last: of an id that is there twice, the one too many.
        let index = items.iter().rposition(of);
        index.map(|index| format!("items[{index}].{field}"))
    };
    let message = error.to_string();
    let field = match &error {
        ScheduleError::Db(DbError::UnknownMedia(media)) => {
            place(&|item| item.media == Some(media.0), "media")
        }
        ScheduleError::UnknownShow(show) => place(&|item| item.show.as_ref() == Some(show), "show"),
        ScheduleError::UnknownItem { item: id, .. } | ScheduleError::ItemTwice(id) => {
            place(&|item| item.id == Some(id.0), "id")
        }
        _ => None,
    };
    match field {
        Some(field) => Problem::field(field, message),
        None => error.into(),
    }
}

/// A channel's items, in order.
#[utoipa::path(
    get, path = "/channels/{channel}/lineup", operation_id = "get_lineup", tag = "lineups",
    params(("channel" = String, Path, description = "Its number or id."), PageQuery),
    responses((status = 200, body = Lineup)),
)]
pub(super) async fn get(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    At(channel): At<ChannelRef>,
    Query(page): Query<PageQuery>,
) -> Answer<Json<Lineup>> {
    let after: Option<i64> = page
        .cursor
        .map(|cursor| cursor.parse().map_err(|_| Problem::field("cursor", "is of another list")))
        .transpose()?;
    let items = schedule.lineup(find(&schedule, channel)?.id).await?;
    let Revision(revision) = Revision::of(&items);
    let rest = items.into_iter().filter(|item| after.is_none_or(|after| item.rank > after));
    let listing = Listing::cut(rest, page.limit, |item| item.rank.to_string());
    let items = told(&db, &listing.items).await?;
    Ok(Json(Lineup { items, next: listing.next, revision }))
}

async fn told(db: &Db, items: &[LineupItem]) -> Answer<Vec<Item>> {
    let ids: Vec<MediaId> = items
        .iter()
        .filter_map(|item| match item.what {
            What::Media(id) => Some(id),
            What::Show(_) => None,
        })
        .collect();
    let media = db.media_of(&ids).await?;
    let has_shows = ids.len() < items.len();
    let shows = if has_shows { db.shows().await? } else { Vec::new() };
    let shows: HashMap<&str, _> = shows.iter().map(|show| (show.show.as_str(), show)).collect();
    let tell = |item: &LineupItem| match &item.what {
        What::Media(id) => {
            let media = media.get(id);
            Item {
                id: item.id.0,
                media: Some(id.0),
                show: None,
                path: media.map(|media| media.path.to_string_lossy().into_owned()),
                title: media.map(|media| media.about.title.clone()).unwrap_or_default(),
                episode_of: media.and_then(|media| media.about.show.clone()),
                season: media.and_then(|media| media.about.season),
                episode: media.and_then(|media| media.about.episode),
                length_ms: media
                    .and_then(|media| media.map.as_ref())
                    .map(|(_, map)| millis(map.end())),
                episodes: None,
                state: media.map_or(MediaStateView::Missing, |media| (&media.state).into()),
            }
        }
        What::Show(name) => {
            let show = shows.get(name.as_str());
            Item {
                id: item.id.0,
                media: None,
                show: Some(name.clone()),
                path: None,
                title: name.clone(),
                episode_of: None,
                season: None,
                episode: None,
                length_ms: show.map(|show| millis(show.length)),
                episodes: Some(show.map_or(0, |show| show.episodes)),
                state: match show.is_some() {
                    true => MediaStateView::Ok,
                    false => MediaStateView::Missing,
                },
            }
        }
    };
    Ok(items.iter().map(tell).collect())
}

/// Puts a whole lineup in place of the one there is.
#[utoipa::path(
    put, path = "/channels/{channel}/lineup", operation_id = "put_lineup", tag = "lineups",
    params(("channel" = String, Path, description = "Its number or id.")),
    request_body = NewLineup,
    responses(
        (status = 200, body = LineupChange),
        (status = 409, description = "Somebody changed it meanwhile.", body = Problem),
    ),
)]
pub(super) async fn put(
    State(schedule): State<Schedule>,
    At(channel): At<ChannelRef>,
    Json(new): Json<NewLineup>,
) -> Answer<Json<LineupChange>> {
    let id = find(&schedule, channel)?.id;
    let wanted = wanted(&schedule, id, &new.items).await?;
    let effect = match new.revision {
        Some(seen) => schedule.put_lineup_over(id, wanted, Revision(seen)).await,
        None => schedule.put_lineup(id, wanted).await,
    };
    effect.map(|effect| Json(effect.into())).map_err(|error| refused(error, &new.items))
}

/// Adds items.
#[utoipa::path(
    post, path = "/channels/{channel}/lineup/items", operation_id = "add_items", tag = "lineups",
    params(("channel" = String, Path, description = "Its number or id.")),
    request_body = AddedItems,
    responses((status = 201, body = LineupChange)),
)]
pub(super) async fn add(
    State(schedule): State<Schedule>,
    At(channel): At<ChannelRef>,
    Json(added): Json<AddedItems>,
) -> Answer<(StatusCode, Json<LineupChange>)> {
    let id = find(&schedule, channel)?.id;
    let effect = schedule.add_items(id, whats(&added.items)?, added.at).await;
    let effect = effect.map_err(|error| refused(error, &added.items))?;
    Ok((StatusCode::CREATED, Json(effect.into())))
}

/// Takes an item out.
#[utoipa::path(
    delete, path = "/channels/{channel}/lineup/items/{item}", operation_id = "delete_item",
    tag = "lineups",
    params(
        ("channel" = String, Path, description = "Its number or id."),
        ("item" = Uuid, Path, description = "The item's id."),
    ),
    responses((status = 200, body = LineupChange), (status = 404, body = Problem)),
)]
pub(super) async fn delete(
    State(schedule): State<Schedule>,
    At(channel): At<ChannelRef>,
    At(item): At<ItemId>,
) -> Answer<Json<LineupChange>> {
    let id = find(&schedule, channel)?.id;
    match schedule.delete_item(id, item).await {
        Err(ScheduleError::UnknownItem { .. }) => {
            Err(Problem::not_found("item", &item.to_string()))
        }
        other => Ok(Json(other?.into())),
    }
}

/// Puts the items in another order.
#[utoipa::path(
    put, path = "/channels/{channel}/lineup/order", operation_id = "arrange_lineup",
    tag = "lineups",
    params(("channel" = String, Path, description = "Its number or id.")),
    request_body = NewOrder,
    responses((status = 200, body = LineupChange)),
)]
pub(super) async fn arrange(
    State(schedule): State<Schedule>,
    At(channel): At<ChannelRef>,
    Json(order): Json<NewOrder>,
) -> Answer<Json<LineupChange>> {
    let id = find(&schedule, channel)?.id;
    let ids: Vec<ItemId> = order.items.iter().copied().map(ItemId).collect();
    let effect = schedule.arrange(id, ids).await.map_err(|error| match &error {
        ScheduleError::UnknownItem { item, .. } => {
            let index = order.items.iter().position(|id| *id == item.0).unwrap_or_default();
            Problem::field(format!("items[{index}]"), error.to_string())
        }
        _ => error.into(),
    })?;
    Ok(Json(effect.into()))
}
