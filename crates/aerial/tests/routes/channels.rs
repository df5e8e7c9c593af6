//! `/api/v1/channels` and `/api/v1/channels/{channel}`.

use axum::http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_channel_is_made_with_what_is_given_and_defaults_for_the_rest() {
    let server = Server::new().await;
    let body = json!({ "number": "5.1", "name": "News" });
    let answer = server.post("/api/v1/channels", body).await;
    let id = answer.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.header("location"), format!("/api/v1/channels/{id}"));
    assert_snapshot!(answer.shown(), @r#"
    201 Created
    {
      "catchup_days": 0,
      "created_at": "2026-12-24T18:00:00.000Z",
      "grace_ms": null,
      "group": null,
      "id": "id-1",
      "keep_running": false,
      "ladder": [],
      "logo": null,
      "loop": true,
      "name": "News",
      "number": "5.1",
      "order": "sequential",
      "starts_at": "2026-12-24T18:00:00.000Z",
      "video": "auto"
    }
    "#);
    for channel in ["5.1", id.as_str()] {
        let again = server.get(&format!("/api/v1/channels/{channel}")).await.expect(200);
        assert_eq!(again.json(), answer.json());
    }
}

#[tokio::test]
async fn everything_that_is_wrong_with_a_channel_is_named_at_once() {
    let server = Server::new().await;
    let body = json!({
        "number": "5.0", "name": "", "logo": "javascript:alert(1)", "starts_at": "tomorrow",
        "ladder": ["720p", "big"], "grace_ms": 3_600_001,
    });
    let answer = server.post("/api/v1/channels", body).await.expect(422);
    assert_snapshot!(answer.shown(), @r#"
    422 Unprocessable Entity
    {
      "detail": "number: `5.0` is no channel number: write 1 to 99999, or with a sub-number such as 5.1; name: must not be empty; logo: must be a URL that begins with http://, https:// or /, of at most 2000 bytes; and 3 more",
      "errors": [
        {
          "field": "number",
          "message": "`5.0` is no channel number: write 1 to 99999, or with a sub-number such as 5.1"
        },
        {
          "field": "name",
          "message": "must not be empty"
        },
        {
          "field": "logo",
          "message": "must be a URL that begins with http://, https:// or /, of at most 2000 bytes"
        },
        {
          "field": "starts_at",
          "message": "must be a time such as 2026-12-24T18:00:00Z or 2026-12-24T18:00:00+01:00"
        },
        {
          "field": "ladder[1]",
          "message": "`big` is no rendition: use `source` or a height such as `720p`"
        },
        {
          "field": "grace_ms",
          "message": "must be 0 to 3600000 (an hour)"
        }
      ],
      "status": 422,
      "title": "Not valid",
      "type": "urn:aerial:problem:invalid"
    }
    "#);
    assert_eq!(
        server.post("/api/v1/channels", json!({})).await.expect(422).fields(),
        ["number", "name"]
    );
}

#[tokio::test]
async fn a_field_that_is_not_known_is_refused_by_name() {
    let server = Server::new().await;
    let body = json!({ "number": "5", "name": "News", "colour": "blue" });
    let answer = server.post("/api/v1/channels", body).await.expect(422);
    assert_eq!(answer.fields(), ["colour"]);
}

#[tokio::test]
async fn a_number_that_is_taken_is_refused_by_name() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    let body = json!({ "number": 5, "name": "Other" });
    let answer = server.post("/api/v1/channels", body).await;
    assert_snapshot!(answer.shown(), @r#"
    409 Conflict
    {
      "detail": "channel number 5 is taken",
      "errors": [
        {
          "field": "number",
          "message": "channel number 5 is taken"
        }
      ],
      "status": 409,
      "title": "Does not fit what is there",
      "type": "urn:aerial:problem:conflict"
    }
    "#);
    server.channel("6", &[]).await;
    let answer = server.patch("/api/v1/channels/6", json!({ "number": "5" })).await.expect(409);
    assert_eq!(answer.fields(), ["number"]);
}

#[tokio::test]
async fn a_channel_of_unknown_media_is_not_made() {
    let server = Server::new().await;
    let unknown = "0198c0de-0000-7000-8000-000000000000";
    let body = json!({ "number": "5", "name": "News", "items": [{ "media": unknown }] });
    let answer = server.post("/api/v1/channels", body).await.expect(422);
    assert_eq!(answer.fields(), ["items[0].media"]);
    server.get("/api/v1/channels/5").await.expect(404);
}

#[tokio::test]
async fn channels_are_listed_in_pages_by_number() {
    let server = Server::new().await;
    for number in ["10", "5.10", "5.2", "5"] {
        server.channel(number, &[]).await;
    }
    let mut numbers = Vec::new();
    let mut path = "/api/v1/channels?limit=3".to_owned();
    loop {
        let page = server.get(&path).await.expect(200).json();
        let items = page["items"].as_array().unwrap().clone();
        numbers.push(items.iter().map(|c| c["number"].as_str().unwrap().to_owned()).collect());
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/channels?limit=3&cursor={next}"),
            None => break,
        }
    }
    let numbers: Vec<Vec<String>> = numbers;
    assert_eq!(numbers, [vec!["5", "5.2", "5.10"], vec!["10"]]);
}

#[tokio::test]
async fn a_limit_or_cursor_that_is_none_is_refused_by_name() {
    let server = Server::new().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("page=2", "page"),
        ("limit=1&limit=2", "limit"),
    ] {
        let answer = server.get(&format!("/api/v1/channels?{query}")).await.expect(422);
        assert_eq!(answer.fields(), [field], "{query}");
    }
}

#[tokio::test]
async fn an_edit_changes_what_it_names_and_says_when_it_takes_effect() {
    let server = Server::new().await;
    let media = server.films(&[300, 300]).await;
    server.channel("5", &media).await;
    let edit = json!({ "name": "Other", "group": "News", "logo": "/logo.png" });
    let answer = server.patch("/api/v1/channels/5", edit).await.expect(200).json();
    assert_eq!(answer["takes_effect_at"], json!(null));
    assert_eq!((answer["name"].as_str(), answer["group"].as_str()), (Some("Other"), Some("News")));

    let edit = json!({ "order": "shuffle", "group": null });
    let answer = server.patch("/api/v1/channels/5", edit).await.expect(200).json();
    // The first film is on the air, so it plays to its end.
    assert_eq!(answer["takes_effect_at"], json!("2026-12-24T18:05:00.010Z"));
    assert_eq!(answer["group"], json!(null));
    assert_eq!(answer["logo"], json!("/logo.png"));
}

#[tokio::test]
async fn a_deleted_channel_is_gone_and_off_the_air() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    server.ask(Method::POST, "/api/v1/streams/5").await.expect(200);
    server.delete("/api/v1/channels/5").await.expect(204);
    server.get("/api/v1/channels/5").await.expect(404);
    server.delete("/api/v1/channels/5").await.expect(404);
    let streams = server.get("/api/v1/streams").await.expect(200).json();
    assert_eq!(streams, json!({ "items": [], "next": null }));
}

#[tokio::test]
async fn a_channel_is_kept_running_when_it_is_told_to() {
    let server = Server::new().await;
    let made = json!({ "number": "5", "name": "Five", "keep_running": true });
    let made = server.post("/api/v1/channels", made).await.expect(201).json();
    assert_eq!(made["keep_running"], json!(true));
    server.patch("/api/v1/channels/5", json!({ "keep_running": false })).await.expect(200);
    let channel = server.get("/api/v1/channels/5").await.json();
    assert_eq!(channel["keep_running"], json!(false));
}
