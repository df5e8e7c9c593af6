//! What a channel airs, as the stream part reads it from the ledger.
//!
//! Owns the step from ledger rows to playlist entries, tracks and demand. Reads
//! the timeline, starts nothing. Invariant: everything here follows from the
//! committed rows and the clock.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::Want;
use aerial_model::hls::{Edge, Entry, WINDOW_AHEAD, WINDOW_BACK};
use aerial_model::id::{ChannelId, MapId};
use aerial_model::ledger::{AirSegment, Content, Ledger, Row};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{AirTime, Ticks};

use super::timeline::{Timeline, TimelineError};
use super::track::Track;

/// Segments are made at least this far ahead, and a worker that sleeps is woken
/// when less is there; the next item's first worker starts this early too.
const LOW_MARK: Ticks = Ticks::from_secs(20);

/// A worker makes segments up to this far ahead, then sleeps.
const HIGH_MARK: Ticks = Ticks::from_secs(60);

/// A segment is served until it and what a playlist held beside it have left
/// every window (`rules.md`, 21).
pub const SERVED_FOR: Ticks = Ticks::from_secs(140);

/// What players may know of the future: two segments past the window's end.
const SERVED_AHEAD: Ticks = Ticks::from_secs(20);

/// What is offered unless the server is set to something else.
const DEFAULT_RENDITION: Rendition = Rendition::Height(720);

/// Tracks that were looked up lately; each is a path and some facts.
const TRACKS: u64 = 1_000;

/// The committed airings of all channels; clones share the cache of tracks.
#[derive(Clone)]
pub struct Programme {
    timeline: Arc<dyn Timeline>,
    ffmpeg_version: Arc<str>,
    rendition: Rendition,
    tracks: moka::sync::Cache<(TrackSource, Arc<Profile>), Arc<Track>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum TrackSource {
    Media(MapId),
    Slate(SegmentMap),
}

impl Programme {
    /// Reads this timeline; `ffmpeg_version` is part of what names a track.
    pub fn new(timeline: Arc<dyn Timeline>, ffmpeg_version: &str) -> Self {
        Self {
            timeline,
            ffmpeg_version: ffmpeg_version.into(),
            rendition: DEFAULT_RENDITION,
            tracks: moka::sync::Cache::new(TRACKS),
        }
    }

    /// The same in another rendition.
    pub fn offering(self, rendition: Rendition) -> Self {
        Self { rendition, ..self }
    }

    /// The one rendition that there is so far (the ladder follows).
    pub fn rendition(&self) -> Rendition {
        self.rendition
    }

    /// The timeline itself.
    pub fn timeline(&self) -> &Arc<dyn Timeline> {
        &self.timeline
    }

    /// What is committed of a channel, from some minutes ago to 2 minutes ahead.
    pub async fn ledger(
        &self,
        channel: ChannelId,
        now: AirTime,
    ) -> Result<Arc<Ledger>, TimelineError> {
        self.timeline.committed(channel, now - SERVED_FOR).await
    }

    /// The track that a row plays in a rendition.
    pub async fn track(
        &self,
        row: &Row,
        rendition: Rendition,
    ) -> Result<Arc<Track>, TimelineError> {
        let profile = Profile::transcoded(rendition, row.frame_height);
        let profile = Arc::new(profile.ok_or(TimelineError::NotOffered(rendition))?);
        let source = match row.content {
            Content::Media { map_id, .. } => TrackSource::Media(map_id),
            Content::OffAir { map, .. } => TrackSource::Slate(map),
            Content::Skip { .. } => unreachable!("a skip has no segments to serve"),
        };
        if let Some(track) = self.tracks.get(&(source, Arc::clone(&profile))) {
            return Ok(track);
        }
        let version = &self.ffmpeg_version;
        let track = match row.content {
            Content::Media { cursor, map_id, map, .. } => {
                match self.timeline.media(cursor.media, map_id).await {
                    Ok(media) => Track::of_media(Arc::new(media), Arc::clone(&profile), version),
                    // The schedule is kept (invariant 6): its time is slate.
                    Err(error @ (TimelineError::Gone(_) | TimelineError::Replaced { .. })) => {
                        tracing::warn!(%error, "an airing becomes slate");
                        return Ok(Arc::new(Track::of_slate(map, profile, version)));
                    }
                    Err(error) => return Err(error),
                }
            }
            Content::OffAir { map, .. } => Track::of_slate(map, Arc::clone(&profile), version),
            Content::Skip { .. } => unreachable!("a skip has no segments to serve"),
        };
        let track = Arc::new(track);
        self.tracks.insert((source, profile), Arc::clone(&track));
        Ok(track)
    }

