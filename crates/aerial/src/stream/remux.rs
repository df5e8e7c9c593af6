//! Remuxes: files that cannot be entered in the middle, copied to Matroska once.
//!
//! Owns the jobs that make them, and what is known of those that failed. Where
//! they lie and what gives way for them is the store's. Invariant: one job per
//! version of a file's bytes, however many ask; what is handed out is whole, and
//! has the facts of the copy.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::command;
use aerial_model::fault::{Class, Ending, Evidence, FileState, Tell, answer, classify};
use aerial_model::media::{Entry, MediaFacts};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::findings::{Finding, Findings};
use super::source_file;
use super::store::{DiskError, RemuxKey, Store};
use super::timeline::{MediaSource, RemuxOf};
use crate::clock::monotonic;
use crate::db::Identity;
use crate::ffmpeg::{Exit, Invocation, RunError, RunLimits, Spawner};
use crate::library::{Prober, Stamp};

/// The largest copy of a small file: Matroska adds little, and never as much as this.
const REMUX_BYTES: u64 = 1 << 30;

/// One reads what the other writes: more at once only makes a disk seek.
const AT_ONCE: usize = 1;

/// A disk that copies less than this in a second cannot play either.
const SLOWEST_BYTES_PER_SECOND: u64 = 4 << 20;

/// What a copy may take whatever its size: a disk may have to spin up first.
const AT_LEAST: Duration = Duration::from_secs(60);

/// One that failed is tried again after this, like slate (`rules.md`, 23).
const RETRY: Duration = Duration::from_secs(30);

/// Failures remembered; each is a few words.
const FAILURES: u64 = 1_000;

/// The streams go first.
const NICENESS: u8 = 10;

/// What making remuxes needs.
#[derive(Clone)]
pub struct RemuxTools {
    /// Processes.
    pub spawner: Spawner,
    /// The FFmpeg to run.
    pub ffmpeg: PathBuf,
    /// Says what is in the copy.
    pub prober: Arc<dyn Prober>,
    /// Where copies are kept.
    pub store: Store,
    /// Who hears how long the file really is, or that it is bad.
    pub findings: Arc<dyn Findings>,
}

/// The remuxes of this server; clones share them.
#[derive(Clone)]
pub struct Remuxes(Arc<Inner>);

struct Inner {
    tools: RemuxTools,
    /// Being made. Never held across an await.
    making: Mutex<HashSet<RemuxKey>>,
    failed: moka::sync::Cache<RemuxKey, Failed>,
    /// Facts of those that are there.
    facts: moka::sync::Cache<RemuxKey, (Arc<MediaFacts>, Identity)>,
    turn: Semaphore,
    tasks: TaskTracker,
    stop: CancellationToken,
}

#[derive(Clone, Debug)]
struct Failed {
    reason: String,
    times: u32,
    retry_at: Instant,
}

/// What is noted beside a copy.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    /// Its bytes: with less it is damaged.
    size: u64,
    facts: MediaFacts,
}

/// Why there is no copy.
#[derive(Debug)]
struct Failure {
    class: Class,
    reason: String,
}

impl RemuxKey {
    /// Of this version of a file's bytes, and the streams that air of it.
    pub fn of(source: &MediaSource) -> Self {
        let Identity { size_bytes, mtime_ns, hash } = source.identity;
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"remux 1");
        hasher.update(&size_bytes.to_le_bytes());
        hasher.update(&mtime_ns.to_le_bytes());
        hasher.update(&hash.unwrap_or_default());
        let video = source.facts.video.as_ref().map(|video| video.index);
        let audio = source.facts.audio.first().map(|audio| audio.index);
        for stream in [video, audio] {
            hasher.update(&stream.map_or(-1, i64::from).to_le_bytes());
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        Self(key)
    }
}

