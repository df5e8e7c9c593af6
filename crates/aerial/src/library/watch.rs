//! Watching folders: new and changed files are scanned by themselves.
//!
//! Owns the task that hears of changes (from `system`), waits until a file has stopped
//! growing (`settling`), and rescans now and then where nothing can or shall be watched.
//! Does not scan: it asks `jobs`. Invariant: every folder is either watched or rescanned
//! now and then, and says which and why.

mod file_system;
mod refusal;
mod settling;
mod system;
mod tree;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aerial_model::id::FolderId;
use notify_debouncer_full::notify::event::{AccessKind, AccessMode};
use notify_debouncer_full::notify::{self, EventKind};
use notify_debouncer_full::{DebounceEventResult, new_debouncer};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use self::refusal::says;
use self::settling::{Seen, Settling};
pub use self::system::Watched;
use self::system::{Place, System, rewatch};
use super::identity::Stamp;
use super::jobs::{Library, ScanRequest};
use super::walk::{is_hidden, is_nfo, is_video, walk};
use crate::clock::monotonic;
use crate::db::Db;

/// Batches of events that wait to be looked at; past that the system's own queue fills.
const WAITING_BATCHES: usize = 256;

/// Why nothing is watched where the settings say so.
const SWITCHED_OFF: &str = "watching is switched off (library.watch)";

/// When what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchTimes {
    /// Events of one file within this time are one event.
    pub debounce: Duration,
    /// Between two looks at a file that may be growing.
    pub look_every: Duration,
    /// Between two scans of a folder that cannot be watched.
    pub rescan_every: Duration,
}

impl Default for WatchTimes {
    /// 1 s, 2 s, 15 min.
    fn default() -> Self {
        Self {
            debounce: Duration::from_secs(1),
            look_every: Duration::from_secs(2),
            rescan_every: Duration::from_secs(15 * 60),
        }
    }
}

/// The handle of the task that watches. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Watcher {
    refresh: Arc<Notify>,
    status: watch::Receiver<BTreeMap<FolderId, Watched>>,
}

impl Watcher {
    /// The handle and the task behind it.
    pub fn new(db: Db, library: Library, times: WatchTimes) -> (Self, WatcherTask) {
        let (sender, status) = watch::channel(BTreeMap::new());
        let refresh = Arc::new(Notify::new());
        let task = WatcherTask {
            db,
            library,
            times,
            refresh: refresh.clone(),
            status: sender,
            listens: true,
            folders: HashMap::new(),
            settling: Settling::default(),
        };
        (Self { refresh, status }, task)
    }

    /// Folders were added or removed: look at the catalogue again.
    pub fn refresh(&self) {
        self.refresh.notify_one();
    }

    /// How each folder is watched.
    pub fn status(&self) -> BTreeMap<FolderId, Watched> {
        self.status.borrow().clone()
    }

    /// The same, as it changes.
    pub fn subscribe(&self) -> watch::Receiver<BTreeMap<FolderId, Watched>> {
        self.status.clone()
    }
}

/// The task that watches; [`WatcherTask::run`] is spawned by whoever joins it.
#[must_use = "nothing is watched until it runs"]
pub struct WatcherTask {
    db: Db,
    library: Library,
    times: WatchTimes,
    refresh: Arc<Notify>,
    status: watch::Sender<BTreeMap<FolderId, Watched>>,
    /// Whether the system is asked to tell of changes at all.
    listens: bool,
    folders: HashMap<FolderId, Place>,
    settling: Settling,
}

impl WatcherTask {
    /// Scans all folders now and then instead of watching them.
    pub fn without_listening(self) -> Self {
        Self { listens: false, ..self }
    }

