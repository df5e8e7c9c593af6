//! `/system/load`: how loaded server and machine are.
//!
//! Owns how a sample is told; they are taken elsewhere (`load`).

use axum::extract::State;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::{IntoParams, ToSchema};

use super::extract::{Json, Query};
use super::wire::Instant;
use crate::load::{self, EVERY, Load, Permille, Sample};

/// A share of all the machine's processors, in per cent, to a tenth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = f64, example = 12.5)]
pub struct Percent(pub Permille);

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / 10.0)
    }
}

/// How loaded server and machine were, on the average since the sample before. What this
/// system does not tell is `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LoadSample {
    /// When it was taken, by the server's clock.
    at: Instant,
    /// What the server itself took: 100 is all processors.
    #[schema(required = true)]
    server_cpu_percent: Option<Percent>,
    /// What its FFmpegs took.
    #[schema(required = true)]
    ffmpeg_cpu_percent: Option<Percent>,
    /// What all programs of the machine took.
    #[schema(required = true)]
    machine_cpu_percent: Option<Percent>,
    /// Memory of the server.
    #[schema(required = true)]
    server_memory_bytes: Option<u64>,
    /// Memory of its FFmpegs.
    #[schema(required = true)]
    ffmpeg_memory_bytes: Option<u64>,
    /// Memory of the machine that is used, by all programs.
    #[schema(required = true)]
    machine_memory_bytes: Option<u64>,
    /// All memory of the machine.
    #[schema(required = true)]
    machine_memory_total_bytes: Option<u64>,
    /// What the segment store takes of the disk.
    store_bytes: u64,
    /// What is free on the disk of the data folder.
    #[schema(required = true)]
    disk_free_bytes: Option<u64>,
    /// Bytes that the server sent to the network in a second.
    sent_bytes_per_second: u64,
    /// Channels on the air.
    sessions: usize,
    /// Who watches.
    viewers: usize,
    /// Processes of FFmpeg.
    processes: usize,
}

impl From<Sample> for LoadSample {
    fn from(sample: Sample) -> Self {
        Self {
            at: sample.at.into(),
            server_cpu_percent: sample.server_cpu.map(Percent),
            ffmpeg_cpu_percent: sample.ffmpeg_cpu.map(Percent),
            machine_cpu_percent: sample.machine_cpu.map(Percent),
            server_memory_bytes: sample.server_bytes,
            ffmpeg_memory_bytes: sample.ffmpeg_bytes,
            machine_memory_bytes: sample.machine_bytes,
            machine_memory_total_bytes: sample.machine_total_bytes,
            store_bytes: sample.store_bytes,
            disk_free_bytes: sample.free_bytes,
            sent_bytes_per_second: sample.sent_per_second,
            sessions: sample.sessions,
            viewers: sample.viewers,
            processes: sample.processes,
        }
    }
}

/// From when on.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LoadQuery {
    /// Samples after this instant; all that are kept, unless said.
    #[param(required = false)]
    since: Option<Instant>,
}

/// How loaded server and machine were lately.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Load)]
pub struct LoadView {
    /// How often a sample is taken while somebody watches or looks; else each half minute.
    every_ms: u64,
    /// How many processors there are for this server.
    cores: usize,
    /// Oldest first, of the last ten minutes.
    samples: Vec<LoadSample>,
}

/// How loaded server and machine were within the last ten minutes. Each new sample is
/// told as the event `load` too.
#[utoipa::path(
    get, path = "/system/load", operation_id = "get_load", tag = "system",
    params(LoadQuery),
    responses((status = 200, body = LoadView)),
)]
pub(super) async fn get(
    State(load): State<Load>,
    Query(query): Query<LoadQuery>,
) -> Json<LoadView> {
    Json(LoadView {
        every_ms: EVERY.as_millis() as u64,
        cores: load::cores(),
        samples: load.since(query.since.map(|since| since.0)).into_iter().map(Into::into).collect(),
    })
}
