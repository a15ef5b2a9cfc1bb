//! Where each half second of what was sent is heard.
//!
//! The first delay is looked for over all that is allowed, in the loudest seconds; each block then
//! near the one before. For a block of energy `S`, heard with energy `H(d)` at delay `d`, the error is
//! `S + H(d) - 2 R(d)`: `R`, the correlation, comes for all `d` from one Fourier transform. The best
//! of these is then looked at sample by sample, and, where wanted, between the samples.

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::{Plan, decibels, sinc};

/// One half second, at its best delay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Block {
    /// Its first frame, of what was sent.
    pub at: usize,
    /// How much later it is heard, in frames; a fraction if that was looked for.
    pub delay: f64,
    /// The energy of what was sent.
    pub signal: f64,
    /// That of the difference.
    pub error: f64,
}

impl Block {
    /// Signal to error, dB.
    pub fn decibels(&self) -> f64 {
        decibels(self.signal, self.error)
    }
}

/// What was heard, with the delay of each block.
pub(crate) struct Aligned<'a> {
    heard: &'a [f32],
    /// Frames a block.
    length: usize,
    blocks: Vec<Block>,
    /// Of every block, silent ones too: whole frames.
    delays: Vec<i64>,
}

impl<'a> Aligned<'a> {
    pub(crate) fn new(sent: &[f32], heard: &'a [f32], plan: &Plan) -> Self {
        let rate = f64::from(plan.rate.0);
        let length = ((BLOCK * rate) as usize).max(1);
        let longest = (plan.longest.max(0.0) * rate) as i64;
        let coarse = coarse_delay(sent, heard, longest, (COARSE * rate) as usize);
        let near = (NEAR * rate) as i64;
        let mut search = Search::new(length, (2 * near + 1) as usize);
        let power: f64 = sent.iter().map(|x| f64::from(*x).powi(2)).sum();
        let floor = power / sent.len().max(1) as f64 * length as f64 * SILENCE;
        let mut found = Self {
            heard,
            length,
            blocks: Vec::new(),
            delays: Vec::new(),
        };
        let mut delay = coarse;
        for (i, block) in sent.chunks_exact(length).enumerate() {
            let at = i * length;
            let signal: f64 = block.iter().map(|x| f64::from(*x).powi(2)).sum();
            if signal > floor && signal > 0.0 {
                let mut around = |middle: i64| {
                    let first = (middle - near).max(0);
                    search.best(block, heard, at as i64 + first) + first
                };
                let mut best = found.fit(block, at, around(delay), signal, plan);
                if best.decibels() < crate::RECOGNISED && delay != coarse {
                    let again = found.fit(block, at, around(coarse), signal, plan);
                    if again.error < best.error {
                        best = again;
                    }
                }
                delay = best.delay.round() as i64;
                found.blocks.push(best);
            }
            found.delays.push(delay);
        }
        // Before the first one with sound there is nothing to follow.
        if found.delays.is_empty() {
            found.delays.push(coarse);
        }
        found
    }

    pub(crate) fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// How much later this frame is heard, in whole frames.
    pub(crate) fn whole_delay(&self, at: usize) -> i64 {
        let last = self.delays.len() - 1;
        self.delays[(at / self.length).min(last)]
    }

    /// The least and the greatest delay of the block of this frame and its neighbours.
    pub(crate) fn delays_around(&self, at: usize) -> (i64, i64) {
        let last = self.delays.len() - 1;
        let block = (at / self.length).min(last);
        let near = &self.delays[block.saturating_sub(1)..=(block + 1).min(last)];
        near.iter()
            .fold((i64::MAX, i64::MIN), |(least, most), delay| {
                (least.min(*delay), most.max(*delay))
            })
    }

    pub(crate) fn heard(&self, at: i64) -> f64 {
        sinc::get(self.heard, at)
    }

    /// The error at this delay, or at one next to it.
    fn fit(&self, block: &[f32], at: usize, delay: i64, signal: f64, plan: &Plan) -> Block {
        let whole = |delay: i64| {
            let heard = (at as i64 + delay..).map(|at| self.heard(at));
            energy_of_difference(block, heard)
        };
        let between = |delay: f64| {
            let floor = delay.floor();
            let from = at as i64 + floor as i64;
            let heard = sinc::shifted(self.heard, from, block.len(), delay - floor);
            energy_of_difference(block, heard)
        };
        let mut best = Block {
            at,
            delay: delay as f64,
            signal,
            error: whole(delay),
        };
        let away = || vertex([whole(delay - 1), best.error, whole(delay + 1)]);
        if plan.between_frames && best.decibels() < EXACT && away().abs() > BETWEEN {
            let mut middle = delay as f64;
            // Parabolas through three errors, ever nearer.
            for step in [1.0, 0.25, 0.05] {
                let errors = [middle - step, middle, middle + step].map(between);
                middle += step * vertex(errors);
            }
            let error = between(middle);
            if error < best.error {
                (best.delay, best.error) = (middle, error);
            }
        }
        best
    }
}

