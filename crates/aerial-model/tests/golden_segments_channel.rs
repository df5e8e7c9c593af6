//! Segments of the real FFmpeg: whoever makes them, they join.

// The ban is for the server, whose processes need an owner; a test waits for
// each of its own.
#![allow(clippy::disallowed_methods)]
// In tests a panic is the verdict; helpers are no `#[test]` functions.
#![allow(clippy::unwrap_used)]

mod reading;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aerial_model::mpegts::{Demuxer, VideoCodec, restamp};
use aerial_model::segment::Segment;
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::slate::Slate;
use aerial_model::segmenter::{Handover, Output, Position, Segmenter, WORKER_TS_OFFSET};
use aerial_model::time::{FrameRate, Ticks};
use reading::{Reading, read};

const FILM: (u32, u32) = (24_000, 1_001);
const RATES: [(u32, u32); 6] = [FILM, (24, 1), (25, 1), (30_000, 1_001), (50, 1), (60_000, 1_001)];

fn seconds(ticks: Ticks) -> String {
    let micros = (ticks.0 * 100 + 4) / 9;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn run(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg is installed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments:?}: {errors}");
    output.stdout
}

/// A file of that rate and length with B-frames and a tone, and its map.
struct Source {
    file: PathBuf,
    map: SegmentMap,
}

impl Source {
    fn made(name: &str, (num, den): (u32, u32), milliseconds: i64) -> Self {
        let rate = FrameRate::new(num, den).unwrap();
        let map = SegmentMap::uniform(rate, Ticks::from_millis(milliseconds)).unwrap();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.mp4"));
        let length = seconds(map.end());
        let video = format!("testsrc2=s=160x90:r={rate}:d={length}");
        let audio = format!("sine=f=440:r=44100:d={length}");
        let path = file.to_str().unwrap();
        let encode = "-c:v libx264 -preset ultrafast -bf 3 -g 40 -pix_fmt yuv420p -c:a aac";
        let inputs = ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
        run(&[&inputs[..], &encode.split(' ').collect::<Vec<_>>(), &[path]].concat());
        Self { file, map }
    }

    /// The whole output of a worker started at `position`: the command line of
    /// the engine's workers, with a fast preset.
    fn worker(&self, position: Position) -> Vec<u8> {
        let (map, rate) = (&self.map, self.map.rate());
        let start = rate.ticks_at(position.frame);
        let t = seconds(start);
        // The largest multiple of 1024 samples a quarter second before.
        let first_sample = (start.min(position.audio).0 - 22_500).max(0) / 1_920 * 1_024;
        let last_sample = map.end().0 * 8 / 15;
        let filter = format!(
            "[0:v:0]settb=1/90000,fps={rate}:round=near:start_time={t},\
             tpad=stop=-1:stop_mode=clone,trim=end_pts={frames},format=yuv420p[v];\
             [0:a:0]aresample=48000,aformat=channel_layouts=stereo,\
             aresample=48000:async=1:min_hard_comp=0.001:first_pts={first_sample},\
             atrim=start_pts={first_sample}[x];\
             anullsrc=r=48000:cl=stereo:n=1024,asetpts=PTS+{first_sample},\
             atrim=end_pts={last_sample}[n];\
             [n][x]amix=inputs=2:duration=first:normalize=0:dropout_transition=0,\
             asetnsamples=n=1024:p=0[a]",
            frames = map.frames(),
        );
        let cuts = (0..map.segments()).map(|n| map.cut(n)).filter(|cut| *cut > start);
        let keyframes: Vec<String> = std::iter::once(start).chain(cuts).map(seconds).collect();
        let keyframes = keyframes.join(",");
        let seek = start - Ticks::from_millis(300);
        let seek_to = seconds(seek);
        let mut arguments = vec!["-copyts", "-start_at_zero"];
        if seek > Ticks::ZERO {
            arguments.extend(["-noaccurate_seek", "-ss", &seek_to]);
        }
        arguments.extend(["-i", self.file.to_str().unwrap(), "-filter_complex", &filter]);
        let rest = "-map [v] -map [a] -c:v libx264 -preset ultrafast -bf 3 -threads 2 -g 1000 \
                    -sc_threshold 0 -flags +cgop -c:a aac -ac 2 -b:a 96k -f mpegts -muxdelay 0 \
                    -muxpreload 0 -avoid_negative_ts disabled -pes_payload_size 0 \
                    -flush_packets 0 -output_ts_offset 10 -force_key_frames";
        arguments.extend(rest.split_whitespace());
        arguments.extend([&keyframes, "pipe:1"]);
        run(&arguments)
    }

