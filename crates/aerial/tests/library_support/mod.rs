//! A library in temporary folders, with a prober that counts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aerial::clock::Clock;
use aerial::db::{Db, Folder, Media, MediaFilter};
use aerial::library::{Library, Listener, ProbeFailure, Prober, Progress, ScanRequest, Tools};
use aerial_model::id::MediaId;
use aerial_model::media::{Entry, MediaFacts};
use aerial_model::time::Ticks;
use futures::future::BoxFuture;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer, however busy the machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Facts of ten seconds of sound.
pub(crate) fn facts() -> MediaFacts {
    MediaFacts {
        container: "matroska,webm".to_owned(),
        start_time: Ticks::ZERO,
        length: Ticks::from_secs(10),
        video: None,
        audio: Vec::new(),
        subtitles: Vec::new(),
        chapters: Vec::new(),
        entry: Entry::Seek { pre_seek: Ticks::from_secs(1) },
        tags: BTreeMap::new(),
    }
}

/// Counts, and answers when it is let: content `bad` is unplayable, `later`
/// cannot be asked, anything else is ten seconds.
#[derive(Debug)]
pub(crate) struct CountingProber {
    pub(crate) asked: AtomicUsize,
    pub(crate) permits: Semaphore,
    /// Called with each path before the answer.
    pub(crate) meddle: Mutex<Option<fn(&Path)>>,
}

impl Default for CountingProber {
    fn default() -> Self {
        let permits = Semaphore::new(Semaphore::MAX_PERMITS);
        Self { asked: AtomicUsize::new(0), permits, meddle: Mutex::new(None) }
    }
}

impl Prober for CountingProber {
    fn probe<'a>(
        &'a self,
        path: &'a Path,
        _size_bytes: u64,
    ) -> BoxFuture<'a, Result<MediaFacts, ProbeFailure>> {
        Box::pin(async move {
            self.permits.acquire().await.unwrap().forget();
            self.asked.fetch_add(1, Ordering::SeqCst);
            if let Some(meddle) = *self.meddle.lock().unwrap() {
                meddle(path);
            }
            match std::fs::read(path).unwrap_or_default().as_slice() {
                b"bad" => Err(ProbeFailure::Bad("it is no video".to_owned())),
                b"later" => Err(ProbeFailure::Later("not now".to_owned())),
                _ => Ok(facts()),
            }
        })
    }
}

/// Remembers what it was told.
#[derive(Debug, Default)]
pub(crate) struct Ears(pub(crate) Mutex<Vec<Vec<MediaId>>>);

impl Listener for Ears {
    fn library_changed(&self, media: Vec<MediaId>) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.lock().unwrap().push(media) })
    }
}

pub(crate) struct House {
    pub(crate) data: TempDir,
    pub(crate) media: TempDir,
    pub(crate) db: Db,
    pub(crate) folder: Folder,
    pub(crate) prober: Arc<CountingProber>,
    pub(crate) ears: Arc<Ears>,
    pub(crate) library: Library,
    pub(crate) shut_down: CancellationToken,
    pub(crate) task: JoinHandle<()>,
}

impl House {
    /// A library of one folder, its server started.
    pub(crate) async fn new() -> Self {
        let (data, media) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let db = Db::open(&data.path().join("aerial.db")).await.unwrap();
        let folder = db.add_folder(media.path(), Clock::system().now()).await.unwrap();
        let prober = Arc::new(CountingProber::default());
        let (library, shut_down, task, ears) = start(&db, prober.clone());
        Self { data, media, db, folder, prober, ears, library, shut_down, task }
    }

    /// Stops the library and starts another on the same catalogue.
    pub(crate) async fn restart(&mut self) {
        self.shut_down.cancel();
        let task = std::mem::replace(&mut self.task, tokio::spawn(async {}));
        tokio::time::timeout(LIMIT, task).await.unwrap().unwrap();
        self.prober = Arc::new(CountingProber::default());
        let (library, shut_down, task, ears) = start(&self.db, self.prober.clone());
        (self.library, self.shut_down, self.task, self.ears) = (library, shut_down, task, ears);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.media.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Scans everything to the end.
    pub(crate) async fn scan(&self) -> Progress {
        self.scan_for(ScanRequest::all()).await
    }

    pub(crate) async fn scan_for(&self, request: ScanRequest) -> Progress {
        let job = self.library.scan(request).await.unwrap();
        tokio::time::timeout(LIMIT, self.library.ended(job)).await.unwrap().unwrap()
    }

    pub(crate) fn asked(&self) -> usize {
        self.prober.asked.load(Ordering::SeqCst)
    }

    pub(crate) async fn media(&self) -> Vec<Media> {
        self.db.list_media(&MediaFilter::default(), None, 20_000).await.unwrap().items
    }

    pub(crate) async fn media_at(&self, name: &str) -> Media {
        self.db.media_at(&self.path(name)).await.unwrap().unwrap()
    }
}

pub(crate) fn start(
    db: &Db,
    prober: Arc<dyn Prober>,
) -> (Library, CancellationToken, JoinHandle<()>, Arc<Ears>) {
    let ears = Arc::new(Ears::default());
    let tools = Tools { db: db.clone(), prober, listener: ears.clone(), clock: Clock::system() };
    let (library, task) = Library::new(tools);
    let shut_down = CancellationToken::new();
    let task = tokio::spawn(task.run(shut_down.clone()));
    (library, shut_down, task, ears)
}

/// Waits until `done` says so, at most a minute.
pub(crate) async fn until<F: Future<Output = bool>>(mut done: impl FnMut() -> F) {
    let wait = async {
        while !done().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, wait).await.expect("it did not come to pass within a minute");
}
