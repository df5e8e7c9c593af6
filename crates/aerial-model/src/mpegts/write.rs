//! Writes one segment, while it is being made.
//!
//! Owns the order of a segment's access units, its clock (PCR) and its tables.
//! Which units it gets is the segmenter's to say. Invariant: the bytes depend
//! on the units alone, not on when or in which interleaving they came; each
//! byte is handed out once and never changed after.

use std::collections::VecDeque;

use super::hold::{Hold, Lane};
use super::{AccessUnit, Chunk, UnitKind, VideoCodec, psi};
use crate::time::Ticks;

/// How far the clock is behind the decoding times; players took 0 to 100 ms.
const PCR_LEAD: Ticks = Ticks::from_millis(100);
/// An audio unit this long after the last PCR brings one.
const PCR_AT_AUDIO: Ticks = Ticks::from_millis(35);
/// No two PCRs are further apart; the standard's limit is 100 ms.
const PCR_SPACING: Ticks = Ticks::from_millis(78);
/// PAT and PMT come again this often, for whoever tunes in to a TS.
const TABLE_SPACING: Ticks = Ticks::from_millis(250);
/// Two audio units of a segment are at least this far apart (half a frame).
const AUDIO_SPACING: Ticks = Ticks(960);

/// One track's units that wait for the other's.
#[derive(Debug, Default)]
struct Waiting {
    units: VecDeque<AccessUnit>,
    /// No later unit has an earlier time than this; `None` before the first
    /// video unit, when nothing is known.
    floor: Option<Ticks>,
    ended: bool,
}

impl Waiting {
    /// The least time its next unit can have; `None` for "any".
    fn next_time(&self) -> Option<Ticks> {
        match self.units.front() {
            Some(unit) => Some(unit.dts),
            None if self.ended => Some(Ticks(i64::MAX)),
            None => self.floor,
        }
    }
}

/// The streaming writer of one segment: give it units with
/// [`push`](Self::push), fetch what is certain with [`take`](Self::take), and
/// [`close`](Self::close) it.
///
/// It holds back just so much as it needs to make the segment
/// continuity-closed at its end. It can be taken out of a dead worker's
/// segmenter and go on in another one.
#[derive(Debug)]
pub struct SegmentWriter {
    codec: VideoCodec,
    /// The clock stays below this.
    clock_limit: Ticks,
    video: Waiting,
    audio: Waiting,
    last_pcr: Option<Ticks>,
    last_tables: Option<Ticks>,
    hold: Hold,
}

impl SegmentWriter {
    /// A writer for the segment that begins at `start`. `clock_limit` is the
    /// first decoding time of what comes after it (at an item's end: the
    /// rounded length less 16 ticks); the clock never goes beyond.
    pub fn new(codec: VideoCodec, start: Ticks, clock_limit: Ticks) -> Self {
        let audio = Waiting { floor: Some(start), ..Waiting::default() };
        let mut writer = Self {
            codec,
            clock_limit,
            video: Waiting::default(),
            audio,
            last_pcr: None,
            last_tables: None,
            hold: Hold::default(),
        };
        writer.tables();
        writer
    }

    /// Takes the next unit of its track; tracks may come in any interleaving.
    /// Video comes in decoding order: a DTS that does not rise is moved a tick
    /// behind the one before.
    pub fn push(&mut self, mut unit: AccessUnit) {
        match unit.kind {
            UnitKind::Video { .. } => {
                unit.dts = unit.dts.max(self.video.floor.unwrap_or(unit.dts));
                self.video.floor = Some(unit.dts + Ticks(1));
                self.video.units.push_back(unit);
            }
            UnitKind::Audio => {
                unit.dts = unit.pts;
                self.audio.floor = Some(unit.pts + AUDIO_SPACING);
                self.audio.units.push_back(unit);
            }
        }
        self.write_ready();
    }

