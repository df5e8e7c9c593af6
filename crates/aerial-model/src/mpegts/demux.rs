//! Reads a worker's MPEG-TS: packets in, access units out.
//!
//! Owns packet alignment, continuity, and the unwrapping of 33-bit times. Does
//! not know segments. Invariant: any bytes in any chunks are taken without a
//! panic and in bounded memory; what is wrong comes out as a value, and reading
//! goes on at the next packet that is whole.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{AccessUnit, PACKET_BYTES, SYNC_BYTE, UnitKind, VideoCodec, pes, psi};
use crate::time::{TIMESTAMP_MODULUS, Ticks};

/// A picture or sound larger than this is none: 4K intra frames have a few MiB.
const PES_LIMIT_BYTES: usize = 32 << 20;

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DemuxError {
    /// No packet where one should begin.
    #[error("not MPEG-TS for {skipped} bytes before byte {at} of the stream")]
    LostSync {
        /// How much was passed over.
        skipped: u64,
        /// Where packets begin again.
        at: u64,
    },
    /// A continuity counter jumped: packets are missing.
    #[error("packets of PID {pid} are missing: counter {expected} expected, {found} found")]
    Discontinuity {
        /// Whose packets.
        pid: u16,
        /// The counter that should have come.
        expected: u8,
        /// The counter that came.
        found: u8,
    },
    /// A packet whose adaptation field is longer than itself, or marked damaged.
    #[error("a damaged packet of PID {pid}")]
    BadPacket {
        /// Whose packet.
        pid: u16,
    },
    /// A PAT or PMT that fails its checksum.
    #[error("a damaged table on PID {pid}")]
    BadTable {
        /// Whose table.
        pid: u16,
    },
    /// A PES without a usable header, or too large.
    #[error("PID {pid} has a PES without a usable header and PTS, or too large")]
    BadPes {
        /// Whose PES.
        pid: u16,
    },
    /// Audio that is not a row of whole ADTS frames.
    #[error("PID {pid} has audio that is not whole ADTS frames")]
    BadAudio {
        /// Whose audio.
        pid: u16,
    },
}

/// An elementary stream being put together.
#[derive(Debug, Default)]
struct Track {
    pid: Option<u16>,
    counter: Option<u8>,
    /// The PES under way; `None` until one starts.
    pes: Option<BytesMut>,
}

/// Turns chunks of MPEG-TS into access units; see [`Demuxer::push`].
#[derive(Debug)]
pub struct Demuxer {
    /// Bytes that are not yet a whole packet.
    partial: BytesMut,
    /// Bytes of the stream before `partial`.
    consumed: u64,
    /// Bytes passed over since packets were last aligned.
    skipped: u64,
    pmt_pid: Option<u16>,
    codec: VideoCodec,
    video: Track,
    audio: Track,
    /// A time near which the next one lies.
    near: Ticks,
    ready: VecDeque<Result<AccessUnit, DemuxError>>,
}

impl Demuxer {
    /// A reader whose first timestamp is within 13 hours of `near`; each later
    /// one is taken to be within 13 hours of the one before.
    pub fn new(near: Ticks) -> Self {
        Self {
            partial: BytesMut::new(),
            consumed: 0,
            skipped: 0,
            pmt_pid: None,
            codec: VideoCodec::default(),
            video: Track::default(),
            audio: Track::default(),
            near,
            ready: VecDeque::new(),
        }
    }

    /// How the video is coded, once the PMT has said so.
    pub fn video_codec(&self) -> Option<VideoCodec> {
        self.video.pid.map(|_| self.codec)
    }

    /// Takes the next bytes of the stream, cut anywhere; what they complete is
    /// then given by [`Demuxer::next_unit`].
    pub fn push(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        while self.align() {
            let packet = self.partial.split_to(PACKET_BYTES);
            self.consumed += PACKET_BYTES as u64;
            self.packet(&packet);
        }
    }

    /// The next access unit in stream order, or what was found wrong there.
    pub fn next_unit(&mut self) -> Option<Result<AccessUnit, DemuxError>> {
        self.ready.pop_front()
    }

    /// Gives up the picture under way. A picture ends where the next one begins:
    /// of the last one of a stream that was cut off, nobody can tell whether it
    /// is whole.
    pub fn forget_picture(&mut self) {
        self.video.pes = None;
    }

