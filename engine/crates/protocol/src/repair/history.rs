//! What was sent, for as long as there is room: for one who records and asks late for what it never got.

use farsend_units::SeqNum;
use farsend_wire::jacktrip::{Keep, Kept, Wanted};
use farsend_wire::repair::{CHECK_LEN, HEADER_LEN, PLAIN, Repair};

use super::field::check;
use super::{MEMORY, MOST_KEPT, PACE_OF_ANSWERS};

/// Keeps each audio datagram that leaves until there is no room, and gives those again that are asked for: a few at a time, so that
/// live audio is not disturbed.
///
/// ```text
///   bytes:  ... newer │ oldest ... newest │ (next) ...     each as the answer that it may become: header, datagram, check
///   places: where each number's answer is
/// ```
/// Answers take no more than a seventh of the bytes of what is sent, whatever is asked for.
#[derive(Debug)]
pub struct History {
    bytes: Box<[u8]>,
    /// By number, modulo how many there are: a power of two, as what numbers wrap at is.
    places: Box<[Place]>,
    /// As many datagrams are kept at most.
    most: usize,
    /// Bytes of the longest answer so far.
    longest: usize,
    /// Where the next one goes.
    head: usize,
    newest: u16,
    /// How many there are, up to the newest. Their numbers follow each other.
    kept: usize,
    /// What was asked for and not answered yet.
    wanted: [Wanted; MOST_ASKED],
    asked: usize,
    /// Bytes that may leave as answers.
    credit: usize,
    answers: u64,
    answer_bytes: u64,
}

/// Where an answer is. One that is none has no length.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    at: u32,
    len: u32,
}

impl Place {
    const fn start(self) -> usize {
        self.at as usize
    }

    const fn end(self) -> usize {
        self.at as usize + self.len as usize
    }
}

/// How much a [`History`] keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HistorySize {
    /// Bytes of datagrams, with some that each takes more.
    pub bytes: usize,
    /// Datagrams; no more than [`MOST_KEPT`] are.
    pub packets: usize,
}

impl HistorySize {
    /// Nothing is kept.
    pub const NONE: Self = Self {
        bytes: 0,
        packets: 0,
    };

    /// For so many datagrams of `len` bytes each, as far as `most_bytes` go.
    pub fn of(packets: usize, len: usize, most_bytes: usize) -> Self {
        let packets = packets.min(MOST_KEPT);
        let each = len + HEADER_LEN + CHECK_LEN;
        Self {
            // A gap is left before the beginning, where one does not go into what is left.
            bytes: packets
                .saturating_add(1)
                .saturating_mul(each)
                .min(most_bytes),
            packets,
        }
    }
}

impl History {
    /// Keeps so much. Allocates and touches all of it, so for the control thread.
    pub fn new(size: HistorySize) -> Self {
        let most = size.packets.min(MOST_KEPT);
        // None of a power of two is one: there is always a place.
        Self {
            // Not zeros: memory that was never written is made where it is first touched, which is not to be the audio thread.
            bytes: vec![0xa5; size.bytes.min(u32::MAX as usize)].into(),
            places: vec![Place { at: 1, len: 0 }; most.next_power_of_two()].into(),
            most,
            longest: 0,
            head: 0,
            newest: 0,
            kept: 0,
            wanted: [NOTHING; MOST_ASKED],
            asked: 0,
            credit: 0,
            answers: 0,
            answer_bytes: 0,
        }
    }

    /// Whether there is room for anything.
    pub fn is_of_use(&self) -> bool {
        !self.bytes.is_empty() && self.most > 0
    }

    /// Forgets all that was sent: for another peer.
    pub const fn clear(&mut self) {
        (self.head, self.kept, self.asked, self.credit) = (0, 0, 0, 0);
    }

    /// The audio datagram `number`, which has one packet, leaves.
    pub fn handle_datagram(&mut self, number: SeqNum, datagram: &[u8]) {
        if !self.is_of_use() {
            return;
        }
        if number.0 != self.newest.wrapping_add(1) {
            self.kept = 0;
        }
        let whole = Repair::len_over(datagram.len()).filter(|len| *len <= self.bytes.len());
        let len = whole.unwrap_or(0);
        self.make_room(len);
        if len > 0 {
            let place = &mut self.bytes[self.head..][..len];
            let (header, rest) = place.split_at_mut(HEADER_LEN);
            header.copy_from_slice(&Repair::header(number, 1, PLAIN, datagram.len() as u16));
            // The check is made when it is asked for.
            rest[..datagram.len()].copy_from_slice(datagram);
        }
        let place = self.place(number.0);
        self.places[place] = Place {
            at: self.head as u32,
            len: len as u32,
        };
        self.head += len;
        self.newest = number.0;
        self.kept += 1;
        self.longest = self.longest.max(len);
        let most = MOST_SAVED * self.longest;
        self.credit = (self.credit + datagram.len() / PACE_OF_ANSWERS).min(most);
    }

