//! Golden tests of copying with the real FFmpeg: what must be copied is, wherever
//! a worker begins, and the transcoded renditions are cut at the same places.

#![allow(clippy::unwrap_used, reason = "a test file")]

mod reading;
#[path = "support/slates.rs"]
mod slates;
mod support;

use std::path::Path;
use std::sync::Arc;

use aerial_model::command::{CopyRun, copy, index};
use aerial_model::keyframes::{Indexed, Indexer, NotCopied, mended_times, might_be_copied};
use aerial_model::media::MediaFacts;
use aerial_model::segment::Segment;
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::{Handover, Output, Position, Segmenter, Treatment};
use aerial_model::time::Ticks;
use reading::read;
use rstest::rstest;
use slates::slate_of;
use support::film::{Film, READ_BYTES, decoded, joined, on_the_channel, whole};
use support::{
    PROFILE, TUNING, convert, folder, make, numbers, numbers_of, run, run_cleanly, tested_ffmpeg,
    words,
};

/// What a film's index says, as the server makes it.
fn indexed(path: &Path, facts: &MediaFacts) -> Result<Indexed, NotCopied> {
    might_be_copied(facts)?;
    let output = run(&tested_ffmpeg(), index(path, facts));
    assert!(output.status.success());
    if let Some(reason) = mended_times(&String::from_utf8_lossy(&output.stderr)) {
        return Err(reason);
    }
    let (mut demuxer, mut indexer) = (Indexer::demuxer(), Indexer::default());
    demuxer.push(&output.stdout);
    demuxer.finish();
    indexer.take_units(&mut demuxer).unwrap();
    indexer.finish(facts, reordered(path))
}

/// `has_b_frames`, as FFmpeg knows it.
fn reordered(path: &Path) -> usize {
    let mut line =
        words("-v error -select_streams v:0 -show_entries stream=has_b_frames -of csv=p=0 -i");
    line.push(path.into());
    let text = String::from_utf8(run("ffprobe", line).stdout).unwrap();
    text.lines().next().unwrap().trim_end_matches(',').parse().unwrap()
}

/// A film that is copied.
struct Copied {
    film: Film,
    treatment: Treatment,
}

impl Copied {
    fn at(path: &Path) -> Result<Self, NotCopied> {
        let mut film = Film::at(path);
        let found = indexed(path, &film.facts)?;
        film.map = SegmentMap::copied(film.facts.rate(), Arc::new(found.cuts)).unwrap();
        let sound = found.sound_transcoded;
        let treatment = if sound.is_none() { Treatment::Copied } else { Treatment::CopiedVideo };
        Ok(Self { film, treatment })
    }

    fn worker(&self, position: Position) -> Vec<u8> {
        let arguments = copy(&CopyRun {
            path: &self.film.path,
            facts: &self.film.facts,
            map: &self.film.map,
            treatment: self.treatment,
            segment: position.segment,
            first_audio: position.audio,
            profile: &PROFILE,
            tuning: &TUNING,
        });
        let output = run(&tested_ffmpeg(), arguments.clone());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !output.stdout.is_empty(), "{arguments:?}: {said}");
        output.stdout
    }

    fn resumed(&self, handover: Handover, mut before: Vec<Output>) -> Vec<Segment> {
        let position = handover.position();
        let map = self.film.map.clone();
        let mut segmenter = Segmenter::resume_as(map, self.treatment, handover);
        for piece in self.worker(position).chunks(READ_BYTES) {
            segmenter
                .push(piece, &mut before)
                .unwrap_or_else(|error| panic!("{position:?}: {error}"));
        }
        let finished = segmenter.finish(&mut before).unwrap();
        assert!(finished.complete, "from {position:?}: {finished:?}");
        whole(&before)
    }

    fn segments(&self, from: u32) -> Vec<Segment> {
        self.resumed(Handover::of(&self.film.map, self.treatment, from), Vec::new())
    }
}

