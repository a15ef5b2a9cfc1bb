//! Samples between samples: a windowed sinc, good beyond what 24 bit audio can tell up to 0.9 of the
//! band.

use std::cell::LazyCell;
use std::f64::consts::PI;

use farsend_units::SampleRate;

/// `samples` at another rate; the first frame stays the first. Slow and exact: for comparing.
///
/// Flat within 0.001 dB up to 0.9 of the narrower band, aliases below -110 dB above it.
pub fn convert(samples: &[f32], from: SampleRate, to: SampleRate) -> Vec<f32> {
    if from == to || from.0 == 0 || to.0 == 0 {
        return samples.to_vec();
    }
    let common = greatest_common_divisor(from.0, to.0);
    let (down, up) = (u64::from(from.0 / common), u64::from(to.0 / common));
    let kernel = Kernel::new((up as f64 / down as f64).min(1.0));
    // The places between samples come again after `up` frames; few rates need many.
    let phases: Vec<Vec<f64>> = (0..up)
        .map(|phase| kernel.weights(phase as f64 / up as f64))
        .collect();
    let frames = (samples.len() as u64 * up + down / 2) / down;
    let at = |i: u64| {
        let (whole, phase) = (i * down / up, i * down % up);
        let first = whole as i64 - kernel.half + 1;
        weighed(&phases[phase as usize], samples, first) as f32
    };
    (0..frames).map(at).collect()
}

/// What `samples` are at these places, in frames from the first: as [`convert`], for clocks that are
/// related by no two numbers. `band` is the share of the band that is kept, 1 unless the places are
/// farther apart than frames. Places outside are silence; within a ten thousandth of a frame of a
/// sample they are that sample.
pub fn sampled_at(samples: &[f32], places: impl Iterator<Item = f64>, band: f64) -> Vec<f32> {
    let kernel = Kernel::new(band.clamp(0.01, 1.0));
    // Not wanted where all places are those of samples.
    let table: LazyCell<Vec<Vec<f64>>, _> = LazyCell::new(|| {
        let phases = (0..=PHASES).map(|phase| phase as f64 / PHASES as f64);
        phases.map(|phase| kernel.weights(phase)).collect()
    });
    let at = |place: f64| {
        let nearest = place.round();
        if band >= 1.0 && (place - nearest).abs() < SAME {
            return get(samples, nearest as i64) as f32;
        }
        let whole = place.floor();
        let phase = (place - whole) * PHASES as f64;
        let share = phase.fract();
        let first = whole as i64 - kernel.half + 1;
        let [before, behind] =
            [0, 1].map(|i| weighed(&table[(phase as usize + i).min(PHASES)], samples, first));
        (before * (1.0 - share) + behind * share) as f32
    };
    places.map(at).collect()
}

const fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

/// The sum of the samples from `first` on, weighed.
fn weighed(weights: &[f64], samples: &[f32], first: i64) -> f64 {
    let inside = usize::try_from(first)
        .ok()
        .and_then(|first| samples.get(first..first + weights.len()));
    if let Some(inside) = inside {
        // Eight sums at a time: a single one would wait for each addition.
        let mut sums = [0.0; 8];
        let (weights, more) = weights.as_chunks::<8>();
        let (inside, rest) = inside.as_chunks::<8>();
        for (weights, samples) in weights.iter().zip(inside) {
            for i in 0..8 {
                sums[i] += weights[i] * f64::from(samples[i]);
            }
        }
        let last = more.iter().zip(rest);
        let last: f64 = last.map(|(weight, x)| weight * f64::from(*x)).sum();
        return sums.iter().sum::<f64>() + last;
    }
    let window = weights.iter().zip(first..);
    window.map(|(weight, at)| weight * get(samples, at)).sum()
}

/// `samples` as they are `fraction` of a frame later, around `at`: what is between them is
/// interpolated, what is outside is silence.
pub(crate) fn shifted(
    samples: &[f32],
    from: i64,
    frames: usize,
    fraction: f64,
) -> impl Iterator<Item = f64> {
    let kernel = Kernel::new(1.0);
    let weights = kernel.weights(fraction);
    let first = from - kernel.half + 1;
    (0..frames).map(move |i| weighed(&weights, samples, first + i as i64))
}

