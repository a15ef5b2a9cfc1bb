//! How different the two sound, by the ear's bands: log-mel distance.

use std::f64::consts::TAU;

use farsend_units::SampleRate;
use realfft::RealFftPlanner;

use crate::align::Aligned;

/// Mean absolute difference of the spectra in [`BANDS`] bands, in dB, over the frames in which
/// something was sent. Each is heard at the delay of the block that its middle is in.
pub(crate) fn distance(sent: &[f32], aligned: &Aligned<'_>, rate: SampleRate) -> f64 {
    let mut spectrum = Spectrum::new(rate);
    let starts = || (0..(sent.len() + 1).saturating_sub(WINDOW)).step_by(HOP);
    let original: Vec<[f64; BANDS]> = starts()
        .map(|at| spectrum.bands(|i| f64::from(sent[at + i])))
        .collect();
    let loudest_frame = original.iter().map(sum).fold(0.0, f64::max);
    let loudest_band = original.iter().flatten().copied().fold(0.0, f64::max);
    let (mut total, mut frames) = (0.0, 0);
    for (at, bands) in starts().zip(&original) {
        if sum(bands) <= loudest_frame * FRAME_FLOOR {
            continue;
        }
        let from = at as i64 + aligned.whole_delay(at + WINDOW / 2);
        let heard = spectrum.bands(|i| aligned.heard(from + i as i64));
        let floor = loudest_band * BAND_FLOOR;
        let pairs = bands.iter().zip(&heard);
        let difference = pairs.map(|(a, b)| (10.0 * (a.max(floor) / b.max(floor)).log10()).abs());
        total += difference.sum::<f64>() / BANDS as f64;
        frames += 1;
    }
    if frames == 0 {
        return f64::NAN;
    }
    total / f64::from(frames)
}

fn sum(bands: &[f64; BANDS]) -> f64 {
    bands.iter().sum()
}

struct Spectrum {
    fft: std::sync::Arc<dyn realfft::RealToComplex<f64>>,
    hann: Vec<f64>,
    input: Vec<f64>,
    output: Vec<realfft::num_complex::Complex<f64>>,
    /// Of each bin: the first of two neighbouring bands, and the second one's share.
    places: Vec<Option<(usize, f64)>>,
}

impl Spectrum {
    fn new(rate: SampleRate) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(WINDOW);
        let (input, output) = (fft.make_input_vec(), fft.make_output_vec());
        let highest = (f64::from(rate.0) / 2.0).min(HIGHEST);
        let (low, high) = (mel(LOWEST), mel(highest));
        // Band `b` peaks at point `b + 1` of BANDS + 2 evenly spread ones, and ends at its neighbours.
        let place = |bin: usize| {
            let hertz = bin as f64 * f64::from(rate.0) / WINDOW as f64;
            let point = (mel(hertz) - low) / (high - low) * (BANDS + 1) as f64;
            (point > 0.0 && point < (BANDS + 1) as f64)
                .then(|| (point as usize, point - point.floor()))
        };
        let places = (0..output.len()).map(place).collect();
        let hann = |i| 0.5 - 0.5 * (TAU * i as f64 / WINDOW as f64).cos();
        Self {
            hann: (0..WINDOW).map(hann).collect(),
            fft,
            input,
            output,
            places,
        }
    }

    /// The energy in each band.
    fn bands(&mut self, sample: impl Fn(usize) -> f64) -> [f64; BANDS] {
        for ((i, x), hann) in self.input.iter_mut().enumerate().zip(&self.hann) {
            *x = sample(i) * hann;
        }
        let mut bands = [0.0; BANDS];
        let done = self.fft.process(&mut self.input, &mut self.output);
        debug_assert!(done.is_ok(), "the vectors are the plan's own");
        for (bin, place) in self.output.iter().zip(&self.places) {
            let Some((point, share)) = *place else {
                continue;
            };
            let energy = bin.norm_sqr();
            if let Some(band) = point.checked_sub(1) {
                bands[band] += energy * (1.0 - share);
            }
            if let Some(band) = bands.get_mut(point) {
                *band += energy * share;
            }
        }
        bands
    }
}

fn mel(hertz: f64) -> f64 {
    2595.0 * (1.0 + hertz / 700.0).log10()
}

/// Triangles, evenly spread in mel from [`LOWEST`] to [`HIGHEST`] or half the rate.
const BANDS: usize = 48;
const LOWEST: f64 = 40.0;
const HIGHEST: f64 = 16_000.0;

/// Frames of a spectrum, and from one to the next.
const WINDOW: usize = 1024;
const HOP: usize = 256;

/// What is weaker than this part of the loudest band of all is taken to be as strong as this: -80 dB.
const BAND_FLOOR: f64 = 1e-8;

/// A spectrum weaker than this part of the loudest one is left out: -50 dB.
const FRAME_FLOOR: f64 = 1e-5;
