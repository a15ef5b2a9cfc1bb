//! Lost audio calculated from what came.
//!
//! Each repair datagram is an equation: a known sum of datagrams with known factors. What came is taken out of it;
//! what is left has the missing ones as unknowns. The equations are kept solved as far as they go (Gauss and
//! Jordan): each has a pivot, its oldest unknown, which is in no other. One with no unknown but its pivot is a
//! datagram.

use farsend_units::SeqNum;
use farsend_wire::jacktrip::{Header, Reception, Wanted};
use farsend_wire::repair::{CHECK_LEN, Repair};

use super::field::{add_scaled, check, coefficient, invert, scale};
use super::{MAX_PROTECTED, MEMORY, SPAN, SYMBOL, place};

/// Sees each audio datagram and each repair datagram that comes, and gives those that were lost.
///
/// After each `handle_...`, call [`next_recovered`](Self::next_recovered) until there is none: they are given once,
/// oldest first. Neither allocates nor panics, whatever comes.
#[derive(Debug)]
pub struct Decoder {
    /// Datagrams and checks, by [`place`].
    memory: Box<[u8]>,
    /// Bytes of each datagram; 0 before the first.
    length: usize,
    newest: u16,
    /// Of the datagram `newest - i`, bit i: it belongs to the stream; it is in the memory; it came by itself; it was
    /// calculated and not given yet.
    due: u64,
    known: u64,
    direct: u64,
    fresh: u64,
    equations: [Equation; EQUATIONS],
    sums: Box<[u8]>,
    requests: [Request; MEMORY],
    /// So many newer datagrams must have come before one is asked for: more where they overtake each other.
    patience: u8,
    calm: u16,
    /// Datagrams that come in the time of a round trip.
    round_trip: u8,
    /// What is older than so many has been played, or concealed.
    most_age: u8,
    /// Datagrams since the last parity over several.
    since_parity: u8,
    /// The last datagram that was counted was lost.
    in_burst: bool,
    reception: Reception,
    counts: DecoderCounts,
}

/// What is known of the sum in the same place of `sums`.
#[derive(Debug, Clone, Copy)]
struct Equation {
    used: bool,
    /// The number of the oldest unknown. Its factor is 1.
    pivot: u16,
    /// Of the unknowns, by [`place`]; 0 for everything else.
    factors: [u8; MEMORY],
}

/// How often a missing datagram was asked for, and how old it was then.
#[derive(Debug, Clone, Copy)]
struct Request {
    times: u8,
    age: u8,
}

/// What a [`Decoder`] has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecoderCounts {
    /// Datagrams calculated.
    pub recovered: u64,
    /// Repair datagrams that came.
    pub repairs: u64,
    /// Of those, such as brought nothing new.
    pub spare: u64,
    /// Of those, such as did not fit to what came.
    pub unfit: u64,
    /// What was calculated and then not what its check says: the sender has started again, or somebody plays.
    pub wrong: u64,
    /// Times that datagrams were asked for.
    pub requests: u64,
}

impl Decoder {
    /// Knows nothing yet. Allocates less than a megabyte, which is touched as far as it is needed.
    pub fn new() -> Self {
        Self {
            memory: vec![0; MEMORY * SYMBOL].into(),
            length: 0,
            newest: 0,
            due: 0,
            known: 0,
            direct: 0,
            fresh: 0,
            equations: [Equation::UNUSED; EQUATIONS],
            sums: vec![0; EQUATIONS * SYMBOL].into(),
            requests: [Request::NONE; MEMORY],
            patience: 0,
            calm: 0,
            round_trip: 0,
            most_age: MOST_AGE,
            since_parity: u8::MAX,
            in_burst: false,
            reception: Reception::default(),
            counts: DecoderCounts::default(),
        }
    }

    /// Another stream begins. The counts go on.
    pub fn reset(&mut self) {
        (self.due, self.known, self.direct, self.fresh) = (0, 0, 0, 0);
        self.equations
            .iter_mut()
            .for_each(|equation| equation.used = false);
        self.requests.fill(Request::NONE);
        self.length = 0;
        self.in_burst = false;
    }

