//! How many encodes there may be at once, as people write it: `"auto"` or a number.
//!
//! Invariant: what is shown can be parsed again and means the same.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// How many encodes there may be at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encodes {
    /// As many as the machine was measured to carry.
    #[default]
    Auto,
    /// So many of the full height, 1 to 1000.
    Count(u16),
}

/// Neither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither \"auto\" nor a whole number from 1 to {MOST}")]
pub struct BadEncodes(String);

/// Far beyond any machine: more is a slip of the finger.
const MOST: u16 = 1_000;

impl FromStr for Encodes {
    type Err = BadEncodes;
    fn from_str(text: &str) -> Result<Self, BadEncodes> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
        number.map(Self::Count).ok_or_else(|| BadEncodes(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Encodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Count(number) => number.fmt(f),
        }
    }
}

impl Serialize for Encodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Count(number) => serializer.serialize_u16(*number),
        }
    }
}

impl<'de> Deserialize<'de> for Encodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AutoOrNumber;
        impl Visitor<'_> for AutoOrNumber {
            type Value = Encodes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "\"auto\" or a whole number from 1 to {MOST}")
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Encodes, E> {
                number.to_string().parse().map_err(E::custom)
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Encodes, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(AutoOrNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_auto_or_a_number() {
        assert_eq!("auto".parse(), Ok(Encodes::Auto));
        assert_eq!("12".parse(), Ok(Encodes::Count(12)));
        for wrong in ["", "0", "1001", "-1", "Auto", "many", "70000"] {
            let said = wrong.parse::<Encodes>().unwrap_err().to_string();
            assert_eq!(
                said,
                format!("`{wrong}` is neither \"auto\" nor a whole number from 1 to 1000")
            );
        }
        for encodes in [Encodes::Auto, Encodes::Count(7)] {
            assert_eq!(encodes.to_string().parse(), Ok(encodes));
        }
    }
}
