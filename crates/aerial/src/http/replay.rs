//! What is played again: a channel's past and media by themselves, as lists and their
//! segments.
//!
//! Owns the addresses `/stream/{channel}/catchup…` and `/stream/media/…`, what may stand
//! in their queries, and the headers; what is played is `stream::replay`'s. Invariant: a
//! segment that may be another another time says so to caches.

use std::num::IntErrorKind;

use aerial_model::id::{MapId, MediaId};
use aerial_model::replay::{Address, NotTold};
use aerial_model::time::AirTime;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRef, Path, Query, State};
use axum::http::{HeaderValue, Method, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::StreamExt as _;
use serde::Deserialize;

use super::playing::{
    IMMUTABLE, NO_CACHE, PLAYLIST, TRANSPORT_STREAM, Viewer as Asking, no_file, parse_channel,
    parse_rendition,
};
use super::problem::{Kind, Problem};
use crate::stream::admission::RETRY_AFTER;
use crate::stream::body::{SegmentBody, pieces};
use crate::stream::manager::Manager;
use crate::stream::replay::{Asked, Played, ReplayError, Viewer};
use crate::stream::timeline::TimelineError;

/// A slate in the place of what could not be made.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Longest id of a viewer that is taken.
const CLIENT_CHARS: usize = 64;

/// Where replays are.
pub(super) fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Manager: FromRef<S>,
{
    Router::new()
        .route("/stream/{channel}/catchup.m3u8", get(past))
        .route("/stream/{channel}/catchup/{rendition}/{file}", get(past_segment))
        .route("/stream/media/{file}", get(alone))
        .route("/stream/media/{media}/{rendition}/{file}", get(alone_segment))
}

/// Unknown parameters are ignored here: TV apps add their own.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Parameters {
    from: Option<String>,
    to: Option<String>,
    rendition: Option<String>,
    client: Option<String>,
}

