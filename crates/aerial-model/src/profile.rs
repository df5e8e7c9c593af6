//! Renditions and profiles: what decides a stream's bytes.
//!
//! Owns the rungs of the ladder and the pinned encoding parameters. Does not
//! build command lines (`command`). Invariant: two profiles that are equal give
//! segments that join; anything that would change what players see is in here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::encoder::Encoder;
use crate::level::Level;
use crate::tuning::Speed;

/// One rung of the ladder, as URLs name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Rendition {
    /// Video copied where the media allows it.
    Source,
    /// Transcoded, at most this high.
    Height(u16),
}

impl Rendition {
    /// How high it is at most; `None` for the source's own height.
    pub fn height(self) -> Option<u16> {
        match self {
            Self::Source => None,
            Self::Height(height) => Some(height),
        }
    }
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
    /// What encodes the picture: another one gives another SPS.
    #[serde(default)]
    pub encoder: Encoder,
}

impl Profile {
    /// The profile of a rendition on a channel whose frame is at most
    /// `frame_height` high: 16:9, even. `None` for `source`, which has none.
    pub fn transcoded(rendition: Rendition, frame_height: u16) -> Option<Self> {
        let Rendition::Height(height) = rendition else { return None };
        let height = height.min(frame_height).max(MIN_HEIGHT) & !1;
        // 16:9, to the nearest even number: 854 for 480.
        let width = (u32::from(height) * 16 + 9) / 18 * 2;
        Some(Self {
            width: u16::try_from(width).unwrap_or(u16::MAX - 1),
            height,
            video_kbps: video_kbps(height),
            audio_kbps: if height >= 720 { 160 } else { 128 },
            encoder: Encoder::X264,
        })
    }

    /// What stands in where copied video of that size fails: slates of its size.
    pub fn standing_in(width: u32, height: u32) -> Self {
        let even = |length: u32, most: u32| {
            u16::try_from(length.clamp(MIN_HEIGHT.into(), most) & !1).unwrap_or(MIN_HEIGHT)
        };
        let (width, height) = (even(width, WIDEST), even(height, WIDEST));
        let (video_kbps, encoder) = (video_kbps(height), Encoder::default());
        Self { width, height, video_kbps, audio_kbps: COPIED_AUDIO_KBPS, encoder }
    }

    /// The same by another encoder.
    #[must_use]
    pub fn by(self, encoder: Encoder) -> Self {
        Self { encoder, ..self }
    }

    /// The H.264 level, the same for all items of a profile.
    pub fn level(&self) -> Level {
        Level::carrying((self.width, self.height), self.maxrate_kbps())
    }

    /// The most that the video's bit rate may be for long.
    pub fn maxrate_kbps(&self) -> u32 {
        self.video_kbps / 4 * 5
    }

    /// The decoder's buffer for peaks: a second and a half.
    pub fn buffer_kbits(&self) -> u32 {
        self.video_kbps / 2 * 3
    }

    /// `CODECS` of the master playlist (RFC 6381): H.264 High, AAC-LC.
    pub fn codecs(&self) -> String {
        format!("{},mp4a.40.2", self.video_codec())
    }

    /// The video's part of it.
    pub fn video_codec(&self) -> String {
        format!("avc1.6400{:02x}", self.level().0)
    }

    /// `BANDWIDTH`: the highest bit rate of any segment of 2 s or more (RFC 8216,
    /// 4.3.4.2), in bits per second with all that MPEG-TS adds.
    pub fn peak_bandwidth(&self) -> u64 {
        // A segment of 2 s may empty a full buffer.
        Self::transported(self.maxrate_kbps() + self.buffer_kbits() / 2, self.audio_kbps)
    }

    /// `AVERAGE-BANDWIDTH`, in bits per second with all that MPEG-TS adds.
    pub fn average_bandwidth(&self) -> u64 {
        Self::transported(self.video_kbps, self.audio_kbps)
    }

    /// Bits per second of a video and a sound with all that MPEG-TS adds.
    pub fn transported(video_kbps: u32, audio_kbps: u32) -> u64 {
        let payload = (u64::from(video_kbps) + u64::from(audio_kbps)) * 1_000;
        // 4 bytes of each 188 are header; the rest is PES headers, the stuffing
        // at each access unit's end, PCR, PAT and PMT.
        payload * 188 / 184 + TRANSPORT_BITS_PER_SECOND
    }

    /// What decides the bytes, as one name: the store keys segments by it.
    /// `ffmpeg_version` is the first line of `ffmpeg -version`: another x264 may
    /// write another SPS.
    pub fn key(&self, ffmpeg_version: &str) -> ProfileKey {
        let text = format!(
            "{FORMAT_VERSION}|{}x{}|{}+{}|{}|{}",
            self.width,
            self.height,
            self.video_kbps,
            self.audio_kbps,
            self.pins(),
            ffmpeg_version.trim(),
        );
        ProfileKey(blake3::hash(text.as_bytes()).to_hex()[..24].to_owned())
    }

    /// What players see of H.264, whatever encodes it.
    fn pins(&self) -> String {
        match self.encoder {
            Encoder::X264 => self.x264_pins(),
            // The preset is no part of it (`rules.md`, 13).
            device => format!("{device}|{}", device.options(self.level(), Speed::Veryfast)),
        }
    }

    /// The same for what is copied: its sound, where that is made anew, and how
    /// segments are written.
    pub fn copy_key(ffmpeg_version: &str) -> ProfileKey {
        let text = format!("{FORMAT_VERSION}|copied|{COPIED_AUDIO_KBPS}|{}", ffmpeg_version.trim());
        ProfileKey(blake3::hash(text.as_bytes()).to_hex()[..24].to_owned())
    }

