//! How hard encoders try.
//!
//! Owns what may vary without players noticing (`rules.md`, 13). What they see is
//! pinned by the `profile`. Invariant: no value here changes an SPS or a PPS.

use serde::{Deserialize, Serialize};

/// What an encoder may vary without players noticing (`rules.md`, 13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// How much the encoder analyses.
    pub speed: Speed,
    /// Threads of the decoder and of the encoder; two on two cores.
    pub threads: u8,
    /// How many frames the encoder looks ahead; 5 spares 7 % of the time to the
    /// first byte.
    pub lookahead: u8,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { speed: Speed::Veryfast, threads: 2, lookahead: 5 }
    }
}

/// x264's presets, of which only the analysis is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speed {
    /// For tests and machines that can do no more.
    Ultrafast,
    /// Half way.
    Superfast,
    /// The default: where quality for the effort is best.
    Veryfast,
    /// For machines with time to spare.
    Faster,
    /// For few channels on a strong machine.
    Fast,
}

impl Speed {
    /// All of them, the quickest first.
    pub const ALL: [Self; 5] =
        [Self::Ultrafast, Self::Superfast, Self::Veryfast, Self::Faster, Self::Fast];

    /// x264's name.
    pub const fn preset(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
        }
    }
}
