//! Finds the probe in what came back. Pure; allocates, and takes some milliseconds for each second of audio.
//!
//! Each channel is looked at by itself: limited to the probe's band, and compared with both chirps at every delay. The measure is how
//! much of the sound there *is* the chirp, from 0 to 1 (a normalised correlation), so that neither loud music nor a quiet return makes a
//! difference by itself. The delay is where both chirps together are most of what is heard.

use realfft::num_complex::Complex;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::sync::Arc;

use thiserror::Error;

use super::probe::Probe;

/// The way there and back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Frames from a sample's call of `process()` to that in which it comes back.
    pub frames: u32,
    /// The same with its fraction, which there is where the far end's clock is another one.
    pub exactly: f64,
    /// How sure that is, from 0 to 1: how far the best delay stands out from all others.
    pub confidence: f32,
    /// Whether the far end turns the signal upside down.
    pub inverted: bool,
}

/// Why there is no delay to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Unheard {
    /// Nothing came back at all.
    #[error("nothing comes back: the far end sends silence")]
    Silence,
    /// Something came back, but not what was sent.
    #[error("what was sent does not come back: the far end is not looped")]
    NotLooped,
    /// It came back in more than one way.
    #[error("what was sent comes back more than once, so that it is not clear which way counts")]
    Ambiguous,
}

/// Looks for `probe` in `lanes`: what came back on each channel from the probe's first frame on. Delays up to `longest` frames are
/// looked at, as far as there is audio: a lane should be `longest` and the probe's length long.
///
/// # Errors
/// [`Unheard`], a plain sentence.
pub fn find(probe: &Probe, lanes: &[Vec<f32>], longest: usize) -> Result<Found, Unheard> {
    let length = lanes.iter().map(Vec::len).max().unwrap_or(0);
    let Some(most) = length.checked_sub(probe.samples().len()) else {
        return Err(Unheard::Silence);
    };
    let searcher = Searcher::new(probe, length, longest.min(most));
    let mut best: Result<Found, Unheard> = Err(Unheard::Silence);
    for lane in lanes {
        let found = searcher.search(lane);
        best = match (best, found) {
            (Ok(best), Ok(found)) if found.confidence <= best.confidence => Ok(best),
            (_, Ok(found)) => Ok(found),
            (Ok(best), _) => Ok(best),
            (Err(Unheard::Silence), error) => error,
            (Err(Unheard::NotLooped), Err(Unheard::Ambiguous)) => Err(Unheard::Ambiguous),
            (best, _) => best,
        };
    }
    best
}

struct Searcher<'a> {
    probe: &'a Probe,
    /// Delays that are looked at: 0 and so many more.
    longest: usize,
    size: usize,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
    chirps: [Vec<Complex<f32>>; 2],
}

impl<'a> Searcher<'a> {
    fn new(probe: &'a Probe, length: usize, longest: usize) -> Self {
        let size = length.next_power_of_two().max(2);
        let mut planner = RealFftPlanner::new();
        let forward = planner.plan_fft_forward(size);
        let backward = planner.plan_fft_inverse(size);
        let mut searcher = Self {
            probe,
            longest,
            size,
            forward,
            backward,
            chirps: Default::default(),
        };
        searcher.chirps = [probe.up(), probe.down()].map(|chirp| searcher.spectrum(chirp));
        searcher
    }

    /// The probe's band of what these samples hold.
    fn spectrum(&self, samples: &[f32]) -> Vec<Complex<f32>> {
        let mut room = vec![0.0; self.size];
        for (room, sample) in room.iter_mut().zip(samples) {
            *room = if sample.is_finite() { *sample } else { 0.0 };
        }
        let mut spectrum = self.forward.make_output_vec();
        // It cannot fail: both were made for this size.
        let _ = self.forward.process(&mut room, &mut spectrum);
        let [low, high] = self.probe.band();
        let bin = self.probe.rate() / self.size as f64;
        let beyond = |index: usize| !(low..=high).contains(&(index as f64 * bin));
        for (index, value) in spectrum.iter_mut().enumerate() {
            if beyond(index) {
                *value = Complex::default();
            }
        }
        spectrum
    }

    fn samples(&self, mut spectrum: Vec<Complex<f32>>) -> Vec<f32> {
        let mut samples = self.backward.make_output_vec();
        // Both ends are 0 as the band leaves them out, or real: else the transform would refuse.
        for end in [0, spectrum.len() - 1] {
            spectrum[end].im = 0.0;
        }
        let _ = self.backward.process(&mut spectrum, &mut samples);
        let scale = 1.0 / self.size as f32;
        samples.iter_mut().for_each(|sample| *sample *= scale);
        samples
    }

    fn search(&self, lane: &[f32]) -> Result<Found, Unheard> {
        let spectrum = self.spectrum(lane);
        let heard = self.samples(spectrum.clone());
        let energies = running(&heard);
        let loudest = heard
            .iter()
            .fold(0.0_f32, |most, sample| most.max(sample.abs()));
        if loudest < SILENCE {
            return Err(Unheard::Silence);
        }
        let second = self.probe.second();
        let [up, down] = [(0, 0), (1, second)]
            .map(|(chirp, from)| self.likeness(&spectrum, &energies, chirp, from));
        self.judge(&up, &down)
    }

