//! Workers that fail: what the viewer gets nevertheless.

use std::collections::BTreeSet;
use std::time::Duration;

use aerial::clock::Clock;
use aerial::db::SlateRange;
use aerial::stream::error::StreamError;
use aerial::stream::findings::Finding;
use aerial_model::id::{ChannelId, ChannelRef};
use aerial_model::time::{FrameRate, Ticks};
use serde_json::json;

use crate::media::{Film, command, film, which};
use crate::picture::{SLATE, assert_unbroken, numbers};
use crate::world::{Lost, NOW, Plan, Setting, World, paced, real, relay, until};

/// 24 s, six segments.
fn a_film() -> Film {
    film("25", 600)
}

/// The film's first five segments, as a player gets them, and how many workers
/// that took.
async fn watched(setting: Setting) -> (Vec<Option<u16>>, usize) {
    let world = World::new(setting).await;
    let (client, first) = world.tune_in(world.channel()).await;
    assert_eq!(first, 0);
    let bytes = world.segments(client, 0..5).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 500);
    let starts = world.starts().len();
    world.end().await;
    (numbers(&bytes), starts)
}

fn the_film(frames: u16) -> Vec<Option<u16>> {
    (0..frames).map(Some).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_is_sent_as_it_is() {
    let (numbers, starts) = watched(Setting::of(Plan::of(&[a_film()]))).await;
    assert_eq!((numbers, starts), (the_film(500), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_in_the_middle_of_a_segment_is_continued_unnoticed() {
    for bytes in [30_000, 222_222, 340_000] {
        let crash = relay(bytes, json!([{ "signal": 9 }]));
        let setting = Setting::of(Plan::of(&[a_film()])).workers(&[crash, real()]);
        let (numbers, starts) = watched(setting).await;
        assert_eq!((numbers, starts), (the_film(500), 2), "killed after {bytes} bytes");
    }
}

/// Sound that was sent lags the pictures by seconds there.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_is_continued_at_low_frame_rates_too() {
    for (rate, frames, bytes) in [("1", 24, 110_000), ("5", 120, 170_000), ("15", 360, 260_000)] {
        let crash = relay(bytes, json!([{ "signal": 9 }]));
        let film = film(rate, frames);
        let world = World::new(
            Setting::of(Plan::of(std::slice::from_ref(&film))).workers(&[crash, real()]),
        )
        .await;
        let (client, _) = world.tune_in(world.channel()).await;
        let watched = u64::from(frames) * 20 / 24;
        let bytes = world.segments(client, 0..5).await;
        assert_unbroken(&bytes, film.map.rate(), 0, watched);
        assert_eq!(numbers(&bytes), the_film(watched as u16), "at {rate} frames per second");
        assert_eq!(world.starts().len(), 2);
        world.end().await;
    }
}

/// The stream ends between two packets and says nothing: a picture that was cut
/// off looks whole.
#[tokio::test(flavor = "multi_thread")]
async fn output_that_is_cut_off_is_continued_unnoticed_though_ffmpeg_is_content() {
    for bytes in [188 * 1_001, 188 * 1_500, 188 * 1_777 + 60] {
        let cut = relay(bytes, json!([{ "exit": 0 }]));
        let setting = Setting::of(Plan::of(&[a_film()])).workers(&[cut, real()]);
        let (numbers, starts) = watched(setting).await;
        assert_eq!((numbers, starts), (the_film(500), 2), "cut off after {bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_never_sent() {
    let garbage = json!({ "garbage": { "bytes": 400_000 } });
    let at_once = json!([garbage, { "exit": 0 }]);
    let later = relay(250_000, json!([garbage, "stall"]));
    for bad in [at_once, later] {
        let setting = Setting::of(Plan::of(&[a_film()])).workers(&[bad.clone(), real()]);
        assert_eq!(watched(setting).await, (the_film(500), 2), "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ffmpeg_that_is_content_and_makes_nothing_is_tried_again() {
    for nothing in [json!([{ "exit": 0 }]), json!([{ "stderr": "Device busy\n" }, { "exit": 1 }])] {
        let setting = Setting::of(Plan::of(&[a_film()])).workers(&[nothing, real()]);
        assert_eq!(watched(setting).await, (the_film(500), 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_hangs_is_replaced() {
    let hang = relay(250_000, json!(["ignore_sigterm", "stall"]));
    let setting = Setting::of(Plan::of(&[a_film()])).workers(&[hang, real()]);
    assert_eq!(watched(setting).await, (the_film(500), 2));
}

/// It has given all and will not go.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_closes_its_output_and_stays_is_ended() {
    let folder = tempfile::tempdir().unwrap();
    let stays = folder.path().join("stays");
    let made = command("sh")
        .args(["-c", "printf '#!/bin/sh\n\"%s\" \"$@\"\nexec >&-\nexec sleep 300\n' \"$2\" >\"$1\"; chmod 755 \"$1\"", "sh"])
        .args([&stays, &which("ffmpeg")])
        .status();
    assert!(made.unwrap().success());
    let setting = Setting::of(Plan::of(&[film("25", 100)])).workers(&[json!([{ "run": stays }])]);
    let world = World::new(setting).await;
    let (client, _) = world.tune_in(world.channel()).await;
    assert_eq!(numbers(&world.segment(client, 0).await), the_film(100));
    until("it is gone", || world.spawner.living() == 0).await;
    assert_eq!(world.status().tracks.iter().map(|track| track.restarts).sum::<u32>(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_two_failures_slate_completes_the_segment_and_keeps_the_schedule() {
    let crash = relay(400_000, json!([{ "signal": 11 }]));
    let again = json!([{ "stderr": "film.mp4: Input/output error\n" }, { "exit": 1 }]);
    let setting = Setting::of(Plan::of(&[a_film()])).workers(&[crash, again, real()]);
    let world = World::new(setting).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, 0..4).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 400);
    let shown = numbers(&bytes);
    let good = shown.iter().take_while(|number| **number != SLATE).count();
    assert!((101..300).contains(&good), "{good} frames of the film");
    assert_eq!(shown[..good], the_film(good as u16));
    assert!(shown[good..].iter().all(|number| *number == SLATE), "slate to the end");
    let status = world.status();
    assert!(status.tracks[0].slated && status.tracks[0].restarts == 2);
    let error = status.tracks[0].last_error.clone().unwrap();
    assert!(error.contains("Input/output error"), "{error}");
    assert_eq!(told_faults(&world), ["crash", "unreadable_file"]);
    assert_eq!(world.findings.all(), [], "neither is the file's own fault");
    // All that was slate, in whole or in its rest, is written down.
    let numbered = || -> BTreeSet<u64> {
        world.log.all().iter().flat_map(|slate| slate.sequences.clone()).collect()
    };
    let slate: BTreeSet<u64> = (good as u64 / 100..4).collect();
    until("all of it is written down", || numbered().is_superset(&slate)).await;
    let written = world.log.all();
    assert_eq!(numbered(), slate);
    assert!(written.iter().all(|s| s.reason.contains("Input/output error")), "{written:?}");
    // The first segment that was not promised to anybody is the film again, as
    // soon as it is tried again.
    let next = world.segment(client, 4).await;
    assert_eq!(numbers(&next), (400..500).map(Some).collect::<Vec<_>>());
    assert_eq!(world.starts().len(), 3);
    world.end().await;
}

/// The classes of the runs that failed, the oldest first, each with its command line
/// and what FFmpeg said.
fn told_faults(world: &World) -> Vec<&'static str> {
    let ChannelRef::Id(channel) = world.channel() else { panic!("channels go by their id") };
    let records = world.manager.history(channel);
    assert_eq!(records.len(), 1, "one session");
    let runs = &records[0].runs;
    assert!(runs.iter().all(|run| run.command.words().any(|word| word.contains("stream-film"))));
    let faults = runs.iter().filter_map(|run| Some(run.end()?.fault.as_ref()?.0.name()));
    let faults: Vec<_> = faults.collect();
    assert_eq!(records[0].restarts, faults.len() as u64);
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_cut_short_is_told_to_the_library_after_its_second_failure() {
    let folder = tempfile::tempdir().unwrap();
    let whole = a_film();
    let path = folder.path().join("stream-film-cut.mp4");
    let bytes = std::fs::read(&whole.path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 8]).unwrap();
    let film = Film { path, ..whole };
    let world = World::new(Setting::of(Plan::of(std::slice::from_ref(&film)))).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, 0..2).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 200);
    until("the library hears of it", || !world.findings.all().is_empty()).await;
    let source = world.schedule.source(&film);
    let heard = world.findings.all();
    let [Finding::Bad { media, identity, reason }] = &heard[..] else { panic!("{heard:?}") };
    assert_eq!((*media, *identity), (source.media, source.identity));
    assert!(reason.contains("moov atom") || reason.contains("Invalid data"), "{reason}");
    assert_eq!(told_faults(&world), ["corrupt_file"; 2]);
    world.end().await;
}

/// Somebody puts another file in its place, before it is aired or meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn another_file_in_its_place_is_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let whole = a_film();
    let path = folder.path().join("stream-film-replaced.mp4");
    std::fs::copy(&whole.path, &path).unwrap();
    let film = Film { path: path.clone(), ..whole };
    let world = World::new(Setting::of(Plan::of(&[film]))).await;
    std::fs::copy(crate::media::film("25", 300).path, &path).unwrap();
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, 0..2).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 200);
    assert!(numbers(&bytes).iter().all(|number| *number == SLATE));
    let heard = world.findings.all();
    assert!(matches!(heard[..], [Finding::Replaced { .. }]), "{heard:?}");
    assert_eq!(told_faults(&world), ["replaced_file"], "it is not tried again at once");
    world.end().await;
}

/// A server is started again after it sent slate.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_slate_before_a_restart_is_slate_after_it() {
    let mut setting = Setting::of(Plan::of(&[a_film()]));
    let slate = SlateRange {
        channel: ChannelId(uuid::Uuid::from_u128(1)),
        sequences: 1..3,
        reason: "it was cut short".to_owned(),
        ends: NOW + Ticks::from_secs(12),
    };
    setting.slated = vec![slate];
    let world = World::new(setting).await;
    assert_eq!(world.channel(), ChannelRef::Id(ChannelId(uuid::Uuid::from_u128(1))));
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, 0..5).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 500);
    let shown = numbers(&bytes);
    assert_eq!(shown[..100], the_film(100), "before it");
    assert!(shown[100..300].iter().all(|number| *number == SLATE), "as it was sent");
    assert_eq!(shown[300..], (300..500).map(Some).collect::<Vec<_>>(), "after it");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_kept_running_is_made_for_nobody() {
    let clock = Clock::system();
    let plan = Plan::of(&[a_film()]).starting(clock.now()).grace(Duration::ZERO).kept();
    let world = World::new(Setting::of(plan).clock(clock)).await;
    let manager = world.manager.clone();
    let running = tokio::spawn(async move { manager.run().await });
    until("segments are made", || world.store.usage().segments > 2).await;
    assert_eq!(world.manager.list()[0].clients.len(), 0);
    // Stopped by somebody, it comes back.
    world.manager.stop(world.channel()).await.unwrap();
    until("it is on the air again", || !world.manager.list().is_empty()).await;
    world.manager.shut_down().await;
    running.await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_told_to_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let whole = a_film();
    let path = folder.path().join("stream-film-gone.mp4");
    std::fs::copy(&whole.path, &path).unwrap();
    let film = Film { path: path.clone(), ..whole };
    let world = World::new(Setting::of(Plan::of(&[film]))).await;
    std::fs::remove_file(&path).unwrap();
    let (client, _) = world.tune_in(world.channel()).await;
    assert!(numbers(&world.segment(client, 0).await).iter().all(|number| *number == SLATE));
    let heard = world.findings.all();
    assert!(matches!(heard[..], [Finding::Missing { .. }]), "{heard:?}");
    assert_eq!(told_faults(&world), ["missing_file"; 2]);
    world.end().await;
}

/// It fails in the first segment: what was sent of it stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_growing_segment_is_never_cut_off_whatever_happens_to_its_workers() {
    let crash = || relay(60_000, json!([{ "signal": 6 }]));
    let setting = Setting::of(Plan::of(&[a_film()])).workers(&[crash(), crash()]);
    let world = World::new(setting).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, 0..3).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 300);
    let shown = numbers(&bytes);
    assert!(shown[0] == Some(0) && shown[299] == SLATE);
    world.end().await;
}

