//! Capacity: how much may be encoded at once, and what of it is taken.
//!
//! Owns the counting of encodes and the answer to a tune-in that needs one more.
//! Measures nothing and starts nothing. Invariants: what is on the air is never
//! refused; of any number of tune-ins none takes the last place twice.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::demand::TrackKey;
use crate::profile::Rendition;
use crate::time::FrameRate;

/// Two that play the same track, the one at most this many segments (a minute)
/// behind the other, are served by one worker: what the first had made is kept,
/// and it goes no further ahead than this.
const SHARED_SEGMENTS: u32 = 15;

/// What was admitted is counted for as long, though its session has not said so
/// itself yet: it does once a second, unless the catalogue is slow to answer.
const FRESH: Duration = Duration::from_secs(10);

/// A track that is encoded in its profile for somebody now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encode {
    /// Which media in which profile.
    pub track: TrackKey,
    /// The segment that is on.
    pub segment: u32,
    /// Pixels of a picture.
    pub pixels: u32,
    /// Pictures a second.
    pub rate: FrameRate,
}

/// How much may be encoded at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// As many pixels a second as were measured.
    Measured {
        /// How many.
        pixels_per_second: u64,
    },
    /// As many pixels a second as such a machine should do, before it is measured.
    Assumed {
        /// How many.
        pixels_per_second: u64,
    },
    /// As people set it: so many pictures of this size, whatever their rate.
    Set {
        /// How many.
        encodes: u32,
        /// Pixels of a picture that counts as a whole one.
        pixels: u32,
    },
}

/// Pictures a second that a whole encode is reckoned with where the limit is
/// told as a number: the measurement's.
pub const RECKONED_RATE: u64 = 25;

impl Limit {
    /// What this encode takes of it, in the limit's own unit.
    fn of(self, encode: &Encode) -> u64 {
        let pixels = u64::from(encode.pixels);
        match self {
            Self::Measured { .. } | Self::Assumed { .. } => {
                pixels * u64::from(encode.rate.num()) / u64::from(encode.rate.den())
            }
            Self::Set { .. } => pixels,
        }
    }

    fn whole(self) -> u64 {
        match self {
            Self::Measured { pixels_per_second } | Self::Assumed { pixels_per_second } => {
                pixels_per_second
            }
            Self::Set { encodes, pixels } => u64::from(encodes) * u64::from(pixels),
        }
    }

    /// Of pictures of these sizes, best first, those that are carried together; `None`
    /// where that was not measured.
    pub fn carried(self, pixels: impl IntoIterator<Item = u32>) -> Option<Vec<bool>> {
        if matches!(self, Self::Assumed { .. }) {
            return None;
        }
        let mut left = self.whole();
        let carried = pixels.into_iter().map(|pixels| {
            let takes = match self {
                Self::Measured { .. } | Self::Assumed { .. } => u64::from(pixels) * RECKONED_RATE,
                Self::Set { .. } => u64::from(pixels),
            };
            let fits = takes <= left;
            left -= if fits { takes } else { 0 };
            fits
        });
        Some(carried.collect())
    }

    /// How many pictures of this size may be encoded at once.
    pub fn encodes(self, pixels: u32) -> u32 {
        let one = match self {
            Self::Measured { .. } | Self::Assumed { .. } => u64::from(pixels) * RECKONED_RATE,
            Self::Set { .. } => u64::from(pixels),
        };
        u32::try_from(self.whole() / one.max(1)).unwrap_or(u32::MAX)
    }
}

/// Whose place it is: a session, by its number, in a rendition.
pub type Holder = (u64, Rendition);

#[derive(Clone, Debug)]
struct Place {
    /// What people call it.
    name: String,
    /// Nothing: copied, kept in the store, or slate.
    encode: Option<Encode>,
    /// Admitted, and not yet stated by the session itself until then.
    fresh_until: Option<Duration>,
}

/// A tune-in is past the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// What is encoded now, as people call it.
    pub running: Vec<String>,
}

/// Who has which place.
#[derive(Clone, Debug)]
pub struct Places {
    limit: Limit,
    taken: BTreeMap<Holder, Place>,
}

impl Places {
    /// None is taken.
    pub fn new(limit: Limit) -> Self {
        Self { limit, taken: BTreeMap::new() }
    }

    /// The limit.
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// Another limit, from now on; nobody loses a place.
    pub fn set_limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Whether this rendition of the session is on the air.
    pub fn is_held(&self, holder: Holder) -> bool {
        self.taken.contains_key(&holder)
    }

