//! The Stream Manager: owns the sessions.
//!
//! Starts, shares and stops them, registers clients, and answers what the
//! stream routes ask. Invariant: at most one open session per channel, however
//! many start and stop it at once, and after `shut_down` none and nothing of any.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use aerial_model::air_clock::Wall;
use aerial_model::capacity::{Encode, Full};
use aerial_model::client::ClientId;
use aerial_model::hls::{self, TARGET_DURATION_COPIED, Variant};
use aerial_model::id::{ChannelId, ChannelRef, MediaId};
use aerial_model::ladder::Ladder;
use aerial_model::ledger::Ledger;
use aerial_model::profile::Rendition;
use aerial_model::session::Event;
use aerial_model::time::AirTime;
use bytes::Bytes;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::{Admission, TuneIn};
use super::body::{self, SegmentBody};
use super::history::Record;
use super::preflight::Preflight;
use super::programme::{self, Programme, SERVED_FOR};
use super::session::{
    self, Message, SessionChange, SessionHandle, SessionParts, SessionView, Waiting,
};
use super::slated::Slated;
use super::store::{Found, SegmentKey, Store, Usage};
use super::timeline::{OnAir, TimelineError};
use super::transcoder::{SessionId, Status, Transcoder};
use crate::clock::{Clock, WALL_DISTRUSTED, monotonic};

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

/// Why a stream cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StreamError {
    /// There is no such channel.
    #[error("there is no channel {0}")]
    UnknownChannel(ChannelRef),
    /// The channel has no such rendition.
    #[error("channel {channel} has no rendition {rendition}; it has {available}")]
    UnknownRendition {
        /// Which channel.
        channel: String,
        /// What was asked for.
        rendition: Rendition,
        /// What there is.
        available: String,
    },
    /// The viewer watches a stream of the channel that is over.
    #[error("channel {0} began a new stream; tune in again")]
    NewStream(String),
    /// The segment left the window, or was never promised.
    #[error("segment {sequence} of channel {channel} is not on the air: {why}")]
    NoSegment {
        /// Which channel.
        channel: String,
        /// Which segment.
        sequence: u64,
        /// In words.
        why: &'static str,
    },
    /// The channel is not on the air.
    #[error("channel {0} is not on the air: nobody watches it")]
    NotOnAir(ChannelRef),
    /// The channel was stopped in the meantime.
    #[error("channel {0} was stopped; tune in again")]
    Stopped(String),
    /// One more cannot be encoded.
    #[error(
        "channel {channel} cannot be tuned in to now: {} at once is what this machine can encode, \
         and that many are on the air ({}). Watch one of these, wait until one is left, or allow \
         more with stream.encodes (AERIAL_STREAM_ENCODES), where the machine can carry more",
        full.running.len(),
        full.running.join(", ")
    )]
    Full {
        /// Which channel.
        channel: String,
        /// What is encoded instead.
        full: Full,
    },
    /// The schedule failed.
    #[error(transparent)]
    Timeline(#[from] TimelineError),
    /// The server is going down.
    #[error("the server is shutting down; try again in a few seconds")]
    ShuttingDown,
}

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

/// A playlist and whom it was made for.
#[derive(Clone, Debug)]
pub struct Playlist {
    /// Its text.
    pub text: String,
    /// The client, perhaps a new one.
    pub client: ClientId,
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
        Self(Arc::new(Inner {
            parts: SessionParts {
                clock,
                programme,
                transcoder,
                store,
                admission,
                slated,
                changes: broadcast::Sender::new(CHANGES_KEPT),
            },
            sessions: Mutex::default(),
            restamped,
            anonymous,
            preflight: OnceLock::new(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            wall_distrusted: AtomicBool::new(false),
        }))
    }

    /// Starts a channel, or returns the session that runs.
    pub async fn start(&self, channel: ChannelRef) -> Result<SessionView, StreamError> {
        let channel = self.channel(channel).await?;
        // That its timeline can be read is part of a start.
        self.ledger(channel.id).await?;
        Ok(self.session(&channel, [], TuneIn::Silent)?.view())
    }

    /// Stops a channel; returns when nothing of it is left, also where somebody
    /// else is stopping it already.
    pub async fn stop(&self, channel: ChannelRef) -> Result<(), StreamError> {
        let id = self.channel(channel).await?.id;
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
        let id = self.channel(channel).await?.id;
        if let Some(session) = self.sessions().by_channel.get(&id) {
            session.tell(Message::Event(Event::Left(client)));
        }
        Ok(())
    }

