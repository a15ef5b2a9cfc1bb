//! What has not come is fetched afterwards, for one who records.

use farsend_units::SeqNum;
use farsend_wire::jacktrip::{Keep, Kept, Wanted};
use farsend_wire::repair::Repair;

use super::field::check;
use super::{MEMORY, MOST_KEPT};

/// Knows which packets of a stream have come, however they came, and asks for the others once nothing else brings them any more.
///
/// ```text
///   ... there, or given up │ first:  some there, some missing ...  │ too young to be asked for │ end
///                                     ▲ cursor: asked for so far
/// ```
/// It has no clock but the packets that come: times are in packets. All that is missing is asked for once, then nothing before the answers may have
/// come, then what is still missing, and so on until it is there or the sender does not have it any more. No more than an eighth of what comes is asked for in
/// any time. Neither allocates after [`new`](Self::new) nor panics, whatever comes.
#[derive(Debug)]
pub struct Fetcher {
    /// Whether there is anybody who records.
    on: bool,
    /// Which have come, of those from `first` to `end`; a bit each, by number.
    bits: Box<[u64]>,
    /// All before it are there, or given up.
    first: i64,
    /// The one after the newest.
    end: i64,
    /// How many from `first` to `end` are there.
    there: i64,
    /// The first number since this was begun.
    begin: i64,
    /// The peer has said that it keeps what it sends.
    served: bool,
    /// What the oldest was that it had then, and how many there are for as long as each that is sent takes the place of the oldest; 0: there is room yet.
    oldest: i64,
    kept: i64,
    /// Packets of a round trip.
    round_trip: u16,
    /// Of this pass: what was asked for, what it is to get to, and what `end` was at the last question.
    cursor: i64,
    goal: i64,
    asked_at: i64,
    /// In parts of a packet: what may be asked for.
    credit: i64,
    counts: Fetched,
}

/// What a [`Fetcher`] has seen. Counts run on from stream to stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Packets that came because they were asked for late.
    pub fetched: u64,
    /// Packets that will never come.
    pub given_up: u64,
    /// Questions.
    pub requests: u64,
    /// Answers to nothing that was missing, or not what their check says.
    pub spare: u64,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Settled {
    /// The first number since somebody records, of this stream.
    pub from: i64,
    /// All before this one are there, or given up: of [`given_up`](Fetched::given_up) there are as many as before then.
    pub to: i64,
    /// The one after the newest.
    pub end: i64,
    /// Of those from `to` on, how many are missing.
    pub missing: u32,
}

impl Fetcher {
    /// Nobody records. Allocates some kilobytes.
    pub fn new() -> Self {
        Self {
            on: false,
            bits: vec![0; SPAN as usize / 64].into(),
            first: 0,
            end: 0,
            there: 0,
            begin: 0,
            served: false,
            oldest: 0,
            kept: 0,
            round_trip: 0,
            cursor: 0,
            goal: 0,
            asked_at: 0,
            credit: 0,
            counts: Fetched::default(),
        }
    }

    /// Somebody records from now on, or nobody does any more.
    pub fn set_on(&mut self, on: bool) {
        if self.on != on {
            self.on = on;
            self.served = false;
            self.restart(0);
        }
    }

    /// Whether somebody records.
    pub const fn is_on(&self) -> bool {
        self.on
    }

    /// Another stream begins: what is missing of the one before will not come.
    pub fn reset(&mut self) {
        self.give_up_to(self.end);
        self.served = false;
        self.restart(0);
    }