/// Somebody replaces the file while its segment is on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_segment_of_a_media_that_vanished_is_completed() {
    // Slow enough that the segment is still on the way when it is noticed.
    let slow = paced(3_000);
    let world = World::new(Setting::of(Plan::of(&[a_film()])).workers(&[slow])).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let reading = async { world.segment(client, 0).await };
    let vanishing = async {
        until("a worker is at it", || !world.starts().is_empty()).await;
        world.schedule.forget_media();
    };
    let (bytes, ()) = tokio::join!(reading, vanishing);
    assert_unbroken(&bytes, FrameRate::PAL, 0, 100);
    assert_eq!(numbers(&bytes)[99], SLATE);
    // Its worker did not fail: it was not needed any more.
    assert_eq!(world.starts().len(), 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_any_ffmpeg_viewers_are_held_until_there_is_one() {
    let world = World::new(Setting::of(Plan::of(&[a_film()]))).await;
    let (program, away) = (world.folder.path().join("ffmpeg"), world.folder.path().join("away"));
    std::fs::rename(&program, &away).unwrap();
    let (client, _) = world.tune_in(world.channel()).await;
    let mut waiting = Box::pin(world.segment(client, 0));
    let failing = until("it says so", || {
        let status = world.status();
        status.tracks.iter().any(|t| t.slated && t.last_error.as_ref().unwrap().contains("ffmpeg"))
    });
    tokio::select! {
        bytes = &mut waiting => panic!("{} bytes out of nothing", bytes.len()),
        () = failing => {}
    }
    std::fs::rename(&away, &program).unwrap();
    assert_unbroken(&waiting.await, FrameRate::PAL, 0, 100);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_nothing_is_let_go_when_the_channel_stops() {
    let mut setting = Setting::of(Plan::of(&[a_film()])).workers(&[json!(["stall"])]);
    setting.slates = json!([{ "exit": 1 }]);
    let world = World::new(setting).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let waiting = world.try_segment(world.channel(), client, 0);
    let stopping = async {
        until("a worker is at it", || !world.status().workers.is_empty()).await;
        world.manager.stop(world.channel()).await.unwrap();
        assert_eq!((world.spawner.living(), world.manager.list().len()), (0, 0));
    };
    let (lost, ()) = tokio::join!(waiting, stopping);
    assert!(matches!(lost, Err(Lost::Refused(StreamError::Stopped(_)))), "{lost:?}");
    world.end().await;
}

/// A machine that is too slow shows every picture, late, and does not make it
/// worse by starting more and more workers.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_ffmpeg_serves_in_order_with_one_worker() {
    let clock = Clock::system();
    let plan = Plan::of(&[film("10", 1_000)]).starting(clock.now());
    let world = World::new(Setting::of(plan).clock(clock).workers(&[paced(36_000)])).await;
    let (client, first) = world.tune_in(world.channel()).await;
    let mut most = 0;
    let mut watching = Box::pin(world.segments(client, first..first + 3));
    let bytes = loop {
        tokio::select! {
            bytes = &mut watching => break bytes,
            () = tokio::time::sleep(Duration::from_millis(20)) => {
                most = most.max(world.spawner.living());
            }
        }
    };
    drop(watching);
    let behind = world.clock.now() - world.schedule.ledger(0).segment(first + 2).unwrap().end();
    println!("{} bytes, {behind} s behind at the end", bytes.len());
    assert!(behind.0 > 0, "it was not slow at all");
    assert_unbroken(&bytes, FrameRate::new(10, 1).unwrap(), 40 * first, 120);
    assert_eq!((most, world.starts().len()), (1, 1));
    world.end().await;
}