    /// Takes a place for a tune-in that needs this encode, or none.
    ///
    /// Free is what is on the air already, what another session has made for it,
    /// and what is not encoded at all. One encode is always allowed: on a machine
    /// that is slower than real time, one channel is better than none.
    pub fn admit(
        &mut self,
        holder: Holder,
        name: &str,
        encode: Option<Encode>,
        now: Duration,
    ) -> Result<(), Full> {
        if !self.is_held(holder)
            && let Some(encode) = &encode
        {
            let taken = self.load(None);
            let with_it = self.load(Some(encode));
            if with_it > taken && taken > 0 && with_it > self.limit.whole() {
                return Err(Full { running: self.running() });
            }
        }
        self.take(holder, name, encode, now);
        Ok(())
    }

    /// Takes a place for who was on the air before, whether there is one or not.
    pub fn take(&mut self, holder: Holder, name: &str, encode: Option<Encode>, now: Duration) {
        let place = self.taken.entry(holder).or_insert_with(|| Place {
            name: name.to_owned(),
            encode,
            fresh_until: None,
        });
        place.fresh_until = Some(now + FRESH);
    }

    /// What a session has encoded now, as it says itself.
    pub fn state(
        &mut self,
        session: u64,
        name: &str,
        stated: impl IntoIterator<Item = (Rendition, Option<Encode>)>,
        now: Duration,
    ) {
        let stated: BTreeMap<Rendition, Option<Encode>> = stated.into_iter().collect();
        self.taken.retain(|(of, rendition), place| {
            *of != session
                || stated.contains_key(rendition)
                || place.fresh_until.is_some_and(|until| now < until)
        });
        for (rendition, encode) in stated {
            let place = Place { name: name.to_owned(), encode, fresh_until: None };
            let fresh_until = self.taken.get(&(session, rendition)).and_then(|p| p.fresh_until);
            self.taken.insert((session, rendition), Place { fresh_until, ..place });
        }
    }

    /// A session is gone.
    pub fn release(&mut self, session: u64) {
        self.taken.retain(|(of, _), _| *of != session);
    }

    /// What is encoded now, as people call it.
    pub fn running(&self) -> Vec<String> {
        let encoded = self.taken.iter().filter(|(_, place)| place.encode.is_some());
        encoded.map(|((_, rendition), place)| format!("{} in {rendition}", place.name)).collect()
    }

    /// Of the limit, in per cent; over 100 where what was on the air grew.
    pub fn taken_percent(&self) -> u32 {
        let percent = self.load(None) * 100 / self.limit.whole().max(1);
        u32::try_from(percent).unwrap_or(u32::MAX)
    }

    /// What all places take together, and this one more.
    fn load(&self, more: Option<&Encode>) -> u64 {
        let encodes = self.taken.values().filter_map(|place| place.encode.as_ref()).chain(more);
        let mut by_track: BTreeMap<TrackKey, Vec<&Encode>> = BTreeMap::new();
        for encode in encodes {
            by_track.entry(encode.track).or_default().push(encode);
        }
        by_track.into_values().map(|of_track| self.load_of_track(of_track)).sum()
    }

