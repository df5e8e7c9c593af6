//! ffprobe's answers, and what is made of what they say: maps and command lines.

use std::path::Path;

use aerial_model::command::{Filters, Tuning, WorkerRun, worker};
use aerial_model::keyframes::{might_be_copied, sound_must_be_transcoded};
use aerial_model::media::{Entry, MediaFacts};
use aerial_model::probe::{Answer, Probe, Step};
use aerial_model::profile::{Profile, Rendition};

use crate::Target;

pub(crate) const TARGET: Target = Target {
    name: "probe",
    run,
    seeds,
    words: &[
        "\"packets\":[",
        "\"streams\":[",
        "\"format\":{",
        "\"pts\":",
        "\"dts\":",
        "\"duration\":",
        "\"stream_index\":",
        "\"flags\":\"K_\"",
        "\"codec_type\":\"video\"",
        "\"avg_frame_rate\":\"",
        "\"time_base\":\"",
        "\"start_pts\":",
        "\"duration_ts\":",
        "\"rotation\":",
        "\"width\":",
        "0/0",
        "1/0",
        "0/1",
        "24000/1001",
        "4294967295/1",
        "1/4294967295",
        "null",
        "mpegts",
        "matroska,webm",
        "N/A",
        "\u{1e}",
        "\"attached_pic\":1",
        "\"sample_aspect_ratio\":\"0:1\"",
    ],
};

/// Between two answers.
const NEXT: u8 = 0x1e;

/// Runs that one file may need.
const MOST_RUNS: usize = 6;

fn run(input: &[u8]) {
    let mut answers = input.split(|byte| *byte == NEXT);
    let mut last: &[u8] = b"{}";
    // A large file is asked about otherwise than a small one.
    let size = if input.len().is_multiple_of(2) { 1_000 } else { 3 << 30 };
    let mut probe = Probe::new(Path::new("/films/a film.mkv"), size).unwrap();
    for run in 0.. {
        assert!(run < MOST_RUNS, "it asks on and on");
        assert!(probe.arguments().iter().all(|word| word.len() < 10_000));
        last = answers.next().unwrap_or(last);
        match probe.answer(Answer { success: true, stdout: last, stderr: b"" }) {
            Ok(Step::Again(next)) => probe = next,
            Ok(Step::Done(facts)) => return aired(&facts),
            Err(error) => return assert!(!error.to_string().is_empty()),
        }
    }
}

/// What is found is good enough to be planned and made.
fn aired(facts: &MediaFacts) {
    let _ = (might_be_copied(facts), sound_must_be_transcoded(facts), facts.picture_ends_early());
    // What is stored is read again.
    let text = serde_json::to_string(facts).unwrap();
    assert_eq!(serde_json::from_str::<MediaFacts>(&text).unwrap(), *facts);
    // What cannot be entered in its middle is copied first, and that copy probed.
    let Some(map) = facts.uniform_map().filter(|_| facts.entry != Entry::Remux) else { return };
    assert!(map.segments() > 0 && map.end() > aerial_model::time::Ticks::ZERO);
    let profile = Profile::transcoded(Rendition::Height(720), 1_080).unwrap();
    for segment in [0, map.segments() / 2, map.segments() - 1] {
        let arguments = worker(&WorkerRun {
            path: Path::new("/films/a film.mkv"),
            facts,
            map: &map,
            first_frame: map.cut_frame(segment),
            first_audio: map.cut(segment),
            profile: &profile,
            tuning: &Tuning::default(),
            filters: Filters { zscale: true, drawtext: true },
            hardware: None,
        });
        assert!(!arguments.is_empty());
    }
}

/// Of an ordinary film.
pub(crate) fn facts() -> MediaFacts {
    let mut probe = Probe::new(Path::new("/films/a film.mkv"), 1_000).unwrap();
    for answer in [FILM, TAIL, TAIL] {
        let answer = Answer { success: true, stdout: answer.as_bytes(), stderr: b"" };
        match probe.answer(answer).unwrap() {
            Step::Again(next) => probe = next,
            Step::Done(facts) => return *facts,
        }
    }
    panic!("the film is not understood")
}

const FILM: &str = r#"{
  "packets": [
    { "stream_index": 0, "pts": 0, "dts": -1024, "duration": 512, "flags": "K_" },
    { "stream_index": 0, "pts": 512, "dts": -512, "duration": 512, "flags": "__" },
    { "stream_index": 1, "pts": 0, "dts": 0, "duration": 1024, "flags": "K_" }
  ],
  "streams": [
    { "index": 0, "codec_name": "h264", "profile": "High", "codec_type": "video", "width": 1920,
      "height": 1080, "pix_fmt": "yuv420p", "sample_aspect_ratio": "1:1", "field_order": "progressive",
      "color_range": "tv", "color_space": "bt709", "has_b_frames": 2,
      "r_frame_rate": "25/1", "avg_frame_rate": "25/1", "time_base": "1/12800", "start_pts": 0,
      "duration_ts": 128000, "bit_rate": "4000123",
      "side_data_list": [ { "side_data_type": "Display Matrix", "rotation": 0 } ],
      "disposition": { "default": 1, "attached_pic": 0 }, "tags": { "language": "und" } },
    { "index": 1, "codec_name": "aac", "profile": "LC", "codec_type": "audio",
      "sample_rate": "48000", "channels": 2, "channel_layout": "stereo", "time_base": "1/48000",
      "start_pts": 0, "duration_ts": 480000, "disposition": { "default": 0 },
      "tags": { "LANGUAGE": "ENG" } },
    { "index": 2, "codec_name": "mjpeg", "codec_type": "video", "width": 600, "height": 600,
      "disposition": { "default": 1, "attached_pic": 1 } },
    { "index": 3, "codec_name": "mov_text", "codec_type": "subtitle", "tags": { "language": "deu" } }
  ],
  "chapters": [ { "id": 0, "time_base": "1/1000", "start": 0, "end": 4000, "tags": { "title": "One" } } ],
  "format": { "format_name": "mov,mp4,m4a,3gp,3g2,mj2", "start_time": "0.000000",
    "duration": "10.000000", "tags": { "Title": "A Film" } }
}"#;

const TAIL: &str = r#"{ "packets": [
  { "stream_index": 0, "pts": 126976, "dts": 126976, "duration": 512, "flags": "K_" },
  { "stream_index": 0, "pts": 127488, "dts": 127488, "duration": 512, "flags": "__" },
  { "stream_index": 1, "pts": 478976, "dts": 478976, "duration": 1024, "flags": "K_" }
] }"#;

fn seeds() -> Vec<Vec<u8>> {
    let stream = FILM
        .replace("mov,mp4,m4a,3gp,3g2,mj2", "mpegts")
        .replace("1/12800", "1/90000")
        .replace(r#""start_pts": 0"#, r#""start_pts": 90000"#);
    let matroska =
        FILM.replace("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm").replace("10.000000", "7200.04");
    let sound = FILM
        .replace(r#""codec_type": "video", "width": 1920"#, r#""codec_type": "data", "width": 1"#);
    let both = |head: &str, rest: &[&str]| {
        let all: Vec<&str> = std::iter::once(head).chain(rest.iter().copied()).collect();
        all.join("\u{1e}").into_bytes()
    };
    vec![
        both(FILM, &[TAIL]),
        both(&stream, &[TAIL]),
        both(&matroska, &["{}", TAIL, TAIL]),
        both(&sound, &[TAIL]),
        both(FILM, &["{}"]),
    ]
}
