//! Golden tests with the real FFmpeg: any worker can continue any other.
//!
//! Each source is made, probed, mapped, and then made into segments by workers
//! that begin at its first, second and last but one cut and in the middle of a
//! segment. Their frames and samples must be the same ones at the same times.

mod support;

use std::path::{Path, PathBuf};

use aerial_model::media::{Entry, MediaFacts};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::Ticks;
use rstest::rstest;
use support::{
    Made, PROFILE, convert, folder, make, make_from, numbered, probe, run, run_cleanly, words,
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

/// Frame n of the source is frame n on the air.
fn pictures_are_one_to_one(made: &Made) {
    let wrong: Vec<_> =
        made.numbers.iter().enumerate().filter(|(n, shown)| *n != **shown as usize).collect();
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
    pictures_are_one_to_one(&first);
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
    let (_, map, first) = workers_join(&path, folder.path());
    let exact = map.rate().frames_in(Ticks::from_secs(11));
    assert!(map.frames().abs_diff(exact) <= 1, "{} frames, not {exact}", map.frames());
    pictures_are_one_to_one(&first);
}
