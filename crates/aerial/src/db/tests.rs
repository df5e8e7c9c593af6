//! The catalogue on disk: what it keeps, refuses, and survives.

use std::path::PathBuf;
use std::time::Duration;

use aerial_model::channel::{Channel, Edit};
use aerial_model::id::{ChannelId, FolderId};
use aerial_model::media::{Entry, MediaFacts};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{AirTime, FrameRate, Ticks};

use uuid::Uuid;

use super::*;

const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

async fn opened(dir: &tempfile::TempDir) -> Db {
    Db::open(&dir.path().join("catalogue.sqlite")).await.unwrap()
}

fn scanned(folder: FolderId, path: impl Into<PathBuf>, about: About) -> ScannedMedia {
    let path = path.into();
    let facts = MediaFacts {
        container: "matroska,webm".to_owned(),
        start_time: Ticks::ZERO,
        length: Ticks::from_secs(60),
        video: None,
        audio: Vec::new(),
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: Default::default(),
    };
    let map = SegmentMap::uniform(FrameRate::PAL, facts.length).unwrap();
    let hash = *blake3::hash(&stored::path_bytes(&path)).as_bytes();
    let identity = Identity { size_bytes: 9, mtime_ns: 1, hash: Some(hash) };
    ScannedMedia { id: None, folder, path, identity, found: Ok((facts, map)), about }
}

fn episode(show: &str, season: u32, number: u32) -> About {
    About {
        title: format!("Part {number}"),
        kind: MediaKind::Episode,
        show: Some(show.to_owned()),
        season: Some(season),
        episode: Some(number),
        ..About::default()
    }
}

#[tokio::test]
async fn the_schema_is_made_once_and_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap();
    db.close().await.unwrap();
    let db = opened(&dir).await;
    assert_eq!(db.folders().await.unwrap(), [folder]);
}

#[tokio::test]
async fn writes_are_safe_from_a_killed_process_and_keys_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    for (pragma, expected) in [("journal_mode", "wal"), ("foreign_keys", "1"), ("synchronous", "1")]
    {
        let sql = format!("SELECT CAST({pragma} AS TEXT) FROM pragma_{pragma}");
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let row = db.0.writer.query_one_raw(statement).await.unwrap().unwrap();
        assert_eq!(row.try_get_by_index::<String>(0).unwrap(), expected, "{pragma}");
    }
}

