//! The stream routes: what players ask for.
//!
//! Owns the addresses under `/stream` and the headers of what they give; what is
//! said there is the Stream Manager's. Invariants: once a session is up, its
//! playlists and segments are held until they can be sent, never refused; what has
//! no end goes on only while whoever asked for it may watch.

use aerial_model::access::Need;
use aerial_model::client::ClientId;
use aerial_model::id::ChannelRef;
use aerial_model::profile::Rendition;
use axum::body::Body;
use axum::extract::{FromRef, Path, Query, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Router};
use futures::{StreamExt as _, future};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use tower_http::cors::{Any, CorsLayer};

use super::guard::{Needs, all_guarded};
use super::playing::{
    IMMUTABLE, NO_CACHE, PLAYLIST, TRANSPORT_STREAM, Viewer, no_file, parse_channel,
    parse_rendition,
};
use super::problem::{Kind, Problem};
use crate::access::Grant;
use crate::stream::admission::RETRY_AFTER;
use crate::stream::body::{SegmentBody, pieces};
use crate::stream::error::StreamError;
use crate::stream::manager::{Manager, Playlist};
use crate::stream::session::Waiting;
use crate::stream::transport;

/// How an HDHomeRun tells why it sends nothing.
const TUNER_ERROR: HeaderName = HeaderName::from_static("x-hdhomerun-error");
const ALL_TUNERS_IN_USE: HeaderValue = HeaderValue::from_static("805 All Tuners In Use");

#[derive(Clone, FromRef)]
struct Streams {
    manager: Manager,
    /// Cancelled when the server begins to stop: what has no end ends then.
    ending: CancellationToken,
}

/// Everything under `/stream`, open to every page (CORS). What has no end of
/// its own ends with `ending`.
pub fn router(manager: Manager, ending: CancellationToken) -> Router {
    let routes = Router::new()
        .route("/stream/{file}", get(entry))
        .route("/stream/{channel}/{file}", get(playlist))
        .route("/stream/{channel}/{rendition}/{file}", get(segment))
        .route("/stream/{channel}/clients/{client}", delete(leave))
        .route("/stream/{channel}/clients/{client}/leave", post(leave))
        .merge(super::replay::routes())
        .with_state(Streams { manager, ending });
    // By any method: a client's own coming and going is all that changes.
    all_guarded(Needs::PLAYER, routes).layer(CorsLayer::new().allow_origin(Any).allow_methods([
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::DELETE,
    ]))
}

/// Unknown parameters are ignored here: TV apps add their own.
#[derive(Debug, Default, Deserialize)]
struct Asked {
    rendition: Option<String>,
    client: Option<String>,
}

impl Asked {
    fn rendition(&self) -> Result<Option<Rendition>, Problem> {
        self.rendition.as_deref().map(parse_rendition).transpose()
    }

    /// The client's id; one that was never an id is like none.
    fn client(&self) -> Option<ClientId> {
        self.client.as_deref().and_then(|text| text.parse().ok())
    }
}

/// `/stream/5.m3u8` and `/stream/5.ts`.
async fn entry(
    State(manager): State<Manager>,
    State(ending): State<CancellationToken>,
    Extension(grant): Extension<Grant>,
    method: Method,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    if let Some(channel) = file.strip_suffix(".m3u8") {
        let channel = parse_channel(channel)?;
        let rendition = asked.rendition()?;
        if method == Method::HEAD {
            return headers_alone(&manager, channel).await;
        }
        return Ok(playlist_response(
            manager.master(channel, rendition, |id| format!("{id}/")).await?,
        ));
    }
    let channel = parse_channel(file.strip_suffix(".ts").ok_or_else(|| no_file(&file))?)?;
    let rendition = asked.rendition()?;
    if method == Method::HEAD {
        manager.start(channel).await?;
        return Ok(transport_headers().into_response());
    }
    let stream = match transport::tune_in(&manager, channel, rendition).await {
        Err(full @ StreamError::Full { .. }) => return Ok(all_tuners_in_use(full)),
        tuned_in => tuned_in?,
    };
    let lost = Box::pin(grant.lost(Need::Watch));
    let stream = stream.take_until(future::select(lost, Box::pin(ending.cancelled_owned())));
    let body = Body::from_stream(stream.map(Ok::<_, std::convert::Infallible>));
    Ok((transport_headers(), body).into_response())
}

