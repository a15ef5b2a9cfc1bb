//! 16-bit numbers to numbers that do not wrap, and what to believe of them.
//!
//! ```text
//!   behind by > 1000 │ behind, or again │ newest │ ahead by 1 to 1000 │ ahead by > 1000
//!     believed when  │ late; but if so  │        │     the next       │ believed when
//!     said twice     │ often: restarted │        │                    │ said twice
//! ```
//!
//! After a pause any number is believed. A Farsend's time stamps tell then whether the same run goes on, with as many packets lost as the pause was long.

use farsend_units::SeqNum;
use farsend_wire::jacktrip::{Datagram, HeaderKind, Stamp};

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
    /// When the newest was made, by its sender's clock: microseconds, of a Farsend.
    made: Option<u64>,
}

/// What a datagram says of its newest packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signs {
    /// Its number, where its kind of header has one to rely on.
    seq: Option<SeqNum>,
    /// When it was made, and how long it is: microseconds on the clock of a sender that is a Farsend.
    made: Option<(u64, f64)>,
}

impl Signs {
    pub(super) fn of(datagram: &Datagram<'_>, kind: HeaderKind) -> Self {
        let known = kind == HeaderKind::Default;
        let packet = datagram.packets().next().filter(|_| known);
        let stamp = packet.map(|packet| Stamp::parse(packet.header.time_stamp));
        let format = datagram.format();
        let length = f64::from(format.period.0) * 1e6 / f64::from(format.rate.0.max(1));
        Self {
            seq: known.then(|| datagram.newest()),
            made: stamp
                .filter(|stamp| stamp.farsend)
                .map(|stamp| (stamp.micros, length)),
        }
    }
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
            made: None,
        }
    }

    /// Takes what a datagram says of its newest packet, and gives its number, unwrapped. Without a number it is
    /// the next.
    ///
    /// `same` says whether the datagram looks like those before it. If not, a far-off number is believed
    /// at once: a sender that changes its format has started again.
    pub(super) fn place(&mut self, signs: Signs, same: bool) -> (Place, i64) {
        let seq = signs.seq.unwrap_or_else(|| self.next());
        let believe = std::mem::take(&mut self.broken);
        let lost = signs.made.filter(|_| same && believe);
        let made = signs.made.map(|(made, _)| made);
        let before = self.made;
        let placed = self.place_seq(seq, same, believe, |newest| {
            lost_in(seq, newest, before?, lost?)
        });
        if matches!(placed.0, Place::Ahead { .. } | Place::NewRun) {
            self.made = made;
        }
        placed
    }

    /// `pause`: by how many packets this one is ahead of the newest, if the run goes on after a pause.
    fn place_seq(
        &mut self,
        seq: SeqNum,
        same: bool,
        believe: bool,
        pause: impl FnOnce(i64) -> Option<u16>,
    ) -> (Place, i64) {
        let Some(newest) = self.newest else {
            return (Place::NewRun, self.begin_run(seq));
        };
        let ahead = seq.since(SeqNum(newest as u16));
        let number = newest + i64::from(ahead);
        match ahead {
            1..=FAR => self.go_on(newest, ahead.unsigned_abs()),
            _ if believe => match pause(newest) {
                Some(ahead) => self.go_on(newest, ahead),
                None => (Place::NewRun, self.begin_run(seq)),
            },
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

    /// So many after the newest, at least one.
    fn go_on(&mut self, newest: i64, ahead: u16) -> (Place, i64) {
        let number = newest + i64::from(ahead);
        self.stray = None;
        self.behind_in_a_row = 0;
        self.newest = Some(number);
        self.seen = self.seen.checked_shl(ahead.into()).unwrap_or(0);
        let skipped = ahead.saturating_sub(1);
        (Place::Ahead { skipped }, number)
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

/// By how many packets `seq` is ahead of the newest, made at `before`, if it was made as much later.
fn lost_in(seq: SeqNum, newest: i64, before: u64, (made, length): (u64, f64)) -> Option<u16> {
    let passed = made.checked_sub(before)?;
    let expected = passed as f64 / length.max(1.0);
    let ahead = seq.0.wrapping_sub(newest as u16);
    let off = (f64::from(ahead) - expected).abs();
    (ahead > 0 && off <= SURE + expected * TRUE_CLOCKS).then_some(ahead)
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

/// Packets by which a sender's blocks may be off its clock, ...
const SURE: f64 = 24.0;
/// ... and its clocks off each other: the machine's, which may be set, and that of its sound card.
const TRUE_CLOCKS: f64 = 0.002;

/// Numbers left free between two runs, so that the copies and late packets of one do not reach into the
/// other.
const RUN_GAP: i64 = 4096;
