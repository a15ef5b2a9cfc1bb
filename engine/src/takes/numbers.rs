//! The numbers of takes, where several disk threads record the same roll of the host: theirs are one take, with one number.

use std::collections::VecDeque;
use std::path::Path;

use parking_lot::Mutex;

use super::names;

/// The last takes of a session, by where their rolls lie on its time line.
#[derive(Debug, Default)]
pub(super) struct Numbers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    rolls: VecDeque<Roll>,
    next: u32,
}

#[derive(Debug)]
struct Roll {
    /// Where on the session's time line it began, ...
    since: i64,
    /// ... and how far the host's timeline was ahead of that.
    ahead: i128,
    /// Whether the host recorded: a punch-in may follow soon, and evenly.
    recording: bool,
    number: u32,
}

impl Numbers {
    /// The number of the take that is at `since` of the session's time line and at `timeline` of the host's, which records or does not: that
    /// of the others of the same roll, or the first that is free in this folder.
    pub(super) fn of(&self, folder: &Path, since: i64, timeline: u64, recording: bool) -> u32 {
        let ahead = i128::from(timeline) - i128::from(since);
        let mut known = self.0.lock();
        let mut rolls = known.rolls.iter().rev();
        let same = rolls.find(|roll| {
            roll.recording == recording
                && roll.since.abs_diff(since) <= LARGEST_BLOCK
                && roll.ahead.abs_diff(ahead) <= EVEN
        });
        if let Some(roll) = same {
            return roll.number;
        }
        let number = names::next_number(folder).max(known.next);
        known.next = number.saturating_add(1);
        if known.rolls.len() >= MOST {
            known.rolls.pop_front();
        }
        known.rolls.push_back(Roll {
            since,
            ahead,
            recording,
            number,
        });
        number
    }

    /// Nobody records any more: what is recorded next is another take.
    pub(super) fn forget(&self) {
        self.0.lock().rolls.clear();
    }
}

/// Rolls are told of to some frames of the host's timeline, ...
const EVEN: u128 = 2;

/// ... and where another instance tells of them, to a block of when they began.
const LARGEST_BLOCK: u64 = 8192;

/// Rolls that somebody may still come to.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_who_record_one_roll_have_one_number_and_the_next_roll_has_another() {
        let (numbers, nowhere) = (Numbers::default(), Path::new("/no/such/folder"));
        let number = |since, timeline| numbers.of(nowhere, since, timeline, false);
        assert_eq!([number(10_000, 0), number(10_000, 0)], [1, 1]);
        // As another instance saw it begin, a block later.
        assert_eq!(number(10_257, 256), 1);
        // The next round of a loop, and a jump to where the first would be by now.
        assert_eq!([number(50_000, 0), number(90_000, 80_000)], [2, 3]);
        assert_eq!(number(50_000, 0), 2);
        // A punch-in soon after that.
        assert_eq!(numbers.of(nowhere, 55_000, 5000, true), 4);
        (0..100).for_each(|at| _ = number(at * 10_000, u64::MAX));
        assert!(number(10_000, 0) > 3, "that was long ago");
        let last = number(0, 0);
        numbers.forget();
        assert_eq!(number(0, 0), last + 1);
    }
}
