//! Files and processes that fail under a channel that goes on.

use aerial_model::time::{AirTime, Ticks};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{
    Clip, Limit, Place, Player, Server, Viewer, Watched, instant, is_running, named, signal, until,
};

/// Begins to watch cold and, as soon as the first bytes of the first segment are
/// there, kills the FFmpeg that makes the rest of it.
async fn kill_in_the_middle_of_a_segment(
    (place, server): (&Place, &Server),
    viewer: &Viewer,
    before: impl FnOnce(),
) {
    let entry = viewer.playlist().await.entries[0].clone();
    let mut growing = viewer.begin_segment(&entry).await;
    assert!(growing.content_length().is_none(), "it is whole already");
    let workers = server.workers().await;
    let large = named(&place.media().join(Clip::LARGE.file).display().to_string());
    let worker = large.into_iter().find(|pid| workers.contains(pid)).expect("it is being made");
    growing.chunk().await.unwrap().unwrap();
    before();
    signal(worker, Signal::KILL);
    until("it is dead", async || (!is_running(worker)).then_some(())).await;
    while growing.chunk().await.unwrap().is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_killed_in_the_middle_of_a_segment_is_not_missed() {
    let place = Place::with(&[Clip::LARGE]);
    let server = Server::start(&place).await;
    let viewer = Viewer::tune_in(&server, "1").await;
    let joined = viewer.playlist().await.entries[0].date;
    let player = Player::start(&server.url("/stream/1.m3u8"), Limit::Seconds(10));
    kill_in_the_middle_of_a_segment((&place, &server), &viewer, || {}).await;
    let mut watched = Watched::default();
    let shown = viewer.watch_during(&mut watched, player.finish()).await;
    let (first, _) = shown.assert_all_of(&watched.units().video());
    assert_begins_with_a_segment(&watched, joined, first);
    shown.assert_audio_unbroken();
    // Thirty frames a second, whatever happened.
    let gaps: Vec<i64> = shown.video.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (3_000..3_000 + 1_920).contains(gap)), "{gaps:?}");
    assert!(server.said("worker failed") >= 1, "\n{}", server.log());
    assert_eq!(server.said("slate"), 0, "\n{}", server.log());
}

/// A player that tunes in after a viewer begins with what that one has listed, or with a
/// segment after it: with its first picture.
fn assert_begins_with_a_segment(watched: &Watched, joined: AirTime, first: i64) {
    let begins = |date: AirTime| date >= joined && date.unix_millis() == first / 90;
    assert!(watched.entries.values().any(|entry| begins(entry.date)), "{first} {watched:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_vanishes_in_the_middle_of_a_segment_becomes_slate_without_a_seam() {
    let place = Place::with(&[Clip::LARGE, Clip::GAMMA]);
    let server = Server::start(&place).await;
    server.add_channel("2", 30_000, &[Clip::LARGE, Clip::GAMMA]).await;
    let viewer = Viewer::tune_in(&server, "2").await;
    let joined = viewer.playlist().await.entries[0].date;
    let now = server.get("/api/v1/channels/2/now").await.ok();
    let next = instant(now["next"]["start"].as_str().unwrap());
    let player = Player::start(&server.url("/stream/2.m3u8"), Limit::Seconds(18));
    kill_in_the_middle_of_a_segment((&place, &server), &viewer, || {
        std::fs::remove_file(place.media().join(Clip::LARGE.file)).unwrap();
    })
    .await;
    let mut watched = Watched::default();
    let shown = viewer.watch_during(&mut watched, player.finish()).await;
    let (first, last) = shown.assert_all_of(&watched.units().video());
    assert_begins_with_a_segment(&watched, joined, first);
    assert!(last > next.0);
    shown.assert_audio_unbroken();
    assert!(watched.entries.values().any(|entry| entry.date == next), "{next} {watched:?}");
    assert!(server.said("the programme is slate for now") >= 1, "\n{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_deleted_or_truncated_on_the_way_become_slate_and_the_next_is_on_time() {
    let place = Place::with(&[Clip::LONG, Clip::ALPHA, Clip::DELTA, Clip::GAMMA]);
    let server = Server::start(&place).await;
    let mut items = Vec::new();
    for clip in [Clip::LONG, Clip::ALPHA, Clip::DELTA, Clip::GAMMA] {
        items.push(json!({ "media": server.media(clip).await }));
    }
    // It has begun long ago: little more than half a minute of its first item is left.
    let now = server.get("/api/v1/system").await.ok();
    let begun = instant(now["at"].as_str().unwrap()) - Ticks::from_secs(145);
    let channel = json!({ "number": "2", "name": "Two", "starts_at": begun.to_string(), "items": items,
            "video": "transcode" });
    server.send(Method::POST, "/api/v1/channels", Some(channel)).await.ok();

    let viewer = Viewer::tune_in(&server, "2").await;
    let joined = viewer.playlist().await.entries[0].date;
    let guide = server.get(&format!("/api/v1/guide?channel=2&from={joined}")).await.ok();
    let start_of = |clip: Clip| {
        let items = guide["items"].as_array().unwrap();
        let item = items.iter().find(|item| item["title"] == clip.title());
        instant(item.unwrap_or_else(|| panic!("{guide}"))["start"].as_str().unwrap())
    };
    // Workers start 20 s ahead at most.
    assert_eq!(server.said("title=\"Alpha\" segment="), 0, "\n{}", server.log());
    std::fs::remove_file(place.media().join(Clip::ALPHA.file)).unwrap();
    let delta = std::fs::File::options().write(true).open(place.media().join(Clip::DELTA.file));
    let delta = delta.unwrap();
    delta.set_len(delta.metadata().unwrap().len() / 3).unwrap();

    let mut watched = Watched::default();
    until("the first of the two is listed", async || {
        viewer.watch_more(&mut watched).await;
        let (_, last) = watched.entries.last_key_value().unwrap();
        (last.date >= start_of(Clip::ALPHA)).then_some(())
    })
    .await;
    // The list ends some 8 s ahead of now.
    let player = Player::start(&server.url("/stream/2.m3u8"), Limit::Seconds(27));
    let shown = viewer.watch_during(&mut watched, player.finish()).await;
    let (first, last) = shown.assert_all_of(&watched.units().video());
    shown.assert_audio_unbroken();
    assert!(first < start_of(Clip::DELTA).0 && last > start_of(Clip::GAMMA).0);
    // The plan is as it was, and the segments keep to it.
    let dates: Vec<_> = watched.entries.values().map(|entry| entry.date).collect();
    for clip in [Clip::ALPHA, Clip::DELTA, Clip::GAMMA] {
        assert!(dates.contains(&start_of(clip)), "{clip:?} does not begin on time: {dates:?}");
    }
    assert!(server.said("slate") >= 2, "\n{}", server.log());
}
