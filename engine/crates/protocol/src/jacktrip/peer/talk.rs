//! What people write to each other between two Farsends.
//!
//! ```text
//!   line ──▶ pieces ──chat──▶ ┐
//!            one at a time,   │ ▶ gathered until the last ──▶ cleaned ──▶ line
//!            again until ◀──heard┘
//! ```
//! A JackTrip answers no ping and is sent nothing. Neither end needs to trust the other: what comes is bounded in length and
//! number, is text or is dropped, and who writes too fast is not answered until some time has gone by.

use std::time::Duration;

use arrayvec::{ArrayString, ArrayVec};
use farsend_units::MonoTime;
use farsend_wire::jacktrip::{Control, PIECE_TEXT, Piece, is_unruly};

/// A line of text: UTF-8 without control characters, up to [`MAX_REMARK`] bytes, without space at its ends, not empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remark(ArrayString<MAX_REMARK>);

/// Bytes of a line, at most.
pub const MAX_REMARK: usize = 160;

impl Remark {
    /// As much of `text` as may be in a line; `None` if that is nothing.
    pub fn new(text: &str) -> Option<Self> {
        let mut line: ArrayString<MAX_REMARK> = ArrayString::new();
        for letter in text.trim().chars().filter(|letter| !is_unruly(*letter)) {
            if line.try_push(letter).is_err() {
                break;
            }
        }
        // What was left out may have hidden space.
        let trimmed = ArrayString::from(line.trim()).ok()?;
        (!trimmed.is_empty()).then_some(Self(trimmed))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn piece(&self, index: usize) -> &[u8] {
        let bytes = self.0.as_bytes();
        let from = (index * PIECE_TEXT).min(bytes.len());
        &bytes[from..bytes.len().min(from + PIECE_TEXT)]
    }

    fn pieces(&self) -> usize {
        self.0.len().div_ceil(PIECE_TEXT)
    }
}

/// What became of something that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Talked {
    /// The peer has written this.
    Theirs(Remark),
    /// The oldest line of ours that was not told of yet has arrived, or will not.
    Ours {
        /// Whether it has.
        arrived: bool,
    },
}

/// Writes and listens. One a peer.
#[derive(Debug)]
pub(super) struct Talk {
    /// What is to be said: the first is being said.
    lines: ArrayVec<Remark, WAITING>,
    /// The talk's number, once anything was said, and the number of the next piece.
    ours: Option<(u32, u16)>,
    /// Pieces of the first line that have arrived.
    arrived: usize,
    /// When the piece that is under way is to be said again, ...
    again: Option<MonoTime>,
    /// ... and whether it is to be said now.
    due: bool,
    said: u32,
    /// What comes: the talk, and the number of the next piece.
    theirs: Option<(u32, u16)>,
    gathered: ArrayVec<u8, MAX_REMARK>,
    /// Nothing of this line is used: its beginning was not heard, or it is too long.
    spoilt: bool,
    allowance: Allowance,
    answer: Option<Control>,
    told: ArrayVec<Talked, TOLD>,
}

impl Talk {
    pub(super) const fn new() -> Self {
        Self {
            lines: ArrayVec::new_const(),
            ours: None,
            arrived: 0,
            again: None,
            due: false,
            said: 0,
            theirs: None,
            gathered: ArrayVec::new_const(),
            spoilt: false,
            allowance: Allowance::FULL,
            answer: None,
            told: ArrayVec::new_const(),
        }
    }

    /// Writes a line. False if too many wait already.
    pub(super) fn say(&mut self, at: MonoTime, line: Remark) -> bool {
        let fits = self.lines.try_push(line).is_ok();
        if fits && self.lines.len() == 1 {
            self.begin_line(at);
        }
        fits
    }

