//! Golden tests of a channel's seams with the real FFmpeg: workers that die
//! anywhere, items of other rates, segments in any order, slates.

// In tests a panic is the verdict; helpers are no `#[test]` functions.
#![allow(clippy::unwrap_used)]

#[path = "support/joins.rs"]
mod joins;
mod reading;
#[path = "support/slates.rs"]
mod slates;
mod support;

use aerial_model::segment::Segment;
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::{Handover, Position, Segmenter, Treatment};
use aerial_model::time::Ticks;
use joins::is_gapless;
use reading::{Reading, read};
use rstest::rstest;
use slates::slate_of;
use support::film::{Film, decoded, on_the_channel, whole};
use support::{folder, make};
use tempfile::TempDir;

const RATES: [&str; 6] = ["24000/1001", "24", "25", "30000/1001", "50", "60000/1001"];

/// A film with B-frames and a tone at 44.1 kHz.
fn film(folder: &TempDir, name: &str, rate: &str, seconds: &str) -> Film {
    let path = folder.path().join(format!("{name}.mp4"));
    make(&path, rate, seconds, "-c:v libx264 -preset ultrafast -bf 3 -g 40 -c:a aac -ar 44100");
    Film::at(&path)
}

/// Each item after the one before, as a channel's ledger places them; FFmpeg
/// plays them without a word.
fn assert_airs<'a>(
    folder: &TempDir,
    items: impl IntoIterator<Item = (&'a SegmentMap, &'a [Segment])>,
) {
    let mut at = Ticks::ZERO;
    let mut placed = Vec::new();
    for (map, segments) in items {
        placed.extend(segments.iter().map(|segment| (segment, at)));
        at += map.end().round_up_to_audio_frame();
    }
    let bytes = on_the_channel(placed);
    let reading = read(&bytes);
    reading.assert_closed();
    reading.assert_audio_is_unbroken();
    assert_eq!(reading.audio.len() as i64 * 1_920, at.0);
    let decoded = decoded(&bytes, folder.path());
    assert_eq!((decoded.numbers.len(), decoded.sounds), (reading.video.len(), reading.audio.len()));
}

/// A film at few frames a second is decoded far ahead of its sound.
#[rstest]
#[case::film("25", "9", 6)]
#[case::few_frames("5", "13", 3)]
#[case::a_slide_show("1", "13", 3)]
fn a_successor_takes_over_wherever_a_worker_dies(
    #[case] rate: &str,
    #[case] seconds: &str,
    #[case] deaths: usize,
) {
    let folder = folder();
    let film = film(&folder, "film", rate, seconds);
    let map = film.map.clone();
    let output = film.worker(Position::at(&film.map, 0));
    let first = film.segments(0);
    let expected = is_gapless(&map, &first);
    for death in 0..deaths {
        let came = output.len() * (death * 100 / deaths + 3) / 100;
        let (mut segmenter, mut out) = (Segmenter::new(map.clone(), 0), Vec::new());
        segmenter.push(&output[..came], &mut out).unwrap();
        let segments = film.resumed(segmenter.into_handover(), out);
        let reading = is_gapless(&map, &segments);
        let decoding = |r: &Reading| r.video.iter().map(|pes| pes.dts).collect::<Vec<_>>();
        assert_eq!(decoding(&reading), decoding(&expected));
        assert_airs(&folder, [(&map, &segments[..])]);
    }
}

#[test]
fn segments_in_random_order_play_without_a_warning() {
    let folder = folder();
    let film = film(&folder, "film", "24000/1001", "14");
    let map = film.map.clone();
    let segments = film.segments(0);
    let mut state = 7u32;
    let mut at = Ticks::ZERO;
    let (mut placed, mut frames, mut sounds) = (Vec::new(), 0, 0);
    for _ in 0..14 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let index = (state >> 16) % map.segments();
        let segment = &segments[index as usize];
        placed.push((segment, at - map.cut(index)));
        at += map.segment_length(index).round_up_to_audio_frame();
        let reading = read(&segment.bytes);
        frames += reading.video.len();
        sounds += reading.audio.len();
    }
    let decoded = decoded(&on_the_channel(placed), folder.path());
    assert_eq!((decoded.numbers.len(), decoded.sounds), (frames, sounds));
}

