//! The schedule over a catalogue: what is committed, told and kept, and for how long.
//! `edits` tries what people alter, `library` what scans do, `replay` what is played again;
//! `world` is what they are tried on.

mod edits;
mod library;
mod replay;
mod world;

use std::path::Path;
use std::time::Duration;

use aerial_model::channel::{Edit, What};
use aerial_model::guide::Kind;
use aerial_model::id::MapId;
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::lineup::Order;
use aerial_model::planner::COMMIT_AHEAD;

use self::world::{NOW, World, aired, episode, named};
use super::*;
use crate::db::{About, Identity};
use crate::stream::timeline::{Timeline, TimelineError};

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