    /// The stream has ended: what is under way is complete.
    pub fn finish(&mut self) {
        let left = self.partial.len() as u64;
        if left > 0 {
            let at = self.consumed + left;
            self.ready.push_back(Err(DemuxError::LostSync { skipped: self.skipped + left, at }));
            self.partial.clear();
        }
        self.complete(UnitKind::Video { idr: false });
        self.complete(UnitKind::Audio);
    }

    /// Brings a whole packet to the front of `partial`; `false` where more
    /// bytes are needed for that.
    fn align(&mut self) -> bool {
        let Some(first) = self.partial.first() else { return false };
        if self.skipped == 0 && *first == SYNC_BYTE {
            return self.partial.len() >= PACKET_BYTES;
        }
        // Lost: a packet is believed once another one follows it.
        let Some(searchable) = self.partial.len().checked_sub(PACKET_BYTES) else { return false };
        let found = (0..searchable).find(|at| {
            self.partial[*at] == SYNC_BYTE && self.partial[at + PACKET_BYTES] == SYNC_BYTE
        });
        let skip = found.unwrap_or(searchable);
        let _ = self.partial.split_to(skip);
        self.skipped += skip as u64;
        self.consumed += skip as u64;
        if found.is_none() {
            return false;
        }
        let lost = DemuxError::LostSync { skipped: self.skipped, at: self.consumed };
        self.ready.push_back(Err(lost));
        self.skipped = 0;
        for track in [&mut self.video, &mut self.audio] {
            (track.pes, track.counter) = (None, None);
        }
        true
    }

    fn packet(&mut self, packet: &[u8]) {
        let pid = u16::from(packet[1] & 0x1f) << 8 | u16::from(packet[2]);
        let starts = packet[1] & 0x40 != 0;
        let payload_at = match packet[3] >> 4 & 3 {
            1 => 4,
            3 => 5 + usize::from(packet[4]),
            _ => return, // no payload
        };
        let kind = match pid {
            psi::PAT_PID => None,
            _ if Some(pid) == self.pmt_pid => None,
            _ if Some(pid) == self.video.pid => Some(UnitKind::Video { idr: false }),
            _ if Some(pid) == self.audio.pid => Some(UnitKind::Audio),
            _ => return, // other streams, tables and stuffing
        };
        let damaged = packet[1] & 0x80 != 0;
        let Some(payload) = packet.get(payload_at..).filter(|p| !p.is_empty() && !damaged) else {
            return self.fault(kind, DemuxError::BadPacket { pid });
        };
        match kind {
            Some(kind) => self.elementary(kind, pid, packet[3] & 15, starts, payload),
            None if starts => self.table(pid, payload),
            // FFmpeg's tables fit in one packet; the rest of a longer one would
            // fail its checksum at its start.
            None => {}
        }
    }

    fn table(&mut self, pid: u16, payload: &[u8]) {
        if pid == psi::PAT_PID {
            match psi::parse_pat(payload) {
                Some(pmt_pid) => self.pmt_pid = Some(pmt_pid),
                None => self.fault(None, DemuxError::BadTable { pid }),
            }
            return;
        }
        let Some(streams) = psi::parse_pmt(payload) else {
            return self.fault(None, DemuxError::BadTable { pid });
        };
        // The first PMT holds for the stream: FFmpeg never changes it.
        if self.video.pid.is_none()
            && let Some((pid, codec)) = streams.video
        {
            (self.video.pid, self.codec) = (Some(pid), codec);
        }
        self.audio.pid = self.audio.pid.or(streams.audio);
    }

    fn track(&mut self, kind: UnitKind) -> &mut Track {
        match kind {
            UnitKind::Video { .. } => &mut self.video,
            UnitKind::Audio => &mut self.audio,
        }
    }

    /// Reports what is wrong; the PES it happened in cannot be completed.
    fn fault(&mut self, kind: Option<UnitKind>, error: DemuxError) {
        if let Some(kind) = kind {
            self.track(kind).pes = None;
        }
        self.ready.push_back(Err(error));
    }

