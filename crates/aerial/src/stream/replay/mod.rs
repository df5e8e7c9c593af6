//! Replays: what a channel aired, and media by themselves, played on demand.
//!
//! Owns the lists of what is played again and handing out its segments; `viewing` is
//! one who watches, `subject` what is watched. The segments are made by the same
//! workers and kept in the same store as those of live channels. Invariants: one
//! address is one content, found from the address and the ledger alone; nothing is
//! told of a channel whose catch-up is off, and nothing that has not aired.

mod error;
mod span;
mod subject;
mod viewer;
mod viewing;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::hls::{VodEntry, vod_playlist};
use aerial_model::id::{ChannelRef, MapId, MediaId};
use aerial_model::ledger::AirSegment;
use aerial_model::profile::Rendition;
use aerial_model::replay::{Address, Replay};
use aerial_model::time::{AirTime, Ticks};
use tokio_util::sync::CancellationToken;

use super::body::{self, SegmentBody};
use super::session::SessionParts;
use super::store::SegmentKey;
use super::timeline::OnAir;
use crate::clock::monotonic;
use crate::stream::error::StreamError;

pub use error::ReplayError;
pub use span::Asked;
pub use viewer::Viewer;
pub use viewing::Watching;

use subject::Subject;
use viewing::{Viewing, Viewings};

type Result<T> = std::result::Result<T, ReplayError>;

/// The most segments of one list: a day of them, 3 MB of text.
const MOST_SEGMENTS: usize = 20_000;

/// What is read of the past at once for one who watches: what is made ahead, amply.
const READ_AHEAD: Ticks = Ticks::from_secs(180);

/// A segment that has not aired yet is held for as long: one or two of them, and what
/// players wait for. Further ahead is told to come again.
const HELD_AHEAD: Ticks = Ticks::from_secs(20);

/// How long one is waited for that has aired. Whoever fails becomes slate well within.
const HELD: Duration = Duration::from_secs(90);

/// While somebody waits, what is wanted is said again as often.
const SAID_AGAIN: Duration = Duration::from_secs(1);

/// A segment on its way to whoever watches.
#[derive(Debug)]
pub struct Played {
    /// Its bytes.
    pub body: SegmentBody,
    /// It stands in for what could not be made: another time it may be another.
    pub is_slate: bool,
    /// To be kept while it is sent: a sign of life.
    pub watching: Watching,
}

/// All replays; clones share them.
#[derive(Clone)]
pub struct Replays(Arc<Inner>);

struct Inner {
    parts: SessionParts,
    viewings: Viewings,
    stop: CancellationToken,
}

