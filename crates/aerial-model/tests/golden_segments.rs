//! Golden tests of the whole line with the real FFmpeg: any worker can continue
//! any other.
//!
//! Each source is made, probed and mapped; workers started at its first, second
//! and last segment, and one that takes over in the middle of a segment,
//! make it into segments. Whoever made them, they must hold the same pictures and
//! sounds at the same times, and FFmpeg must play any mixture without a word.

#![allow(clippy::unwrap_used, reason = "a test file")]

#[path = "support/joins.rs"]
mod joins;
mod reading;
mod support;

use aerial_model::command::remux;
use aerial_model::media::{Entry, MediaFacts};
use aerial_model::time::Ticks;
use joins::workers_join;
use rstest::rstest;
use support::{convert, folder, is_installed, make, numbered, probe, run_cleanly, words};

const X264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac -shortest";

/// Frame n of the source is frame n on the air, counted from where it begins.
fn pictures_are_one_to_one(numbers: &[u16], facts: &MediaFacts) {
    let start = facts.video.as_ref().unwrap().start + facts.alignment();
    let late = facts.rate().frames_in(start) as usize;
    let expected = |n: usize| n.saturating_sub(late);
    let end = facts.video.as_ref().unwrap().end + facts.alignment();
    let wrong: Vec<_> = numbers
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
    make(&path, rate, "9", X264);
    let (film, numbers) = workers_join(&path, folder.path());
    assert_eq!(film.map.rate().frames_per_segment(), per_segment);
    assert_eq!(film.facts.alignment(), Ticks::ZERO);
    pictures_are_one_to_one(&numbers, &film.facts);
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
    make(&path, rate, "9", &format!("{encode} -shortest"));
    let (film, numbers) = workers_join(&path, folder.path());
    let exact = film.map.rate().frames_in(Ticks::from_secs(9));
    assert!(film.map.frames().abs_diff(exact) <= 1, "{} frames, not {exact}", film.map.frames());
    pictures_are_one_to_one(&numbers, &film.facts);
}

#[rstest]
#[case::fragmented(
    "film.mp4",
    "25",
    "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac -movflags frag_keyframe+empty_moov"
)]
#[case::keyframes_on_cuts(
    "film.mov",
    "24000/1001",
    "-c:v libx264 -preset ultrafast -bf 3 -g 48 -keyint_min 48 -sc_threshold 0 -c:a aac"
)]
#[case::keyframes_just_after_cuts(
    "film.mp4",
    "25",
    "-c:v libx264 -preset ultrafast -bf 3 -g 51 -keyint_min 51 -sc_threshold 0 -c:a aac"
)]
#[case::keyframes_just_after_cuts_in_matroska(
    "film.mkv",
    "25",
    "-c:v libx264 -preset ultrafast -bf 3 -g 51 -keyint_min 51 -sc_threshold 0 -c:a aac"
)]
#[case::keyframes_just_after_cuts_without_b_frames(
    "film.mkv",
    "30000/1001",
    "-c:v libx264 -preset ultrafast -bf 0 -g 121 -keyint_min 121 -sc_threshold 0 -c:a aac"
)]
#[case::keyframes_just_after_cuts_in_fragments(
    "film.mp4",
    "25",
    "-c:v libx264 -preset ultrafast -bf 3 -g 101 -keyint_min 101 -sc_threshold 0 -c:a aac \
     -movflags frag_keyframe+empty_moov"
)]
#[case::open_gop(
    "film.mkv",
    "25",
    "-c:v libx264 -preset ultrafast -bf 3 -g 50 -x264-params open-gop=1 -c:a aac"
)]
fn workers_join_wherever_keyframes_lie(
    #[case] name: &str,
    #[case] rate: &str,
    #[case] encode: &str,
) {
    let folder = folder();
    let path = folder.path().join(name);
    make(&path, rate, "9", &format!("{encode} -shortest"));
    let (film, numbers) = workers_join(&path, folder.path());
    assert!(matches!(film.facts.entry, Entry::SeekExactly { .. }), "{:?}", film.facts.entry);
    pictures_are_one_to_one(&numbers, &film.facts);
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
    let (_, numbers) = workers_join(&path, folder.path());
    assert!(numbers.windows(2).all(|pair| pair[0] <= pair[1]), "time does not go back");
}

