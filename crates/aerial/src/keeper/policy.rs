//! What the keeper does when, without doing it.
//!
//! Owns the keeper's state: whether there is a server, whether it ever worked,
//! and what is waited for. Pure: events and the time in, actions out. Invariant:
//! there is never more than one server, and after [`Action::Exit`] none; a server that
//! works is asked to end for a new one only when the new program takes its settings.

use std::time::Duration;

use tokio::time::Instant;

/// How long a server must have worked for its next death to count as the first.
pub(super) const RAN_WELL: Duration = Duration::from_secs(60);

/// The longest wait before the next attempt (`rules.md`, 24).
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// A server promises to end within 10 s of being asked; past this it hangs.
pub(super) const END_PATIENCE: Duration = Duration::from_secs(15);

/// A program reads its settings in some milliseconds; past this their disk hangs.
pub(super) const CHECK_PATIENCE: Duration = Duration::from_secs(10);

/// What happens to the keeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The server says that it answers requests.
    Ready,
    /// The server is gone.
    Exited(Death),
    /// Someone wants the program to end (SIGTERM, SIGINT).
    Terminate(Ending),
    /// The terminal was closed, which is told twice: by the shell, and by the system.
    TerminalClosed,
    /// Someone wants a new server (SIGHUP), or the server itself does.
    Renew,
    /// The program takes its settings, or it does not ([`Action::Check`]).
    Checked(Verdict),
    /// The time that [`Keeper::deadline`] asked for has come.
    TimeIsUp,
}

/// Whether a new server would start, as far as its settings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It would.
    Fit,
    /// It would not.
    Unfit,
}

/// How the server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Death {
    /// With an exit code.
    Code(u8),
    /// By a signal.
    Signal(u8),
    /// It could not even be started.
    NotStarted,
}

impl Death {
    /// What the keeper exits with, where it hands the server's end through.
    fn exit_code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            // As shells have it.
            Self::Signal(signal) => 128_u8.saturating_add(signal),
            Self::NotStarted => 1,
        }
    }
}

/// The signal that asked for the end, which is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// What the keeper is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Start a server.
    Start,
    /// Let the program look at its settings, in the place of one that does so already.
    Check,
    /// It took too long: let it be.
    StopChecking,
    /// Pass this signal on to it.
    PassOn(Ending),
    /// Kill it.
    Kill,
    /// End the keeper with this code.
    Exit(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A server runs (or is being started). Since when it is ready, if it is.
    Running { ready_since: Option<Instant> },
    /// The same, and the program that is to follow it looks at its settings.
    Checking { ready_since: Option<Instant>, until: Instant, again: bool },
    /// There is none; the next one is started at this time.
    Waiting { until: Instant },
    /// It was asked to end, to be followed by a new one.
    Renewing { until: Instant },
    /// It was asked to end, and the keeper ends with it.
    Ending { until: Instant },
}

/// The keeper's mind.
#[derive(Debug)]
pub(super) struct Keeper {
    state: State,
    /// Whether any server ever was ready: if not, its failure is one of the
    /// settings or the machine, and trying again would only hide it.
    ever_ready: bool,
    /// Deaths in a row without running well in between.
    deaths: u32,
}

impl Keeper {
    /// A keeper that is about to start its first server.
    pub(super) fn new() -> Self {
        Self { state: State::Running { ready_since: None }, ever_ready: false, deaths: 0 }
    }