/// What is committed after a full disk is in the file, and not in a transaction that the
/// fault left open.
#[tokio::test]
async fn after_a_full_disk_what_is_written_lasts() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    // SQLite has no more pages than it needs now: the disk is full.
    db.0.writer.execute_unprepared("PRAGMA max_page_count = 1").await.unwrap();
    let long = |n: u32| PathBuf::from(format!("/{}/{n}", "films/".repeat(500)));
    let mut stored = 0;
    let error = loop {
        match db.add_folder(&long(stored), NOW).await {
            Ok(_) => stored += 1,
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("full"), "{error}");
    // A second fault, which leaves a transaction open: a key that leads nowhere, found at
    // the end.
    let write = db.write().await.unwrap();
    write.0.execute_unprepared("PRAGMA defer_foreign_keys = ON").await.unwrap();
    let orphan = "INSERT INTO lineup_versions VALUES ('nobody', 1, 0, '{}')";
    write.0.execute_unprepared(orphan).await.unwrap();
    write.commit().await.unwrap_err();
    // There is room again.
    let pages = "PRAGMA max_page_count = 1000000";
    db.0.writer.execute_unprepared(pages).await.unwrap();
    let folder = db.add_folder("/after".as_ref(), NOW).await.unwrap();
    assert!(db.folders().await.unwrap().contains(&folder), "whoever else reads sees it");
    drop(db);
    assert!(opened(&dir).await.folders().await.unwrap().contains(&folder), "it is in the file");
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let sql = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_tomorrow', 0)";
    db.0.writer.execute_unprepared(sql).await.unwrap();
    db.close().await.unwrap();
    let error = Db::open(&dir.path().join("catalogue.sqlite")).await.unwrap_err();
    assert!(matches!(&error, DbError::Newer { step, .. } if step == "m9999_tomorrow"), "{error}");
    let text = error.to_string();
    assert!(text.contains("catalogue.sqlite") && text.contains("start that version"), "{text}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue.sqlite");
    std::fs::write(&path, "holiday photos".repeat(1_000)).unwrap();
    let error = Db::open(&path).await.unwrap_err();
    assert!(matches!(error, DbError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("catalogue.sqlite"), "{error}");
}

#[tokio::test]
async fn a_damaged_database_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let many = (0..300).map(|n| scanned(folder, format!("/films/{n}.mkv"), About::default()));
    db.upsert_media(many.collect(), NOW).await.unwrap();
    db.close().await.unwrap();
    let path = dir.path().join("catalogue.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 20_000].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let error = Db::open(&path).await.unwrap_err();
    assert!(matches!(error, DbError::Damaged { .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
}

#[tokio::test]
async fn what_is_not_committed_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let write = db.write().await.unwrap();
    write.0.execute_unprepared("INSERT INTO settings VALUES ('a', '1')").await.unwrap();
    drop(write);
    assert_eq!(db.setting::<u32>("a").await.unwrap(), None);
    db.set_setting("a", &2).await.unwrap();
    db.set_setting("a", &3).await.unwrap();
    assert_eq!(db.setting::<u32>("a").await.unwrap(), Some(3));
}

#[tokio::test]
async fn readers_do_not_wait_for_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let write = db.write().await.unwrap();
    write.0.execute_unprepared("INSERT INTO settings VALUES ('a', '1')").await.unwrap();
    let read = tokio::time::timeout(Duration::from_secs(5), db.setting::<u32>("a"));
    assert_eq!(read.await.unwrap().unwrap(), None);
    write.commit().await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_no_text_comes_back_byte_for_byte() {
    use std::os::unix::ffi::OsStringExt;
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let odd =
        PathBuf::from(std::ffi::OsString::from_vec(b"/films/\xff\n\xf0\x9f\x8e\xac.mkv".into()));
    db.upsert_media(vec![scanned(folder, &odd, About::default())], NOW).await.unwrap();
    assert_eq!(db.known_files(folder).await.unwrap()[0].path, odd);
    assert!(db.media_at(&odd).await.unwrap().is_some());
}

#[tokio::test]
async fn a_second_scan_changes_only_what_differs() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let one = |n: u32| scanned(folder, format!("/films/{n}.mkv"), About::default());
    let first = db.upsert_media((0..3).map(one).collect(), NOW).await.unwrap();
    assert_eq!((first.added.len(), first.changed.len()), (3, 0));
    let before = db.media(first.added[1]).await.unwrap().unwrap();
    let mut replaced = one(1);
    replaced.identity.hash = Some([7; 32]);
    let later = NOW + Ticks::from_secs(60);
    let second = db.upsert_media(vec![one(0), replaced], later).await.unwrap();
    assert_eq!((second.added.len(), second.changed), (0, vec![first.added[1]]));
    let after = db.media(first.added[1]).await.unwrap().unwrap();
    assert_ne!(before.map.unwrap().0, after.map.unwrap().0, "other bytes, another map");
    assert_eq!((after.added_at, after.changed_at), (NOW, later));
}

#[tokio::test]
async fn what_people_set_outlives_a_scan() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let mut one = scanned(folder, "/films/a.mkv", episode("Found", 1, 1));
    let id = db.upsert_media(vec![one.clone()], NOW).await.unwrap().added[0];
    let edits = MediaEdits { show: Some("Chosen".to_owned()), ..MediaEdits::default() };
    db.edit_media(id, &edits, NOW).await.unwrap().unwrap();
    one.about.title = "Renamed".to_owned();
    db.upsert_media(vec![one], NOW).await.unwrap();
    let about = db.media(id).await.unwrap().unwrap().about;
    assert_eq!((about.show.as_deref(), about.title.as_str()), (Some("Chosen"), "Renamed"));
}

#[tokio::test]
async fn a_vanished_file_is_missing_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let one = scanned(folder, "/films/a.mkv", About::default());
    let id = db.upsert_media(vec![one.clone()], NOW).await.unwrap().added[0];
    assert_eq!(db.mark_missing(&[id], NOW).await.unwrap(), [id]);
    assert_eq!(db.mark_missing(&[id], NOW + Ticks(90)).await.unwrap(), []);
    assert_eq!(db.media(id).await.unwrap().unwrap().state, MediaState::Missing { since: NOW });
    assert_eq!(db.mark_present(&[id]).await.unwrap(), [id]);
    assert_eq!(db.media(id).await.unwrap().unwrap().state, MediaState::Ok);
    db.mark_missing(&[id], NOW).await.unwrap();
    let moved = ScannedMedia { id: Some(id), path: "/films/b.mkv".into(), ..one };
    assert_eq!(db.upsert_media(vec![moved], NOW).await.unwrap().changed, [id]);
    let media = db.media(id).await.unwrap().unwrap();
    assert_eq!((media.state, media.path), (MediaState::Ok, PathBuf::from("/films/b.mkv")));
}