    /// Watches until told to stop.
    pub async fn run(mut self, shut_down: CancellationToken) {
        let (sender, mut events) = mpsc::channel(WAITING_BATCHES);
        let tell = move |batch: DebounceEventResult| {
            // On the watcher's own thread; nobody listens any more at the end.
            let _ = sender.blocking_send(batch);
        };
        let mut system = match self.listens {
            true => new_debouncer(self.times.debounce, None, tell).map_err(|e| says(&e)),
            false => Err(SWITCHED_OFF.to_owned()),
        };
        let mut scans = self.library.subscribe();
        let mut last_scan = scans.borrow_and_update().job;
        system = self.update(system).await;
        let mut rescan = monotonic() + self.times.rescan_every;
        let mut look: Option<Instant> = None;
        loop {
            tokio::select! {
                () = shut_down.cancelled() => break,
                () = self.refresh.notified() => system = self.update(system).await,
                Ok(()) = scans.changed() => {
                    // A folder that is new is scanned first.
                    let scan = scans.borrow_and_update().job;
                    if scan != last_scan {
                        last_scan = scan;
                        system = self.update(system).await;
                    }
                }
                Some(batch) = events.recv() => self.take(batch).await,
                () = at(look) => {
                    look = None;
                    self.look().await;
                }
                () = sleep_until(rescan) => {
                    system = self.now_and_then(system).await;
                    rescan = monotonic() + self.times.rescan_every;
                }
            }
            if look.is_none() && !self.settling.is_empty() {
                look = Some(monotonic() + self.times.look_every);
            }
        }
        // Its thread ends by itself; a blocked send ends with the receiver.
        drop(events);
        if let Ok(system) = system {
            system.stop_nonblocking();
        }
    }

    /// Watches the folders that the catalogue has now.
    async fn update(&mut self, system: Result<System, String>) -> Result<System, String> {
        let folders = match self.db.folders().await {
            Ok(folders) => folders,
            Err(error) => {
                warn!(%error, "cannot see which folders to watch");
                return system;
            }
        };
        let old = std::mem::take(&mut self.folders);
        self.settling.keep(|id| folders.iter().any(|folder| folder.id == id));
        let every = self.times.rescan_every;
        let work = tokio::task::spawn_blocking(move || rewatch(system, old, folders, every));
        let Ok((system, places)) = work.await else {
            return Err("the watching of folders broke down".to_owned());
        };
        let status: BTreeMap<_, _> =
            places.iter().map(|(id, place)| (*id, place.watched.clone())).collect();
        self.folders = places;
        self.status.send_if_modified(|known| {
            for (id, watched) in &status {
                if let (Watched::NowAndThen { reason }, true) =
                    (watched, known.get(id) != Some(watched))
                {
                    match self.listens {
                        true => warn!(folder = %id, %reason, "a folder is not watched"),
                        false => info!(folder = %id, %reason, "a folder is not watched"),
                    }
                }
            }
            let changed = *known != status;
            *known = status;
            changed
        });
        system
    }

    /// Scans the folders that cannot be watched, and tries to watch them again.
    async fn now_and_then(&mut self, system: Result<System, String>) -> Result<System, String> {
        let not_watched = |places: &HashMap<FolderId, Place>| -> BTreeSet<FolderId> {
            let polled = |place: &Place| place.doubtful || place.watched != Watched::AtOnce;
            places.iter().filter(|(_, place)| polled(place)).map(|(id, _)| *id).collect()
        };
        let mut due = not_watched(&self.folders);
        let roots: HashMap<_, _> = self.folders.iter().map(|(id, p)| (*id, p.root)).collect();
        let system = self.update(system).await;
        // Another disk stands where one was watched: what is on it is news.
        due.extend(
            self.folders.iter().filter(|(id, p)| roots.get(id) != Some(&p.root)).map(|(id, _)| *id),
        );
        due.extend(not_watched(&self.folders));
        self.scan(due).await;
        system
    }

