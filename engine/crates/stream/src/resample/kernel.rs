//! The weights with which frames make up an instant between them: a windowed sinc.
//!
//! The sinc falls to one half exactly at the Nyquist frequency of the lower rate. So at equal rates its zeros
//! are the neighbouring frames: on a frame the weights are that frame alone. Towards a lower rate it is
//! stretched by the ratio of the rates, and takes as many more frames.
//!
//! Rows of weights are made for instants [`PHASES`] to a frame (fewer for a stretched kernel, which bends less
//! between frames), and those in between are interpolated linearly, once for all channels.

use farsend_units::SampleRate;
use pulp::Simd;

/// Weights for any instant between two frames.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// `phases + 1` rows of `taps`: the last one is the first, a frame later.
    rows: Box<[f32]>,
    taps: usize,
    phases: usize,
}

impl Kernel {
    /// A kernel from one rate to another. Allocates for all rates.
    pub(crate) fn new(from: SampleRate, to: SampleRate) -> Self {
        let mut kernel = Self {
            rows: vec![0.0; MOST_WEIGHTS].into(),
            taps: 0,
            phases: 1,
        };
        kernel.set_rates(from, to);
        kernel
    }

    /// Makes the weights for other rates: some ten thousand sines, about a millisecond.
    pub(crate) fn set_rates(&mut self, from: SampleRate, to: SampleRate) {
        let stretch = f64::from(from.0.max(1)) / f64::from(to.0.max(1));
        let stretch = stretch.clamp(1.0, LONGEST_STRETCH as f64);
        let Shape { half, beta } = shape(from.min(to));
        let reach = half as f64 * stretch;
        let half = (reach.ceil() as usize).next_multiple_of(LANES / 2);
        self.taps = 2 * half;
        self.phases = (PHASES as f64 / stretch).ceil() as usize;
        let peak = bessel(beta);
        let rows = self.rows.chunks_exact_mut(self.taps);
        for (row, weights) in rows.enumerate().take(self.phases + 1) {
            let fraction = row as f64 / self.phases as f64;
            let weight = |tap: usize| {
                let distance = tap as f64 - (half - 1) as f64 - fraction;
                sinc(distance / stretch) * kaiser(distance / reach, beta) / peak
            };
            let mut sum = 0.0;
            for (tap, out) in weights.iter_mut().enumerate() {
                let weight = weight(tap);
                sum += weight;
                *out = weight as f32;
            }
            // Constant audio stays the same at any phase.
            let scale = (1.0 / sum) as f32;
            weights.iter_mut().for_each(|weight| *weight *= scale);
        }
    }

    /// How many frames an instant is made of: those up to it, and as many after it.
    pub(crate) fn taps(&self) -> usize {
        self.taps
    }

    /// Writes the weights for an instant `fraction` (0 to 1) behind a frame: [`taps`](Self::taps) of them. The first is
    /// for `taps() / 2 - 1` frames before that one.
    #[inline(always)]
    pub(crate) fn weigh<S: Simd>(&self, simd: S, fraction: f64, weights: &mut [f32]) {
        let taps = weights.len();
        let phase = fraction * self.phases as f64;
        // Some hundreds at most.
        let row = (phase as i32).min(self.phases as i32 - 1);
        let part = (phase - f64::from(row)) as f32;
        let (here, next) = self.rows[row as usize * taps..][..2 * taps].split_at(taps);
        let (heads, tail) = S::as_mut_simd_f32s(weights);
        let (here, here_tail) = S::as_simd_f32s(here);
        let (next, next_tail) = S::as_simd_f32s(next);
        let parts = simd.splat_f32s(part);
        for ((weight, here), next) in heads.iter_mut().zip(here).zip(next) {
            *weight = simd.mul_add_f32s(simd.sub_f32s(*next, *here), parts, *here);
        }
        for ((weight, here), next) in tail.iter_mut().zip(here_tail).zip(next_tail) {
            *weight = here + (next - here) * part;
        }
    }
}

