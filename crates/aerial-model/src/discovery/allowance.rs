//! The allowance: how many questions are answered.
//!
//! An answer is some six times as long as its question, and the asker's address can be
//! feigned; so few are answered, and no stranger can be flooded. Invariant: what is
//! remembered of askers is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// Each asker: a client asks two times in half a second, by several ways at most.
const EACH: Rate = Rate { every: Duration::from_millis(200), at_once: 5 };

/// All together: a house of clients that all begin to look.
const ALL: Rate = Rate { every: Duration::from_millis(20), at_once: 50 };

/// Askers that are remembered. One is forgotten after the second in which its burst is
/// made up for, and in a second at most 100 are answered.
const ASKERS: usize = 256;

#[derive(Clone, Copy, Debug)]
struct Rate {
    every: Duration,
    at_once: u32,
}

impl Rate {
    /// Takes one at `now`, where all that was taken is made up for at `until`; when it
    /// will be then.
    fn take(self, until: Duration, now: Duration) -> Option<Duration> {
        let until = until.max(now);
        (until - now <= self.every * (self.at_once - 1)).then(|| until + self.every)
    }
}

/// Who may be answered.
#[derive(Clone, Debug, Default)]
pub struct Allowance {
    /// When what all have taken is made up for.
    all: Duration,
    /// The same of each.
    askers: HashMap<IpAddr, Duration>,
}

impl Allowance {
    /// Whether this asker is answered at `now`, since any instant; it counts then.
    pub fn take(&mut self, asker: IpAddr, now: Duration) -> bool {
        let of_asker = self.askers.get(&asker).copied().unwrap_or_default();
        let (Some(all), Some(of_asker)) = (ALL.take(self.all, now), EACH.take(of_asker, now))
        else {
            return false;
        };
        if self.askers.len() >= ASKERS {
            self.askers.retain(|_, until| *until > now);
        }
        self.all = all;
        self.askers.insert(asker, of_asker);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn asker(n: u32) -> IpAddr {
        Ipv4Addr::from_bits(0x0a00_0000 + n).into()
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn one_asker_has_five_answers_a_second_and_takes_none_from_another() {
        let mut allowance = Allowance::default();
        let answered = (0..100).filter(|_| allowance.take(asker(1), ms(7))).count();
        assert_eq!(answered, 5);
        assert!(allowance.take(asker(2), ms(7)));
        assert!(!allowance.take(asker(1), ms(206)));
        assert!(allowance.take(asker(1), ms(207)) && !allowance.take(asker(1), ms(207)));
        // Patience is rewarded with no more than the burst.
        let answered = (0..100).filter(|_| allowance.take(asker(1), ms(3_600_000))).count();
        assert_eq!(answered, 5);
    }

    #[test]
    fn all_together_have_fifty_answers_a_second() {
        let mut allowance = Allowance::default();
        let answered = (0..1_000).filter(|n| allowance.take(asker(*n), ms(0))).count();
        assert_eq!(answered, 50);
        let later = (1_000..2_000).filter(|n| allowance.take(asker(*n), ms(100))).count();
        assert_eq!(later, 5);
        // Who was refused may ask again as if nothing had been.
        assert!(allowance.take(asker(999), ms(1_000)));
    }

    #[test]
    fn a_flood_of_addresses_is_not_remembered() {
        let mut allowance = Allowance::default();
        for n in 0..200_000 {
            allowance.take(asker(n), ms(u64::from(n) / 10));
            assert!(allowance.askers.len() <= ASKERS);
        }
    }
}
