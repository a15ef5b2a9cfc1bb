//! How often a host may be wrong: guesses come one by one, and those who are right are not counted.
//!
//! A host has some tries, and gets one back every few seconds. Each log-in takes one, and gives it back if user and
//! password are right. Who finds none has to wait: so a school behind one address is not locked out by somebody's typing,
//! and neither does a guesser get further by more connections.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::hub::fair::network;

/// The hosts that were wrong lately.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    hosts: HashMap<IpAddr, Tries>,
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    left: u32,
    /// When `left` was right.
    at: Instant,
}

impl Throttle {
    /// Takes a try, if there is one.
    pub(super) fn take(&mut self, host: IpAddr, now: Instant) -> bool {
        let host = network(host);
        if !self.hosts.contains_key(&host) && self.hosts.len() >= MOST_HOSTS {
            self.forget(now);
        }
        let full = Tries {
            left: TRIES,
            at: now,
        };
        let tries = self.hosts.entry(host).or_insert(full);
        tries.refill(now);
        let is_left = tries.left > 0;
        tries.left = tries.left.saturating_sub(1);
        is_left
    }

    /// Gives one back.
    pub(super) fn give_back(&mut self, host: IpAddr, now: Instant) {
        let host = network(host);
        if let Some(tries) = self.hosts.get_mut(&host) {
            tries.left = (tries.left + 1).min(TRIES);
            tries.refill(now);
            if tries.left == TRIES {
                self.hosts.remove(&host);
            }
        }
    }

    /// Forgets those who have all their tries again; if that is nobody, those who have most.
    fn forget(&mut self, now: Instant) {
        for tries in self.hosts.values_mut() {
            tries.refill(now);
        }
        let most = self.hosts.values().map(|tries| tries.left).max();
        self.hosts.retain(|_, tries| Some(tries.left) != most);
    }
}

impl Tries {
    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let back = u32::try_from(passed.as_millis() / EVERY.as_millis()).unwrap_or(TRIES);
        self.left = self.left.saturating_add(back).min(TRIES);
        self.at = if self.left == TRIES {
            now
        } else {
            self.at + EVERY * back
        };
    }
}

/// Wrong passwords at once.
const TRIES: u32 = 20;
/// And one more after each of these.
const EVERY: Duration = Duration::from_secs(5);
const MOST_HOSTS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn host(last: u32) -> IpAddr {
        std::net::Ipv4Addr::from(0x0a00_0000 + last).into()
    }

    #[test]
    fn a_host_that_is_wrong_has_to_wait_and_others_do_not() {
        let (mut throttle, begun) = (Throttle::default(), Instant::now());
        let at = |ms| begun + Duration::from_millis(ms);
        for _ in 0..TRIES {
            assert!(throttle.take(host(1), at(0)));
        }
        assert!(!throttle.take(host(1), at(4999)));
        assert!(throttle.take(host(2), at(4999)));
        assert!(throttle.take(host(1), at(5000)));
        assert!(!throttle.take(host(1), at(9999)));
        // However often one asks meanwhile.
        for ms in 10_000..15_000 {
            assert_eq!(throttle.take(host(1), at(ms)), ms == 10_000);
        }
        for _ in 0..TRIES {
            assert!(throttle.take(host(1), at(1_000_000)));
        }
        assert!(!throttle.take(host(1), at(1_000_000)));
    }

    #[test]
    fn those_who_are_right_take_nothing_from_the_others_of_their_host() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..1000 {
            assert!(throttle.take(host(1), now));
            throttle.give_back(host(1), now);
        }
        assert!(throttle.hosts.is_empty());
    }

    #[test]
    fn of_ipv6_a_whole_network_is_one_host() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        let of = |text: &str| text.parse::<IpAddr>().unwrap();
        for last in 0..TRIES {
            assert!(throttle.take(of(&format!("2001:db8::{last}")), now));
        }
        assert!(!throttle.take(of("2001:db8::ffff:1"), now));
        assert!(throttle.take(of("2001:db8:0:1::1"), now));
    }

    #[test]
    fn however_many_hosts_are_wrong_few_are_remembered_and_the_worst_of_them() {
        let (mut throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..=TRIES {
            _ = throttle.take(host(0), now);
        }
        for last in 1..20_000 {
            assert!(throttle.take(host(last), now));
            assert!(throttle.hosts.len() <= MOST_HOSTS);
        }
        assert!(!throttle.take(host(0), now));
    }
}
