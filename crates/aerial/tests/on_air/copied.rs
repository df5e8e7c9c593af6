//! Video that is sent as the file has it.

use aerial_model::mpegts::UnitKind;
use reqwest::Method;
use serde_json::json;

use crate::support::{Clip, Limit, Place, Player, Server, Viewer, signal, until};

/// A channel that copies, of clips that are indexed.
async fn copying(clips: &[Clip]) -> (Place, Server) {
    let place = Place::with(clips);
    let server = Server::start(&place).await;
    let mut items = Vec::new();
    for clip in clips {
        items.push(json!({ "media": server.media(*clip).await }));
    }
    until("all are indexed", async || {
        (server.said("its video can be copied") >= clips.len()).then_some(())
    })
    .await;
    let channel = json!({ "number": "2", "name": "Two", "items": items });
    server.send(Method::POST, "/api/v1/channels", Some(channel)).await.ok();
    (place, server)
}

/// The playlists that a master names.
fn listed(master: &str) -> Vec<String> {
    let uris = master.lines().filter(|line| !line.starts_with('#'));
    let names = uris.filter_map(|uri| uri.split('/').next_back()?.split(".m3u8").next());
    names.map(str::to_owned).collect()
}

fn bandwidth(master: &str) -> u64 {
    let (_, rest) = master.split_once(":BANDWIDTH=").unwrap();
    rest.split(',').next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clips_of_four_containers_and_rates_are_copied_over_their_boundaries() {
    let (_place, mut server) = copying(&Clip::FOUR).await;
    let master = server.get("/stream/2.m3u8").await.text;
    assert_eq!(listed(&master), ["source"], "{master}");
    let playlist = server.get("/stream/2/source.m3u8").await.text;
    assert!(playlist.contains("#EXT-X-TARGETDURATION:8"), "{playlist}");
    // FFmpeg has nothing to say of other codec configurations after a tag.
    let plain = Player::start(&server.url("/stream/2.m3u8"), Limit::Seconds(32));
    let shown = plain.finish().await;
    let (first, last) = (shown.video[0], shown.video[shown.video.len() - 1]);
    assert!(last - first >= 31 * 90_000, "{first} to {last}");
    // What is told of its rate at any time is that of all that comes.
    let later = server.get("/stream/2.m3u8").await.text;
    assert_eq!(bandwidth(&later), bandwidth(&master), "another clip is on the air");
    let facts = server.get("/api/v1/streams/2").await.ok();
    let rendition = &facts["renditions"][0];
    assert_eq!((&rendition["name"], &rendition["video"]), (&json!("source"), &json!("copied")));
    assert_eq!(server.said("slate"), 0, "\n{}", server.log());
    let found = server.get("/api/v1/media?q=Alpha").await.ok();
    let id = found["items"][0]["id"].as_str().unwrap().to_owned();
    let media = server.get(&format!("/api/v1/media/{id}")).await.ok();
    assert_eq!(media["treatment"]["video"]["action"], "copy", "{media}");
    assert_eq!(server.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn all_renditions_of_a_copied_channel_are_cut_at_the_same_instants() {
    let (_place, server) = copying(&[Clip::ALPHA, Clip::BETA]).await;
    let source = Viewer::tune_in(&server, "2").await;
    let copied = source.playlist().await;
    let master = server.get("/stream/2/master.m3u8").await.text;
    assert_eq!(listed(&master), ["source", "180p"], "{master}");
    let mut small = source.at(&server);
    small.url.set_path(&source.url.path().replace("/source.", "/180p."));
    let transcoded = small.playlist().await;
    for entry in &transcoded.entries {
        let Some(twin) = copied.entries.iter().find(|e| e.sequence == entry.sequence) else {
            continue;
        };
        assert_eq!((twin.date, &twin.length), (entry.date, &entry.length));
        let (ours, theirs) = (source.segment(twin).await, small.segment(entry).await);
        let first = |segment: bytes::Bytes| {
            let units = crate::support::units(&[segment], entry.date);
            let picture = units.0.iter().find(|unit| unit.kind != UnitKind::Audio).unwrap().pts;
            picture.0
        };
        // Within half a frame of each other.
        assert!((first(ours) - first(theirs)).abs() <= 1_878, "segment {}", entry.sequence);
    }
}

/// Whether one of the server's FFmpegs is in the sandbox; where the machine has none, the
/// server says so.
fn is_confined(server: &Server, worker: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap_or_default();
    let is = |line: &str| status.lines().any(|other| other == line);
    (is("NoNewPrivs:\t1") && is("Seccomp:\t2")) || server.said("sandbox") > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copying_worker_that_is_killed_is_not_missed() {
    let (_place, server) = copying(&[Clip::LONG]).await;
    let player = Player::start(&server.url("/stream/2.m3u8"), Limit::Seconds(20));
    let worker = until("a worker runs", async || server.workers().await.first().copied()).await;
    // Until the shim has become FFmpeg it is not.
    until("the worker is in the sandbox", async || is_confined(&server, worker).then_some(()))
        .await;
    signal(worker, rustix::process::Signal::KILL);
    let shown = player.finish().await;
    let gaps = shown.video.windows(2).map(|pair| pair[1] - pair[0]);
    assert_eq!(gaps.filter(|gap| *gap != 9_000).count(), 0, "ten pictures a second");
    assert_eq!(server.said("slate"), 0, "\n{}", server.log());
}
