//! A media: what was found in one file of the library.
//!
//! Owns the facts as data; `probe` reads them, `command` and the map are made
//! from them. All positions are ticks from the container's own start time, the
//! zero that FFmpeg's `-start_at_zero` counts from.

use serde::{Deserialize, Serialize};

use crate::segment_map::SegmentMap;
use crate::time::{FrameRate, Ticks};

/// What was found in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFacts {
    /// FFmpeg's name of the container, such as `matroska,webm`.
    pub container: String,
    /// The zero of all positions, on the file's own clock: the container's start
    /// time, for MPEG-TS and PS that of the streams that air.
    pub start_time: Ticks,
    /// Where the streams really end (`rules.md`, 10), on the frame grid that the
    /// video is aligned to ([`MediaFacts::alignment`]).
    pub length: Ticks,
    /// The picture; `None` for sound alone.
    pub video: Option<VideoFacts>,
    /// The sounds; the first is the one that airs.
    pub audio: Vec<AudioFacts>,
    /// Subtitles, kept for later.
    pub subtitles: Vec<SubtitleFacts>,
    /// Chapters.
    pub chapters: Vec<Chapter>,
    /// How to enter the file in its middle.
    pub entry: Entry,
    /// The container's `title` tag and others of use, lower-case keys.
    pub tags: std::collections::BTreeMap<String, String>,
}

impl MediaFacts {
    /// The rate at which this media is aired.
    pub fn rate(&self) -> FrameRate {
        match &self.video {
            Some(video) => FrameRate::for_air(video.average_rate, video.nominal_rate),
            None => FrameRate::PAL,
        }
    }

    /// The uniform map of this media; `None` where it is shorter than half a frame.
    pub fn uniform_map(&self) -> Option<SegmentMap> {
        SegmentMap::uniform(self.rate(), self.length)
    }

    /// What is added to all timestamps so that the first picture lies on the
    /// frame grid: `round(v0 × R) / R - v0` (`docs/ffmpeg.md`).
    pub fn alignment(&self) -> Ticks {
        self.video.as_ref().map_or(Ticks::ZERO, |video| on_grid(video.start, self.rate()))
    }

    /// What was found in a remux of this media, as it is aired: the pictures are
    /// the same, so they are shown at the rate that maps of this media are built
    /// on, whatever the copy's rounder timestamps suggest.
    pub fn of_remux(&self, remux: Self) -> Self {
        let mut remux = remux;
        if let (Some(video), Some(original)) = (&mut remux.video, &self.video) {
            video.average_rate = original.average_rate;
            video.nominal_rate = original.nominal_rate;
        }
        remux
    }

    /// These facts for an airing of `map`, which may be longer or shorter than what
    /// the file holds: its header told a wrong length. What is missing is black.
    pub fn aired_as(&self, map: &SegmentMap) -> Self {
        Self { length: map.end(), ..self.clone() }
    }

    /// The picture ends so long before the sound that black follows it, not its
    /// last frame.
    pub fn picture_ends_early(&self) -> bool {
        self.video.as_ref().is_some_and(|video| {
            self.length - (video.end + self.alignment()) > PICTURE_HELD_AT_MOST
        })
    }
}

/// Sound may outlast its picture by this much before it lengthens the item
/// (`docs/ffmpeg.md`); as long the last frame is held, then black follows.
pub const PICTURE_HELD_AT_MOST: Ticks = Ticks::from_secs(1);

/// How far `position` is from its nearest frame of `rate`.
fn on_grid(position: Ticks, rate: FrameRate) -> Ticks {
    if position < Ticks::ZERO {
        return -on_grid(-position, rate);
    }
    rate.ticks_at(rate.frames_in(position)) - position
}

