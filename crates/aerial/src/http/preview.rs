//! `/channels/{channel}/preview`: what an unsaved lineup would play.
//!
//! Owns the shapes; the schedule plans it. Nothing is changed.

use aerial_model::id::ChannelRef;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::channels::ChannelEdit;
use super::extract::{At, Json};
use super::guide::{Programme, Titles};
use super::lineups::{NewItem, refused, wanted};
use super::problem::{Answer, Problem};
use super::scheduled::find;
use super::wire::Instant;
use crate::db::Db;
use crate::schedule::{Draft, Schedule};

/// How many programmes a preview tells unless asked otherwise: an evening of
/// short ones.
const PREVIEW_PROGRAMMES: u16 = 50;
/// How many at most.
const MOST_PREVIEW_PROGRAMMES: u16 = 500;

/// A lineup and settings that are not saved.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    /// The items; those that there are, unless said.
    items: Option<Vec<NewItem>>,
    /// Changed settings.
    #[serde(default)]
    settings: ChannelEdit,
    /// How many programmes at most.
    #[schema(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u16>,
}

/// What an unsaved lineup would play.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub struct PreviewView {
    /// When it would take effect; what begins before is decided already.
    takes_effect_at: Instant,
    /// From what is on now.
    items: Vec<Programme>,
}

/// What the channel would play if this were saved now. Changes nothing.
#[utoipa::path(
    post, path = "/channels/{channel}/preview", operation_id = "preview", tag = "channels",
    params(("channel" = String, Path, description = "Its number or id.")),
    request_body = PreviewRequest,
    responses((status = 200, body = PreviewView)),
)]
pub(super) async fn preview(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    At(channel): At<ChannelRef>,
    Json(request): Json<PreviewRequest>,
) -> Answer<Json<PreviewView>> {
    let id = find(&schedule, channel)?.id;
    let limit = request.limit.unwrap_or(PREVIEW_PROGRAMMES);
    if !(1..=MOST_PREVIEW_PROGRAMMES).contains(&limit) {
        return Err(Problem::field("limit", format!("must be 1 to {MOST_PREVIEW_PROGRAMMES}")));
    }
    let items = match &request.items {
        Some(given) => Some(wanted(&schedule, id, given).await?),
        None => None,
    };
    let draft = Draft { items, edit: request.settings.into() };
    let preview = schedule.preview(id, draft, usize::from(limit)).await;
    let preview =
        preview.map_err(|error| refused(error, request.items.as_deref().unwrap_or_default()))?;
    let titles = Titles::of(&db, &preview.programmes).await?;
    let items = preview.programmes.iter().map(|programme| titles.told(programme)).collect();
    Ok(Json(PreviewView { takes_effect_at: Instant(preview.at), items }))
}
