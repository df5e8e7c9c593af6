//! What FFmpeg is told of a device's encoder.
//!
//! Owns the options that pin what players see, and the presets. What a device is
//! set up with is its own (`Hardware`). Invariant: profile, level, B-frames and
//! keyframes are said in full, so that any run gives what any other gives.

use super::Encoder;
use crate::level::Level;
use crate::tuning::Speed;

impl Encoder {
    /// The options of a device that pin what players see, and how hard it tries.
    ///
    /// No B-frames anywhere: whether and how a device uses them differs from one
    /// generation to the next, and with it the order of pictures.
    pub(crate) fn options(self, level: Level, speed: Speed) -> String {
        let own = match self {
            Self::Nvenc => format!(
                "-preset {} -tune hq -rc vbr -level:v {level} -coder cabac -rc-lookahead 0 \
                 -spatial-aq 1 -no-scenecut 1 -forced-idr 1 -strict_gop 1 -a53cc 0 -dpb_size 1 \
                 -pix_fmt yuv420p",
                nvenc_preset(speed)
            ),
            Self::Qsv => format!(
                "-preset {} -level:v {} -refs 1 -look_ahead 0 -adaptive_i 0 -adaptive_b 0 \
                 -forced_idr 1 -idr_interval 0 -a53cc 0 -pix_fmt nv12",
                speed_in(speed, ["veryfast", "veryfast", "faster", "fast", "medium"]),
                level.0
            ),
            Self::Vaapi => {
                // What `quality` means is the driver's; the middle is what all have.
                format!("-level:v {} -refs 1 -coder cabac -idr_interval 0", level.0)
            }
            Self::VideoToolbox => format!(
                "-level:v {level} -coder cabac -allow_sw 0 -realtime 0 -a53cc 0 -pix_fmt nv12"
            ),
            Self::Amf => format!(
                "-usage transcoding -quality {} -rc vbr_peak -level:v {level} -coder cabac \
                 -refs 1 -pix_fmt nv12",
                speed_in(speed, ["speed", "speed", "balanced", "balanced", "quality"])
            ),
            Self::V4l2 => format!(
                "-level:v {} -num_capture_buffers 16 -num_output_buffers 16 -pix_fmt yuv420p",
                level.0
            ),
            Self::X264 => String::new(),
        };
        // Its wrapper has no names for profiles; 100 is High (ITU-T H.264, annex A).
        let profile = if self == Self::V4l2 { "100" } else { "high" };
        format!("-profile:v {profile} -bf 0 {own}")
    }
}

fn nvenc_preset(speed: Speed) -> &'static str {
    speed_in(speed, ["p1", "p2", "p4", "p5", "p6"])
}

fn speed_in(speed: Speed, names: [&'static str; 5]) -> &'static str {
    let place = Speed::ALL.iter().position(|known| *known == speed);
    names[place.unwrap_or(0)]
}
