//! What is done with a track whose workers fail.
//!
//! Mirrors the server's `stream/transcoder/health`, in milliseconds. Invariant:
//! whatever is needed within moments is either being worked on or slate.

/// As `stream/transcoder/health` has them.
const PRESSED_MS: u64 = 6_000;
const SLATED_AHEAD_MS: u64 = 12_000;
const RETRY_SLATED_MS: u64 = 30_000;
const HANGS_LEAST_MS: u64 = 4_000;

/// As `stream/worker` has it.
pub(crate) const HANG_MS: u64 = 10_000;

/// What to do about a missing segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    Work,
    Wait,
    Slate,
}

/// How a track's workers do.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failures: usize,
    hung: bool,
    retry_at: Option<u64>,
    slate_until: Option<u64>,
}

impl Health {
    /// A worker made whole segments.
    pub(crate) fn made_some(&mut self) {
        *self = Self::default();
    }

    /// A worker failed.
    pub(crate) fn failed(&mut self, hung: bool, now_ms: u64) {
        self.failures += 1;
        self.hung = hung;
        let pause = [0, 0, 1_000, 2_000, 4_000].get(self.failures);
        self.retry_at = pause.map(|pause| now_ms + pause);
        if self.slate_until.is_some() {
            self.slate_until = Some(now_ms + RETRY_SLATED_MS);
        }
    }

    /// How long the next worker may give nothing before it has given anything.
    pub(crate) fn patience(&self, due_ms: u64) -> u64 {
        match (self.failures == 0 && due_ms > 0, self.hung) {
            (true, _) => (due_ms / 2).clamp(HANGS_LEAST_MS, HANG_MS),
            (false, true) => due_ms.clamp(HANGS_LEAST_MS, HANG_MS),
            (false, false) => HANG_MS,
        }
    }

    /// What to do about a missing segment that is needed in `due_ms`; `read`:
    /// somebody has a part of it already.
    pub(crate) fn course(&mut self, due_ms: u64, read: bool, now_ms: u64) -> Course {
        let Some(slate_until) = self.slate_until else {
            if self.failures < 2 {
                return Course::Work;
            }
            let Some(retry_at) = self.retry_at.filter(|_| !read && due_ms > PRESSED_MS) else {
                self.slate_until = Some(now_ms + RETRY_SLATED_MS);
                return self.course(due_ms, read, now_ms);
            };
            return if now_ms < retry_at { Course::Wait } else { Course::Work };
        };
        if now_ms >= slate_until {
            Course::Work
        } else if read || due_ms <= SLATED_AHEAD_MS {
            Course::Slate
        } else {
            Course::Wait
        }
    }
}

/// How many segments are slate from one on that is needed in `due_ms`.
pub(crate) fn slated_segments(due_ms: u64) -> u32 {
    1 + (SLATED_AHEAD_MS.saturating_sub(due_ms) / 4_000) as u32
}
