//! The Stream Manager: owns the sessions.
//!
//! Starts, shares and stops them and registers clients; what the stream routes ask
//! is answered in `serving`. Invariant: at most one open session per channel, however
//! many start and stop it at once, and after `shut_down` none and nothing of any.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aerial_model::air_clock::Wall;
use aerial_model::client::ClientId;
use aerial_model::hls::window::{self};
use aerial_model::hls::{Edge, TARGET_DURATION_COPIED};
use aerial_model::id::{ChannelId, ChannelRef, MediaId};
use aerial_model::ledger::Ledger;
use aerial_model::profile::Rendition;
use aerial_model::session::Event;
use aerial_model::time::AirTime;
use bytes::Bytes;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::{Admission, TuneIn};
use super::as_run::AsRunNotes;
use super::history::{FaultSeen, Record, SessionId};
use super::preflight::Preflight;
use super::programme::Programme;
use super::replay::Replays;
use super::session::{
    self, MOST_CLIENTS, Message, SessionChange, SessionHandle, SessionParts, SessionView,
};
use super::slated::Slated;
use super::store::{Store, Usage};
use super::tally::Tally;
use super::timeline::{OnAir, TimelineError};
use super::transcoder::{Status, Transcoder};
use crate::clock::{Clock, WALL_DISTRUSTED};

mod serving;

use super::error::StreamError;
pub use serving::Playlist;

/// Segments on the channel's clock are kept for all who ask for them now.
const RESTAMPED_BYTES: u64 = 64 << 20;

/// A segment is asked for by everybody within a few seconds.
const RESTAMPED_IDLE: Duration = Duration::from_secs(15);

/// A viewer without an id is known again for three target durations.
const ANONYMOUS_IDLE: Duration = Duration::from_secs(3 * TARGET_DURATION_COPIED as u64);

/// How often the caches are looked through, and a step of the wall clock taken.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Changes that a slow listener may be behind before it misses some; it is then
/// told so.
const CHANGES_KEPT: usize = 256;

/// The Stream Manager; clones share it.
#[derive(Clone)]
pub struct Manager(Arc<Inner>);

struct Inner {
    parts: SessionParts,
    /// Never held across an await.
    sessions: Mutex<Sessions>,
    restamped: moka::sync::Cache<(ChannelId, Rendition, u64), Bytes>,
    /// Clients of playlists that were asked for without an id (`rules.md`, 20).
    anonymous: moka::sync::Cache<(ChannelId, IpAddr, String), ClientId>,
    preflight: OnceLock<Preflight>,
    replays: Replays,
    tasks: TaskTracker,
    stop: CancellationToken,
    /// The wall clock cannot be right, and that was said.
    wall_distrusted: AtomicBool,
}

#[derive(Default)]
struct Sessions {
    by_channel: HashMap<ChannelId, SessionHandle>,
    next: u64,
    /// None is begun any more.
    closed: bool,
}

impl Manager {
    /// A manager without any session.
    pub fn new(
        clock: Clock,
        programme: Programme,
        transcoder: Transcoder,
        store: Store,
        admission: Admission,
        slated: Slated,
    ) -> Self {
        let restamped = moka::sync::Cache::builder()
            .max_capacity(RESTAMPED_BYTES)
            .weigher(|_, bytes: &Bytes| bytes.len().try_into().unwrap_or(u32::MAX))
            .time_to_idle(RESTAMPED_IDLE)
            .build();
        let anonymous =
            moka::sync::Cache::builder().max_capacity(10_000).time_to_idle(ANONYMOUS_IDLE).build();
        let parts = SessionParts {
            clock,
            programme,
            transcoder,
            store,
            admission,
            slated,
            changes: broadcast::Sender::new(CHANGES_KEPT),
        };
        let stop = CancellationToken::new();
        Self(Arc::new(Inner {
            replays: Replays::new(parts.clone(), stop.clone()),
            parts,
            sessions: Mutex::default(),
            restamped,
            anonymous,
            preflight: OnceLock::new(),
            tasks: TaskTracker::new(),
            stop,
            wall_distrusted: AtomicBool::new(false),
        }))
    }

    /// Starts a channel, or returns the session that runs.
    pub async fn start(&self, channel: ChannelRef) -> Result<SessionView, StreamError> {
        let channel = self.channel(channel).await?;
        // That its timeline can be read is part of a start.
        self.ledger(channel.id).await?;
        Ok(self.session(&channel, None, TuneIn::Silent)?.view())
    }

    /// Stops a channel; returns when nothing of it is left, also where somebody
    /// else is stopping it already.
    pub async fn stop(&self, channel: ChannelRef) -> Result<(), StreamError> {
        let id = self.id(channel).await?;
        let session = self.sessions().by_channel.get(&id).cloned();
        let session = session.filter(|s| !s.has_ended()).ok_or(StreamError::NotOnAir(channel))?;
        session.stop();
        session.ended().await;
        Ok(())
    }

    /// The session of a channel, if it is on the air, or being stopped.
    pub fn get(&self, channel: ChannelId) -> Option<SessionView> {
        let sessions = self.sessions();
        let session = sessions.by_channel.get(&channel)?;
        (!session.has_ended()).then(|| session.view())
    }