#[test]
fn workers_join_where_the_file_starts_at_an_hour_and_a_subtitle_earlier() {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.ts"));
    make(&plain, "25", "9", X264);
    // A second sound begins 0.7 s before those that air.
    let mut line = words("-v error -y -itsoffset 0.7 -i");
    line.push(plain.into());
    line.extend(words(
        "-f lavfi -i sine=d=7 -map 0:v -map 0:a -map 1:a -c:v copy -c:a mp2 -disposition:a:1 comment \
         -output_ts_offset 3600",
    ));
    line.push(path.clone().into());
    run_cleanly("ffmpeg", line);
    let (film, numbers) = workers_join(&path, folder.path());
    assert!(film.facts.start_time > Ticks::from_secs(3_600), "{}", film.facts.start_time);
    pictures_are_one_to_one(&numbers, &film.facts);
}

#[test]
fn workers_join_where_the_picture_starts_late() {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.mkv"));
    make(&plain, "24000/1001", "9", X264);
    let mut line = words("-v error -y -itsoffset 0.731 -i");
    line.push(plain.clone().into());
    line.push("-i".into());
    line.push(plain.into());
    line.extend(words("-map 0:v -map 1:a -c copy"));
    line.push(path.clone().into());
    run_cleanly("ffmpeg", line);
    let (film, numbers) = workers_join(&path, folder.path());
    assert_ne!(film.facts.alignment(), Ticks::ZERO);
    pictures_are_one_to_one(&numbers, &film.facts);
}

#[test]
fn workers_join_behind_an_edit_list() {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.mp4"));
    make(&plain, "25", "14", X264);
    convert(&plain, "-ss 1.3", "-c copy", &path);
    let (_, numbers) = workers_join(&path, folder.path());
    assert_eq!(numbers[50] - numbers[49], 1);
}

#[test]
fn workers_join_for_a_file_of_mkvmerge() {
    if !is_installed("mkvmerge") {
        println!("mkvmerge is not installed: not tried");
        return;
    }
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.mkv"));
    make(&plain, "30000/1001", "9", X264);
    let mut line = words("-q -o");
    line.push(path.clone().into());
    line.extend(words("--sync 1:-120 --sync 0:300"));
    line.push(plain.into());
    run_cleanly("mkvmerge", line);
    let (film, numbers) = workers_join(&path, folder.path());
    pictures_are_one_to_one(&numbers, &film.facts);
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
    make(&path, "25", "9", encode);
    let (film, numbers) = workers_join(&path, folder.path());
    pictures_are_one_to_one(&numbers, &film.facts);
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
    let (film, numbers) = workers_join(&path, folder.path());
    assert_eq!((film.facts.video, film.map.rate().num()), (None, 25));
    assert!(numbers.iter().all(|number| *number == 0), "black");
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
    let (film, numbers) = workers_join(&path, folder.path());
    assert!(film.map.frames() >= 349, "{}", film.map.frames());
    let (film, black) = numbers.split_at(151);
    assert!(
        film[149] >= 148 && black.iter().all(|number| *number == 0),
        "{:?}",
        &numbers[140..155]
    );
}

#[test]
fn a_truncated_film_ends_where_its_bytes_end() {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join("film.mp4"));
    make(&plain, "25", "40", "-c:v libx264 -preset ultrafast -g 50 -c:a aac -movflags +faststart");
    let bytes = std::fs::read(&plain).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let (film, numbers) = workers_join(&path, folder.path());
    assert!((500..700).contains(&film.map.frames()), "{}", film.map.frames());
    pictures_are_one_to_one(&numbers, &film.facts);
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
    let (film, _) = workers_join(&at("mended.mkv"), folder.path());
    assert!(matches!(film.facts.entry, Entry::SeekExactly { .. }));
    assert!((295..=305).contains(&film.map.frames()), "{}", film.map.frames());
}