/// What two workers must agree on: all of it where the sound is copied too.
fn assert_alike(ours: &Segment, theirs: &Segment, treatment: Treatment, what: &str) {
    let (a, b) = (read(&ours.bytes), read(&theirs.bytes));
    assert_eq!(a.video, b.video, "{what}: pictures");
    let times = |r: &reading::Reading| r.audio.iter().map(|pes| pes.pts).collect::<Vec<_>>();
    assert_eq!(times(&a), times(&b), "{what}: when sounds are heard");
    if treatment == Treatment::Copied {
        assert_eq!(ours.bytes, theirs.bytes, "{what}: bytes");
    }
}

/// The pictures of a file, by their numbers, as FFmpeg shows them.
fn numbers_in(path: &Path) -> Vec<u16> {
    let mut line = words("-nostdin -v error -i");
    line.push(path.into());
    line.extend(numbers_of("0:v"));
    numbers(&run_cleanly("ffmpeg", line))
}

/// Workers at all interesting places agree, and what they make shows the source's
/// pictures; the transcoded rendition is cut at the same places.
fn is_copied(path: &Path, folder: &Path) -> Copied {
    let copied = Copied::at(path).unwrap_or_else(|reason| panic!("{path:?}: {reason}"));
    let (map, treatment) = (&copied.film.map, copied.treatment);
    let cuts = map.cut_list().unwrap();
    let first = copied.segments(0);
    assert_eq!(first.len() as u32, map.segments());
    for (segment, number) in first.iter().zip(0..) {
        let reading = read(&segment.bytes);
        reading.assert_closed();
        let cut = cuts.cut(number);
        assert_eq!((reading.video[0].pts, reading.video.len() as u32), (cut.at.0, cut.pictures));
        assert!(map.segment_length(number) <= Ticks::from_secs(8));
    }
    let reading = read(&joined(&first));
    reading.assert_closed();
    let mut starts = vec![1, map.segments() / 2, map.segments() - 1];
    starts.retain(|start| (1..map.segments()).contains(start));
    starts.dedup();
    for start in starts {
        let others = copied.segments(start);
        for (ours, theirs) in first[start as usize..].iter().zip(&others) {
            assert_alike(ours, theirs, treatment, &format!("by a worker started at {start}"));
        }
    }
    let output = copied.worker(Position::of(map, treatment, 0));
    let handover = Handover::of(map, treatment, 0);
    let (mut segmenter, mut out) =
        (Segmenter::resume_as(map.clone(), treatment, handover), Vec::new());
    segmenter.push(&output[..output.len() * 45 / 100], &mut out).unwrap();
    let continued = copied.resumed(segmenter.into_handover(), out);
    for (ours, theirs) in continued.iter().zip(&first) {
        assert_alike(ours, theirs, treatment, "taken over");
    }
    // Across 2^33, as a player sees it.
    let on_air = Ticks((1 << 33) - 4 * 90_000 / 1_920 * 1_920);
    let shown = decoded(&on_the_channel(first.iter().map(|s| (s, on_air))), folder);
    let source = numbers_in(path);
    let left_out = source.len() - shown.numbers.len();
    assert_eq!(shown.numbers, source[left_out..], "{left_out} are left out");
    is_cut_alike(&copied.film);
    copied
}

/// A transcoding worker's segments begin where the copied ones do.
fn is_cut_alike(film: &Film) {
    let map = &film.map;
    let segments = film.segments(0);
    assert_eq!(segments.len() as u32, map.segments());
    for (segment, number) in segments.iter().zip(0..) {
        let reading = read(&segment.bytes);
        reading.assert_closed();
        assert_eq!(reading.random_access, 1, "one keyframe in segment {number}");
        let begins = Ticks(reading.video[0].pts);
        let frame = map.rate().ticks_at(1);
        assert!((begins - map.cut(number)).0.abs() * 2 <= frame.0 + 1, "{begins} {number}");
    }
    read(&joined(&segments)).assert_audio_is_unbroken();
    let last = map.segments() - 1;
    let others = film.segments(last);
    let times =
        |s: &Segment| read(&s.bytes).video.iter().map(|p| (p.pts, p.dts)).collect::<Vec<_>>();
    assert_eq!(times(&segments[last as usize]), times(&others[0]));
}

