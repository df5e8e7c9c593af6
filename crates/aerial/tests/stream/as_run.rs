//! What is noted of what really aired.

use std::sync::{Arc, Mutex};

use aerial::db::{AiredEnd, AsRun};
use aerial::stream::as_run::AsRunLog;
use aerial_model::time::Ticks;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::media::film;
use crate::world::{NOW, Plan, Setting, World, real, relay, until};

#[derive(Default)]
struct Log(Mutex<Vec<AsRun>>);

impl Log {
    fn last(&self) -> Option<AsRun> {
        self.0.lock().unwrap().last().cloned()
    }
}

impl AsRunLog for Log {
    fn store(&self, stretches: Vec<AsRun>) -> BoxFuture<'_, Result<(), String>> {
        self.0.lock().unwrap().extend(stretches);
        futures::future::ready(Ok(())).boxed()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_airing_is_noted_with_its_faults_and_what_was_sent() {
    let crash = relay(30_000, json!([{ "signal": 9 }]));
    let setting = Setting::of(Plan::of(&[film("25", 600)])).workers(&[crash, real()]);
    let mut world = World::new(setting).await;
    let (log, stop) = (Arc::new(Log::default()), CancellationToken::new());
    let (notes, faults) = (world.manager.as_run().clone(), world.manager.faults());
    let writing = tokio::spawn(notes.write(log.clone(), faults, world.clock.clone(), stop.clone()));
    let (client, _) = world.tune_in(world.channel()).await;
    world.segments(client, 0..2).await;
    until("it is written", || log.last().is_some_and(|one| one.restarts > 0)).await;
    let one = log.last().unwrap();
    assert_eq!((one.from, one.end, one.viewers), (NOW, None, 1));
    assert_eq!((one.faults[0].class.as_str(), one.slates.len()), ("crash", 0));
    assert_eq!(one.restarts, 1, "{:?}", one.faults);
    world.shut_down().await;
    stop.cancel();
    writing.await.unwrap();
    let one = log.last().unwrap();
    assert_eq!(one.sent, Some((NOW, NOW + Ticks::from_secs(8))));
    assert_eq!(one.end, Some(AiredEnd::ServerStopped));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_slate_is_noted_with_the_reason() {
    let nothing = json!([{ "stderr": "Invalid data found\n" }, { "exit": 1 }]);
    let mut setting = Setting::of(Plan::of(&[film("25", 600)])).workers(&[nothing]);
    setting.slates = real();
    let mut world = World::new(setting).await;
    let (log, stop) = (Arc::new(Log::default()), CancellationToken::new());
    let (notes, faults) = (world.manager.as_run().clone(), world.manager.faults());
    let writing = tokio::spawn(notes.write(log.clone(), faults, world.clock.clone(), stop.clone()));
    let (client, _) = world.tune_in(world.channel()).await;
    world.segment(client, 0).await;
    until("slate is noted", || log.last().is_some_and(|one| !one.slates.is_empty())).await;
    let slate = log.last().unwrap().slates.remove(0);
    assert_eq!(slate.from, NOW);
    assert!(slate.reason.contains("Invalid data found"), "{slate:?}");
    world.shut_down().await;
    stop.cancel();
    writing.await.unwrap();
    world.end().await;
}
