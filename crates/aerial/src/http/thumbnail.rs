//! `/media/{media}/thumbnail.jpg`: a picture of a media.
//!
//! Owns the request and its caching; the pictures themselves are the library's.

use aerial_model::id::MediaId;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::extract::At;
use super::media::find;
use super::problem::{Answer, Kind, Problem};
use crate::db::Db;
use crate::library::{ThumbnailError, Thumbnails};

/// A picture of a media, at most 480 pixels wide: the one beside its file, else one from
/// within it.
#[utoipa::path(
    get, path = "/media/{media}/thumbnail.jpg", operation_id = "thumbnail", tag = "library",
    params(("media" = uuid::Uuid, Path, description = "Its id.")),
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
    headers: HeaderMap,
) -> Answer<Response> {
    let media = find(&db, id).await?;
    if media.map.is_none() {
        let detail = format!("`{}` cannot be played, so it has no picture", media.about.title);
        return Err(Problem::new(Kind::NotFound, detail));
    }
    let look = thumbnails.look(&media).await;
    let tag = format!("\"{}\"", look.name.trim_end_matches(".jpg"));
    let headers_out = [
        (header::CONTENT_TYPE, "image/jpeg".to_owned()),
        (header::CACHE_CONTROL, "private, max-age=3600".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, headers_out).into_response());
    }
    let picture = thumbnails.get(&media, &look).await?;
    Ok((headers_out, picture).into_response())
}

impl From<ThumbnailError> for Problem {
    fn from(error: ThumbnailError) -> Self {
        let kind = match error {
            ThumbnailError::NoPicture(_) | ThumbnailError::Missing(_) => Kind::NotFound,
            ThumbnailError::Failed { .. } => Kind::Unavailable,
            ThumbnailError::Folder { .. } => Kind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