    /// The audio datagram `number` came by itself.
    pub fn handle_datagram(&mut self, number: SeqNum, datagram: &[u8]) {
        if datagram.is_empty() || datagram.len() > MAX_PROTECTED {
            self.reset();
            return;
        }
        let ahead = number.since(SeqNum(self.newest));
        if datagram.len() != self.length {
            if self.length != 0 && (NOT_FAR..0).contains(&ahead) {
                return; // late, and of a former format
            }
            self.reset();
        }
        if self.length == 0 || !(NOT_FAR..=FAR).contains(&ahead) {
            self.reset();
            (self.length, self.newest, self.due) = (datagram.len(), number.0, 1);
        } else if ahead > 0 {
            self.advance(number.0);
        }
        let number = number.0;
        let Some(bit) = self.bit(number).filter(|bit| self.due & bit != 0) else {
            return;
        };
        self.direct |= bit;
        if self.known & bit != 0 {
            return;
        }
        if self.requests[place(number)].times > 0 {
            // It was only late.
            self.patience = (self.patience + 1).min(MOST_PATIENCE);
            self.calm = 0;
        }
        let symbol = &mut self.memory[place(number) * SYMBOL..][..self.length + CHECK_LEN];
        symbol[..self.length].copy_from_slice(datagram);
        symbol[self.length..].copy_from_slice(&check(datagram));
        self.known |= bit;
        self.take_out(number);
        self.solve();
    }

    /// A repair datagram came.
    pub fn handle_repair(&mut self, repair: &Repair<'_>) {
        self.counts.repairs += 1;
        let last = SeqNum(repair.first.0.wrapping_add(u16::from(repair.count) - 1));
        let ahead = last.since(SeqNum(self.newest));
        let fits = self.length != 0 && repair.length() == self.length;
        if !fits || repair.count > SPAN || ahead > i16::from(SPAN) {
            self.counts.unfit += 1;
            return;
        }
        if repair.count > 1 {
            self.since_parity = 0;
        }
        if ahead > 0 {
            self.advance(last.0);
        }
        let numbers = (0..u16::from(repair.count)).map(|i| repair.first.0.wrapping_add(i));
        let Some(over) = numbers
            .clone()
            .map(|number| self.bit(number))
            .sum::<Option<u64>>()
        else {
            self.counts.unfit += 1;
            return;
        };
        if over & !self.due != 0 {
            self.counts.unfit += 1;
            return;
        }
        if over & !self.known == 0 {
            self.counts.spare += 1;
            return;
        }
        let row = self.free_row();
        let sum = &mut self.sums[row * SYMBOL..][..self.length + CHECK_LEN];
        sum.copy_from_slice(repair.parity);
        let mut factors = [0; MEMORY];
        for number in numbers {
            let factor = coefficient(repair.index & 0x7f, number);
            if self.known >> self.newest.wrapping_sub(number) & 1 == 1 {
                let symbol = &self.memory[place(number) * SYMBOL..];
                add_scaled(sum, &symbol[..sum.len()], factor);
            } else {
                factors[place(number)] = factor;
            }
        }
        self.equations[row].factors = factors;
        self.reduce(row);
        self.solve();
    }

    /// The next audio datagram that was calculated, as it was sent.
    pub fn next_recovered(&mut self) -> Option<&[u8]> {
        let oldest = 63_u32.checked_sub(self.fresh.leading_zeros())?;
        self.fresh &= !(1 << oldest);
        let number = self.newest.wrapping_sub(oldest as u16);
        Some(&self.memory[place(number) * SYMBOL..][..self.length])
    }

    /// How many datagrams come in the time that a request and its answer take on the way, and how many the receiver
    /// keeps: what is much older is not asked for.
    pub fn set_times(&mut self, round_trip: u8, depth: u16) {
        self.round_trip = round_trip;
        let most = depth.saturating_add(BEYOND_DEPTH);
        self.most_age = u8::try_from(most).map_or(MOST_AGE, |most| most.min(MOST_AGE));
    }

