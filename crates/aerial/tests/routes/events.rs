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
    data: {"type":"channel","channel":"id-1","deleted":false,"now":{"id":"id-1","number":"5","name":"Channel 5","logo":null,"group":null,"starts_at":"2026-12-24T18:00:00.000Z","loop":true,"order":"sequential","ladder":[],"grace_ms":null,"video":"auto","keep_running":false,"catchup_days":0,"created_at":"2026-12-24T18:00:00.000Z"}}

    event: lineup
    data: {"type":"lineup","channel":"id-1","takes_effect_at":"2026-12-24T18:00:00.000Z"}

    event: channel
    data: {"type":"channel","channel":"id-1","deleted":true,"now":null}
    "#);
    server.ending.cancel();
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn folders_and_settings_are_told_too() {
    let server = Server::new().await;
    let request = Request::builder().uri("/api/v1/events").body(Body::empty()).unwrap();
    let response = server.respond(request).await;
    let mut body = response.into_body().into_data_stream();
    let folder = server.folder;
    server.ask(Method::DELETE, &format!("/api/v1/folders/{folder}")).await.expect(204);
    let asked = json!({ "stream": { "grace": "45s" } });
    server.patch("/api/v1/settings", asked).await.expect(200);
    let mut told = String::new();
    for _ in 0..2 {
        told.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    insta::assert_snapshot!(anonymous(&told), @r#"
    event: folder
    data: {"type":"folder","folder":"id-1","deleted":true}

    event: settings
    data: {"type":"settings","restarts":true}
    "#);
}
