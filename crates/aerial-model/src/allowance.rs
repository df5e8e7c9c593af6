//! How often something may be done: so much at once, then so much in a time.
//!
//! Owns the counting, by caller where wanted (the "generic cell rate algorithm": of
//! each caller one number is kept, the time at which all it did is paid off). Reads no
//! clock. Invariant: what is kept is bounded, however many callers there are.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::network::household;

/// Callers that are remembered at most; one takes about 50 bytes.
const REMEMBERED: usize = 20_000;

/// So much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How much at once.
    pub burst: u32,
    /// The time in which one more is allowed.
    pub each: Duration,
}

impl Allowance {
    /// Takes one, or tells how long to wait for it.
    fn take(self, paid_off: &mut Duration, now: Duration) -> Result<(), Duration> {
        let due = (*paid_off).max(now) + self.each;
        let credit = self.each * self.burst;
        match due.checked_sub(now + credit) {
            None | Some(Duration::ZERO) => {
                *paid_off = due;
                Ok(())
            }
            Some(wait) => Err(wait),
        }
    }
}

/// An allowance for all callers together.
#[derive(Clone, Debug)]
pub struct Shared {
    allowance: Allowance,
    paid_off: Duration,
}

impl Shared {
    /// All of it is there.
    pub fn new(allowance: Allowance) -> Self {
        Self { allowance, paid_off: Duration::ZERO }
    }

    /// Takes one, or tells how long to wait for it.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        self.allowance.take(&mut self.paid_off, now)
    }
}

/// An allowance for each household.
#[derive(Clone, Debug)]
pub struct PerHousehold {
    allowance: Allowance,
    paid_off: BTreeMap<IpAddr, Duration>,
}

impl PerHousehold {
    /// All of it is there, for everybody.
    pub fn new(allowance: Allowance) -> Self {
        Self { allowance, paid_off: BTreeMap::new() }
    }

    /// Takes one of this caller's, or tells how long to wait for it.
    pub fn take(&mut self, caller: IpAddr, now: Duration) -> Result<(), Duration> {
        if self.paid_off.len() >= REMEMBERED {
            self.paid_off.retain(|_, paid_off| *paid_off > now);
        }
        if self.paid_off.len() >= REMEMBERED {
            // Rather all begin anew than the server grows, or strangers shut people out.
            self.paid_off.clear();
        }
        let paid_off = self.paid_off.entry(household(caller)).or_default();
        self.allowance.take(paid_off, now)
    }

    /// Gives all of it back to this caller.
    pub fn forgive(&mut self, caller: IpAddr) {
        self.paid_off.remove(&household(caller));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const THREE: Allowance = Allowance { burst: 3, each: SECOND };

    fn ip(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn so_much_at_once_and_then_as_time_allows() {
        let mut shared = Shared::new(THREE);
        let now = SECOND * 100;
        for _ in 0..3 {
            assert_eq!(shared.take(now), Ok(()));
        }
        assert_eq!(shared.take(now), Err(SECOND));
        assert_eq!(shared.take(now + SECOND / 2), Err(SECOND / 2));
        assert_eq!(shared.take(now + SECOND), Ok(()));
        assert_eq!(shared.take(now + SECOND), Err(SECOND));
        for _ in 0..3 {
            assert_eq!(shared.take(now + SECOND * 60), Ok(()), "no more than that is saved up");
        }
        assert!(shared.take(now + SECOND * 60).is_err());
    }

    #[test]
    fn callers_do_not_take_from_each_other() {
        let mut each = PerHousehold::new(THREE);
        while each.take(ip(1), SECOND).is_ok() {}
        assert_eq!(each.take(ip(2), SECOND), Ok(()));
        each.forgive(ip(1));
        assert_eq!(each.take(ip(1), SECOND), Ok(()));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut each = PerHousehold::new(THREE);
        for n in 0..3 * REMEMBERED as u32 {
            assert_eq!(each.take(ip(n), SECOND), Ok(()));
            assert!(each.paid_off.len() <= REMEMBERED);
        }
    }
}
