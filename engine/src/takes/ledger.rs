//! Which of a stream's packets have come, however they came, over some minutes.

/// A bit for each packet number, as far back as [`KEPT`]. Made on a control thread; nothing else allocates, and the work of a call is
/// bounded by the words there are.
#[derive(Debug)]
pub struct Ledger {
    bits: Box<[u64]>,
    /// The stream's first number, and the one after its newest; equal: nothing has come.
    first: i64,
    end: i64,
}

impl Ledger {
    /// Nothing has come. Allocates.
    pub fn new() -> Self {
        Self {
            bits: vec![0; (KEPT / 64) as usize].into(),
            first: 0,
            end: 0,
        }
    }

    /// Another stream begins: its numbers have nothing to do with those before.
    pub fn restart(&mut self) {
        (self.first, self.end) = (0, 0);
    }

    /// Whether this one is known: it has come, or would be of no use any more, since it is too long ago.
    pub fn knows(&self, number: i64) -> bool {
        if self.is_empty() || number >= self.end {
            return false;
        }
        number < self.end - KEPT || (number >= self.first && self.bit(number))
    }

    /// This one has come.
    pub fn note(&mut self, number: i64) {
        if self.is_empty() {
            (self.first, self.end) = (number, number);
        }
        if number < self.end - KEPT {
            return;
        }
        // What is beyond the newest has not come; what was written there before is of other numbers.
        let fresh = if number >= self.end {
            self.end.max(number - KEPT + 1)..number + 1
        } else {
            number..self.first.max(number)
        };
        self.clear(fresh);
        (self.first, self.end) = (self.first.min(number), self.end.max(number + 1));
        self.set(number);
    }

    /// The numbers of which some may have come: from the first that is still kept to the one after the newest.
    pub fn range(&self) -> std::ops::Range<i64> {
        self.first.max(self.end - KEPT)..self.end
    }

    /// The first number of these that has not come.
    pub fn missing(&self, among: std::ops::Range<i64>) -> Option<i64> {
        let kept = self.range();
        let (mut number, end) = (among.start.max(kept.start), among.end.min(kept.end));
        while number < end {
            let (word, shift) = place(number);
            let missing = !self.bits[word] >> shift;
            if missing != 0 {
                let found = number + i64::from(missing.trailing_zeros());
                // A shift brings in zeros, which are ones here for nobody: what it left is in this word.
                return (found < end).then_some(found);
            }
            number += 64 - i64::from(shift);
        }
        None
    }

    fn is_empty(&self) -> bool {
        self.first == self.end
    }

    fn bit(&self, number: i64) -> bool {
        let (word, shift) = place(number);
        self.bits[word] >> shift & 1 == 1
    }

    fn set(&mut self, number: i64) {
        let (word, shift) = place(number);
        self.bits[word] |= 1 << shift;
    }

    /// At most as many as are kept.
    fn clear(&mut self, numbers: std::ops::Range<i64>) {
        let mut number = numbers.start;
        while number < numbers.end {
            let (word, shift) = place(number);
            let some = (64 - i64::from(shift)).min(numbers.end - number);
            let ones = u64::MAX >> (64 - some);
            self.bits[word] &= !(ones << shift);
            number += some;
        }
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self::new()
    }
}

fn place(number: i64) -> (usize, u32) {
    let bit = number.rem_euclid(KEPT);
    ((bit / 64) as usize, (bit % 64) as u32)
}

/// How many numbers are kept: 23 minutes of packets of 64 frames at 48 kHz. A multiple of 64.
pub const KEPT: i64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_come_is_missing_until_it_does() {
        let mut ledger = Ledger::new();
        assert_eq!(ledger.missing(0..100), None);
        for number in (100..300).filter(|number| number % 70 != 0) {
            assert!(!ledger.knows(number));
            ledger.note(number);
            assert!(ledger.knows(number));
        }
        assert_eq!(ledger.range(), 100..300);
        assert_eq!(ledger.missing(0..1000), Some(140));
        assert_eq!(ledger.missing(141..210), None);
        assert_eq!(ledger.missing(141..211), Some(210));
        ledger.note(140);
        assert_eq!(ledger.missing(0..1000), Some(210));
        ledger.note(210);
        ledger.note(280);
        assert_eq!(ledger.missing(0..1000), None);
    }

    #[test]
    fn numbers_before_the_first_may_come_as_copies_and_may_be_negative() {
        let mut ledger = Ledger::new();
        ledger.note(2);
        ledger.note(-3);
        assert_eq!(ledger.range(), -3..3);
        let missing: Vec<_> = (-3..3).filter(|n| !ledger.knows(*n)).collect();
        assert_eq!(missing, [-2, -1, 0, 1]);
    }

    #[test]
    fn what_is_long_ago_is_taken_for_known_and_its_place_is_used_again() {
        let mut ledger = Ledger::new();
        ledger.note(5);
        ledger.note(5 + KEPT + 10);
        assert!(ledger.knows(5));
        assert_eq!(ledger.range().start, 16);
        assert_eq!(ledger.missing(0..i64::MAX), Some(16));
        assert!(!ledger.knows(5 + KEPT));
        ledger.note(3 * KEPT);
        assert!(!ledger.knows(3 * KEPT - 1));
        assert_eq!(ledger.missing(0..i64::MAX), Some(2 * KEPT + 1));
    }

    #[test]
    fn another_stream_begins_with_nothing() {
        let mut ledger = Ledger::new();
        ledger.note(500);
        ledger.restart();
        assert!(!ledger.knows(500));
        ledger.note(10);
        assert_eq!((ledger.range(), ledger.missing(0..600)), (10..11, None));
    }
}
