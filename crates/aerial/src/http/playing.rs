//! What all addresses of pictures have in common: kinds of content, how long caches may
//! keep them, names in paths, and who asks.
//!
//! Owns how these are read and written; which addresses there are is `stream`'s and
//! `replay`'s.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use aerial_model::id::ChannelRef;
use aerial_model::profile::Rendition;
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

use super::problem::Problem;

pub(super) const PLAYLIST: HeaderValue = HeaderValue::from_static("application/vnd.apple.mpegurl");
pub(super) const TRANSPORT_STREAM: HeaderValue = HeaderValue::from_static("video/mp2t");
/// A live playlist changes with the clock.
pub(super) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// One URL, one content, for ever (`rules.md`, 20); an hour is as long as any
/// cache gains from it.
pub(super) const IMMUTABLE: HeaderValue =
    HeaderValue::from_static("public, max-age=3600, immutable");

pub(super) fn parse_channel(text: &str) -> Result<ChannelRef, Problem> {
    text.parse().map_err(|_| Problem::not_found("channel", text))
}

pub(super) fn parse_rendition(text: &str) -> Result<Rendition, Problem> {
    text.parse().map_err(|_| Problem::not_found("rendition", text))
}

pub(super) fn no_file(name: &str) -> Problem {
    Problem::not_found("stream file", name)
}

/// Who asks, as far as a request without a client's id tells.
pub(super) struct Viewer {
    pub(super) address: IpAddr,
    pub(super) agent: String,
}

impl<S: Sync> FromRequestParts<S> for Viewer {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Self {
            address: peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip()),
            agent: user_agent(&parts.headers),
        })
    }
}

fn user_agent(headers: &HeaderMap) -> String {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    agent.unwrap_or_default().chars().take(200).collect()
}
