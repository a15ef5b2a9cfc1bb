//! Linear prediction by Burg's method, in pieces of bounded work.
//!
//! Burg (1967) finds the reflection coefficients that make the errors of forward and backward
//! prediction least together; the predictor is stable. The usual lattice costs `4 * frames * order`
//! multiply-adds; this is the form on correlations after Koen Vos, "A Fast Implementation of Burg's
//! Method" (2013), which costs `frames * order` for the autocorrelation, of which the products are
//! simple sums, and some `6 * order²` for the rest, with the same result.
//!
//! With the predictor `a` of order `m` (`a[0]` = 1), padded by a zero, and `R` the sum over
//! `m < n < frames` of the products of `x[n], x[n-1], .. x[n-m-1]` with each other, plus the same
//! reversed: the reflection coefficient is `-(a reversed · g) / (a · g)`, where `g = R a`. From one
//! order to the next `g` changes by what two products at the ends of the signal leave out.

use super::sums::{correlate, dot64};

/// Finds one predictor at a time: of the few frames before a gap. All memory is taken in `new`.
#[derive(Debug)]
pub(crate) struct Burg {
    /// The signal, its greatest sample 1.
    signal: Box<[f32]>,
    /// Its autocorrelation.
    lags: Box<[f64]>,
    /// `a`, `g` and the row of `R` that the next order adds.
    predictor: Box<[f64]>,
    products: Box<[f64]>,
    row: Box<[f64]>,
    frames: usize,
    order: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing to do: there is a predictor of this order.
    Done(usize),
    /// The next lag.
    Correlating(usize),
    /// The order that is reached.
    Recursing(usize),
}

impl Burg {
    /// For signals of up to `frames` and predictors of up to `order`.
    pub(crate) fn new(order: usize, frames: usize) -> Self {
        Self {
            signal: vec![0.0; frames].into_boxed_slice(),
            lags: vec![0.0; order + 4].into_boxed_slice(),
            predictor: vec![0.0; order + 2].into_boxed_slice(),
            products: vec![0.0; order + 3].into_boxed_slice(),
            row: vec![0.0; order + 3].into_boxed_slice(),
            frames: 0,
            order: 0,
            stage: Stage::Done(0),
        }
    }

    /// Begins with a signal of `frames` that `fill` puts in, and forgets the one before. The order
    /// may become less than asked: at most a quarter of the frames, none for silence.
    pub(crate) fn begin(&mut self, order: usize, frames: usize, fill: impl FnOnce(&mut [f32])) {
        self.frames = frames.min(self.signal.len());
        self.order = order.min(self.predictor.len() - 2).min(self.frames / 4);
        let signal = &mut self.signal[..self.frames];
        fill(signal);
        let peak = peak(signal);
        self.stage = Stage::Done(0);
        if peak > SILENCE && self.order > 0 {
            let scale = 1.0 / peak;
            signal.iter_mut().for_each(|sample| *sample *= scale);
            self.stage = Stage::Correlating(0);
        }
    }

    /// Works until it is done or the budget, counted in multiply-adds, is used up; what one step
    /// takes beyond it is four lags of all frames. True if it is done.
    pub(crate) fn work(&mut self, budget: &mut i64) -> bool {
        loop {
            let cost = match self.stage {
                Stage::Done(_) => return true,
                _ if *budget <= 0 => return false,
                Stage::Correlating(lag) => {
                    let signal = &self.signal[..self.frames];
                    self.lags[lag..lag + 4].copy_from_slice(&correlate(signal, lag));
                    if lag + 4 > self.order {
                        self.start();
                    } else {
                        self.stage = Stage::Correlating(lag + 4);
                    }
                    DOUBLE * 4 * self.frames
                }
                Stage::Recursing(reached) => {
                    self.climb(reached);
                    DOUBLE * 11 * (reached + 2)
                }
            };
            *budget -= cost as i64;
        }
    }

    /// What all of one analysis costs.
    #[cfg(test)]
    pub(crate) const fn cost(order: usize, frames: usize) -> usize {
        DOUBLE * (frames * order + 11 * order * (order + 3) / 2)
    }

    /// The predictor that was found: `x[n] = -(a[1] x[n-1] + a[2] x[n-2] + ...)`, `a[0]` is 1. Empty
    /// without one.
    pub(crate) fn predictor(&self) -> &[f64] {
        match self.stage {
            Stage::Done(order) if order > 0 => &self.predictor[..=order],
            _ => &[],
        }
    }

    /// From the autocorrelation to order 0.
    fn start(&mut self) {
        let x = &self.signal[..self.frames];
        let ends = f64::from(x[0]).powi(2) + f64::from(x[self.frames - 1]).powi(2);
        self.predictor[0] = 1.0;
        self.row[0] = 2.0 * self.lags[0] - ends;
        self.row[1] = 2.0 * self.lags[1];
        self.products[0] = self.row[0] + 2.0 * NOISE * self.lags[0];
        self.products[1] = self.row[1];
        self.stage = Stage::Recursing(0);
    }

