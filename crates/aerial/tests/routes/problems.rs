//! What is wrong with any request, wherever it goes.

use axum::body::{Body, Bytes};
use axum::http::{Method, Request};
use futures::stream;
use insta::assert_snapshot;

use crate::server::{Answer, Server};

async fn post(server: &Server, content_type: Option<&str>, body: impl Into<Body>) -> Answer {
    let mut request = Request::builder().method(Method::POST).uri("/api/v1/channels");
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    server.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let server = Server::new().await;
    for path in ["/api/v1/nothing", "/api/v2", "/api", "/api/", "/api/v1/", "/nothing"] {
        let answer = server.get(path).await.expect(404);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
    }
    assert_snapshot!(server.get("/api/v1/nothing").await.shown(), @r#"
    404 Not Found
    {
      "detail": "there is no page `/api/v1/nothing`",
      "status": 404,
      "title": "Not found",
      "type": "urn:aerial:problem:not-found"
    }
    "#);
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_told_with_those_it_does() {
    let server = Server::new().await;
    let answer = server.ask(Method::PUT, "/api/v1/channels/5").await;
    assert_snapshot!(answer.shown(), @r#"
    405 Method Not Allowed
    {
      "detail": "/api/v1/channels/5 does not take PUT; the header `Allow` says what it takes",
      "status": 405,
      "title": "Not possible here",
      "type": "urn:aerial:problem:method-not-allowed"
    }
    "#);
    assert_eq!(answer.header("allow"), "GET,HEAD,PATCH,DELETE");
}

#[tokio::test]
async fn a_body_that_is_not_json_is_told_so() {
    let server = Server::new().await;
    let json = Some("application/json");
    post(&server, None, "{}").await.expect(415);
    post(&server, Some("text/plain"), "{}").await.expect(415);
    assert_snapshot!(post(&server, json, "{\"number\": 5,").await.shown(), @r#"
    400 Bad Request
    {
      "detail": "the body is not JSON: EOF while parsing a value at line 1 column 13",
      "status": 400,
      "title": "Not understood",
      "type": "urn:aerial:problem:bad-request"
    }
    "#);
    post(&server, json, "").await.expect(400);
    post(&server, json, vec![0xff, 0xfe]).await.expect(400);
    post(&server, json, "[]").await.expect(422);
    post(&server, json, "{} {}").await.expect(400);
    post(&server, Some("application/json; charset=utf-8"), "{}").await.expect(422);
    let deep = "[".repeat(100_000);
    post(&server, json, deep).await.expect(422);
}

#[tokio::test]
async fn a_body_of_100_mb_is_refused_without_being_read() {
    let server = Server::new().await;
    let announced = Request::builder()
        .method(Method::POST)
        .uri("/api/v1/channels")
        .header("content-type", "application/json")
        .header("content-length", "100000000")
        .body(Body::from_stream(stream::once(async {
            panic!("the body was read");
            #[allow(unreachable_code, reason = "says of which type the stream is")]
            Ok::<Bytes, std::io::Error>(Bytes::new())
        })));
    let answer = server.send(announced.unwrap()).await;
    assert_snapshot!(answer.shown(), @r#"
    413 Payload Too Large
    {
      "detail": "a body may have at most 4 MiB",
      "status": 413,
      "title": "Too large",
      "type": "urn:aerial:problem:too-large"
    }
    "#);

    // Without a length: read to the limit and no further.
    let read = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = read.clone();
    let chunks = (0..100).map(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1_000_000]))
    });
    let answer =
        post(&server, Some("application/json"), Body::from_stream(stream::iter(chunks))).await;
    answer.expect(413);
    assert!(read.load(std::sync::atomic::Ordering::Relaxed) <= 6);
}

#[tokio::test]
async fn pages_of_other_sites_change_nothing() {
    let server = Server::new().await;
    for (site, status) in
        [("cross-site", 403), ("same-site", 403), ("same-origin", 202), ("none", 202)]
    {
        let request = Request::builder()
            .method(Method::POST)
            .uri("/api/v1/scan")
            .header("sec-fetch-site", site)
            .body(Body::empty());
        server.send(request.unwrap()).await.expect(status);
    }
    let request = Request::builder()
        .method(Method::OPTIONS)
        .uri("/api/v1/channels")
        .header("origin", "https://elsewhere.example")
        .header("access-control-request-method", "POST")
        .body(Body::empty());
    let answer = server.send(request.unwrap()).await;
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_not_stored() {
    let server = Server::new().await;
    for path in ["/api/v1/channels", "/api/v1/nothing", "/healthz", "/api/docs"] {
        let answer = server.get(path).await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}");
    }
    let request = Request::builder()
        .uri("/api/v1/channels")
        .header("x-request-id", "mine")
        .body(Body::empty());
    assert_eq!(server.send(request.unwrap()).await.header("x-request-id"), "mine");
}

#[tokio::test]
async fn json_is_compressed_for_whoever_takes_it() {
    let server = Server::new().await;
    let request = Request::builder()
        .uri("/api/v1/openapi.json")
        .header("accept-encoding", "br, gzip")
        .body(Body::empty());
    assert_eq!(server.send(request.unwrap()).await.header("content-encoding"), "br");
}

#[tokio::test]
async fn head_is_answered_like_get_without_a_body() {
    let server = Server::new().await;
    let answer = server.ask(Method::HEAD, "/api/v1/channels").await.expect(200);
    assert!(answer.body.is_empty());
}
