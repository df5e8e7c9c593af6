//! What this machine can do: tried and measured once, and kept.
//!
//! Owns when that is done: at the first start, and when FFmpeg, the devices or
//! the settings are others. Invariant: nothing waits for it, and whoever watches
//! comes first: a measurement gives way to workers.

use std::path::PathBuf;
use std::time::Duration;

use aerial_model::capacity::{Limit, RECKONED_RATE};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::config::{Encodes, Settings};
use crate::db::Db;
use crate::ffmpeg::capacity::{self, Capacity};
use crate::ffmpeg::selftest::{self, Chain, Verdict};
use crate::ffmpeg::{Ffmpeg, Spawner, devices};
use crate::http::system::Encoder;
use crate::stream::admission::Admission;
use crate::stream::transcoder::Transcoder;

/// Where the results are kept in the catalogue.
const KEPT_AS: &str = "machine";

/// The library is scanned, and the first viewer comes, right after the start.
const SETTLING: Duration = Duration::from_secs(5);

/// How often it is looked whether the machine is quiet.
const QUIET_EVERY: Duration = Duration::from_secs(1);

/// After a measurement that was disturbed.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The best of so many counts: whatever else ran made the others slower.
const MEASUREMENTS: usize = 3;

/// Encodes for each core until it is measured: what a core of ten years ago
/// carries of 720p.
const ASSUMED_PER_CORE: u64 = 2;

/// The limit by the settings, or until something is measured.
pub(super) fn first_limit(settings: &Settings) -> Limit {
    let profile = Chain::of(settings).profile;
    match settings.stream.encodes {
        Encodes::Count(encodes) => Limit::Set {
            encodes: encodes.into(),
            pixels: u32::from(profile.width) * u32::from(profile.height),
        },
        Encodes::Auto => Limit::Assumed {
            pixels_per_second: cores() * ASSUMED_PER_CORE * 1_280 * 720 * RECKONED_RATE,
        },
    }
}

fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}

/// All that a result depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Surroundings {
    ffmpeg: String,
    program: PathBuf,
    devices: Vec<String>,
    cores: u64,
    chain: String,
}

/// The results, as they are kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    surroundings: Surroundings,
    encoders: Vec<Encoder>,
    capacity: Option<Capacity>,
}

/// The trial to be.
pub(super) struct Trial {
    pub(super) ffmpeg: Ffmpeg,
    pub(super) spawner: Spawner,
    pub(super) chain: Chain,
    pub(super) folder: PathBuf,
    pub(super) db: Db,
    pub(super) encodes: Encodes,
    pub(super) admission: Admission,
    pub(super) transcoder: Transcoder,
}

impl Trial {
    pub(super) async fn run(self, tell: watch::Sender<Vec<Encoder>>, ending: CancellationToken) {
        tokio::select! {
            () = ending.cancelled() => {}
            () = self.try_all(tell) => {}
        }
    }

    async fn try_all(self, tell: watch::Sender<Vec<Encoder>>) {
        let surroundings = self.surroundings();
        let kept: Option<Kept> = self.db.setting(KEPT_AS).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what this machine can do is tried again");
            None
        });
        let kept = kept.filter(|kept| kept.surroundings == surroundings);
        let mut kept = match kept {
            Some(kept) => kept,
            None => Kept { surroundings, encoders: self.encoders().await, capacity: None },
        };
        tell.send_replace(kept.encoders.clone());
        if self.encodes != Encodes::Auto {
            return self.keep(&kept).await;
        }
        if let Some(capacity) = kept.capacity {
            return self.use_capacity(capacity);
        }
        self.keep(&kept).await;
        tokio::time::sleep(SETTLING).await;
        kept.capacity = Some(self.measure().await);
        self.keep(&kept).await;
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            ffmpeg: self.ffmpeg.version.clone(),
            program: self.ffmpeg.ffmpeg.clone(),
            devices: devices::present(),
            cores: cores(),
            chain: format!("{:?}", self.chain),
        }
    }

    async fn encoders(&self) -> Vec<Encoder> {
        let (ffmpeg, spawner) = (&self.ffmpeg, &self.spawner);
        let verdict = selftest::try_software(ffmpeg, spawner, &self.chain, &self.folder).await;
        let (works, verdict) = match verdict {
            Verdict::Works(took) => (true, format!("encoded half a second in {took:.1?}")),
            Verdict::Fails(reason) => {
                tracing::error!(
                    %reason,
                    "libx264 and AAC do not work here: install another FFmpeg; `aerial doctor` \
                     tells more"
                );
                (false, reason)
            }
        };
        vec![Encoder { name: "libx264".to_owned(), works, verdict }]
    }

    /// Measures until nothing disturbs it; what was measured meanwhile holds.
    async fn measure(&self) -> Capacity {
        let mut best: Option<Capacity> = None;
        loop {
            for _ in 0..MEASUREMENTS {
                self.quiet().await;
                let measuring =
                    capacity::measure(&self.ffmpeg, &self.spawner, &self.chain, &self.folder);
                let measured = tokio::select! {
                    measured = measuring => measured,
                    () = self.transcoder.at_work() => Err("somebody tuned in".to_owned()),
                };
                match measured {
                    Ok(capacity) => best = best.max(Some(capacity)),
                    Err(reason) => tracing::info!(%reason, "the capacity is measured again later"),
                }
            }
            if let Some(capacity) = best {
                self.use_capacity(capacity);
                return capacity;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Waits until no FFmpeg works: neither for viewers nor for the library.
    async fn quiet(&self) {
        loop {
            let workers = &self.transcoder.status().workers;
            let parked = workers.iter().all(|worker| worker.parked);
            if parked && self.spawner.living() == workers.len() {
                return;
            }
            tokio::time::sleep(QUIET_EVERY).await;
        }
    }

    fn use_capacity(&self, capacity: Capacity) {
        let (height, width) = (self.chain.profile.height, self.chain.profile.width);
        let streams = capacity.streams(u32::from(width) * u32::from(height));
        tracing::info!("this machine can encode about {streams} of {height}p at once");
        let pixels_per_second = capacity.pixels_per_second;
        self.admission.set_limit(Limit::Measured { pixels_per_second });
    }

    async fn keep(&self, kept: &Kept) {
        if let Err(error) = self.db.set_setting(KEPT_AS, kept).await {
            tracing::warn!(%error, "what this machine can do is not kept, and tried again at the next start");
        }
    }
}
