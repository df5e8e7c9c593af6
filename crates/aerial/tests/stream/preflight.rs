//! Files are looked at before they air.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aerial::stream::findings::Finding;
use aerial::stream::preflight::{Indexing, Preflight};
use aerial::stream::timeline::MediaSource;
use aerial_model::id::ChannelRef;
use aerial_model::time::Ticks;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::media::{Film, film};
use crate::world::{NOW, PATIENCE, Plan, Setting, World, until};

fn copied(folder: &tempfile::TempDir, name: &str, of: &Film) -> Film {
    let path = folder.path().join(name);
    std::fs::copy(&of.path, &path).unwrap();
    Film { path, ..of.clone() }
}

async fn looked(preflight: &Preflight, world: &World) {
    let ChannelRef::Id(channel) = world.channel() else { panic!("channels go by their id") };
    preflight.look_at(world.manager.programme(), &[channel]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_is_known_ten_minutes_before_it_shows() {
    let folder = tempfile::tempdir().unwrap();
    let long = film("1", 700);
    let gone = copied(&folder, "gone.mp4", &film("25", 600));
    let world = World::new(Setting::of(Plan::of(&[long, gone.clone()]))).await;
    let preflight = Preflight::new(world.clock.clone(), world.findings.clone(), Arc::new(()));
    let media = world.schedule.source(&gone).media;
    std::fs::remove_file(&gone.path).unwrap();

    world.clock.set(NOW + Ticks::from_secs(99));
    looked(&preflight, &world).await;
    assert_eq!((preflight.warning(media), world.findings.all().len()), (None, 0), "too early");
    world.clock.set(NOW + Ticks::from_secs(101));
    looked(&preflight, &world).await;
    let warning = preflight.warning(media).unwrap();
    assert!(warning == "the file is not there", "{warning}");
    assert_eq!(world.findings.all(), [Finding::Missing { media }]);
    // And when it is there again.
    std::fs::copy(film("25", 600).path, &gone.path).unwrap();
    looked(&preflight, &world).await;
    assert!(preflight.warning(media).is_some(), "not looked at again at once");
    world.clock.set(NOW + Ticks::from_secs(131));
    looked(&preflight, &world).await;
    let warning = preflight.warning(media).unwrap();
    assert!(warning.contains("another file"), "its time of change is another: {warning}");
    assert_eq!(world.starts().len(), 0, "nothing is commited or made for it");
    assert!(world.schedule.ledger(0).tail().is_none());
    world.end().await;
}

/// The clock of its file says that it is the same; its bytes do not.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_overwritten_without_a_trace_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let film = copied(&folder, "film.mp4", &film("25", 600));
    let world = World::new(Setting::of(Plan::of(std::slice::from_ref(&film)))).await;
    let identity = world.schedule.hashed(&film);
    let preflight = Preflight::new(world.clock.clone(), world.findings.clone(), Arc::new(()));
    let media = world.schedule.source(&film).media;
    looked(&preflight, &world).await;
    assert_eq!(preflight.warning(media), None);

    let times = std::fs::metadata(&film.path).unwrap().modified().unwrap();
    let mut bytes = std::fs::read(&film.path).unwrap();
    bytes[100] ^= 1;
    let file = std::fs::File::options().write(true).open(&film.path).unwrap();
    std::io::Write::write_all(&mut &file, &bytes).unwrap();
    file.set_modified(times).unwrap();
    assert_eq!(identity.size_bytes, bytes.len() as u64);
    world.clock.set(NOW + Ticks::from_secs(301));
    looked(&preflight, &world).await;
    assert!(preflight.warning(media).unwrap().contains("something else"));
    assert_eq!(world.findings.all(), [Finding::Replaced { media }]);
    world.end().await;
}

/// Reads for ever.
#[derive(Debug, Default)]
struct Endless(AtomicUsize);

impl Indexing for Endless {
    fn prepare<'a>(&'a self, _: &'a MediaSource) -> BoxFuture<'a, Result<(), String>> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::pending())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_takes_long_to_index_keeps_no_fault_from_being_seen() {
    let folder = tempfile::tempdir().unwrap();
    let film = copied(&folder, "film.mp4", &film("25", 600));
    let world = World::new(Setting::of(Plan::of(std::slice::from_ref(&film)))).await;
    let indexing = Arc::new(Endless::default());
    let preflight = Preflight::new(world.clock.clone(), world.findings.clone(), indexing.clone());
    let media = world.schedule.source(&film).media;
    let patiently = async |seconds| {
        world.clock.set(NOW + Ticks::from_secs(seconds));
        let looked = looked(&preflight, &world);
        tokio::time::timeout(PATIENCE, looked).await.expect("it does not wait for the index");
    };
    patiently(0).await;
    until("it is being read", || indexing.0.load(Ordering::Relaxed) == 1).await;
    assert_eq!(preflight.warning(media), None);
    let away = folder.path().join("away.mp4");
    std::fs::rename(&film.path, &away).unwrap();
    patiently(301).await;
    assert_eq!(preflight.warning(media).as_deref(), Some("the file is not there"));
    assert_eq!(world.findings.all(), [Finding::Missing { media }]);
    std::fs::rename(&away, &film.path).unwrap();
    patiently(332).await;
    assert_eq!(preflight.warning(media), None);
    assert_eq!(indexing.0.load(Ordering::Relaxed), 1, "it is at it still");
    // It ends with the server.
    let ended = CancellationToken::new();
    ended.cancel();
    preflight.run(world.manager.programme().clone(), Vec::new, ended).await;
    world.end().await;
}

/// Cannot index, the first time.
#[derive(Debug, Default)]
struct Recovering(AtomicUsize);

impl Indexing for Recovering {
    fn prepare<'a>(&'a self, _: &'a MediaSource) -> BoxFuture<'a, Result<(), String>> {
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let made = if before == 0 { Err("no index".to_owned()) } else { Ok(()) };
        Box::pin(std::future::ready(made))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn that_there_is_no_index_yet_is_told_until_there_is_one() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 600)]))).await;
    let indexing = Arc::new(Recovering::default());
    let preflight = Preflight::new(world.clock.clone(), world.findings.clone(), indexing.clone());
    let media = world.schedule.source(&film("25", 600)).media;
    looked(&preflight, &world).await;
    until("it says so", || preflight.warning(media).as_deref() == Some("no index")).await;
    world.clock.set(NOW + Ticks::from_secs(31));
    looked(&preflight, &world).await;
    until("it is there", || preflight.warning(media).is_none()).await;
    assert_eq!(indexing.0.load(Ordering::Relaxed), 2);
    world.end().await;
}
