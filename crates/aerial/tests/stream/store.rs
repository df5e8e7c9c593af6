//! A disk that is full, or cannot be written: viewers notice nothing.

use std::path::{Path, PathBuf};

use aerial::stream::store::Limits;
use aerial_model::time::{FrameRate, Ticks};

use crate::media::{command, film};
use crate::picture::{assert_unbroken, numbers};
use crate::world::{NOW, Plan, Setting, World, until};

/// A viewer watches twenty seconds; what the disk has at the end.
async fn watched(setting: Setting) -> World {
    let world = World::new(setting).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let bytes = world.segments(client, 0..5).await;
    assert_unbroken(&bytes, FrameRate::PAL, 0, 500);
    assert_eq!(numbers(&bytes), (0..500).map(Some).collect::<Vec<_>>());
    // From memory or disk, but not from another worker.
    let again = world.segments(client, 0..5).await;
    assert_eq!(bytes, again);
    assert_eq!(world.starts().len(), 1);
    world.store.flush().await;
    world
}

fn setting() -> Setting {
    Setting::of(Plan::of(&[film("25", 600)]))
}

/// What the operator is told to do.
fn advice(world: &World) -> &'static str {
    world.store.usage().trouble.unwrap().advice
}

/// A file system of its own; `None`, with the reason, where that is not allowed.
fn mounted(name: &str, options: &str) -> Option<Mount> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    let mount = command("mount")
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(&folder)
        .output()
        .unwrap();
    if !mount.status.success() {
        println!("skipped: {}", String::from_utf8_lossy(&mount.stderr).trim());
        return None;
    }
    Some(Mount(folder))
}

struct Mount(PathBuf);

impl Mount {
    fn remount(&self, options: &str) {
        let mount = command("mount").args(["-o", options]).arg(&self.0).status();
        assert!(mount.unwrap().success());
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = command("umount").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_its_limit_the_store_serves_from_memory() {
    let limits = Limits { bytes: 500_000, free_floor_bytes: 0 };
    let world = watched(Setting { limits, ..setting() }).await;
    let usage = world.store.usage();
    assert!(usage.bytes <= 500_000 && usage.segments > 0, "{usage:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn below_the_free_floor_the_store_writes_nothing() {
    let limits = Limits { bytes: 1 << 30, free_floor_bytes: u64::MAX / 4 };
    let world = watched(Setting { limits, ..setting() }).await;
    assert_eq!(world.store.usage().segments, 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_viewers_are_served() {
    let Some(mount) = mounted("stream-full-disk", "size=600k") else { return };
    let segments = Some(mount.0.join("segments"));
    let world = watched(Setting { segments, ..setting() }).await;
    let usage = world.store.usage();
    assert!(usage.segments > 0 && usage.bytes <= 600 << 10, "{usage:?}");
    assert!(advice(&world).contains("free disk space"), "{usage:?}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_used_again_when_there_is_room() {
    let Some(mount) = mounted("stream-full-for-a-while", "size=600k") else { return };
    let segments = Some(mount.0.join("segments"));
    let film = film("25", 1_000);
    let world = World::new(Setting { segments, ..Setting::of(Plan::of(&[film])) }).await;
    let (client, _) = world.tune_in(world.channel()).await;
    let mut bytes = world.segments(client, 0..5).await.to_vec();
    until("the disk is full", || world.store.usage().trouble.is_some()).await;
    let kept = world.store.usage().segments;
    mount.remount("remount,size=64m");
    // Time goes on, and the next segments are made.
    world.clock.set(NOW + Ticks::from_secs(20));
    bytes.extend(world.segments(client, 5..10).await);
    assert_unbroken(&bytes, FrameRate::PAL, 0, 1_000);
    assert_eq!(numbers(&bytes), (0..1_000).map(Some).collect::<Vec<_>>());
    until("it is used again", || world.store.usage().segments > kept).await;
    assert_eq!(world.starts().len(), 1, "all from one worker");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_folder_that_cannot_be_written_viewers_are_served() {
    let Some(mount) = mounted("stream-read-only-disk", "size=9m") else { return };
    let segments = mount.0.join("segments");
    // Left by a crash: it cannot be removed now, and does no harm.
    let track = segments.join("07".repeat(16));
    std::fs::create_dir_all(&track).unwrap();
    std::fs::write(track.join("1.part"), b"half").unwrap();
    mount.remount("remount,ro");
    let mut world = watched(Setting { segments: Some(segments), ..setting() }).await;
    assert_eq!(world.store.usage().segments, 0);
    assert!(advice(&world).contains("mount the disk for writing"), "{:?}", world.store.usage());
    world.shut_down().await;
}