/// `/stream/5/master.m3u8` and `/stream/5/720p.m3u8`.
async fn playlist(
    State(manager): State<Manager>,
    method: Method,
    Path((channel, file)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    viewer: Viewer,
) -> Result<Response, Problem> {
    let channel = parse_channel(&channel)?;
    let name = file.strip_suffix(".m3u8").ok_or_else(|| no_file(&file))?;
    if method == Method::HEAD {
        return headers_alone(&manager, channel).await;
    }
    let playlist = if name == "master" {
        manager.ladder(channel, |id| format!("../{id}/")).await?
    } else {
        let rendition = parse_rendition(name)?;
        manager.playlist(channel, rendition, asked.client(), (viewer.address, viewer.agent)).await?
    };
    Ok(playlist_response(playlist))
}

/// `/stream/5/720p/81234.ts`.
async fn segment(
    State(manager): State<Manager>,
    method: Method,
    Path((channel, rendition, file)): Path<(String, String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let channel = parse_channel(&channel)?;
    let rendition = parse_rendition(&rendition)?;
    let sequence = file
        .strip_suffix(".ts")
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| no_file(&file))?;
    let (body, waiting) = manager.segment(channel, rendition, sequence, asked.client()).await?;
    let headers = [(header::CONTENT_TYPE, TRANSPORT_STREAM), (header::CACHE_CONTROL, IMMUTABLE)];
    Ok(match body {
        // Hyper says its length and leaves the body out of an answer to HEAD.
        SegmentBody::Whole(bytes) if method == Method::HEAD => (headers, bytes).into_response(),
        SegmentBody::Whole(bytes) => {
            let length = [(header::CONTENT_LENGTH, bytes.len())];
            (headers, length, Body::from_stream(pieces(bytes))).into_response()
        }
        SegmentBody::Growing { .. } if method == Method::HEAD => headers.into_response(),
        growing @ SegmentBody::Growing { .. } => {
            (headers, Body::from_stream(keep_alive(growing, waiting))).into_response()
        }
    })
}

/// `DELETE /stream/5/clients/ID` and `POST …/leave`.
async fn leave(
    State(manager): State<Manager>,
    Path((channel, client)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let channel = parse_channel(&channel)?;
    let client = client.parse().map_err(|_| Problem::not_found("client", &client))?;
    manager.unregister_client(channel, client).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A growing segment's bytes; its viewer counts as alive while they are sent.
fn keep_alive(
    body: SegmentBody,
    waiting: Option<Waiting>,
) -> impl futures::Stream<Item = Result<bytes::Bytes, crate::stream::body::Abandoned>> {
    body.into_stream().inspect(move |_| {
        let _sign_of_life = &waiting;
    })
}

fn playlist_response(playlist: Playlist) -> Response {
    (playlist_headers(), playlist.text).into_response()
}

fn playlist_headers() -> [(header::HeaderName, HeaderValue); 2] {
    [(header::CONTENT_TYPE, PLAYLIST), (header::CACHE_CONTROL, NO_CACHE)]
}

/// HEAD of a playlist: that the channel is there; only GET registers a viewer
/// (`rules.md`, 19).
async fn headers_alone(manager: &Manager, channel: ChannelRef) -> Result<Response, Problem> {
    manager.start(channel).await?;
    Ok(playlist_headers().into_response())
}

/// The refusal with the word by which clients of tuners know it from a failure.
fn all_tuners_in_use(full: StreamError) -> Response {
    ([(TUNER_ERROR, ALL_TUNERS_IN_USE)], Problem::from(full)).into_response()
}

fn transport_headers() -> [(header::HeaderName, HeaderValue); 2] {
    [(header::CONTENT_TYPE, TRANSPORT_STREAM), (header::CACHE_CONTROL, NO_CACHE)]
}

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Self {
        let kind = match &error {
            StreamError::UnknownChannel(_)
            | StreamError::UnknownRendition { .. }
            | StreamError::NoSegment { .. }
            | StreamError::NotOnAir(_) => Kind::NotFound,
            StreamError::NewStream(_) => Kind::Gone,
            StreamError::Stopped(_) => Kind::Conflict,
            StreamError::Timeline(error) => super::replay::kind_of(error),
            StreamError::ShuttingDown => Kind::Unavailable,
            StreamError::Full { .. } | StreamError::Crowded { .. } => {
                return Self::new(Kind::Full, error.to_string()).retry_after(RETRY_AFTER);
            }
        };
        Self::new(kind, error.to_string())
    }
}
