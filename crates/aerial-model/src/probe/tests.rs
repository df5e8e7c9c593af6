//! What is made of ffprobe's answers, also of odd and broken ones.

use proptest::prelude::*;

use super::*;
use crate::media::{Entry, FieldOrder};
use crate::time::FrameRate;

fn answer(stdout: &str) -> Answer<'_> {
    Answer { success: true, stdout: stdout.as_bytes(), stderr: b"" }
}

/// Both answers of a file that needs no more.
fn read(overview: &str, tail: &str) -> Result<MediaFacts, ProbeError> {
    let probe = Probe::new(Path::new("/films/film.mkv"), 1_000)?;
    let mut step = probe.answer(answer(overview))?;
    for _ in 0..4 {
        match step {
            Step::Done(facts) => return Ok(*facts),
            Step::Again(probe) => step = probe.answer(answer(tail))?,
        }
    }
    panic!("four answers and still not done");
}

const MP4: &str = r#"{
  "packets": [
    { "stream_index": 0, "pts": -1024, "dts": -2048, "duration": 512, "flags": "KD" },
    { "stream_index": 0, "pts": 0, "dts": -1536, "duration": 512, "flags": "K_" },
    { "stream_index": 1, "pts": 0, "dts": 0, "duration": 1024, "flags": "K_" }
  ],
  "streams": [
    { "index": 0, "codec_name": "h264", "profile": "High", "codec_type": "video", "width": 1440,
      "height": 1080, "pix_fmt": "yuv420p10le", "sample_aspect_ratio": "4:3", "field_order": "bt",
      "color_range": "tv", "color_space": "bt709", "color_transfer": "unknown",
      "r_frame_rate": "25/1", "avg_frame_rate": "0/0", "time_base": "1/12800", "start_pts": 0,
      "duration_ts": 128000, "bit_rate": "4000123",
      "side_data_list": [ { "side_data_type": "Display Matrix", "rotation": -90 } ],
      "disposition": { "default": 1, "attached_pic": 0 }, "tags": { "language": "und" } },
    { "index": 1, "codec_name": "aac", "profile": "LC", "codec_type": "audio",
      "sample_rate": "48000", "channels": 6, "channel_layout": "5.1", "time_base": "1/48000",
      "start_pts": 0, "duration_ts": 480000, "disposition": { "default": 0 },
      "tags": { "LANGUAGE": "ENG" } },
    { "index": 2, "codec_name": "aac", "codec_type": "audio", "sample_rate": "48000",
      "channels": 2, "time_base": "1/48000", "disposition": { "default": 1 } },
    { "index": 3, "codec_name": "mjpeg", "codec_type": "video", "width": 600, "height": 600,
      "disposition": { "default": 1, "attached_pic": 1 } },
    { "index": 4, "codec_name": "mov_text", "codec_type": "subtitle", "tags": { "language": "deu" } },
    { "index": 5, "codec_type": "data" }
  ],
  "chapters": [ { "id": 0, "time_base": "1/1000", "start": 0, "end": 4000, "tags": { "title": "One" } } ],
  "format": { "format_name": "mov,mp4,m4a,3gp,3g2,mj2", "start_time": "0.000000",
    "duration": "10.000000", "tags": { "Title": "A Film" } }
}"#;

const MP4_TAIL: &str = r#"{ "packets": [
    { "stream_index": 0, "pts": 127488, "dts": 127488, "duration": 512, "flags": "__" },
    { "stream_index": 0, "pts": 126976, "dts": 126976, "duration": 512, "flags": "K_" },
    { "stream_index": 0, "pts": 130000, "dts": 130000, "duration": 512, "flags": "_D" },
    { "stream_index": 2, "pts": 478976, "dts": 478976, "duration": 1024, "flags": "K_" }
] }"#;

#[test]
fn a_film_is_read_in_full() {
    let facts = read(MP4, MP4_TAIL).unwrap();
    insta::assert_json_snapshot!(facts);
    assert_eq!(facts.rate(), FrameRate::PAL);
}

