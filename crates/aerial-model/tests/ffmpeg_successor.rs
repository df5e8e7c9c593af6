//! A worker that goes on where another one died: no picture and no sound of the
//! growing segment is missing or comes twice, whatever the frame rate.
#![allow(clippy::unwrap_used, reason = "a test file")]

mod reading;
mod support;

use aerial_model::command::{WorkerRun, worker};
use aerial_model::mpegts::Chunk;
use aerial_model::segment::Segment;
use aerial_model::segmenter::{Handover, Output, Position, Segmenter};
use aerial_model::time::Ticks;
use reading::read;
use rstest::rstest;
use support::{FILTERS, PROFILE, TUNING, folder, make, probe, run_cleanly, tested_ffmpeg};

/// At low rates the sound that was handed on can be seconds behind the picture.
#[rstest]
#[case("1", 14, "14")]
#[case("5", 60, "12")]
#[case("15", 180, "12")]
#[case("24000/1001", 216, "9")]
fn a_successor_takes_up_picture_and_sound_where_each_was_left(
    #[case] rate: &str,
    #[case] frames: u64,
    #[case] seconds: &str,
) {
    let folder = folder();
    let path = folder.path().join("film.mp4");
    let encode = "-c:v libx264 -preset ultrafast -bf 2 -g 50 -c:a aac -shortest";
    make(&path, rate, seconds, encode);
    let facts = probe(&path).unwrap();
    let map = facts.uniform_map().unwrap();
    assert!(map.frames().abs_diff(frames) <= 1, "{}", map.frames());
    let output = |position: Position| {
        run_cleanly(
            &tested_ffmpeg(),
            worker(&WorkerRun {
                path: &path,
                facts: &facts,
                map: &map,
                first_frame: position.frame,
                first_audio: position.audio,
                profile: &PROFILE,
                tuning: &TUNING,
                filters: FILTERS,
                hardware: None,
            }),
        )
    };
    let whole = output(Position::at(&map, 0));
    let mut behind = Ticks::ZERO;
    for part in [12, 23, 37, 52, 68, 81, 94] {
        let mut out = Vec::new();
        let mut first = Segmenter::resume(map.clone(), Handover::at(&map, 0));
        first.push(&whole[..whole.len() * part / 100], &mut out).unwrap();
        let handover = first.into_handover();
        let position = handover.position();
        // Nothing is left that a worker could make, or too little for x264 to
        // reorder (the very last pictures at 1 per second).
        if position.frame + 3 > map.frames() {
            continue;
        }
        behind = behind.max(map.rate().ticks_at(position.frame) - position.audio);
        let mut second = Segmenter::resume(map.clone(), handover);
        second.push(&output(position), &mut out).unwrap();
        let finished = second.finish(&mut out).unwrap();
        assert!(finished.complete, "{part} %, {position:?}: {finished:?}");
        let chunks: Vec<Chunk> = out
            .into_iter()
            .filter_map(|output| match output {
                Output::Chunk { chunk, .. } => Some(chunk),
                _ => None,
            })
            .collect();
        let reading = read(&Segment::from_chunks(&chunks).bytes);
        let grid: Vec<i64> = (0..map.frames()).map(|n| map.rate().ticks_at(n).0).collect();
        assert_eq!(reading.shown(), grid, "{part} %, {position:?}");
        reading.assert_audio_is_unbroken();
        assert_eq!(reading.audio[0].pts, 0);
        let sound = map.end().round_up_to_audio_frame().0 / 1_920;
        assert_eq!(reading.audio.len() as i64, sound, "{part} %, {position:?}");
    }
    println!("at {rate} frames per second the sound was up to {behind} s behind");
}
