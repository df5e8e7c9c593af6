//! A segment while it is being made.
//!
//! Owns the chunks made so far and wakes whoever reads them. Invariant
//! (`rules.md`, 22): what was pushed never changes, and a segment that was begun
//! is completed, by whichever worker; it is never aborted.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aerial_model::mpegts::Chunk;
use aerial_model::segment::Segment;
use tokio::sync::Notify;

use super::SegmentKey;

/// A growing segment, shared by the worker that makes it and all who read it.
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

    /// Adds what was made since the last call.
    pub fn push(&self, chunk: Chunk) {
        if chunk.bytes.is_empty() {
            return;
        }
        self.lock().chunks.push(chunk);
        self.changed.notify_waiters();
    }

    /// The chunks from number `from` on, as soon as there are any; `None` when
    /// the segment has ended and all have been handed out.
    pub async fn chunks_from(&self, from: usize) -> Option<Vec<Chunk>> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that no push is missed.
            changed.as_mut().enable();
            {
                let made = self.lock();
                if made.chunks.len() > from {
                    return Some(made.chunks[from..].to_vec());
                }
                if made.ended.is_some() {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Marks it complete: the whole segment.
    pub(super) fn complete(&self) -> Segment {
        let mut made = self.lock();
        made.ended = Some(Ending::Complete);
        self.changed.notify_waiters();
        Segment::from_chunks(&made.chunks)
    }

    /// Whether it ended without being completed.
    pub fn is_abandoned(&self) -> bool {
        self.lock().ended == Some(Ending::Abandoned)
    }

    pub(super) fn abandon(&self) {
        self.lock().ended = Some(Ending::Abandoned);
        self.changed.notify_waiters();
    }

    fn lock(&self) -> MutexGuard<'_, Made> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