    /// What a channel will want in a rendition from now on.
    pub async fn demand(
        &self,
        ledger: &Ledger,
        rendition: Rendition,
        now: AirTime,
    ) -> Result<(Vec<Arc<Track>>, Vec<Want>), TimelineError> {
        let (mut tracks, mut wants): (Vec<Arc<Track>>, Vec<Want>) = (Vec::new(), Vec::new());
        let mut ordinal = None;
        let Some(current) = ledger.segment_at_or_after(now) else { return Ok((tracks, wants)) };
        for segment in ledger.segments_from(current.sequence) {
            if segment.start > now + HIGH_MARK {
                break;
            }
            if ordinal != Some(segment.row.ordinal) {
                let soon = segment.start <= now + LOW_MARK;
                if !soon {
                    // The next item is not begun before its time.
                    break;
                }
                ordinal = Some(segment.row.ordinal);
                let track = self.track(&segment.row, rendition).await?;
                let ticks = (segment.start - now).0.max(0) as u64;
                wants.push(Want {
                    track: track.key,
                    first: segment.index,
                    low: segment.index,
                    high: segment.index,
                    due: Duration::from_millis(ticks / 90),
                });
                tracks.push(track);
            }
            if let Some(want) = wants.last_mut() {
                want.high = segment.index + 1;
                if segment.start <= now + LOW_MARK {
                    want.low = segment.index + 1;
                }
            }
        }
        Ok((tracks, wants))
    }
}

/// Where the sequence numbers stand; `None` where nothing is committed for now.
pub fn edge(ledger: &Ledger, now: AirTime) -> Option<Edge> {
    let current = ledger.segment_at_or_after(now)?.sequence;
    let back = ledger.segment_at_or_after(now - WINDOW_BACK).map_or(current, |s| s.sequence);
    let ahead = ledger.segment_at_or_after(now + WINDOW_AHEAD).map_or(current, |s| s.sequence);
    // After a stretch nobody watched, the window begins where the numbers run on.
    let back = first_running_on(ledger, back.min(current), current);
    Some(Edge { back, current, ahead: ahead.max(current) })
}

/// The first sequence number at or after `from` from which on all segments up
/// to `current` are committed.
fn first_running_on(ledger: &Ledger, from: u64, current: u64) -> u64 {
    (from..=current)
        .rev()
        .take_while(|sequence| ledger.segment(*sequence).is_some())
        .last()
        .unwrap_or(current)
}

/// The entries of a playlist.
pub fn entries(ledger: &Ledger, window: Range<u64>) -> Vec<Entry> {
    ledger
        .segments_from(window.start)
        .take_while(|segment| segment.sequence < window.end)
        .map(|segment| Entry {
            sequence: segment.sequence,
            start: segment.start,
            length: segment.length,
            discontinuity_sequence: segment.row.discontinuity_sequence,
        })
        .collect()
}

/// The segment of that number, if it may be served now.
pub fn servable(ledger: &Ledger, sequence: u64, now: AirTime) -> Option<AirSegment> {
    ledger
        .segment(sequence)
        .filter(|segment| segment.end() + SERVED_FOR > now && segment.start < now + SERVED_AHEAD)
}
