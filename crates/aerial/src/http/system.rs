//! `/system`: the server itself.
//!
//! Owns what is told of it. The facts are found at the start (`Host`), the
//! encoders' soon after; the disk is asked each time.

use std::path::PathBuf;
use std::sync::Arc;

use aerial_model::capacity::Limit;
use aerial_model::time::AirTime;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use utoipa::ToSchema;

use super::backups::StandingView;
use super::extract::Json;
use super::wire::{Instant, millis};
use crate::backup::Backups;
use crate::clock::Clock;
use crate::config::Sandbox;
use crate::ffmpeg::Spawner;
use crate::ffmpeg::sandbox::trial::Holds;
use crate::stream::admission::{Admission, Occupancy};
use crate::stream::store::{Store, Trouble, Usage};

/// What was found out about this server when it started.
#[derive(Clone, Debug)]
pub struct HostFacts {
    /// When this process began to serve.
    pub started_at: AirTime,
    /// How often the keeper had to start the server again.
    pub restarts: u32,
    /// FFmpeg's version, as it calls itself.
    pub ffmpeg_version: String,
    /// Where FFmpeg is.
    pub ffmpeg_path: PathBuf,
    /// What FFmpeg lacks that some files need.
    pub ffmpeg_shortcomings: Vec<String>,
    /// What is wanted of FFmpeg's sandbox, and what of it holds.
    pub sandbox: (Sandbox, Holds),
    /// The encoders, as they were tried last.
    pub encoders: watch::Receiver<Tried>,
    /// What may be encoded at once, and what of it is taken.
    pub admission: Admission,
    /// Told when the encoders are to be tried again.
    pub try_again: Arc<Notify>,
    /// Width and height of a picture of the full height.
    pub frame: (u16, u16),
    /// The data folder.
    pub data: PathBuf,
    /// Where segments are kept.
    pub store: Store,
}

/// The same, cheap to clone.
#[derive(Clone, Debug)]
pub struct Host(pub Arc<HostFacts>);

/// What came of trying the encoders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// When it was done; `None`: never, or before that was written down.
    pub at: Option<AirTime>,
    /// All of them, in the order they are preferred; none until then.
    pub encoders: Vec<Encoder>,
}

/// An encoder, and whether it works here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Encoder {
    /// FFmpeg's name of it.
    #[schema(example = "libx264")]
    pub name: String,
    /// Whether it works.
    pub works: bool,
    /// Whether it is the one that is used.
    pub in_use: bool,
    /// How that was found out, or why it does not.
    pub verdict: String,
}

/// The server.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct System {
    /// Aerial's version.
    version: &'static str,
    /// The server's process.
    pid: u32,
    /// When it began to serve.
    started_at: Instant,
    /// For how long it has.
    uptime_ms: i64,
    /// How often it had to be started again.
    restarts: u32,
    /// Tasks of the server that live; a number that only grows is a leak.
    tasks: usize,
    /// The server's clock at this answer.
    at: Instant,
    /// FFmpeg.
    ffmpeg: FfmpegView,
    /// Encoders that were tried, in the order they are preferred; empty until they
    /// were, soon after the start.
    encoders: Vec<Encoder>,
    /// When they were tried last; `null` until they were.
    #[schema(required = true)]
    encoders_tested_at: Option<Instant>,
    /// What this machine may do at a time.
    capacity: Capacity,
    /// The disk that the data folder is on.
    #[schema(required = true)]
    disk: Option<Disk>,
    /// What is kept of what was made.
    store: StoreView,
    /// How it stands with backups.
    backups: StandingView,
}

/// FFmpeg, as it was found.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Ffmpeg)]
pub struct FfmpegView {
    /// As it calls itself.
    version: String,
    /// Where it is.
    path: String,
    /// What it lacks that some files need.
    shortcomings: Vec<String>,
    /// How many of its processes run now.
    processes: usize,
    /// The sandbox that they run in.
    sandbox: SandboxView,
}

/// What FFmpeg cannot do to the machine, whatever is in a file; tried when the server
/// started.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Sandbox)]
pub struct SandboxView {
    /// What is set: `auto`, `on` or `off`.
    #[schema(value_type = String, example = "auto")]
    mode: Sandbox,
    /// It reads its own files alone.
    reading: bool,
    /// It writes nothing but what it is told to.
    writing: bool,
    /// It has no network.
    network: bool,
    /// Why something does not hold.
    #[schema(required = true)]
    reason: Option<String>,
}

impl SandboxView {
    fn of((mode, holds): &(Sandbox, Holds)) -> Self {
        let Holds { reading, writing, network, reason } = holds.clone();
        Self { mode: *mode, reading, writing, network, reason }
    }
}

