//! The last packets of a segment under way, held back so that it can be closed.
//!
//! Owns the cutting of a PES into packets and their continuity counters. A
//! segment is *continuity-closed*: each PID has a multiple of 16 payload
//! packets, counted from 0, so any segments join in any order. How many are
//! missing is known at the end alone; so just so many packets stay here as can
//! be split into the up to 15 more that a PID may need. Invariant: what has been
//! let go and what can still be split always suffice to close.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};

use super::psi::{self, FULL_PAYLOAD};
use super::restamp::{self, Stamp, StampKind};
use super::{AccessUnit, PACKET_BYTES, SYNC_BYTE, UnitKind, pes};
use crate::time::Ticks;

/// Continuity counters have four bits.
const COUNTERS: usize = 16;
/// Bytes of a PES that stay in its first packet: the longest header and one.
const FIRST_BYTES: usize = 20;
/// Packets of more payload than this are split first.
const LARGE_BYTES: usize = 60;
/// Stuffing that fits in a PES header (ISO 13818-1, 2.4.3.7).
const HEADER_STUFFING_BYTES: usize = 32;

/// One PID's row of packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Pat,
    Pmt,
    Video,
    Audio,
}

impl Lane {
    const fn pid(self) -> u16 {
        match self {
            Self::Pat => psi::PAT_PID,
            Self::Pmt => psi::PMT_PID,
            Self::Video => psi::VIDEO_PID,
            Self::Audio => psi::AUDIO_PID,
        }
    }
}

/// A packet that has no counter yet.
#[derive(Clone, Debug)]
struct Planned {
    lane: Lane,
    /// The payload is `head`, then `data`; none at all for a bare clock.
    head: Vec<u8>,
    data: Bytes,
    starts: bool,
    random_access: bool,
    pcr: Option<Ticks>,
}

impl Planned {
    fn payload_bytes(&self) -> usize {
        self.head.len() + self.data.len()
    }

    /// How many more packets its payload could fill.
    fn spare(&self) -> usize {
        match self.lane {
            Lane::Pat | Lane::Pmt => 0,
            _ if self.starts => self.payload_bytes().saturating_sub(FIRST_BYTES),
            _ => self.payload_bytes().saturating_sub(1),
        }
    }

    /// Leaves the first half; gives the second.
    fn split(&mut self) -> Self {
        let least = if self.starts { FIRST_BYTES } else { 1 };
        let at = (self.payload_bytes() / 2).max(least);
        let (head, data) = match at.checked_sub(self.head.len()) {
            Some(in_data) => (Vec::new(), self.data.split_off(in_data)),
            None => (self.head.split_off(at), std::mem::take(&mut self.data)),
        };
        Self { lane: self.lane, head, data, starts: false, random_access: false, pcr: None }
    }

    /// Puts stuffing into the PES header; gives how much went in.
    fn stuff(&mut self, bytes: usize) -> usize {
        let stuffing = bytes.min(HEADER_STUFFING_BYTES);
        self.head.resize(self.head.len() + stuffing, 0xff);
        self.head[8] += stuffing as u8;
        // Audio says how long its PES is.
        let length = usize::from(self.head[4]) << 8 | usize::from(self.head[5]);
        if let Ok(length @ 1..) = u16::try_from(length + stuffing * usize::from(length > 0)) {
            self.head[4..6].copy_from_slice(&length.to_be_bytes());
        }
        stuffing
    }
}

/// The packets not yet let go, and the counters of those that are.
#[derive(Debug, Default)]
pub(super) struct Hold {
    queue: VecDeque<Planned>,
    /// Per lane: payload packets let go, payload packets held, and how many
    /// more the held ones could become.
    sent: [usize; 4],
    held: [usize; 4],
    spare: [usize; 4],
    out: BytesMut,
    stamps: Vec<Stamp>,
    /// Bytes handed out before `out`.
    taken: u32,
}

