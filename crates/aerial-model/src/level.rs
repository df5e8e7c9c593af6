//! H.264 levels: what a decoder must be able to do (ITU-T H.264, table A-1).
//!
//! Owns the table and which level a frame needs. Invariant: it depends on size and
//! bit rate alone, so that all items of a profile have the same one.

use std::fmt;

/// An H.264 level, ten times its number: 32 is 3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(pub u8);

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

impl Level {
    /// The lowest that carries such a frame 60 times a second, at that bit rate at most.
    pub fn carrying((width, height): (u16, u16), most_kbps: u32) -> Self {
        let blocks = |pixels: u16| u32::from(pixels).div_ceil(16);
        let frame = blocks(width) * blocks(height);
        let fits = |level: &&LevelLimits| {
            frame <= level.frame_blocks
                && frame * 60 <= level.blocks_per_second
                && frame * DECODED_PICTURES <= level.buffer_blocks
                && most_kbps <= level.high_kbps
        };
        Self(LEVELS.iter().find(fits).map_or(62, |level| level.idc))
    }
}

/// The reference, three B-frames in a pyramid: x264 asks for four pictures.
const DECODED_PICTURES: u32 = 4;

struct LevelLimits {
    idc: u8,
    blocks_per_second: u32,
    frame_blocks: u32,
    buffer_blocks: u32,
    high_kbps: u32,
}

const fn limits(idc: u8, per_second: u32, frame: u32, buffer: u32, kbps: u32) -> LevelLimits {
    LevelLimits {
        idc,
        blocks_per_second: per_second,
        frame_blocks: frame,
        buffer_blocks: buffer,
        // High profile carries a quarter more than Baseline.
        high_kbps: kbps / 4 * 5,
    }
}

/// ITU-T H.264, table A-1, from the first that any rendition can need.
const LEVELS: [LevelLimits; 12] = [
    limits(21, 19_800, 792, 4_752, 4_000),
    limits(30, 40_500, 1_620, 8_100, 10_000),
    limits(31, 108_000, 3_600, 18_000, 14_000),
    limits(32, 216_000, 5_120, 20_480, 20_000),
    limits(40, 245_760, 8_192, 32_768, 20_000),
    limits(41, 245_760, 8_192, 32_768, 50_000),
    limits(42, 522_240, 8_704, 34_816, 50_000),
    limits(50, 589_824, 22_080, 110_400, 135_000),
    limits(51, 983_040, 36_864, 184_320, 240_000),
    limits(52, 2_073_600, 36_864, 184_320, 240_000),
    limits(60, 4_177_920, 139_264, 696_320, 240_000),
    limits(62, 16_711_680, 139_264, 696_320, 800_000),
];