    /// No more video comes: audio need not wait for any.
    pub fn end_video(&mut self) {
        self.video.ended = true;
        self.write_ready();
    }

    /// No more audio comes: video need not wait for any.
    pub fn end_audio(&mut self) {
        self.audio.ended = true;
        self.write_ready();
    }

    /// The packets that became certain since the last call, if any.
    pub fn take(&mut self) -> Option<Chunk> {
        self.hold.let_go();
        let chunk = self.hold.take();
        (!chunk.bytes.is_empty()).then_some(chunk)
    }

    /// Ends the segment: the rest of it, with which each PID has a multiple of
    /// 16 payload packets.
    pub fn close(mut self) -> Chunk {
        self.end_video();
        self.end_audio();
        if self.last_pcr.is_some() {
            self.clock_until(self.clock_limit);
        }
        self.hold.close_units();
        while !self.hold.tables_are_closed() {
            self.tables();
            self.hold.let_go();
        }
        self.hold.take()
    }

    /// Writes units by DTS (audio: its PTS), video first on ties, as far as no
    /// unit that is still to come can belong before them.
    fn write_ready(&mut self) {
        loop {
            let next = match (self.video.next_time(), self.audio.next_time()) {
                (Some(video), Some(audio)) if video <= audio => self.video.units.pop_front(),
                (Some(_), Some(_)) => self.audio.units.pop_front(),
                _ => None,
            };
            let Some(unit) = next else { return };
            self.write(unit);
        }
    }

    fn write(&mut self, unit: AccessUnit) {
        let time = unit.dts;
        if self.last_tables.is_some_and(|last| time - last >= TABLE_SPACING) {
            self.tables();
            self.last_tables = Some(time);
        }
        self.last_tables.get_or_insert(time);
        self.clock_until(time);
        match unit.kind {
            UnitKind::Video { .. } => {
                self.last_pcr = Some(time);
                self.hold.unit(unit, Some(time - PCR_LEAD));
            }
            UnitKind::Audio => {
                let due = self.last_pcr.is_some_and(|last| time - last >= PCR_AT_AUDIO);
                if due && time < self.clock_limit {
                    self.clock(time);
                }
                self.hold.unit(unit, None);
            }
        }
    }

    /// Clocks in the gap before `time`, where it is too long.
    fn clock_until(&mut self, time: Ticks) {
        while let Some(last) = self.last_pcr {
            let next = last + PCR_SPACING;
            if next >= time.min(self.clock_limit) {
                return;
            }
            self.clock(next);
        }
    }

    fn clock(&mut self, time: Ticks) {
        self.last_pcr = Some(time);
        self.hold.clock(time - PCR_LEAD);
    }

