//! `/api/v1/streams`.

use axum::http::Method;
use insta::assert_snapshot;
use serde_json::json;

use crate::server::Server;

#[tokio::test]
async fn a_channel_is_put_on_the_air_and_taken_off() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    server.get("/api/v1/streams/5").await.expect(404);
    server.delete("/api/v1/streams/5").await.expect(404);
    let started = server.ask(Method::POST, "/api/v1/streams/5").await.expect(200);
    assert_eq!(server.get("/api/v1/streams/5").await.json(), started.json());
    server.delete("/api/v1/streams/5").await.expect(204);
    server.get("/api/v1/streams/5").await.expect(404);
}

#[tokio::test]
async fn viewers_come_and_go() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    let registered = server.ask(Method::POST, "/api/v1/streams/5/clients").await.expect(201);
    let client = registered.json()["client"].as_str().unwrap().to_owned();
    assert_snapshot!(server.get("/api/v1/streams").await.shown(), @r#"
    200 OK
    {
      "items": [
        {
          "channel": "id-1",
          "clients": [
            {
              "id": "7-my1v9s00-0",
              "last_seen": "2026-12-24T18:00:00.000Z",
              "rendition": "720p",
              "since": "2026-12-24T18:00:00.000Z"
            }
          ],
          "last_error": null,
          "name": "Channel 5",
          "number": "5",
          "renditions": [],
          "restarts": 0,
          "since": "2026-12-24T18:00:00.000Z",
          "started_at": "2026-12-24T18:00:00.000Z",
          "state": "active"
        }
      ],
      "next": null
    }
    "#);
    let path = format!("/api/v1/streams/5/clients/{client}");
    server.delete(&path).await.expect(204);
    server.delete(&path).await.expect(404);
    server.delete("/api/v1/streams/5/clients/%2e%2e").await.expect(404);
}

#[tokio::test]
async fn a_full_machine_says_so() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    server.manager.fill();
    let answer = server.ask(Method::POST, "/api/v1/streams/5").await;
    assert_snapshot!(answer.shown(), @r#"
    503 Service Unavailable
    {
      "detail": "2 channels are on the air, and this machine carries no more",
      "status": 503,
      "title": "Not now",
      "type": "urn:aerial:problem:unavailable"
    }
    "#);
}

#[tokio::test]
async fn only_channels_that_are_can_be_put_on_the_air() {
    let server = Server::new().await;
    for (method, path) in [
        (Method::GET, "/api/v1/streams/9"),
        (Method::POST, "/api/v1/streams/9"),
        (Method::DELETE, "/api/v1/streams/9"),
        (Method::POST, "/api/v1/streams/9/clients"),
        (Method::DELETE, "/api/v1/streams/9/clients/7-0-0"),
    ] {
        let answer = server.ask(method, path).await.expect(404);
        assert_eq!(answer.json()["detail"], json!("there is no channel `9`"));
    }
}

#[tokio::test]
async fn what_ran_for_a_channel_is_told_the_newest_first() {
    let server = Server::new().await;
    server.channel("5", &[]).await;
    let nothing = server.get("/api/v1/streams/5/history").await.expect(200);
    assert_eq!(nothing.json(), json!({ "items": [], "next": null }));
    server.ask(Method::POST, "/api/v1/streams/5").await.expect(200);
    let first = server.get("/api/v1/streams/5/history?limit=1").await;
    assert_snapshot!(first.shown(), @r#"
    200 OK
    {
      "items": [
        {
          "ended_at": null,
          "restarts": 1,
          "runs": [
            {
              "command": [
                "ffmpeg",
                "-i",
                "film.mkv"
              ],
              "completed": 2,
              "ended_at": "2026-12-24T18:00:00.000Z",
              "exit": "exit code 0",
              "fault": {
                "class": "corrupt_file",
                "reason": "it ends in segment 6 of 9"
              },
              "frame": "1280x720",
              "pid": 77,
              "segment": 4,
              "started_at": "2026-12-24T18:00:00.000Z",
              "stderr": "File ended prematurely\n",
              "title": "Film",
              "worker": 3
            }
          ],
          "session": 2,
          "started_at": "2026-12-24T18:00:00.000Z"
        }
      ],
      "next": "2"
    }
    "#);
    let second = server.get("/api/v1/streams/5/history?limit=1&cursor=2").await.json();
    assert_eq!((&second["items"][0]["session"], &second["next"]), (&json!(1), &json!(null)));
    assert!(second["items"][0]["ended_at"].is_string());
    server.get("/api/v1/streams/5/history?cursor=x").await.expect(422);
    server.get("/api/v1/streams/9/history").await.expect(404);
}
