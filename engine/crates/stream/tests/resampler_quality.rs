//! What the resampler does to tones, measured, next to `rubato`: the numbers of docs/resampler.md.
//!
//! `cargo test -p farsend-stream --test resampler_quality -- --nocapture` prints the tables.
//!
//! THD+N is what is left of a tone's output when the sine of its frequency that fits best is taken off,
//! against that sine.

use std::f64::consts::TAU;

use farsend_stream::Resampler;
use farsend_units::SampleRate;
use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Adjustable, Async, FixedAsync, Resampler as _, SincInterpolationParameters};
use rubato::{SincInterpolationType, WindowFunction};

/// What became of a tone: its gain, and all else against it, in dB.
#[derive(Debug, Clone, Copy)]
struct Heard {
    gain: f64,
    residue: f64,
}

#[test]
fn thd_n_of_1_khz_is_below_minus_100_db() {
    for rate in [44_100, 48_000, 96_000] {
        for ratio in [1.0 - 0.01, 1.0 - 300e-6, 1.0 + 300e-6, 1.0 + 0.01] {
            let heard = tone(rate, rate, 1000.0, ratio);
            println!("{rate} at {ratio}: {heard:.1?}");
            assert!(heard.residue < -100.0, "{rate} at {ratio}: {heard:?}");
        }
    }
}

#[test]
fn equal_rates_are_flat_within_a_tenth_of_a_db_to_20_khz() {
    for rate in [44_100, 48_000, 96_000] {
        for frequency in FREQUENCIES {
            let heard = tone(rate, rate, frequency, 1.0 + 300e-6);
            println!(
                "{rate}, {frequency} Hz: {:+.3} dB, {:.1} dB",
                heard.gain, heard.residue
            );
            assert!(heard.gain.abs() < 0.1, "{rate}, {frequency} Hz: {heard:?}");
        }
    }
}

#[test]
fn other_rates_keep_tones_and_make_few_others() {
    for (from, to) in RATES {
        for frequency in FREQUENCIES {
            let heard = tone(from, to, frequency, 1.0);
            println!(
                "{from} to {to}, {frequency} Hz: {:+.3} dB, {:.1} dB",
                heard.gain, heard.residue
            );
            let (flat, residue) = if frequency <= 1000.0 {
                (0.001, -100.0)
            } else if frequency <= 18_000.0 {
                (0.01, -90.0)
            } else {
                (0.1, -40.0)
            };
            assert!(heard.gain.abs() < flat, "{from} to {to}: {frequency}");
            assert!(heard.residue < residue, "{from} to {to}: {frequency}");
        }
    }
}

#[test]
fn what_the_lower_rate_cannot_say_is_left_out() {
    for (from, to) in [(48_000, 44_100), (96_000, 48_000), (192_000, 44_100)] {
        let nyquist = f64::from(to) / 2.0;
        for above in [1.0, 1.05, 1.1, 1.2, 1.5, 2.0, 4.0] {
            let frequency = nyquist * above + 100.0;
            if frequency > f64::from(from) / 2.0 {
                continue;
            }
            let left = level(&played(from, to, frequency, 1.0));
            println!("{from} to {to}, {frequency:.0} Hz: {left:.1} dB is left");
            if above >= 1.2 {
                assert!(left < -90.0, "{from} to {to}, {frequency}: {left}");
            }
        }
    }
}

#[test]
fn rubato_does_to_tones_what_the_page_says() {
    use WindowFunction::{Blackman2, BlackmanHarris2};
    // Taps, window; of each frequency the residue and the gain, in dB.
    for (taps, window, [at_1k, at_10k, at_18k, at_20k]) in [
        (
            64,
            BlackmanHarris2,
            [(-141, 0.0), (-120, 0.0), (-110, -2.03), (-108, -14.9)],
        ),
        (
            64,
            Blackman2,
            [(-140, 0.0), (-120, 0.0), (-110, -0.04), (-108, -3.39)],
        ),
        (
            128,
            Blackman2,
            [(-139, 0.0), (-120, 0.0), (-110, 0.0), (-108, 0.0)],
        ),
        // As it is by default.
        (
            256,
            BlackmanHarris2,
            [(-137, 0.0), (-120, 0.0), (-110, 0.0), (-108, 0.0)],
        ),
    ] {
        for (frequency, (residue, gain)) in [
            (1000.0, at_1k),
            (10_000.0, at_10k),
            (18_000.0, at_18k),
            (20_000.0, at_20k),
        ] {
            let heard = rubato(taps, window, frequency, 1.0 + 300e-6);
            let what = format!("{taps} taps, {window:?}, {frequency} Hz: {heard:.2?}");
            println!("{what}");
            assert!((heard.gain - gain).abs() < 0.05, "{what}, not {gain}");
            assert!(
                (heard.residue - f64::from(residue)).abs() < 3.0,
                "{what}, not {residue}"
            );
        }
    }
}

