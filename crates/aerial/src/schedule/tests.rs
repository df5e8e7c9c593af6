//! The schedule over a catalogue: what is committed, what edits and scans alter, and when.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::channel::{Edit, Video, What};
use aerial_model::guide::Kind;
use aerial_model::id::{FolderId, MapId};
use aerial_model::keyframes::Indexer;
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::lineup::Order;
use aerial_model::media::{self, MediaFacts};
use aerial_model::mpegts::{AccessUnit, UnitKind};
use aerial_model::planner::COMMIT_AHEAD;
use aerial_model::segment_map::{CutList, SegmentMap};
use aerial_model::segmenter::Treatment;
use aerial_model::time::FrameRate;

use super::*;
use crate::db::{About, Copying, Identity, MediaKind, ScannedMedia};
use crate::stream::timeline::{Timeline, TimelineError};
use uuid::Uuid;

mod replay;

const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

/// A library on disk, and the schedule over it.
struct World {
    dir: tempfile::TempDir,
    db: Db,
    clock: Clock,
    schedule: Schedule,
    folder: FolderId,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("catalogue.sqlite")).await.unwrap();
        let clock = Clock::simulated(NOW);
        let schedule = Schedule::open(db.clone(), clock.clone()).await.unwrap();
        let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
        Self { dir, db, clock, schedule, folder }
    }

    fn scanned(&self, name: &str, seconds: i64, about: About) -> ScannedMedia {
        let path = Path::new("/films").join(name);
        let hash = *blake3::hash(name.as_bytes()).as_bytes();
        ScannedMedia {
            id: None,
            folder: self.folder,
            path,
            identity: Identity { size_bytes: 9, mtime_ns: 1, hash: Some(hash) },
            found: Ok((
                facts(seconds),
                SegmentMap::uniform(FrameRate::PAL, Ticks::from_secs(seconds)).unwrap(),
            )),
            about,
        }
    }

    async fn add(&self, media: Vec<ScannedMedia>) -> Vec<MediaId> {
        self.db.upsert_media(media, self.clock.now()).await.unwrap().added
    }

    /// Films of these many seconds.
    async fn films(&self, seconds: &[i64]) -> Vec<MediaId> {
        let film = |(n, seconds): (usize, &i64)| {
            let title = format!("Film {n}");
            let about = About { title, kind: MediaKind::Movie, ..About::default() };
            self.scanned(&format!("{n:05}.mkv"), *seconds, about)
        };
        self.add(seconds.iter().enumerate().map(film).collect()).await
    }

    async fn channel(&self, number: &str, media: &[MediaId]) -> Arc<Channel> {
        let items = media.iter().copied().map(What::Media).collect();
        self.schedule.create_channel(&named(number), items).await.unwrap()
    }

    /// What an index finds of a film of so many seconds.
    async fn indexed(&self, film: MediaId, seconds: i64) -> (MapId, SegmentMap) {
        let waiting = self.db.not_indexed(&[film]).await.unwrap();
        let (uniform, _) = waiting[0].map.clone().unwrap();
        let cuts = cut_list(seconds);
        let map = SegmentMap::copied(FrameRate::PAL, Arc::new(cuts.clone())).unwrap();
        let map_id = MapId(Uuid::now_v7());
        let (outline, sound_transcoded) = (map.outline(), None);
        let copying = Copying::Copied { map_id, outline, sound_transcoded };
        let now = self.clock.now();
        let stored = self.db.set_copying(film, uniform, &copying, Some(&cuts), now).await.unwrap();
        assert!(stored && self.db.not_indexed(&[film]).await.unwrap().is_empty());
        self.schedule.library_changed(&[film]).await.unwrap();
        (map_id, map)
    }

    fn pass(&self, seconds: i64) {
        self.clock.set(self.clock.now() + Ticks::from_secs(seconds));
    }

    /// All rows that are stored.
    async fn rows(&self, channel: ChannelId) -> Vec<Row> {
        self.db.ledger_rows(channel, AirTime(i64::MIN / 2), None).await.unwrap()
    }
}

