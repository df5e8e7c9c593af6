//! The session state machine: a channel on the air, and who watches it.
//!
//! Owns the clients, their silence, the grace period, which renditions are wanted
//! and from which segments on. Does no I/O: events and the time go in, actions come out. Time is
//! monotonic, counted from an arbitrary zero. Invariant: with no client, a
//! session that is not kept running ends after exactly its grace period, and
//! every timer names what it was set for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::client::ClientId;
use crate::hls::Edge;
use crate::profile::Rendition;

/// A viewer unheard of for this many target durations has left; players reload a live
/// playlist once per target duration.
const SILENT_TARGET_DURATIONS: u32 = 3;

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Somebody tuned in, nothing was sent yet.
    Starting,
    /// On the air.
    Active,
    /// Nobody watches; ends at this time unless somebody returns.
    Draining {
        /// When the grace period is over.
        until: Duration,
    },
    /// Its workers are being ended.
    Stopping,
    /// Over: everything it owned is gone.
    Ended,
}

impl State {
    /// As the API names it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Active => "active",
            Self::Draining { .. } => "draining",
            Self::Stopping => "stopping",
            Self::Ended => "idle",
        }
    }
}

/// What can happen to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client registered, or asked for anything.
    Seen {
        /// Who.
        client: ClientId,
        /// The rendition that it asked for, if it named one.
        rendition: Option<Rendition>,
    },
    /// A client asked for a segment.
    Asked {
        /// Who.
        client: ClientId,
        /// Of which rendition.
        rendition: Rendition,
        /// Its sequence number.
        sequence: u64,
    },
    /// A client's request began to wait for a segment, or a connection opened.
    Waiting(ClientId),
    /// That request or connection ended.
    Answered(ClientId),
    /// A client said that it leaves.
    Left(ClientId),
    /// The first bytes of a segment went out.
    Delivered,
    /// The channel's settings are these now.
    Settings {
        /// How long it stays after its last client.
        grace: Duration,
        /// The rendition that is made whether anybody watches or not; `None`: it is
        /// not kept running.
        kept: Option<Rendition>,
    },
    /// Its channel's time is another by now, and can be taken once it is off the air.
    ClockSet,
    /// Somebody asked for the session to stop.
    Stop,
    /// Everything that the session owned has been ended.
    Cleared,
    /// Time passed.
    Tick,
}

/// What the owner of the session must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// From now on exactly these renditions are wanted.
    Want(BTreeSet<Rendition>),
    /// End all workers, then answer with [`Event::Cleared`].
    Clear,
}

/// Why the session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerReason {
    /// A client may have fallen silent.
    Silence,
    /// The grace period may be over.
    Grace,
}

#[derive(Clone, Debug)]
struct Client {
    since: Duration,
    last_seen: Duration,
    rendition: Option<Rendition>,
    /// The segment that it asked for last.
    asked: Option<u64>,
    /// Requests that wait for an answer: signs of life.
    waiting: u32,
}

/// What is known of a client, for the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientView {
    /// Who.
    pub id: ClientId,
    /// When it was first seen.
    pub since: Duration,
    /// When it was last seen.
    pub last_seen: Duration,
    /// What it watches.
    pub rendition: Option<Rendition>,
    /// The segment that it asked for last.
    pub asked: Option<u64>,
}

/// One channel's session.
#[derive(Clone, Debug)]
pub struct Session {
    state: State,
    grace: Duration,
    keep_running: bool,
    /// What is made for nobody, while it is kept running.
    kept: Option<Rendition>,
    silence: Duration,
    clients: BTreeMap<ClientId, Client>,
    /// Since when there are none.
    unwatched_since: Option<Duration>,
    wanted: BTreeSet<Rendition>,
    /// Some bytes went out: a viewer who returns finds it active.
    delivered: bool,
}

impl Session {
    /// A session that nobody has joined yet: it ends after `grace`, or the time
    /// in which a client counts as silent if that is longer, unless somebody
    /// does.
    pub fn new(
        grace: Duration,
        keep_running: bool,
        target_duration: Duration,
        now: Duration,
    ) -> Self {
        let silence = target_duration * SILENT_TARGET_DURATIONS;
        Self {
            state: if keep_running {
                State::Starting
            } else {
                State::Draining { until: now + grace.max(silence) }
            },
            grace,
            keep_running,
            kept: None,
            silence,
            clients: BTreeMap::new(),
            unwatched_since: Some(now),
            wanted: BTreeSet::new(),
            delivered: false,
        }
    }

