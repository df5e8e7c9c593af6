//! Moving finished packets along the channel's clock.
//!
//! Owns the bit layout of PTS, DTS and PCR. Where they are is found once, by
//! the writer, and kept beside the bytes. Invariant: restamping changes the
//! 33-bit values alone: no marker, prefix or extension bit, nothing else.

use crate::time::{TIMESTAMP_MODULUS, Ticks};

/// Which timestamp it is: they differ in layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StampKind {
    /// Presentation time, in a PES header.
    Pts,
    /// Decoding time, in a PES header.
    Dts,
    /// The 33-bit base of the program clock, in an adaptation field.
    Pcr,
}

impl StampKind {
    /// Bytes it takes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Pts | Self::Dts => 5,
            Self::Pcr => 6,
        }
    }
}

/// A timestamp's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Its first byte, from the segment's start.
    pub offset: u32,
    /// What it is.
    pub kind: StampKind,
}

/// Adds `by` to every stamped time of a whole segment, modulo 2^33.
pub fn restamp(bytes: &mut [u8], stamps: &[Stamp], by: Ticks) {
    restamp_at(bytes, 0, stamps, by);
}

/// As [`restamp`], for a slice that begins `base` bytes into the segment.
/// Stamps that are not wholly inside the slice are passed over, so the table of
/// a segment serves for any run of its packets.
pub fn restamp_at(bytes: &mut [u8], base: u32, stamps: &[Stamp], by: Ticks) {
    for stamp in stamps {
        let Some(at) = stamp.offset.checked_sub(base) else { continue };
        let at = at as usize;
        let Some(field) = bytes.get_mut(at..at + stamp.kind.bytes()) else { continue };
        // Both are below 2^33, so the sum cannot overflow.
        let moved = (read(stamp.kind, field) + by.wrapped()) % TIMESTAMP_MODULUS as u64;
        write(stamp.kind, field, moved);
    }
}

/// The 33-bit value in `field`, which holds at least `kind.bytes()` bytes.
pub(super) fn read(kind: StampKind, field: &[u8]) -> u64 {
    let byte = |n: usize| u64::from(field[n]);
    match kind {
        StampKind::Pts | StampKind::Dts => {
            (byte(0) >> 1 & 7) << 30
                | byte(1) << 22
                | (byte(2) >> 1) << 15
                | byte(3) << 7
                | byte(4) >> 1
        }
        StampKind::Pcr => {
            byte(0) << 25 | byte(1) << 17 | byte(2) << 9 | byte(3) << 1 | byte(4) >> 7
        }
    }
}

/// Puts a 33-bit value in `field`, leaving every other bit as it is.
pub(super) fn write(kind: StampKind, field: &mut [u8], value: u64) {
    let low = |shift: u32| (value >> shift) as u8;
    match kind {
        StampKind::Pts | StampKind::Dts => {
            field[0] = field[0] & 0xf1 | (low(30) & 7) << 1;
            field[1] = low(22);
            field[2] = field[2] & 1 | low(15) << 1;
            field[3] = low(7);
            field[4] = field[4] & 1 | low(0) << 1;
        }
        StampKind::Pcr => {
            field[0] = low(25);
            field[1] = low(17);
            field[2] = low(9);
            field[3] = low(1);
            field[4] = field[4] & 0x7f | low(0) << 7;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> impl Strategy<Value = StampKind> {
        prop_oneof![Just(StampKind::Pts), Just(StampKind::Dts), Just(StampKind::Pcr)]
    }

    /// Up to 40 stamps that do not overlap, among arbitrary bytes.
    fn stamped() -> impl Strategy<Value = (Vec<u8>, Vec<Stamp>)> {
        prop::collection::vec((kinds(), 0u32..20), 0..40).prop_flat_map(|places| {
            let mut stamps = Vec::new();
            let mut offset = 0;
            for (kind, gap) in places {
                offset += gap;
                stamps.push(Stamp { offset, kind });
                offset += kind.bytes() as u32;
            }
            let length = offset as usize + 7;
            (prop::collection::vec(any::<u8>(), length), Just(stamps))
        })
    }

    fn moved(bytes: &[u8], stamps: &[Stamp], by: i64) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        restamp(&mut bytes, stamps, Ticks(by));
        bytes
    }

    proptest! {
        #[test]
        fn moving_twice_is_moving_by_the_sum((bytes, stamps) in stamped(), a in -1i64 << 60..1 << 60, b in -1i64 << 60..1 << 60) {
            prop_assert_eq!(moved(&moved(&bytes, &stamps, a), &stamps, b), moved(&bytes, &stamps, a + b));
        }

        #[test]
        fn moving_there_and_back_changes_nothing((bytes, stamps) in stamped(), by in -1i64 << 60..1 << 60) {
            prop_assert_eq!(moved(&moved(&bytes, &stamps, by), &stamps, -by), bytes);
        }

        #[test]
        fn a_whole_turn_changes_nothing((bytes, stamps) in stamped(), turns in -9i64..9) {
            prop_assert_eq!(moved(&bytes, &stamps, turns * TIMESTAMP_MODULUS), bytes);
        }

        #[test]
        fn each_value_moves_and_no_other_bit_does((bytes, stamps) in stamped(), by in any::<i32>()) {
            let after = moved(&bytes, &stamps, i64::from(by));
            let (mut before_rest, mut after_rest) = (bytes.clone(), after.clone());
            for stamp in &stamps {
                let at = stamp.offset as usize;
                let expected = (read(stamp.kind, &bytes[at..]) as i64 + i64::from(by)).rem_euclid(TIMESTAMP_MODULUS);
                prop_assert_eq!(read(stamp.kind, &after[at..]) as i64, expected);
                write(stamp.kind, &mut before_rest[at..], 0);
                write(stamp.kind, &mut after_rest[at..], 0);
            }
            prop_assert_eq!(before_rest, after_rest);
        }

        #[test]
        fn chunks_with_their_base_move_as_the_whole_does((bytes, stamps) in stamped(), by in any::<i32>(), pick in any::<prop::sample::Index>()) {
            // Cut where no stamp is cut in two.
            let cuts: Vec<u32> = stamps.iter().map(|s| s.offset).chain([0, bytes.len() as u32]).collect();
            let cut = cuts[pick.index(cuts.len())];
            let mut parts = bytes.clone();
            let (left, right) = parts.split_at_mut(cut as usize);
            restamp_at(left, 0, &stamps, Ticks(i64::from(by)));
            restamp_at(right, cut, &stamps, Ticks(i64::from(by)));
            prop_assert_eq!(parts, moved(&bytes, &stamps, i64::from(by)));
        }
    }

    #[test]
    fn times_before_zero_wrap_to_the_top_of_33_bits() {
        let mut field = [0x21, 0, 1, 0, 1];
        restamp(&mut field, &[Stamp { offset: 0, kind: StampKind::Pts }], Ticks(-1));
        assert_eq!(field, [0x2f, 0xff, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn stamps_outside_the_slice_are_passed_over() {
        let mut bytes = [0u8; 4];
        let stamps = [0, 3, u32::MAX].map(|offset| Stamp { offset, kind: StampKind::Pcr });
        restamp_at(&mut bytes, 2, &stamps, Ticks(77));
        assert_eq!(bytes, [0; 4]);
    }
}
