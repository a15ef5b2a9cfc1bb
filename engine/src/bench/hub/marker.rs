//! Who is marked, and since when: one steady player after another.

use farsend_units::MonoTime;

use super::proof::Proven;
use super::sequence::{TURN, symbol};

/// Goes round among the steady players. Pure; allocates when made and never after.
#[derive(Debug)]
pub(super) struct Marker {
    steady: u32,
    who: u32,
    /// When each marked packet left.
    sent: Vec<MonoTime>,
    /// Periods since the marking began.
    age: u32,
    running: bool,
    proven: Proven,
    players: u32,
}

impl Marker {
    /// One that marks nobody yet.
    pub(super) fn new() -> Self {
        Self {
            steady: 0,
            who: 0,
            sent: Vec::with_capacity(MARKED as usize),
            age: 0,
            running: false,
            proven: Proven::default(),
            players: 0,
        }
    }

    /// Begins with the first of `steady` players. One alone has nobody to be heard by.
    pub(super) fn start(&mut self, steady: u32) {
        self.steady = steady;
        self.running = steady > 1;
        self.restart(0);
    }

    /// Marks nobody from here on; what is not yet finished does not count.
    pub(super) fn stop(&mut self) {
        self.running = false;
        self.sent.clear();
    }

    /// The symbol of the packet that player `index` is about to send, if it is the marked one.
    pub(super) fn symbol_for(&self, index: u32) -> Option<u8> {
        let sent = self.sent.len() as u32;
        (self.running && index == self.who && sent < MARKED).then(|| symbol(sent))
    }

    /// That packet leaves now.
    pub(super) fn note_sent(&mut self, now: MonoTime) {
        // Room for MARKED was made, and `symbol_for` gives no more.
        self.sent.push(now);
    }

    /// When the marked packets left; for listener `index`, to whom its own marks are not played, none.
    pub(super) fn sent_to(&self, index: u32) -> &[MonoTime] {
        if index == self.who { &[] } else { &self.sent }
    }

    /// A period has passed. `true`: everything marked should have been heard, so every proof is to be closed and handed
    /// to [`Self::add`], and then [`Self::next`] be called.
    pub(super) fn period_passed(&mut self) -> bool {
        self.age += 1;
        self.running && self.age >= MARKED + REST
    }

    /// What one of the listeners heard.
    pub(super) fn add(&mut self, proven: Proven) {
        self.proven.expected += proven.expected;
        self.proven.heard += proven.heard;
        self.proven.repeated += proven.repeated;
    }

    /// Marks the next player.
    pub(super) fn next(&mut self) {
        self.players += 1;
        self.restart((self.who + 1) % self.steady.max(1));
    }

    /// Whose turn it is.
    pub(super) fn who(&self) -> u32 {
        self.who
    }

    /// How many packets were marked in this turn.
    pub(super) fn sent(&self) -> u32 {
        self.sent.len() as u32
    }

    /// All markings that were finished, and how many those were.
    pub(super) fn outcome(&self) -> (Proven, u32) {
        (self.proven, self.players)
    }

    fn restart(&mut self, who: u32) {
        self.who = who;
        self.age = 0;
        self.sent.clear();
    }
}

impl Default for Marker {
    fn default() -> Self {
        Self::new()
    }
}

/// Packets that a player is marked for: as many as a [`Proof`](super::proof::Proof) can hold.
const MARKED: u32 = 3 * TURN;

/// Periods without a mark after that: a hub and a network may delay a packet by so much.
const REST: u32 = 2 * TURN;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_player_is_marked_in_turn_and_has_a_rest_after() {
        let mut marker = Marker::new();
        marker.start(3);
        let mut turns = Vec::new();
        for period in 0..4 * (MARKED + REST) {
            for index in 0..3 {
                if let Some(symbol) = marker.symbol_for(index) {
                    assert_eq!(symbol, super::symbol(marker.sent()));
                    assert_eq!(index, marker.who());
                    marker.note_sent(MonoTime::default() + Duration::from_millis(period.into()));
                }
            }
            if marker.period_passed() {
                turns.push((marker.who(), marker.sent()));
                marker.next();
            }
        }
        assert_eq!(turns, [(0, MARKED), (1, MARKED), (2, MARKED), (0, MARKED)]);
    }

    #[test]
    fn a_player_alone_is_not_marked() {
        let mut marker = Marker::new();
        marker.start(1);
        assert_eq!(marker.symbol_for(0), None);
        assert!(!(0..1000).any(|_| marker.period_passed()));
    }
}