/// What this machine may do at a time.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Capacity {
    /// Encodes of the full height at once (25 pictures a second, where measured);
    /// smaller pictures take less of it.
    encodes: u32,
    /// `measured`, `assumed` until that is done, or `set` by the settings.
    by: &'static str,
    /// How much of it is taken, in per cent.
    taken_percent: u32,
    /// What is encoded now: channels and their renditions.
    running: Vec<String>,
}

fn capacity(host: &HostFacts) -> Capacity {
    let Occupancy { limit, running, taken_percent } = host.admission.occupancy();
    let by = match limit {
        Limit::Measured { .. } => "measured",
        Limit::Assumed { .. } => "assumed",
        Limit::Set { .. } => "set",
    };
    let pixels = u32::from(host.frame.0) * u32::from(host.frame.1);
    Capacity { encodes: limit.encodes(pixels), by, taken_percent, running }
}

/// The disk that the data folder is on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Disk {
    /// The data folder.
    path: String,
    /// Size of the disk.
    pub(super) total_bytes: u64,
    /// What is free on it for this server.
    pub(super) free_bytes: u64,
    /// The most that the segment store may take.
    store_limit_bytes: u64,
}

/// The segment store.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Store)]
pub struct StoreView {
    /// Segments on disk.
    segments: usize,
    /// What they take of it, with the copies that some files need.
    bytes: u64,
    /// The most that this may be.
    limit_bytes: u64,
    /// What is left free of the disk in any case.
    free_floor_bytes: u64,
    /// Segments in memory.
    memory_bytes: u64,
    /// The most that these may be.
    memory_limit_bytes: u64,
    /// Why segments are not kept on disk now; viewers are served from memory, and it
    /// is tried again with each segment.
    #[schema(required = true)]
    trouble: Option<StoreTrouble>,
}

/// What is wrong with the segment store's disk.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StoreTrouble {
    /// What happened.
    reason: String,
    /// What to do about it.
    advice: &'static str,
}

impl From<Usage> for StoreView {
    fn from(usage: Usage) -> Self {
        let told = |Trouble { reason, advice }: Trouble| StoreTrouble { reason, advice };
        Self {
            segments: usage.segments,
            bytes: usage.bytes,
            limit_bytes: usage.limit_bytes,
            free_floor_bytes: usage.free_floor_bytes,
            memory_bytes: usage.memory_bytes,
            memory_limit_bytes: usage.memory_limit_bytes,
            trouble: usage.trouble.map(told),
        }
    }
}

/// The server: versions, processes, encoders, capacity, disk.
#[utoipa::path(
    get, path = "/system", operation_id = "get_system", tag = "system",
    responses((status = 200, body = System)),
)]
pub(super) async fn get(
    State(Host(host)): State<Host>,
    State(clock): State<Clock>,
    State(spawner): State<Spawner>,
    State(backups): State<Backups>,
) -> Json<System> {
    let at = clock.now();
    let facts = host.clone();
    // A network disk may take its time.
    let disk = tokio::task::spawn_blocking(move || disk(&facts)).await.unwrap_or_default();
    let tried = host.encoders.borrow().clone();
    Json(System {
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        started_at: host.started_at.into(),
        uptime_ms: millis(at - host.started_at),
        restarts: host.restarts,
        tasks: Handle::current().metrics().num_alive_tasks(),
        at: at.into(),
        ffmpeg: FfmpegView {
            version: host.ffmpeg_version.clone(),
            path: host.ffmpeg_path.to_string_lossy().into_owned(),
            shortcomings: host.ffmpeg_shortcomings.clone(),
            processes: spawner.living(),
            sandbox: SandboxView::of(&host.sandbox),
        },
        encoders: tried.encoders,
        encoders_tested_at: tried.at.map(Instant),
        capacity: capacity(&host),
        disk,
        store: host.store.usage().into(),
        backups: backups.standing().into(),
    })
}

/// Tries all encoders again, and measures what the machine carries; `GET /system`
/// tells what came of it a few seconds later, with another `encoders_tested_at`.
#[utoipa::path(
    post, path = "/system/encoders/test", operation_id = "test_encoders", tag = "system",
    responses((status = 202)),
)]
pub(super) async fn test_encoders(State(Host(host)): State<Host>) -> StatusCode {
    host.try_again.notify_one();
    StatusCode::ACCEPTED
}

pub(super) fn disk(host: &HostFacts) -> Option<Disk> {
    let stat = rustix::fs::statvfs(&host.data).ok()?;
    Some(Disk {
        path: host.data.to_string_lossy().into_owned(),
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        store_limit_bytes: host.store.usage().limit_bytes,
    })
}
