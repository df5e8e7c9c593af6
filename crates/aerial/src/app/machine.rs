//! How busy the machine is, with whatever else runs on it.
//!
//! Owns the reading of the system's own counters. Invariant: where there are none,
//! nothing is claimed.

use std::time::Duration;

/// The counters are compared over this time.
const LOOKED_FOR: Duration = Duration::from_secs(1);

/// A machine that is this idle is not disturbed, nor disturbs.
const QUIET_PERCENT: u64 = 70;

/// Whether the processors mostly idle, looked at for a second; `true` where the
/// system does not tell.
pub(super) async fn is_quiet() -> bool {
    let before = times();
    tokio::time::sleep(LOOKED_FOR).await;
    match (before, times()) {
        (Some(before), Some(after)) => idle_percent(before, after) >= QUIET_PERCENT,
        _ => true,
    }
}

/// Idle time and all time since the start, as Linux counts them.
fn times() -> Option<(u64, u64)> {
    read(&std::fs::read_to_string("/proc/stat").ok()?)
}

/// The first line of `/proc/stat`: user, nice, system, idle, iowait and more.
fn read(stat: &str) -> Option<(u64, u64)> {
    let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace();
    let counts: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
    Some((counts.get(3)? + counts.get(4)?, counts.iter().take(8).sum()))
}

fn idle_percent(before: (u64, u64), after: (u64, u64)) -> u64 {
    let (idle, all) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    (idle * 100).checked_div(all).unwrap_or(100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_disk_is_idle_and_what_is_counted_twice_is_not() {
        let before = read("cpu  100 0 50 800 50 0 0 0 10 0\ncpu0 1 2 3").unwrap();
        assert_eq!(before, (850, 1_000));
        let after = read("cpu  150 0 50 880 70 0 0 0 60 0").unwrap();
        assert_eq!(idle_percent(before, after), 66);
        assert_eq!(idle_percent(after, after), 100);
        assert_eq!(read("cpu x"), None);
    }
}