    /// What is to be asked for now; to be called once a local period, when all that has come was handled.
    pub fn next_wanted(&mut self) -> Option<Wanted> {
        let missing = self.due & !self.known;
        if missing == 0 || self.length == 0 {
            return None;
        }
        // Parities are sooner here than an answer: what they repair need not be sent again.
        let patience = if self.since_parity < SPAN && self.round_trip > FAR_AWAY {
            self.patience.max(PARITY_PATIENCE)
        } else {
            self.patience
        };
        let mut ages = 0_u64;
        for age in u64_bits(missing) {
            let request = &mut self.requests[place(self.newest.wrapping_sub(u16::from(age)))];
            let due = match request.times {
                0 => patience.saturating_add(1),
                // At once again, since the request or the answer can be lost ...
                1 => request.age.saturating_add(1),
                // ... then only when neither can come any more.
                _ => request
                    .age
                    .saturating_add(self.round_trip)
                    .saturating_add(2),
            };
            if age >= due && age < self.most_age && request.times < MOST_REQUESTS {
                request.times += 1;
                request.age = age;
                ages |= 1 << age;
            }
        }
        let oldest = 63_u32.checked_sub(ages.leading_zeros())?;
        self.counts.requests += 1;
        Some(Wanted {
            first: SeqNum(self.newest.wrapping_sub(oldest as u16)),
            // Bit `age` becomes bit `oldest - age`.
            missing: ages.reverse_bits() >> (63 - oldest),
        })
    }

    /// How the audio has come, for the sender to know; the depth is for the caller to fill in.
    pub const fn reception(&self) -> Reception {
        self.reception
    }

    /// What there was so far.
    pub const fn counts(&self) -> DecoderCounts {
        self.counts
    }

    /// The bit of datagram `number`, if it is not newer than the newest, and remembered.
    fn bit(&self, number: u16) -> Option<u64> {
        1_u64.checked_shl(u32::from(self.newest.wrapping_sub(number)))
    }

    /// Makes `newest` the newest, and forgets what is too old then. At most [`FAR`] ahead.
    fn advance(&mut self, newest: u16) {
        for _ in 0..newest.wrapping_sub(self.newest) {
            self.newest = self.newest.wrapping_add(1);
            self.judge();
            for all in [
                &mut self.due,
                &mut self.known,
                &mut self.direct,
                &mut self.fresh,
            ] {
                *all <<= 1;
            }
            self.due |= 1;
            let place = place(self.newest);
            for equation in &mut self.equations {
                equation.used &= equation.factors[place] == 0;
            }
            let request = &mut self.requests[place];
            *request = Request::NONE;
            self.since_parity = self.since_parity.saturating_add(1);
            self.calm = self.calm.saturating_add(1);
            if self.calm >= CALM {
                self.calm = 0;
                self.patience = self.patience.saturating_sub(1);
            }
        }
    }

    /// Counts the datagram that has had its time to come.
    fn judge(&mut self) {
        if self.due >> JUDGED & 1 == 0 {
            return;
        }
        let lost = self.direct >> JUDGED & 1 == 0;
        let reception = &mut self.reception;
        reception.due = reception.due.wrapping_add(1);
        reception.lost = reception.lost.wrapping_add(u32::from(lost));
        reception.bursts = reception
            .bursts
            .wrapping_add(u32::from(lost && !self.in_burst));
        self.in_burst = lost;
    }

    /// A place for an equation; that of the oldest if all are taken.
    fn free_row(&mut self) -> usize {
        let age = |equation: &Equation| self.newest.wrapping_sub(equation.pivot);
        let free = self.equations.iter().position(|equation| !equation.used);
        free.or_else(|| (0..EQUATIONS).max_by_key(|&row| age(&self.equations[row])))
            .unwrap_or(0)
    }

    /// A datagram that is known now is no unknown any more.
    fn take_out(&mut self, number: u16) {
        let place = place(number);
        let len = self.length + CHECK_LEN;
        for row in 0..EQUATIONS {
            let equation = &mut self.equations[row];
            let factor = std::mem::take(&mut equation.factors[place]);
            if !equation.used || factor == 0 {
                continue;
            }
            let symbol = &self.memory[place * SYMBOL..][..len];
            add_scaled(&mut self.sums[row * SYMBOL..][..len], symbol, factor);
            if equation.pivot == number {
                self.reduce(row);
            }
        }
    }

