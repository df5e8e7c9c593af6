//! How FFmpeg is used to make segments, slates and remuxes.

use std::path::PathBuf;

use aerial_model::command::{Filters, Tuning};

use super::devices::Devices;

/// How what is made is made.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// The FFmpeg to run.
    pub ffmpeg: PathBuf,
    /// What it was built with.
    pub filters: Filters,
    /// How hard it tries.
    pub tuning: Tuning,
    /// Lower priority than the server itself.
    pub niceness: u8,
    /// Workers that may work at once on a device to build up a buffer; what is
    /// needed within moments works besides.
    pub turns: usize,
    /// What encodes.
    pub devices: Devices,
}