    fn tables(&mut self) {
        self.hold.table(Lane::Pat, psi::pat());
        self.hold.table(Lane::Pmt, psi::pmt(self.codec));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpegts::{Demuxer, PACKET_BYTES, Stamp};
    use proptest::prelude::*;

    const END: Ticks = Ticks(90_000);

    /// A second of 25 pictures and 47 audio frames of those sizes.
    fn units(picture: usize, sound: usize) -> (Vec<AccessUnit>, Vec<AccessUnit>) {
        let unit = |kind, pts: i64, size: usize| AccessUnit {
            kind,
            pts: Ticks(pts),
            dts: Ticks(pts),
            data: vec![0xab; size].into(),
        };
        let video = (0..25).map(|n| {
            let kind = UnitKind::Video { idr: n == 0 };
            let size = if n == 0 { picture * 10 } else { picture };
            AccessUnit { dts: Ticks((n - 1) * 3_600), ..unit(kind, n * 3_600, size) }
        });
        let audio = (0..47).map(|n| unit(UnitKind::Audio, n * 1_920, sound));
        (video.collect(), audio.collect())
    }

    /// Feeds both tracks in the order `turns` says (`true`: video, asking for
    /// bytes after each), then what is left.
    fn written(picture: usize, sound: usize, turns: &[bool]) -> (Vec<Chunk>, Vec<usize>) {
        let (video, audio) = units(picture, sound);
        let (mut video, mut audio) = (video.into_iter(), audio.into_iter());
        let mut writer = SegmentWriter::new(VideoCodec::H264, Ticks::ZERO, END);
        let (mut chunks, mut held) = (Vec::new(), Vec::new());
        let mut pushed = 0;
        for turn in turns {
            if let Some(unit) = if *turn { video.next() } else { audio.next() } {
                pushed += unit.data.len();
                writer.push(unit);
                chunks.extend(writer.take());
                let out: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
                held.push(pushed.saturating_sub(out));
            }
        }
        video.chain(audio).for_each(|unit| writer.push(unit));
        chunks.push(writer.close());
        (chunks, held)
    }

    fn joined(chunks: &[Chunk]) -> (Vec<u8>, Vec<Stamp>) {
        let bytes = chunks.iter().flat_map(|chunk| chunk.bytes.to_vec()).collect();
        (bytes, chunks.iter().flat_map(|chunk| chunk.stamps.clone()).collect())
    }

    proptest! {
        #[test]
        fn the_bytes_depend_on_the_units_alone(
            picture in 8usize..700, sound in 12usize..500,
            turns in prop::collection::vec(any::<bool>(), 0..90),
        ) {
            let (chunks, _) = written(picture, sound, &turns);
            let (at_once, _) = written(picture, sound, &[]);
            prop_assert_eq!(joined(&chunks), joined(&at_once));
            let mut at = 0;
            for chunk in &chunks {
                prop_assert_eq!(chunk.offset, at);
                prop_assert_eq!(chunk.bytes.len() % PACKET_BYTES, 0);
                at += chunk.bytes.len() as u32;
            }
        }
    }

    #[test]
    fn little_is_held_back() {
        // In the order of time: 25 pictures, 47 audio frames.
        let turns: Vec<bool> = (0..72).map(|n| n * 25 / 72 != (n + 1) * 25 / 72).collect();
        let (_, held) = written(4_000, 340, &turns);
        // Never more than a picture and the audio that goes with it.
        assert!(held.iter().all(|bytes| *bytes < 9_000), "{held:?}");
    }

    #[test]
    fn the_tables_are_there_before_any_picture() {
        let mut writer = SegmentWriter::new(VideoCodec::H264, Ticks::ZERO, END);
        assert_eq!(writer.take().unwrap().bytes.len(), 2 * PACKET_BYTES);
        assert_eq!(writer.take(), None);
    }

    #[test]
    fn closing_costs_few_bytes() {
        let (chunks, _) = written(4_000, 340, &[]);
        let bytes: usize = chunks.iter().map(|chunk| chunk.bytes.len()).sum();
        let (video, audio) = units(4_000, 340);
        let data: usize = video.iter().chain(&audio).map(|unit| unit.data.len()).sum();
        // Headers, tables, and at most 15 packets more for each of four PIDs.
        assert!(bytes < data * 112 / 100 + 60 * 188, "{bytes} for {data}");
    }

    #[test]
    fn a_decoding_time_that_does_not_rise_is_moved_behind_the_last() {
        let mut writer = SegmentWriter::new(VideoCodec::H264, Ticks::ZERO, END);
        for n in 0..3 {
            writer.push(AccessUnit {
                kind: UnitKind::Video { idr: n == 0 },
                pts: Ticks(3_600 * n),
                dts: Ticks(0),
                data: vec![0; 400].into(),
            });
        }
        let mut demuxer = Demuxer::new(Ticks::ZERO);
        demuxer.push(&writer.close().bytes);
        demuxer.finish();
        let dts: Vec<i64> =
            std::iter::from_fn(|| demuxer.next_unit()).map(|unit| unit.unwrap().dts.0).collect();
        assert_eq!(dts, [0, 1, 2]);
    }
}
