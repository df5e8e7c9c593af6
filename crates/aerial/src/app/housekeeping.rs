//! What is thrown away in time: old ledger rows, media that are long gone, and what aired
//! long ago.
//!
//! Owns when that is done. What is old is the schedule's and the settings' decision.
//! Invariant: a failure is told, and tried again at the next turn.

use std::time::Duration;

use aerial_model::time::Ticks;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::schedule::Schedule;

/// Ledgers are pruned, and media that are away for a day left out, this often.
const EVERY: Duration = Duration::from_secs(3_600);

/// Stretches that the as-run log has at the most, whatever their age: 100 to 200 MB,
/// and of ten channels that never stop half a year of half hours.
const AS_RUN_KEPT: u64 = 200_000;

/// Throws away what is old, now and once an hour, until the server ends.
pub(super) async fn run(
    schedule: Schedule,
    clock: Clock,
    as_run_days: u16,
    ending: CancellationToken,
) {
    let mut hourly = tokio::time::interval(EVERY);
    let as_run_kept = Ticks::from_secs(i64::from(as_run_days) * 24 * 3_600);
    loop {
        tokio::select! {
            () = ending.cancelled() => return,
            _ = hourly.tick() => {}
        }
        if let Err(error) = schedule.housekeep().await {
            tracing::error!(%error, "old ledger rows were not pruned");
        }
        if let Err(error) = schedule.forget_missing().await {
            tracing::error!(%error, "media that are long gone were not forgotten");
        }
        let before = clock.now() - as_run_kept;
        if let Err(error) = schedule.db().prune_as_run(before, AS_RUN_KEPT).await {
            tracing::error!(%error, "the as-run log was not pruned");
        }
    }
}
