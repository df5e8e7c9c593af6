//! The one place that reads clocks.
//!
//! Owns the mapping from the wall clock to a channel's time (`rules.md`, 8):
//! read once, then monotonic. Invariant: nothing else calls `SystemTime::now`
//! or `Instant::now` (`clippy.toml` says so).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aerial_model::time::AirTime;
use tokio::time::Instant;

/// A source of time, shared by everything that asks what is on.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// The wall clock at one monotonic instant; a step of it moves `unix_ticks`.
    System { origin: Instant, unix_ticks: AtomicI64 },
    /// For tests: stands still until it is set.
    Simulated(AtomicI64),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Arc::new(Source::System { origin: monotonic(), unix_ticks: AtomicI64::new(wall().0) }))
    }

    /// A clock that stands still at `now` until it is set.
    pub fn simulated(now: AirTime) -> Self {
        Self(Arc::new(Source::Simulated(AtomicI64::new(now.0))))
    }

    /// The time on the air.
    pub fn now(&self) -> AirTime {
        match &*self.0 {
            Source::System { origin, unix_ticks } => {
                let nanos = origin.elapsed().as_nanos() as i128;
                AirTime(unix_ticks.load(Ordering::Relaxed) + (nanos * 9 / 100_000) as i64)
            }
            Source::Simulated(ticks) => AirTime(ticks.load(Ordering::Relaxed)),
        }
    }

    /// How long to wait until `then`; zero if it has passed.
    pub fn until(&self, then: AirTime) -> Duration {
        let ticks = (then - self.now()).0.max(0) as u64;
        Duration::from_nanos(ticks.saturating_mul(100_000) / 9)
    }

    /// How far the wall clock has stepped away from this clock.
    pub fn step(&self) -> aerial_model::time::Ticks {
        match &*self.0 {
            Source::System { .. } => wall() - self.now(),
            Source::Simulated(_) => aerial_model::time::Ticks::ZERO,
        }
    }

    /// Take a step of the wall clock (only while no session needs the old time).
    pub fn take_step(&self) {
        let step = self.step();
        if let Source::System { unix_ticks, .. } = &*self.0 {
            unix_ticks.fetch_add(step.0, Ordering::Relaxed);
        }
    }

    /// Set a simulated clock.
    ///
    /// # Panics
    /// On the machine's clock, which nobody sets from here.
    pub fn set(&self, now: AirTime) {
        match &*self.0 {
            Source::Simulated(ticks) => ticks.store(now.0, Ordering::Relaxed),
            Source::System { .. } => panic!("only a simulated clock can be set"),
        }
    }
}

/// A monotonic instant, for measuring and waiting.
#[allow(clippy::disallowed_methods, reason = "this is the place")]
pub fn monotonic() -> Instant {
    Instant::now()
}

/// How long ago that was by the wall clock; no time, where it is still to come.
#[allow(clippy::disallowed_methods, reason = "this is the place")]
pub fn age(then: SystemTime) -> Duration {
    SystemTime::now().duration_since(then).unwrap_or_default()
}

#[allow(clippy::disallowed_methods, reason = "this is the place")]
fn wall() -> AirTime {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    AirTime((since_epoch.as_nanos() * 9 / 100_000) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aerial_model::time::Ticks;

    #[test]
    fn a_simulated_clock_stands_still_until_it_is_set() {
        let clock = Clock::simulated(AirTime(5));
        let copy = clock.clone();
        clock.set(AirTime(90_005));
        assert_eq!(copy.now(), AirTime(90_005));
        assert_eq!(copy.until(AirTime(90_005) + Ticks::from_secs(2)), Duration::from_secs(2));
        assert_eq!(copy.until(AirTime(0)), Duration::ZERO);
    }
}
