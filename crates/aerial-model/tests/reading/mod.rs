//! A strict reader of MPEG-TS for tests, on another parser than the crate's own.
//!
//! Panics at what a strict player would complain of.

#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;

use mpeg2ts::ts::{ReadTsPacket, TsPacketReader, TsPayload};

/// 2^33.
const TURN: i64 = 1 << 33;

/// One PES.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pes {
    pub(crate) pts: i64,
    pub(crate) dts: i64,
    pub(crate) data: Vec<u8>,
}

/// What a stream holds; times are unwrapped, the first is near 0.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    pub(crate) video: Vec<Pes>,
    pub(crate) audio: Vec<Pes>,
    pub(crate) pcr: Vec<i64>,
    /// Payload packets of each PID.
    pub(crate) packets: BTreeMap<u16, usize>,
    /// Video packets that say decoding can begin there.
    pub(crate) random_access: usize,
}

/// Reads whole segments, one or joined.
///
/// Checks tables first, continuity from 0, rising DTS, PTS not before DTS, and
/// the clock: never back, at most 100 ms apart, never past a unit's decoding.
pub(crate) fn read(bytes: &[u8]) -> Reading {
    let mut reading = Reading::default();
    let mut reader = TsPacketReader::new(bytes);
    let mut counters: BTreeMap<u16, u8> = BTreeMap::new();
    let mut near: Option<i64> = None;
    let mut unwrap = |value: u64| {
        let last = near.unwrap_or(0);
        let ahead = (value as i64 - last).rem_euclid(TURN);
        let time = last + if ahead >= TURN / 2 { ahead - TURN } else { ahead };
        near = Some(time);
        time
    };
    let mut last_clock: Option<i64> = None;
    let mut n = 0;
    while let Some(packet) = reader.read_ts_packet().expect("well-formed packets") {
        let pid = packet.header.pid.as_u16();
        if n < 2 {
            assert_eq!(pid, [0, 0x1000][n], "PAT and PMT come first");
        }
        n += 1;
        let field = packet.adaptation_field.as_ref();
        if let Some(pcr) = field.and_then(|field| field.pcr) {
            assert_eq!(pid, 0x100, "the clock is on the video's PID");
            let clock = unwrap(pcr.as_u64() / 300);
            if let Some(last) = last_clock {
                assert!(clock >= last, "the clock goes back from {last} to {clock}");
                assert!(clock - last <= 9_000, "{} ticks without a clock", clock - last);
            }
            last_clock = Some(clock);
            reading.pcr.push(clock);
        }
        let counter = packet.header.continuity_counter.as_u8();
        let expected = counters.get(&pid).map_or(0, |last| (last + 1) % 16);
        let Some(payload) = packet.payload else {
            assert_eq!((counter + 1) % 16, expected, "a packet without payload does not count");
            continue;
        };
        assert_eq!(counter, expected, "continuity of PID {pid} at packet {n}");
        counters.insert(pid, counter);
        *reading.packets.entry(pid).or_default() += 1;
        let units = if pid == 0x100 { &mut reading.video } else { &mut reading.audio };
        match payload {
            TsPayload::PesStart(pes) => {
                let pts = unwrap(pes.header.pts.expect("a PTS").as_u64());
                let dts = pes.header.dts.map_or(pts, |dts| unwrap(dts.as_u64()));
                assert!(dts <= pts, "PTS {pts} before DTS {dts}");
                if let Some(last) = units.last() {
                    assert!(dts > last.dts, "DTS {dts} after {} on PID {pid}", last.dts);
                }
                let clock = last_clock.expect("a clock before the first picture");
                assert!(clock <= dts, "the clock {clock} is past DTS {dts}");
                let random = field.is_some_and(|field| field.random_access_indicator);
                reading.random_access += usize::from(pid == 0x100 && random);
                units.push(Pes { pts, dts, data: pes.data.to_vec() });
            }
            TsPayload::PesContinuation(data) => {
                units.last_mut().expect("a PES to continue").data.extend_from_slice(&data);
            }
            TsPayload::Pat(_) | TsPayload::Pmt(_) => {}
            other => panic!("unexpected payload {other:?}"),
        }
    }
    reading
}

impl Reading {
    /// Each PID has a multiple of 16 payload packets.
    pub(crate) fn assert_closed(&self) {
        for (pid, packets) in &self.packets {
            assert_eq!(packets % 16, 0, "PID {pid} has {packets} payload packets");
        }
    }

    /// PTS of the video in display order.
    pub(crate) fn shown(&self) -> Vec<i64> {
        let mut shown: Vec<i64> = self.video.iter().map(|pes| pes.pts).collect();
        shown.sort_unstable();
        shown
    }

    /// Audio has no gap and no overlap: 1920 ticks from frame to frame.
    pub(crate) fn assert_audio_is_unbroken(&self) {
        for two in self.audio.windows(2) {
            assert_eq!(two[1].pts - two[0].pts, 1_920, "audio after {}", two[0].pts);
        }
    }
}
