//! What a channel airs, as the stream part reads it from the ledger.
//!
//! Owns the step from ledger rows to tracks (`tracks` are those of one rendition), and
//! in `wanted` to demand. Reads the timeline, starts nothing. Invariant: everything
//! here follows from the committed rows and the clock.

mod tracks;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::TrackKey;
use aerial_model::demand::wanted::LOW_MARK;
use aerial_model::encoder::Encoder;
use aerial_model::hls::window::SERVED_FOR;
use aerial_model::id::{ChannelId, MapId, MediaId};
use aerial_model::ladder::{Ladder, Looks};
use aerial_model::ledger::{AirSegment, Airing, Content, Ledger, Row};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::{MapOutline, SegmentMap};
use aerial_model::segmenter::Treatment;
use aerial_model::time::AirTime;
use jiff::tz::TimeZone;
use tokio::time::timeout;

pub use self::tracks::Tracks;
pub use self::wanted::{encode, listed, made_ahead, wants};
use super::devices::Devices;
use super::off_air::{ComesBack, OffAirWords};
use super::remux::Remuxes;
use super::timeline::{MediaSource, OnAir, Timeline, TimelineError};
use super::track::{self, Track, Withheld};

/// What is offered unless the server is set to something else (`docs/renditions.md`).
const RUNGS: [Rendition; 5] = [
    Rendition::Source,
    Rendition::Height(1_080),
    Rendition::Height(720),
    Rendition::Height(480),
    Rendition::Height(360),
];

/// The height that most machines encode in real time.
const STANDARD_HEIGHT: u16 = 720;

/// Tracks that were looked up lately; each is a path and some facts.
const TRACKS: u64 = 1_000;

/// A file that was moved, replaced or deleted is noticed after this. A remux in
/// use is looked up as often, so that it does not give way.
const TRACK_KEPT: Duration = Duration::from_secs(30);

/// A file that could not be played is asked for again after this: its remux may
/// be there, or somebody may have mended it.
const WITHHELD_KEPT: Duration = Duration::from_secs(2);

/// Words of an off-air row are kept until well after its segments can be asked for.
const WORDS_KEPT: Duration = Duration::from_secs(600);

/// How long the schedule may take to say what comes next.
const SAID_WITHIN: Duration = Duration::from_secs(1);

/// The committed airings of all channels; clones share the cache of tracks.
#[derive(Clone)]
pub struct Programme {
    timeline: Arc<dyn Timeline>,
    ffmpeg_version: Arc<str>,
    rungs: Arc<[Rendition]>,
    standard: u16,
    devices: Devices,
    remuxes: Option<Remuxes>,
    tracks: Kept,
    withheld: Kept,
    /// What is said in which off-air row: by channel and when it begins.
    words: moka::sync::Cache<(ChannelId, AirTime), Arc<OffAirWords>>,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum TrackSource {
    Media(MediaId, MapId),
    Slate(MapOutline, Arc<OffAirWords>),
}

/// Tracks by what they show, in which rendition and frame, and by whom.
type Kept = moka::sync::Cache<(TrackSource, Rendition, u16, Encoder), Arc<Track>>;

impl Programme {
    /// Reads this timeline; `ffmpeg_version` is part of what names a track.
    pub fn new(timeline: Arc<dyn Timeline>, ffmpeg_version: &str) -> Self {
        Self {
            timeline,
            ffmpeg_version: ffmpeg_version.into(),
            rungs: Arc::new(RUNGS),
            standard: STANDARD_HEIGHT,
            devices: Devices::default(),
            remuxes: None,
            tracks: kept(TRACK_KEPT),
            withheld: kept(WITHHELD_KEPT),
            words: moka::sync::Cache::builder()
                .max_capacity(TRACKS)
                .time_to_idle(WORDS_KEPT)
                .build(),
            zone: TimeZone::system(),
        }
    }