fn facts(seconds: i64) -> MediaFacts {
    MediaFacts {
        container: "matroska,webm".to_owned(),
        start_time: Ticks::ZERO,
        length: Ticks::from_secs(seconds),
        video: Some(media::VideoFacts {
            index: 0,
            codec: "h264".to_owned(),
            profile: None,
            pixel_format: None,
            width: 640,
            height: 360,
            pixel_aspect: (1, 1),
            rotation: 0,
            average_rate: None,
            nominal_rate: None,
            field_order: Default::default(),
            color: Default::default(),
            start: Ticks::ZERO,
            end: Ticks::from_secs(seconds),
            kbps: None,
            language: None,
        }),
        audio: Vec::new(),
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: media::Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: Default::default(),
    }
}

fn named(number: &str) -> Edit {
    Edit { number: Some(number.to_owned()), name: Some("A".to_owned()), ..Edit::default() }
}

fn episode(show: &str, season: u32, number: u32) -> About {
    let show = Some(show.to_owned());
    let (season, episode) = (Some(season), Some(number));
    About { kind: MediaKind::Episode, show, season, episode, ..About::default() }
}

fn aired(rows: &[Row]) -> Vec<MediaId> {
    let media = |row: &Row| match row.content {
        Content::Media { cursor, .. } => Some(cursor.media),
        _ => None,
    };
    rows.iter().filter_map(media).collect()
}

#[tokio::test]
async fn reads_never_commit_and_serving_commits_two_minutes() {
    let world = World::new().await;
    let films = world.films(&[50, 50, 50]).await;
    let channel = world.channel("5", &films).await;
    let number = ChannelRef::Number(channel.number);
    world.pass(3_600);
    world.schedule.on_now(number).await.unwrap().unwrap();
    world.schedule.guide(number, NOW, world.clock.now(), 10).await.unwrap();
    assert_eq!(world.rows(channel.id).await, []);
    let ledger = world.schedule.commit(channel.id).await.unwrap();
    let rows = world.rows(channel.id).await;
    assert_eq!(Ledger::read(rows.iter().copied()).unwrap(), *ledger);
    let tail = ledger.tail().unwrap();
    let ahead = world.clock.now() + COMMIT_AHEAD;
    assert!(tail.start <= ahead && ahead < tail.end());
    assert!(matches!(rows[0].content, Content::Skip { .. }), "nobody watched the first hour");
}

#[tokio::test]
async fn what_is_committed_survives_a_restart_and_goes_on() {
    let world = World::new().await;
    let films = world.films(&[50, 70, 20]).await;
    let channel = world.channel("5", &films).await;
    let before = world.schedule.commit(channel.id).await.unwrap();
    // As after a kill: another server opens the same file, nothing was closed.
    let db = Db::open(&world.dir.path().join("catalogue.sqlite")).await.unwrap();
    let again = Schedule::open(db, world.clock.clone()).await.unwrap();
    assert_eq!(*again.commit(channel.id).await.unwrap(), *before);
    world.pass(600);
    let one = again.commit(channel.id).await.unwrap();
    let other = world.schedule.commit(channel.id).await.unwrap();
    assert_eq!(one.tail(), other.tail());
    Ledger::read(world.rows(channel.id).await).unwrap();
}

#[tokio::test]
async fn two_servers_that_commit_at_once_make_one_ledger() {
    let world = World::new().await;
    let films = world.films(&[20, 30, 7]).await;
    let channel = world.channel("5", &films).await;
    let path = world.dir.path().join("catalogue.sqlite");
    let mut servers = Vec::new();
    for _ in 0..3 {
        let db = Db::open(&path).await.unwrap();
        servers.push(Schedule::open(db, world.clock.clone()).await.unwrap());
    }
    for _ in 0..10 {
        world.pass(100);
        let commits = servers.iter().map(|server| server.commit(channel.id));
        let ledgers = futures::future::join_all(commits).await;
        let tails: Vec<Row> =
            ledgers.iter().map(|l| *l.as_ref().unwrap().tail().unwrap()).collect();
        assert!(tails.iter().all(|tail| *tail == tails[0]));
    }
    let rows = world.rows(channel.id).await;
    let ordinals: Vec<u64> = rows.iter().map(|row| row.ordinal).collect();
    assert_eq!(ordinals, (0..rows.len() as u64).collect::<Vec<_>>());
    Ledger::read(rows).unwrap();
}

