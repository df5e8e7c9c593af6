//! A track: one media (or the slate) in one profile.
//!
//! Owns the naming of tracks in the segment store. Invariant: two tracks with
//! the same key have the same frames under the same timestamps.

use std::sync::Arc;

use aerial_model::demand::TrackKey;
use aerial_model::profile::Profile;
use aerial_model::segment_map::SegmentMap;

use super::timeline::MediaSource;

/// What a worker makes segments of.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its name in the segment store.
    pub key: TrackKey,
    /// Where it is cut.
    pub map: SegmentMap,
    /// How it is encoded.
    pub profile: Arc<Profile>,
    /// Where its pictures come from.
    pub source: Source,
}

/// Where a track's pictures come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file.
    Media(Arc<MediaSource>),
    /// Made: the channel is off the air.
    Slate,
}

impl Track {
    /// A media in a profile, as the FFmpeg of that version makes it.
    pub fn of_media(source: Arc<MediaSource>, profile: Arc<Profile>, ffmpeg: &str) -> Self {
        let mut hasher = hasher(&profile, ffmpeg, b"media");
        hasher.update(source.map_id.0.as_bytes());
        Self { key: key(&hasher), map: source.map, profile, source: Source::Media(source) }
    }

    /// The off-air slate in a profile.
    pub fn of_slate(map: SegmentMap, profile: Arc<Profile>, ffmpeg: &str) -> Self {
        let mut hasher = hasher(&profile, ffmpeg, b"slate");
        hasher.update(&map.rate().num().to_le_bytes());
        hasher.update(&map.rate().den().to_le_bytes());
        hasher.update(&map.frames().to_le_bytes());
        Self { key: key(&hasher), map, profile, source: Source::Slate }
    }

    /// What people call it, for logs and the API.
    pub fn title(&self) -> &str {
        match &self.source {
            Source::Media(source) => &source.title,
            Source::Slate => "Off air",
        }
    }
}

fn hasher(profile: &Profile, ffmpeg: &str, kind: &[u8]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    hasher.update(profile.key(ffmpeg).as_str().as_bytes());
    hasher.update(kind);
    hasher
}

fn key(hasher: &blake3::Hasher) -> TrackKey {
    let mut key = [0; 16];
    key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    TrackKey(key)
}