    fn elementary(&mut self, kind: UnitKind, pid: u16, counter: u8, starts: bool, payload: &[u8]) {
        let track = self.track(kind);
        if let Some(last) = track.counter.replace(counter) {
            let expected = (last + 1) & 15;
            if counter == last {
                return; // sent twice, as the standard allows
            }
            if counter != expected {
                let found = counter;
                self.fault(Some(kind), DemuxError::Discontinuity { pid, expected, found });
            }
        }
        if starts {
            self.complete(kind);
            self.track(kind).pes = Some(BytesMut::new());
        }
        let Some(pes) = &mut self.track(kind).pes else { return };
        pes.extend_from_slice(payload);
        let (length, announced) = (pes.len(), pes::announced_bytes(pes));
        if length > PES_LIMIT_BYTES {
            self.fault(Some(kind), DemuxError::BadPes { pid });
        } else if announced.is_some_and(|announced| length >= announced) {
            self.complete(kind);
        }
    }

    /// The PES under way is whole: what it holds is ready.
    fn complete(&mut self, kind: UnitKind) {
        let track = self.track(kind);
        let (Some(pid), Some(pes)) = (track.pid, track.pes.take()) else { return };
        let mut pes = pes.freeze();
        match pes::announced_bytes(&pes) {
            Some(announced) if announced > pes.len() => {
                return self.fault(None, DemuxError::BadPes { pid });
            }
            Some(announced) => pes.truncate(announced),
            None => {}
        }
        let Some(header) = pes::parse(&pes) else {
            return self.fault(None, DemuxError::BadPes { pid });
        };
        let dts = self.unwrap(header.dts);
        let pts = self.unwrap(header.pts);
        let data = pes.slice(header.data_at..);
        match kind {
            UnitKind::Video { .. } => {
                let kind = UnitKind::Video { idr: pes::is_idr(self.codec, &data) };
                self.ready.push_back(Ok(AccessUnit { kind, pts, dts, data }));
            }
            UnitKind::Audio => self.audio_frames(pid, pts, data),
        }
    }

    /// A PES may hold several ADTS frames: the first has its PTS.
    fn audio_frames(&mut self, pid: u16, mut pts: Ticks, mut data: Bytes) {
        while !data.is_empty() {
            let Some((length, time)) = pes::adts_frame(&data) else {
                return self.fault(None, DemuxError::BadAudio { pid });
            };
            let data = data.split_to(length);
            self.ready.push_back(Ok(AccessUnit { kind: UnitKind::Audio, pts, dts: pts, data }));
            pts += time;
        }
    }

