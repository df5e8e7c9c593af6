//! PES packets: an access unit with its times, before it is cut into packets.
//!
//! Owns the PES header and the framing inside it: NAL types, ADTS frames.
//! Knows no transport packets. Invariant: parsing takes any bytes.

use super::restamp::{self, StampKind};
use super::{AccessUnit, UnitKind, VideoCodec};
use crate::time::{TICKS_PER_SECOND, Ticks};

/// Fixed part of a PES header.
const FIXED_BYTES: usize = 9;
/// Where the PTS is, and behind it the DTS.
pub(super) const PTS_AT: usize = FIXED_BYTES;
pub(super) const DTS_AT: usize = FIXED_BYTES + 5;
/// Samples of one AAC frame.
const AAC_SAMPLES: i64 = 1_024;

/// The PES header of `unit`. Video has no length (it may exceed 16 bits); the
/// DTS is written only where it differs.
pub(super) fn header(unit: &AccessUnit) -> Vec<u8> {
    let with_dts = unit.dts != unit.pts;
    let times = if with_dts { 10u8 } else { 5 };
    let (stream, length) = match unit.kind {
        UnitKind::Video { .. } => (0xe0, 0),
        // 3 flag bytes, times, data; 0 where it is too long, as for video.
        UnitKind::Audio => {
            (0xc0, u16::try_from(3 + usize::from(times) + unit.data.len()).unwrap_or(0))
        }
    };
    let [high, low] = length.to_be_bytes();
    let flags = if with_dts { 0xc0 } else { 0x80 };
    let mut header = vec![0, 0, 1, stream, high, low, 0x80, flags, times];
    let mut time = |prefix: u8, kind, ticks: Ticks| {
        let mut field = [prefix << 4 | 1, 0, 1, 0, 1];
        restamp::write(kind, &mut field, ticks.wrapped());
        header.extend_from_slice(&field);
    };
    if with_dts {
        time(3, StampKind::Pts, unit.pts);
        time(1, StampKind::Dts, unit.dts);
    } else {
        time(2, StampKind::Pts, unit.pts);
    }
    header
}

/// What a PES header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) pts: u64,
    pub(super) dts: u64,
    /// Where the data begins.
    pub(super) data_at: usize,
}

/// The whole length a PES announces, if it does and so much is there to say it.
pub(super) fn announced_bytes(pes: &[u8]) -> Option<usize> {
    let length = usize::from(*pes.get(4)?) << 8 | usize::from(*pes.get(5)?);
    (length > 0).then_some(6 + length)
}

/// The header of a whole PES; `None` where it is none of ours or has no PTS.
pub(super) fn parse(pes: &[u8]) -> Option<Header> {
    let fixed = pes.get(..FIXED_BYTES)?;
    let data_at = FIXED_BYTES + usize::from(fixed[8]);
    if fixed[..3] != [0, 0, 1] || fixed[6] >> 6 != 2 || fixed[7] & 0x80 == 0 || data_at > pes.len()
    {
        return None;
    }
    let times = &pes[FIXED_BYTES..data_at];
    let pts = restamp::read(StampKind::Pts, times.get(..5)?);
    let dts = match fixed[7] & 0x40 {
        0 => pts,
        _ => restamp::read(StampKind::Dts, times.get(5..10)?),
    };
    Some(Header { pts, dts, data_at })
}

/// Whether a picture is an IDR: by its NAL types, since flags lie.
pub(super) fn is_idr(codec: VideoCodec, annex_b: &[u8]) -> bool {
    let mut rest = annex_b;
    while let Some(at) = start_code(rest) {
        rest = &rest[at + 3..];
        let Some(first) = rest.first() else { return false };
        match (codec, first & 0x1f, first >> 1 & 0x3f) {
            (VideoCodec::H264, 5, _) | (VideoCodec::Hevc, _, 19 | 20) => return true,
            // A slice of another kind: all slices of a picture agree on this.
            (VideoCodec::H264, 1..=4, _) | (VideoCodec::Hevc, _, 0..=31) => return false,
            _ => {}
        }
    }
    false
}

/// Where the next `00 00 01` is.
fn start_code(bytes: &[u8]) -> Option<usize> {
    bytes.windows(3).position(|three| three == [0, 0, 1])
}

/// One ADTS frame: its bytes in all and its length in time.
pub(super) fn adts_frame(bytes: &[u8]) -> Option<(usize, Ticks)> {
    const RATES: [i64; 13] = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025,
        8_000, 7_350,
    ];
    let header = bytes.get(..7)?;
    if header[0] != 0xff || header[1] & 0xf6 != 0xf0 {
        return None;
    }
    let rate = *RATES.get(usize::from(header[2] >> 2 & 15))?;
    let length = usize::from(header[3] & 3) << 11
        | usize::from(header[4]) << 3
        | usize::from(header[5] >> 5);
    let samples = AAC_SAMPLES * (i64::from(header[6] & 3) + 1);
    (length > 7 && length <= bytes.len())
        .then_some((length, Ticks(samples * TICKS_PER_SECOND / rate)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_header_says_what_was_written(pts in 0i64..1 << 33, lead in 0i64..400_000, audio: bool) {
            let kind = if audio { UnitKind::Audio } else { UnitKind::Video { idr: false } };
            let dts = if audio { pts } else { pts - lead };
            let unit = AccessUnit { kind, pts: Ticks(pts), dts: Ticks(dts), data: Bytes::from_static(&[9; 40]) };
            let mut pes = header(&unit);
            let data_at = pes.len();
            prop_assert_eq!(data_at, if dts == pts { 14 } else { 19 });
            pes.extend_from_slice(&unit.data);
            let expected = Header { pts: unit.pts.wrapped(), dts: unit.dts.wrapped(), data_at };
            prop_assert_eq!(parse(&pes), Some(expected));
            prop_assert_eq!(announced_bytes(&pes), audio.then_some(pes.len()));
        }

        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = (parse(&bytes), announced_bytes(&bytes), adts_frame(&bytes));
            let _ = (is_idr(VideoCodec::H264, &bytes), is_idr(VideoCodec::Hevc, &bytes));
        }
    }

    #[test]
    fn an_idr_is_known_by_its_nal_type() {
        let h264 = |nal: u8| [0, 0, 0, 1, 9, 0xf0, 0, 0, 1, nal, 0x88];
        assert!(is_idr(VideoCodec::H264, &h264(0x65)));
        assert!(!is_idr(VideoCodec::H264, &h264(0x41)));
        let hevc = |nal: u8| [0, 0, 1, 35 << 1, 1, 0x50, 0, 0, 1, nal << 1, 1];
        assert!(is_idr(VideoCodec::Hevc, &hevc(19)) && is_idr(VideoCodec::Hevc, &hevc(20)));
        assert!(!is_idr(VideoCodec::Hevc, &hevc(21)) && !is_idr(VideoCodec::Hevc, &hevc(1)));
    }
}
