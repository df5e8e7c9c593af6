//! A segment while it is being made.
//!
//! Owns the chunks made so far and wakes whoever reads them. Two sides: readers
//! hold a [`Growing`]; whoever makes it holds the one [`Growth`]. Invariants
//! (`rules.md`, 22): what was pushed never changes, and a segment that was begun
//! always ends. Whoever makes it completes it or hands it on to a successor; a
//! `Growth` that is dropped (its task was ended, or panicked) abandons it, so
//! that no reader waits for ever and it can be begun again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aerial_model::mpegts::Chunk;
use aerial_model::segment::Segment;
use tokio::sync::Notify;

use super::{SegmentKey, Store};

/// A growing segment, as those who read it see it.
#[derive(Debug)]
pub struct Growing {
    key: SegmentKey,
    /// Never held across an await.
    made: Mutex<Made>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Made {
    chunks: Vec<Chunk>,
    ended: Option<Ending>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Complete,
    /// Its channel stopped, and nobody was left to complete it for.
    Abandoned,
}

impl Growing {
    pub(super) fn new(key: SegmentKey) -> Self {
        Self { key, made: Mutex::default(), changed: Notify::new() }
    }

    /// Which segment it is.
    pub fn key(&self) -> SegmentKey {
        self.key
    }

    /// The chunks from number `from` on, as soon as there are any; `None` when
    /// the segment has ended and all have been handed out.
    pub async fn chunks_from(&self, from: usize) -> Option<Vec<Chunk>> {
        self.until(|made| {
            if made.chunks.len() > from {
                return Some(Some(made.chunks[from..].to_vec()));
            }
            made.ended.map(|_| None)
        })
        .await
    }

    /// Waits for its first bytes; `false` if it was given up before.
    pub(super) async fn begun(&self) -> bool {
        self.until(|made| {
            let begun = !made.chunks.is_empty();
            (begun || made.ended.is_some()).then_some(begun)
        })
        .await
    }

    /// Whether it ended without being completed.
    pub fn is_abandoned(&self) -> bool {
        self.lock().ended == Some(Ending::Abandoned)
    }

    /// Waits until what was made so far gives an answer.
    async fn until<T>(&self, answer: impl Fn(&Made) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no push is missed.
            changed.as_mut().enable();
            if let Some(answer) = answer(&self.lock()) {
                return answer;
            }
            changed.await;
        }
    }

    fn push(&self, chunk: Chunk) {
        if chunk.bytes.is_empty() {
            return;
        }
        self.lock().chunks.push(chunk);
        self.changed.notify_waiters();
    }

    fn end(&self, ending: Ending) {
        self.lock().ended = Some(ending);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right and duty to make a growing segment; there is one for each.
#[derive(Debug)]
#[must_use = "dropped, it abandons the segment"]
pub struct Growth {
    growing: Arc<Growing>,
    store: Store,
    ended: bool,
}

impl Growth {
    pub(super) fn new(growing: Arc<Growing>, store: Store) -> Self {
        Self { growing, store, ended: false }
    }

    /// Which segment it is.
    pub fn key(&self) -> SegmentKey {
        self.growing.key
    }

    /// Adds what was made since the last call.
    pub fn push(&self, chunk: Chunk) {
        self.growing.push(chunk);
    }

    /// Whether somebody has it besides the store and its maker.
    pub fn is_read(&self) -> bool {
        Arc::strong_count(&self.growing) > 2
    }

    /// Completes it, and keeps it: in memory at once, on disk soon.
    pub fn finish(self) {
        self.complete(true);
    }

    /// Completes it with what is not the track's (a slate took over): it is kept
    /// in memory alone, for those who were promised it.
    pub fn finish_unkept(self) {
        self.complete(false);
    }

    fn complete(mut self, on_disk: bool) {
        let segment = Arc::new(Segment::from_chunks(&self.growing.lock().chunks));
        // First kept, then ended: whoever looks finds the one or the other.
        self.store.keep(self.key(), segment, on_disk);
        self.growing.end(Ending::Complete);
        self.ended = true;
    }
}

impl Drop for Growth {
    fn drop(&mut self) {
        if !self.ended {
            // First forgotten, so that whoever is woken finds it gone.
            self.store.forget(self.key());
            self.growing.end(Ending::Abandoned);
        }
    }
}
