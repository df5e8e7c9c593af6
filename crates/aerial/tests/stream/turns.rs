//! More workers than the machine has room for at once.

use std::collections::BTreeSet;

use aerial_model::profile::Rendition;

use crate::media::{Film, copied_film, film};
use crate::world::{Plan, Setting, World, paced, until};

/// All begin at once, as each is waited for; then the scarcest buffer is filled
/// first, one after the other, and nobody is left behind.
async fn built_up_in_turns(film: fn(u32) -> Film, rendition: Rendition, bytes_per_second: u64) {
    let plan = |n: u32| Plan::of(&[film(1_000 - 10 * n)]);
    // Slow enough to be seen at work.
    let setting =
        Setting::of(plan(0)).and(plan(1)).and(plan(2)).workers(&[paced(bytes_per_second)]);
    let world = World::new(Setting { turns: 1, ..setting }).await;
    for channel in &world.channels {
        world.tune_in_to(*channel, rendition).await;
    }
    let (mut alone, mut most) = (BTreeSet::new(), 0);
    until("each has 20 s", || {
        let status = world.status();
        let workers = &status.workers;
        // Past the first three segments (12 s) none is pressed any more, and past
        // the fourth all that lost their turn rest.
        if workers.len() == 3 && workers.iter().all(|worker| worker.segment >= 4) {
            let at_work = workers.iter().filter(|worker| !worker.parked);
            alone.extend(at_work.map(|worker| worker.track.key));
            // Who lost its turn ends its segment, and begins no other.
            let may_go_on = workers.iter().filter(|worker| worker.limit > worker.segment + 1);
            most = most.max(may_go_on.count());
        }
        workers.len() == 3 && workers.iter().all(|worker| worker.segment >= 5)
    })
    .await;
    assert_eq!(world.starts().len(), 3);
    assert!(alone.len() >= 2, "only one was seen at work");
    assert!(most <= 1, "{most} had the turn at once");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buffers_are_built_up_in_turns_and_the_scarcest_comes_first() {
    // About four times real time.
    built_up_in_turns(|frames| film("10", frames), Rendition::Height(720), 200_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_encode_sound_beside_copied_pictures_take_turns_too() {
    let film = |frames| copied_film("10", frames);
    built_up_in_turns(film, Rendition::Source, 200_000).await;
}
