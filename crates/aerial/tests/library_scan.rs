//! Scans, with the real catalogue and a prober that counts.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod library_support;

use std::time::{Duration, SystemTime};

use aerial::db::{JobState, MediaState};
use aerial::library::{ScanRequest, ScanState};
use library_support::{House, LIMIT, until};
use tokio::time::timeout;

#[tokio::test]
async fn a_scan_finds_reads_and_describes_and_the_next_reads_nothing() {
    let house = House::new().await;
    house.write("Show/Season 1/Show S01E02 Two.mkv", "two");
    house.write("Show/Season 1/Show S01E01 One.mkv", "one");
    house.write("Film (1999).mp4", "film");
    house.write("broken.mkv", "bad");
    house.write("notes.txt", "no video");

    let first = house.scan().await;
    assert_eq!(first.state, ScanState::Done);
    assert_eq!((first.found, first.to_probe, first.probed, first.failed), (4, 4, 4, 1));
    let episode = house.media_at("Show/Season 1/Show S01E01 One.mkv").await;
    assert_eq!(episode.about.show.as_deref(), Some("Show"));
    assert_eq!((episode.about.season, episode.about.episode), (Some(1), Some(1)));
    assert_eq!(episode.about.title, "One");
    assert!(episode.map.is_some() && episode.state == MediaState::Ok);
    let broken = house.media_at("broken.mkv").await;
    assert!(
        matches!(&broken.state, MediaState::Unplayable { reason, .. } if reason.contains("no video"))
    );
    assert_eq!(house.ears.0.lock().unwrap().concat().len(), 4);
    assert!(house.db.folder(house.folder.id).await.unwrap().unwrap().scanned_at.is_some());

    house.ears.0.lock().unwrap().clear();
    let second = house.scan().await;
    assert_eq!((second.found, second.unchanged, second.to_probe, second.probed), (4, 4, 0, 0));
    assert_eq!(house.asked(), 4);
    assert!(house.ears.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn only_what_changed_is_read_and_keeps_its_id() {
    let house = House::new().await;
    house.write("a.mkv", "a");
    house.write("b.mkv", "b");
    house.scan().await;
    let before = house.media_at("a.mkv").await;
    house.write("a.mkv", "a longer");
    let progress = house.scan().await;
    assert_eq!((progress.unchanged, progress.probed, house.asked()), (1, 1, 3));
    let after = house.media_at("a.mkv").await;
    assert_eq!(after.id, before.id);
    assert_ne!(after.identity, before.identity);
    // Other bytes are another version, with a map of its own.
    assert_ne!(after.map.unwrap().0, before.map.unwrap().0);
}

#[tokio::test]
async fn what_vanishes_is_marked_missing_and_comes_back_unread() {
    let house = House::new().await;
    house.write("a.mkv", "a");
    house.write("b.mkv", "b");
    house.scan().await;
    let id = house.media_at("a.mkv").await.id;
    let aside = house.data.path().join("aside");
    std::fs::rename(house.path("a.mkv"), &aside).unwrap();
    let progress = house.scan().await;
    assert_eq!(progress.missing, 1);
    let gone = house.media_at("a.mkv").await;
    assert!(gone.id == id && matches!(gone.state, MediaState::Missing { .. }));

    std::fs::rename(&aside, house.path("a.mkv")).unwrap();
    let progress = house.scan().await;
    assert_eq!((progress.returned, progress.probed, house.asked()), (1, 0, 2));
    let back = house.media_at("a.mkv").await;
    assert!(back.id == id && back.state == MediaState::Ok && back.map == gone.map);
    assert_eq!(house.ears.0.lock().unwrap().last(), Some(&vec![id]));
}

#[tokio::test]
async fn a_moved_file_keeps_its_id_its_map_and_is_not_read_again() {
    let house = House::new().await;
    house.write("a.mkv", "same");
    house.scan().await;
    let before = house.media_at("a.mkv").await;
    std::fs::create_dir(house.path("Films")).unwrap();
    std::fs::rename(house.path("a.mkv"), house.path("Films/Better Name (2001).mkv")).unwrap();
    let progress = house.scan().await;
    assert_eq!((progress.moved, progress.missing), (1, 0));
    let after = house.media_at("Films/Better Name (2001).mkv").await;
    assert_eq!((after.id, after.map), (before.id, before.map));
    assert_eq!(after.about.title, "Better Name");
    assert_eq!((house.asked(), house.media().await.len()), (1, 1));
}

#[tokio::test]
async fn a_file_moved_after_it_was_missed_and_a_copy_of_one_that_stays() {
    let house = House::new().await;
    house.write("a.mkv", "same");
    house.write("b.mkv", "other");
    house.scan().await;
    let id = house.media_at("a.mkv").await.id;
    let aside = house.data.path().join("aside");
    std::fs::rename(house.path("a.mkv"), &aside).unwrap();
    house.scan().await;
    std::fs::rename(&aside, house.path("elsewhere.mkv")).unwrap();
    house.scan().await;
    assert_eq!(house.media_at("elsewhere.mkv").await.id, id);

    // A second name for a file that is still there is a media of its own.
    std::fs::hard_link(house.path("b.mkv"), house.path("c.mkv")).unwrap();
    house.scan().await;
    assert_ne!(house.media_at("c.mkv").await.id, house.media_at("b.mkv").await.id);
    assert_eq!(house.media().await.len(), 3);
}

#[tokio::test]
async fn an_unreachable_folder_is_its_own_fault_and_nothing_is_missing() {
    let house = House::new().await;
    house.write("a.mkv", "a");
    house.scan().await;
    let away = house.data.path().join("away");
    std::fs::rename(house.media.path(), &away).unwrap();
    let progress = house.scan().await;
    assert_eq!((progress.state, progress.missing), (ScanState::Done, 0));
    let folder = house.db.folder(house.folder.id).await.unwrap().unwrap();
    assert!(folder.last_error.unwrap().contains("cannot be reached"));
    assert_eq!(house.media_at("a.mkv").await.state, MediaState::Ok);

    // A mount point whose disk is away is there, and empty.
    std::fs::create_dir(house.media.path()).unwrap();
    house.scan().await;
    let folder = house.db.folder(house.folder.id).await.unwrap().unwrap();
    assert!(folder.last_error.unwrap().contains("not mounted"));
    assert_eq!(house.media_at("a.mkv").await.state, MediaState::Ok);

    std::fs::remove_dir(house.media.path()).unwrap();
    std::fs::rename(&away, house.media.path()).unwrap();
    assert_eq!(house.scan().await.unchanged, 1);
    assert!(house.db.folder(house.folder.id).await.unwrap().unwrap().last_error.is_none());
}

#[tokio::test]
async fn a_library_that_is_elsewhere_now_keeps_its_media() {
    let house = House::new().await;
    house.write("a.mkv", "a");
    house.write("b.mkv", "b");
    house.scan().await;
    let (a, b) = (house.media_at("a.mkv").await, house.media_at("b.mkv").await);
    let other = house.data.path().join("other disk");
    std::fs::rename(house.media.path(), &other).unwrap();
    // Copied, not moved: it is as new, and is looked into again.
    std::fs::File::open(other.join("b.mkv")).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let now = aerial::clock::Clock::system().now();
    let folder = house.db.add_folder(&other, now).await.unwrap();
    let progress = house.scan_for(ScanRequest::folder(folder.id)).await;
    assert_eq!((progress.moved, progress.missing, house.asked()), (2, 0, 3));
    let moved = async |name: &str| house.db.media_at(&other.join(name)).await.unwrap().unwrap();
    assert_eq!(moved("a.mkv").await.map, a.map);
    assert_eq!(moved("b.mkv").await.id, b.id);
    assert_eq!((moved("b.mkv").await.folder, house.media().await.len()), (folder.id, 2));

    // What comes back to the old place is another copy.
    house.write("a.mkv", "a");
    let progress = house.scan().await;
    assert_eq!((progress.moved, progress.unchanged, house.media().await.len()), (0, 2, 3));
    assert_eq!(moved("a.mkv").await.id, a.id);
}

#[tokio::test]
async fn a_new_description_is_stored_without_reading_the_file() {
    let house = House::new().await;
    house.write("a.mkv", "a");
    house.scan().await;
    house.write("a.nfo", "<movie><title>The Film</title><year>1999</year></movie>");
    house.write("b.nfo", "https://www.example.org/");
    let progress = house.scan().await;
    assert_eq!((progress.unchanged, house.asked()), (1, 1));
    assert_eq!(house.media_at("a.mkv").await.about.title, "The Film");
    assert_eq!(house.ears.0.lock().unwrap().len(), 2);
    assert!(progress.notes.iter().any(|note| note.says.contains("web address")));
    house.scan().await;
    assert_eq!(house.ears.0.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_could_not_be_asked_is_asked_again_and_what_is_bad_only_on_demand() {
    let house = House::new().await;
    house.write("later.mkv", "later");
    house.write("bad.mkv", "bad");
    house.scan().await;
    house.scan().await;
    assert_eq!(house.asked(), 3);
    house.scan_for(ScanRequest { retry: true, ..ScanRequest::all() }).await;
    assert_eq!(house.asked(), 5);
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_waits_for_the_next_scan() {
    let house = House::new().await;
    house.write("a.mkv", "half");
    *house.prober.meddle.lock().unwrap() =
        Some(|path| std::fs::write(path, "half and more").unwrap());
    let progress = house.scan().await;
    assert_eq!((progress.growing, progress.probed), (1, 0));
    assert!(house.media().await.is_empty());
    *house.prober.meddle.lock().unwrap() = None;
    house.scan().await;
    assert_eq!(house.media().await.len(), 1);
}

#[tokio::test]
async fn a_folder_inside_another_is_scanned_once() {
    let house = House::new().await;
    house.write("a.mkv", "a");
    house.write("inner/b.mkv", "b");
    let now = aerial::clock::Clock::system().now();
    let inner = house.db.add_folder(&house.path("inner"), now).await.unwrap();
    house.scan().await;
    house.scan().await;
    assert_eq!((house.asked(), house.media().await.len()), (2, 2));
    assert_eq!(house.media_at("inner/b.mkv").await.folder, inner.id);
}

#[tokio::test]
async fn media_are_stored_while_the_scan_goes_on_and_a_cancel_keeps_them() {
    let mut house = House::new().await;
    for n in 0..200 {
        house.write(&format!("film {n}.mkv"), &format!("{n}"));
    }
    // Sixty are read, then the prober waits.
    let prober = library_support::CountingProber {
        permits: tokio::sync::Semaphore::new(60),
        ..Default::default()
    };
    house.shut_down.cancel();
    house.prober = std::sync::Arc::new(prober);
    let (library, shut_down, task, ears) = library_support::start(&house.db, house.prober.clone());
    (house.library, house.shut_down, house.task, house.ears) = (library, shut_down, task, ears);
    let job = house.library.scan(ScanRequest::all()).await.unwrap();
    until(async || house.media().await.len() == 60).await;
    assert_eq!(house.library.progress().state, ScanState::Probing);
    assert_eq!(house.library.progress().probed, 60);

    // What is asked for meanwhile is one job, whatever is asked.
    let next = house.library.scan(ScanRequest::folder(house.folder.id)).await.unwrap();
    assert_eq!(house.library.scan(ScanRequest::all()).await.unwrap(), next);
    assert!(house.library.cancel().await.unwrap());
    let ended = timeout(LIMIT, house.library.ended(job)).await.unwrap().unwrap();
    assert_eq!(ended.state, ScanState::Cancelled);
    assert_eq!(house.media().await.len(), 60);
    let jobs = house.db.jobs("scan", 10).await.unwrap();
    assert!(jobs.iter().all(|job| job.state == JobState::Cancelled), "{jobs:?}");
    assert!(!house.library.cancel().await.unwrap());

    house.prober.permits.add_permits(1000);
    let progress = house.scan().await;
    assert_eq!((progress.unchanged, progress.probed), (60, 140));
}

#[tokio::test]
async fn a_folder_taken_out_while_it_is_read_costs_the_others_nothing() {
    let house = House::new().await;
    let other = tempfile::tempdir().unwrap();
    let taken = house.db.add_folder(other.path(), house.folder.added_at).await.unwrap();
    for n in 0..20 {
        house.write(&format!("film {n}.mkv"), &format!("{n}"));
        std::fs::write(other.path().join(format!("mistake {n}.mkv")), format!("no {n}")).unwrap();
    }
    house.prober.permits.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let job = house.library.scan(ScanRequest::all()).await.unwrap();
    // Of both some are read already, or are being read.
    house.prober.permits.add_permits(25);
    until(async || house.media().await.len() == 25).await;
    assert!(house.db.delete_folder(taken.id).await.unwrap());
    house.prober.permits.add_permits(1000);
    let ended = timeout(LIMIT, house.library.ended(job)).await.unwrap().unwrap();
    assert_eq!(ended.state, ScanState::Done, "{ended:?}");
    let media = house.media().await;
    assert!(media.len() == 20 && media.iter().all(|one| one.folder == house.folder.id));
}

#[tokio::test]
async fn a_scan_that_a_restart_interrupted_is_taken_up_where_it_was() {
    let mut house = House::new().await;
    for n in 0..20 {
        house.write(&format!("film {n}.mkv"), &format!("{n}"));
    }
    house.prober.permits.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    house.prober.permits.add_permits(5);
    let job = house.library.scan(ScanRequest::all()).await.unwrap();
    until(async || house.media().await.len() == 5).await;
    house.restart().await;
    let ended = timeout(LIMIT, house.library.ended(job)).await.unwrap().unwrap();
    assert_eq!(ended.job, Some(job.0));
    assert_eq!((ended.state, ended.unchanged, ended.probed), (ScanState::Done, 5, 15));
    assert_eq!(house.asked(), 15);
    let jobs = house.db.jobs("scan", 10).await.unwrap();
    assert!(jobs.len() == 1 && jobs[0].state == JobState::Done);
    assert!(house.db.unfinished_jobs().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_killed_scan_leaves_a_job_that_the_next_start_takes_up() {
    let mut house = House::new().await;
    for n in 0..10 {
        house.write(&format!("film {n}.mkv"), &format!("{n}"));
    }
    house.prober.permits.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let job = house.library.scan(ScanRequest::all()).await.unwrap();
    until(async || house.library.progress().state == ScanState::Probing).await;
    // No farewell: as if the process had been killed.
    house.task.abort();
    let _ = (&mut house.task).await;
    house.task = tokio::spawn(async {});
    house.restart().await;
    let ended = timeout(LIMIT, house.library.ended(job)).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.probed), (ScanState::Done, 10));
}

#[tokio::test]
async fn ten_thousand_files_are_scanned_and_a_rescan_is_quick() {
    let house = House::new().await;
    for show in 0..100 {
        for episode in 0..100 {
            house.write(
                &format!("Show {show}/Show {show} - S01E{episode:02}.mkv"),
                &format!("{show}-{episode}"),
            );
        }
    }
    let job = house.library.scan(ScanRequest::all()).await.unwrap();
    let first = timeout(Duration::from_secs(300), house.library.ended(job)).await.unwrap().unwrap();
    assert_eq!((first.found, first.probed), (10_000, 10_000));
    let since = aerial::clock::monotonic();
    let second = house.scan().await;
    assert_eq!((second.unchanged, house.asked()), (10_000, 10_000));
    println!("a rescan of 10,000 files took {:?}", since.elapsed());
}

#[tokio::test]
async fn the_end_of_the_server_is_told_to_who_asks() {
    let mut house = House::new().await;
    house.shut_down.cancel();
    timeout(LIMIT, &mut house.task).await.unwrap().unwrap();
    assert!(house.library.scan(ScanRequest::all()).await.is_err());
    assert!(house.library.cancel().await.is_err());
}
