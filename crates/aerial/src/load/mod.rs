//! How loaded server and machine are: samples of the last minutes.
//!
//! Owns the taking of samples and their keeping, bounded. Knows no route; who wants to
//! hear of each is given it. Invariant: where nobody listens and nothing is on the air,
//! it costs a look each half minute, and no figure holds up anything else.

mod procfs;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::time::AirTime;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub use self::procfs::{Process, Procfs, Readings};
use crate::clock::{Clock, monotonic};
use crate::ffmpeg::Spawner;
use crate::stream::store::Store;

/// How often a sample is taken.
pub const EVERY: Duration = Duration::from_secs(2);

/// How often while nobody would see the difference.
const AT_REST: Duration = Duration::from_secs(30);

/// How long samples are kept.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// So many samples at most: all of these minutes.
const KEPT: usize = (KEPT_FOR.as_secs() / EVERY.as_secs()) as usize;

/// Who has asked for samples will ask again within this.
const INTEREST: Duration = Duration::from_secs(10);

/// Bytes that went out to the network, since the start; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Sent(Arc<AtomicU64>);

impl Sent {
    /// So many more went out.
    pub fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// All so far.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A share of all the machine's processors, in thousandths.
pub type Permille = u32;

/// How loaded server and machine were, on the average since the sample before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When it was taken, by the server's clock.
    pub at: AirTime,
    /// What the server itself took of the processors.
    pub server_cpu: Option<Permille>,
    /// What its FFmpegs took.
    pub ffmpeg_cpu: Option<Permille>,
    /// What all programs took.
    pub machine_cpu: Option<Permille>,
    /// Memory of the server.
    pub server_bytes: Option<u64>,
    /// Memory of its FFmpegs.
    pub ffmpeg_bytes: Option<u64>,
    /// Memory of the machine that is used.
    pub machine_bytes: Option<u64>,
    /// All memory of the machine.
    pub machine_total_bytes: Option<u64>,
    /// What the segment store takes of the disk.
    pub store_bytes: u64,
    /// What is free on that disk.
    pub free_bytes: Option<u64>,
    /// Bytes sent to the network in a second.
    pub sent_per_second: u64,
    /// Channels on the air.
    pub sessions: usize,
    /// Who watches.
    pub viewers: usize,
    /// Processes of FFmpeg.
    pub processes: usize,
}

/// What samples are made of.
pub struct Sources {
    /// The time.
    pub clock: Clock,
    /// The FFmpegs.
    pub spawner: Spawner,
    /// The segments.
    pub store: Store,
    /// The folder whose disk is looked at.
    pub data: PathBuf,
    /// What goes out.
    pub sent: Sent,
    /// Channels on the air, and who watches.
    pub on_air: Box<dyn Fn() -> (usize, usize) + Send + Sync>,
}

/// The samples; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Load(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    samples: VecDeque<(Instant, Sample)>,
    asked: Option<Instant>,
}

impl Load {
    /// The samples after this instant, oldest first.
    pub fn since(&self, since: Option<AirTime>) -> Vec<Sample> {
        let mut kept = self.kept();
        kept.asked = Some(monotonic());
        let all = kept.samples.iter().map(|(_, sample)| *sample);
        all.filter(|sample| since.is_none_or(|since| sample.at > since)).collect()
    }

    /// Takes samples until `ending`, and tells of each; `listens` says whether anybody
    /// hears that.
    pub async fn run(
        self,
        sources: Sources,
        listens: impl Fn() -> bool + Send,
        tell: impl Fn(Sample) + Send,
        ending: CancellationToken,
    ) {
        let mut sampler = Sampler::new(sources);
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while ending.run_until_cancelled(ticks.tick()).await.is_some() {
            let at_work = listens() || self.is_asked() || (sampler.sources.on_air)().0 > 0;
            if !at_work && sampler.before.at.elapsed() < AT_REST {
                continue;
            }
            // Files in memory; but a disk behind a network may take its time.
            let taken = tokio::task::spawn_blocking(move || {
                let sample = sampler.take();
                (sampler, sample)
            });
            let Ok((back, sample)) = taken.await else { return };
            sampler = back;
            self.keep(sample);
            tell(sample);
        }
    }

    fn is_asked(&self) -> bool {
        self.kept().asked.is_some_and(|asked| asked.elapsed() < INTEREST)
    }

