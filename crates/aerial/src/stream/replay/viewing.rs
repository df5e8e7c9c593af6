//! Viewings: who watches a replay, where in it, and what that takes of the machine.
//!
//! Owns the demand of each, as a session owns that of a live channel: what was asked
//! for last and a bounded stretch after it, more urgent the closer it is to being
//! played. Invariants: a viewing has its place in the machine's capacity before
//! anything is made for it, gives it back when nobody has asked for a while, and
//! whatever is wanted for live channels sooner goes first.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::capacity::Encode;
use aerial_model::demand::wanted::HIGH_MARK;
use aerial_model::id::ChannelId;
use aerial_model::ledger::AirSegment;
use aerial_model::profile::Rendition;
use aerial_model::replay::Replay;
use aerial_model::time::{AirTime, Ticks};
use tokio::time::Instant;

use super::subject::Subject;
use super::viewer::ViewingName;
use super::{READ_AHEAD, ReplayError, Result};
use crate::clock::monotonic;
use crate::stream::admission::Seat;
use crate::stream::error::StreamError;
use crate::stream::history::SessionId;
use crate::stream::programme;
use crate::stream::session::SessionParts;
use crate::stream::store::SegmentKey;
use crate::stream::transcoder::Demand;

/// The most at once; what each takes of the machine is limited besides.
const MOST: usize = 500;

/// Whoever asked for nothing for so long has left, or sleeps with a full buffer; it is
/// let in again when it asks. As the default grace period of a channel.
const IDLE: Duration = Duration::from_secs(30);

/// Who asks for what is played later than this jumps.
const FAR: Ticks = Ticks::from_secs(600);

/// Viewings have session numbers too, from here on.
const FIRST_SESSION: u64 = 1 << 63;

/// One who watches.
pub(super) struct Viewing {
    pub(super) rendition: Rendition,
    channel: ChannelId,
    name: String,
    what: String,
    /// Both are there once it was let in.
    place: tokio::sync::OnceCell<(Seat, Demand)>,
    /// Never held across an await.
    reading: Mutex<Reading>,
}

/// Where one is.
struct Reading {
    replay: Arc<Replay>,
    /// What begins before this cannot change in it.
    read_at: AirTime,
    /// Where its list ends.
    until: AirTime,
    /// Segments that are waited for, by sequence number, and how often.
    waiting: Vec<u64>,
    /// What was asked for last.
    last: AirSegment,
    /// What is played in real time from then on, from this segment's start.
    paced: (AirTime, Instant),
    /// Segments that are being sent.
    sending: usize,
    seen: Instant,
}

/// All viewings.
#[derive(Default)]
pub(super) struct Viewings {
    /// Never held across an await.
    all: Mutex<HashMap<ViewingName, Arc<Viewing>>>,
    begun: AtomicU64,
}

/// A segment is being sent: a sign of life for as long as this exists.
pub struct Watching(Arc<Viewing>);

impl std::fmt::Debug for Watching {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Watching").field(&self.0.name).finish()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let mut reading = self.0.reading();
        reading.sending = reading.sending.saturating_sub(1);
        reading.seen = monotonic();
    }
}

/// Somebody waits for a segment for as long as this exists.
pub(super) struct Waiting<'a>(&'a Viewing, u64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut reading = self.0.reading();
        if let Some(place) = reading.waiting.iter().position(|one| *one == self.1) {
            reading.waiting.swap_remove(place);
        }
    }
}

impl Viewing {
    /// One who begins with that segment, and has no place yet.
    pub(super) fn new(
        subject: &Subject,
        rendition: Rendition,
        (replay, segment): (&Arc<Replay>, &AirSegment),
        parts: &SessionParts,
    ) -> Self {
        let now = monotonic();
        Self {
            rendition,
            channel: subject.channel(),
            name: subject.running_name(),
            what: subject.name(),
            place: tokio::sync::OnceCell::new(),
            reading: Mutex::new(Reading {
                replay: Arc::clone(replay),
                read_at: subject.now(&parts.clock),
                until: AirTime(i64::MAX),
                waiting: Vec::new(),
                last: *segment,
                paced: (segment.start, now),
                sending: 0,
                seen: now,
            }),
        }
    }

    /// Its list is this long, and was read at `now`.
    pub(super) fn listed(&self, replay: &Arc<Replay>, until: AirTime, now: AirTime) {
        let mut reading = self.reading();
        (reading.replay, reading.until, reading.read_at) = (Arc::clone(replay), until, now);
    }

    /// Reads this from now on.
    pub(super) fn reads(&self, replay: &Arc<Replay>, now: AirTime) {
        let mut reading = self.reading();
        if !Arc::ptr_eq(&reading.replay, replay) {
            (reading.replay, reading.read_at) = (Arc::clone(replay), now);
        }
    }

    /// What it reads, if that still tells truly what aired from `start` on.
    pub(super) fn replay_of(&self, start: AirTime) -> Option<Arc<Replay>> {
        let reading = self.reading();
        let ends = reading.replay.ledger().tail().map_or(start, |tail| tail.end());
        // Far enough for what is made ahead, or to the list's own end.
        let enough = ends >= reading.until.min(start + HIGH_MARK);
        let begins = reading.replay.ledger().airing_at(start).is_some();
        (enough && begins && start <= reading.read_at).then(|| Arc::clone(&reading.replay))
    }

    /// Where its list ends.
    pub(super) fn until(&self) -> AirTime {
        self.reading().until
    }

    /// It is being sent something.
    pub(super) fn watching(viewing: &Arc<Self>) -> Watching {
        let mut reading = viewing.reading();
        (reading.sending, reading.seen) = (reading.sending + 1, monotonic());
        drop(reading);
        Watching(Arc::clone(viewing))
    }

