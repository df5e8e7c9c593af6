//! One scan: walk, compare, read what changed, store it in batches.
//!
//! Owns the order of these steps for one job, and nothing between jobs
//! (`jobs` does). Invariant: what is stored is right at any instant, so that a
//! scan that ends anywhere (cancelled, killed) is taken up by just scanning
//! again: what was stored is known, what was not is new.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aerial_model::id::{FolderId, MediaId};
use aerial_model::media::MediaFacts;
use aerial_model::segment_map::SegmentMap;
use futures::StreamExt;
use futures::future::BoxFuture;
use tokio::time::timeout_at;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::compare::{Known, Plan, ToRead, Vanished, compare};
use super::describe::{Described, Describer};
use super::identity::{Identity, Stamp};
use super::probe::{ProbeFailure, Prober, map_of};
use super::progress::{Reporter, ScanState};
use super::walk::{NoteReason, WalkError, Walked, walk};
use crate::clock::{Clock, monotonic};
use crate::db::{Db, DbError, Folder, Media, MediaState, ScannedMedia};

/// Files read at the same time: the prober lets fewer of them run at once, the
/// others are being hashed or wait.
const FILES_AT_ONCE: usize = 4;

/// Files of one transaction, and how long the first of them may wait: a channel
/// has something to show a second after the first file was read.
const BATCH: usize = 50;
const BATCH_AGE: Duration = Duration::from_secs(1);

/// The walk tells its number every so many files.
const TELL_EVERY: u64 = 64;

/// Whoever must know that media changed: the schedule, whose plans stand on them.
pub trait Listener: Send + Sync + 'static {
    /// These media are new, changed, gone or there again; all is stored.
    fn library_changed(&self, media: Vec<MediaId>) -> BoxFuture<'_, ()>;
}

impl Listener for crate::schedule::Schedule {
    fn library_changed(&self, media: Vec<MediaId>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // The media are stored; plans catch up with the next change or start.
            if let Err(error) = Self::library_changed(self, &media).await {
                warn!(%error, media = media.len(), "the plans do not know of changed media yet");
            }
        })
    }
}

/// What a scan works with.
#[derive(Clone)]
pub struct Tools {
    /// The catalogue.
    pub db: Db,
    /// Whoever says what is in a file.
    pub prober: Arc<dyn Prober>,
    /// Whoever must know of changes.
    pub listener: Arc<dyn Listener>,
    /// The time.
    pub clock: Clock,
}

/// Why a scan could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The catalogue failed.
    #[error("the scan could not use the catalogue: {0}")]
    Db(#[from] DbError),
    /// The reading of folders broke down.
    #[error(
        "the scan broke down while it read a folder; this is a fault of aerial, please report it"
    )]
    BrokeDown,
}

/// How a scan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// All was looked at.
    Done,
    /// Told to stop.
    Stopped,
}

/// What to scan.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// Empty stands for all.
    pub(super) folders: BTreeSet<FolderId>,
    pub(super) growing: BTreeSet<PathBuf>,
    pub(super) retry: bool,
}

/// One scan at work.
pub(super) struct Scan {
    pub(super) tools: Tools,
    pub(super) reporter: Reporter,
    pub(super) stop: CancellationToken,
    pub(super) describer: Describer,
}

/// What one file turned out to be.
enum Outcome {
    Read(Box<ScannedMedia>, How),
    /// It changed while it was read.
    Growing(PathBuf),
    /// It went away since the walk; the next one sees that.
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Probed,
    Moved,
}

impl Scan {
    /// Scans, and gives back what the describer remembers.
    pub(super) async fn run(mut self, scope: Scope) -> (Result<Ending, ScanError>, Describer) {
        let result = self.scan(&scope).await;
        (result, self.describer)
    }

