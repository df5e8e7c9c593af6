//! Golden tests with the real FFmpeg: any worker can continue any other.
//!
//! Each source is made, probed, mapped, and then made into segments by workers
//! that begin at its first, second and last but one cut and in the middle of a
//! segment. Their frames and samples must be the same ones at the same times.

#![allow(clippy::unwrap_used, reason = "a test file")]

mod support;

use std::path::Path;

use aerial_model::command::{
    Slate, SlatePicture, Speed, Tuning, WorkerRun, remux, slate, slate_frames, worker,
};
use aerial_model::media::{Entry, MediaFacts};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{FrameRate, Ticks};
use rstest::rstest;
use support::{
    FILTERS, Made, PROFILE, TUNING, convert, folder, is_installed, make, make_from, numbered,
    probe, read_back, run, run_cleanly, tested_ffmpeg, words,
};

const X264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac -shortest";

/// Makes workers at each interesting place and compares them.
fn workers_join(path: &Path, folder: &Path) -> (MediaFacts, SegmentMap, Made) {
    let facts = probe(path).unwrap();
    let map = facts.uniform_map().unwrap();
    let first = make_from(path, &facts, &map, 0, &PROFILE, &folder.join("worker-0.ts"));
    is_whole(&first, &map);
    let mut places = vec![map.cut_frame(1), map.cut_frame(map.segments().saturating_sub(2))];
    places.push(map.cut_frame(1) + 37);
    places.sort_unstable();
    places.dedup();
    for frame in places.into_iter().filter(|frame| *frame > 0 && *frame < map.frames()) {
        let to = folder.join(format!("worker-{frame}.ts"));
        let made = make_from(path, &facts, &map, frame, &PROFILE, &to);
        is_whole(&made, &map);
        joins(&made, &first, &map);
    }
    (facts, map, first)
}

/// A picture for each place of the grid, an IDR on each cut, unbroken sound.
fn is_whole(made: &Made, map: &SegmentMap) {
    let first = made.first_frame;
    let mut shown: Vec<i64> = made.video.iter().map(|packet| packet.0).collect();
    shown.sort_unstable();
    let grid: Vec<i64> = (first..map.frames()).map(|frame| map.rate().ticks_at(frame).0).collect();
    assert_eq!(shown, grid, "from frame {first}: the grid of pictures");

    let keys: Vec<i64> = made.video.iter().filter(|p| p.2).map(|p| p.0).collect();
    let cuts = (0..map.segments()).map(|n| map.cut_frame(n)).filter(|frame| *frame > first);
    let cuts: Vec<i64> =
        std::iter::once(first).chain(cuts).map(|frame| map.rate().ticks_at(frame).0).collect();
    assert_eq!(keys, cuts, "from frame {first}: an IDR exactly on each cut");
    assert_eq!(made.numbers.len(), grid.len(), "from frame {first}: all can be decoded");

    let ascending = made.video.windows(2).all(|pair| pair[0].1 < pair[1].1);
    assert!(ascending, "from frame {first}: DTS ascend");

    let start = map.rate().ticks_at(first).0;
    let end = map.end().round_up_to_audio_frame().0;
    let heard: Vec<i64> =
        made.audio.iter().copied().filter(|pts| (start..end).contains(pts)).collect();
    let grid: Vec<i64> = (0..end / 1_920).map(|n| n * 1_920).filter(|pts| *pts >= start).collect();
    assert_eq!(heard, grid, "from frame {first}: the grid of sound");
}

/// The same pictures at the same times as the worker from the start.
fn joins(made: &Made, first: &Made, map: &SegmentMap) {
    let from = made.first_frame as usize;
    assert_eq!(made.numbers[..], first.numbers[from..], "from frame {from}: the same pictures");
    let decoded = |m: &Made| m.video.iter().map(|p| p.1).collect::<Vec<_>>();
    assert_eq!(decoded(made)[..], decoded(first)[from..], "from frame {from}: the same DTS");
    let start = map.rate().ticks_at(made.first_frame).0;
    let heard = |m: &Made| m.audio.iter().copied().filter(|pts| *pts >= start).collect::<Vec<_>>();
    assert_eq!(heard(made), heard(first), "from frame {from}: the same sound");
}

