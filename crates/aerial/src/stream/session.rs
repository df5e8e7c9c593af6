//! A session: one channel on the air.
//!
//! One task owns it; others hold a `handle`. The model (`aerial_model::session`)
//! decides who watches and when it ends; this keeps the transcoder told of what
//! will be wanted. Invariant: when the task ends, nothing of the session is left.

mod handle;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::Want;
use aerial_model::hls::{Edge, window};
use aerial_model::id::ChannelRef;
use aerial_model::ledger::Ledger;
use aerial_model::profile::Rendition;
use aerial_model::session::{Action, ClientView, Event, Session, State};
use aerial_model::time::{AirTime, Ticks};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub use self::handle::{MOST_CLIENTS, Message, SessionChange, SessionHandle, SessionView, Waiting};
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

/// So many messages are taken before anything else has its turn.
const TAKEN_AT_ONCE: usize = 256;

/// How long the schedule may take to say what comes next; from memory it takes
/// microseconds, and a session that waits hears nobody but who stops it.
const PATIENCE: Duration = Duration::from_secs(10);

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
                    stated = timeout(PATIENCE, self.state_demand(&stop)) => if stated.is_err() {
                        self.in_trouble("the schedule does not answer");
                    }
                }
            }
            self.publish();
        }
        self.parts.transcoder.history().end(self.id);
        let end = if stop.is_cancelled() { AiredEnd::Stopped } else { AiredEnd::Left };
        let now = self.parts.clock.now_on(self.channel.id);
        self.parts.slated.as_run().off_air((self.channel.id, self.id), now, end);
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

    /// Takes a message and those that came with it, as far as its viewers can wait for that.
    fn take(
        &mut self,
        first: Message,
        inbox: &mut mpsc::UnboundedReceiver<Message>,
        state_demand: &mut bool,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let others = std::iter::from_fn(|| inbox.try_recv().ok());
        for message in std::iter::once(first).chain(others).take(TAKEN_AT_ONCE) {
            match message {
                Message::Event(event) => actions.extend(self.handle(event)),
                Message::Urgent { rendition, sequence } => {
                    *state_demand |= self.urgent.insert((rendition, sequence));
                }
            }
        }
        actions
    }

    /// Takes up settings that were changed while it is on the air.
    async fn take_settings(&mut self, stop: &CancellationToken) {
        let timeline = self.parts.programme.timeline();
        let channel = match timeline.channel(ChannelRef::Id(self.channel.id)).await {
            Ok(Some(channel)) => channel,
            // It was deleted. Whoever did that stops its session, but not one that began
            // just after, for somebody who had looked the channel up before.
            Ok(None) => return stop.cancel(),
            Err(_) => return,
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

    async fn state_demand(&mut self, stop: &CancellationToken) {
        self.take_settings(stop).await;
        if stop.is_cancelled() {
            return;
        }
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
        let notes = self.parts.slated.as_run();
        notes.on_air((self.channel.id, self.id), &ledger, now, clients);
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
        slated.tend((channel, ledger), &tracks, (span, edge.last), why).await;
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
