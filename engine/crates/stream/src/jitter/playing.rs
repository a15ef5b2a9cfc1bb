//! How the peer's frames become ours: as they are, or bent to our clock, or on the way to another depth.
//!
//! ```text
//!           rates differ                a kernel's frames are there
//!   None ────────────────▶ Entering ───────────────────────────────▶ Bent
//!    ▲ │                       (straight, while it goes back for them)  │
//!    │ └─ the depth wants less or more ─▶ Moving ─ done ─▶ None          │
//!    │                                      └───── interrupted ─────────▶│
//!    └───────────────────── rates are equal, on a whole frame ◀──────────┘
//! ```

use super::{JitterBuffer, LONGEST_BLOCK};
use crate::conceal::{Due, Span};
use crate::depth::{FASTER, Pace};

impl JitterBuffer {
    /// Plays the next `frames` of ours into `out`, at the pace that the depth asks for.
    pub(super) fn play(&mut self, out: &mut [&mut [f32]], frames: usize, taken: &mut Taken) {
        match (self.depth.pace(), self.change) {
            (_, Change::Moving { left }) => self.play_moving(left, out, frames, taken),
            (Pace::Step(step), _) => {
                if self.change == Change::None {
                    self.bend_from_straight(frames, step);
                }
                if self.change == Change::Entering && self.resampler.is_splicing() {
                    return self.play_straight(out, frames, taken);
                }
                self.change = Change::Bent;
                let from = std::mem::replace(&mut self.step, step);
                let wants = self.resampler.wants(frames, from, step);
                self.take(wants, taken);
                _ = self.resampler.bend(from, step, out);
            }
            (Pace::Even, Change::Bent) => self.play_to_a_frame(out, frames, taken),
            (Pace::Even, _) => {
                self.change = Change::None;
                self.play_straight(out, frames, taken);
            }
        }
    }

    fn play_straight(&mut self, out: &mut [&mut [f32]], frames: usize, taken: &mut Taken) {
        self.step = 1.0;
        let wants = self.resampler.wants_straight(frames);
        self.take(wants, taken);
        _ = self.resampler.straight(out);
    }

    /// Gets hold of the frames that lie between the play position and what a kernel needs: from the
    /// queue where they are spare, else by going back.
    fn bend_from_straight(&mut self, frames: usize, step: f64) {
        self.change = Change::Entering;
        let lookahead = self.resampler.lookahead() as i64;
        if self.rate != self.config.rate {
            return;
        }
        let lacking = lookahead - self.resampler.lag() as i64;
        let there = self.hold + self.slots.available(self.next, i64::from(LONGEST_BLOCK));
        if lacking > 0 && (there as f64) < frames as f64 * step + lacking as f64 + 1.0 {
            _ = self.resampler.splice(-lacking);
        }
    }

    /// The way back from other rates: on to the next whole frame, unnoticed.
    fn play_to_a_frame(&mut self, out: &mut [&mut [f32]], frames: usize, taken: &mut Taken) {
        let fraction = self.resampler.fraction();
        if fraction == 0.0 {
            self.change = Change::None;
            return self.play_straight(out, frames, taken);
        }
        let left = if fraction > 0.5 {
            1.0 - fraction
        } else {
            -fraction
        };
        let most = frames as f64 * FASTER;
        let advance = frames as f64 + left.clamp(-most, most);
        self.bend_by(advance, out, frames, taken);
    }

