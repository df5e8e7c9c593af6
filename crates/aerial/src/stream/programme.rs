//! What a channel airs, as the stream part reads it from the ledger.
//!
//! Owns the step from ledger rows to playlist entries, tracks and demand. Reads
//! the timeline, starts nothing. Invariant: everything here follows from the
//! committed rows and the clock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::capacity::Encode;
use aerial_model::demand::{TrackKey, Want};
use aerial_model::encoder::Encoder;
use aerial_model::hls::PROMISED;
use aerial_model::hls::window::SERVED_FOR;
use aerial_model::id::{ChannelId, MapId, MediaId};
use aerial_model::ladder::{Ladder, Looks};
use aerial_model::ledger::{AirSegment, Airing, Content, Ledger, Row};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::{MapOutline, SegmentMap};
use aerial_model::segmenter::Treatment;
use aerial_model::time::{AirTime, Ticks};
use jiff::tz::TimeZone;
use tokio::time::timeout;

use super::devices::Devices;
use super::off_air::{ComesBack, OffAirWords};
use super::remux::Remuxes;
use super::store::SegmentKey;
use super::timeline::{MediaSource, OnAir, Timeline, TimelineError};
use super::track::{self, Source, Track, Withheld};

/// Segments are made at least this far ahead, and a worker that sleeps is woken
/// when less is there; the next item's first worker starts this early too.
const LOW_MARK: Ticks = Ticks::from_secs(20);

/// A worker makes segments up to this far ahead, then sleeps.
pub(super) const HIGH_MARK: Ticks = Ticks::from_secs(60);

