//! What a world begins with: its files, its channels, its mood.
//!
//! Owns the media, and the one place in which segment maps are made. A stand-in
//! for the server's `library` and `db/media`. Invariant: a map that was handed
//! out never changes; a replaced file gets another.

use std::collections::BTreeMap;
use std::sync::Arc;

use aerial_model::id::{MapId, MediaId};
use aerial_model::segment_map::{MapOutline, SegmentMap};
use aerial_model::time::{FrameRate, Ticks};
use uuid::Uuid;

use crate::history::{Fault, Level};
use crate::random::Random;

/// Where a media may be cut, as the world keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Cuts(Arc<SegmentMap>);

impl Cuts {
    fn of_frames(rate: FrameRate, frames: u64) -> Self {
        let one = SegmentMap::of_frames(FrameRate::PAL, 1).expect("one frame is a map");
        Self(Arc::new(SegmentMap::of_frames(rate, frames).unwrap_or(one)))
    }

    /// For a lineup's slot.
    pub(crate) fn map(&self) -> MapOutline {
        self.0.outline()
    }

    pub(crate) fn segments(&self) -> u32 {
        self.0.segments()
    }

    /// How long a segment lasts, in milliseconds, at least one.
    pub(crate) fn length_ms(&self, index: u32) -> u64 {
        self.0.segment_length(index).as_millis().max(1).cast_unsigned()
    }
}

/// One file.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    pub(crate) id: MediaId,
    pub(crate) map_id: MapId,
    pub(crate) height: u16,
    pub(crate) fault: Option<Fault>,
    rate: FrameRate,
    frames: u64,
}

/// All files, and all maps that there ever were of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Library {
    media: Vec<Media>,
    cuts: BTreeMap<MapId, (u8, Cuts)>,
}

/// Frame rates that files have.
const RATES: [(u32, u32); 6] =
    [(24_000, 1_001), (25, 1), (30_000, 1_001), (30, 1), (50, 1), (60_000, 1_001)];

impl Library {
    /// The files of that seed.
    pub(crate) fn of_seed(seed: u64, level: Level) -> Self {
        let mut random = Random::new(seed ^ 0x6c69_6272_6172_7921);
        let mut library = Self::default();
        for _ in 0..random.within(4..15) {
            let seconds = match level {
                // Half-hour items, as television has them.
                Level::Years => random.within(1_500..2_100),
                Level::Windows => match random.within(0..4) {
                    0 => random.within(1..30),
                    1 | 2 => random.within(30..400),
                    _ => random.within(400..3_000),
                },
            };
            let (num, den) = random.one_of(&RATES);
            let rate = FrameRate::new(num, den).unwrap_or(FrameRate::PAL);
            let odd_frames = random.within(0..u64::from(num / den));
            let frames = rate.frames_in(Ticks::from_secs(seconds.cast_signed())) + odd_frames;
            let height = random.one_of(&[480, 720, 720, 720]);
            library.add(rate, frames, height);
        }
        library
    }

    fn add(&mut self, rate: FrameRate, frames: u64, height: u16) {
        let number = self.media.len() as u8;
        let id = MediaId(Uuid::from_u128(u128::from(number) + 1));
        let map_id = self.new_map(number, rate, frames);
        self.media.push(Media { id, map_id, height, fault: None, rate, frames });
    }

    fn new_map(&mut self, number: u8, rate: FrameRate, frames: u64) -> MapId {
        let map_id = MapId(Uuid::from_u128(self.cuts.len() as u128 + 1));
        self.cuts.insert(map_id, (number, Cuts::of_frames(rate, frames)));
        map_id
    }

    /// The media of that number, counted modulo what is there.
    pub(crate) fn number(&self, number: u8) -> usize {
        usize::from(number) % self.media.len().max(1)
    }

    pub(crate) fn media(&self) -> &[Media] {
        &self.media
    }

    pub(crate) fn spoil(&mut self, number: u8, fault: Option<Fault>) {
        let number = self.number(number);
        self.media[number].fault = fault;
    }

    /// Another file takes the place of this one.
    pub(crate) fn replace(&mut self, number: u8, more_frames: u32) {
        let number = self.number(number);
        let Media { rate, frames, .. } = self.media[number];
        let frames = frames + u64::from(more_frames) % (frames / 10 + 2);
        let map_id = self.new_map(number as u8, rate, frames);
        let media = &mut self.media[number];
        (media.map_id, media.frames) = (map_id, frames);
    }

    /// The file that this map is of, if it still is the one that is there.
    pub(crate) fn current(&self, map_id: MapId) -> Option<&Media> {
        let (number, _) = self.cuts.get(&map_id)?;
        self.media.get(usize::from(*number)).filter(|media| media.map_id == map_id)
    }

    /// The cuts of that map.
    pub(crate) fn cuts(&self, map_id: MapId) -> Option<&Cuts> {
        self.cuts.get(&map_id).map(|(_, cuts)| cuts)
    }

    /// The cuts of a media as it is now.
    pub(crate) fn cuts_of(&self, media: &Media) -> &Cuts {
        &self.cuts[&media.map_id].1
    }
}

/// What kind of an hour it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Workers are fast and nothing fails: nobody ever waits.
    Calm,
    /// Files, workers and the server fail; workers are fast.
    Troubled,
    /// Workers may be slower than what they make plays.
    Slow,
}

impl Mood {
    /// The mood of that seed.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Random::new(seed ^ 0x006d_6f6f_6421).one_of(&[Self::Calm, Self::Troubled, Self::Slow])
    }

    /// How fast workers are at first, in percent of playing.
    pub(crate) fn speed_percent(self) -> u32 {
        match self {
            Self::Calm => 500,
            Self::Troubled => 300,
            Self::Slow => 80,
        }
    }
}