    /// A part of a move of the play position, `left` frames of which are still to be made.
    fn play_moving(&mut self, left: i64, out: &mut [&mut [f32]], frames: usize, taken: &mut Taken) {
        // With each of them the delay is another one.
        self.moves += 1;
        let lookahead = self.resampler.lookahead() as i64;
        let lag = self.resampler.lag() as i64;
        if self.resampler.is_splicing() {
            return self.play_straight(out, frames, taken);
        }
        let straight = self.resampler.fraction() == 0.0;
        if straight && (0..=lookahead).contains(&left) {
            // The last bit of a way forward, or all of it.
            self.take((left - lag).max(0) as usize, taken);
            self.skipped += self.resampler.splice(left).unsigned_abs();
            self.end_move();
            return self.play_straight(out, frames, taken);
        }
        if straight && left < 0 && lag < lookahead {
            let by = left.max(lag - lookahead);
            let made = self.resampler.splice(by);
            self.change = Change::Moving { left: left - made };
            if left == made || made == 0 {
                self.end_move();
            }
            return self.play_straight(out, frames, taken);
        }
        // Where the fraction stands is a part of what is left.
        let fraction = self.resampler.fraction();
        let goal = left - if left > 0 { lookahead } else { 0 };
        let goal = goal as f64 - fraction;
        let most = frames as f64 * self.depth.most_change(goal);
        let by = goal.clamp(-most, most);
        let before = frames as f64 + fraction;
        self.bend_by(frames as f64 + by, out, frames, taken);
        // Whole frames gained so far.
        let gained = (before + by - self.resampler.fraction()).round() as i64 - frames as i64;
        let left = left - gained;
        self.change = Change::Moving { left };
        if self.resampler.fraction() == 0.0 && left == 0 {
            self.end_move();
        }
    }

    /// Gives a move up, as the play position was put elsewhere.
    pub(super) fn stop_moving(&mut self) {
        if let Change::Moving { .. } = self.change {
            // From between two frames on to a whole one.
            self.change = Change::Bent;
        }
    }

    fn end_move(&mut self) {
        self.change = Change::None;
        self.depth.moved();
    }

    fn bend_by(&mut self, advance: f64, out: &mut [&mut [f32]], frames: usize, taken: &mut Taken) {
        let step = advance / frames.max(1) as f64;
        let wants = self.resampler.wants(frames, step, step);
        self.take(wants, taken);
        self.step = step;
        _ = self.resampler.bend_to(advance, out);
    }

    /// Whether what is taken is played as it is.
    pub(super) fn is_straight(&self) -> bool {
        self.change == Change::None && self.depth.pace() == Pace::Even
    }

    /// Takes the next `frames` of the peer's into the resampler.
    fn take(&mut self, frames: usize, taken: &mut Taken) {
        let Self {
            resampler,
            weaver,
            slots,
            next,
            hold,
            anchored,
            period,
            ..
        } = self;
        let period = (*period).max(1);
        _ = resampler.push(frames, |out| {
            let frames = out.first().map_or(0, |channel| channel.len());
            let mut at = 0;
            while at < frames {
                let left = frames - at;
                let offset = next.rem_euclid(period) as usize;
                let n = next.div_euclid(period);
                let mut span = Span { at, frames: left };
                let due = |after| {
                    Some(Due {
                        after,
                        position: *next,
                    })
                };
                if !*anchored {
                    weaver.invent(slots, None, out, span);
                } else if *hold > 0 {
                    span.frames = left.min((*hold).min(i64::from(LONGEST_BLOCK)) as usize);
                    weaver.invent(slots, due(*hold), out, span);
                    *hold -= span.frames as i64;
                } else {
                    span.frames = left.min(period as usize - offset);
                    if slots.has(n) {
                        weaver.play(slots, n, offset, out, span);
                        taken.fresh += span.frames;
                    } else {
                        weaver.invent(slots, due(0), out, span);
                        taken.missing += span.frames;
                    }
                    *next += span.frames as i64;
                }
                at += span.frames;
            }
        });
    }
}

/// What a pull has taken.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Taken {
    pub(super) fresh: usize,
    pub(super) missing: usize,
}

/// How the play position is being moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Not at all: straight.
    None,
    /// From straight to other rates, once the kernel has what it needs.
    Entering,
    /// Rates are converted.
    Bent,
    /// So many frames are left of a move: forward, or (less than 0) back.
    Moving { left: i64 },
}