/// Frame n of the source is frame n on the air, counted from where it begins.
fn pictures_are_one_to_one(made: &Made, facts: &MediaFacts) {
    let start = facts.video.as_ref().unwrap().start + facts.alignment();
    let late = facts.rate().frames_in(start) as usize;
    let expected = |n: usize| n.saturating_sub(late);
    let end = facts.video.as_ref().unwrap().end + facts.alignment();
    let wrong: Vec<_> = made
        .numbers
        .iter()
        .take(facts.rate().frames_in(end) as usize)
        .enumerate()
        .filter(|(n, shown)| expected(*n) != **shown as usize)
        .collect();
    assert!(wrong.is_empty(), "{} frames differ: {:?}", wrong.len(), &wrong[..wrong.len().min(10)]);
}

#[rstest]
#[case("24000/1001", 96)]
#[case("25", 100)]
#[case("30000/1001", 120)]
#[case("50", 200)]
#[case("60000/1001", 240)]
fn workers_join_at_every_standard_rate(#[case] rate: &str, #[case] per_segment: u64) {
    let folder = folder();
    let path = folder.path().join("film.mp4");
    make(&path, rate, "11", X264);
    let (facts, map, first) = workers_join(&path, folder.path());
    assert_eq!(map.rate().frames_per_segment(), per_segment);
    assert_eq!(facts.alignment(), Ticks::ZERO);
    pictures_are_one_to_one(&first, &facts);
}

#[rstest]
#[case::hevc_in_matroska(
    "film.mkv",
    "25",
    "-c:v libx265 -preset ultrafast -x265-params log-level=error:keyint=60 -c:a ac3"
)]
#[case::mpeg2_interlaced_ps(
    "film.mpg",
    "25",
    "-vf setfield=tff -c:v mpeg2video -flags +ilme+ildct -bf 2 -g 15 -q:v 3 -c:a mp2"
)]
#[case::mpeg2_interlaced_ts(
    "film.ts",
    "30000/1001",
    "-vf setfield=tff -c:v mpeg2video -flags +ilme+ildct -bf 2 -g 15 -q:v 3 -c:a mp2"
)]
#[case::h264_in_ts("film.m2ts", "50", "-c:v libx264 -preset ultrafast -bf 2 -g 100 -c:a ac3")]
#[case::asp_in_avi("film.avi", "24000/1001", "-c:v mpeg4 -bf 2 -g 60 -q:v 3 -c:a libmp3lame")]
#[case::vp9_in_webm(
    "film.webm",
    "30",
    "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -g 90 -b:v 1M -c:a libopus"
)]
#[case::wmv("film.wmv", "25", "-c:v wmv2 -b:v 1M -g 50 -c:a wmav2")]
#[case::flv("film.flv", "25", "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac")]
#[case::h264_in_matroska(
    "film.mkv",
    "24000/1001",
    "-c:v libx264 -preset ultrafast -bf 2 -g 120 -c:a aac"
)]
#[case::long_gop(
    "film.mp4",
    "30000/1001",
    "-c:v libx264 -preset ultrafast -bf 2 -g 1000 -sc_threshold 0 -c:a aac"
)]
fn workers_join_for_codecs_and_containers(
    #[case] name: &str,
    #[case] rate: &str,
    #[case] encode: &str,
) {
    let folder = folder();
    let path = folder.path().join(name);
    make(&path, rate, "11", &format!("{encode} -shortest"));
    let (facts, map, first) = workers_join(&path, folder.path());
    let exact = map.rate().frames_in(Ticks::from_secs(11));
    assert!(map.frames().abs_diff(exact) <= 1, "{} frames, not {exact}", map.frames());
    pictures_are_one_to_one(&first, &facts);
}

