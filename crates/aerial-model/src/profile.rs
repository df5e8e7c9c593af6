//! Renditions and profiles: what decides a stream's bytes.
//!
//! Owns the rungs of the ladder and the pinned encoding parameters. Does not
//! build command lines (`command`). Invariant: two profiles that are equal give
//! segments that join; anything that would change what players see is in here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One rung of the ladder, as URLs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Rendition {
    /// Video copied where the media allows it.
    Source,
    /// Transcoded, at most this high.
    Height(u16),
}

/// Not a rendition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no rendition: use `source` or a height such as `720p`")]
pub struct BadRendition(pub String);

impl FromStr for Rendition {
    type Err = BadRendition;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "source" {
            return Ok(Self::Source);
        }
        text.strip_suffix('p')
            .filter(|digits| !digits.starts_with(['0', '+']))
            .and_then(|digits| digits.parse().ok())
            .filter(|height| (144..=4_320).contains(height))
            .map(Self::Height)
            .ok_or_else(|| BadRendition(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("source"),
            Self::Height(height) => write!(f, "{height}p"),
        }
    }
}

impl From<Rendition> for String {
    fn from(rendition: Rendition) -> Self {
        rendition.to_string()
    }
}
impl TryFrom<String> for Rendition {
    type Error = BadRendition;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Everything that decides a rendition's bytes, but for the media itself.
///
/// Pinned: what players see (H.264 profile and level, references, B-frames,
/// CABAC, size, audio). The preset and thread count are no part of it
/// (`rules.md`, 13).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// Width of the frame that pictures are padded into; even.
    pub width: u16,
    /// Height of the frame; even.
    pub height: u16,
    /// Average video bit rate.
    pub video_kbps: u32,
    /// Audio bit rate.
    pub audio_kbps: u32,
}
