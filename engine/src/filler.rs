//! What is sent for a period that nobody captured: the sound server missed a cycle.
//!
//! ```text
//!   sent before           filler                  sent next
//!   ... a b c d │ d c b a  fading to  z y x w │ w x y z ...
//! ```
//! What was before and what comes next, each mirrored, one fading into the other: neither end has a step. A peer that
//! is a Farsend knows it for filler and hides the gap better; a JackTrip plays it, and its queue stays as long as it was.

use std::f32::consts::FRAC_PI_2;

use arrayvec::ArrayVec;
use farsend_units::{Channels, Frames};

use crate::settings::MAX_CHANNELS;

/// The end of what was sent, and room for filler. Audio thread, but for `new`.
#[derive(Debug)]
pub struct Filler {
    channels: usize,
    /// `MIRROR` frames a channel, the last `kept` of them known.
    last: Box<[f32]>,
    kept: usize,
    /// `BLOCK` frames a channel.
    out: Box<[f32]>,
}

impl Filler {
    /// Nothing was sent yet. Allocates.
    pub fn new(channels: Channels) -> Self {
        let channels = channels.get().min(MAX_CHANNELS);
        Self {
            channels,
            last: vec![0.0; channels * MIRROR].into(),
            kept: 0,
            out: vec![0.0; channels * BLOCK].into(),
        }
    }

    /// This block (planar) is sent: its end is kept.
    pub fn note(&mut self, block: &[&[f32]]) {
        let frames = block.first().map_or(0, |channel| channel.len());
        self.kept = frames.min(MIRROR);
        for (last, channel) in self.last.chunks_exact_mut(MIRROR).zip(block) {
            let end = channel.len().min(MIRROR);
            last[MIRROR - end..].copy_from_slice(&channel[channel.len() - end..]);
        }
    }

    /// Hands out `frames` frames that lead from what was sent to `next`, in blocks of `next`'s length, or of
    /// [`BLOCK`] where that is longer.
    pub fn fill(&mut self, frames: Frames, next: &[&[f32]], on: &mut dyn FnMut(&[&[f32]])) {
        let frames = frames.get();
        let there = next.first().map_or(0, |channel| channel.len());
        let block = there.clamp(1, BLOCK);
        // Neither mirror image is longer than what it shows, or than the gap.
        let (before, after) = (self.kept.min(frames), there.min(frames).min(MIRROR));
        let mut begin = 0;
        while begin < frames {
            let count = block.min(frames - begin);
            for (i, out) in self.out.chunks_exact_mut(BLOCK).enumerate() {
                let last = &self.last[i * MIRROR..][..MIRROR];
                let next = next.get(i).copied().unwrap_or_default();
                for (k, out) in (begin..).zip(&mut out[..count]) {
                    let to_end = frames - 1 - k;
                    let out_of = fade(k, before) * last[MIRROR - 1 - k.min(MIRROR - 1)];
                    let into = fade(to_end, after) * next.get(to_end).copied().unwrap_or(0.0);
                    *out = out_of + into;
                }
            }
            let lines: ArrayVec<&[f32], MAX_CHANNELS> = self
                .out
                .chunks_exact(BLOCK)
                .take(self.channels)
                .map(|line| &line[..count])
                .collect();
            on(&lines);
            begin += count;
        }
    }
}

/// From 1 at 0 to 0 at `length`, and 0 from there on.
fn fade(at: usize, length: usize) -> f32 {
    if at < length {
        (at as f32 / length as f32 * FRAC_PI_2).cos()
    } else {
        0.0
    }
}

/// Frames that are mirrored at most.
const MIRROR: usize = 512;
/// Frames of filler that are made at a time.
const BLOCK: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(frames: u32, block: usize) -> Vec<f32> {
        let sine = |k: usize| (k as f32 * 0.05).sin();
        let before: Vec<f32> = (0..block).map(sine).collect();
        let next: Vec<f32> = (block + frames as usize..2 * block + frames as usize)
            .map(sine)
            .collect();
        let mut filler = Filler::new(Channels(2));
        filler.note(&[&before, &before]);
        let mut all = before;
        filler.fill(Frames(frames), &[&next, &next], &mut |block| {
            assert_eq!(block[0], block[1]);
            all.extend(block[0]);
        });
        assert_eq!(all.len(), block + frames as usize);
        all.extend(next);
        all
    }

    #[test]
    fn as_many_frames_as_were_missed_and_no_step_at_either_end() {
        for block in [16, 64, 128, 1024, 4096] {
            for missed in [block as u32, 2 * block as u32, 4800, 100] {
                let all = filled(missed, block);
                let step = all
                    .windows(2)
                    .map(|w| (w[1] - w[0]).abs())
                    .fold(0.0, f32::max);
                // A few frames' gap is crossed in as many steps.
                let bound = 0.15f32.max(6.0 / block.min(missed as usize) as f32);
                assert!(step < bound, "{block} {missed}: {step}");
            }
        }
    }

    #[test]
    fn before_anything_was_sent_it_is_silence_that_leads_to_what_comes() {
        let mut filler = Filler::new(Channels(1));
        let mut first = f32::NAN;
        filler.fill(Frames(4800), &[&[0.5; 128]], &mut |block| {
            if first.is_nan() {
                first = block[0][0];
            }
        });
        assert_eq!(first, 0.0);
        filler.fill(Frames(10), &[], &mut |block| {
            assert!(block[0].iter().all(|x| *x == 0.0));
        });
    }
}
