//! What is done to one channel after the other, each by itself.
//!
//! Owns what went wrong on the way. Invariant: the trouble of one channel keeps nothing
//! from the next, and one that was deleted meanwhile is no trouble.

use aerial_model::id::ChannelId;

use super::{Result, ScheduleError};

/// The first thing that went wrong, if anything did.
#[derive(Debug, Default)]
pub(super) struct Each(Option<ScheduleError>);

impl Each {
    /// What came of one channel, where that went well. An error is logged here, since
    /// only the first is handed on.
    pub(super) fn took<T>(&mut self, channel: ChannelId, done: Result<T>) -> Option<T> {
        match done {
            Ok(done) => return Some(done),
            Err(ScheduleError::UnknownChannel(_)) => {}
            Err(error) => {
                tracing::error!(%channel, %error, "a channel is left as it was");
                self.0.get_or_insert(error);
            }
        }
        None
    }

    /// The first error.
    pub(super) fn done(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}
