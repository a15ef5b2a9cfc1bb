//! Linear prediction from the autocorrelation of a long, windowed signal, in pieces of bounded work.
//!
//! The autocorrelation method with Durbin's recursion: `order²` multiply-adds, a fifth of what
//! [`Burg`](super::burg::Burg) takes, and the products by way of a Fourier transform. It asks for a
//! window, which costs frames: the one here rises slowly and falls at its very end, so that the
//! last frames count. Over thousands of frames it foretells as well as Burg's method does.

use super::burg::{SILENCE, peak};
use super::spectrum::Spectrum;
use super::sums::dot64;

/// Finds one predictor at a time. All memory is taken in `new`.
#[derive(Debug)]
pub(crate) struct Levinson {
    signal: Box<[f32]>,
    spectrum: Spectrum,
    /// The autocorrelation, the last lag first.
    lags: Box<[f64]>,
    /// `a`, `a[0]` = 1 first.
    predictor: Box<[f64]>,
    /// The energy of what is not foretold.
    missed: f64,
    frames: usize,
    order: usize,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Transforming,
    /// The order that is reached.
    Recursing(usize),
    Done(usize),
}

impl Levinson {
    /// For signals of up to `frames` and predictors of up to `order`.
    pub(crate) fn new(order: usize, frames: usize) -> Self {
        Self {
            signal: vec![0.0; frames].into_boxed_slice(),
            spectrum: Spectrum::new(order, frames),
            lags: vec![0.0; order + 1].into_boxed_slice(),
            predictor: vec![0.0; order + 1].into_boxed_slice(),
            missed: 0.0,
            frames: 0,
            order: 0,
            stage: Stage::Done(0),
        }
    }

    /// Begins with a signal of `frames` that `fill` puts in, and forgets the one before. There is no
    /// predictor for silence.
    pub(crate) fn begin(&mut self, order: usize, frames: usize, fill: impl FnOnce(&mut [f32])) {
        self.frames = frames.min(self.signal.len());
        self.order = order.min(self.lags.len() - 1).min(self.frames / 4);
        let signal = &mut self.signal[..self.frames];
        fill(signal);
        let peak = peak(signal);
        self.stage = Stage::Done(0);
        if peak > SILENCE && self.order > 0 {
            window(signal, 1.0 / peak);
            self.spectrum.begin(self.order, signal);
            self.stage = Stage::Transforming;
        }
    }

    /// Works until it is done or the budget is used up; what one step takes beyond it is at most
    /// [`step`](Self::step). True if it is done.
    pub(crate) fn work(&mut self, budget: &mut i64) -> bool {
        loop {
            let cost = match self.stage {
                Stage::Done(_) => return true,
                _ if *budget <= 0 => return false,
                Stage::Transforming => {
                    if self.spectrum.work() {
                        for (lag, sum) in self.lags[..=self.order].iter_mut().rev().enumerate() {
                            *sum = self.spectrum.lag(lag);
                        }
                        self.lags[self.order] *= 1.0 + NOISE;
                        self.missed = self.lags[self.order];
                        self.predictor[0] = 1.0;
                        self.stage = Stage::Recursing(0);
                    }
                    Spectrum::step(self.order, self.frames)
                }
                Stage::Recursing(reached) => {
                    self.climb(reached);
                    DOUBLE * 2 * (reached + 1)
                }
            };
            *budget -= cost as i64;
        }
    }

    /// The most operations of one step.
    #[cfg(test)]
    pub(crate) const fn step(order: usize, frames: usize) -> usize {
        Spectrum::step(order, frames)
    }

    /// What all of one analysis costs.
    #[cfg(test)]
    pub(crate) const fn cost(order: usize, frames: usize) -> usize {
        Spectrum::cost(order, frames) + DOUBLE * order * (order + 1)
    }

