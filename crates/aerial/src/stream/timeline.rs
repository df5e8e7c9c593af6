//! What the stream part needs to know of the schedule, and nothing more.
//!
//! Owns the trait through which lineups and ledgers reach the engine. The
//! stream part never touches the database: what it asks here is answered from
//! memory wherever it has been asked before, so a slow query cannot stall a
//! segment. Invariant: rows that were handed out never change.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use aerial_model::channel::Video;
use aerial_model::hls;
use aerial_model::id::{ChannelId, ChannelNumber, ChannelRef, MapId, MediaId};
use aerial_model::ladder::Looks;
use aerial_model::ledger::{Content, Ledger, Row};
use aerial_model::media::MediaFacts;
use aerial_model::preflight::File;
use aerial_model::profile::Rendition;
use aerial_model::replay::{NotTold, Replay};
use aerial_model::segment_map::SegmentMap;
use aerial_model::segmenter::Treatment;
use aerial_model::time::{AirTime, Ticks};
use futures::future::BoxFuture;

use super::off_air::ComesBack;
use super::store::RemuxKey;
use crate::db::Identity;

/// A channel, as far as putting it on the air needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnAir {
    /// For good.
    pub id: ChannelId,
    /// What people type.
    pub number: ChannelNumber,
    /// Its name.
    pub name: String,
    /// Its renditions, best first; none: what the machine affords.
    pub ladder: Vec<Rendition>,
    /// How long it stays on the air after the last viewer left.
    pub grace: Ticks,
    /// It is on the air whether anybody watches or not.
    pub keep_running: bool,
    /// Height of the frame that what is planned now is padded into; a committed
    /// row says its own.
    pub frame_height: u16,
    /// How alike the videos of its lineup are.
    pub looks: Looks,
    /// How far back what aired can be played again; `None`: not at all.
    pub catchup: Option<Ticks>,
    /// What its stream does with video.
    pub video: Video,
    /// When its stream began, where another went before it.
    pub stream_since: Option<AirTime>,
}

impl OnAir {
    /// EXT-X-TARGETDURATION of its stream.
    pub fn target_duration(&self) -> u32 {
        hls::target_duration(self.video)
    }
}

/// The file of an airing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaSource {
    /// Which media.
    pub media: MediaId,
    /// The map that the airing pinned.
    pub map_id: MapId,
    /// Where the file is.
    pub path: PathBuf,
    /// What is in it.
    pub facts: Arc<MediaFacts>,
    /// Its cut points.
    pub map: SegmentMap,
    /// What of it is copied in the `source` rendition.
    pub treatment: Treatment,
    /// The version of its bytes that the map is of: compare before and after use.
    pub identity: Identity,
    /// Where that is not the file itself.
    pub remux: Option<RemuxOf>,
    /// For people and logs.
    pub title: String,
}

/// What a source is a remux of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemuxOf {
    /// Its name in the store.
    pub key: RemuxKey,
    /// The version of the file's own bytes.
    pub file: Identity,
}

impl MediaSource {
    /// Whether its video is sent as it is in the `source` rendition.
    pub fn is_copied(&self) -> bool {
        self.treatment.copies_video()
    }
}

/// A media that is played by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alone {
    /// Which.
    pub media: MediaId,
    /// For people and logs.
    pub title: String,
    /// The map that it is cut by: its own keyframes, where it can be copied.
    pub map_id: MapId,
    /// Its cut points.
    pub map: SegmentMap,
    /// Height of the frame that it is padded into.
    pub frame_height: u16,
    /// Whether it can be copied.
    pub looks: Looks,
}

