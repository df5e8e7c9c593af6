//! A finished segment and its file form.
//!
//! Owns the layout of a segment's file: the MPEG-TS bytes as they are, then
//! where the timestamps in them are, then a footer with lengths and a checksum.
//! Does not touch the disk. Invariant: what decodes is, to the byte, what was
//! encoded; anything else is an error that says what is wrong.

use bytes::{BufMut, Bytes, BytesMut};

use crate::mpegts::{Chunk, PACKET_BYTES, Stamp, StampKind};

/// The last bytes of every segment file.
const MAGIC: [u8; 8] = *b"AERIALSG";
/// Of the file's layout.
const VERSION: u16 = 1;
/// Checksum, length of the packets, number of stamps, version, magic.
const FOOTER_BYTES: usize = 32 + 4 + 4 + 2 + 8;
/// Offset and kind.
const STAMP_BYTES: usize = 5;

/// Why bytes are no segment file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentFileError {
    /// Not even a footer fits, or it does not end as segment files do.
    #[error("not a segment file, or cut short ({bytes} bytes); delete it to have it made again")]
    NotASegment {
        /// How long it is.
        bytes: usize,
    },
    /// Written by another version of the program.
    #[error(
        "segment file of layout {found}, this program reads {VERSION}; delete it to have it made again"
    )]
    Version {
        /// The layout it has.
        found: u16,
    },
    /// The lengths in the footer do not add up to the file's.
    #[error(
        "segment file of {bytes} bytes where its footer says {expected}; delete it to have it made again"
    )]
    Length {
        /// How long it is.
        bytes: usize,
        /// How long it should be.
        expected: u64,
    },
    /// The checksum is wrong: bytes were changed.
    #[error("segment file is damaged: its checksum is wrong; delete it to have it made again")]
    Checksum,
    /// The stamps make no sense, though the checksum is right.
    #[error("segment file has timestamps outside its packets; delete it to have it made again")]
    Stamps,
}

/// A segment in media time: whole packets, and where their timestamps are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// MPEG-TS, a multiple of 188 bytes.
    pub bytes: Bytes,
    /// Every PTS, DTS and PCR in it, by rising offset.
    pub stamps: Vec<Stamp>,
}

impl Segment {
    /// The segment that was handed out in these chunks, in order.
    pub fn from_chunks<'a>(chunks: impl IntoIterator<Item = &'a Chunk>) -> Self {
        let mut bytes = BytesMut::new();
        let mut stamps = Vec::new();
        for chunk in chunks {
            bytes.extend_from_slice(&chunk.bytes);
            stamps.extend_from_slice(&chunk.stamps);
        }
        Self { bytes: bytes.freeze(), stamps }
    }

    /// What follows `bytes` in the file: a store that has written the packets
    /// while they came appends this to complete it.
    pub fn file_tail(&self) -> Bytes {
        let mut tail = BytesMut::with_capacity(self.stamps.len() * STAMP_BYTES + FOOTER_BYTES);
        for stamp in &self.stamps {
            tail.put_u32_le(stamp.offset);
            tail.put_u8(match stamp.kind {
                StampKind::Pts => 0,
                StampKind::Dts => 1,
                StampKind::Pcr => 2,
            });
        }
        let lengths = [self.bytes.len() as u32, self.stamps.len() as u32];
        let checksum = checksum(&self.bytes, &tail, lengths);
        tail.put_slice(&checksum);
        tail.put_u32_le(lengths[0]);
        tail.put_u32_le(lengths[1]);
        tail.put_u16_le(VERSION);
        tail.put_slice(&MAGIC);
        tail.freeze()
    }

    /// The whole file.
    pub fn encode(&self) -> Bytes {
        [&self.bytes[..], &self.file_tail()].concat().into()
    }

    /// Reads a whole file; `bytes` is not copied.
    ///
    /// # Errors
    /// Anything that is not exactly what [`Segment::encode`] wrote.
    pub fn decode(file: &Bytes) -> Result<Self, SegmentFileError> {
        let not_a_segment = SegmentFileError::NotASegment { bytes: file.len() };
        let Some(footer_at) = file.len().checked_sub(FOOTER_BYTES) else {
            return Err(not_a_segment);
        };
        let (rest, footer) = file.split_at(footer_at);
        let Some(body) = footer.strip_suffix(&MAGIC) else { return Err(not_a_segment) };
        let (expected_checksum, numbers) = body.split_at(32);
        let number = |at: usize| {
            u32::from_le_bytes([numbers[at], numbers[at + 1], numbers[at + 2], numbers[at + 3]])
        };
        let version = u16::from_le_bytes([numbers[8], numbers[9]]);
        if version != VERSION {
            return Err(SegmentFileError::Version { found: version });
        }
        let lengths = [number(0), number(4)];
        let rest_bytes = u64::from(lengths[0]) + u64::from(lengths[1]) * STAMP_BYTES as u64;
        if rest_bytes != rest.len() as u64 {
            let expected = rest_bytes + FOOTER_BYTES as u64;
            return Err(SegmentFileError::Length { bytes: file.len(), expected });
        }
        let (packets, table) = rest.split_at(lengths[0] as usize);
        if checksum(packets, table, lengths) != expected_checksum {
            return Err(SegmentFileError::Checksum);
        }
        let stamps = table.chunks_exact(STAMP_BYTES).map(|entry| stamp(entry, packets.len()));
        let stamps = stamps.collect::<Option<Vec<Stamp>>>().ok_or(SegmentFileError::Stamps)?;
        if !packets.len().is_multiple_of(PACKET_BYTES) {
            return Err(SegmentFileError::Stamps);
        }
        Ok(Self { bytes: file.slice(..packets.len()), stamps })
    }
}

