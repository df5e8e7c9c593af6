//! The channels' clocks: which time it is on each (`rules.md`, 8).
//!
//! Owns the offsets from the monotonic clock, of the server and of each channel that
//! cannot follow it yet, and how far each channel has promised. Reads no clock: wall and
//! monotonic time are arguments. Invariants: a channel's time never goes back behind
//! what it promised, also over a restart, and never steps while it is on the air.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::ChannelId;
use crate::time::{AirTime, Ticks};

/// A step of the wall clock under this is no step (`rules.md`, 8).
const STEP: Ticks = Ticks::from_secs(2);

/// A wall clock that is further ahead than this of when the server was last heard of is
/// wrong, and not a server that was off: what it would commit could never be taken back.
pub const DISTRUSTED: Ticks = Ticks::from_secs(400 * 24 * 3_600);

/// So far beyond a promise that is noted there may be one that never was: notes are
/// taken every 20 s, and at once where a promise is [`NEWS`] beyond the one before.
const UNNOTED: Ticks = Ticks::from_secs(60);

/// So long after it was last noted a server may have been there: notes are taken every
/// 20 s, and take a moment.
const UNHEARD: Ticks = Ticks::from_secs(25);

/// A promise so far beyond the one before is of a channel that comes on the air: while
/// it is there, they follow each other by seconds.
const NEWS: Ticks = Ticks::from_secs(30);

/// All clocks. "Monotonic" is ticks since some fixed instant of this run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirClocks {
    /// The server's time at the monotonic zero.
    base: AirTime,
    /// The same for channels that keep another time for now.
    held: BTreeMap<ChannelId, AirTime>,
    /// Until then a channel's playlists have promised something; never forgotten, since
    /// a clock can be set back by any time.
    promised: BTreeMap<ChannelId, AirTime>,
}

/// What the next server must know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The server's time.
    pub at: AirTime,
    /// Channels that have been on the air.
    pub channels: BTreeMap<ChannelId, NotedChannel>,
}

/// What of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotedChannel {
    /// Its own time.
    pub at: AirTime,
    /// Until then its playlists have promised something.
    pub promised: AirTime,
}

/// What became of a look at the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wall {
    /// It is as it should be.
    Same,
    /// It was set, by so much; so many channels keep their time for now.
    Stepped(Ticks, usize),
    /// It is this far ahead, which cannot be: its time is not taken.
    Distrusted(Ticks),
}

impl AirClocks {
    /// All at the wall clock's time.
    pub fn begun(wall: AirTime, monotonic: Ticks) -> Self {
        Self { base: wall - monotonic, held: BTreeMap::new(), promised: BTreeMap::new() }
    }

    /// Goes on from what was noted `since` ago: unknown, where the machine was started
    /// again meanwhile. `trusts` is the operator's word that the wall clock is right, and
    /// then no promise of a clock that was ahead is kept.
    pub fn resumed(
        noted: &Noted,
        since: Option<Ticks>,
        (wall, monotonic): (AirTime, Ticks),
        trusts: bool,
    ) -> (Self, Wall) {
        let expected = since.map(|since| noted.at + since);
        let known = expected.unwrap_or(noted.at);
        let step = wall - known;
        let (now, found) = match expected {
            _ if step > DISTRUSTED && !trusts => (known, Wall::Distrusted(step)),
            // The same to within what is no step: nobody is to notice a restart.
            Some(expected) if step <= STEP && step >= Ticks::ZERO - STEP => (expected, Wall::Same),
            _ => (wall, Wall::Same),
        };
        let mut clocks = Self::begun(now, monotonic);
        for (channel, noted) in &noted.channels {
            // Promises reach no further than that, however often it began anew.
            let promised = (noted.promised + UNNOTED).min(noted.at + UNNOTED + NEWS);
            let promised = promised.max(noted.promised);
            if now < promised && !trusts {
                let own = match since {
                    Some(since) => noted.at + since,
                    // A clock that went on: the server came no further than this.
                    None if now >= noted.at => now.max(noted.at + UNHEARD),
                    // One that went back: where nothing was promised.
                    None => promised,
                };
                clocks.hold(*channel, own - monotonic);
            }
            if now >= promised || !trusts {
                clocks.promised.insert(*channel, promised);
            }
        }
        let is_step = expected.is_some_and(|expected| now != expected);
        match (found, clocks.held.len()) {
            (Wall::Same, held) if is_step || held > 0 => (clocks, Wall::Stepped(step, held)),
            (found, _) => (clocks, found),
        }
    }