/// A tone through ours, at `ratio` times the nominal speed.
fn tone(from: u32, to: u32, frequency: f64, ratio: f64) -> Heard {
    let out = played(from, to, frequency, ratio);
    fit(&out, frequency * ratio / f64::from(to))
}

fn played(from: u32, to: u32, frequency: f64, ratio: f64) -> Vec<f32> {
    let mut resampler = Resampler::new(1, SampleRate(from), SampleRate(to), 128);
    let step = resampler.nominal_step() * ratio;
    let (mut out, mut pushed) = (vec![0.0; 128 * 200], 0usize);
    for block in out.chunks_exact_mut(128) {
        let wanted = resampler.wants(128, step, step);
        resampler.push(wanted, |source| {
            for (i, sample) in source[0].iter_mut().enumerate() {
                *sample = sine((pushed + i) as f64 * frequency / f64::from(from));
            }
        });
        pushed += wanted;
        resampler.bend(step, step, &mut [block]);
    }
    out.split_off(128 * 20)
}

fn rubato(taps: usize, window: WindowFunction, frequency: f64, ratio: f64) -> Heard {
    let parameters = SincInterpolationParameters::new(taps, window)
        .oversampling_factor(256)
        .interpolation(SincInterpolationType::Linear);
    let mut resampler = Async::<f32>::new_sinc(1.0, 1.1, &parameters, 128, 1, FixedAsync::Output)
        .expect("sound parameters");
    resampler
        .set_resample_ratio(1.0 / ratio, false)
        .expect("sound parameters");
    let (mut out, mut pushed) = (Vec::new(), 0usize);
    for _ in 0..200 {
        let wanted = resampler.input_frames_next();
        let source: Vec<f32> = (pushed..pushed + wanted)
            .map(|i| sine(i as f64 * frequency / 48_000.0))
            .collect();
        pushed += wanted;
        let (source, mut block) = ([source], [vec![0.0f32; 128]]);
        let source = SequentialSliceOfVecs::new(&source, 1, wanted).expect("sound parameters");
        let mut into =
            SequentialSliceOfVecs::new_mut(&mut block, 1, 128).expect("sound parameters");
        resampler
            .process_into_buffer(&source, &mut into, None)
            .expect("sound parameters");
        out.extend_from_slice(&block[0]);
    }
    fit(&out[128 * 20..], frequency * ratio / 48_000.0)
}

fn sine(turns: f64) -> f32 {
    (0.5 * (turns.fract() * TAU).sin()) as f32
}

/// Takes the sine of that frequency (turns a frame) which fits best off the output of one of 0.5.
fn fit(out: &[f32], frequency: f64) -> Heard {
    let basis = |k: usize| (k as f64 * frequency * TAU).sin_cos();
    let (mut ss, mut cc, mut sc, mut sy, mut cy) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (k, y) in out.iter().enumerate() {
        let (s, c) = basis(k);
        let y = f64::from(*y);
        (ss, cc, sc) = (ss + s * s, cc + c * c, sc + s * c);
        (sy, cy) = (sy + s * y, cy + c * y);
    }
    let determinant = ss * cc - sc * sc;
    let a = (sy * cc - cy * sc) / determinant;
    let b = (cy * ss - sy * sc) / determinant;
    let residue: Vec<f32> = (out.iter().enumerate())
        .map(|(k, y)| {
            let (s, c) = basis(k);
            (f64::from(*y) - a * s - b * c) as f32
        })
        .collect();
    let gain = 20.0 * (a.hypot(b) / 0.5).log10();
    Heard {
        gain,
        residue: level(&residue) - gain,
    }
}

/// Against a sine of 0.5.
fn level(out: &[f32]) -> f64 {
    let power = out.iter().map(|y| f64::from(*y).powi(2)).sum::<f64>() / out.len() as f64;
    10.0 * (power / 0.125).log10()
}

const FREQUENCIES: [f64; 8] = [
    100.0, 1000.0, 5000.0, 10_000.0, 15_000.0, 18_000.0, 19_000.0, 20_000.0,
];
const RATES: [(u32, u32); 6] = [
    (48_000, 44_100),
    (44_100, 48_000),
    (96_000, 48_000),
    (48_000, 96_000),
    (192_000, 44_100),
    (48_000, 192_000),
];