/// The sample at `at`; silence outside.
pub(crate) fn get(samples: &[f32], at: i64) -> f64 {
    let sample = usize::try_from(at).ok().and_then(|at| samples.get(at));
    sample.map_or(0.0, |sample| f64::from(*sample))
}

/// A low pass of this share of the band.
struct Kernel {
    band: f64,
    /// Samples on each side.
    half: i64,
    /// So that the window's middle is 1.
    scale: f64,
}

impl Kernel {
    fn new(band: f64) -> Self {
        let half = (ZEROS / band).ceil() as i64;
        let scale = band / bessel(BETA);
        Self { band, half, scale }
    }

    /// For the `2 * half` samples around a place that is `fraction` behind the first half's last one.
    fn weights(&self, fraction: f64) -> Vec<f64> {
        let weight = |i: i64| self.weight(i as f64 - fraction);
        (1 - self.half..=self.half).map(weight).collect()
    }

    fn weight(&self, distance: f64) -> f64 {
        let x = distance * self.band;
        let sinc = if x == 0.0 {
            1.0
        } else {
            (PI * x).sin() / (PI * x)
        };
        let inside = 1.0 - (distance / self.half as f64).powi(2);
        if inside <= 0.0 {
            return 0.0;
        }
        self.scale * sinc * bessel(BETA * inside.sqrt())
    }
}

/// The modified Bessel function of the first kind and order 0, by its series.
fn bessel(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..60 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
        if term < sum * f64::EPSILON {
            break;
        }
    }
    sum
}

/// Zero crossings on each side of the kernel.
const ZEROS: f64 = 48.0;

/// Between two of so many kernels a sample apart a straight line is good to 150 dB.
const PHASES: usize = 4096;

/// Frames.
const SAME: f64 = 1e-4;

/// Kaiser's: side lobes below -110 dB.
const BETA: f64 = 11.5;

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    #[test]
    fn a_sine_between_samples_is_right_to_a_hundred_decibels() {
        for hertz in [100.0, 1000.0, 10_000.0, 20_000.0] {
            let sine = |at: f64| (TAU * hertz * at / 48_000.0).sin();
            let samples: Vec<f32> = (0..2000).map(|i| sine(f64::from(i)) as f32).collect();
            let wrong = shifted(&samples, 500, 1000, 0.37)
                .zip(500..)
                .map(|(found, i)| (found - sine(f64::from(i) + 0.37)).abs())
                .fold(0.0, f64::max);
            assert!(wrong < 1e-5, "{hertz} Hz: {wrong}");
        }
    }

    #[test]
    fn places_of_a_clock_that_is_a_little_fast_are_right() {
        let sine = |at: f64| (TAU * 10_000.0 * at / 48_000.0).sin();
        let samples: Vec<f32> = (0..4000).map(|i| sine(f64::from(i)) as f32).collect();
        let places = || (0..3900).map(|i| f64::from(i) * 1.000_3 + 0.25);
        let found = sampled_at(&samples, places(), 1.0);
        let pairs = found.iter().zip(places()).skip(100).take(3700);
        let wrong = pairs
            .map(|(x, at)| (f64::from(*x) - sine(at)).abs())
            .fold(0.0, f64::max);
        assert!(wrong < 1e-5, "{wrong}");
        assert_eq!(
            sampled_at(&samples, [-2.0, 7.0, 9e9].into_iter(), 1.0)[1],
            samples[7]
        );
    }

    #[test]
    fn a_sine_at_another_rate_is_the_same_sine() {
        for (from, to) in [(44_100, 48_000), (48_000, 44_100), (96_000, 48_000)] {
            let (from, to) = (SampleRate(from), SampleRate(to));
            let sine = |rate: SampleRate| {
                let at = move |i| (TAU * 5000.0 * f64::from(i) / f64::from(rate.0)).sin() as f32;
                (0..rate.0 / 10).map(at).collect::<Vec<f32>>()
            };
            let (found, wanted) = (convert(&sine(from), from, to), sine(to));
            assert_eq!(found.len(), wanted.len());
            let middle = 500..found.len() - 500;
            let wrong = middle
                .map(|i| (found[i] - wanted[i]).abs())
                .fold(0.0, f32::max);
            assert!(wrong < 1e-5, "{from} to {to}: {wrong}");
        }
    }
}