impl Hold {
    /// A packet whose payload is `table`.
    pub(super) fn table(&mut self, lane: Lane, table: Bytes) {
        self.plan(Planned {
            lane,
            head: Vec::new(),
            data: table,
            starts: true,
            random_access: false,
            pcr: None,
        });
    }

    /// A packet that holds the clock alone.
    pub(super) fn clock(&mut self, pcr: Ticks) {
        self.plan(Planned {
            lane: Lane::Video,
            head: Vec::new(),
            data: Bytes::new(),
            starts: false,
            random_access: false,
            pcr: Some(pcr),
        });
    }

    /// The packets of one access unit, the first with the clock if given.
    pub(super) fn unit(&mut self, unit: AccessUnit, pcr: Option<Ticks>) {
        let (lane, idr) = match unit.kind {
            UnitKind::Video { idr } => (Lane::Video, idr),
            UnitKind::Audio => (Lane::Audio, false),
        };
        let head = pes::header(&unit);
        let mut data = unit.data;
        let room = FULL_PAYLOAD - adaptation_bytes(idr, pcr.is_some());
        let first = data.split_to(data.len().min(room - head.len()));
        self.plan(Planned { lane, head, data: first, starts: true, random_access: idr, pcr });
        while !data.is_empty() {
            let piece = data.split_to(data.len().min(FULL_PAYLOAD));
            self.plan(Planned {
                lane,
                head: Vec::new(),
                data: piece,
                starts: false,
                random_access: false,
                pcr: None,
            });
        }
        self.let_go();
    }

    fn plan(&mut self, packet: Planned) {
        self.held[packet.lane as usize] += usize::from(packet.payload_bytes() > 0);
        self.spare[packet.lane as usize] += packet.spare();
        self.queue.push_back(packet);
    }

    /// Lets go of all that is not needed to close. Depends on the packets
    /// alone, not on when they came, so that equal units give equal bytes.
    pub(super) fn let_go(&mut self) {
        while let Some(first) = self.queue.front() {
            let lane = first.lane as usize;
            let tied = matches!(first.lane, Lane::Video | Lane::Audio) && first.payload_bytes() > 0;
            if tied && self.spare[lane] - first.spare() < COUNTERS - 1 {
                return;
            }
            self.write_first();
        }
    }

    /// Makes every lane of access units end at a multiple of 16 packets, and
    /// lets all go.
    pub(super) fn close_units(&mut self) {
        self.let_go();
        for lane in [Lane::Video, Lane::Audio] {
            let packets = self.sent[lane as usize] + self.held[lane as usize];
            self.split(lane, packets.next_multiple_of(COUNTERS) - packets);
        }
        while !self.queue.is_empty() {
            self.write_first();
        }
    }

    /// Whether the PAT's and PMT's rows are closed.
    pub(super) fn tables_are_closed(&self) -> bool {
        [Lane::Pat, Lane::Pmt].iter().all(|lane| self.sent[*lane as usize].is_multiple_of(COUNTERS))
    }

    /// Splits the held packets of a lane into `more` more: large ones first,
    /// evenly spread, else whatever has two bytes.
    fn split(&mut self, lane: Lane, mut more: usize) {
        self.stuff(lane, more);
        while more > 0 {
            let of_lane = |least: usize| -> Vec<usize> {
                let is_fit =
                    |p: &Planned| p.lane == lane && p.spare() > 0 && p.payload_bytes() > least;
                (0..self.queue.len()).filter(|n| is_fit(&self.queue[*n])).collect()
            };
            let mut fit = of_lane(LARGE_BYTES);
            if fit.is_empty() {
                fit = of_lane(0);
            }
            let count = more.min(fit.len());
            if count == 0 {
                return; // a lane without any packet: it is closed as it is
            }
            for n in (0..count).rev() {
                let at = fit[n * fit.len() / count];
                let second = self.queue[at].split();
                self.queue.insert(at + 1, second);
                self.held[lane as usize] += 1;
            }
            more -= count;
        }
    }

