//! `/api/v1/channels/export`, `/api/v1/channels/import`, `/api/v1/channels/{channel}/clone`.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::server::Server;

async fn exported(server: &Server) -> Value {
    server.get("/api/v1/channels/export").await.expect(200).json()
}

/// Two films, a show, and two channels of them.
async fn furnished() -> Server {
    let server = Server::new().await;
    let films = server.films(&[300, 400]).await;
    server.show("Robots", 3, 60).await;
    let items = json!([{ "media": films[1].to_string() }, { "show": "Robots" }]);
    let five = json!({ "number": "5", "name": "Films", "order": "shuffle", "ladder": ["720p"],
        "group": "Night", "grace_ms": 5_000, "catchup_days": 3, "items": items });
    server.post("/api/v1/channels", five).await.expect(201);
    server.channel("7.1", &films[..1]).await;
    server
}

#[tokio::test]
async fn what_is_exported_names_all_that_people_set_and_files_by_place_and_bytes() {
    let server = furnished().await;
    let answer = server.get("/api/v1/channels/export").await.expect(200);
    assert!(answer.header("content-disposition").contains("aerial-channels.json"));
    let list = answer.json();
    assert_eq!(
        list["channels"][0],
        json!({
            "number": "5", "name": "Films", "logo": null, "group": "Night",
            "starts_at": "2026-12-24T18:00:00.000Z", "loop": true, "order": "shuffle",
            "ladder": ["720p"], "grace_ms": 5_000, "video": "auto", "keep_running": false,
            "catchup_days": 3,
            "items": [
                {
                    "path": "film 00002.mkv", "size_bytes": 9, "title": "Film 2",
                    "hash": blake3::hash(b"film 00002.mkv").to_hex().to_string(),
                },
                { "show": "Robots" },
            ],
        })
    );
    let one = server.get("/api/v1/channels/export?channel=7.1").await.expect(200).json();
    assert_eq!(one["channels"], json!([list["channels"][1]]));
    server.get("/api/v1/channels/export?channel=9").await.expect(404);
}

#[tokio::test]
async fn an_import_of_what_was_exported_changes_nothing_and_makes_what_is_gone() {
    let server = furnished().await;
    let list = exported(&server).await;
    let lineup = server.get("/api/v1/channels/5/lineup").await.expect(200).json();
    let told = server.post("/api/v1/channels/import", list.clone()).await.expect(200).json();
    for (place, number) in [(0, "5"), (1, "7.1")] {
        let channel = &told["channels"][place];
        assert_eq!((&channel["number"], &channel["done"]), (&json!(number), &json!("changed")));
        assert_eq!(channel["takes_effect_at"], json!(null), "nothing is altered");
    }
    assert_eq!(server.get("/api/v1/channels/5/lineup").await.expect(200).json(), lineup);
    assert_eq!(exported(&server).await, list);

    server.delete("/api/v1/channels/5").await.expect(204);
    let dry = server.post("/api/v1/channels/import?dry_run=true", list.clone()).await.expect(200);
    assert_eq!(dry.json()["channels"][0]["done"], json!("added"));
    server.get("/api/v1/channels/5").await.expect(404);
    let told = server.post("/api/v1/channels/import", list.clone()).await.expect(200).json();
    assert_eq!(told["channels"][0]["done"], json!("added"));
    assert_eq!(exported(&server).await, list);
}

/// On another machine an address of this one would be a picture that is not there.
#[tokio::test]
async fn an_uploaded_logo_goes_along_to_another_server() {
    let (server, other) = (furnished().await, furnished().await);
    let picture = b"\x89PNG\r\n\x1a\nof five".as_slice();
    let upload = Request::put("/api/v1/channels/5/logo").header("content-type", "image/png");
    let upload = upload.body(Body::from(picture)).unwrap();
    let logo = server.send(upload).await.expect(200).json()["logo"].as_str().unwrap().to_owned();
    let list = exported(&server).await;
    let told = list["channels"][0]["logo"].as_str().unwrap();
    assert!(told.starts_with("data:image/png;base64,"), "{told}");

    let dry = other.post("/api/v1/channels/import?dry_run=true", list.clone()).await.expect(200);
    assert_eq!(dry.json()["channels"][0]["left_out"], json!([]));
    other.get(&logo).await.expect(404);
    other.post("/api/v1/channels/import", list.clone()).await.expect(200);
    assert_eq!(other.get("/api/v1/channels/5").await.expect(200).json()["logo"], json!(logo));
    assert_eq!(other.get(&logo).await.expect(200).body, picture);
    assert_eq!(exported(&other).await["channels"][0], list["channels"][0]);
    // Where it came from, nothing is altered by it.
    server.post("/api/v1/channels/import", list.clone()).await.expect(200);
    assert_eq!(server.get(&logo).await.expect(200).body, picture);
    assert_eq!(exported(&server).await, list);
}