#[rstest]
#[case::x264_mp4_of_1_s("film.mp4", "25", "-g 25 -bf 2 -c:a aac -ac 2")]
#[case::x264_mp4_of_2_s(
    "film.mp4",
    "24000/1001",
    "-g 48 -bf 3 -b-pyramid normal -refs 4 -c:a aac -ac 2"
)]
#[case::x264_mp4_of_8_s(
    "film.mp4",
    "30",
    "-g 240 -keyint_min 240 -sc_threshold 0 -bf 2 -c:a aac -ac 2"
)]
#[case::x264_mkv_of_1_s("film.mkv", "24000/1001", "-g 24 -bf 2 -c:a aac -ac 2")]
#[case::x264_mkv_of_4_s("film.mkv", "50", "-g 200 -bf 3 -c:a aac -ac 2")]
#[case::x264_mkv_of_8_s(
    "film.mkv",
    "25",
    "-g 200 -keyint_min 200 -sc_threshold 0 -bf 2 -c:a ac3 -ac 2"
)]
#[case::web_download(
    "film.mp4",
    "30000/1001",
    "-g 150 -bf 3 -movflags +faststart -c:a aac -ac 2 -ar 44100"
)]
#[case::phone_mov(
    "film.mov",
    "30",
    "-profile:v high -bf 0 -g 30 -video_track_timescale 600 -c:a aac -ac 1 -ar 44100"
)]
#[case::fragmented_mp4(
    "film.mp4",
    "25",
    "-g 50 -bf 2 -movflags frag_keyframe+empty_moov -c:a aac -ac 2"
)]
#[case::flv("film.flv", "25", "-g 50 -bf 2 -c:a aac -ac 2")]
#[case::transport_stream("film.ts", "25", "-g 50 -bf 2 -c:a aac -ac 2")]
#[case::pcm_sound("film.mkv", "25", "-g 60 -bf 2 -c:a pcm_s16le")]
#[case::mp3_sound("film.mp4", "25", "-g 60 -bf 2 -c:a libmp3lame -ac 2")]
#[case::cavlc_baseline("film.mp4", "25", "-profile:v baseline -g 50 -c:a aac -ac 2")]
#[case::without_sound("film.mp4", "25", "-g 50 -bf 2 -an")]
fn what_must_be_copied_is(#[case] name: &str, #[case] rate: &str, #[case] encode: &str) {
    let folder = folder();
    let path = folder.path().join(name);
    make(&path, rate, "21", &format!("-c:v libx264 -preset ultrafast {encode} -shortest"));
    is_copied(&path, folder.path());
}

#[test]
fn sound_that_players_take_is_copied_too() {
    let folder = folder();
    for (name, encode, treatment) in [
        ("a.mp4", "-c:a aac -ac 2", Treatment::Copied),
        ("b.mkv", "-c:a aac -ac 2", Treatment::Copied),
        ("c.mp4", "-c:a aac -ac 2 -ar 44100", Treatment::CopiedVideo),
        ("d.mkv", "-c:a ac3", Treatment::CopiedVideo),
    ] {
        let path = folder.path().join(name);
        make(
            &path,
            "25",
            "9",
            &format!("-c:v libx264 -preset ultrafast -g 50 -bf 2 {encode} -shortest"),
        );
        assert_eq!(Copied::at(&path).unwrap().treatment, treatment, "{name}");
    }
}

#[test]
fn a_stream_of_uneven_rate_is_copied() {
    let folder = folder();
    let (even, uneven) = (folder.path().join("even.mp4"), folder.path().join("uneven.mkv"));
    make(&even, "25", "16", "-c:v libx264 -preset ultrafast -g 50 -bf 2 -c:a aac -ac 2 -shortest");
    let drop = "-vf select='not(eq(mod(n\\,7)\\,3))' -fps_mode vfr -c:v libx264 -preset ultrafast \
                -g 40 -bf 2 -c:a copy";
    convert(&even, "", drop, &uneven);
    let copied = Copied::at(&uneven).unwrap();
    let first = copied.segments(0);
    for (ours, theirs) in first[1..].iter().zip(&copied.segments(1)) {
        assert_alike(ours, theirs, copied.treatment, "of an uneven rate");
    }
}