#[tokio::test]
async fn ten_thousand_files_are_stored_listed_and_searched() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/shows".as_ref(), NOW).await.unwrap().id;
    let many = (0..10_000u32).map(|n| {
        let about = episode(&format!("Show {:02}", n % 40), n / 400, n / 40 % 10);
        scanned(folder, format!("/shows/{n:05} 100%_.mkv"), about)
    });
    let began = crate::clock::monotonic();
    db.upsert_media(many.collect(), NOW).await.unwrap();
    // Ten times what it takes here: it must not be a statement for each row.
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
    let filter = MediaFilter {
        q: Some("show 100%_".to_owned()),
        show: Some("Show 07".to_owned()),
        kind: Some(MediaKind::Episode),
        state: Some(StateFilter::Ok),
        folder: Some(folder),
        ..MediaFilter::default()
    };
    assert_eq!(db.count_media(&filter).await.unwrap(), 250);
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = db.list_media(&filter, after.as_deref(), 99).await.unwrap();
        seen.extend(page.items.into_iter().map(|m| (m.about.season, m.about.episode)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut sorted = seen.clone();
    sorted.sort();
    assert_eq!((seen.len(), &seen), (250, &sorted));
    let shows = db.shows().await.unwrap();
    assert_eq!((shows.len(), shows[3].episodes, shows[3].seasons), (40, 250, 25));
    assert_eq!(shows[3].length, Ticks::from_secs(60 * 250));
    let counts = db.media_counts().await.unwrap();
    assert_eq!((counts.ok, counts.missing, counts.unplayable), (10_000, 0, 0));
    let percent = MediaFilter { q: Some("%x".to_owned()), ..MediaFilter::default() };
    assert_eq!(db.count_media(&percent).await.unwrap(), 0, "a wildcard is a letter");
}

#[tokio::test]
async fn a_cursor_that_no_list_gave_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    for bad in ["", "x", "%2e%2e", "0190.zz", "é.é"] {
        let listed = db.list_media(&MediaFilter::default(), Some(bad), 10).await;
        assert!(matches!(listed, Err(DbError::BadCursor(_))), "{bad}");
    }
}

#[tokio::test]
async fn an_unplayable_file_is_kept_with_its_reason() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let broken = ScannedMedia {
        found: Err("it is a text file".to_owned()),
        ..scanned(folder, "/films/a.mkv", About::default())
    };
    let id = db.upsert_media(vec![broken.clone()], NOW).await.unwrap().added[0];
    let later = NOW + Ticks::from_secs(9);
    assert_eq!(db.upsert_media(vec![broken], later).await.unwrap(), Upserted::default());
    let media = db.media(id).await.unwrap().unwrap();
    let reason = "it is a text file".to_owned();
    assert_eq!(media.state, MediaState::Unplayable { reason, since: NOW });
    assert_eq!((media.map, media.facts), (None, None));
}

#[tokio::test]
async fn a_running_job_is_found_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let mut job = Job {
        id: JobId::fresh(),
        kind: "scan".to_owned(),
        state: JobState::Running,
        started_at: NOW,
        finished_at: None,
        detail: serde_json::json!({"done": 3}),
    };
    db.save_job(&job).await.unwrap();
    db.close().await.unwrap();
    let db = opened(&dir).await;
    assert_eq!(db.unfinished_jobs().await.unwrap(), [job.clone()]);
    (job.state, job.finished_at) = (JobState::Done, Some(NOW + Ticks::from_secs(1)));
    db.save_job(&job).await.unwrap();
    assert_eq!(db.unfinished_jobs().await.unwrap(), []);
    assert_eq!(db.jobs("scan", 5).await.unwrap(), [job]);
}

#[tokio::test]
async fn a_folder_is_added_once_and_takes_its_media_along() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let again = db.add_folder("/films".as_ref(), NOW).await.unwrap_err();
    assert!(matches!(again, DbError::FolderKnown(_)), "{again}");
    let one = scanned(folder, "/films/a.mkv", About::default());
    let id = db.upsert_media(vec![one], NOW).await.unwrap().added[0];
    db.set_folder_scanned(folder, NOW, Some("gone")).await.unwrap();
    assert_eq!(db.folder(folder).await.unwrap().unwrap().last_error.as_deref(), Some("gone"));
    assert!(db.delete_folder(folder).await.unwrap());
    assert!(!db.delete_folder(folder).await.unwrap());
    assert_eq!(db.media(id).await.unwrap(), None);
}

