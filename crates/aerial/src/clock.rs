//! The one place that reads clocks.
//!
//! Owns the reading of wall clock, monotonic clock and the machine's uptime; what
//! follows of it for a channel's time is [`AirClocks`]' (`rules.md`, 8). Invariant:
//! nothing else calls `SystemTime::now` or `Instant::now` (`clippy.toml` says so).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aerial_model::air_clock::{AirClocks, Noted, Wall};
use aerial_model::id::ChannelId;
use aerial_model::time::{AirTime, Ticks};
use tokio::sync::Notify;
use tokio::time::Instant;

/// What to do about a wall clock that is wildly ahead.
pub const WALL_DISTRUSTED: &str = "the wall clock is too far ahead to be right: channels go on \
     without it; set the clock, or, if it is right, start once with server.trust_clock = true \
     (AERIAL_SERVER_TRUST_CLOCK=true)";

/// Where Linux names the machine's run; its uptime counts within one.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A source of time, shared by everything that asks what is on.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    clocks: RwLock<AirClocks>,
    /// The operator says that the wall clock is right.
    trusts: AtomicBool,
    /// A promise is to be noted.
    news: Notify,
}

#[derive(Debug)]
enum Source {
    /// The machine's clocks, from one monotonic instant on.
    System { origin: Instant },
    /// For tests: stands still until it is set.
    Simulated {
        /// When it was made.
        zero: AirTime,
        /// Ticks since then.
        monotonic: AtomicI64,
        /// How far the wall clock was set away from it.
        wall_ahead: AtomicI64,
    },
}

/// A run of the machine, and how long it has lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uptime {
    /// Which run.
    pub boot: String,
    /// How long, asleep or not.
    pub ticks: Ticks,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::of(Source::System { origin: monotonic() }, wall())
    }

    /// A clock that stands still at `now` until it is set.
    pub fn simulated(now: AirTime) -> Self {
        let (monotonic, wall_ahead) = (AtomicI64::new(0), AtomicI64::new(0));
        Self::of(Source::Simulated { zero: now, monotonic, wall_ahead }, now)
    }

    fn of(source: Source, now: AirTime) -> Self {
        let clocks = RwLock::new(AirClocks::begun(now, Ticks::ZERO));
        Self(Arc::new(Inner {
            source,
            clocks,
            trusts: AtomicBool::new(false),
            news: Notify::new(),
        }))
    }

    /// Goes on from what a server before this one noted, `since` ago where that is
    /// known. To be called before anybody asks for the time.
    pub fn resume(&self, noted: &Noted, since: Option<Ticks>, trusts: bool) -> Wall {
        self.0.trusts.store(trusts, Ordering::Relaxed);
        let times = (self.wall(), self.monotonic());
        let (clocks, found) = AirClocks::resumed(noted, since, times, trusts);
        *self.clocks_mut() = clocks;
        found
    }

    /// The server's time.
    pub fn now(&self) -> AirTime {
        self.clocks().now(self.monotonic())
    }

    /// The time on a channel's air.
    pub fn now_on(&self, channel: ChannelId) -> AirTime {
        self.clocks().now_on(channel, self.monotonic())
    }

    /// How long to wait until it is `then` on a channel; zero if it has passed.
    pub fn until(&self, channel: ChannelId, then: AirTime) -> Duration {
        let ticks = (then - self.now_on(channel)).0.max(0) as u64;
        Duration::from_nanos(ticks.saturating_mul(100_000) / 9)
    }

    /// A channel has promised what airs until then: its time never goes back behind it.
    pub fn promised(&self, channel: ChannelId, until: AirTime) {
        if self.clocks_mut().promised(channel, until) {
            self.0.news.notify_one();
        }
    }

    /// There is something that the next server must know at once.
    pub async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Looks whether the wall clock was set; channels that are not on the air take that
    /// (those on it, when they are no more).
    pub fn follow(&self, on_air: &BTreeSet<ChannelId>) -> Wall {
        let times = (self.wall(), self.monotonic());
        self.clocks_mut().follow(on_air, times, self.0.trusts.load(Ordering::Relaxed))
    }

    /// Whether a channel would be in another time, were it not on the air.
    pub fn is_behind(&self, channel: ChannelId) -> bool {
        self.clocks().is_behind(channel, self.monotonic())
    }

    /// For the next server.
    pub fn noted(&self) -> Noted {
        self.clocks().noted(self.monotonic())
    }

    /// Set a simulated clock, and its wall clock with it.
    ///
    /// # Panics
    /// On the machine's clock, which nobody sets from here.
    pub fn set(&self, now: AirTime) {
        match &self.0.source {
            Source::Simulated { monotonic, .. } => {
                let zero = self.clocks().now(Ticks::ZERO);
                monotonic.store((now - zero).0, Ordering::Relaxed);
            }
            Source::System { .. } => panic!("only a simulated clock can be set"),
        }
    }

    /// Set the wall clock beside a simulated one.
    ///
    /// # Panics
    /// On the machine's clock, which nobody sets from here.
    pub fn set_wall(&self, wall: AirTime) {
        match &self.0.source {
            Source::Simulated { zero, wall_ahead, .. } => {
                wall_ahead.store((wall - *zero).0 - self.monotonic().0, Ordering::Relaxed);
            }
            Source::System { .. } => panic!("only a simulated clock can be set"),
        }
    }

    fn monotonic(&self) -> Ticks {
        match &self.0.source {
            Source::System { origin } => in_ticks(origin.elapsed()),
            Source::Simulated { monotonic, .. } => Ticks(monotonic.load(Ordering::Relaxed)),
        }
    }

    fn wall(&self) -> AirTime {
        match &self.0.source {
            Source::System { .. } => wall(),
            Source::Simulated { zero, wall_ahead, .. } => {
                *zero + self.monotonic() + Ticks(wall_ahead.load(Ordering::Relaxed))
            }
        }
    }

    fn clocks(&self) -> RwLockReadGuard<'_, AirClocks> {
        self.0.clocks.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn clocks_mut(&self) -> RwLockWriteGuard<'_, AirClocks> {
        self.0.clocks.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Uptime {
    /// Which run of the machine this is, where it says so.
    pub fn read() -> Option<Self> {
        let boot = std::fs::read_to_string(BOOT_ID).ok()?.trim().to_owned();
        Some(Self { boot, ticks: uptime()? })
    }
}

