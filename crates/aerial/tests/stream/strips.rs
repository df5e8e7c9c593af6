//! The strip: what is told of the engine while it works, and that telling does nothing.

use std::time::Duration;

use aerial::stream::strip::{SegmentState, Strip};
use aerial_model::fault::Class;
use aerial_model::time::Ticks;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::media::film;
use crate::world::{HD, NOW, PATIENCE, Plan, Setting, World, paced, real, relay};

/// The one strip there is, as soon as it is so.
async fn strip(world: &World, what: &str, holds: impl Fn(&Strip) -> bool) -> Strip {
    let looked = async {
        loop {
            let mut strips = world.manager.strips(None).await;
            assert_eq!(strips.len(), 1);
            if holds(&strips[0]) {
                return strips.remove(0);
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, looked).await.unwrap_or_else(|_| panic!("never: {what}"))
}

fn all(state: SegmentState) -> impl Fn(&Strip) -> bool {
    move |strip| strip.renditions.iter().all(|one| one.states.iter().all(|of| *of == state))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_is_told_with_its_airings_and_who_fetches_where() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    let (client, _) = world.tune_in(world.channel()).await;
    world.segments(client, 0..3).await;
    // All turns of the film are the same six segments.
    let told = strip(&world, "all is made", |strip| {
        all(SegmentState::Made)(strip) && strip.viewers.iter().any(|viewer| viewer.sequence == 2)
    });
    let told = told.await;
    assert_eq!(told.now, NOW);
    let airings: Vec<i64> = told.airings.iter().map(|one| (one.start - NOW).as_millis()).collect();
    assert_eq!(airings, [0, 24_000, 48_000, 72_000]);
    assert_eq!(told.segments[0].sequence, 0);
    let last = told.segments.last().unwrap();
    assert!(last.start < NOW + Ticks::from_secs(90));
    assert!(last.start + last.length + Ticks::from_secs(4) >= NOW + Ticks::from_secs(90));
    assert_eq!(told.renditions.len(), 1);
    assert_eq!(told.renditions[0].rendition, HD);
    assert_eq!(told.renditions[0].states.len(), told.segments.len());
    let viewer = told.viewers[0];
    assert_eq!((viewer.client, viewer.at), (client, NOW + Ticks::from_secs(8)));

    // The next session finds it there, and looking did not make anything.
    world.manager.stop(world.channel()).await.unwrap();
    assert!(world.manager.strips(None).await.is_empty());
    world.tune_in(world.channel()).await;
    let told = strip(&world, "it is there", |strip| !strip.renditions.is_empty()).await;
    assert!(all(SegmentState::Cached)(&told));
    assert!(told.viewers.is_empty(), "it asked for nothing yet");
    assert_eq!(world.starts().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_where_it_works() {
    let slow = paced(20_000);
    let setting = Setting::of(Plan::of(&[film("25", 3_000)])).workers(&[slow]);
    let world = World::new(setting).await;
    world.tune_in(world.channel()).await;
    let told = strip(&world, "the first grows", |strip| {
        let states = strip.renditions.first().map(|one| &one.states[..3]);
        states.is_some_and(|states| states[0] == SegmentState::Growing)
            && !strip.renditions[0].workers.is_empty()
    });
    let told = told.await;
    let rendition = &told.renditions[0];
    assert_eq!(rendition.states[1..3], [SegmentState::Promised; 2]);
    assert!(rendition.states[3..].iter().all(|state| *state == SegmentState::Planned));
    let worker = &rendition.workers[0];
    assert_eq!((worker.from, worker.at), (NOW, NOW));
    assert!(worker.until >= NOW + Ticks::from_secs(20) && !worker.status.parked);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_a_mark_where_it_happened() {
    let crash = relay(222_222, json!([{ "signal": 9 }]));
    let setting = Setting::of(Plan::of(&[film("25", 600)])).workers(&[crash, real()]);
    let world = World::new(setting).await;
    let (client, _) = world.tune_in(world.channel()).await;
    world.segments(client, 0..5).await;
    let told = strip(&world, "the fault", |strip| !strip.faults.is_empty()).await;
    let fault = &told.faults[0];
    assert_eq!(fault.class, Class::Crash);
    let failed_in = told.segments.iter().find(|segment| Some(segment.start) == fault.at);
    assert!(failed_in.is_some_and(|segment| segment.sequence < 5), "{fault:?}");
    assert!(fault.happened_at <= NOW);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn off_air_is_slate_and_what_is_over_is_gone() {
    // It begins in 8 s; somebody waits for it already.
    let starts_at = NOW + Ticks::from_secs(8);
    let setting = Setting::of(Plan::of(&[film("25", 600)]).starting(starts_at));
    let world = World::new(setting).await;
    let (client, first) = world.tune_in(world.channel()).await;
    world.segment(client, first).await;
    let told = strip(&world, "a rendition", |strip| !strip.renditions.is_empty()).await;
    assert_eq!(told.airings[0].media, None);
    let states = &told.renditions[0].states;
    assert_eq!(states[..2], [SegmentState::Slate; 2]);
    assert!(told.airings[1].media.is_some());
    world.end().await;

    let late = Setting::of(Plan::of(&[film("25", 3_000)]));
    late.clock.set(NOW);
    let world = World::new(late).await;
    world.clock.set(NOW + Ticks::from_secs(80));
    world.tune_in(world.channel()).await;
    let told = strip(&world, "a rendition", |strip| !strip.renditions.is_empty()).await;
    assert_eq!(told.segments[0].sequence, 5, "the one that contains a minute ago");
    assert!(told.renditions[0].states[..15].iter().all(|state| *state == SegmentState::Gone));
    world.end().await;
}