impl Remuxes {
    /// Made with these tools; jobs end when `stop` is cancelled.
    pub fn new(tools: RemuxTools, stop: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            tools,
            making: Mutex::default(),
            failed: moka::sync::Cache::new(FAILURES),
            facts: moka::sync::Cache::new(FAILURES),
            turn: Semaphore::new(AT_ONCE),
            tasks: TaskTracker::new(),
            stop,
        }))
    }

    /// What this airing is made from: the file itself where it can be entered in the
    /// middle, else its copy. Where that is not there yet it is begun, and the
    /// reason why there is nothing is given.
    pub async fn entered(&self, source: MediaSource) -> Result<MediaSource, String> {
        if source.facts.entry != Entry::Remux {
            return Ok(source);
        }
        let key = RemuxKey::of(&source);
        if let Some(path) = self.0.tools.store.remux(key) {
            match self.known(key, &path).await {
                Ok((facts, identity)) => {
                    let facts = source.facts.of_remux(MediaFacts::clone(&facts));
                    let facts = Arc::new(facts.aired_as(&source.map));
                    let remux = Some(RemuxOf { key, file: source.identity });
                    return Ok(MediaSource { path, facts, identity, remux, ..source });
                }
                Err(reason) => {
                    tracing::warn!(title = source.title, reason, "a remux is made again");
                    let store = self.0.tools.store.clone();
                    // Ends with the runtime at the latest.
                    let _gone = tokio::task::spawn_blocking(move || store.drop_remux(key)).await;
                }
            }
        }
        // It may have been given up by who plays it.
        self.0.facts.invalidate(&key);
        if let Some(failed) = self.0.failed.get(&key)
            && (monotonic() < failed.retry_at || self.making().contains(&key))
        {
            return Err(failed.reason);
        }
        self.begin(key, source);
        Err("it cannot be entered in its middle as it is (its time jumps, or it has a single \
             keyframe), and is being copied to Matroska"
            .to_owned())
    }

    /// Waits until no job is left.
    pub async fn shut_down(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    /// The facts of a copy that is there.
    async fn known(
        &self,
        key: RemuxKey,
        path: &Path,
    ) -> Result<(Arc<MediaFacts>, Identity), String> {
        if let Some(known) = self.0.facts.get(&key) {
            return Ok(known);
        }
        let (store, path) = (self.0.tools.store.clone(), path.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let json = store.remux_facts(key).map_err(|error| error.to_string())?;
            let Noted { size, facts } =
                serde_json::from_slice(&json).map_err(|error| error.to_string())?;
            let stamp = Stamp::read(&path).map_err(|error| error.to_string())?;
            if stamp.size != size {
                return Err(format!("it has {} bytes instead of {size}", stamp.size));
            }
            Ok((facts, stamp))
        });
        let (facts, stamp): (MediaFacts, Stamp) =
            read.await.map_err(|error| error.to_string())??;
        let identity = Identity { size_bytes: stamp.size, mtime_ns: stamp.mtime_ns, hash: None };
        let known = (Arc::new(facts), identity);
        self.0.facts.insert(key, known.clone());
        Ok(known)
    }

    fn begin(&self, key: RemuxKey, source: MediaSource) {
        if self.0.stop.is_cancelled() || !self.making().insert(key) {
            return;
        }
        // Another may have made it since somebody looked.
        if self.0.tools.store.remux(key).is_some() {
            self.making().remove(&key);
            return;
        }
        let remuxes = self.clone();
        self.0.tasks.spawn(async move {
            let stop = remuxes.0.stop.clone();
            let made = tokio::select! {
                () = stop.cancelled() => None,
                made = remuxes.make(key, &source) => Some(made),
            };
            if made.as_ref().is_none_or(Result::is_err) {
                let store = remuxes.0.tools.store.clone();
                let _gone = tokio::task::spawn_blocking(move || store.drop_remux(key)).await;
            }
            let finding = match made {
                None => None,
                Some(Ok(facts)) => remuxes.made(key, &source, &facts),
                Some(Err(failure)) => remuxes.failed(key, &source, failure),
            };
            remuxes.making().remove(&key);
            if let Some(finding) = finding {
                remuxes.0.tools.findings.tell(finding).await;
            }
        });
    }

    fn made(&self, key: RemuxKey, source: &MediaSource, facts: &MediaFacts) -> Option<Finding> {
        self.0.failed.invalidate(&key);
        self.0.facts.invalidate(&key);
        let facts = source.facts.of_remux(facts.clone());
        let (media, identity) = (source.media, source.identity);
        let map = facts.uniform_map()?;
        Some(Finding::Remuxed { media, identity, length: facts.length, map })
    }

    fn failed(&self, key: RemuxKey, source: &MediaSource, failure: Failure) -> Option<Finding> {
        let Failure { class, reason } = failure;
        tracing::warn!(title = source.title, class = class.name(), reason, "no remux was made");
        let times = self.0.failed.get(&key).map_or(1, |failed| failed.times + 1);
        let said = format!("it cannot be copied to Matroska: {reason}");
        let retry_at = monotonic() + RETRY;
        self.0.failed.insert(key, Failed { reason: said.clone(), times, retry_at });
        let (media, identity) = (source.media, source.identity);
        match answer(class, times).tell? {
            Tell::Missing => Some(Finding::Missing { media }),
            Tell::Replaced => Some(Finding::Replaced { media }),
            Tell::Bad => Some(Finding::Bad { media, identity, reason: said }),
        }
    }

    /// Copies, looks at the copy, and keeps it.
    async fn make(&self, key: RemuxKey, source: &MediaSource) -> Result<MediaFacts, Failure> {
        // The semaphore is never closed.
        let _turn = self.0.turn.acquire().await;
        let (store, size) = (self.0.tools.store.clone(), source.identity.size_bytes);
        let begun = tokio::task::spawn_blocking(move || store.begin_remux(key, size)).await;
        let part = begun.map_err(|error| bug(&error))?.map_err(|error| no_room(&error))?;
        let since = monotonic();
        tracing::info!(title = source.title, size, "copying to Matroska");
        self.copy(source, &part).await?;
        let stamp = {
            let part = part.clone();
            tokio::task::spawn_blocking(move || Stamp::read(&part)).await
        };
        let stamp = stamp.map_err(|error| bug(&error))?;
        let size = stamp.map_or(0, |stamp| stamp.size);
        let probed = self.0.tools.prober.probe(&part, size).await;
        let facts = probed.map_err(|failure| Failure {
            class: Class::CorruptFile,
            reason: format!("the copy cannot be read: {}", failure.reason()),
        })?;
        let noted = Noted { size, facts };
        let json = serde_json::to_vec(&noted)
            .map_err(|error| Failure { class: Class::Bug, reason: error.to_string() })?;
        let store = self.0.tools.store.clone();
        let kept = tokio::task::spawn_blocking(move || store.keep_remux(key, &json)).await;
        kept.map_err(|error| bug(&error))?.map_err(|error| no_room(&error))?;
        let (took_ms, facts) = (since.elapsed().as_millis(), noted.facts);
        tracing::info!(title = source.title, took_ms, length = %facts.length, "copied to Matroska");
        Ok(facts)
    }

    async fn copy(&self, source: &MediaSource, part: &Path) -> Result<(), Failure> {
        let arguments = command::remux(&source.path, &source.facts, part);
        let invocation = Invocation::new(&self.0.tools.ffmpeg)
            .args(arguments)
            .niceness(NICENESS)
            .reads(&source.path)
            .writes(part)
            .writes_at_most(source.identity.size_bytes.saturating_mul(2).max(REMUX_BYTES))
            .without_stdout();
        let most = source.identity.size_bytes / SLOWEST_BYTES_PER_SECOND;
        let limits = RunLimits { time: AT_LEAST + Duration::from_secs(most), stdout_bytes: 0 };
        let (ending, stderr) = match self.0.tools.spawner.run_to_end(invocation, limits).await {
            Ok(output) => (ending(output.exit), output.stderr),
            Err(RunError::TimedOut { stderr, .. }) => (Ending::Hung, stderr),
            Err(error) => (Ending::NotStarted, error.to_string()),
        };
        let file = source_file::look(source).await;
        if ending == Ending::Code(0) && !matches!(file, FileState::Gone | FileState::Replaced) {
            return Ok(());
        }
        let class = classify(&Evidence { ending, stderr: &stderr, file });
        let said = stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
        let reason = match (class, said) {
            (Class::ReplacedFile, _) => "the file was replaced meanwhile".to_owned(),
            (Class::Hang, _) => format!("FFmpeg did not finish within {:?}", limits.time),
            (_, said) => format!("FFmpeg says: {}", said.unwrap_or("nothing")),
        };
        Err(Failure { class, reason })
    }

    fn making(&self) -> MutexGuard<'_, HashSet<RemuxKey>> {
        self.0.making.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Remuxes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remuxes").field("making", &self.making().len()).finish()
    }
}

/// How a process ended, as the model tells it.
pub(super) fn ending(exit: Exit) -> Ending {
    match exit {
        Exit::Success => Ending::Code(0),
        Exit::Code(code) => Ending::Code(code),
        Exit::Signal(_) => Ending::Signal,
        Exit::NotStarted => Ending::NotStarted,
        Exit::Stuck => Ending::Hung,
    }
}

fn no_room(error: &DiskError) -> Failure {
    let reason = format!("{error}; raise `store.limit`, or free some disk space");
    Failure { class: Class::DiskFull, reason }
}

fn bug(error: &tokio::task::JoinError) -> Failure {
    Failure { class: Class::Bug, reason: error.to_string() }
}
