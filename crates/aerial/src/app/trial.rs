//! What this machine can do: tried and measured once, and kept.
//!
//! Owns when that is done: at the first start, and when FFmpeg, the devices or
//! the settings are others. Invariant: nothing waits for it, and whoever watches
//! comes first: a measurement gives way to workers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aerial_model::capacity::{Limit, RECKONED_RATE};
use aerial_model::encoder::{self, Choice, Hardware};
use aerial_model::time::AirTime;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::machine::is_quiet;
use crate::clock::Clock;
use crate::config::{Encodes, Settings};
use crate::db::Db;
use crate::ffmpeg::capacity::{self, Capacity};
use crate::ffmpeg::selftest::{Chain, Verdict};
use crate::ffmpeg::{Ffmpeg, Spawner, devices, encoders};
use crate::http::system::{Encoder, Tried};
use crate::stream::admission::Admission;
use crate::stream::devices::Devices;
use crate::stream::transcoder::Transcoder;

/// Where the results are kept in the catalogue.
const KEPT_AS: &str = "machine";

/// The library is scanned, and the first viewer comes, right after the start.
const SETTLING: Duration = Duration::from_secs(5);

/// How often it is looked whether the machine is quiet.
const QUIET_EVERY: Duration = Duration::from_secs(1);

/// After a measurement that was disturbed.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// Measured again after so long each, when the machine is quiet: ten seconds of work.
const AGAIN_AFTER_ALL: [Duration; 3] =
    [Duration::from_secs(600), Duration::from_secs(3_600), Duration::from_secs(21_600)];

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
    #[serde(default)]
    tried_at: Option<AirTime>,
    hardware: Option<Hardware>,
    capacity: Option<Capacity>,
}

/// Where it is said what is to be measured.
type ToMeasure = watch::Sender<Option<Kept>>;

/// The trial to be.
pub(super) struct Trial {
    pub(super) ffmpeg: Ffmpeg,
    pub(super) spawner: Spawner,
    pub(super) chain: Chain,
    pub(super) folder: PathBuf,
    pub(super) db: Db,
    pub(super) clock: Clock,
    pub(super) encodes: Encodes,
    pub(super) admission: Admission,
    pub(super) transcoder: Transcoder,
    pub(super) choice: Choice,
    pub(super) devices: Devices,
    /// Somebody asks for all of it again.
    pub(super) again: Arc<Notify>,
}

/// Waits until a device that is out is to be tested.
async fn test_is_due(devices: &Devices) {
    let mut changes = devices.changes();
    loop {
        changes.mark_unchanged();
        match devices.test_in() {
            Some(wait) => return tokio::time::sleep(wait).await,
            // Its other end is in `devices` itself.
            None => drop(changes.changed().await),
        }
    }
}

impl Trial {
    pub(super) async fn run(self, tell: watch::Sender<Tried>, ending: CancellationToken) {
        let (to_measure, measured) = watch::channel(None);
        let guard = async {
            self.begin(&tell, &to_measure).await;
            loop {
                tokio::select! {
                    () = self.again.notified() => self.anew(&tell, &to_measure).await,
                    () = test_is_due(&self.devices) => self.test_device().await,
                }
            }
        };
        // Beside it: a machine that is never quiet is not measured for long.
        tokio::select! {
            () = ending.cancelled() => {}
            () = guard => {}
            () = self.measure_all(measured) => {}
        }
    }

