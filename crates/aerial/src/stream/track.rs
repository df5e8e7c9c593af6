//! A track: one media (or the slate) in one profile.
//!
//! Owns the naming of tracks in the segment store. Invariant: two tracks with
//! the same key have the same frames under the same timestamps.

use std::sync::Arc;

use aerial_model::demand::TrackKey;
use aerial_model::hls::Variant;
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::Treatment;

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
    /// Made: the channel is off the air.
    Slate,
}

impl Track {
    /// A media in a profile, as the FFmpeg of that version makes it.
    pub fn of_media(source: Arc<MediaSource>, profile: Arc<Profile>, ffmpeg: &str) -> Self {
        let mut hasher = hasher(&profile, ffmpeg, b"media");
        hasher.update(source.map_id.0.as_bytes());
        let (map, treatment) = (source.map.clone(), Treatment::Transcoded);
        Self { key: key(&hasher), map, profile, treatment, source: Source::Media(source) }
    }

    /// A media whose video is copied, with its sound copied or not; `profile` is
    /// that of what stands in for it.
    pub fn of_copy(source: Arc<MediaSource>, profile: Arc<Profile>, ffmpeg: &str) -> Self {
        let kind: &[u8] = match source.treatment {
            Treatment::Copied => b"copied",
            Treatment::CopiedVideo | Treatment::Transcoded => b"copied video",
        };
        let mut hasher = hasher(&profile, ffmpeg, kind);
        hasher.update(source.map_id.0.as_bytes());
        let (map, treatment) = (source.map.clone(), source.treatment);
        Self { key: key(&hasher), map, profile, treatment, source: Source::Media(source) }
    }

    /// The off-air slate in a profile.
    pub fn of_slate(map: SegmentMap, profile: Arc<Profile>, ffmpeg: &str) -> Self {
        let mut hasher = hasher(&profile, ffmpeg, b"slate");
        hasher.update(&map.rate().num().to_le_bytes());
        hasher.update(&map.rate().den().to_le_bytes());
        hasher.update(&map.frames().to_le_bytes());
        hasher.update(&map.outline().signature().unwrap_or_default().to_le_bytes());
        let treatment = Treatment::Transcoded;
        Self { key: key(&hasher), map, profile, treatment, source: Source::Slate }
    }

    /// As a master playlist describes it.
    pub fn variant(&self, rendition: Rendition) -> Variant {
        let profile = &self.profile;
        let copied = self.map.cut_list().filter(|_| self.treatment.copies_video());
        let (peak, average, video) = match copied {
            Some(cuts) => {
                let (peak, average) = cuts.video_kbps();
                let transported = |kbps| Profile::transported(kbps, profile.audio_kbps);
                (transported(peak), transported(average), cuts.codec())
            }
            None => (profile.peak_bandwidth(), profile.average_bandwidth(), profile.video_codec()),
        };
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
