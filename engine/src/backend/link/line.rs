//! How one instance's time line lies on its session's, whose clock is another instance.
//!
//! ```text
//!   host's blocks      │    k-1    │     k     │    k+1    │
//!   lead's calls       L           L           L              the session's positions
//!   this one's calls    g           g           g             its own, by a constant offset
//! ```
//! A host calls its instances one after another within each block, in an order of its own, and each has counted its frames since it
//! was made. Two calls that are less than half a block apart were for the same block: the difference of their positions is
//! the offset, and it stays as long as both are called for every block.
//!
//! What an instance sends or hears a little too late, block after block, it sends or hears a block later from then on.

use farsend_ipc::segment::HostCall;
use farsend_units::{Frames, SampleRate};

/// One instance's time line. Positions wrap at 2^64.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct TimeLine {
    /// Its position less the session's; `None` until it is known.
    offset: Option<u64>,
    /// The calls that were compared last, the session's and its own.
    compared: (u64, u64),
    heard: u64,
    /// How often in a row the offset was seen to be another.
    doubts: u8,
    /// Blocks in a row that it was late for, and what it is behind since then; sending and hearing.
    missed: u8,
    send_lag: u32,
    short: u8,
    return_lag: u32,
}

impl TimeLine {
    /// The first instance's: the session's own.
    pub(super) fn of_the_session() -> Self {
        Self::at(0)
    }

    fn at(offset: u64) -> Self {
        Self {
            offset: Some(offset),
            ..Self::default()
        }
    }

    /// Becomes the session's clock, whose last call was `lead`: where the offset is not known it is chosen.
    pub(super) fn take_over(&mut self, lead: &HostCall, own: &HostCall) {
        let offset = self
            .offset
            .unwrap_or(own.position.wrapping_sub(lead.position));
        *self = Self::at(offset);
    }

    /// The session's position for one of its own.
    pub(super) fn session(&self, position: u64) -> u64 {
        position.wrapping_sub(self.offset.unwrap_or(0))
    }

    /// Takes in the last calls, the session's (with the session's position) and this instance's, which `lacked` audio if that was not
    /// there in time though the session's clock had it.
    pub(super) fn follow(
        &mut self,
        lead: &HostCall,
        own: &HostCall,
        rate: SampleRate,
        lacked: bool,
    ) {
        if own.number != self.heard {
            self.heard = own.number;
            self.short = if lacked && self.offset.is_some() {
                self.short.saturating_add(1)
            } else {
                0
            };
            if self.short >= PATIENCE && self.return_lag == 0 {
                self.return_lag = own.block.0.max(lead.block.0);
                self.short = 0;
            }
        }
        let block = lead.block.duration(rate);
        if lead.at.since(own.at) > block * SLEEPS_AFTER {
            // It is not called any more. When it is again, its time will have stood still.
            *self = Self {
                heard: self.heard,
                ..Self::default()
            };
            return;
        }
        let pair = (lead.number, own.number);
        let apart = own.at.since(lead.at).max(lead.at.since(own.at));
        if pair == self.compared || apart * 2 >= block {
            return;
        }
        self.compared = pair;
        let seen = own.position.wrapping_sub(lead.position);
        match self.offset {
            Some(offset) if offset == seen => self.doubts = 0,
            Some(_) if self.doubts < DOUBTS => self.doubts += 1,
            _ => {
                *self = Self {
                    heard: self.heard,
                    compared: self.compared,
                    ..Self::at(seen)
                };
            }
        }
    }

    /// Where on its own line it sends what is due at the session's `position`.
    pub(super) fn sends_at(&self, position: u64) -> Option<u64> {
        let behind = position.wrapping_sub(self.send_lag.into());
        self.offset.map(|offset| behind.wrapping_add(offset))
    }

    /// Where on its own line it hears what is played at the session's `position`.
    pub(super) fn hears_at(&self, position: u64) -> Option<u64> {
        let behind = position.wrapping_add(self.return_lag.into());
        self.offset.map(|offset| behind.wrapping_add(offset))
    }

    /// Whether what it sends is worth waiting for: it was there for the last block.
    pub(super) fn is_punctual(&self) -> bool {
        self.offset.is_some() && self.missed == 0
    }

    /// Whether it has been hearing all that the session's clock heard.
    pub(super) fn is_in_time(&self) -> bool {
        self.offset.is_some() && self.short == 0
    }

    /// What it had to send for a block was there, or not all of it.
    pub(super) fn note_sent(&mut self, whole: bool, block: Frames) {
        if whole {
            self.missed = 0;
            return;
        }
        self.missed = self.missed.saturating_add(1);
        if self.missed >= PATIENCE && self.send_lag == 0 {
            self.send_lag = block.0;
        }
    }
}

