//! Sessions: one a channel, with just its clients, to the end of its grace.

use std::collections::BTreeMap;

use aerial_model::client::ClientId;
use aerial_model::session::{Event, Session, State};

use super::{Held, Invariant, hold};

/// Three target durations of 4 s: then a client counts as gone.
const SILENCE_MS: u64 = 12_000;

/// What a session should be, counted in the plainest way.
#[derive(Clone, Debug)]
pub(crate) struct Twin {
    grace_ms: u64,
    keep_running: bool,
    /// When each client was last heard of, and how many requests of it wait.
    clients: BTreeMap<ClientId, (u64, u32)>,
    /// When it ends if nobody comes.
    pub(crate) ends_at: Option<u64>,
    /// Somebody stopped it.
    pub(crate) stopped: bool,
}

impl Twin {
    /// A session that begins at `now_ms`, without anybody.
    pub(crate) fn new(grace_ms: u64, keep_running: bool, now_ms: u64) -> Self {
        let ends_at = (!keep_running).then(|| now_ms + grace_ms.max(SILENCE_MS));
        Self { grace_ms, keep_running, clients: BTreeMap::new(), ends_at, stopped: false }
    }

    /// What happened.
    pub(crate) fn hears(&mut self, event: &Event, now_ms: u64) {
        if self.has_ended(now_ms) {
            return;
        }
        match event {
            Event::Seen { client, .. } | Event::Asked { client, .. } => {
                self.clients.entry(*client).or_default().0 = now_ms;
            }
            // The simulator changes no settings of a session on the air, and lets the one
            // that is kept running stay in its time.
            Event::Settings { .. } | Event::ClockSet => {}
            Event::Waiting(client) => {
                let (seen, waiting) = self.clients.entry(*client).or_default();
                (*seen, *waiting) = (now_ms, *waiting + 1);
            }
            Event::Answered(client) => {
                if let Some((seen, waiting)) = self.clients.get_mut(client) {
                    (*seen, *waiting) = (now_ms, waiting.saturating_sub(1));
                }
            }
            Event::Left(client) => drop(self.clients.remove(client)),
            Event::Stop => self.stopped = true,
            Event::Delivered | Event::Cleared | Event::Tick => {}
        }
        self.clients.retain(|_, (seen, waiting)| *waiting > 0 || now_ms < *seen + SILENCE_MS);
        if !self.clients.is_empty() || self.keep_running {
            self.ends_at = None;
        } else {
            self.ends_at = self.ends_at.or(Some(now_ms + self.grace_ms));
        }
    }

    /// When its next client falls silent, or it ends.
    pub(crate) fn wakes_at(&self) -> Option<u64> {
        let silent = self.clients.values().filter(|(_, waiting)| *waiting == 0);
        silent.map(|(seen, _)| seen + SILENCE_MS).chain(self.ends_at).min()
    }

    pub(crate) fn has_clients(&self) -> bool {
        !self.clients.is_empty()
    }

    fn has_ended(&self, now_ms: u64) -> bool {
        self.stopped || self.ends_at.is_some_and(|end| now_ms >= end)
    }
}

/// No channel has two sessions.
pub(crate) fn one_session(mut channels: Vec<usize>) -> Held {
    channels.sort_unstable();
    let twice = channels.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
    hold(Invariant::OneSession, twice.is_none(), || format!("channel {twice:?} has two"))
}

/// The session's clients are those who were heard of.
pub(crate) fn clients_are_counted(session: &Session, twin: &Twin, now_ms: u64) -> Held {
    if twin.has_ended(now_ms) {
        return Ok(());
    }
    let counted: Vec<ClientId> = session.clients().map(|client| client.id).collect();
    let holds = counted.iter().eq(twin.clients.keys());
    hold(Invariant::ClientsAreCounted, holds, || {
        format!("at {now_ms} ms it counts {counted:?}, heard of were {:?}", twin.clients)
    })
}

/// It has ended if and only if its time is over.
pub(crate) fn grace_is_exact(session: &Session, twin: &Twin, now_ms: u64) -> Held {
    let ended = matches!(session.state(), State::Stopping | State::Ended);
    hold(Invariant::GraceIsExact, ended == twin.has_ended(now_ms), || {
        format!("at {now_ms} ms it is {:?}, and was to end at {:?}", session.state(), twin.ends_at)
    })
}
