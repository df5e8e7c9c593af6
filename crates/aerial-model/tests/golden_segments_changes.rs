//! Golden tests of films that change in their middle, with the real FFmpeg: the
//! picture's size, the sound's channels or rate. Whoever made a segment, and
//! whatever FFmpeg did at the change, its timestamps are right.

#![allow(clippy::unwrap_used, reason = "a test file")]

#[path = "support/joins.rs"]
mod joins;
mod reading;
mod support;

use std::path::{Path, PathBuf};

use aerial_model::segmenter::{Position, Segmenter, SegmenterError};
use aerial_model::time::Ticks;
use joins::{aired, is_gapless, workers_join};
use rstest::rstest;
use support::film::{Film, READ_BYTES};
use support::{folder, numbered, run_cleanly, words};

/// One film of two parts that follow each other in one file.
fn of_two(folder: &Path, name: &str, parts: [(&str, &str); 2]) -> PathBuf {
    let mut list = String::new();
    for (n, (seconds, how)) in parts.into_iter().enumerate() {
        let part = format!("part-{n}.ts");
        let mut line = words("-v error -y -f lavfi -i");
        line.push(numbered("25", seconds).into());
        line.extend(words(&format!("-f lavfi -i sine=f=440:r=48000:d={seconds} {how}")));
        line.push(folder.join(&part).into());
        run_cleanly("ffmpeg", line);
        list += &format!("file {part}\n");
    }
    let (list_file, film) = (folder.join("parts.txt"), folder.join(name));
    std::fs::write(&list_file, list).unwrap();
    let mut line = words("-v error -y -f concat -i");
    line.push(list_file.into());
    line.extend(words("-map 0 -c copy"));
    line.push(film.clone().into());
    run_cleanly("ffmpeg", line);
    film
}

const SMALL: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a ac3";
const LARGE: &str = "-vf scale=640:360 -c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a ac3";
const TALL: &str = "-vf scale=240:320 -c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a ac3";
const SURROUND: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a ac3 -ac 6";
const MONO: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac -ac 1";
const SLOW: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac -ac 2 -ar 32000";
const FIELDS: &str =
    "-vf scale=720:576,setfield=tff -c:v mpeg2video -flags +ilme+ildct -bf 2 -g 12 -q:v 3 -c:a mp2";
const FEWER: &str =
    "-vf scale=544:480,setfield=tff -c:v mpeg2video -flags +ilme+ildct -bf 2 -g 12 -q:v 3 -c:a mp2";

#[rstest]
#[case::larger_in_a_recording("film.ts", SMALL, LARGE)]
#[case::smaller_in_a_recording("film.ts", LARGE, SMALL)]
#[case::larger_in_matroska("film.mkv", SMALL, LARGE)]
#[case::of_another_shape("film.mkv", LARGE, TALL)]
#[case::smaller_and_interlaced("film.ts", FIELDS, FEWER)]
#[case::larger_and_interlaced("film.ts", FEWER, FIELDS)]
fn a_picture_that_changes_its_size_stays_on_its_grid(
    #[case] name: &str,
    #[case] before: &str,
    #[case] after: &str,
) {
    let folder = folder();
    let path = of_two(folder.path(), name, [("5", before), ("5", after)]);
    let (film, numbers) = workers_join(&path, folder.path());
    let expected: Vec<u16> = (0..125).chain(0..125).collect();
    let wrong = numbers.iter().zip(&expected).filter(|(shown, meant)| shown != meant).count();
    assert!((249..=251).contains(&film.map.frames()), "{}", film.map.frames());
    // The seam of the source itself, where one codec ends and the other begins.
    assert!(wrong <= 2, "{wrong} pictures differ: {:?}", &numbers[115..135]);
}

#[rstest]
#[case::to_surround_in_a_recording("film.ts", SMALL, SURROUND)]
#[case::to_stereo_in_matroska("film.mkv", SURROUND, SMALL)]
#[case::to_another_rate("film.ts", MONO, SLOW)]
fn sound_that_changes_its_form_stays_on_its_grid(
    #[case] name: &str,
    #[case] before: &str,
    #[case] after: &str,
) {
    let folder = folder();
    let path = of_two(folder.path(), name, [("5", before), ("5", after)]);
    let (_, numbers) = workers_join(&path, folder.path());
    assert!(numbers[1..124].windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
}

#[test]
fn a_worker_whose_sound_changes_late_is_replaced_and_nothing_is_missing() {
    let folder = folder();
    let path = of_two(folder.path(), "film.ts", [("20.4", SMALL), ("6", SURROUND)]);
    let film = Film::at(&path);
    let (mut segmenter, mut out) = (Segmenter::new(film.map.clone(), 0), Vec::new());
    let fault = film
        .worker(Position::at(&film.map, 0))
        .chunks(READ_BYTES)
        .find_map(|piece| segmenter.push(piece, &mut out).err());
    let Some(SegmenterError::SoundBegunAnew { last }) = fault else { panic!("{fault:?}") };
    assert!((Ticks::from_secs(19)..Ticks::from_secs(21)).contains(&last), "{last}");
    let segments = film.resumed(segmenter.into_handover(), out);
    is_gapless(&film.map, &segments);
    let numbers = aired(&film.map, &segments, folder.path());
    assert_eq!(numbers[..510], (0..510).collect::<Vec<u16>>());
}