    /// What ran for a channel's sessions, the newest first.
    pub fn history(&self, channel: ChannelId) -> Vec<Record> {
        self.0.parts.transcoder.history().of(channel)
    }

    /// Sessions and viewers as they come and go, from now on.
    pub fn changes(&self) -> broadcast::Receiver<SessionChange> {
        self.0.parts.changes.subscribe()
    }

    /// The sessions on the air, or that of this channel, by number.
    pub(super) fn handles(&self, only: Option<ChannelId>) -> Vec<SessionHandle> {
        let sessions = self.sessions();
        let wanted = |channel: &ChannelId| only.is_none_or(|only| only == *channel);
        let on_air = sessions.by_channel.iter().filter(|(of, one)| wanted(of) && !one.has_ended());
        let mut handles: Vec<SessionHandle> = on_air.map(|(_, one)| one.clone()).collect();
        handles.sort_by_cached_key(|session| session.view().channel.number);
        handles
    }

    /// The segments.
    pub(super) fn store(&self) -> &Store {
        &self.0.parts.store
    }

    /// What was slate.
    pub(super) fn slated(&self) -> &Slated {
        &self.0.parts.slated
    }

    /// All channels on the air.
    pub fn list(&self) -> Vec<SessionView> {
        let mut views: Vec<SessionView> = self
            .sessions()
            .by_channel
            .values()
            .filter(|session| !session.has_ended())
            .map(SessionHandle::view)
            .collect();
        views.sort_by_key(|view| view.channel.number);
        views
    }

    /// Registers a viewer and puts the channel on the air for it.
    pub async fn register_client(&self, channel: ChannelRef) -> Result<ClientId, StreamError> {
        let channel = self.channel(channel).await?;
        Ok(self.join(&channel, None).await?.0)
    }

    /// A viewer leaves now.
    pub async fn unregister_client(
        &self,
        channel: ChannelRef,
        client: ClientId,
    ) -> Result<(), StreamError> {
        let id = self.id(channel).await?;
        if let Some(session) = self.sessions().by_channel.get(&id) {
            session.tell(Message::Event(Event::Left(client)));
        }
        Ok(())
    }

    /// Owns a task of a viewer: it has ended when the manager is shut down.
    pub(super) fn own(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.tasks.spawn(task);
    }

    /// What is played again.
    pub fn replays(&self) -> &Replays {
        &self.0.replays
    }

    /// The clock of the channels.
    pub fn clock(&self) -> &Clock {
        &self.0.parts.clock
    }

    /// What the channels air.
    pub fn programme(&self) -> &Programme {
        &self.0.parts.programme
    }

    /// Files are looked at before they air: what is wrong with them can be told.
    pub fn with_preflight(&self, preflight: Preflight) {
        // The first one counts: there is one in a server.
        let _known = self.0.preflight.set(preflight);
    }

    /// What is wrong with a media that will air soon, as far as is known.
    pub fn warning(&self, media: MediaId) -> Option<String> {
        self.0.preflight.get()?.warning(media)
    }

    /// All workers and what went wrong with tracks.
    pub fn transcoding(&self) -> Arc<Status> {
        self.0.parts.transcoder.status()
    }

    /// The first segment of a channel that nobody was promised, also not by the
    /// server before this one. It asks nobody for anything: whoever asks holds up all
    /// that the schedule could be asked for.
    pub fn first_unpromised(&self, channel: ChannelId, edge: Option<Edge>) -> u64 {
        let listed = edge.map_or(0, window::unpromised);
        let sessions = self.sessions();
        let asked_for =
            sessions.by_channel.get(&channel).map_or(0, SessionHandle::first_unpromised);
        listed.max(asked_for)
    }

    /// What is taken of the machine's capacity.
    pub fn admission(&self) -> &Admission {
        &self.0.parts.admission
    }

    /// How full the segment store is.
    pub fn store_usage(&self) -> Usage {
        self.0.parts.store.usage()
    }

    /// What is counted of the stream part.
    pub fn tally(&self) -> &Tally {
        self.0.parts.store.tally()
    }

    /// What really airs, and what of it was slate.
    pub fn as_run(&self) -> &AsRunNotes {
        self.0.parts.slated.as_run()
    }

    /// Runs that fail, from now on.
    pub fn faults(&self) -> broadcast::Receiver<FaultSeen> {
        self.0.parts.transcoder.history().faults()
    }

    /// Looks after sessions and caches until the manager is shut down.
    pub async fn run(&self) {
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        let mut failing = HashSet::new();
        loop {
            tokio::select! {
                () = self.0.stop.cancelled() => return,
                _ = sweep.tick() => {
                    self.sweep();
                    self.keep_running(&mut failing).await;
                }
            }
        }
    }

