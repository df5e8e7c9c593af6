//! The API's paths and queries, its body of channels to import, and the names in them.
//!
//! Asks the part of the API that needs the catalogue alone, in this process; all of it
//! is asked by `api_fuzz` of the server's own tests. Nothing is changed by what is
//! asked, so that each input meets the same catalogue.

use std::cell::RefCell;
use std::fmt::Display;
use std::str::FromStr;

use aerial::access::Access;
use aerial::clock::Clock;
use aerial::config;
use aerial::db::Db;
use aerial::http;
use aerial::library::Uploads;
use aerial::schedule::Schedule;
use aerial_model::client::ClientId;
use aerial_model::id::{ChannelNumber, ChannelRef, MediaId};
use aerial_model::network::Network;
use aerial_model::profile::Rendition;
use aerial_model::replay;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Uri};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt as _;

use crate::Target;

pub(crate) const QUERY: Target = Target {
    name: "query",
    run: asked,
    seeds: queries,
    words: &[
        "limit=",
        "cursor=",
        "q=",
        "show=",
        "season=",
        "state=ok",
        "kind=movie",
        "folder=",
        "sort=name",
        "path=",
        "channel=",
        "&",
        "?",
        "=",
        "%00",
        "%ff",
        "%F0%9F%8E%AC",
        "5.1",
        "..",
        "/",
        "+",
        "0198c0de-0000-7000-8000-000000000000",
    ],
};

pub(crate) const IMPORT: Target = Target {
    name: "import",
    run: imported,
    seeds: lists,
    words: &[
        "\"channels\":[",
        "\"number\":\"",
        "\"name\":\"",
        "\"items\":[",
        "\"show\":\"",
        "\"media\":\"",
        "\"path\":\"",
        "\"size_bytes\":",
        "\"hash\":\"",
        "\"logo\":\"data:image/png;base64,",
        "/logos/uploaded/",
        "\"starts_at\":\"",
        "\"loop\":",
        "\"ladder\":[",
        "\"grace_ms\":",
        "\"catchup_days\":",
        "null",
        "true",
        "{}",
        "[]",
        "\\ud800",
        "\\u0000",
        "1e400",
        "-292277022657-01-27T08:29:52Z",
        "9999-12-31T23:59:59.999Z",
    ],
};

/// A catalogue with two channels, and who answers for it.
struct Server {
    runtime: Runtime,
    router: Router,
    _folder: TempDir,
}

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

impl Server {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let router = runtime.block_on(async {
            let db = Db::open(&folder.path().join("catalogue.sqlite")).await.unwrap();
            let clock = Clock::system();
            let schedule = Schedule::open(db.clone(), clock.clone()).await.unwrap();
            let rules = config::Access::default();
            let access = Access::open(db.clone(), clock, rules, "fuzz", None).await.unwrap();
            let uploads = Uploads::new(folder.path().join("logos"));
            http::catalogue(schedule, db, uploads, access)
        });
        let server = Self { runtime, router, _folder: folder };
        for number in ["5", "5.1"] {
            let channel = json!({ "number": number, "name": "A Channel" }).to_string();
            let made = server.ask(Method::POST, "/api/v1/channels", channel.as_bytes());
            assert_eq!(made.unwrap().0, 201);
        }
        server
    }

    /// Status and body; `None` for what is no address.
    fn ask(&self, method: Method, target: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let uri: Uri = target.parse().ok()?;
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header("content-type", "application/json")
            .body(Body::from(body.to_vec()))
            .ok()?;
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            Some((status, to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()))
        })
    }
}

/// Asks, and holds the answer to what all answers are held to.
fn held(method: Method, target: &str, body: &[u8]) {
    SERVER.with_borrow_mut(|server| {
        let server = server.get_or_insert_with(Server::new);
        let Some((status, answer)) = server.ask(method, target, body) else { return };
        let text = String::from_utf8_lossy(&answer);
        assert!(status < 500, "{target:?} was answered {status} {text}");
        let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
        if status >= 400 {
            assert_eq!(answer["status"], status, "{target:?} was answered {text}");
            assert!(answer["detail"].as_str().is_some_and(|told| !told.is_empty()), "{text}");
        } else {
            assert!(answer.is_object(), "{target:?} was answered {text}");
        }
    });
}

fn asked(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    same(text);
    held(Method::GET, &format!("/api/v1/{text}"), b"");
    held(Method::GET, &format!("/api/v1/media?{text}"), b"");
    held(Method::GET, &format!("/api/v1/channels/{text}"), b"");
    held(Method::GET, &format!("/api/v1/channels/{text}/lineup"), b"");
}

fn imported(input: &[u8]) {
    held(Method::POST, "/api/v1/channels/import?dry_run=true", input);
    held(Method::POST, "/api/v1/channels/import?dry_run=true&partly=true", input);
}

/// What can be read as a name is written so that it is read as the same.
fn same(text: &str) {
    fn of<T: FromStr + Display + PartialEq + std::fmt::Debug>(text: &str) {
        if let Ok(name) = text.parse::<T>() {
            let written = name.to_string();
            assert_eq!(written.parse::<T>().ok(), Some(name), "{text:?} is written {written:?}");
        }
    }
    of::<ChannelNumber>(text);
    of::<ChannelRef>(text);
    of::<ClientId>(text);
    of::<MediaId>(text);
    of::<Network>(text);
    of::<Rendition>(text);
    of::<replay::Address>(text);
}

fn queries() -> Vec<Vec<u8>> {
    [
        "channels?limit=1",
        "channels/5.1",
        "channels/export?channel=5",
        "channels/5/lineup?limit=500&cursor=0",
        "folders?limit=100",
        "media?q=a%20film&show=The+Show&season=1&state=ok&kind=movie&sort=name&limit=10",
        "media?path=%2Fsrv%2Fvideos%2Ffilm.mkv",
        "q=film&codec=h264&cursor=WyJhIiwxXQ",
        "0198c0de-0000-7000-8000-000000000000",
        "10.0.0.0/8",
        "720p",
    ]
    .iter()
    .map(|query| query.as_bytes().to_vec())
    .collect()
}

fn lists() -> Vec<Vec<u8>> {
    let full = json!({ "channels": [{
        "number": "7", "name": "Seven", "logo": "http://a/b.png", "group": "News",
        "starts_at": "2026-12-24T18:00:00.000Z", "loop": true, "order": "shuffle",
        "ladder": ["source", "720p"], "grace_ms": 30_000, "video": "auto", "keep_running": false,
        "catchup_days": 7,
        "items": [
            { "show": "The Show" },
            { "path": "films/a film.mkv", "size_bytes": 12, "hash": "00ff", "title": "A Film" },
            { "media": "0198c0de-0000-7000-8000-000000000000" },
        ],
    }] });
    let short =
        json!({ "channels": [{ "number": "5", "items": [] }, { "number": "5.1", "name": "x" }] });
    [full, short, json!({ "channels": [] })]
        .iter()
        .map(|list| list.to_string().into_bytes())
        .collect()
}
