//! `/api/v1/media`, `/api/v1/shows`.

use axum::body::Body;
use axum::http::{Method, Request};
use insta::assert_snapshot;
use serde_json::{Value, json};

use aerial::db::{About, Identity, ScannedMedia};
use aerial::ffmpeg::{Invocation, RunLimits};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{FrameRate, Ticks};

use crate::server::{NOW, Server, facts};

fn titles(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_media_tells_what_is_in_it_and_what_is_done_with_it() {
    let server = Server::new().await;
    let id = server.films(&[300]).await[0];
    let answer = server.get(&format!("/api/v1/media/{id}")).await;
    let films = server.films.to_str().unwrap();
    assert_snapshot!(answer.shown().replace(films, "/films"), @r#"
    200 OK
    {
      "added_at": "2026-12-24T18:00:00.000Z",
      "aired": null,
      "cast": [],
      "changed_at": "2026-12-24T18:00:00.000Z",
      "edited": [],
      "episode": null,
      "folder": "id-1",
      "genres": [],
      "hash": "0ba59e7c0024f0549970592110ba4e3601f7e99076703da8da752748cbda1d69",
      "id": "id-2",
      "kind": "movie",
      "length_ms": 300000,
      "path": "/films/film 00001.mkv",
      "plot": null,
      "quarantined_since": null,
      "rating": null,
      "reason": null,
      "season": null,
      "show": null,
      "since": null,
      "size_bytes": 9,
      "state": "ok",
      "streams": {
        "audio": [
          {
            "channels": 2,
            "codec": "aac",
            "language": "eng",
            "layout": "stereo",
            "profile": "LC",
            "sample_rate": 48000
          }
        ],
        "chapters": [],
        "container": "matroska,webm",
        "subtitles": [],
        "video": {
          "codec": "hevc",
          "field_order": "progressive",
          "frame_rate": "25/1",
          "hdr": false,
          "height": 1080,
          "kbps": null,
          "language": null,
          "pixel_aspect": "1:1",
          "pixel_format": "yuv420p10le",
          "profile": "Main 10",
          "rotation": 0,
          "width": 1920
        }
      },
      "title": "Film 1",
      "treatment": {
        "audio": {
          "action": "transcode",
          "reasons": [
            "its picture is transcoded, so it is too"
          ]
        },
        "plays_as_it_is": false,
        "settled": true,
        "summary": "the picture is transcoded: HEVC is not H.264, more than 8 bits a colour; the sound is transcoded: its picture is transcoded, so it is too",
        "video": {
          "action": "transcode",
          "reasons": [
            "HEVC is not H.264",
            "more than 8 bits a colour"
          ]
        }
      },
      "year": 1999
    }
    "#);
}

#[tokio::test]
async fn a_file_that_cannot_be_played_says_why() {
    let server = Server::new().await;
    let id = server.broken("notes.mkv", "it is no video").await;
    let media = server.get(&format!("/api/v1/media/{id}")).await.expect(200).json();
    assert_eq!(media["state"], json!("unplayable"));
    assert_eq!(media["reason"], json!("it is no video"));
    assert_eq!(media["length_ms"], json!(null));
}

#[tokio::test]
async fn media_are_found_by_what_they_are() {
    let server = Server::new().await;
    server.films(&[300, 300]).await;
    server.show("Robots", 2, 60).await;
    server.broken("notes.mkv", "it is no video").await;
    for (query, found) in [
        ("", vec!["Film 1", "Film 2", "notes.mkv", "Part 1", "Part 2"]),
        ("q=ROBOT+s01e02", vec!["Part 2"]),
        ("show=Robots", vec!["Part 1", "Part 2"]),
        ("show=Robots&season=2", vec![]),
        ("kind=movie", vec!["Film 1", "Film 2"]),
        ("state=unplayable", vec!["notes.mkv"]),
        ("codec=hevc&kind=episode", vec!["Part 1", "Part 2"]),
        ("codec=h264", vec![]),
        ("q=%25", vec![]),
    ] {
        let page = server.get(&format!("/api/v1/media?{query}")).await.expect(200).json();
        assert_eq!(titles(&page), found, "{query}");
    }
    let first = server.get("/api/v1/media?limit=4").await.json();
    let next = first["next"].as_str().unwrap();
    let second = server.get(&format!("/api/v1/media?limit=4&cursor={next}")).await.json();
    assert_eq!(titles(&second), ["Part 2"]);
    for (query, field) in [
        ("state=odd", "state"),
        ("season=x", "season"),
        ("folder=x", "folder"),
        ("cursor=x", "cursor"),
        ("serach=x", "serach"),
    ] {
        let answer = server.get(&format!("/api/v1/media?{query}")).await.expect(422);
        assert_eq!(answer.fields(), [field], "{query}");
    }
}

#[tokio::test]
async fn edits_win_and_null_takes_them_back() {
    let server = Server::new().await;
    let id = server.films(&[300]).await[0];
    let path = format!("/api/v1/media/{id}");
    let edit = json!({ "title": "Better", "genres": ["Drama"], "year": 2001 });
    let edited = server.patch(&path, edit).await.expect(200).json();
    assert_eq!(edited["title"], json!("Better"));
    assert_eq!(edited["edited"], json!(["title", "year", "genres"]));
    let edited = server.patch(&path, json!({ "title": null })).await.expect(200).json();
    assert_eq!(edited["title"], json!("Film 1"));
    assert_eq!(edited["year"], json!(2001));
    assert_eq!(edited["edited"], json!(["year", "genres"]));

    let wrong = json!({ "title": " ", "season": 99_999, "genres": ["Drama", ""] });
    let answer = server.patch(&path, wrong).await.expect(422);
    assert_eq!(answer.fields(), ["title", "season", "genres[1]"]);
    let answer = server.patch(&path, json!({ "year": "old" })).await.expect(422);
    assert_eq!(answer.fields(), ["year"]);
}

#[tokio::test]
async fn a_media_that_enters_a_show_enters_its_channels() {
    let server = Server::new().await;
    server.show("Robots", 1, 300).await;
    let film = server.films(&[300]).await[0];
    let body = json!({ "number": "5", "name": "Robots", "items": [{ "show": "Robots" }] });
    server.post("/api/v1/channels", body).await.expect(201);
    let edit = json!({ "show": "Robots", "season": 1, "episode": 2, "kind": "episode" });
    server.patch(&format!("/api/v1/media/{film}"), edit).await.expect(200);
    let now = server.get("/api/v1/channels/5/now").await.json();
    assert_eq!(now["next"]["title"], json!("Film 1"));
    let shows = server.get("/api/v1/shows").await.expect(200).json();
    assert_eq!(
        shows["items"],
        json!([{ "show": "Robots", "episodes": 2, "seasons": 1, "length_ms": 600_000 }])
    );
}

#[tokio::test]
async fn only_what_is_gone_or_broken_can_be_forgotten() {
    let server = Server::new().await;
    let film = server.films(&[300]).await[0];
    let broken = server.broken("notes.mkv", "it is no video").await;
    let answer = server.delete(&format!("/api/v1/media/{film}")).await.expect(409);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("film 00001.mkv") && detail.contains("lineups"), "{detail}");
    server.delete(&format!("/api/v1/media/{broken}")).await.expect(204);
    server.delete(&format!("/api/v1/media/{broken}")).await.expect(404);

    server.channel("5", &[film]).await;
    server.db.mark_missing(&[film], server.clock.now()).await.unwrap();
    server.delete(&format!("/api/v1/media/{film}")).await.expect(204);
    let lineup = server.get("/api/v1/channels/5/lineup").await.json();
    assert_eq!(lineup["items"], json!([]));
}

#[tokio::test]
async fn a_thumbnail_is_a_picture_from_within_the_file() {
    let server = Server::new().await;
    let path = server.films.join("real: \u{1f3ac} -i.mkv");
    let make = Invocation::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi"])
        .args(["-i", "testsrc=size=640x360:rate=25:duration=3", "-c:v", "mpeg4"])
        .arg({
            let mut url = std::ffi::OsString::from("file:");
            url.push(&path);
            url
        });
    let limits = RunLimits { time: std::time::Duration::from_secs(30), stdout_bytes: 1024 };
    let made = server.spawner.run_to_end(make, limits).await.unwrap();
    assert!(made.exit.is_success(), "{}", made.stderr);
    let map = SegmentMap::uniform(FrameRate::PAL, Ticks::from_secs(3)).unwrap();
    let scanned = ScannedMedia {
        id: None,
        folder: server.folder,
        path,
        identity: Identity { size_bytes: 9, mtime_ns: 1, hash: None },
        found: Ok((facts(3), map)),
        about: About { title: "Real".to_owned(), ..About::default() },
    };
    let id = server.db.upsert_media(vec![scanned], server.clock.now()).await.unwrap().added[0];
    let url = format!("/api/v1/media/{id}/thumbnail.jpg");
    let first = server.get(&url).await.expect(200);
    assert_eq!(first.header("content-type"), "image/jpeg");
    assert!(first.body.starts_with(&[0xff, 0xd8]) && first.body.ends_with(&[0xff, 0xd9]));
    assert_eq!(server.get(&url).await.expect(200).body, first.body);
    assert!(first.header("cache-control").contains("max-age=86400"));
    // As wide as it is asked for, each under a tag of its own.
    for (width, (wide, high)) in
        [(64, (64, 36)), (256, (256, 144)), (480, (480, 270)), (960, (960, 540))]
    {
        let sized = server.get(&format!("{url}?width={width}")).await.expect(200);
        assert_eq!(jpeg_size(&sized.body), (wide, high));
        assert_eq!(width == 480, sized.header("etag") == first.header("etag"));
    }
    for bad in ["0", "481", "", "wide", "-64"] {
        let refused = server.get(&format!("{url}?width={bad}")).await.expect(422);
        assert_eq!(refused.fields(), ["width"], "{bad}");
    }

    let known = Request::builder()
        .uri(&url)
        .header("if-none-match", first.header("etag"))
        .body(Body::empty());
    server.send(known.unwrap()).await.expect(304);
}

/// Width and height, from the frame header.
fn jpeg_size(bytes: &[u8]) -> (u16, u16) {
    let mut at = 2;
    loop {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        if matches!(bytes[at + 1], 0xc0..=0xc2) {
            let number = |n: usize| u16::from_be_bytes([bytes[at + n], bytes[at + n + 1]]);
            return (number(7), number(5));
        }
        at += 2 + length;
    }
}

#[tokio::test]
async fn a_file_without_a_picture_has_no_thumbnail_and_says_why() {
    let server = Server::new().await;
    let broken = server.broken("notes.mkv", "it is no video").await;
    server.get(&format!("/api/v1/media/{broken}/thumbnail.jpg")).await.expect(404);
    // In the catalogue, but no file is there.
    let film = server.films(&[300]).await[0];
    let answer = server.get(&format!("/api/v1/media/{film}/thumbnail.jpg")).await.expect(404);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("is missing"), "{detail}");
    server.ask(Method::PUT, &format!("/api/v1/media/{film}/thumbnail.jpg")).await.expect(405);
}

