//! The API, asked by its own document: each operation with what it wants, with what is
//! at the edge of that, and with what is wrong, of a real server over a real socket.
//!
//! Holds it to this: whatever is asked, the answer has a status, a form and fields that
//! the document names; none is a fault of the server, and nothing in its log is a panic.
//!
//! `FUZZ_SECONDS` says for how long (6), `FUZZ_SEED` which questions (1).
//! A fault is told with its seed and the request; docs/testing.md says how to go on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]
#![allow(clippy::disallowed_methods, reason = "the test reads the clock and starts the server")]

mod chance;
#[path = "../cli_support/mod.rs"]
mod cli_support;
mod conform;
mod document;
mod events;
mod generate;
mod hostile;
#[path = "../hostile_support/mod.rs"]
mod hostile_support;
mod judge;
mod ways;
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chance::Chance;
use cli_support::{Home, Server};
use document::{Document, Operation};
use generate::{Generator, Request};
use jiff::Timestamp;
use serde_json::{Value, json};
use wire::{Answer, Client};

/// Askers at once: what two of them change at the same moment must not fail either.
const ASKERS: u64 = 3;

/// With a longer one a request's head may be longer than what is read of one (32 KiB).
const MOST_TARGET: usize = 30 * 1024;

/// More of the same says no more.
const MOST_FAULTS: usize = 12;

/// Those that start FFmpeg or hash a password are asked more seldom, so that they do not
/// take all of the time; and those that take away what others need.
const DEAR: [&str; 13] = [
    "POST /api/v1/backups",
    "DELETE /api/v1/channels/{channel}",
    "DELETE /api/v1/media/{media}",
    "PUT /api/v1/channels/{channel}/lineup",
    "PUT /api/v1/account/password",
    "POST /api/v1/session",
    "PUT /api/v1/slates/{kind}",
    "PUT /api/v1/channels/{channel}/logo",
    "POST /api/v1/system/encoders/test",
    "POST /api/v1/scan",
    "POST /api/v1/streams/{channel}",
    "POST /api/v1/streams/{channel}/clients",
    "GET /api/v1/media/{media}/thumbnail.jpg",
];
const DEAR_ONCE_IN: usize = 8;
/// With it goes all that is in the library.
const RUINOUS: &str = "DELETE /api/v1/folders/{folder}";
const RUINOUS_ONCE_IN: usize = 60;

/// So often askers look at what there is.
const LOOK_ROUND_EVERY: u64 = 40;
/// Lists, and what they are of.
const LOOKED_AT: [(&str, &str); 7] = [
    ("/api/v1/backups", "backup"),
    ("/api/v1/folders", "folder"),
    ("/api/v1/media?state=ok", "media"),
    ("/api/v1/channels", "channel"),
    ("/api/v1/channels/5/lineup", "item"),
    ("/api/v1/streams/5", "client"),
    ("/api/v1/tokens", "token"),
];

/// What one asker saw.
#[derive(Debug, Default)]
struct Seen {
    /// How often each status came, by operation.
    statuses: BTreeMap<String, BTreeMap<u16, usize>>,
    faults: Vec<String>,
    longest: Option<(Duration, String)>,
}

