//! MPEG-TS (ISO/IEC 13818-1): read, write, restamp.
//!
//! Owns the byte formats and nothing else: which access unit belongs to which
//! segment is the segmenter's to say, what a segment's time on the channel is
//! the playlist's. Invariant: bytes in, bytes out; no input makes it panic, and
//! the same access units always give the same bytes.

pub mod demux;
mod hold;
mod pes;
mod psi;
pub mod restamp;
pub mod write;

use bytes::Bytes;

use crate::time::Ticks;
pub use demux::{DemuxError, Demuxer};
pub use restamp::{Stamp, StampKind, restamp, restamp_at};
pub use write::SegmentWriter;

/// Length of a transport packet, in bytes.
pub const PACKET_BYTES: usize = 188;

/// What every transport packet begins with.
const SYNC_BYTE: u8 = 0x47;

/// How the video is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum VideoCodec {
    /// H.264 / AVC.
    #[default]
    H264,
    /// H.265 / HEVC.
    Hevc,
}

impl VideoCodec {
    /// The `stream_type` of a PMT.
    const fn stream_type(self) -> u8 {
        match self {
            Self::H264 => 0x1b,
            Self::Hevc => 0x24,
        }
    }
}

/// What an access unit holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnitKind {
    /// One coded picture, in Annex B byte stream format.
    Video {
        /// Whether decoding can begin here (read from the NAL types).
        idr: bool,
    },
    /// One AAC frame with its ADTS header.
    Audio,
}

/// One coded picture or audio frame with its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessUnit {
    /// Picture or sound.
    pub kind: UnitKind,
    /// When it is shown or heard.
    pub pts: Ticks,
    /// When it is decoded; never after `pts`, the same for audio.
    pub dts: Ticks,
    /// Its bytes, as the elementary stream has them.
    pub data: Bytes,
}

impl AccessUnit {
    /// Whether decoding can begin here.
    pub fn is_idr(&self) -> bool {
        self.kind == (UnitKind::Video { idr: true })
    }
}

/// A stretch of whole packets of a segment, as it is handed out while the
/// segment grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Where in the segment it begins, in bytes.
    pub offset: u32,
    /// The packets.
    pub bytes: Bytes,
    /// Where its timestamps are; offsets count from the *segment's* start.
    pub stamps: Vec<Stamp>,
}
