//! Did every packet of the marked player reach this one, or was something put in its place?
//!
//! A constant level looks the same when a packet of it is repeated or foretold. The marked player's packets differ, so
//! what is heard of them is cut into *notes*, stretches of one symbol, and three notes in a row that fit the
//! [`sequence`](super::sequence) are three packets that were really heard; one of which less than three quarters were
//! heard is not. Stretches shorter than a quarter of a packet are edges: a hub that bends time rounds them off.

use farsend_units::MonoTime;

use super::sequence::{self, TURN};

/// What one player hears of the marked one. Pure; everything that was heard goes in, in order.
#[derive(Debug, Clone)]
pub struct Proof {
    period: u32,
    note: Note,
    /// The notes before, the oldest first: two, and one for when the newest goes on after all.
    before: [Option<Note>; 3],
    /// The number of the packet of the newest proven note.
    last: Option<u32>,
    /// Bit `n`: packet `n` was heard.
    heard: u128,
    repeated: u32,
    spoiled: bool,
}

/// A stretch of one symbol.
#[derive(Debug, Clone, Copy, Default)]
struct Note {
    symbol: Option<u8>,
    frames: u32,
    began: MonoTime,
}

/// What became of one marking at one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Proven {
    /// Marked packets that this player was to hear.
    pub expected: u64,
    /// Those that it did hear.
    pub heard: u64,
    /// Periods of one packet played again.
    pub repeated: u64,
}

/// A packet of the marked player that was heard for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Its number since the marking began.
    pub packet: u32,
    /// When its first frame was heard.
    pub at: MonoTime,
}

impl Proof {
    /// For packets of `period` frames.
    pub fn new(period: u32) -> Self {
        Self {
            period: period.max(1),
            note: Note::default(),
            before: [None; 3],
            last: None,
            heard: 0,
            repeated: 0,
            spoiled: false,
        }
    }

    /// `frames` more of what is on top of the mix, the first of them at `at`. Gives a packet that is now proven.
    pub fn hear(&mut self, symbol: Option<u8>, frames: u32, at: MonoTime) -> Option<Arrival> {
        if symbol == self.note.symbol {
            self.note.frames = self.note.frames.saturating_add(frames);
            return None;
        }
        let next = Note {
            symbol,
            frames,
            began: at,
        };
        let finished = std::mem::replace(&mut self.note, next);
        if finished.frames < self.period / 4 {
            // An edge. Where the note before it goes on after it, it is one note.
            let [older, old, newest] = self.before;
            if let Some(reopened) = newest.filter(|note| note.symbol == symbol) {
                self.before = [None, older, old];
                self.repeated -= self.times_repeated(reopened);
                self.note = Note {
                    frames: reopened.frames.saturating_add(finished.frames + frames),
                    ..reopened
                };
            }
            return None;
        }
        self.finish_note(finished)
    }

    /// Datagrams to this player were lost: what it did not hear in this marking is not the mix's fault.
    pub fn interrupt(&mut self) {
        self.spoiled = true;
        self.before = [None; 3];
        self.note = Note::default();
    }

    /// Ends a marking of `sent` packets and begins the next.
    pub fn close(&mut self, sent: u32) -> Proven {
        let done = std::mem::replace(self, Self::new(self.period));
        if done.spoiled {
            return Proven::default();
        }
        let sent = sent.min(MOST);
        let mask = u128::MAX.checked_shr(MOST - sent).unwrap_or(0);
        Proven {
            expected: u64::from(sent),
            heard: u64::from((done.heard & mask).count_ones()),
            repeated: u64::from(done.repeated),
        }
    }

    fn finish_note(&mut self, note: Note) -> Option<Arrival> {
        let Some(symbol) = note.symbol else {
            self.before = [None; 3];
            return None;
        };
        self.repeated += self.times_repeated(note);
        let [_, first, second] = self.before;
        self.before = [first, second, Some(note)];
        let (first, second) = (first?, second?);
        let place = sequence::position(second.symbol?, symbol)?;
        if sequence::position(first.symbol?, second.symbol?)? != (place + TURN - 1) % TURN {
            return None;
        }
        let packet = self.number(place)?;
        self.last = Some(packet);
        for (age, one) in (0..).zip([note, second, first]) {
            if let Some(number) = packet.checked_sub(age)
                && one.frames >= self.period / 4 * 3
            {
                self.heard |= 1_u128.checked_shl(number).unwrap_or(0);
            }
        }
        Some(Arrival {
            packet,
            at: note.began,
        })
    }

    fn times_repeated(&self, note: Note) -> u32 {
        ((note.frames.saturating_add(self.period / 2)) / self.period).saturating_sub(1)
    }