    /// The predictor that was found, as [`Burg::predictor`](super::burg::Burg::predictor).
    pub(crate) fn predictor(&self) -> &[f64] {
        match self.stage {
            Stage::Done(order) if order > 0 => &self.predictor[..=order],
            _ => &[],
        }
    }

    /// From order `m` to the next.
    fn climb(&mut self, m: usize) {
        // The lags m + 1 down to 1 stand by the predictor's weights 0 to m.
        let lags = &self.lags[self.order - m - 1..self.order];
        let reflection = -dot64(&self.predictor[..=m], lags) / self.missed;
        if !reflection.is_finite() || reflection.abs() >= 1.0 {
            self.stage = Stage::Done(m);
            return;
        }
        self.predictor[m + 1] = 0.0;
        super::burg::add_reversed(&mut self.predictor[..m + 2], reflection);
        self.missed *= (1.0 - reflection) * (1.0 + reflection);
        self.stage = if m + 1 < self.order {
            Stage::Recursing(m + 1)
        } else {
            Stage::Done(m + 1)
        };
    }
}

/// Scales a signal and fades it in over most of its length, and out over the rest.
fn window(signal: &mut [f32], scale: f32) {
    let rising = signal.len() * RISING / 100;
    let (rise, fall) = signal.split_at_mut(rising);
    let quarter = std::f32::consts::FRAC_PI_2;
    let steps = (
        quarter / rise.len().max(1) as f32,
        quarter / fall.len().max(1) as f32,
    );
    turn(rise.iter_mut(), scale, steps.0);
    turn(fall.iter_mut().rev(), scale, steps.1);
}

/// Weights by a sine that begins half a step after 0, by a rotation from frame to frame.
fn turn<'a>(samples: impl Iterator<Item = &'a mut f32>, scale: f32, step: f32) {
    let (sine, cosine) = f64::from(step).sin_cos();
    let (mut y, mut x) = (0.5 * f64::from(step)).sin_cos();
    for sample in samples {
        *sample *= scale * y as f32;
        (y, x) = (y * cosine + x * sine, x * cosine - y * sine);
    }
}

/// The part of the window, in percent, in which it rises.
const RISING: usize = 95;
/// White noise of this part of the signal's energy is assumed in it: -70 dB.
const NOISE: f64 = 1e-7;
/// How many of the plain multiply-adds one in double precision takes.
const DOUBLE: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_solves_the_normal_equations_however_the_work_is_cut() {
        let mut random = farsend_netsim::Random::new(4);
        let x: Vec<f32> = (0..2000)
            .map(|i| (i as f32 * 0.2).sin() + 0.3 * random.unit() as f32)
            .collect();
        for budget in [1, 3000, i64::MAX] {
            let mut levinson = Levinson::new(40, 2000);
            levinson.begin(40, 2000, |out| out.copy_from_slice(&x));
            while !levinson.work(&mut budget.clone()) {}
            let a = levinson.predictor();
            assert_eq!(a.len(), 41);
            let lag = |k: usize| levinson.lags[40 - k];
            for k in 1..=40usize {
                let sum: f64 = a
                    .iter()
                    .enumerate()
                    .map(|(i, a)| a * lag(i.abs_diff(k)))
                    .sum();
                assert!(sum.abs() < 1e-6 * lag(0), "{k}: {sum}");
            }
        }
    }

    #[test]
    fn silence_and_nonsense_have_no_predictor_that_blows_up() {
        let mut levinson = Levinson::new(32, 256);
        for sample in [0.0, 1e-9, f32::MAX, 1.0] {
            levinson.begin(32, 256, |out| out.fill(sample));
            assert!(levinson.work(&mut i64::MAX.clone()));
            assert!(
                levinson
                    .predictor()
                    .iter()
                    .all(|a| a.is_finite() && a.abs() < 1e3)
            );
        }
        levinson.begin(32, 2, |out| out.fill(1.0));
        assert!(levinson.work(&mut i64::MAX.clone()));
        assert_eq!(levinson.predictor(), [0f64; 0]);
    }
}