    /// The entry point for a new viewer: a master playlist. `base` leads from
    /// its address to `/stream/{channel}/`; `rendition` is what it will be
    /// offered alone.
    pub async fn master(
        &self,
        channel: ChannelRef,
        rendition: Option<Rendition>,
        base: impl Fn(ChannelId) -> String,
    ) -> Result<Playlist, StreamError> {
        let channel = self.channel(channel).await?;
        let ladder = self.0.parts.programme.ladder(&channel);
        let rendition = offered(&channel, &ladder, rendition)?.unwrap_or_else(|| ladder.one());
        // Its worker starts before the next request comes.
        let (client, _) = self.join(&channel, Some(rendition)).await?;
        let variants = self.variants(&channel, &[rendition]).await?;
        let text = hls::master_playlist(&base(channel.id), &client, &variants);
        Ok(Playlist { text, client })
    }

    /// The same with all renditions that the machine carries together, for players
    /// that switch between them.
    pub async fn ladder(
        &self,
        channel: ChannelRef,
        base: impl Fn(ChannelId) -> String,
    ) -> Result<Playlist, StreamError> {
        let channel = self.channel(channel).await?;
        let listed = self.0.parts.programme.ladder(&channel).listed(|_| None);
        // Which of them the player takes is its to say.
        let only = (listed.len() == 1).then(|| listed[0]);
        let (client, _) = self.join(&channel, only).await?;
        let variants = self.variants(&channel, &listed).await?;
        let text = hls::master_playlist(&base(channel.id), &client, &variants);
        Ok(Playlist { text, client })
    }

    /// These renditions as a master playlist describes them, by what is on the air.
    async fn variants(
        &self,
        channel: &OnAir,
        renditions: &[Rendition],
    ) -> Result<Vec<Variant>, StreamError> {
        let ledger = self.ledger(channel.id).await?;
        let airing =
            ledger.airing_at(self.now_on(channel.id)).ok_or_else(|| nothing_planned(channel))?;
        let mut variants = Vec::with_capacity(renditions.len());
        for rendition in renditions {
            let track = self.0.parts.programme.track(channel.id, airing, *rendition).await?;
            variants.push(track.variant(*rendition));
        }
        Ok(variants)
    }

    /// A live media playlist. Without an id, the viewer is known by its address
    /// and program for a while.
    pub async fn playlist(
        &self,
        channel: ChannelRef,
        rendition: Rendition,
        client: Option<ClientId>,
        viewer: (IpAddr, String),
    ) -> Result<Playlist, StreamError> {
        let channel = self.channel(channel).await?;
        self.check_offered(&channel, rendition)?;
        if let (Some(client), Some(since)) = (client, channel.stream_since)
            && client.joined_at() < since
        {
            return Err(StreamError::NewStream(channel.number.to_string()));
        }
        let ledger = self.ledger(channel.id).await?;
        let now = self.now_on(channel.id);
        let edge = programme::edge(&ledger, now).ok_or_else(|| nothing_planned(&channel))?;
        let encode = self.encode(channel.id, &ledger, rendition).await;
        let tune_in = match client {
            None => TuneIn::New(rendition, encode),
            Some(_) => TuneIn::Known(rendition, encode),
        };
        let client = client.unwrap_or_else(|| {
            self.0
                .anonymous
                .get_with((channel.id, viewer.0, viewer.1), || new_client(edge.current, now))
        });
        let seen = Event::Seen { client, rendition: Some(rendition) };
        let session = self.session(&channel, [seen], tune_in)?;
        let target = hls::target_duration(channel.video);
        let window = hls::window(&client, edge, target, now);
        session.promised(window.end);
        let entries = programme::entries(&ledger, window);
        if let Some(last) = entries.last() {
            self.clock().promised(channel.id, last.start + last.length);
        }
        let text = hls::media_playlist(target, rendition, &client, &entries);
        Ok(Playlist { text, client })
    }

    /// One segment, as soon as its first bytes are made. The guard is the
    /// viewer's sign of life while the bytes are sent.
    pub async fn segment(
        &self,
        channel: ChannelRef,
        rendition: Rendition,
        sequence: u64,
        client: Option<ClientId>,
    ) -> Result<(SegmentBody, Option<Waiting>), StreamError> {
        let channel = self.channel(channel).await?;
        self.check_offered(&channel, rendition)?;
        let ledger = self.ledger(channel.id).await?;
        let encode = self.encode(channel.id, &ledger, rendition).await;
        loop {
            let asked = client.map(|client| Event::Asked { client, rendition, sequence });
            let session = self.session(&channel, asked, TuneIn::Promised(rendition, encode))?;
            let waiting = client.map(|client| session.waiting(client));
            match self.segment_of(&session, &channel, rendition, sequence).await {
                // It ended as this came in, for want of clients: the next one.
                Err(StreamError::Stopped(_)) if !session.was_stopped() => {}
                body => return body.map(|body| (body, waiting)),
            }
        }
    }

