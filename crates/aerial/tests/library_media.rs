//! Scans of real files with the real ffprobe.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod library_support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aerial::clock::Clock;
use aerial::db::{Db, Media, MediaState};
use aerial::ffmpeg::{Exit, Invocation, RunLimits, Spawner};
use aerial::library::{
    Ffprobe, ProbeFailure, Prober, ScanRequest, ScanState, ThumbnailError, Thumbnails, Width,
};
use library_support::LIMIT;
use tokio::time::timeout;

fn spawner() -> Spawner {
    Spawner::new(env!("CARGO_BIN_EXE_aerial")).unwrap()
}

/// Makes a clip of two seconds, whose container its name tells.
async fn clip(spawner: &Spawner, path: &Path, codecs: &[&str]) {
    let mut name = std::ffi::OsString::from("file:");
    name.push(path);
    let run = Invocation::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(["-f", "lavfi", "-i", "testsrc2=s=192x108:r=25:d=2"])
        .args(["-f", "lavfi", "-i", "sine=f=440:d=2", "-shortest"])
        .args(codecs)
        .arg(name);
    let limits = RunLimits { time: LIMIT, stdout_bytes: 1 << 20 };
    let output = spawner.run_to_end(run, limits).await.unwrap();
    assert_eq!(output.exit, Exit::Success, "{}", output.stderr);
}