    /// The server's time.
    pub fn now(&self, monotonic: Ticks) -> AirTime {
        self.base + monotonic
    }

    /// A channel's time.
    pub fn now_on(&self, channel: ChannelId, monotonic: Ticks) -> AirTime {
        self.base_of(channel) + monotonic
    }

    fn base_of(&self, channel: ChannelId) -> AirTime {
        self.held.get(&channel).copied().unwrap_or(self.base)
    }

    fn hold(&mut self, channel: ChannelId, own: AirTime) {
        match own == self.base {
            true => self.held.remove(&channel),
            false => self.held.insert(channel, own),
        };
    }

    /// A channel promised something that airs until then. Whether that is to be noted
    /// for the next server at once.
    #[must_use]
    pub fn promised(&mut self, channel: ChannelId, until: AirTime) -> bool {
        let before = self.promised.insert(channel, until);
        if let Some(before) = before.filter(|before| *before > until) {
            self.promised.insert(channel, before);
        }
        before.is_none_or(|before| until - before > NEWS)
    }

    /// Whether a channel keeps a time of its own for the sake of who watches it alone: no
    /// promise is in the way of the server's.
    pub fn is_behind(&self, channel: ChannelId, monotonic: Ticks) -> bool {
        self.held.contains_key(&channel) && !self.is_bound(channel, self.now(monotonic))
    }

    fn is_bound(&self, channel: ChannelId, now: AirTime) -> bool {
        self.promised.get(&channel).is_some_and(|until| *until > now)
    }

    /// Looks at the wall clock. A step is taken by all channels that nobody watches,
    /// and by the others (`on_air`) when nobody does, but never back behind a promise.
    pub fn follow(
        &mut self,
        on_air: &BTreeSet<ChannelId>,
        (wall, monotonic): (AirTime, Ticks),
        trusts: bool,
    ) -> Wall {
        let step = wall - self.now(monotonic);
        if step > DISTRUSTED && !trusts {
            return Wall::Distrusted(step);
        }
        let mut found = Wall::Same;
        if step > STEP || step < Ticks::ZERO - STEP {
            let known: BTreeSet<ChannelId> = self.promised.keys().chain(on_air).copied().collect();
            let own: Vec<_> = known.into_iter().map(|id| (id, self.base_of(id))).collect();
            self.base = wall - monotonic;
            own.into_iter().for_each(|(channel, own)| self.hold(channel, own));
            found = Wall::Stepped(step, 0);
        }
        let now = self.now(monotonic);
        let mut held = std::mem::take(&mut self.held);
        held.retain(|channel, _| on_air.contains(channel) || self.is_bound(*channel, now));
        self.held = held;
        match found {
            Wall::Stepped(step, _) => Wall::Stepped(step, self.held.len()),
            other => other,
        }
    }

