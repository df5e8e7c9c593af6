//! Golden tests with the real FFmpeg of what a command line gives by itself: any
//! name, the errors of the probe, SPS and PPS, slates.

#![allow(clippy::unwrap_used, reason = "a test file")]

mod support;

use std::path::Path;

use aerial_model::command::{
    Slate, SlatePicture, Speed, Tuning, WorkerRun, slate, slate_frames, worker,
};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::time::{FrameRate, Ticks};
use rstest::rstest;
use support::film::Film;
use support::{
    FILTERS, PROFILE, TUNING, folder, make, probe, read_back, run, run_cleanly, tested_ffmpeg,
    words,
};

const X264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac -shortest";

#[test]
fn a_name_may_hold_anything() {
    let folder = folder();
    let plain = folder.path().join("plain.mp4");
    make(&plain, "25", "2", X264);
    for name in ["-dash: 100%d.mp4", "new\nline \u{1f600} 'quote' [a],b;c=d\\.mp4", "file:x.mp4"] {
        let path = folder.path().join(name);
        std::fs::copy(&plain, &path).unwrap();
        let film = Film::at(&path);
        assert_eq!(film.segments(0).len() as u32, film.map.segments());
    }
}

#[test]
fn what_cannot_be_played_says_why() {
    let folder = folder();
    let why = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        probe(&path).unwrap_err().to_string()
    };
    insta::assert_snapshot!(why("empty.mkv", b""), @r#""empty.mkv" is empty (0 bytes): copy it again"#);
    insta::assert_snapshot!(why("text.mkv", b"This is not a film.\n".repeat(200).as_slice()), @r#""text.mkv" cannot be read as a video; ffprobe says: Invalid data found when processing input"#);
    insta::assert_snapshot!(why("words.srt", b"1\n00:00:01,000 --> 00:00:02,000\nHello\n\n"), @r#""words.srt" holds no picture or sound that FFmpeg can decode (subtitle: subrip)"#);
}

/// The SPS and PPS that the first access unit of a file holds.
fn headers(file: &Path) -> Vec<u8> {
    let mut line = words("-v error -i");
    line.push(file.into());
    line.extend(words(
        "-map 0:v -c copy -bsf:v filter_units=pass_types=7-8 -frames:v 1 -f h264 pipe:1",
    ));
    run("ffmpeg", line).stdout
}

#[test]
fn every_speed_and_the_slate_have_one_sps_and_pps() {
    let folder = folder();
    let path = folder.path().join("film.mp4");
    make(&path, "25", "1.2", X264);
    let facts = probe(&path).unwrap();
    let map = facts.uniform_map().unwrap();
    let profile = Profile::transcoded(Rendition::Height(360), 1_080).unwrap();
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for (speed, threads, lookahead) in
        Speed::ALL.into_iter().flat_map(|speed| [(speed, 1, 0), (speed, 2, 5), (speed, 4, 40)])
    {
        let tuning = Tuning { speed, threads, lookahead };
        let run = WorkerRun {
            path: &path,
            facts: &facts,
            map: &map,
            first_frame: 0,
            first_audio: Ticks::ZERO,
            profile: &profile,
            tuning: &tuning,
            filters: FILTERS,
            hardware: None,
        };
        let to = folder.path().join("made.ts");
        std::fs::write(&to, run_cleanly(&tested_ffmpeg(), worker(&run))).unwrap();
        seen.push((format!("{tuning:?}"), headers(&to)));
    }
    let slate_of = |picture, text| {
        let (rate, tuning) = (map.rate(), &TUNING);
        let arguments =
            slate(&Slate { profile: &profile, rate, picture, text, tuning, filters: FILTERS });
        let to = folder.path().join("slate.ts");
        std::fs::write(&to, run_cleanly(&tested_ffmpeg(), arguments)).unwrap();
        to
    };
    seen.push(("slate".to_owned(), headers(&slate_of(SlatePicture::Bars, None))));
    assert!(seen[0].1.len() > 20, "SPS and PPS are there");
    for (what, headers) in &seen {
        assert_eq!(headers, &seen[0].1, "{what}");
    }
}

#[rstest]
#[case("24000/1001")]
#[case("25")]
#[case("60000/1001")]
#[case("1")]
fn a_slate_is_one_idr_and_frames_in_the_order_shown(#[case] rate: &str) {
    let folder = folder();
    let (num, den) = rate.split_once('/').unwrap_or((rate, "1"));
    let rate = FrameRate::new(num.parse().unwrap(), den.parse().unwrap()).unwrap();
    let to = folder.path().join("slate.ts");
    // Somebody's own: a picture of another shape, and a clip that begins late.
    let (still, clip) = (folder.path().join("own.png"), folder.path().join("own.ts"));
    for (path, more) in [(&still, "-frames:v 1"), (&clip, "-t 2 -bf 2 -output_ts_offset 7")] {
        let words = format!("-v error -y -f lavfi -i testsrc2=s=300x400:r=30 {more}");
        let mut arguments: Vec<_> = words.split(' ').map(std::ffi::OsString::from).collect();
        arguments.push(path.into());
        run_cleanly(&tested_ffmpeg(), arguments);
    }
    let own = [SlatePicture::Own(&still), SlatePicture::Own(&clip)];
    for picture in [SlatePicture::Bars, SlatePicture::Plain].into_iter().chain(own) {
        let arguments = slate(&Slate {
            profile: &PROFILE,
            rate,
            picture,
            text: None,
            tuning: &Tuning::default(),
            filters: FILTERS,
        });
        std::fs::write(&to, run_cleanly(&tested_ffmpeg(), arguments)).unwrap();
        let made = read_back(&to);
        assert_eq!(made.video.len() as u64, slate_frames(rate));
        assert_eq!(made.video.iter().filter(|p| p.2).count(), 1);
        assert!(made.video.windows(2).all(|pair| pair[0].0 < pair[1].0), "no B-frames");
        assert!(made.audio.last().unwrap() + 1_920 >= rate.ticks_at(slate_frames(rate)).0);
    }
}