impl Replays {
    /// None is watched; all end with `stop`.
    pub fn new(parts: SessionParts, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner { parts, viewings: Viewings::default(), stop }))
    }

    /// Forgets who is gone; to be called every few seconds.
    pub fn sweep(&self) {
        match self.0.stop.is_cancelled() {
            true => self.0.viewings.clear(),
            false => self.0.viewings.sweep(),
        }
    }

    /// How many are watched now.
    pub fn watched(&self) -> usize {
        self.0.viewings.len()
    }

    /// The list of what a channel aired; `registers` whoever asked, so that the first
    /// segment is begun at once.
    pub async fn past(
        &self,
        channel: ChannelRef,
        asked: Asked,
        rendition: Option<Rendition>,
        registers: bool,
    ) -> Result<String> {
        let channel = self.channel(channel).await?;
        let span = self.span(&channel, asked).await?;
        let replay = Arc::new(self.aired(&channel, span.clone()).await?);
        let segments: Vec<AirSegment> = replay.segments(&span).take(MOST_SEGMENTS + 1).collect();
        let subject = Subject::Past(channel);
        self.list(subject, &replay, &segments, (rendition, span), registers).await
    }

    /// One segment of what a channel aired.
    pub async fn past_segment(
        &self,
        channel: ChannelRef,
        rendition: Rendition,
        address: Address,
        viewer: Viewer,
    ) -> Result<Played> {
        let channel = self.channel(channel).await?;
        self.check_reach(&channel, address.start)?;
        let subject = Subject::Past(channel.clone());
        let rendition = subject.offered(&self.0.parts.programme, Some(rendition))?;
        self.aired_yet(&channel, address.start).await?;
        let unknown = || ReplayError::NoSegment { what: subject.name() };
        let known = self.0.viewings.get(&subject.named(rendition, &viewer));
        let read = known.as_ref().and_then(|viewing| viewing.replay_of(address.start));
        let replay = match read {
            Some(replay) => replay,
            None => {
                let ends = known.map_or(AirTime(i64::MAX), |viewing| viewing.until());
                let until = (address.start + READ_AHEAD).min(ends.max(address.start + Ticks(1)));
                Arc::new(self.aired(&channel, address.start..until).await?)
            }
        };
        let segment = replay.segment(address).ok_or_else(unknown)?;
        let viewing = self.viewing(&subject, &replay, &segment, (rendition, viewer)).await?;
        viewing.reads(&replay, self.now_on(&channel));
        self.play(&subject, viewing, &replay, segment).await
    }

    /// The list of a media that is played by itself.
    pub async fn alone(
        &self,
        media: MediaId,
        rendition: Option<Rendition>,
        registers: bool,
    ) -> Result<String> {
        let subject = self.media(media).await?;
        let replay = subject.replay()?;
        let segments: Vec<AirSegment> = replay.ledger().segments_from(0).collect();
        let span = AirTime::EPOCH..AirTime(i64::MAX);
        self.list(subject, &replay, &segments, (rendition, span), registers).await
    }

    /// One segment of a media that is played by itself, as this map cuts it.
    pub async fn alone_segment(
        &self,
        media: MediaId,
        rendition: Rendition,
        (map_id, index): (MapId, u32),
        viewer: Viewer,
    ) -> Result<Played> {
        let subject = self.media(media).await?;
        let rendition = subject.offered(&self.0.parts.programme, Some(rendition))?;
        let unknown = || ReplayError::NoSegment { what: subject.name() };
        if subject.map_id() != Some(map_id) {
            return Err(unknown());
        }
        let replay = subject.replay()?;
        let segment = replay.ledger().segment(u64::from(index)).ok_or_else(unknown)?;
        let viewing = self.viewing(&subject, &replay, &segment, (rendition, viewer)).await?;
        self.play(&subject, viewing, &replay, segment).await
    }

    async fn list(
        &self,
        subject: Subject,
        replay: &Arc<Replay>,
        segments: &[AirSegment],
        (rendition, span): (Option<Rendition>, Range<AirTime>),
        registers: bool,
    ) -> Result<String> {
        let rendition = subject.offered(&self.0.parts.programme, rendition)?;
        let Some(first) = segments.first() else {
            return Err(ReplayError::Nothing { what: subject.name() });
        };
        if segments.len() > MOST_SEGMENTS {
            return Err(ReplayError::TooMany);
        }
        let client = uuid::Uuid::new_v4().simple().to_string();
        if registers {
            let viewer = Viewer::Named(client.clone());
            let viewing = self.viewing(&subject, replay, first, (rendition, viewer)).await?;
            viewing.listed(replay, span.end, subject.now(&self.0.parts.clock));
            // Its worker starts before the first segment is asked for.
            viewing.state_demand(&self.0.parts).await?;
        }
        let entries: Vec<VodEntry> = segments
            .iter()
            .map(|segment| VodEntry {
                uri: subject.uri(replay, segment, rendition, &client),
                start: subject.is_dated().then_some(segment.start),
                length: segment.length,
                discontinuity_sequence: segment.row.discontinuity_sequence,
            })
            .collect();
        Ok(vod_playlist(&entries))
    }

    /// Whoever watches, let in if it was not.
    async fn viewing(
        &self,
        subject: &Subject,
        replay: &Arc<Replay>,
        segment: &AirSegment,
        (rendition, viewer): (Rendition, Viewer),
    ) -> Result<Arc<Viewing>> {
        if self.0.stop.is_cancelled() {
            return Err(StreamError::ShuttingDown.into());
        }
        let name = subject.named(rendition, &viewer);
        if let Some(viewing) = self.0.viewings.get(&name) {
            return Ok(viewing);
        }
        let viewing = Viewing::new(subject, rendition, (replay, segment), &self.0.parts);
        self.0.viewings.enter(name, viewing, &self.0.parts).await
    }

    /// A segment, as soon as its first bytes are made.
    async fn play(
        &self,
        subject: &Subject,
        viewing: Arc<Viewing>,
        replay: &Replay,
        segment: AirSegment,
    ) -> Result<Played> {
        let parts = &self.0.parts;
        let watching = Viewing::watching(&viewing);
        let waiting = viewing.waits_for(&segment);
        let unknown = || ReplayError::NoSegment { what: subject.name() };
        let airing = replay.ledger().airing_of(segment.sequence).ok_or_else(unknown)?;
        let mut devices = parts.programme.devices().changes();
        let patience = monotonic() + HELD;
        let (key, found) = loop {
            // Where a device fails, another track takes its place.
            devices.mark_unchanged();
            let track = parts.programme.track(subject.channel(), airing, viewing.rendition);
            let track = track.await?;
            let key = SegmentKey { track: track.key, index: segment.index };
            parts.slated.drop_old(key);
            viewing.state_demand(parts).await?;
            tokio::select! {
                found = parts.store.wait(key) => break (key, found),
                Ok(()) = devices.changed() => {}
                () = tokio::time::sleep(SAID_AGAIN) => {}
                () = self.0.stop.cancelled() => return Err(StreamError::ShuttingDown.into()),
                () = tokio::time::sleep_until(patience) => {
                    return Err(ReplayError::NotMade { what: subject.name() });
                }
            }
        };
        drop(waiting);
        parts.store.tally().replayed();
        let is_slate = subject.is_media(&segment) && parts.store.is_slate(key);
        let body = SegmentBody::of(found, body::offset(&segment));
        Ok(Played { body, is_slate, watching })
    }

    /// Holds what airs within moments until it does: until then it can still be cut.
    async fn aired_yet(&self, channel: &OnAir, start: AirTime) -> Result<()> {
        let now = self.now_on(channel);
        if start > now + HELD_AHEAD {
            return Err(ReplayError::NotYet { channel: channel.number.to_string(), at: start });
        }
        let wait = self.0.parts.clock.until(channel.id, start);
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.0.stop.cancelled() => Err(StreamError::ShuttingDown.into()),
        }
    }

    async fn channel(&self, channel: ChannelRef) -> Result<OnAir> {
        let found = self.0.parts.programme.timeline().channel(channel).await?;
        Ok(found.ok_or(StreamError::UnknownChannel(channel))?)
    }

    async fn media(&self, media: MediaId) -> Result<Subject> {
        Ok(Subject::Alone(self.0.parts.programme.timeline().alone(media).await?))
    }

    async fn aired(&self, channel: &OnAir, span: Range<AirTime>) -> Result<Replay> {
        Ok(self.0.parts.programme.timeline().aired(channel.id, span).await?)
    }

    fn now_on(&self, channel: &OnAir) -> AirTime {
        self.0.parts.clock.now_on(channel.id)
    }
}

impl std::fmt::Debug for Replays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replays").field("watched", &self.watched()).finish()
    }
}
