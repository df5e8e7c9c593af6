//! Encoders: what turns pictures into H.264, in software or on a device.
//!
//! Owns their names, the order in which they are preferred, and what each is told
//! (`options`); what their complaints mean (`fault`). Does not try them (the
//! self-test does) and composes no whole command line (`command`). Invariant: each
//! is told profile, level, B-frames and keyframes in full, so that any run of it
//! continues any other.

mod breaker;
mod fault;
mod options;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use breaker::Breaker;
pub use fault::DeviceFault;

/// What encodes.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Encoder {
    /// NVIDIA's cards.
    Nvenc,
    /// Intel's Quick Sync Video.
    Qsv,
    /// The video interface of Linux: Intel and AMD.
    Vaapi,
    /// Apple's.
    VideoToolbox,
    /// AMD's own interface.
    Amf,
    /// The codecs of single-board computers.
    V4l2,
    /// x264: software, on any machine.
    #[default]
    X264,
}

/// Not an encoder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no encoder: use nvenc, qsv, vaapi, videotoolbox, amf, v4l2 or x264")]
pub struct BadEncoder(String);

impl Encoder {
    /// All of them, the preferred first (`docs/encoders.md`).
    pub const ALL: [Self; 7] = [
        Self::Nvenc,
        Self::Qsv,
        Self::Vaapi,
        Self::VideoToolbox,
        Self::Amf,
        Self::V4l2,
        Self::X264,
    ];

    /// As settings and the API call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nvenc => "nvenc",
            Self::Qsv => "qsv",
            Self::Vaapi => "vaapi",
            Self::VideoToolbox => "videotoolbox",
            Self::Amf => "amf",
            Self::V4l2 => "v4l2",
            Self::X264 => "x264",
        }
    }

    /// As FFmpeg calls it.
    pub const fn ffmpeg_name(self) -> &'static str {
        match self {
            Self::Nvenc => "h264_nvenc",
            Self::Qsv => "h264_qsv",
            Self::Vaapi => "h264_vaapi",
            Self::VideoToolbox => "h264_videotoolbox",
            Self::Amf => "h264_amf",
            Self::V4l2 => "h264_v4l2m2m",
            Self::X264 => "libx264",
        }
    }

    /// Whether it is a device, which can be busy, full or gone.
    pub const fn is_device(self) -> bool {
        !matches!(self, Self::X264)
    }

    /// Whether it can decode and scale too, so that only small pictures travel.
    pub const fn takes_pictures(self) -> bool {
        matches!(self, Self::Nvenc | Self::Vaapi)
    }
}

impl fmt::Display for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Encoder {
    type Err = BadEncoder;
    fn from_str(text: &str) -> Result<Self, BadEncoder> {
        let found = Self::ALL.into_iter().find(|encoder| encoder.name() == text);
        found.ok_or_else(|| BadEncoder(text.chars().take(40).collect()))
    }
}

/// A device as it is used here, after it was tried.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hardware {
    /// What encodes.
    pub encoder: Encoder,
    /// The device's file, where the encoder needs one named (VAAPI).
    pub node: Option<String>,
    /// It decodes and scales too, where the picture needs nothing else.
    pub pictures: bool,
}

impl Hardware {
    /// What FFmpeg is told before all inputs.
    pub(crate) fn set_up(&self) -> String {
        match (self.encoder, &self.node) {
            (Encoder::Vaapi, node) => {
                let node = node.as_deref().map(|node| format!(":{node}")).unwrap_or_default();
                format!("-init_hw_device vaapi=gpu{node} -filter_hw_device gpu")
            }
            (Encoder::Nvenc, _) if self.pictures => {
                "-init_hw_device cuda=gpu -filter_hw_device gpu".to_owned()
            }
            _ => String::new(),
        }
    }

    /// What FFmpeg is told of an input whose pictures the device decodes and scales.
    pub(crate) fn decoding(&self) -> &'static str {
        match self.encoder {
            Encoder::Nvenc => "-hwaccel cuda -hwaccel_device gpu -hwaccel_output_format cuda",
            Encoder::Vaapi => "-hwaccel vaapi -hwaccel_device gpu -hwaccel_output_format vaapi",
            _ => "",
        }
    }

    /// The filters that scale on the device and give the picture back.
    pub(crate) fn scaling(&self, width: u16, height: u16) -> String {
        let filter = match self.encoder {
            Encoder::Vaapi => "scale_vaapi",
            _ => "scale_cuda",
        };
        format!("{filter}=w={width}:h={height}:format=nv12,hwdownload,format=nv12,")
    }

    /// The filters that hand finished pictures to the device, for encoders that
    /// do not do so themselves.
    pub(crate) fn upload(&self) -> &'static str {
        match self.encoder {
            Encoder::Vaapi => ",format=nv12,hwupload",
            _ => "",
        }
    }
}

/// Which encoder to use, as people set it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The first that works, in the order of [`Encoder::ALL`].
    #[default]
    Auto,
    /// This one alone; x264 where it does not work.
    Fixed(Encoder),
}

impl Choice {
    /// Those that are to be tried, in this order. x264 is the last resort of all.
    pub fn candidates(self) -> Vec<Encoder> {
        match self {
            Self::Auto => Encoder::ALL.to_vec(),
            Self::Fixed(Encoder::X264) => vec![Encoder::X264],
            Self::Fixed(encoder) => vec![encoder, Encoder::X264],
        }
    }
}

impl FromStr for Choice {
    type Err = BadEncoder;
    fn from_str(text: &str) -> Result<Self, BadEncoder> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Fixed) }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Fixed(encoder) => encoder.fmt(f),
        }
    }
}

impl Serialize for Choice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_others_refused_with_those_there_are() {
        for encoder in Encoder::ALL {
            assert_eq!(encoder.name().parse(), Ok(encoder));
            assert_eq!(Choice::Fixed(encoder).to_string().parse(), Ok(Choice::Fixed(encoder)));
        }
        assert_eq!("auto".parse(), Ok(Choice::Auto));
        let said = "h264_nvenc".parse::<Choice>().unwrap_err().to_string();
        assert_eq!(
            said,
            "`h264_nvenc` is no encoder: use nvenc, qsv, vaapi, videotoolbox, amf, v4l2 or x264"
        );
    }

    #[test]
    fn software_is_tried_last_and_always() {
        assert_eq!(Choice::Auto.candidates(), Encoder::ALL);
        assert_eq!(Choice::Fixed(Encoder::Qsv).candidates(), [Encoder::Qsv, Encoder::X264]);
        assert_eq!(Choice::Fixed(Encoder::X264).candidates(), [Encoder::X264]);
    }
}