    /// When [`Event::TimeIsUp`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Running { .. } => None,
            State::Checking { until, .. }
            | State::Waiting { until }
            | State::Renewing { until }
            | State::Ending { until } => Some(until),
        }
    }

    /// Take in what happened and say what to do.
    pub(super) fn handle(&mut self, event: Event, now: Instant) -> Option<Action> {
        // What came with it may have put off what it was about.
        if event == Event::TimeIsUp && self.deadline().is_none_or(|until| until > now) {
            return None;
        }
        match (self.state, event) {
            (State::Running { .. }, Event::Ready) => {
                self.ever_ready = true;
                self.state = State::Running { ready_since: Some(now) };
                None
            }
            (State::Checking { until, again, .. }, Event::Ready) => {
                self.ever_ready = true;
                self.state = State::Checking { ready_since: Some(now), until, again };
                None
            }
            // A server that gets ready while it is asked to end did work.
            (_, Event::Ready) => {
                self.ever_ready = true;
                None
            }
            // The next one reads the settings anyway.
            (
                State::Running { ready_since } | State::Checking { ready_since, .. },
                Event::Exited(death),
            ) => {
                self.state = State::Running { ready_since };
                self.after_death(ready_since, death, now)
            }
            (State::Renewing { .. }, Event::Exited(_)) => Some(self.start()),
            (State::Ending { .. }, Event::Exited(death)) => Some(Action::Exit(death.exit_code())),
            (State::Waiting { .. }, Event::Exited(_)) => None,

            (State::Ending { .. }, Event::TerminalClosed) => None,
            (_, Event::TerminalClosed) => self.handle(Event::Terminate(Ending::Terminate), now),
            (State::Running { .. } | State::Checking { .. }, Event::Terminate(ending)) => {
                self.state = State::Ending { until: now + END_PATIENCE };
                Some(Action::PassOn(ending))
            }
            // It was asked already, and a second signal would end it at once.
            (State::Renewing { until }, Event::Terminate(_)) => {
                self.state = State::Ending { until };
                None
            }
            (State::Ending { .. }, Event::Terminate(_)) => Some(Action::Kill),
            (State::Waiting { .. }, Event::Terminate(_)) => Some(Action::Exit(0)),

            (State::Running { ready_since }, Event::Renew) => Some(self.check(ready_since, now)),
            // What is being looked at may be older than what is asked for now.
            (State::Checking { ready_since, until, .. }, Event::Renew) => {
                self.state = State::Checking { ready_since, until, again: true };
                None
            }
            (State::Checking { ready_since, again: true, .. }, Event::Checked(_)) => {
                Some(self.check(ready_since, now))
            }
            (State::Checking { .. }, Event::Checked(Verdict::Fit)) => {
                self.state = State::Renewing { until: now + END_PATIENCE };
                Some(Action::PassOn(Ending::Terminate))
            }
            (State::Checking { ready_since, .. }, Event::Checked(Verdict::Unfit)) => {
                self.state = State::Running { ready_since };
                None
            }
            (State::Checking { ready_since, .. }, Event::TimeIsUp) => {
                self.state = State::Running { ready_since };
                Some(Action::StopChecking)
            }
            // Of one that nobody waits for any more.
            (_, Event::Checked(_)) => None,
            (State::Waiting { .. }, Event::Renew | Event::TimeIsUp) => Some(self.start()),
            (State::Renewing { .. } | State::Ending { .. }, Event::Renew) => None,

            (State::Renewing { .. }, Event::TimeIsUp) => {
                self.state = State::Renewing { until: now + END_PATIENCE };
                Some(Action::Kill)
            }
            (State::Ending { .. }, Event::TimeIsUp) => {
                self.state = State::Ending { until: now + END_PATIENCE };
                Some(Action::Kill)
            }
            (State::Running { .. }, Event::TimeIsUp) => None,
        }
    }

    /// Whether the death of the server now would be followed by a new one.
    pub(super) fn will_start_again(&self) -> bool {
        match self.state {
            State::Running { .. } | State::Checking { .. } => self.ever_ready,
            State::Waiting { .. } | State::Renewing { .. } => true,
            State::Ending { .. } => false,
        }
    }

    /// Whether it is waited for what the program says of its settings.
    pub(super) fn is_checking(&self) -> bool {
        matches!(self.state, State::Checking { .. })
    }

    fn check(&mut self, ready_since: Option<Instant>, now: Instant) -> Action {
        let until = now + CHECK_PATIENCE;
        self.state = State::Checking { ready_since, until, again: false };
        Action::Check
    }

    fn start(&mut self) -> Action {
        self.state = State::Running { ready_since: None };
        Action::Start
    }

    /// At once the first time, then after 1, 2, 4 … 30 s.
    fn after_death(
        &mut self,
        ready_since: Option<Instant>,
        death: Death,
        now: Instant,
    ) -> Option<Action> {
        if !self.ever_ready {
            let code = death.exit_code();
            // Without a server there is no success, whatever it says.
            return Some(Action::Exit(if code == 0 { 1 } else { code }));
        }
        if ready_since.is_some_and(|since| now - since >= RAN_WELL) {
            self.deaths = 0;
        }
        self.deaths = self.deaths.saturating_add(1);
        if self.deaths == 1 {
            return Some(self.start());
        }
        let delay = Duration::from_secs(1 << (self.deaths - 2).min(5)).min(LONGEST_DELAY);
        self.state = State::Waiting { until: now + delay };
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    const CRASH: Event = Event::Exited(Death::Signal(11));
    const FIT: Event = Event::Checked(Verdict::Fit);
    const UNFIT: Event = Event::Checked(Verdict::Unfit);

    fn ready_keeper(now: Instant) -> Keeper {
        let mut keeper = Keeper::new();
        assert_eq!(keeper.handle(Event::Ready, now), None);
        keeper
    }

    #[test]
    fn a_first_start_that_fails_ends_the_keeper_with_its_code() {
        for (death, code) in [
            (Death::Code(2), 2),
            (Death::Code(0), 1),
            (Death::Signal(9), 137),
            (Death::NotStarted, 1),
        ] {
            let now = monotonic();
            assert_eq!(
                Keeper::new().handle(Event::Exited(death), now),
                Some(Action::Exit(code)),
                "{death:?}"
            );
        }
    }

    #[test]
    fn a_server_that_dies_is_started_at_once_then_after_1_2_4_up_to_30_seconds() {
        let mut now = monotonic();
        let mut keeper = ready_keeper(now);
        assert_eq!(keeper.handle(CRASH, now), Some(Action::Start));
        for delay in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(keeper.handle(CRASH, now), None);
            assert_eq!(keeper.deadline(), Some(now + Duration::from_secs(delay)));
            now += Duration::from_secs(delay);
            assert_eq!(keeper.handle(Event::TimeIsUp, now), Some(Action::Start));
        }
        assert_eq!(keeper.handle(Event::Ready, now), None);
        now += RAN_WELL;
        assert_eq!(keeper.handle(CRASH, now), Some(Action::Start), "it ran well meanwhile");
    }

    #[test]
    fn a_server_that_ends_without_being_asked_is_started_again() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        assert_eq!(keeper.handle(Event::Exited(Death::Code(0)), now), Some(Action::Start));
    }

    #[test]
    fn the_end_is_passed_on_and_the_exit_code_handed_through() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        let ending = Event::Terminate(Ending::Interrupt);
        assert_eq!(keeper.handle(ending, now), Some(Action::PassOn(Ending::Interrupt)));
        assert_eq!(keeper.handle(Event::Exited(Death::Code(0)), now), Some(Action::Exit(0)));
    }

    #[test]
    fn the_second_signal_kills() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        let ending = Event::Terminate(Ending::Terminate);
        assert_eq!(keeper.handle(ending, now), Some(Action::PassOn(Ending::Terminate)));
        assert_eq!(keeper.handle(ending, now), Some(Action::Kill));
        assert_eq!(keeper.handle(Event::Exited(Death::Signal(9)), now), Some(Action::Exit(137)));
    }

    #[test]
    fn a_terminal_that_is_closed_says_so_twice_and_kills_nobody() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        let first = keeper.handle(Event::TerminalClosed, now);
        assert_eq!(first, Some(Action::PassOn(Ending::Terminate)));
        assert_eq!(keeper.handle(Event::TerminalClosed, now), None);
        let ending = Event::Terminate(Ending::Terminate);
        assert_eq!(keeper.handle(ending, now), Some(Action::Kill), "that is somebody in a hurry");
    }

    #[test]
    fn a_server_that_does_not_end_is_killed() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        keeper.handle(Event::Terminate(Ending::Terminate), now);
        assert_eq!(keeper.deadline(), Some(now + END_PATIENCE));
        assert_eq!(keeper.handle(Event::TimeIsUp, now + END_PATIENCE), Some(Action::Kill));
    }

    #[test]
    fn renewing_ends_the_server_and_starts_another_at_once() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        assert_eq!(keeper.handle(Event::Renew, now), Some(Action::Check));
        assert_eq!(keeper.handle(FIT, now), Some(Action::PassOn(Ending::Terminate)));
        assert_eq!(keeper.handle(Event::Renew, now), None, "once is enough");
        assert_eq!(keeper.handle(Event::Exited(Death::Code(0)), now), Some(Action::Start));
        assert_eq!(keeper.handle(CRASH, now), Some(Action::Start), "renewing was no death");
    }

    #[test]
    fn a_server_goes_on_where_the_next_would_not_take_its_settings() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        assert_eq!(keeper.handle(Event::Renew, now), Some(Action::Check));
        assert_eq!(keeper.handle(UNFIT, now), None);
        assert_eq!((keeper.is_checking(), keeper.deadline()), (false, None));
        assert_eq!(keeper.handle(Event::Renew, now), Some(Action::Check), "mended by hand");
        assert_eq!(keeper.handle(FIT, now), Some(Action::PassOn(Ending::Terminate)));
    }

    #[test]
    fn settings_that_are_mended_while_they_are_looked_at_are_looked_at_again() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        keeper.handle(Event::Renew, now);
        assert_eq!(keeper.handle(Event::Renew, now), None);
        assert_eq!(keeper.handle(UNFIT, now), Some(Action::Check));
        assert_eq!(keeper.handle(UNFIT, now), None, "nobody asked a third time");
        keeper.handle(Event::Renew, now);
        keeper.handle(Event::Renew, now);
        assert_eq!(keeper.handle(FIT, now), Some(Action::Check), "they may be wrong by now");
        assert_eq!(keeper.handle(UNFIT, now), None);
    }

    #[test]
    fn a_time_that_is_up_together_with_what_was_waited_for_kills_nobody() {
        let late = monotonic() + CHECK_PATIENCE;
        let mut keeper = ready_keeper(late - CHECK_PATIENCE);
        keeper.handle(Event::Renew, late - CHECK_PATIENCE);
        assert_eq!(keeper.handle(FIT, late), Some(Action::PassOn(Ending::Terminate)));
        assert_eq!(keeper.handle(Event::TimeIsUp, late), None);
        let mut keeper = ready_keeper(late - CHECK_PATIENCE);
        keeper.handle(Event::Renew, late - CHECK_PATIENCE);
        let ending = Event::Terminate(Ending::Interrupt);
        assert_eq!(keeper.handle(ending, late), Some(Action::PassOn(Ending::Interrupt)));
        assert_eq!(keeper.handle(Event::TimeIsUp, late), None);
    }

    #[test]
    fn a_program_that_hangs_over_its_settings_is_let_be_and_the_server_goes_on() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        keeper.handle(Event::Renew, now);
        let late = now + CHECK_PATIENCE;
        assert_eq!(keeper.deadline(), Some(late));
        assert_eq!(keeper.handle(Event::TimeIsUp, late), Some(Action::StopChecking));
        assert_eq!(keeper.handle(UNFIT, late), None, "too late");
        assert_eq!(keeper.handle(FIT, late), None, "too late");
        assert_eq!(keeper.deadline(), None);
    }

    #[test]
    fn a_server_that_dies_or_is_ended_waits_for_no_look_at_the_settings() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        keeper.handle(Event::Renew, now);
        assert_eq!(keeper.handle(CRASH, now), Some(Action::Start));
        assert_eq!((keeper.is_checking(), keeper.handle(FIT, now)), (false, None));
        let mut keeper = ready_keeper(now);
        keeper.handle(Event::Renew, now);
        let ending = Event::Terminate(Ending::Terminate);
        assert_eq!(keeper.handle(ending, now), Some(Action::PassOn(Ending::Terminate)));
        assert_eq!((keeper.is_checking(), keeper.handle(FIT, now)), (false, None));
    }

    #[test]
    fn a_new_server_that_cannot_start_is_tried_again_and_again() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        keeper.handle(Event::Renew, now);
        keeper.handle(FIT, now);
        assert_eq!(keeper.handle(Event::Exited(Death::Code(0)), now), Some(Action::Start));
        let refusal = Event::Exited(Death::Code(2));
        assert_eq!(keeper.handle(refusal, now), Some(Action::Start));
        assert_eq!(keeper.handle(refusal, now), None);
        assert_eq!(keeper.handle(Event::Renew, now), Some(Action::Start), "mended by hand");
    }

    #[test]
    fn the_end_while_renewing_sends_no_second_signal() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        keeper.handle(Event::Renew, now);
        keeper.handle(FIT, now);
        assert_eq!(keeper.handle(Event::Terminate(Ending::Terminate), now), None);
        assert_eq!(keeper.handle(Event::Exited(Death::Code(0)), now), Some(Action::Exit(0)));
    }

    #[test]
    fn the_end_while_there_is_no_server_is_the_end() {
        let now = monotonic();
        let mut keeper = ready_keeper(now);
        keeper.handle(CRASH, now);
        keeper.handle(CRASH, now);
        let ending = Event::Terminate(Ending::Terminate);
        assert_eq!(keeper.handle(ending, now), Some(Action::Exit(0)));
    }
}
