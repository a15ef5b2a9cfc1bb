//! The weights with which frames make up an instant between them: a windowed sinc.
//!
//! The sinc falls to one half exactly at the Nyquist frequency of the lower rate. So at equal rates its zeros
//! are the neighbouring frames: on a frame the weights are that frame alone. Towards a lower rate it is
//! stretched by the ratio of the rates, and takes as many more frames.
//!
//! Rows of weights are made for instants [`PHASES`] to a frame (fewer for a stretched kernel, which bends less
//! between frames), and those in between are interpolated linearly, once for all channels.
//!
//! Making them takes some ten thousand sines and Bessel functions, about half a millisecond: more than an audio thread
//! has to give. So kernels are made beforehand, and are cheap to hand on.

use std::sync::Arc;

use farsend_units::SampleRate;
use pulp::Simd;

/// Weights for any instant between two frames, on the way from one rate to another.
///
/// Made where allocating is allowed; a clone shares the weights and costs as much as counting.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// `phases + 1` rows of `taps`: the last one is the first, a frame later.
    rows: Arc<[f32]>,
    recipe: Recipe,
    taps: usize,
    phases: usize,
    from: SampleRate,
    to: SampleRate,
}

impl Kernel {
    /// The kernel from one rate to another: half a millisecond of sines, and up to 50 KiB. Not for the audio thread.
    pub fn new(from: SampleRate, to: SampleRate) -> Self {
        let recipe = Recipe::of(from, to);
        let (half, phases) = (recipe.half(), recipe.phases());
        let mut rows = vec![0.0; (phases + 1) * 2 * half];
        for (row, weights) in rows.chunks_exact_mut(2 * half).enumerate() {
            recipe.fill(row as f64 / phases as f64, half, weights);
        }
        Self {
            rows: rows.into(),
            recipe,
            taps: 2 * half,
            phases,
            from,
            to,
        }
    }

    /// The same weights for other rates, if those are made of the same: all ways up from 48 kHz or more are, for
    /// example, or from less.
    fn shared(&self, from: SampleRate, to: SampleRate) -> Option<Self> {
        (self.recipe == Recipe::of(from, to)).then(|| Self {
            from,
            to,
            ..self.clone()
        })
    }

    /// The rate of what is played.
    pub fn from(&self) -> SampleRate {
        self.from
    }

    /// The rate of what comes out.
    pub fn to(&self) -> SampleRate {
        self.to
    }

    fn is_for(&self, from: SampleRate, to: SampleRate) -> bool {
        (self.from, self.to) == (from, to)
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

/// The kernels that a stream may need between our own rate and some others, all made beforehand, so that an audio
/// thread that meets another rate has nothing to calculate and nothing to wait for.
#[derive(Debug)]
pub struct Kernels {
    own: SampleRate,
    all: Box<[Kernel]>,
}

impl Kernels {
    /// Those from our own rate and to it, for each of `others`, and for our own alone. Some milliseconds, and some
    /// hundred KiB for all rates that a JackTrip may have; to be shared by all streams of one rate of ours. Not for the
    /// audio thread.
    pub fn new(own: SampleRate, others: &[SampleRate]) -> Self {
        let mut all = vec![Kernel::new(own, own)];
        for (from, to) in others
            .iter()
            .flat_map(|&other| [(other, own), (own, other)])
        {
            if !all.iter().any(|kernel| kernel.is_for(from, to)) {
                let shared = all.iter().find_map(|kernel| kernel.shared(from, to));
                all.push(shared.unwrap_or_else(|| Kernel::new(from, to)));
            }
        }
        Self {
            own,
            all: all.into(),
        }
    }

    /// Our own rate.
    pub fn own(&self) -> SampleRate {
        self.own
    }

    /// The kernel between these two rates, one of which is our own, if it was made. Looks through a dozen.
    pub fn get(&self, from: SampleRate, to: SampleRate) -> Option<&Kernel> {
        self.all.iter().find(|kernel| kernel.is_for(from, to))
    }
}

/// What the weights follow from.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Recipe {
    /// How much wider than at equal rates.
    stretch: f64,
    shape: Shape,
}

impl Recipe {
    fn of(from: SampleRate, to: SampleRate) -> Self {
        let stretch = f64::from(from.0.max(1)) / f64::from(to.0.max(1));
        Self {
            stretch: stretch.clamp(1.0, LONGEST_STRETCH as f64),
            shape: shape(from.min(to)),
        }
    }

    /// Frames to each side that have a weight.
    fn reach(&self) -> f64 {
        self.shape.half as f64 * self.stretch
    }

    /// Half the taps: the reach, rounded for the processor's sake.
    fn half(&self) -> usize {
        (self.reach().ceil() as usize).next_multiple_of(LANES / 2)
    }

    fn phases(&self) -> usize {
        (PHASES as f64 / self.stretch).ceil() as usize
    }

    /// Writes the weights of all taps for an instant `fraction` behind a frame.
    fn fill(&self, fraction: f64, half: usize, weights: &mut [f32]) {
        let beta = self.shape.beta;
        let (reach, peak) = (self.reach(), bessel(beta));
        let mut sum = 0.0;
        for (tap, out) in weights.iter_mut().enumerate() {
            let distance = tap as f64 - (half - 1) as f64 - fraction;
            let weight = sinc(distance / self.stretch) * kaiser(distance / reach, beta) / peak;
            sum += weight;
            *out = weight as f32;
        }
        // Constant audio stays the same at any phase.
        let scale = (1.0 / sum) as f32;
        weights.iter_mut().for_each(|weight| *weight *= scale);
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
#[derive(Debug, Clone, Copy, PartialEq)]
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
    fn kernels_between_our_rate_and_all_others_are_there_and_those_alike_share_their_weights() {
        let own = SampleRate::HZ_48000;
        let others = [22_050, 44_100, 48_000, 88_200, 96_000, 192_000].map(SampleRate);
        let kernels = Kernels::new(own, &others);
        for other in others {
            for (from, to) in [(other, own), (own, other)] {
                let made = kernels.get(from, to).unwrap();
                let anew = Kernel::new(from, to);
                assert_eq!((made.from(), made.to()), (from, to));
                assert_eq!((&made.rows, made.taps), (&anew.rows, anew.taps));
            }
        }
        let rows =
            |from, to| Arc::as_ptr(&kernels.get(SampleRate(from), SampleRate(to)).unwrap().rows);
        assert_eq!(rows(48_000, 96_000), rows(48_000, 192_000));
        assert_eq!(rows(22_050, 48_000), rows(44_100, 48_000));
        assert_ne!(rows(44_100, 48_000), rows(48_000, 48_000));
        assert!(kernels.get(own, SampleRate(11_025)).is_none());
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