#[tokio::test]
async fn an_ordinal_can_be_taken_once() {
    let world = World::new().await;
    let films = world.films(&[20]).await;
    let channel = world.channel("5", &films).await;
    world.schedule.commit(channel.id).await.unwrap();
    let row = world.rows(channel.id).await[0];
    let write = world.db.write().await.unwrap();
    let error = write.append_ledger(channel.id, &[row]).await.unwrap_err();
    assert!(matches!(error, DbError::LedgerConflict { ordinal: 0, .. }), "{error}");
}

#[tokio::test]
async fn an_edit_waits_for_the_end_of_the_committed_airing() {
    let world = World::new().await;
    let films = world.films(&[300, 300, 300]).await;
    let channel = world.channel("5", &films[..2]).await;
    world.pass(10);
    let before = world.schedule.on_now(ChannelRef::Id(channel.id)).await.unwrap().unwrap();
    let new = vec![What::Media(films[2]).into()];
    let effect = world.schedule.put_lineup(channel.id, new).await.unwrap();
    // Nobody was served, yet what a guide said of now stays true.
    let after = world.schedule.on_now(ChannelRef::Id(channel.id)).await.unwrap().unwrap();
    assert_eq!(before.current.start, after.current.start);
    assert_eq!(after.current.end, Some(effect.at));
    assert!(effect.changes_plan && effect.lineup_version == 2);
    let next = after.next.unwrap().kind;
    assert!(matches!(next, Kind::Media { media, .. } if media == films[2]), "{next:?}");
    assert_eq!(aired(&world.rows(channel.id).await), [films[0]]);
}

#[tokio::test]
async fn an_edit_commits_all_that_starts_within_two_minutes_from_the_old_lineup() {
    let world = World::new().await;
    let films = world.films(&[50, 50, 50, 50]).await;
    let channel = world.channel("5", &films[..3]).await;
    let effect =
        world.schedule.put_lineup(channel.id, vec![What::Media(films[3]).into()]).await.unwrap();
    assert_eq!(aired(&world.rows(channel.id).await), films[..3]);
    assert!(effect.at > NOW + COMMIT_AHEAD);
    world.pass(200);
    world.schedule.commit(channel.id).await.unwrap();
    let rows = world.rows(channel.id).await;
    assert!(aired(&rows)[3..].iter().all(|media| *media == films[3]));
    Ledger::read(rows).unwrap();
}

#[tokio::test]
async fn the_first_items_of_an_empty_channel_start_at_once() {
    let world = World::new().await;
    let films = world.films(&[50]).await;
    let channel = world.channel("5", &[]).await;
    world.pass(1_000);
    let items = Some(vec![What::Media(films[0]).into()]);
    let draft = Draft { items, ..Draft::default() };
    let preview = world.schedule.preview(channel.id, draft, 1).await.unwrap();
    assert_eq!((preview.at, preview.programmes[0].start), (world.clock.now(), preview.at));
    let effect =
        world.schedule.add_items(channel.id, vec![What::Media(films[0])], None).await.unwrap();
    assert_eq!(effect.at, world.clock.now());
    let now = world.schedule.on_now(ChannelRef::Id(channel.id)).await.unwrap().unwrap();
    assert_eq!((now.current.start, now.offset), (world.clock.now(), Ticks::ZERO));
}

#[tokio::test]
async fn what_changes_no_plan_makes_no_version_and_commits_nothing() {
    let world = World::new().await;
    let films = world.films(&[50, 60]).await;
    let channel = world.channel("5", &films).await;
    let rename = Edit { name: Some("B".to_owned()), ..Edit::default() };
    let (renamed, effect) = world.schedule.edit_channel(channel.id, rename).await.unwrap();
    assert_eq!((renamed.name.as_str(), effect.changes_plan), ("B", false));
    let same = world.schedule.lineup(channel.id).await.unwrap().into_iter();
    let same = same.map(|item| NewItem { id: Some(item.id), what: item.what }).collect();
    assert!(!world.schedule.put_lineup(channel.id, same).await.unwrap().changes_plan);
    world.schedule.library_changed(&films).await.unwrap();
    assert_eq!(world.rows(channel.id).await, []);
    assert_eq!(world.db.latest_lineup(channel.id).await.unwrap().unwrap().version, 1);
}