    /// Takes what the system told.
    async fn take(&mut self, batch: DebounceEventResult) {
        let events = match batch {
            Ok(events) => events,
            Err(errors) => {
                for error in errors {
                    self.failed(&error);
                }
                return;
            }
        };
        let mut trees = Vec::new();
        for event in events {
            if event.need_rescan() {
                debug!("the system lost events: scanning all folders");
                let all = self.folders.keys().copied().collect();
                self.scan(all).await;
                continue;
            }
            if !is_change(&event.kind) {
                continue;
            }
            for path in &event.paths {
                let Some((id, root)) = self.folder_of(path) else { continue };
                if hides(path, &root) {
                    continue;
                }
                if is_video(path) || is_nfo(path) {
                    self.settling.add(path.clone(), id);
                } else if !matches!(
                    event.kind,
                    EventKind::Modify(notify::event::ModifyKind::Data(_))
                ) {
                    // Perhaps a folder that came with all that is in it.
                    trees.push((id, path.clone()));
                }
            }
        }
        for (id, path) in trees {
            self.take_tree(id, path).await;
        }
    }

    /// A folder came, went or was renamed: all videos in it are looked at.
    async fn take_tree(&mut self, id: FolderId, path: PathBuf) {
        let inside = tokio::task::spawn_blocking(move || {
            let link_or_folder = path.is_dir() || !path.exists();
            let walked = path.is_dir().then(|| walk(&path, &CancellationToken::new(), |_| {}));
            let walked = walked.and_then(Result::ok).unwrap_or_default();
            let files = walked.videos.into_iter().map(|video| video.path);
            let files: Vec<PathBuf> = files.chain(walked.nfos.into_keys()).collect();
            // Its own path stands for those that went with it.
            (files, link_or_folder.then_some(path))
        });
        let Ok((files, own)) = inside.await else { return };
        for path in files.into_iter().chain(own) {
            self.settling.add(path, id);
        }
    }

    fn failed(&mut self, error: &notify::Error) {
        let reason = says(error);
        let broken: Vec<FolderId> = match error.paths.as_slice() {
            [] => self.folders.keys().copied().collect(),
            paths => paths.iter().filter_map(|path| Some(self.folder_of(path)?.0)).collect(),
        };
        for id in broken {
            if let Some(place) = self.folders.get_mut(&id) {
                warn!(folder = %place.path.display(), %reason, "a folder is not watched any more");
                place.watched = Watched::now_and_then(&reason, self.times.rescan_every);
                self.status.send_modify(|known| {
                    known.insert(id, place.watched.clone());
                });
            }
        }
    }

    /// Looks at the files that may be growing; those that do not any more are offered.
    async fn look(&mut self) {
        let paths: Vec<PathBuf> = self.settling.paths();
        let look = |path: PathBuf| {
            let seen: Seen = Stamp::read(&path).ok();
            (path, seen)
        };
        let looks =
            tokio::task::spawn_blocking(move || paths.into_iter().map(look).collect::<Vec<_>>());
        let Ok(looks) = looks.await else { return };
        let settled = self.settling.look(looks);
        self.scan(settled).await;
    }

    async fn scan(&self, folders: BTreeSet<FolderId>) {
        if folders.is_empty() {
            return;
        }
        let growing = self.settling.paths();
        let request = ScanRequest { folders, growing, retry: false };
        if self.library.scan(request).await.is_err() {
            debug!("the library is shutting down");
        }
    }

    /// The innermost library folder that `path` is in.
    fn folder_of(&self, path: &Path) -> Option<(FolderId, PathBuf)> {
        self.folders
            .iter()
            .filter(|(_, place)| path.starts_with(&place.path))
            .max_by_key(|(_, place)| place.path.as_os_str().len())
            .map(|(id, place)| (*id, place.path.clone()))
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Reading is no change, and we read every file ourselves.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// Whether a part of `path` below `root` is left out by the walk.
fn hides(path: &Path, root: &Path) -> bool {
    path.strip_prefix(root).is_ok_and(|below| below.iter().any(is_hidden))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_reading_is_no_change() {
        assert!(!is_change(&EventKind::Access(AccessKind::Open(AccessMode::Read))));
        assert!(!is_change(&EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(is_change(&EventKind::Access(AccessKind::Close(AccessMode::Write))));
    }

    #[test]
    fn hidden_folders_are_not_listened_to() {
        let root = Path::new("/.library");
        assert!(hides(Path::new("/.library/.trash/a.mkv"), root));
        assert!(!hides(Path::new("/.library/a.mkv"), root));
    }
}
