//! `/channels/{channel}/logo`: a picture for a channel.

use std::collections::BTreeSet;

use aerial_model::channel::Edit;
use aerial_model::id::ChannelRef;
use axum::body::Bytes;
use axum::extract::{FromRef, State};

use super::AppState;
use super::channels::Channel;
use super::extract::{At, Json, unread};
use super::problem::{Answer, Kind, Problem};
use super::scheduled::find;
use crate::library::{LogoError, Uploads};
use crate::schedule::Schedule;

/// Where uploads are found.
pub(super) const UPLOADED: &str = "/logos/uploaded/";

impl FromRef<AppState> for Uploads {
    fn from_ref(state: &AppState) -> Self {
        state.logos.uploads().clone()
    }
}

/// Gives a channel the picture in the body as its logo: PNG, JPEG or WebP, of at most 4
/// MiB. To take it away, set the channel's `logo` to `null`.
#[utoipa::path(
    put, path = "/channels/{channel}/logo", operation_id = "upload_logo", tag = "channels",
    params(("channel" = String, Path, description = "Its number or id.")),
    request_body(content = Vec<u8>, content_type = "image/*"),
    responses(
        (status = 200, body = Channel),
        (status = 404, body = Problem),
        (status = 413, body = Problem),
        (status = 415, description = "It is no such picture.", body = Problem),
    ),
)]
pub(super) async fn put(
    State(schedule): State<Schedule>,
    State(uploads): State<Uploads>,
    At(channel): At<ChannelRef>,
    picture: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Answer<Json<Channel>> {
    let channel = find(&schedule, channel)?;
    let picture = picture.map_err(|rejection| unread(rejection.status()))?;
    // None is deleted before its channel names it.
    let _turn = uploads.turn().await;
    let name = uploads.keep(picture).await?;
    let edit = Edit { logo: Some(Some(format!("{UPLOADED}{name}"))), ..Edit::default() };
    let (channel, _) = schedule.edit_channel(channel.id, edit).await?;
    keep_named(&uploads, &schedule).await;
    Ok(Json(Channel::from(&*channel)))
}

/// Deletes uploads that no channel names. To be called in the uploads' turn.
pub(super) async fn keep_named(uploads: &Uploads, schedule: &Schedule) {
    let channels = schedule.channels();
    let named: BTreeSet<String> = channels
        .iter()
        .filter_map(|channel| channel.logo.as_deref()?.strip_prefix(UPLOADED))
        .map(str::to_owned)
        .collect();
    uploads.keep_only(&named).await;
}

impl From<LogoError> for Problem {
    fn from(error: LogoError) -> Self {
        let kind = match error {
            LogoError::Kind => Kind::UnsupportedMediaType,
            LogoError::Folder { .. } => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
