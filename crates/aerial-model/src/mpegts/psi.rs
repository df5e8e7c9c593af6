//! PAT and PMT: which packets are the picture and which the sound.
//!
//! Owns the program-specific tables, as far as one program with one video and
//! one audio stream needs them. Invariant: what is written never changes from
//! segment to segment, so a player sees one program for ever.

use bytes::Bytes;

use super::VideoCodec;

/// Payload of a packet without adaptation field.
pub(super) const FULL_PAYLOAD: usize = 184;

/// The PID of the PAT, by the standard.
pub(super) const PAT_PID: u16 = 0;
/// The PIDs of our own segments: those FFmpeg uses too.
pub(super) const PMT_PID: u16 = 0x1000;
pub(super) const VIDEO_PID: u16 = 0x100;
pub(super) const AUDIO_PID: u16 = 0x101;

/// AAC with ADTS headers.
const AUDIO_STREAM_TYPE: u8 = 0x0f;
const PROGRAM: u8 = 1;

/// The PAT as the payload of one packet.
pub(super) fn pat() -> Bytes {
    packet_payload(0x00, PROGRAM, &[0x00, PROGRAM, 0xe0 | (PMT_PID >> 8) as u8, PMT_PID as u8])
}

/// The PMT as the payload of one packet; the clock is on the video's PID.
pub(super) fn pmt(codec: VideoCodec) -> Bytes {
    let pid = |pid: u16| [0xe0 | (pid >> 8) as u8, pid as u8];
    let (video, audio) = (pid(VIDEO_PID), pid(AUDIO_PID));
    let body = [
        &video[..], // PCR_PID
        &[0xf0, 0], // no program descriptors
        &[codec.stream_type(), video[0], video[1], 0xf0, 0],
        &[AUDIO_STREAM_TYPE, audio[0], audio[1], 0xf0, 0],
    ]
    .concat();
    packet_payload(0x02, PROGRAM, &body)
}

/// A section of table `table_id` with its pointer field and checksum, filled up
/// to a whole packet.
fn packet_payload(table_id: u8, extension: u8, body: &[u8]) -> Bytes {
    let length = (5 + body.len() + 4) as u8;
    let mut payload = Vec::with_capacity(FULL_PAYLOAD);
    // Pointer; table, flags and length; extension; version 0, current; section 0 of 0.
    payload.extend_from_slice(&[0, table_id, 0xb0, length, 0, extension, 0xc1, 0, 0]);
    payload.extend_from_slice(body);
    let checksum = crc(&payload[1..]);
    payload.extend_from_slice(&checksum.to_be_bytes());
    payload.resize(FULL_PAYLOAD, 0xff);
    payload.into()
}

/// CRC-32/MPEG-2: over a section with its checksum it is 0.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| {
            if crc >> 31 == 1 { crc << 1 ^ 0x04c1_1db7 } else { crc << 1 }
        })
    })
}

/// What a PMT says, as far as it concerns us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Streams {
    pub(super) video: Option<(u16, VideoCodec)>,
    pub(super) audio: Option<u16>,
}

/// The body and table of a section that lies in one packet whole and right.
fn section(payload: &[u8], table_id: u8) -> Option<&[u8]> {
    let pointer = usize::from(*payload.first()?);
    let section = payload.get(1 + pointer..)?;
    let length = usize::from(*section.get(1)? & 0x0f) << 8 | usize::from(*section.get(2)?);
    let section = section.get(..3 + length)?;
    let right = section[0] == table_id && length >= 9 && crc(section) == 0;
    right.then(|| &section[8..section.len() - 4])
}

/// The PID of the first program's PMT; `None` where the PAT is damaged.
pub(super) fn parse_pat(payload: &[u8]) -> Option<u16> {
    section(payload, 0x00)?
        .chunks_exact(4)
        .find(|entry| entry[0] != 0 || entry[1] != 0)
        .map(|entry| u16::from(entry[2] & 0x1f) << 8 | u16::from(entry[3]))
}

/// The first video and audio stream of a kind we read; `None` where the PMT is
/// damaged.
pub(super) fn parse_pmt(payload: &[u8]) -> Option<Streams> {
    let body = section(payload, 0x02)?;
    let skip = |at: usize| -> Option<usize> {
        Some(usize::from(*body.get(at)? & 0x0f) << 8 | usize::from(*body.get(at + 1)?))
    };
    let mut at = 4 + skip(2)?;
    let mut streams = Streams::default();
    while let Some(entry) = body.get(at..at + 5) {
        let pid = u16::from(entry[1] & 0x1f) << 8 | u16::from(entry[2]);
        let codec = match entry[0] {
            0x1b => Some(VideoCodec::H264),
            0x24 => Some(VideoCodec::Hevc),
            _ => None,
        };
        if let Some(codec) = codec {
            streams.video.get_or_insert((pid, codec));
        } else if entry[0] == AUDIO_STREAM_TYPE {
            streams.audio.get_or_insert(pid);
        }
        at += 5 + skip(at + 3)?;
    }
    Some(streams)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_tables_say_where_picture_and_sound_are() {
        assert_eq!(parse_pat(&pat()), Some(PMT_PID));
        for codec in [VideoCodec::H264, VideoCodec::Hevc] {
            let streams = parse_pmt(&pmt(codec)).unwrap();
            assert_eq!(streams.video, Some((VIDEO_PID, codec)));
            assert_eq!(streams.audio, Some(AUDIO_PID));
        }
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc(b"123456789"), 0x0376_e6e7);
    }

    proptest! {
        #[test]
        fn a_damaged_table_is_not_believed(at in 1usize..17, flip in 1u8..=255) {
            let mut payload = pat().to_vec();
            payload[at] ^= flip;
            prop_assert_eq!(parse_pat(&payload), None);
        }

        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in prop::collection::vec(any::<u8>(), 0..190)) {
            let _ = (parse_pat(&bytes), parse_pmt(&bytes));
        }
    }
}
