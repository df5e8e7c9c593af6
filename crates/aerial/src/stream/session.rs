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
use aerial_model::hls::{Edge, window};
use aerial_model::id::{ChannelId, ChannelRef};
use aerial_model::ledger::Ledger;
use aerial_model::profile::Rendition;
use aerial_model::session::{Action, ClientView, Event, Session, State};
use aerial_model::time::{AirTime, Ticks};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::admission::{Admission, Seat};
use super::history::SessionId;
use super::programme::{self, Programme};
use super::slated::Slated;
use super::store::{SegmentKey, Store};
use super::timeline::{OnAir, TimelineError};
use super::track::Track;
use super::transcoder::{Demand, Transcoder};
use crate::clock::{Clock, monotonic};
use crate::db::AiredEnd;

/// Demand moves on with the clock; a segment lasts four times this.
const DEMAND_EVERY: Duration = Duration::from_secs(1);

/// How long the schedule may take to say what comes next; from memory it takes
/// microseconds, and a session that waits hears nobody but who stops it.
const PATIENCE: Duration = Duration::from_secs(10);

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
    /// Unbounded: each message comes from a request in flight, of which the
    /// server has a limit, and a lost `Answered` would keep a client for ever.
    messages: mpsc::UnboundedSender<Message>,
    view: watch::Receiver<SessionView>,
    /// The first sequence number that no playlist has listed.
    unpromised: Arc<AtomicU64>,
    stop: CancellationToken,
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
    /// How much may be encoded at once.
    pub admission: Admission,
    /// What was slate.
    pub slated: Slated,
    /// Who wants to know of changes.
    pub changes: broadcast::Sender<SessionChange>,
}

/// Something of a session changed that people may look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// Its state, as [`State::name`] has it.
    State(ChannelId, &'static str),
    /// How many watch.
    Clients(ChannelId, usize),
}

/// Begins a session; the future is its task, which ends when `stop` is cancelled.
pub fn begin(
    id: SessionId,
    channel: OnAir,
    parts: SessionParts,
    stop: CancellationToken,
) -> (SessionHandle, impl Future<Output = ()> + Send + 'static) {
    let origin = monotonic();
    parts.transcoder.history().begin(id, (channel.id, channel.number));
    let grace = grace_of(&channel);
    let target = Duration::from_secs(channel.target_duration().into());
    let model = Session::new(grace, channel.keep_running, target, Duration::ZERO);
    let since = parts.clock.now_on(channel.id);
    let (view_in, view) = watch::channel(SessionView {
        channel: channel.clone(),
        state: model.state().clone(),
        state_since: since,
        since,
        clients: Vec::new(),
        asked: Vec::new(),
        renditions: Vec::new(),
        tracks: Vec::new(),
        last_error: None,
    });
    let (messages, inbox) = mpsc::unbounded_channel();
    let owner = Owner {
        id,
        demand: Some(parts.transcoder.demand(id)),
        seat: parts.admission.seat(id, &channel),
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
        told: (None, 0),
        settings: None,
        due: Vec::new(),
    };
    let unpromised = Arc::default();
    let handle = SessionHandle { id, messages, view, unpromised, stop: stop.clone() };
    let span = tracing::error_span!("session", session = id.0, channel = %owner.channel.number);
    (handle, owner.run(inbox, stop).instrument(span))
}

fn grace_of(channel: &OnAir) -> Duration {
    Duration::from_millis(channel.grace.as_millis().max(0).cast_unsigned())
}

