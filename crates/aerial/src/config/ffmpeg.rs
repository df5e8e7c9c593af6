//! `[ffmpeg]`: how FFmpeg is used.

use std::path::PathBuf;

use aerial_model::command::Tuning;
use aerial_model::encoder::Choice;
use serde::{Deserialize, Serialize};

use super::units::Within;

/// `[ffmpeg]`: how FFmpeg is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ffmpeg {
    /// The `ffmpeg` to use; default: the one in `PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// The `ffprobe` to use; default: the one beside `ffmpeg`, else in `PATH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ffprobe: Option<PathBuf>,
    /// Threads of each decoder and encoder, 1 to 64; default 2.
    pub threads: Within<1, 64>,
    /// How nice FFmpeg is to other programs, 0 to 19; default 5.
    pub niceness: Within<0, 19>,
    /// What encodes: `auto` (the first that works of those that follow), `nvenc`,
    /// `qsv`, `vaapi`, `videotoolbox`, `amf`, `v4l2` or `x264`; default `auto`.
    pub encoder: Choice,
    /// Whether FFmpeg runs in a sandbox (Linux): `auto`, as far as the system has one,
    /// `on`, not without one, or `off`; default `auto`.
    pub sandbox: Sandbox,
}

/// Whether FFmpeg runs in a sandbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sandbox {
    /// As far as the system has one.
    #[default]
    Auto,
    /// Not without one.
    On,
    /// Without.
    Off,
}

impl Default for Ffmpeg {
    fn default() -> Self {
        Self {
            path: None,
            ffprobe: None,
            threads: Within::of::<2>(),
            niceness: Within::of::<5>(),
            encoder: Choice::Auto,
            sandbox: Sandbox::Auto,
        }
    }
}

impl Ffmpeg {
    /// How hard encoders try.
    pub fn tuning(&self) -> Tuning {
        let threads = u8::try_from(self.threads.get()).unwrap_or(u8::MAX);
        Tuning { threads, ..Tuning::default() }
    }
}
