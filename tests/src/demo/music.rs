//! Twenty seconds of music, computed: a harp's broken chords under a piano's melody, in a small room.
//!
//! The chords are those of the beginning of Bach's prelude in C major (BWV 846), the melody above is our own.
//! The strings are Karplus and Strong's (1983), the piano is additive with stretched partials, the room is
//! Schroeder's (1962). The same on every machine and at every call.

use std::f64::consts::TAU;

/// Left and right.
pub type Stereo = [Vec<f32>; 2];

/// Length of the piece, with its last chord and the room's echo.
pub const SECONDS: f64 = 20.0;

/// Loudest sample of the whole.
const PEAK: f32 = 0.7;

/// A sixteenth, in seconds.
const STEP: f64 = 0.141;

/// MIDI notes of the broken chords, a line a bar; each is played 1 2 3 4 5 3 4 5, twice.
const CHORDS: [[u8; 5]; 8] = [
    [60, 64, 67, 72, 76],
    [60, 62, 69, 74, 77],
    [59, 62, 67, 74, 77],
    [60, 64, 67, 72, 76],
    [60, 64, 69, 76, 81],
    [60, 62, 66, 69, 74],
    [59, 62, 67, 74, 79],
    [55, 59, 62, 65, 71],
];

const ORDER: [usize; 8] = [0, 1, 2, 3, 4, 2, 3, 4];

/// The melody: (bar, sixteenth within it, MIDI note, sixteenths, loudness).
const MELODY: [(u8, u8, u8, u8, f64); 22] = [
    (0, 4, 79, 8, 0.55),
    (0, 12, 76, 4, 0.45),
    (1, 0, 81, 10, 0.65),
    (1, 10, 79, 2, 0.45),
    (1, 12, 77, 4, 0.5),
    (2, 0, 79, 10, 0.6),
    (2, 10, 77, 2, 0.45),
    (2, 12, 74, 4, 0.5),
    (3, 0, 76, 12, 0.6),
    (3, 12, 79, 4, 0.55),
    (4, 0, 84, 10, 0.8),
    (4, 10, 83, 2, 0.55),
    (4, 12, 81, 4, 0.6),
    (5, 0, 81, 6, 0.65),
    (5, 6, 79, 4, 0.55),
    (5, 10, 78, 6, 0.55),
    (6, 0, 79, 8, 0.7),
    (6, 8, 83, 4, 0.6),
    (6, 12, 86, 4, 0.7),
    (7, 0, 86, 6, 0.6),
    (7, 6, 83, 4, 0.5),
    (7, 10, 79, 6, 0.5),
];

/// The last chord, from the bass up.
const LAST: [u8; 6] = [36, 48, 60, 67, 72, 76];

/// Renders the piece at `rate` frames a second.
pub fn render(rate: u32) -> Stereo {
    let mut score = Score::new(rate);
    for (bar, chord) in CHORDS.iter().enumerate() {
        for step in 0..16 {
            let voice = ORDER[step % 8];
            let at = (bar * 16 + step) as f64 * STEP;
            let loud = if step % 8 == 0 { 0.42 } else { 0.30 };
            score.pluck(at, chord[voice], 2.2, loud, 0.25 + 0.12 * voice as f64);
        }
        score.piano(
            bar as f64 * 16.0 * STEP,
            chord[0] - 24,
            16.0 * STEP,
            0.38,
            0.42,
        );
    }
    for (bar, step, note, steps, loud) in MELODY {
        let at = (f64::from(bar) * 16.0 + f64::from(step)) * STEP;
        score.piano(at, note, f64::from(steps) * STEP + 0.25, loud, 0.6);
    }
    let end = CHORDS.len() as f64 * 16.0 * STEP;
    for (i, note) in (0_u8..).zip(LAST) {
        let at = end + f64::from(i) * 0.045;
        score.pluck(at, note, 4.0, 0.2, 0.2 + 0.12 * f64::from(i));
        score.piano(at, note, 3.0, 0.16, 0.5);
    }
    score.finish()
}

struct Score {
    rate: f64,
    dry: [Vec<f64>; 2],
    random: u64,
}

impl Score {
    fn new(rate: u32) -> Score {
        let frames = (SECONDS * f64::from(rate)) as usize;
        Score {
            rate: f64::from(rate),
            dry: [vec![0.0; frames], vec![0.0; frames]],
            random: 0x5eed,
        }
    }

    /// A plucked string: noise in a loop that loses its treble. `pan` from 0, left, to 1, right.
    fn pluck(&mut self, at: f64, note: u8, seconds: f64, loud: f64, pan: f64) {
        let period = self.rate / hertz(note);
        let length = (period - 0.5).floor() as usize;
        // An allpass tunes the loop by what is missing of a sample.
        let missing = period - 0.5 - length as f64;
        let tune = (1.0 - missing) / (1.0 + missing);
        let mut string: Vec<f64> = (0..length).map(|_| self.noise()).collect();
        // A soft fingertip rather than a plectrum.
        for _ in 0..3 {
            for i in 1..length {
                string[i] = 0.5 * (string[i] + string[i - 1]);
            }
        }
        // What stays of the noise's mean would stay for ever.
        let mean = string.iter().sum::<f64>() / length as f64;
        string.iter_mut().for_each(|sample| *sample -= mean);
        let keep = 0.001_f64.powf(1.0 / (seconds * hertz(note)));
        let (mut last, mut before, mut tuned) = (0.0, 0.0, 0.0);
        let frames = (seconds * self.rate) as usize;
        self.play(at, frames, pan, |i, _| {
            let place = i % length;
            let filtered = keep * 0.5 * (string[place] + last);
            last = string[place];
            tuned = tune * (filtered - tuned) + before;
            before = filtered;
            string[place] = tuned;
            2.2 * loud * tuned
        });
    }

