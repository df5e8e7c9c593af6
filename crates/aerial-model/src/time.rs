//! Engine time: integer ticks of 90 kHz and rational frame rates.
//!
//! Owns the quantities and their conversions; knows nothing of clocks or
//! calendars. Invariant: no floating point, ever: 90 kHz is the clock of
//! MPEG-TS timestamps (ISO 13818-1), so what is planned is what is sent.

use std::fmt;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Ticks in one second.
pub const TICKS_PER_SECOND: i64 = 90_000;

/// Ticks in one AAC frame of 1024 samples at 48 kHz: the grid on which every
/// airing starts, so that all airings of a channel share one audio grid.
pub const AUDIO_FRAME: Ticks = Ticks(1_920);

/// MPEG-TS timestamps have 33 bits.
pub const TIMESTAMP_MODULUS: i64 = 1 << 33;

/// A length of time, or a position in a media file, in 1/90000 s.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Ticks(pub i64);

impl Ticks {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A whole number of seconds.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds * TICKS_PER_SECOND)
    }

    /// A whole number of milliseconds.
    pub const fn from_millis(milliseconds: i64) -> Self {
        Self(milliseconds * 90)
    }

    /// Milliseconds, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(90)
    }

    /// Rounded up to a whole number of audio frames (`rules.md`, 17: each
    /// airing lasts a whole number of them).
    pub const fn round_up_to_audio_frame(self) -> Self {
        let frame = AUDIO_FRAME.0;
        Self((self.0 + frame - 1).div_euclid(frame) * frame)
    }

    /// The 33-bit timestamp that MPEG-TS carries for this time.
    pub const fn wrapped(self) -> u64 {
        self.0.rem_euclid(TIMESTAMP_MODULUS) as u64
    }
}

/// Seconds with five decimals, the exactness EXTINF needs.
impl fmt::Display for Ticks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        // 1/90000 s is 100000/90000 = 10/9 of the last decimal; rounded half up.
        let (nines, rest) = (self.0.unsigned_abs() / 9, self.0.unsigned_abs() % 9);
        let hundred_thousandths = nines * 10 + (rest * 20 + 9) / 18;
        write!(f, "{sign}{}.{:05}", hundred_thousandths / 100_000, hundred_thousandths % 100_000)
    }
}

impl Add for Ticks {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}
impl AddAssign for Ticks {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}
impl Sub for Ticks {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}
impl SubAssign for Ticks {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}
impl Mul<i64> for Ticks {
    type Output = Self;
    fn mul(self, factor: i64) -> Self {
        Self(self.0 * factor)
    }
}
impl Neg for Ticks {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}
impl std::iter::Sum for Ticks {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// An instant: ticks since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct AirTime(pub i64);

impl AirTime {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// From milliseconds since the Unix epoch.
    pub const fn from_unix_millis(milliseconds: i64) -> Self {
        Self(milliseconds * 90)
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub const fn unix_millis(self) -> i64 {
        self.0.div_euclid(90)
    }

    /// Time since the Unix epoch.
    pub const fn since_epoch(self) -> Ticks {
        Ticks(self.0)
    }
}

impl Add<Ticks> for AirTime {
    type Output = Self;
    fn add(self, length: Ticks) -> Self {
        Self(self.0 + length.0)
    }
}
impl AddAssign<Ticks> for AirTime {
    fn add_assign(&mut self, length: Ticks) {
        self.0 += length.0;
    }
}
impl Sub<Ticks> for AirTime {
    type Output = Self;
    fn sub(self, length: Ticks) -> Self {
        Self(self.0 - length.0)
    }
}
impl Sub for AirTime {
    type Output = Ticks;
    fn sub(self, earlier: Self) -> Ticks {
        Ticks(self.0 - earlier.0)
    }
}

/// RFC 3339 in UTC with milliseconds (rounded down), as the API and
/// EXT-X-PROGRAM-DATE-TIME write it.
impl fmt::Display for AirTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.unix_millis()) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{} ticks", self.0),
        }
    }
}

/// What is no instant that anything can air at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadInstant {
    /// Not RFC 3339.
    #[error("must be a time such as 2026-12-24T18:00:00Z or 2026-12-24T18:00:00+01:00")]
    Form,
    /// Older than all clocks, or so late that what is planned from there on could not be
    /// written with a year of four digits.
    #[error("must be a time from 1970 to 2999")]
    Beyond,
}

