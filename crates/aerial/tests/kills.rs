//! A server that is killed at random moments while all that it keeps is written: edits,
//! tokens, scans, commits, segments. After each kill the catalogue is whole, the ledgers
//! are valid and say what they said, and nothing that was acknowledged is lost.
//!
//! Ten kills, or as many as `KILLS` says (`make kills`: 200), at moments that
//! `KILLS_SEED` decides.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so best by a panic")]
#![allow(clippy::disallowed_methods, reason = "the test plays the user, who starts programs")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aerial::db::Db;
use aerial_model::channel::Channel;
use aerial_model::id::ChannelId;
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::segment::Segment;
use aerial_model::time::AirTime;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Longer than a start takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Within this time after the server listens, or after it is started, it is killed.
const WITHIN_MS: u64 = 1_500;
/// Channels that are edited and watched: by one, and by another.
const EDITED: [&[u64]; 2] = [&[101], &[102, 103]];
/// Between two looks at a playlist.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// SplitMix64: the same moments for the same seed.
#[derive(Clone)]
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// What the server acknowledged, and what it may or may not have done when it died.
#[derive(Debug, Default)]
struct Acknowledged {
    /// Of each edited channel, the last number in its name: acknowledged, and tried.
    named: BTreeMap<u64, (u64, u64)>,
    /// Numbers of channels that were made.
    made: BTreeSet<String>,
    /// Numbers of channels that were made and deleted.
    deleted: BTreeSet<String>,
    /// Neither: the answer never came.
    unknown: BTreeSet<String>,
    /// Ids of tokens.
    tokens: BTreeSet<String>,
    /// Of each channel's playlists, each sequence number and when it airs.
    promised: Promised,
    edits: u64,
    segments: u64,
    scans: u64,
}

/// By channel, by sequence number: when a segment airs, in milliseconds.
type Promised = BTreeMap<u64, BTreeMap<u64, i64>>;

type Shared = Arc<Mutex<Acknowledged>>;