#[rstest]
#[case::open_groups(
    "film.mp4",
    "-g 50 -bf 2 -x264-params open-gop=1",
    "groups of pictures are open|no keyframe for"
)]
#[case::keyframes_too_far_apart(
    "film.mp4",
    "-g 1000 -keyint_min 1000 -sc_threshold 0",
    "no keyframe for"
)]
#[case::ten_bits("film.mkv", "-g 50 -pix_fmt yuv420p10le", "not 8-bit 4:2:0")]
#[case::another_codec("film.mp4", "-c:v mpeg4 -g 50", "not H.264")]
#[case::turned("film.mp4", "-g 50 -metadata:s:v rotate=90", "must be turned")]
fn what_cannot_be_copied_says_why(#[case] name: &str, #[case] encode: &str, #[case] why: &str) {
    let folder = folder();
    let (plain, path) = (folder.path().join("plain.mp4"), folder.path().join(name));
    make(&plain, "25", "21", "-c:v libx264 -preset ultrafast -g 50 -c:a aac -ac 2 -shortest");
    if encode.contains("rotate") {
        convert(&plain, "", "-c copy -metadata:s:v rotate=90", &path);
    } else {
        make(
            &path,
            "25",
            "21",
            &format!("-c:v libx264 -preset ultrafast {encode} -c:a aac -ac 2 -shortest"),
        );
    }
    let reason = Copied::at(&path).err().map(|reason| reason.to_string()).unwrap_or_default();
    assert!(why.split('|').any(|part| reason.contains(part)), "{reason:?}");
}

#[rstest]
#[case::without_b_frames("-bf 0")]
#[case::with_a_pyramid("-bf 3 -b-pyramid normal")]
fn slates_stand_in_within_a_copied_film(#[case] frames: &str) {
    let folder = folder();
    let path = folder.path().join("film.mkv");
    let encode = format!("-c:v libx264 -preset ultrafast -g 50 {frames} -c:a aac -ac 2 -shortest");
    make(&path, "24000/1001", "21", &encode);
    let copied = Copied::at(&path).unwrap();
    let (map, treatment) = (copied.film.map.clone(), copied.treatment);
    assert_eq!(treatment, Treatment::Copied);
    let slate = slate_of(map.rate());
    let reorder = map.cut_list().unwrap().reorder() as u64;
    let made = copied.segments(0);

    // A worker dies within the second segment; slate completes it and is the third.
    let output = copied.worker(Position::of(&map, treatment, 0));
    let handover = Handover::of(&map, treatment, 0);
    let (mut segmenter, mut out) =
        (Segmenter::resume_as(map.clone(), treatment, handover), Vec::new());
    segmenter.push(&output[..output.len() * 3 / 10], &mut out).unwrap();
    let handover = segmenter.into_handover();
    let broken = handover.position().segment;
    assert!(handover.is_growing() && handover.position().frame > 0);
    slate.complete(&map, treatment, handover, &mut out).unwrap();
    let mut troubled = whole(&out);
    assert_eq!(troubled.len() as u32, broken + 1);
    troubled.push(slate.segment(&map, treatment, broken + 1, reorder).unwrap());
    troubled.extend_from_slice(&made[broken as usize + 2..]);
    let reading = read(&joined(&troubled));
    reading.assert_closed();
    let frame = map.rate().ticks_at(1).0;
    let mut shown: Vec<i64> = reading.video.iter().map(|pes| pes.pts).collect();
    shown.sort_unstable();
    // Pictures of the file are not on the grid of the slate: up to a tick here.
    let gaps = shown.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.clone().all(|gap| (gap - frame).abs() <= frame / 2 + 1), "{:?}", gaps.max());
    let sounds = reading.audio.windows(2).map(|pair| pair[1].pts - pair[0].pts);
    assert!(sounds.clone().all(|gap| (gap - 1_920).abs() <= 960), "{:?}", sounds.max());
    let on_air = on_the_channel(troubled.iter().map(|segment| (segment, Ticks(900_480))));
    decoded(&on_air, folder.path());
}
