//! What was slate inside airings: the same numbers stay slate, also after a restart.
//!
//! Owns the ranges, in memory and through [`SlateLog`] for good. Makes no slate and
//! decides none. Invariant (`rules.md`, 23): a segment that is slate is written down
//! before anybody gets it whole, and one that was written down is never anything
//! else as long as it can be asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::id::ChannelId;
use aerial_model::ledger::{AirSegment, Content, Ledger};
use aerial_model::time::{AirTime, Ticks};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::time::timeout;

use super::programme::{SERVED_FOR, Tracks};
use super::slate::Slates;
use super::store::{SegmentKey, Store};
use super::track::Track;
use crate::db::SlateRange;

/// How long writing down may take: the programme goes on without it.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// How far ahead slate is made and may have been asked for.
const AHEAD: Ticks = Ticks::from_secs(20);

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
pub struct Slated(Arc<Inner>);

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
        Self(Arc::new(Inner { log, slates, store, known: Mutex::new(known) }))
    }

    /// Whether that segment is slate for good.
    pub fn contains(&self, channel: ChannelId, sequence: u64) -> bool {
        let known = self.known();
        let ranges = known.get(&channel);
        ranges.is_some_and(|ranges| ranges.iter().any(|range| range.sequences.contains(&sequence)))
    }

    /// Before it is waited for: what was slate is made slate again.
    pub async fn restore(&self, channel: ChannelId, segment: &AirSegment, track: &Track) {
        let key = SegmentKey { track: track.key, index: segment.index };
        if !is_media(segment) || self.0.store.has(key) || !self.contains(channel, segment.sequence)
        {
            return;
        }
        let only = segment.index..segment.index + 1;
        if let Err((error, _)) = self.0.slates.fill(track, None, only, &self.0.store).await {
            tracing::error!(%channel, sequence = segment.sequence, %error, "no slate again");
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
        let range = self.remember(channel, segment, why);
        match timeout(WRITTEN_WITHIN, self.0.log.store(range)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%channel, error, "a slate is not written down"),
            Err(_) => tracing::error!(%channel, "a slate is not written down in time"),
        }
    }

    /// Does both for all that can be asked for from `from` on.
    pub async fn tend(
        &self,
        (channel, ledger): (ChannelId, &Ledger),
        tracks: &Tracks,
        (from, now): (u64, AirTime),
        why: impl Fn(&Track) -> String,
    ) {
        let soon = |segment: &AirSegment| segment.start < now + AHEAD;
        for segment in ledger.segments_from(from).take_while(soon) {
            if let Some(track) = tracks.of(segment.row.ordinal) {
                self.restore(channel, &segment, track).await;
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
