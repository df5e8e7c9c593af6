//! What others see of a session, and how they tell it things.
//!
//! Owns the handle of a session's task, and the signs of life of its clients. Decides
//! nothing. Invariant: whoever waits counts as there until its guard is dropped,
//! however the request ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aerial_model::client::ClientId;
use aerial_model::id::ChannelId;
use aerial_model::profile::Rendition;
use aerial_model::session::{Event, State};
use aerial_model::time::{AirTime, Ticks};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::stream::history::SessionId;
use crate::stream::timeline::OnAir;
use crate::stream::track::Track;

/// How many may watch one channel: each message of one costs a look at all.
pub const MOST_CLIENTS: usize = 2_000;

/// What others know of a session.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// The channel.
    pub channel: OnAir,
    /// Where it stands.
    pub state: State,
    /// Since when it stands there.
    pub state_since: AirTime,
    /// Since when it is on the air.
    pub since: AirTime,
    /// Who watches: since when, and last seen, by the channel's clock.
    pub clients: Vec<(ClientId, AirTime, AirTime, Option<Rendition>)>,
    /// Which segment who asked for last, of which rendition.
    pub asked: Vec<(ClientId, Rendition, u64)>,
    /// What is watched, and how far it is made ahead of now.
    pub renditions: Vec<(Rendition, Ticks)>,
    /// Tracks it wants now, with the rendition they are for.
    pub tracks: Vec<(Rendition, Arc<Track>)>,
    /// The last trouble with its timeline.
    pub last_error: Option<String>,
}

/// What a session is told.
#[derive(Debug)]
pub enum Message {
    /// Something that the model handles.
    Event(Event),
    /// Somebody waits for this segment, which may lie outside what is wanted.
    Urgent {
        /// In which rendition.
        rendition: Rendition,
        /// Which.
        sequence: u64,
    },
}

/// Reaches a session's task; clones reach the same.
#[derive(Clone, Debug)]
pub struct SessionHandle {
    /// Its name in the transcoder.
    pub id: SessionId,
    /// Unbounded: a lost `Answered` would keep a client for ever. Each message is of a
    /// request, and taken much faster than requests come, since clients are limited.
    pub(super) messages: mpsc::UnboundedSender<Message>,
    pub(super) view: watch::Receiver<SessionView>,
    /// The first sequence number that no playlist has listed.
    pub(super) unpromised: Arc<AtomicU64>,
    pub(super) stop: CancellationToken,
}

impl SessionHandle {
    /// Tells the session; nothing happens if it has ended.
    pub fn tell(&self, message: Message) {
        let _ = self.messages.send(message);
    }

    /// What is known of it now.
    pub fn view(&self) -> SessionView {
        self.view.borrow().clone()
    }

    /// Whether it can have this client: one that it has, or one more.
    pub fn takes(&self, client: &ClientId) -> bool {
        let clients = &self.view.borrow().clients;
        clients.len() < MOST_CLIENTS || clients.iter().any(|(known, ..)| known == client)
    }

    /// Takes note that all segments before `end` were promised to somebody.
    pub fn promised(&self, end: u64) {
        self.unpromised.fetch_max(end, Ordering::Relaxed);
    }

    /// The first segment that nobody was promised.
    pub fn first_unpromised(&self) -> u64 {
        self.unpromised.load(Ordering::Relaxed)
    }

    /// Whether it can still take clients.
    pub fn is_open(&self) -> bool {
        !self.messages.is_closed()
            && !self.was_stopped()
            && !matches!(self.view.borrow().state, State::Stopping | State::Ended)
    }

    /// Whether all of it is gone.
    pub fn has_ended(&self) -> bool {
        // Its task may have panicked: then nobody publishes any more.
        self.view.borrow().state == State::Ended || self.view.has_changed().is_err()
    }

    /// Tells it to end.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Whether it was told to end; else it ended for want of clients.
    pub fn was_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Waits until it has ended and nothing of it is left.
    pub async fn ended(&self) {
        let mut view = self.view.clone();
        // An error means that its task is gone, which is as good.
        let _ = view.wait_for(|view| view.state == State::Ended).await;
    }

    /// Marks a client as waiting until the guard is dropped.
    pub fn waiting(&self, client: ClientId) -> Waiting {
        self.tell(Message::Event(Event::Waiting(client)));
        Waiting { session: self.clone(), client }
    }
}

/// A request of a client that waits, or a connection that is open: a sign of
/// life for as long as it exists.
#[derive(Debug)]
pub struct Waiting {
    session: SessionHandle,
    client: ClientId,
}

impl Waiting {
    /// Whose client it is.
    pub fn session(&self) -> &SessionHandle {
        &self.session
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.session.tell(Message::Event(Event::Answered(self.client)));
    }
}

/// Something of a session changed that people may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// Its state, as [`State::name`] has it.
    State(ChannelId, &'static str),
    /// How many watch.
    Clients(ChannelId, usize),
}
