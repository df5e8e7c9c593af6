//! Why something cannot be played again, in words for people.

use aerial_model::time::AirTime;

use crate::stream::error::StreamError;
use crate::stream::timeline::TimelineError;

/// Why something cannot be played again.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReplayError {
    /// The channel does not allow it.
    #[error(
        "catch-up is off for channel {channel}; set its catchup_days to how many days back it is \
         to reach"
    )]
    Off {
        /// Which channel.
        channel: String,
    },
    /// It is further back than the channel's catch-up reaches.
    #[error("channel {channel} can be played again from {since} on; that is earlier")]
    TooLongAgo {
        /// Which channel.
        channel: String,
        /// From when on it can.
        since: AirTime,
    },
    /// It has not aired yet.
    #[error("channel {channel} does not air that before {at}")]
    NotYet {
        /// Which channel.
        channel: String,
        /// When it does.
        at: AirTime,
    },
    /// The stretch of time is none.
    #[error("{field} {message}")]
    BadSpan {
        /// Which end of it.
        field: &'static str,
        /// What is wrong, and what would be right.
        message: String,
    },
    /// It has too many segments.
    #[error("that is too much for one list; ask for less of it")]
    TooMany,
    /// The channel did not air then.
    #[error("nothing of {what} aired at that time")]
    Nothing {
        /// Of what.
        what: String,
    },
    /// There is no such segment.
    #[error("{what} has no such segment; take its address from a list")]
    NoSegment {
        /// What.
        what: String,
    },
    /// More watch than are served.
    #[error("{most} replays are watched already; try again when one has ended")]
    TooManyViewers {
        /// The limit.
        most: usize,
    },
    /// A segment did not come in time.
    #[error("a segment of {what} could not be made in time; try again")]
    NotMade {
        /// Of what.
        what: String,
    },
    /// As for live streams.
    #[error(transparent)]
    Stream(#[from] StreamError),
}

impl From<TimelineError> for ReplayError {
    fn from(error: TimelineError) -> Self {
        Self::Stream(error.into())
    }
}