    async fn scan(&mut self, scope: &Scope) -> Result<Ending, ScanError> {
        self.reporter.update(|p| p.state = ScanState::Walking);
        let all = self.tools.db.folders().await?;
        let wanted =
            all.iter().filter(|f| scope.folders.is_empty() || scope.folders.contains(&f.id));
        let mut to_read = Vec::new();
        let mut vanished = Vec::new();
        let mut scanned = Vec::new();
        for folder in wanted {
            match self.look(folder, &all, scope).await? {
                Looked::Plan(plan) => {
                    scanned.push(folder.id);
                    self.store_what_needs_no_reading(&plan).await?;
                    to_read.extend(plan.to_read);
                    vanished.extend(plan.vanished);
                }
                Looked::Unreachable(reason) => {
                    self.reporter.note(&folder.path, &reason);
                    let now = self.tools.clock.now();
                    self.tools.db.set_folder_scanned(folder.id, now, Some(&reason)).await?;
                }
                Looked::Stopped => return Ok(Ending::Stopped),
            }
        }
        // What may have moved is gone only when it was not found elsewhere.
        let sizes: HashSet<u64> =
            to_read.iter().filter(|one| one.is_new).map(|one| one.stamp.size).collect();
        let (may_have_moved, gone): (Vec<_>, Vec<_>) =
            vanished.iter().partition(|one| sizes.contains(&one.size));
        self.store_missing(&gone).await?;
        let claimed = self.read(to_read).await?;
        if self.stop.is_cancelled() {
            return Ok(Ending::Stopped);
        }
        let gone: Vec<_> =
            may_have_moved.into_iter().filter(|one| !claimed.contains(&one.id)).collect();
        self.store_missing(&gone).await?;
        for id in scanned {
            self.tools.db.set_folder_scanned(id, self.tools.clock.now(), None).await?;
        }
        Ok(Ending::Done)
    }

    /// Walks a folder, describes its videos, and compares with what is known.
    async fn look(
        &mut self,
        folder: &Folder,
        all: &[Folder],
        scope: &Scope,
    ) -> Result<Looked, ScanError> {
        let (walked, described) = match self.walk(&folder.path).await? {
            Ok(found) => found,
            Err(WalkError::Cancelled) => return Ok(Looked::Stopped),
            Err(error) => return Ok(Looked::Unreachable(error.to_string())),
        };
        let files = self.tools.db.known_files(folder.id).await?;
        let there =
            |file: &&crate::db::KnownFile| !matches!(file.state, MediaState::Missing { .. });
        if walked.is_bare && files.iter().any(|file| there(&file)) {
            return Ok(Looked::Unreachable(format!(
                "the folder {} is empty, as if its disk were not mounted: its media are kept as they are (remove the folder from the library if they are really gone)",
                folder.path.display()
            )));
        }
        for note in &walked.notes {
            if note.reason != NoteReason::Sample {
                self.reporter.note(&note.path, &note.reason);
            }
        }
        for note in &described.notes {
            self.reporter.note(&note.path, &note.fault);
        }
        let abouts = self.tools.db.descriptions(folder.id).await?;
        let inner: Vec<PathBuf> = all
            .iter()
            .filter(|other| other.path != folder.path && other.path.starts_with(&folder.path))
            .map(|other| other.path.clone())
            .collect();
        let known = Known {
            folder: folder.id,
            files: &files,
            abouts: &abouts,
            inner: &inner,
            growing: &scope.growing,
            retry: scope.retry,
        };
        let plan = compare(&walked, described.abouts, known);
        self.reporter.update(|p| {
            p.unchanged += plan.unchanged as u64;
            p.to_probe += plan.to_read.len() as u64;
        });
        Ok(Looked::Plan(plan))
    }

    async fn walk(
        &mut self,
        root: &Path,
    ) -> Result<Result<(Walked, Described), WalkError>, ScanError> {
        let (root, stop, reporter) = (root.to_owned(), self.stop.clone(), self.reporter.clone());
        let mut describer = std::mem::take(&mut self.describer);
        let before = self.reporter.now().found;
        let work = tokio::task::spawn_blocking(move || {
            let mut found = before;
            let walked = walk(&root, &stop, |_| {
                found += 1;
                if found.is_multiple_of(TELL_EVERY) {
                    reporter.update(|p| p.found = found);
                }
            });
            let result = walked.map(|walked| {
                reporter.update(|p| p.found = before + walked.videos.len() as u64);
                let described = describer.describe(&root, &walked);
                (walked, described)
            });
            (result, describer)
        });
        let (result, describer) = work.await.map_err(|_| ScanError::BrokeDown)?;
        self.describer = describer;
        Ok(result)
    }

