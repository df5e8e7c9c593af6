//! What is wanted of a programme's tracks, and how much of it is there.
//!
//! Owns the tracks' side of it: how far ahead segments are made is the model's to say
//! (`aerial_model::demand`). Starts nothing. Invariant: only the committed, and what the
//! store says is made, count.

use std::collections::BTreeSet;
use std::sync::Arc;

use aerial_model::capacity::Encode;
use aerial_model::demand::Want;
use aerial_model::demand::wanted::{self, HIGH_MARK};
use aerial_model::ledger::{AirSegment, Ledger};
use aerial_model::time::{AirTime, Ticks};

use super::tracks::Tracks;
use crate::stream::store::SegmentKey;
use crate::stream::track::{Source, Track};

/// What is made so far ahead costs nothing: a worker that is parked is never so far,
/// so that all of it was made for somebody earlier.
const KEPT_AHEAD: Ticks = Ticks::from_secs(600);

/// What is wanted of these tracks by players that will ask for the segments of
/// `starts` next. `made` says what is finished.
pub fn wants(
    ledger: &Ledger,
    tracks: &Tracks,
    starts: &BTreeSet<u64>,
    now: AirTime,
    made: impl Fn(SegmentKey) -> bool,
) -> Vec<Want> {
    let track = |ordinal| tracks.of(ordinal).map(|track| track.key);
    wanted::wants(ledger, track, starts, now, |track, index| made(SegmentKey { track, index }))
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
    use aerial_model::id::MapId;
    use aerial_model::ledger::{Content, Cursor, Row};
    use aerial_model::lineup::SlotKey;
    use aerial_model::profile::{Profile, Rendition};
    use aerial_model::segment_map::MapOutline;
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
