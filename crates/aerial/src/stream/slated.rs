//! What was slate inside airings: the same numbers stay slate, also after a restart.
//!
//! Owns the ranges, in memory and through [`SlateLog`] for good, and with them whose
//! slate the store's is: it keeps one for a track, and the next turn of the programme
//! has the same track. Makes no slate and decides none. Invariant (`rules.md`, 23): a
//! segment that is slate is written down before anybody gets it whole, one that was
//! written down is never anything else as long as it can be asked for, and no other
//! turn is slate for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::hls::window::SERVED_FOR;
use aerial_model::id::ChannelId;
use aerial_model::ledger::{AirSegment, Content, Ledger};
use aerial_model::segment::Segment;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::timeout;

use super::as_run::AsRunNotes;
use super::programme::Tracks;
use super::slate::Slates;
use super::store::{SegmentKey, Store};
use super::track::Track;
use crate::db::SlateRange;

/// How long writing down may take: the programme goes on without it.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// A slate is made at most four segments of 8 s before it is needed: one that was
/// there earlier was made for another turn of the programme.
const MADE_FOR_IT: Duration = Duration::from_secs(40);

/// Where ranges are kept for good.
pub trait SlateLog: std::fmt::Debug + Send + Sync + 'static {
    /// Stores a range; one that begins at the same number is as long as the longer.
    fn store(&self, slate: SlateRange) -> BoxFuture<'_, Result<(), String>>;
}

/// Nothing is kept.
impl SlateLog for () {
    fn store(&self, _: SlateRange) -> BoxFuture<'_, Result<(), String>> {
        futures::future::ready(Ok(())).boxed()
    }
}

/// The ranges of this server; clones share them.
#[derive(Clone, Debug)]
pub struct Slated(Arc<Inner>, AsRunNotes);

#[derive(Debug)]
struct Inner {
    log: Arc<dyn SlateLog>,
    slates: Slates,
    store: Store,
    /// Never held across an await.
    known: Mutex<HashMap<ChannelId, Vec<SlateRange>>>,
}

impl Slated {
    /// With what the server before this one wrote down.
    pub fn new(
        log: Arc<dyn SlateLog>,
        slates: Slates,
        store: Store,
        before: Vec<SlateRange>,
    ) -> Self {
        let mut known: HashMap<ChannelId, Vec<SlateRange>> = HashMap::new();
        before.into_iter().for_each(|range| known.entry(range.channel).or_default().push(range));
        let inner = Inner { log, slates, store, known: Mutex::new(known) };
        Self(Arc::new(inner), AsRunNotes::default())
    }

    /// What really aired, with what of it was slate.
    pub fn as_run(&self) -> &AsRunNotes {
        &self.1
    }

    /// Whether that segment is slate for good.
    pub fn contains(&self, channel: ChannelId, sequence: u64) -> bool {
        let known = self.known();
        let ranges = known.get(&channel);
        ranges.is_some_and(|ranges| ranges.iter().any(|range| range.sequences.contains(&sequence)))
    }

    /// What is given out of a segment that is slate for good, where the store has no
    /// slate of it any more: it was another server's, or the track's next turn is made
    /// there. It is not put there, since that turn would be slate with it.
    pub async fn instead(
        &self,
        channel: ChannelId,
        segment: &AirSegment,
        track: &Track,
    ) -> Option<Arc<Segment>> {
        let key = SegmentKey { track: track.key, index: segment.index };
        let is_there = is_media(segment) && self.contains(channel, segment.sequence);
        if !is_there || self.0.store.is_slate(key) {
            return None;
        }
        match self.0.slates.one(track, segment.index).await {
            Ok(slate) => Some(Arc::new(slate)),
            Err(error) => {
                tracing::error!(%channel, sequence = segment.sequence, %error, "no slate again");
                None
            }
        }
    }

    /// Forgets a slate that was made for an earlier turn of the programme, of a segment
    /// that is needed `due` from now: the programme is to come back.
    pub fn drop_earlier(
        &self,
        channel: ChannelId,
        segment: &AirSegment,
        track: &Track,
        due: Duration,
    ) {
        let key = SegmentKey { track: track.key, index: segment.index };
        let Some(since) = self.0.store.slate_since(key) else { return };
        let earlier = since.elapsed() + due > MADE_FOR_IT;
        if earlier && is_media(segment) && !self.contains(channel, segment.sequence) {
            self.0.store.drop_slate(key);
        }
    }

    /// Forgets a slate that was made a while ago, of a segment that is played again.
    pub fn drop_old(&self, key: SegmentKey) {
        let since = self.0.store.slate_since(key);
        if since.is_some_and(|since| since.elapsed() > MADE_FOR_IT) {
            self.0.store.drop_slate(key);
        }
    }

    /// Before it is sent: writes down that it is slate, if it is.
    pub async fn note(&self, channel: ChannelId, segment: &AirSegment, track: &Track, why: &str) {
        let key = SegmentKey { track: track.key, index: segment.index };
        if !is_media(segment)
            || !self.0.store.is_slate(key)
            || self.contains(channel, segment.sequence)
        {
            return;
        }
        self.0.store.tally().slated(channel);
        let range = self.remember(channel, segment, why);
        self.1.slate(channel, segment, why);
        match timeout(WRITTEN_WITHIN, self.0.log.store(range)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%channel, error, "a slate is not written down"),
            Err(_) => tracing::error!(%channel, "a slate is not written down in time"),
        }
    }

    /// The same for all that lists have promised from `from` to `last`. What follows is
    /// nobody's yet: a skip may give its numbers to the next programme.
    pub async fn tend(
        &self,
        (channel, ledger): (ChannelId, &Ledger),
        tracks: &Tracks,
        (from, last): (u64, u64),
        why: impl Fn(&Track) -> String,
    ) {
        let promised = |segment: &AirSegment| segment.sequence <= last;
        for segment in ledger.segments_from(from).take_while(promised) {
            if let Some(track) = tracks.of(segment.row.ordinal) {
                self.note(channel, &segment, track, &why(track)).await;
            }
        }
    }

    /// The range that this segment belongs to, with it.
    fn remember(&self, channel: ChannelId, segment: &AirSegment, why: &str) -> SlateRange {
        let (sequence, ends) = (segment.sequence, segment.end());
        let mut known = self.known();
        let ranges = known.entry(channel).or_default();
        ranges.retain(|range| range.ends + SERVED_FOR > segment.start);
        if let Some(range) = ranges.iter_mut().find(|range| range.sequences.end == sequence) {
            (range.sequences.end, range.ends) = (sequence + 1, ends);
            return range.clone();
        }
        let sequences = sequence..sequence + 1;
        let range = SlateRange { channel, sequences, reason: why.to_owned(), ends };
        ranges.push(range.clone());
        range
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ChannelId, Vec<SlateRange>>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Slate off the air is what was planned, and nothing to write down.
fn is_media(segment: &AirSegment) -> bool {
    matches!(segment.row.content, Content::Media { .. })
}
