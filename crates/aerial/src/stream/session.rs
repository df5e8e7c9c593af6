//! A session: one channel on the air.
//!
//! One task owns it; others hold a handle. The model (`aerial_model::session`)
//! decides who watches and when it ends; this keeps the transcoder told of what
//! will be wanted. Invariant: when the task ends, nothing of the session is left.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aerial_model::client::ClientId;
use aerial_model::demand::Want;
use aerial_model::ledger::Ledger;
use aerial_model::profile::Rendition;
use aerial_model::session::{Action, ClientView, Event, Session, State};
use aerial_model::time::{AirTime, Ticks};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::programme::{self, Programme};
use super::store::{SegmentKey, Store};
use super::timeline::{OnAir, TimelineError};
use super::track::Track;
use super::transcoder::{SessionId, Transcoder};
use crate::clock::{Clock, monotonic};

/// Demand moves on with the clock; a segment lasts four times this.
const DEMAND_EVERY: Duration = Duration::from_secs(1);

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
    /// Unbounded: each message comes from a request in flight, of which the
    /// server has a limit, and a lost `Answered` would keep a client for ever.
    messages: mpsc::UnboundedSender<Message>,
    view: watch::Receiver<SessionView>,
    /// The first sequence number that no playlist has listed.
    unpromised: Arc<AtomicU64>,
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
            && !matches!(self.view.borrow().state, State::Stopping | State::Ended)
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

impl Drop for Waiting {
    fn drop(&mut self) {
        self.session.tell(Message::Event(Event::Answered(self.client)));
    }
}

/// What a session works with.
#[derive(Clone)]
pub struct SessionParts {
    /// Time on the air.
    pub clock: Clock,
    /// Ledgers.
    pub programme: Programme,
    /// Workers.
    pub transcoder: Transcoder,
    /// Segments.
    pub store: Store,
    /// EXT-X-TARGETDURATION of its playlists.
    pub target_duration: Duration,
}

/// Begins a session; the future is its task.
pub fn begin(
    id: SessionId,
    channel: OnAir,
    parts: SessionParts,
    stop: CancellationToken,
) -> (SessionHandle, impl Future<Output = ()> + Send + 'static) {
    let origin = monotonic();
    let grace = Duration::from_millis(channel.grace.as_millis().max(0).cast_unsigned());
    let model = Session::new(grace, false, parts.target_duration, Duration::ZERO);
    let since = parts.clock.now();
    let (view_in, view) = watch::channel(SessionView {
        channel: channel.clone(),
        state: model.state().clone(),
        state_since: since,
        since,
        clients: Vec::new(),
        renditions: Vec::new(),
        tracks: Vec::new(),
        last_error: None,
    });
    let (messages, inbox) = mpsc::unbounded_channel();
    let owner = Owner {
        id,
        channel,
        parts,
        origin,
        since,
        state_since: since,
        model,
        urgent: BTreeSet::new(),
        tracks: Vec::new(),
        ahead: BTreeMap::new(),
        last_error: None,
        view: view_in,
    };
    (SessionHandle { id, messages, view, unpromised: Arc::default() }, owner.run(inbox, stop))
}

struct Owner {
    id: SessionId,
    channel: OnAir,
    parts: SessionParts,
    origin: Instant,
    since: AirTime,
    state_since: AirTime,
    model: Session,
    /// Segments that somebody waits for.
    urgent: BTreeSet<(Rendition, u64)>,
    tracks: Vec<(Rendition, Arc<Track>)>,
    ahead: BTreeMap<Rendition, Ticks>,
    last_error: Option<String>,
    view: watch::Sender<SessionView>,
}

