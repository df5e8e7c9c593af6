//! How many connections there may be, in all and from one address.
//!
//! Owns the counting. Invariants: strangers never take the last quarter of the places,
//! which is for the local network; this machine and trusted proxies, from where many
//! come by one address, are counted in all alone.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aerial_model::network::{Network, household, is_local, plain};

/// How many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub all: usize,
    /// From one address; in IPv6, from one /64.
    pub each: usize,
    /// Local beside what is so by itself.
    pub local: Vec<Network>,
    /// Proxies, from which many come.
    pub proxies: Vec<Network>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: 4_096, each: 256, local: Vec::new(), proxies: Vec::new() }
    }
}

/// How many connections there are, for whoever watches over the server; clones tell the
/// same.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<Figures>);

#[derive(Debug, Default)]
struct Figures {
    open: AtomicU64,
    most: AtomicU64,
    refused: AtomicU64,
}

impl Gauge {
    /// Those that are open.
    pub fn open(&self) -> u64 {
        self.0.open.load(Ordering::Relaxed)
    }

    /// How many there may be; 0 while none is accepted yet.
    pub fn most(&self) -> u64 {
        self.0.most.load(Ordering::Relaxed)
    }

    /// Those for which there was no place.
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }
}

/// The places. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Places {
    limits: Arc<Limits>,
    taken: Arc<Mutex<Taken>>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    each: BTreeMap<IpAddr, usize>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    of: IpAddr,
    places: Places,
}

impl Places {
    /// None is taken yet; how many are is told there.
    pub(super) fn new(limits: Limits, gauge: Gauge) -> Self {
        gauge.0.most.store(limits.all as u64, Ordering::Relaxed);
        Self { limits: Arc::new(limits), taken: Arc::default(), gauge }
    }

    /// One for a connection from there, if there is one.
    pub(super) fn take(&self, address: IpAddr) -> Option<Place> {
        let address = plain(address);
        let holds = |networks: &[Network]| networks.iter().any(|one| one.contains(address));
        let is_home = is_local(address) || holds(&self.limits.local);
        let counted = !address.is_loopback() && !holds(&self.limits.proxies);
        let all = match is_home || !counted {
            true => self.limits.all,
            false => self.limits.all - self.limits.all / 4,
        };
        let of = household(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let here = taken.each.get(&of).copied().unwrap_or_default();
        if taken.all >= all || (counted && here >= self.limits.each) {
            self.gauge.0.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        taken.all += 1;
        self.tell(&taken);
        taken.each.insert(of, here + 1);
        Some(Place { of, places: self.clone() })
    }

    /// The lock is held by whoever calls, so that an older number never stays.
    fn tell(&self, taken: &Taken) {
        self.gauge.0.open.store(taken.all as u64, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        self.places.tell(&taken);
        if let Some(here) = taken.each.get_mut(&self.of) {
            *here -= 1;
            if *here == 0 {
                taken.each.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn places() -> Places {
        let proxies = vec!["10.0.0.1".parse().unwrap()];
        Places::new(Limits { all: 16, each: 3, local: Vec::new(), proxies }, Gauge::default())
    }

    #[test]
    fn one_address_has_so_many_and_gets_them_back() {
        let places = places();
        let mut held: Vec<Place> = Vec::new();
        held.extend((0..3).filter_map(|_| places.take(ip("203.0.113.9"))));
        assert!(places.take(ip("203.0.113.9")).is_none());
        assert!(places.take(ip("203.0.113.10")).is_some());
        held.pop();
        assert!(places.take(ip("203.0.113.9")).is_some());
        drop(held);
        assert!(places.taken.lock().unwrap().each.is_empty());
    }

    #[test]
    fn the_gauge_tells_what_is_open_what_may_be_and_what_was_refused() {
        let places = places();
        let gauge = places.gauge.clone();
        let mut held: Vec<Place> = Vec::new();
        held.extend((0..5).filter_map(|_| places.take(ip("203.0.113.9"))));
        assert_eq!((gauge.open(), gauge.most(), gauge.refused()), (3, 16, 2));
        held.pop();
        assert_eq!(gauge.open(), 2);
        drop(held);
        assert_eq!((gauge.open(), gauge.refused()), (0, 2));
    }

    #[test]
    fn this_machine_and_proxies_may_have_all_and_strangers_not_the_last() {
        for many in ["127.0.0.1", "10.0.0.1"] {
            let places = places();
            let held: Vec<Place> = (0..20).filter_map(|_| places.take(ip(many))).collect();
            assert_eq!(held.len(), 16, "{many}");
        }
        let places = places();
        let stranger = |n: u8| places.take(IpAddr::from([203, 0, 113, n]));
        let held: Vec<Place> = (0..20).filter_map(stranger).collect();
        assert_eq!(held.len(), 12);
        assert!(places.take(ip("192.168.1.5")).is_some());
    }
}