/// The sum of products; both have the length of a kernel.
#[inline(always)]
pub(crate) fn dot<S: Simd>(simd: S, weights: &[f32], frames: &[f32]) -> f32 {
    let (weights, weights_tail) = S::as_simd_f32s(weights);
    let (frames, frames_tail) = S::as_simd_f32s(frames);
    let mut sum = simd.splat_f32s(0.0);
    for (weight, frame) in weights.iter().zip(frames) {
        sum = simd.mul_add_f32s(*weight, *frame, sum);
    }
    let tail = weights_tail.iter().zip(frames_tail);
    simd.reduce_sum_f32s(sum) + tail.map(|(weight, frame)| weight * frame).sum::<f32>()
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else if x.fract() == 0.0 {
        // Rounding would leave a trace of the neighbours.
        0.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

/// Kaiser's window, from -1 to 1, `bessel(beta)` in the middle.
fn kaiser(x: f64, beta: f64) -> f64 {
    if x.abs() < 1.0 {
        bessel(beta * (1.0 - x * x).sqrt())
    } else {
        0.0
    }
}

/// The modified Bessel function of the first kind, order 0, as its power series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 && k < 64.0 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

/// A window.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Frames of the lower rate to each side of an instant.
    half: usize,
    /// Kaiser's: more is less leakage and a wider fall.
    beta: f64,
}

/// The shortest kernel that leaves 20 kHz as it is: nearer to the Nyquist frequency that takes more frames.
/// Chosen by measurement: docs/resampler.md.
fn shape(lower: SampleRate) -> Shape {
    if lower < SampleRate::HZ_48000 {
        Shape {
            half: LONGEST_HALF,
            beta: 9.0,
        }
    } else {
        Shape {
            half: 16,
            beta: 10.0,
        }
    }
}

const LONGEST_HALF: usize = 24;
/// Rows of weights to a frame at equal rates: with 256, what interpolating between them leaves of a tone
/// of 20 kHz is -98 dB, and of 1 kHz nothing that an `f32` could hold.
const PHASES: usize = 256;
/// The kernel is not stretched further: 192 kHz to 22.05 kHz need 8.7.
const LONGEST_STRETCH: usize = 9;
/// What a loop of the processor's may take at once, and half of it.
const LANES: usize = 8;
const MOST_TAPS: usize = 2 * (LONGEST_HALF * LONGEST_STRETCH).next_multiple_of(LANES / 2);
/// At most `PHASES / s + 2` rows of `2 * (LONGEST_HALF * s + LANES / 2)` weights, for any stretch s from 1 on.
const MOST_WEIGHTS: usize = (2 * LONGEST_HALF + LANES) * PHASES + 2 * MOST_TAPS + 2 * LANES;
/// Half the taps of the longest kernel.
pub(crate) const MOST_HALF: usize = MOST_TAPS / 2;

const PI: f64 = std::f64::consts::PI;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_frame_the_weights_are_that_frame_alone() {
        for (from, to) in [(48_000, 48_000), (44_100, 192_000)] {
            let kernel = Kernel::new(SampleRate(from), SampleRate(to));
            let half = kernel.taps() / 2;
            let mut weights = vec![0.0; 2 * half];
            for (fraction, frame) in [(0.0, half - 1), (1.0, half)] {
                kernel.weigh(pulp::Scalar::new(), fraction, &mut weights);
                for (tap, weight) in weights.iter().enumerate() {
                    assert_eq!(*weight, f32::from(u8::from(tap == frame)), "{tap}");
                }
            }
        }
    }

    #[test]
    fn all_ratios_of_rates_fit() {
        for from in (1..100).step_by(3) {
            for to in (1..100).step_by(7) {
                let kernel = Kernel::new(SampleRate(from * 1999), SampleRate(to * 1999));
                let mut weights = vec![0.0; kernel.taps()];
                kernel.weigh(pulp::Scalar::new(), 0.999_999_999_999, &mut weights);
                let sum: f32 = weights.iter().sum();
                assert!((sum - 1.0).abs() < 1e-5, "{from} to {to}: {sum}");
            }
        }
    }
}