struct Owner {
    id: SessionId,
    /// Gone once it is withdrawn.
    demand: Option<Demand>,
    seat: Seat,
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
    /// The state and the number of clients that were told last.
    told: (Option<&'static str>, usize),
    /// The settings that the model knows.
    settings: Option<(Duration, Option<Rendition>)>,
    /// Actions that are still to be done.
    due: Vec<Action>,
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
            for action in std::mem::take(&mut self.due).into_iter().chain(actions) {
                match action {
                    Action::Want(_) => state_demand = true,
                    Action::Clear => {
                        inbox.close();
                        self.publish();
                        if let Some(demand) = self.demand.take() {
                            demand.withdraw().await;
                        }
                        self.seat.release();
                        self.handle(Event::Cleared);
                    }
                }
            }
            if state_demand && !matches!(self.model.state(), State::Stopping | State::Ended) {
                // The schedule may have to ask the catalogue.
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    stated = timeout(PATIENCE, self.state_demand()) => if stated.is_err() {
                        self.in_trouble("the schedule does not answer");
                    }
                }
            }
            self.publish();
        }
        self.parts.transcoder.history().end(self.id);
        let end = if stop.is_cancelled() { AiredEnd::Stopped } else { AiredEnd::Left };
        let now = self.parts.clock.now_on(self.channel.id);
        self.parts.slated.as_run().off_air(self.channel.id, now, end);
        tracing::info!(channel = %self.channel.number, name = self.channel.name, "off the air");
    }

    fn handle(&mut self, event: Event) -> Vec<Action> {
        let before = self.model.state().name();
        let actions = self.model.handle(event, self.origin.elapsed());
        if self.model.state().name() != before {
            self.state_since = self.parts.clock.now_on(self.channel.id);
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

    /// Takes up settings that were changed while it is on the air.
    async fn take_settings(&mut self) {
        let timeline = self.parts.programme.timeline();
        // One that was deleted is stopped by whoever deleted it.
        let Ok(Some(channel)) = timeline.channel(ChannelRef::Id(self.channel.id)).await else {
            return;
        };
        let kept = channel.keep_running.then(|| self.parts.programme.ladder(&channel).one());
        let settings = (grace_of(&channel), kept);
        self.channel = channel;
        if self.settings.replace(settings) != Some(settings) {
            let (grace, kept) = settings;
            // What follows is done at the next turn: at most a second later.
            self.due
                .extend(self.model.handle(Event::Settings { grace, kept }, self.origin.elapsed()));
        }
    }

    async fn state_demand(&mut self) {
        self.take_settings().await;
        match self.look_ahead().await {
            Ok((tracks, wants)) => {
                self.last_error = None;
                self.tracks.clone_from(&tracks);
                let tracks = tracks.into_iter().map(|(_, track)| track).collect();
                if let Some(demand) = &self.demand {
                    demand.state(tracks, wants).await;
                }
            }
            Err(error) => self.in_trouble(&error.to_string()),
        }
    }

    /// What was wanted stays wanted; said once.
    fn in_trouble(&mut self, error: &str) {
        if self.last_error.is_none() {
            tracing::error!(channel = %self.channel.number, error, "the channel cannot go on");
        }
        self.last_error = Some(error.to_owned());
    }

    /// What will be needed of which tracks.
    async fn look_ahead(
        &mut self,
    ) -> Result<(Vec<(Rendition, Arc<Track>)>, Vec<Want>), TimelineError> {
        let now = self.parts.clock.now_on(self.channel.id);
        let programme = &self.parts.programme;
        let ledger = programme.ledger(self.channel.id, now).await?;
        let clients = self.model.clients().len();
        self.parts.slated.as_run().on_air(self.channel.id, &ledger, now, clients);
        let (mut all_tracks, mut all_wants) = (Vec::new(), Vec::new());
        let mut encodes = Vec::new();
        let Some(edge) = Edge::at(&ledger, self.channel.target_duration(), now) else {
            return Ok((all_tracks, all_wants));
        };
        self.urgent.retain(|(_, sequence)| window::servable(&ledger, *sequence, now).is_some());
        let asked = self.urgent.iter().map(|(rendition, _)| *rendition);
        let renditions: BTreeSet<Rendition> =
            self.model.wanted().iter().copied().chain(asked).collect();
        let store = &self.parts.store;
        let made = |key| store.has(key);
        self.ahead.retain(|rendition, _| renditions.contains(rendition));
        for rendition in renditions {
            let mut starts = match self.model.wanted().contains(&rendition) {
                true => self.model.starts(rendition, edge),
                false => BTreeSet::new(),
            };
            let urgent =
                |(of, sequence): &(Rendition, u64)| (*of == rendition).then_some(*sequence);
            let earliest = self.urgent.iter().filter_map(urgent).chain(starts.first().copied());
            let from = [earliest.min().unwrap_or(edge.current), edge.current];
            let tracks = programme.tracks((self.channel.id, &ledger), rendition, from, now).await?;
            // Whoever waited for these has them.
            self.urgent.retain(|(of, sequence)| {
                *of != rendition || !tracks.key(&ledger, *sequence).is_some_and(made)
            });
            starts.extend(self.urgent.iter().filter_map(urgent));
            self.tend((&ledger, edge), rendition, from, now).await?;
            all_wants.extend(programme::wants(&ledger, &tracks, &starts, now, made));
            self.ahead.insert(rendition, programme::made_ahead(&ledger, &tracks, now, made));
            encodes.push((rendition, programme::encode(&ledger, &tracks, now, made)));
            all_tracks.extend(tracks.iter().map(|track| (rendition, Arc::clone(track))));
        }
        self.seat.state(encodes);
        Ok((all_tracks, all_wants))
    }

    /// Looks after all that playlists list, or are about to: it stays in the store,
    /// and stays slate where it was.
    async fn tend(
        &self,
        (ledger, edge): (&Ledger, Edge),
        rendition: Rendition,
        from: [u64; 2],
        now: AirTime,
    ) -> Result<(), TimelineError> {
        let (channel, slated) = (self.channel.id, &self.parts.slated);
        let span = from[0].min(edge.back);
        let tracks =
            self.parts.programme.tracks((channel, ledger), rendition, [span, from[1]], now);
        let tracks = tracks.await?;
        for (segment, track) in programme::listed(ledger, &tracks, span, now) {
            let due = self.parts.clock.until(channel, segment.start);
            slated.drop_earlier(channel, &segment, track, due);
            let key = SegmentKey { track: track.key, index: segment.index };
            self.parts.store.listed([key]);
        }
        let status = self.parts.transcoder.status();
        let why = |track: &Track| status.trouble(track.key);
        slated.tend((channel, ledger), &tracks, (span, now), why).await;
        Ok(())
    }

    fn publish(&mut self) {
        self.tell_changes();
        let elapsed = self.origin.elapsed();
        let now = self.parts.clock.now_on(self.channel.id);
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
                .map(|ClientView { id, since, last_seen, rendition, .. }| {
                    (id, ago(since), ago(last_seen), rendition)
                })
                .collect(),
            asked: self
                .model
                .clients()
                .filter_map(|client| Some((client.id, client.rendition?, client.asked?)))
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

impl Owner {
    /// Tells what is otherwise than when it was told last. An error says that
    /// nobody listens, which is no fault.
    fn tell_changes(&mut self) {
        let (state, clients) = (self.model.state().name(), self.model.clients().len());
        let (channel, changes) = (self.channel.id, &self.parts.changes);
        if self.told.0 != Some(state) {
            let _nobody = changes.send(SessionChange::State(channel, state));
        }
        if self.told.1 != clients {
            let _nobody = changes.send(SessionChange::Clients(channel, clients));
        }
        self.told = (Some(state), clients);
    }
}

async fn sleep_until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
