//! `/channels/{channel}/preview` and `/channels/preview`: what an unsaved lineup would
//! play.
//!
//! Owns the shapes; the schedule plans it. Nothing is changed.

use aerial_model::id::ChannelRef;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::channels::ChannelEdit;
use super::extract::{At, Json};
use super::guide::{Programme, Titles};
use super::lineups::{NewItem, refused, wanted, whats};
use super::problem::{Answer, Problem};
use super::scheduled::find;
use super::wire::{Instant, millis};
use crate::db::Db;
use crate::schedule::{Draft, Preview, Schedule, ScheduleError};

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
    /// Programmes that begin before this instant: within a month, unless said.
    until: Option<Instant>,
}

/// What an unsaved lineup would play.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Preview)]
pub struct PreviewView {
    /// When it would take effect; what begins before is decided already.
    takes_effect_at: Instant,
    /// From what is on now; those that are `committed` play whatever is saved.
    items: Vec<Programme>,
    /// How long everything in the lineup takes once.
    cycle_ms: i64,
    /// How many programmes that is. What cannot be played is not among them.
    cycle_programmes: usize,
}

impl PreviewRequest {
    fn limit(&self) -> Answer<usize> {
        let limit = self.limit.unwrap_or(PREVIEW_PROGRAMMES);
        match (1..=MOST_PREVIEW_PROGRAMMES).contains(&limit) {
            true => Ok(usize::from(limit)),
            false => {
                Err(Problem::field("limit", format!("must be 1 to {MOST_PREVIEW_PROGRAMMES}")))
            }
        }
    }
}

impl PreviewView {
    async fn of(
        db: &Db,
        preview: Result<Preview, ScheduleError>,
        items: &[NewItem],
    ) -> Answer<Json<Self>> {
        let preview = preview.map_err(|error| match error {
            ScheduleError::Invalid(invalid) => Problem::invalid_within("settings", invalid),
            error => refused(error, items),
        })?;
        let titles = Titles::of(db, &preview.programmes).await?;
        let items = preview.programmes.iter().map(|programme| titles.told(programme)).collect();
        Ok(Json(Self {
            takes_effect_at: Instant(preview.at),
            items,
            cycle_ms: millis(preview.cycle),
            cycle_programmes: preview.in_cycle,
        }))
    }
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
    let limit = request.limit()?;
    let items = match &request.items {
        Some(given) => Some(wanted(&schedule, id, given).await?),
        None => None,
    };
    let until = request.until.map(|until| until.0);
    let draft = Draft { items, edit: request.settings.into(), until };
    let preview = schedule.preview(id, draft, limit).await;
    PreviewView::of(&db, preview, request.items.as_deref().unwrap_or_default()).await
}

/// What a channel would play if it were made now, with these items and settings; number
/// and name need not be decided. Changes nothing.
#[utoipa::path(
    post, path = "/channels/preview", operation_id = "preview_new", tag = "channels",
    request_body = PreviewRequest,
    responses((status = 200, body = PreviewView)),
)]
pub(super) async fn preview_new(
    State(schedule): State<Schedule>,
    State(db): State<Db>,
    Json(request): Json<PreviewRequest>,
) -> Answer<Json<PreviewView>> {
    let limit = request.limit()?;
    let items = request.items.unwrap_or_default();
    let new = whats(&items)?.into_iter().map(Into::into).collect();
    let until = request.until.map(|until| until.0);
    let draft = Draft { items: Some(new), edit: request.settings.into(), until };
    let preview = schedule.preview_new(draft, limit).await;
    PreviewView::of(&db, preview, &items).await
}
