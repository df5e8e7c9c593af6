//! The origin: by which address the asker reached this server.
//!
//! Owns how absolute addresses begin, behind a reverse proxy too. Invariant: what is
//! made of a request's headers is an address, whatever they hold.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::uri::{Authority, PathAndQuery};
use axum::http::{HeaderMap, header};

use crate::http::AppState;

/// The server's address as the operator set it, if so.
#[derive(Clone, Debug, Default)]
pub struct PublicUrl(pub Option<String>);

impl FromRef<AppState> for PublicUrl {
    fn from_ref(_: &AppState) -> Self {
        Self(None)
    }
}

/// What every absolute address begins with: `http://host:port` and perhaps a path,
/// without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// The address of a path of this server, which begins with `/`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Origin
where
    PublicUrl: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        if let PublicUrl(Some(public)) = PublicUrl::from_ref(state) {
            return Ok(Self(public.trim_end_matches('/').to_owned()));
        }
        let headers = &parts.headers;
        let scheme = match first(headers, "x-forwarded-proto") {
            Some(scheme) if scheme.eq_ignore_ascii_case("https") => "https",
            _ => "http",
        };
        let host = [first(headers, "x-forwarded-host"), first(headers, header::HOST.as_str())];
        let host = host.into_iter().flatten().find_map(authority);
        let host = host.or_else(|| parts.uri.authority().cloned());
        let host = host.unwrap_or_else(|| Authority::from_static("localhost"));
        let prefix = first(headers, "x-forwarded-prefix").and_then(prefix).unwrap_or_default();
        Ok(Self(format!("{scheme}://{host}{prefix}")))
    }
}

/// The first of the values that proxies have put into a header one after the other.
fn first<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim).filter(|value| !value.is_empty())
}

fn authority(text: &str) -> Option<Authority> {
    text.parse().ok().filter(|_| !text.contains('@'))
}

fn prefix(text: &str) -> Option<String> {
    let path: PathAndQuery = text.parse().ok()?;
    let path = path.path().trim_end_matches('/');
    (path.starts_with('/') && !path.starts_with("//")).then(|| path.to_owned())
}
