//! ffprobe's JSON as it is, read with patience.
//!
//! Owns the shape of the text and its oddities: numbers written as strings,
//! `N/A`, `0/0`, fields that are absent or of another type. Decides nothing.
//! Invariant: whatever the text, reading it gives values or an error, no panic.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::time::{FrameRate, TICKS_PER_SECOND, Ticks};

/// One answer of ffprobe.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Document {
    pub(super) packets: Vec<Packet>,
    pub(super) programs: Vec<Program>,
    pub(super) streams: Vec<Stream>,
    pub(super) chapters: Vec<Chapter>,
    pub(super) format: Format,
}

impl Document {
    pub(super) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&String::from_utf8_lossy(text))
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Packet {
    pub(super) stream_index: Int,
    pub(super) pts: Int,
    pub(super) dts: Int,
    pub(super) duration: Int,
    pub(super) flags: Flags,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Program {
    pub(super) streams: Vec<ProgramStream>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProgramStream {
    pub(super) index: Int,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stream {
    pub(super) index: Int,
    pub(super) codec_type: Text,
    pub(super) codec_name: Text,
    pub(super) profile: Text,
    pub(super) pix_fmt: Text,
    pub(super) width: Int,
    pub(super) height: Int,
    pub(super) has_b_frames: Int,
    pub(super) sample_aspect_ratio: Text,
    pub(super) avg_frame_rate: Text,
    pub(super) r_frame_rate: Text,
    pub(super) field_order: Text,
    pub(super) color_range: Text,
    pub(super) color_space: Text,
    pub(super) color_transfer: Text,
    pub(super) color_primaries: Text,
    pub(super) sample_rate: Int,
    pub(super) channels: Int,
    pub(super) channel_layout: Text,
    pub(super) bit_rate: Int,
    pub(super) time_base: Text,
    pub(super) start_pts: Int,
    pub(super) duration_ts: Int,
    pub(super) disposition: BTreeMap<String, Int>,
    pub(super) tags: BTreeMap<String, Text>,
    pub(super) side_data_list: Vec<SideData>,
}

impl Stream {
    pub(super) fn is(&self, disposition: &str) -> bool {
        self.disposition.get(disposition).is_some_and(|value| value.0 == Some(1))
    }

    /// A tag, whatever its case.
    pub(super) fn tag(&self, name: &str) -> Option<&str> {
        let (_, text) = self.tags.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        text.known()
    }

    /// The unit of its timestamps, in seconds.
    pub(super) fn time_base(&self) -> (i64, i64) {
        fraction(self.time_base.known().unwrap_or_default())
            .filter(|(num, den)| *num > 0 && *den > 0)
            .unwrap_or((1, TICKS_PER_SECOND))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SideData {
    pub(super) rotation: Int,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chapter {
    pub(super) time_base: Text,
    pub(super) start: Int,
    pub(super) end: Int,
    pub(super) tags: BTreeMap<String, Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Format {
    pub(super) format_name: Text,
    pub(super) start_time: Text,
    pub(super) duration: Text,
    pub(super) tags: BTreeMap<String, Text>,
}

/// A whole number, written as one or as text; `None` for anything else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Int(pub(super) Option<i64>);

impl Int {
    /// As a number that may not be negative or huge.
    pub(super) fn small(self) -> Option<u32> {
        self.0.and_then(|value| u32::try_from(value).ok())
    }
}

/// Text, or a number as text; `None` for anything else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Option<String>);

impl Text {
    /// The text, unless it is one of FFmpeg's ways to say that it does not know.
    pub(super) fn known(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| {
            !matches!(*text, "" | "N/A" | "unknown" | "unspecified" | "reserved" | "none")
        })
    }

    pub(super) fn owned(&self) -> Option<String> {
        self.known().map(str::to_owned)
    }
}

/// The flags of a packet that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) key: bool,
    pub(super) discard: bool,
}

/// Any JSON value, of which text and whole numbers are kept.
enum Loose {
    Text(String),
    Int(i64),
    Other,
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Patient;
        impl<'de> Visitor<'de> for Patient {
            type Value = Loose;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }
            fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
                Ok(Loose::Text(text.to_owned()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Loose, E> {
                Ok(Loose::Int(value))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Loose, E> {
                Ok(i64::try_from(value).map_or(Loose::Other, Loose::Int))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Loose, E> {
                // A rotation may be written with a fraction; nothing else is.
                Ok(Loose::Int(value.round() as i64))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
                Ok(Loose::Other)
            }
            fn visit_unit<E>(self) -> Result<Loose, E> {
                Ok(Loose::Other)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Loose, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Loose, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Loose::Other)
            }
        }
        deserializer.deserialize_any(Patient)
    }
}

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Loose::deserialize(deserializer)? {
            Loose::Int(value) => Some(value),
            Loose::Text(text) => text.trim().parse().ok(),
            Loose::Other => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(match Loose::deserialize(deserializer)? {
            Loose::Int(value) => Some(value.to_string()),
            Loose::Text(text) => Some(text),
            Loose::Other => None,
        }))
    }
}

impl<'de> Deserialize<'de> for Flags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Loose::deserialize(deserializer)? {
            Loose::Text(text) => Self { key: text.contains('K'), discard: text.contains('D') },
            _ => Self::default(),
        })
    }
}

/// `a/b` or `a:b`, as written.
pub(super) fn fraction(text: &str) -> Option<(i64, i64)> {
    let (num, den) = text.split_once(['/', ':'])?;
    Some((num.trim().parse().ok()?, den.trim().parse().ok()?))
}

/// A frame rate; `None` for `0/0` and the like.
pub(super) fn frame_rate(text: &Text) -> Option<FrameRate> {
    let (num, den) = fraction(text.known()?)?;
    FrameRate::new(u32::try_from(num).ok()?, u32::try_from(den).ok()?)
}

/// A number of `base` units as ticks, rounded half away from zero as FFmpeg does;
/// `None` where it is beyond any real file (a hundred years).
pub(super) fn ticks(value: i64, (num, den): (i64, i64)) -> Option<Ticks> {
    let exact = i128::from(value) * i128::from(num) * i128::from(TICKS_PER_SECOND);
    let den = i128::from(den);
    let rounded = (exact.abs() * 2 + den) / (den * 2) * exact.signum();
    i64::try_from(rounded).ok().map(Ticks).filter(|t| t.0.unsigned_abs() < LONGEST.unsigned_abs())
}

/// A hundred years: what is beyond is a broken header.
const LONGEST: i64 = 100 * 366 * 86_400 * TICKS_PER_SECOND;

/// Seconds as FFmpeg prints them (`-1.474200`), exactly.
pub(super) fn seconds(text: &Text) -> Option<Ticks> {
    let text = text.known()?.trim();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let part = &part[..part.len().min(9)];
    let scale = 10i64.pow(part.len() as u32);
    let part: i64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let units = whole.parse::<i64>().ok()?.checked_mul(scale)?.checked_add(part)?;
    ticks(units * sign, (1, scale))
}

/// `HH:MM:SS.nnn`, as Matroska's `DURATION` tag has it.
pub(super) fn clock(text: &str) -> Option<Ticks> {
    let mut parts = text.trim().splitn(3, ':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let rest = seconds(&Text(Some(parts.next()?.to_owned())))?;
    if !(0..=100_000).contains(&hours) || !(0..60).contains(&minutes) || rest < Ticks::ZERO {
        return None;
    }
    Some(Ticks::from_secs(hours * 3_600 + minutes * 60) + rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Text {
        Text(Some(text.to_owned()))
    }

    #[test]
    fn seconds_are_read_exactly() {
        assert_eq!(seconds(&text("1.474200")), Some(Ticks(132_678)));
        assert_eq!(seconds(&text("-0.021333")), Some(Ticks(-1_920)));
        assert_eq!(seconds(&text("7200")), Some(Ticks(648_000_000)));
        assert_eq!(seconds(&text("0.000005")), Some(Ticks(0)));
        assert_eq!(seconds(&text("0.000006")), Some(Ticks(1)));
        for bad in ["N/A", "", "-", ".", "1e9", "nan", "1.2.3", "99999999999999999999"] {
            assert_eq!(seconds(&text(bad)), None, "{bad}");
        }
        assert_eq!(seconds(&text("9223372036854.775807")), None, "FFmpeg's 'none' as seconds");
    }

    #[test]
    fn a_matroska_duration_tag_is_read() {
        assert_eq!(clock("00:01:02.500000000"), Some(Ticks(5_625_000)));
        assert_eq!(clock("1:2"), None);
        assert_eq!(clock("00:99:00.0"), None);
    }

    #[test]
    fn timestamps_round_as_ffmpeg_rounds_them() {
        assert_eq!(ticks(1, (1_001, 24_000)), Some(Ticks(3_754)));
        assert_eq!(ticks(-2, (1_001, 24_000)), Some(Ticks(-7_508)));
        assert_eq!(ticks(i64::MIN, (1, 90_000)), None);
    }

    #[test]
    fn values_of_another_type_are_taken_as_they_can_be() {
        let packet: Packet = serde_json::from_str(
            r#"{"pts":"12","dts":null,"duration":3.6e3,"flags":7,"stream_index":[1]}"#,
        )
        .unwrap();
        assert_eq!(packet.pts, Int(Some(12)));
        assert_eq!((packet.dts, packet.stream_index), (Int(None), Int(None)));
        assert_eq!(packet.duration, Int(Some(3_600)));
        assert_eq!(packet.flags, Flags::default());
    }
}