    /// Another program answers, or the same after a pause: the line that is being said begins anew.
    pub(super) fn begin_anew(&mut self, at: MonoTime) {
        (self.ours, self.theirs) = (None, None);
        self.gathered.clear();
        self.answer = None;
        if !self.lines.is_empty() {
            self.begin_line(at);
        }
    }

    fn begin_line(&mut self, at: MonoTime) {
        (self.arrived, self.said) = (0, 0);
        self.say_piece(at);
        // Any number does that the talks before did not have.
        self.ours.get_or_insert(((at.as_nanos() >> 16) as u32, 0));
    }

    fn say_piece(&mut self, at: MonoTime) {
        (self.due, self.again, self.said) = (true, Some(at + AGAIN), self.said + 1);
    }

    /// A piece of a line came.
    pub(super) fn handle_piece(&mut self, at: MonoTime, piece: &Piece) {
        let heard = Control::Heard {
            talk: piece.talk,
            number: piece.number,
        };
        let (talk, next) = self.theirs.unwrap_or((piece.talk, piece.number));
        let next = if talk == piece.talk {
            next
        } else {
            piece.number
        };
        if talk == piece.talk && piece.number == next.wrapping_sub(1) && self.theirs.is_some() {
            // Our answer was lost.
            self.answer = Some(heard);
            return;
        }
        let is_due = piece.number == next;
        if !is_due || self.told.remaining_capacity() < ROOM || !self.allowance.take(at) {
            return;
        }
        self.answer = Some(heard);
        self.theirs = Some((piece.talk, next.wrapping_add(1)));
        if piece.first {
            self.gathered.clear();
            self.spoilt = false;
        } else if talk != piece.talk || self.gathered.is_empty() {
            self.spoilt = true;
        }
        self.spoilt |= self.gathered.try_extend_from_slice(piece.text()).is_err();
        if piece.last {
            let line = std::str::from_utf8(&self.gathered)
                .ok()
                .and_then(Remark::new);
            if let Some(line) = line.filter(|_| !self.spoilt) {
                self.told.push(Talked::Theirs(line));
            }
            self.gathered.clear();
        }
    }

    /// A piece of ours has come.
    pub(super) fn handle_heard(&mut self, at: MonoTime, talk: u32, number: u16) {
        let Some((pieces, ours)) = self.lines.first().map(Remark::pieces).zip(self.ours) else {
            return;
        };
        if (talk, number) != ours {
            return;
        }
        self.arrived += 1;
        self.ours = Some((ours.0, ours.1.wrapping_add(1)));
        if self.arrived >= pieces {
            self.end_line(at, true);
        } else {
            self.said = 0;
            self.say_piece(at);
        }
    }

    /// Says again what was not answered in time, until it is of no use.
    pub(super) fn handle_timeout(&mut self, at: MonoTime) {
        if self.again.is_none_or(|again| at < again) {
            return;
        }
        if self.said < TRIES {
            self.say_piece(at);
        } else {
            // What was said of it may have come: numbers go on in another talk.
            self.ours = None;
            self.end_line(at, false);
        }
    }

    /// Nobody is there who could hear: all that waits is told of as not arrived.
    pub(super) fn give_up(&mut self, at: MonoTime) {
        while !self.lines.is_empty() && !self.told.is_full() {
            self.end_line(at, false);
        }
    }

    fn end_line(&mut self, at: MonoTime, arrived: bool) {
        self.lines.remove(0);
        (self.due, self.again) = (false, None);
        _ = self.told.try_push(Talked::Ours { arrived });
        if !self.lines.is_empty() {
            self.begin_line(at);
        }
    }

    /// What is to be sent now.
    pub(super) fn poll(&mut self) -> Option<Control> {
        if let Some(answer) = self.answer.take() {
            return Some(answer);
        }
        let due = std::mem::take(&mut self.due);
        let (line, (talk, number)) = self.lines.first().zip(self.ours).filter(|_| due)?;
        let ends = [self.arrived == 0, self.arrived + 1 >= line.pieces()];
        Some(Control::Chat(Piece::new(
            talk,
            number,
            ends,
            line.piece(self.arrived),
        )))
    }

