//! The address under which a client knows this server.
//!
//! Owns what a reverse proxy says of it, and what of that is believed: a text that
//! is no address is as good as none. A token in the request's path is in every address
//! that it is answered with. Invariant: what is made of it is an absolute URL
//! without a space, a quote or a line's end.

use std::convert::Infallible;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use crate::http::under_token::UnderToken;

/// `server.public_url`, where that is set: then nobody needs to be asked.
#[derive(Clone, Debug, Default)]
pub struct PublicUrl(pub Option<String>);

/// Scheme, host, port and the path that a proxy puts before ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// An absolute URL of this server; one that is absolute already stays.
    pub fn url(&self, path: &str) -> String {
        match path.starts_with('/') {
            true => format!("{}{path}", self.0),
            false => path.to_owned(),
        }
    }

    /// Its host, with a port perhaps.
    pub(in crate::http) fn host(&self) -> &str {
        self.parts().1
    }

    /// Whether clients come by HTTPS.
    pub(in crate::http) fn is_secure(&self) -> bool {
        self.parts().0 == "https"
    }

    /// The path that a proxy puts before ours; at least `/`.
    pub(in crate::http) fn base(&self) -> &str {
        match self.parts().2 {
            "" => "/",
            base => base,
        }
    }

    /// Scheme, host and path.
    fn parts(&self) -> (&str, &str, &str) {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("http", &self.0));
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (scheme, host, path)
    }

    /// The same under another prefix.
    fn under(self, prefix: &str) -> Self {
        Self(format!("{}{prefix}", self.0))
    }

    /// Of a socket.
    pub fn at(address: std::net::SocketAddr) -> Self {
        Self(format!("http://{address}"))
    }

    /// Of the page that asks: `server.public_url` only where it was asked by that, for who
    /// set it may come by the local network's name as well.
    pub(in crate::http) fn of_page(public: &PublicUrl, headers: &HeaderMap) -> Self {
        let told = Self::of(&PublicUrl::default(), headers);
        let known = Self::of(public, headers);
        let page = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
        let page = page.and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        let is_known =
            page.into_iter().chain([told.host()]).any(|host| same_host(host, known.host()));
        if is_known { known } else { told }
    }

    /// As the request's headers tell.
    pub fn of(public: &PublicUrl, headers: &HeaderMap) -> Self {
        if let Some(url) = &public.0 {
            return Self(url.trim_end_matches('/').to_owned());
        }
        let scheme = said(headers, "x-forwarded-proto").filter(|scheme| *scheme == "https");
        let host = said(headers, "x-forwarded-host").filter(|host| is_host(host));
        let direct = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or(direct.filter(|host| is_host(host))).unwrap_or("localhost");
        let prefix = prefix(headers).unwrap_or_default();
        let scheme = scheme.unwrap_or("http");
        Self(format!("{scheme}://{host}{prefix}"))
    }
}

impl<S> FromRequestParts<S> for Origin
where
    S: Send + Sync,
    PublicUrl: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        let origin = Self::of(&PublicUrl::from_ref(state), &parts.headers);
        Ok(match parts.extensions.get::<UnderToken>() {
            Some(under) => origin.under(&under.prefix()),
            None => origin,
        })
    }
}

/// Whether that is one host; a browser says no port that goes without saying.
pub(in crate::http) fn same_host(one: &str, other: &str) -> bool {
    let plain = |host: &str| {
        let host = host.strip_suffix(":80").or(host.strip_suffix(":443")).unwrap_or(host);
        host.to_ascii_lowercase()
    };
    !one.is_empty() && plain(one) == plain(other)
}

/// The address of the page that asks.
pub(in crate::http) struct PageOrigin(pub(in crate::http) Origin);

impl<S> FromRequestParts<S> for PageOrigin
where
    S: Send + Sync,
    PublicUrl: FromRef<S>,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Infallible> {
        Ok(Self(Origin::of_page(&PublicUrl::from_ref(state), &parts.headers)))
    }
}

/// The path that a proxy says it puts before ours, without a slash at its end.
pub fn prefix(headers: &HeaderMap) -> Option<&str> {
    let path = said(headers, "x-forwarded-prefix").filter(|path| is_path(path))?;
    Some(path.trim_end_matches('/'))
}

/// A proxy before another adds its word behind: the first is the client's.
fn said<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.split(',').next().unwrap_or_default().trim())
}

/// A name or an address, with a port perhaps.
fn is_host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    !text.is_empty() && text.len() <= 260 && text.chars().all(allowed)
}

fn is_path(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    text.starts_with('/') && !text.starts_with("//") && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Origin::of(&PublicUrl::default(), &map).url("/channels.m3u")
    }

    #[test]
    fn a_client_is_told_the_address_that_it_knows() {
        assert_eq!(origin(&[("host", "nas:8400")]), "http://nas:8400/channels.m3u");
        assert_eq!(origin(&[("host", "[::1]:8400")]), "http://[::1]:8400/channels.m3u");
        let proxied = [
            ("host", "127.0.0.1:8400"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "tv.example.org, inner"),
            ("x-forwarded-prefix", "/aerial/"),
        ];
        assert_eq!(origin(&proxied), "https://tv.example.org/aerial/channels.m3u");
    }

    #[test]
    fn what_is_no_address_is_not_believed() {
        let bad = [
            ("host", "nas"),
            ("x-forwarded-proto", "javascript"),
            ("x-forwarded-host", "a\"b c"),
            ("x-forwarded-prefix", "//evil"),
        ];
        assert_eq!(origin(&bad), "http://nas/channels.m3u");
        assert_eq!(origin(&[]), "http://localhost/channels.m3u");
    }

    #[test]
    fn a_page_has_the_address_by_which_it_was_asked_for() {
        let public = PublicUrl(Some("https://tv.example.org/aerial".to_owned()));
        let page = |all: &[(&'static str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in all {
                map.insert(*name, value.parse().unwrap());
            }
            Origin::of_page(&public, &map)
        };
        for known in [
            &[("host", "tv.example.org")][..],
            &[("host", "inner"), ("x-forwarded-host", "tv.example.org:443")],
            // A proxy that tells nothing; the browser does.
            &[("host", "127.0.0.1:8400"), ("origin", "https://tv.example.org")],
        ] {
            assert_eq!(page(known).url("/"), "https://tv.example.org/aerial/", "{known:?}");
        }
        let near = page(&[("host", "nas:8400"), ("origin", "http://nas:8400")]);
        assert_eq!((near.is_secure(), near.base()), (false, "/"));
    }

    #[test]
    fn what_is_set_counts_alone() {
        let public = PublicUrl(Some("https://tv.example.org/".to_owned()));
        let origin = Origin::of(&public, &HeaderMap::new());
        assert_eq!(origin.url("/a"), "https://tv.example.org/a");
        assert_eq!(origin.url("http://elsewhere/logo.png"), "http://elsewhere/logo.png");
        assert_eq!((origin.host(), origin.base()), ("tv.example.org", "/"));
        assert!(origin.is_secure());
        let public = PublicUrl(Some("http://nas:8400/aerial/".to_owned()));
        let origin = Origin::of(&public, &HeaderMap::new());
        assert_eq!((origin.host(), origin.base()), ("nas:8400", "/aerial"));
        assert!(!origin.is_secure());
    }
}