    /// Where it stands.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Who watches.
    pub fn clients(&self) -> impl ExactSizeIterator<Item = ClientView> + '_ {
        self.clients.iter().map(|(id, client)| ClientView {
            id: *id,
            since: client.since,
            last_seen: client.last_seen,
            rendition: client.rendition,
            asked: client.asked,
        })
    }

    /// Which renditions somebody watches.
    pub fn wanted(&self) -> &BTreeSet<Rendition> {
        &self.wanted
    }

    /// The segments from which on a rendition is wanted, by sequence number:
    /// where each of its clients stands, so that a player which has fallen behind
    /// is served in order; *now* for one that is nowhere in the window, and for
    /// the one who may return within the grace period.
    pub fn starts(&self, rendition: Rendition, edge: Edge) -> BTreeSet<u64> {
        let last = edge.last;
        let of_rendition = self.clients.iter().filter(|(_, c)| c.rendition == Some(rendition));
        let mut starts: BTreeSet<u64> = of_rendition
            .map(|(id, client)| client.asked.unwrap_or(id.joined_sequence()))
            .map(|at| if (edge.back..=last).contains(&at) { at } else { edge.current })
            .collect();
        if starts.is_empty() {
            starts.insert(edge.current);
        }
        starts
    }

    /// What happened, and when: what is to be done.
    pub fn handle(&mut self, event: Event, now: Duration) -> Vec<Action> {
        if matches!(self.state, State::Stopping | State::Ended) {
            if event == Event::Cleared {
                self.state = State::Ended;
            }
            return Vec::new();
        }
        match event {
            Event::Seen { client, rendition } => self.seen(client, rendition, now),
            Event::Asked { client, rendition, sequence } => {
                self.seen(client, Some(rendition), now);
                if let Some(client) = self.clients.get_mut(&client) {
                    client.asked = Some(sequence);
                }
            }
            Event::Waiting(client) => {
                self.seen(client, None, now);
                if let Some(client) = self.clients.get_mut(&client) {
                    client.waiting += 1;
                }
            }
            Event::Answered(client) => {
                if let Some(client) = self.clients.get_mut(&client) {
                    client.waiting = client.waiting.saturating_sub(1);
                    client.last_seen = now;
                }
            }
            Event::Left(client) => {
                self.clients.remove(&client);
            }
            Event::Delivered => {
                self.delivered = true;
                if self.state == State::Starting {
                    self.state = State::Active;
                }
            }
            Event::Settings { grace, kept } => self.set(grace, kept),
            // Else one that is kept running would stay in a time that is over for ever.
            Event::ClockSet if self.keep_running && self.is_left(now) => return self.stop(),
            Event::ClockSet => {}
            Event::Stop => return self.stop(),
            Event::Cleared | Event::Tick => {}
        }
        self.settle(now)
    }

    /// When to call [`Session::handle`] with [`Event::Tick`], and why.
    pub fn poll_timeout(&self) -> Option<(Duration, TimerReason)> {
        let silence = self
            .clients
            .values()
            .filter(|client| client.waiting == 0)
            .map(|client| (client.last_seen + self.silence, TimerReason::Silence))
            .min();
        let grace = match self.state {
            State::Draining { until } => Some((until, TimerReason::Grace)),
            _ => None,
        };
        silence.into_iter().chain(grace).min()
    }

    fn seen(&mut self, id: ClientId, rendition: Option<Rendition>, now: Duration) {
        let client = self.clients.entry(id).or_insert(Client {
            since: now,
            last_seen: now,
            rendition: None,
            asked: None,
            waiting: 0,
        });
        client.last_seen = now;
        client.rendition = rendition.or(client.rendition);
    }

    /// A grace period that runs already becomes longer or shorter.
    fn set(&mut self, grace: Duration, kept: Option<Rendition>) {
        if let State::Draining { until } = &mut self.state {
            *until = (*until + grace).saturating_sub(self.grace);
        }
        (self.grace, self.kept, self.keep_running) = (grace, kept, kept.is_some());
        if self.keep_running && matches!(self.state, State::Draining { .. }) {
            self.state = if self.delivered { State::Active } else { State::Starting };
        }
    }

    /// What follows from the clients as they are now.
    fn settle(&mut self, now: Duration) -> Vec<Action> {
        let silence = self.silence;
        self.clients.retain(|_, client| client.waiting > 0 || now < client.last_seen + silence);
        self.unwatched_since = match self.clients.is_empty() {
            true => self.unwatched_since.or(Some(now)),
            false => None,
        };
        match self.state {
            State::Draining { until } if self.clients.is_empty() && now >= until => {
                return self.stop();
            }
            State::Draining { .. } if !self.clients.is_empty() => {
                self.state = if self.delivered { State::Active } else { State::Starting };
            }
            State::Starting | State::Active if self.clients.is_empty() && !self.keep_running => {
                self.state = State::Draining { until: now + self.grace };
                if self.grace.is_zero() {
                    return self.stop();
                }
            }
            _ => {}
        }
        // While it drains, what was wanted stays wanted: a return within the
        // grace period finds the stream as it was.
        let mut wanted: BTreeSet<Rendition> = if self.clients.is_empty() && !self.keep_running {
            self.wanted.clone()
        } else {
            self.clients.values().filter_map(|client| client.rendition).collect()
        };
        wanted.extend(self.kept);
        if wanted == self.wanted {
            return Vec::new();
        }
        self.wanted = wanted;
        vec![Action::Want(self.wanted.clone())]
    }

    /// Nobody watches, and has not for the grace period.
    fn is_left(&self, now: Duration) -> bool {
        self.unwatched_since.is_some_and(|since| now >= since + self.grace)
    }

    fn stop(&mut self) -> Vec<Action> {
        self.state = State::Stopping;
        self.clients.clear();
        self.wanted.clear();
        vec![Action::Clear]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::AirTime;
    use proptest::prelude::*;

    const GRACE: Duration = Duration::from_secs(30);
    const TARGET: Duration = Duration::from_secs(4);
    const HD: Rendition = Rendition::Height(720);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
    fn client(nonce: u64) -> ClientId {
        ClientId::new(7, AirTime::EPOCH, nonce)
    }
    fn seen(nonce: u64) -> Event {
        Event::Seen { client: client(nonce), rendition: Some(HD) }
    }
    fn session() -> Session {
        Session::new(GRACE, false, TARGET, at(0))
    }

    #[test]
    fn the_first_client_starts_it_and_the_first_bytes_make_it_active() {
        let mut session = session();
        assert_eq!(session.handle(seen(1), at(0)), [Action::Want([HD].into())]);
        assert_eq!(session.state(), &State::Starting);
        assert_eq!(session.handle(Event::Delivered, at(1)), []);
        assert_eq!(session.state(), &State::Active);
    }

    #[test]
    fn segments_are_wanted_from_where_each_client_stands() {
        let edge = Edge { back: 4, current: 20, soon: 21, ahead: 22, last: 22 };
        let asked =
            |nonce, sequence| Event::Asked { client: client(nonce), rendition: HD, sequence };
        let mut session = session();
        assert_eq!(session.starts(HD, edge), [20].into(), "nobody is there yet");
        session.handle(seen(1), at(0));
        assert_eq!(session.starts(HD, edge), [7].into(), "where it joined");
        session.handle(asked(1, 18), at(1));
        session.handle(asked(2, 22), at(1));
        assert_eq!(session.starts(HD, edge), [18, 22].into());
        // Out of the window, before or after, there is nothing to be had.
        session.handle(asked(1, 3), at(2));
        session.handle(asked(2, 23), at(2));
        assert_eq!(session.starts(HD, edge), [20].into());
        assert_eq!(session.starts(Rendition::Height(480), edge), [20].into());
    }

    #[test]
    fn a_channel_without_a_grace_period_waits_for_its_first_client() {
        let mut session = Session::new(Duration::ZERO, false, TARGET, at(0));
        assert_eq!(session.handle(Event::Tick, at(11)), []);
        session.handle(seen(1), at(11));
        assert_eq!(session.state(), &State::Starting);
        let mut unseen = Session::new(Duration::ZERO, false, TARGET, at(0));
        assert_eq!(unseen.handle(Event::Tick, at(12)), [Action::Clear]);
    }

    #[test]
    fn a_second_client_shares_it() {
        let mut session = session();
        session.handle(seen(1), at(0));
        assert_eq!(session.handle(seen(2), at(1)), []);
        assert_eq!(session.clients().len(), 2);
    }

    #[test]
    fn a_silent_client_has_left_after_three_target_durations() {
        let mut session = session();
        session.handle(seen(1), at(0));
        assert_eq!(session.poll_timeout(), Some((at(12), TimerReason::Silence)));
        session.handle(Event::Tick, at(11));
        assert_eq!(session.clients().len(), 1);
        session.handle(Event::Tick, at(12));
        assert_eq!(session.clients().len(), 0);
        assert_eq!(session.state(), &State::Draining { until: at(42) });
        assert_eq!(session.poll_timeout(), Some((at(42), TimerReason::Grace)));
    }

    #[test]
    fn a_waiting_request_is_a_sign_of_life() {
        let mut session = session();
        session.handle(Event::Waiting(client(1)), at(0));
        assert_eq!(session.poll_timeout(), None);
        session.handle(Event::Tick, at(600));
        assert_eq!(session.clients().len(), 1);
        session.handle(Event::Answered(client(1)), at(600));
        assert_eq!(session.poll_timeout(), Some((at(612), TimerReason::Silence)));
    }

    #[test]
    fn an_explicit_leave_counts_at_once_and_the_grace_period_follows() {
        let mut session = session();
        session.handle(seen(1), at(0));
        session.handle(Event::Left(client(1)), at(3));
        assert_eq!(session.state(), &State::Draining { until: at(33) });
        assert_eq!(session.handle(Event::Tick, at(32)), []);
        assert_eq!(session.handle(Event::Tick, at(33)), [Action::Clear]);
        assert_eq!(session.state(), &State::Stopping);
        session.handle(Event::Cleared, at(34));
        assert_eq!(session.state(), &State::Ended);
    }

    #[test]
    fn a_return_within_the_grace_period_finds_the_stream_as_it_was() {
        let mut session = session();
        session.handle(seen(1), at(0));
        session.handle(Event::Delivered, at(1));
        session.handle(Event::Left(client(1)), at(3));
        assert_eq!(session.wanted(), &[HD].into());
        assert_eq!(session.handle(seen(2), at(32)), [], "nothing new is wanted");
        assert_eq!(session.handle(Event::Tick, at(40)), []);
        assert_eq!(session.state(), &State::Active);
    }

    #[test]
    fn without_a_grace_period_it_ends_with_its_last_client() {
        let mut session = Session::new(Duration::ZERO, false, TARGET, at(0));
        session.handle(seen(1), at(0));
        assert_eq!(session.handle(Event::Left(client(1)), at(1)), [Action::Clear]);
    }

    #[test]
    fn a_session_that_is_kept_running_never_drains() {
        let mut session = Session::new(GRACE, true, TARGET, at(0));
        session.handle(seen(1), at(0));
        session.handle(Event::Left(client(1)), at(1));
        assert_eq!(session.handle(Event::Tick, at(9_999)), []);
        assert_eq!(session.handle(Event::Stop, at(9_999)), [Action::Clear]);
    }

    #[test]
    fn what_is_kept_running_is_made_for_nobody_until_it_is_not_kept_any_more() {
        let mut session = session();
        let kept = Event::Settings { grace: GRACE, kept: Some(HD) };
        assert_eq!(session.handle(kept.clone(), at(1)), [Action::Want([HD].into())]);
        assert_eq!((session.state(), session.poll_timeout()), (&State::Starting, None));
        let edge = Edge { back: 4, current: 20, soon: 21, ahead: 22, last: 22 };
        assert_eq!(session.starts(HD, edge), [20].into());
        let low = Rendition::Height(360);
        let watches_low = Event::Seen { client: client(1), rendition: Some(low) };
        assert_eq!(session.handle(watches_low, at(2)), [Action::Want([HD, low].into())]);
        assert_eq!(session.handle(Event::Left(client(1)), at(3)), [Action::Want([HD].into())]);
        assert_eq!(session.handle(kept, at(4)), []);
        session.handle(Event::Settings { grace: GRACE, kept: None }, at(9_000));
        assert_eq!(session.state(), &State::Draining { until: at(9_030) });
        assert_eq!(session.handle(Event::Tick, at(9_030)), [Action::Clear]);
    }

    #[test]
    fn what_is_kept_running_ends_for_another_time_once_nobody_watches() {
        let mut session = Session::new(GRACE, true, TARGET, at(0));
        session.handle(seen(1), at(0));
        session.handle(Event::Waiting(client(1)), at(1));
        assert_eq!(session.handle(Event::ClockSet, at(100)), []);
        session.handle(Event::Answered(client(1)), at(100));
        session.handle(Event::Left(client(1)), at(101));
        assert_eq!(session.handle(Event::ClockSet, at(130)), [], "who left may return");
        assert_eq!(session.handle(Event::ClockSet, at(131)), [Action::Clear]);
        // What is not kept running has its own end.
        let mut session = self::session();
        session.handle(seen(1), at(0));
        session.handle(Event::Left(client(1)), at(1));
        assert_eq!(session.handle(Event::ClockSet, at(30)), []);
        assert_eq!(session.state(), &State::Draining { until: at(31) });
    }

    #[test]
    fn a_grace_period_that_runs_follows_its_setting() {
        let mut session = session();
        session.handle(seen(1), at(0));
        session.handle(Event::Left(client(1)), at(100));
        let set = |seconds| Event::Settings { grace: at(seconds), kept: None };
        session.handle(set(60), at(110));
        assert_eq!(session.state(), &State::Draining { until: at(160) });
        assert_eq!(session.handle(set(5), at(120)), [Action::Clear], "it is over already");
    }

    #[test]
    fn a_session_that_nobody_joins_ends_after_its_grace_period() {
        assert_eq!(session().handle(Event::Tick, at(30)), [Action::Clear]);
    }

    #[test]
    fn nothing_wakes_a_session_that_stops() {
        let mut session = session();
        session.handle(Event::Stop, at(0));
        assert_eq!(session.handle(seen(1), at(1)), []);
        assert_eq!(session.clients().len(), 0);
        assert_eq!(session.poll_timeout(), None);
    }

    proptest! {
        #[test]
        fn the_count_is_exact_and_an_unwatched_session_always_ends(
            steps in prop::collection::vec((0u64..8, 0u8..5, 0u64..9), 1..200)
        ) {
            let mut session = session();
            let mut now = at(0);
            let mut expected: BTreeMap<u64, (Duration, u32)> = BTreeMap::new();
            for (who, what, pause) in steps {
                now += at(pause);
                // The naive count: whoever was seen in the last 12 s or waits.
                let event = match what {
                    0 => Event::Left(client(who)),
                    1 => Event::Waiting(client(who)),
                    2 => Event::Answered(client(who)),
                    3 => Event::Tick,
                    _ => seen(who),
                };
                session.handle(event, now);
                if matches!(session.state(), State::Stopping) {
                    return Ok(());
                }
                match what {
                    0 => { expected.remove(&who); }
                    1 => { let e = expected.entry(who).or_insert((now, 0)); *e = (now, e.1 + 1); }
                    2 => if let Some(e) = expected.get_mut(&who) { *e = (now, e.1.saturating_sub(1)); },
                    3 => {}
                    _ => { expected.entry(who).or_insert((now, 0)).0 = now; }
                }
                expected.retain(|_, (seen, waiting)| *waiting > 0 || now < *seen + at(12));
                prop_assert_eq!(session.clients().len(), expected.len());
                prop_assert_eq!(
                    matches!(session.state(), State::Draining { .. }), expected.is_empty()
                );
            }
            while let Some((then, _)) = session.poll_timeout() {
                session.handle(Event::Tick, then);
            }
            let someone_waits = expected.values().any(|(_, waiting)| *waiting > 0);
            prop_assert!(someone_waits || session.state() == &State::Stopping);
        }
    }
}