#[test]
fn workers_join_for_a_variable_rate() {
    let folder = folder();
    let path = folder.path().join("film.mp4");
    // A third of the frames is gone, in no order, and a second and a half at once.
    let mut line = words("-v error -y -f lavfi -i");
    line.push(numbered("30", "12").into());
    line.extend(words("-f lavfi -i sine=d=12 -vf"));
    line.push("select='gt(mod(n*n+n*7\\,11)\\,3)*not(between(n\\,150\\,195))'".into());
    line.extend(words("-fps_mode vfr -c:v libx264 -preset ultrafast -bf 2 -g 60 -c:a aac"));
    line.push(path.clone().into());
    run_cleanly("ffmpeg", line);
    let (_, _, first) = workers_join(&path, folder.path());
    assert!(first.numbers.windows(2).all(|pair| pair[0] <= pair[1]), "time does not go back");
}

#[test]
fn workers_join_where_the_file_starts_at_an_hour_and_a_subtitle_earlier() {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.ts"));
    make(&plain, "25", "11", X264);
    // A second sound begins 0.7 s before those that air.
    let mut line = words("-v error -y -itsoffset 0.7 -i");
    line.push(plain.into());
    line.extend(words(
        "-f lavfi -i sine=d=9 -map 0:v -map 0:a -map 1:a -c:v copy -c:a mp2 -disposition:a:1 comment \
         -output_ts_offset 3600",
    ));
    line.push(path.clone().into());
    run_cleanly("ffmpeg", line);
    let (facts, _, first) = workers_join(&path, folder.path());
    assert!(facts.start_time > Ticks::from_secs(3_600), "{}", facts.start_time);
    pictures_are_one_to_one(&first, &facts);
}

#[test]
fn workers_join_where_the_picture_starts_late() {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.mkv"));
    make(&plain, "24000/1001", "11", X264);
    let mut line = words("-v error -y -itsoffset 0.731 -i");
    line.push(plain.clone().into());
    line.push("-i".into());
    line.push(plain.into());
    line.extend(words("-map 0:v -map 1:a -c copy"));
    line.push(path.clone().into());
    run_cleanly("ffmpeg", line);
    let (facts, _, first) = workers_join(&path, folder.path());
    assert_ne!(facts.alignment(), Ticks::ZERO);
    pictures_are_one_to_one(&first, &facts);
}

#[test]
fn workers_join_behind_an_edit_list() {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.mp4"));
    make(&plain, "25", "14", X264);
    convert(&plain, "-ss 1.3", "-c copy", &path);
    let (_, _, first) = workers_join(&path, folder.path());
    assert_eq!(first.numbers[50] - first.numbers[49], 1);
}

#[test]
fn workers_join_for_a_file_of_mkvmerge() {
    if !is_installed("mkvmerge") {
        println!("mkvmerge is not installed: not tried");
        return;
    }
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.mkv"));
    make(&plain, "30000/1001", "11", X264);
    let mut line = words("-q -o");
    line.push(path.clone().into());
    line.extend(words("--sync 1:-120 --sync 0:300"));
    line.push(plain.into());
    run_cleanly("mkvmerge", line);
    let (facts, _, first) = workers_join(&path, folder.path());
    pictures_are_one_to_one(&first, &facts);
}

#[rstest]
#[case::none("film.mp4", "-c:v libx264 -preset ultrafast -an")]
#[case::surround("film.mkv", "-c:v libx264 -preset ultrafast -c:a ac3 -ac 6")]
#[case::other_rate("film.avi", "-c:v mpeg4 -q:v 3 -c:a pcm_s16le -ar 22050 -ac 1")]
#[case::late("film.mkv", "-c:v libx264 -preset ultrafast -af asetpts=PTS+1.5/TB -c:a aac")]
#[case::short("film.mp4", "-c:v libx264 -preset ultrafast -c:a aac -af atrim=end=5")]
fn workers_join_whatever_the_sound(#[case] name: &str, #[case] encode: &str) {
    let folder = folder();
    let path = folder.path().join(name);
    make(&path, "25", "11", encode);
    let (facts, _, first) = workers_join(&path, folder.path());
    pictures_are_one_to_one(&first, &facts);
}