impl Seen {
    fn note(&mut self, operation: &Operation, answer: &Answer, told: &str) {
        let of_status = self.statuses.entry(operation.name()).or_default();
        *of_status.entry(answer.status).or_default() += 1;
        if self.longest.as_ref().is_none_or(|(longest, _)| *longest < answer.took) {
            self.longest = Some((answer.took, told.to_owned()));
        }
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
}

#[test]
fn whatever_is_asked_is_answered_as_the_document_says() {
    let seed = setting("FUZZ_SEED", 1);
    let length = Duration::from_secs(setting("FUZZ_SECONDS", 6));
    let home = Home::new();
    home.clip("A Film (1999).mkv");
    home.clip("The Show S01E01.mkv");
    // What is on must last beyond what players are promised, or nothing can be skipped.
    home.clip_of("A Long Film (2001).mkv", (1, 600));
    home.write("no video.mp4", "this is no video");
    std::fs::create_dir(home.videos.join("more")).unwrap();
    let server = home.serve_with_log("aerial=info,tower_http=error", &settings(&home));
    let document = Document::of_the_server();
    let long = prepare(&server, &home);
    let until = Instant::now() + length;
    let key = key(&home);
    let (seen, heard): (Vec<Seen>, _) = std::thread::scope(|scope| {
        let listener = scope.spawn(|| events::heard(&document, (&server.address, &key), until));
        let askers: Vec<_> = (0..ASKERS)
            .map(|asker| {
                let (document, long) = (&document, long.as_str());
                let place = (server.address.as_str(), home.videos.as_path(), key.as_str());
                scope.spawn(move || ask((document, long), place, (seed, asker), until))
            })
            .collect();
        let seen = askers.into_iter().map(|asker| asker.join().unwrap()).collect();
        (seen, listener.join().unwrap())
    });
    let mut faults: Vec<String> = seen.iter().flat_map(|seen| seen.faults.clone()).collect();
    faults.extend(heard.1);
    if heard.0 == 0 {
        faults.push("a listener was told of nothing".to_owned());
    }
    let statuses = told(&document, &seen);
    let channels =
        |server: &Server| asked(server, &home, "GET", "/api/v1/channels?limit=500", None);
    let before = channels(&server);
    faults.extend(server.ended().lines().filter(|line| is_fault(line)).map(str::to_owned));
    // What was set and made is what another server starts with.
    let server = home.serve_with_log("aerial=info", &settings(&home));
    let ready = asked(&server, &home, "GET", "/readyz", None);
    if ready.status != 200 {
        faults.push(format!("the next server is not ready: {}", text(&ready)));
    }
    let after = channels(&server);
    let ids = |answer: &Answer| -> Vec<Value> {
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        list["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
    };
    if before.status != 200 || after.status != 200 || ids(&before) != ids(&after) {
        faults.push(format!("channels before {} and after {}", text(&before), text(&after)));
    }
    faults.extend(server.ended().lines().filter(|line| is_fault(line)).map(str::to_owned));
    assert!(faults.is_empty(), "{statuses}\n{}", faults.join("\n\n"));
}

/// One encode at a time, and no discovery: other servers of these tests have the port.
fn settings(home: &Home) -> Vec<(&'static str, String)> {
    vec![
        ("AERIAL_LIBRARY_FOLDERS", home.videos.to_str().unwrap().to_owned()),
        ("AERIAL_STREAM_ENCODES", "1".to_owned()),
        ("AERIAL_DISCOVERY_HDHOMERUN", "false".to_owned()),
    ]
}

/// A line of the log that tells of a fault of the program itself.
fn is_fault(line: &str) -> bool {
    line.contains("panicked") || line.contains("a request failed")
}

fn key(home: &Home) -> String {
    let key = std::fs::read_to_string(home.data.join("key")).unwrap();
    key.lines().next().unwrap().to_owned()
}

fn asked(server: &Server, home: &Home, method: &str, path: &str, body: Option<Value>) -> Answer {
    let request = Request {
        method: method.to_owned(),
        target: path.to_owned(),
        content_type: body.as_ref().map(|_| "application/json".to_owned()),
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
    };
    Client::new(&server.address, &key(home)).ask(&request).unwrap()
}

/// Waits for the library, and makes a channel of it. The long film's id.
fn prepare(server: &Server, home: &Home) -> String {
    let patience = Instant::now() + Duration::from_secs(60);
    let media = loop {
        let list = asked(server, home, "GET", "/api/v1/media?state=ok", None);
        let list: Value = serde_json::from_slice(&list.body).unwrap();
        let media = list["items"].as_array().unwrap().clone();
        if media.len() == 3 {
            break media;
        }
        assert!(Instant::now() < patience, "the videos are not found: {list}");
        std::thread::yield_now();
    };
    let items: Vec<Value> = media.iter().map(|media| json!({ "media": media["id"] })).collect();
    let channel = json!({ "number": "5", "name": "Five", "items": items });
    let made = asked(server, home, "POST", "/api/v1/channels", Some(channel));
    assert_eq!(made.status, 201, "{}", text(&made));
    let long = media.iter().find(|media| media["title"] == "A Long Film").unwrap();
    long["id"].as_str().unwrap().to_owned()
}

fn ask(
    (document, long): (&Document, &str),
    (address, videos, key): (&str, &Path, &str),
    (seed, asker): (u64, u64),
    until: Instant,
) -> Seen {
    let chance = Chance::new(seed.wrapping_mul(ASKERS).wrapping_add(asker));
    let mut generator = Generator::new(document, chance, videos, Timestamp::now());
    let mut client = Client::new(address, key);
    let mut seen = Seen::default();
    for number in 0_u64.. {
        if Instant::now() >= until || seen.faults.len() >= MOST_FAULTS {
            break;
        }
        if number.is_multiple_of(LOOK_ROUND_EVERY) {
            look_round(&mut client, &mut generator);
        }
        let operation = chosen(document, &mut generator.chance);
        let asked = ways::to((document, long), operation, &mut generator.chance)
            .unwrap_or_else(|| vec![(operation, generator.request(operation))]);
        for (operation, request) in asked {
            let told = format!("seed {seed}, asker {asker}, request {number}: {}", shown(&request));
            let answer = match client.ask(&request) {
                Ok(answer) => answer,
                Err(error) => {
                    seen.faults.push(format!("{told}\n  was not answered: {error}"));
                    continue;
                }
            };
            seen.note(operation, &answer, &told);
            // Refused before it is known what is asked, so without a word on it.
            if answer.status == 431 && request.target.len() > MOST_TARGET {
                continue;
            }
            let mut faults = judge::faults(document, operation, &answer);
            if String::from_utf8_lossy(&answer.body).contains(key) {
                faults.push("the answer holds the server's key".to_owned());
            }
            if !faults.is_empty() {
                let faults = faults.join("\n  ");
                let answered = format!("{} {}", answer.status, text(&answer));
                seen.faults.push(format!("{told}\n  {faults}\n  was answered {answered}"));
            }
            if (200..300).contains(&answer.status)
                && let Ok(body) = serde_json::from_slice(&answer.body)
            {
                generator.learn(operation, &body);
            }
        }
    }
    seen
}

/// Learns what there is, as a page does that shows it.
fn look_round(client: &mut Client, generator: &mut Generator<'_>) {
    for (path, noun) in LOOKED_AT {
        let request = Request {
            method: "GET".to_owned(),
            target: path.to_owned(),
            content_type: None,
            body: Vec::new(),
        };
        if let Ok(answer) = client.ask(&request)
            && let Ok(list) = serde_json::from_slice(&answer.body)
        {
            generator.learn_of(noun, &list);
        }
    }
}

fn chosen<'a>(document: &'a Document, chance: &mut Chance) -> &'a Operation {
    loop {
        let operation = chance.pick(&document.operations);
        let once_in = match operation.name().as_str() {
            RUINOUS => RUINOUS_ONCE_IN,
            name if DEAR.contains(&name) => DEAR_ONCE_IN,
            _ => 1,
        };
        if chance.once_in(once_in) {
            return operation;
        }
    }
}