#[tokio::test]
async fn a_file_is_found_by_its_path() {
    let server = Server::new().await;
    server.films(&[300, 300]).await;
    let path = server.films.join("film 00002.mkv");
    let path: String = path.to_str().unwrap().replace(' ', "%20");
    let page = server.get(&format!("/api/v1/media?path={path}")).await.expect(200).json();
    assert_eq!(titles(&page), ["Film 2"]);
    let page = server.get("/api/v1/media?path=/none").await.expect(200).json();
    assert_eq!(page, json!({ "items": [], "next": null }));
    let answer = server.get("/api/v1/media?path=/none&q=x").await.expect(422);
    assert_eq!(answer.fields(), ["path"]);
}

#[tokio::test]
async fn a_media_that_was_put_aside_says_so_and_is_taken_back() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    let id = films[0];
    server.channel("5", &films).await;
    let path = format!("/api/v1/media/{id}");
    let identity = server.db.media(id).await.unwrap().unwrap().identity;
    assert!(server.db.put_aside(id, &identity, "it ends in segment 3", NOW).await.unwrap());
    let aside = server.get(&path).await.json();
    assert_eq!(
        (&aside["state"], &aside["reason"], &aside["quarantined_since"]),
        (&json!("unplayable"), &json!("it ends in segment 3"), &json!("2026-12-24T18:00:00.000Z"))
    );
    let listed = server.get("/api/v1/media?state=unplayable").await.json();
    assert_eq!(titles(&listed).len(), 1);
    let back = server.ask(Method::POST, &format!("{path}/retry")).await.expect(200).json();
    assert_eq!((&back["state"], &back["quarantined_since"]), (&json!("ok"), &Value::Null));
    server.ask(Method::POST, &format!("{path}/retry")).await.expect(200);
    let unknown = "/api/v1/media/0192e7a1-0000-7000-8000-000000000000/retry";
    server.ask(Method::POST, unknown).await.expect(404);
}