/// Blocks in a row that are late until it is taken to be always so.
const PATIENCE: u8 = 3;

/// How often in a row another offset has to be seen.
const DOUBTS: u8 = 8;

/// Blocks without a call.
const SLEEPS_AFTER: u32 = 6;

#[cfg(test)]
mod tests {
    use farsend_units::MonoTime;

    use super::*;

    const RATE: SampleRate = SampleRate::HZ_48000;

    /// The call for the host's block `k` of 480 frames, so many microseconds into it, by one who was made `before` frames
    /// before that.
    fn call(k: u64, into_us: u64, before: u64) -> HostCall {
        HostCall {
            number: k + 1,
            at: MonoTime::from_nanos((k * 10_000 + into_us) * 1000),
            block: Frames(480),
            position: before.wrapping_add((k + 1) * 480),
        }
    }

    /// Follows the lead, who is called first in each block, for so many blocks.
    fn follow(line: &mut TimeLine, blocks: std::ops::Range<u64>, into_us: u64, before: u64) {
        for k in blocks {
            line.follow(&call(k, 100, 0), &call(k, into_us, before), RATE, false);
        }
    }

    #[test]
    fn calls_of_one_block_tell_the_offset_whoever_comes_first() {
        for (into_us, before) in [
            (50, 96_000),
            (3_000, 96_000),
            (150, 0_u64.wrapping_sub(480_000)),
        ] {
            let mut line = TimeLine::default();
            assert_eq!(line.sends_at(0), None);
            // As seen in the midst of a block: one of them has been called for it, the other has not.
            line.follow(&call(0, 100, 0), &call(1, into_us, before), RATE, false);
            follow(&mut line, 1..3, into_us, before);
            assert_eq!(
                line.sends_at(1000),
                Some(before.wrapping_add(1000)),
                "{into_us}"
            );
            assert_eq!(line.hears_at(1000), Some(before.wrapping_add(1000)));
        }
    }

    #[test]
    fn one_look_at_another_offset_is_not_believed_but_many_are() {
        let mut line = TimeLine::default();
        follow(&mut line, 0..10, 200, 0);
        follow(&mut line, 10..11, 200, 480);
        assert_eq!(line.sends_at(0), Some(0));
        follow(&mut line, 11..12, 200, 0);
        follow(&mut line, 12..20, 200, 480);
        assert_eq!(line.sends_at(0), Some(0));
        follow(&mut line, 20..21, 200, 480);
        assert_eq!(line.sends_at(0), Some(480));
    }

    #[test]
    fn who_is_not_called_any_more_is_looked_at_anew_when_it_is() {
        let mut line = TimeLine::default();
        follow(&mut line, 0..10, 200, 0);
        for k in 10..20 {
            line.follow(&call(k, 100, 0), &call(9, 200, 0), RATE, false);
        }
        assert_eq!((line.sends_at(0), line.is_punctual()), (None, false));
        // It stood still for ten blocks.
        let behind = 0_u64.wrapping_sub(4800);
        line.follow(&call(20, 100, 0), &call(20, 200, behind), RATE, false);
        assert_eq!(line.sends_at(4800), Some(0));
    }

    #[test]
    fn who_sends_too_late_again_and_again_sends_a_block_later() {
        let mut line = TimeLine::default();
        follow(&mut line, 0..2, 200, 0);
        line.note_sent(false, Frames(480));
        assert!(!line.is_punctual());
        line.note_sent(true, Frames(480));
        assert!(line.is_punctual());
        for _ in 0..3 {
            assert_eq!(line.sends_at(960), Some(960));
            line.note_sent(false, Frames(480));
        }
        assert_eq!(line.sends_at(960), Some(480));
        assert_eq!(line.hears_at(960), Some(960));
    }

    #[test]
    fn who_hears_too_late_again_and_again_hears_a_block_later() {
        let mut line = TimeLine::default();
        follow(&mut line, 0..2, 200, 0);
        for k in 2..5 {
            assert_eq!(line.hears_at(960), Some(960));
            line.follow(&call(k, 100, 0), &call(k, 50, 0), RATE, true);
        }
        assert_eq!(line.hears_at(960), Some(1440));
        assert_eq!(line.sends_at(960), Some(960));
    }

    #[test]
    fn who_takes_over_goes_on_where_the_session_is() {
        let mut line = TimeLine::default();
        follow(&mut line, 0..2, 200, 7);
        line.take_over(&call(1, 100, 0), &call(1, 200, 7));
        assert_eq!(line.session(1007), 1000);
        let mut new = TimeLine::default();
        new.take_over(&call(9, 100, 0), &call(0, 200, 0));
        assert_eq!(new.session(480), 4800);
    }
}
