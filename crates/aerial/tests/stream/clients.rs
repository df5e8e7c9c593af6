//! Viewers who come and go, channels that start and stop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use aerial::stream::error::StreamError;
use aerial::stream::transport;
use aerial_model::client::ClientId;
use aerial_model::id::ChannelRef;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use futures::StreamExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::media::film;
use crate::picture::assert_unbroken;
use crate::routes;
use crate::world::{Lost, Plan, Setting, World, paced, relay, until};
use aerial_model::time::{FrameRate, Ticks};

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % most
    }
}

fn present(world: &World) -> BTreeSet<ClientId> {
    let views = world.manager.list();
    views.iter().flat_map(|view| view.clients.iter().map(|(client, ..)| *client)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_viewers_come_and_go_and_the_count_is_exact() {
    let world = Arc::new(World::new(Setting::of(Plan::of(&[film("25", 600)]))).await);
    let channel = world.channel();
    // All is made before: who waits for nothing counts for 12 s, in real time.
    let (first, _) = world.tune_in(channel).await;
    world.segments(first, 0..4).await;
    world.manager.unregister_client(channel, first).await.unwrap();
    let viewers: Vec<_> = (0..1_000)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let mut random = Random(n);
                let mut client = None;
                for _ in 0..1 + random.below(4) {
                    match (client, random.below(3)) {
                        (Some(here), 0) => {
                            world.manager.unregister_client(channel, here).await.unwrap();
                            client = None;
                        }
                        (Some(here), 1) => {
                            world.try_segment(channel, here, random.below(4)).await.unwrap();
                        }
                        (Some(_), _) => {}
                        (None, 0) => client = world.manager.register_client(channel).await.ok(),
                        (None, _) => client = Some(world.tune_in(channel).await.0),
                    }
                    tokio::task::yield_now().await;
                }
                client
            })
        })
        .collect();
    let mut staying = BTreeSet::new();
    for viewer in viewers {
        staying.extend(viewer.await.unwrap());
    }
    assert!(staying.len() > 200, "{} stay", staying.len());
    until("the count is exact", || present(&world) == staying).await;
    assert_eq!(world.manager.list().len(), 1);
    // As viewers come and go, another may begin.
    assert!(world.starts().len() <= 3, "{} workers", world.starts().len());
    Arc::into_inner(world).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn starts_and_stops_at_once_end_in_one_session_or_none_and_one_worker() {
    let world = Arc::new(World::new(Setting::of(Plan::of(&[film("25", 600)]))).await);
    let channel = world.channel();
    let (over, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let watching = tokio::spawn({
        let (world, over, most) = (Arc::clone(&world), Arc::clone(&over), Arc::clone(&most));
        async move {
            while !over.load(Ordering::Relaxed) {
                most.fetch_max(world.spawner.living(), Ordering::Relaxed);
                assert!(world.manager.list().len() <= 1);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let all: Vec<_> = (0..200)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                match n % 4 {
                    0 => drop(world.manager.start(channel).await.unwrap()),
                    1 => match world.manager.stop(channel).await {
                        Ok(()) | Err(StreamError::NotOnAir(_)) => {}
                        Err(error) => panic!("{error}"),
                    },
                    _ => {
                        let (client, first) = world.tune_in(channel).await;
                        match world.try_segment(channel, client, first).await {
                            // All of it, or the channel was stopped.
                            Ok(_)
                            | Err(Lost::CutOff(_) | Lost::Refused(StreamError::Stopped(_))) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            })
        })
        .collect();
    for one in all {
        one.await.unwrap();
    }
    assert!(world.manager.list().len() <= 1);
    let _ = world.manager.stop(channel).await;
    over.store(true, Ordering::Relaxed);
    watching.await.unwrap();
    assert_eq!((world.manager.list().len(), world.spawner.living()), (0, 0));
    assert!(most.load(Ordering::Relaxed) <= 1, "{most:?} workers of one track");
    // After all that a viewer finds the channel as ever.
    let (client, first) = world.tune_in(channel).await;
    assert_unbroken(&world.segment(client, first).await, FrameRate::PAL, 0, 100);
    Arc::into_inner(world).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_grace_period_a_channel_ends_with_its_last_viewer_and_no_tune_in_is_lost() {
    let plan = Plan::of(&[film("25", 600)]).grace(Duration::ZERO);
    let world = World::new(Setting::of(plan)).await;
    for turn in 0..20 {
        let (client, first) = world.tune_in(world.channel()).await;
        let bytes = world.segment(client, first).await;
        assert_unbroken(&bytes, FrameRate::PAL, 0, 100);
        world.manager.unregister_client(world.channel(), client).await.unwrap();
        // Every other time the next viewer comes while the session ends.
        if turn % 2 == 0 {
            until("it has ended", || world.manager.list().is_empty()).await;
        }
    }
    until("nothing is left", || world.spawner.living() == 0).await;
    world.end().await;
}

/// One leaves as the other comes: the session may end under the newcomer's feet,
/// who is to be kept waiting by the next one.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_as_the_last_viewer_leaves_is_not_sent_away() {
    let plan = Plan::of(&[film("25", 600)]).grace(Duration::ZERO);
    let setting = Setting::of(plan).workers(&[json!(["stall"])]);
    let world = Arc::new(World::new(setting).await);
    let channel = world.channel();
    let (mut last, first) = world.tune_in(channel).await;
    for turn in 0..200 {
        // An id from before: the segment is the first that it asks for.
        let client = ClientId::new(first, crate::world::NOW, turn);
        let coming = tokio::spawn({
            let world = Arc::clone(&world);
            async move { world.try_segment(channel, client, first).await }
        });
        for _ in 0..turn % 7 {
            tokio::task::yield_now().await;
        }
        world.manager.unregister_client(channel, last).await.unwrap();
        until("it is there", || coming.is_finished() || present(&world).contains(&client)).await;
        assert!(!coming.is_finished(), "turn {turn}: {:?}", coming.await);
        coming.abort();
        assert!(coming.await.is_err());
        last = client;
    }
    Arc::into_inner(world).unwrap().end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_within_the_grace_period_finds_the_same_worker() {
    let plan = Plan::of(&[film("10", 1_000)]);
    let world = World::new(Setting::of(plan).workers(&[paced(200_000)])).await;
    let (client, _) = world.tune_in(world.channel()).await;
    world.segment(client, 0).await;
    world.manager.unregister_client(world.channel(), client).await.unwrap();
    let draining = || world.manager.list()[0].state.name() == "draining";
    until("nobody is there", draining).await;
    let (again, first) = world.tune_in(world.channel()).await;
    world.segments(again, first..4).await;
    assert_eq!(world.starts().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unending_stream_ends_with_its_channel_and_leaves_with_its_viewer() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    let tuned = || transport::tune_in(&world.manager, world.channel(), None);
    let mut stream = Box::pin(tuned().await.unwrap());
    assert!(stream.next().await.unwrap().len() >= 188);
    assert_eq!(present(&world).len(), 1);
    drop(stream);
    until("the viewer has left", || present(&world).is_empty()).await;
    let mut stream = Box::pin(tuned().await.unwrap());
    stream.next().await.unwrap();
    let reading = async { while stream.next().await.is_some() {} };
    let ((), stopped) = tokio::join!(reading, world.manager.stop(world.channel()));
    stopped.unwrap();
    // It did not put the channel on the air again.
    assert_eq!(world.manager.list().len(), 0);
    drop(stream);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_reading_an_unending_stream_has_left_and_others_go_on() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 1_500)]))).await;
    let tuned = || transport::tune_in(&world.manager, world.channel(), None);
    let mut stalled = Box::pin(tuned().await.unwrap());
    stalled.next().await.unwrap();
    let mut reading = Box::pin(tuned().await.unwrap());
    reading.next().await.unwrap();
    assert_eq!(present(&world).len(), 2);
    let mut taken = 0;
    while present(&world).len() == 2 {
        taken += reading.next().await.expect("it goes on").len();
    }
    assert!(taken > 0 && present(&world).len() == 1);
    // What waited for it is still there, and then it is over.
    while stalled.next().await.is_some() {}
    world.end().await;
}

/// Everything at once: workers that grow, sleep, hang and fail, slates, viewers
/// who wait, an open stream. [`World::end`] looks whether anything is left.
#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_in_the_middle_of_everything_leaves_nothing() {
    // The first is still being made when the others are where they are to be.
    let films = [film("25", 1_500), film("10", 1_000), film("30", 300), film("24", 240)];
    let mut setting = Setting::of(Plan::of(&films[..1]));
    for film in &films[1..] {
        setting = setting.and(Plan::of(std::slice::from_ref(film)));
    }
    let of = |film: usize, steps: serde_json::Value| {
        let name = films[film].path.file_name().unwrap().to_str().unwrap();
        json!({ "when": [name], "steps": steps })
    };
    setting.workers = json!([
        of(0, paced(100_000)),
        of(1, paced(u64::MAX)),
        of(2, relay(50_000, json!(["ignore_sigterm", "stall"]))),
        of(3, json!([{ "exit": 1 }])),
    ]);
    let mut world = World::new(setting).await;
    let stream = transport::tune_in(&world.manager, world.channel(), None).await.unwrap();
    let mut stream = Box::pin(stream);
    stream.next().await.unwrap();
    let mut viewers = Vec::new();
    for channel in world.channels.clone() {
        let (client, first) = world.tune_in(channel).await;
        for sequence in first..first + 3 {
            let manager = world.manager.clone();
            viewers.push(tokio::spawn(async move {
                let hd = crate::world::HD;
                let (body, _waiting) =
                    manager.segment(channel, hd, sequence, Some(client)).await.ok()?;
                let mut stream = Box::pin(body.into_stream());
                while stream.next().await?.is_ok() {}
                Some(())
            }));
        }
    }
    until("all of it is going on", || {
        let status = world.status();
        status.workers.iter().any(|worker| worker.parked)
            && status.tracks.iter().any(|track| track.slated)
            && status.workers.len() >= 3
    })
    .await;
    world.shut_down().await;
    assert_eq!(world.spawner.living(), 0);
    let refused = world.manager.start(world.channel()).await;
    assert!(matches!(refused, Err(StreamError::ShuttingDown)));
    for viewer in viewers {
        viewer.await.unwrap();
    }
    while stream.next().await.is_some() {}
    drop(stream);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_headers_alone_is_no_viewer() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    let (_folder, routes) = routes::within(&world).await;
    for path in ["/stream/1.m3u8", "/stream/1/master.m3u8", "/stream/1/720p.m3u8", "/stream/1.ts"] {
        let request = Request::head(path).body(Body::empty()).unwrap();
        let answer = routes.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap();
        assert_eq!(kind.ends_with("mpegurl"), path.ends_with(".m3u8"), "{path} is {kind}");
        assert_eq!(present(&world), BTreeSet::new(), "{path}");
    }
    drop(routes);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_steps_back_to_when_nobody_watched_leaves_the_channel_on() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    world.tune_in(world.channel()).await;
    let hour = Ticks::from_secs(3_600);
    world.clock.set(world.clock.now() + hour);
    world.tune_in(world.channel()).await;
    let skip = world.schedule.ledger(0).airings().iter().find(|a| a.map().is_none()).cloned();
    world.clock.set(skip.unwrap().row.start + Ticks::from_secs(60));
    let ladder = world.manager.ladder(world.channel(), |_| String::new()).await.unwrap();
    assert!(ladder.text.contains("#EXT-X-STREAM-INF"), "{}", ladder.text);
    let (client, first) = world.tune_in(world.channel()).await;
    assert_eq!(world.schedule.ledger(0).segment(first).unwrap().sequence, first);
    world.manager.unregister_client(world.channel(), client).await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_channel_goes_off_the_air_also_one_that_is_kept_running() {
    for plan in [Plan::of(&[film("25", 600)]), Plan::of(&[film("25", 600)]).kept()] {
        let world = World::new(Setting::of(plan)).await;
        let (client, _) = world.tune_in(world.channel()).await;
        world.schedule.delete(0);
        // Nobody knows its number any more; who watched says goodbye all the same.
        world.manager.unregister_client(world.channel(), client).await.unwrap();
        match world.manager.stop(world.channel()).await {
            // It may have seen by itself that its channel is gone.
            Ok(()) | Err(StreamError::NotOnAir(_)) => {}
            Err(error) => panic!("{error}"),
        }
        assert_eq!(world.manager.list().len(), 0);
        world.end().await;
    }
}

/// Somebody looked the channel up just before it was deleted, and put it on the air after
/// whoever deleted it had stopped it.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_channel_is_gone_ends_by_itself() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]).kept())).await;
    world.manager.start(world.channel()).await.unwrap();
    world.schedule.delete(0);
    until("it is off the air", || world.manager.list().is_empty()).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_kept_running_takes_a_step_of_the_clock_when_nobody_watches() {
    let plan = Plan::of(&[film("25", 600)]).grace(Duration::ZERO).kept();
    let world = World::new(Setting::of(plan)).await;
    let ChannelRef::Id(id) = world.channel() else { panic!("channels go by their id") };
    let manager = world.manager.clone();
    let running = tokio::spawn(async move { manager.run().await });
    until("it is on the air", || !world.manager.list().is_empty()).await;
    let before = world.clock.now_on(id);
    let wall = before + Ticks::from_secs(3_600);
    world.clock.set_wall(wall);
    until("it is in the right time", || world.clock.now_on(id) == wall).await;
    let on_air_since = || world.manager.list().first().map(|view| view.since);
    until("it is on the air again", || on_air_since() == Some(wall)).await;
    world.manager.shut_down().await;
    running.await.unwrap();
    world.end().await;
}