    /// The same with remuxes for files that cannot be entered in the middle.
    pub fn with_remuxes(self, remuxes: Remuxes) -> Self {
        Self { remuxes: Some(remuxes), ..self }
    }

    /// The same with other rungs, best first, and another height for what must be
    /// encoded where one rendition has to do.
    pub fn offering(self, rungs: impl Into<Arc<[Rendition]>>, standard: u16) -> Self {
        Self { rungs: rungs.into(), standard, ..self }
    }

    /// What a channel offers.
    pub fn ladder(&self, channel: &OnAir) -> Ladder {
        let rungs = if channel.ladder.is_empty() { &*self.rungs } else { &channel.ladder };
        Ladder::of(rungs, channel.frame_height, channel.looks, self.standard)
    }

    /// What is offered of a media that is played by itself.
    pub fn ladder_of(&self, frame_height: u16, looks: Looks) -> Ladder {
        Ladder::of(&self.rungs, frame_height, looks, self.standard)
    }

    /// The same, encoded on these devices.
    pub fn on(self, devices: Devices) -> Self {
        Self { devices, ..self }
    }

    /// What encodes.
    pub fn devices(&self) -> &Devices {
        &self.devices
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

    /// The track that an airing plays in a rendition.
    pub async fn track(
        &self,
        channel: ChannelId,
        airing: &Airing,
        rendition: Rendition,
    ) -> Result<Arc<Track>, TimelineError> {
        let row = &airing.row;
        let Some(map) = airing.map().cloned() else {
            return Err(TimelineError::NobodyWatched(channel));
        };
        let (source, encoder) = match row.content {
            Content::Media { cursor, map_id, .. } => {
                (TrackSource::Media(cursor.media, map_id), self.devices.encoder_for(map_id))
            }
            // Slates are made in software: they must never fail.
            Content::OffAir { .. } | Content::Skip { .. } => {
                let words = self.words(channel, row).await;
                (TrackSource::Slate(map.outline(), words), Encoder::default())
            }
        };
        let name = (source.clone(), rendition, row.frame_height, encoder);
        if let Some(track) = self.tracks.get(&name).or_else(|| self.withheld.get(&name)) {
            return Ok(track);
        }
        // What `source` cannot copy is encoded as the server does it best.
        let encoded = Rendition::Height(rendition.height().unwrap_or(self.standard));
        let profile = Profile::transcoded(encoded, row.frame_height);
        let profile = profile.ok_or(TimelineError::NotOffered(rendition))?;
        let profile = Arc::new(profile.by(encoder));
        let (track, kept) = match source {
            TrackSource::Media(media, map_id) => {
                let copies = rendition == Rendition::Source && map.cut_list().is_some();
                self.media_track(media, (map_id, map), copies, profile).await?
            }
            TrackSource::Slate(_, words) => {
                (Track::of_slate(map, words, profile, &self.ffmpeg_version), &self.tracks)
            }
        };
        let track = Arc::new(track);
        kept.insert(name, Arc::clone(&track));
        Ok(track)
    }

    /// A media's track, copied where that is wanted and can be, and where it is kept.
    async fn media_track(
        &self,
        media: MediaId,
        (map_id, map): (MapId, SegmentMap),
        copies: bool,
        profile: Arc<Profile>,
    ) -> Result<(Track, &Kept), TimelineError> {
        let version = &self.ffmpeg_version;
        Ok(match self.source(media, map_id, map.clone()).await? {
            Ok(media) if copies && media.is_copied() => {
                let picture = media.facts.video.as_ref().map(|v| (v.width, v.height));
                let (width, height) = picture.unwrap_or_default();
                let profile = Arc::new(Profile::standing_in(width, height));
                (Track::of_copy(Arc::new(media), profile, version), &self.tracks)
            }
            Ok(media) => (Track::of_media(Arc::new(media), profile, version), &self.tracks),
            // The schedule is kept (invariant 6): its time is slate.
            Err(why) => {
                let treatment = if copies { Treatment::CopiedVideo } else { Treatment::Transcoded };
                let track = Track::withheld((map_id, map), treatment, why, profile, version);
                (track, &self.withheld)
            }
        })
    }

    /// The names under which an airing's segments may be in the store. Asks nobody, so
    /// that a look at what is there is none of the file.
    pub fn possible_keys(&self, airing: &Airing, rendition: Rendition) -> Vec<TrackKey> {
        let Content::Media { map_id, .. } = airing.row.content else { return Vec::new() };
        let encoded = Rendition::Height(rendition.height().unwrap_or(self.standard));
        let Some(profile) = Profile::transcoded(encoded, airing.row.frame_height) else {
            return Vec::new();
        };
        let profile = profile.by(self.devices.encoder_for(map_id));
        let has_cuts = airing.map().is_some_and(|map| map.cut_list().is_some());
        let may_be_copied = rendition == Rendition::Source && has_cuts;
        track::possible_keys(map_id, &profile, may_be_copied, &self.ffmpeg_version)
    }

    /// What is said while this row is on. Once said it stays, so that an address
    /// keeps its content.
    async fn words(&self, channel: ChannelId, row: &Row) -> Arc<OffAirWords> {
        let name = (channel, row.start);
        if let Some(words) = self.words.get(&name) {
            return words;
        }
        // Words are no reason to let anybody wait.
        let comes = timeout(SAID_WITHIN, self.timeline.comes_back(channel, row.start)).await;
        let comes = match comes {
            Ok(Ok(comes)) => comes,
            Ok(Err(error)) => {
                tracing::warn!(%channel, %error, "the slate cannot say when it is back");
                ComesBack::default()
            }
            Err(_) => ComesBack::default(),
        };
        let words = Arc::new(OffAirWords::of(comes, row.start, &self.zone));
        self.words.insert(name, Arc::clone(&words));
        words
    }

    /// What an airing that pinned this map is made from, or why it cannot be made.
    pub async fn source(
        &self,
        media: MediaId,
        map_id: MapId,
        map: SegmentMap,
    ) -> Result<Result<MediaSource, Withheld>, TimelineError> {
        let source = match self.timeline.media(media, map_id).await {
            Ok(source) => MediaSource { map, ..source },
            Err(
                error @ (TimelineError::Gone(_)
                | TimelineError::Replaced { .. }
                | TimelineError::PutAside { .. }),
            ) => {
                let title = format!("media {media}");
                return Ok(Err(Withheld { title, reason: error.to_string() }));
            }
            Err(error) => return Err(error),
        };
        let Some(remuxes) = &self.remuxes else { return Ok(Ok(source)) };
        let title = source.title.clone();
        Ok(remuxes.entered(source).await.map_err(|reason| Withheld { title, reason }))
    }

    /// The tracks of a rendition that are needed from these segments on: those of
    /// the airings up to now, and of the next when its time has come.
    pub async fn tracks(
        &self,
        (channel, ledger): (ChannelId, &Ledger),
        rendition: Rendition,
        from: [u64; 2],
        now: AirTime,
    ) -> Result<Tracks, TimelineError> {
        let mut tracks = Tracks::default();
        // The next item is not begun before its time.
        let soon = |segment: &AirSegment| segment.start <= now + LOW_MARK;
        for segment in from.into_iter().flat_map(|from| ledger.segments_from(from).take_while(soon))
        {
            if tracks.of(segment.row.ordinal).is_none()
                && let Some(airing) = ledger.airing_of(segment.sequence)
            {
                let track = self.track(channel, airing, rendition).await?;
                tracks.0.push((segment.row.ordinal, track));
            }
        }
        Ok(tracks)
    }
}

fn kept(time: Duration) -> Kept {
    moka::sync::Cache::builder().max_capacity(TRACKS).time_to_live(time).build()
}