    async fn store_what_needs_no_reading(&self, plan: &Plan) -> Result<(), ScanError> {
        let db = &self.tools.db;
        let mut changed = db.mark_present(&plan.returned).await?;
        self.reporter.update(|p| p.returned += plan.returned.len() as u64);
        if !plan.redescribed.is_empty() {
            changed.extend(db.redescribe_media(&plan.redescribed, self.tools.clock.now()).await?);
        }
        self.tell(changed).await;
        Ok(())
    }

    async fn store_missing(&self, gone: &[&Vanished]) -> Result<(), ScanError> {
        if gone.is_empty() {
            return Ok(());
        }
        let ids: Vec<MediaId> = gone.iter().map(|one| one.id).collect();
        let changed = self.tools.db.mark_missing(&ids, self.tools.clock.now()).await?;
        self.reporter.update(|p| p.missing += changed.len() as u64);
        self.tell(changed).await;
        Ok(())
    }

    /// Reads files and stores what they are. Answers with the media that were
    /// found at a new place.
    async fn read(&self, to_read: Vec<ToRead>) -> Result<HashSet<MediaId>, ScanError> {
        self.reporter.update(|p| p.state = ScanState::Probing);
        let claimed = Mutex::new(HashSet::new());
        let mut outcomes = futures::stream::iter(to_read)
            .map(|one| self.read_one(one, &claimed))
            .buffer_unordered(FILES_AT_ONCE);
        let mut batch = Vec::new();
        let mut due = monotonic() + BATCH_AGE;
        loop {
            let next = tokio::select! {
                () = self.stop.cancelled() => break,
                next = timeout_at(due, outcomes.next()) => next,
            };
            match next {
                Ok(Some(outcome)) => {
                    if batch.is_empty() {
                        due = monotonic() + BATCH_AGE;
                    }
                    batch.extend(self.count(outcome?));
                }
                Ok(None) => break,
                Err(_) => {}
            }
            if batch.len() >= BATCH || (monotonic() >= due) {
                self.store(std::mem::take(&mut batch)).await?;
                due = monotonic() + BATCH_AGE;
            }
        }
        // Those still being read are ended here, their processes with them.
        drop(outcomes);
        self.store(batch).await?;
        self.reporter.update(|p| p.current = None);
        Ok(claimed.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    fn count(&self, outcome: Outcome) -> Option<ScannedMedia> {
        match outcome {
            Outcome::Gone => None,
            Outcome::Growing(path) => {
                self.reporter.update(|p| p.growing += 1);
                self.reporter.note(&path, &"is still being written: it is read when it is whole");
                None
            }
            Outcome::Read(media, how) => {
                self.reporter.update(|p| {
                    p.probed += 1;
                    p.moved += u64::from(how == How::Moved);
                    p.failed += u64::from(media.found.is_err());
                });
                Some(*media)
            }
        }
    }

    async fn store(&self, batch: Vec<ScannedMedia>) -> Result<(), ScanError> {
        if batch.is_empty() {
            return Ok(());
        }
        let stored = self.tools.db.upsert_media(batch, self.tools.clock.now()).await?;
        self.tell(stored.all()).await;
        Ok(())
    }

    async fn tell(&self, changed: Vec<MediaId>) {
        if !changed.is_empty() {
            self.tools.listener.library_changed(changed).await;
        }
    }

    async fn read_one(
        &self,
        one: ToRead,
        claimed: &Mutex<HashSet<MediaId>>,
    ) -> Result<Outcome, ScanError> {
        // It may be taken out of the library while its files are read.
        if self.tools.db.folder(one.folder).await?.is_none() {
            return Ok(Outcome::Gone);
        }
        let shown = one.path.to_string_lossy().into_owned();
        self.reporter.update(|p| p.current = Some(shown));
        let identity = match identity(&one.path).await? {
            Ok(identity) => identity,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Outcome::Gone);
            }
            Err(error) => return Ok(unreadable(one, &error)),
        };
        let moved = if one.is_new { self.moved(&identity, claimed).await? } else { None };
        let id = moved.as_ref().map(|media| media.id);
        let how = if moved.is_some() { How::Moved } else { How::Probed };
        if let Some(found) = moved.and_then(|media| known_of(media, identity.stamp)) {
            let identity = identity.into();
            return Ok(outcome(one, id, identity, Ok(found), how));
        }
        let found = match self.tools.prober.probe(&one.path, identity.stamp.size).await {
            Ok(facts) => map_of(&facts).map(|map| (facts, map)),
            Err(failure) => Err(failure),
        };
        // A file that is being copied is one thing now and another later.
        if stamp(&one.path).await? != Some(identity.stamp) {
            return Ok(Outcome::Growing(one.path));
        }
        let mut identity = crate::db::Identity::from(identity);
        if let Err(ProbeFailure::Later(_)) = &found {
            // Without a hash it counts as not yet read.
            identity.hash = None;
        }
        let found = found.map_err(|failure| failure.reason().to_owned());
        Ok(outcome(one, id, identity, found, how))
    }

