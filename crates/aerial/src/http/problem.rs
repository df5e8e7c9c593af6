//! Errors as the API tells them: RFC 9457 problems.
//!
//! Owns the kinds of problems and the one place that maps the program's own
//! errors to statuses. Does not read requests (`extract`). Invariant: every
//! answer of 400 and over is a problem that says what happened and what to do,
//! and whatever is a fault of the server (5xx) is logged here, once.

use std::borrow::Cow;
use std::time::Duration;

use aerial_model::channel::{self, Invalid};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::AccessError;
use crate::db::DbError;
use crate::library::LibraryClosed;
use crate::schedule::ScheduleError;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What kind of problem: decides `type`, `title` and the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request cannot be understood.
    BadRequest,
    /// Who asks must say who they are.
    Unauthorized,
    /// Who asks is known, and may not.
    Forbidden,
    /// A page of another site asked for a change.
    CrossSite,
    /// There is no such thing.
    NotFound,
    /// It exists, but not in this way.
    MethodNotAllowed,
    /// The answer took too long.
    TimedOut,
    /// It does not fit what is there now.
    Conflict,
    /// It was there, and never will be again.
    Gone,
    /// The body is over the limit.
    TooLarge,
    /// The body is not JSON, or a picture that is none.
    UnsupportedMediaType,
    /// Understood, but wrong; `errors` says where.
    Invalid,
    /// More often than is allowed.
    TooMany,
    /// A fault of the server.
    Internal,
    /// Not now: starting or stopping.
    Unavailable,
    /// Not now: the machine does as much as it can.
    Full,
}

impl Kind {
    const fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "Not understood"),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "Not signed in"),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too often"),
            Self::CrossSite => (StatusCode::FORBIDDEN, "cross-site", "Asked by another site"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Not possible here")
            }
            Self::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "timed-out", "Took too long"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "Does not fit what is there"),
            Self::Gone => (StatusCode::GONE, "gone", "No longer there"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "Not JSON")
            }
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "Not valid"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Server fault"),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Not now"),
            Self::Full => (StatusCode::SERVICE_UNAVAILABLE, "full", "Full"),
        }
    }

    fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::Unauthorized,
            StatusCode::FORBIDDEN => Self::Forbidden,
            StatusCode::TOO_MANY_REQUESTS => Self::TooMany,
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::METHOD_NOT_ALLOWED => Self::MethodNotAllowed,
            StatusCode::CONFLICT => Self::Conflict,
            StatusCode::GONE => Self::Gone,
            StatusCode::PAYLOAD_TOO_LARGE => Self::TooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::UnsupportedMediaType,
            StatusCode::UNPROCESSABLE_ENTITY => Self::Invalid,
            StatusCode::SERVICE_UNAVAILABLE => Self::Unavailable,
            StatusCode::GATEWAY_TIMEOUT => Self::TimedOut,
            status if status.is_client_error() => Self::BadRequest,
            _ => Self::Internal,
        }
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Where: a path in the body such as `items[3].media`, or a query parameter.
    #[schema(example = "items[3].media")]
    pub field: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl FieldError {
    /// An error of one field.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

/// An error (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A URI that names the kind of problem, for programs.
    #[serde(rename = "type")]
    #[schema(example = "urn:aerial:problem:invalid")]
    uri: String,
    /// The kind in a few words; the same for all of its kind.
    title: Cow<'static, str>,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What happened and what to do.
    detail: String,
    /// Each field that is wrong; on 422, and on 409 where a field is the reason.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// When to ask again, told in the header `Retry-After`.
    #[serde(skip)]
    retry_after: Option<Duration>,
}

/// What handlers answer with.
pub type Answer<T> = Result<T, Problem>;

/// Carries a change through though whoever asked for it goes away in the middle: else
/// the catalogue could have it, and the plans not.
pub(super) async fn carried_through<T: Send + 'static>(
    change: impl Future<Output = Answer<T>> + Send + 'static,
) -> Answer<T> {
    tokio::spawn(change).await.unwrap_or_else(|_| {
        let detail = "the change broke off in the middle: the server's log says why; try again";
        Err(Problem::new(Kind::Internal, detail))
    })
}

impl Problem {
    /// A problem of that kind; `detail` says what happened and what to do.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, name, title) = kind.parts();
        Self {
            uri: format!("urn:aerial:problem:{name}"),
            title: Cow::Borrowed(title),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// A problem that tells of a bare status.
    pub fn of_status(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status: status.as_u16(), ..Self::new(Kind::of_status(status), detail) }
    }

    /// 404: there is no `what` called `name`.
    pub fn not_found(what: &str, name: &str) -> Self {
        let name: String = name.chars().take(80).collect();
        Self::new(Kind::NotFound, format!("there is no {what} `{}`", name.escape_debug()))
    }

