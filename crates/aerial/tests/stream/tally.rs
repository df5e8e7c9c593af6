//! What is counted while channels are watched.

use std::sync::Arc;

use aerial::stream::tally::{Made, OfChannel};
use aerial_model::fault::Class;
use aerial_model::id::ChannelId;
use aerial_model::time::Ticks;
use futures::StreamExt as _;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::registry::Registry;
use serde_json::json;
use uuid::Uuid;

use crate::media::film;
use crate::world::{HD, NOW, Plan, Setting, World, real, relay, until};

const FIRST: ChannelId = ChannelId(Uuid::from_u128(1));

/// How many tune-ins were timed.
fn tune_ins(world: &World) -> u64 {
    let (mut registry, mut text) = (Registry::default(), String::new());
    registry.register("t", "t", world.manager.tally().tune_in_seconds());
    encode(&mut text, &registry).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("t_count "));
    line.unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_made_and_served_are_counted_and_each_tune_in_once() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    let tally = world.manager.tally().clone();
    let (client, _) = world.tune_in(world.channel()).await;
    assert_eq!(tune_ins(&world), 0, "it has no picture yet");
    world.segments(client, 0..3).await;
    let of_first = OfChannel { hls: 3, ..OfChannel::default() };
    assert_eq!((tally.of_channel(FIRST), tune_ins(&world)), (of_first, 1));
    // The work is noted last.
    let film = Ticks::from_secs(24);
    until("all is made", || tally.work().first().is_some_and(|one| one.1.media == film)).await;
    assert_eq!(tally.segments_made(Made::Encoded), 6);
    assert_eq!((tally.segments_made(Made::Copied), tally.segments_made(Made::Slate)), (0, 0));
    let work = tally.work();
    assert_eq!((work.len(), work[0].0), (1, "libx264"));
    assert!(!work[0].1.time.is_zero());
    assert_eq!(tally.runs(), 1);
    // A second viewer gets the same ones.
    let (second, _) = world.tune_in(world.channel()).await;
    world.segment(second, 0).await;
    assert_eq!((tally.of_channel(FIRST).hls, tune_ins(&world)), (4, 2));
    // And one of an unending stream.
    let stream = aerial::stream::transport::tune_in(&world.manager, world.channel(), Some(HD));
    let mut stream = Box::pin(stream.await.unwrap());
    stream.next().await.unwrap();
    assert!(tally.of_channel(FIRST).mpegts >= 1);
    assert_eq!((tally.of_channel(FIRST).hls, tune_ins(&world)), (4, 3));
    drop(stream);
    world.end().await;
}

/// What a run has made is told while it goes on, and not only of those that ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_tells_the_segments_it_has_completed() {
    // All that FFmpeg gives, and then it stays, for less than what is a hang.
    let stays = relay(u64::MAX, json!(["stall"]));
    let setting = Setting::of(Plan::of(&[film("25", 600)])).workers(&[stays, real()]);
    let world = World::new(setting).await;
    let (client, _) = world.tune_in(world.channel()).await;
    world.segments(client, 0..2).await;
    let made = || world.manager.tally().segments_made(Made::Encoded);
    let run = || Arc::clone(&world.manager.history(FIRST)[0].runs[0]);
    until("two are told", || run().completed() >= 2).await;
    let run = run();
    let told = run.completed();
    assert!(u64::from(told) <= made(), "{told} of {}", made());
    assert!(run.end().is_none(), "it goes on: {:?}", run.end());
    world.end().await;
    let at_its_end = run.end().map(|end| end.completed);
    assert!(at_its_end >= Some(told), "{at_its_end:?} after {told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_not_begun_by_its_time_is_late() {
    let slow = json!([{ "sleep_ms": 1_000 }, real()[0]]);
    let setting = Setting::of(Plan::of(&[film("25", 600)])).workers(&[slow]);
    let world = World::new(setting).await;
    let tally = world.manager.tally().clone();
    let (client, _) = world.tune_in(world.channel()).await;
    // It is asked for before its time, which passes while the worker sleeps.
    let passes = async { world.clock.set(NOW + Ticks::from_secs(5)) };
    tokio::join!(world.segment(client, 1), passes);
    assert_eq!(tally.of_channel(FIRST).late, 1);
    // Neither is one that is there in time, nor one that was asked for after it.
    world.segments(client, [2, 0]).await;
    let of_first = OfChannel { hls: 3, late: 1, ..OfChannel::default() };
    assert_eq!(tally.of_channel(FIRST), of_first);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slate_in_place_of_a_programme_is_counted_with_its_faults() {
    let fails = json!([{ "exit": 1 }]);
    let setting = Setting::of(Plan::of(&[film("25", 600)])).workers(&[fails]);
    let world = World::new(setting).await;
    let tally = world.manager.tally().clone();
    let (client, _) = world.tune_in(world.channel()).await;
    world.segments(client, 0..2).await;
    // Others are made ahead.
    assert!(tally.of_channel(FIRST).slated >= 2);
    // One may serve both, since they are equally long.
    assert!(tally.segments_made(Made::Slate) >= 1);
    assert_eq!(tally.segments_made(Made::Encoded), 0);
    let faults = || Class::ALL.map(|class| tally.faults(class)).iter().sum::<u64>();
    // The last of them may be noted a moment after its slate was sent.
    let noted = async {
        while faults() < 2 || faults() > tally.runs() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let noted = tokio::time::timeout(std::time::Duration::from_secs(60), noted).await;
    assert!(noted.is_ok(), "{} of {}", faults(), tally.runs());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_let_in_is_counted() {
    let plan = |frames| Plan::of(&[film("10", frames)]);
    let world = World::new(Setting::of(plan(1_000)).and(plan(990)).encodes(1)).await;
    world.tune_in(world.channel()).await;
    let viewer = (std::net::IpAddr::from([127, 0, 0, 1]), "another".to_owned());
    let refused = world.manager.playlist(world.channels[1], HD, None, viewer).await;
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(world.manager.tally().tune_ins_refused(), 1);
    world.end().await;
}