    /// For the next server.
    pub fn noted(&self, monotonic: Ticks) -> Noted {
        let channel = |(id, promised): (&ChannelId, &AirTime)| {
            (*id, NotedChannel { at: self.now_on(*id, monotonic), promised: *promised })
        };
        Noted { at: self.now(monotonic), channels: self.promised.iter().map(channel).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: AirTime = AirTime::from_unix_millis(1_800_000_000_000);
    const WATCHED: ChannelId = ChannelId(uuid::Uuid::from_u128(1));
    const IDLE: ChannelId = ChannelId(uuid::Uuid::from_u128(2));

    fn seconds(seconds: i64) -> Ticks {
        Ticks::from_secs(seconds)
    }
    fn on_air() -> BTreeSet<ChannelId> {
        [WATCHED].into()
    }
    /// Begun at noon; a minute later somebody watches.
    fn watched() -> AirClocks {
        let mut clocks = AirClocks::begun(NOON, seconds(0));
        assert!(clocks.promised(WATCHED, NOON + seconds(70)));
        assert!(!clocks.promised(WATCHED, NOON + seconds(60)));
        clocks
    }

    #[test]
    fn a_step_is_taken_at_once_but_by_who_is_on_the_air() {
        let mut clocks = watched();
        let wall = NOON + seconds(3_660);
        let found = clocks.follow(&on_air(), (wall, seconds(60)), false);
        assert_eq!(found, Wall::Stepped(seconds(3_600), 1));
        assert_eq!(clocks.now_on(IDLE, seconds(60)), wall);
        assert_eq!(clocks.now_on(WATCHED, seconds(60)), NOON + seconds(60));
        assert!(clocks.is_behind(WATCHED, seconds(60)) && !clocks.is_behind(IDLE, seconds(60)));
        // Its session ends.
        let later = (wall + seconds(5), seconds(65));
        assert_eq!(clocks.follow(&BTreeSet::new(), later, false), Wall::Same);
        assert_eq!(clocks.now_on(WATCHED, seconds(65)), wall + seconds(5));
        assert!(!clocks.is_behind(WATCHED, seconds(65)));
    }

    #[test]
    fn no_step_goes_back_behind_a_promise() {
        let mut clocks = watched();
        let wall = NOON - seconds(540);
        clocks.follow(&BTreeSet::new(), (wall, seconds(60)), false);
        assert_eq!(clocks.now_on(IDLE, seconds(60)), wall);
        assert_eq!(clocks.now_on(WATCHED, seconds(60)), NOON + seconds(60));
        assert!(!clocks.is_behind(WATCHED, seconds(60)), "its promise keeps it");
        // The wall clock comes to where the promise ends.
        clocks.follow(&BTreeSet::new(), (wall + seconds(609), seconds(669)), false);
        assert_eq!(clocks.now_on(WATCHED, seconds(669)), NOON + seconds(669));
        clocks.follow(&BTreeSet::new(), (wall + seconds(610), seconds(670)), false);
        assert_eq!(clocks.now_on(WATCHED, seconds(670)), NOON + seconds(70));
    }

    #[test]
    fn a_promise_holds_also_when_it_was_kept_long_ago() {
        let mut clocks = watched();
        let monotonic = seconds(600);
        clocks.follow(&BTreeSet::new(), (NOON + monotonic, monotonic), false);
        let wall = NOON - seconds(3_600);
        clocks.follow(&BTreeSet::new(), (wall, monotonic), false);
        assert_eq!(clocks.now_on(WATCHED, monotonic), NOON + monotonic);
        // At the operator's word it goes back all the same, with the next start.
        let noted = clocks.noted(monotonic);
        let (clocks, _) = AirClocks::resumed(&noted, None, (wall, seconds(0)), true);
        assert_eq!(clocks.now_on(WATCHED, seconds(0)), wall);
        assert!(clocks.promised.is_empty());
    }

    #[test]
    fn what_is_no_step_moves_nobody() {
        let mut clocks = watched();
        for off in [-2, 2] {
            let wall = NOON + seconds(60 + off);
            assert_eq!(clocks.follow(&BTreeSet::new(), (wall, seconds(60)), false), Wall::Same);
            assert_eq!(clocks.now(seconds(60)), NOON + seconds(60));
        }
    }

    #[test]
    fn a_restart_is_not_noticed() {
        let noted = watched().noted(seconds(60));
        // A second later by the wall clock, two by one that cannot be set.
        let wall = NOON + seconds(61);
        let (clocks, found) =
            AirClocks::resumed(&noted, Some(seconds(2)), (wall, seconds(0)), false);
        assert_eq!(found, Wall::Same);
        assert_eq!(clocks.now(seconds(0)), NOON + seconds(62));
        assert_eq!(clocks.now_on(WATCHED, seconds(0)), NOON + seconds(62));
    }

    #[test]
    fn a_restart_with_a_clock_set_back_goes_on_where_the_channel_was() {
        let noted = watched().noted(seconds(60));
        let wall = NOON - seconds(3_600);
        let (mut clocks, found) =
            AirClocks::resumed(&noted, Some(seconds(2)), (wall, seconds(0)), false);
        assert_eq!(found, Wall::Stepped(seconds(-3_662) + seconds(0), 1));
        assert_eq!(clocks.now_on(IDLE, seconds(0)), wall);
        assert_eq!(clocks.now_on(WATCHED, seconds(0)), NOON + seconds(62));
        clocks.follow(&BTreeSet::new(), (wall + seconds(5), seconds(5)), false);
        assert_eq!(clocks.now_on(WATCHED, seconds(5)), NOON + seconds(67));
    }

    #[test]
    fn a_machine_that_starts_with_a_clock_behind_goes_on_where_nothing_was_promised() {
        let noted = watched().noted(seconds(60));
        let wall = NOON - seconds(3_600);
        let (clocks, _) = AirClocks::resumed(&noted, None, (wall, seconds(0)), false);
        assert_eq!(clocks.now_on(WATCHED, seconds(0)), NOON + seconds(70) + UNNOTED);
        // One that starts quickly, with a clock that is right, is hardly ahead.
        for (off, ahead) in [(0, 25), (5, 20), (25, 0), (40, 0)] {
            let wall = NOON + seconds(60 + off);
            let (clocks, _) = AirClocks::resumed(&noted, None, (wall, seconds(0)), false);
            assert_eq!(clocks.now_on(WATCHED, seconds(0)), wall + seconds(ahead), "{off} s off");
        }
        // And one whose clock is right is right.
        let wall = NOON + seconds(300);
        let (clocks, found) = AirClocks::resumed(&noted, None, (wall, seconds(0)), false);
        assert_eq!((clocks.now_on(WATCHED, seconds(0)), found), (wall, Wall::Same));
    }

    #[test]
    fn restarts_in_a_row_promise_nothing_more() {
        let mut noted = watched().noted(seconds(60));
        for restart in 1..10 {
            let wall = NOON + seconds(60 + restart);
            let since = Some(seconds(1));
            let (clocks, _) = AirClocks::resumed(&noted, since, (wall, seconds(0)), false);
            noted = clocks.noted(seconds(0));
            assert!(noted.channels[&WATCHED].promised <= wall + UNNOTED + NEWS, "{restart}");
        }
    }

    #[test]
    fn a_clock_wildly_ahead_is_not_believed_but_at_the_operators_word() {
        let far = NOON + DISTRUSTED + seconds(3_600);
        let mut clocks = watched();
        let found = clocks.follow(&BTreeSet::new(), (far, seconds(60)), false);
        assert!(matches!(found, Wall::Distrusted(_)), "{found:?}");
        assert_eq!(clocks.now(seconds(60)), NOON + seconds(60));
        let noted = clocks.noted(seconds(60));
        let (clocks, found) = AirClocks::resumed(&noted, None, (far, seconds(0)), false);
        assert!(matches!(found, Wall::Distrusted(_)), "{found:?}");
        // It goes on from when the server was last heard of.
        assert_eq!(clocks.now(seconds(0)), NOON + seconds(60));
        let (clocks, _) = AirClocks::resumed(&noted, None, (far, seconds(0)), true);
        assert_eq!(clocks.now(seconds(0)), far);
    }
}
