//! What is in a media's file, as the API tells it.
//!
//! Owns the shapes; the facts are the model's (`aerial_model::media`).

use aerial_model::media::{self as model, MediaFacts};
use serde::Serialize;
use utoipa::ToSchema;

use super::wire::millis;

/// What is in a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = MediaStreams)]
pub struct Streams {
    /// FFmpeg's name of the container.
    container: String,
    /// The picture; `null` for sound alone.
    #[schema(required = true)]
    video: Option<Video>,
    /// The sounds; the first is the one that airs.
    audio: Vec<Audio>,
    /// Subtitles.
    subtitles: Vec<Subtitle>,
    /// Chapters.
    chapters: Vec<Chapter>,
}

/// The picture of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Video {
    /// FFmpeg's codec name.
    codec: String,
    /// FFmpeg's profile name.
    #[schema(required = true)]
    profile: Option<String>,
    /// FFmpeg's pixel format.
    #[schema(required = true)]
    pixel_format: Option<String>,
    /// Coded width in pixels.
    width: u32,
    /// Coded height in pixels.
    height: u32,
    /// Shape of a pixel, width to height.
    #[schema(example = "64:45")]
    pixel_aspect: String,
    /// Frames per second, as a fraction.
    #[schema(required = true, example = "24000/1001")]
    frame_rate: Option<String>,
    /// How its lines are stored.
    field_order: &'static str,
    /// High dynamic range.
    hdr: bool,
    /// Degrees clockwise that it is to be turned.
    rotation: u16,
    /// Bit rate, where the file says so.
    #[schema(required = true)]
    kbps: Option<u32>,
    /// ISO 639 language.
    #[schema(required = true)]
    language: Option<String>,
}

/// A sound of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Audio {
    /// FFmpeg's codec name.
    codec: String,
    /// FFmpeg's profile name.
    #[schema(required = true)]
    profile: Option<String>,
    /// Samples per second.
    sample_rate: u32,
    /// Number of channels.
    channels: u32,
    /// FFmpeg's layout.
    #[schema(required = true)]
    layout: Option<String>,
    /// ISO 639 language.
    #[schema(required = true)]
    language: Option<String>,
}

/// Subtitles of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Subtitle {
    /// FFmpeg's codec name.
    codec: String,
    /// ISO 639 language.
    #[schema(required = true)]
    language: Option<String>,
}

/// A chapter of a file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Chapter {
    /// When it begins.
    start_ms: i64,
    /// When it ends.
    end_ms: i64,
    /// What it is called.
    #[schema(required = true)]
    title: Option<String>,
}

impl From<&MediaFacts> for Streams {
    fn from(facts: &MediaFacts) -> Self {
        let audio = facts.audio.iter().map(|audio| Audio {
            codec: audio.codec.clone(),
            profile: audio.profile.clone(),
            sample_rate: audio.sample_rate,
            channels: audio.channels,
            layout: audio.layout.clone(),
            language: audio.language.clone(),
        });
        let subtitles = facts.subtitles.iter().map(|subtitle| Subtitle {
            codec: subtitle.codec.clone(),
            language: subtitle.language.clone(),
        });
        let chapters = facts.chapters.iter().map(|chapter| Chapter {
            start_ms: millis(chapter.start),
            end_ms: millis(chapter.end),
            title: chapter.title.clone(),
        });
        Self {
            container: facts.container.clone(),
            video: facts.video.as_ref().map(Into::into),
            audio: audio.collect(),
            subtitles: subtitles.collect(),
            chapters: chapters.collect(),
        }
    }
}

impl From<&model::VideoFacts> for Video {
    fn from(video: &model::VideoFacts) -> Self {
        let (width, height) = video.pixel_aspect;
        Self {
            codec: video.codec.clone(),
            profile: video.profile.clone(),
            pixel_format: video.pixel_format.clone(),
            width: video.width,
            height: video.height,
            pixel_aspect: format!("{width}:{height}"),
            frame_rate: video.average_rate.or(video.nominal_rate).map(|rate| rate.to_string()),
            field_order: match video.field_order {
                model::FieldOrder::Unknown => "unknown",
                model::FieldOrder::Progressive => "progressive",
                model::FieldOrder::TopFirst => "top_first",
                model::FieldOrder::BottomFirst => "bottom_first",
            },
            hdr: video.color.is_hdr(),
            rotation: video.rotation,
            kbps: video.kbps,
            language: video.language.clone(),
        }
    }
}