#[tokio::test]
async fn a_list_comes_in_other_orders_too_page_by_page() {
    let server = Server::new().await;
    server.films(&[300, 900, 600]).await;
    server.broken("wreck.mkv", "it is no video").await;
    for (sort, order) in [
        ("length", ["Film 2", "Film 3", "Film 1", "wreck.mkv"]),
        ("name", ["Film 1", "Film 2", "Film 3", "wreck.mkv"]),
    ] {
        let mut found = Vec::new();
        let mut path = format!("/api/v1/media?sort={sort}&limit=1");
        loop {
            let page = server.get(&path).await.expect(200).json();
            found.extend(titles(&page));
            let Some(next) = page["next"].as_str() else { break };
            path = format!("/api/v1/media?sort={sort}&limit=1&cursor={next}");
        }
        assert_eq!(found, order, "{sort}");
    }
    for sort in ["added", "size"] {
        let page = server.get(&format!("/api/v1/media?sort={sort}")).await.expect(200).json();
        assert_eq!(titles(&page).len(), 4);
    }
    let named = server.get("/api/v1/media?limit=1").await.expect(200).json();
    let of_another = format!("/api/v1/media?sort=size&cursor={}", named["next"].as_str().unwrap());
    assert_eq!(server.get(&of_another).await.expect(422).fields(), ["cursor"]);
    assert_eq!(server.get("/api/v1/media?sort=colour").await.expect(422).fields(), ["sort"]);
}

