//! What a world is made with, and what its FFmpeg does: the real thing, or a script.

use std::path::PathBuf;

use aerial::clock::Clock;
use aerial::db::SlateRange;
use aerial::stream::store::Limits;
use aerial_model::capacity::Limit;
use aerial_model::command::Speed;
use aerial_model::encoder::Hardware;
use serde_json::{Value, json};

use super::plan::Plan;
use super::{NOW, PIXELS};
use crate::media::which;

/// What a world is made with.
pub(crate) struct Setting {
    pub(crate) clock: Clock,
    pub(crate) channels: Vec<Plan>,
    /// What FFmpeg does with workers; slates are made by the real one.
    pub(crate) workers: Value,
    /// What it does with slates; `null`: the same as with workers.
    pub(crate) slates: Value,
    pub(crate) limits: Limits,
    /// How much may be encoded at once.
    pub(crate) limit: Limit,
    /// The device that encodes.
    pub(crate) hardware: Option<Hardware>,
    /// How hard encoders are to try.
    pub(crate) speed: Speed,
    /// How many workers may build up a buffer at once.
    pub(crate) turns: usize,
    /// Where segments are kept; `None`: in a folder of its own.
    pub(crate) segments: Option<PathBuf>,
    /// What a server before this one wrote down.
    pub(crate) slated: Vec<SlateRange>,
}

/// The real FFmpeg, whatever it is asked for.
pub(crate) fn real() -> Value {
    json!([{ "run": ffmpeg() }])
}

/// The real FFmpeg's output up to a point, then this.
pub(crate) fn relay(bytes: u64, then: Value) -> Value {
    let mut steps = vec![json!({ "relay": { "program": ffmpeg(), "bytes": bytes } })];
    steps.extend(then.as_array().unwrap().iter().cloned());
    Value::Array(steps)
}

/// The real FFmpeg at a pace, in bytes per second.
pub(crate) fn paced(pace: u64) -> Value {
    let relay = json!({ "program": ffmpeg(), "bytes": u64::MAX, "bytes_per_second": pace });
    json!([{ "relay": relay }])
}

fn ffmpeg() -> PathBuf {
    std::env::var_os("AERIAL_TEST_FFMPEG").map_or_else(|| which("ffmpeg"), PathBuf::from)
}

impl Setting {
    /// One channel, a clock that stands at [`NOW`], and the real FFmpeg.
    pub(crate) fn of(plan: Plan) -> Self {
        Self {
            clock: Clock::simulated(NOW),
            channels: vec![plan],
            workers: json!([{ "steps": real() }]),
            slates: real(),
            limits: Limits { bytes: 1 << 30, free_floor_bytes: 0 },
            limit: Limit::Set { encodes: 1_000, pixels: PIXELS },
            turns: 8,
            hardware: None,
            speed: Speed::Ultrafast,
            segments: None,
            slated: Vec::new(),
        }
    }

    pub(crate) fn and(mut self, plan: Plan) -> Self {
        self.channels.push(plan);
        self
    }

    pub(crate) fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// So many encodes at once.
    pub(crate) fn encodes(self, encodes: u32) -> Self {
        Self { limit: Limit::Set { encodes, pixels: PIXELS }, ..self }
    }

    /// The first workers do these things, one after the other, all later ones
    /// the last.
    pub(crate) fn workers(self, turns: &[Value]) -> Self {
        let last = turns.len() - 1;
        let cases = turns.iter().enumerate().map(|(turn, steps)| {
            if turn == last {
                json!({ "steps": steps })
            } else {
                json!({ "times": 1, "steps": steps })
            }
        });
        Self { workers: cases.collect(), ..self }
    }
}

/// A program beside its script, which notes each worker's command line first.
pub(super) fn write_script(folder: &tempfile::TempDir, setting: &Setting) -> PathBuf {
    let program = folder.path().join("ffmpeg");
    let stand_in = std::path::Path::new(env!("CARGO_BIN_EXE_aerial")).with_file_name("fakeff");
    assert!(stand_in.exists(), "run `cargo build -p fakeff` first");
    std::os::unix::fs::symlink(stand_in, &program).unwrap();
    let log = json!({ "log_args": folder.path().join("workers.log") });
    let mut cases = Vec::new();
    if !setting.slates.is_null() {
        for source in ["smptehdbars", "color=c=0x10182a", "matroska"] {
            cases.push(json!({ "when": [source], "steps": setting.slates }));
        }
    }
    for case in setting.workers.as_array().unwrap() {
        let mut case = case.clone();
        case["steps"].as_array_mut().unwrap().insert(0, log.clone());
        cases.push(case);
    }
    let script = json!({ "cases": cases }).to_string();
    std::fs::write(folder.path().join("ffmpeg.json"), script).unwrap();
    program
}