    /// A segment from one session and none after it.
    pub(super) async fn segment_of(
        &self,
        session: &SessionHandle,
        channel: &OnAir,
        rendition: Rendition,
        sequence: u64,
    ) -> Result<SegmentBody, StreamError> {
        let cached = (channel.id, rendition, sequence);
        if let Some(bytes) = self.0.restamped.get(&cached) {
            session.tell(Message::Event(Event::Delivered));
            return Ok(SegmentBody::Whole(bytes));
        }
        let ledger = self.ledger(channel.id).await?;
        let segment = programme::servable(&ledger, sequence, self.now_on(channel.id))
            .ok_or_else(|| no_segment(channel, &ledger, sequence, self.now_on(channel.id)))?;
        session.promised(sequence + 1);
        self.clock().promised(channel.id, segment.end());
        let airing = ledger
            .airing_of(sequence)
            .ok_or_else(|| no_segment(channel, &ledger, sequence, self.now_on(channel.id)))?;
        let programme = &self.0.parts.programme;
        let mut devices = programme.devices().changes();
        // It is held until it can be sent (`rules.md`, 21): as long as anybody
        // may ask for it.
        let patience = monotonic() + self.clock().until(channel.id, segment.end() + SERVED_FOR);
        let (track, found) = loop {
            // Where a device fails, another track takes its place.
            devices.mark_unchanged();
            let track = programme.track(channel.id, airing, rendition).await?;
            let key = SegmentKey { track: track.key, index: segment.index };
            let slated = &self.0.parts.slated;
            if let Some(slate) = slated.instead(channel.id, &segment, &track).await {
                break (track, Found::Finished(slate));
            }
            let due = self.clock().until(channel.id, segment.start);
            slated.drop_earlier(channel.id, &segment, &track, due);
            if !self.0.parts.store.has(key) {
                session.tell(Message::Urgent { rendition, sequence });
            }
            tokio::select! {
                found = self.0.parts.store.wait(key) => break (track, found),
                Ok(()) = devices.changed() => {}
                () = session.ended() => {
                    return Err(StreamError::Stopped(channel.number.to_string()));
                }
                () = tokio::time::sleep_until(patience) => {
                    return Err(no_segment(channel, &ledger, sequence, self.now_on(channel.id)));
                }
            }
        };
        let why = self.transcoding().trouble(track.key);
        self.0.parts.slated.note(channel.id, &segment, &track, &why).await;
        session.tell(Message::Event(Event::Delivered));
        let whole = matches!(found, Found::Finished(_));
        let body = SegmentBody::of(found, body::offset(&segment));
        if let SegmentBody::Whole(bytes) = &body
            && whole
        {
            self.0.restamped.insert(cached, bytes.clone());
        }
        Ok(body)
    }

    /// Joins a viewer of the unending MPEG-TS: its id, its first segment, and
    /// the guard that keeps it counted.
    pub async fn join_transport(
        &self,
        channel: ChannelRef,
        rendition: Option<Rendition>,
    ) -> Result<(OnAir, Rendition, ClientId, Waiting), StreamError> {
        let channel = self.channel(channel).await?;
        let ladder = self.0.parts.programme.ladder(&channel);
        let asked = offered(&channel, &ladder, rendition)?;
        let rendition = asked.unwrap_or_else(|| ladder.one_unending());
        let (client, session) = self.join(&channel, Some(rendition)).await?;
        Ok((channel, rendition, client, session.waiting(client)))
    }