#[tokio::test]
async fn totals_are_of_what_fits() {
    let server = Server::new().await;
    server.films(&[300, 600]).await;
    server.show("Robots", 2, 60).await;
    server.broken("wreck.mkv", "it is no video").await;
    let all = server.get("/api/v1/media/totals").await.expect(200).json();
    assert_eq!(
        all,
        json!({
            "media": 5, "length_ms": 1_020_000, "size_bytes": 45,
            "ok": 4, "unplayable": 1, "missing": 0,
            "codecs": [{ "codec": "hevc", "media": 4 }, { "codec": null, "media": 1 }],
        })
    );
    let robots = server.get("/api/v1/media/totals?show=Robots&codec=vp9").await.expect(200).json();
    assert_eq!((&robots["media"], &robots["codecs"][0]["media"]), (&json!(0), &json!(2)));
    server.get("/api/v1/media/totals?limit=5").await.expect(422);
}

#[tokio::test]
async fn a_media_tells_which_channels_play_it_and_as_what() {
    let server = Server::new().await;
    let films = server.films(&[300]).await;
    let robots = server.show("Robots", 2, 60).await;
    server.channel("5", &films).await;
    server.channel("6", &robots[..1]).await;
    let show = json!({ "number": "7", "name": "Seven", "items": [{ "show": "Robots" }] });
    server.post("/api/v1/channels", show).await.expect(201);
    let play = async |media: &aerial_model::id::MediaId| {
        let told = server.get(&format!("/api/v1/media/{media}/channels")).await.expect(200).json();
        let told = told["items"].as_array().unwrap().clone();
        told.iter()
            .map(|one| (one["number"].as_str().unwrap().to_owned(), one["show"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(play(&films[0]).await, [("5".to_owned(), Value::Null)]);
    assert_eq!(
        play(&robots[0]).await,
        [("6".to_owned(), Value::Null), ("7".to_owned(), json!("Robots"))]
    );
    assert_eq!(play(&robots[1]).await, [("7".to_owned(), json!("Robots"))]);
    let nobody = uuid::Uuid::nil();
    server.get(&format!("/api/v1/media/{nobody}/channels")).await.expect(404);
}
