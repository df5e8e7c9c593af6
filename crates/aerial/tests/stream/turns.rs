//! More workers than the machine has room for at once.

use std::collections::BTreeSet;

use crate::media::film;
use crate::world::{Plan, Setting, World, paced, until};

/// All begin at once, as each is waited for; then the scarcest buffer is filled
/// first, one after the other, and nobody is left behind.
#[tokio::test(flavor = "multi_thread")]
async fn buffers_are_built_up_in_turns_and_the_scarcest_comes_first() {
    let plan = |n: u32| Plan::of(&[film("10", 1_000 - 10 * n)]);
    // About ten times real time: slow enough to be seen at work.
    let setting = Setting::of(plan(0)).and(plan(1)).and(plan(2)).workers(&[paced(500_000)]);
    let world = World::new(Setting { turns: 1, ..setting }).await;
    for channel in &world.channels {
        world.tune_in(*channel).await;
    }
    let (mut alone, mut most) = (BTreeSet::new(), 0);
    until("each has 20 s", || {
        let status = world.status();
        let workers = &status.workers;
        // Past the first three segments (12 s) none is pressed any more, and past
        // the fourth all that lost their turn rest.
        if workers.len() == 3 && workers.iter().all(|worker| worker.segment >= 4) {
            let at_work = workers.iter().filter(|worker| !worker.parked);
            alone.extend(at_work.clone().map(|worker| worker.track.key));
            most = most.max(at_work.count());
        }
        workers.len() == 3 && workers.iter().all(|worker| worker.segment >= 5)
    })
    .await;
    assert_eq!(world.starts().len(), 3);
    assert!(alone.len() >= 2, "only one was seen at work");
    // Who loses its turn ends its segment first.
    assert!(most <= 2, "{most} were at work at once");
    world.end().await;
}