    /// The packet nearest to the one that should come next, of all those at this place of a turn: up to
    /// [`BACK`] packets before it, else after it.
    fn number(&self, place: u32) -> Option<u32> {
        // Three notes are heard before the first is proven.
        let next = self.last.map_or(2, |last| last + 1);
        let ahead = (place + TURN - next % TURN) % TURN;
        let number = if ahead > TURN - 1 - BACK {
            (next + ahead).checked_sub(TURN)?
        } else {
            next + ahead
        };
        (number < MOST).then_some(number)
    }
}

/// Packets that fit into [`Proof::heard`].
const MOST: u32 = u128::BITS;

/// Packets by which a hub may step back and play again what it has played.
const BACK: u32 = 10;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PERIOD: u32 = 128;

    fn moment(frame: u32) -> MonoTime {
        MonoTime::default() + Duration::from_micros(u64::from(frame))
    }

    /// Plays stretches of (packet or nothing, frames) and gives what was proven, and the arrivals.
    fn listen(stretches: &[(Option<u32>, u32)], sent: u32) -> (Proven, Vec<Arrival>) {
        let mut proof = Proof::new(PERIOD);
        let mut frame = 0;
        let mut arrivals = Vec::new();
        for &(packet, frames) in stretches {
            arrivals.extend(proof.hear(packet.map(sequence::symbol), frames, moment(frame)));
            frame += frames;
        }
        (proof.close(sent), arrivals)
    }

    fn whole(packets: std::ops::Range<u32>) -> Vec<(Option<u32>, u32)> {
        let mut all = vec![(None, 1000)];
        all.extend(packets.map(|packet| (Some(packet), PERIOD)));
        all.push((None, 1000));
        all
    }

    #[test]
    fn packets_in_order_are_all_proven_and_dated() {
        let (proven, arrivals) = listen(&whole(0..126), 126);
        assert_eq!(
            (proven.expected, proven.heard, proven.repeated),
            (126, 126, 0)
        );
        assert_eq!(arrivals.len(), 124);
        for arrival in arrivals {
            assert_eq!(arrival.at, moment(1000 + arrival.packet * PERIOD));
        }
    }

    #[test]
    fn a_packet_that_was_repeated_or_invented_or_silent_is_missing() {
        for invented in [Some(49), None] {
            let mut stretches = whole(0..126);
            stretches[1 + 50].0 = invented;
            let (proven, _) = listen(&stretches, 126);
            assert_eq!(proven.heard, 125, "{invented:?}");
            assert_eq!(proven.repeated, u64::from(invented.is_some()));
        }
    }

    #[test]
    fn packets_that_were_left_out_are_missing_and_the_rest_is_not() {
        for gone in [1, 3, 20] {
            let mut stretches = whole(0..126);
            stretches.drain(51..51 + gone);
            let (proven, arrivals) = listen(&stretches, 126);
            assert_eq!(proven.heard, 126 - gone as u64);
            assert_eq!(arrivals.last().unwrap().packet, 125);
        }
    }

    #[test]
    fn what_is_played_again_is_not_counted_twice() {
        let mut stretches = whole(0..126);
        let again: Vec<_> = stretches[46..51].to_vec();
        stretches.splice(51..51, again);
        let (proven, _) = listen(&stretches, 126);
        assert_eq!(proven.heard, 126);
    }

    #[test]
    fn edges_that_are_not_sharp_do_not_matter() {
        let mut stretches = vec![(None, 500)];
        for packet in 0..126 {
            // On its way to the next level a sample passes others; and one sample of ripple within.
            stretches.extend([
                (Some(packet + 3), 2),
                (Some(packet), 60),
                (Some(packet + 1), 1),
                (Some(packet), 62),
                (None, 3),
            ]);
        }
        stretches.push((None, 500));
        let (proven, _) = listen(&stretches, 126);
        assert_eq!((proven.heard, proven.repeated), (126, 0));
    }

    #[test]
    fn lost_datagrams_of_the_listener_spoil_its_proof_alone() {
        let mut proof = Proof::new(PERIOD);
        proof.interrupt();
        assert_eq!(proof.close(126), Proven::default());
        assert_eq!(proof.close(126).expected, 126);
    }

    #[test]
    fn nothing_that_is_heard_confuses_it() {
        let mut proof = Proof::new(1);
        let mut state = 1_u32;
        for step in 0..100_000 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let symbol = (state >> 28 < 14).then_some((state >> 24) as u8);
            _ = proof.hear(symbol, state >> 20 & 0xff, moment(step));
            if state >> 18 & 0xff == 0 {
                let proven = proof.close(step % 200);
                assert!(proven.heard <= proven.expected);
            }
        }
    }
}
