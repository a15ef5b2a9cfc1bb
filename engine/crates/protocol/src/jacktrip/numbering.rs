//! 16-bit numbers to numbers that do not wrap, and what to believe of them.
//!
//! ```text
//!   behind by > 1000 │ behind, or again │ newest │ ahead by 1 to 1000 │ ahead by > 1000
//!     believed when  │ late; but if so  │        │     the next       │ believed when
//!     said twice     │ often: restarted │        │                    │ said twice
//! ```

use farsend_units::SeqNum;
use farsend_wire::jacktrip::{Datagram, HeaderKind};

/// Follows the numbers of one sender.
///
/// Numbers grow by runs: within one, a number tells the place in time; a new run starts behind all
/// numbers of the one before. The low 16 bits are always those on the wire.
#[derive(Debug)]
pub(super) struct Numbering {
    /// The highest number of the present run.
    newest: Option<i64>,
    /// Bit i: the packet `newest - i` was seen.
    seen: u128,
    /// All numbers of earlier runs are below.
    floor: Option<i64>,
    /// A far-off number that was not believed.
    stray: Option<SeqNum>,
    /// Datagrams in a row that were not newer than the newest.
    behind_in_a_row: u8,
    /// The peer was quiet since the last datagram.
    broken: bool,
}

/// Where a datagram belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the newest now; so many numbers were jumped over.
    Ahead { skipped: u16 },
    /// It is the newest again, or older than that by so many.
    Behind { by: u16 },
    /// It starts a run: the first one, or since the sender has started again.
    NewRun,
    /// Too far off to be believed at once.
    Stray,
}

impl Numbering {
    pub(super) const fn new() -> Self {
        Self {
            newest: None,
            seen: 0,
            floor: None,
            stray: None,
            behind_in_a_row: 0,
            broken: false,
        }
    }

    /// Takes the number of a datagram's newest packet, and gives it unwrapped. Without a number it is
    /// the next.
    ///
    /// `same` says whether the datagram looks like those before it. If not, a far-off number is believed
    /// at once: a sender that changes its format has started again.
    pub(super) fn place(&mut self, seq: Option<SeqNum>, same: bool) -> (Place, i64) {
        let seq = seq.unwrap_or_else(|| self.next());
        let believe = std::mem::take(&mut self.broken);
        let Some(newest) = self.newest else {
            return (Place::NewRun, self.begin_run(seq));
        };
        let ahead = seq.since(SeqNum(newest as u16));
        let number = newest + i64::from(ahead);
        match ahead {
            1..=FAR => {
                self.stray = None;
                self.behind_in_a_row = 0;
                self.newest = Some(number);
                self.seen = self
                    .seen
                    .checked_shl(u32::from(ahead.unsigned_abs()))
                    .unwrap_or(0);
                (
                    Place::Ahead {
                        skipped: ahead.unsigned_abs() - 1,
                    },
                    number,
                )
            }
            _ if believe => (Place::NewRun, self.begin_run(seq)),
            NOT_FAR..=0 if self.behind_in_a_row < PATIENCE => {
                self.stray = None;
                self.behind_in_a_row += 1;
                (
                    Place::Behind {
                        by: ahead.unsigned_abs(),
                    },
                    number,
                )
            }
            NOT_FAR..=0 => (Place::NewRun, self.begin_run(seq)),
            _ if !same || self.stray.is_some_and(|stray| near(seq, stray)) => {
                (Place::NewRun, self.begin_run(seq))
            }
            _ => {
                self.stray = Some(seq);
                (Place::Stray, number)
            }
        }
    }

    fn next(&self) -> SeqNum {
        self.newest
            .map_or(SeqNum(0), |newest| SeqNum(newest as u16).next())
    }

    /// Notes that the packet with this number is there. Whether that was known, or can not be told since
    /// it is too long ago.
    pub(super) fn see(&mut self, number: i64) -> bool {
        let age = self.newest.unwrap_or(number).saturating_sub(number);
        let Some(bit) = u32::try_from(age)
            .ok()
            .and_then(|age| 1_u128.checked_shl(age))
        else {
            return true;
        };
        let known = self.seen & bit != 0;
        self.seen |= bit;
        known
    }

    /// The peer was quiet: the next number is believed, whatever it is.
    pub(super) const fn note_break(&mut self) {
        self.broken = true;
    }

    /// The next datagram starts a run.
    pub(super) const fn end_run(&mut self) {
        if self.newest.is_some() {
            self.floor = self.newest;
        }
        self.newest = None;
    }

    fn begin_run(&mut self, seq: SeqNum) -> i64 {
        let number = match self.newest.or(self.floor) {
            None => i64::from(seq.0),
            Some(floor) => {
                let least = floor + RUN_GAP;
                least + (i64::from(seq.0) - least).rem_euclid(1 << 16)
            }
        };
        *self = Self {
            newest: Some(number),
            ..Self::new()
        };
        number
    }
}

/// The number of a datagram's newest packet, where its kind of header has one to rely on.
pub(super) fn numbered(datagram: &Datagram<'_>, kind: HeaderKind) -> Option<SeqNum> {
    (kind == HeaderKind::Default).then(|| datagram.newest())
}

fn near(seq: SeqNum, other: SeqNum) -> bool {
    (NOT_FAR..=FAR).contains(&seq.since(other))
}

/// Packets further ahead or behind are of another run, as JackTrip has it.
const FAR: i16 = 1000;
const NOT_FAR: i16 = -FAR;

/// So many datagrams in a row may be behind before they are taken for a sender that has started again.
/// One packet that overtakes others by 40 ms makes no more than 31 late at 64 frames and 48 kHz.
const PATIENCE: u8 = 31;

/// Numbers left free between two runs, so that the copies and late packets of one do not reach into the
/// other.
const RUN_GAP: i64 = 4096;