    /// What players see of H.264, for `-x264-params`: said in full, because
    /// x264's presets would change it (`rules.md`, 13).
    ///
    /// References, weights, 8x8dct and CABAC are in the PPS; references,
    /// B-frames and the pyramid decide the SPS's buffer and reordering; so does
    /// the longest group of pictures its counters.
    pub fn x264_pins(&self) -> String {
        format!(
            "ref=1:bframes=3:b-pyramid=normal:weightp=1:weightb=1:cabac=1:8x8dct=1\
             :keyint=1000:min-keyint=1:scenecut=0:open-gop=0:interlaced=0:slices=0\
             :sliced-threads=0:nal-hrd=none:aud=0:level={}",
            self.level()
        )
    }
}

/// Raised whenever the same profile gives other bytes than before: another
/// filter chain, other pins, another way to write segments.
const FORMAT_VERSION: u32 = 1;

/// Of sound that is made anew beside a copied picture.
const COPIED_AUDIO_KBPS: u32 = 160;

/// The widest picture that H.264 carries.
const WIDEST: u32 = 8_192;

/// No rendition is lower: below, H.264 encoders and players grow odd.
const MIN_HEIGHT: u16 = 96;

/// 47 audio and 60 video access units a second waste half a packet each and
/// have PES headers; 20 PCR packets, 4 PAT and 4 PMT come on top.
const TRANSPORT_BITS_PER_SECOND: u64 = 130_000;

/// Height and average video bit rate; in between is in proportion.
const RATES: [(u16, u32); 9] = [
    (96, 150),
    (144, 250),
    (240, 450),
    (360, 800),
    (480, 1_500),
    (720, 3_000),
    (1_080, 5_000),
    (2_160, 16_000),
    (4_320, 40_000),
];

fn video_kbps(height: u16) -> u32 {
    let between = RATES.windows(2).find(|pair| height <= pair[1].0);
    let Some([(low, low_kbps), (high, high_kbps)]) = between else {
        return RATES[RATES.len() - 1].1;
    };
    let part = u32::from(height.saturating_sub(*low));
    // To 10 kbit/s, so that numbers look as if meant.
    let exact = low_kbps + (high_kbps - low_kbps) * part / u32::from(high - low);
    exact / 10 * 10
}

/// A profile and the FFmpeg that serves it, as one short name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProfileKey(String);

impl ProfileKey {
    /// 24 hexadecimal digits; safe as a file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn profile(height: u16, cap: u16) -> Profile {
        Profile::transcoded(Rendition::Height(height), cap).unwrap()
    }

    #[test]
    fn the_rungs_are_as_promised() {
        let rungs: Vec<String> = [1_080, 720, 480, 360]
            .map(|height| {
                let p = profile(height, 1_080);
                format!("{}x{} {}k {} {}", p.width, p.height, p.video_kbps, p.level(), p.codecs())
            })
            .into();
        assert_eq!(
            rungs,
            [
                "1920x1080 5000k 4.2 avc1.64002a,mp4a.40.2",
                "1280x720 3000k 3.2 avc1.640020,mp4a.40.2",
                "854x480 1500k 3.1 avc1.64001f,mp4a.40.2",
                "640x360 800k 3.1 avc1.64001f,mp4a.40.2",
            ]
        );
    }

    #[test]
    fn the_channels_frame_caps_a_rendition() {
        assert_eq!(profile(720, 576), profile(576, 1_080));
        assert_eq!((profile(720, 576).width, profile(720, 576).video_kbps), (1_024, 2_100));
        assert_eq!(Profile::transcoded(Rendition::Source, 720), None);
    }

    #[test]
    fn a_key_changes_with_all_that_decides_the_bytes() {
        let base = profile(720, 1_080);
        let key = base.key("ffmpeg version 5.1.9");
        assert_eq!(key.as_str().len(), 24);
        assert_eq!(key, base.key("ffmpeg version 5.1.9\n"));
        assert_ne!(key, base.key("ffmpeg version 7.0.2"));
        assert_ne!(key, Profile { audio_kbps: 96, ..base.clone() }.key("ffmpeg version 5.1.9"));
        for encoder in Encoder::ALL {
            let by_it = base.clone().by(encoder).key("ffmpeg version 5.1.9");
            assert_eq!(by_it == key, encoder == Encoder::X264, "{encoder}");
        }
        assert_ne!(key, Profile { width: 960, ..base }.key("ffmpeg version 5.1.9"));
    }

    #[test]
    fn bandwidths_tell_what_the_transport_adds() {
        let p = profile(720, 1_080);
        assert_eq!((p.maxrate_kbps(), p.buffer_kbits()), (3_750, 4_500));
        assert_eq!(p.average_bandwidth(), 3_358_695);
        assert_eq!(p.peak_bandwidth(), 6_423_913);
    }

    proptest! {
        #[test]
        fn every_rendition_has_an_even_frame_and_grows_with_its_height(
            height in 144u16..=4_320, cap in 1u16..=4_320,
        ) {
            let p = profile(height, cap);
            prop_assert!(p.width.is_multiple_of(2) && p.height.is_multiple_of(2));
            prop_assert!(p.height <= height.max(MIN_HEIGHT));
            prop_assert!((i64::from(p.width) * 9 - i64::from(p.height) * 16).abs() <= 9);
            let above = profile(height.min(4_318) + 2, 4_320);
            prop_assert!(above.video_kbps >= p.video_kbps);
            prop_assert!(above.level() >= p.level());
        }
    }
}