    /// The packet of this number is there, however it came. `anew`: it begins a run of numbers. Whether it was missing.
    pub fn handle_packet(&mut self, number: i64, anew: bool) -> bool {
        if !self.on || number.unsigned_abs() > FARTHEST {
            return false;
        }
        if anew || self.is_empty() || number - self.end >= SPAN {
            self.give_up_to(self.end);
            self.restart(number);
        }
        if number < self.first {
            return false;
        }
        if number >= self.end {
            self.give_up_to((number - MOST + 1).min(self.end));
            if self.first == self.end && self.first <= number - MOST {
                // All of it was too old, and some of what never came.
                self.counts.given_up += (number - MOST + 1 - self.first) as u64;
                self.first = number - MOST + 1;
            }
            for other in self.end.max(self.first)..number {
                self.set(other, false);
            }
            let more = number + 1 - self.end;
            self.credit = (self.credit + more).min(MOST_AT_ONCE * PACE);
            self.end = number + 1;
        } else if self.has(number) {
            return false;
        }
        self.set(number, true);
        self.there += 1;
        self.advance();
        true
    }

    /// A repair datagram came that is a datagram itself. Gives that, and its number, if it is missing. Say with [`take`](Self::take) that it is there
    /// now.
    pub fn handle_answer<'a>(&mut self, repair: &Repair<'a>) -> Option<(i64, &'a [u8])> {
        let (datagram, sum) = repair.plain()?;
        let ahead = i64::from(repair.first.since(SeqNum(self.end as u16)));
        let number = self.end + ahead;
        let is_missing = self.on && (self.first..self.end).contains(&number) && !self.has(number);
        if !is_missing || *sum != check(datagram) {
            self.counts.spare += 1;
            return None;
        }
        Some((number, datagram))
    }

    /// The packet of this number, which was fetched, is there.
    pub fn take(&mut self, number: i64) {
        if number < self.end && self.handle_packet(number, false) {
            self.counts.fetched += 1;
        }
    }

    /// The peer says what it keeps.
    pub fn handle_kept(&mut self, kept: Kept) {
        if !self.on || kept.count == 0 || self.is_empty() {
            return;
        }
        let oldest = self.end + i64::from(kept.oldest.since(SeqNum(self.end as u16)));
        let moves = self.served && oldest > self.oldest;
        self.kept = if moves { i64::from(kept.count) } else { 0 };
        (self.served, self.oldest) = (true, oldest);
        self.give_up_to(oldest.min(self.old()));
    }

    /// How many packets come in the time that a question and its answer take on the way.
    pub const fn set_round_trip(&mut self, packets: u16) {
        self.round_trip = packets;
    }

    /// What the peer is to keep, said now and then; none: nobody records.
    pub fn keep(&self) -> Option<Keep> {
        let from = SeqNum(self.first as u16);
        self.on.then_some(Keep { from })
    }

    /// What is to be asked for now; to be called once a local period, when all that has come was handled.
    pub fn next_wanted(&mut self) -> Option<Wanted> {
        let old = self.old();
        if !self.served {
            // Nobody will send it.
            if old - self.begin > PATIENCE {
                self.give_up_to(old);
            }
            return None;
        }
        // What will be gone when the question is there is not asked for.
        let lasts = if self.kept > 0 {
            self.end - self.kept + i64::from(self.round_trip) + MARGIN
        } else {
            self.first
        };
        self.cursor = self.cursor.max(self.first).max(lasts);
        if self.cursor >= self.goal {
            let answered = self.asked_at + i64::from(self.round_trip) + MARGIN;
            if self.end < answered || self.first >= old {
                return None;
            }
            (self.cursor, self.goal) = (self.first.max(lasts), old);
        }
        let most = (self.credit / PACE).min(MOST_AT_ONCE);
        if most <= 0 {
            return None;
        }
        let Some(first) = self.next_missing(self.cursor, self.goal) else {
            self.cursor = self.goal;
            return None;
        };
        let (mut missing, mut count, mut number) = (0, 0, first);
        while number < self.goal.min(first + 64) && count < most {
            if !self.has(number) {
                missing |= 1 << (number - first);
                count += 1;
            }
            number += 1;
        }
        self.cursor = number;
        self.asked_at = self.end;
        self.credit -= count * PACE;
        self.counts.requests += 1;
        Some(Wanted {
            first: SeqNum(first as u16),
            missing,
        })
    }

    /// How far it is.
    pub const fn settled(&self) -> Settled {
        Settled {
            from: self.begin,
            to: self.first,
            end: self.end,
            missing: (self.end - self.first - self.there) as u32,
        }
    }

    /// Whether the peer keeps what it sends.
    pub const fn is_served(&self) -> bool {
        self.on && self.served
    }

    /// What there was so far.
    pub const fn counts(&self) -> Fetched {
        self.counts
    }

    const fn is_empty(&self) -> bool {
        self.begin == self.end
    }

    /// What is before this is not brought by live repair any more.
    fn old(&self) -> i64 {
        (self.end - LIVE).max(self.first)
    }

    fn restart(&mut self, number: i64) {
        (self.first, self.end, self.begin) = (number, number, number);
        (self.cursor, self.goal, self.asked_at) = (number, number, number - (1 << 20));
        (self.there, self.credit) = (0, 0);
    }

    /// What is missing before this number, which is at most `end`, will never come.
    fn give_up_to(&mut self, number: i64) {
        while self.first < number {
            let (word, shift) = place(self.first);
            let count = i64::from(64 - shift).min(number - self.first);
            let there = (self.bits[word] >> shift) & low(count);
            let there = i64::from(there.count_ones());
            self.counts.given_up += (count - there) as u64;
            self.there -= there;
            self.first += count;
        }
        self.advance();
    }

    /// Goes to the first that is missing.
    fn advance(&mut self) {
        while self.first < self.end {
            let (word, shift) = place(self.first);
            let ones = i64::from((!(self.bits[word] >> shift)).trailing_zeros());
            let ones = ones.min(i64::from(64 - shift)).min(self.end - self.first);
            if ones == 0 {
                return;
            }
            self.first += ones;
            self.there -= ones;
        }
    }

    /// The first of these that is missing.
    fn next_missing(&self, mut number: i64, end: i64) -> Option<i64> {
        while number < end {
            let (word, shift) = place(number);
            let missing = !(self.bits[word] >> shift) & low(i64::from(64 - shift));
            if missing != 0 {
                let found = number + i64::from(missing.trailing_zeros());
                return (found < end).then_some(found);
            }
            number += i64::from(64 - shift);
        }
        None
    }

    fn has(&self, number: i64) -> bool {
        let (word, shift) = place(number);
        self.bits[word] >> shift & 1 == 1
    }

    fn set(&mut self, number: i64, to: bool) {
        let (word, shift) = place(number);
        self.bits[word] = self.bits[word] & !(1 << shift) | u64::from(to) << shift;
    }
}

impl Default for Fetcher {
    fn default() -> Self {
        Self::new()
    }
}

/// The lowest bits, 1 to 64 of them.
const fn low(bits: i64) -> u64 {
    u64::MAX >> (64 - bits)
}

fn place(number: i64) -> (usize, u32) {
    let bit = number.rem_euclid(SPAN);
    ((bit / 64) as usize, (bit % 64) as u32)
}

/// Numbers that there are bits for, more than are ever followed: a multiple of 64, and 16 bits tell them apart.
const SPAN: i64 = 1 << 15;
const MOST: i64 = MOST_KEPT as i64;

/// What is younger may come by itself, or by live repair.
const LIVE: i64 = MEMORY as i64 + 16;

/// Packets after the last question of a pass, beyond the round trip, until its answers are not waited for any more: the sender answers slowly.
const MARGIN: i64 = 8 * MOST_AT_ONCE + 16;

/// Of so many packets that come one may be asked for.
const PACE: i64 = 8;

/// What may be saved up, and asked for at once.
const MOST_AT_ONCE: i64 = 8;

/// Packets that a peer has to say that it keeps what it sends.
const PATIENCE: i64 = 4000;

/// A number beyond that is none.
const FARTHEST: u64 = 1 << 60;
