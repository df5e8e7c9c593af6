//! Durations, sizes and numbers as people write them in settings: `5s`, `20GiB`.
//!
//! Invariant: what is shown can be parsed again and means the same.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;

/// A length of time: a whole number and its unit, as `500ms`, `5s`, `1m`, `2h` or `7d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

/// A number of bytes: a whole number and its unit, as `500MB` or `20GiB`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

/// Not a duration or a size.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BadUnit {
    /// Not a length of time.
    #[error(
        "`{0}` is no duration: write a whole number and its unit, such as 500ms, 5s, 1m, 2h or 7d"
    )]
    Period(String),
    /// Not a number of bytes.
    #[error("`{0}` is no size: write a whole number and its unit, such as 500MB, 20GiB or 1TB")]
    ByteSize(String),
    /// Not a number, or not one that is allowed here.
    #[error("`{text}` is no whole number from {least} to {most}")]
    Within {
        /// What was written.
        text: String,
        /// The least that is allowed.
        least: u16,
        /// The most that is allowed.
        most: u16,
    },
}

/// Units of time in milliseconds, largest first.
const PERIODS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Units of size in bytes, those that are shown largest first, then spellings.
const SIZES: [(&str, u64); 11] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("", 1),
];

/// A number and one of the units; the unit's case counts for nothing but `m`.
fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim();
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// In the largest unit that leaves no rest.
fn show(value: u64, units: &[(&str, u64)], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let fitting =
        units.iter().find(|(_, factor)| value >= *factor && value.is_multiple_of(*factor));
    match (fitting, units.last()) {
        (Some((unit, factor)), _) => write!(f, "{}{unit}", value / factor),
        (None, Some((unit, _))) => write!(f, "{value}{unit}"),
        (None, None) => write!(f, "{value}"),
    }
}

impl Period {
    /// So many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }
}

impl FromStr for Period {
    type Err = BadUnit;
    fn from_str(text: &str) -> Result<Self, BadUnit> {
        parse(text, &PERIODS)
            .map(|ms| Self(Duration::from_millis(ms)))
            .ok_or_else(|| BadUnit::Period(text.to_owned()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX), &PERIODS, f)
    }
}

impl fmt::Debug for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl ByteSize {
    /// So many GiB.
    pub const fn gib(gib: u64) -> Self {
        Self(gib << 30)
    }
}

impl FromStr for ByteSize {
    type Err = BadUnit;
    fn from_str(text: &str) -> Result<Self, BadUnit> {
        parse(text, &SIZES).map(Self).ok_or_else(|| BadUnit::ByteSize(text.to_owned()))
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, &SIZES[..5], f)
    }
}

impl fmt::Debug for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A whole number from `LEAST` to `MOST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Within<const LEAST: u16, const MOST: u16>(u16);

impl<const LEAST: u16, const MOST: u16> Within<LEAST, MOST> {
    /// The number, checked when this program is compiled: for defaults.
    pub const fn of<const NUMBER: u16>() -> Self {
        const { assert!(NUMBER >= LEAST && NUMBER <= MOST) }
        Self(NUMBER)
    }

    /// The number.
    pub const fn get(self) -> u16 {
        self.0
    }

    fn bad(text: &str) -> BadUnit {
        BadUnit::Within { text: text.to_owned(), least: LEAST, most: MOST }
    }
}

impl<const LEAST: u16, const MOST: u16> FromStr for Within<LEAST, MOST> {
    type Err = BadUnit;
    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let number = text.parse().ok().filter(|number| (LEAST..=MOST).contains(number));
        number.map(Self).ok_or_else(|| Self::bad(text))
    }
}

impl<'de, const LEAST: u16, const MOST: u16> Deserialize<'de> for Within<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number<const LEAST: u16, const MOST: u16>;
        impl<const LEAST: u16, const MOST: u16> Visitor<'_> for Number<LEAST, MOST> {
            type Value = Within<LEAST, MOST>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {LEAST} to {MOST}")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

/// Both are strings in a file. A bare number gets the same answer as any other
/// wrong value: which units there are.
macro_rules! as_string {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Text;
                impl Visitor<'_> for Text {
                    type Value = $type;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a number with its unit, in quotes")
                    }
                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$type, E> {
                        <$type>::from_str(&number.to_string()).map_err(E::custom)
                    }
                }
                deserializer.deserialize_any(Text).map_err(D::Error::custom)
            }
        }
    };
}
as_string!(Period);
as_string!(ByteSize);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_their_units() {
        for (text, ms) in [
            ("500ms", 500),
            ("5s", 5_000),
            (" 1 m ", 60_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
        ] {
            assert_eq!(text.parse(), Ok(Period(Duration::from_millis(ms))), "{text}");
        }
        for wrong in ["", "5", "s", "-1s", "1.5s", "5 apples", "99999999999999999999s", "1m30s"] {
            assert!(wrong.parse::<Period>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read_in_their_units() {
        for (text, bytes) in [
            ("20GiB", 20 << 30),
            ("500MB", 500_000_000),
            ("1 kib", 1024),
            ("4096", 4096),
            ("7B", 7),
            ("1TB", 1_000_000_000_000),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for wrong in ["", "GiB", "1.5GiB", "-1B", "1XB", "99999999999TiB"] {
            assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_can_be_read_again(number: u64) {
            let size = ByteSize(number);
            proptest::prop_assert_eq!(size.to_string().parse(), Ok(size));
            let period = Period(Duration::from_millis(number));
            proptest::prop_assert_eq!(period.to_string().parse(), Ok(period));
        }
    }

    #[test]
    fn numbers_out_of_their_range_are_refused_with_it() {
        assert_eq!("4".parse::<Within<1, 64>>().map(Within::get), Ok(4));
        let error = "65".parse::<Within<1, 64>>().unwrap_err().to_string();
        assert_eq!(error, "`65` is no whole number from 1 to 64");
        assert!("-1".parse::<Within<0, 64>>().is_err());
        assert!("70000".parse::<Within<0, 64>>().is_err());
    }

    #[test]
    fn they_are_shown_in_the_largest_unit_that_fits() {
        assert_eq!(ByteSize::gib(20).to_string(), "20GiB");
        assert_eq!(Period::secs(90).to_string(), "90s");
        assert_eq!(Period::secs(0).to_string(), "0ms");
        assert_eq!(ByteSize(1000).to_string(), "1000B");
    }
}