#[test]
fn the_questions_are_bounded() {
    let words = |probe: &Probe| {
        let all = probe.arguments();
        all.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
    };
    let probe = Probe::new(Path::new("-a:b%.mp4"), 1).unwrap();
    insta::assert_snapshot!("first_question", words(&probe));
    let long = MP4.replace(r#""10.000000""#, r#""7200.040000""#);
    let Step::Again(probe) = probe.answer(answer(&long)).unwrap() else { panic!("too soon") };
    insta::assert_snapshot!("last_ten_seconds", words(&probe));
    // Nothing there: cut short.
    let Step::Again(probe) = probe.answer(answer("{}")).unwrap() else { panic!("too soon") };
    insta::assert_snapshot!("search_of_a_cut_file", words(&probe));
    let held = r#"{"packets":[{"stream_index":0,"pts":12800000,"dts":12800000,"flags":"K_"}]}"#;
    let Step::Again(probe) = probe.answer(answer(held)).unwrap() else { panic!("too soon") };
    insta::assert_snapshot!("rest_of_a_cut_file", words(&probe));
    let Step::Done(facts) = probe.answer(answer(held)).unwrap() else { panic!("not done") };
    assert_eq!(facts.length, Ticks(90_000_000 + 3_600));
}

#[test]
fn a_matroska_duration_is_the_end_time() {
    let text = MP4
        .replace("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
        .replace(r#""start_time": "0.000000""#, r#""start_time": "60.000000""#)
        .replace(r#""10.000000""#, r#""100.000000""#);
    let probe = Probe::new(Path::new("a.mkv"), 1).unwrap();
    let Step::Again(probe) = probe.answer(answer(&text)).unwrap() else { panic!("too soon") };
    assert!(probe.arguments().contains(&"90.000000%".into()), "{:?}", probe.arguments());
}

fn transport_stream(dts: impl IntoIterator<Item = i64>, keys: i64) -> (String, String) {
    let overview = MP4
        .replace("mov,mp4,m4a,3gp,3g2,mj2", "mpegts")
        .replace("1/12800", "1/90000")
        .replace(r#""avg_frame_rate": "0/0""#, r#""avg_frame_rate": "25/1""#)
        .replace(r#""start_pts": 0"#, r#""start_pts": 90000"#);
    let packets: Vec<String> = dts
        .into_iter()
        .enumerate()
        .map(|(n, at)| {
            let key = if n as i64 % keys == 0 { "K_" } else { "__" };
            format!(r#"{{"stream_index":0,"pts":{at},"dts":{at},"duration":3600,"flags":"{key}"}}"#)
        })
        .collect();
    (overview, format!(r#"{{"packets":[{}]}}"#, packets.join(",")))
}

fn entry(dts: impl IntoIterator<Item = i64>, keys: i64) -> Entry {
    let (overview, packets) = transport_stream(dts, keys);
    read(&overview, &packets).unwrap().entry
}

#[test]
fn mpeg_ts_is_entered_a_keyframe_gap_and_a_second_before() {
    let frames = || (0..1_000).map(|n| 90_000 + n * 3_600);
    assert_eq!(entry(frames(), 50), Entry::Seek { pre_seek: Ticks::from_secs(3) });
    assert_eq!(entry(frames(), 10_000), Entry::Remux, "a single keyframe");
    assert_eq!(entry(frames().chain(frames()), 50), Entry::Remux, "time goes back");
    let hole = frames().map(|at| if at > 1_000_000 { at + 100_000 } else { at });
    assert_eq!(entry(hole, 50), Entry::Remux, "a hole of over a second");
}

#[test]
fn a_joined_recording_is_as_long_as_its_parts_together_whatever_its_clock_tells() {
    let frames = || (0..1_000).map(|n| 90_000 + n * 3_600);
    let length = |dts: Vec<i64>| {
        let (overview, packets) = transport_stream(dts, 50);
        let facts = read(&overview, &packets).unwrap();
        // This overview has a picture a second before.
        facts.length - facts.video.unwrap().start
    };
    let twice = length(frames().chain(frames()).collect());
    assert_eq!(twice, Ticks::from_secs(80));
    let an_hour_later = frames().map(|at| at + 3_600 * 90_000);
    assert_eq!(length(frames().chain(an_hour_later).collect()), Ticks::from_secs(80));
    // A hole of a few seconds is copied as it is.
    let hole = frames().map(|at| if at > 1_000_000 { at + 3 * 90_000 } else { at });
    assert_eq!(length(hole.collect()), Ticks::from_secs(43));
}

#[test]
fn a_large_mpeg_ts_is_read_in_stretches() {
    let (overview, _) = transport_stream([], 1);
    let overview = overview.replace(r#""10.000000""#, r#""7200.000000""#);
    let probe = Probe::new(Path::new("a.ts"), 8 << 30).unwrap();
    let Step::Again(probe) = probe.answer(answer(&overview)).unwrap() else { panic!("too soon") };
    let Stage::Tail(_, Reach::Places(places)) = &probe.stage else { panic!("{probe:?}") };
    let places = places.clone();
    assert_eq!(places.len(), 12);
    // Each stretch begins at the keyframe before its place and is seen alone.
    let frames = |place: Ticks| (0..400).map(move |n| (place.0 / 90_000 - 1) * 90_000 + n * 3_600);
    let (_, packets) = transport_stream(places.iter().copied().flat_map(frames), 25);
    let Step::Done(facts) = probe.answer(answer(&packets)).unwrap() else { panic!("not done") };
    assert_eq!(facts.entry, Entry::Seek { pre_seek: Ticks::from_secs(3) });
}

#[test]
fn the_sound_decides_the_length_where_it_is_over_a_second_longer() {
    let with_sound_to = |samples: i64| {
        let tail = MP4_TAIL.replace("478976", &samples.to_string());
        read(MP4, &tail).unwrap().length
    };
    assert_eq!(with_sound_to(478_976), Ticks::from_secs(10));
    assert_eq!(with_sound_to(478_976 + 48_000), Ticks::from_secs(10));
    assert_eq!(with_sound_to(478_976 + 48_001).0, Ticks::from_secs(11).0 + 2);
}

#[test]
fn what_cannot_be_played_says_why() {
    let refuse = |text: &str| read(text, "{}").unwrap_err().to_string();
    let covers = r#"{"streams":[{"index":0,"codec_type":"video","codec_name":"png","width":9,
        "height":9,"disposition":{"attached_pic":1}},{"index":1,"codec_type":"audio"}]}"#;
    insta::assert_snapshot!(refuse(covers), @r#""film.mkv" holds no picture or sound that FFmpeg can decode (a cover picture, audio: unknown codec)"#);
    insta::assert_snapshot!(refuse("{}"), @r#""film.mkv" holds no picture or sound that FFmpeg can decode (no streams)"#);
    insta::assert_snapshot!(refuse("<html>"), @r#""film.mkv" was probed, but ffprobe's answer cannot be understood: expected value at line 1 column 1"#);
    let probe = Probe::new(Path::new("a\nb.mkv"), 1).unwrap();
    let stderr = b"[mov @ 0x55d0] moov atom not found\nfile:a\nb.mkv: Invalid data found when processing input\n";
    let error = probe.answer(Answer { success: false, stdout: b"{}", stderr }).unwrap_err();
    insta::assert_snapshot!(error.to_string(), @r#""a\nb.mkv" cannot be read as a video; ffprobe says: Invalid data found when processing input"#);
}

#[test]
fn field_orders_are_those_of_the_fields_shown() {
    let order = |text: &str| {
        let text = MP4.replace(r#""field_order": "bt""#, &format!(r#""field_order": "{text}""#));
        read(&text, MP4_TAIL).unwrap().video.unwrap().field_order
    };
    assert_eq!(order("tt"), FieldOrder::TopFirst);
    assert_eq!(order("tb"), FieldOrder::BottomFirst);
    assert_eq!(order("progressive"), FieldOrder::Progressive);
    assert_eq!(order("unknown"), FieldOrder::Unknown);
}

/// What ffprobe may write where a value is expected, and what it never should.
fn oddity() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\"N/A\"".to_owned()),
        Just("null".to_owned()),
        Just("\"0/0\"".to_owned()),
        Just("\"0:1\"".to_owned()),
        Just("-9223372036854775808".to_owned()),
        Just("9223372036854775807".to_owned()),
        Just("18446744073709551615".to_owned()),
        Just("\"9223372036854.775807\"".to_owned()),
        Just("-0.5e3".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<i32>().prop_map(|n| format!("\"{n}/{}\"", n.wrapping_mul(7))),
        "[ -~]{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ]
}

/// Replaces the `n`th value of the text.
fn mutated(text: &str, n: usize, value: &str) -> String {
    let starts: Vec<usize> = text.match_indices(": ").map(|(at, _)| at + 2).collect();
    let at = starts[n % starts.len()];
    let rest = &text[at..];
    let end = match rest.as_bytes()[0] {
        b'"' => rest[1..].find('"').map_or(rest.len(), |end| end + 2),
        b'{' | b'[' => 0,
        _ => rest.find([',', ' ', '\n', '}']).unwrap_or(rest.len()),
    };
    let gap = if end == 0 { "" } else { value };
    format!("{}{gap}{}", &text[..at], &text[at + end..])
}

proptest! {
    #[test]
    fn whatever_ffprobe_writes_nothing_panics(
        changes in prop::collection::vec((any::<usize>(), oddity()), 1..12),
        tail_changes in prop::collection::vec((any::<usize>(), oddity()), 0..6),
        container in prop::sample::select(vec!["mov,mp4", "matroska,webm", "mpegts", "avi", "h264"]),
        cut in 0usize..3_000,
    ) {
        let mut text = MP4.replace("mov,mp4,m4a,3gp,3g2,mj2", container);
        let mut tail = MP4_TAIL.to_owned();
        for (n, value) in changes {
            text = mutated(&text, n, &value);
        }
        for (n, value) in tail_changes {
            tail = mutated(&tail, n, &value);
        }
        if let Ok(facts) = read(&text, &tail) {
            prop_assert!(facts.length > Ticks::ZERO);
            prop_assert!(facts.uniform_map().is_some());
            let map = facts.uniform_map().unwrap();
            let profile = crate::profile::Profile { width: 640, height: 360, video_kbps: 800, audio_kbps: 128, encoder: crate::encoder::Encoder::X264 };
            let run = crate::command::WorkerRun {
                path: Path::new("a"), facts: &facts, map: &map, first_frame: map.frames() - 1,
                first_audio: map.rate().ticks_at(map.frames() - 1),
                profile: &profile, tuning: &crate::command::Tuning::default(),
                filters: crate::command::Filters { zscale: true, drawtext: true }, hardware: None,
            };
            prop_assert!(crate::command::worker(&run).len() > 20);
        }
        let _ = read(text.get(..cut).unwrap_or(&text), &tail);
    }
}

/// How to enter a file of that container whose first picture is shown at 0.
fn entry_of(container: &str, delays: (i64, i64), rates: (&str, &str), has_b_frames: u8) -> Entry {
    entry_at(container, 0, delays, rates, has_b_frames)
}

/// How to enter a file of that container with keyframes shown so many ticks of
/// 12800 after they are decoded, first and last.
fn entry_at(
    container: &str,
    first: i64,
    delays: (i64, i64),
    rates: (&str, &str),
    has_b_frames: u8,
) -> Entry {
    let packet = |pts: i64, delay: i64| {
        format!(
            r#"{{ "packets": [ {{ "stream_index": 0, "pts": {pts}, "dts": {}, "duration": 512,
            "flags": "K_" }} ]"#,
            pts - delay
        )
    };
    let overview = format!(
        r#"{}, "streams": [ {{ "index": 0, "codec_name": "h264", "codec_type": "video",
        "width": 1280, "height": 720, "r_frame_rate": "{}", "avg_frame_rate": "{}",
        "time_base": "1/12800", "start_pts": 0, "has_b_frames": {has_b_frames} }} ],
        "format": {{ "format_name": "{container}", "start_time": "0", "duration": "20" }} }}"#,
        packet(first, delays.0),
        rates.0,
        rates.1
    );
    read(&overview, &format!("{} }}", packet(200_000, delays.1))).unwrap().entry
}

#[test]
fn a_seek_is_exact_only_where_its_landing_can_be_foretold() {
    const MOV: &str = "mov,mp4,m4a,3gp,3g2,mj2";
    let cfr = ("25/1", "25/1");
    let exact = |entry: Entry| match entry {
        Entry::SeekExactly { picture, .. } => Some(picture),
        _ => None,
    };
    // With an edit list, as most are written: decoded from two frames before 0.
    assert_eq!(exact(entry_of(MOV, (1_024, 1_024), cfr, 2)), Some(Ticks::ZERO));
    assert_eq!(exact(entry_of(MOV, (0, 0), cfr, 0)), Some(Ticks::ZERO));
    assert_eq!(exact(entry_of(MOV, (1_024, 512), cfr, 2)), None, "the delay changes");
    // Without: decoded from 0, shown two frames of 3600 ticks later.
    let late = entry_at(MOV, 1_024, (1_024, 1_024), cfr, 2);
    assert_eq!(exact(late), Some(Ticks(-7_200)));
    assert_eq!(exact(entry_of(MOV, (1_024, 1_024), ("30/1", "25/1"), 2)), None, "no single rate");
    // By the time of showing, less what FFmpeg allows for.
    assert_eq!(exact(entry_of("matroska,webm", (0, 0), cfr, 2)), Some(Ticks(11_739)));
    assert_eq!(exact(entry_of("matroska,webm", (0, 0), cfr, 0)), Some(Ticks::ZERO));
    assert_eq!(exact(entry_of("avi", (0, 0), cfr, 0)), None);
}