#[test]
fn sound_alone_goes_over_black_and_a_cover_is_no_film() {
    let folder = folder();
    let (cover, path) = (folder.path().join("cover.png"), folder.path().join("song.mp3"));
    run_cleanly(
        "ffmpeg",
        words("-v error -y -f lavfi -i testsrc2=s=100x100 -frames:v 1")
            .into_iter()
            .chain([cover.clone().into()]),
    );
    let mut line = words("-v error -y -f lavfi -i sine=d=10.5 -i");
    line.push(cover.into());
    line.extend(words("-map 0 -map 1 -c:a libmp3lame -c:v copy -disposition:v attached_pic"));
    line.push(path.clone().into());
    run_cleanly("ffmpeg", line);
    let (facts, map, first) = workers_join(&path, folder.path());
    assert_eq!((facts.video, map.rate().num()), (None, 25));
    assert!(first.numbers.iter().all(|number| *number == 0), "black");
}

#[test]
fn a_picture_far_shorter_than_its_sound_is_followed_by_black() {
    let folder = folder();
    let path = folder.path().join("film.mkv");
    let mut line = words("-v error -y -f lavfi -i");
    line.push(numbered("25", "6").into());
    line.extend(words("-f lavfi -i sine=d=14 -c:v libx264 -preset ultrafast -c:a aac"));
    line.push(path.clone().into());
    run_cleanly("ffmpeg", line);
    let (_, map, first) = workers_join(&path, folder.path());
    assert!(map.frames() >= 349, "{}", map.frames());
    let (film, black) = first.numbers.split_at(151);
    assert!(
        film[149] >= 148 && black.iter().all(|number| *number == 0),
        "{:?}",
        &first.numbers[140..155]
    );
}

#[test]
fn a_truncated_film_ends_where_its_bytes_end() {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.mp4"));
    make(&plain, "25", "40", "-c:v libx264 -preset ultrafast -g 50 -c:a aac -movflags +faststart");
    let bytes = std::fs::read(&plain).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let (facts, map, first) = workers_join(&path, folder.path());
    assert!((500..700).contains(&map.frames()), "{}", map.frames());
    pictures_are_one_to_one(&first, &facts);
}

#[test]
fn a_recording_joined_of_two_is_remuxed_and_then_joins() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    make(&at("a.ts"), "25", "6", "-c:v mpeg2video -g 12 -q:v 3 -c:a mp2 -shortest");
    let mut bytes = std::fs::read(at("a.ts")).unwrap();
    bytes.extend(bytes.clone());
    std::fs::write(at("film.ts"), bytes).unwrap();
    let facts = probe(&at("film.ts")).unwrap();
    assert_eq!(facts.entry, Entry::Remux);
    run_cleanly("ffmpeg", remux(&at("film.ts"), &facts, &at("mended.mkv")));
    let (facts, map, _) = workers_join(&at("mended.mkv"), folder.path());
    assert!(matches!(facts.entry, Entry::Seek { .. }));
    assert!((295..=305).contains(&map.frames()), "{}", map.frames());
}

#[test]
fn a_name_may_hold_anything() {
    let folder = folder();
    let plain = folder.path().join("plain.mp4");
    make(&plain, "25", "2", X264);
    for name in ["-dash: 100%d.mp4", "new\nline \u{1f600} 'quote' [a],b;c=d\\.mp4", "file:x.mp4"] {
        let path = folder.path().join(name);
        std::fs::copy(&plain, &path).unwrap();
        let facts = probe(&path).unwrap();
        let map = facts.uniform_map().unwrap();
        let made = make_from(&path, &facts, &map, 0, &PROFILE, &folder.path().join("made.ts"));
        is_whole(&made, &map);
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
    for picture in [SlatePicture::Bars, SlatePicture::Plain] {
        let arguments = slate(&Slate {
            profile: &PROFILE,
            rate,
            picture,
            text: None,
            tuning: &Tuning::default(),
            filters: FILTERS,
        });
        std::fs::write(&to, run_cleanly(&tested_ffmpeg(), arguments)).unwrap();
        let made = read_back(&to, 0);
        assert_eq!(made.video.len() as u64, slate_frames(rate));
        assert_eq!(made.video.iter().filter(|p| p.2).count(), 1);
        assert!(made.video.windows(2).all(|pair| pair[0].0 < pair[1].0), "no B-frames");
        assert!(made.audio.last().unwrap() + 1_920 >= rate.ticks_at(slate_frames(rate)).0);
    }
}
