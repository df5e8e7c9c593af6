//! What is around every handler: ids, logs, limits, headers, and problems.
//!
//! Owns the layers and their order. Knows no route. Invariant: nothing leaves
//! the API without a request id, `no-store` (unless the handler says better)
//! and, from 400 on, a problem.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::timeout::{RequestBodyDeadlineLayer, RequestBodyTimeoutLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;

use super::exchange::IMPORT_LIMIT;
use super::extract::{BODY_LIMIT, too_large, too_large_over};
use super::problem::{Kind, Problem, Told};
use super::request_id::{Ids, span, well_formed};
use super::slates::SLATE_LIMIT;

/// How long an answer of the API may take to begin: longer than the longest
/// write (a lineup of 10,000 items behind a scan's batch).
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// How long a client may take until it sends more of a body, and until all of it is
/// there: shorter than an answer may take, so that it is told that it was too slow.
const BODY_GOES_ON_WITHIN: Duration = Duration::from_secs(10);
const BODY_WITHIN: Duration = Duration::from_secs(55);

/// The page may load only what this server has; `blob:` is how hls.js feeds the
/// picture to the browser.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; media-src 'self' blob:; \
     worker-src 'self' blob:; img-src 'self' data: http: https:; connect-src 'self'; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// The page asks for none of what people would be asked for.
const PERMISSIONS: &str = "camera=(), display-capture=(), geolocation=(), microphone=(), \
     midi=(), payment=(), serial=(), usb=(), xr-spatial-tracking=()";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// Puts around the API what all of it needs.
pub(super) fn around_api<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let compressed = DefaultPredicate::new()
        .and(NotForContentType::new("video/"))
        .and(NotForContentType::new("application/gzip"));
    // From the outside in.
    router.layer(
        ServiceBuilder::new()
            .layer(CompressionLayer::new().compress_when(compressed))
            .layer(middleware::map_response(not_stored))
            .layer(middleware::from_fn(told_as_problem))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ANSWER_WITHIN))
            // Answers at once where the length is announced, else cuts the body off.
            .layer(middleware::from_fn(limited))
            .layer(RequestBodyTimeoutLayer::new(BODY_GOES_ON_WITHIN))
            .layer(RequestBodyDeadlineLayer::new(BODY_WITHIN))
            .layer(RequestBodyLimitLayer::new(SLATE_LIMIT)),
    )
}

/// How much a body may have: files are larger than what people type.
fn limit_of(path: &str) -> usize {
    match path {
        "/api/v1/channels/import" => IMPORT_LIMIT,
        path if path.starts_with("/api/v1/slates/") => SLATE_LIMIT,
        _ => BODY_LIMIT,
    }
}

async fn limited(mut request: Request, next: Next) -> Response {
    let limit = limit_of(request.uri().path());
    let length = request.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) {
        return too_large_over(limit).into_response();
    }
    DefaultBodyLimit::max(limit).apply(&mut request);
    next.run(request).await
}

/// Puts around everything what streams and pages need too.
pub(super) fn around_all<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(CatchPanicLayer::custom(panicked)).layer(
        ServiceBuilder::new()
            .layer(middleware::map_request(well_formed))
            .layer(SetRequestIdLayer::x_request_id(Ids))
            .layer(TraceLayer::new_for_http().make_span_with(span).on_failure(()))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(middleware::map_response(secured)),
    )
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = said, "a request made the server panic");
    let detail = "the server met a fault of its own; its log says more, please report it";
    Problem::new(Kind::Internal, detail).into_response()
}

/// Whoever wants to keep an answer must be told so by its handler.
async fn not_stored(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    // What is open to every page is so as a picture or a stream in it too.
    let resource = match headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
        true => "cross-origin",
        false => "same-origin",
    };
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (PERMISSIONS_POLICY, PERMISSIONS),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (CROSS_ORIGIN_RESOURCE_POLICY, resource),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Tells as a problem what a layer or the router answered by itself.
async fn told_as_problem(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let answer = next.run(request).await;
    let status = answer.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || answer.extensions().get::<Told>().is_some() {
        return answer;
    }
    let problem = match status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        StatusCode::METHOD_NOT_ALLOWED => {
            let detail =
                format!("{path} does not take {method}; the header `Allow` says what it takes");
            Problem::new(Kind::MethodNotAllowed, detail)
        }
        StatusCode::GATEWAY_TIMEOUT => {
            let within = ANSWER_WITHIN.as_secs();
            let detail = format!("no answer could be made within {within} s; try again later");
            Problem::new(Kind::TimedOut, detail)
        }
        status => {
            let detail = status.canonical_reason().unwrap_or("the request failed");
            Problem::of_status(status, detail)
        }
    };
    problem.into_response()
}

/// The answer where no route is.
pub(super) async fn nowhere(request: Request) -> Problem {
    Problem::not_found("page", request.uri().path())
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn ask(router: Router) -> (StatusCode, String) {
        let request = Request::builder().uri("/").body(Body::empty()).unwrap();
        let response = around_all(around_api(router)).oneshot(request).await.unwrap();
        let status = response.status();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = to_bytes(response.into_body(), 10_000).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing_of_the_inside() {
        async fn panics() -> &'static str {
            panic!("with a secret")
        }
        let (status, body) = ask(Router::new().route("/", get(panics))).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(body.contains("urn:aerial:problem:internal") && !body.contains("secret"), "{body}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_is_a_problem() {
        let hangs = || async { std::future::pending::<()>().await };
        let (status, body) = ask(Router::new().route("/", get(hangs))).await;
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
        assert!(body.contains("within 60 s"), "{body}");
    }

    #[tokio::test]
    async fn whatever_fails_without_a_word_is_a_problem_too() {
        let teapot = || async { (StatusCode::IM_A_TEAPOT, "short and stout") };
        let (status, body) = ask(Router::new().route("/", get(teapot))).await;
        assert_eq!(status, StatusCode::IM_A_TEAPOT);
        assert!(body.contains("urn:aerial:problem:bad-request"), "{body}");
        assert!(body.contains("418"), "{body}");
    }
}
