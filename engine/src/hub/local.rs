//! The hub's own ears and voice: what is captured at the hub is played to the players, what they play is heard there.
//!
//! ```text
//!   sound server's blocks ──▶ input, a period at a time ──▶ Floor ──▶ output ──▶ sound server's blocks
//! ```
//! The sound server paces the hub then: one clock for all, nothing to resample. Its blocks may be of any size, and of another tomorrow.

use super::floor::Floor;
use super::lanes::Lanes;
use crate::backend::{MOST_MISSED, Paced};
use farsend_units::{Channels, Frames};

/// A floor with a local input and output, for a sound server to pace.
#[derive(Debug)]
pub(super) struct Stage {
    floor: Floor,
    /// What the next period of the mix hears of us, and what the last one has for us.
    input: Lanes,
    output: Lanes,
    period: usize,
    /// Frames of `input` that are there.
    filled: usize,
    missed: usize,
}

impl Stage {
    /// As many channels in as out. Allocates.
    pub(super) fn new(floor: Floor, channels: Channels, period: Frames) -> Self {
        Self {
            floor,
            input: Lanes::new(channels, period),
            output: Lanes::new(channels, period),
            period: period.get().max(1),
            filled: 0,
            missed: 0,
        }
    }

    /// The floor, for the end.
    pub(super) fn into_floor(self) -> Floor {
        self.floor
    }

    fn run(&mut self) {
        self.floor.period(Some((&self.input, &mut self.output)));
        self.filled = 0;
    }

    /// The players' time goes on while our sound server stood; nothing of ours is in it.
    fn make_up(&mut self) {
        let periods = std::mem::take(&mut self.missed) / self.period;
        if periods > 0 {
            self.input.iter_mut().for_each(|lane| lane.fill(0.0));
        }
        for _ in 0..periods {
            self.run();
        }
    }

    fn hear(&self, begin: usize, outputs: &mut [&mut [f32]], at: usize, count: usize) {
        let mut lanes = self.output.iter();
        for out in outputs {
            let Some(out) = out.get_mut(at..at + count) else {
                continue;
            };
            match lanes.next().and_then(|lane| lane.get(begin..begin + count)) {
                Some(lane) => out.copy_from_slice(lane),
                None => out.fill(0.0),
            }
        }
    }
}

impl Paced for Stage {
    fn miss(&mut self, frames: Frames) {
        self.missed = frames.min(MOST_MISSED).get();
    }

    /// Where blocks are whole periods they are heard at once, else a period later.
    fn period(&mut self, inputs: &[&[f32]], outputs: &mut [&mut [f32]]) {
        self.make_up();
        let frames = outputs
            .first()
            .map(|out| out.len())
            .or_else(|| inputs.first().map(|input| input.len()))
            .unwrap_or(0);
        let whole = self.filled == 0 && frames.is_multiple_of(self.period);
        let mut at = 0;
        while at < frames {
            let begin = self.filled;
            let count = (frames - at).min(self.period - begin);
            for (lane, input) in self.input.iter_mut().zip(inputs) {
                let captured = input.get(at..at + count).unwrap_or_default();
                let lane = &mut lane[begin..begin + count];
                lane[..captured.len()].copy_from_slice(captured);
                lane[captured.len()..].fill(0.0);
            }
            if !whole {
                self.hear(begin, outputs, at, count);
            }
            self.filled += count;
            if self.filled == self.period {
                self.run();
            }
            if whole {
                self.hear(0, outputs, at, count);
            }
            at += count;
        }
    }

    fn resume(&mut self) {
        self.filled = 0;
        self.output.iter_mut().for_each(|lane| lane.fill(0.0));
    }
}