    /// A lane so short that its bytes do not suffice (a single silent audio
    /// frame): its PES headers are stuffed until they do.
    fn stuff(&mut self, lane: Lane, more: usize) {
        let mut missing = more.saturating_sub(self.spare[lane as usize]);
        for packet in self.queue.iter_mut().filter(|p| p.lane == lane && p.starts) {
            if missing == 0 {
                return;
            }
            // The bytes below the 20 that stay together count for nothing.
            let idle = FIRST_BYTES.saturating_sub(packet.payload_bytes());
            let stuffed = packet.stuff(missing + idle);
            missing -= stuffed.saturating_sub(idle).min(missing);
        }
    }

    /// Writes the first packet of the queue.
    fn write_first(&mut self) {
        let Some(packet) = self.queue.pop_front() else { return };
        let lane = packet.lane as usize;
        let payload = packet.payload_bytes();
        let start = self.out.len();
        let offset = self.taken + start as u32;
        let counter = match payload {
            // A bare clock repeats the last counter.
            0 => self.sent[lane].wrapping_sub(1),
            _ => self.sent[lane],
        };
        let adaptation = FULL_PAYLOAD - payload;
        let control = u8::from(adaptation > 0) << 5 | u8::from(payload > 0) << 4;
        let pid = packet.lane.pid().to_be_bytes();
        self.out.put_slice(&[
            SYNC_BYTE,
            u8::from(packet.starts) << 6 | pid[0],
            pid[1],
            control | (counter % COUNTERS) as u8,
        ]);
        if adaptation > 0 {
            self.adaptation(&packet, adaptation, offset + 4);
        }
        if packet.starts && matches!(packet.lane, Lane::Video | Lane::Audio) {
            let payload_at = offset + (PACKET_BYTES - payload) as u32;
            let mut stamp = |at: usize, kind| {
                self.stamps.push(Stamp { offset: payload_at + at as u32, kind });
            };
            stamp(pes::PTS_AT, StampKind::Pts);
            if packet.head[7] & 0x40 != 0 {
                stamp(pes::DTS_AT, StampKind::Dts);
            }
        }
        self.out.put_slice(&packet.head);
        self.out.put_slice(&packet.data);
        debug_assert_eq!(self.out.len() - start, PACKET_BYTES);
        if payload > 0 {
            self.sent[lane] += 1;
            self.held[lane] -= 1;
            // Splitting at the close leaves this behind; it is not needed then.
            self.spare[lane] = self.spare[lane].saturating_sub(packet.spare());
        }
    }

    /// An adaptation field of `bytes` bytes, at `offset` of the segment.
    fn adaptation(&mut self, packet: &Planned, bytes: usize, offset: u32) {
        let end = self.out.len() + bytes;
        self.out.put_u8((bytes - 1) as u8);
        if bytes > 1 {
            let flags = u8::from(packet.random_access) << 6 | u8::from(packet.pcr.is_some()) << 4;
            self.out.put_u8(flags);
        }
        if let Some(pcr) = packet.pcr {
            // Base, six reserved bits, extension 0.
            let mut field = [0, 0, 0, 0, 0x7e, 0];
            restamp::write(StampKind::Pcr, &mut field, pcr.wrapped());
            self.out.put_slice(&field);
            self.stamps.push(Stamp { offset: offset + 2, kind: StampKind::Pcr });
        }
        self.out.put_bytes(0xff, end - self.out.len());
    }

    /// What was let go since this was asked last.
    pub(super) fn take(&mut self) -> super::Chunk {
        let offset = self.taken;
        let bytes = self.out.split().freeze();
        self.taken += bytes.len() as u32;
        super::Chunk { offset, bytes, stamps: std::mem::take(&mut self.stamps) }
    }
}

/// Bytes the adaptation field takes at least.
const fn adaptation_bytes(random_access: bool, pcr: bool) -> usize {
    match (random_access, pcr) {
        (_, true) => 8,
        (true, false) => 2,
        (false, false) => 0,
    }
}
