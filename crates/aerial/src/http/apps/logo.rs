//! `/logos`: uploaded logos, and drawn ones for channels that were given none.

use aerial_model::channel::Channel;
use aerial_model::id::ChannelRef;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::http::extract::Query;
use crate::http::problem::{Answer, Kind, Problem};
use crate::http::scheduled::find;
use crate::http::thumbnail::Asked;
use crate::library::Logos;
use crate::schedule::Schedule;

/// Where a channel's logo is: its own, absolute or from this server's root, or the
/// drawn one, whose address changes with the name that it is drawn from.
pub(super) fn path(channel: &Channel) -> String {
    match &channel.logo {
        Some(logo) => logo.clone(),
        None => format!("/logos/{}.png?of={}", channel.id, &tag(channel)[..8]),
    }
}

/// `/logos/uploaded/{name}`: one address, one content, for ever.
pub(super) async fn uploaded(
    State(logos): State<Logos>,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> Answer<Response> {
    let unknown = || Problem::not_found("logo", &name);
    let (picture, media_type) = match asked.width()? {
        None => logos.uploads().get(&name).await.ok_or_else(unknown)?,
        Some(width) => {
            let made = logos.smaller(&name, width).await.map_err(|reason| {
                let detail = format!("logo `{name}` could not be made smaller: {reason}");
                Problem::new(Kind::Unavailable, detail)
            })?;
            (made.ok_or_else(unknown)?, "image/png")
        }
    };
    let told = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((told, picture).into_response())
}

pub(super) async fn get(
    State(schedule): State<Schedule>,
    State(logos): State<Logos>,
    Path(file): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Answer<Response> {
    let unknown = || Problem::not_found("logo", &file);
    let id = file.strip_suffix(".png").and_then(|id| id.parse::<ChannelRef>().ok());
    let channel = find(&schedule, id.ok_or_else(unknown)?)?;
    let width = asked.width()?;
    let of_width = width.map(|width| format!("-{}", width.pixels())).unwrap_or_default();
    let tag = format!("\"{}{of_width}\"", tag(&channel));
    let told = [
        (header::CONTENT_TYPE, "image/png".to_owned()),
        (header::CACHE_CONTROL, "public, max-age=604800".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return Ok((StatusCode::NOT_MODIFIED, told).into_response());
    }
    let picture = logos.get(channel.id, &channel.name, width).await.map_err(|reason| {
        let detail = format!("the logo of channel {} could not be drawn: {reason}", channel.number);
        Problem::new(Kind::Unavailable, detail)
    })?;
    Ok((told, picture).into_response())
}

/// Another one for each name.
fn tag(channel: &Channel) -> String {
    let mut hash = blake3::Hasher::new();
    hash.update(channel.id.0.as_bytes()).update(channel.name.as_bytes());
    hash.finalize().to_hex()[..24].to_owned()
}
