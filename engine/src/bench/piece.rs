//! The piece that is played where no WAV is given: long chords, plucked notes and a drum, made of sines and noise.

use std::f64::consts::TAU;

use farsend_netsim::Random;
use farsend_units::SampleRate;

/// So many seconds of it, one channel, peaks below full scale.
pub fn piece(rate: SampleRate, seconds: f64) -> Vec<f32> {
    let frames = (seconds * f64::from(rate.0)) as usize;
    let mut mix = vec![0.0; frames];
    for beat in 0..(seconds / BEAT).ceil() as usize {
        let start = beat as f64 * BEAT;
        let degree = SCALE[beat * 5 % 7] + 12 * ((beat / 3) % 2) as i32;
        add(&mut mix, rate, start, 1.2, &mut |t| {
            pluck(pitch(57 + degree), t)
        });
        if beat % 8 == 0 {
            for step in [0, 4, 7] {
                let note = pitch(45 + SCALE[beat / 8 * 3 % 7] + step);
                add(&mut mix, rate, start, 8.0 * BEAT, &mut |t| bow(note, t));
            }
        }
        if beat % 2 == 1 {
            let mut random = Random::new(beat as u64);
            add(&mut mix, rate, start, 0.15, &mut |t| {
                (random.unit() - 0.5) * (-t * 40.0).exp() * 0.5
            });
        }
    }
    mix.into_iter().map(|x: f64| x as f32).collect()
}

/// Adds `sound`, by seconds since its start, for `length` seconds; the last hundredth fades.
fn add(
    mix: &mut [f64],
    rate: SampleRate,
    start: f64,
    length: f64,
    sound: &mut dyn FnMut(f64) -> f64,
) {
    let rate = f64::from(rate.0);
    let first = (start * rate).ceil() as usize;
    for (i, x) in mix
        .iter_mut()
        .enumerate()
        .skip(first)
        .take((length * rate) as usize)
    {
        let t = (i as f64 / rate - start).max(0.0);
        *x += sound(t) * ((length - t) * 100.0).clamp(0.0, 1.0);
    }
}

/// A string that is plucked: higher partials fade sooner.
fn pluck(hertz: f64, t: f64) -> f64 {
    let attack = 1.0 - (-t * 800.0).exp();
    let partial = |k: f64| (TAU * hertz * k * t).sin() / k * (-t * (1.5 + k)).exp();
    (1..=10).map(f64::from).map(partial).sum::<f64>() * attack * 0.15
}

/// Strings that are bowed: slow to begin, with vibrato.
fn bow(hertz: f64, t: f64) -> f64 {
    let attack = 1.0 - (-t * 4.0).exp();
    let phase = TAU * hertz * t + 0.8 * (TAU * 5.2 * t).sin();
    let partial = |k: f64| (phase * k).sin() / k.powf(1.3);
    (1..=12).map(f64::from).map(partial).sum::<f64>() * attack * 0.04
}

fn pitch(note: i32) -> f64 {
    440.0 * 2f64.powf(f64::from(note - 69) / 12.0)
}

const BEAT: f64 = 0.31;
const SCALE: [i32; 7] = [0, 2, 3, 5, 7, 8, 10];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_is_loud_enough_and_does_not_clip() {
        let piece = piece(SampleRate::HZ_48000, 10.0);
        assert_eq!(piece.len(), 480_000);
        let peak = piece.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
        assert!((0.3..0.95).contains(&peak), "{peak}");
    }
}