    /// A worker for each stretch of the track that is not close behind another.
    fn load_of_track(&self, mut encodes: Vec<&Encode>) -> u64 {
        encodes.sort_by_key(|encode| std::cmp::Reverse(encode.segment));
        let mut last: Option<u32> = None;
        let mut load = 0;
        for encode in encodes {
            if last.is_none_or(|last| last - encode.segment > SHARED_SEGMENTS) {
                load += self.limit.of(encode);
            }
            last = Some(encode.segment);
        }
        load
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_several_pictures_those_are_carried_that_fit_together() {
        let sizes = [1_920 * 1_080, 1_280 * 720, 854 * 480, 640 * 360];
        let carried = |limit: Limit| limit.carried(sizes);
        assert_eq!(carried(Limit::Assumed { pixels_per_second: 1 }), None);
        let two = Limit::Set { encodes: 2, pixels: 1_280 * 720 };
        assert_eq!(carried(two), Some(vec![false, true, true, true]));
        let measured = Limit::Measured { pixels_per_second: 1_920 * 1_080 * RECKONED_RATE };
        assert_eq!(carried(measured), Some(vec![true, false, false, false]));
    }

    use super::*;
    use proptest::prelude::*;

    const HD: Rendition = Rendition::Height(720);
    const SMALL: Rendition = Rendition::Height(360);
    const HD_PIXELS: u32 = 1_280 * 720;
    const NOW: Duration = Duration::from_secs(100);

    fn encode(film: u8, segment: u32, pixels: u32, rate: FrameRate) -> Option<Encode> {
        Some(Encode { track: TrackKey([film; 16]), segment, pixels, rate })
    }
    fn hd(film: u8) -> Option<Encode> {
        encode(film, 0, HD_PIXELS, FrameRate::PAL)
    }
    fn set(encodes: u32) -> Places {
        Places::new(Limit::Set { encodes, pixels: HD_PIXELS })
    }

    #[test]
    fn the_tune_in_past_the_limit_is_told_what_runs() {
        let mut places = set(2);
        assert_eq!(places.admit((1, HD), "5 News", hd(1), NOW), Ok(()));
        assert_eq!(places.admit((2, HD), "7 Films", hd(2), NOW), Ok(()));
        let full = Full { running: vec!["5 News in 720p".into(), "7 Films in 720p".into()] };
        assert_eq!(places.admit((3, HD), "9", hd(3), NOW), Err(full));
        assert!(!places.is_held((3, HD)));
        places.release(1);
        assert_eq!(places.admit((3, HD), "9", hd(3), NOW), Ok(()));
    }

    #[test]
    fn who_joins_what_is_on_the_air_made_by_another_kept_or_copied_is_never_refused() {
        let mut places = set(1);
        places.admit((1, HD), "5", hd(1), NOW).unwrap();
        assert_eq!(places.admit((1, HD), "5", hd(9), NOW), Ok(()), "on the air");
        assert_eq!(places.admit((2, HD), "6", hd(1), NOW), Ok(()), "made for channel 5");
        assert_eq!(places.admit((3, Rendition::Source), "7", None, NOW), Ok(()), "copied");
        let far = encode(1, 200, HD_PIXELS, FrameRate::PAL);
        assert!(places.admit((4, HD), "8", far, NOW).is_err(), "far ahead in the same film");
    }

    #[test]
    fn small_and_slow_pictures_take_less() {
        let mut places = set(2);
        let small = |film| encode(film, 0, 640 * 360, FrameRate::PAL);
        for film in 1..=8 {
            assert_eq!(places.admit((film.into(), SMALL), "", small(film), NOW), Ok(()), "{film}");
        }
        assert!(places.admit((9, SMALL), "", small(9), NOW).is_err());

        let mut measured =
            Places::new(Limit::Measured { pixels_per_second: u64::from(HD_PIXELS) * 60 });
        let fast = FrameRate::new(50, 1).unwrap();
        measured.admit((1, HD), "", encode(1, 0, HD_PIXELS, fast), NOW).unwrap();
        assert!(measured.admit((2, HD), "", hd(2), NOW).is_err());
        assert_eq!(measured.taken_percent(), 83);
        assert_eq!(measured.limit().encodes(HD_PIXELS), 2);
    }

    #[test]
    fn a_machine_that_carries_not_even_one_encodes_one() {
        let mut places = Places::new(Limit::Measured { pixels_per_second: 1_000 });
        assert_eq!(places.admit((1, HD), "", hd(1), NOW), Ok(()));
        assert!(places.admit((2, HD), "", hd(2), NOW).is_err());
    }

    #[test]
    fn what_a_session_states_replaces_what_it_had_and_is_never_refused() {
        let mut places = set(1);
        places.admit((1, HD), "5", hd(1), NOW).unwrap();
        // Its next film begins: the successor shares the place.
        places.state(1, "5", [(HD, hd(2))], NOW + FRESH);
        assert!(places.admit((2, HD), "6", hd(3), NOW + FRESH).is_err());
        // Two that shared a film part: both go on.
        places.admit((2, HD), "6", hd(2), NOW + FRESH).unwrap();
        places.state(2, "6", [(HD, hd(3))], NOW + FRESH);
        assert_eq!((places.running().len(), places.taken_percent()), (2, 200));
        // Nobody watches the one any more, though its session lives.
        places.state(1, "5", [], NOW + FRESH * 2);
        assert_eq!(places.running(), ["6 in 720p"]);
    }

    #[test]
    fn what_was_admitted_a_moment_ago_is_counted_though_its_session_knows_nothing_yet() {
        let mut places = set(1);
        places.admit((1, HD), "5", hd(1), NOW).unwrap();
        places.state(1, "5", [], NOW + Duration::from_millis(5));
        assert!(places.admit((2, HD), "6", hd(2), NOW + Duration::from_millis(6)).is_err());
        places.state(1, "5", [], NOW + FRESH);
        assert_eq!(places.admit((2, HD), "6", hd(2), NOW + FRESH), Ok(()));
    }

    #[test]
    fn who_was_on_the_air_before_comes_back_past_the_limit() {
        let mut places = set(1);
        places.take((1, HD), "5", hd(1), NOW);
        places.take((2, HD), "6", hd(2), NOW);
        assert_eq!(places.running().len(), 2);
    }

    proptest! {
        #[test]
        fn tune_ins_alone_never_go_past_the_limit(
            tune_ins in prop::collection::vec((0u64..20, 0u8..12, 0u32..60), 1..80),
            encodes in 1u32..8,
        ) {
            let mut places = set(encodes);
            for (session, film, segment) in tune_ins {
                let pixels = HD_PIXELS / (1 + u32::from(film) % 3);
                let encode = encode(film, segment, pixels, FrameRate::PAL);
                let _ = places.admit((session, HD), "", encode, NOW);
                prop_assert!(places.taken_percent() <= 100);
            }
        }
    }
}
