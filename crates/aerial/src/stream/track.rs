//! A track: one media (or the slate) in one profile.
//!
//! Owns the naming of tracks in the segment store. Invariant: two tracks with
//! the same key have the same frames under the same timestamps.

use std::path::Path;
use std::sync::Arc;

use aerial_model::demand::TrackKey;
use aerial_model::id::MapId;
use aerial_model::profile::Profile;
use aerial_model::segment_map::SegmentMap;

use super::off_air::OffAirWords;
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
    /// Made: the channel is off the air, and this is said.
    Slate(Arc<OffAirWords>),
    /// Made: the file cannot be played now.
    Withheld(Arc<Withheld>),
}

/// A file that cannot be played now, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// For people and logs.
    pub title: String,
    /// In words.
    pub reason: String,
}

impl Source {
    /// The file that it is read from; empty where nothing is read.
    pub fn path(&self) -> &Path {
        match self {
            Self::Media(source) => &source.path,
            Self::Slate(_) | Self::Withheld(_) => Path::new(""),
        }
    }
}

impl Track {
    /// A media in a profile, as the FFmpeg of that version makes it.
    pub fn of_media(source: Arc<MediaSource>, profile: Arc<Profile>, ffmpeg: &str) -> Self {
        let key = media_key(source.map_id, &profile, ffmpeg);
        Self { key, map: source.map, profile, source: Source::Media(source) }
    }

    /// A media in a profile that cannot be played now. It is the same track: what
    /// was made of it stays, what is missing becomes slate, and when it can be
    /// played again the rest is made.
    pub fn withheld(
        (map_id, map): (MapId, SegmentMap),
        why: Withheld,
        profile: Arc<Profile>,
        ffmpeg: &str,
    ) -> Self {
        let key = media_key(map_id, &profile, ffmpeg);
        Self { key, map, profile, source: Source::Withheld(Arc::new(why)) }
    }

    /// The off-air slate in a profile.
    pub fn of_slate(
        map: SegmentMap,
        words: Arc<OffAirWords>,
        profile: Arc<Profile>,
        ffmpeg: &str,
    ) -> Self {
        let mut hasher = hasher(&profile, ffmpeg, b"slate");
        hasher.update(&map.rate().num().to_le_bytes());
        hasher.update(&map.rate().den().to_le_bytes());
        hasher.update(&map.frames().to_le_bytes());
        words.each().for_each(|word| {
            hasher.update(&(word.len() as u64).to_le_bytes());
            hasher.update(word.as_bytes());
        });
        Self { key: key(&hasher), map, profile, source: Source::Slate(words) }
    }

    /// What people call it, for logs and the API.
    pub fn title(&self) -> &str {
        match &self.source {
            Source::Media(source) => &source.title,
            Source::Withheld(withheld) => &withheld.title,
            Source::Slate(_) => "Off air",
        }
    }
}

fn media_key(map_id: MapId, profile: &Profile, ffmpeg: &str) -> TrackKey {
    let mut hasher = hasher(profile, ffmpeg, b"media");
    hasher.update(map_id.0.as_bytes());
    key(&hasher)
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