/// A request as somebody can send it again.
fn shown(request: &Request) -> String {
    let body = String::from_utf8_lossy(&request.body);
    let short: String = body.chars().take(2_000).collect();
    let content_type = request.content_type.as_deref().unwrap_or("no content type");
    format!(
        "{} {} ({content_type}, {} bytes) {short:?}",
        request.method,
        request.target,
        request.body.len()
    )
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).chars().take(1_000).collect()
}

/// How often each operation was answered with which status; for long runs, whether each
/// was also answered as whoever asks well expects.
fn told(document: &Document, seen: &[Seen]) -> String {
    let mut all: BTreeMap<&str, BTreeMap<u16, usize>> = BTreeMap::new();
    for (operation, statuses) in seen.iter().flat_map(|seen| &seen.statuses) {
        let sum = all.entry(operation).or_default();
        statuses.iter().for_each(|(status, times)| *sum.entry(*status).or_default() += times);
    }
    let asked: usize = all.values().flat_map(BTreeMap::values).sum();
    let mut lines = vec![format!("{asked} requests of {} operations", document.operations.len())];
    lines.extend(all.iter().map(|(operation, statuses)| format!("{operation}: {statuses:?}")));
    if let Some((took, request)) = seen.iter().filter_map(|seen| seen.longest.as_ref()).max() {
        let request: String = request.chars().take(200).collect();
        lines.push(format!("the longest took {took:?}: {request}"));
    }
    let told = lines.join("\n");
    eprintln!("{told}");
    assert!(asked > 100, "hardly anything was asked\n{told}");
    if asked > 10_000 {
        let never = document.operations.iter().map(Operation::name).filter(|name| {
            let statuses = all.get(name.as_str());
            !statuses.is_some_and(|statuses| statuses.keys().any(|status| *status < 400))
        });
        let never: Vec<String> = never.collect();
        assert!(never.is_empty(), "{never:?} never went well\n{told}");
    }
    told
}

#[test]
fn the_same_seed_asks_the_same() {
    let home = Home::new();
    home.write("a.mkv", "a");
    let document = Document::of_the_server();
    let requests = || -> Vec<String> {
        let (chance, now) = (Chance::new(7), Timestamp::UNIX_EPOCH);
        let mut generator = Generator::new(&document, chance, &home.videos, now);
        document.operations.iter().map(|one| shown(&generator.request(one))).collect()
    };
    let first = requests();
    assert!(first.len() > 20);
    assert_eq!(first, requests());
}

#[test]
fn paths_to_scan_are_the_tests_own() {
    let home = Home::new();
    home.write("a.mkv", "a");
    let document = Document::of_the_server();
    let adding =
        document.operations.iter().find(|one| one.name() == "POST /api/v1/folders").unwrap();
    let (chance, now) = (Chance::new(3), Timestamp::now());
    let mut generator = Generator::new(&document, chance, &home.videos, now);
    for _ in 0..5_000 {
        let request = generator.request(adding);
        let Ok(body) = serde_json::from_slice::<Value>(&request.body) else { continue };
        let Some(path) = body["path"].as_str() else { continue };
        let path = PathBuf::from(path);
        let own = path.starts_with(&home.videos);
        assert!(own || !path.is_absolute(), "{} would be scanned", path.display());
    }
}
