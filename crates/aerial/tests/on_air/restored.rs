//! A backup restored on a machine that has nothing but the films: it is the same server.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::{
    Clip, Entry, Place, Server, Viewer, Watched, command, instant, signal, units, until,
};

/// The long one is on during the test.
const LINEUP: [Clip; 3] = [Clip::LONG, Clip::ALPHA, Clip::BETA];

/// What a server says of all that people set and of what airs, for as long as the test
/// may last and beyond.
async fn told(server: &Server, from: &str, to: &str) -> BTreeMap<String, Value> {
    let paths = [
        "/api/v1/channels".to_owned(),
        "/api/v1/channels/export".to_owned(),
        // The first one's programme changes when its files have been indexed.
        format!("/api/v1/guide?channel=2&from={from}&to={to}"),
        "/api/v1/folders".to_owned(),
        "/discover.json".to_owned(),
    ];
    let mut told = BTreeMap::new();
    for path in paths {
        let mut answer = server.get(&path).await.ok();
        // Scanned again at each start.
        for folder in answer["items"].as_array_mut().into_iter().flatten() {
            folder.as_object_mut().map(|folder| folder.remove("scanned_at"));
        }
        // Where it is found, each by its own port.
        for address in ["BaseURL", "LineupURL"] {
            answer.as_object_mut().map(|answer| answer.remove(address));
        }
        told.insert(path, answer);
    }
    let settings = server.get("/api/v1/settings").await.ok().to_string();
    told.insert("grace".to_owned(), settings.contains("\"31s\"").into());
    told
}

/// A webhook, and what it was told.
async fn hook() -> (String, mpsc::UnboundedReceiver<Value>) {
    let (tell, told) = mpsc::unbounded_channel();
    let take = async |State(tell): State<mpsc::UnboundedSender<Value>>,
                      Json(event): Json<Value>| {
        tell.send(event).unwrap();
        StatusCode::NO_CONTENT
    };
    let routes = Router::new().route("/", post(take)).with_state(tell);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (url, told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_server_has_all_that_was_and_players_go_on_with_the_same_segments() {
    let place = Place::with(&LINEUP);
    std::fs::create_dir(place.data()).unwrap();
    let settings = "# Ours.\n[stream]\ngrace = \"31s\"\n";
    std::fs::write(place.data().join("settings.toml"), settings).unwrap();
    let mut origin = Server::start(&place).await;
    origin.add_channel("2", 60_000, &LINEUP).await;
    let edit = json!({ "name": "Two", "group": "Night", "catchup_days": 2, "order": "shuffle" });
    origin.send(Method::PATCH, "/api/v1/channels/1", Some(edit)).await.ok();
    let viewer = Viewer::tune_in(&origin, "2").await;
    let mut watched = Watched::default();
    viewer.watch_more(&mut watched).await;
    until("what airs is written down", async || {
        let aired = origin.get("/api/v1/channels/2/as-run").await.ok();
        (!aired["items"].as_array()?.is_empty()).then_some(())
    })
    .await;

    let made = origin.send(Method::POST, "/api/v1/backups", Some(json!({}))).await.ok();
    assert_eq!(made["channels"], json!(2));
    let name = made["name"].as_str().unwrap();
    let url = origin.url(&format!("/api/v1/backups/{name}"));
    let backup = origin.http.get(url).send().await.unwrap().bytes().await.unwrap();
    let file = place.path("b.tar.gz");
    std::fs::write(&file, backup).unwrap();

    let (hook, mut told_of) = hook().await;
    // The first server goes on: what it lists meanwhile, the other has to list too.
    let elsewhere = place.path("elsewhere");
    let restored = command(env!("CARGO_BIN_EXE_aerial"))
        .arg("restore")
        .arg(&file)
        .arg("--data")
        .arg(&elsewhere)
        .output()
        .unwrap();
    assert!(restored.status.success(), "{restored:?}");
    assert_eq!(std::fs::read_to_string(elsewhere.join("settings.toml")).unwrap(), settings);
    let with_hook = format!("{settings}\n[[webhooks]]\nurl = \"{hook}\"\nevents = [\"restart\"]\n");
    std::fs::write(elsewhere.join("settings.toml"), with_hook).unwrap();
    let mut other = Server::start_on(&elsewhere, &place.media()).await;
    let same = viewer.at(&other);

    // What it knows of the channel's last hours ends with the backup, by no fault.
    let aired = other.get("/api/v1/channels/2/as-run").await.ok();
    let ends: Vec<&Value> =
        aired["items"].as_array().unwrap().iter().map(|one| &one["end"]).collect();
    assert!(ends.contains(&&json!("backed_up")), "{aired}");
    assert!(!ends.contains(&&json!("server_stopped")), "{aired}");

    // Each lists what is on, which goes on while they are asked one after the other.
    until("both list some segments", async || {
        let (ours, theirs) = tokio::join!(viewer.playlist(), same.playlist());
        let known: BTreeMap<u64, &Entry> = ours.entries.iter().map(|e| (e.sequence, e)).collect();
        let common: Vec<_> =
            theirs.entries.iter().filter(|e| known.contains_key(&e.sequence)).collect();
        common.iter().for_each(|entry| assert_eq!(known[&entry.sequence], *entry));
        (common.len() >= 3).then_some(())
    })
    .await;
    let playlist = same.playlist().await;
    for entry in &playlist.entries {
        if let Some(seen) = watched.entries.get(&entry.sequence) {
            assert_eq!(entry, seen, "what was promised before the backup holds");
        }
    }
    let last = playlist.entries.last().unwrap();
    let stamps = |bytes| units(std::slice::from_ref(&bytes), last.date).stamps();
    let until_listed = until("the first lists it too", async || {
        let listed = viewer.playlist().await.entries;
        listed.into_iter().find(|entry| entry.sequence == last.sequence)
    });
    assert_eq!(until_listed.await, *last);
    assert_eq!(stamps(same.segment(last).await), stamps(viewer.segment(last).await));

    let from = made["made_at"].as_str().unwrap();
    let to = (instant(from) + aerial_model::time::Ticks::from_secs(3_600)).to_string();
    assert_eq!(told(&origin, from, &to).await, told(&other, from, &to).await);
    // One that is really killed is told of; it is the first that whoever watches hears.
    let starts = other.listening().len();
    signal(other.pid().await, Signal::KILL);
    other.listens_after(starts).await;
    let heard = tokio::time::timeout(crate::support::PATIENCE, told_of.recv()).await.unwrap();
    assert_eq!(heard.unwrap()["type"], "restart");
    assert!(told_of.try_recv().is_err(), "nothing was told of the start from a backup");
    assert_eq!(origin.stop().await.code(), Some(0));
    assert_eq!(other.stop().await.code(), Some(0));
}