    /// The time nearest to the last one that has these 33 bits.
    fn unwrap(&mut self, timestamp: u64) -> Ticks {
        let ahead = (timestamp as i64 - self.near.0).rem_euclid(TIMESTAMP_MODULUS);
        let back = if ahead >= TIMESTAMP_MODULUS / 2 { TIMESTAMP_MODULUS } else { 0 };
        self.near += Ticks(ahead - back);
        self.near
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpegts::SegmentWriter;
    use proptest::prelude::*;

    /// One segment of 8 pictures with B-frames and 15 audio frames, at `start`.
    fn stream(start: i64) -> (Vec<AccessUnit>, Vec<u8>) {
        let start = Ticks(start);
        let mut writer = SegmentWriter::new(VideoCodec::H264, start, start + Ticks(28_800));
        let mut units = Vec::new();
        for (n, shown) in [0i64, 4, 2, 1, 3, 7, 5, 6].into_iter().enumerate() {
            let nal = if n == 0 { 0x65 } else { 0x41 };
            let mut data = vec![0, 0, 0, 1, 9, 0xf0, 0, 0, 1, nal];
            data.resize(900 * (8 - n), 0xab);
            units.push(AccessUnit {
                kind: UnitKind::Video { idr: n == 0 },
                pts: start + Ticks(3_600 * shown),
                dts: start + Ticks(3_600 * (n as i64 - 2)),
                data: data.into(),
            });
        }
        for n in 0..15 {
            let pts = start + Ticks(1_920 * n);
            units.push(AccessUnit {
                kind: UnitKind::Audio,
                pts,
                dts: pts,
                data: adts(40 + n as usize),
            });
        }
        units.iter().cloned().for_each(|unit| writer.push(unit));
        (units, writer.close().bytes.to_vec())
    }

    fn adts(length: usize) -> Bytes {
        let mut frame = vec![0x21; length];
        let low = (length as u8 & 7) << 5 | 0x1f;
        frame[..7].copy_from_slice(&[
            0xff,
            0xf1,
            0x4c,
            0x80 | (length >> 11) as u8,
            (length >> 3) as u8,
            low,
            0xfc,
        ]);
        frame.into()
    }

    fn read_in(pieces: &[&[u8]], near: i64) -> Vec<Result<AccessUnit, DemuxError>> {
        let mut demuxer = Demuxer::new(Ticks(near));
        let mut found = Vec::new();
        for piece in pieces {
            demuxer.push(piece);
            found.extend(std::iter::from_fn(|| demuxer.next_unit()));
        }
        demuxer.finish();
        found.extend(std::iter::from_fn(|| demuxer.next_unit()));
        found
    }

    fn of_kind(units: &[AccessUnit], video: bool) -> Vec<AccessUnit> {
        units
            .iter()
            .filter(|u| matches!(u.kind, UnitKind::Video { .. }) == video)
            .cloned()
            .collect()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_again_however_it_is_cut(
            start in prop_oneof![Just(0i64), Just((1 << 33) - 9_000), 0i64..1 << 40],
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..30),
        ) {
            let (units, bytes) = stream(start);
            let mut at: Vec<usize> = cuts.iter().map(|i| i.index(bytes.len())).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
            let read: Vec<AccessUnit> = read_in(&pieces, start).into_iter().collect::<Result<_, _>>().unwrap();
            for video in [true, false] {
                prop_assert_eq!(of_kind(&read, video), of_kind(&units, video));
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..4_000), sync: bool) {
            let mut bytes = bytes;
            if sync {
                bytes.iter_mut().step_by(PACKET_BYTES).for_each(|b| *b = SYNC_BYTE);
            }
            read_in(&[&bytes], 0);
        }

        #[test]
        fn a_mutated_stream_never_panics_and_gives_no_more_than_it_had(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
        ) {
            let (_, mut bytes) = stream(0);
            for (at, value) in changes {
                let at = at.index(bytes.len());
                bytes[at] = value;
            }
            read_in(&[&bytes], 0);
        }

        #[test]
        fn packets_are_found_again_after_a_hole(hole in 1usize..1_500, pick in any::<prop::sample::Index>()) {
            let (units, bytes) = stream(0);
            let at = pick.index(bytes.len() - hole);
            let read = read_in(&[&bytes[..at], &bytes[at + hole..]], 0);
            let whole: Vec<&AccessUnit> = read.iter().flatten().collect();
            // A PES cut by the hole without length may be short; all else is as it was.
            let altered = whole.iter().filter(|unit| !units.contains(unit)).count();
            prop_assert!(altered <= 1, "{} altered", altered);
            prop_assert!(whole.len() + 40 > units.len());
        }
    }

    #[test]
    fn a_hole_is_reported() {
        let (_, bytes) = stream(0);
        let found = read_in(&[&bytes[..188 * 9], &bytes[188 * 11..]], 0);
        assert!(found.iter().any(|r| matches!(r, Err(DemuxError::Discontinuity { pid: 256, .. }))));
        let found = read_in(&[&bytes[..188 * 9], &bytes[188 * 9 + 5..]], 0);
        assert!(found.iter().any(|r| matches!(r, Err(DemuxError::LostSync { skipped: 183, .. }))));
    }

    #[test]
    fn what_is_no_mpeg_ts_is_said_to_be_none() {
        let found = read_in(&[&[b'x'; 1_000]], 0);
        assert_eq!(found, [Err(DemuxError::LostSync { skipped: 1_000, at: 1_000 })]);
    }

    #[test]
    fn a_pes_with_several_adts_frames_is_split() {
        let frames = [adts(30), adts(200), adts(61)];
        let unit = AccessUnit {
            kind: UnitKind::Audio,
            pts: Ticks(5_000),
            dts: Ticks(5_000),
            data: frames.concat().into(),
        };
        let mut writer = SegmentWriter::new(VideoCodec::H264, Ticks(0), Ticks(9_000));
        writer.push(unit);
        let read: Vec<_> =
            read_in(&[&writer.close().bytes], 0).into_iter().map(Result::unwrap).collect();
        assert_eq!(read.iter().map(|u| u.pts.0).collect::<Vec<_>>(), [5_000, 6_920, 8_840]);
        assert_eq!(read.iter().map(|u| u.data.clone()).collect::<Vec<_>>(), frames);
    }
}
