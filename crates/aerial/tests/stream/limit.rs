//! More viewers than the machine can encode for: who is let in, and who is told
//! that it is full.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use aerial::stream::error::StreamError;
use aerial::stream::manager::Playlist;
use aerial_model::client::ClientId;
use aerial_model::id::ChannelRef;
use aerial_model::time::Ticks;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use tower::ServiceExt as _;

use crate::media::film;
use crate::routes;
use crate::world::{HD, NOW, Plan, Setting, World, until};

/// Channels of a film each, no two the same, and so many encodes.
async fn full_after(encodes: u32, channels: u32) -> World {
    let plan = |n: u32| Plan::of(&[film("10", 1_000 - 10 * n)]).grace(Duration::ZERO);
    let mut setting = Setting::of(plan(0)).encodes(encodes);
    for n in 1..channels {
        setting = setting.and(plan(n));
    }
    World::new(setting).await
}

async fn try_tune_in(
    world: &World,
    channel: ChannelRef,
    client: Option<ClientId>,
) -> Result<Playlist, StreamError> {
    let viewer = (IpAddr::V4(Ipv4Addr::LOCALHOST), uuid::Uuid::new_v4().to_string());
    world.manager.playlist(channel, HD, client, viewer).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tune_in_past_the_limit_is_told_what_runs_and_what_to_set() {
    let world = full_after(2, 3).await;
    let (_, _) = (world.tune_in(world.channels[0]).await, world.tune_in(world.channels[1]).await);
    let refused = try_tune_in(&world, world.channels[2], None).await.unwrap_err();
    insta::assert_snapshot!(refused, @"channel 3 Channel 3 cannot be tuned in to now: 2 at once is what this machine can encode, and that many are on the air (1 Channel 1 in 720p, 2 Channel 2 in 720p). Watch one of these, wait until one is left, or allow more with stream.encodes (AERIAL_STREAM_ENCODES), where the machine can carry more");
    assert_eq!(world.manager.list().len(), 2, "a refused channel is not on the air");
    // By whatever way it tunes in; without a picture there is nothing to refuse.
    let entry = world.manager.master(world.channels[2], None, |id| id.to_string()).await;
    assert!(matches!(entry, Err(StreamError::Full { .. })));
    let transport = world.manager.join_transport(world.channels[2], None).await;
    assert!(matches!(transport, Err(StreamError::Full { .. })));
    // One is left.
    world.manager.stop(world.channels[0]).await.unwrap();
    try_tune_in(&world, world.channels[2], None).await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn players_are_told_with_a_503_when_to_ask_again() {
    let world = full_after(1, 2).await;
    let (_folder, routes) = routes::within(&world).await;
    let ask = |path: &'static str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let routes = routes.clone();
        async move { routes.oneshot(request).await.unwrap() }
    };
    assert_eq!(ask("/stream/1.m3u8").await.status(), StatusCode::OK);
    for path in ["/stream/2.m3u8", "/stream/2/master.m3u8", "/stream/2/720p.m3u8", "/stream/2.ts"] {
        let answer = ask(path).await;
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(answer.headers()[header::RETRY_AFTER], "30", "{path}");
        let tuner_error = answer.headers().get("x-hdhomerun-error");
        let expected = path.ends_with(".ts").then_some("805 All Tuners In Use");
        assert_eq!(tuner_error.map(|error| error.to_str().unwrap()), expected, "{path}");
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.unwrap();
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(problem["type"], "urn:aerial:problem:full");
    }
    drop(routes);
    world.end().await;
}

/// What clients of tuners put behind a channel's address.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_that_are_not_known_change_nothing() {
    let world = full_after(1, 1).await;
    let (_folder, routes) = routes::within(&world).await;
    for query in ["transcode=heavy", "transcode=", "duration=60&tuner=2", "x", "%ff=%00", "&&="] {
        let path = format!("/stream/1.ts?{query}");
        let request = Request::get(&path).body(Body::empty()).unwrap();
        let answer = routes.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "video/mp2t", "{path}");
    }
    drop(routes);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_tune_ins_at_once_none_takes_the_last_place_twice() {
    let world = full_after(3, 8).await;
    let tuning = (0..100).map(|n| try_tune_in(&world, world.channels[n % 8], None));
    let mut refused = 0;
    for tuned in futures::future::join_all(tuning).await {
        match tuned {
            Ok(_) => {}
            Err(StreamError::Full { full, .. }) => {
                assert_eq!(full.running.len(), 3, "{full:?}");
                refused += 1;
            }
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(world.manager.list().len(), 3);
    // All who asked for one of the three are in.
    assert!((60..=64).contains(&refused), "{refused} were refused");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_what_is_on_the_air_is_never_refused() {
    let world = full_after(1, 2).await;
    let (client, _) = world.tune_in(world.channels[0]).await;
    assert!(try_tune_in(&world, world.channels[1], None).await.is_err());
    try_tune_in(&world, world.channels[0], None).await.unwrap();
    // Its playlists and segments are served on, also over the end of the film.
    world.segments(client, 0..2).await;
    let (_, end) = (client, world.schedule.ledger(0).segment(0).unwrap().row.length);
    world.clock.set(NOW + end + Ticks::from_secs(5));
    try_tune_in(&world, world.channels[0], Some(client)).await.unwrap();
    until("the next film is its encode", || {
        world.manager.admission().occupancy().running == ["1 Channel 1 in 720p"]
    })
    .await;
    assert!(try_tune_in(&world, world.channels[1], None).await.is_err());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn channels_that_show_the_same_at_the_same_time_take_one_place() {
    let plan = Plan::of(&[film("10", 1_000)]);
    let later = plan.clone().starting(NOW - Ticks::from_secs(70));
    let world = World::new(Setting::of(plan.clone()).and(plan).and(later).encodes(1)).await;
    try_tune_in(&world, world.channels[0], None).await.unwrap();
    try_tune_in(&world, world.channels[1], None).await.unwrap();
    // Another part of the same film is another encode.
    assert!(try_tune_in(&world, world.channels[2], None).await.is_err());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_holds_takes_no_place() {
    let short = Plan::of(&[film("25", 100)]);
    let other = Plan::of(&[film("10", 1_000)]);
    let world = World::new(Setting::of(short).and(other).encodes(1)).await;
    let (client, _) = world.tune_in(world.channels[0]).await;
    world.segments(client, 0..1).await;
    // The film of one segment is made, and comes round again for ever.
    until("all of it is made", || world.manager.admission().occupancy().running.is_empty()).await;
    try_tune_in(&world, world.channels[1], None).await.unwrap();
    try_tune_in(&world, world.channels[0], None).await.unwrap();
    world.end().await;
}

/// A restart: they are all on the air for their viewers, who ask again by their ids.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_after_a_restart_is_let_in() {
    let before = full_after(2, 3).await;
    let clients =
        [before.tune_in(before.channels[0]).await.0, before.tune_in(before.channels[1]).await.0];
    before.end().await;
    let after = full_after(1, 3).await;
    for (client, channel) in clients.into_iter().zip(&after.channels) {
        try_tune_in(&after, *channel, Some(client)).await.unwrap();
    }
    assert!(try_tune_in(&after, after.channels[2], None).await.is_err());
    assert_eq!(after.manager.admission().occupancy().taken_percent, 200);
    after.end().await;
}