const H264: &[&str] = &["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_files_are_read_and_bad_ones_kept_with_their_reason() {
    let (data, media) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let spawner = spawner();
    let at = |name: &str| media.path().join(name);
    for (name, codecs) in [
        ("a.mp4", H264),
        ("b.mkv", H264),
        ("c.avi", &["-c:v", "mpeg4", "-c:a", "mp3"][..]),
        ("d.ts", H264),
        ("e.webm", &["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus"]),
        ("f.mov", H264),
        ("g.mpg", &["-c:v", "mpeg2video", "-c:a", "mp2"]),
        ("h.m4v", &["-f", "mp4", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]),
        ("i.wmv", &["-c:v", "wmv2", "-c:a", "wmav2"]),
        ("new\nline 🎬.mkv", H264),
        ("-i %d.mp4", H264),
    ] {
        clip(&spawner, &at(name), codecs).await;
    }
    let whole = std::fs::read(at("a.mp4")).unwrap();
    // Its index is at its end.
    std::fs::write(at("truncated.mp4"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(at("empty.mkv"), []).unwrap();
    std::fs::write(at("text.mkv"), "this is no video\n".repeat(50)).unwrap();

    let db = Db::open(&data.path().join("aerial.db")).await.unwrap();
    db.add_folder(media.path(), Clock::system().now()).await.unwrap();
    let prober = Arc::new(Ffprobe::new(spawner.clone(), "ffprobe"));
    let (library, shut_down, task, _) = library_support::start(&db, prober);
    let job = library.scan(ScanRequest::all()).await.unwrap();
    let progress = timeout(LIMIT, library.ended(job)).await.unwrap().unwrap();
    assert_eq!(progress.state, ScanState::Done, "{progress:?}");
    assert_eq!((progress.found, progress.probed, progress.failed), (14, 14, 3), "{progress:?}");

    let get = async |name: &str| db.media_at(&at(name)).await.unwrap().unwrap();
    for name in [
        "a.mp4",
        "b.mkv",
        "c.avi",
        "d.ts",
        "e.webm",
        "f.mov",
        "g.mpg",
        "h.m4v",
        "i.wmv",
        "new\nline 🎬.mkv",
        "-i %d.mp4",
    ] {
        let Media { state, facts, map, .. } = get(name).await;
        assert_eq!(state, MediaState::Ok, "{name}");
        let facts = facts.unwrap();
        let video = facts.video.as_ref().unwrap();
        assert_eq!((video.width, video.height), (192, 108), "{name}");
        assert_eq!(facts.audio.len(), 1, "{name}");
        let map = map.unwrap().1;
        assert!((48..=53).contains(&map.frames()), "{name}: {map:?}");
        assert_eq!((map.rate().num(), map.rate().den()), (25, 1), "{name}");
    }
    for (name, wanted) in [
        ("truncated.mp4", "truncated.mp4"),
        ("empty.mkv", "empty"),
        ("text.mkv", "cannot be read as a video"),
    ] {
        let MediaState::Unplayable { reason, .. } = get(name).await.state else {
            panic!("{name} should not be playable");
        };
        assert!(reason.contains(wanted), "{name}: {reason}");
        assert!(!reason.contains('\n'), "{name}: {reason:?}");
    }
    shut_down.cancel();
    timeout(LIMIT, task).await.unwrap().unwrap();

    let pictures = data.path().join("thumbnails");
    let thumbnails = Thumbnails::new(spawner.clone(), "ffmpeg", &pictures);
    for name in ["a.mp4", "d.ts", "i.wmv", "new\nline 🎬.mkv", "-i %d.mp4"] {
        let picture = shown(&thumbnails, &get(name).await).await.unwrap();
        assert!(picture.starts_with(&[0xff, 0xd8]) && picture.len() > 1000, "{name}");
    }
    // Kept: FFmpeg is not asked again. And what cannot be shown says so.
    let kept = Thumbnails::new(spawner.clone(), "/no/such/ffmpeg", &pictures);
    let film = shown(&kept, &get("a.mp4").await).await.unwrap();
    let other = shown(&kept, &get("b.mkv").await).await;
    assert!(matches!(other, Err(ThumbnailError::Failed { .. })), "{other:?}");
    let none = shown(&thumbnails, &get("text.mkv").await).await;
    assert!(matches!(none, Err(ThumbnailError::NoPicture(_))), "{none:?}");
    // One that was killed says nothing about the file: it is not kept that there is none.
    let killer = data.path().join("killed");
    std::fs::write(&killer, "#!/bin/sh\nkill -9 $$\n").unwrap();
    std::fs::set_permissions(&killer, std::fs::Permissions::from_mode(0o755)).unwrap();
    let other_pictures = data.path().join("other");
    let killed = Thumbnails::new(spawner.clone(), &killer, &other_pictures);
    let failed = shown(&killed, &get("a.mp4").await).await;
    assert!(matches!(failed, Err(ThumbnailError::Failed { .. })), "{failed:?}");
    let well = Thumbnails::new(spawner.clone(), "ffmpeg", &other_pictures);
    shown(&well, &get("a.mp4").await).await.unwrap();
    // A poster beside the file stands for it from then on; one that is none does not.
    let media = get("a.mp4").await;
    let poster = media.path.with_file_name("a-poster.jpg");
    std::fs::write(&poster, shown(&thumbnails, &get("d.ts").await).await.unwrap()).unwrap();
    assert_ne!(shown(&thumbnails, &media).await.unwrap(), film);
    std::fs::write(&poster, "no picture").unwrap();
    assert_eq!(shown(&thumbnails, &media).await.unwrap(), film);
    assert_eq!(spawner.shut_down().await, 0);
}

async fn shown(thumbnails: &Thumbnails, media: &Media) -> Result<bytes::Bytes, ThumbnailError> {
    thumbnails.get(media, &thumbnails.look(media, Width::USUAL).await).await
}

#[tokio::test]
async fn an_ffprobe_that_is_absent_or_too_slow_is_not_the_files_fault() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    std::fs::write(&path, "x").unwrap();
    let spawner = spawner();
    let absent = Ffprobe::new(spawner.clone(), "/no/such/ffprobe").probe(&path, 1).await;
    let Err(ProbeFailure::Later(reason)) = absent else { panic!("{absent:?}") };
    assert!(reason.contains("install FFmpeg"), "{reason}");

    let script = folder.path().join("slow");
    std::fs::write(&script, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let slow = Ffprobe::new(spawner.clone(), &script).time_limit(Duration::from_millis(200));
    let slow = timeout(LIMIT, slow.probe(&path, 1)).await.unwrap();
    let Err(ProbeFailure::Later(reason)) = slow else { panic!("{slow:?}") };
    assert!(reason.contains("did not finish"), "{reason}");
    library_support::until(async || spawner.living() == 0).await;
}

#[tokio::test]
async fn so_many_run_at_a_time_and_none_is_left_when_nobody_waits() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("slow");
    std::fs::write(&script, "#!/bin/sh\nexec sleep 1000\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).unwrap();
    let spawner = spawner();
    let prober = Ffprobe::new(spawner.clone(), &script).at_once(2);
    let path = folder.path().join("a.mkv");
    let probes = futures::future::join_all((0..6).map(|_| prober.probe(&path, 1)));
    let mut probes = Box::pin(probes);
    let both = library_support::until(async || spawner.living() == 2);
    tokio::select! {
        _ = &mut probes => panic!("a probe ended"),
        () = both => {}
    }
    drop(probes);
    library_support::until(async || spawner.living() == 0).await;
}
