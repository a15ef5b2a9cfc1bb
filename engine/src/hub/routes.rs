//! Whose datagram is it? Told from its sender's address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use foldhash::fast::RandomState;

/// Addresses of players and of those who are expected. Never holds more than it was made for, so that
/// nothing allocates on the audio thread.
#[derive(Debug)]
pub(super) struct Routes {
    players: HashMap<SocketAddr, u16, RandomState>,
    expected: HashMap<IpAddr, u16, RandomState>,
    most: usize,
}

/// Who sent a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// The player in this place.
    Player(u16),
    /// Nobody yet, but somebody at that host has logged in.
    Expected,
    /// Anybody.
    Stranger,
}

impl Routes {
    /// Room for so many players. Allocates.
    pub(super) fn new(most: usize) -> Self {
        // A map that is never more than a quarter full tidies itself up in place.
        Self {
            players: HashMap::with_capacity_and_hasher(most * 4 + 64, RandomState::default()),
            expected: HashMap::with_capacity_and_hasher(most * 4 + 64, RandomState::default()),
            most,
        }
    }

    pub(super) fn find(&self, from: SocketAddr) -> Sender {
        match self.players.get(&from) {
            Some(place) => Sender::Player(*place),
            None if self.expected.contains_key(&from.ip()) => Sender::Expected,
            None => Sender::Stranger,
        }
    }

    /// Datagrams from there are for this place now.
    pub(super) fn add(&mut self, from: SocketAddr, place: u16) {
        if self.players.len() < self.most || self.players.contains_key(&from) {
            self.players.insert(from, place);
        }
    }

    /// Datagrams from there are not for this place any more.
    pub(super) fn remove(&mut self, from: SocketAddr, place: u16) {
        if self.players.get(&from) == Some(&place) {
            self.players.remove(&from);
        }
    }

    /// One more (or, with `false`, one less) is expected from that host.
    pub(super) fn expect(&mut self, host: IpAddr, more: bool) {
        if more && self.expected.len() < self.most {
            let count = self.expected.entry(host).or_insert(0);
            *count = count.saturating_add(1);
        } else if !more && let Some(count) = self.expected.get_mut(&host) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.expected.remove(&host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use assert_no_alloc::assert_no_alloc;

    use super::*;

    fn address(n: u32) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(n.into()), 4464)
    }

    #[test]
    fn a_datagram_is_a_players_an_expected_ones_or_a_strangers() {
        let mut routes = Routes::new(4);
        assert_eq!(routes.find(address(1)), Sender::Stranger);
        routes.expect(address(1).ip(), true);
        routes.expect(address(1).ip(), true);
        assert_eq!(routes.find(address(1)), Sender::Expected);
        routes.add(address(1), 3);
        assert_eq!(routes.find(address(1)), Sender::Player(3));
        // Somebody else has taken the address over: the one before has no say in it.
        routes.add(address(1), 2);
        routes.remove(address(1), 3);
        assert_eq!(routes.find(address(1)), Sender::Player(2));
        routes.remove(address(1), 2);
        routes.expect(address(1).ip(), false);
        assert_eq!(routes.find(address(1)), Sender::Expected);
        routes.expect(address(1).ip(), false);
        assert_eq!(routes.find(address(1)), Sender::Stranger);
    }

    #[test]
    fn coming_and_going_for_ever_allocates_nothing() {
        let mut routes = Routes::new(50);
        assert_no_alloc(|| {
            for n in 0..100_000u32 {
                routes.expect(address(n).ip(), true);
                routes.add(address(n), (n % 50) as u16);
                if let Some(gone) = n.checked_sub(49) {
                    routes.remove(address(gone), (gone % 50) as u16);
                    routes.expect(address(gone).ip(), false);
                }
            }
        });
    }
}
