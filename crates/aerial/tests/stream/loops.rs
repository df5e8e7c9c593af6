//! A short programme over and over: each turn stands for itself.

use std::time::Duration;

use aerial_model::time::Ticks;
use serde_json::json;

use crate::media::film;
use crate::picture::{SLATE, numbers};
use crate::world::{NOW, Plan, Setting, World, real, until};

/// 40 s, ten segments.
const TURN: u64 = 10;

#[tokio::test]
async fn after_a_turn_that_was_slate_the_programme_comes_back_and_the_old_addresses_stay_slate() {
    let fails = json!([{ "stderr": "film.mp4: Input/output error\n" }, { "exit": 1 }]);
    let setting = Setting::of(Plan::of(&[film("25", 1_000)]));
    let world = World::new(setting.workers(&[fails.clone(), fails, real()])).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let slate = numbers(&world.segments(client, 0..2).await);
    assert!(slate.iter().all(|number| *number == SLATE), "{slate:?}");
    let written = || world.log.all().iter().any(|slate| slate.sequences.contains(&1));
    until("it is written down", written).await;
    // The next turn, a second into its first segment.
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(41)).await;
    world.clock.set(NOW + Ticks::from_secs(41));
    tokio::time::resume();
    let (again, first) = world.tune_in(world.channel()).await;
    assert_eq!(first, TURN);
    let film: Vec<_> = (0..200).map(Some).collect();
    assert_eq!(numbers(&world.segments(again, TURN..TURN + 2).await), film);
    assert_eq!(numbers(&world.segments(client, 0..2).await), slate);
    world.end().await;
}