/// How a worker enters the file in its middle (`docs/ffmpeg.md`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Entry {
    /// Seek this long before the wanted place.
    Seek {
        /// At least the largest keyframe gap + 1 s for MPEG-TS and PS.
        pre_seek: Ticks,
    },
    /// The same, and FFmpeg's seek for the picture can be foretold, so that nothing is
    /// decoded that is not needed.
    SeekExactly {
        /// Seek this long before the wanted place for the sound.
        pre_seek: Ticks,
        /// Add this to a time, and a seek there lands on the last keyframe that is
        /// shown by that time.
        picture: Ticks,
    },
    /// Time jumps or a single keyframe: only after a remux to Matroska.
    Remux,
}

/// The video stream that airs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoFacts {
    /// Stream index in the file.
    pub index: u32,
    /// FFmpeg's codec name.
    pub codec: String,
    /// FFmpeg's profile name, if any.
    pub profile: Option<String>,
    /// FFmpeg's pixel format.
    pub pixel_format: Option<String>,
    /// Coded width in pixels.
    pub width: u32,
    /// Coded height in pixels.
    pub height: u32,
    /// Shape of a pixel, width to height; (1, 1) where unknown.
    pub pixel_aspect: (u32, u32),
    /// Degrees clockwise that the picture is to be turned: 0, 90, 180, 270.
    pub rotation: u16,
    /// `avg_frame_rate`.
    pub average_rate: Option<FrameRate>,
    /// `r_frame_rate`.
    pub nominal_rate: Option<FrameRate>,
    /// How lines are stored.
    pub field_order: FieldOrder,
    /// Colour, as FFmpeg names it.
    pub color: Color,
    /// When its first picture is shown; negative where B-frames or edit lists
    /// put it before the container's start.
    pub start: Ticks,
    /// When its last picture ends.
    pub end: Ticks,
    /// Kbit/s, where the file says so.
    pub kbps: Option<u32>,
    /// ISO 639 language.
    pub language: Option<String>,
}

/// How the lines of a picture are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldOrder {
    /// Nothing said.
    #[default]
    Unknown,
    /// Whole pictures.
    Progressive,
    /// Two fields, the top one first.
    TopFirst,
    /// Two fields, the bottom one first.
    BottomFirst,
}

impl FieldOrder {
    /// Must be deinterlaced.
    pub fn is_interlaced(self) -> bool {
        matches!(self, Self::TopFirst | Self::BottomFirst)
    }
}

/// Colour description, as FFmpeg names it; `None` where unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Color {
    /// `tv` or `pc`.
    pub range: Option<String>,
    /// Matrix, such as `bt709`.
    pub space: Option<String>,
    /// Transfer, such as `smpte2084` (PQ) or `arib-std-b67` (HLG).
    pub transfer: Option<String>,
    /// Primaries, such as `bt2020`.
    pub primaries: Option<String>,
}

impl Color {
    /// High dynamic range: must be tone-mapped.
    pub fn is_hdr(&self) -> bool {
        matches!(self.transfer.as_deref(), Some("smpte2084" | "arib-std-b67"))
    }
}

/// An audio stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AudioFacts {
    /// Stream index in the file.
    pub index: u32,
    /// FFmpeg's codec name.
    pub codec: String,
    /// FFmpeg's profile name, if any (`LC`, `HE-AAC`).
    pub profile: Option<String>,
    /// Samples per second.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: u32,
    /// FFmpeg's layout, such as `5.1(side)`.
    pub layout: Option<String>,
    /// When its first sample sounds.
    pub start: Ticks,
    /// When its last sample ends.
    pub end: Ticks,
    /// ISO 639 language.
    pub language: Option<String>,
}

/// A subtitle stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitleFacts {
    /// Stream index in the file.
    pub index: u32,
    /// FFmpeg's codec name.
    pub codec: String,
    /// ISO 639 language.
    pub language: Option<String>,
}

/// A chapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// When it begins.
    pub start: Ticks,
    /// When it ends.
    pub end: Ticks,
    /// What it is called.
    pub title: Option<String>,
}