fn checksum(packets: &[u8], table: &[u8], lengths: [u32; 2]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(packets).update(table);
    for length in lengths {
        hasher.update(&length.to_le_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// One entry of the stamp table, if it lies within the packets.
fn stamp(entry: &[u8], packet_bytes: usize) -> Option<Stamp> {
    let kind = match entry[4] {
        0 => StampKind::Pts,
        1 => StampKind::Dts,
        2 => StampKind::Pcr,
        _ => return None,
    };
    let offset = u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
    (offset as usize + kind.bytes() <= packet_bytes).then_some(Stamp { offset, kind })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segments() -> impl Strategy<Value = Segment> {
        (0usize..6, any::<u8>()).prop_flat_map(|(packets, fill)| {
            let bytes = packets * PACKET_BYTES;
            let kind =
                prop_oneof![Just(StampKind::Pts), Just(StampKind::Dts), Just(StampKind::Pcr)];
            let stamps =
                prop::collection::vec((0..bytes.max(7) as u32 - 6, kind), 0..packets * 2 + 1);
            stamps.prop_map(move |stamps| Segment {
                bytes: vec![fill; bytes].into(),
                stamps: stamps.into_iter().map(|(offset, kind)| Stamp { offset, kind }).collect(),
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(segment in segments()) {
            prop_assume!(!segment.bytes.is_empty() || segment.stamps.is_empty());
            prop_assert_eq!(Segment::decode(&segment.encode()), Ok(segment));
        }

        #[test]
        fn a_file_cut_short_is_refused(segment in segments(), cut in any::<prop::sample::Index>()) {
            let file = segment.encode();
            prop_assert!(Segment::decode(&file.slice(..cut.index(file.len()))).is_err());
        }

        #[test]
        fn a_changed_bit_is_seen(segment in segments(), at in any::<prop::sample::Index>(), bit in 0u8..8) {
            let mut file = segment.encode().to_vec();
            let at = at.index(file.len());
            file[at] ^= 1 << bit;
            prop_assert!(Segment::decode(&file.into()).is_err());
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let segment = Segment { bytes: vec![7; PACKET_BYTES].into(), stamps: vec![] };
        let file = segment.encode();
        let error = |file: Vec<u8>| Segment::decode(&file.into()).unwrap_err();
        assert_eq!(error(vec![]), SegmentFileError::NotASegment { bytes: 0 });
        assert_eq!(
            error(file[1..].to_vec()),
            SegmentFileError::Length { bytes: file.len() - 1, expected: file.len() as u64 }
        );
        let mut other = file.to_vec();
        other[0] ^= 1;
        assert_eq!(error(other), SegmentFileError::Checksum);
        let mut newer = file.to_vec();
        let at = newer.len() - 10;
        newer[at] = 9;
        assert_eq!(error(newer), SegmentFileError::Version { found: 9 });
        let astray =
            Segment { stamps: vec![Stamp { offset: 187, kind: StampKind::Pts }], ..segment };
        assert_eq!(Segment::decode(&astray.encode()), Err(SegmentFileError::Stamps));
    }
}
