//! Recordings that were joined with `cat`: they air from a copy.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aerial::stream::findings::Finding;
use aerial::stream::store::RemuxKey;
use aerial_model::media::Entry;
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{FrameRate, Ticks};
use serde_json::json;

use crate::media::{Film, command, film, probed};
use crate::picture::{SLATE, assert_unbroken, numbers};
use crate::world::{Plan, Setting, World, real, relay, until};

/// A numbered film of 24 s as two recordings of 12 s, one behind the other in one
/// file, as `cat a.ts b.ts` makes it: its time begins anew in the middle.
fn joined(folder: &Path) -> Film {
    let whole = film("25", 600);
    let piece = |name: &str, arguments: &[&str]| -> PathBuf {
        let path = folder.join(name);
        let made = command("ffmpeg")
            .args(["-v", "error", "-y"])
            .args(&arguments[..arguments.len().min(2)])
            .arg("-i")
            .arg(&whole.path)
            .args(["-t", "12", "-c", "copy", "-f", "mpegts"])
            .arg(&path)
            .status();
        assert!(made.unwrap().success());
        path
    };
    let (a, b) = (piece("a.ts", &[]), piece("b.ts", &["-ss", "12"]));
    let path = folder.join("joined.ts");
    let bytes = [std::fs::read(a).unwrap(), std::fs::read(b).unwrap()].concat();
    std::fs::write(&path, bytes).unwrap();
    let facts = probed(&path);
    assert_eq!(facts.entry, Entry::Remux);
    let map = facts.uniform_map().unwrap();
    Film { path, facts: Arc::new(facts), map }
}