impl Parameters {
    fn viewer(self, asking: Asking) -> Viewer {
        let plain = |id: &String| {
            (1..=CLIENT_CHARS).contains(&id.len())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        match self.client.filter(plain) {
            Some(client) => Viewer::Named(client),
            None => Viewer::Anonymous(asking.address, asking.agent),
        }
    }
}

/// `/stream/5/catchup.m3u8?from=…&to=…`.
async fn past(
    State(manager): State<Manager>,
    method: Method,
    Path(channel): Path<String>,
    Query(asked): Query<Parameters>,
) -> Result<Response, Problem> {
    let channel = parse_channel(&channel)?;
    let time = |field, text: &Option<String>| {
        text.as_deref().filter(|text| !text.is_empty()).map(|text| instant(field, text)).transpose()
    };
    let span = Asked { from: time("from", &asked.from)?, to: time("to", &asked.to)? };
    let rendition = asked.rendition.as_deref().map(parse_rendition).transpose()?;
    // Only who asks for the list itself is about to watch.
    let list = manager.replays().past(channel, span, rendition, method == Method::GET).await?;
    Ok(list_response(list))
}

/// `/stream/5/catchup/720p/12-159047928000000.ts`.
async fn past_segment(
    State(manager): State<Manager>,
    method: Method,
    Path((channel, rendition, file)): Path<(String, String, String)>,
    Query(asked): Query<Parameters>,
    asking: Asking,
) -> Result<Response, Problem> {
    let channel = parse_channel(&channel)?;
    let rendition = parse_rendition(&rendition)?;
    let address: Option<Address> = file.strip_suffix(".ts").and_then(|text| text.parse().ok());
    let address = address.ok_or_else(|| no_file(&file))?;
    let viewer = asked.viewer(asking);
    let played = manager.replays().past_segment(channel, rendition, address, viewer).await?;
    Ok(segment_response(&method, played))
}

/// `/stream/media/{media}.m3u8`.
async fn alone(
    State(manager): State<Manager>,
    method: Method,
    Path(file): Path<String>,
    Query(asked): Query<Parameters>,
) -> Result<Response, Problem> {
    let media = parse_media(file.strip_suffix(".m3u8").ok_or_else(|| no_file(&file))?)?;
    let rendition = asked.rendition.as_deref().map(parse_rendition).transpose()?;
    let list = manager.replays().alone(media, rendition, method == Method::GET).await?;
    Ok(list_response(list))
}

/// `/stream/media/{media}/720p/{map}-12.ts`.
async fn alone_segment(
    State(manager): State<Manager>,
    method: Method,
    Path((media, rendition, file)): Path<(String, String, String)>,
    Query(asked): Query<Parameters>,
    asking: Asking,
) -> Result<Response, Problem> {
    let media = parse_media(&media)?;
    let rendition = parse_rendition(&rendition)?;
    let place = file.strip_suffix(".ts").and_then(place).ok_or_else(|| no_file(&file))?;
    let viewer = asked.viewer(asking);
    let played = manager.replays().alone_segment(media, rendition, place, viewer).await?;
    Ok(segment_response(&method, played))
}

/// The map and the segment of it.
fn place(text: &str) -> Option<(MapId, u32)> {
    let (map, index) = text.split_once('-')?;
    let plain = index == "0" || !index.starts_with('0');
    let digits = plain && index.bytes().all(|byte| byte.is_ascii_digit());
    let map = map.parse().ok().filter(|_| map.len() == 32).map(MapId)?;
    Some((map, index.parse().ok().filter(|_| digits)?))
}

fn parse_media(text: &str) -> Result<MediaId, Problem> {
    text.parse().map_err(|_| Problem::not_found("media", text))
}

/// Seconds since 1970, as TV apps put them in, or an instant as people write it.
fn instant(field: &'static str, text: &str) -> Result<AirTime, Problem> {
    let wrong = || {
        let detail = format!(
            "{field} must be seconds since 1970 such as 1767225600, or a time such as \
             2026-01-01T00:00:00Z (write `+` in it as %2B)"
        );
        Problem::new(Kind::BadRequest, detail).because_of(field)
    };
    let millis = match text.parse::<i64>() {
        Ok(seconds) => seconds.checked_mul(1_000).ok_or_else(wrong)?,
        Err(error) if *error.kind() != IntErrorKind::InvalidDigit => return Err(wrong()),
        Err(_) => text.parse::<jiff::Timestamp>().map_err(|_| wrong())?.as_millisecond(),
    };
    // Two centuries either way: beyond that, sums with ticks could overflow.
    let sane = millis.unsigned_abs() < 1 << 43;
    sane.then(|| AirTime::from_unix_millis(millis)).ok_or_else(wrong)
}

fn list_response(list: String) -> Response {
    // It names whoever asked.
    let headers = [(header::CONTENT_TYPE, PLAYLIST), (header::CACHE_CONTROL, NO_CACHE)];
    (headers, list).into_response()
}

fn segment_response(method: &Method, played: Played) -> Response {
    let kept = if played.is_slate { NO_STORE } else { IMMUTABLE };
    let headers = [(header::CONTENT_TYPE, TRANSPORT_STREAM), (header::CACHE_CONTROL, kept)];
    let watching = played.watching;
    match played.body {
        SegmentBody::Whole(bytes) if method == Method::HEAD => (headers, bytes).into_response(),
        SegmentBody::Growing { .. } if method == Method::HEAD => headers.into_response(),
        SegmentBody::Whole(bytes) => {
            let length = [(header::CONTENT_LENGTH, bytes.len())];
            let body = pieces(bytes).inspect(move |_| {
                let _sign_of_life = &watching;
            });
            (headers, length, Body::from_stream(body)).into_response()
        }
        growing @ SegmentBody::Growing { .. } => {
            let body = growing.into_stream().inspect(move |_| {
                let _sign_of_life = &watching;
            });
            (headers, Body::from_stream(body)).into_response()
        }
    }
}

impl From<ReplayError> for Problem {
    fn from(error: ReplayError) -> Self {
        let detail = error.to_string();
        match error {
            ReplayError::Off { .. }
            | ReplayError::TooLongAgo { .. }
            | ReplayError::NotYet { .. }
            | ReplayError::Nothing { .. }
            | ReplayError::NoSegment { .. } => Self::new(Kind::NotFound, detail),
            ReplayError::BadSpan { field, .. } => {
                Self::new(Kind::BadRequest, detail).because_of(field)
            }
            ReplayError::TooMany => Self::new(Kind::BadRequest, detail),
            ReplayError::TooManyViewers { .. } => {
                Self::new(Kind::Full, detail).retry_after(RETRY_AFTER)
            }
            ReplayError::NotMade { .. } => Self::new(Kind::TimedOut, detail),
            ReplayError::Stream(error) => error.into(),
        }
    }
}

/// What of the schedule's refusals is the request's, not the server's, fault.
pub(super) fn kind_of(error: &TimelineError) -> Kind {
    match error {
        TimelineError::NotTold(NotTold::TooMany) => Kind::BadRequest,
        TimelineError::NotTold(NotTold::Forgotten { .. })
        | TimelineError::Unplayable { .. }
        | TimelineError::NobodyWatched(_)
        | TimelineError::Gone(_) => Kind::NotFound,
        TimelineError::Channel { .. }
        | TimelineError::Media { .. }
        | TimelineError::NotOffered(_)
        | TimelineError::Replaced { .. }
        | TimelineError::PutAside { .. } => Kind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_seconds_or_as_people_write_it() {
        let new_year = AirTime::from_unix_millis(1_767_225_600_000);
        for text in ["1767225600", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"] {
            assert_eq!(instant("from", text).unwrap(), new_year, "{text}");
        }
        let half = instant("from", "2026-01-01T00:00:00.500Z").unwrap();
        assert_eq!((half - new_year).as_millis(), 500);
        let far = "99999999999999999999";
        for text in ["", "soon", "1e9", "-", "{utc}", "${start}", far, "9999999999999"] {
            let problem = instant("from", text).unwrap_err();
            assert_eq!(problem.status(), axum::http::StatusCode::BAD_REQUEST, "{text}");
        }
    }

    #[test]
    fn a_place_in_a_media_reads_back() {
        let map = uuid::Uuid::from_u128(0xab);
        assert_eq!(place(&format!("{}-12", map.simple())), Some((MapId(map), 12)));
        for text in
            ["", "-", "ab-1", &format!("{}-01", map.simple()), &format!("{}-+1", map.simple())]
        {
            assert_eq!(place(text), None, "{text}");
        }
    }
}
