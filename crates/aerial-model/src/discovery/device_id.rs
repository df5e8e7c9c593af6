//! The id of a tuner: eight hexadecimal digits, the last of which checks the others.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What digits at even places (the first is 0) count in the check; the others count
/// themselves (`hdhomerun_discover_validate_device_id`).
const COUNTS: [u32; 16] =
    [0xa, 0x5, 0xf, 0x6, 0x7, 0xc, 0x1, 0xb, 0x9, 0x2, 0x8, 0xd, 0x4, 0x3, 0xe, 0x0];

/// An id that clients take for a device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DeviceId(u32);

/// Not the id of a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no device id: it has eight hexadecimal digits, the last of which checks them")]
pub struct BadDeviceId(String);

impl DeviceId {
    /// An id made of random bits.
    ///
    /// Those of real devices begin with 1 and are left to them; 0 and F are the first
    /// digits of ids that stand for none and for all.
    pub fn of_random(bits: u32) -> Self {
        let first = match bits >> 28 {
            0x0 | 0x1 | 0xf => 0xa,
            first => first,
        };
        let unchecked = first << 28 | bits & 0x0fff_fff0;
        Self(unchecked | check(unchecked))
    }

    /// The id as a number.
    pub fn get(self) -> u32 {
        self.0
    }
}

/// Zero for a valid id, else what its last digit would have to be changed by.
fn check(id: u32) -> u32 {
    let digits = (0..8).map(|place| (id >> (28 - 4 * place) & 0xf, place % 2 == 0));
    let counted = digits.map(|(digit, even)| if even { COUNTS[digit as usize] } else { digit });
    counted.fold(0, |sum, count| sum ^ count)
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}", self.0)
    }
}

impl FromStr for DeviceId {
    type Err = BadDeviceId;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = digits.then(|| u32::from_str_radix(text, 16).ok()).flatten();
        let valid = id.filter(|id| !matches!(id, 0 | 0xffff_ffff) && check(*id) == 0);
        valid.map(Self).ok_or_else(|| BadDeviceId(text.chars().take(40).collect()))
    }
}

impl From<DeviceId> for String {
    fn from(id: DeviceId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for DeviceId {
    type Error = BadDeviceId;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_that_the_makers_library_takes_are_valid() {
        for id in ["1010CC54", "105a1b22", "1038A145"] {
            assert!(id.parse::<DeviceId>().is_ok(), "{id}");
        }
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for id in ["", "1234567", "12345678", "+1234567", "00000000", "FFFFFFFF", "1010CC55", "٣"]
        {
            assert!(id.parse::<DeviceId>().is_err(), "{id}");
        }
    }

    proptest! {
        #[test]
        fn every_id_that_is_made_is_valid_and_reads_back(bits: u32) {
            let id = DeviceId::of_random(bits);
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert!(!matches!(id.get() >> 28, 0x0 | 0x1 | 0xf));
        }

        #[test]
        fn one_wrong_digit_is_noticed(bits: u32, place in 0..8, change in 1..16u32) {
            let wrong = DeviceId::of_random(bits).get() ^ change << (4 * place);
            let wrong = format!("{wrong:08X}");
            prop_assert!(wrong.parse::<DeviceId>().is_err());
        }
    }
}
