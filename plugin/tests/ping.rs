//! Whether a ping is found in what comes back: in noise and music, through few bits, gaps, and upside down; and never where there is none.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::f32::consts::TAU;

use farsend_plugin::ping::{Found, Probe, Unheard, find};
use farsend_units::SampleRate;

/// What a far end makes of a ping.
#[derive(Clone)]
struct Far {
    rate: u32,
    delay: f64,
    level: f32,
    /// Noise and music that come back as well, at this level (peak for music, root mean square for noise).
    noise: f32,
    music: f32,
    bits: Option<u32>,
    /// How much faster the far end's clock is, while it loops.
    ppm: f64,
    /// From and to, in seconds after the ping is back: replaced by what was last heard, over and over.
    gap: Option<(f64, f64)>,
    seed: u32,
}

const PLAIN: Far = Far {
    rate: 48_000,
    delay: 2_345.0,
    level: 1.0,
    noise: 0.0,
    music: 0.0,
    bits: None,
    ppm: 0.0,
    gap: None,
    seed: 1,
};

impl Far {
    fn longest(&self) -> usize {
        let rate = self.rate as usize;
        (self.delay as usize + rate / 10).max(rate)
    }

    fn lane(&self, probe: &Probe) -> Vec<f32> {
        let sent = probe.samples();
        let mut random = Random(self.seed.wrapping_mul(2_654_435_761) | 1);
        let length = self.longest() + sent.len();
        let mut lane = vec![0.0; length];
        for (frame, sample) in lane.iter_mut().enumerate() {
            let at = (frame as f64 - self.delay) * (1.0 + self.ppm * 1e-6);
            *sample = self.level * sampled(sent, at);
            if self.noise > 0.0 {
                // A sum of some is nearly normal; its root mean square is 1.
                let sum: f32 = (0..4).map(|_| random.next()).sum();
                *sample += self.noise * sum * (3.0_f32 / 4.0).sqrt();
            }
        }
        if self.music > 0.0 {
            play(&mut lane, self.rate, self.music, &mut random);
        }
        if let Some((from, to)) = self.gap {
            let frame = |s: f64| (self.delay + s * f64::from(self.rate)) as usize;
            let (from, to) = (frame(from), frame(to));
            let before = 256.min(from);
            for at in from..to {
                lane[at] = lane[at - before];
            }
        }
        if let Some(bits) = self.bits {
            let steps = (1_u32 << (bits - 1)) as f32;
            for sample in &mut lane {
                *sample = (*sample * steps).round().clamp(-steps, steps - 1.0) / steps;
            }
        }
        lane
    }

    fn found(&self) -> Result<Found, Unheard> {
        let probe = Probe::new(SampleRate(self.rate));
        find(&probe, &[self.lane(&probe)], self.longest())
    }
}

/// A sample between samples, well enough for what is far below half the rate.
fn sampled(samples: &[f32], at: f64) -> f32 {
    let (whole, part) = (at.floor(), at.fract());
    if part.abs() < 1e-9 {
        let index = usize::try_from(whole as i64).ok();
        return index
            .and_then(|index| samples.get(index))
            .copied()
            .unwrap_or(0.0);
    }
    let mut sum = 0.0;
    for k in -15..=16_i64 {
        let index = usize::try_from(whole as i64 + k).ok();
        let Some(sample) = index.and_then(|index| samples.get(index)) else {
            continue;
        };
        let x = part - k as f64;
        let sinc = if x == 0.0 {
            1.0
        } else {
            (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI)
        };
        let window = 0.5 + 0.5 * (x / 16.5 * std::f64::consts::PI).cos();
        sum += f64::from(*sample) * sinc * window;
    }
    sum as f32
}

struct Random(u32);

impl Random {
    /// -1 to 1.
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as f32 / u32::MAX as f32 * 2.0 - 1.0
    }
}

/// Plucked chords and a drum, `peak` at the most.
fn play(lane: &mut [f32], rate: u32, peak: f32, random: &mut Random) {
    let rate = rate as f32;
    let mut at = 0;
    while at < lane.len() {
        let pitch = 110.0 * (2.0_f32).powf((random.next() * 18.0).round() / 12.0 + 1.0);
        let length = (rate * 0.4) as usize;
        for (frame, sample) in lane[at..].iter_mut().take(length).enumerate() {
            let t = frame as f32 / rate;
            let string: f32 = (1..=12)
                .map(|k| k as f32)
                .map(|k| (TAU * pitch * k * t).sin() / k * (-t * 3.0 * k).exp())
                .sum();
            let drum = random.next() * (-t * 60.0).exp();
            *sample += peak * 0.45 * (string * 0.7 + drum);
        }
        at += (rate * 0.15) as usize;
    }
}

#[track_caller]
fn assert_found(what: &str, far: &Far, off: f64) -> Found {
    let found = far.found();
    let Ok(found) = found else {
        panic!("{what}: {found:?}");
    };
    let wrong = (f64::from(found.frames) - far.delay).abs();
    assert!(wrong <= off, "{what}: {found:?}, not {}", far.delay);
    found
}

