//! What aired, played again: also what nobody watched, and beside who watches live.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use aerial::stream::error::StreamError;
use aerial::stream::replay::{Asked, ReplayError, Viewer};
use aerial_model::id::ChannelRef;
use aerial_model::replay::Address;
use aerial_model::time::{AirTime, Ticks};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use bytes::Bytes;
use futures::StreamExt as _;
use tower::ServiceExt as _;

use crate::media::film;
use crate::picture::{SLATE, assert_unbroken, numbers, times};
use crate::routes;
use crate::world::{HD, NOW, PATIENCE, Plan, Setting, World, real, until};

/// An hour after the channel began.
const LATER: AirTime = AirTime(NOW.0 + 3_600 * 90_000);

fn at(seconds: i64) -> AirTime {
    NOW + Ticks::from_secs(seconds)
}

fn span(from: i64, to: i64) -> Asked {
    Asked { from: Some(at(from)), to: Some(at(to)) }
}

/// A list as a player reads it.
#[derive(Clone, Debug)]
struct List {
    text: String,
    segments: Vec<Listed>,
}

#[derive(Clone, Debug)]
struct Listed {
    date: AirTime,
    address: Address,
    client: String,
}

impl List {
    fn read(text: String) -> Self {
        let mut segments = Vec::new();
        let mut date = None;
        for line in text.lines() {
            if let Some(told) = line.strip_prefix("#EXT-X-PROGRAM-DATE-TIME:") {
                let told: jiff::Timestamp = told.parse().unwrap();
                date = Some(AirTime::from_unix_millis(told.as_millisecond()));
            } else if !line.starts_with('#') {
                let (path, client) = line.split_once(".ts?client=").unwrap();
                let address = path.rsplit('/').next().unwrap().parse().unwrap();
                let client = client.to_owned();
                segments.push(Listed { date: date.take().unwrap(), address, client });
            }
        }
        Self { text, segments }
    }
}

async fn list(world: &World, channel: ChannelRef, asked: Asked) -> Result<List, ReplayError> {
    Ok(List::read(world.manager.replays().past(channel, asked, Some(HD), true).await?))
}

/// A segment, whole, and whether it is a slate.
async fn fetch(world: &World, channel: ChannelRef, listed: &Listed) -> (Bytes, bool) {
    let viewer = Viewer::Named(listed.client.clone());
    let played = world.manager.replays().past_segment(channel, HD, listed.address, viewer);
    let played = tokio::time::timeout(PATIENCE, played).await.unwrap().unwrap();
    let mut bytes = Vec::new();
    let mut stream = Box::pin(played.body.into_stream());
    while let Some(piece) = stream.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    (bytes.into(), played.is_slate)
}

