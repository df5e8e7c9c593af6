//! What handlers take from a request, with problems for what is wrong with it.
//!
//! Owns the body (`Json`), the query (`Query`) and path parameters (`At`).
//! Invariant: whatever is in a request, it is answered 4xx with the field or
//! parameter named, never 5xx; a body is read only up to its limit.

use std::fmt::Display;
use std::str::FromStr;

use aerial_model::client::ClientId;
use aerial_model::id::{ChannelRef, FolderId, ItemId, MediaId};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::db::TokenId;

use super::problem::{FieldError, Kind, Problem};

/// The most that a body may have. A lineup of 10,000 items has about 1 MB.
pub const BODY_LIMIT: usize = 4 * 1024 * 1024;

/// A body in JSON, read or to be written.
#[derive(Clone, Debug)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> axum::response::Response {
        axum::Json(self.0).into_response()
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| unread(rejection.status()))?;
        read_json(&body).map(Self)
    }
}

/// The most that a body with a name and a password may have: strangers may send one.
const SMALL: usize = 16 * 1024;

/// A small body in JSON.
#[derive(Clone, Debug)]
pub struct SmallJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for SmallJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(not_json());
        }
        let body = axum::body::to_bytes(request.into_body(), SMALL).await.map_err(|_| {
            Problem::new(Kind::TooLarge, format!("the body may have at most {SMALL} bytes"))
        })?;
        read_json(&body).map(Self)
    }
}

/// A body that may be left out: then it is the default.
pub(super) fn optional_json<T: DeserializeOwned + Default>(
    headers: &HeaderMap,
    body: &[u8],
) -> Result<T, Problem> {
    match (body.is_empty(), is_json(headers)) {
        (true, _) => Ok(T::default()),
        (false, true) => read_json(body),
        (false, false) => Err(not_json()),
    }
}

fn not_json() -> Problem {
    Problem::new(Kind::UnsupportedMediaType, "send JSON, with `Content-Type: application/json`")
}

/// Why a body was not read.
pub(super) fn unread(status: StatusCode) -> Problem {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => Problem::new(
            Kind::BadRequest,
            "the body could not be read to its end: it broke off, or came too slowly",
        ),
    }
}

/// A value that was read already, and stands at that place of a body.
pub(super) fn read_value<T: DeserializeOwned>(
    value: serde_json::Value,
    place: &str,
) -> Result<T, FieldError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let FieldError { field, message } = wrong_at(&path, &error.into_inner().to_string());
        match field.is_empty() {
            true => FieldError::new(place, message),
            false => FieldError::new(format!("{place}.{field}"), message),
        }
    })
}

/// 413, with the limit.
pub(super) fn too_large() -> Problem {
    too_large_over(BODY_LIMIT)
}

/// 413, where more is allowed than elsewhere.
pub(super) fn too_large_over(limit: usize) -> Problem {
    let limit = limit / (1024 * 1024);
    Problem::new(Kind::TooLarge, format!("a body may have at most {limit} MiB"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = text.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let value: T = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        match error.classify() {
            serde_json::error::Category::Data => wrong_field(&path, &without_place(&error)),
            _ => malformed(&error),
        }
    })?;
    reader.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn malformed(error: &serde_json::Error) -> Problem {
    Problem::new(Kind::BadRequest, format!("the body is not JSON: {error}"))
}

/// `serde_json` adds where in the text it was; the path says it better.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).map(str::to_owned).unwrap_or(text)
}

/// Names a field that is not known or not there, which serde tells of the object.
fn wrong_field(path: &str, message: &str) -> Problem {
    Problem::invalid(vec![wrong_at(path, message)])
}

fn wrong_at(path: &str, message: &str) -> FieldError {
    let path = if path == "." { "" } else { path };
    let quoted = |start: &str| {
        message.strip_prefix(start).and_then(|rest| rest.split_once('`')).map(|(name, _)| name)
    };
    let starts = ["unknown field `", "missing field `", "duplicate field `"];
    let inner = starts.into_iter().find_map(quoted);
    let field = match inner {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None => path.to_owned(),
    };
    FieldError::new(field, message)
}

/// The query's parameters.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes());
        let reader = serde_urlencoded::Deserializer::new(pairs);
        serde_path_to_error::deserialize(reader).map(Self).map_err(|error| {
            let path = error.path().to_string();
            wrong_field(&path, &error.into_inner().to_string())
        })
    }
}

/// Something that a path names in a parameter of a fixed name.
pub trait PathParameter: FromStr<Err: Display> {
    /// The parameter's name in routes.
    const NAME: &'static str;
    /// What it names, for people.
    const WHAT: &'static str;
}

macro_rules! path_parameters {
    ($($type:ty: $name:literal;)*) => {$(
        impl PathParameter for $type {
            const NAME: &'static str = $name;
            const WHAT: &'static str = $name;
        }
    )*};
}

path_parameters! {
    ChannelRef: "channel";
    ItemId: "item";
    MediaId: "media";
    FolderId: "folder";
    ClientId: "client";
    TokenId: "token";
}

/// What the path names. One that cannot be a name is of nothing that exists: 404.
#[derive(Clone, Copy, Debug)]
pub struct At<T>(pub T);

impl<S: Send + Sync, T: PathParameter> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let unreadable = || {
            Problem::new(
                Kind::NotFound,
                format!("there is no such {}: its name is not text", T::WHAT),
            )
        };
        let params =
            RawPathParams::from_request_parts(parts, state).await.map_err(|_| unreadable())?;
        let text = params.iter().find(|(name, _)| *name == T::NAME).map(|(_, text)| text);
        let text = text.ok_or_else(|| {
            Problem::new(Kind::Internal, format!("the route has no `{}`", T::NAME))
        })?;
        text.parse().map(Self).map_err(|_| Problem::not_found(T::WHAT, text))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[allow(dead_code, reason = "only read")]
        items: Vec<Item>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Item {
        #[allow(dead_code, reason = "only read")]
        media: u8,
    }

    fn refused(body: &str) -> String {
        let problem = read_json::<Body>(body.as_bytes()).unwrap_err();
        serde_json::to_string(&problem).unwrap()
    }

    #[test]
    fn the_field_that_is_wrong_is_named_by_its_path() {
        for (body, path) in [
            (r#"{"items":[{"media":1},{"media":"x"}]}"#, "items[1].media"),
            (r#"{"items":[{"media":1},{"media":1,"medai":2}]}"#, "items[1].medai"),
            (r#"{"items":[{}]}"#, "items[0].media"),
            (r#"{"item":[]}"#, "item"),
            (r#"{}"#, "items"),
        ] {
            let told = refused(body);
            assert!(told.contains(&format!(r#""field":"{path}""#)), "{body} gave {told}");
            assert!(!told.contains("column"), "{told}");
        }
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for body in ["", "{", "nope", r#"{"items":[]} x"#] {
            let told = refused(body);
            assert!(told.contains("bad-request") && told.contains("line 1"), "{body} gave {told}");
        }
    }
}
