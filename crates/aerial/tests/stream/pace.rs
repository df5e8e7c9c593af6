//! A machine that does not keep up steps down before viewers notice.

use aerial::clock::Clock;
use aerial_model::command::Speed;
use aerial_model::time::FrameRate;
use serde_json::json;

use crate::media::film;
use crate::picture::assert_unbroken;
use crate::world::{Plan, Setting, World, paced, real};

/// Slower than real time with the preset that was asked for, and at full speed with
/// the next: the successor goes on right after a cut, with the next picture.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_falls_behind_is_replaced_by_a_cheaper_one_at_a_cut() {
    let clock = Clock::system();
    let plan = Plan::of(&[film("10", 1_000)]).starting(clock.now());
    let workers = json!([
        { "when": ["veryfast"], "steps": paced(30_000) },
        { "when": ["superfast"], "steps": real() },
    ]);
    let setting = Setting { speed: Speed::Veryfast, workers, ..Setting::of(plan).clock(clock) };
    let world = World::new(setting).await;
    let (client, first) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, first..first + 6).await;
    assert_unbroken(&bytes, FrameRate::new(10, 1).unwrap(), 40 * first, 240);
    let starts = world.starts();
    assert_eq!(starts.len(), 2);
    assert!(starts[0].contains("veryfast") && starts[1].contains("superfast"));
    let begun: u32 = {
        let (_, rest) = starts[1].split_once("mod(n+").unwrap();
        rest.split_once(',').unwrap().0.parse().unwrap()
    };
    // The sound of a segment's end comes after the next one's first pictures.
    assert!(begun % 40 < 8, "it goes on at a cut, not at picture {begun}");
    assert_eq!(world.status().workers[0].speed, Speed::Superfast);
    world.end().await;
}
