//! A channel is a function of its ledger and the clock, whichever server tells it.

use std::collections::BTreeMap;

use aerial_model::time::{AirTime, Ticks};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    Answer, Clip, Entry, Limit, Place, Player, Playlist, Server, Viewer, copy_folder, instant,
    signal, units, until,
};

/// The long one is on during the edit: of a short one all is promised soon.
const LINEUP: [Clip; 4] = [Clip::LONG, Clip::ALPHA, Clip::BETA, Clip::DELTA];

/// Two servers on copies of one data folder.
struct Twins {
    place: Place,
    one: Server,
    other: Server,
    viewer: Viewer,
}

impl Twins {
    async fn start() -> Self {
        let place = Place::with(&LINEUP);
        let mut origin = Server::start(&place).await;
        origin.add_channel("2", 30_000, &LINEUP).await;
        // Watched before the copy, so that both go on from one ledger.
        let viewer = Viewer::tune_in(&origin, "2").await;
        viewer.playlist().await;
        assert_eq!(origin.stop().await.code(), Some(0));
        let copy = place.path("copy");
        copy_folder(&place.data(), &copy);
        let (data, media) = (place.data(), place.media());
        let (one, other) =
            tokio::join!(Server::start_on(&data, &media), Server::start_on(&copy, &media));
        let viewer = viewer.at(&one);
        Self { place, one, other, viewer }
    }

    async fn both(&self, method: Method, path: &str, body: Option<Value>) -> [Answer; 2] {
        let one = self.one.send(method.clone(), path, body.clone());
        let other = self.other.send(method, path, body);
        let (one, other) = tokio::join!(one, other);
        [one, other]
    }

    /// The playlist that both give at one instant: a segment that begins between
    /// the two requests makes two instants of it, which is tried again.
    async fn playlist(&self) -> Playlist {
        let (one, other) = (&self.viewer, self.viewer.at(&self.other));
        let mut differing = Vec::new();
        until("both tell the same", async || {
            let (told, told_too) = tokio::join!(one.playlist(), other.playlist());
            if told == told_too {
                return Some(told);
            }
            differing.push((told.text, told_too.text));
            let (told, told_too) = differing.last().unwrap();
            assert!(differing.len() < 20, "{told}\nis not\n{told_too}");
            None
        })
        .await
    }

    /// The same edit at both, and then the programme's early end, so that it can
    /// soon be seen. `None` where the two did it at different instants.
    async fn edit(&self) -> Option<AirTime> {
        let lineup = self.one.get("/api/v1/channels/2/lineup").await.ok();
        let ids = lineup["items"].as_array().unwrap().iter().map(|item| item["id"].clone());
        let backwards: Vec<Value> = ids.rev().collect();
        let order = json!({ "items": backwards });
        let [one, other] =
            self.both(Method::PUT, "/api/v1/channels/2/lineup/order", Some(order)).await;
        one.ok();
        other.ok();
        let [one, other] = self.both(Method::POST, "/api/v1/channels/2/skip", None).await;
        let (one, other) = (one.ok(), other.ok());
        let at = instant(one["takes_effect_at"].as_str().unwrap());
        (one == other).then_some(at)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_on_copies_of_one_folder_are_one_channel() {
    let mut attempts = 0;
    let (twins, edited) = loop {
        let twins = Twins::start().await;
        twins.playlist().await;
        if let Some(at) = twins.edit().await {
            break (twins, at);
        }
        attempts += 1;
        assert!(attempts < 5, "the two are never asked at the same instant");
    };
    let mut seen: BTreeMap<u64, Entry> = BTreeMap::new();
    let player = Player::start(&twins.other.url("/stream/2.m3u8"), Limit::Seconds(24));
    let mut killed = false;
    until("three boundaries after the edit have passed", async || {
        let playlist = twins.playlist().await;
        for entry in playlist.entries {
            if seen.contains_key(&entry.sequence) {
                assert_eq!(seen[&entry.sequence], entry);
                continue;
            }
            let other = twins.viewer.at(&twins.other);
            let (one, two) = tokio::join!(twins.viewer.segment(&entry), other.segment(&entry));
            let times = |bytes| units(std::slice::from_ref(bytes), entry.date).stamps();
            assert_eq!(times(&one), times(&two), "{entry:?}");
            seen.insert(entry.sequence, entry);
        }
        let last = seen.last_key_value().unwrap().1.date;
        if !killed && last > edited {
            killed = true;
            let listening = twins.other.listening().len();
            signal(twins.other.pid().await, Signal::KILL);
            twins.other.listens_after(listening).await;
        }
        (last > edited + Ticks::from_secs(26)).then_some(())
    })
    .await;
    player.finish().await;

    // The guide of both, of what was on and of the hours to come.
    let from = edited - Ticks::from_secs(20);
    let path = format!("/api/v1/guide?channel=2&limit=500&from={from}");
    let [one, other] = twins.both(Method::GET, &path, None).await;
    let (one, other) = (one.ok(), other.ok());
    let programmes = |guide: &Value| guide["items"].as_array().unwrap().len();
    assert!(programmes(&one) > 100, "{}", programmes(&one));
    assert_eq!(one["items"], other["items"]);
    drop(twins.place);
}