    /// The segments of a worker started at `segment`, to the end.
    fn segments(&self, segment: u32) -> Vec<Segment> {
        let mut out = Vec::new();
        let mut segmenter = Segmenter::new(self.map, segment);
        for piece in self.worker(Position::at(&self.map, segment)).chunks(65_536) {
            segmenter.push(piece, &mut out).unwrap();
        }
        let finished = segmenter.finish(&mut out).unwrap();
        assert!(finished.complete, "{finished:?}");
        whole(&out)
    }
}

/// The segments in what a segmenter gave.
fn whole(out: &[Output]) -> Vec<Segment> {
    let mut segments = Vec::new();
    let mut chunks = Vec::new();
    for output in out {
        match output {
            Output::Opened { .. } => assert!(chunks.is_empty()),
            Output::Chunk { chunk, .. } => chunks.push(chunk.clone()),
            Output::Closed { .. } => {
                segments.push(Segment::from_chunks(&std::mem::take(&mut chunks)));
            }
        }
    }
    segments
}

/// Video PTS and DTS and audio PTS: what must agree at joins.
fn times(segment: &Segment) -> (Vec<(i64, i64)>, Vec<i64>) {
    let reading = read(&segment.bytes);
    reading.assert_closed();
    (
        reading.video.iter().map(|pes| (pes.pts, pes.dts)).collect(),
        reading.audio.iter().map(|pes| pes.pts).collect(),
    )
}

fn joined(segments: &[Segment]) -> Vec<u8> {
    segments.iter().flat_map(|segment| segment.bytes.to_vec()).collect()
}

/// Checks a whole item's segments, from its start to its end.
fn assert_whole(map: &SegmentMap, segments: &[Segment]) -> Reading {
    let reading = read(&joined(segments));
    let expected: Vec<i64> = (0..map.frames()).map(|frame| map.rate().ticks_at(frame).0).collect();
    assert_eq!(reading.shown(), expected);
    reading.assert_audio_is_unbroken();
    assert_eq!(reading.audio[0].pts, 0);
    assert_eq!(reading.audio.len() as i64 * 1_920, map.end().round_up_to_audio_frame().0);
    reading
}

/// FFmpeg decodes it all and has nothing to say: frames of video and audio.
fn decoded(bytes: &[u8]) -> (usize, usize) {
    let arguments = "-map 0:v -map 0:a -enc_time_base 1:90000 -fps_mode passthrough -f framecrc -";
    let lines = String::from_utf8(played(bytes, arguments)).unwrap();
    let of = |stream: &str| lines.lines().filter(|line| line.starts_with(stream)).count();
    (of("0,"), of("1,"))
}

/// What FFmpeg makes of a stream without a complaint.
fn played(bytes: &[u8], arguments: &str) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "warning", "-i", "-"])
        .args(arguments.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ffmpeg is installed");
    let mut input = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let feeder = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(complaints, "", "FFmpeg complains");
    output.stdout
}

/// Each item after the one before, as a channel's ledger places them.
fn on_the_channel<'a>(
    items: impl Iterator<Item = (&'a SegmentMap, &'a [Segment])>,
) -> (Vec<u8>, Ticks) {
    let mut bytes = Vec::new();
    let mut at = Ticks::ZERO;
    for (map, segments) in items {
        for segment in segments {
            let mut moved = segment.bytes.to_vec();
            restamp(&mut moved, &segment.stamps, at);
            bytes.extend_from_slice(&moved);
        }
        at += map.end().round_up_to_audio_frame();
    }
    (bytes, at)
}