    /// A struck string: partials a little sharp, the higher the shorter.
    fn piano(&mut self, at: f64, note: u8, seconds: f64, loud: f64, pan: f64) {
        let base = hertz(note);
        let stretch = 0.000_35;
        let rate = self.rate;
        let partials: Vec<(f64, f64, f64)> = (1..=12)
            .map(|k| {
                let k = f64::from(k);
                let frequency = k * base * (1.0 + stretch * k * k).sqrt();
                let level = loud * (1.1 + loud).powf(-(k - 1.0)) / k.sqrt();
                (frequency, level, 1.2 + 0.5 * k + base / 700.0)
            })
            .filter(|(frequency, ..)| *frequency < 0.45 * rate)
            .collect();
        let release = 0.12;
        let frames = ((seconds + release) * rate) as usize;
        self.play(at, frames, pan, |_, t| {
            let sound: f64 = partials
                .iter()
                .map(|(frequency, level, decay)| {
                    level * (-decay * t).exp() * (TAU * frequency * t).sin()
                })
                .sum();
            let attack = (t / 0.004).min(1.0);
            let damper = ((seconds + release - t) / release).clamp(0.0, 1.0);
            0.30 * attack * damper * sound
        });
    }

    fn play(&mut self, at: f64, frames: usize, pan: f64, mut sound: impl FnMut(usize, f64) -> f64) {
        let start = (at * self.rate) as usize;
        let end = (start + frames).min(self.dry[0].len());
        let angle = pan.clamp(0.0, 1.0) * TAU / 4.0;
        for frame in start..end {
            let i = frame - start;
            let sample = sound(i, i as f64 / self.rate);
            self.dry[0][frame] += angle.cos() * sample;
            self.dry[1][frame] += angle.sin() * sample;
        }
    }

    fn noise(&mut self) -> f64 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    /// Puts it into a room, fades its end and sets its level.
    fn finish(self) -> Stereo {
        let rate = self.rate;
        let wet: Vec<Vec<f64>> = self
            .dry
            .iter()
            .zip([0.0, 0.0007])
            .map(|(dry, spread)| room(dry, rate, spread))
            .collect();
        let frames = self.dry[0].len();
        let fade = (1.2 * rate) as usize;
        let mixed: Vec<Vec<f64>> = (0..2)
            .map(|side| {
                let sample = |i: usize| {
                    let fading = ((frames - i) as f64 / fade as f64).min(1.0);
                    fading * (self.dry[side][i] + 0.16 * wet[side][i] + 0.05 * wet[1 - side][i])
                };
                (0..frames).map(sample).collect()
            })
            .collect();
        let peak = mixed
            .iter()
            .flatten()
            .fold(0.0_f64, |peak, sample| peak.max(sample.abs()));
        let scale = f64::from(PEAK) / peak;
        [0, 1].map(|side| {
            mixed[side]
                .iter()
                .map(|sample| (sample * scale) as f32)
                .collect()
        })
    }
}

/// Four combs side by side, then two allpasses.
fn room(dry: &[f64], rate: f64, spread: f64) -> Vec<f64> {
    let delay = |seconds: f64| ((seconds + spread) * rate) as usize;
    let mut wet = vec![0.0; dry.len()];
    for (seconds, keep) in [
        (0.0297, 0.80),
        (0.0371, 0.77),
        (0.0411, 0.75),
        (0.0437, 0.73),
    ] {
        let length = delay(seconds);
        let mut line = vec![0.0; length];
        let mut soft = 0.0;
        for (i, (dry, wet)) in dry.iter().zip(&mut wet).enumerate() {
            let echo = line[i % length];
            soft = 0.6 * echo + 0.4 * soft;
            line[i % length] = dry + keep * soft;
            *wet += 0.25 * echo;
        }
    }
    for seconds in [0.005, 0.0017] {
        let length = delay(seconds);
        let mut line = vec![0.0; length];
        for (i, sample) in wet.iter_mut().enumerate() {
            let echo = line[i % length];
            let input = *sample + 0.7 * echo;
            line[i % length] = input;
            *sample = echo - 0.7 * input;
        }
    }
    wet
}

fn hertz(note: u8) -> f64 {
    440.0 * 2.0_f64.powf((f64::from(note) - 69.0) / 12.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_piece_is_as_long_and_as_loud_as_it_should_be_and_sounds_throughout() {
        let rate = 8_000;
        let [left, right] = render(rate);
        assert_eq!((left.len(), right.len()), (160_000, 160_000));
        let peak = left
            .iter()
            .chain(&right)
            .fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
        assert!((peak - PEAK).abs() < 1e-3, "{peak}");
        for second in 0..19 {
            let part = &left[second * 8_000..(second + 1) * 8_000];
            let level = (part.iter().map(|x| x * x).sum::<f32>() / 8_000.0).sqrt();
            assert!(level > 0.005, "second {second}: {level}");
        }
    }
}
