//! Numbers burnt into pictures, and how they are read again.
//!
//! Owns the strip at the top of a picture: a white block, ten blocks for the bits
//! of the frame's number, a black block. Invariant: a picture without a strip, such
//! as a slate, has no number, neither a dark nor a light one.

use std::collections::HashMap;

/// Frames with numbers of their own.
pub(crate) const TURN: u32 = 1_000;
/// The same in seconds, at [`RATE`].
pub(crate) const TURN_SECONDS: u64 = 40;
/// Pictures a second.
pub(crate) const RATE: u32 = 25;

const BITS: usize = 10;
const BLOCKS: usize = BITS + 2;

/// A source of strips of this size, in FFmpeg's words.
pub(crate) fn strip(width: u32, height: u32) -> String {
    let last = BLOCKS - 1;
    format!(
        "color=c=black:s={BLOCKS}x1:r={RATE}:d={TURN_SECONDS},format=gray,\
         geq=lum='if(eq(X,0),235,if(eq(X,{last}),16,if(mod(floor(N/pow(2,X-1)),2),235,16)))',\
         scale={width}:{height}:flags=neighbor,format=yuv420p"
    )
}

/// What a block that is neither black nor white becomes.
const NEITHER: u32 = 254;

/// Filters that make a picture of a strip's blocks, each as bright as its place where
/// it is white, and tell its checksum. The strip is a fifteenth of the picture's height.
pub(crate) fn reading() -> String {
    format!(
        "crop=iw:ih/30:0:ih/60,format=gray,scale={BLOCKS}:1:flags=area,setsar=1,\
         geq=i=nearest:lum='if(gt(p(X,Y),176),mod(3*X*X+1,251)+1,if(lt(p(X,Y),80),0,{NEITHER}))',showinfo"
    )
}

/// How bright a white block becomes, so that no two numbers have one checksum; the
/// same as in [`reading`].
fn brightness(block: usize) -> u32 {
    let block = block as u32;
    (3 * block * block + 1) % 251 + 1
}

/// What the checksums mean.
#[derive(Debug)]
pub(crate) struct Numbers(HashMap<u32, u32>);

impl Numbers {
    pub(crate) fn new() -> Self {
        Self((0..TURN).map(|number| (checksum(&blocks(number)), number)).collect())
    }

    /// The number in a line of `showinfo`: `None` where the line tells of no picture,
    /// `Some(None)` for a picture without one.
    pub(crate) fn read(&self, line: &str) -> Option<Option<u32>> {
        let (_, rest) = line.split_once("plane_checksum:[")?;
        let checksum = u32::from_str_radix(rest.split(']').next()?, 16).ok()?;
        Some(self.0.get(&checksum).copied())
    }
}

fn blocks(number: u32) -> [u32; BLOCKS] {
    std::array::from_fn(|block| {
        let white = match block {
            0 => true,
            _ if block == BLOCKS - 1 => false,
            _ => number >> (block - 1) & 1 == 1,
        };
        if white { brightness(block) } else { 0 }
    })
}

/// Adler-32 as FFmpeg begins it, from nought.
fn checksum(bytes: &[u32]) -> u32 {
    let (mut low, mut high) = (0_u32, 0_u32);
    for byte in bytes {
        low = (low + byte) % 65_521;
        high = (high + low) % 65_521;
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: [&str; 6] =
        ["00180002", "004F0007", "00A40010", "00DB0015", "011D001F", "01540024"];

    #[test]
    fn every_number_has_a_checksum_of_its_own() {
        assert_eq!(Numbers::new().0.len(), TURN as usize);
    }

    #[test]
    fn the_lines_of_ffmpeg_are_read() {
        let numbers = Numbers::new();
        let line = |sum: &str| format!("[showinfo] n: 2 s:12x1 checksum:1 plane_checksum:[{sum}]");
        // What it said of the first six pictures.
        for (number, sum) in SAID.into_iter().enumerate() {
            assert_eq!(numbers.read(&line(sum)), Some(Some(number as u32)), "{sum}");
        }
        assert_eq!(numbers.read("color_range:pc"), None);
    }

    #[test]
    fn a_picture_of_one_colour_has_no_number_nor_has_one_with_a_grey_block() {
        let numbers = Numbers::new();
        let none = |blocks: &[u32]| {
            let line = format!("plane_checksum:[{:08X}]", checksum(blocks));
            assert_eq!(numbers.read(&line), Some(None), "{blocks:?}");
        };
        none(&[0; BLOCKS]);
        none(&[NEITHER; BLOCKS]);
        none(&std::array::from_fn::<_, BLOCKS, _>(brightness));
        for (number, grey) in
            (0..TURN).flat_map(|number| (0..BLOCKS).map(move |grey| (number, grey)))
        {
            let mut blocks = blocks(number);
            blocks[grey] = NEITHER;
            none(&blocks);
        }
    }
}
