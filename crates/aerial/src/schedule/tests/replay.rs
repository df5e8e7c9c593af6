//! What aired, read back from the catalogue.

use aerial_model::replay::Replay;

use super::*;
use crate::db::ScannedMedia;

const HOUR: i64 = 3_600;

/// What aired in a stretch, each segment with its name.
async fn told(world: &World, channel: ChannelId, from: AirTime, to: AirTime) -> Vec<String> {
    let replay = world.schedule.aired(channel, from..to).await.unwrap();
    segments(&replay, from, to)
}

fn segments(replay: &Replay, from: AirTime, to: AirTime) -> Vec<String> {
    let media = |row: &Row| match row.content {
        Content::Media { cursor, .. } => cursor.media.to_string(),
        _ => "off air".to_owned(),
    };
    let told = replay.segments(&(from..to)).map(|segment| {
        assert_eq!(replay.segment(replay.address(&segment)), Some(segment));
        format!("{} {} {}", replay.address(&segment), segment.index, media(&segment.row))
    });
    told.collect()
}

fn reaching(days: u32) -> Edit {
    Edit { catchup_days: Some(days), ..Edit::default() }
}

#[tokio::test]
async fn what_nobody_watched_stays_what_it_was_through_edits_scans_and_restarts() {
    let world = World::new().await;
    let films = world.films(&[50, 70, 20, 33]).await;
    let channel = world.channel("5", &films[..3]).await.id;
    world.schedule.edit_channel(channel, reaching(7)).await.unwrap();
    world.pass(10 * HOUR);
    let (from, to) = (NOW + Ticks::from_secs(2 * HOUR), NOW + Ticks::from_secs(3 * HOUR));
    let before = told(&world, channel, from, to).await;
    assert!(before.len() > 900, "{}", before.len());
    // Another lineup, watched for a while, twice, hours apart.
    for media in [&films[3..], &films[1..]] {
        let items = media.iter().copied().map(|id| NewItem::from(What::Media(id))).collect();
        world.schedule.put_lineup(channel, items).await.unwrap();
        world.pass(20 * HOUR);
        world.schedule.commit(channel).await.unwrap();
        assert_eq!(told(&world, channel, from, to).await, before);
    }
    world.db.mark_missing(&films, world.clock.now()).await.unwrap();
    world.schedule.library_changed(&films).await.unwrap();
    world.schedule.housekeep().await.unwrap();
    assert_eq!(told(&world, channel, from, to).await, before);
    // Another server, days later.
    world.pass(4 * 24 * HOUR);
    let again = Schedule::open(world.db.clone(), world.clock.clone()).await.unwrap();
    again.housekeep().await.unwrap();
    assert_eq!(segments(&again.aired(channel, from..to).await.unwrap(), from, to), before);
    // Any part of it is told alike.
    let part = from + Ticks::from_secs(100)..from + Ticks::from_secs(160);
    let part = segments(&again.aired(channel, part.clone()).await.unwrap(), part.start, part.end);
    assert!(before.windows(part.len()).any(|some| some == part), "{part:?}");
}

#[tokio::test]
async fn what_was_ended_early_is_played_again_as_it_aired() {
    let world = World::new().await;
    let films = world.films(&[50, 70]).await;
    let channel = world.channel("5", &films).await.id;
    world.schedule.commit(channel).await.unwrap();
    world.pass(20);
    let cut = world.schedule.skip(channel, |_| 0).await.unwrap().at;
    world.pass(HOUR);
    let replay = world.schedule.aired(channel, NOW..NOW + Ticks::from_secs(90)).await.unwrap();
    let starts: Vec<AirTime> = replay.ledger().airings().iter().map(|a| a.row.start).collect();
    assert_eq!(starts[..2], [NOW, cut]);
    // Asked for what was cut away alone, it is not there; what took its place is.
    let after = cut..cut + Ticks::from_secs(1);
    let replay = world.schedule.aired(channel, after.clone()).await.unwrap();
    let first = replay.segments(&after).next().unwrap();
    assert_eq!((first.start, first.index), (cut, 0));
}

#[tokio::test]
async fn the_past_is_kept_as_far_as_catch_up_reaches_and_a_day() {
    let world = World::new().await;
    let films = world.films(&[50, 70]).await;
    let (far, near) = (world.channel("5", &films).await.id, world.channel("6", &films).await.id);
    world.schedule.edit_channel(far, reaching(20)).await.unwrap();
    for channel in [far, near] {
        world.schedule.commit(channel).await.unwrap();
    }
    let watched = async || {
        world.pass(24 * HOUR);
        for channel in [far, near] {
            // Another version each day.
            let order = match world.schedule.channel(ChannelRef::Id(channel)).unwrap().order {
                Order::Sequential => Order::Shuffle,
                Order::Shuffle => Order::Sequential,
            };
            world.schedule.set_order(channel, order).await.unwrap();
            world.schedule.commit(channel).await.unwrap();
        }
        world.schedule.housekeep().await.unwrap();
    };
    for _ in 0..20 {
        watched().await;
    }
    let first = NOW..NOW + Ticks::from_secs(60);
    assert_eq!(told(&world, far, first.start, first.end).await.len(), 16);
    // What a server has in memory it may still tell.
    let again = Schedule::open(world.db.clone(), world.clock.clone()).await.unwrap();
    let replay = again.aired(near, first.clone()).await.unwrap();
    assert_eq!(replay.segments(&first).count(), 0, "it is forgotten");
    for _ in 0..2 {
        watched().await;
    }
    let again = Schedule::open(world.db.clone(), world.clock.clone()).await.unwrap();
    let replay = again.aired(far, first.clone()).await.unwrap();
    assert_eq!(replay.segments(&first).count(), 0, "it is forgotten");
}

#[tokio::test]
async fn maps_of_what_nobody_watched_are_kept_for_as_long() {
    let world = World::new().await;
    let films = world.films(&[40]).await;
    let (_, map) = world.indexed(films[0], 40).await;
    let channel = world.channel("5", &films).await.id;
    world.schedule.edit_channel(channel, reaching(30)).await.unwrap();
    world.schedule.commit(channel).await.unwrap();
    // Nobody comes for twelve days; the file is another one from the second on.
    world.pass(24 * HOUR);
    let replaced = ScannedMedia {
        id: Some(films[0]),
        identity: Identity { size_bytes: 10, mtime_ns: 2, hash: None },
        ..world.scanned("00000.mkv", 30, About::default())
    };
    world.db.upsert_media(vec![replaced], world.clock.now()).await.unwrap();
    world.schedule.library_changed(&films).await.unwrap();
    world.pass(11 * 24 * HOUR);
    world.schedule.commit(channel).await.unwrap();
    world.schedule.housekeep().await.unwrap();
    let (from, to) = (NOW + Ticks::from_secs(12 * HOUR), NOW + Ticks::from_secs(12 * HOUR + 60));
    let replay = world.schedule.aired(channel, from..to).await.unwrap();
    assert_eq!(replay.ledger().airings()[0].map(), Some(&map));
}
