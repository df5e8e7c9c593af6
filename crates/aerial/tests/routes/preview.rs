//! `/api/v1/channels/{channel}/preview`.

use serde_json::{Value, json};

use crate::server::Server;

fn titles(preview: &Value) -> Vec<&str> {
    let items = preview["items"].as_array().unwrap();
    items.iter().map(|item| item["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_preview_shows_what_would_play_and_changes_nothing() {
    let server = Server::new().await;
    let films = server.films(&[300, 300, 300]).await;
    server.channel("5", &films[..2]).await;
    let draft = json!({ "items": [{ "media": films[2].to_string() }], "limit": 3 });
    let preview = server.post("/api/v1/channels/5/preview", draft).await.expect(200).json();
    assert_eq!(titles(&preview), ["Film 1", "Film 3", "Film 3"]);
    assert_eq!(preview["takes_effect_at"], preview["items"][1]["start"]);
    let now = server.get("/api/v1/channels/5/now").await.json();
    assert_eq!(now["next"]["title"], json!("Film 2"));
}

#[tokio::test]
async fn a_preview_takes_settings_too_and_names_what_is_wrong() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    server.channel("5", &films).await;
    let draft = json!({ "settings": { "loop": false } });
    let preview = server.post("/api/v1/channels/5/preview", draft).await.expect(200).json();
    assert_eq!(titles(&preview), ["Film 1", "Off air"]);
    assert_eq!(preview["items"][1]["end"], json!(null));

    for (draft, field) in [
        (json!({ "settings": { "grace_ms": -1 } }), "settings.grace_ms"),
        (json!({ "limit": 501 }), "limit"),
        (json!({ "items": [{ "show": "Nothing" }] }), "items[0].show"),
    ] {
        let answer = server.post("/api/v1/channels/5/preview", draft).await.expect(422);
        assert_eq!(answer.fields(), [field]);
    }
}

#[tokio::test]
async fn a_preview_tells_how_long_everything_takes_once_and_ends_where_asked() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    server.show("Robots", 3, 60).await;
    server.channel("5", &films[..1]).await;
    let items = json!([{ "media": films[1].to_string() }, { "show": "Robots" }]);
    let draft = json!({ "items": items, "until": "2026-12-24T18:20:00Z" });
    let preview = server.post("/api/v1/channels/5/preview", draft).await.expect(200).json();
    // Each rounded up to a whole audio frame.
    let cycle = preview["cycle_ms"].as_i64().unwrap();
    assert!((780_000..780_100).contains(&cycle), "{cycle}");
    assert_eq!(preview["cycle_programmes"], json!(4));
    assert_eq!(titles(&preview), ["Film 1", "Film 2", "Part 1", "Part 2", "Part 3", "Film 2"]);
    assert_eq!(preview["items"][0]["committed"], json!(true));
}

#[tokio::test]
async fn a_channel_that_is_not_made_yet_has_a_preview_too() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    let items = json!([{ "media": films[1].to_string() }]);
    let draft = json!({ "items": items, "limit": 2 });
    let preview = server.post("/api/v1/channels/preview", draft).await.expect(200).json();
    assert_eq!(titles(&preview), ["Film 2", "Film 2"]);
    assert_eq!(preview["takes_effect_at"], json!("2026-12-24T18:00:00.000Z"));
    assert_eq!(preview["items"][0]["start"], preview["takes_effect_at"]);
    assert_eq!(server.get("/api/v1/channels").await.json()["items"], json!([]));
    for (draft, field) in [
        (json!({ "settings": { "grace_ms": 5_000_000 } }), "settings.grace_ms"),
        (json!({ "items": [{ "show": "Nothing" }] }), "items[0].show"),
        (json!({ "items": [{}] }), "items[0]"),
    ] {
        let answer = server.post("/api/v1/channels/preview", draft).await.expect(422);
        assert_eq!(answer.fields(), [field]);
    }
}
