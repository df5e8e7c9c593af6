//! The web page, as built into the program.
//!
//! Owns `/` and the files the page needs. Does not know the API. Invariant: what is
//! served is what `web/` was when the program was built (a debug build reads the
//! same files from disk), and a file with a hash in its name never changes.

use axum::Router;
use axum::extract::Request;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use memory_serve::CacheControl;

/// What the page may load: its own files, the player's buffers (`blob:`), and
/// channel logos, which people take from anywhere. No script but the built one.
const POLICY: &str = "default-src 'self'; img-src 'self' data: http: https:; \
     media-src 'self' blob:; worker-src 'self' blob:; object-src 'none'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

/// The routes of the page's files; everything else is left to other routers.
pub fn router() -> Router {
    memory_serve::load!()
        .index_file(Some("/index.html"))
        // The page names its files by their hashes, so it alone must be asked for anew.
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::Medium)
        .into_router()
        .layer(from_fn(harden))
}

async fn harden(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let fixed: [(HeaderName, &'static str); 3] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str) -> Response {
        let request = Request::get(path).body(Body::empty()).expect("a plain request");
        router().oneshot(request).await.expect("routers do not fail")
    }

    #[tokio::test]
    async fn the_root_is_the_page_and_allows_no_foreign_script() {
        let answer = get("/").await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/html");
        assert_eq!(answer.headers()[CACHE_CONTROL], "no-cache");
        let policy = answer.headers()[CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        assert!(policy.starts_with("default-src 'self';") && !policy.contains("unsafe"));
        let page = to_bytes(answer.into_body(), 1 << 20).await.expect("a small page");
        let page = String::from_utf8_lossy(&page);
        assert!(page.contains("<title>Aerial</title>"));
        // Scripts come from files: none is written into the page.
        assert!(page.split("<script").skip(1).all(|rest| rest.contains("src=")));
    }

    #[tokio::test]
    async fn a_path_that_leads_out_of_the_page_finds_nothing() {
        for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/assets/%2e%2e%2fCargo.toml", "/nope"]
        {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