#[test]
fn workers_started_at_any_segment_give_segments_that_join() {
    for (n, rate) in [FILM, (60_000, 1_001)].into_iter().enumerate() {
        let source = Source::made(&format!("joins-{n}"), rate, 16_500);
        let map = &source.map;
        let whole = source.segments(0);
        assert_eq!(whole.len(), 5);
        let reading = assert_whole(map, &whole);
        assert_eq!(reading.random_access, 5);
        assert!(reading.video.iter().any(|pes| pes.pts > pes.dts), "B-frames reorder");
        for start in [2, map.segments() - 2] {
            let others = source.segments(start);
            for (ours, theirs) in whole[start as usize..].iter().zip(&others) {
                assert_eq!(times(ours), times(theirs), "rate {rate:?}, started at {start}");
            }
            let mut spliced = whole[..start as usize].to_vec();
            spliced.extend(others);
            let reading = assert_whole(map, &spliced);
            let frames = (map.frames() as usize, reading.audio.len());
            assert_eq!(decoded(&joined(&spliced)), frames);
        }
    }
}

#[test]
fn a_successor_continues_in_the_middle_of_a_growing_segment() {
    let source = Source::made("successor", (25, 1), 9_000);
    let map = source.map;
    let output = source.worker(Position::at(&map, 0));
    let expected: Vec<_> = source.segments(0).iter().map(times).collect();
    for part in [2, 11, 30, 44, 57, 70, 93] {
        let mut out = Vec::new();
        let mut first = Segmenter::new(map, 0);
        first.push(&output[..output.len() * part / 100], &mut out).unwrap();
        let handover = first.into_handover();
        let position = handover.position();
        let mut second = Segmenter::resume(map, handover);
        second.push(&source.worker(position), &mut out).unwrap();
        let finished = second.finish(&mut out).unwrap();
        assert!(finished.complete, "{position:?}: {finished:?}");
        let segments = whole(&out);
        let reading = assert_whole(&map, &segments);
        assert_eq!(decoded(&joined(&segments)), (map.frames() as usize, reading.audio.len()));
        // Which pictures are B-frames after the join differs, not when they are shown.
        let (shown, sound): (Vec<_>, Vec<_>) = segments.iter().map(times).unzip();
        let (all_shown, all_sound): (Vec<_>, Vec<_>) = expected.iter().cloned().unzip();
        assert_eq!(sound, all_sound);
        let decoding = |times: &[Vec<(i64, i64)>]| -> Vec<i64> {
            times.concat().into_iter().map(|(_, dts)| dts).collect()
        };
        assert_eq!(decoding(&shown), decoding(&all_shown));
    }
}

#[test]
fn segments_in_random_order_play_without_a_warning() {
    let source = Source::made("shuffled", FILM, 14_000);
    let segments = source.segments(0);
    let mut state = 7u32;
    let mut at = Ticks::ZERO;
    let mut bytes = Vec::new();
    let (mut frames, mut sounds) = (0, 0);
    for _ in 0..14 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let index = (state >> 16) % source.map.segments();
        let segment = &segments[index as usize];
        let mut moved = segment.bytes.to_vec();
        restamp(&mut moved, &segment.stamps, at - source.map.cut(index));
        bytes.extend_from_slice(&moved);
        at += source.map.segment_length(index).round_up_to_audio_frame();
        let (video, audio) = times(segment);
        frames += video.len();
        sounds += audio.len();
    }
    assert_eq!(decoded(&bytes), (frames, sounds));
    // With the 1/rate time base of `-f null` alone it would round times itself.
    played(&bytes, "-enc_time_base 1:90000 -f null -");
}

#[test]
fn every_pair_of_rates_meets_at_an_item_boundary() {
    let items: Vec<(SegmentMap, Vec<Segment>)> = RATES
        .iter()
        .enumerate()
        .map(|(n, rate)| {
            let source = Source::made(&format!("pair-{n}"), *rate, 1_300);
            (source.map, source.segments(0))
        })
        .collect();
    let pairs = (0..items.len()).flat_map(|a| (0..items.len()).flat_map(move |b| [a, b]));
    let (bytes, end) = on_the_channel(pairs.map(|n| (&items[n].0, &items[n].1[..])));
    let reading = read(&bytes);
    reading.assert_closed();
    reading.assert_audio_is_unbroken();
    assert_eq!(reading.audio.len() as i64 * 1_920, end.0);
    assert_eq!(decoded(&bytes), (reading.video.len(), reading.audio.len()));
}