/// Why the schedule cannot answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TimelineError {
    /// The catalogue failed.
    #[error("the schedule of channel {channel} cannot be read: {reason}")]
    Channel {
        /// Which channel, as it was asked for.
        channel: String,
        /// What the catalogue said.
        reason: String,
    },
    /// The catalogue failed.
    #[error("media {media} cannot be looked up: {reason}")]
    Media {
        /// Which media.
        media: MediaId,
        /// What the catalogue said.
        reason: String,
    },
    /// It is not known what aired.
    #[error(transparent)]
    NotTold(#[from] NotTold),
    /// The media cannot be played now.
    #[error("`{title}` cannot be played: {reason}")]
    Unplayable {
        /// What it is called.
        title: String,
        /// Why.
        reason: String,
    },
    /// Nothing was made then.
    #[error("nobody watched channel {0} then, so there is nothing to play")]
    NobodyWatched(ChannelId),
    /// No airing has such a rendition.
    #[error("there is no rendition {0}")]
    NotOffered(Rendition),
    /// The media was deleted after it was planned.
    #[error("media {0} is no longer in the library")]
    Gone(MediaId),
    /// The file was replaced after it was planned: the airing's cut points are
    /// not those of the bytes that are there now.
    #[error(
        "`{path}` was replaced after it was planned; the new version airs from its next turn on"
    )]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// It failed on the air and was put aside.
    #[error("media {media} was put aside: {reason}")]
    PutAside {
        /// Which media.
        media: MediaId,
        /// Why.
        reason: String,
    },
}

/// An airing that is planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedAiring {
    /// What airs, and the map by which it is planned.
    pub file: File,
    /// Its cut points.
    pub map: SegmentMap,
    /// When it begins.
    pub start: AirTime,
}

impl PlannedAiring {
    /// Of the committed and planned rows of a channel, those of media that are not
    /// over at `now`; `copied` gives the maps that are cut at a file's keyframes.
    pub fn of_rows<'a>(
        rows: impl IntoIterator<Item = &'a Row>,
        copied: impl Fn(MapId) -> Option<SegmentMap>,
        now: AirTime,
    ) -> Vec<Self> {
        let of_row = |row: &Row| match row.content {
            Content::Media { cursor, map_id, map, .. } if row.end() > now => {
                let map = map.uniform().or_else(|| copied(map_id))?;
                Some(Self { file: (cursor.media, map_id), map, start: row.start })
            }
            _ => None,
        };
        rows.into_iter().filter_map(of_row).collect()
    }
}

/// The schedule, as the stream part sees it.
pub trait Timeline: Send + Sync + 'static {
    /// A channel; `None` where there is none of that number or id.
    fn channel(&self, channel: ChannelRef) -> BoxFuture<'_, Result<Option<OnAir>, TimelineError>>;

    /// The channels that are kept running.
    fn kept(&self) -> Vec<ChannelRef>;

    /// Commits up to now + 2 min, then gives the committed airings, as they are
    /// in effect and without gaps, from the one that contains `from` (or one
    /// before it) on.
    fn committed(
        &self,
        channel: ChannelId,
        from: AirTime,
    ) -> BoxFuture<'_, Result<Arc<Ledger>, TimelineError>>;

    /// What aired in `span`, also while nobody watched; commits first what of it is
    /// not committed, up to now + 2 min.
    fn aired(
        &self,
        channel: ChannelId,
        span: Range<AirTime>,
    ) -> BoxFuture<'_, Result<Replay, TimelineError>>;

    /// A media as it is played by itself.
    fn alone(&self, media: MediaId) -> BoxFuture<'_, Result<Alone, TimelineError>>;

    /// What is to be said of a channel that is off the air at `at`.
    fn comes_back(
        &self,
        channel: ChannelId,
        at: AirTime,
    ) -> BoxFuture<'_, Result<ComesBack, TimelineError>>;

    /// The airings of media that are on the air or planned to begin by `until`; plans,
    /// but never commits.
    fn planned(
        &self,
        channel: ChannelId,
        until: AirTime,
    ) -> BoxFuture<'_, Result<Vec<PlannedAiring>, TimelineError>>;

    /// The file and facts of a media, if they still are those that the airing pinned.
    fn media(
        &self,
        media: MediaId,
        map: MapId,
    ) -> BoxFuture<'_, Result<MediaSource, TimelineError>>;
}