    /// Starts what is kept running and is not on the air; says of each failure once.
    async fn keep_running(&self, failing: &mut HashSet<ChannelRef>) {
        for channel in self.0.parts.programme.timeline().kept() {
            match self.start(channel).await {
                Ok(_) => {
                    failing.remove(&channel);
                }
                Err(StreamError::ShuttingDown) => return,
                Err(error) if failing.insert(channel) => {
                    tracing::error!(%channel, %error, "a channel that is kept running cannot start");
                }
                Err(_) => {}
            }
        }
    }

    /// Ends every session; returns when nothing of any is left.
    pub async fn shut_down(&self) {
        self.as_run().server_stops();
        // Under the lock: no session is begun that the wait below would not see.
        self.sessions().closed = true;
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        self.0.replays.sweep();
    }

    fn sweep(&self) {
        let mut sessions = self.sessions();
        sessions.by_channel.retain(|_, session| !session.has_ended());
        // With the sessions held: none begins in a time that is not its channel's any more.
        let on_air = sessions.by_channel.keys().copied().collect();
        let found = self.clock().follow(&on_air);
        for (channel, session) in &sessions.by_channel {
            if self.clock().is_behind(*channel) {
                session.tell(Message::Event(Event::ClockSet));
            }
        }
        drop(sessions);
        self.told_of_wall(found);
        self.0.replays.sweep();
        self.0.restamped.run_pending_tasks();
        self.0.anonymous.run_pending_tasks();
        self.0.parts.store.sweep();
        self.0.parts.transcoder.history().sweep();
    }

    /// Says once what became of the wall clock.
    fn told_of_wall(&self, found: Wall) {
        let distrusted = matches!(found, Wall::Distrusted(_));
        let before = self.0.wall_distrusted.swap(distrusted, Ordering::Relaxed);
        match found {
            Wall::Stepped(step, held) => {
                let step_ms = step.as_millis();
                tracing::warn!(
                    step_ms,
                    held,
                    "the wall clock was set; channels that nobody watches follow"
                );
            }
            Wall::Distrusted(step) if !before => {
                tracing::error!(ahead_days = step.as_millis() / 86_400_000, "{WALL_DISTRUSTED}");
            }
            Wall::Same | Wall::Distrusted(_) => {}
        }
    }

    /// Whose session is meant. A channel that was deleted may still have one, and its id
    /// is all that is known of it then.
    async fn id(&self, channel: ChannelRef) -> Result<ChannelId, StreamError> {
        match channel {
            ChannelRef::Id(id) => Ok(id),
            ChannelRef::Number(_) => Ok(self.channel(channel).await?.id),
        }
    }

    async fn channel(&self, channel: ChannelRef) -> Result<OnAir, StreamError> {
        let found = self.0.parts.programme.timeline().channel(channel).await?;
        found.ok_or(StreamError::UnknownChannel(channel))
    }

    async fn ledger(&self, channel: ChannelId) -> Result<Arc<Ledger>, StreamError> {
        Ok(self.0.parts.programme.ledger(channel, self.now_on(channel)).await?)
    }

    fn now_on(&self, channel: ChannelId) -> AirTime {
        self.0.parts.clock.now_on(channel)
    }

    /// The channel's session, told of this; a new one if there is none. One lock,
    /// no await: a hundred starts at once find the same, and a new one hears of
    /// its first client before it could end for want of any.
    fn session(
        &self,
        channel: &OnAir,
        event: Option<Event>,
        tune_in: TuneIn,
    ) -> Result<SessionHandle, StreamError> {
        let mut sessions = self.sessions();
        if sessions.closed {
            return Err(StreamError::ShuttingDown);
        }
        if let Some(session) = sessions.by_channel.get(&channel.id)
            && session.is_open()
        {
            if let Some(Event::Seen { client, .. } | Event::Asked { client, .. }) = &event
                && !session.takes(client)
            {
                let channel = channel.number.to_string();
                return Err(StreamError::Crowded { channel, most: MOST_CLIENTS });
            }
            self.enter(session.id, true, channel, tune_in)?;
            event.into_iter().for_each(|event| session.tell(Message::Event(event)));
            return Ok(session.clone());
        }
        self.enter(SessionId(sessions.next + 1), false, channel, tune_in)?;
        sessions.next += 1;
        let stop = self.0.stop.child_token();
        let (session, task) =
            session::begin(SessionId(sessions.next), channel.clone(), self.0.parts.clone(), stop);
        event.into_iter().for_each(|event| session.tell(Message::Event(event)));
        self.0.tasks.spawn(task);
        sessions.by_channel.insert(channel.id, session.clone());
        Ok(session)
    }

    fn enter(
        &self,
        session: SessionId,
        open: bool,
        channel: &OnAir,
        tune_in: TuneIn,
    ) -> Result<(), StreamError> {
        let admission = &self.0.parts.admission;
        admission.enter(session, open, channel, tune_in).map_err(|full| {
            self.tally().refused();
            let what = format!("channel {} {}", channel.number, channel.name);
            StreamError::Full { what, full }
        })
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn nothing_planned(channel: &OnAir) -> StreamError {
    StreamError::Timeline(TimelineError::Channel {
        channel: channel.number.to_string(),
        reason: "nothing is committed for now".to_owned(),
    })
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("sessions", &self.sessions().by_channel.len()).finish()
    }
}
