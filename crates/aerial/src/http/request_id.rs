//! A request's id, and what of it stands in each line that is logged for it.
//!
//! Owns which ids of others are taken, the making of the rest, and the span. Invariant:
//! no span has a viewer's id (so no query, which can carry one) or a token: what stands
//! behind `/t/` and `/clients/` in a path is left out wherever it stands, also where the
//! path leads nowhere.

use std::borrow::Cow;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use tower_http::request_id::{MakeRequestId, RequestId};
use tracing::Span;
use uuid::Uuid;

/// The header in which it comes and goes.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest that is taken from elsewhere: twice a UUID and a word.
const LONGEST: usize = 80;

/// The longest path that stands in a line.
const PATH_CHARS: usize = 200;

/// Takes off an id that is none: it would stand in logs, which others read by line and
/// by field.
pub(super) async fn well_formed(mut request: Request) -> Request {
    let headers = request.headers();
    let mut told = headers.get_all(&X_REQUEST_ID).iter();
    let is_one = match (told.next(), told.next()) {
        (Some(id), None) => is_well_formed(id.as_bytes()),
        (None, _) => true,
        (Some(_), Some(_)) => false,
    };
    if !is_one {
        request.headers_mut().remove(&X_REQUEST_ID);
    }
    request
}

fn is_well_formed(id: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+=@".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.iter().all(plain)
}

/// Makes ids: time-ordered, so that logs of one moment stand together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ids;

impl MakeRequestId for Ids {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        HeaderValue::from_str(&Uuid::now_v7().to_string()).ok().map(RequestId::new)
    }
}

/// What each line of a request bears.
pub(super) fn span(request: &Request) -> Span {
    let id = request.extensions().get::<RequestId>();
    let id = id.and_then(|id| id.header_value().to_str().ok()).unwrap_or_default();
    let (method, path) = (request.method(), shown(request.uri().path()));
    // Of the highest level, so that lines of every level bear it.
    tracing::error_span!("request", id, %method, %path)
}

/// A token or a viewer's id comes next. Keyboards of televisions write capitals.
fn is_before_secret(part: &str) -> bool {
    ["t", "%74", "%54", "clients"].iter().any(|name| part.eq_ignore_ascii_case(name))
}

/// A slash in another way than addresses have it: what comes with it may be a token.
fn has_hidden_slash(part: &str) -> bool {
    part.as_bytes().windows(3).any(|three| three.eq_ignore_ascii_case(b"%2f"))
}

/// A path as it may stand in a log.
fn shown(path: &str) -> Cow<'_, str> {
    let hides = path.split('/').any(is_before_secret) || path.len() > PATH_CHARS;
    // Whoever writes a token in another way than addresses have it was told of no such way;
    // but a log shall not have it either.
    if !hides && !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut hidden = false;
    let parts = path.split('/').map(|part| {
        let is_odd = has_hidden_slash(part);
        match std::mem::replace(&mut hidden, is_odd || is_before_secret(part)) {
            true if !part.is_empty() => "…",
            _ if is_odd => "…",
            _ => part,
        }
    });
    let text = parts.collect::<Vec<_>>().join("/");
    match text.char_indices().nth(PATH_CHARS) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Owned(text),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn tokens_and_viewers_are_left_out_of_paths_wherever_they_stand() {
        for (path, told) in [
            ("/", "/"),
            ("/api/v1/channels/5", "/api/v1/channels/5"),
            ("/stream/5/720p/1.ts", "/stream/5/720p/1.ts"),
            ("/t/secret", "/t/…"),
            ("/t/secret/", "/t/…/"),
            ("/aerial/t/secret/channels.m3u", "/aerial/t/…/channels.m3u"),
            ("/t/secret/t/secret/x", "/t/…/t/…/x"),
            ("/%74/secret/x", "/%74/…/x"),
            ("/T/secret/x", "/T/…/x"),
            ("/%54/secret", "/%54/…"),
            ("/t%2Fsecret/x", "/…/…"),
            ("/aerial%2ft%2fsecret", "/…"),
            ("/aerial%2Ft/secret/x", "/…/…/x"),
            ("/t/t/secret", "/t/…/…"),
            ("/t//x", "/t//x"),
            ("/5%20x", "/5%20x"),
            ("/api/v1/streams/5/clients", "/api/v1/streams/5/clients"),
            ("/api/v1/streams/5/clients/viewer", "/api/v1/streams/5/clients/…"),
            ("/stream/5/clients/viewer/leave", "/stream/5/clients/…/leave"),
            ("/t/secret/stream/5/clients/viewer/leave", "/t/…/stream/5/clients/…/leave"),
        ] {
            assert_eq!(shown(path), told, "{path}");
        }
        let long = format!("/{}", "a".repeat(9_000));
        assert_eq!(shown(&long).chars().count(), PATH_CHARS + 1);
    }

    #[tokio::test]
    async fn only_an_id_that_is_one_is_taken_from_elsewhere() {
        let of = async |ids: &[&[u8]]| {
            let mut request = Request::new(Body::empty());
            for id in ids {
                let id = HeaderValue::from_bytes(id).unwrap();
                request.headers_mut().append(X_REQUEST_ID, id);
            }
            let request = well_formed(request).await;
            request.headers().get(X_REQUEST_ID).map(|id| id.to_str().unwrap().to_owned())
        };
        for good in ["mine", "0198c0de-0000-7000-8000-000000000000", "a.b:c_d=+@", &"a".repeat(80)]
        {
            assert_eq!(of(&[good.as_bytes()]).await.as_deref(), Some(good));
        }
        let long = "a".repeat(81);
        for bad in ["", "a b", "a\tb", "\"x\"", "{\"a\":1}", "é", "a,b", &long] {
            assert_eq!(of(&[bad.as_bytes()]).await, None, "{bad}");
        }
        assert_eq!(of(&[b"a\xff"]).await, None);
        assert_eq!(of(&[b"one", b"two"]).await, None, "nobody can tell which");
        assert_eq!(of(&[]).await, None);
    }
}
