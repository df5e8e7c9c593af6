//! Why a stream cannot be had: each answer of its own, in words for people.

use aerial_model::capacity::Full;
use aerial_model::id::ChannelRef;
use aerial_model::ladder::Ladder;
use aerial_model::profile::Rendition;

use crate::stream::timeline::TimelineError;

/// Why a stream cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    /// There is no such channel.
    #[error("there is no channel {0}")]
    UnknownChannel(ChannelRef),
    /// There is no such rendition of it.
    #[error("{what} has no rendition {rendition}; it has {available}")]
    UnknownRendition {
        /// Of what.
        what: String,
        /// What was asked for.
        rendition: Rendition,
        /// What there is.
        available: String,
    },
    /// The viewer watches a stream of the channel that is over.
    #[error("channel {0} began a new stream; tune in again")]
    NewStream(String),
    /// The segment left the window, or was never promised.
    #[error("segment {sequence} of channel {channel} is not on the air: {why}")]
    NoSegment {
        /// Which channel.
        channel: String,
        /// Which segment.
        sequence: u64,
        /// In words.
        why: &'static str,
    },
    /// The channel is not on the air.
    #[error("channel {0} is not on the air: nobody watches it")]
    NotOnAir(ChannelRef),
    /// The channel was stopped in the meantime.
    #[error("channel {0} was stopped; tune in again")]
    Stopped(String),
    /// One more cannot be encoded.
    #[error(
        "{what} cannot be tuned in to now: {} at once is what this machine can encode, \
         and that many are on the air ({}). Watch one of these, wait until one is left, or allow \
         more with stream.encodes (AERIAL_STREAM_ENCODES), where the machine can carry more",
        full.running.len(),
        full.running.join(", ")
    )]
    Full {
        /// What.
        what: String,
        /// What is encoded instead.
        full: Full,
    },
    /// So many watch the channel that it takes no more.
    #[error("channel {channel} has {most} viewers, which is all that it takes; try again later")]
    Crowded {
        /// Which channel.
        channel: String,
        /// How many it takes.
        most: usize,
    },
    /// The schedule failed.
    #[error(transparent)]
    Timeline(#[from] TimelineError),
    /// The server is going down.
    #[error("the server is shutting down; try again in a few seconds")]
    ShuttingDown,
}

impl StreamError {
    /// That `what` has no such rendition, and which it has.
    pub(in crate::stream) fn not_offered(
        what: String,
        rendition: Rendition,
        ladder: &Ladder,
    ) -> Self {
        let rungs: Vec<String> = ladder.rungs().iter().map(ToString::to_string).collect();
        Self::UnknownRendition { what, rendition, available: rungs.join(", ") }
    }
}
