//! What stands before a path: the base under which a proxy has this server, and the
//! token of a TV app.
//!
//! Owns taking them off before a route is looked for. Invariant: no handler and no log
//! sees a token as a part of the path; addresses that are handed out get it back
//! (`apps::origin`).

use axum::extract::Request;
use axum::http::Uri;
use axum::response::Redirect;

use super::apps::origin::PublicUrl;
use super::under_token::{TOKEN, UnderToken};

/// The path of `server.public_url`, such as `/aerial`, for proxies that pass it on.
#[derive(Clone, Debug, Default)]
pub(super) struct Base(String);

impl Base {
    pub(super) fn of(public: &PublicUrl) -> Self {
        let uri = public.0.as_ref().and_then(|url| url.parse::<Uri>().ok());
        let path = uri.map(|uri| uri.path().trim_end_matches('/').to_owned());
        Self(path.unwrap_or_default())
    }

    /// The request without what stands before its path. From the base itself, without
    /// a slash at its end, the page would not find its files: there it is said where to.
    pub(super) fn taken_off(&self, mut request: Request) -> Result<Request, Redirect> {
        let path = request.uri().path();
        let rest = match after(path, &self.0) {
            Some("") => return Err(Redirect::permanent(&format!("{}/", self.0))),
            Some(rest) => rest,
            None => path,
        };
        let token =
            rest.strip_prefix(TOKEN).and_then(|rest| rest.find('/').map(|at| rest.split_at(at)));
        let (token, rest) = match token {
            Some((token, rest)) => (Some(token.to_owned()), rest),
            None => (None, rest),
        };
        if rest.len() == path.len() {
            return Ok(request);
        }
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        // A part of a path that was read is a path.
        if let Ok(uri) = format!("{rest}{query}").parse() {
            *request.uri_mut() = uri;
        }
        if let Some(token) = token {
            request.extensions_mut().insert(UnderToken::new(token));
        }
        Ok(request)
    }
}

/// What comes after `base`, if the path is under it.
fn after<'a>(path: &'a str, base: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(base).filter(|_| !base.is_empty())?;
    (rest.is_empty() || rest.starts_with('/')).then_some(rest)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn taken(path: &str) -> (String, Option<String>) {
        let base = Base::of(&PublicUrl(Some("https://tv.example.org/aerial/".to_owned())));
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let request = base.taken_off(request).unwrap();
        let token = request.extensions().get::<UnderToken>();
        (request.uri().to_string(), token.map(|under| under.token().to_owned()))
    }

    #[test]
    fn base_and_token_are_taken_off_and_all_else_stays() {
        for (path, rest, token) in [
            ("/stream/5.m3u8?a=b", "/stream/5.m3u8?a=b", None),
            ("/aerial/stream/5.m3u8?a=b", "/stream/5.m3u8?a=b", None),
            ("/aerial/", "/", None),
            ("/aerials/x", "/aerials/x", None),
            ("/t/abc/channels.m3u?x=/t/y/", "/channels.m3u?x=/t/y/", Some("abc")),
            ("/aerial/t/abc/lineup.json", "/lineup.json", Some("abc")),
            ("/t/abc", "/t/abc", None),
            ("/t/abc/", "/", Some("abc")),
            ("/t//x", "/x", Some("")),
            ("/t/abc//evil", "//evil", Some("abc")),
            ("/t/a/t/b/x", "/t/b/x", Some("a")),
        ] {
            assert_eq!(taken(path), (rest.to_owned(), token.map(str::to_owned)), "{path}");
        }
    }

    #[test]
    fn the_base_alone_leads_to_its_page() {
        let base = Base::of(&PublicUrl(Some("http://nas/aerial".to_owned())));
        let request = Request::builder().uri("/aerial").body(Body::empty()).unwrap();
        assert!(base.taken_off(request).is_err());
        let request = Request::builder().uri("/aerial").body(Body::empty()).unwrap();
        assert!(Base::default().taken_off(request).is_ok());
    }
}
