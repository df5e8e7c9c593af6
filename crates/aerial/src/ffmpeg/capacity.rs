//! How much this machine can encode, measured.
//!
//! Owns the measurement; what follows from it is decided by who asks. Workers run
//! side by side through their own command line, decoding and sound included: one
//! alone leaves cores idle, and a picture without grain is too easy. Invariant:
//! a measurement ends within twice [`selftest::TIME`] and leaves no file.

use std::path::Path;
use std::time::Duration;

use aerial_model::capacity::RECKONED_RATE;
use aerial_model::command;
use aerial_model::encoder::{Encoder, Hardware};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};

use super::sample::{Picture, Sample};
use super::selftest::{self, Chain, Temporary, run};
use super::{Ffmpeg, Invocation, Spawner};
use crate::clock::monotonic;

/// Pictures that each worker makes: three seconds, long enough that FFmpeg's own
/// start of 70 ms does not count.
const MEASURED_FRAMES: u64 = 3 * RECKONED_RATE;

/// Of the measured speed, what is given to streams: real pictures are harder
/// than test pictures, and the server needs some of the machine.
const USABLE_PERCENT: u64 = 60;

/// Workers that run side by side: each keeps two to three cores busy, and takes
/// up to 210 MiB.
const MOST_AT_ONCE: usize = 16;

/// How much this machine can encode at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Capacity {
    /// Pixels a second, in all streams together.
    pub pixels_per_second: u64,
}

impl Capacity {
    /// How many streams of pictures of this size.
    pub fn streams(self, pixels: u32) -> u32 {
        let one = u64::from(pixels) * RECKONED_RATE;
        u32::try_from(self.pixels_per_second / one.max(1)).unwrap_or(u32::MAX)
    }
}

/// Measure how much can be encoded as in `chain`, on a device or in software; `folder` is for a file, which
/// is removed again. The error says what failed, for people.
pub async fn measure(
    ffmpeg: &Ffmpeg,
    spawner: &Spawner,
    chain: &Chain,
    hardware: Option<&Hardware>,
    folder: &Path,
) -> Result<Capacity, String> {
    let encoder = hardware.map_or(Encoder::X264, |hardware| hardware.encoder);
    let profile = &chain.profile.clone().by(encoder);
    let size = (u32::from(profile.width), u32::from(profile.height));
    let sample = Sample::of(Picture {
        size,
        rate: (RECKONED_RATE as u32, 1),
        frames: MEASURED_FRAMES,
        codec: ("libx264", &["-preset", "ultrafast"]),
        grain: true,
    })
    .ok_or("three seconds cannot be cut")?;
    let file = Temporary::in_folder(folder);
    run(spawner, sample.write(ffmpeg, &file.0)).await.map_err(|e| format!("a file to try: {e}"))?;
    let mut worker = sample.run(ffmpeg, &file.0, profile, &chain.tuning);
    worker.hardware = hardware;
    let arguments = command::worker(&worker);
    let at_once = std::thread::available_parallelism().map_or(2, usize::from).min(MOST_AT_ONCE);
    let since = monotonic();
    let workers = (0..at_once)
        .map(|_| Invocation::new(&ffmpeg.ffmpeg).args(arguments.iter().cloned()).reads(&file.0))
        .map(|line| run(spawner, line.drives_devices(hardware.is_some())));
    for output in try_join_all(workers).await? {
        selftest::judge(&output.stdout, MEASURED_FRAMES)?;
    }
    let pixels = u64::from(size.0) * u64::from(size.1) * MEASURED_FRAMES * at_once as u64;
    Ok(Capacity { pixels_per_second: usable(pixels, since.elapsed()) })
}

fn usable(pixels: u64, took: Duration) -> u64 {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    pixels.saturating_mul(1_000) / took_ms * USABLE_PERCENT / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_fifths_of_what_was_measured_are_given_to_streams() {
        let hd = 1_280 * 720;
        let pixels = u64::from(hd) * 150;
        let capacity = Capacity { pixels_per_second: usable(pixels, Duration::from_secs(1)) };
        assert_eq!(capacity.streams(hd), 3);
        assert_eq!(capacity.streams(640 * 360), 14);
        assert_eq!(usable(pixels, Duration::ZERO), u64::from(hd) * 90_000);
    }
}
