//! Which time of a channel's past is asked for.
//!
//! Owns what may be asked, and what is meant where an end is left out: the programme
//! that is on (start-over), or the one that was on at the start. Invariant: no stretch
//! is longer than `MOST`, begins before the reach of catch-up or in the future, or ends
//! after what is on the air now.

use std::ops::Range;

use aerial_model::time::{AirTime, Ticks};

use super::{ReplayError, Replays, Result};
use crate::stream::timeline::OnAir;

/// The longest stretch of one list.
const MOST: Ticks = Ticks::from_secs(12 * 3_600);

/// What began a moment before the reach ends may be played: apps reckon in whole
/// seconds, and what began within it is played to its end.
const AT_THE_EDGE: Ticks = Ticks::from_secs(5);

/// A segment's time may be over when it is fetched, hours after its list was.
const LISTED_BEFORE: Ticks = Ticks::from_secs(24 * 3_600);

/// The time that is asked for; an end that is not there is the programme's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// From when on.
    pub from: Option<AirTime>,
    /// Until when.
    pub to: Option<AirTime>,
}

impl Replays {
    /// The stretch that is meant.
    pub(super) async fn span(&self, channel: &OnAir, asked: Asked) -> Result<Range<AirTime>> {
        let name = || channel.number.to_string();
        let reach = channel.catchup.ok_or_else(|| ReplayError::Off { channel: name() })?;
        let bad = |field, message: String| Err(ReplayError::BadSpan { field, message });
        if let Asked { from: Some(from), to: Some(to) } = asked {
            if to <= from {
                return bad("to", "must be after `from`".to_owned());
            }
            if to.0.saturating_sub(from.0) > MOST.0 {
                return bad("to", "must be at most 12 hours after `from`".to_owned());
            }
        }
        let now = self.now_on(channel);
        let ledger = self.0.parts.programme.ledger(channel.id, now).await?;
        let Some(current) = ledger.airing_at(now) else {
            return Err(ReplayError::Nothing { what: format!("channel {}", name()) });
        };
        let from = asked.from.unwrap_or(current.row.start);
        if from > now {
            return Err(ReplayError::NotYet { channel: name(), at: from });
        }
        let since = now - reach;
        // What is on is there from its start, however long it has been.
        if asked.from.is_some() && from < since - AT_THE_EDGE {
            return Err(ReplayError::TooLongAgo { channel: name(), since });
        }
        let to = match asked.to {
            Some(to) if to <= from => return bad("to", "must be after what is on".to_owned()),
            Some(to) => to,
            None => self.programme_end(channel, from, current.end).await?,
        };
        Ok(from..to.min(current.end).min(from + MOST))
    }

    /// When the programme ends that is on at `from`, or begins within its second.
    async fn programme_end(
        &self,
        channel: &OnAir,
        from: AirTime,
        current_end: AirTime,
    ) -> Result<AirTime> {
        let second = Ticks::from_secs(1);
        let replay = self.aired(channel, from..from + second).await?;
        let airings = replay.ledger().airings();
        let begins =
            airings.iter().find(|airing| (from..from + second).contains(&airing.row.start));
        let meant = begins.or(airings.first());
        // Off the air it goes on and on: an hour of it is enough.
        let end = meant.map_or(from + Ticks::from_secs(3_600), |airing| airing.end);
        Ok(end.min(current_end))
    }

    /// Whether catch-up is on and reaches so far, for one segment.
    pub(super) fn check_reach(&self, channel: &OnAir, start: AirTime) -> Result<()> {
        let name = || channel.number.to_string();
        let reach = channel.catchup.ok_or_else(|| ReplayError::Off { channel: name() })?;
        let since = self.now_on(channel) - reach;
        if start.0 < since.0.saturating_sub(LISTED_BEFORE.0) {
            return Err(ReplayError::TooLongAgo { channel: name(), since });
        }
        Ok(())
    }
}
