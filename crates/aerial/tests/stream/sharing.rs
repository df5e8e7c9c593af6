//! One worker for all who want the same; one that sleeps until it is needed.

use std::sync::Arc;
use std::time::Duration;

use aerial::stream::history::SessionId;
use aerial::stream::store::SegmentKey;
use aerial::stream::track::Track;
use aerial_model::demand::Want;
use aerial_model::profile::Profile;
use aerial_model::time::{FrameRate, Ticks};

use crate::media::film;
use crate::picture::{assert_unbroken, numbers};
use crate::world::{HD, NOW, Plan, Setting, World, until};

#[tokio::test(flavor = "multi_thread")]
async fn channels_that_show_the_same_media_share_a_worker() {
    let film = film("25", 600);
    // The second channel is a segment ahead in the film.
    let ahead = Plan::of(std::slice::from_ref(&film)).starting(NOW - Ticks::from_secs(4));
    let world = World::new(Setting::of(Plan::of(&[film])).and(ahead)).await;
    let [one, two] = [world.channels[0], world.channels[1]];
    let (client, first) = world.tune_in(one).await;
    let (other, second) = world.tune_in(two).await;
    assert_eq!((first, second), (0, 1));
    let (here, there) = tokio::join!(world.segments(client, 0..4), async {
        let mut bytes = Vec::new();
        for sequence in 1..5 {
            bytes.extend_from_slice(&world.try_segment(two, other, sequence).await.unwrap());
        }
        bytes
    });
    assert_unbroken(&here, FrameRate::PAL, 0, 400);
    assert_unbroken(&there, FrameRate::PAL, 100, 400);
    assert_eq!(numbers(&there), (100..500).map(Some).collect::<Vec<_>>());
    assert_eq!(world.starts().len(), 1);
    // One stops, the other goes on with the same worker.
    world.manager.stop(one).await.unwrap();
    world.try_segment(two, other, 5).await.unwrap();
    assert_eq!(world.starts().len(), 1);
    world.end().await;
}

/// Far ahead of what anybody needs it sleeps; when the time has come it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_sleeps_is_woken_when_it_is_needed() {
    let world = World::new(Setting::of(Plan::of(&[film("10", 1_000)]))).await;
    let (client, _) = world.tune_in(world.channel()).await;
    world.segment(client, 0).await;
    let asleep = || world.status().workers.iter().all(|worker| worker.parked);
    until("it sleeps", asleep).await;
    let worker = world.status().workers[0].clone();
    assert!((14..=17).contains(&worker.segment), "asleep at {}", worker.segment);
    world.clock.set(NOW + Ticks::from_secs(50));
    let (client, first) = world.tune_in(world.channel()).await;
    assert_eq!(first, 12);
    let bytes = world.segments(client, 12..17).await;
    assert_unbroken(&bytes, FrameRate::new(10, 1).unwrap(), 480, 200);
    assert_eq!(numbers(&bytes), (480..680).map(Some).collect::<Vec<_>>());
    until("it has gone on", || world.status().workers.iter().any(|w| w.segment > worker.segment))
        .await;
    assert_eq!(world.starts().len(), 1);
    world.end().await;
}

/// A session's task that is lost, a panic in it, say, leaves no worker behind.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_demands_any_more_is_ended() {
    let world = World::new(Setting::of(Plan::of(&[film("10", 1_000)]))).await;
    let profile = Arc::new(Profile::transcoded(HD, 180).unwrap());
    let film = world.schedule.source(&film("10", 1_000));
    let track = Arc::new(Track::of_media(Arc::new(film), profile, "test"));
    let demand = world.transcoder.demand(SessionId(99));
    let want = Want { track: track.key, first: 3, low: 5, high: 9, due: Duration::ZERO };
    demand.state(vec![Arc::clone(&track)], vec![want]).await;
    until("it is made", || world.store.has(SegmentKey { track: track.key, index: 8 })).await;
    assert_eq!(world.status().workers.len(), 1);
    drop(demand);
    until("nothing is left", || {
        let status = world.status();
        world.spawner.living() == 0 && status.workers.is_empty() && status.tracks.is_empty()
    })
    .await;
    world.end().await;
}

/// What was made stays made: another viewer, another time, no worker.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_is_not_made_again() {
    let mut world =
        World::new(Setting::of(Plan::of(&[film("25", 100)]).grace(Duration::ZERO))).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, 0..1).await;
    world.manager.unregister_client(world.channel(), client).await.unwrap();
    until("the channel is off the air", || world.manager.list().is_empty()).await;
    let starts = world.starts().len();
    // The film comes round again.
    let loops = Ticks::from_secs(4).round_up_to_audio_frame() * 2;
    world.clock.set(NOW + loops);
    let (client, first) = world.tune_in(world.channel()).await;
    assert_eq!(first, 2);
    let again = world.segments(client, 2..6).await;
    assert_eq!(numbers(&again)[..100], numbers(&bytes)[..]);
    assert_eq!(world.starts().len(), starts);
    world.shut_down().await;
    world.end().await;
}
