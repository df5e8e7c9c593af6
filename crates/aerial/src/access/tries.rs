//! How often passwords and codes may be tried.
//!
//! Owns the allowances. Invariant: strangers who try from everywhere do not shut out who
//! is at home.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use aerial_model::allowance::{Allowance, PerHousehold, Shared};
use aerial_model::network::LOOPBACK;

use super::caller::Caller;
use super::error::AccessError;
use super::{Access, Result};

/// Tries of passwords and codes: a few mistakes, then three a minute.
const TRIES: Allowance = Allowance { burst: 6, each: Duration::from_secs(20) };
/// The same for everybody on the local network together, and for all others.
const ALL_TRIES: Allowance = Allowance { burst: 40, each: Duration::from_secs(2) };

#[derive(Debug)]
pub(super) struct Tries {
    each: PerHousehold,
    local: Shared,
    elsewhere: Shared,
}

impl Tries {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            each: PerHousehold::new(TRIES),
            local: Shared::new(ALL_TRIES),
            elsewhere: Shared::new(ALL_TRIES),
        }
    }
}

impl Access {
    pub(super) fn try_one(&self, caller: &Caller) -> Result<()> {
        let now = self.0.started.elapsed();
        let address = caller.counted.unwrap_or(LOOPBACK);
        let mut tries = self.tries();
        tries.each.take(address, now).map_err(AccessError::TooMany)?;
        let all = if self.is_local(address) { &mut tries.local } else { &mut tries.elsewhere };
        all.take(now).map_err(AccessError::TooMany)
    }

    pub(super) fn forgive(&self, caller: &Caller) {
        self.tries().each.forgive(caller.counted.unwrap_or(LOOPBACK));
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.0.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