/// 3000-01-01T00:00:00Z.
const BEYOND_MS: i64 = 32_503_680_000_000;

/// RFC 3339 in any zone, from 1970 to 2999, rounded down to milliseconds.
impl FromStr for AirTime {
    type Err = BadInstant;
    fn from_str(text: &str) -> Result<Self, BadInstant> {
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| BadInstant::Form)?;
        match timestamp.as_millisecond() {
            0..BEYOND_MS => Ok(Self::from_unix_millis(timestamp.as_millisecond())),
            _ => Err(BadInstant::Beyond),
        }
    }
}

/// Frames per second, as an exact fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "(u32, u32)", try_from = "(u32, u32)")]
pub struct FrameRate {
    num: u32,
    den: u32,
}

/// The rates of film and television; a rate within 1 % of one of them is it.
const STANDARD_RATES: [FrameRate; 8] = [
    FrameRate { num: 24_000, den: 1_001 },
    FrameRate { num: 24, den: 1 },
    FrameRate { num: 25, den: 1 },
    FrameRate { num: 30_000, den: 1_001 },
    FrameRate { num: 30, den: 1 },
    FrameRate { num: 50, den: 1 },
    FrameRate { num: 60_000, den: 1_001 },
    FrameRate { num: 60, den: 1 },
];

impl FrameRate {
    /// 25 frames per second: what slates and pictures without a rate use.
    pub const PAL: Self = Self { num: 25, den: 1 };

    /// `num/den` frames per second; `None` where either is 0 (FFmpeg's "unknown").
    pub fn new(num: u32, den: u32) -> Option<Self> {
        if num == 0 || den == 0 {
            return None;
        }
        let divisor = gcd(num, den);
        Some(Self { num: num / divisor, den: den / divisor })
    }

    /// Numerator, in lowest terms.
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Denominator, in lowest terms.
    pub const fn den(self) -> u32 {
        self.den
    }

    /// The rate at which the engine makes a file that claims `average` (and, as
    /// its second opinion, `nominal`): the nearest standard rate within 1 %,
    /// else a whole number of frames per second; over 60, halved until it is not.
    pub fn for_air(average: Option<Self>, nominal: Option<Self>) -> Self {
        let claims = || [average, nominal].into_iter().flatten().map(Self::halved_to_60);
        if let Some(standard) = claims().find_map(Self::standard) {
            return standard;
        }
        claims().next().map_or(Self::PAL, |rate| Self {
            num: ((rate.num as u64 * 2 + rate.den as u64) / (rate.den as u64 * 2)).clamp(1, 60)
                as u32,
            den: 1,
        })
    }

    fn halved_to_60(self) -> Self {
        let mut rate = self;
        // 60.6 is 60 within 1 %.
        while rate.num as u64 * 10 > rate.den as u64 * 606 {
            rate = match Self::new(rate.num, rate.den.saturating_mul(2)) {
                Some(half) => half,
                None => return Self::PAL,
            };
        }
        rate
    }

    /// The nearest standard rate, if one is within 1 %.
    fn standard(self) -> Option<Self> {
        let distance = |standard: &Self| {
            // |a/b - c/d| / (c/d) = |ad - cb| / cb
            let ours = self.num as u128 * standard.den as u128;
            let theirs = standard.num as u128 * self.den as u128;
            ours.abs_diff(theirs) * 1_000_000 / theirs
        };
        STANDARD_RATES
            .into_iter()
            .min_by_key(distance)
            .filter(|standard| distance(standard) <= 10_000)
    }

    /// When frame `frame` is shown, from frame 0, rounded half up as FFmpeg
    /// rounds its timestamps.
    pub fn ticks_at(self, frame: u64) -> Ticks {
        let exact = frame as u128 * TICKS_PER_SECOND as u128 * self.den as u128;
        Ticks(divided(exact, self.num as u128) as i64)
    }

    /// Frames in `length`, rounded half up.
    pub fn frames_in(self, length: Ticks) -> u64 {
        let den = TICKS_PER_SECOND as u128 * self.den as u128;
        let exact = length.0.max(0) as u128 * self.num as u128;
        divided(exact, den)
    }

