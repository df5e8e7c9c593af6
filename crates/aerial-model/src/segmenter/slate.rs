//! Segments of a still picture and silence, for when nothing else can be shown.
//!
//! Owns the composing of slates from one encoded still and one silent audio
//! frame, whole or as the rest of a segment whose workers failed. Who needs one
//! and what it shows is the session's to say. Invariant: a slate has exactly
//! the frames, audio frames and timestamps that its range of the map has.

use bytes::Bytes;

use super::handover::{Handover, Open, Position, Treatment};
use super::{Output, copied, timing};
use crate::mpegts::{AccessUnit, UnitKind, VideoCodec};
use crate::segment::Segment;
use crate::segment_map::SegmentMap;
use crate::time::{AUDIO_FRAME, FrameRate, Ticks};

/// Why no slate can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SlateError {
    /// The clip does not begin with an IDR, or has none.
    #[error("the slate's clip does not begin with an IDR; encode it anew")]
    NoKeyframe,
    /// A shortened clip must decode: its pictures must come as they are shown.
    #[error(
        "picture {picture} of the slate's clip is not in display order; encode it without B-frames"
    )]
    Reordered {
        /// Which, in decoding order.
        picture: usize,
    },
    /// No silent audio frame.
    #[error("the slate has no silent audio frame")]
    NoSilence,
    /// The clip is made for another frame rate.
    #[error("the slate's clip has {clip} frames a second, the media {media}")]
    OtherRate {
        /// Of the clip.
        clip: FrameRate,
        /// Of the map.
        media: FrameRate,
    },
    /// The map has no such segment.
    #[error("the media has no segment {index}")]
    NoSuchSegment {
        /// Which was asked for.
        index: u32,
    },
}

/// An encoded still of one frame rate, and silence to go with it.
#[derive(Clone, Debug)]
pub struct Slate {
    rate: FrameRate,
    codec: VideoCodec,
    /// From an IDR on, each shown after the one before.
    pictures: Vec<Bytes>,
    /// One AAC frame with its header.
    silence: Bytes,
}

impl Slate {
    /// From the access units of a clip at `rate`, as the demuxer gives them:
    /// its pictures and any one of its (silent) audio frames but the first,
    /// which is the encoder's priming.
    ///
    /// # Errors
    /// Where the clip does not begin with an IDR, has B-frames or no sound.
    pub fn from_clip(
        rate: FrameRate,
        codec: VideoCodec,
        units: &[AccessUnit],
    ) -> Result<Self, SlateError> {
        let video: Vec<&AccessUnit> =
            units.iter().filter(|unit| unit.kind != UnitKind::Audio).collect();
        if video.first().is_none_or(|first| first.kind != (UnitKind::Video { idr: true })) {
            return Err(SlateError::NoKeyframe);
        }
        let reordered = video.windows(2).position(|two| two[1].pts <= two[0].pts);
        if let Some(before) = reordered {
            return Err(SlateError::Reordered { picture: before + 1 });
        }
        let silence = units.iter().filter(|unit| unit.kind == UnitKind::Audio).nth(1);
        Ok(Self {
            rate,
            codec,
            pictures: video.into_iter().map(|unit| unit.data.clone()).collect(),
            silence: silence.ok_or(SlateError::NoSilence)?.data.clone(),
        })
    }

    /// How many frames the longest segment made of it may have.
    pub fn frames(&self) -> usize {
        self.pictures.len()
    }

    /// Segment `index` of `map`, whole, in a track that is treated so. `reorder` is by how many frames the
    /// decoding of the programme around it runs ahead (0 where there is none):
    /// the slate's does as well, so that decoding times rise over the joins.
    ///
    /// # Errors
    /// Where the clip is too short, of another rate, or there is no such segment.
    pub fn segment(
        &self,
        map: &SegmentMap,
        treatment: Treatment,
        index: u32,
        reorder: u64,
    ) -> Result<Segment, SlateError> {
        let handover = Handover {
            position: Position::of(map, treatment, index),
            open: (index < map.segments()).then(|| Open::new(map, index, self.codec, reorder)),
        };
        let mut out = Vec::new();
        self.complete(map, treatment, handover, &mut out)?;
        Ok(Segment::from_chunks(out.iter().filter_map(|output| match output {
            Output::Chunk { chunk, .. } => Some(chunk),
            _ => None,
        })))
    }

    /// The rest of a growing segment whose workers failed (`rules.md`, 22), from
    /// the first frame and audio frame not handed on. Gives the position after
    /// it. Where no segment is growing, the next one is made whole.
    ///
    /// # Errors
    /// As [`Slate::segment`].
    pub fn complete(
        &self,
        map: &SegmentMap,
        treatment: Treatment,
        handover: Handover,
        out: &mut Vec<Output>,
    ) -> Result<Position, SlateError> {
        let Handover { mut position, open } = handover;
        let index = position.segment;
        if position.is_end(map) {
            return Err(SlateError::NoSuchSegment { index });
        }
        if self.rate != map.rate() {
            return Err(SlateError::OtherRate { clip: self.rate, media: map.rate() });
        }
        let end = map.cut_frame(index + 1);
        let copied = map.cut_list().filter(|_| treatment.copies_video());
        let sound_end = match copied.filter(|_| treatment == Treatment::Copied) {
            Some(cuts) => copied::sound_threshold(map, cuts, index + 1),
            None => map.cut(index + 1),
        };
        let first = match (copied, open.as_ref().and_then(|open| open.shown_until)) {
            (None, _) => position.frame,
            // It counts pictures there: what was shown tells the place.
            (Some(_), Some(until)) => map.frame_at_or_after(until),
            (Some(_), None) => map.cut_frame(index),
        };
        let decoded_within = copied.map(|cuts| {
            let from = |index| cuts.decode_times(index).first().copied().unwrap_or(map.cut(index));
            (from(index), from(index + 1))
        });
        let mut open = open.unwrap_or_else(|| {
            out.push(Output::Opened { index });
            Open::new(map, index, self.codec, 0)
        });
        // A segment that is longer than the clip begins the clip again.
        for (n, (place, picture)) in (first..end).zip(self.pictures.iter().enumerate().cycle()) {
            let mut dts = timing::decode_time(map.rate(), n, open.reorder);
            if let Some((after, before)) = decoded_within {
                // The file's own pictures around it need not be on the grid.
                dts = dts
                    .max(after + Ticks((n - first) as i64))
                    .min(before - Ticks((end - n) as i64));
            }
            let pts = map.rate().ticks_at(n);
            open.writer.push(AccessUnit {
                kind: UnitKind::Video { idr: place == 0 },
                pts,
                dts: dts.min(pts),
                data: picture.clone(),
            });
        }
        while position.audio < sound_end {
            open.writer.push(AccessUnit {
                kind: UnitKind::Audio,
                pts: position.audio,
                dts: position.audio,
                data: self.silence.clone(),
            });
            position.audio += AUDIO_FRAME;
        }
        out.push(Output::Chunk { index, chunk: open.writer.close() });
        out.push(Output::Closed { index });
        Ok(Position { segment: index + 1, frame: end, ..position })
    }
}
