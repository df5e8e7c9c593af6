//! Watched folders: real files, the system's own watches.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod library_support;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use aerial::db::MediaState;
use aerial::library::{ScanRequest, WatchTimes, Watched, Watcher, WatcherTask};
use library_support::{House, LIMIT, until};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Quick, so that tests are; rescans so rare that they cannot help.
const TIMES: WatchTimes = WatchTimes {
    debounce: Duration::from_millis(100),
    look_every: Duration::from_millis(100),
    rescan_every: Duration::from_secs(3600),
};

async fn watching(
    house: &House,
    times: WatchTimes,
) -> (Watcher, CancellationToken, JoinHandle<()>) {
    let (watcher, task) = Watcher::new(house.db.clone(), house.library.clone(), times);
    begun(watcher, task).await
}

async fn begun(
    watcher: Watcher,
    task: WatcherTask,
) -> (Watcher, CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let task = tokio::spawn(task.run(stop.clone()));
    let mut status = watcher.subscribe();
    tokio::time::timeout(LIMIT, status.wait_for(|s| !s.is_empty())).await.unwrap().unwrap();
    (watcher, stop, task)
}

async fn titles(house: &House) -> Vec<String> {
    let mut titles: Vec<String> =
        house.media().await.into_iter().map(|media| media.about.title).collect();
    titles.sort();
    titles
}

