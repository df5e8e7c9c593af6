//! The web app, as built into the program.
//!
//! Owns the app's page, at every address that the app knows (`PAGES`), and the
//! files it needs. Does not know the API. Invariant: what is served is what `web/`
//! was when the program was built (a debug build reads the same files from disk, new
//! ones too), and a file never changes: its name holds its hash.
//!
//! The page names its files relative to its `<base>`, which is filled in here, so
//! the app works under any path that a proxy puts before it.

use std::borrow::Cow;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use memory_serve::CacheControl;

use super::apps::origin::prefix;
use super::problem::{Kind, Problem, Told};
use super::under_token::UnderToken;

/// What the app may load: its own files, the player's buffers (`blob:`), and
/// channel logos, which people take from anywhere. No script but the built one.
const POLICY: &str = "default-src 'self'; img-src 'self' data: blob: http: https:; \
     media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; \
     base-uri 'self'; form-action 'none'; frame-ancestors 'self'";

/// Where the app's pages are: `web/src/app/routes.ts` has the same list.
const PAGES: [&str; 11] = [
    "/",
    "/watch",
    "/watch/{channel}",
    "/channels",
    "/channels/{id}",
    "/library",
    "/library/{id}",
    "/on-air",
    "/settings",
    "/welcome",
    "/sign-in",
];

/// Marks an answer as one of the app's page and its files.
#[derive(Clone, Copy, Debug)]
pub(super) struct OfTheApp;

/// What stands in the built page for the way to the app's root.
const BASE: &str = "<base href=\"/\"";

/// The page as it was built.
#[cfg(not(debug_assertions))]
const PAGE: &str = include_str!(env!("BUILT_PAGE"));

/// The routes of the app; everything else is left to other routers.
pub fn router() -> Router {
    let files = memory_serve::load!()
        .index_file(None)
        .cache_control(CacheControl::Long)
        .html_cache_control(CacheControl::NoCache)
        // A debug build would compress at each request, for seconds.
        .enable_brotli(!cfg!(debug_assertions))
        .enable_gzip(!cfg!(debug_assertions))
        .into_router();
    let pages = PAGES.into_iter().fold(Router::new(), |pages, path| pages.route(path, get(page)));
    on_disk(pages.merge(files)).layer(from_fn(harden))
}

/// Whatever was built after the program.
#[cfg(debug_assertions)]
fn on_disk(router: Router) -> Router {
    let folder = std::path::Path::new(env!("BUILT_PAGE")).with_file_name("assets");
    router.nest_service("/assets", tower_http::services::ServeDir::new(folder))
}

#[cfg(not(debug_assertions))]
fn on_disk(router: Router) -> Router {
    router
}

/// The app's page. It is small and names its files by their hashes, so it alone is
/// asked for each time.
async fn page(request: Request) -> Response {
    let Some(page) = built().await else {
        let detail = "the web app's files are gone; run `make web`";
        return Problem::new(Kind::Internal, detail).into_response();
    };
    let base = base(request.uri().path(), request.headers());
    let page = page.replacen(BASE, &format!("<base href=\"{base}\""), 1);
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-cache"),
        (VARY, "x-forwarded-prefix"),
    ];
    (headers, page).into_response()
}

#[cfg(debug_assertions)]
async fn built() -> Option<Cow<'static, str>> {
    tokio::fs::read_to_string(env!("BUILT_PAGE")).await.ok().map(Cow::Owned)
}

#[cfg(not(debug_assertions))]
async fn built() -> Option<Cow<'static, str>> {
    Some(Cow::Borrowed(PAGE))
}

/// The way from an address to the app's root. A proxy that takes a prefix off need not
/// say so: the way back up is the same. Only the root itself, asked for without a
/// slash at its end, cannot be told by that; a proxy that passes this on says its prefix.
fn base(path: &str, headers: &HeaderMap) -> String {
    if let Some(prefix) = prefix(headers) {
        return format!("{prefix}/");
    }
    match path.matches('/').count() {
        0 | 1 => "./".to_owned(),
        deep => "../".repeat(deep - 1),
    }
}