    /// When a segment begins; `None` if it is not committed.
    pub async fn segment_start(
        &self,
        channel: ChannelId,
        sequence: u64,
    ) -> Result<Option<AirTime>, StreamError> {
        Ok(self.ledger(channel).await?.segment(sequence).map(|segment| segment.start))
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
    /// server before this one.
    pub async fn first_unpromised(&self, channel: ChannelId) -> Result<u64, StreamError> {
        let ledger = self.ledger(channel).await?;
        let listed = programme::edge(&ledger, self.now_on(channel)).map_or(0, hls::unpromised);
        let sessions = self.sessions();
        let asked_for =
            sessions.by_channel.get(&channel).map_or(0, SessionHandle::first_unpromised);
        Ok(listed.max(asked_for))
    }

    /// What is taken of the machine's capacity.
    pub fn admission(&self) -> &Admission {
        &self.0.parts.admission
    }

    /// How full the segment store is.
    pub fn store_usage(&self) -> Usage {
        self.0.parts.store.usage()
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
        // Under the lock: no session is begun that the wait below would not see.
        self.sessions().closed = true;
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn sweep(&self) {
        let mut sessions = self.sessions();
        sessions.by_channel.retain(|_, session| !session.has_ended());
        // With the sessions held: none begins in a time that is not its channel's any more.
        let on_air = sessions.by_channel.keys().copied().collect();
        let found = self.clock().follow(&on_air);
        drop(sessions);
        self.told_of_wall(found);
        self.0.restamped.run_pending_tasks();
        self.0.anonymous.run_pending_tasks();
        self.0.parts.store.sweep();
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

    fn check_offered(&self, channel: &OnAir, rendition: Rendition) -> Result<(), StreamError> {
        let ladder = self.0.parts.programme.ladder(channel);
        offered(channel, &ladder, Some(rendition)).map(|_| ())
    }

    async fn join(
        &self,
        channel: &OnAir,
        rendition: Option<Rendition>,
    ) -> Result<(ClientId, SessionHandle), StreamError> {
        let ledger = self.ledger(channel.id).await?;
        let now = self.now_on(channel.id);
        let edge = programme::edge(&ledger, now).ok_or_else(|| nothing_planned(channel))?;
        let client = new_client(edge.current, now);
        let tune_in = match rendition {
            Some(rendition) => {
                TuneIn::New(rendition, self.encode(channel.id, &ledger, rendition).await)
            }
            None => TuneIn::Silent,
        };
        let session = self.session(channel, [Event::Seen { client, rendition }], tune_in)?;
        Ok((client, session))
    }

    /// What would have to be encoded for a viewer who tunes in now.
    async fn encode(
        &self,
        channel: ChannelId,
        ledger: &Ledger,
        rendition: Rendition,
    ) -> Option<Encode> {
        let (parts, now) = (&self.0.parts, self.now_on(channel));
        let current = programme::edge(ledger, now)?.current;
        // A file that cannot be looked up is its session's trouble, not the viewer's.
        let tracks =
            parts.programme.tracks((channel, ledger), rendition, [current; 2], now).await.ok()?;
        programme::encode(ledger, &tracks, now, |key| parts.store.has(key))
    }

    /// The channel's session, told of this; a new one if there is none. One lock,
    /// no await: a hundred starts at once find the same, and a new one hears of
    /// its first client before it could end for want of any.
    fn session(
        &self,
        channel: &OnAir,
        events: impl IntoIterator<Item = Event>,
        tune_in: TuneIn,
    ) -> Result<SessionHandle, StreamError> {
        let mut sessions = self.sessions();
        if sessions.closed {
            return Err(StreamError::ShuttingDown);
        }
        let events = events.into_iter().map(Message::Event);
        if let Some(session) = sessions.by_channel.get(&channel.id)
            && session.is_open()
        {
            self.enter(session.id, true, channel, tune_in)?;
            events.for_each(|event| session.tell(event));
            return Ok(session.clone());
        }
        self.enter(SessionId(sessions.next + 1), false, channel, tune_in)?;
        sessions.next += 1;
        let stop = self.0.stop.child_token();
        let (session, task) =
            session::begin(SessionId(sessions.next), channel.clone(), self.0.parts.clone(), stop);
        events.for_each(|event| session.tell(event));
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
        admission.enter(session, open, channel, tune_in).map_err(|full| StreamError::Full {
            channel: format!("{} {}", channel.number, channel.name),
            full,
        })
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.0.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What was asked for, if that is offered.
fn offered(
    channel: &OnAir,
    ladder: &Ladder,
    asked: Option<Rendition>,
) -> Result<Option<Rendition>, StreamError> {
    match asked {
        // A playlist of `source` stays good where its lineup has changed.
        Some(rendition) if !ladder.has(rendition) && rendition != Rendition::Source => {
            let rungs: Vec<String> = ladder.rungs().iter().map(ToString::to_string).collect();
            let (channel, available) = (channel.number.to_string(), rungs.join(", "));
            Err(StreamError::UnknownRendition { channel, rendition, available })
        }
        asked => Ok(asked),
    }
}

fn new_client(current: u64, now: AirTime) -> ClientId {
    // Tells apart who joins within the same millisecond.
    let nonce = uuid::Uuid::new_v4().as_u64_pair().0;
    ClientId::new(current, now, nonce)
}

fn nothing_planned(channel: &OnAir) -> StreamError {
    StreamError::Timeline(TimelineError::Channel {
        channel: channel.number.to_string(),
        reason: "nothing is committed for now".to_owned(),
    })
}

fn no_segment(channel: &OnAir, ledger: &Ledger, sequence: u64, now: AirTime) -> StreamError {
    let later = match ledger.segment(sequence) {
        Some(segment) => segment.start > now,
        None => ledger.tail().is_none_or(|tail| sequence >= tail.end_sequence()),
    };
    let why = if later { "it was not promised yet" } else { "it left the window" };
    StreamError::NoSegment { channel: channel.number.to_string(), sequence, why }
}

impl std::fmt::Debug for Manager {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Manager").field("sessions", &self.sessions().by_channel.len()).finish()
    }
}