    /// The known media whose file this is, if that is gone from its old place. Where that
    /// whole disk is away, it moved to another one, or this copy is as good until then.
    async fn moved(
        &self,
        identity: &Identity,
        claimed: &Mutex<HashSet<MediaId>>,
    ) -> Result<Option<Media>, ScanError> {
        // Empty files are all alike.
        if identity.stamp.size == 0 {
            return Ok(None);
        }
        let db = &self.tools.db;
        for media in db.media_with_bytes(identity.stamp.size, identity.hash.0).await? {
            let gone = is_gone(media.path.clone()).await;
            // Of two copies at new places one alone is the old file.
            let mut claimed = claimed.lock().unwrap_or_else(PoisonError::into_inner);
            if gone && claimed.insert(media.id) {
                return Ok(Some(media));
            }
        }
        Ok(None)
    }
}

/// What looking at a folder gave.
enum Looked {
    Plan(Plan),
    Unreachable(String),
    Stopped,
}

async fn identity(path: &Path) -> Result<io::Result<Identity>, ScanError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || Identity::read(&path))
        .await
        .map_err(|_| ScanError::BrokeDown)
}

/// `None`: it is gone, or cannot be looked at.
async fn stamp(path: &Path) -> Result<Option<Stamp>, ScanError> {
    let path = path.to_owned();
    tokio::task::spawn_blocking(move || Stamp::read(&path).ok())
        .await
        .map_err(|_| ScanError::BrokeDown)
}

fn unreadable(one: ToRead, error: &io::Error) -> Outcome {
    let identity = crate::db::Identity {
        size_bytes: one.stamp.size,
        mtime_ns: one.stamp.mtime_ns,
        hash: None,
    };
    let reason = format!(
        "the file cannot be read ({error}): give the user that runs aerial the right to read it"
    );
    outcome(one, None, identity, Err(reason), How::Probed)
}

/// What is known of a media that moved; nothing where its file was touched as well, and
/// may be another in its middle.
fn known_of(media: Media, stamp: Stamp) -> Option<(MediaFacts, SegmentMap)> {
    if media.identity.mtime_ns != stamp.mtime_ns {
        return None;
    }
    let (_, map) = media.map?;
    Some((Arc::unwrap_or_clone(media.facts?), map))
}

fn outcome(
    one: ToRead,
    id: Option<MediaId>,
    identity: crate::db::Identity,
    found: Result<(MediaFacts, SegmentMap), String>,
    how: How,
) -> Outcome {
    let ToRead { folder, path, about, .. } = one;
    Outcome::Read(Box::new(ScannedMedia { id, folder, path, identity, found, about }), how)
}

/// Whether it is certain that no file is there.
async fn is_gone(path: PathBuf) -> bool {
    let look = tokio::task::spawn_blocking(move || matches!(path.try_exists(), Ok(false)));
    look.await.unwrap_or(false)
}
