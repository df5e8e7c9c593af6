//! Preflight: files are looked at before they air, so that a fault is known before
//! it shows.
//!
//! Owns the looks that were taken. What is due is the model's to say
//! (`aerial_model::preflight`). Only for channels on the air: what nobody watches
//! is not committed, and its disks may sleep. What takes long, such as reading a whole
//! file for its keyframes, is done beside the looks. Invariant: few files at once, none
//! for long, and each fault is logged once.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::fault::FileState;
use aerial_model::id::{ChannelId, MediaId};
use aerial_model::preflight::{self, AHEAD, File, Look};
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::findings::{Finding, Findings};
use super::programme::Programme;
use super::source_file;
use super::timeline::{MediaSource, PlannedAiring};
use crate::clock::Clock;
use crate::library::EndsRead;

/// How often the plans are looked through: often enough that a look is taken in
/// the first seconds of its ten minutes, and a remux in use is not forgotten.
const EVERY: Duration = Duration::from_secs(10);

/// Files looked at side by side: a disk that hangs does not hold up the others.
const AT_ONCE: usize = 4;

/// How long reading both ends of a file may take; a disk that spins up takes 10 s.
const READ_WITHIN: Duration = Duration::from_secs(20);

/// Files that wait for what they need, at most: an hour of clips of a minute each. What is
/// beyond is begun after a later look.
const PREPARING: usize = 64;

/// Makes what a file needs beside itself before it airs, such as an index of its
/// keyframes.
pub trait Indexing: std::fmt::Debug + Send + Sync + 'static {
    /// The file was looked at and is well. The error says in words why there is no
    /// index yet.
    fn prepare<'a>(&'a self, source: &'a MediaSource) -> BoxFuture<'a, Result<(), String>>;
}

/// Nothing is needed.
impl Indexing for () {
    fn prepare<'a>(&'a self, _: &'a MediaSource) -> BoxFuture<'a, Result<(), String>> {
        futures::future::ready(Ok(())).boxed()
    }
}

/// The preflight of this server; clones share it.
#[derive(Clone, Debug)]
pub struct Preflight(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    findings: Arc<dyn Findings>,
    indexing: Arc<dyn Indexing>,
    /// Never held across an await.
    seen: Mutex<Seen>,
    preparing: TaskTracker,
    ending: CancellationToken,
}

#[derive(Debug, Default)]
struct Seen {
    /// What came of each look, and what is wrong as far as people are told.
    looks: HashMap<File, (Look, Option<String>)>,
    /// Media that are being prepared.
    preparing: HashSet<MediaId>,
    /// Why the last try to prepare a file came to nothing.
    unprepared: HashMap<File, String>,
}

impl Preflight {
    /// Tells what it finds; nothing is looked at until it runs.
    pub fn new(clock: Clock, findings: Arc<dyn Findings>, indexing: Arc<dyn Indexing>) -> Self {
        Self(Arc::new(Inner {
            clock,
            findings,
            indexing,
            seen: Mutex::default(),
            preparing: TaskTracker::new(),
            ending: CancellationToken::new(),
        }))
    }

