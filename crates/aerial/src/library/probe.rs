//! Probing: asking ffprobe what is in a file.
//!
//! Owns the runs: how many at a time, how long, and what a failed one means.
//! Which questions are asked and what the answers say is `aerial_model::probe`'s.
//! Invariant: at most so many ffprobes at a time, none longer than its limit,
//! none left when the asker goes away.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::media::MediaFacts;
use aerial_model::probe::{Answer, Probe, ProbeError, Step};
use aerial_model::segment_map::SegmentMap;
use aerial_model::time::FrameRate;
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::ffmpeg::{Exit, Invocation, Output, RunError, RunLimits, Spawner};

/// How many files are probed at a time: enough to keep a disk busy, and not to
/// disturb the streams.
pub const PROBES_AT_ONCE: usize = 2;

/// How long one run may take: a gigabyte of MPEG-TS is read whole in 2 CPU-seconds,
/// a disk that has to spin up first takes 10 s.
pub const PROBE_TIME: Duration = Duration::from_secs(30);

/// Timestamps of a gigabyte of MPEG-TS are about 60 MB of JSON.
const MAX_ANSWER_BYTES: usize = 256 << 20;

/// A probe asks three to five times; more would be a loop.
const MAX_RUNS: usize = 8;

/// The streams go first.
const NICENESS: u8 = 10;

/// Why there are no facts of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeFailure {
    /// The file itself is at fault: asked again when it has changed.
    Bad(String),
    /// It could not be asked this time: asked again by the next scan.
    Later(String),
}

impl ProbeFailure {
    /// The reason, for people.
    pub fn reason(&self) -> &str {
        match self {
            Self::Bad(reason) | Self::Later(reason) => reason,
        }
    }
}

/// Whoever can say what is in a file.
pub trait Prober: Send + Sync + 'static {
    /// Says what is in the file of that size.
    fn probe<'a>(
        &'a self,
        path: &'a Path,
        size_bytes: u64,
    ) -> BoxFuture<'a, Result<MediaFacts, ProbeFailure>>;
}

/// The real one: ffprobe.
#[derive(Clone, Debug)]
pub struct Ffprobe {
    spawner: Spawner,
    program: PathBuf,
    time: Duration,
    permits: Arc<Semaphore>,
}

impl Ffprobe {
    /// Runs `program` through `spawner`.
    pub fn new(spawner: Spawner, program: impl Into<PathBuf>) -> Self {
        let permits = Arc::new(Semaphore::new(PROBES_AT_ONCE));
        Self { spawner, program: program.into(), time: PROBE_TIME, permits }
    }

    /// With another limit of time for each run.
    #[must_use]
    pub fn time_limit(self, time: Duration) -> Self {
        Self { time, ..self }
    }

    /// With another number of runs at the same time.
    #[must_use]
    pub fn at_once(self, runs: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(runs.max(1))), ..self }
    }

    async fn ask(&self, path: &Path, size_bytes: u64) -> Result<MediaFacts, ProbeFailure> {
        // The semaphore is never closed; if it were, nobody would wait for this.
        let _permit = self.permits.acquire().await;
        let mut probe = Probe::new(path, size_bytes).map_err(bad)?;
        for _ in 0..MAX_RUNS {
            let output = self.run(path, probe.arguments()).await?;
            let answer = Answer {
                success: output.exit.is_success(),
                stdout: &output.stdout,
                stderr: output.stderr.as_bytes(),
            };
            match probe.answer(answer).map_err(bad)? {
                Step::Done(facts) => return Ok(*facts),
                Step::Again(next) => probe = next,
            }
        }
        Err(ProbeFailure::Later(format!("ffprobe was asked {MAX_RUNS} times without an end")))
    }

    async fn run(
        &self,
        path: &Path,
        arguments: Vec<std::ffi::OsString>,
    ) -> Result<Output, ProbeFailure> {
        let invocation = Invocation::new(&self.program).args(arguments).niceness(NICENESS);
        let invocation = invocation.reads(path);
        let limits = RunLimits { time: self.time, stdout_bytes: MAX_ANSWER_BYTES };
        match self.spawner.run_to_end(invocation, limits).await {
            Ok(Output { exit: Exit::NotStarted, stderr, .. }) => Err(ProbeFailure::Later(format!(
                "ffprobe could not be started ({}): install FFmpeg, or name it in the settings",
                stderr.trim()
            ))),
            Ok(output) => Ok(output),
            Err(RunError::TimedOut { limit, .. }) => Err(ProbeFailure::Later(format!(
                "ffprobe did not finish within {} s: the disk is slow or the file is damaged; the next scan tries again",
                limit.as_secs_f32()
            ))),
            Err(error @ RunError::TooMuchOutput { .. }) => {
                Err(ProbeFailure::Bad(error.to_string()))
            }
            Err(error) => Err(ProbeFailure::Later(error.to_string())),
        }
    }
}

impl Prober for Ffprobe {
    fn probe<'a>(
        &'a self,
        path: &'a Path,
        size_bytes: u64,
    ) -> BoxFuture<'a, Result<MediaFacts, ProbeFailure>> {
        Box::pin(self.ask(path, size_bytes))
    }
}

fn bad(error: ProbeError) -> ProbeFailure {
    ProbeFailure::Bad(error.to_string())
}

/// The cut points that come with a scan (`rules.md`, 10).
pub fn map_of(facts: &MediaFacts) -> Result<SegmentMap, ProbeFailure> {
    let video = facts.video.as_ref();
    let rate = FrameRate::for_air(
        video.and_then(|video| video.average_rate),
        video.and_then(|video| video.nominal_rate),
    );
    SegmentMap::uniform(rate, facts.length).ok_or_else(|| {
        ProbeFailure::Bad("it is shorter than a single frame: there is nothing to play".to_owned())
    })
}