#[tokio::test]
async fn items_are_added_removed_and_arranged_and_keep_their_ids() {
    let world = World::new().await;
    let films = world.films(&[10, 20, 30, 40]).await;
    let channel = world.channel("5", &films[..2]).await;
    let schedule = &world.schedule;
    schedule.add_items(channel.id, vec![What::Media(films[2])], Some(1)).await.unwrap();
    let items = schedule.lineup(channel.id).await.unwrap();
    let order = |items: &[aerial_model::channel::LineupItem]| -> Vec<usize> {
        let place = |what: &What| films.iter().position(|f| *what == What::Media(*f)).unwrap();
        items.iter().map(|item| place(&item.what)).collect()
    };
    assert_eq!(order(&items), [0, 2, 1]);
    schedule.arrange(channel.id, vec![items[2].id]).await.unwrap();
    let arranged = schedule.lineup(channel.id).await.unwrap();
    assert_eq!(order(&arranged), [1, 0, 2]);
    assert_eq!(arranged[0].id, items[2].id);
    schedule.delete_item(channel.id, items[0].id).await.unwrap();
    assert_eq!(order(&schedule.lineup(channel.id).await.unwrap()), [1, 2]);
    let gone = schedule.delete_item(channel.id, items[0].id).await.unwrap_err();
    assert!(matches!(gone, ScheduleError::UnknownItem { .. }), "{gone}");
    schedule.set_order(channel.id, Order::Shuffle).await.unwrap();
    let shuffled = schedule.channel(ChannelRef::Id(channel.id)).unwrap();
    assert_eq!(shuffled.order, Order::Shuffle);
}

#[tokio::test]
async fn bad_changes_are_refused_and_leave_nothing_behind() {
    let world = World::new().await;
    let films = world.films(&[10]).await;
    let channel = world.channel("5", &films).await;
    let unknown = MediaId(uuid::Uuid::now_v7());
    let put = |what: What| world.schedule.put_lineup(channel.id, vec![what.into()]);
    let error = put(What::Media(unknown)).await.unwrap_err();
    assert!(matches!(error, ScheduleError::Db(DbError::UnknownMedia(id)) if id == unknown));
    let error = put(What::Show("Nothing".to_owned())).await.unwrap_err();
    assert!(matches!(error, ScheduleError::UnknownShow(_)), "{error}");
    let error = world.schedule.create_channel(&named("5"), Vec::new()).await.unwrap_err();
    assert!(matches!(error, ScheduleError::Db(DbError::NumberTaken(_))), "{error}");
    let other = world.channel("6", &[]).await;
    let taken = Edit { number: Some("5".to_owned()), ..Edit::default() };
    let error = world.schedule.edit_channel(other.id, taken).await.unwrap_err();
    assert!(matches!(error, ScheduleError::Db(DbError::NumberTaken(_))), "{error}");
    assert_eq!(world.schedule.lineup(channel.id).await.unwrap().len(), 1);
    assert_eq!(world.rows(channel.id).await, []);
    assert_eq!(world.schedule.channels().len(), 2);
}

#[tokio::test]
async fn a_number_can_be_given_to_another_channel() {
    let world = World::new().await;
    let channel = world.channel("5", &[]).await;
    let move_to = |id, number: &str| {
        let edit = Edit { number: Some(number.to_owned()), ..Edit::default() };
        world.schedule.edit_channel(id, edit)
    };
    move_to(channel.id, "5.1").await.unwrap();
    let other = world.channel("5", &[]).await;
    let find = |text: &str| world.schedule.channel(text.parse().unwrap()).map(|c| c.id);
    assert_eq!((find("5"), find("5.1")), (Some(other.id), Some(channel.id)));
    assert!(world.schedule.delete_channel(other.id).await.unwrap());
    assert!(!world.schedule.delete_channel(other.id).await.unwrap());
    assert_eq!((find("5"), find("5.1")), (None, Some(channel.id)));
}

