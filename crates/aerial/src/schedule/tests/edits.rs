//! Edits of channels and lineups: what they alter, and from when on.

use super::*;
use aerial_model::channel::Video;
use aerial_model::hls::{Edge, TARGET_DURATION_COPIED, window};

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
async fn a_skip_ends_the_airing_at_the_first_segment_not_promised() {
    let world = World::new().await;
    let films = world.films(&[300, 300]).await;
    let channel = world.channel("5", &films).await;
    world.schedule.commit(channel.id).await.unwrap();
    world.pass(41);
    let effect = world.schedule.skip(channel.id, |_| 13).await.unwrap();
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
    let late = world.schedule.skip(channel.id, |_| 75).await.unwrap_err();
    assert!(matches!(late, ScheduleError::CannotSkip { .. }), "{late}");
}

#[tokio::test]
async fn a_skip_that_had_to_wait_cuts_away_nothing_that_was_promised_meanwhile() {
    let world = World::new().await;
    let films = world.films(&[300, 300]).await;
    let channel = world.channel("5", &films).await;
    let ledger = world.schedule.commit(channel.id).await.unwrap();
    world.pass(41);
    let writing = world.db.write().await.unwrap();
    let skip = world.schedule.skip(channel.id, |edge| window::unpromised(edge.unwrap()));
    let mut skip = Box::pin(skip);
    // As far as it comes.
    for _ in 0..10 {
        assert!(futures::poll!(&mut skip).is_pending());
        tokio::task::yield_now().await;
    }
    world.pass(30);
    drop(writing);
    let effect = skip.await.unwrap();
    let edge = Edge::at(&ledger, TARGET_DURATION_COPIED, NOW + Ticks::from_secs(73)).unwrap();
    let unpromised = ledger.segment(window::unpromised(edge)).unwrap();
    // On the audio grid.
    let late = effect.at - unpromised.start;
    assert!((Ticks::ZERO..Ticks(1_920)).contains(&late), "{late} after what was promised");
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
