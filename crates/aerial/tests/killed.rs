//! What a killed server has acknowledged is still there.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use aerial::clock::Clock;
use aerial::db::{About, Db, Identity, ScannedMedia};
use aerial::schedule::Schedule;
use aerial_model::channel::{Edit, What};
use aerial_model::id::ChannelRef;
use aerial_model::ledger::Ledger;
use aerial_model::media::{Entry, MediaFacts};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{AirTime, FrameRate, Ticks};

/// Names the catalogue to the process that is to be killed.
const CATALOGUE: &str = "AERIAL_TEST_CATALOGUE";

const NOW: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

async fn channel_with_a_film(db: &Db, schedule: &Schedule) {
    let folder = db.add_folder("/films".as_ref(), NOW).await.unwrap().id;
    let length = Ticks::from_secs(30);
    let facts = MediaFacts {
        container: "matroska,webm".to_owned(),
        start_time: Ticks::ZERO,
        length,
        video: None,
        audio: Vec::new(),
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: Default::default(),
    };
    let film = ScannedMedia {
        id: None,
        folder,
        path: "/films/a.mkv".into(),
        identity: Identity { size_bytes: 1, mtime_ns: 1, hash: None },
        found: Ok((facts, SegmentMap::uniform(FrameRate::PAL, length).unwrap())),
        about: About::default(),
    };
    let media = db.upsert_media(vec![film], NOW).await.unwrap().added[0];
    let edit = Edit { number: Some("1".into()), name: Some("A".into()), ..Edit::default() };
    schedule.create_channel(&edit, vec![What::Media(media)]).await.unwrap();
}

/// Commits and edits for ever, saying on stdout what was acknowledged. Does
/// nothing unless the other test starts it.
#[tokio::test]
async fn the_process_that_is_killed() {
    let Some(path) = std::env::var_os(CATALOGUE) else { return };
    let db = Db::open(Path::new(&path)).await.unwrap();
    let clock = Clock::simulated(NOW);
    let schedule = Schedule::open(db.clone(), clock.clone()).await.unwrap();
    let channel = schedule.channels()[0].id;
    let tail = db.ledger_tail(channel).await.unwrap();
    clock.set(tail.map_or(NOW, |tail| tail.end()));
    for round in 0u32.. {
        clock.set(clock.now() + Ticks::from_secs(40));
        let ledger = schedule.commit(channel).await.unwrap();
        let looping = Edit { looping: Some(round % 2 == 0), ..Edit::default() };
        let (_, effect) = schedule.edit_channel(channel, looping).await.unwrap();
        println!("\nacknowledged {} {}", ledger.tail().unwrap().ordinal, effect.lineup_version);
    }
}

#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "this process is to be killed, not ended")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue.sqlite");
    let db = Db::open(&path).await.unwrap();
    let schedule = Schedule::open(db.clone(), Clock::simulated(NOW)).await.unwrap();
    channel_with_a_film(&db, &schedule).await;
    db.close().await.unwrap();
    for _ in 0..3 {
        let mut child = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_process_that_is_killed", "--nocapture"])
            .env(CATALOGUE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut acknowledged = lines.filter_map(|line| {
            let (ordinal, version) = line.strip_prefix("acknowledged ")?.split_once(' ')?;
            Some((ordinal.parse::<u64>().unwrap(), version.parse::<u32>().unwrap()))
        });
        let enough = acknowledged.by_ref().take(15).last();
        child.kill().unwrap();
        let last = acknowledged.last().or(enough);
        child.wait().unwrap();
        let (ordinal, version) = last.expect("it committed before it was killed");

        let db = Db::open(&path).await.unwrap();
        let schedule = Schedule::open(db.clone(), Clock::simulated(NOW)).await.unwrap();
        let channel = schedule.channel(ChannelRef::Id(schedule.channels()[0].id)).unwrap().id;
        let rows = db.ledger_rows(channel, NOW, None).await.unwrap();
        let tail = *Ledger::read(rows).unwrap().tail().unwrap();
        assert!(tail.ordinal >= ordinal, "{} < {ordinal}", tail.ordinal);
        let lineup = db.latest_lineup(channel).await.unwrap().unwrap();
        assert!(lineup.version >= version, "{} < {version}", lineup.version);
        db.close().await.unwrap();
    }
}
