//! `/api/v1/events`.

use axum::body::Body;
use axum::http::{Method, Request};
use futures::StreamExt;
use serde_json::json;

use crate::server::{Server, anonymous};

#[tokio::test]
async fn changes_are_told_as_they_happen_until_the_server_ends() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    let request = Request::builder().uri("/api/v1/events").body(Body::empty()).unwrap();
    let response = server.respond(request).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body().into_data_stream();
    server.channel("5", &[]).await;
    let items = json!({ "items": [{ "media": films[0].to_string() }] });
    server.put("/api/v1/channels/5/lineup", items).await.expect(200);
    server.ask(Method::DELETE, "/api/v1/channels/5").await.expect(204);
    let mut told = String::new();
    for _ in 0..3 {
        told.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    insta::assert_snapshot!(anonymous(&told), @r#"
    event: channel
    data: {"type":"channel","channel":"id-1","deleted":false}

    event: lineup
    data: {"type":"lineup","channel":"id-1","takes_effect_at":"2026-12-24T18:00:00.000Z"}

    event: channel
    data: {"type":"channel","channel":"id-1","deleted":true}
    "#);
    server.ending.cancel();
    assert!(body.next().await.is_none());
}
