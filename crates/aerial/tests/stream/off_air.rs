//! Channels with nothing to play: a slate that any decoder takes, before and
//! after a programme.

use std::path::Path;

use aerial::ffmpeg::Spawner;
use aerial::stream::encoding::Encoding;
use aerial::stream::slate::{SlateLooks, Slates};
use aerial_model::command::{Filters, Tuning};
use aerial_model::time::{FrameRate, Ticks};

use crate::media::{command, film, which};
use crate::picture::{SLATE, Times, assert_unbroken, numbers, times};
use crate::world::{NOW, Plan, Setting, World};

/// How long a channel without viewers may be looked at.
const FIVE_SECONDS: Ticks = Ticks::from_secs(5);

/// All that airs from the clock's time on, up to `until`, the clock following.
async fn watched(world: &World, until: Ticks) -> Vec<u8> {
    let (client, first) = world.tune_in(world.channel()).await;
    let mut bytes = Vec::new();
    for sequence in first.. {
        let (_, _) = world.tune_in(world.channel()).await;
        let segment = world.schedule.ledger(0).segment(sequence).unwrap();
        if segment.start >= NOW + until {
            break;
        }
        world.clock.set(world.clock.now().max(segment.start));
        bytes.extend_from_slice(&world.segment(client, sequence).await);
    }
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_channel_shows_a_slate() {
    let world = World::new(Setting::of(Plan::of(&[]).starting(NOW - FIVE_SECONDS))).await;
    let bytes = watched(&world, Ticks::from_secs(20)).await;
    let shown = numbers(&bytes);
    assert!(
        shown.len() >= 500 && shown.iter().all(|number| *number == SLATE || *number == Some(0))
    );
    assert_unbroken(&bytes, FrameRate::PAL, 0, shown.len() as u64);
    assert_eq!(world.starts().len(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_has_not_begun_goes_over_to_its_first_programme() {
    for rate in ["25", "30000/1001"] {
        let film = film(rate, 300);
        let starts_at = NOW + Ticks::from_secs(6);
        let plan = Plan::of(std::slice::from_ref(&film)).starting(starts_at);
        let world = World::new(Setting::of(plan)).await;
        let bytes = watched(&world, Ticks::from_secs(15)).await;
        let shown = numbers(&bytes);
        let slates = shown.len() - 300;
        assert!(slates >= 125, "{slates} frames off the air");
        // Not a picture of the film before its time, nor one too few.
        assert_eq!(shown[slates..], (0..300).map(Some).collect::<Vec<_>>());
        let Times { shown, heard } = times(&bytes, Ticks::ZERO);
        assert!(shown.windows(2).all(|two| two[0] < two[1]));
        assert!(heard.windows(2).all(|two| two[1] - two[0] == 1_920));
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_has_ended_goes_over_to_its_slate() {
    let film = film("25", 150);
    let world = World::new(Setting::of(Plan::of(&[film]).once())).await;
    let bytes = watched(&world, Ticks::from_secs(16)).await;
    let shown = numbers(&bytes);
    assert_eq!(shown[..150], (0..150).map(Some).collect::<Vec<_>>());
    assert!(shown.len() > 300);
    let heard = times(&bytes, Ticks::ZERO).heard;
    assert!(heard.windows(2).all(|two| two[1] - two[0] == 1_920));
    world.end().await;
}

/// Something is put into the lineup of an empty channel while somebody watches.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_channel_goes_over_to_what_it_is_given() {
    let world = World::new(Setting::of(Plan::of(&[]))).await;
    let (client, first) = world.tune_in(world.channel()).await;
    let slate = world.segment(client, first).await;
    world.schedule.replace_lineup(0, &[film("25", 600)]);
    let begins = world.schedule.ledger(0).tail().unwrap().end_sequence();
    // What is committed stays as it is.
    let end = world.schedule.ledger(0).tail().unwrap().end();
    let mut bytes = slate.to_vec();
    for sequence in first + 1..begins + 3 {
        let segment = world.schedule.ledger(0).segment(sequence);
        let start = segment.map_or(end, |segment| segment.start);
        world.clock.set(world.clock.now().max(start));
        world.tune_in(world.channel()).await;
        bytes.extend_from_slice(&world.segment(client, sequence).await);
    }
    let shown = numbers(&bytes);
    assert_eq!(shown[shown.len() - 300..], (0..300).map(Some).collect::<Vec<_>>());
    world.end().await;
}

/// Somebody's own picture is tried before it is needed.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_slate_that_is_no_picture_or_away_is_told_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let spawner = Spawner::new(env!("CARGO_BIN_EXE_aerial")).unwrap();
    let (picture, words) = (folder.path().join("own.png"), folder.path().join("words.png"));
    let made = command("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=300x400", "-frames:v", "1"])
        .arg(&picture)
        .status();
    assert!(made.unwrap().success());
    std::fs::write(&words, "these are only words").unwrap();
    let encoding = Encoding {
        ffmpeg: which("ffmpeg"),
        filters: Filters { zscale: false, drawtext: false },
        tuning: Tuning::default(),
        niceness: 0,
        turns: 1,
        devices: aerial::stream::devices::Devices::default(),
    };
    let tried = async |off_air: &Path, trouble: &Path| {
        let looks = SlateLooks {
            font: None,
            off_air: Some(off_air.to_owned()),
            trouble: Some(trouble.to_owned()),
        };
        Slates::new(spawner.clone(), encoding.clone(), looks).try_own().await
    };
    let tried = async |off_air: &Path, trouble: &Path| -> Vec<String> {
        tried(off_air, trouble).await.iter().map(ToString::to_string).collect()
    };
    assert!(tried(&picture, &picture).await.is_empty());
    let refused = tried(&picture, &words).await.join("\n");
    assert!(refused.contains("slates.trouble") && refused.contains("words.png"), "{refused}");
    let gone = tried(&folder.path().join("gone.png"), &words).await;
    assert!(gone[0].contains("slates.off_air") && gone[0].contains("there is no file"), "{gone:?}");
    assert_eq!(gone.len(), 2, "each is tried");
    spawner.shut_down().await;
}
