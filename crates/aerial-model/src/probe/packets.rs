//! What a file's packets tell: where streams end, how far apart keyframes are,
//! whether time jumps.
//!
//! Owns the arithmetic over packets on the file's clock. Does not know which
//! packets were asked for, but for the places where a stretch begins.

use super::json::{Packet, Stream, ticks};
use crate::time::Ticks;

/// One stream's view of a list of packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Track<'a> {
    packets: &'a [Packet],
    index: u32,
    time_base: (i64, i64),
}

/// A step in decoding time beyond this is a jump (`docs/ffmpeg.md`).
const JUMP: Ticks = Ticks::from_secs(1);

/// Copying mends a step back of more than this (FFmpeg: a tenth of a second) …
const MENDED_BACK: Ticks = Ticks::from_millis(100);

/// … or one ahead of more than this (FFmpeg's `dts_delta_threshold`).
const MENDED_AHEAD: Ticks = Ticks::from_secs(10);

/// How near to the asked place a stretch begins: the longest group of pictures
/// that ffprobe's seek may land before or after.
const NEAR: Ticks = Ticks::from_secs(12);

impl<'a> Track<'a> {
    pub(super) fn new(stream: &Stream, packets: &'a [Packet]) -> Option<Self> {
        Some(Self { packets, index: stream.index.small()?, time_base: stream.time_base() })
    }

    /// The packets that are shown; edit lists hide some.
    fn shown(self) -> impl Iterator<Item = &'a Packet> {
        self.packets.iter().filter(move |packet| {
            packet.stream_index.small() == Some(self.index) && !packet.flags.discard
        })
    }

    fn at(self, value: Option<i64>) -> Option<Ticks> {
        ticks(value?, self.time_base)
    }

    /// When a packet is shown; its decoding time where nothing else is known (AVI).
    fn time(self, packet: &Packet) -> Option<Ticks> {
        self.at(packet.pts.0.or(packet.dts.0))
    }

    /// Holds anything that is shown.
    pub(super) fn is_there(self) -> bool {
        self.shown().any(|packet| self.time(packet).is_some())
    }

    /// The first time that is shown.
    pub(super) fn first(self) -> Option<Ticks> {
        self.shown().filter_map(|packet| self.time(packet)).min()
    }

    /// The last time that is shown, without its length.
    pub(super) fn last(self) -> Option<Ticks> {
        self.shown().filter_map(|packet| self.time(packet)).max()
    }

    /// Where the last packet ends; `usual` is the length of one that says none.
    pub(super) fn end(self, usual: Ticks) -> Option<Ticks> {
        let length = |packet: &Packet| {
            self.at(packet.duration.0).filter(|length| *length > Ticks::ZERO).unwrap_or(usual)
        };
        self.shown().filter_map(|packet| Some(self.time(packet)? + length(packet))).max()
    }

    /// How much later than decoded each keyframe is shown.
    pub(super) fn keyframe_delays(self) -> impl Iterator<Item = Ticks> {
        self.shown()
            .filter(|packet| packet.flags.key)
            .filter_map(move |packet| Some(self.at(packet.pts.0)? - self.at(packet.dts.0)?))
    }

    /// The first decoding time of what is shown.
    pub(super) fn first_decoded(self) -> Option<Ticks> {
        self.shown().find_map(|packet| self.at(packet.dts.0))
    }

    /// Decoding time goes back, or over a second ahead. Where stretches were
    /// read, the step from one to the next is none.
    pub(super) fn jumps(self, stretches: &[Ticks]) -> bool {
        let mut unseen = stretches.iter().copied().skip(1).peekable();
        let mut before: Option<Ticks> = None;
        for at in self.shown().filter_map(|packet| self.at(packet.dts.0)) {
            if let Some(before) = before
                && (at < before || at - before > JUMP)
            {
                let begins = |place: &Ticks| (at - *place).0.abs() <= NEAR.0;
                match unseen.next_if(begins) {
                    Some(_) => {}
                    None => return true,
                }
            }
            before = Some(at);
        }
        false
    }

    /// How long it plays when its jumps are mended, as copying it does: where time
    /// goes back or far ahead, it goes on after the packet before. Without jumps,
    /// from the first to the last.
    pub(super) fn mended(self, usual: Ticks) -> Option<Ticks> {
        let (mut moved, mut before) = (Ticks::ZERO, None::<Ticks>);
        let (mut first, mut last) = (None::<Ticks>, None::<Ticks>);
        for packet in self.shown() {
            let (Some(shown), Some(decoded)) =
                (self.time(packet), self.at(packet.dts.0).or_else(|| self.time(packet)))
            else {
                continue;
            };
            if let Some(before) = before {
                let step = decoded + moved - before;
                if step < -MENDED_BACK || step > MENDED_AHEAD {
                    moved = before + usual - decoded;
                }
            }
            before = Some(decoded + moved);
            first = Some(first.map_or(shown, |first| first.min(shown + moved)));
            last = last.max(Some(shown + moved + usual));
        }
        Some(last? - first?)
    }

    /// The widest gap between keyframes, first and last picture included, and how
    /// many keyframes there are. Gaps between stretches are not counted.
    pub(super) fn keyframes(self, stretches: &[Ticks]) -> (usize, Ticks) {
        let keys: Vec<Ticks> =
            self.shown().filter(|p| p.flags.key).filter_map(|p| self.time(p)).collect();
        let between = keys.windows(2).filter(|pair| {
            !stretches.iter().skip(1).any(|place| pair[0] < *place && *place <= pair[1] + NEAR)
        });
        let mut widest = between.map(|pair| pair[1] - pair[0]).max().unwrap_or_default();
        if stretches.is_empty() {
            let head = self.first().zip(keys.first()).map(|(first, key)| *key - first);
            let tail = self.last().zip(keys.last()).map(|(last, key)| last - *key);
            widest = [Some(widest), head, tail].into_iter().flatten().max().unwrap_or_default();
        }
        (keys.len(), widest)
    }
}