#[test]
fn a_loop_is_known_to_the_sample_at_any_rate_and_up_to_four_seconds() {
    for (rate, delay) in [
        (48_000, 0.0),
        (48_000, 128.0),
        (44_100, 2_345.0),
        (48_000, 191_000.0),
        (22_050, 88_100.0),
        (96_000, 30_001.0),
        (8_000, 777.0),
    ] {
        let far = Far {
            rate,
            delay,
            ..PLAIN
        };
        let found = assert_found(&format!("{delay} at {rate}"), &far, 0.0);
        assert!(found.confidence > 0.5 && !found.inverted, "{found:?}");
    }
}

#[test]
fn it_is_known_through_few_bits_and_quietly_and_upside_down() {
    for bits in [8, 16, 24] {
        for level in [1.0, 0.25] {
            let far = Far {
                bits: Some(bits),
                level,
                ..PLAIN
            };
            assert_found(&format!("{bits} bit, {level}"), &far, 0.0);
        }
    }
    let far = Far {
        level: -0.5,
        ..PLAIN
    };
    assert!(assert_found("upside down", &far, 0.0).inverted);
    let far = Far {
        level: 0.01,
        bits: Some(24),
        ..PLAIN
    };
    assert_found("40 dB below", &far, 0.0);
}

#[test]
fn it_is_known_in_noise_and_while_the_far_end_plays() {
    for seed in 1..=4 {
        for (noise, music) in [
            (0.05, 0.0),
            (0.15, 0.0),
            (0.0, 0.25),
            (0.0, 0.8),
            (0.03, 0.5),
        ] {
            let far = Far {
                noise,
                music,
                seed,
                delay: 7_001.0,
                ..PLAIN
            };
            assert_found(&format!("noise {noise}, music {music}, {seed}"), &far, 0.0);
        }
    }
}

#[test]
fn what_is_hidden_of_it_is_done_without() {
    for gap in [
        (0.05, 0.06),
        (0.0, 0.1),
        (0.1, 0.19),
        (0.21, 0.3),
        (0.0, 0.2),
    ] {
        let far = Far {
            gap: Some(gap),
            noise: 0.002,
            bits: Some(16),
            ..PLAIN
        };
        assert_found(&format!("{gap:?}"), &far, 0.0);
    }
}

#[test]
fn a_clock_that_drifts_makes_a_fraction_of_a_sample() {
    for ppm in [-300.0, -50.0, 50.0, 300.0] {
        let far = Far {
            ppm,
            noise: 0.001,
            ..PLAIN
        };
        // Each chirp's own middle is that much earlier or later.
        assert_found(
            &format!("{ppm} ppm"),
            &far,
            0.19 * ppm.abs() * 1e-6 * 48_000.0 + 1.0,
        );
    }
    let far = Far {
        delay: 2_345.4,
        ..PLAIN
    };
    let found = assert_found("a fraction", &far, 0.5);
    assert!((found.exactly - 2_345.4).abs() < 0.1, "{found:?}");
}

#[test]
fn it_is_found_on_whichever_channel_it_comes_back() {
    let probe = Probe::new(SampleRate::HZ_48000);
    let heard = PLAIN.lane(&probe);
    let other = Far {
        level: 0.0,
        music: 0.7,
        ..PLAIN
    }
    .lane(&probe);
    let silence = vec![0.0; heard.len()];
    for lanes in [
        vec![silence.clone(), heard.clone()],
        vec![other.clone(), heard.clone(), silence],
        vec![heard, other],
    ] {
        assert_eq!(
            find(&probe, &lanes, PLAIN.longest()).map(|found| found.frames),
            Ok(2_345)
        );
    }
}

#[test]
fn where_nothing_comes_back_that_is_said() {
    let silent = Far {
        level: 0.0,
        ..PLAIN
    };
    assert_eq!(silent.found(), Err(Unheard::Silence));
    for seed in 1..=6 {
        for (noise, music) in [(0.1, 0.0), (0.0, 0.8), (0.01, 0.3), (0.000_1, 0.0)] {
            let far = Far {
                noise,
                music,
                seed,
                ..silent.clone()
            };
            assert_eq!(
                far.found(),
                Err(Unheard::NotLooped),
                "noise {noise}, music {music}, {seed}"
            );
        }
    }
    let probe = Probe::new(SampleRate::HZ_48000);
    assert_eq!(find(&probe, &[], 4_800), Err(Unheard::Silence));
    assert_eq!(
        find(&probe, &[vec![0.5; 100]], 4_800),
        Err(Unheard::Silence)
    );
    let nonsense = vec![f32::NAN; probe.samples().len() + 4_800];
    assert_eq!(find(&probe, &[nonsense], 4_800), Err(Unheard::Silence));
}

#[test]
fn what_comes_back_twice_alike_is_not_guessed_at() {
    let probe = Probe::new(SampleRate::HZ_48000);
    let mut lane = PLAIN.lane(&probe);
    let later = Far {
        delay: 9_000.0,
        ..PLAIN
    }
    .lane(&probe);
    lane.iter_mut()
        .zip(&later)
        .for_each(|(one, other)| *one += other);
    assert_eq!(
        find(&probe, &[lane], PLAIN.longest()),
        Err(Unheard::Ambiguous)
    );
    // A quieter echo does no harm.
    let mut lane = PLAIN.lane(&probe);
    lane.iter_mut()
        .zip(&later)
        .for_each(|(one, other)| *one += 0.4 * other);
    let found = find(&probe, &[lane], PLAIN.longest());
    assert_eq!(found.map(|found| found.frames), Ok(2_345));
}