#[test]
fn every_pair_of_rates_meets_at_an_item_boundary() {
    let folder = folder();
    let items: Vec<(SegmentMap, Vec<Segment>)> = RATES
        .iter()
        .enumerate()
        .map(|(n, rate)| {
            let film = film(&folder, &format!("pair-{n}"), rate, "1.3");
            (film.map.clone(), film.segments(0))
        })
        .collect();
    let pairs = (0..items.len()).flat_map(|a| (0..items.len()).flat_map(move |b| [a, b]));
    assert_airs(&folder, pairs.map(|n| (&items[n].0, &items[n].1[..])));
}

#[test]
fn slates_stand_before_after_and_inside_a_programme() {
    let folder = folder();
    let film = film(&folder, "film", "25", "9");
    let (map, segments) = (film.map.clone(), film.segments(0));
    let slate = slate_of(map.rate());

    // A worker dies at a third; the slate completes its segment and is the next.
    let output = film.worker(Position::at(&film.map, 0));
    let mut out = Vec::new();
    let mut segmenter = Segmenter::new(map.clone(), 0);
    segmenter.push(&output[..output.len() / 4], &mut out).unwrap();
    let handover = segmenter.into_handover();
    assert!(handover.is_growing() && handover.position().segment == 0);
    slate.complete(&map, Treatment::Transcoded, handover, &mut out).unwrap();
    let mut troubled = whole(&out);
    troubled.push(slate.segment(&map, Treatment::Transcoded, 1, 2).unwrap());
    troubled.push(segments[2].clone());
    is_gapless(&map, &troubled);

    let off_air = SegmentMap::of_frames(map.rate(), 217).unwrap();
    let slates: Vec<Segment> = (0..off_air.segments())
        .map(|index| slate.segment(&off_air, Treatment::Transcoded, index, 0).unwrap())
        .collect();
    is_gapless(&off_air, &slates);

    let items = [(&off_air, &slates), (&map, &troubled), (&off_air, &slates), (&map, &segments)];
    assert_airs(&folder, items.into_iter().map(|(map, segments)| (map, &segments[..])));
}

#[test]
fn a_segment_is_handed_to_an_end_before_its_map_ends_and_says_so() {
    let folder = folder();
    let film = film(&folder, "film", "25", "6");
    let output = film.worker(Position::at(&film.map, 0));
    let mut segmenter = Segmenter::new(film.map.clone(), 0);
    let mut out = Vec::new();
    // FFmpeg ends between two packets of the muxer.
    let packets: Vec<&[u8]> = output.chunks(188).collect();
    let starts = |n: &usize| packets[*n][1] & 0x40 != 0;
    let end = (packets.len() / 2..packets.len()).find(starts).unwrap();
    segmenter.push(&packets[..end].concat(), &mut out).unwrap();
    let finished = segmenter.finish(&mut out).unwrap();
    assert!(!finished.complete && finished.next.frame < film.map.frames(), "{finished:?}");
    assert_eq!(segmenter.into_handover().position(), finished.next);
}

#[test]
fn a_damaged_real_stream_makes_nothing_panic() {
    let folder = folder();
    let film = film(&folder, "film", "25", "1.5");
    let output = film.worker(Position::at(&film.map, 0));
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for _ in 0..60 {
        let mut bytes = output.clone();
        for _ in 0..1 + random() % 8 {
            let at = random() % bytes.len();
            match random() % 3 {
                0 => bytes[at] = random() as u8,
                1 => drop(bytes.drain(at..(at + random() % 400).min(bytes.len()))),
                _ => bytes.insert(at, random() as u8),
            }
        }
        let mut segmenter = Segmenter::resume(film.map.clone(), Handover::at(&film.map, 0));
        let mut out = Vec::new();
        let _ = segmenter.push(&bytes, &mut out).and_then(|()| segmenter.finish(&mut out));
        for segment in whole(&out) {
            assert_eq!(read(&segment.bytes).video.len() as u64, film.map.frames());
        }
    }
}