    /// It asks for that segment.
    pub(super) fn waits_for(&self, segment: &AirSegment) -> Waiting<'_> {
        let mut reading = self.reading();
        reading.waiting.push(segment.sequence);
        let now = monotonic();
        // One that jumps, or has fallen behind, begins anew.
        let goes_on = (reading.last.start..reading.last.start + FAR).contains(&segment.start);
        if !goes_on || reading.lead(segment, now).is_none() {
            reading.paced = (segment.start, now);
        }
        reading.last = *segment;
        Waiting(self, segment.sequence)
    }

    /// Says what is wanted now: what is waited for, and what comes after it.
    pub(super) async fn state_demand(&self, parts: &SessionParts) -> Result<()> {
        let Some((seat, demand)) = self.place.get() else { return Ok(()) };
        let (replay, starts, now, lead) = self.reading().wanted();
        let ledger = replay.ledger();
        let made = |key: SegmentKey| parts.store.has(key);
        let first = starts.first().copied().unwrap_or_default();
        let tracks = (self.channel, ledger);
        let tracks = parts.programme.tracks(tracks, self.rendition, [first; 2], now).await?;
        let mut wants = programme::wants(ledger, &tracks, &starts, now, made);
        wants.iter_mut().for_each(|want| want.due += lead);
        let encode = programme::encode(ledger, &tracks, now, made);
        demand.state(tracks.iter().cloned().collect(), wants).await;
        seat.state([(self.rendition, encode)]);
        Ok(())
    }

    /// What would have to be encoded for it.
    async fn encode(&self, parts: &SessionParts) -> Result<Option<Encode>> {
        let (replay, starts, now, _) = self.reading().wanted();
        let ledger = replay.ledger();
        let first = starts.first().copied().unwrap_or_default();
        let tracks = (self.channel, ledger);
        let tracks = parts.programme.tracks(tracks, self.rendition, [first; 2], now).await?;
        Ok(programme::encode(ledger, &tracks, now, |key| parts.store.has(key)))
    }

    fn is_idle(&self, now: Instant) -> bool {
        let reading = self.reading();
        reading.sending == 0 && now.saturating_duration_since(reading.seen) >= IDLE
    }

    fn reading(&self) -> MutexGuard<'_, Reading> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reading {
    /// How long before it is played a segment was asked for, by who plays in real
    /// time; `None` where it is late.
    fn lead(&self, segment: &AirSegment, now: Instant) -> Option<Duration> {
        let ahead = (segment.start - self.paced.0).0.clamp(0, FAR.0).unsigned_abs();
        let played = now.saturating_duration_since(self.paced.1);
        Duration::from_millis(ahead / 90).checked_sub(played)
    }

    /// What is read, which segments of it are wanted first, where that is, and how soon
    /// it is needed.
    fn wanted(&self) -> (Arc<Replay>, BTreeSet<u64>, AirTime, Duration) {
        let starts: BTreeSet<u64> = match self.waiting.is_empty() {
            true => [self.last.sequence].into(),
            false => self.waiting.iter().copied().collect(),
        };
        let first = starts.first().and_then(|first| self.replay.ledger().segment(*first));
        let first = first.unwrap_or(self.last);
        let lead = self.lead(&first, monotonic()).unwrap_or_default();
        (Arc::clone(&self.replay), starts, first.start, lead)
    }
}

impl Viewings {
    pub(super) fn get(&self, name: &ViewingName) -> Option<Arc<Viewing>> {
        self.all().get(name).cloned()
    }

    pub(super) fn len(&self) -> usize {
        self.all().len()
    }

    /// Lets one in, if what must be encoded for it fits the machine.
    pub(super) async fn enter(
        &self,
        name: ViewingName,
        viewing: Viewing,
        parts: &SessionParts,
    ) -> Result<Arc<Viewing>> {
        let encode = viewing.encode(parts).await?;
        let mut all = self.all();
        // Another request of the same was faster.
        if let Some(known) = all.get(&name) {
            return Ok(Arc::clone(known));
        }
        if all.len() >= MOST && !forget_one(&mut all) {
            return Err(ReplayError::TooManyViewers { most: MOST });
        }
        let session = SessionId(FIRST_SESSION + self.begun.fetch_add(1, Ordering::Relaxed));
        let seat = parts.admission.admit(session, viewing.rendition, &viewing.name, encode);
        let seat = seat.map_err(|full| {
            parts.store.tally().refused();
            StreamError::Full { what: viewing.what.clone(), full }
        })?;
        let demand = parts.transcoder.demand(session);
        // It is new: nobody can have given it one.
        let _first = viewing.place.set((seat, demand));
        let viewing = Arc::new(viewing);
        all.insert(name, Arc::clone(&viewing));
        Ok(viewing)
    }

    /// Forgets who has left.
    pub(super) fn sweep(&self) {
        let now = monotonic();
        self.all().retain(|_, viewing| !viewing.is_idle(now));
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ViewingName, Arc<Viewing>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room for one more; whoever asked for nothing the longest goes.
fn forget_one(all: &mut HashMap<ViewingName, Arc<Viewing>>) -> bool {
    let silent = all.iter().filter(|(_, viewing)| viewing.reading().sending == 0);
    let silent = silent.min_by_key(|(_, viewing)| viewing.reading().seen);
    let Some(name) = silent.map(|(name, _)| name.clone()) else { return false };
    all.remove(&name).is_some()
}

/// What is read at once reaches over what is made ahead.
const _: () = assert!(READ_AHEAD.0 > HIGH_MARK.0 + Ticks::from_secs(60).0);
