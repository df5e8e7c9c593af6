//! The children alive.
//!
//! Owns the one list of them: who is in it, the spawner says, and for how long, the
//! [`Registration`] that a child's minder holds. Invariant: a process leaves the list when
//! it is reaped, not before.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Process id and program of each. The lock is held for single map operations alone.
#[derive(Clone, Debug, Default)]
pub(super) struct Living(Arc<Mutex<BTreeMap<u32, PathBuf>>>);

impl Living {
    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn register(&self, pid: u32, program: PathBuf) -> Registration {
        self.lock().insert(pid, program);
        Registration { living: self.clone(), pid }
    }
}

/// A process's place in the list, given up when it is reaped.
pub(super) struct Registration {
    living: Living,
    pid: u32,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.living.lock().remove(&self.pid);
    }
}
