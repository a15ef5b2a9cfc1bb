//! What a block had to spare, and what follows from it.

use super::{Depth, Place, State, Step};
use crate::observed::Spare;

impl Depth {
    /// Notes how much this block has to spare; false while the clocks do not tell.
    pub(super) fn look(&mut self, at: i64, place: &Place) -> bool {
        let epoch = place.now;
        let begins = self.local.time_of(at as f64, epoch);
        let there = |late: f64| self.peer.frames_at(begins? - late, epoch);
        let (Some(keep), Some(less)) = (
            there(self.reserve.seconds()),
            there(
                self.reserve.seconds() + HYSTERESIS * self.period as f64 / self.theirs + STEADY_S,
            ),
        ) else {
            return false;
        };
        let play = place.play;
        let block = self.block_in_theirs() as f64;
        let held = self.note_wait(begins, place);
        let own = keep - self.period as f64 - play - block - self.lookahead as f64;
        self.smooth = own.min(held);
        if self.bent && self.state == State::Steady {
            self.note_own(own);
        }
        let worst = !self.keeps_step();
        let whole = |frames: f64| {
            if worst {
                return frames - (self.period - 1) as f64;
            }
            ((frames + 1e-3) / self.period as f64).floor() * self.period as f64
        };
        let [own, less] = [keep, less].map(|there| (whole(there) - play - block).floor() as i64);
        let held = held as i64;
        let [keep, less] = [own, less].map(|spare| spare.min(held));
        let there = (self.newest as f64 - play - block).floor() as i64;
        self.spare
            .note([keep, less, there, own], i64::from(place.block.0));
        true
    }

    pub(super) fn judge(&mut self) -> Step {
        if self.moving {
            return Step::Stay;
        }
        if self.is_kept() {
            return self.judge_kept();
        }
        if self.bent {
            return self.judge_bent();
        }
        if self.missed && self.state == State::Steady && self.spare.keep() < 0 {
            return self.jump(self.spare.keep());
        }
        // At least one whole period of the peer, in whichever phase.
        let enough = if self.keeps_step() {
            self.cycle().max(8)
        } else {
            8
        };
        if self.spare.blocks() < enough {
            return Step::Stay;
        }
        let (keep, less) = (self.spare.keep(), self.spare.less());
        if self.state != State::Steady {
            let by = if keep < 0 || self.reserve.is_fixed() {
                keep
            } else {
                less.max(0)
            };
            return self.jump(by);
        }
        if self.fell_behind && !self.peer.is_in_doubt() {
            // There was a break of our own making. Only what has come can be passed over: the peer may have stood, too.
            self.fell_behind = false;
            let less = less.min(self.spare.there());
            if less > self.not_worth_a_move() {
                return self.jump(less);
            }
        }
        if (self.spare.frames() as f64) < self.ours / 2.0 {
            return Step::Stay;
        }
        if keep < 0 {
            return self.start_move(keep);
        }
        if less > (FAR_TOO_DEEP_S * self.theirs) as i64 {
            return self.jump(less);
        }
        self.note_own(self.spare.own() as f64);
        let calm_for = self.spare.frames() as f64 / self.ours;
        if less > self.bearable() && calm_for > CALM_S {
            if self.missed {
                // A gap is heard: what has come in any case is passed over with it.
                return self.jump(less.min(self.spare.there()).max(0));
            }
            if calm_for > CALM_S + self.worth_a_wait() {
                return self.start_move(less);
            }
        } else if calm_for > CALM_S + 1.0 {
            self.spare = Spare::default();
        }
        Step::Stay
    }

    /// Seconds for which a gap is waited for, where there are some: a move without one takes seconds and is heard in each.
    fn worth_a_wait(&self) -> f64 {
        let since = self.played.saturating_sub(self.gap_at) as f64 / self.ours;
        if since < GAPS_S { GAPS_S } else { 0.0 }
    }

    /// Frames too many that are left as they are. A queue that was asked for is not polished: packets that came in
    /// bunches may look like too many.
    fn bearable(&self) -> i64 {
        if self.reserve.is_fixed() {
            2 * self.period + LEAST_MOVE
        } else {
            self.not_worth_a_move()
        }
    }

    /// Frames too many that nobody minds.
    fn not_worth_a_move(&self) -> i64 {
        (self.period / 8).max(LEAST_MOVE)
    }

    fn judge_bent(&mut self) -> Step {
        let far = self.period as f64 + self.block_in_theirs() as f64;
        let spare = self.smooth;
        let settled = self.fell_behind && !self.peer.is_in_doubt();
        self.fell_behind &= !settled;
        let fell_behind = settled && self.spare.there() as f64 >= self.smooth;
        let jump = if self.state == State::Steady {
            // A gap was heard, or it would take for ever.
            self.missed && spare < -far / 4.0
                || fell_behind && spare > far / 8.0
                || spare.abs() > (FAR_TOO_DEEP_S * self.theirs).max(2.0 * far)
        } else {
            self.spare.blocks() >= 8 && spare.abs() > far / 8.0
        };
        if jump {
            self.jump(spare as i64)
        } else {
            Step::Stay
        }
    }
}

/// The delay is only lowered where that leaves this part of a period and this many seconds more than is needed, ...
const HYSTERESIS: f64 = 0.05;
const STEADY_S: f64 = 100e-6;
/// ... and not before so many seconds have shown it.
const CALM_S: f64 = 3.0;
/// Seconds after a gap in which another one is likely.
const GAPS_S: f64 = 6.0;
/// Frames that are not worth a move of the play position.
const LEAST_MOVE: i64 = 16;
/// Seconds of depth too many that are not waited for to pass.
pub(super) const FAR_TOO_DEEP_S: f64 = 0.1;
