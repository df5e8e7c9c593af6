//! A breaker: keeps work away from a device that fails.
//!
//! Owns the count of failures and when the device is to be tested. Invariants: one
//! bad file opens no breaker; an open one is closed by a successful test alone.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::id::MapId;

/// So many items must fail within [`WITHIN`]: one may be a bad file, two chance.
const ITEMS: usize = 3;

/// How long a failure counts.
const WITHIN: Duration = Duration::from_secs(600);

/// The first test after it has opened; each further one waits twice as long.
const FIRST_TEST: Duration = Duration::from_secs(60);

/// The longest wait for a test, which takes a second of the device's time.
const LAST_TEST: Duration = Duration::from_secs(1_800);

/// The breaker of one device; `now` counts from anywhere.
#[derive(Clone, Debug, Default)]
pub struct Breaker {
    failed: BTreeMap<MapId, Duration>,
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    test_at: Duration,
    wait: Duration,
}

impl Breaker {
    /// Whether work may go to the device.
    pub fn is_closed(&self) -> bool {
        self.open.is_none()
    }

    /// The device failed for this item. Returns whether that opened the breaker.
    pub fn failed(&mut self, item: MapId, now: Duration) -> bool {
        self.failed.retain(|_, at| now.saturating_sub(*at) < WITHIN);
        self.failed.insert(item, now);
        if self.open.is_some() || self.failed.len() < ITEMS {
            return false;
        }
        self.open = Some(Open { test_at: now + FIRST_TEST, wait: FIRST_TEST });
        true
    }

    /// When the device is to be tested; `None` while the breaker is closed.
    pub fn test_at(&self) -> Option<Duration> {
        self.open.map(|open| open.test_at)
    }

    /// The device was tested. Returns whether that closed the breaker.
    pub fn tested(&mut self, works: bool, now: Duration) -> bool {
        let Some(open) = &mut self.open else { return false };
        if works {
            *self = Self::default();
            return true;
        }
        open.wait = (open.wait * 2).min(LAST_TEST);
        open.test_at = now + open.wait;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
    fn item(number: u128) -> MapId {
        MapId(Uuid::from_u128(number))
    }

    #[test]
    fn one_item_that_fails_again_and_again_opens_nothing() {
        let mut breaker = Breaker::default();
        assert!((0..50).all(|second| !breaker.failed(item(1), at(second))));
        assert!(breaker.is_closed());
    }

    #[test]
    fn three_items_within_ten_minutes_open_it() {
        let mut breaker = Breaker::default();
        assert!(!breaker.failed(item(1), at(0)));
        assert!(!breaker.failed(item(2), at(599)));
        assert!(!breaker.failed(item(3), at(601)), "the first is long ago");
        assert!(breaker.failed(item(4), at(602)));
        assert!(!breaker.is_closed());
        assert!(!breaker.failed(item(5), at(603)), "it is open already");
    }

    #[test]
    fn it_is_tested_at_longer_and_longer_intervals_and_closed_by_success_alone() {
        let mut breaker = Breaker::default();
        assert_eq!((breaker.test_at(), breaker.tested(true, at(0))), (None, false));
        let opened: Vec<bool> = (1..=3).map(|n| breaker.failed(item(n), at(0))).collect();
        assert_eq!(opened, [false, false, true]);
        let mut waits = Vec::new();
        let mut now = Duration::ZERO;
        while let Some(test_at) = breaker.test_at().filter(|_| waits.len() < 7) {
            waits.push((test_at - now).as_secs());
            now = test_at;
            assert!(!breaker.tested(false, now));
        }
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_800, 1_800]);
        assert!(breaker.tested(true, now));
        assert!(breaker.is_closed());
        assert!(!breaker.failed(item(1), now), "it begins anew");
    }
}