    /// How much of what is heard is this chirp, at each delay: -1 to 1.
    fn likeness(
        &self,
        heard: &[Complex<f32>],
        energies: &[f64],
        chirp: usize,
        from: usize,
    ) -> Vec<f32> {
        let sought = &self.chirps[chirp];
        let products = heard
            .iter()
            .zip(sought)
            .map(|(heard, sought)| heard * sought.conj());
        let products = self.samples(products.collect());
        let length = self.probe.up().len();
        let own = {
            let own = self.samples(sought.clone());
            own.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>()
        };
        let quietest = length as f64 * f64::from(SILENCE).powi(2);
        (from..=from + self.longest)
            .map(|delay| {
                let end = (delay + length).min(energies.len() - 1);
                let there = energies[end] - energies[delay.min(end)];
                (f64::from(products[delay]) / ((there + quietest) * own).sqrt()) as f32
            })
            .collect()
    }

    /// The delay at which both are most of what is heard.
    fn judge(&self, up: &[f32], down: &[f32]) -> Result<Found, Unheard> {
        let slack = self.probe.frames(SLACK_S).max(2);
        let apart = self.probe.frames(APART_S).max(slack);
        // Only where one of them is there at all.
        let candidates: Vec<(usize, f32)> = (0..up.len())
            .filter(|at| up[*at].abs().max(down[*at].abs()) > FAINT)
            .map(|at| (at, peak(up, at, slack).1 + peak(down, at, slack).1))
            .collect();
        let of_most =
            |most: (usize, f32), one: &(usize, f32)| if one.1 > most.1 { *one } else { most };
        let best = candidates.iter().fold((0, 0.0), of_most);
        if best.1 < ENOUGH {
            return Err(Unheard::NotLooped);
        }
        let others = candidates
            .iter()
            .filter(|(at, _)| at.abs_diff(best.0) > apart);
        let second = others.fold((0, 2.0 * FAINT), of_most).1;
        let confidence = 1.0 - second / best.1;
        if confidence < SURE {
            let why = if best.1 > 3.0 * ENOUGH {
                Unheard::Ambiguous
            } else {
                Unheard::NotLooped
            };
            return Err(why);
        }
        let [up, down] = [up, down].map(|likeness| {
            let (at, height) = peak(likeness, best.0, slack);
            (between(likeness, at), height, likeness[at] < 0.0)
        });
        // One of them may have fallen into a gap.
        let exactly = if up.1 < 0.5 * down.1 {
            down.0
        } else if down.1 < 0.5 * up.1 {
            up.0
        } else {
            (up.0 + down.0) / 2.0
        };
        let inverted = if up.1 > down.1 { up.2 } else { down.2 };
        Ok(Found {
            frames: exactly.round().max(0.0) as u32,
            exactly,
            confidence: confidence.clamp(0.0, 1.0),
            inverted,
        })
    }
}

/// Sums of squares up to each sample.
fn running(samples: &[f32]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = Vec::with_capacity(samples.len() + 1);
    sums.push(0.0);
    sums.extend(samples.iter().map(|sample| {
        sum += f64::from(*sample).powi(2);
        sum
    }));
    sums
}

/// The highest near a delay, and how high.
fn peak(likeness: &[f32], around: usize, slack: usize) -> (usize, f32) {
    let from = around.saturating_sub(slack);
    let to = (around + slack + 1).min(likeness.len());
    let near = likeness[from..to].iter().enumerate();
    near.fold((around, 0.0), |most, (at, value)| {
        if value.abs() > most.1 {
            (from + at, value.abs())
        } else {
            most
        }
    })
}

/// Where a curve through a peak and its neighbours is highest.
fn between(likeness: &[f32], at: usize) -> f64 {
    let [Some(before), Some(after)] = [at.checked_sub(1), at.checked_add(1)]
        .map(|index| index.and_then(|index| likeness.get(index)))
    else {
        return at as f64;
    };
    let [before, top, after] = [*before, likeness[at], *after].map(|value| f64::from(value.abs()));
    let bend = before - 2.0 * top + after;
    let off = if bend < 0.0 {
        0.5 * (before - after) / bend
    } else {
        0.0
    };
    at as f64 + off.clamp(-0.5, 0.5)
}

/// What is quieter than this, -94 dB, does not count as sound.
const SILENCE: f32 = 2e-5;
/// A likeness of chance: of hundreds of thousands of delays one in noise has it.
const FAINT: f32 = 0.08;
/// Both together are at least this, ...
const ENOUGH: f32 = 0.25;
/// ... and stand out from the next best delay by this part.
const SURE: f32 = 0.25;
/// Seconds by which both may differ: clocks that drift by a thousandth.
const SLACK_S: f64 = 0.2e-3;
/// What is nearer than this is the same delay.
const APART_S: f64 = 5e-3;
