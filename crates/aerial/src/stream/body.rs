//! A segment on its way to a viewer: restamped, whole or as it grows.
//!
//! Owns the step from media time to the channel's time. Invariant: only
//! timestamps change, and all viewers get the same ones.

use std::sync::Arc;

use aerial_model::ledger::AirSegment;
use aerial_model::mpegts::restamp_at;
use aerial_model::segment::Segment;
use aerial_model::time::Ticks;
use bytes::{Bytes, BytesMut};
use futures::Stream;

use super::store::{Found, Growing};

/// A segment's bytes on the channel's clock.
#[derive(Clone, Debug)]
pub enum SegmentBody {
    /// All of it.
    Whole(Bytes),
    /// Still being made: read [`SegmentBody::into_stream`].
    Growing {
        /// The segment in media time.
        growing: Arc<Growing>,
        /// What leads from media time to the channel's.
        by: Ticks,
    },
}

/// What is sent at a stretch.
const PIECE_BYTES: usize = 64 << 10;

/// What leads from media time to the channel's time for this segment.
pub fn offset(segment: &AirSegment) -> Ticks {
    segment.start.since_epoch() - segment.media_start
}

/// A finished segment on the channel's clock.
pub fn restamped(segment: &Segment, by: Ticks) -> Bytes {
    let mut bytes = BytesMut::from(&segment.bytes[..]);
    restamp_at(&mut bytes, 0, &segment.stamps, by);
    bytes.freeze()
}

impl SegmentBody {
    /// What the store has, on the channel's clock.
    pub fn of(found: Found, by: Ticks) -> Self {
        match found {
            Found::Finished(segment) => Self::Whole(restamped(&segment, by)),
            Found::Growing(growing) => Self::Growing { growing, by },
        }
    }

    /// The bytes as they become available.
    pub fn into_stream(self) -> impl Stream<Item = Result<Bytes, Abandoned>> + Send + 'static {
        futures::stream::unfold(Some((self, 0)), |state| async move {
            let (body, from) = state?;
            match body {
                Self::Whole(bytes) => Some((Ok(bytes), None)),
                Self::Growing { growing, by } => {
                    let Some(chunks) = growing.chunks_from(from).await else {
                        // Ended with an error, a viewer asks again; ended
                        // without, it would take half a segment for a whole one.
                        return growing.is_abandoned().then_some((Err(Abandoned), None));
                    };
                    let next = from + chunks.len();
                    let mut bytes = BytesMut::new();
                    for chunk in chunks {
                        let begin = bytes.len();
                        bytes.extend_from_slice(&chunk.bytes);
                        restamp_at(&mut bytes[begin..], chunk.offset, &chunk.stamps, by);
                    }
                    Some((Ok(bytes.freeze()), Some((Self::Growing { growing, by }, next))))
                }
            }
        })
    }
}

/// A segment in pieces between which others get their turn: it takes a core a
/// millisecond to send one, and a playlist should not wait for a queue of them.
pub fn pieces(whole: Bytes) -> impl Stream<Item = Result<Bytes, Abandoned>> + Send + 'static {
    futures::stream::unfold((whole, true), |(mut left, begins)| async move {
        if left.is_empty() {
            return None;
        }
        if !begins {
            tokio::task::yield_now().await;
        }
        let piece = left.split_to(left.len().min(PIECE_BYTES));
        Some((Ok(piece), (left, false)))
    })
}

/// The channel stopped while a segment was being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the channel stopped while this segment was being made")]
pub struct Abandoned;
