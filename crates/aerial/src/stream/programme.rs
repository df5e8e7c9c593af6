//! What a channel airs, as the stream part reads it from the ledger.
//!
//! Owns the step from ledger rows to playlist entries, tracks and demand. Reads
//! the timeline, starts nothing. Invariant: everything here follows from the
//! committed rows and the clock.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::demand::Want;
use aerial_model::hls::{Edge, Entry, PROMISED, WINDOW_AHEAD, WINDOW_BACK};
use aerial_model::id::{ChannelId, MapId, MediaId};
use aerial_model::ledger::{AirSegment, Content, Ledger, Row};
use aerial_model::profile::{Profile, Rendition};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::{AirTime, Ticks};
use jiff::tz::TimeZone;
use tokio::time::timeout;

use super::off_air::{ComesBack, OffAirWords};
use super::remux::Remuxes;
use super::store::SegmentKey;
use super::timeline::{MediaSource, Timeline, TimelineError};
use super::track::{Track, Withheld};

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
    rendition: Rendition,
    remuxes: Option<Remuxes>,
    tracks: moka::sync::Cache<(TrackSource, Arc<Profile>), Arc<Track>>,
    withheld: moka::sync::Cache<(TrackSource, Arc<Profile>), Arc<Track>>,
    /// What is said in which off-air row: by channel and ordinal.
    words: moka::sync::Cache<(ChannelId, u64), Arc<OffAirWords>>,
    zone: TimeZone,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum TrackSource {
    Media(MapId),
    Slate(SegmentMap, Arc<OffAirWords>),
}

impl Programme {
    /// Reads this timeline; `ffmpeg_version` is part of what names a track.
    pub fn new(timeline: Arc<dyn Timeline>, ffmpeg_version: &str) -> Self {
        Self {
            timeline,
            ffmpeg_version: ffmpeg_version.into(),
            rendition: DEFAULT_RENDITION,
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
        channel: ChannelId,
        row: &Row,
        rendition: Rendition,
    ) -> Result<Arc<Track>, TimelineError> {
        let profile = Profile::transcoded(rendition, row.frame_height);
        let profile = Arc::new(profile.ok_or(TimelineError::NotOffered(rendition))?);
        let source = match row.content {
            Content::Media { map_id, .. } => TrackSource::Media(map_id),
            Content::OffAir { map, .. } => TrackSource::Slate(map, self.words(channel, row).await),
            Content::Skip { .. } => unreachable!("a skip has no segments to serve"),
        };
        let name = (source.clone(), Arc::clone(&profile));
        if let Some(track) = self.tracks.get(&name).or_else(|| self.withheld.get(&name)) {
            return Ok(track);
        }
        let version = &self.ffmpeg_version;
        let track = match (row.content, source) {
            (Content::Media { cursor, map_id, map, .. }, _) => {
                match self.source(cursor.media, map_id, map).await? {
                    Ok(media) => Track::of_media(Arc::new(media), Arc::clone(&profile), version),
                    // The schedule is kept (invariant 6): its time is slate.
                    Err(why) => {
                        let track =
                            Track::withheld((map_id, map), why, Arc::clone(&profile), version);
                        let track = Arc::new(track);
                        self.withheld.insert(name, Arc::clone(&track));
                        return Ok(track);
                    }
                }
            }
            (_, TrackSource::Slate(map, words)) => Track::of_slate(map, words, profile, version),
            _ => unreachable!("a skip has no segments to serve"),
        };
        let track = Arc::new(track);
        self.tracks.insert(name, Arc::clone(&track));
        Ok(track)
    }

    /// What is said while this row is on. Once said it stays, so that an address
    /// keeps its content.
    async fn words(&self, channel: ChannelId, row: &Row) -> Arc<OffAirWords> {
        let name = (channel, row.ordinal);
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
            if tracks.of(segment.row.ordinal).is_none() {
                let track = self.track(channel, &segment.row, rendition).await?;
                tracks.0.push((segment.row.ordinal, track));
            }
        }
        Ok(tracks)
    }
}

fn kept(time: Duration) -> moka::sync::Cache<(TrackSource, Arc<Profile>), Arc<Track>> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use aerial_model::ledger::Cursor;
    use aerial_model::lineup::SlotKey;
    use aerial_model::time::FrameRate;

    const START: AirTime = AirTime::from_unix_millis(1_800_000_000_000);

    /// A film of 200 s, 50 segments of 4 s, and another after it.
    fn two_films() -> (Ledger, Tracks) {
        let map = SegmentMap::of_frames(FrameRate::PAL, 5_000).unwrap();
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
            lineup_version: 1,
            content: Content::Media { cursor, map_id: MapId(id()), map, first: 0, end: 50 },
        };
        let profile = Arc::new(Profile::transcoded(Rendition::Height(720), 720).unwrap());
        let track = |number: &str| {
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
