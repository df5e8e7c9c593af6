//! Histories from seeds.
//!
//! Owns how often what happens. Does not know what follows from it. Invariant:
//! the same seed gives the same history.

use crate::history::{Edit, Event, Fault, History, Level, Viewing};
use crate::library::Mood;
use crate::random::Random;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Viewers of a year: few, so that channels are often without any.
const VIEWERS_OF_YEARS: u64 = 3;

/// Viewers of an hour.
const VIEWERS_OF_WINDOWS: u64 = 6;

/// A history of `length_ms` as that seed has it.
pub fn history(level: Level, seed: u64, channels: u8, length_ms: u64) -> History {
    let channels = channels.max(1);
    let events = match level {
        Level::Years => years(seed, channels, length_ms),
        Level::Windows => windows(seed, channels, length_ms),
    };
    History { seed, level, channels, plant: None, events }
}

/// Months of a few channels.
fn years(seed: u64, channels: u8, length_ms: u64) -> Vec<Event> {
    let mut random = Random::new(seed);
    let mut events = Vec::new();
    let mut passed = 0;
    while passed < length_ms {
        let channel = random.within(0..channels.into()) as u8;
        let viewer = random.within(0..VIEWERS_OF_YEARS) as u32;
        let event = match random.within(0..100) {
            0..=37 => {
                let ms = match random.within(0..100) {
                    0..=49 => random.within(1..HOUR),
                    50..=89 => random.within(HOUR..12 * HOUR),
                    90..=98 => random.within(12 * HOUR..4 * DAY),
                    _ => random.within(4 * DAY..30 * DAY),
                };
                let ms = ms.min(length_ms - passed);
                passed += ms;
                Event::Wait { ms }
            }
            38..=57 => {
                // A player that looks in, or a connection that stays.
                let viewing = match random.chance(25) {
                    true => Viewing::Hls { high: true },
                    false => Viewing::Transport,
                };
                Event::TuneIn { viewer, channel, viewing }
            }
            58..=63 => Event::Leave { viewer },
            64..=65 => Event::Vanish { viewer },
            66..=81 => Event::Edit { channel, edit: edit(&mut random) },
            82..=83 => Event::EditElsewhere { channel, edit: edit(&mut random) },
            84..=85 => Event::Race { channel },
            86..=88 => Event::SkipAiring { channel },
            89 => Event::Stop { channel },
            90 => replace(&mut random),
            91..=92 => Event::Crash { down_ms: random.within(0..30 * SECOND) },
            93 => Event::PowerCut { down_ms: random.within(0..30 * MINUTE) },
            94..=96 => step(&mut random),
            _ => Event::Housekeep,
        };
        events.push(event);
    }
    events
}

/// An hour of a few channels, somewhere in their lives.
fn windows(seed: u64, channels: u8, length_ms: u64) -> Vec<Event> {
    let mut random = Random::new(seed);
    let mood = Mood::of_seed(seed);
    // What was before: nothing, or days that nobody watched.
    let before = if random.chance(50) { random.within(0..20 * DAY) } else { 0 };
    let mut events = vec![Event::Wait { ms: before }];
    let mut passed = 0;
    while passed < length_ms {
        let channel = random.within(0..channels.into()) as u8;
        let viewer = random.within(0..VIEWERS_OF_WINDOWS) as u32;
        let event = match random.within(0..100) {
            0..=44 => {
                let ms = match random.within(0..10) {
                    0..=3 => random.within(1..6 * SECOND),
                    4..=8 => random.within(6 * SECOND..90 * SECOND),
                    _ => random.within(90 * SECOND..10 * MINUTE),
                };
                passed += ms;
                Event::Wait { ms }
            }
            45..=66 => {
                let viewing = match random.within(0..5) {
                    0 => Viewing::Transport,
                    other => Viewing::Hls { high: other > 1 },
                };
                Event::TuneIn { viewer, channel, viewing }
            }
            67..=68 => Event::Leave { viewer },
            69..=70 => Event::Vanish { viewer },
            71..=73 => Event::Pause { viewer, ms: random.within(0..2 * MINUTE) },
            74..=79 => Event::Edit { channel, edit: edit(&mut random) },
            80 => Event::EditElsewhere { channel, edit: edit(&mut random) },
            81 => Event::Race { channel },
            82..=83 => Event::SkipAiring { channel },
            84 => Event::Stop { channel },
            85 => step(&mut random),
            86 => Event::Housekeep,
            _ => match mood {
                Mood::Calm => continue,
                Mood::Troubled => trouble(&mut random),
                Mood::Slow => Event::Speed { percent: random.within(10..200) as u32 },
            },
        };
        events.push(event);
    }
    events
}

fn edit(random: &mut Random) -> Edit {
    let place = |random: &mut Random| random.bits() as u8;
    match random.within(0..20) {
        0..=7 => Edit::Insert { media: place(random), at: place(random) },
        8..=10 => Edit::Remove { at: place(random) },
        11..=12 => Edit::RemoveCurrent,
        13..=15 => Edit::Move { from: place(random), to: place(random) },
        16 => Edit::Shuffle(random.chance(50)),
        17 => Edit::Looping(random.chance(80)),
        18 => Edit::StartsIn(random.within(0..3 * HOUR).cast_signed() - HOUR.cast_signed()),
        _ if random.chance(30) => Edit::Empty,
        _ => Edit::Looping(true),
    }
}

fn replace(random: &mut Random) -> Event {
    Event::Replace { media: random.bits() as u8, more_frames: random.bits() as u32 }
}

fn step(random: &mut Random) -> Event {
    let most = random.one_of(&[3 * SECOND, 5 * MINUTE, 2 * HOUR]).cast_signed();
    let ms = random.within(0..2 * most.cast_unsigned()).cast_signed() - most;
    Event::StepClock { ms }
}

fn trouble(random: &mut Random) -> Event {
    match random.within(0..12) {
        0 => replace(random),
        1..=5 => {
            let at = random.within(0..60) as u32;
            let fault = match random.within(0..5) {
                0 => Some(Fault::CrashesAt(at)),
                1 => Some(Fault::HangsAt(at)),
                2 => Some(Fault::Missing),
                _ => None,
            };
            Event::Spoil { media: random.bits() as u8, fault }
        }
        6..=8 => Event::KillWorkers,
        9 => Event::Speed { percent: random.within(200..1_000) as u32 },
        10 => Event::PowerCut { down_ms: random.within(0..5 * MINUTE) },
        _ => Event::Crash { down_ms: random.within(0..5 * SECOND) },
    }
}
