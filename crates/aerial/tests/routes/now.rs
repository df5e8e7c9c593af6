//! `/api/v1/channels/{channel}/now`.

use insta::assert_snapshot;
use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn now_tells_what_is_on_and_what_comes_next() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    let episodes = server.show("Robots", 1, 60).await;
    server.channel("5", &[films[0], episodes[0]]).await;
    server.pass(100);
    assert_snapshot!(server.get("/api/v1/channels/5/now").await.shown(), @r#"
    200 OK
    {
      "at": "2026-12-24T18:01:40.000Z",
      "channel": "id-1",
      "current": {
        "catchup": null,
        "committed": false,
        "end": "2026-12-24T18:05:00.010Z",
        "episode": null,
        "item": "id-2",
        "media": "id-3",
        "media_start_ms": 0,
        "off_air": false,
        "plot": null,
        "season": null,
        "show": null,
        "start": "2026-12-24T18:00:00.000Z",
        "subtitle": null,
        "title": "Film 1",
        "year": 1999
      },
      "next": {
        "catchup": null,
        "committed": false,
        "end": "2026-12-24T18:06:00.021Z",
        "episode": 1,
        "item": "id-4",
        "media": "id-5",
        "media_start_ms": 0,
        "off_air": false,
        "plot": null,
        "season": 1,
        "show": "Robots",
        "start": "2026-12-24T18:05:00.010Z",
        "subtitle": null,
        "title": "Part 1",
        "year": null
      },
      "next_warning": null,
      "offset_ms": 100000,
      "remaining_ms": 200010
    }
    "#);
}

#[tokio::test]
async fn a_channel_with_nothing_to_play_is_off_the_air() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    assert_snapshot!(server.get("/api/v1/channels/5/now").await.shown(), @r#"
    200 OK
    {
      "at": "2026-12-24T18:00:00.000Z",
      "channel": "id-1",
      "current": {
        "catchup": null,
        "committed": false,
        "end": null,
        "episode": null,
        "item": null,
        "media": null,
        "media_start_ms": 0,
        "off_air": true,
        "plot": null,
        "season": null,
        "show": null,
        "start": "2026-12-24T18:00:00.000Z",
        "subtitle": null,
        "title": "Off air",
        "year": null
      },
      "next": null,
      "next_warning": null,
      "offset_ms": 0,
      "remaining_ms": null
    }
    "#);
}

#[tokio::test]
async fn a_channel_that_has_not_begun_says_when_it_will() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    let body = json!({
        "number": "5", "name": "Late", "starts_at": "2026-12-24T21:00:00+01:00",
        "items": [{ "media": films[0].to_string() }],
    });
    server.post("/api/v1/channels", body).await.expect(201);
    let now = server.get("/api/v1/channels/5/now").await.expect(200).json();
    assert_eq!(now["current"]["off_air"], json!(true));
    assert_eq!(now["next"]["title"], json!("Film 1"));
    assert!(now["next"]["start"].as_str().unwrap().starts_with("2026-12-24T20:00:0"));
}

#[tokio::test]
async fn the_number_and_the_id_name_the_same_channel() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    let channel = server.channel("5.1", &films).await;
    let by_number = server.get("/api/v1/channels/5.1/now").await.expect(200).json();
    let id = channel["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("/api/v1/channels/{id}/now")).await.json(), by_number);
}

#[tokio::test]
async fn what_is_wrong_with_what_comes_next_is_told_before_it_shows() {
    let server = Server::new().await;
    let films = server.films(&[300, 60]).await;
    server.channel("5", &films).await;
    server.manager.warn(films[0], "it is on the air, and no longer to be warned of");
    server.manager.warn(films[1], "/films/2.mkv is not there");
    let now = server.get("/api/v1/channels/5/now").await.json();
    assert_eq!(now["next_warning"], json!("/films/2.mkv is not there"));
}

#[tokio::test]
async fn all_channels_tell_at_once_what_is_on_and_next() {
    let server = Server::new().await;
    let films = server.films(&[300, 600]).await;
    for number in ["5", "4", "5.1"] {
        server.channel(number, &films).await;
    }
    let page = server.get("/api/v1/guide/now?limit=2").await.expect(200).json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    for (place, number) in ["4", "5"].into_iter().enumerate() {
        let now = server.get(&format!("/api/v1/channels/{number}/now")).await.expect(200).json();
        assert_eq!(page["items"][place], now);
        assert_eq!(now["next"]["title"], "Film 2");
    }
    let next = format!("/api/v1/guide/now?cursor={}", page["next"].as_str().unwrap());
    let page = server.get(&next).await.expect(200).json();
    assert_eq!(
        (page["items"].as_array().unwrap().len(), &page["next"]),
        (1, &serde_json::Value::Null)
    );
}
