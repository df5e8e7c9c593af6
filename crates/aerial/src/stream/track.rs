//! A track: one media (or the slate) in one profile.
//!
//! Owns the naming of tracks in the segment store. Invariant: two tracks with
//! the same key have the same frames under the same timestamps.

use std::path::Path;
use std::sync::Arc;

use aerial_model::demand::TrackKey;
use aerial_model::hls::Variant;
use aerial_model::id::MapId;
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::Treatment;

use super::off_air::OffAirWords;
use super::timeline::MediaSource;

/// What a worker makes segments of.
#[derive(Clone, Debug)]
pub struct Track {
    /// Its name in the segment store.
    pub key: TrackKey,
    /// Where it is cut.
    pub map: SegmentMap,
    /// How it is encoded; where it is copied, how what stands in for it is.
    pub profile: Arc<Profile>,
    /// What of it is copied.
    pub treatment: Treatment,
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
    /// What makes its pictures, as FFmpeg calls it; `copy` where they are the file's.
    pub fn encoder(&self) -> &'static str {
        match self.treatment.copies_video() {
            true => "copy",
            false => self.profile.encoder.ffmpeg_name(),
        }
    }

    /// A media in a profile, as the FFmpeg of that version makes it.
    pub fn of_media(source: Arc<MediaSource>, profile: Arc<Profile>, ffmpeg: &str) -> Self {
        let (map, treatment) = (source.map.clone(), Treatment::Transcoded);
        let key = media_key(source.map_id, treatment, &profile, ffmpeg);
        Self { key, map, profile, treatment, source: Source::Media(source) }
    }

    /// A media whose video is copied, with its sound copied or not; `profile` is
    /// that of what stands in for it.
    pub fn of_copy(source: Arc<MediaSource>, profile: Arc<Profile>, ffmpeg: &str) -> Self {
        let (map, treatment) = (source.map.clone(), source.treatment);
        let key = media_key(source.map_id, treatment, &profile, ffmpeg);
        Self { key, map, profile, treatment, source: Source::Media(source) }
    }

    /// A media in a profile, or copied, that cannot be played now. It is the same
    /// track: what was made of it stays, what is missing becomes slate, and when it
    /// can be played again the rest is made.
    pub fn withheld(
        (map_id, map): (MapId, SegmentMap),
        treatment: Treatment,
        why: Withheld,
        profile: Arc<Profile>,
        ffmpeg: &str,
    ) -> Self {
        let key = media_key(map_id, treatment, &profile, ffmpeg);
        Self { key, map, profile, treatment, source: Source::Withheld(Arc::new(why)) }
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
        let treatment = Treatment::Transcoded;
        Self { key: key(&hasher), map, profile, treatment, source: Source::Slate(words) }
    }

    /// As a master playlist describes it.
    pub fn variant(&self, rendition: Rendition) -> Variant {
        let profile = &self.profile;
        let (peak, average) = rates(&self.map, self.treatment.copies_video(), profile);
        let copied = self.map.cut_list().filter(|_| self.treatment.copies_video());
        let video = copied.map_or_else(|| profile.video_codec(), |cuts| cuts.codec());
        let rate = self.map.rate();
        Variant {
            rendition,
            bandwidth: peak,
            average_bandwidth: average,
            codecs: format!("{video},mp4a.40.2"),
            resolution: (profile.width, profile.height),
            // Other items may have another rate: what is never exceeded by much.
            frame_rate_milli: rate.num().saturating_mul(1_000) / rate.den(),
        }
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

/// The most that any segment takes and what they take on average, in bits per second.
pub fn rates(map: &SegmentMap, copies_video: bool, profile: &Profile) -> (u64, u64) {
    match map.cut_list().filter(|_| copies_video) {
        Some(cuts) => {
            let (peak, average) = cuts.video_kbps();
            let transported = |kbps| Profile::transported(kbps, profile.audio_kbps);
            (transported(peak), transported(average))
        }
        None => (profile.peak_bandwidth(), profile.average_bandwidth()),
    }
}

/// The names under which an airing of a media may be in the store: what is copied of
/// it is not known without a look at it.
pub fn possible_keys(
    map_id: MapId,
    profile: &Profile,
    may_be_copied: bool,
    ffmpeg: &str,
) -> Vec<TrackKey> {
    let treatments: &[Treatment] = match may_be_copied {
        true => &[Treatment::Copied, Treatment::Transcoded],
        false => &[Treatment::Transcoded],
    };
    treatments.iter().map(|treatment| media_key(map_id, *treatment, profile, ffmpeg)).collect()
}

/// Of a media that is copied, its map alone decides what is made, not what would
/// stand in for it.
fn media_key(map_id: MapId, treatment: Treatment, profile: &Profile, ffmpeg: &str) -> TrackKey {
    let mut hasher = if treatment.copies_video() {
        let mut hasher = blake3::Hasher::new();
        hasher.update(Profile::copy_key(ffmpeg).as_str().as_bytes());
        hasher.update(b"copied");
        hasher
    } else {
        hasher(profile, ffmpeg, b"media")
    };
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