    /// The peer says that it records, and what it does not need any more. The answer is for it.
    pub fn handle_keep(&mut self, keep: Keep) -> Kept {
        let needed = self.newest.wrapping_sub(keep.from.0).wrapping_add(1);
        let count = self.kept.min(usize::from(u16::MAX)) as u16;
        if needed <= MOST_KEPT as u16 {
            // What was asked for before that has come since.
            for wanted in &mut self.wanted[..self.asked] {
                let before = keep.from.since(wanted.first).clamp(0, 64) as u32;
                wanted.missing = wanted.missing.checked_shr(before).unwrap_or(0);
                wanted.first = wanted.first + before as u16;
            }
        }
        Kept {
            oldest: SeqNum(self.newest.wrapping_sub(count).wrapping_add(1)),
            count,
        }
    }

    /// The peer misses these. Ask for the answers with [`next_answer`](Self::next_answer), now and after each datagram. Of many questions at once the last
    /// are dropped: it is asked again.
    pub fn handle_wanted(&mut self, wanted: Wanted) {
        if self.is_of_use() && self.asked < MOST_ASKED && wanted.missing != 0 {
            self.wanted[self.asked] = wanted;
            self.asked += 1;
        }
    }

    /// The next datagram that is to be sent again, as a repair datagram; none, too, when it is not time yet.
    pub fn next_answer(&mut self) -> Option<&[u8]> {
        while self.asked > 0 {
            let wanted = &mut self.wanted[0];
            if wanted.missing == 0 {
                self.wanted[..self.asked].rotate_left(1);
                self.asked -= 1;
                continue;
            }
            let bit = wanted.missing.trailing_zeros();
            let number = wanted.first.0.wrapping_add(bit as u16);
            let age = usize::from(self.newest.wrapping_sub(number));
            let place = self.places[self.place(number)];
            let len = place.len as usize;
            // What is younger is the live repair's.
            let there = (MEMORY..self.kept).contains(&age) && len > 0;
            if there && self.credit < len {
                return None;
            }
            let wanted = &mut self.wanted[0];
            wanted.missing &= wanted.missing - 1;
            if !there {
                continue;
            }
            self.credit -= len;
            self.answers += 1;
            self.answer_bytes += len as u64;
            let answer = &mut self.bytes[place.start()..place.end()];
            let (rest, sum) = answer.split_at_mut(len - CHECK_LEN);
            sum.copy_from_slice(&check(&rest[HEADER_LEN..]));
            return Some(answer);
        }
        None
    }

    /// How many datagrams there are.
    pub const fn kept(&self) -> usize {
        self.kept
    }

    /// Datagrams sent again, and their bytes.
    pub const fn answered(&self) -> (u64, u64) {
        (self.answers, self.answer_bytes)
    }

    fn place(&self, number: u16) -> usize {
        usize::from(number) & (self.places.len() - 1)
    }

    fn oldest(&self) -> Place {
        let number = self.newest.wrapping_sub(self.kept as u16).wrapping_add(1);
        self.places[self.place(number)]
    }

    /// Has `head` be where `len` bytes may be written. Forgets the oldest as far as they are in the way: some hundreds at most, where packets become much
    /// longer.
    fn make_room(&mut self, len: usize) {
        self.kept = self.kept.min(self.most - 1);
        if self.head + len > self.bytes.len() {
            // What is behind is older than what is at the beginning.
            while self.kept > 0 && (self.oldest().len == 0 || self.oldest().start() >= self.head) {
                self.kept -= 1;
            }
            self.head = 0;
        }
        let end = self.head + len;
        let head = self.head;
        let in_the_way =
            |place: Place| place.len == 0 || (place.start() < end && place.end() > head);
        while self.kept > 0 && len > 0 && in_the_way(self.oldest()) {
            self.kept -= 1;
        }
    }
}

const NOTHING: Wanted = Wanted {
    first: SeqNum(0),
    missing: 0,
};

/// Questions that wait for their answers.
const MOST_ASKED: usize = 16;

/// What can be saved up: so many datagrams.
const MOST_SAVED: usize = 8;
