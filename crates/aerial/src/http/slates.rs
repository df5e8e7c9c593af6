//! `/slates`: one's own picture or clip for what is shown where nothing else can be.
//!
//! Owns the shapes; `stream::own_slates` keeps the files and puts them on the air.

use std::fmt;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{At, Json, PathParameter, too_large_over};
use super::problem::{Answer, Kind, Problem};
use crate::stream::own_slates::{Look, OwnSlates, Refused};
use crate::stream::slate::SlateKind;

/// The most that a picture or clip may have: some seconds of video of a good camera.
pub const SLATE_LIMIT: usize = 64 * 1024 * 1024;

/// For what a slate stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SlateKind)]
pub enum Slated {
    /// A channel that has nothing to play.
    OffAir,
    /// A programme that fails.
    Trouble,
}

impl From<SlateKind> for Slated {
    fn from(kind: SlateKind) -> Self {
        match kind {
            SlateKind::OffAir => Self::OffAir,
            SlateKind::Trouble => Self::Trouble,
        }
    }
}

impl From<Slated> for SlateKind {
    fn from(kind: Slated) -> Self {
        match kind {
            Slated::OffAir => Self::OffAir,
            Slated::Trouble => Self::Trouble,
        }
    }
}

impl fmt::Display for Slated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SlateKind::from(*self).name())
    }
}

impl FromStr for Slated {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off_air" => Ok(Self::OffAir),
            "trouble" => Ok(Self::Trouble),
            _ => Err("is neither `off_air` nor `trouble`"),
        }
    }
}

impl PathParameter for Slated {
    const NAME: &'static str = "kind";
    const WHAT: &'static str = "slate";
}

/// What stands in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Slate)]
pub struct SlateView {
    /// For what.
    kind: Slated,
    /// Where it is from.
    from: From_,
    /// The file that the settings name, or why theirs or the uploaded one is not shown.
    #[schema(required = true)]
    path: Option<String>,
    /// Its address, for looking at it; `null` unless it was uploaded.
    #[schema(required = true)]
    picture: Option<String>,
}

/// Where a slate is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SlateFrom)]
#[serde(rename_all = "snake_case")]
pub enum From_ {
    /// Aerial's own.
    BuiltIn,
    /// It was uploaded.
    Uploaded,
    /// `[slates]` in the settings names it; an upload would not be seen.
    Settings,
}

fn told(kind: SlateKind, look: Look) -> SlateView {
    let picture = format!("/api/v1/slates/{}", kind.name());
    let (from, path, picture) = match look {
        Look::BuiltIn => (From_::BuiltIn, None, None),
        Look::Uploaded(_) => (From_::Uploaded, None, Some(picture)),
        Look::Set(path) => (From_::Settings, Some(path.to_string_lossy().into_owned()), None),
    };
    SlateView { kind: kind.into(), from, path, picture }
}

/// Both slates.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SlatesView {
    /// Off air, then trouble.
    items: Vec<SlateView>,
}

/// What is shown where nothing else can be.
#[utoipa::path(
    get, path = "/slates", operation_id = "list_slates", tag = "system",
    responses((status = 200, body = SlatesView)),
)]
pub(super) async fn list(State(slates): State<OwnSlates>) -> Json<SlatesView> {
    let both = [SlateKind::OffAir, SlateKind::Trouble];
    Json(SlatesView { items: both.into_iter().map(|kind| told(kind, slates.look(kind))).collect() })
}

/// The picture or clip that was uploaded.
#[utoipa::path(
    get, path = "/slates/{kind}", operation_id = "get_slate", tag = "system",
    params(("kind" = Slated, Path, description = "For what it stands in.")),
    responses(
        (status = 200, content(
            (Vec<u8> = "image/png"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"),
            (Vec<u8> = "image/gif"), (Vec<u8> = "video/mp4"), (Vec<u8> = "video/webm"),
            (Vec<u8> = "application/octet-stream"),
        )),
        (status = 404, description = "None was uploaded.", body = Problem),
    ),
)]
pub(super) async fn get(
    State(slates): State<OwnSlates>,
    At(kind): At<Slated>,
) -> Answer<impl IntoResponse> {
    let none = || Problem::new(Kind::NotFound, format!("no picture for `{kind}` was uploaded"));
    let Look::Uploaded(path) = slates.look(kind.into()) else { return Err(none()) };
    let bytes = tokio::fs::read(path).await.map_err(|_| none())?;
    Ok(([(header::CONTENT_TYPE, media_type(&bytes)), (header::CACHE_CONTROL, "no-cache")], bytes))
}

/// By the first bytes: enough for a browser to show it.
fn media_type(bytes: &[u8]) -> &'static str {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => "image/webp",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "video/mp4",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "video/webm",
        _ => "application/octet-stream",
    }
}

/// Shows the picture or clip in the body, of at most 64 MiB, from now on; of a clip the
/// first 4 s, over and over, without sound. What is on the air as slate already stays.
#[utoipa::path(
    put, path = "/slates/{kind}", operation_id = "upload_slate", tag = "system",
    params(("kind" = Slated, Path, description = "For what it stands in.")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = SlateView),
        (status = 409, description = "The settings name another.", body = Problem),
        (status = 413, body = Problem),
        (status = 415, description = "FFmpeg cannot show it.", body = Problem),
    ),
)]
pub(super) async fn put(
    State(slates): State<OwnSlates>,
    At(kind): At<Slated>,
    picture: Result<Bytes, BytesRejection>,
) -> Answer<Json<SlateView>> {
    let picture = picture.map_err(|_| too_large_over(SLATE_LIMIT))?;
    let kind = kind.into();
    slates.put(kind, &picture).await?;
    Ok(Json(told(kind, slates.look(kind))))
}

/// Takes an uploaded picture away: Aerial's own is shown again.
#[utoipa::path(
    delete, path = "/slates/{kind}", operation_id = "delete_slate", tag = "system",
    params(("kind" = Slated, Path, description = "For what it stands in.")),
    responses((status = 204), (status = 404, description = "None was uploaded.", body = Problem)),
)]
pub(super) async fn delete(
    State(slates): State<OwnSlates>,
    At(kind): At<Slated>,
) -> Answer<StatusCode> {
    match slates.take_away(kind.into()).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(Kind::NotFound, format!("no picture for `{kind}` was uploaded"))),
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let kind = match refused {
            Refused::Set { .. } => Kind::Conflict,
            Refused::Unshowable(_) => Kind::UnsupportedMediaType,
            Refused::Folder { .. } => Kind::Internal,
        };
        Self::new(kind, refused.to_string())
    }
}
