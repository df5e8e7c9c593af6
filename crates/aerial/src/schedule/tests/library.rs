//! What scans find, as channels play it.

use super::*;
use crate::db::{MediaEdits, ScannedMedia};
use aerial_model::segmenter::Treatment;

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
async fn media_that_are_long_gone_are_forgotten_where_nothing_names_them() {
    let world = World::new().await;
    let films = world.films(&[200, 200, 200, 200]).await;
    let channel = world.channel("5", &films[..1]).await;
    world.schedule.commit(channel.id).await.unwrap();
    let edits = MediaEdits { title: Some("Ours".to_owned()), ..MediaEdits::default() };
    world.db.edit_media(films[1], &edits, NOW).await.unwrap();
    world.db.mark_missing(&films[..3], NOW).await.unwrap();
    let there = || async {
        let mut there = Vec::new();
        for id in &films {
            there.push(world.db.media(*id).await.unwrap().is_some());
        }
        there
    };
    let forget = async |looked: bool| {
        if looked {
            world.db.set_folder_scanned(world.folder, world.clock.now(), None).await.unwrap();
        }
        world.schedule.housekeep().await.unwrap();
        world.schedule.forget_missing().await.unwrap();
        there().await
    };
    world.pass(90 * 24 * 3_600);
    assert_eq!(forget(true).await, [true; 4]);
    world.pass(8 * 24 * 3_600);
    // Nobody looked whether they are back.
    assert_eq!(forget(false).await, [true; 4]);
    let mut changes = world.schedule.changes();
    // A lineup names the first, people edited the second, the last is there.
    assert_eq!(forget(true).await, [true, true, false, true]);
    let forgotten = |change| matches!(change, Change::Media(media) if *media == films[2..3]);
    assert!(std::iter::from_fn(|| changes.try_recv().ok()).any(forgotten));
    // Out of the lineup it goes too, once no row and no version names it any more.
    world.schedule.put_lineup(channel.id, vec![What::Media(films[3]).into()]).await.unwrap();
    assert_eq!(forget(true).await, [true, true, false, true]);
    for _ in 0..3 {
        world.pass(9 * 24 * 3_600);
        world.schedule.commit(channel.id).await.unwrap();
        world.schedule.housekeep().await.unwrap();
    }
    assert_eq!(forget(true).await, [false, true, false, true]);
    Ledger::read(world.rows(channel.id).await).unwrap();
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
async fn a_channel_whose_ledger_is_broken_keeps_nothing_from_the_others() {
    let world = World::new().await;
    let films = world.films(&[200, 200, 200]).await;
    let broken = world.channel("1", &films[..1]).await;
    let channel = world.channel("2", &films[1..]).await;
    world.schedule.commit(broken.id).await.unwrap();
    let tail = *world.rows(broken.id).await.last().unwrap();
    let astray = Row { ordinal: tail.ordinal + 1, start: tail.start, first_sequence: 0, ..tail };
    let write = world.db.write().await.unwrap();
    write.append_ledger(broken.id, &[astray]).await.unwrap();
    write.commit().await.unwrap();
    // As after a start: nothing is remembered of it.
    let again = Schedule::open(world.db.clone(), world.clock.clone()).await.unwrap();
    let slots = || async {
        let lineup = world.db.latest_lineup(channel.id).await.unwrap().unwrap();
        lineup.slots.iter().map(|slot| slot.media).collect::<Vec<_>>()
    };

    let mut changes = again.changes();
    world.db.delete_media(films[1]).await.unwrap();
    let error = again.library_changed(&films[1..2]).await.unwrap_err();
    assert!(matches!(error, ScheduleError::Ledger { channel, .. } if channel == broken.id));
    assert_eq!(slots().await, films[2..]);
    let heard = std::iter::from_fn(|| changes.try_recv().ok()).last();
    assert_eq!(heard, Some(Change::Media(films[1..2].into())));

    world.db.mark_missing(&films[2..], NOW).await.unwrap();
    world.pass(24 * 3_600);
    let error = again.housekeep().await.unwrap_err();
    assert!(matches!(error, ScheduleError::Ledger { channel, .. } if channel == broken.id));
    assert_eq!(slots().await, []);
}