    /// Frames in one whole segment: 4 s of them, at least one.
    pub fn frames_per_segment(self) -> u64 {
        self.frames_in(Ticks::from_secs(4)).max(1)
    }
}

/// As FFmpeg takes it: `24000/1001`.
impl fmt::Display for FrameRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl From<FrameRate> for (u32, u32) {
    fn from(rate: FrameRate) -> Self {
        (rate.num, rate.den)
    }
}
impl TryFrom<(u32, u32)> for FrameRate {
    type Error = &'static str;
    fn try_from((num, den): (u32, u32)) -> Result<Self, Self::Error> {
        Self::new(num, den).ok_or("a frame rate of 0")
    }
}

/// Rounded half up. Few numbers need the width, and dividing by it is slow.
fn divided(a: u128, b: u128) -> u64 {
    match (u64::try_from(a * 2 + b), u64::try_from(b * 2)) {
        (Ok(a), Ok(b)) => a / b,
        _ => ((a * 2 + b) / (b * 2)) as u64,
    }
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(num: u32, den: u32) -> FrameRate {
        FrameRate::new(num, den).unwrap()
    }

    #[test]
    fn a_segment_of_each_standard_rate_has_the_frames_that_were_measured() {
        let frames: Vec<u64> = STANDARD_RATES.iter().map(|r| r.frames_per_segment()).collect();
        assert_eq!(frames, [96, 96, 100, 120, 120, 200, 240, 240]);
    }

    #[test]
    fn awkward_rates_become_standard_ones() {
        let ntsc = rate(60_000, 1_001);
        assert_eq!(FrameRate::for_air(Some(rate(19_001, 317)), None), ntsc);
        assert_eq!(FrameRate::for_air(Some(rate(120_000, 1_001)), None), ntsc);
        assert_eq!(FrameRate::for_air(Some(rate(120, 1)), None), rate(60, 1));
        assert_eq!(FrameRate::for_air(Some(rate(2_997, 100)), None), rate(30_000, 1_001));
        assert_eq!(FrameRate::for_air(None, None), FrameRate::PAL);
        assert_eq!(FrameRate::for_air(None, Some(rate(25, 1))), FrameRate::PAL);
        assert_eq!(FrameRate::for_air(Some(rate(15, 1)), None), rate(15, 1));
        assert_eq!(FrameRate::for_air(Some(rate(1, 10)), None), rate(1, 1));
        assert_eq!(
            FrameRate::for_air(Some(rate(17_300, 1_000)), Some(rate(90_000, 1))),
            rate(17, 1)
        );
    }

    #[test]
    fn frames_are_rounded_half_up_as_ffmpeg_does() {
        let film = rate(24_000, 1_001);
        assert_eq!(film.ticks_at(1), Ticks(3_754)); // 3753.75
        assert_eq!(film.ticks_at(2), Ticks(7_508)); // 7507.5
        assert_eq!(film.ticks_at(96), Ticks(360_360));
        assert_eq!(film.frames_in(Ticks(360_360)), 96);
    }

    #[test]
    fn ticks_print_as_seconds_with_five_decimals() {
        assert_eq!(Ticks(360_360).to_string(), "4.00400");
        assert_eq!(Ticks(1).to_string(), "0.00001");
        assert_eq!(Ticks(-45_000).to_string(), "-0.50000");
        assert_eq!(Ticks(89_999).to_string(), "0.99999");
        assert_eq!(Ticks(i64::MIN).to_string(), "-102481911520608.62009");
    }

    #[test]
    fn an_instant_prints_as_rfc_3339_with_milliseconds_rounded_down() {
        let start = AirTime::from_unix_millis(1_767_225_600_123) + Ticks(89);
        assert_eq!(start.to_string(), "2026-01-01T00:00:00.123Z");
    }

    #[test]
    fn lengths_round_up_to_whole_audio_frames() {
        assert_eq!(Ticks(1).round_up_to_audio_frame(), Ticks(1_920));
        assert_eq!(Ticks(1_920).round_up_to_audio_frame(), Ticks(1_920));
        assert_eq!(Ticks(360_000).round_up_to_audio_frame(), Ticks(360_960));
    }
}