    /// Frees the equation from the pivots of the others, gives it one, and frees the others from that.
    fn reduce(&mut self, row: usize) {
        self.equations[row].used = false;
        for other in 0..EQUATIONS {
            if self.equations[other].used {
                self.eliminate(row, other);
            }
        }
        let factors = self.equations[row].factors;
        let unknown = (0..MEMORY as u16)
            .rev()
            .map(|age| self.newest.wrapping_sub(age))
            .find(|number| factors[place(*number)] != 0);
        let Some(pivot) = unknown else {
            self.counts.spare += 1;
            return;
        };
        let inverse = invert(factors[place(pivot)]);
        scale(&mut self.equations[row].factors, inverse);
        scale(
            &mut self.sums[row * SYMBOL..][..self.length + CHECK_LEN],
            inverse,
        );
        self.equations[row].pivot = pivot;
        for other in 0..EQUATIONS {
            if self.equations[other].used {
                self.eliminate(other, row);
            }
        }
        self.equations[row].used = true;
    }

    /// Frees equation `row` from the pivot of `by`.
    fn eliminate(&mut self, row: usize, by: usize) {
        let Equation { pivot, factors, .. } = self.equations[by];
        let factor = self.equations[row].factors[place(pivot)];
        if factor == 0 || row == by {
            return;
        }
        add_scaled(&mut self.equations[row].factors, &factors, factor);
        let len = self.length + CHECK_LEN;
        let (low, high) = self.sums.split_at_mut(row.max(by) * SYMBOL);
        let (low, high) = (&mut low[row.min(by) * SYMBOL..][..len], &mut high[..len]);
        if row < by {
            add_scaled(low, high, factor);
        } else {
            add_scaled(high, low, factor);
        }
    }

    /// Takes the datagrams out of the equations that have nothing else left.
    fn solve(&mut self) {
        for row in 0..EQUATIONS {
            let Equation {
                used,
                pivot,
                factors,
            } = &self.equations[row];
            if !used || factors.iter().filter(|factor| **factor != 0).count() != 1 {
                continue;
            }
            let number = *pivot;
            self.equations[row].used = false;
            let Some(bit) = self.bit(number) else {
                continue;
            };
            let symbol = &self.sums[row * SYMBOL..][..self.length + CHECK_LEN];
            let (datagram, sum) = symbol.split_at(self.length);
            let is_it = Header::parse(datagram).is_ok_and(|header| header.seq.0 == number);
            if !is_it || sum != check(datagram) {
                // Something of another stream is among what we know: none of it can be relied on.
                self.counts.wrong += 1;
                self.equations
                    .iter_mut()
                    .for_each(|equation| equation.used = false);
                return;
            }
            self.memory[place(number) * SYMBOL..][..symbol.len()].copy_from_slice(symbol);
            self.known |= bit;
            self.fresh |= bit;
            self.counts.recovered += 1;
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Equation {
    const UNUSED: Self = Self {
        used: false,
        pivot: 0,
        factors: [0; MEMORY],
    };
}

impl Request {
    const NONE: Self = Self { times: 0, age: 0 };
}

/// The numbers of the bits that are set, highest first.
fn u64_bits(mut bits: u64) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let bit = 63_u32.checked_sub(bits.leading_zeros())?;
        bits &= !(1 << bit);
        Some(bit as u8)
    })
}

/// As many bursts can be worked on at a time.
const EQUATIONS: usize = 12;

/// Numbers farther apart belong to different streams, or to a hole that nothing repairs.
const FAR: i16 = MEMORY as i16;
const NOT_FAR: i16 = -FAR;

/// A datagram that so many newer ones have followed is lost.
const JUDGED: u16 = 15;

/// How often one datagram is asked for at most.
const MOST_REQUESTS: u8 = 5;

/// What is so much older than the oldest that waits to be played is not asked for: it would be late, but tells the
/// receiver how deep it would have to be.
const BEYOND_DEPTH: u16 = 8;

/// What is older is never asked for.
const MOST_AGE: u8 = 40;

/// Datagrams of a round trip from which on parities are sooner there than answers.
const FAR_AWAY: u8 = 16;

/// What waits for parities then, before it is asked for.
const PARITY_PATIENCE: u8 = 6;

/// The most datagrams that one is waited for before it is asked for.
const MOST_PATIENCE: u8 = 6;

/// After so many datagrams without one that was asked for and came by itself, patience lessens.
const CALM: u16 = 1000;
