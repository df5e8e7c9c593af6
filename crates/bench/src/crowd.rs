//! Many viewers at once, each on a connection and a thread of its own.
//!
//! Invariant: they look at their lists at even times, spread over the time between
//! two looks, so that the load is the same for whoever is measured.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::viewer::RELOAD;

/// Viewers wait and compare, and keep nothing.
const STACK_BYTES: usize = 256 << 10;

/// When a viewer looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) from: Instant,
    pub(crate) until: Instant,
}

/// Runs `view` for each of so many viewers until `length` after the last has come.
pub(crate) fn watch<T: Send>(
    viewers: usize,
    length: Duration,
    view: impl Fn(usize, Times) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let began = Instant::now();
    std::thread::scope(|scope| {
        let view = &view;
        let threads: Result<Vec<_>> = (0..viewers)
            .map(|viewer| {
                let share = viewer as f64 / viewers as f64;
                let from = began + RELOAD.mul_f64(share);
                let times = Times { from, until: began + RELOAD + length };
                let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
                Ok(thread.spawn_scoped(scope, move || {
                    std::thread::sleep(from.saturating_duration_since(Instant::now()));
                    view(viewer, times)
                })?)
            })
            .collect();
        let panicked = |_| anyhow!("a viewer panicked");
        threads?.into_iter().map(|thread| thread.join().map_err(panicked)?).collect()
    })
}
