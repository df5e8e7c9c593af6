//! `/api/v1/channels/{channel}/skip`.

use axum::http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_skip_ends_the_item_after_what_players_were_promised() {
    let server = Server::new().await;
    let films = server.films(&[300, 300]).await;
    let channel = server.channel("5", &films).await;
    let id: aerial_model::id::ChannelId = channel["id"].as_str().unwrap().parse().unwrap();
    server.schedule.commit(id).await.unwrap();
    server.manager.promise_until(3);
    let answer = server.ask(Method::POST, "/api/v1/channels/5/skip").await.expect(200).json();
    let at = answer["takes_effect_at"].as_str().unwrap();
    assert!(at.starts_with("2026-12-24T18:00:12"), "{at}");
    let now = server.get("/api/v1/channels/5/now").await.json();
    assert_eq!(now["current"]["end"], answer["takes_effect_at"]);
    assert_eq!(now["next"]["title"], json!("Film 2"));
}

#[tokio::test]
async fn what_nobody_watches_cannot_be_skipped() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    let answer = server.ask(Method::POST, "/api/v1/channels/5/skip").await;
    assert_snapshot!(answer.shown(), @r#"
    409 Conflict
    {
      "detail": "channel id-1: nothing follows what is on the air; add something to the lineup, or let it loop",
      "status": 409,
      "title": "Does not fit what is there",
      "type": "urn:aerial:problem:conflict"
    }
    "#);
}