#[tokio::test]
async fn new_changed_renamed_and_removed_files_are_noticed() {
    let house = House::new().await;
    let (watcher, stop, task) = watching(&house, TIMES).await;
    assert_eq!(watcher.status()[&house.folder.id], Watched::AtOnce);

    house.write("one.mkv", "1");
    until(async || titles(&house).await == ["one"]).await;
    // A folder that comes with all that is in it.
    let aside = house.data.path().join("aside");
    std::fs::create_dir_all(aside.join("deep")).unwrap();
    std::fs::write(aside.join("deep/two.mkv"), "2").unwrap();
    std::fs::rename(&aside, house.path("new folder")).unwrap();
    until(async || titles(&house).await == ["one", "two"]).await;
    // In a folder made later.
    house.write("new folder/later/three.mkv", "3");
    until(async || titles(&house).await == ["one", "three", "two"]).await;

    let before = house.media_at("one.mkv").await;
    house.write("one.mkv", "one, but longer");
    until(async || house.media_at("one.mkv").await.identity != before.identity).await;
    house.write("one.nfo", "<movie><title>Eins</title></movie>");
    until(async || titles(&house).await == ["Eins", "three", "two"]).await;

    std::fs::rename(house.path("one.mkv"), house.path("uno.mkv")).unwrap();
    until(async || titles(&house).await == ["three", "two", "uno"]).await;
    assert_eq!(house.media_at("uno.mkv").await.id, before.id);
    std::fs::remove_file(house.path("uno.mkv")).unwrap();
    let gone = async || matches!(house.media_at("uno.mkv").await.state, MediaState::Missing { .. });
    until(gone).await;
    std::fs::rename(house.path("new folder"), &aside).unwrap();
    until(async || {
        matches!(house.media_at("new folder/deep/two.mkv").await.state, MediaState::Missing { .. })
    })
    .await;
    stop.cancel();
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn what_cannot_be_watched_is_scanned_now_and_then_and_watched_when_it_is_back() {
    let house = House::new().await;
    let away = house.data.path().join("away");
    std::fs::write(house.path("one.mkv"), "1").unwrap();
    std::fs::rename(house.media.path(), &away).unwrap();
    let times = WatchTimes { rescan_every: Duration::from_millis(300), ..TIMES };
    let (watcher, stop, task) = watching(&house, times).await;
    let Watched::NowAndThen { reason } = &watcher.status()[&house.folder.id] else {
        panic!("a folder that is not there cannot be watched");
    };
    assert!(reason.contains("cannot be reached"), "{reason}");
    std::fs::rename(&away, house.media.path()).unwrap();
    until(async || titles(&house).await == ["one"]).await;
    until(async || watcher.status()[&house.folder.id] == Watched::AtOnce).await;
    stop.cancel();
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
}

/// `lost+found` on a disk of its own, another user's waste bin.
#[tokio::test]
async fn beside_a_folder_that_is_barred_all_are_watched() {
    let house = House::new().await;
    house.write("a/one.mkv", "1");
    house.write("a/shut/four.mkv", "4");
    let shut = house.path("a/shut");
    std::fs::create_dir(house.path("b")).unwrap();
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o000)).unwrap();
    let (watcher, stop, task) = watching(&house, TIMES).await;
    assert_eq!(watcher.status()[&house.folder.id], Watched::AtOnce);
    let has = async |title: &str| titles(&house).await.iter().any(|there| there == title);
    house.write("b/two.mkv", "2");
    until(async || has("two").await).await;
    house.write("new/three.mkv", "3");
    until(async || has("three").await).await;
    // That it is opened is noticed too. (Nothing is barred to root.)
    std::fs::set_permissions(&shut, std::fs::Permissions::from_mode(0o755)).unwrap();
    until(async || has("four").await).await;
    stop.cancel();
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn folders_are_watched_and_let_go_as_they_come_and_go() {
    let house = House::new().await;
    let (watcher, stop, task) = watching(&house, TIMES).await;
    let other = tempfile::tempdir().unwrap();
    let now = aerial::clock::Clock::system().now();
    let folder = house.db.add_folder(other.path(), now).await.unwrap();
    watcher.refresh();
    until(async || watcher.status().contains_key(&folder.id)).await;
    std::fs::write(other.path().join("there.mkv"), "x").unwrap();
    until(async || titles(&house).await == ["there"]).await;
    house.db.delete_folder(folder.id).await.unwrap();
    watcher.refresh();
    until(async || !watcher.status().contains_key(&folder.id)).await;
    stop.cancel();
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn where_watching_is_switched_off_changes_come_with_the_next_rescan() {
    let house = House::new().await;
    let times = WatchTimes { rescan_every: Duration::from_millis(300), ..TIMES };
    let (watcher, task) = Watcher::new(house.db.clone(), house.library.clone(), times);
    let (watcher, stop, task) = begun(watcher, task.without_listening()).await;
    let Watched::NowAndThen { reason } = &watcher.status()[&house.folder.id] else {
        panic!("it is switched off");
    };
    assert!(reason.contains("library.watch"), "{reason}");
    house.write("one.mkv", "1");
    until(async || titles(&house).await == ["one"]).await;
    house.write("two.mkv", "2");
    until(async || titles(&house).await == ["one", "two"]).await;
    stop.cancel();
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_folder_that_is_scanned_for_the_first_time_is_watched_from_then_on() {
    let house = House::new().await;
    let (watcher, stop, task) = watching(&house, TIMES).await;
    let other = tempfile::tempdir().unwrap();
    let now = aerial::clock::Clock::system().now();
    let folder = house.db.add_folder(other.path(), now).await.unwrap();
    house.scan_for(ScanRequest::folder(folder.id)).await;
    until(async || watcher.status().get(&folder.id) == Some(&Watched::AtOnce)).await;
    std::fs::write(other.path().join("there.mkv"), "x").unwrap();
    until(async || titles(&house).await == ["there"]).await;
    stop.cancel();
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_folder_goes_on_being_watched_when_one_inside_it_is_taken_out() {
    let house = House::new().await;
    house.write("inner/one.mkv", "1");
    let now = aerial::clock::Clock::system().now();
    let inner = house.db.add_folder(&house.path("inner"), now).await.unwrap();
    let (watcher, stop, task) = watching(&house, TIMES).await;
    assert_eq!(watcher.status()[&inner.id], Watched::AtOnce);
    house.db.delete_folder(inner.id).await.unwrap();
    watcher.refresh();
    until(async || !watcher.status().contains_key(&inner.id)).await;
    house.write("inner/two.mkv", "2");
    until(async || titles(&house).await.contains(&"two".to_owned())).await;
    stop.cancel();
    tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
}