    /// Looks at what the channels on the air will play, until it is stopped; then
    /// nothing of it is left.
    pub async fn run(
        self,
        programme: Programme,
        on_air: impl Fn() -> Vec<ChannelId>,
        stop: CancellationToken,
    ) {
        let mut often = tokio::time::interval(EVERY);
        often.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let looking = async {
                often.tick().await;
                self.look_at(&programme, &on_air()).await;
            };
            if stop.run_until_cancelled(looking).await.is_none() {
                break;
            }
        }
        self.0.ending.cancel();
        self.0.preparing.close();
        self.0.preparing.wait().await;
    }

    /// Looks at what is due on these channels.
    pub async fn look_at(&self, programme: &Programme, channels: &[ChannelId]) {
        let now = self.0.clock.now();
        let mut airings: HashMap<File, PlannedAiring> = HashMap::new();
        let mut starts = Vec::new();
        for channel in channels {
            let now_there = self.0.clock.now_on(*channel);
            match programme.timeline().planned(*channel, now_there + AHEAD).await {
                Ok(planned) => {
                    for airing in planned {
                        // By the server's clock: a channel may keep another time.
                        starts.push((airing.file, now + (airing.start - now_there)));
                        airings.entry(airing.file).or_insert(airing);
                    }
                }
                // The session says the same, and is heard.
                Err(error) => tracing::debug!(%channel, %error, "no plan to look through"),
            }
        }
        let due = {
            let mut seen = self.seen();
            seen.looks.retain(|file, _| airings.contains_key(file));
            seen.unprepared.retain(|file, _| airings.contains_key(file));
            preflight::due(starts, |file| seen.looks.get(&file).map(|(look, _)| *look), now)
        };
        let due: Vec<PlannedAiring> = due.iter().filter_map(|file| airings.remove(file)).collect();
        futures::stream::iter(due)
            .for_each_concurrent(AT_ONCE, |airing| self.look(programme, airing))
            .await;
    }

    /// What is wrong with a media that will air soon, as far as is known.
    pub fn warning(&self, media: MediaId) -> Option<String> {
        let seen = self.seen();
        seen.looks.iter().find(|(file, _)| file.0 == media).and_then(|(_, (_, why))| why.clone())
    }

    async fn look(&self, programme: &Programme, airing: PlannedAiring) {
        let original = programme.timeline().media(airing.file.0, airing.file.1).await;
        let path = original.as_ref().map(|original| original.path.clone()).unwrap_or_default();
        let seen = match original {
            Ok(original) => self.see(programme, &airing, original).await,
            Err(error) => Err(error.to_string()),
        };
        let why = match &seen {
            // What is still to be prepared for it is as it was.
            Ok(_) => self.seen().unprepared.get(&airing.file).cloned(),
            Err(why) => Some(why.clone()),
        };
        let look = Look { at: self.0.clock.now(), well: why.is_none() };
        let before = self.seen().looks.insert(airing.file, (look, why.clone()));
        let before = before.and_then(|(_, why)| why);
        if before != why {
            say(&airing, &path, why.as_deref());
        }
        if let Ok(source) = seen {
            self.prepare(airing, source);
        }
    }

    /// Lets be made what the file needs beside itself. Nobody waits for that: it may mean
    /// to read all of it, after all of others.
    fn prepare(&self, airing: PlannedAiring, source: MediaSource) {
        let media = source.media;
        {
            let mut seen = self.seen();
            if seen.preparing.len() >= PREPARING || !seen.preparing.insert(media) {
                return;
            }
        }
        let preflight = self.clone();
        self.0.preparing.spawn(async move {
            let making = preflight.0.indexing.prepare(&source);
            let made = preflight.0.ending.run_until_cancelled(making).await;
            preflight.seen().preparing.remove(&media);
            if let Some(made) = made {
                preflight.prepared(&airing, &source.path, made.err());
            }
        });
    }

    /// Takes note of what came of it, unless something else is wrong with the file by now.
    fn prepared(&self, airing: &PlannedAiring, path: &Path, why: Option<String>) {
        let mut seen = self.seen();
        let before = match &why {
            Some(why) => seen.unprepared.insert(airing.file, why.clone()),
            None => seen.unprepared.remove(&airing.file),
        };
        let Some((look, said)) = seen.looks.get_mut(&airing.file) else { return };
        if *said == before && *said != why {
            (look.well, *said) = (why.is_none(), why.clone());
            say(airing, path, why.as_deref());
        }
    }

    /// There, unchanged, readable, copied where it must be. Viewers are told why not,
    /// without the path.
    async fn see(
        &self,
        programme: &Programme,
        airing: &PlannedAiring,
        original: MediaSource,
    ) -> Result<MediaSource, String> {
        let (media, map_id) = airing.file;
        match source_file::look(&original).await {
            FileState::Gone => {
                self.0.findings.tell(Finding::Missing { media }).await;
                return Err("the file is not there".to_owned());
            }
            FileState::Replaced => {
                self.0.findings.tell(Finding::Replaced { media }).await;
                return Err("it is another file than the one that was planned".to_owned());
            }
            FileState::Unknown => return Err("the file cannot be reached".to_owned()),
            FileState::Same => {}
        }
        let known = original.identity;
        let read = move |path: &Path| EndsRead::of(path, &known);
        match source_file::ask(&original.path, READ_WITHIN, read).await {
            Some(Ok(EndsRead::Same)) => {}
            Some(Ok(EndsRead::Other)) => {
                self.0.findings.tell(Finding::Replaced { media }).await;
                return Err("the file holds something else than was planned".to_owned());
            }
            Some(Err(error)) => return Err(format!("the file cannot be read: {error}")),
            None => {
                return Err(format!("the file was not read within {} s", READ_WITHIN.as_secs()));
            }
        }
        let source = programme.source(media, map_id, airing.map.clone()).await;
        source.map_err(|error| error.to_string())?.map_err(|why| why.reason)
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says what is wrong with what will air, or that nothing is any more.
fn say(airing: &PlannedAiring, path: &Path, why: Option<&str>) {
    let (media, start) = (airing.file.0, airing.start);
    match why {
        Some(why) => tracing::warn!(%media, %start, ?path, why, "what will air is not ready"),
        None => tracing::info!(%media, %start, ?path, "what will air is ready now"),
    }
}