/// What is made so far ahead costs nothing: a worker that is parked is never so far,
/// so that all of it was made for somebody earlier.
const KEPT_AHEAD: Ticks = Ticks::from_secs(600);

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
    Media(MapId),
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
            unreachable!("a skip has no segments to serve")
        };
        let (source, encoder) = match row.content {
            Content::Media { map_id, .. } => {
                (TrackSource::Media(map_id), self.devices.encoder_for(map_id))
            }
            // Slates are made in software: they must never fail.
            _ => {
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
        let version = &self.ffmpeg_version;
        let track = match (row.content, source) {
            (Content::Media { cursor, map_id, .. }, _) => {
                let copies = rendition == Rendition::Source && map.cut_list().is_some();
                match self.source(cursor.media, map_id, map.clone()).await? {
                    Ok(media) if copies && media.is_copied() => {
                        let picture = media.facts.video.as_ref().map(|v| (v.width, v.height));
                        let (width, height) = picture.unwrap_or_default();
                        let profile = Arc::new(Profile::standing_in(width, height));
                        Track::of_copy(Arc::new(media), profile, version)
                    }
                    Ok(media) => Track::of_media(Arc::new(media), profile, version),
                    // The schedule is kept (invariant 6): its time is slate.
                    Err(why) => {
                        let treatment =
                            if copies { Treatment::CopiedVideo } else { Treatment::Transcoded };
                        let named = (map_id, map);
                        let track = Track::withheld(named, treatment, why, profile, version);
                        let track = Arc::new(track);
                        self.withheld.insert(name, Arc::clone(&track));
                        return Ok(track);
                    }
                }
            }
            (_, TrackSource::Slate(_, words)) => Track::of_slate(map, words, profile, version),
            _ => unreachable!("a skip has no segments to serve"),
        };
        let track = Arc::new(track);
        self.tracks.insert(name, Arc::clone(&track));
        Ok(track)
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

/// The tracks that some airings play in one rendition.
#[derive(Clone, Debug, Default)]
pub struct Tracks(Vec<(u64, Arc<Track>)>);

impl Tracks {
    /// That of the airing with this ordinal.
    pub(super) fn of(&self, ordinal: u64) -> Option<&Arc<Track>> {
        self.0.iter().find(|(of, _)| *of == ordinal).map(|(_, track)| track)
    }

    /// All of them, in the order of airing.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Track>> {
        self.0.iter().map(|(_, track)| track)
    }

    /// The name of a segment in the store, where its track is known.
    pub fn key(&self, ledger: &Ledger, sequence: u64) -> Option<SegmentKey> {
        let segment = ledger.segment(sequence)?;
        let track = self.of(segment.row.ordinal)?.key;
        Some(SegmentKey { track, index: segment.index })
    }

    /// The segments from `from` on, as far as their tracks are known.
    fn segments<'a>(
        &'a self,
        ledger: &'a Ledger,
        from: u64,
    ) -> impl Iterator<Item = (AirSegment, &'a Arc<Track>)> + 'a {
        ledger
            .segments_from(from)
            .map_while(|segment| Some((segment, self.of(segment.row.ordinal)?)))
    }
}

/// What is wanted of these tracks by players that will ask for the segments of
/// `starts` next. `made` says what is finished.
pub fn wants(
    ledger: &Ledger,
    tracks: &Tracks,
    starts: &BTreeSet<u64>,
    now: AirTime,
    made: impl Fn(SegmentKey) -> bool,
) -> Vec<Want> {
    let mut missing = BTreeSet::new();
    for start in starts {
        // The last one that must be made now stands for those after it: whoever
        // makes them is still wanted.
        let first = tracks
            .segments(ledger, *start)
            .take_while(|(segment, _)| segment.start <= now + LOW_MARK)
            .find(|(segment, track)| !made(SegmentKey { track: track.key, index: segment.index }));
        let last = ledger.segment_at_or_after(now + LOW_MARK).map(|segment| segment.sequence);
        let first = first.map(|(segment, _)| segment.sequence).or(last);
        missing.extend(first.map(|first| first.max(*start)));
    }
    let mut runs: Vec<u64> = Vec::new();
    for start in missing {
        // Whoever makes a segment makes the next ones too: what is promised
        // together is made by one.
        if runs.last().is_none_or(|run| start > run + PROMISED) {
            runs.push(start);
        }
    }
    runs.into_iter().flat_map(|start| run(ledger, tracks, start, now)).collect()
}

/// What is wanted from one segment on, a want for each airing.
fn run(ledger: &Ledger, tracks: &Tracks, start: u64, now: AirTime) -> Vec<Want> {
    let (mut wants, mut ordinal): (Vec<Want>, _) = (Vec::new(), None);
    for (segment, track) in tracks.segments(ledger, start) {
        if segment.start > now + HIGH_MARK {
            break;
        }
        if ordinal.replace(segment.row.ordinal) != Some(segment.row.ordinal) {
            let ticks = (segment.start - now).0.max(0) as u64;
            wants.push(Want {
                track: track.key,
                first: segment.index,
                low: segment.index,
                high: segment.index,
                due: Duration::from_millis(ticks / 90),
            });
        }
        if let Some(want) = wants.last_mut() {
            want.high = segment.index + 1;
            if segment.start <= now + LOW_MARK {
                want.low = segment.index + 1;
            }
        }
    }
    wants
}

/// What playlists list from `from` on, and what they will list of what is made ahead.
pub fn listed<'a>(
    ledger: &'a Ledger,
    tracks: &'a Tracks,
    from: u64,
    now: AirTime,
) -> impl Iterator<Item = (AirSegment, &'a Arc<Track>)> + 'a {
    let soon = move |segment: &AirSegment| segment.start <= now + HIGH_MARK;
    ledger
        .segments_from(from)
        .take_while(soon)
        .filter_map(|segment| Some((segment, tracks.of(segment.row.ordinal)?)))
}

/// How far the segments are made without a gap, from now on.
pub fn made_ahead(
    ledger: &Ledger,
    tracks: &Tracks,
    now: AirTime,
    made: impl Fn(SegmentKey) -> bool,
) -> Ticks {
    let Some(current) = ledger.segment_at_or_after(now) else { return Ticks::ZERO };
    tracks
        .segments(ledger, current.sequence)
        .take_while(|(segment, track)| made(SegmentKey { track: track.key, index: segment.index }))
        .last()
        .map_or(Ticks::ZERO, |(segment, _)| segment.end() - now)
}

/// What must be encoded of these tracks for who watches now: the first airing of
/// which something is neither made nor slate. `None`: nothing, for a while.
pub fn encode(
    ledger: &Ledger,
    tracks: &Tracks,
    now: AirTime,
    made: impl Fn(SegmentKey) -> bool,
) -> Option<Encode> {
    let current = ledger.segment_at_or_after(now)?;
    let (segment, track) = tracks
        .segments(ledger, current.sequence)
        .take_while(|(segment, _)| segment.start <= now + KEPT_AHEAD)
        .filter(|(_, track)| matches!(track.source, Source::Media(_)))
        .filter(|(_, track)| !track.treatment.copies_video())
        .find(|(segment, track)| !made(SegmentKey { track: track.key, index: segment.index }))?;
    // Where it is on, not how far it is made: two that watch the same are together.
    let on = if segment.row.ordinal == current.row.ordinal { current.index } else { 0 };
    let profile = &track.profile;
    let pixels = u32::from(profile.width) * u32::from(profile.height);
    Some(Encode { track: track.key, segment: on, pixels, rate: track.map.rate() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aerial_model::ledger::{Cursor, Row};
    use aerial_model::lineup::SlotKey;
    use aerial_model::time::FrameRate;

    const START: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

    /// A film of 200 s, 50 segments of 4 s, and another after it.
    fn two_films() -> (Ledger, Tracks) {
        let map = MapOutline::of_frames(FrameRate::PAL, 5_000).unwrap();
        let length = map.end().round_up_to_audio_frame();
        let id = uuid::Uuid::nil;
        let cursor = Cursor {
            cycle: 0,
            item: aerial_model::id::ItemId(id()),
            media: aerial_model::id::MediaId(id()),
            key: SlotKey::default(),
        };
        let row = |ordinal: u64| Row {
            ordinal,
            start: START + length * ordinal as i64,
            length,
            first_sequence: 50 * ordinal,
            discontinuity_sequence: 0,
            frame_height: 720,
            signature: None,
            lineup_version: 1,
            content: Content::Media { cursor, map_id: MapId(id()), map, first: 0, end: 50 },
        };
        let profile = Arc::new(Profile::transcoded(Rendition::Height(720), 720).unwrap());
        let track = |number: &str| {
            let map = map.uniform().unwrap();
            Arc::new(Track::of_slate(map, Arc::default(), Arc::clone(&profile), number))
        };
        let tracks = Tracks(vec![(0, track("first")), (1, track("second"))]);
        (Ledger::read([row(0), row(1)]).unwrap(), tracks)
    }

    /// First, low and high segment of each want at `seconds`, all before `made`
    /// being made.
    fn wanted(starts: &[u64], seconds: i64, made: u32) -> Vec<(u32, u32, u32)> {
        let (ledger, tracks) = two_films();
        let now = START + Ticks::from_secs(seconds);
        let starts = starts.iter().copied().collect();
        let wants = wants(&ledger, &tracks, &starts, now, |key| key.index < made);
        wants.into_iter().map(|want| (want.first, want.low, want.high)).collect()
    }

    #[test]
    fn it_is_made_20_s_ahead_by_who_may_go_on_for_60() {
        assert_eq!(wanted(&[10], 41, 0), [(10, 16, 26)]);
    }

    #[test]
    fn a_player_that_has_fallen_behind_is_served_first() {
        assert_eq!(wanted(&[7], 41, 0), [(7, 16, 26)]);
        assert_eq!(wanted(&[7], 41, 12), [(12, 16, 26)]);
    }

    #[test]
    fn what_is_promised_together_is_wanted_of_one_worker() {
        assert_eq!(wanted(&[10, 11, 12], 41, 0), [(10, 16, 26)]);
        assert_eq!(wanted(&[3, 10, 13], 41, 0), [(3, 16, 26), (10, 16, 26), (13, 16, 26)]);
        // All of them are past what is made: they need the same next.
        assert_eq!(wanted(&[3, 10, 13], 41, 14), [(14, 16, 26)]);
    }

    #[test]
    fn who_has_made_enough_stays_wanted() {
        assert_eq!(wanted(&[10], 41, 26), [(15, 16, 26)]);
    }

    #[test]
    fn the_next_film_is_wanted_when_its_time_has_come() {
        let (ledger, tracks) = two_films();
        let now = START + Ticks::from_secs(190);
        let wants = wants(&ledger, &tracks, &[47].into(), now, |_| false);
        assert_eq!(wants.len(), 2);
        assert_eq!((wants[1].track, wants[1].first), (tracks.0[1].1.key, 0));
        assert_eq!(wants[1].due.as_secs(), 10);
        assert_eq!(made_ahead(&ledger, &tracks, now, |_| false), Ticks::ZERO);
        let ahead = made_ahead(&ledger, &tracks, now, |key| key.track == tracks.0[0].1.key);
        assert_eq!(ahead, Ticks::from_secs(10));
    }
}