async fn fetch_all(world: &World, channel: ChannelRef, listed: &[Listed]) -> Bytes {
    let mut bytes = Vec::new();
    for one in listed {
        let (segment, is_slate) = fetch(world, channel, one).await;
        assert!(!is_slate, "{one:?}");
        bytes.extend_from_slice(&segment);
    }
    bytes.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_watched_is_played_over_item_boundaries_frame_by_frame() {
    // 24 s and 15 s; nobody comes for an hour.
    let world = World::new(Setting::of(Plan::of(&[film("25", 600), film("30", 450)]))).await;
    world.clock.set(LATER);
    let list = list(&world, world.channel(), span(600, 650)).await.unwrap();
    assert!(list.text.contains("#EXT-X-PLAYLIST-TYPE:VOD"), "{}", list.text);
    assert!(list.text.ends_with("#EXT-X-ENDLIST\n"), "{}", list.text);
    let first = list.segments[0].date;
    assert!(first <= at(600) && at(600) < list.segments[1].date, "{first}");
    let bytes = fetch_all(&world, world.channel(), &list.segments).await;
    // Frame follows frame; after a film's last comes the next one's first.
    let shown: Vec<u16> = numbers(&bytes).into_iter().map(Option::unwrap).collect();
    let boundaries = shown.windows(2).filter(|two| two[1] != two[0] + 1).collect::<Vec<_>>();
    assert!(boundaries.len() >= 2, "{boundaries:?}");
    for boundary in boundaries {
        assert!(matches!(boundary, [599 | 449, 0]), "{boundary:?}");
    }
    // On the channel's clock, and one unbroken sound.
    let times = times(&bytes, first.since_epoch());
    assert_eq!(AirTime(times.shown[0]).unix_millis(), first.unix_millis());
    assert!(times.heard.windows(2).all(|two| two[1] - two[0] == 1_920), "{:?}", times.heard);
    // The first picture is what was on: of films that take 24 s and a bit over 15 s.
    let cycle = Ticks(24 * 90_000) + Ticks(15 * 90_000).round_up_to_audio_frame();
    let into = (first - NOW).0 % cycle.0;
    let expected = if into < 24 * 90_000 { into / 3_600 } else { (into - 24 * 90_000) / 3_000 };
    assert_eq!(i64::from(shown[0]), expected);
    assert!(world.manager.list().is_empty(), "the channel itself is not on the air");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watched_it_live_gets_the_same_bytes_again() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 1_000)]))).await;
    let (client, first) = world.tune_in(world.channel()).await;
    let live = world.segments(client, first..first + 2).await;
    world.clock.set(LATER);
    let list = list(&world, world.channel(), span(0, 8)).await.unwrap();
    assert_eq!(list.segments.len(), 2);
    assert_eq!(fetch_all(&world, world.channel(), &list.segments).await, live);
    assert_eq!(world.starts().len(), 1, "nothing is made twice: {:?}", world.starts());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_enough_whoever_asks_and_whenever() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 1_000)]))).await;
    world.clock.set(LATER);
    let list = list(&world, world.channel(), span(100, 120)).await.unwrap();
    let listed = &list.segments[2];
    let (bytes, _) = fetch(&world, world.channel(), listed).await;
    world.clock.set(LATER + Ticks::from_secs(7_200));
    let stranger = Listed { client: "somebody-else".to_owned(), ..listed.clone() };
    assert_eq!(fetch(&world, world.channel(), &stranger).await.0, bytes);
    let nobody = Viewer::Anonymous(IpAddr::V4(Ipv4Addr::LOCALHOST), "a player".to_owned());
    let replays = world.manager.replays();
    let played = replays.past_segment(world.channel(), HD, listed.address, nobody).await.unwrap();
    drop(played);
    // What begins at no cut, in another row, or has not begun, is no segment.
    let Address { ordinal, start } = listed.address;
    for wrong in [
        Address { ordinal: ordinal + 1, start },
        Address { ordinal, start: start + Ticks(1) },
        Address { ordinal, start: AirTime(0) },
        Address { ordinal, start: AirTime(i64::MAX) },
    ] {
        let viewer = Viewer::Named("x".to_owned());
        let error = replays.past_segment(world.channel(), HD, wrong, viewer).await.unwrap_err();
        let told = matches!(
            error,
            ReplayError::NoSegment { .. }
                | ReplayError::TooLongAgo { .. }
                | ReplayError::NotYet { .. }
        );
        assert!(told, "{wrong}: {error}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn start_over_is_the_whole_programme_and_what_is_to_come_is_held_or_refused() {
    // 40 s; 9 s into the first turn.
    let world = World::new(Setting::of(Plan::of(&[film("25", 1_000)]))).await;
    world.clock.set(at(9));
    let list = list(&world, world.channel(), Asked::default()).await.unwrap();
    assert_eq!(list.segments.len(), 10);
    assert_eq!(list.segments[0].date, NOW);
    assert!(list.text.ends_with("#EXT-X-ENDLIST\n"));
    let bytes = fetch_all(&world, world.channel(), &list.segments[..3]).await;
    assert_eq!(numbers(&bytes), (0..300).map(Some).collect::<Vec<_>>());
    // 31 s from now.
    let viewer = Viewer::Named(list.segments[9].client.clone());
    let replays = world.manager.replays();
    let far = replays.past_segment(world.channel(), HD, list.segments[9].address, viewer).await;
    assert!(matches!(far, Err(ReplayError::NotYet { .. })), "{far:?}");
    // Its time has come.
    world.clock.set(at(37));
    let (last, _) = fetch(&world, world.channel(), &list.segments[9]).await;
    assert_eq!(numbers(&last), (900..1_000).map(Some).collect::<Vec<_>>());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_made_than_is_about_to_be_played() {
    let world = World::new(Setting::of(Plan::of(&[film("10", 1_000)]))).await;
    world.clock.set(LATER);
    let list = list(&world, world.channel(), span(400, 500)).await.unwrap();
    let _first = fetch(&world, world.channel(), &list.segments[0]).await;
    until("the worker rests", || world.status().workers.iter().all(|worker| worker.parked)).await;
    world.store.flush().await;
    let segments = world.store.usage().segments;
    assert!((10..=17).contains(&segments), "{segments} segments of 4 s are made");
    world.end().await;
}

#[tokio::test]
async fn a_replay_past_the_limit_is_refused_before_its_first_segment_and_leaves_its_place() {
    let plan = |frames| Plan::of(&[film("10", frames)]).grace(Duration::ZERO);
    let setting = Setting::of(plan(1_000)).and(plan(990)).encodes(1);
    let world = World::new(setting).await;
    world.clock.set(LATER);
    let (live, again) = (world.channels[0], world.channels[1]);
    let (client, first) = world.tune_in(live).await;
    world.segment(client, first).await;
    let refused = list(&world, again, span(100, 200)).await.unwrap_err();
    assert!(matches!(refused, ReplayError::Stream(StreamError::Full { .. })), "{refused}");
    assert!(refused.to_string().starts_with("channel 2 cannot be tuned in to now: 1 at once"));
    assert_eq!(world.manager.replays().watched(), 0);
    // Nobody watches live any more.
    world.manager.stop(live).await.unwrap();
    let list = list(&world, again, span(100, 200)).await.unwrap();
    let (_, _) = fetch(&world, again, &list.segments[0]).await;
    let running = || world.manager.admission().occupancy().running;
    assert_eq!(running(), ["2 Channel 2 again in 720p"]);
    // Who watches live is told that it is full, until the other has left.
    let viewer = (IpAddr::V4(Ipv4Addr::LOCALHOST), "late".to_owned());
    let late = world.manager.playlist(live, HD, None, viewer.clone()).await;
    assert!(matches!(late, Err(StreamError::Full { .. })), "{late:?}");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    world.manager.replays().sweep();
    tokio::time::resume();
    assert_eq!((running().len(), world.manager.replays().watched()), (0, 0));
    until("its worker has ended", || world.status().workers.is_empty()).await;
    world.manager.playlist(live, HD, None, viewer).await.unwrap();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_starts_over_near_the_live_edge_shares_the_live_worker() {
    let world = World::new(Setting::of(Plan::of(&[film("10", 1_000)]))).await;
    let (client, first) = world.tune_in(world.channel()).await;
    world.segment(client, first).await;
    let to_come = list(&world, world.channel(), span(1, 60)).await;
    assert!(matches!(to_come, Err(ReplayError::NotYet { .. })), "{to_come:?}");
    world.clock.set(at(5));
    let list = list(&world, world.channel(), span(0, 60)).await.unwrap();
    fetch_all(&world, world.channel(), &list.segments[..2]).await;
    assert_eq!(world.starts().len(), 1, "{:?}", world.starts());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_made_any_more_is_slate_that_no_cache_may_keep() {
    let setting = Setting::of(Plan::of(&[film("25", 1_000)]));
    let world = World::new(setting).await;
    world.clock.set(LATER);
    world.schedule.forget_media();
    let listed = list(&world, world.channel(), span(100, 110)).await.unwrap();
    let (bytes, is_slate) = fetch(&world, world.channel(), &listed.segments[0]).await;
    assert!(is_slate);
    assert!(numbers(&bytes).iter().all(|number| *number == SLATE));
    world.end().await;
}

#[tokio::test]
async fn what_was_slate_when_it_aired_is_made_when_it_is_played_again() {
    let fails = serde_json::json!([{ "stderr": "film.mp4: Input/output error\n" }, { "exit": 1 }]);
    let setting = Setting::of(Plan::of(&[film("25", 1_000)]));
    let world = World::new(setting.workers(&[fails.clone(), fails, real()])).await;
    let (client, first) = world.tune_in(world.channel()).await;
    let live = world.segment(client, first).await;
    assert!(numbers(&live).iter().all(|number| *number == SLATE));
    world.manager.stop(world.channel()).await.unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    world.clock.set(LATER);
    tokio::time::resume();
    let list = list(&world, world.channel(), span(0, 4)).await.unwrap();
    let (bytes, is_slate) = fetch(&world, world.channel(), &list.segments[0]).await;
    assert!(!is_slate);
    assert_eq!(numbers(&bytes), (0..100).map(Some).collect::<Vec<_>>());
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_media_is_played_by_itself_from_its_first_frame_to_its_last() {
    let film = film("24000/1001", 250);
    let world = World::new(Setting::of(Plan::of(std::slice::from_ref(&film)))).await;
    let media = world.schedule.source(&film).media;
    let text = world.manager.replays().alone(media, None, true).await.unwrap();
    assert!(!text.contains("PROGRAM-DATE-TIME"), "{text}");
    let mut bytes = Vec::new();
    let (_folder, routes) = routes::within(&world).await;
    for uri in text.lines().filter(|line| !line.starts_with('#')) {
        let request = Request::get(format!("/stream/media/{uri}")).body(Body::empty()).unwrap();
        let answer = routes.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{uri}");
        bytes.extend(axum::body::to_bytes(answer.into_body(), 10 << 20).await.unwrap());
    }
    assert_eq!(numbers(&bytes), (0..250).map(Some).collect::<Vec<_>>());
    assert_unbroken(&bytes, film.map.rate(), 0, 250);
    drop(routes);
    world.end().await;
}

/// Asks the routes; the status, what was said, and a header.
async fn ask(world: &World, method: Method, path: &str) -> (StatusCode, String, header::HeaderMap) {
    let (_folder, routes) = routes::within(world).await;
    let request = Request::builder().method(method).uri(path).header("origin", "http://page");
    let answer = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let body = axum::body::to_bytes(answer.into_body(), 10 << 20).await.unwrap();
    (status, String::from_utf8_lossy(&body).into_owned(), headers)
}

#[tokio::test(flavor = "multi_thread")]
async fn awkward_requests_are_told_what_is_wrong_and_what_would_be_right() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 1_000)]))).await;
    world.clock.set(LATER);
    let (from, to) = (at(60).unix_millis() / 1_000, at(90).unix_millis() / 1_000);
    let day = 24 * 3_600;
    let list = |query: String| format!("/stream/1/catchup.m3u8?{query}");
    for (path, status, says) in [
        (list(format!("from={from}&to={to}&utc=1&x")), 200, "#EXTM3U"),
        (list(format!("from={from}")), 200, "#EXTM3U"),
        (list("from=&to=".to_owned()), 200, "#EXTM3U"),
        (list("from=soon".to_owned()), 400, "from must be seconds since 1970"),
        (list("from=%24%7Bstart%7D".to_owned()), 400, "from must be"),
        (list(format!("from={from}&to=2027-13-01T00:00:00Z")), 400, "to must be"),
        (list("from=99999999999999999999".to_owned()), 400, "from must be"),
        (list(format!("from={to}&to={from}")), 400, "to must be after `from`"),
        (list(format!("from={from}&to={from}")), 400, "to must be after `from`"),
        (list(format!("from={from}&to={}", from + day)), 400, "at most 12 hours"),
        (list(format!("from={}&to={}", from - day, to - day)), 404, "can be played again from"),
        (list(format!("from={}&to={}", from + day, to + day)), 404, "does not air that before"),
        (list(format!("from={from}&to={to}&rendition=4k")), 404, "no rendition `4k`"),
        (list(format!("from={from}&to={to}&rendition=2160p")), 200, ""),
        ("/stream/9/catchup.m3u8".to_owned(), 404, "no channel"),
        ("/stream/x%00y/catchup.m3u8".to_owned(), 404, "no channel"),
        ("/stream/1/catchup/720p/1.ts".to_owned(), 404, "no stream file `1.ts`"),
        ("/stream/1/catchup/720p/0-1.mp4".to_owned(), 404, "no stream file"),
        ("/stream/1/catchup/720p/0-1.ts".to_owned(), 404, "can be played again from"),
        ("/stream/1/catchup/720p/..%2f..%2fetc".to_owned(), 404, "no stream file"),
        ("/stream/media/x.m3u8".to_owned(), 404, "no media `x`"),
        ("/stream/media/x".to_owned(), 404, "no stream file"),
        (format!("/stream/media/{}.m3u8", uuid::Uuid::nil()), 404, "no longer in the library"),
        (format!("/stream/media/{}/720p/1-1.ts", uuid::Uuid::nil()), 404, "no stream file"),
    ] {
        let (told, body, _) = ask(&world, Method::GET, &path).await;
        let fits = path.contains("2160p") || told.as_u16() == status && body.contains(says);
        assert!(fits, "{path}: {told} {body}");
        assert!(!told.is_server_error(), "{path}: {told} {body}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_and_segments_are_open_to_pages_and_asking_for_the_head_watches_nothing() {
    let world = World::new(Setting::of(Plan::of(&[film("25", 1_000)]))).await;
    world.clock.set(LATER);
    let from = at(60).unix_millis() / 1_000;
    let path = format!("/stream/1/catchup.m3u8?from={from}&to={}", from + 20);
    let (status, body, headers) = ask(&world, Method::HEAD, &path).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
    assert_eq!(headers[header::CONTENT_TYPE], "application/vnd.apple.mpegurl");
    assert_eq!(world.manager.replays().watched(), 0);
    let (_, list, headers) = ask(&world, Method::GET, &path).await;
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    assert_eq!(world.manager.replays().watched(), 1);
    let uri = list.lines().find(|line| !line.starts_with('#')).unwrap();
    let uri = format!("/stream{}", uri.strip_prefix("..").unwrap());
    let (status, _, headers) = ask(&world, Method::GET, &uri).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[header::CONTENT_TYPE], "video/mp2t");
    assert_eq!(headers[header::CACHE_CONTROL], "public, max-age=3600, immutable");
    assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    let (status, body, _) = ask(&world, Method::HEAD, &uri).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, ""));
    world.end().await;
}