/// The answer where no route is: whoever wants a page is told by the app's.
pub(super) async fn nowhere(request: Request) -> Response {
    let accepted = request.headers().get_all(ACCEPT).iter();
    let wants_page = accepted
        .filter_map(|said| said.to_str().ok())
        .any(|said| said.split(',').any(|kind| kind.trim().split(';').next() == Some("text/html")));
    if !wants_page || request.extensions().get::<UnderToken>().is_some() {
        return Problem::not_found("page", request.uri().path()).into_response();
    }
    let mut response = hardened(page(request).await);
    if response.status().is_success() {
        *response.status_mut() = StatusCode::NOT_FOUND;
        // It is told, in words for people.
        response.extensions_mut().insert(Told);
    }
    response
}

async fn harden(request: Request, next: Next) -> Response {
    hardened(next.run(request).await)
}

fn hardened(mut response: Response) -> Response {
    let fixed: [(HeaderName, &'static str); 3] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response.extensions_mut().insert(OfTheApp);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str) -> Response {
        let request = Request::get(path).body(Body::empty()).expect("a plain request");
        router().oneshot(request).await.expect("routers do not fail")
    }

    async fn text(answer: Response) -> String {
        let page = to_bytes(answer.into_body(), 1 << 20).await.expect("a small page");
        String::from_utf8_lossy(&page).into_owned()
    }

    #[tokio::test]
    async fn the_root_is_the_page_and_allows_no_foreign_script() {
        let answer = get("/").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-cache");
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"));
        let page = text(answer).await;
        assert!(page.contains("<title>Aerial</title>"));
        // Scripts and styles come from files: none is written into the page.
        assert!(page.split("<script").skip(1).all(|rest| rest.contains("src=")));
        assert!(!page.contains("style="));
    }

    #[tokio::test]
    async fn every_address_of_the_app_is_the_page_with_the_way_to_its_root() {
        for (path, base) in [
            ("/", "./"),
            ("/on-air", "./"),
            ("/watch/5.1", "../"),
            ("/library/0191d6c0-0000-7000-8000-000000000000", "../"),
        ] {
            let answer = get(path).await;
            assert_eq!(answer.status(), StatusCode::OK, "{path}");
            let page = text(answer).await;
            assert!(page.contains(&format!("<base href=\"{base}\"")), "{path}: {page}");
        }
    }

    #[tokio::test]
    async fn nowhere_is_a_page_to_browsers_and_a_problem_to_all_others() {
        let browser = "text/html,application/xhtml+xml,*/*;q=0.8";
        for (accept, is_page) in [(browser, true), ("*/*", false), ("application/json", false)] {
            let request = Request::get("/mistyped/x").header(ACCEPT, accept);
            let answer = nowhere(request.body(Body::empty()).expect("a plain request")).await;
            assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{accept}");
            let text = text(answer).await;
            assert_eq!(text.contains("<base href=\"../\""), is_page, "{accept}: {text}");
        }
    }

    #[tokio::test]
    async fn a_proxy_that_says_its_prefix_is_believed_where_it_is_a_path() {
        for (said, base) in [("/aerial/", "/aerial/"), ("/a/b", "/a/b/"), ("//evil", "../")] {
            let request = Request::get("/watch/5").header("x-forwarded-prefix", said);
            let request = request.body(Body::empty()).expect("a plain request");
            let answer = router().oneshot(request).await.expect("routers do not fail");
            let page = text(answer).await;
            assert!(page.contains(&format!("<base href=\"{base}\"")), "{said}: {page}");
        }
    }

    #[tokio::test]
    async fn a_path_that_leads_out_of_the_app_finds_nothing() {
        for path in [
            "/../Cargo.toml",
            "/%2e%2e/Cargo.toml",
            "/assets/%2e%2e%2fCargo.toml",
            "/nope",
            "/watch/5/6",
            "/on-air/1",
        ] {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
