//! `/media/{media}/thumbnail.jpg`: a picture of a media.
//!
//! Owns the request and its caching; the pictures themselves are the library's.

use aerial_model::id::MediaId;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{At, Query};
use super::media::find;
use super::problem::{Answer, Kind, Problem};
use crate::db::{Db, Media};
use crate::library::{ThumbnailError, Thumbnails, Width};

/// A day without asking, then a week in which the one that is there may be shown while
/// a newer one is asked for: a picture changes where somebody changes it.
const KEPT: &str = "private, max-age=86400, stale-while-revalidate=604800";

/// How wide.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// In pixels, at most: 64, 128, 256, 480 or 960.
    #[param(required = false, value_type = u16, default = 480)]
    width: Option<String>,
}

impl Asked {
    /// The width that is meant; `None` where none is said.
    pub(super) fn width(&self) -> Answer<Option<Width>> {
        let width = self.width.as_deref().map(str::parse::<Width>).transpose();
        width.map_err(|error| Problem::field("width", error.to_string()))
    }
}

/// A picture of a media: the one beside its file, else one from within it.
#[utoipa::path(
    get, path = "/media/{media}/thumbnail.jpg", operation_id = "thumbnail", tag = "library",
    params(("media" = uuid::Uuid, Path, description = "Its id."), Asked),
    responses(
        (status = 200, description = "A JPEG picture.", content_type = "image/jpeg"),
        (status = 304, description = "The one that the client has."),
        (status = 404, body = Problem),
    ),
)]
pub(super) async fn get(
    State(db): State<Db>,
    State(thumbnails): State<Thumbnails>,
    At(id): At<MediaId>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer<Response> {
    let media = find(&db, id).await?;
    if media.map.is_none() {
        let detail = format!("`{}` cannot be played, so it has no picture", media.about.title);
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let width = asked.width()?.unwrap_or(Width::USUAL);
    let look = thumbnails.look(&media, width).await;
    let tag = format!("\"{}\"", look.name.trim_end_matches(".jpg"));
    let headers_out = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        (header::CACHE_CONTROL, KEPT.to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, headers_out).into_response());
    }
    let picture = thumbnails.get(&media, &look).await.map_err(|error| without(&media, &error))?;
    Ok((headers_out, picture).into_response())
}

/// Why there is none, without where the file is: whoever may watch may ask.
fn without(media: &Media, error: &ThumbnailError) -> Problem {
    let title = &media.about.title;
    let (kind, why) = match error {
        ThumbnailError::NoPicture(_) => (Kind::NotFound, "has no picture to show"),
        ThumbnailError::Missing(_) => {
            (Kind::NotFound, "is missing: its picture comes back with it")
        }
        ThumbnailError::Failed { .. } | ThumbnailError::Folder { .. } => {
            tracing::warn!(title, %error, "no picture");
            (Kind::Unavailable, "has no picture just now: try again later")
        }
    };
    Problem::new(kind, format!("`{title}` {why}"))
}