#[cfg(target_os = "linux")]
fn uptime() -> Option<Ticks> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Some(Ticks(time.tv_sec * 90_000 + time.tv_nsec * 9 / 100_000))
}

#[cfg(not(target_os = "linux"))]
fn uptime() -> Option<Ticks> {
    None
}

fn in_ticks(time: Duration) -> Ticks {
    Ticks((time.as_nanos() as i128 * 9 / 100_000) as i64)
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
    AirTime(in_ticks(since_epoch).0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ChannelId = ChannelId(uuid::Uuid::from_u128(1));
    const OTHER: ChannelId = ChannelId(uuid::Uuid::from_u128(2));

    #[test]
    fn a_simulated_clock_stands_still_until_it_is_set() {
        let clock = Clock::simulated(AirTime(5));
        let copy = clock.clone();
        clock.set(AirTime(90_005));
        assert_eq!(copy.now(), AirTime(90_005));
        assert_eq!(copy.until(ONE, AirTime(90_005) + Ticks::from_secs(2)), Duration::from_secs(2));
        assert_eq!(copy.until(ONE, AirTime(0)), Duration::ZERO);
    }

    #[test]
    fn a_channel_that_is_on_the_air_keeps_its_time() {
        let start = AirTime::from_unix_millis(1_800_000_000_000);
        let clock = Clock::simulated(start);
        clock.promised(ONE, start + Ticks::from_secs(10));
        clock.set_wall(start + Ticks::from_secs(60));
        assert_eq!(clock.follow(&[ONE].into()), Wall::Stepped(Ticks::from_secs(60), 1));
        assert_eq!(clock.now_on(ONE), start);
        assert_eq!(clock.now_on(OTHER), start + Ticks::from_secs(60));
    }

    #[test]
    fn the_machines_run_is_known_and_goes_on() {
        let (Some(first), Some(second)) = (Uptime::read(), Uptime::read()) else { return };
        assert_eq!(first.boot, second.boot);
        assert!(second.ticks >= first.ticks && first.ticks > Ticks::ZERO);
    }
}
