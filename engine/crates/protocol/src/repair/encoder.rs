//! What is sent so that lost audio can be calculated.

use farsend_units::SeqNum;
use farsend_wire::jacktrip::Wanted;
use farsend_wire::repair::{CHECK_LEN, HEADER_LEN, Repair};

use super::field::{add_scaled, check, coefficient};
use super::{MAX_PROTECTED, MEMORY, SPAN, SYMBOL, place};

/// Sees each audio datagram that leaves, and makes repair datagrams of them.
///
/// What leaves on top of the audio is bounded, whatever is asked for: 11 repair datagrams for 30 of audio over a
/// while, which is below 40 % of the bytes for packets of 128 frames and more.
#[derive(Debug)]
pub struct Encoder {
    /// Datagrams and checks, by [`place`].
    memory: Box<[u8]>,
    /// How often each of them was sent again.
    answered: [u8; MEMORY],
    /// Bytes of each datagram; 0 before the first.
    length: usize,
    newest: u16,
    /// Datagrams in the memory, up to the newest.
    kept: usize,
    /// A parity after so many.
    every: Option<u8>,
    since_parity: u8,
    index: u8,
    /// What is to be sent again.
    wanted: Wanted,
    /// What may leave on top: each audio datagram adds [`EARNED`], each repair datagram takes [`PRICE`].
    credit: u16,
    out: Box<[u8]>,
    counts: EncoderCounts,
}

/// What an [`Encoder`] has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EncoderCounts {
    /// Bytes of audio datagrams that were seen.
    pub audio_bytes: u64,
    /// Bytes of repair datagrams.
    pub repair_bytes: u64,
    /// Parities.
    pub parities: u64,
    /// Datagrams sent again.
    pub answers: u64,
}

impl Encoder {
    /// Makes nothing until told. Allocates half a megabyte, which is touched as far as it is needed.
    pub fn new() -> Self {
        Self {
            memory: vec![0; MEMORY * SYMBOL].into(),
            answered: [0; MEMORY],
            length: 0,
            newest: 0,
            kept: 0,
            every: None,
            since_parity: 0,
            index: 0,
            wanted: NOTHING,
            credit: 0,
            out: vec![0; HEADER_LEN + SYMBOL].into(),
            counts: EncoderCounts::default(),
        }
    }

    /// Forgets what was sent, for another peer. The counts stay.
    pub const fn reset(&mut self) {
        (self.length, self.kept, self.since_parity) = (0, 0, 0);
        self.wanted = NOTHING;
        self.every = None;
    }

    /// A parity is to follow after every so many datagrams from now on; none: no parities.
    pub const fn set_every(&mut self, every: Option<u8>) {
        self.every = every;
    }

    /// The audio datagram `number` leaves. Gives the parity that is to leave behind it, if one is due.
    pub fn handle_datagram(&mut self, number: SeqNum, datagram: &[u8]) -> Option<&[u8]> {
        let number = number.0;
        if datagram.len() > MAX_PROTECTED || Repair::len_over(datagram.len()).is_none() {
            self.kept = 0;
            return None;
        }
        if datagram.len() != self.length || number != self.newest.wrapping_add(1) {
            (self.length, self.kept, self.since_parity) = (datagram.len(), 0, 0);
            self.wanted = NOTHING;
        }
        self.counts.audio_bytes += datagram.len() as u64;
        let symbol = &mut self.memory[place(number) * SYMBOL..][..self.length + CHECK_LEN];
        symbol[..self.length].copy_from_slice(datagram);
        symbol[self.length..].copy_from_slice(&check(datagram));
        self.answered[place(number)] = 0;
        self.newest = number;
        self.kept = (self.kept + 1).min(MEMORY);
        self.credit = (self.credit + EARNED).min(MOST_CREDIT);
        self.since_parity = self.since_parity.saturating_add(1);
        if self.every.is_none_or(|every| self.since_parity < every) || !self.spend() {
            return None;
        }
        self.since_parity = 0;
        self.counts.parities += 1;
        let count = self.kept.min(usize::from(SPAN)) as u8;
        Some(self.parity(number.wrapping_sub(u16::from(count) - 1), count))
    }

    /// The peer misses these. Ask for the answers with [`next_answer`](Self::next_answer).
    pub const fn handle_wanted(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    /// The next datagram that is to be sent again, as a repair datagram; oldest first.
    pub fn next_answer(&mut self) -> Option<&[u8]> {
        while self.wanted.missing != 0 {
            let bit = self.wanted.missing.trailing_zeros();
            self.wanted.missing &= self.wanted.missing - 1;
            let number = self.wanted.first.0.wrapping_add(bit as u16);
            let age = usize::from(self.newest.wrapping_sub(number));
            if age < self.kept && self.answered[place(number)] < MOST_ANSWERS {
                if !self.spend() {
                    self.wanted = NOTHING;
                    return None;
                }
                self.answered[place(number)] += 1;
                self.counts.answers += 1;
                return Some(self.parity(number, 1));
            }
        }
        None
    }

    /// What there was so far.
    pub const fn counts(&self) -> EncoderCounts {
        self.counts
    }

    fn spend(&mut self) -> bool {
        let left = self.credit.checked_sub(PRICE);
        self.credit = left.unwrap_or(self.credit);
        left.is_some()
    }

    /// The next parity over `count` datagrams from `first` on, all of which are in the memory.
    fn parity(&mut self, first: u16, count: u8) -> &[u8] {
        let index = self.index;
        self.index = (index + 1) & 0x7f;
        let (header, parity) = self.out.split_at_mut(HEADER_LEN);
        let length = self.length as u16;
        header.copy_from_slice(&Repair::header(SeqNum(first), count, index, length));
        let parity = &mut parity[..self.length + CHECK_LEN];
        parity.fill(0);
        for i in 0..u16::from(count) {
            let number = first.wrapping_add(i);
            let symbol = &self.memory[place(number) * SYMBOL..];
            add_scaled(parity, &symbol[..parity.len()], coefficient(index, number));
        }
        let len = HEADER_LEN + parity.len();
        self.counts.repair_bytes += len as u64;
        &self.out[..len]
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

const NOTHING: Wanted = Wanted {
    first: SeqNum(0),
    missing: 0,
};

/// How often one datagram is sent again at most.
const MOST_ANSWERS: u8 = 5;

const EARNED: u16 = 11;
const PRICE: u16 = 30;

/// What can be saved up for a burst: 16 repair datagrams.
const MOST_CREDIT: u16 = 16 * PRICE;