    /// What the caller is to be told.
    pub(super) fn told(&mut self) -> Option<Talked> {
        self.told.pop_at(0)
    }

    /// When there is something to do.
    pub(super) const fn next_timeout(&self) -> Option<MonoTime> {
        self.again
    }
}

/// How much the other end may write: a burst, and then so much a second.
#[derive(Debug)]
struct Allowance {
    left: u32,
    since: Option<MonoTime>,
}

impl Allowance {
    const FULL: Self = Self {
        left: BURST,
        since: None,
    };

    fn take(&mut self, at: MonoTime) -> bool {
        let since = *self.since.get_or_insert(at);
        let earned = at.since(since).as_nanos() / EARNED_EVERY.as_nanos();
        let earned = u32::try_from(earned).unwrap_or(BURST);
        if earned > 0 {
            self.left = self.left.saturating_add(earned).min(BURST);
            self.since = Some(at);
        }
        let may = self.left > 0;
        self.left = self.left.saturating_sub(1);
        may
    }
}

/// Between two sayings of a piece.
const AGAIN: Duration = Duration::from_millis(300);

/// How often it is said: 12 s long.
const TRIES: u32 = 40;

/// Lines of ours that wait to be said.
const WAITING: usize = 8;

/// What waits to be told.
const TOLD: usize = 16;

/// What is kept free of that for lines of ours.
const ROOM: usize = WAITING + 1;

/// Pieces of theirs in a row, ...
const BURST: u32 = 40;