#[tokio::test]
async fn a_show_plays_in_order_and_grows_with_its_episodes() {
    let world = World::new().await;
    let one = |season, number| {
        let name = format!("s{season}e{number}.mkv");
        world.scanned(&name, 200, episode("Fargo", season, number))
    };
    let first = world.add(vec![one(1, 2), one(1, 10), one(2, 1), one(1, 1)]).await;
    let items = vec![What::Show("Fargo".to_owned())];
    let channel = world.schedule.create_channel(&named("1"), items).await.unwrap();
    let id = ChannelRef::Id(channel.id);
    let playing = |world: &World| {
        let schedule = world.schedule.clone();
        async move {
            let to = NOW + Ticks::from_secs(10_000);
            let programmes = schedule.guide(id, NOW, to, 5).await.unwrap();
            let media = |kind| match kind {
                Kind::Media { media, .. } => media,
                other => panic!("{other:?}"),
            };
            programmes.into_iter().map(|p| media(p.kind)).collect::<Vec<_>>()
        }
    };
    assert_eq!(playing(&world).await, [first[3], first[0], first[1], first[2], first[3]]);
    let new = world.add(vec![one(1, 3)]).await;
    world.schedule.library_changed(&new).await.unwrap();
    assert_eq!(playing(&world).await, [first[3], first[0], new[0], first[1], first[2]]);
}

#[tokio::test]
async fn a_missing_file_stays_planned_for_a_day_and_a_deleted_one_goes_at_once() {
    let world = World::new().await;
    let films = world.films(&[200, 200, 200]).await;
    let channel = world.channel("5", &films).await;
    let slots = || async {
        let lineup = world.db.latest_lineup(channel.id).await.unwrap().unwrap();
        lineup.slots.iter().map(|slot| slot.media).collect::<Vec<_>>()
    };
    world.db.mark_missing(&films[..1], NOW).await.unwrap();
    world.schedule.library_changed(&films[..1]).await.unwrap();
    assert_eq!(slots().await, films);
    world.pass(24 * 3_600);
    world.schedule.housekeep().await.unwrap();
    assert_eq!(slots().await, films[1..]);
    world.db.mark_present(&films[..1]).await.unwrap();
    world.schedule.library_changed(&films[..1]).await.unwrap();
    assert_eq!(slots().await, films);
    world.db.delete_media(films[1]).await.unwrap();
    world.schedule.library_changed(&films[1..2]).await.unwrap();
    assert_eq!(slots().await, [films[0], films[2]]);
    Ledger::read(world.rows(channel.id).await).unwrap();
}

#[tokio::test]
async fn a_skip_ends_the_airing_at_the_first_segment_not_promised() {
    let world = World::new().await;
    let films = world.films(&[300, 300]).await;
    let channel = world.channel("5", &films).await;
    world.schedule.commit(channel.id).await.unwrap();
    world.pass(41);
    let effect = world.schedule.skip(channel.id, 13).await.unwrap();
    // Segment 13 begins at 52 s; the next airing on the audio grid after it.
    assert_eq!(effect.at, NOW + Ticks::from_secs(52).round_up_to_audio_frame());
    let ledger = world.schedule.commit(channel.id).await.unwrap();
    let airing = ledger.airing_at(effect.at).unwrap();
    assert_eq!((airing.row.first_sequence, airing.row.start), (13, effect.at));
    assert!(
        matches!(airing.row.content, Content::Media { cursor, .. } if cursor.media == films[1])
    );
    let reread = Ledger::read(world.rows(channel.id).await).unwrap();
    assert_eq!(reread, *ledger);
    let late = world.schedule.skip(channel.id, 75).await.unwrap_err();
    assert!(matches!(late, ScheduleError::CannotSkip { .. }), "{late}");
}

#[tokio::test]
async fn a_preview_tells_what_would_play_and_writes_nothing() {
    let world = World::new().await;
    let films = world.films(&[300, 300, 300]).await;
    let channel = world.channel("5", &films[..2]).await;
    let items = Some(vec![What::Media(films[2]).into()]);
    let draft = Draft { items, ..Draft::default() };
    let preview = world.schedule.preview(channel.id, draft.clone(), 3).await.unwrap();
    let media = |n: usize| match preview.programmes[n].kind {
        Kind::Media { media, .. } => media,
        other => panic!("{other:?}"),
    };
    assert_eq!([media(0), media(1), media(2)], [films[0], films[2], films[2]]);
    assert_eq!(preview.programmes[1].start, preview.at);
    assert_eq!(world.rows(channel.id).await, []);
    assert_eq!(world.schedule.lineup(channel.id).await.unwrap().len(), 2);
    let effect = world.schedule.put_lineup(channel.id, draft.items.unwrap()).await.unwrap();
    assert_eq!(effect.at, preview.at);
}