struct World {
    dir: tempfile::TempDir,
    acknowledged: Shared,
    /// All ledger rows that were seen.
    rows: HashMap<(ChannelId, u64), Row>,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world = Self { dir, acknowledged: Shared::default(), rows: HashMap::new() };
        std::fs::create_dir(world.videos()).unwrap();
        for (n, seconds) in [20, 6, 9].into_iter().enumerate() {
            let picture = format!("testsrc2=size=160x90:rate=10:duration={seconds}");
            let made = std::process::Command::new("ffmpeg")
                .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", &picture])
                .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "40"])
                .arg(world.videos().join(format!("Film {n}.mkv")))
                .status();
            assert!(made.unwrap().success());
        }
        world
    }

    fn videos(&self) -> PathBuf {
        self.dir.path().join("videos")
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Where a server listens, which has to start.
    async fn address(&self, server: &mut Child) -> String {
        let listens = listens(server).await;
        listens.unwrap_or_else(|| panic!("{}", std::fs::read_to_string(self.log()).unwrap()))
    }

    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aerial"));
        command.args(["serve", "--no-keeper", "--listen", "127.0.0.1:0", "--data"]);
        command.arg(self.data()).arg("--media").arg(self.videos());
        command.env_remove("AERIAL_CONFIG").env("RUST_LOG", "warn").kill_on_drop(true);
        let log = std::fs::File::options().create(true).append(true).open(self.log()).unwrap();
        command.stdout(Stdio::piped()).stderr(log).spawn().unwrap()
    }

    /// Channels to edit and to watch.
    async fn furnish(&self) {
        let mut server = self.start();
        let asker = Asker::of(self.address(&mut server).await);
        let items = asker.until_scanned(3).await;
        for number in EDITED.concat() {
            let body = json!({
                "number": number.to_string(), "name": "Name 0", "items": items, "grace_ms": 0,
                "video": "transcode",
            });
            asker.ask(Method::POST, "/api/v1/channels", Some(&body)).await.unwrap();
        }
        server.kill().await.unwrap();
    }

    /// Once so many segments were served, in all.
    async fn until_served(&self, segments: u64) {
        let began = Instant::now();
        while self.acknowledged.lock().unwrap().segments < segments {
            assert!(began.elapsed() < PATIENCE, "no segment is served");
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Everything that must hold after a kill.
    async fn check(&mut self) {
        let path = self.data().join("catalogue.sqlite");
        if !path.exists() {
            return;
        }
        Db::look_into(&path).await.unwrap();
        let db = Db::open(&path).await.unwrap();
        let channels = db.channels().await.unwrap();
        let (promised, tokens) = self.check_edits(&channels);
        let known = db.tokens().await.unwrap();
        let known: BTreeSet<String> = known.iter().map(|token| token.id.to_string()).collect();
        assert!(tokens.is_subset(&known), "a token was acknowledged and is lost");
        self.check_ledgers(&db, &channels, &promised).await;
        db.close().await.unwrap();
        self.check_segments();
    }

    /// What was acknowledged of channels is there; what was promised, and which tokens.
    fn check_edits(&self, channels: &[Channel]) -> (Promised, BTreeSet<String>) {
        let acknowledged = self.acknowledged.lock().unwrap();
        for (number, (done, tried)) in &acknowledged.named {
            let channel = channels.iter().find(|c| c.number.to_string() == number.to_string());
            let name = &channel.expect("an edited channel is there").name;
            let n: u64 = name.strip_prefix("Name ").unwrap().parse().unwrap();
            assert!((*done..=*tried).contains(&n), "{name} is not of {done} to {tried}");
        }
        let there: BTreeSet<String> = channels.iter().map(|c| c.number.to_string()).collect();
        for number in &acknowledged.made {
            assert!(there.contains(number), "channel {number} was acknowledged and is lost");
        }
        for number in &acknowledged.deleted {
            assert!(!there.contains(number), "channel {number} was deleted and is back");
        }
        (acknowledged.promised.clone(), acknowledged.tokens.clone())
    }

    /// Every ledger is valid, and says what it said and what playlists said.
    async fn check_ledgers(&mut self, db: &Db, channels: &[Channel], promised: &Promised) {
        for channel in channels {
            let rows = db.ledger_rows(channel.id, AirTime::EPOCH, None).await.unwrap();
            for row in &rows {
                let before = self.rows.insert((channel.id, row.ordinal), *row);
                assert!(before.is_none_or(|before| before == *row), "a committed airing changed");
            }
            let seen = self.rows.keys().filter(|(id, _)| *id == channel.id);
            let last = seen.map(|(_, ordinal)| *ordinal).max();
            assert_eq!(rows.last().map(|row| row.ordinal), last, "a committed airing is lost");
            let ids: Vec<_> = rows
                .iter()
                .filter_map(|row| match row.content {
                    Content::Media { map_id, .. } => Some(map_id),
                    Content::OffAir { .. } | Content::Skip { .. } => None,
                })
                .collect();
            let maps: HashMap<_, _> = db.segment_maps(&ids).await.unwrap().into_iter().collect();
            let ledger = Ledger::read_with(rows, |id| maps.get(&id).cloned()).unwrap();
            let number = u64::from(channel.number.major);
            // What is long gone is forgotten.
            let oldest = ledger.airings().first().map_or(0, |airing| airing.row.first_sequence);
            let kept = promised.get(&number).into_iter().flatten();
            for (sequence, at) in kept.filter(|(sequence, _)| **sequence >= oldest) {
                let segment = ledger.segment(*sequence).expect("what was promised is committed");
                assert_eq!(segment.start.unix_millis(), *at, "segment {sequence} of {number}");
            }
        }
    }

    /// What lies in the segment store.
    fn stored(&self) -> Vec<PathBuf> {
        let tracks = std::fs::read_dir(self.data().join("segments")).into_iter().flatten();
        let tracks = tracks.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
        let files = tracks.flat_map(|track| std::fs::read_dir(track).unwrap());
        files.map(|entry| entry.unwrap().path()).collect()
    }

    /// A file that bears a segment's name is whole.
    fn check_segments(&self) {
        for file in self.stored() {
            if file.extension().is_some_and(|kind| kind == "segment") {
                let bytes = std::fs::read(&file).unwrap();
                Segment::decode(&bytes.into()).unwrap_or_else(|error| panic!("{file:?}: {error}"));
            }
        }
    }
}

/// Waits until the server listens; its address. `None`: it ended before.
async fn listens(server: &mut Child) -> Option<String> {
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("it does not start");
    let line = line.unwrap()?;
    Some(line.strip_prefix("listening on ").expect(&line).to_owned())
}

/// Whoever asks the server for something.
#[derive(Clone)]
struct Asker {
    http: Client,
    address: String,
}

impl Asker {
    fn of(address: String) -> Self {
        Self { http: Client::builder().timeout(PATIENCE).build().unwrap(), address }
    }

    /// `None`: the server died first. An answer over 400 is a fault of the test or the
    /// server.
    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Option<Value> {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.address));
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status();
        let text = response.text().await.ok()?;
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        Some(serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    /// Items of all media, once there are so many.
    async fn until_scanned(&self, media: usize) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let listed = self.ask(Method::GET, "/api/v1/media", None).await.unwrap();
            let items = listed["items"].as_array().unwrap();
            if items.len() >= media {
                return items.iter().map(|media| json!({ "media": media["id"] })).collect();
            }
            assert!(began.elapsed() < PATIENCE, "the films are not scanned");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Edits these channels, makes and deletes others, and makes tokens, until the server
    /// dies.
    async fn edit(self, mut chance: Chance, channels: &[u64], shared: Shared) {
        loop {
            let done = match chance.below(4) {
                0 | 1 => self.rename(&mut chance, channels, &shared).await,
                2 => self.make_or_delete(&mut chance, &shared).await,
                _ => self.make_token(&shared).await,
            };
            if done.is_none() {
                return;
            }
            shared.lock().unwrap().edits += 1;
        }
    }

    async fn rename(&self, chance: &mut Chance, channels: &[u64], shared: &Shared) -> Option<()> {
        let number = channels[chance.below(channels.len() as u64) as usize];
        let next = {
            let mut shared = shared.lock().unwrap();
            let (_, tried) = shared.named.entry(number).or_default();
            *tried += 1;
            *tried
        };
        let looping = chance.below(8) != 0;
        let body = json!({ "name": format!("Name {next}"), "loop": looping });
        self.ask(Method::PATCH, &format!("/api/v1/channels/{number}"), Some(&body)).await?;
        // Nobody else edits this one.
        shared.lock().unwrap().named.insert(number, (next, next));
        Some(())
    }

    async fn make_or_delete(&self, chance: &mut Chance, shared: &Shared) -> Option<()> {
        let made = shared.lock().unwrap().made.iter().next().cloned();
        match made.filter(|_| chance.below(2) == 0) {
            Some(number) => {
                {
                    let mut shared = shared.lock().unwrap();
                    if !shared.made.remove(&number) {
                        // Another editor was quicker.
                        return Some(());
                    }
                    shared.unknown.insert(number.clone());
                }
                let path = format!("/api/v1/channels/{number}");
                self.ask(Method::DELETE, &path, None).await?;
                let mut shared = shared.lock().unwrap();
                shared.unknown.remove(&number);
                shared.deleted.insert(number);
            }
            None => {
                let number = {
                    let mut shared = shared.lock().unwrap();
                    let used = shared.made.len() + shared.deleted.len() + shared.unknown.len();
                    let number = (1_000 + used).to_string();
                    shared.unknown.insert(number.clone());
                    number
                };
                let body = json!({ "number": number, "name": "Made" });
                self.ask(Method::POST, "/api/v1/channels", Some(&body)).await?;
                let mut shared = shared.lock().unwrap();
                shared.unknown.remove(&number);
                shared.made.insert(number);
            }
        }
        Some(())
    }

    async fn make_token(&self, shared: &Shared) -> Option<()> {
        // There are only so many: the rest of the time others are edited.
        if shared.lock().unwrap().tokens.len() >= 40 {
            return Some(());
        }
        let body = json!({ "name": "Program" });
        let made = self.ask(Method::POST, "/api/v1/tokens", Some(&body)).await?;
        let id = made["token"]["id"].as_str().unwrap().to_owned();
        shared.lock().unwrap().tokens.insert(id);
        Some(())
    }

    /// Watches a channel, until the server dies.
    async fn watch(self, number: u64, shared: Shared) {
        let get = async |path: &str| -> Option<String> {
            let response = self.http.get(format!("{}{path}", self.address)).send().await.ok()?;
            let status = response.status();
            assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            // Full, or not measured yet: asked again.
            if !status.is_success() {
                return Some(String::new());
            }
            response.text().await.ok()
        };
        let named =
            |text: &str| text.lines().find(|line| !line.starts_with('#')).map(str::to_owned);
        let Some(master) = get(&format!("/stream/{number}.m3u8")).await else { return };
        let Some(media) = named(&master) else { return };
        let folder = "/stream/";
        let path = if media.starts_with('/') { media } else { format!("{folder}{media}") };
        let mut fetched = BTreeSet::new();
        while let Some(list) = get(&path).await {
            let promised = listed(&list);
            let mut segments = Vec::new();
            {
                let mut shared = shared.lock().unwrap();
                let known = shared.promised.entry(number).or_default();
                for (sequence, (at, uri)) in promised {
                    let before = known.insert(sequence, at);
                    assert!(before.is_none_or(|before| before == at), "{number}: {sequence} moved");
                    segments.push(uri);
                }
            }
            for uri in segments.into_iter().filter(|uri| fetched.insert(uri.clone())) {
                let base = path.rsplit_once('/').unwrap().0;
                let url = if uri.starts_with('/') { uri } else { format!("{base}/{uri}") };
                let response = self.http.get(format!("{}{url}", self.address)).send().await;
                let Ok(response) = response else { return };
                let served = response.status().is_success();
                match response.bytes().await {
                    Ok(bytes) if served => {
                        assert_eq!(bytes.first(), Some(&0x47), "{url} is no transport stream");
                        shared.lock().unwrap().segments += 1;
                    }
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Has the library scanned, each time with another file in it, until the server dies.
    async fn scan(self, videos: PathBuf, first: u64, shared: Shared) {
        for n in first.. {
            add_film(&videos, n);
            if self.ask(Method::POST, "/api/v1/scan", Some(&json!({}))).await.is_none() {
                return;
            }
            shared.lock().unwrap().scans += 1;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Another file, with bytes of its own.
fn add_film(videos: &Path, n: u64) {
    let mut bytes = std::fs::read(videos.join("Film 1.mkv")).unwrap();
    bytes.extend(n.to_le_bytes());
    let part = videos.join(format!("More {n}.part"));
    std::fs::write(&part, bytes).unwrap();
    std::fs::rename(part, videos.join(format!("More {n}.mkv"))).unwrap();
}

/// Each segment of a playlist that tells when it airs: its sequence number, that instant
/// in milliseconds, and its address.
fn listed(list: &str) -> BTreeMap<u64, (i64, String)> {
    let mut listed = BTreeMap::new();
    let first = list.lines().find_map(|line| line.strip_prefix("#EXT-X-MEDIA-SEQUENCE:"));
    let Some(mut sequence) = first.and_then(|first| first.parse::<u64>().ok()) else {
        return listed;
    };
    let mut date = None;
    for line in list.lines() {
        if let Some(text) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
            date = text.parse::<jiff::Timestamp>().ok();
        } else if !line.starts_with('#') {
            if let Some(date) = date.take() {
                listed.insert(sequence, (date.as_millisecond(), line.to_owned()));
            }
            sequence += 1;
        }
    }
    listed
}

fn from_environment(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_at_any_moment_loses_nothing_that_it_acknowledged() {
    let kills = from_environment("KILLS", 10);
    let seed = from_environment("KILLS_SEED", 6);
    let mut chance = Chance(seed);
    let mut world = World::new();
    world.furnish().await;
    world.check().await;
    let (mut at_start, began) = (0, Instant::now());
    for kill in 0..kills {
        let mut server = world.start();
        let wait = Duration::from_millis(chance.below(WITHIN_MS));
        // However busy the machine is, some die while they serve segments.
        let serves = kill % 5 == 4;
        if chance.below(4) == 0 && !serves {
            // In the middle of its start, mostly.
            at_start += 1;
            tokio::time::sleep(wait).await;
            server.kill().await.unwrap();
        } else {
            let asker = Asker::of(world.address(&mut server).await);
            let shared = &world.acknowledged;
            let served = shared.lock().unwrap().segments;
            let mut tasks = tokio::task::JoinSet::new();
            for channels in EDITED {
                let chance = Chance(chance.next());
                tasks.spawn(asker.clone().edit(chance, channels, Arc::clone(shared)));
            }
            let number = EDITED.concat()[(kill % 3) as usize];
            tasks.spawn(asker.clone().watch(number, Arc::clone(shared)));
            if chance.below(3) == 0 {
                tasks.spawn(asker.scan(world.videos(), kill * 1_000, Arc::clone(shared)));
            }
            if serves {
                world.until_served(served + 1).await;
            }
            tokio::time::sleep(wait).await;
            server.kill().await.unwrap();
            // A panic of one of them is the test's.
            tasks.join_all().await;
        }
        world.check().await;
    }
    // One that is not killed is as ready as ever, and has cleaned up.
    let mut server = world.start();
    let asker = Asker::of(world.address(&mut server).await);
    asker.ask(Method::GET, "/readyz", None).await.unwrap();
    let parts =
        world.stored().into_iter().filter(|file| file.extension().is_some_and(|k| k == "part"));
    assert_eq!(parts.collect::<Vec<_>>(), Vec::<PathBuf>::new());
    let done = world.acknowledged.lock().unwrap();
    let (edits, segments, scans) = (done.edits, done.segments, done.scans);
    let promised: usize = done.promised.values().map(BTreeMap::len).sum();
    let took = began.elapsed().as_secs();
    println!(
        "{kills} kills ({at_start} while it started) in {took} s, seed {seed}: {edits} edits, \
         {scans} scans, {segments} segments, {promised} promises, {} ledger rows; all there",
        world.rows.len()
    );
    assert!(edits > 0 && segments > 0 && promised > 0, "it was killed before it did anything");
}
