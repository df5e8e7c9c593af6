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
