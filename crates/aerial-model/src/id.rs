//! Names of things, as newtypes that are parsed at the edge.
//!
//! Owns the identifiers that travel between database, engine and API. All are
//! `UUIDv7` except a channel's number, which people choose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// One file of the library.
    MediaId;
    /// One channel.
    ChannelId;
    /// One item of a channel's lineup.
    ItemId;
    /// One folder of the library.
    FolderId;
    /// One segment map: a media's cut points for one version of its bytes.
    MapId;
}

/// A channel's number: `5` or `5.1`, ordered as people expect (5 < 5.1 < 5.2 < 5.10 < 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ChannelNumber {
    /// 1 to 99999.
    pub major: u32,
    /// After the point; 1 to 999.
    pub minor: Option<u16>,
}

impl ChannelNumber {
    /// The highest whole number that a channel can have.
    pub const LAST: u32 = 99_999;
}

/// Not a channel number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no channel number: write 1 to 99999, or with a sub-number such as 5.1")]
pub struct BadChannelNumber(pub String);

impl FromStr for ChannelNumber {
    type Err = BadChannelNumber;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || BadChannelNumber(text.chars().take(40).collect());
        let whole = |digits: &str, most: u32| {
            let plain = !digits.is_empty()
                && digits.len() <= 5
                && !digits.starts_with('0')
                && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten().filter(|n| *n <= most)
        };
        let (major, minor) = match text.split_once('.') {
            None => (text, None),
            Some((major, minor)) => (major, Some(whole(minor, 999).ok_or_else(bad)? as u16)),
        };
        Ok(Self { major: whole(major, Self::LAST).ok_or_else(bad)?, minor })
    }
}

impl fmt::Display for ChannelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.minor {
            None => write!(f, "{}", self.major),
            Some(minor) => write!(f, "{}.{minor}", self.major),
        }
    }
}

impl From<ChannelNumber> for String {
    fn from(number: ChannelNumber) -> Self {
        number.to_string()
    }
}
impl TryFrom<String> for ChannelNumber {
    type Error = BadChannelNumber;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// How a URL names a channel: by its number or its UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelRef {
    /// As people type it.
    Number(ChannelNumber),
    /// For good.
    Id(ChannelId),
}

impl FromStr for ChannelRef {
    type Err = BadChannelNumber;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(id) if text.len() == 36 => Ok(Self::Id(id)),
            _ => text.parse().map(Self::Number),
        }
    }
}

impl fmt::Display for ChannelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Id(id) => id.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_numbers_read_back_as_written() {
        for text in ["1", "5", "5.1", "5.10", "99999", "12.999"] {
            assert_eq!(text.parse::<ChannelNumber>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_channel_number_is_refused() {
        for text in [
            "", "0", "05", "-1", "+1", "1.", ".1", "1.0", "1.1000", "100000", "1.1.1", "%2e%2e",
            "..", "٣", "1 ",
        ] {
            assert!(text.parse::<ChannelNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn channel_numbers_sort_as_people_expect() {
        let mut numbers: Vec<ChannelNumber> =
            ["10", "5.10", "6", "5.2", "5"].iter().map(|n| n.parse().unwrap()).collect();
        numbers.sort();
        let text: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        assert_eq!(text, ["5", "5.2", "5.10", "6", "10"]);
    }
}
