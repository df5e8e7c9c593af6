//! `aerial channel …`, which asks the same API: of a server that runs, or here.

use std::net::SocketAddr;
use std::path::Path;

use aerial::cli::{ChannelCommand, Cli, Command, channel};
use aerial::config::{Flags, Settings};
use axum::http::Method;
use clap::Parser;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::server::Server;

/// A server that listens.
async fn listening() -> (Server, String) {
    let server = Server::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let router = server.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let ending = server.ending.clone();
    tokio::spawn(async move {
        let ended = async move { ending.cancelled().await };
        axum::serve(listener, router).with_graceful_shutdown(ended).await
    });
    (server, address)
}

async fn run(data: &Path, line: &[&str]) -> Result<String, String> {
    let data = data.to_str().unwrap();
    let words = [&["aerial", "channel"], line, &["--data", data]].concat();
    let cli = Cli::try_parse_from(words).unwrap();
    let settings = Settings::load(&Flags::from(cli.command.settings()), []).unwrap();
    let command: ChannelCommand = match cli.command {
        Command::Channel(command) => command,
        other => panic!("{other:?}"),
    };
    let mut out = Vec::new();
    channel::run(&command, &settings, &mut out).await.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test]
async fn channels_are_added_and_listed_at_the_server_that_runs() {
    let (server, address) = listening().await;
    let film = server.films(&[300]).await[0].to_string();
    server.show("Robots", 2, 60).await;
    server.channel("1", &[]).await;
    let data = server.data.root();
    let path = server.films.join("film 00001.mkv");
    let path = path.to_str().unwrap();
    let line = ["add", "News", "--show", "Robots", "--item", &film, "--item", path];
    let line = [&line[..], &["--order", "shuffle", "--listen", &address]].concat();
    assert_eq!(run(data, &line).await.unwrap(), "2 News\n");
    let listed = run(data, &["list", "--listen", &address]).await.unwrap();
    assert_snapshot!(listed, @r#"
    1  Channel 1  sequential
    2  News       shuffle
    "#);
    let lineup = server.get("/api/v1/channels/2/lineup").await.json();
    assert_eq!(lineup["items"].as_array().unwrap().len(), 3);

    let line = ["add", "Other", "--number", "2", "--listen", &address];
    assert_eq!(run(data, &line).await.unwrap_err(), "channel number 2 is taken");
    let line = ["add", "Other", "--item", "/no/such/file", "--listen", &address];
    assert_snapshot!(run(data, &line).await.unwrap_err(), @"the library has no `/no/such/file`; add their folder and scan it first");
}

#[tokio::test]
async fn what_was_exported_is_imported_elsewhere_and_changes_nothing_where_it_came_from() {
    let (server, address) = listening().await;
    let films = server.films(&[300, 60]).await;
    server.show("Robots", 2, 60).await;
    server.channel("5.1", &[films[0], films[1], films[0]]).await;
    server
        .post("/api/v1/channels/5.1/lineup/items", json!({ "items": [{ "show": "Robots" }] }))
        .await;
    let edit =
        json!({ "logo": "/logo.png", "grace_ms": 5_000, "order": "shuffle", "catchup_days": 7 });
    server.patch("/api/v1/channels/5.1", edit).await.expect(200);
    let data = server.data.root();
    let file = server.films.join("channels.json");
    let file = file.to_str().unwrap();
    let at = ["--listen", &address];
    run(data, &[&["export", file], &at[..]].concat()).await.unwrap();
    let exported = std::fs::read_to_string(file).unwrap();
    let list: Value = serde_json::from_str(&exported).unwrap();
    let mut channel = list["channels"][0].clone();
    let items = channel["items"].take();
    assert_eq!(items[0]["path"], "film 00001.mkv");
    assert_eq!((&items[0], &items[1]["path"]), (&items[2], &json!("film 00002.mkv")));
    assert_eq!(items[3], json!({ "show": "Robots" }));
    assert_snapshot!(format!("{channel:#}"), @r#"
    {
      "catchup_days": 7,
      "grace_ms": 5000,
      "group": null,
      "items": null,
      "keep_running": false,
      "ladder": [],
      "logo": "/logo.png",
      "loop": true,
      "name": "Channel 5.1",
      "number": "5.1",
      "order": "shuffle",
      "starts_at": "2026-12-24T18:00:00.000Z",
      "video": "auto"
    }
    "#);

    let before: Value = server.get("/api/v1/channels/5.1/lineup").await.json();
    assert_eq!(run(data, &[&["import", file], &at[..]].concat()).await.unwrap(), "changed 5.1\n");
    assert_eq!(server.get("/api/v1/channels/5.1/lineup").await.json(), before);

    server.ask(Method::DELETE, "/api/v1/channels/5.1").await.expect(204);
    assert_eq!(run(data, &[&["import", file], &at[..]].concat()).await.unwrap(), "added 5.1\n");
    let again = run(data, &[&["export"], &at[..]].concat()).await.unwrap();
    assert_eq!(again, exported);
}

#[tokio::test]
async fn without_a_server_the_data_folder_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(run(dir.path(), &["add", "News"]).await.unwrap(), "1 News\n");
    assert_eq!(run(dir.path(), &["add", "Films", "--number", "7"]).await.unwrap(), "7 Films\n");
    let listed = run(dir.path(), &["list", "--format", "json"]).await.unwrap();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["name"], &listed[1]["number"]), (&json!("News"), &json!("7")));

    let file = dir.path().join("list.json");
    let missing = json!({ "channels": [
        { "number": "9", "name": "New", "items": [] },
        { "number": "10", "name": "Lost", "items": [{ "path": "/films/lost.mkv" }] },
    ] });
    std::fs::write(&file, missing.to_string()).unwrap();
    let error = run(dir.path(), &["import", file.to_str().unwrap()]).await.unwrap_err();
    assert!(error.contains("/films/lost.mkv"), "{error}");
    std::fs::write(&file, "[]").unwrap();
    let error = run(dir.path(), &["import", file.to_str().unwrap()]).await.unwrap_err();
    assert!(error.contains("it has no `channels`"), "{error}");
    // Nothing of either was made.
    let listed = run(dir.path(), &["list"]).await.unwrap();
    assert_eq!(listed.lines().count(), 2);
}

#[tokio::test]
async fn a_server_on_another_address_or_of_another_folder_is_told_apart() {
    let (one, _) = listening().await;
    let (_other, address) = listening().await;
    let error = run(one.data.root(), &["list", "--listen", &address]).await.unwrap_err();
    assert!(error.contains("has another"), "{error}");
    let error = run(one.data.root(), &["list", "--listen", "127.0.0.1:1"]).await.unwrap_err();
    assert!(error.contains("does not answer on 127.0.0.1:1"), "{error}");
}
