//! Devices that fail: their items go on in software, and viewers notice nothing.
//!
//! What FFmpeg says is recorded from FFmpeg 5.1.9 where its words are marked *seen*
//! (`tests/devices.rs` provokes them again), and is from its source where not.

use std::time::Duration;

use aerial_model::encoder::{Encoder, Hardware};
use aerial_model::time::FrameRate;
use serde_json::{Value, json};

use crate::media::{Film, film};
use crate::picture::{assert_unbroken, numbers};
use crate::world::{Plan, Setting, World, real, relay, until};

/// *Seen*: NVENC where there is no driver.
const NO_DRIVER: &str = include_str!("device/nvenc-no-driver.txt");
/// *Seen*: a machine without such a codec.
const NO_CODEC: &str = include_str!("device/v4l2-no-device.txt");
/// Unseen: NVENC past its limit of sessions.
const SESSION_LIMIT: &str = include_str!("device/nvenc-session-limit.txt");
/// Unseen: a codec that another program holds.
const BUSY: &str = include_str!("device/v4l2-busy.txt");
/// Unseen: the driver is unloaded in the middle.
const DRIVER_GONE: &str = include_str!("device/nvenc-driver-gone.txt");

fn a_film() -> Film {
    film("25", 600)
}

/// A device, what it does with workers, and the real FFmpeg for software.
fn with_device(plan: Plan, act: &Value) -> Setting {
    let hardware = Hardware { encoder: Encoder::V4l2, node: None, pictures: false };
    let workers = json!([
        { "when": ["h264_v4l2m2m"], "steps": act },
        { "when": ["libx264"], "steps": real() },
    ]);
    Setting { hardware: Some(hardware), workers, ..Setting::of(plan) }
}

/// A device that works, as far as is told: the same options, in software.
fn working(bytes: u64, then: &Value) -> Value {
    let mut steps = relay(bytes, then.clone());
    steps[0]["relay"]["replace"] = json!([["h264_v4l2m2m", "libx264"], ["100", "high"]]);
    steps
}

/// The film's first five segments, and what was started for them.
async fn watched(act: &Value) -> (World, Vec<String>) {
    let world = World::new(with_device(Plan::of(&[a_film()]), act)).await;
    let (client, first) = world.tune_in(world.channel()).await;
    assert_eq!(first, 0);
    let bytes = world.segments(client, 0..5).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 500);
    assert_eq!(numbers(&bytes), (0..500).map(Some).collect::<Vec<_>>());
    let starts = world.starts();
    (world, starts)
}

fn by_device(starts: &[String]) -> usize {
    starts.iter().filter(|start| start.contains("h264_v4l2m2m")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_works_is_used_and_told() {
    let (world, starts) = watched(&working(u64::MAX, &json!([]))).await;
    assert_eq!((by_device(&starts), starts.len()), (1, 1));
    world.end().await;
}

/// Each fault of a device that begins: the same film, from its first picture.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_makes_nothing_costs_one_start() {
    let faults = [
        ("no driver", json!([{ "sleep_ms": 20 }, { "stderr": NO_DRIVER }, { "exit": 1 }])),
        ("no codec", json!([{ "stderr": NO_CODEC }, { "exit": 1 }])),
        ("session limit", json!([{ "sleep_ms": 150 }, { "stderr": SESSION_LIMIT }, { "exit": 1 }])),
        ("busy", json!([{ "stderr": BUSY }, { "exit": 1 }])),
        ("exit 0 with nothing made", json!([{ "exit": 0 }])),
        ("silence", json!(["stall"])),
    ];
    for (fault, act) in faults {
        let (world, starts) = watched(&act).await;
        assert_eq!((by_device(&starts), starts.len()), (1, 2), "{fault}: {starts:?}");
        assert!(!world.devices.is_out(), "{fault}: one item is not enough");
        world.end().await;
    }
}

/// What a viewer has a part of is completed in software, right where it broke off.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_goes_in_the_middle_of_a_segment_is_not_noticed() {
    for bytes in [30_000, 222_222] {
        let act = working(bytes, &json!([{ "stderr": DRIVER_GONE }, { "exit": 1 }]));
        let (world, starts) = watched(&act).await;
        // One completes the segment, the next makes the others.
        assert_eq!((by_device(&starts), starts.len()), (1, 3), "{starts:?}");
        assert!(starts[1].contains("mod(n+"), "it goes on in the middle: {}", starts[1]);
        world.end().await;
    }
}

/// After three films it is out; then everything begins in software at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_fails_for_several_films_is_used_no_more_until_it_is_tested() {
    let act = json!([{ "stderr": NO_DRIVER }, { "exit": 1 }]);
    let plan = |n: u32| Plan::of(&[film("10", 1_000 - 10 * n)]).grace(Duration::ZERO);
    let mut setting = with_device(plan(0), &act);
    for n in 1..4 {
        setting = setting.and(plan(n));
    }
    let world = World::new(setting).await;
    for channel in &world.channels[..3] {
        let (client, first) = world.tune_in(*channel).await;
        world.try_segment(*channel, client, first).await.unwrap();
    }
    until("it is out", || world.devices.is_out()).await;
    let before = by_device(&world.starts());
    let (client, first) = world.tune_in(world.channels[3]).await;
    world.try_segment(world.channels[3], client, first).await.unwrap();
    assert_eq!((before, by_device(&world.starts())), (3, 3));
    assert!(world.devices.test_in().is_some());
    world.devices.tested(true);
    assert!(!world.devices.is_out());
    world.end().await;
}

/// A bad file is not the device's fault, and its viewers see slate, not a loop.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_fails_in_software_too_is_slate() {
    let fails = json!([{ "stderr": "Invalid data found when processing input\n" }, { "exit": 1 }]);
    let mut setting = with_device(Plan::of(&[a_film()]), &fails);
    setting.workers[1]["steps"] = fails;
    let world = World::new(setting).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segment(client, 0).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 100);
    assert_eq!((by_device(&world.starts()), world.devices.is_out()), (1, false));
    world.end().await;
}
