//! Video that is sent as it is.

use std::time::Duration;

use aerial_model::profile::Rendition;
use aerial_model::time::Ticks;

use crate::media::copied_film;
use crate::picture::numbers;
use crate::world::{NOW, Plan, Setting, World, until};

/// A minute ahead is made, then the worker rests until its turn comes again.
#[tokio::test]
async fn a_worker_that_rests_goes_on_before_its_buffer_is_out() {
    let film = copied_film("10", 1_000);
    // Its viewer asks for nothing for longer than players do.
    let plan = Plan::of(&[film]).grace(Duration::from_secs(600));
    let world = World::new(Setting { turns: 1, ..Setting::of(plan) }).await;
    let (client, first) = world.tune_in_to(world.channel(), Rendition::Source).await;
    assert_eq!(first, 0);
    let rests = || world.status().workers.iter().any(|worker| worker.parked);
    until("it rests", rests).await;
    let made = world.status().workers[0].segment;
    assert!(made < 20, "it makes all at once");

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(50)).await;
    world.clock.set(NOW + Ticks::from_secs(50));
    tokio::time::resume();
    let last = u64::from(made) + 1;
    let bytes = world.segment_in(Rendition::Source, client, last).await;
    let from = u16::try_from(last * 50).unwrap();
    assert_eq!(numbers(&bytes), (from..from + 50).map(Some).collect::<Vec<_>>());
    assert_eq!(world.starts().len(), 1, "the same worker makes it");
    world.end().await;
}
