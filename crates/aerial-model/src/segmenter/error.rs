//! Why a worker's output cannot be used any further.
//!
//! Owns the faults and their words. What follows from each is `fault`'s to say.

use crate::mpegts::DemuxError;
use crate::time::Ticks;

/// Units of one track that may wait for the other: a minute of audio, more than
/// FFmpeg ever interleaves.
pub(super) const WAITING_LIMIT: usize = 4_000;

/// Why a worker's output cannot be used from here on. What was handed on before
/// stays good: end the worker, and continue at [`Segmenter::position`](super::Segmenter::position).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmenterError {
    /// The stream itself is damaged.
    #[error("the worker's output is damaged: {0}; start another worker at the position reached")]
    Stream(#[from] DemuxError),
    /// The first picture is not the one asked for: the run's clock is not the
    /// media's.
    #[error(
        "rebased: the worker's first keyframe is at {found} s where {expected} s was asked for"
    )]
    Rebased {
        /// When the first frame wanted is shown.
        expected: Ticks,
        /// The PTS that came.
        found: Ticks,
    },
    /// The first picture is no IDR, or a cut came without one.
    #[error("no IDR at frame {frame}, where segment {segment} must begin or go on")]
    NoKeyframe {
        /// The segment.
        segment: u32,
        /// The frame that should have been an IDR.
        frame: u64,
    },
    /// A picture between two frames of the grid.
    #[error("a picture at {pts} s, which is no frame of the media's grid")]
    OffGrid {
        /// Its PTS.
        pts: Ticks,
    },
    /// The file's sound changes its channels or its rate, so FFmpeg has begun its
    /// sound anew, from the run's first sample on. A worker started at the position
    /// reached sees the change soon after its own start.
    #[error(
        "after {last} s the file's sound changes its form, and FFmpeg makes all sound before it again; \
         start another worker at the position reached"
    )]
    SoundBegunAnew {
        /// PTS of the last sound that was right.
        last: Ticks,
    },
    /// A picture decoded after it is shown, or not after the one before it.
    #[error("the picture at {pts} s is to be decoded at {dts} s, too late or out of order")]
    BadTimes {
        /// Its PTS.
        pts: Ticks,
        /// Its DTS.
        dts: Ticks,
    },
    /// A frame that came before, or that belongs to a segment already whole.
    #[error("frame {frame} came again")]
    Repeated {
        /// Which.
        frame: u64,
    },
    /// Copied video is not what its index says.
    #[error(
        "picture {picture} of segment {segment} is at {found} s, which is not what the file's index \
         says; the file was replaced, or is read otherwise than before"
    )]
    NotAsIndexed {
        /// The segment.
        segment: u32,
        /// In decoding order.
        picture: u64,
        /// The PTS that came.
        found: Ticks,
    },
    /// The next segment began while frames of this one were missing.
    #[error("segment {segment} is left at frame {next} of {end}: frames are missing")]
    Missing {
        /// The segment.
        segment: u32,
        /// The first frame not handed on.
        next: u64,
        /// The first frame of the next segment.
        end: u64,
    },
    /// One track runs away from the other.
    #[error("over {WAITING_LIMIT} units of one track without the other's")]
    Unbalanced,
}
