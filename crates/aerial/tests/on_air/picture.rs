//! What players see: every frame, at the time the guide says.

use aerial_model::mpegts::UnitKind;
use aerial_model::time::{AirTime, TIMESTAMP_MODULUS, Ticks};
use serde_json::Value;

use crate::support::{Clip, Limit, Place, Player, Server, Viewer, Watched, instant, units, until};

/// Enough for three boundaries and more of items of 8 to 10 s.
const SECONDS: u32 = 32;

/// When the programmes of channel 1 begin, between two instants.
async fn starts(server: &Server, from: AirTime, to: AirTime) -> Vec<AirTime> {
    let guide = server.get(&format!("/api/v1/guide?channel=1&from={from}&to={to}")).await.ok();
    let items = guide["items"].as_array().unwrap();
    let starts = items.iter().map(|item| instant(item["start"].as_str().unwrap()));
    starts.filter(|start| *start > from && *start < to).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn players_decode_every_frame_over_item_boundaries_without_a_word() {
    let place = Place::with(&Clip::FOUR);
    let mut server = Server::start(&place).await;
    let viewer = Viewer::tune_in(&server, "1").await;
    let joined = viewer.playlist().await.entries[0].date;
    let channel = server.url("/stream/1.m3u8");
    let transport = server.url("/stream/1.ts");

    let plain = Player::start(&channel, Limit::Seconds(SECONDS));
    // FFmpeg counts on from below zero within a minute of the wrap.
    let mut pts = joined.since_epoch().0.rem_euclid(TIMESTAMP_MODULUS);
    if pts > TIMESTAMP_MODULUS - Ticks::from_secs(60).0 {
        pts -= TIMESTAMP_MODULUS;
    }
    let end = pts + Ticks::from_secs(SECONDS.into()).0;
    let exact = Player::start(&channel, Limit::Until(end));
    let unending = Player::start(&transport, Limit::Seconds(30));
    let mut watched = Watched::default();
    let playing = async { tokio::join!(plain.finish(), exact.finish(), unending.finish()) };
    let (plain, exact, unending) = viewer.watch_during(&mut watched, playing).await;

    let made = watched.units();
    for (what, shown, least) in
        [("plain", &plain, 31), ("-copyts", &exact, 25), ("MPEG-TS", &unending, 29)]
    {
        let (first, last) = shown.assert_all_of(&made.video());
        shown.assert_audio_unbroken();
        assert!(last - first >= Ticks::from_secs(least).0, "{what}: {first} to {last}");
        let boundaries = starts(&server, AirTime(first), AirTime(last)).await;
        assert!(boundaries.len() >= 3 || what == "-copyts", "{what}: {boundaries:?}");
    }
    let (first, last) = exact.assert_all_of(&made.video());
    exact.assert_timestamps(first);
    let missing = joined + Ticks::from_secs(SECONDS.into()) - AirTime(last);
    assert!(missing <= Ticks(2 * 3_754), "{missing:?} before its end");
    assert_eq!(server.stop().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_airing_begins_with_its_first_frame_at_the_instant_the_guide_tells() {
    let place = Place::with(&Clip::FOUR);
    let server = Server::start(&place).await;
    let viewer = Viewer::tune_in(&server, "1").await;
    let joined = viewer.playlist().await.entries[0].date;
    let watched = viewer.watch_until(joined + Ticks::from_secs(24)).await;
    let last = watched.entries.last_key_value().unwrap().1.end();
    let starts = starts(&server, joined, last).await;
    assert!(starts.len() >= 2, "{starts:?}");

    let mut begun = Vec::new();
    for (entry, bytes) in watched.entries.values().zip(&watched.segments) {
        let near = entry.date;
        let units = units(std::slice::from_ref(bytes), near);
        let first = units.0.iter().find(|unit| matches!(unit.kind, UnitKind::Video { .. }));
        let first = first.unwrap();
        assert!(matches!(first.kind, UnitKind::Video { idr: true }));
        assert_eq!(first.pts.0, units.video()[0], "the first frame is the first shown");
        // The playlist's date is this very frame's, in whole milliseconds.
        assert_eq!(AirTime(first.pts.0).unix_millis(), near.unix_millis());
        // The sound begins with it, within one frame of sound.
        let sound = units.audio()[0] - first.pts.0;
        assert!((0..1_920).contains(&sound), "sound {sound} ticks after the picture");
        if starts.contains(&near) {
            begun.push(first.pts);
        }
    }
    assert_eq!(begun.len(), starts.len(), "each programme begins with a segment");
    // From start to start: whole frames of sound.
    for pair in begun.windows(2) {
        assert_eq!((pair[1] - pair[0]).0 % 1_920, 0, "{begun:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_picture_is_never_ahead_of_now_and_at_most_a_segment_behind() {
    let place = Place::with(&Clip::FOUR);
    let server = Server::start(&place).await;
    let now = async || server.get("/api/v1/channels/1/now").await.ok();
    let at = |now: &Value| instant(now["at"].as_str().unwrap());
    let start = |now: &Value| instant(now["current"]["start"].as_str().unwrap());
    let mut programmes = std::collections::BTreeSet::new();
    until("newcomers of three programmes were looked at", async || {
        let before = now().await;
        let playlist = Viewer::tune_in(&server, "1").await.playlist().await;
        let after = now().await;
        let first = &playlist.entries[0];
        // What the newcomer sees first was on when it came.
        assert!(first.date <= at(&after), "{first:?} is ahead of {after}");
        let ends = playlist.entries[1].date;
        assert!(ends >= at(&before), "{first:?}, which ends at {ends}, is behind {before}");
        if start(&before) == start(&after) {
            let into = before["offset_ms"].as_i64().unwrap();
            let told = at(&before).unix_millis() - start(&before).unix_millis();
            assert!((into - told).abs() <= 1, "{before}");
            assert!(first.date >= start(&before), "{first:?} is of the programme before {before}");
            programmes.insert(start(&before));
        }
        (programmes.len() >= 3).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_players_that_come_apart_see_the_same_frames_at_the_same_time() {
    let place = Place::with(&Clip::FOUR);
    let server = Server::start(&place).await;
    let url = server.url("/stream/1.m3u8");
    let viewer = Viewer::tune_in(&server, "1").await;
    let mut watched = Watched::default();
    let playing = async {
        let first = Player::start(&url, Limit::Seconds(12));
        first.shows(100).await;
        let second = Player::start(&url, Limit::Seconds(10));
        tokio::join!(first.finish(), second.finish())
    };
    let (first, second) = viewer.watch_during(&mut watched, playing).await;
    let made = watched.units().video();
    let (one, _) = first.assert_all_of(&made);
    let (other, _) = second.assert_all_of(&made);
    // Both began where the channel was when they came.
    assert!(one <= other, "{one} {other}");
}
