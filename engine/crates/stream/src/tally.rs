//! Which packets came, and what became of the others.

use crate::prefetch::prefetch;

/// Counts packets by number: those that came, twice, too late, and not at all.
///
/// A packet is lost from the moment that its turn is over and a later one is known; should it come
/// after all, it is not lost any more but late. Remembers the last `memory` numbers.
#[derive(Debug)]
pub(crate) struct Tally {
    seen: Box<[u64]>,
    /// The newest packet that came, and the first number of the stream; none before it is lost.
    newest: i64,
    first: i64,
    /// All before this are counted: their turn is over.
    judged: i64,
    received: u64,
    late: u64,
    lost: u64,
    duplicate: u64,
}

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    First,
    Again,
}

impl Tally {
    /// Nothing came yet. Remembers at least `memory` numbers.
    pub(crate) fn new(memory: usize) -> Self {
        let seen = vec![0; memory.div_ceil(64).next_power_of_two()].into_boxed_slice();
        Self {
            seen,
            newest: 0,
            first: 0,
            judged: 0,
            received: 0,
            late: 0,
            lost: 0,
            duplicate: 0,
        }
    }

    /// A new stream whose first packet will be `first`. The counts go on.
    pub(crate) fn start(&mut self, first: i64) {
        self.judge(i64::MAX);
        self.seen.fill(0);
        (self.newest, self.first, self.judged) = (first - 1, first, first);
    }

    /// The newest number that came.
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// Has the note of packet `n` brought near.
    pub(crate) fn prefetch(&self, n: i64) {
        prefetch(&self.seen[self.bit(n) / 64]);
    }

    /// Packet `n` came, after its turn if `late`.
    pub(crate) fn arrive(&mut self, n: i64, late: bool) -> Came {
        if n > self.newest {
            self.advance(n);
        } else if n <= self.newest - self.memory() {
            // Too old to know: taken for late rather than for a second copy.
        } else if self.is_seen(n) {
            self.duplicate += 1;
            return Came::Again;
        } else if n < self.judged && n >= self.first {
            self.lost -= 1;
        }
        if n > self.newest - self.memory() {
            self.mark(n, true);
        }
        self.received += 1;
        self.late += u64::from(late);
        Came::First
    }

    /// The turn of all packets before `end` is over. Bounded by the memory.
    pub(crate) fn judge(&mut self, end: i64) {
        let end = end.min(self.newest);
        while self.judged < end {
            self.lost += u64::from(!self.is_seen(self.judged));
            self.judged += 1;
        }
    }

    /// Came, late, lost, came twice.
    pub(crate) fn counts(&self) -> [u64; 4] {
        [self.received, self.late, self.lost, self.duplicate]
    }

    /// Makes `n` the newest, and those between not seen. Bounded by the memory.
    fn advance(&mut self, n: i64) {
        // What falls out of the memory is judged by what is known of it.
        let oldest = n - self.memory() + 1;
        self.judge(oldest);
        if self.judged < oldest {
            let unknown = self.judged.max(self.newest + 1);
            self.lost += oldest.saturating_sub(unknown).max(0) as u64;
            self.judged = oldest;
        }
        for between in (self.newest + 1).max(oldest)..n {
            self.mark(between, false);
        }
        self.newest = n;
    }

    fn memory(&self) -> i64 {
        self.seen.len() as i64 * 64
    }

    fn is_seen(&self, n: i64) -> bool {
        let bit = self.bit(n);
        self.seen[bit / 64] >> (bit % 64) & 1 == 1
    }

    fn mark(&mut self, n: i64, seen: bool) {
        let bit = self.bit(n);
        let (word, mask) = (&mut self.seen[bit / 64], 1 << (bit % 64));
        *word = if seen { *word | mask } else { *word & !mask };
    }

    fn bit(&self, n: i64) -> usize {
        n.rem_euclid(self.memory()) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_lost_once_its_turn_is_over_and_a_later_one_is_known() {
        let mut tally = started(10);
        tally.arrive(10, false);
        tally.judge(13);
        assert_eq!(
            tally.counts(),
            [1, 0, 0, 0],
            "nothing says that there is an eleventh"
        );
        tally.arrive(12, true);
        tally.judge(13);
        assert_eq!(tally.counts(), [2, 1, 1, 0]);
        tally.arrive(11, true);
        assert_eq!(tally.counts(), [3, 2, 0, 0], "late, not lost");
        tally.arrive(11, true);
        assert_eq!(tally.counts(), [3, 2, 0, 1]);
    }

    #[test]
    fn a_gap_longer_than_the_memory_is_counted_whole() {
        let mut tally = started(0);
        tally.arrive(0, false);
        tally.arrive(1000, false);
        tally.judge(1000);
        assert_eq!(tally.counts(), [2, 0, 999, 0]);
        tally.arrive(3, true);
        assert_eq!(
            tally.counts(),
            [3, 1, 999, 0],
            "too old to be told from lost ones"
        );
    }

    #[test]
    fn reordered_packets_before_the_first_are_not_lost() {
        let mut tally = started(-5);
        tally.arrive(-5, false);
        tally.arrive(-6, false);
        tally.arrive(-6, false);
        assert_eq!(tally.counts(), [2, 0, 0, 1]);
    }

    #[test]
    fn a_new_stream_keeps_the_counts() {
        let mut tally = started(0);
        tally.arrive(0, false);
        tally.arrive(3, false);
        tally.start(1_000_000);
        tally.arrive(1_000_000, false);
        assert_eq!(tally.counts(), [3, 0, 2, 0]);
    }

    fn started(first: i64) -> Tally {
        let mut tally = Tally::new(64);
        tally.start(first);
        tally
    }
}