    fn keep(&self, sample: Sample) {
        let mut kept = self.kept();
        kept.samples.push_back((monotonic(), sample));
        let surplus = kept.samples.len().saturating_sub(KEPT);
        kept.samples.drain(..surplus);
        kept.samples.retain(|(taken, _)| taken.elapsed() < KEPT_FOR);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many processors there are for this server.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Compares each reading with the one before.
struct Sampler {
    sources: Sources,
    procfs: Procfs,
    cores: u64,
    before: Before,
}

struct Before {
    at: Instant,
    readings: Readings,
    sent: u64,
}

impl Sampler {
    fn new(sources: Sources) -> Self {
        let procfs = Procfs::default();
        let readings = procfs.read(&[]);
        let before = Before { at: monotonic(), readings, sent: sources.sent.bytes() };
        Self { procfs, cores: cores() as u64, before, sources }
    }

    fn take(&mut self) -> Sample {
        let sources = &self.sources;
        let children: Vec<u32> = sources.spawner.processes().iter().map(|(pid, _)| *pid).collect();
        let (now, sent) = (monotonic(), sources.sent.bytes());
        let readings = self.procfs.read(&children);
        let before = std::mem::replace(&mut self.before, Before { at: now, readings, sent });
        let elapsed_ms = (now - before.at).as_millis().max(1) as u64;
        let all_ticks = elapsed_ms * self.procfs.ticks_per_second() * self.cores / 1_000;
        let share = |earlier: Option<u64>, later: Option<u64>| {
            Some(permille(later?.saturating_sub(earlier?), all_ticks))
        };
        let (sessions, viewers) = (sources.on_air)();
        Sample {
            at: sources.clock.now(),
            server_cpu: share(before.readings.server_ticks, readings.server_ticks),
            ffmpeg_cpu: share(before.readings.children_ticks, readings.children_ticks),
            machine_cpu: before.readings.machine_ticks.zip(readings.machine_ticks).map(
                |((used, all), (used_now, all_now))| {
                    permille(used_now.saturating_sub(used), all_now.saturating_sub(all))
                },
            ),
            server_bytes: readings.server_bytes,
            ffmpeg_bytes: readings.children_bytes,
            machine_bytes: readings.machine_bytes.map(|(used, _)| used),
            machine_total_bytes: readings.machine_bytes.map(|(_, all)| all),
            store_bytes: sources.store.usage().bytes,
            free_bytes: free(&sources.data),
            sent_per_second: sent.saturating_sub(before.sent) * 1_000 / elapsed_ms,
            sessions,
            viewers,
            processes: children.len(),
        }
    }
}

/// Clocks of kernel and process do not tick together: never more than all.
fn permille(part: u64, all: u64) -> Permille {
    let share = part.saturating_mul(1_000).checked_div(all).unwrap_or(0);
    share.min(1_000) as Permille
}

fn free(folder: &std::path::Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::store::Limits;

    fn sources(folder: &std::path::Path, on_air: (usize, usize)) -> Sources {
        let limits = Limits { bytes: 1 << 30, free_floor_bytes: 0 };
        Sources {
            clock: Clock::system(),
            spawner: Spawner::new("aerial").unwrap(),
            store: Store::open(folder.join("segments"), limits).unwrap(),
            data: folder.to_owned(),
            sent: Sent::default(),
            on_air: Box::new(move || on_air),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_sample_tells_what_went_since_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let mut sampler = Sampler::new(sources(folder.path(), (2, 3)));
        tokio::time::advance(Duration::from_secs(2)).await;
        sampler.sources.sent.add(10_000);
        let sample = sampler.take();
        assert_eq!(sample.sent_per_second, 5_000, "{sample:?}");
        assert_eq!((sample.sessions, sample.viewers, sample.processes), (2, 3, 0));
        assert!(sample.free_bytes.is_some());
        if cfg!(target_os = "linux") {
            assert!(sample.server_bytes.is_some_and(|bytes| bytes > 1 << 20), "{sample:?}");
            assert!(sample.server_bytes < sample.machine_total_bytes);
            assert!(sample.server_cpu.is_some_and(|share| share <= 1_000), "{sample:?}");
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(sampler.take().sent_per_second, 0);
    }

    /// How many samples are taken in ten minutes.
    async fn taken(on_air: (usize, usize), listens: bool) -> usize {
        let folder = tempfile::tempdir().unwrap();
        let (load, ending) = (Load::default(), CancellationToken::new());
        let told = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&told);
        let tell = move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        };
        let run =
            load.clone().run(sources(folder.path(), on_air), move || listens, tell, ending.clone());
        let run = tokio::spawn(run);
        // The last one of these minutes, and nothing after it.
        tokio::time::sleep(KEPT_FOR - EVERY / 2).await;
        ending.cancel();
        run.await.unwrap();
        let kept = load.since(None).len();
        assert_eq!(kept as u64, told.load(Ordering::Relaxed));
        kept
    }

    #[tokio::test(start_paused = true)]
    async fn samples_are_few_while_nobody_would_see_more() {
        assert_eq!(taken((0, 0), false).await, 19);
        assert_eq!(taken((1, 0), false).await, KEPT);
        assert_eq!(taken((0, 0), true).await, KEPT);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded_and_asked_for_from_an_instant_on() {
        let load = Load::default();
        let sample = |n: i64| Sample {
            at: AirTime::from_unix_millis(n),
            server_cpu: None,
            ffmpeg_cpu: None,
            machine_cpu: None,
            server_bytes: None,
            ffmpeg_bytes: None,
            machine_bytes: None,
            machine_total_bytes: None,
            store_bytes: 0,
            free_bytes: None,
            sent_per_second: 0,
            sessions: 0,
            viewers: 0,
            processes: 0,
        };
        (0..1_000).for_each(|n| load.keep(sample(n)));
        assert_eq!(load.since(None).len(), KEPT);
        assert_eq!(load.since(Some(AirTime::from_unix_millis(997))), [998, 999].map(sample));
        tokio::time::advance(KEPT_FOR).await;
        load.keep(sample(5_000));
        assert_eq!(load.since(None), [sample(5_000)]);
    }
}
