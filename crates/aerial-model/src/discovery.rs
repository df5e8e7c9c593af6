//! Discovery: the questions and answers by which TV apps find a tuner on the network.
//!
//! Owns the frames of HDHomeRun's discovery, the device's id and how often is
//! answered. Opens no socket. Invariants: what is not a well-formed question for
//! such a device gets no answer; an answer holds what is listed in [`Tuner`] and
//! nothing else.
//!
//! A frame, as `hdhomerun_pkt.h` of Silicondust's library describes it: a type and the
//! payload's length (16 bits each, the high byte first), the payload, and Ethernet's
//! CRC-32 of all that, the low byte first. The payload is a row of values, each with
//! its tag (a byte) and its length: 7 bits, or with the high bit set 7 bits and then
//! 8 more that count 128 each.

mod allowance;
mod device_id;
pub mod ssdp;

pub use allowance::Allowance;
pub use device_id::{BadDeviceId, DeviceId};

/// The UDP port that TV apps ask.
pub const PORT: u16 = 65_001;

/// The longest frame (`HDHOMERUN_MAX_PACKET_SIZE`): what an Ethernet packet holds.
pub const MAX_FRAME_BYTES: usize = 1_460;

/// Type and length before the payload, and the checksum after it.
const HEAD_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;

const QUESTION: u16 = 0x0002;
const ANSWER: u16 = 0x0003;

const DEVICE_TYPE: u8 = 0x01;
const DEVICE_ID: u8 = 0x02;
const TUNER_COUNT: u8 = 0x10;
const LINEUP_URL: u8 = 0x27;
const BASE_URL: u8 = 0x2a;
const DEVICE_AUTH: u8 = 0x2b;
/// Several types at once; clients since 2022 ask so.
const DEVICE_TYPES: u8 = 0x2d;

const TUNERS: u32 = 1;
/// Any type, or any id.
const ANY: u32 = 0xffff_ffff;

/// The longest value whose length can be written.
const MAX_VALUE_BYTES: usize = (1 << 15) - 1;

/// What somebody looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// Tuners are among it.
    tuners: bool,
    /// The id, or [`ANY`].
    device: u32,
}

impl Question {
    /// Reads a datagram; `None` unless it is a whole, undamaged question and nothing
    /// else.
    pub fn read(datagram: &[u8]) -> Option<Self> {
        let mut rest = opened(datagram, QUESTION)?;
        let (mut tuners, mut device) = (None, None);
        while !rest.is_empty() {
            let (tag, value, after) = first_value(rest)?;
            rest = after;
            match tag {
                DEVICE_TYPE => once(&mut tuners, includes_tuners(word(value)?))?,
                DEVICE_TYPES => {
                    let (types, rest) = value.as_chunks::<4>();
                    let whole = rest.is_empty() && !types.is_empty();
                    let mut types = types.iter().map(|bytes| u32::from_be_bytes(*bytes));
                    once(&mut tuners, whole.then(|| types.any(includes_tuners))?)?;
                }
                DEVICE_ID => once(&mut device, word(value)?)?,
                // What clients may come to say beside it.
                _ => {}
            }
        }
        Some(Self { tuners: tuners?, device: device.unwrap_or(ANY) })
    }

    /// Whether this device is one of those that are looked for.
    pub fn is_for(self, device: DeviceId) -> bool {
        self.tuners && (self.device == ANY || self.device == device.get())
    }
}

/// What a tuner says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tuner<'a> {
    /// Its id.
    pub device: DeviceId,
    /// How many channels it can tune to at once.
    pub tuners: u8,
    /// Where it is; libraries before 2022 overlook one of over 28 characters.
    pub base_url: &'a str,
    /// Where its channels are listed.
    pub lineup_url: &'a str,
    /// What it is known by to the guide services of its maker.
    pub device_auth: &'a str,
}

impl Tuner<'_> {
    /// The answer to a [`Question`]; `None` if it does not fit a packet.
    pub fn answer(&self) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        push_value(&mut payload, DEVICE_TYPE, &TUNERS.to_be_bytes())?;
        push_value(&mut payload, DEVICE_ID, &self.device.get().to_be_bytes())?;
        push_value(&mut payload, TUNER_COUNT, &[self.tuners])?;
        push_value(&mut payload, BASE_URL, self.base_url.as_bytes())?;
        push_value(&mut payload, LINEUP_URL, self.lineup_url.as_bytes())?;
        push_value(&mut payload, DEVICE_AUTH, self.device_auth.as_bytes())?;
        sealed(ANSWER, &payload)
    }
}

/// The payload of a frame of that type that fills the datagram.
fn opened(datagram: &[u8], expected: u16) -> Option<&[u8]> {
    if datagram.len() > MAX_FRAME_BYTES {
        return None;
    }
    let (frame, checksum) = datagram.split_last_chunk::<CHECKSUM_BYTES>()?;
    let (head, payload) = frame.split_first_chunk::<HEAD_BYTES>()?;
    let [type_high, type_low, length_high, length_low] = *head;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let is_one = u16::from_be_bytes([type_high, type_low]) == expected
        && length == payload.len()
        && u32::from_le_bytes(*checksum) == crc32fast::hash(frame);
    is_one.then_some(payload)
}

/// A frame of that type around the payload.
fn sealed(frame_type: u16, payload: &[u8]) -> Option<Vec<u8>> {
    let bytes = HEAD_BYTES + payload.len() + CHECKSUM_BYTES;
    if bytes > MAX_FRAME_BYTES {
        return None;
    }
    let mut frame = Vec::with_capacity(bytes);
    frame.extend(frame_type.to_be_bytes());
    frame.extend(u16::try_from(payload.len()).ok()?.to_be_bytes());
    frame.extend(payload);
    frame.extend(crc32fast::hash(&frame).to_le_bytes());
    Some(frame)
}

/// The first value of a payload with its tag, and what follows it.
fn first_value(payload: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, short], rest) = payload.split_first_chunk::<2>()?;
    let (length, rest) = match short & 0x80 {
        0 => (usize::from(short), rest),
        _ => {
            let (&more, rest) = rest.split_first()?;
            (usize::from(short & 0x7f) | usize::from(more) << 7, rest)
        }
    };
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}

fn push_value(payload: &mut Vec<u8>, tag: u8, value: &[u8]) -> Option<()> {
    let length = value.len();
    if length > MAX_VALUE_BYTES {
        return None;
    }
    payload.push(tag);
    match u8::try_from(length) {
        Ok(short @ 0..=0x7f) => payload.push(short),
        _ => payload.extend([(length & 0x7f) as u8 | 0x80, (length >> 7) as u8]),
    }
    payload.extend(value);
    Some(())
}

fn includes_tuners(device_type: u32) -> bool {
    matches!(device_type, TUNERS | ANY)
}

fn word(value: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(value.try_into().ok()?))
}

/// Sets what may be said once.
fn once<T>(of: &mut Option<T>, value: T) -> Option<()> {
    of.is_none().then(|| *of = Some(value))
}

#[cfg(test)]
mod tests;