    /// What is kept, or all anew.
    async fn begin(&self, tell: &watch::Sender<Tried>, to_measure: &ToMeasure) {
        let kept: Option<Kept> = self.db.setting(KEPT_AS).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what this machine can do is tried again");
            None
        });
        let surroundings = self.surroundings();
        let Some(kept) = kept.filter(|kept| kept.surroundings == surroundings) else {
            return self.anew(tell, to_measure).await;
        };
        tell.send_replace(Tried { at: kept.tried_at, encoders: kept.encoders.clone() });
        self.devices.set(kept.hardware.clone());
        match kept.capacity {
            Some(capacity) if self.encodes == Encodes::Auto => self.use_capacity(capacity),
            Some(_) | None => {}
        }
        if self.encodes == Encodes::Auto {
            to_measure.send_replace(Some(kept));
        }
    }

    /// Tries all encoders, and measures where the limit follows from it.
    async fn anew(&self, tell: &watch::Sender<Tried>, to_measure: &ToMeasure) {
        let surroundings = self.surroundings();
        let (encoders, hardware) = self.encoders().await;
        let tried_at = Some(self.clock.now());
        tell.send_replace(Tried { at: tried_at, encoders: encoders.clone() });
        self.devices.set(hardware.clone());
        let kept = Kept { surroundings, encoders, tried_at, hardware, capacity: None };
        self.keep(&kept).await;
        if self.encodes == Encodes::Auto {
            to_measure.send_replace(Some(kept));
        }
    }

    /// Measures whenever something new is to be measured, and a few times more: other
    /// programs may have been at work, so the best that was ever measured counts.
    async fn measure_all(&self, mut to_measure: watch::Receiver<Option<Kept>>) {
        while to_measure.changed().await.is_ok() {
            let Some(mut kept) = to_measure.borrow_and_update().clone() else { continue };
            let first = kept.capacity.is_none().then_some(SETTLING);
            for wait in first.into_iter().chain(AGAIN_AFTER_ALL) {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    Ok(()) = to_measure.changed() => {
                        to_measure.mark_changed();
                        break;
                    }
                }
                let best = kept.capacity.max(Some(self.measure().await));
                // What was measured of another device meanwhile is not kept.
                if best > kept.capacity && !to_measure.has_changed().unwrap_or(false) {
                    kept.capacity = best;
                    best.into_iter().for_each(|capacity| self.use_capacity(capacity));
                    self.keep(&kept).await;
                }
            }
        }
    }

    /// A device that failed is tried again, as it was used.
    async fn test_device(&self) {
        let Some(hardware) = self.devices.hardware() else { return };
        let (ffmpeg, spawner) = (&self.ffmpeg, &self.spawner);
        let trying =
            encoders::try_device(ffmpeg, spawner, &self.chain, &hardware, &self.folder).await;
        let works = matches!(trying, Verdict::Works(_));
        if let Verdict::Fails(reason) = trying {
            tracing::info!(encoder = %hardware.encoder, %reason, "the device still fails");
        }
        self.devices.tested(works);
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            ffmpeg: self.ffmpeg.version.clone(),
            program: self.ffmpeg.ffmpeg.clone(),
            devices: devices::present(),
            cores: cores(),
            chain: format!("{:?} {}", self.chain, self.choice),
        }
    }

    async fn encoders(&self) -> (Vec<Encoder>, Option<Hardware>) {
        let (ffmpeg, spawner) = (&self.ffmpeg, &self.spawner);
        let tried =
            encoders::try_all(ffmpeg, spawner, &self.chain, self.choice, &self.folder).await;
        let hardware = encoders::chosen(&tried);
        let used = hardware.as_ref().map_or(encoder::Encoder::X264, |hardware| hardware.encoder);
        let told = tried.into_iter().map(|tried| {
            let works = tried.works();
            let verdict = match tried.verdict {
                Verdict::Works(took) => format!("encoded half a second in {took:.1?}"),
                Verdict::Fails(reason) => reason,
            };
            if !works && !tried.encoder.is_device() {
                tracing::error!(
                    reason = verdict,
                    "libx264 and AAC do not work here: install another FFmpeg; `aerial doctor` \
                     tells more"
                );
            }
            let (name, in_use) = (tried.encoder.ffmpeg_name().to_owned(), tried.encoder == used);
            Encoder { name, works, in_use, verdict }
        });
        let told = told.collect();
        tracing::info!(encoder = %used, pictures = hardware.as_ref().is_some_and(|h| h.pictures), "encoding with");
        (told, hardware)
    }

    /// Measures until nothing disturbs it; what was measured meanwhile holds.
    async fn measure(&self) -> Capacity {
        let mut best: Option<Capacity> = None;
        loop {
            for _ in 0..MEASUREMENTS {
                self.quiet().await;
                let hardware = self.devices.hardware();
                let measuring = capacity::measure(
                    &self.ffmpeg,
                    &self.spawner,
                    &self.chain,
                    hardware.as_deref(),
                    &self.folder,
                );
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
                return capacity;
            }
            tokio::time::sleep(AGAIN_AFTER).await;
        }
    }

    /// Waits until no FFmpeg works, neither for viewers nor for the library, and
    /// nothing else does: what a busy machine carries says little of it.
    async fn quiet(&self) {
        loop {
            let status = self.transcoder.status();
            let parked = status.workers.iter().all(|worker| worker.parked);
            if parked && self.spawner.living() == status.workers.len() && is_quiet().await {
                return;
            }
            drop(status);
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