#[tokio::test]
async fn what_was_put_aside_stays_so_until_its_bytes_are_others() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let film = scanned(folder, "/films/a.mkv", About::default());
    let id = db.upsert_media(vec![film.clone()], NOW).await.unwrap().added[0];
    let state = async || db.media(id).await.unwrap().unwrap().state;
    let other = Identity { mtime_ns: film.identity.mtime_ns + 1, ..film.identity };
    assert!(!db.put_aside(id, &other, "cut", NOW).await.unwrap(), "that was another version");
    assert!(db.put_aside(id, &film.identity, "cut", NOW).await.unwrap());
    assert!(!db.put_aside(id, &film.identity, "again", NOW).await.unwrap());
    let aside = MediaState::Quarantined { reason: "cut".to_owned(), since: NOW };
    assert_eq!(state().await, aside);
    // Moved, it is the same; its place in lists is among what cannot be played.
    let moved = ScannedMedia { id: Some(id), path: "/films/b.mkv".into(), ..film.clone() };
    db.upsert_media(vec![moved.clone()], NOW).await.unwrap();
    assert_eq!(state().await, aside);
    assert_eq!(db.media_counts().await.unwrap().unplayable, 1);
    assert!(db.take_back(id, NOW).await.unwrap() && !db.take_back(id, NOW).await.unwrap());
    assert_eq!(state().await, MediaState::Ok);
    db.put_aside(id, &film.identity, "cut", NOW).await.unwrap();
    db.upsert_media(vec![ScannedMedia { identity: other, ..moved }], NOW).await.unwrap();
    assert_eq!(state().await, MediaState::Ok);
}

#[tokio::test]
async fn a_truer_map_stays_until_the_bytes_are_others_and_the_one_before_is_remembered() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let film = scanned(folder, "/films/a.ts", About::default());
    let id = db.upsert_media(vec![film.clone()], NOW).await.unwrap().added[0];
    let media = async || db.media(id).await.unwrap().unwrap();
    let before = media().await.map.unwrap();
    let truer = SegmentMap::of_frames(before.1.rate(), before.1.frames() * 2).unwrap();
    let length = truer.end();
    assert!(db.remap(id, &film.identity, (length, truer.clone()), NOW).await.unwrap());
    assert!(!db.remap(id, &film.identity, (length, truer.clone()), NOW).await.unwrap());
    let after = media().await;
    assert_eq!((after.map.clone().unwrap().1, after.earlier_map), (truer, Some(before.0)));
    // Read again, its header tells what it told before.
    db.upsert_media(vec![film.clone()], NOW).await.unwrap();
    assert_eq!(media().await.map, after.map);
    let identity = Identity { size_bytes: 1, ..film.identity };
    db.upsert_media(vec![ScannedMedia { identity, ..film }], NOW).await.unwrap();
    let other = media().await;
    assert_eq!((other.map.unwrap().1, other.earlier_map), (before.1, None));
}

#[tokio::test]
async fn what_was_slate_is_told_after_a_restart_and_pruned_in_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let id = ChannelId(Uuid::now_v7());
    let edit = Edit { number: Some("5".into()), name: Some("Five".into()), ..Edit::default() };
    let channel = Channel::create(id, 1, NOW, &edit).unwrap();
    let write = db.write().await.unwrap();
    write.insert_channel(&channel).await.unwrap();
    write.commit().await.unwrap();
    let slate = |sequences: std::ops::Range<u64>| SlateRange {
        channel: id,
        ends: NOW + Ticks::from_secs(4 * sequences.end as i64),
        sequences,
        reason: "cut".to_owned(),
    };
    db.add_slate(&slate(3..5)).await.unwrap();
    db.add_slate(&slate(3..9)).await.unwrap();
    db.add_slate(&slate(3..4)).await.unwrap();
    db.close().await.unwrap();
    let db = opened(&dir).await;
    assert_eq!(db.slates(NOW).await.unwrap(), [slate(3..9)]);
    assert_eq!(db.slates(slate(3..9).ends).await.unwrap(), []);
    assert_eq!(db.prune_slates(slate(3..9).ends).await.unwrap(), 0);
    assert_eq!(db.prune_slates(slate(3..10).ends).await.unwrap(), 1);
}

#[tokio::test]
async fn tags_fill_what_nobody_else_tells() {
    let dir = tempfile::tempdir().unwrap();
    let db = opened(&dir).await;
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let tags = [("description", " Of a house. "), ("genre", "Drama; Comedy"), ("comment", "x264")];
    let told = About { plot: Some("By hand".to_owned()), ..About::default() };
    for (path, about, plot) in
        [("/films/a.mkv", About::default(), "Of a house."), ("/films/b.mkv", told, "By hand")]
    {
        let mut media = scanned(folder, path, about);
        let facts = &mut media.found.as_mut().unwrap().0;
        facts.tags = tags.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let added = db.upsert_media(vec![media], NOW).await.unwrap();
        let found = db.media(added.added[0]).await.unwrap().unwrap().about;
        assert_eq!(found.plot.as_deref(), Some(plot));
        assert_eq!(found.genres, ["Drama", "Comedy"]);
    }
}