    /// 422: these fields are wrong.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let all: Vec<String> =
            errors.iter().take(3).map(|e| format!("{}: {}", e.field, e.message)).collect();
        let more = match errors.len().saturating_sub(3) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        let mut problem = Self::new(Kind::Invalid, format!("{}{more}", all.join("; ")));
        problem.errors = errors;
        problem
    }

    /// 422: settings that are a part of what was asked, at this place in it.
    pub fn invalid_within(place: &str, invalid: Invalid) -> Self {
        let errors = invalid.0.into_iter().map(|error| api_named(error, place));
        Self::invalid(errors.collect())
    }

    /// The same, of a part of what was asked, at this place in it.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        for error in &mut self.errors {
            error.field = format!("{place}.{}", error.field);
        }
        self.detail = format!("{place}: {}", self.detail);
        self
    }

    /// 422: this field is wrong.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::new(field, message)])
    }

    /// The same, with the field that is the reason.
    #[must_use]
    pub fn because_of(mut self, field: &str) -> Self {
        self.errors.push(FieldError::new(field, self.detail.clone()));
        self
    }

    /// The same, with when to ask again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Marks an answer that is a problem already, so that it is told as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        if self.retry_after.is_some() && status.is_server_error() {
            tracing::warn!(status = self.status, detail = %self.detail, "a request was refused");
        } else if status.is_server_error() {
            tracing::error!(status = self.status, detail = %self.detail, "a request failed");
        }
        // Strings and numbers alone: this cannot fail.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(wait) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, wait.as_secs().into());
        }
        response.extensions_mut().insert(Told);
        response
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        let detail = error.to_string();
        match error {
            DbError::NumberTaken(_) => Self::new(Kind::Conflict, detail).because_of("number"),
            DbError::FolderKnown(_) => Self::new(Kind::Conflict, detail).because_of("path"),
            DbError::UnknownMedia(_) => Self::field("media", detail),
            DbError::BadCursor(_) => Self::field("cursor", detail),
            DbError::LedgerConflict { .. } => {
                Self::new(Kind::Conflict, format!("{detail}; ask again"))
            }
            DbError::Open { .. }
            | DbError::Damaged { .. }
            | DbError::Newer { .. }
            | DbError::Query { .. }
            | DbError::Unreadable { .. } => Self::new(Kind::Internal, detail),
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        let detail = error.to_string();
        match error {
            AccessError::WrongPassword
            | AccessError::NoAccount
            | AccessError::CodeNeeded
            | AccessError::WrongCode
            | AccessError::CodeSpent => Self::new(Kind::Unauthorized, detail),
            AccessError::NotAllowed => Self::new(Kind::Forbidden, detail),
            AccessError::WrongCurrentPassword => Self::field("current_password", detail),
            AccessError::TooMany(wait) => {
                Self::new(Kind::TooMany, detail).retry_after(wait + Duration::from_secs(1))
            }
            AccessError::Field { field, message } => Self::field(field, message),
            AccessError::TooManyTokens | AccessError::SetElsewhere => {
                Self::new(Kind::Conflict, detail)
            }
            AccessError::UnknownToken(_) => Self::new(Kind::NotFound, detail),
            AccessError::Db(error) => error.into(),
            AccessError::Hash(_) | AccessError::Randomness(_) => Self::new(Kind::Internal, detail),
        }
    }
}

impl From<ScheduleError> for Problem {
    fn from(error: ScheduleError) -> Self {
        let detail = error.to_string();
        match error {
            ScheduleError::Db(error) => error.into(),
            ScheduleError::Invalid(invalid) => invalid.into(),
            ScheduleError::UnknownChannel(_) => Self::new(Kind::NotFound, detail),
            ScheduleError::UnknownItem { .. }
            | ScheduleError::ItemTwice(_)
            | ScheduleError::UnknownShow(_)
            | ScheduleError::TooLong { .. } => Self::field("items", detail),
            ScheduleError::NotTold { .. } => Self::new(Kind::NotFound, detail),
            ScheduleError::Overtaken(_) => Self::new(Kind::Conflict, detail).because_of("revision"),
            ScheduleError::CannotSkip { .. } => Self::new(Kind::Conflict, detail),
            ScheduleError::Ledger { .. } | ScheduleError::BrokenOff(_) => {
                Self::new(Kind::Internal, detail)
            }
        }
    }
}

impl From<LibraryClosed> for Problem {
    fn from(closed: LibraryClosed) -> Self {
        Self::new(Kind::Unavailable, closed.to_string())
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self::invalid(invalid.0.into_iter().map(|error| api_named(error, "")).collect())
    }
}

/// A field as the API calls it, within the field `place`, if there is one.
pub(super) fn api_named(error: channel::FieldError, place: &str) -> FieldError {
    let field = match error.field.as_str() {
        // `loop` is a word of the language.
        "looping" => "loop".to_owned(),
        _ => error.field,
    };
    let field = if place.is_empty() { field } else { format!("{place}.{field}") };
    FieldError::new(field, error.message)
}