/// ... and from then on.
const EARNED_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> MonoTime {
        MonoTime::from_nanos(ms * 1_000_000)
    }

    fn line(text: &str) -> Remark {
        Remark::new(text).expect("there is something in it")
    }

    /// Two ends for so long, in steps of a millisecond; `lost` says of the nth datagram whether it is lost.
    fn talk(
        a: &mut Talk,
        b: &mut Talk,
        from: u64,
        mut lost: impl FnMut(u64) -> bool,
    ) -> Vec<Talked> {
        let (mut n, mut told) = (0, Vec::new());
        for at in (from..from + 30_000).map(ms) {
            let mut carry = |from: &mut Talk, to: &mut Talk| {
                from.handle_timeout(at);
                while let Some(control) = from.poll() {
                    n += 1;
                    if lost(n) {
                        continue;
                    }
                    match control {
                        Control::Chat(piece) => to.handle_piece(at, &piece),
                        Control::Heard { talk, number } => to.handle_heard(at, talk, number),
                        other => panic!("{other:?} is no talk"),
                    }
                }
            };
            carry(a, b);
            carry(b, a);
            told.extend(std::iter::from_fn(|| b.told()));
        }
        told
    }

    /// One in so many, without a pattern.
    fn is_lost(n: u64, every: u64) -> bool {
        every > 0 && (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40).is_multiple_of(every)
    }

    const LONG: &str = "Von vorn bitte, ab Takt 42: die Hörner waren zu früh, und die Pauke hört man bei uns kaum. 🥁 Danach Pause!";

    #[test]
    fn lines_arrive_once_and_whole_and_in_order_whatever_is_lost() {
        for every in [0, 2, 3, 5] {
            let (mut a, mut b) = (Talk::new(), Talk::new());
            let said = [line("Ready?"), line(LONG), line("x")];
            assert!(said.iter().all(|line| a.say(ms(5), *line)));
            let told = talk(&mut a, &mut b, 5, |n| is_lost(n, every));
            assert_eq!(told, said.map(Talked::Theirs), "every {every}");
            let told: Vec<_> = std::iter::from_fn(|| a.told()).collect();
            assert_eq!(told, [Talked::Ours { arrived: true }; 3], "every {every}");
        }
    }

    #[test]
    fn a_line_that_nobody_answers_is_told_of_and_the_next_one_arrives() {
        let (mut a, mut b) = (Talk::new(), Talk::new());
        assert!(a.say(ms(0), line("lost")));
        assert_eq!(talk(&mut a, &mut b, 0, |_| true), []);
        assert_eq!(a.told(), Some(Talked::Ours { arrived: false }));
        assert!(a.say(ms(40_000), line("found")));
        assert_eq!(
            talk(&mut a, &mut b, 40_000, |_| false),
            [Talked::Theirs(line("found"))]
        );
        let too_many = (0..=WAITING).filter(|_| !a.say(ms(80_000), line("again")));
        assert_eq!(too_many.count(), 1);
        a.give_up(ms(80_000));
        assert_eq!(std::iter::from_fn(|| a.told()).count(), 1 + WAITING);
    }

    #[test]
    fn after_a_restart_of_either_end_lines_arrive_again() {
        let (mut a, mut b) = (Talk::new(), Talk::new());
        assert!(a.say(ms(1_000), line(LONG)));
        // The first piece arrives, and then there is another program.
        let piece = a.poll();
        assert!(matches!(piece, Some(Control::Chat(_))));
        a.begin_anew(ms(2_000));
        assert_eq!(
            talk(&mut a, &mut b, 2_000, |_| false),
            [Talked::Theirs(line(LONG))]
        );
        let mut a = Talk::new();
        b.begin_anew(ms(50_000));
        assert!(a.say(ms(50_000), line("back")));
        assert_eq!(
            talk(&mut a, &mut b, 50_000, |_| false),
            [Talked::Theirs(line("back"))]
        );
    }

    #[test]
    fn numbers_wrap() {
        let (mut a, mut b) = (Talk::new(), Talk::new());
        (a.ours, b.theirs) = (Some((7, u16::MAX)), Some((7, u16::MAX)));
        let said = [line(LONG), line("two")];
        assert!(said.iter().all(|line| a.say(ms(0), *line)));
        assert_eq!(
            talk(&mut a, &mut b, 0, |n| n % 3 == 0),
            said.map(Talked::Theirs)
        );
    }

    #[test]
    fn what_is_no_line_is_dropped_and_what_would_do_harm_is_taken_out() {
        assert_eq!(line(" a\u{7}\tb\u{202e}c\n").as_str(), "abc");
        assert_eq!(Remark::new(" \n\u{1b}\u{feff} "), None);
        assert_eq!(line(&"ü".repeat(1000)).as_str().len(), MAX_REMARK);
        let mut talk = Talk::new();
        let ends = [true, true];
        for (number, text) in [
            (0, &b"\xff\xfe"[..]),
            (1, b""),
            (2, b"\x1b\x07"),
            (3, b"ok"),
        ] {
            talk.handle_piece(ms(0), &Piece::new(1, number, ends, text));
            assert!(talk.poll().is_some(), "else it comes again");
        }
        // The middle of a line, and one without an end.
        for number in 4..40 {
            talk.handle_piece(
                ms(10_000),
                &Piece::new(1, number, [false, number == 39], b"endless and so on"),
            );
        }
        assert_eq!(talk.told(), Some(Talked::Theirs(line("ok"))));
        assert_eq!(talk.told(), None);
    }

    #[test]
    fn who_writes_too_fast_has_to_wait() {
        let mut talk = Talk::new();
        let mut taken = 0;
        for number in 0..1000 {
            let number = u16::try_from(number).expect("it is small");
            talk.handle_piece(ms(0), &Piece::new(1, taken, [true, true], b"spam"));
            taken += u16::from(talk.poll().is_some());
            _ = (talk.told(), number);
        }
        assert_eq!(u32::from(taken), BURST);
        talk.handle_piece(ms(100), &Piece::new(1, taken, [true, true], b"spam"));
        assert!(talk.poll().is_some());
    }
}