impl Owner {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>, stop: CancellationToken) {
        tracing::info!(channel = %self.channel.number, name = self.channel.name, "on the air");
        let mut demand = tokio::time::interval(DEMAND_EVERY);
        demand.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while self.model.state() != &State::Ended {
            let wake = self.model.poll_timeout().map(|(then, _reason)| self.origin + then);
            let mut state_demand = false;
            let actions = tokio::select! {
                // A stop is heard before the next request.
                biased;
                () = stop.cancelled() => self.handle(Event::Stop),
                Some(message) = inbox.recv() => self.take(message, &mut inbox, &mut state_demand),
                () = sleep_until(wake) => self.handle(Event::Tick),
                _ = demand.tick() => { state_demand = true; Vec::new() }
            };
            for action in actions {
                match action {
                    Action::Want(_) => state_demand = true,
                    Action::Clear => {
                        inbox.close();
                        self.publish();
                        self.parts.transcoder.withdraw(self.id).await;
                        self.handle(Event::Cleared);
                    }
                }
            }
            if state_demand && !matches!(self.model.state(), State::Stopping | State::Ended) {
                self.state_demand().await;
            }
            self.publish();
        }
        tracing::info!(channel = %self.channel.number, name = self.channel.name, "off the air");
    }

    fn handle(&mut self, event: Event) -> Vec<Action> {
        let before = self.model.state().name();
        let actions = self.model.handle(event, self.origin.elapsed());
        if self.model.state().name() != before {
            self.state_since = self.parts.clock.now();
        }
        actions
    }

    /// Takes a message and all that came with it.
    fn take(
        &mut self,
        first: Message,
        inbox: &mut mpsc::UnboundedReceiver<Message>,
        state_demand: &mut bool,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Event(event) => actions.extend(self.handle(event)),
                Message::Urgent { rendition, sequence } => {
                    *state_demand |= self.urgent.insert((rendition, sequence));
                }
            }
            next = inbox.try_recv().ok();
        }
        actions
    }

    async fn state_demand(&mut self) {
        match self.demand().await {
            Ok((tracks, wants)) => {
                self.last_error = None;
                self.tracks.clone_from(&tracks);
                let tracks = tracks.into_iter().map(|(_, track)| track).collect();
                self.parts.transcoder.want(self.id, tracks, wants).await;
            }
            Err(error) => {
                if self.last_error.is_none() {
                    tracing::error!(channel = %self.channel.number, %error, "the channel cannot go on");
                }
                self.last_error = Some(error.to_string());
            }
        }
    }

    async fn demand(&mut self) -> Result<(Vec<(Rendition, Arc<Track>)>, Vec<Want>), TimelineError> {
        let now = self.parts.clock.now();
        let programme = &self.parts.programme;
        let ledger = programme.ledger(self.channel.id, now).await?;
        let (mut tracks, mut wants) = (Vec::new(), Vec::new());
        for rendition in self.model.wanted() {
            let (more_tracks, more_wants) = programme.demand(&ledger, *rendition, now).await?;
            let ahead = made_ahead(&ledger, &more_tracks, &self.parts.store, now);
            self.ahead.insert(*rendition, ahead);
            tracks.extend(more_tracks.into_iter().map(|track| (*rendition, track)));
            wants.extend(more_wants);
        }
        let mut served = Vec::new();
        for (rendition, sequence) in &self.urgent {
            let Some(segment) = programme::servable(&ledger, *sequence, now) else {
                served.push((*rendition, *sequence));
                continue;
            };
            let track = programme.track(&segment.row, *rendition).await?;
            if self.parts.store.has(SegmentKey { track: track.key, index: segment.index }) {
                served.push((*rendition, *sequence));
                continue;
            }
            wants.push(Want {
                track: track.key,
                first: segment.index,
                low: segment.index + 1,
                high: segment.index + 1,
                due: Duration::ZERO,
            });
            tracks.push((*rendition, track));
        }
        served.iter().for_each(|key| {
            self.urgent.remove(key);
        });
        Ok((tracks, wants))
    }

    fn publish(&self) {
        let elapsed = self.origin.elapsed();
        let now = self.parts.clock.now();
        let ago = |then: Duration| {
            AirTime::from_unix_millis(
                now.unix_millis() - elapsed.saturating_sub(then).as_millis() as i64,
            )
        };
        self.view.send_replace(SessionView {
            channel: self.channel.clone(),
            state: self.model.state().clone(),
            state_since: self.state_since,
            since: self.since,
            clients: self
                .model
                .clients()
                .map(|ClientView { id, since, last_seen, rendition }| {
                    (id, ago(since), ago(last_seen), rendition)
                })
                .collect(),
            renditions: self
                .model
                .wanted()
                .iter()
                .map(|rendition| {
                    (*rendition, self.ahead.get(rendition).copied().unwrap_or(Ticks::ZERO))
                })
                .collect(),
            tracks: self.tracks.clone(),
            last_error: self.last_error.clone(),
        });
    }
}

/// How far the wanted segments are made without a gap, from now on.
fn made_ahead(ledger: &Ledger, tracks: &[Arc<Track>], store: &Store, now: AirTime) -> Ticks {
    let Some(current) = ledger.segment_at_or_after(now) else { return Ticks::ZERO };
    let (mut tracks, mut row) = (tracks.iter(), None);
    let mut ahead = Ticks::ZERO;
    let mut track = None;
    for segment in ledger.segments_from(current.sequence) {
        if row.replace(segment.row.ordinal) != Some(segment.row.ordinal) {
            track = tracks.next();
        }
        let Some(track) = track else { break };
        if !store.has(SegmentKey { track: track.key, index: segment.index }) {
            break;
        }
        ahead = segment.end() - now;
    }
    ahead
}

async fn sleep_until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
