//! A stream whose delay is to stay as it is: somebody has measured it, and relies on it.
//!
//! What comes later than the reserve that there was allows for is concealed. The play position is moved only where even the earliest
//! packets would be too late, or where a break of our own making has left far too much.

use super::judge::FAR_TOO_DEEP_S;
use super::{Depth, State, Step};
use crate::observed::Spare;

impl Depth {
    /// Whether the delay is to stay as it is from now on, once a stream plays.
    pub(crate) fn keep(&mut self, keep: bool) {
        if self.kept != keep {
            self.kept = keep;
            self.spare = Spare::default();
        }
    }

    /// Whether it is kept now.
    pub(super) fn is_kept(&self) -> bool {
        self.kept && self.state == State::Steady
    }

    /// In place of the usual judgement.
    pub(super) fn judge_kept(&mut self) -> Step {
        let far = (FAR_TOO_DEEP_S * self.theirs) as i64;
        let reserve = (self.reserve.seconds() * self.theirs) as i64;
        if self.bent {
            // Beyond that, following it would take for ever.
            let spare = self.smooth as i64;
            return if spare > far || spare + reserve + self.period < 0 {
                self.jump(spare)
            } else {
                Step::Stay
            };
        }
        if self.spare.blocks() < self.cycle().clamp(8, ENOUGH) {
            return Step::Stay;
        }
        let (keep, less) = (self.spare.keep(), self.spare.less());
        if self.fell_behind && !self.peer.is_in_doubt() {
            self.fell_behind = false;
            let less = less.min(self.spare.there());
            if less >= self.period {
                return self.jump(less);
            }
        }
        if keep + reserve < 0 {
            return self.jump(keep);
        }
        if less > far {
            return self.jump(less);
        }
        self.note_own(self.spare.own() as f64);
        if self.spare.frames() as f64 > self.ours {
            self.spare = Spare::default();
        }
        Step::Stay
    }
}

/// Blocks that are looked at, at most, before anything is done.
const ENOUGH: i64 = 48;