/// Where a parabola through three errors is least: from -1, the first, to 1, the last.
fn vertex([before, here, behind]: [f64; 3]) -> f64 {
    let bend = before - 2.0 * here + behind;
    if bend > 0.0 {
        (0.5 * (before - behind) / bend).clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

fn energy_of_difference(block: &[f32], heard: impl Iterator<Item = f64>) -> f64 {
    let pairs = block.iter().zip(heard);
    pairs
        .map(|(sent, heard)| (f64::from(*sent) - heard).powi(2))
        .sum()
}

/// The delay at which the loudest stretch is heard.
fn coarse_delay(sent: &[f32], heard: &[f32], longest: i64, stretch: usize) -> i64 {
    let stretch = stretch.min(sent.len());
    if stretch == 0 {
        return 0;
    }
    let energy = |from: usize| -> f64 {
        let part = &sent[from..from + stretch];
        part.iter().map(|x| f64::from(*x).powi(2)).sum()
    };
    let starts = (0..=sent.len() - stretch).step_by((stretch / 4).max(1));
    let loudest = starts.max_by(|a, b| energy(*a).total_cmp(&energy(*b)));
    let from = loudest.unwrap_or(0);
    let mut search = Search::new(stretch, longest as usize + 1);
    search.best(&sent[from..from + stretch], heard, from as i64)
}

/// Looks for a block at many delays at once.
struct Search {
    /// How many delays.
    count: usize,
    forward: Arc<dyn RealToComplex<f64>>,
    inverse: Arc<dyn ComplexToReal<f64>>,
    size: usize,
}

impl Search {
    fn new(length: usize, count: usize) -> Self {
        let size = (length + count).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        Self {
            count,
            forward: planner.plan_fft_forward(size),
            inverse: planner.plan_fft_inverse(size),
            size,
        }
    }

    /// How far behind `from` the block is heard with the least error.
    fn best(&mut self, block: &[f32], heard: &[f32], from: i64) -> i64 {
        let mut there = vec![0.0; self.size];
        let reach = block.len() + self.count;
        for (x, at) in there.iter_mut().zip(from..).take(reach) {
            *x = sinc::get(heard, at);
        }
        let mut energies = Vec::with_capacity(self.count);
        let mut energy: f64 = there[..block.len()].iter().map(|x| x * x).sum();
        for d in 0..self.count {
            energies.push(energy);
            energy += there[d + block.len()].powi(2) - there[d].powi(2);
        }
        let mut template = vec![0.0; self.size];
        for (x, sample) in template.iter_mut().zip(block) {
            *x = f64::from(*sample);
        }
        let correlation = self.correlate(&mut template, &mut there);
        let scale = 2.0 / self.size as f64;
        let errors = energies
            .iter()
            .zip(&correlation)
            .map(|(h, r)| h - scale * r);
        let best = errors.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(0, |(delay, _)| delay as i64)
    }

    /// The circular cross-correlation, times the size.
    fn correlate(&self, template: &mut [f64], there: &mut [f64]) -> Vec<f64> {
        let (mut a, mut b) = (
            self.forward.make_output_vec(),
            self.forward.make_output_vec(),
        );
        let mut out = self.inverse.make_output_vec();
        let done = [
            self.forward.process(template, &mut a),
            self.forward.process(there, &mut b),
        ];
        debug_assert!(done.iter().all(Result::is_ok), "as long as the plan");
        for (a, b) in a.iter().zip(&mut b) {
            *b *= a.conj();
        }
        // The first and last are real but for rounding, which the inverse refuses.
        let last = b.len() - 1;
        (b[0].im, b[last].im) = (0.0, 0.0);
        let done = self.inverse.process(&mut b, &mut out);
        debug_assert!(done.is_ok(), "as long as the plan");
        out
    }
}

/// Seconds of a block.
const BLOCK: f64 = 0.5;

/// Seconds each way that a block's delay is looked for around that of the block before.
const NEAR: f64 = 0.25;

/// Seconds of the stretch by which the first delay is found.
const COARSE: f64 = 5.0;

/// A block with less than this part of the mean power is silence: -60 dB.
const SILENCE: f64 = 1e-6;

/// Frames: nearer to a whole frame than this there is nothing to gain.
const BETWEEN: f64 = 0.001;

/// dB: what is as good as this at a whole frame needs nothing between.
const EXACT: f64 = 90.0;
