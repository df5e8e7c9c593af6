//! How quantities are written in JSON.
//!
//! Owns instants (RFC 3339, milliseconds, UTC) and durations (whole
//! milliseconds). Invariant: a tick never leaves the server.

use std::str::FromStr;

use aerial_model::time::{AirTime, BadInstant, Ticks};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// An instant: RFC 3339 in UTC, with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-12-24T18:00:00.000Z")]
pub struct Instant(pub AirTime);

impl From<AirTime> for Instant {
    fn from(at: AirTime) -> Self {
        Self(at)
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl FromStr for Instant {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        // A `+` that was not escaped in a query arrives as a blank.
        let text = text.replace(' ', "+");
        text.parse().map(Self).map_err(|error: BadInstant| error.to_string())
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A length in whole milliseconds, rounded down.
pub fn millis(length: Ticks) -> i64 {
    length.as_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_written_in_utc_with_milliseconds_and_read_in_any_zone() {
        let at: Instant = "2026-12-24T18:00:00.0419+01:00".parse().unwrap();
        assert_eq!(serde_json::to_string(&at).unwrap(), "\"2026-12-24T17:00:00.041Z\"");
        assert_eq!(
            "2026-12-24T18:00:00 01:00".parse::<Instant>().unwrap().0.unix_millis() % 1000,
            0
        );
        assert!("tomorrow".parse::<Instant>().is_err());
        // Before any clock, or so late that what is planned there could not be written.
        for beyond in
            ["-000001-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "3000-01-01T00:00:00Z"]
        {
            assert!(beyond.parse::<Instant>().unwrap_err().contains("1970"), "{beyond}");
        }
    }
}