#[tokio::test]
async fn a_lineup_of_ten_thousand_is_edited_in_seconds_and_read_in_no_time() {
    let world = World::new().await;
    let films = world.films(&vec![1_500; 10_000]).await;
    let channel = world.channel("5", &films).await;
    let (mut items, began) = (films.clone(), crate::clock::monotonic());
    items.rotate_left(1);
    let items = items.into_iter().map(|id| What::Media(id).into()).collect();
    world.schedule.put_lineup(channel.id, items).await.unwrap();
    // Many times what it takes, on a busy machine without optimisation.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    world.pass(365 * 24 * 3_600);
    let by_number = ChannelRef::Number(channel.number);
    let began = crate::clock::monotonic();
    for _ in 0..100 {
        world.schedule.on_now(by_number).await.unwrap().unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn versions_and_rows_that_nothing_needs_are_pruned() {
    let world = World::new().await;
    let films = world.films(&[200, 200]).await;
    let channel = world.channel("5", &films).await;
    for order in [Order::Shuffle, Order::Sequential, Order::Shuffle] {
        world.schedule.set_order(channel.id, order).await.unwrap();
    }
    let known = |number| world.db.lineup(channel.id, number);
    assert!(known(1).await.unwrap().is_some(), "a row was planned from it");
    assert!(known(2).await.unwrap().is_none() && known(3).await.unwrap().is_none());
    for _ in 0..3 {
        world.pass(4 * 24 * 3_600);
        world.schedule.commit(channel.id).await.unwrap();
    }
    let before = world.rows(channel.id).await.len();
    world.schedule.housekeep().await.unwrap();
    let rows = world.rows(channel.id).await;
    assert!(rows.len() < before && rows[0].ordinal > 0);
    assert!(known(1).await.unwrap().is_none());
    let again = Schedule::open(world.db.clone(), world.clock.clone()).await.unwrap();
    assert_eq!(again.commit(channel.id).await.unwrap().tail(), rows.last());
    let (from, to) = (world.clock.now() - Ticks::from_secs(24 * 3_600), world.clock.now());
    let past = again.guide(ChannelRef::Id(channel.id), from, to, 1_000).await.unwrap();
    assert!(past.len() > 400 && past.iter().all(|p| matches!(p.kind, Kind::Media { .. })));
}

#[tokio::test]
async fn the_past_reads_the_same_however_long_ago_it_was() {
    let world = World::new().await;
    let films = world.films(&[20, 30, 7]).await;
    let channel = world.channel("5", &films).await;
    let id = ChannelRef::Id(channel.id);
    let (from, to) = (NOW + Ticks::from_secs(100), NOW + Ticks::from_secs(400));
    let mut told = Vec::new();
    let tell = || async {
        let programmes = world.schedule.guide(id, from, to, 1_000).await.unwrap();
        programmes.into_iter().map(|p| (p.start, p.end, p.kind)).collect::<Vec<_>>()
    };
    told.push(tell().await);
    for seconds in [200, 7_200, 86_400] {
        world.pass(seconds);
        world.schedule.commit(channel.id).await.unwrap();
        told.push(tell().await);
    }
    assert!(told[0].len() > 10 && told.iter().all(|one| *one == told[0]));
}

#[tokio::test]
async fn the_first_start_makes_a_channel_for_each_show_and_one_of_all_films() {
    let world = World::new().await;
    let film =
        |name: &str| world.scanned(name, 60, About { title: name.into(), ..About::default() });
    let one = |show: &str, number| {
        world.scanned(&format!("{show}{number}.mkv"), 60, episode(show, 1, number))
    };
    let broken = ScannedMedia { found: Err("no video".into()), ..film("c.mkv") };
    let media = vec![
        film("b.mkv"),
        one("Zorro", 1),
        one("Zorro", 2),
        film("a.mkv"),
        broken,
        one("Alone", 1),
        one("Monk", 2),
        one("Monk", 1),
    ];
    let ids = world.add(media).await;
    let made = world.schedule.make_first_channels().await.unwrap();
    let told: Vec<String> = made.iter().map(|c| format!("{} {}", c.number, c.name)).collect();
    assert_eq!(told, ["1 Monk", "2 Zorro", "3 Films"]);
    let films = world.schedule.lineup(made[2].id).await.unwrap();
    let films: Vec<What> = films.into_iter().map(|item| item.what).collect();
    let expected = [ids[5], ids[3], ids[0]].map(What::Media);
    assert_eq!(films, expected);
    assert_eq!(world.schedule.make_first_channels().await.unwrap(), []);
    assert!(world.schedule.on_now("2".parse().unwrap()).await.unwrap().is_some());
    for channel in made {
        world.schedule.delete_channel(channel.id).await.unwrap();
    }
    let again = world.schedule.make_first_channels().await.unwrap();
    assert_eq!(again, [], "whoever deletes all channels wants none");
}

#[tokio::test]
async fn what_a_channel_leaves_open_is_as_the_server_is_set() {
    let world = World::new().await;
    let films = world.films(&[50]).await;
    let channel = world.channel("5", &films).await;
    let on_air = async |schedule: &Schedule| {
        let timeline: &dyn Timeline = schedule;
        timeline.channel(ChannelRef::Id(channel.id)).await.unwrap().unwrap()
    };
    let standard = Standard { grace: Ticks::from_secs(5), height: 240 };
    let other = Schedule::open_with(world.db.clone(), world.clock.clone(), standard).await.unwrap();
    assert_eq!(on_air(&other).await.grace, standard.grace);
    // A lower picture comes with the next item.
    assert_eq!(on_air(&other).await.frame_height, 360);
    other.housekeep().await.unwrap();
    assert_eq!(on_air(&other).await.frame_height, 240);

    let own = Edit { grace_ms: Some(Some(0)), ..Edit::default() };
    other.edit_channel(channel.id, own).await.unwrap();
    assert_eq!(on_air(&other).await.grace, Ticks::ZERO);
    let again = Schedule::open_with(world.db.clone(), world.clock.clone(), standard).await.unwrap();
    assert_eq!(again.channels()[0].grace_ms, Some(0));
    let none = Edit { grace_ms: Some(None), ..Edit::default() };
    again.edit_channel(channel.id, none).await.unwrap();
    assert_eq!(on_air(&again).await.grace, standard.grace);
}

#[tokio::test]
async fn the_stream_part_sees_channels_rows_and_files() {
    let world = World::new().await;
    let films = world.films(&[50, 50]).await;
    let channel = world.channel("5", &films).await;
    let timeline: &dyn Timeline = &world.schedule;
    assert_eq!(timeline.channel("6".parse().unwrap()).await.unwrap(), None);
    let on_air = timeline.channel("5".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(
        (on_air.id, on_air.frame_height, on_air.grace),
        (channel.id, 360, Standard::default().grace)
    );
    let ledger = timeline.committed(channel.id, NOW).await.unwrap();
    let Content::Media { cursor, map_id, map, .. } = ledger.airing_at(NOW).unwrap().row.content
    else {
        panic!("a film plays")
    };
    let source = timeline.media(cursor.media, map_id).await.unwrap();
    assert_eq!((source.map.outline(), source.path.as_path()), (map, Path::new("/films/00000.mkv")));
    let other = timeline.media(cursor.media, MapId(uuid::Uuid::now_v7())).await.unwrap_err();
    assert!(matches!(other, TimelineError::Replaced { .. }), "{other}");
    world.db.delete_media(cursor.media).await.unwrap();
    world.schedule.library_changed(&films[..1]).await.unwrap();
    let gone = timeline.media(cursor.media, map_id).await.unwrap_err();
    assert!(matches!(gone, TimelineError::Gone(_)), "{gone}");
    // A day later the past is out of memory, but not out of reach.
    world.pass(86_400);
    timeline.committed(channel.id, world.clock.now()).await.unwrap();
    let past = timeline.committed(channel.id, NOW).await.unwrap();
    assert_eq!(past.airing_at(NOW).unwrap().row, ledger.airing_at(NOW).unwrap().row);
}

#[tokio::test]
async fn changes_are_told() {
    let world = World::new().await;
    let films = world.films(&[50]).await;
    let mut changes = world.schedule.changes();
    let channel = world.channel("5", &[]).await;
    let effect =
        world.schedule.add_items(channel.id, vec![What::Media(films[0])], None).await.unwrap();
    world.schedule.library_changed(&films).await.unwrap();
    world.schedule.delete_channel(channel.id).await.unwrap();
    let mut heard = Vec::new();
    while let Ok(change) = changes.try_recv() {
        heard.push(change);
    }
    let id = channel.id;
    let expected = [
        Change::Channel(channel),
        Change::Lineup { channel: id, effect },
        Change::Media(films.into()),
        Change::ChannelDeleted(id),
    ];
    assert_eq!(heard, expected);
}

/// The cuts of 25 pictures a second, a keyframe every 5 s.
fn cut_list(seconds: i64) -> CutList {
    let mut indexer = Indexer::default();
    let sets = [0, 0, 1, 0x67, 100, 0, 31, 1, 0, 0, 1, 0x68, 1, 0, 0, 1, 0x65];
    for n in 0..seconds * 25 {
        let idr = n % 125 == 0;
        let data = if idr { sets.to_vec() } else { vec![0, 0, 1, 0x41] };
        let pts = Ticks(n * 3_600);
        indexer.push(&AccessUnit {
            kind: UnitKind::Video { idr },
            pts,
            dts: pts,
            data: data.into(),
        });
    }
    indexer.finish(&facts(seconds), 0).unwrap().cuts
}

#[tokio::test]
async fn what_was_indexed_is_cut_at_its_keyframes_from_the_next_commit_on() {
    let world = World::new().await;
    let films = world.films(&[100]).await;
    let channel = world.channel("5", &films).await;
    world.schedule.commit(channel.id).await.unwrap();
    let before = world.rows(channel.id).await.len();
    let (map_id, map) = world.indexed(films[0], 100).await;
    world.pass(300);
    world.schedule.commit(channel.id).await.unwrap();
    let rows = world.rows(channel.id).await;
    let is_copied = |row: &Row| row.signature.is_some();
    assert!(!rows[..before].iter().any(is_copied), "what was committed stays");
    let last = rows.last().unwrap();
    assert!(is_copied(last) && last.length == map.end().round_up_to_audio_frame());
    // Anybody who opens the catalogue anew finds the cuts too.
    let again = Schedule::open(world.db.clone(), world.clock.clone()).await.unwrap();
    let timeline: &dyn Timeline = &again;
    let ledger = timeline.committed(channel.id, world.clock.now()).await.unwrap();
    let segment = ledger.segment_at(world.clock.now()).unwrap();
    assert_eq!(segment.length, Ticks::from_secs(5));
    let source = timeline.media(films[0], map_id).await.unwrap();
    assert_eq!((source.map, source.treatment), (map, Treatment::Copied));
    assert!(timeline.channel("5".parse().unwrap()).await.unwrap().unwrap().looks.copies());
    // It is kept for as long as a row or its media names it.
    world.schedule.housekeep().await.unwrap();
    assert_eq!(world.db.segment_maps(&[map_id]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_channel_that_transcodes_from_now_on_begins_a_new_stream_when_the_old_has_ended() {
    let world = World::new().await;
    let films = world.films(&[100]).await;
    let channel = world.channel("5", &films).await;
    world.schedule.commit(channel.id).await.unwrap();
    let edit = Edit { video: Some(Video::Transcode), ..Edit::default() };
    let (_, effect) = world.schedule.edit_channel(channel.id, edit).await.unwrap();
    let on_air = async || {
        let timeline: &dyn Timeline = &world.schedule;
        timeline.channel(ChannelRef::Id(channel.id)).await.unwrap().unwrap()
    };
    let (before, wait) = (on_air().await, effect.at - world.clock.now());
    assert_eq!((before.video, before.stream_since), (Video::Auto, None));
    world.pass(wait.as_millis() / 1_000 + 1);
    let after = on_air().await;
    assert_eq!((after.video, after.stream_since), (Video::Transcode, Some(effect.at)));
}