    /// From order `m` to the next.
    fn climb(&mut self, m: usize) {
        let (x, frames) = (&self.signal[..self.frames], self.frames);
        let size = m + 2;
        self.predictor[m + 1] = 0.0;
        let (above, below) = (&self.products[..size], &self.predictor[..size]);
        let energy = dot64(below, above);
        let common: f64 = below.iter().rev().zip(above).map(|(a, g)| a * g).sum();
        let reflection = -common / energy;
        if energy <= 0.0 || !reflection.is_finite() {
            self.stage = Stage::Done(m);
            return;
        }
        let reflection = reflection.clamp(-STABLE, STABLE);
        add_reversed(&mut self.predictor[..size], reflection);
        add_reversed(&mut self.products[..size], reflection);
        if m + 1 >= self.order {
            self.stage = Stage::Done(m + 1);
            return;
        }
        let a = &self.predictor[..size];
        let early = &x[..size];
        let late = &x[frames - size..];
        // What the two products at the ends, which the next order leaves out, had added.
        let first: f64 = sum_products(a.iter().rev(), early);
        let last: f64 = sum_products(a.iter(), late);
        let (g, row) = (&mut self.products[..size], &mut self.row[..size]);
        let (after, before) = (f64::from(x[m + 1]), f64::from(x[frames - size]));
        let ends = early.iter().rev().zip(late);
        for ((g, row), (early, late)) in g.iter_mut().zip(row).zip(ends) {
            let (early, late) = (f64::from(*early), f64::from(*late));
            *g -= early * first + late * last;
            *row -= after * early + before * late;
        }
        self.row[size] = 2.0 * self.lags[size];
        self.products[size] = dot_reversed(&self.predictor[..size], &self.row[1..=size]);
        self.stage = Stage::Recursing(m + 1);
    }
}

/// The greatest magnitude.
pub(crate) fn peak(samples: &[f32]) -> f32 {
    samples.iter().fold(0f32, |peak, x| peak.max(x.abs()))
}

/// Adds to each value `factor` times the one at the same place from the other end.
pub(crate) fn add_reversed(values: &mut [f64], factor: f64) {
    let middle = values.len().div_ceil(2);
    let half = values.len() / 2;
    let (left, right) = values.split_at_mut(middle);
    for (a, b) in left.iter_mut().zip(right.iter_mut().rev()) {
        (*a, *b) = (*a + factor * *b, *b + factor * *a);
    }
    if middle > half {
        left[half] += factor * left[half];
    }
}

fn dot_reversed(a: &[f64], b: &[f64]) -> f64 {
    a.iter().rev().zip(b).map(|(a, b)| a * b).sum()
}

fn sum_products<'a>(a: impl Iterator<Item = &'a f64>, x: &[f32]) -> f64 {
    a.zip(x).map(|(a, x)| a * f64::from(*x)).sum()
}

/// How many of the plain multiply-adds one in double precision takes.
const DOUBLE: usize = 2;
/// A reflection coefficient is less than 1; rounding may make it a little more.
const STABLE: f64 = 0.999_999_99;
/// White noise of this part of the signal's energy is assumed in it: -60 dB.
const NOISE: f64 = 1e-6;
/// A signal whose greatest sample is less is silence: -120 dB.
pub(crate) const SILENCE: f32 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;

    /// The textbook's lattice.
    fn lattice(x: &[f32], order: usize) -> Vec<f64> {
        let mut f: Vec<f64> = x.iter().copied().map(f64::from).collect();
        let mut b = f.clone();
        let mut a = vec![1.0];
        for m in 0..order {
            let (mut up, mut down) = (0.0, 0.0);
            for n in m + 1..x.len() {
                up += f[n] * b[n - 1];
                down += f[n] * f[n] + b[n - 1] * b[n - 1];
            }
            let k = -2.0 * up / down;
            for n in (m + 1..x.len()).rev() {
                let (forward, backward) = (f[n], b[n - 1]);
                f[n] = forward + k * backward;
                b[n] = backward + k * forward;
            }
            a.push(0.0);
            let old = a.clone();
            for i in 0..a.len() {
                a[i] += k * old[old.len() - 1 - i];
            }
        }
        a
    }

    #[test]
    fn it_finds_what_the_lattice_finds_however_the_work_is_cut() {
        let mut random = farsend_netsim::Random::new(3);
        let x: Vec<f32> = (0..600)
            .map(|i| {
                let i = i as f32;
                (i * 0.1).sin() + 0.5 * (i * 0.73).sin() + 0.2 * random.unit() as f32
            })
            .collect();
        for order in [1, 2, 3, 8, 33, 64] {
            let want = lattice(&x, order);
            for budget in [1, 5000, i64::MAX] {
                let mut burg = Burg::new(64, 600);
                burg.begin(order, 600, |out| out.copy_from_slice(&x));
                while !burg.work(&mut budget.clone()) {}
                let got = burg.predictor();
                assert_eq!(got.len(), want.len());
                for (got, want) in got.iter().zip(&want) {
                    assert!((got - want).abs() < 2e-3, "{order}: {got} {want}");
                }
            }
        }
    }

    #[test]
    fn silence_and_nonsense_have_no_predictor_that_blows_up() {
        let mut burg = Burg::new(32, 256);
        for sample in [0.0, 1e-9, f32::MAX, 1.0] {
            burg.begin(32, 256, |out| out.fill(sample));
            assert!(burg.work(&mut i64::MAX.clone()));
            assert!(
                burg.predictor()
                    .iter()
                    .all(|a| a.is_finite() && a.abs() < 1e3)
            );
        }
        burg.begin(32, 256, |out| {
            out.fill(0.0);
            out[255] = 1.0;
        });
        assert!(burg.work(&mut i64::MAX.clone()));
        assert!(burg.predictor().iter().all(|a| a.is_finite()));
        burg.begin(32, 3, |out| out.fill(1.0));
        assert!(burg.work(&mut i64::MAX.clone()));
        assert_eq!(burg.predictor().len(), 0);
    }
}