#[tokio::test]
async fn a_logo_that_is_nowhere_is_told_and_one_that_is_no_picture_refused() {
    let server = furnished().await;
    let listed = |number: &str, logo: &str| json!({ "channels": [{ "number": number, "name": "C", "logo": logo, "items": [] }] });
    server.patch("/api/v1/channels/5", json!({ "logo": "https://tv/5.png" })).await.expect(200);
    // As a list has it that was written by hand, or before pictures went along.
    let nowhere = "/logos/uploaded/0123456789abcdef0123456789abcdef.png";
    for (number, kept) in [("5", json!("https://tv/5.png")), ("8", json!(null))] {
        let list = listed(number, nowhere);
        let told = server.post("/api/v1/channels/import", list).await.expect(200).json();
        let left_out = told["channels"][0]["left_out"][0].as_str().unwrap();
        assert!(left_out.contains(nowhere), "{left_out}");
        let channel = server.get(&format!("/api/v1/channels/{number}")).await.expect(200);
        assert_eq!(channel.json()["logo"], kept);
    }
    for bad in ["data:image/png;base64,!!", "data:text/html;base64,PGh0bWw+"] {
        let refused = server.post("/api/v1/channels/import", listed("9", bad)).await.expect(422);
        assert_eq!(refused.fields(), ["channels[0].logo"]);
    }
    server.get("/api/v1/channels/9").await.expect(404);
}

#[tokio::test]
async fn what_a_list_does_not_say_stays_as_it_is() {
    let server = furnished().await;
    let lineup = server.get("/api/v1/channels/5/lineup").await.expect(200).json();
    let list = json!({ "channels": [{ "number": "5", "name": "Renamed" }, { "number": "8", "name": "New" }] });
    server.post("/api/v1/channels/import", list).await.expect(200);
    let channel = server.get("/api/v1/channels/5").await.expect(200).json();
    assert_eq!((&channel["name"], &channel["group"]), (&json!("Renamed"), &json!("Night")));
    assert_eq!(server.get("/api/v1/channels/5/lineup").await.expect(200).json(), lineup);
    let new = server.get("/api/v1/channels/8/lineup").await.expect(200).json();
    assert_eq!(new["items"], json!([]));
}

#[tokio::test]
async fn a_list_with_faults_is_told_all_of_them_and_changes_nothing() {
    let server = furnished().await;
    let before = exported(&server).await;
    let list = json!({ "channels": [
        { "number": "5", "name": "Other", "items": [] },
        { "number": "8", "items": [] },
        { "number": "9", "name": "Nine", "colour": "red", "grace_ms": -1 },
        { "number": "9", "name": "Ten", "ladder": ["721p"], "items": [
            { "path": "gone.mkv", "size_bytes": 5, "hash": "00" },
            { "show": "Nothing" },
            { "title": "nameless" },
            { "show": "Robots", "path": "film 00001.mkv" },
            { "pth": "x" },
            5,
        ] },
        { "name": "Numberless" },
        { "number": "5", "name": "Twice" },
        "no channel",
    ] });
    let answer = server.post("/api/v1/channels/import", list).await.expect(422);
    assert_eq!(
        answer.fields(),
        [
            "channels[1].name",
            "channels[2].colour",
            "channels[3].items[0]",
            "channels[3].items[1]",
            "channels[3].items[2]",
            "channels[3].items[3]",
            "channels[3].items[4].pth",
            "channels[3].items[5]",
            "channels[3].ladder[0]",
            "channels[4].number",
            "channels[5].number",
            "channels[6]",
        ]
    );
    assert_eq!(exported(&server).await, before);
    server.post("/api/v1/channels/import", json!({})).await.expect(422);
    server.post("/api/v1/channels/import", json!({ "channels": [] })).await.expect(200);
}

#[tokio::test]
async fn what_the_library_does_not_have_is_left_out_only_if_asked() {
    let server = furnished().await;
    let list = json!({ "channels": [
        { "number": "8", "name": "Eight", "items": [{ "path": "gone.mkv" }, { "show": "Robots" }] },
    ] });
    server.post("/api/v1/channels/import", list.clone()).await.expect(422);
    let told = server.post("/api/v1/channels/import?partly=true", list).await.expect(200).json();
    assert_eq!(told["channels"][0]["left_out"], json!(["`gone.mkv`"]));
    let lineup = server.get("/api/v1/channels/8/lineup").await.expect(200).json();
    assert_eq!(lineup["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_clone_has_settings_and_lineup_and_a_number_of_its_own() {
    let server = furnished().await;
    let clone = server.post("/api/v1/channels/5/clone", json!({})).await.expect(201);
    let made = clone.json();
    assert_eq!((&made["number"], &made["name"]), (&json!("6"), &json!("Films 2")));
    assert_eq!(
        clone.header("location"),
        format!("/api/v1/channels/{}", made["id"].as_str().unwrap())
    );
    let list = exported(&server).await;
    let (original, copy) = (&list["channels"][0], &list["channels"][1]);
    for field in ["items", "order", "ladder", "group", "grace_ms", "loop", "video", "catchup_days"]
    {
        assert_eq!(original[field], copy[field], "{field}");
    }
    let named = json!({ "number": "8.2", "name": "Other" });
    let made = server.post("/api/v1/channels/5/clone", named.clone()).await.expect(201).json();
    assert_eq!((&made["number"], &made["name"]), (&json!("8.2"), &json!("Other")));
    assert_eq!(
        server.post("/api/v1/channels/5/clone", named).await.expect(409).fields(),
        ["number"]
    );
    let again = server.post("/api/v1/channels/5/clone", json!({})).await.expect(201).json();
    assert_eq!((&again["number"], &again["name"]), (&json!("7"), &json!("Films 3")));
    server.post("/api/v1/channels/99/clone", json!({})).await.expect(404);
}

#[tokio::test]
async fn the_clone_of_the_last_number_begins_at_the_first_again() {
    let server = Server::new().await;
    for number in ["99999", "1"] {
        server.channel(number, &[]).await;
    }
    let clone = server.post("/api/v1/channels/99999/clone", json!({})).await.expect(201);
    assert_eq!(clone.json()["number"], "2");
}