/// A clip of a still, as slates are made of.
fn still(rate: FrameRate) -> Slate {
    let video = format!("color=c=0x203040:s=160x90:r={rate}:d=5");
    let encode = "-c:v libx264 -preset ultrafast -bf 0 -g 1000 -pix_fmt yuv420p -c:a aac -f mpegts \
                  -pes_payload_size 0 pipe:1";
    let inputs =
        ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", "anullsrc=r=48000:cl=stereo:d=1"];
    let clip = run(&[&inputs[..], &encode.split_whitespace().collect::<Vec<_>>()].concat());
    let mut demuxer = Demuxer::new(WORKER_TS_OFFSET);
    demuxer.push(&clip);
    demuxer.finish();
    let units: Vec<_> = std::iter::from_fn(|| demuxer.next_unit()).map(Result::unwrap).collect();
    Slate::from_clip(rate, VideoCodec::H264, &units).unwrap()
}

#[test]
fn slates_stand_before_after_and_inside_a_programme() {
    let source = Source::made("slates", (25, 1), 9_000);
    let (map, segments) = (source.map, source.segments(0));
    let slate = still(map.rate());

    // A worker dies at a third; the slate completes its segment and is the next.
    let output = source.worker(Position::at(&map, 0));
    let mut out = Vec::new();
    let mut segmenter = Segmenter::new(map, 0);
    segmenter.push(&output[..output.len() / 4], &mut out).unwrap();
    let handover = segmenter.into_handover();
    assert!(handover.is_growing() && handover.position().segment == 0);
    slate.complete(&map, handover, &mut out).unwrap();
    let mut troubled = whole(&out);
    troubled.push(slate.segment(&map, 1, 2).unwrap());
    troubled.push(segments[2].clone());
    assert_whole(&map, &troubled);

    let off_air = SegmentMap::of_frames(map.rate(), 217).unwrap();
    let slates: Vec<Segment> =
        (0..off_air.segments()).map(|index| slate.segment(&off_air, index, 0).unwrap()).collect();
    assert_whole(&off_air, &slates);

    let items = [(&off_air, &slates), (&map, &troubled), (&off_air, &slates), (&map, &segments)];
    let (bytes, end) = on_the_channel(items.into_iter().map(|(map, s)| (map, &s[..])));
    let reading = read(&bytes);
    reading.assert_audio_is_unbroken();
    assert_eq!(reading.audio.len() as i64 * 1_920, end.0);
    assert_eq!(decoded(&bytes), (reading.video.len(), reading.audio.len()));
}

#[test]
fn a_segment_is_handed_to_an_end_before_its_map_ends_and_says_so() {
    let source = Source::made("truncated", (25, 1), 6_000);
    let output = source.worker(Position::at(&source.map, 0));
    let mut segmenter = Segmenter::new(source.map, 0);
    let mut out = Vec::new();
    let half = output.len() / 2 / 188 * 188;
    segmenter.push(&output[..half], &mut out).unwrap();
    let finished = segmenter.finish(&mut out).unwrap();
    assert!(!finished.complete && finished.next.frame < source.map.frames(), "{finished:?}");
    assert_eq!(segmenter.into_handover().position(), finished.next);
}

#[test]
fn a_damaged_real_stream_makes_nothing_panic() {
    let source = Source::made("damaged", (25, 1), 1_500);
    let output = source.worker(Position::at(&source.map, 0));
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
        let mut segmenter = Segmenter::resume(source.map, Handover::at(&source.map, 0));
        let mut out = Vec::new();
        let _ = segmenter.push(&bytes, &mut out).and_then(|()| segmenter.finish(&mut out));
        for segment in whole(&out) {
            assert_eq!(times(&segment).0.len() as u64, source.map.frames());
        }
    }
}
