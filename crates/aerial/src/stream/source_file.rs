//! The file of an airing, as the file system tells it.
//!
//! Owns the question whether the bytes are still those that the airing's cut
//! points were made from (`rules.md`, 9), and how file systems are asked that may never
//! answer. Invariant: a disk that does not answer holds nobody up for long, and no more
//! than a few threads.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::fault::FileState;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout};

use super::timeline::MediaSource;
use super::track::Source;
use crate::clock::monotonic;
use crate::db::Identity;
use crate::library::Stamp;

/// A local disk answers in microseconds, one that must spin up in 10 s, and a
/// lost share never; whoever asks has better things to do than to wait for that.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Questions that may be unanswered at once. Nothing ends a call that hangs, so each
/// keeps a thread, and of the 512 that there are for such calls the store needs its own.
const UNANSWERED: usize = 32;

/// Of the whole process, as the threads are.
static QUESTIONS: Questions = Questions::new();

/// Looks at the file of a track, if it has one.
pub async fn look_at(source: &Source) -> FileState {
    match source {
        Source::Media(source) => look(source).await,
        Source::Slate(_) | Source::Withheld(_) => FileState::Same,
    }
}

/// Looks whether the file is there, and the one it was.
pub async fn look(source: &MediaSource) -> FileState {
    // The time of a remux says when it was used last.
    let (known, size_alone) = (source.identity, source.remux.is_some());
    let look = move |path: &Path| state(path, &known, size_alone);
    let state = ask(&source.path, PATIENCE, look).await;
    state.unwrap_or(FileState::Unknown)
}

/// Asks of a file what may block. `None` where there was no answer in time, or where
/// none is to be expected: this file left such a question open before, or too many do.
pub async fn ask<T: Send + 'static>(
    path: &Path,
    patience: Duration,
    question: impl FnOnce(&Path) -> T + Send + 'static,
) -> Option<T> {
    QUESTIONS.ask(path, patience, question).await
}

/// Questions that are not answered yet.
#[derive(Debug)]
struct Questions {
    places: Semaphore,
    /// Until when the answer of a file is waited for. Never held across an await.
    open: Mutex<BTreeMap<PathBuf, Instant>>,
}

impl Questions {
    const fn new() -> Self {
        Self { places: Semaphore::const_new(UNANSWERED), open: Mutex::new(BTreeMap::new()) }
    }

    async fn ask<T: Send + 'static>(
        &'static self,
        path: &Path,
        patience: Duration,
        question: impl FnOnce(&Path) -> T + Send + 'static,
    ) -> Option<T> {
        let open = self.open(path, patience)?;
        // An error says that the runtime is being shut down.
        let asking = tokio::task::spawn_blocking(move || question(&open.path));
        timeout(patience, asking).await.ok()?.ok()
    }

    fn open(&'static self, path: &Path, patience: Duration) -> Option<Open> {
        let (mut files, now) = (self.files(), monotonic());
        if files.get(path).is_some_and(|until| *until <= now) {
            return None;
        }
        let place = self.places.try_acquire().ok()?;
        files.entry(path.to_owned()).or_insert(now + patience);
        Some(Open { questions: self, path: path.to_owned(), _place: place })
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Instant>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question until it is answered, however long nobody waits for that any more.
struct Open {
    questions: &'static Questions,
    path: PathBuf,
    _place: SemaphorePermit<'static>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.questions.files().remove(&self.path);
    }
}

fn state(path: &Path, known: &Identity, size_alone: bool) -> FileState {
    let same_time = |stamp: &Stamp| size_alone || stamp.mtime_ns == known.mtime_ns;
    match Stamp::read(path) {
        Ok(stamp) if stamp.size == known.size_bytes && same_time(&stamp) => FileState::Same,
        Ok(_) => FileState::Replaced,
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Gone,
        Err(_) => FileState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_gone_another_or_the_one_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("film");
        std::fs::write(&path, b"pictures").unwrap();
        let stamp = Stamp::read(&path).unwrap();
        let known = Identity { size_bytes: stamp.size, mtime_ns: stamp.mtime_ns, hash: None };
        assert_eq!(state(&path, &known, false), FileState::Same);
        let touched = Identity { mtime_ns: known.mtime_ns + 1, ..known };
        assert_eq!(state(&path, &touched, false), FileState::Replaced);
        assert_eq!(
            state(&path, &touched, true),
            FileState::Same,
            "as the store marks what is used"
        );
        let longer = Identity { size_bytes: known.size_bytes + 1, ..known };
        assert_eq!(state(&path, &longer, true), FileState::Replaced);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(state(&path, &known, true), FileState::Gone);
        // A file where a folder should be: the system's answer is about the way there.
        std::fs::write(&path, b"no folder").unwrap();
        assert_eq!(state(&path.join("film"), &known, false), FileState::Unknown);
    }

    fn a_thread_more(_: &Path) {
        panic!("it was not to be asked");
    }

    #[tokio::test]
    async fn a_disk_that_does_not_answer_holds_a_few_threads_and_nobody_else_up() {
        static QUESTIONS: Questions = Questions::new();
        const SOON: Duration = Duration::from_millis(1);
        let (hung, hangs) = std::sync::mpsc::channel::<()>();
        let hangs = std::sync::Arc::new(Mutex::new(hangs));
        let hang = || {
            let hangs = std::sync::Arc::clone(&hangs);
            move |_: &Path| {
                let _ended = hangs.lock().unwrap().recv();
            }
        };
        let share = |n: usize| PathBuf::from(format!("/share/{n}"));
        assert_eq!(QUESTIONS.ask(&share(0), SOON, hang()).await, None);
        // It is not asked again, and others are.
        let again = QUESTIONS.ask(&share(0), SOON, a_thread_more).await;
        assert_eq!(again, None);
        assert_eq!(QUESTIONS.ask(&share(1), PATIENCE, |_| 1).await, Some(1));
        for n in 1..UNANSWERED {
            assert_eq!(QUESTIONS.ask(&share(n), SOON, hang()).await, None);
        }
        let one_more = QUESTIONS.ask(&share(UNANSWERED), PATIENCE, a_thread_more).await;
        assert_eq!(one_more, None);
        // The disk is back.
        drop(hung);
        let all = u32::try_from(UNANSWERED).unwrap();
        drop(timeout(PATIENCE, QUESTIONS.places.acquire_many(all)).await.unwrap().unwrap());
        assert_eq!(QUESTIONS.ask(&share(0), PATIENCE, |_| 0).await, Some(0));
    }
}