/// What the library hears of its true length.
async fn remuxed(world: &World) -> Film {
    let of = |finding: &Finding| match finding {
        Finding::Remuxed { map, length, .. } => Some((map.clone(), *length)),
        _ => None,
    };
    until("it is copied", || world.findings.all().iter().any(|f| of(f).is_some())).await;
    let (map, length) = world.findings.all().iter().find_map(of).unwrap();
    assert!((length - Ticks::from_secs(24)).0.abs() < 18_000, "{length}");
    Film { map, ..world.schedule.film(0) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joined_recording_is_slate_until_it_is_copied_and_then_plays_from_its_copy() {
    let folder = tempfile::tempdir().unwrap();
    let film = joined(folder.path());
    assert!((film.map.end() - Ticks::from_secs(24)).0.abs() < 18_000, "{}", film.map.end());
    // Of a larger one the scan would not have seen the join: 12 s are planned.
    let map = SegmentMap::of_frames(FrameRate::PAL, 301).unwrap();
    let film = Film { map, ..film };
    let world = World::new(Setting::of(Plan::of(std::slice::from_ref(&film)))).await;
    let (client, first) = world.tune_in(world.channel()).await;
    until("it says why it is slate", || {
        let status = world.status();
        let reason = status.tracks.first().and_then(|track| track.last_error.clone());
        status.tracks.first().is_some_and(|track| track.slated)
            && reason.is_some_and(|reason| reason.contains("copied to Matroska"))
    })
    .await;
    let film = remuxed(&world).await;
    world.schedule.replace_lineup(0, &[film]);
    let bytes = world.segment(client, first).await;
    assert!(numbers(&bytes).iter().all(|number| *number == SLATE), "no copy, no picture");
    // What is committed keeps its old map; then its true length is aired.
    let (turn, begins) = {
        let ledger = world.schedule.ledger(0);
        (ledger.tail().unwrap().end_sequence(), ledger.tail().unwrap().end())
    };
    world.clock.set(begins);
    let (client, first) = world.tune_in(world.channel()).await;
    assert_eq!(first, turn);
    let bytes = world.segments(client, turn..turn + 5).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 500);
    let shown: BTreeSet<u16> = numbers(&bytes).into_iter().map(Option::unwrap).collect();
    assert!(shown.len() > 485 && shown.contains(&480), "{shown:?}");
    world.end().await;
}

/// Workers of the copy join wherever they begin, over the place of the join too.
#[tokio::test(flavor = "multi_thread")]
async fn workers_of_a_copy_continue_each_other_over_the_join() {
    let folder = tempfile::tempdir().unwrap();
    let film = joined(folder.path());
    let first = World::new(Setting::of(Plan::of(std::slice::from_ref(&film)))).await;
    first.tune_in(first.channel()).await;
    let film = remuxed(&first).await;
    first.end().await;

    let shown = async |workers: &[serde_json::Value]| {
        let plan = Plan::of(std::slice::from_ref(&film));
        let world = World::new(Setting::of(plan).workers(workers)).await;
        world.schedule.copied(&world).await;
        let (client, _) = world.tune_in(world.channel()).await;
        let bytes = world.segments(client, 0..5).await;
        assert_unbroken(&bytes, FrameRate::PAL, 0, 500);
        assert_eq!(world.starts().len(), workers.len());
        world.end().await;
        numbers(&bytes).into_iter().map(Option::unwrap).collect::<Vec<u16>>()
    };
    let whole = shown(&[real()]).await;
    // In order, but for the pictures around the join that the copy has twice.
    let back = whole.windows(2).filter(|two| two[1] < two[0]).count();
    assert!(back <= 1, "{whole:?}");
    let seen: BTreeSet<u16> = whole.iter().copied().collect();
    assert!(seen.len() > 485 && seen.contains(&480), "{whole:?}");
    for killed_after in [150_000, 420_000, 600_000] {
        let crash = relay(killed_after, json!([{ "signal": 9 }]));
        assert_eq!(shown(&[crash, real()]).await, whole, "killed after {killed_after} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_cannot_be_copied_stays_slate_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let film = joined(folder.path());
    let mut setting = Setting::of(Plan::of(std::slice::from_ref(&film)));
    // No room for it.
    setting.limits.bytes = 1_000;
    let world = World::new(setting).await;
    let (client, first) = world.tune_in(world.channel()).await;
    until("it says why", || {
        let status = world.status();
        let reason = status.tracks.first().and_then(|track| track.last_error.clone());
        reason.is_some_and(|reason| reason.contains("store.limit"))
    })
    .await;
    let bytes = world.segment(client, first).await;
    assert!(numbers(&bytes).iter().all(|number| *number == SLATE));
    assert_eq!(world.findings.all(), [], "that is not the file's fault");
    world.end().await;
}

/// A world that finds the copy that one before it made, after somebody did this to it.
async fn with_copy_of(
    film: &Film,
    segments: &Path,
    damage: impl FnOnce(&std::fs::File, u64),
) -> (World, Film) {
    let setting = |film: &Film| Setting {
        segments: Some(segments.to_owned()),
        ..Setting::of(Plan::of(std::slice::from_ref(film)))
    };
    let first = World::new(setting(film)).await;
    first.tune_in(first.channel()).await;
    let film = remuxed(&first).await;
    let copy = first.store.remux(RemuxKey::of(&first.schedule.source(&film))).unwrap();
    first.end().await;
    let copy = std::fs::File::options().write(true).open(copy).unwrap();
    damage(&copy, copy.metadata().unwrap().len());
    (World::new(setting(&film)).await, film)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_a_crash_cut_short_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let film = joined(folder.path());
    let cut = |copy: &std::fs::File, size| copy.set_len(size / 2).unwrap();
    let (world, _) = with_copy_of(&film, &folder.path().join("segments"), cut).await;
    world.schedule.copied(&world).await;
    remuxed(&world).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, 0..5).await;
    assert!(numbers(&bytes).iter().all(|number| *number != SLATE));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_cannot_be_played_is_made_again_and_is_not_the_files_fault() {
    use std::os::unix::fs::FileExt as _;
    let folder = tempfile::tempdir().unwrap();
    let film = joined(folder.path());
    let overwrite = |copy: &std::fs::File, size| {
        copy.write_all_at(&vec![0; usize::try_from(size).unwrap()], 0).unwrap();
    };
    let segments = folder.path().join("segments");
    let (world, film) = with_copy_of(&film, &segments, overwrite).await;
    let (client, first) = world.tune_in(world.channel()).await;
    let bytes = world.segment(client, first).await;
    assert!(numbers(&bytes).iter().all(|number| *number == SLATE));
    let key = RemuxKey::of(&world.schedule.source(&film));
    until("it is given up", || world.store.remux(key).is_none()).await;
    assert_eq!(world.findings.all(), []);
    world.schedule.copied(&world).await;
    remuxed(&world).await;
    world.end().await;
}
