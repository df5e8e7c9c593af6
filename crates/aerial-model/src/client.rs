//! A viewer's opaque id.
//!
//! Owns what the id carries: the sequence number and the instant at which the
//! viewer joined, so that the window of its playlists is a pure function of the
//! id and the clock, also after a restart (`rules.md`, 19). Knows nothing of
//! sessions. Invariant: any id that reads back is adopted; an id that was not
//! issued here can only make its own window smaller.

use std::fmt;
use std::str::FromStr;

use crate::time::AirTime;

/// Identifies one viewer of one channel.
///
/// Written as three base-36 numbers, `sequence-milliseconds-nonce`; players
/// treat it as opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId {
    joined_sequence: u64,
    joined_ms: u64,
    nonce: u64,
}

/// Not a client's id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no client id; ask for the playlist without `client` to get one")]
pub struct BadClientId;

impl ClientId {
    /// A viewer that joins at segment `joined_sequence`; the nonce tells
    /// viewers apart who join at the same instant.
    pub fn new(joined_sequence: u64, joined_at: AirTime, nonce: u64) -> Self {
        Self { joined_sequence, joined_ms: joined_at.unix_millis().max(0) as u64, nonce }
    }

    /// The segment that contained *now* when the viewer joined.
    pub fn joined_sequence(&self) -> u64 {
        self.joined_sequence
    }

    /// When the viewer joined.
    pub fn joined_at(&self) -> AirTime {
        AirTime::from_unix_millis(self.joined_ms as i64)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, number) in
            [self.joined_sequence, self.joined_ms, self.nonce].into_iter().enumerate()
        {
            if place > 0 {
                f.write_str("-")?;
            }
            f.write_str(&base36(number))?;
        }
        Ok(())
    }
}

impl FromStr for ClientId {
    type Err = BadClientId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.split('-').map(read_base36);
        let mut next = || parts.next().flatten().ok_or(BadClientId);
        let id = Self { joined_sequence: next()?, joined_ms: next()?, nonce: next()? };
        // Two centuries of milliseconds and of segments a 90th of a second
        // long: beyond that, sums with ticks could overflow.
        let sane = id.joined_ms < 1 << 43 && id.joined_sequence < 1 << 53;
        (sane && parts.next().is_none()).then_some(id).ok_or(BadClientId)
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyz"[(number % 36) as usize] as char);
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

fn read_base36(text: &str) -> Option<u64> {
    let plain = (1..=13).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    plain.then(|| u64::from_str_radix(text, 36).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_id_reads_back_as_written(sequence in 0u64..1 << 53, ms in 0i64..1 << 43, nonce: u64) {
            let id = ClientId::new(sequence, AirTime::from_unix_millis(ms), nonce);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.joined_at().unix_millis(), ms);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".*") {
            let _ = text.parse::<ClientId>();
        }
    }

    #[test]
    fn what_was_never_an_id_is_refused() {
        for text in ["", "1", "1-2", "1-2-3-4", "A-2-3", "1--3", "zzzzzzzzzzzzz-1-1", "+1-2-3"] {
            assert_eq!(text.parse::<ClientId>(), Err(BadClientId), "{text}");
        }
    }
}
