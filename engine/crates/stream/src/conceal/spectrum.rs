//! The autocorrelation of a long signal by way of its power spectrum, in pieces of bounded work.

use std::f64::consts::TAU;

/// Transforms real signals of `2 * half` frames, as `half` pairs, and their power spectra back.
#[derive(Debug)]
pub(crate) struct Spectrum {
    /// Real and imaginary parts, in the order that the passes leave or take.
    real: Box<[f64]>,
    imaginary: Box<[f64]>,
    /// `cos` and `-sin` of `TAU * i / most`, up to half a turn.
    cosines: Box<[f64]>,
    sines: Box<[f64]>,
    /// The power spectrum, `half + 1` lines.
    power: Box<[f64]>,
    half: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// This pass of the transform, the second time of the power spectrum.
    Pass {
        again: bool,
        width: usize,
    },
    Done,
}

impl Spectrum {
    /// For signals of up to `frames` and lags of up to `order`.
    pub(crate) fn new(order: usize, frames: usize) -> Self {
        let size = size(order, frames);
        let zeros = |len: usize| vec![0f64; len].into_boxed_slice();
        let turn = |i: usize| TAU * i as f64 / size as f64;
        Self {
            real: zeros(size / 2),
            imaginary: zeros(size / 2),
            cosines: (0..size / 2).map(|i| turn(i).cos()).collect(),
            sines: (0..size / 2).map(|i| -turn(i).sin()).collect(),
            power: zeros(size / 2 + 1),
            half: 0,
            stage: Stage::Done,
        }
    }

    /// Begins with a signal whose lags up to `order` are wanted; what it was given before is forgotten.
    pub(crate) fn begin(&mut self, order: usize, signal: &[f32]) {
        self.half = (size(order, signal.len()) / 2).min(self.real.len());
        let pairs = signal.chunks(2).take(self.half);
        self.real[..self.half].fill(0.0);
        self.imaginary[..self.half].fill(0.0);
        let half = self.half;
        for (i, pair) in pairs.enumerate() {
            let at = reversed(i, half);
            self.real[at] = f64::from(pair[0]);
            self.imaginary[at] = pair.get(1).map_or(0.0, |x| f64::from(*x));
        }
        self.stage = Stage::Pass {
            again: false,
            width: 1,
        };
    }

    /// Does one pass; true if there is no more to do. Costs what [`step`](Self::step) says.
    pub(crate) fn work(&mut self) -> bool {
        let Stage::Pass { again, width } = self.stage else {
            return true;
        };
        if width < self.half {
            self.pass(width);
            self.stage = Stage::Pass {
                again,
                width: 2 * width,
            };
        } else if again {
            self.stage = Stage::Done;
        } else {
            self.square();
            self.stage = Stage::Pass {
                again: true,
                width: 1,
            };
        }
        self.stage == Stage::Done
    }

    /// The operations of one step with such a signal.
    pub(crate) const fn step(order: usize, frames: usize) -> usize {
        // Ten a butterfly, of which there are a quarter as many as frames.
        size(order, frames) * 5 / 2
    }

    /// The operations of all steps.
    #[cfg(test)]
    pub(crate) const fn cost(order: usize, frames: usize) -> usize {
        let passes = size(order, frames).ilog2() as usize;
        2 * passes * Self::step(order, frames)
    }

    /// The sum of the products of the frames that are `lag` apart, after the work is done.
    pub(crate) fn lag(&self, lag: usize) -> f64 {
        self.line(lag).0 / (2 * self.half) as f64
    }

    /// One pass of a transform by twos, from bit-reversed order.
    fn pass(&mut self, width: usize) {
        let half = self.half;
        let stride = self.cosines.len() / width;
        let blocks = self.real[..half]
            .chunks_exact_mut(2 * width)
            .zip(self.imaginary[..half].chunks_exact_mut(2 * width));
        for (real, imaginary) in blocks {
            let (real, other_real) = real.split_at_mut(width);
            let (imaginary, other_imaginary) = imaginary.split_at_mut(width);
            let turns = self
                .cosines
                .iter()
                .step_by(stride)
                .zip(self.sines.iter().step_by(stride));
            let evens = real.iter_mut().zip(imaginary);
            let odds = other_real.iter_mut().zip(other_imaginary);
            for (((a, b), (c, d)), (cosine, sine)) in evens.zip(odds).zip(turns) {
                let (x, y) = (*c * cosine - *d * sine, *c * sine + *d * cosine);
                (*c, *d) = (*a - x, *b - y);
                (*a, *b) = (*a + x, *b + y);
            }
        }
    }

    /// Line `k` of the transform of the real signal, from that of its pairs.
    fn line(&self, k: usize) -> (f64, f64) {
        let half = self.half;
        let (here, there) = (k % half, (half - k % half) % half);
        let (a, b) = (self.real[here], self.imaginary[here]);
        let (c, d) = (self.real[there], -self.imaginary[there]);
        let (even, odd) = (
            (0.5 * (a + c), 0.5 * (b + d)),
            (0.5 * (b - d), -0.5 * (a - c)),
        );
        let at = k * (self.cosines.len() / half);
        let (cosine, sine) = if k < half {
            (self.cosines[at], self.sines[at])
        } else {
            (-1.0, 0.0)
        };
        (
            even.0 + odd.0 * cosine - odd.1 * sine,
            even.1 + odd.0 * sine + odd.1 * cosine,
        )
    }

    /// From the transform to the power spectrum, as the next signal: real, and the same backwards.
    fn square(&mut self) {
        let half = self.half;
        for k in 0..=half {
            let (real, imaginary) = self.line(k);
            self.power[k] = real * real + imaginary * imaginary;
        }
        let power = |k: usize| self.power[if k <= half { k } else { 2 * half - k }];
        for i in 0..half {
            let at = reversed(i, half);
            (self.real[at], self.imaginary[at]) = (power(2 * i), power(2 * i + 1));
        }
    }
}

/// Of a transform in which lags up to `order` are not those of another turn too.
const fn size(order: usize, frames: usize) -> usize {
    let size = (frames + order).next_power_of_two();
    if size < 8 { 8 } else { size }
}

/// The bits of `i` backwards, as many as there are below `half`.
fn reversed(i: usize, half: usize) -> usize {
    i.reverse_bits() >> (usize::BITS - half.ilog2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lags_are_the_sums_of_products() {
        let x: Vec<f32> = (0..900).map(|i| ((i * i) as f32 * 0.37).sin()).collect();
        let mut spectrum = Spectrum::new(100, 900);
        // Lags, frames.
        for (order, frames) in [(100, 900), (28, 100), (3, 5), (2, 6), (100, 412)] {
            let x = &x[..frames];
            spectrum.begin(order, x);
            let mut steps = 1;
            while !spectrum.work() {
                steps += 1;
            }
            assert!(steps * Spectrum::step(order, frames) <= Spectrum::cost(order, frames));
            for lag in 0..=order {
                let products = x.iter().zip(x.get(lag..).unwrap_or(&[]));
                let want: f64 = products.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let got = spectrum.lag(lag);
                assert!(
                    (got - want).abs() < 1e-9,
                    "{order} {frames} {lag}: {got} {want}"
                );
            }
        }
    }
}
