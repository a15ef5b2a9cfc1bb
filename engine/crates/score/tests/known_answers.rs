//! The scorer finds what was put in.

use std::f64::consts::TAU;

use farsend_netsim::Random;
use farsend_score::{Plan, Score, convert, score};
use farsend_units::SampleRate;

const RATE: SampleRate = SampleRate::HZ_48000;
const SECONDS: usize = 6;

#[test]
fn what_is_the_same_to_the_bit_has_no_error() {
    let sent = music();
    let found = compare(&sent, &delayed(&sent, 1234));
    assert_eq!(found.signal_to_error, 200.0);
    assert_eq!(found.middle, 200.0);
    assert_eq!(found.log_mel, 0.0);
    assert_eq!(found.clicks, []);
    assert_eq!(found.blocks.len(), 2 * SECONDS);
    assert!(found.blocks.iter().all(|block| block.delay == 1234.0));
    assert!((found.mean_delay() - 1234.0 / 48.0).abs() < 1e-9);
}

#[test]
fn noise_of_a_known_level_is_measured() {
    let sent = music();
    let power = sent.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / sent.len() as f64;
    for level in [20.0, 40.0, 60.0] {
        // Evenly spread over +-a has the power a * a / 3.
        let most = (3.0 * power * 10f64.powf(-level / 10.0)).sqrt();
        let mut random = Random::new(1);
        let mut heard = delayed(&sent, 480);
        for x in &mut heard {
            *x += (most * (2.0 * random.unit() - 1.0)) as f32;
        }
        let found = compare(&sent, &heard).signal_to_error;
        assert!((found - level).abs() < 0.1, "{found} for {level}");
    }
}

#[test]
fn sixteen_bits_have_the_error_of_sixteen_bits() {
    let sent = music();
    let power = sent.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / sent.len() as f64;
    let limit = 10.0 * (power * 12.0 * 32_768f64.powi(2)).log10();
    let heard: Vec<f32> = sent
        .iter()
        .map(|x| (x * 32_768.0).round() / 32_768.0)
        .collect();
    let found = compare(&sent, &delayed(&heard, 700));
    assert!(
        (found.signal_to_error - limit).abs() < 0.2,
        "{} for {limit}",
        found.signal_to_error
    );
    assert_eq!(found.clicks, []);
}

#[test]
fn silence_in_place_of_packets_costs_their_share_of_the_energy() {
    let sent = music();
    let mut heard = sent.clone();
    let mut random = Random::new(5);
    for packet in heard.chunks_mut(128) {
        if random.chance(0.03) {
            packet.fill(0.0);
        }
    }
    let lost: f64 = sent
        .iter()
        .zip(&heard)
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum();
    let all: f64 = sent.iter().map(|x| f64::from(*x).powi(2)).sum();
    let found = compare(&sent, &delayed(&heard, 384));
    let known = 10.0 * (all / lost).log10();
    assert!(
        (found.signal_to_error - known).abs() < 0.1,
        "{} for {known}",
        found.signal_to_error
    );
    assert!(
        found
            .blocks
            .iter()
            .all(|block| (block.delay - 384.0).abs() < 1.0)
    );
    assert!(found.clicks.len() > 20, "{}", found.clicks.len());
    assert!(found.log_mel > 0.2, "{}", found.log_mel);
}

#[test]
fn a_delay_between_frames_is_found_and_costs_nothing() {
    let sent = music();
    // As heard a third of a sample later: 3 times the rate, moved by one, and back.
    let fine = SampleRate(3 * RATE.0);
    let mut heard = convert(&sent, RATE, fine);
    heard.splice(0..0, [0.0; 301]);
    let heard = convert(&heard, fine, RATE);
    let found = compare(&sent, &heard);
    assert!(
        found
            .blocks
            .iter()
            .all(|block| (block.delay - 100.333).abs() < 0.01)
    );
    assert!(found.signal_to_error > 80.0, "{}", found.signal_to_error);

    let whole = Plan {
        between_frames: false,
        ..Plan::new(RATE)
    };
    let found = score(&sent, &heard, &whole);
    assert!(found.signal_to_error < 60.0, "{}", found.signal_to_error);
}

#[test]
fn each_block_is_taken_at_its_own_delay() {
    let sent = music();
    let half = sent.len() / 2;
    let mut heard = delayed(&sent[..half], 500);
    heard.extend(vec![0.0; 2000]);
    heard.extend(&sent[half..]);
    let found = compare(&sent, &heard);
    assert_eq!(found.signal_to_error, 200.0);
    let delays: Vec<f64> = found.blocks.iter().map(|block| block.delay).collect();
    assert_eq!(delays[..SECONDS], [500.0; SECONDS]);
    assert_eq!(delays[SECONDS..], [2500.0; SECONDS]);
}

#[test]
fn a_step_of_forty_decibels_below_full_scale_is_a_click() {
    let sent = music();
    let mut heard = delayed(&sent, 333);
    for at in [50_000, 125_000, 200_000] {
        heard[333 + at..]
            .iter_mut()
            .take(20_000)
            .for_each(|x| *x += 0.01);
    }
    let found = compare(&sent, &heard);
    // Up and down again each.
    let wanted = [50_000, 70_000, 125_000, 145_000, 200_000, 220_000];
    assert_eq!(found.clicks.len(), wanted.len(), "{:?}", found.clicks);
    for (click, wanted) in found.clicks.iter().zip(wanted) {
        assert!(click.abs_diff(wanted) < 3, "{click} for {wanted}");
    }
    assert!((found.clicks_per_minute() - 60.0).abs() < 1e-6);
}

#[test]
fn a_step_that_was_sent_is_no_click_and_neither_is_a_fade() {
    let mut sent = music();
    for x in &mut sent[100_000..120_000] {
        *x += 0.05;
    }
    let mut heard = sent.clone();
    // Out and in again within 2 ms each.
    for (i, x) in heard[150_000..160_000].iter_mut().enumerate() {
        let edge = i.min(9_999 - i) as f32;
        *x *= 1.0 - (edge / 96.0).min(1.0);
    }
    assert_eq!(compare(&sent, &delayed(&heard, 50)).clicks, []);
}

#[test]
fn attacks_that_a_gliding_delay_moves_are_no_clicks() {
    // Clicks of its own, every 0.1 s, and a delay that grows by 800 frames between 2 and 3 s.
    let sent: Vec<f32> = music()
        .iter()
        .enumerate()
        .map(|(i, x)| x + if i % 4800 < 3 { 0.3 } else { 0.0 })
        .collect();
    let delay = |i: f64| 480.0 + 800.0 * ((i - 96_000.0) / 48_000.0).clamp(0.0, 1.0);
    let places = (0..sent.len() + 2000).map(|i| i as f64 - delay(i as f64));
    let heard = farsend_score::sampled_at(&sent, places, 1.0);
    let found = compare(&sent, &heard);
    assert!(found.clicks.is_empty(), "{:?}", found.clicks);
}

#[test]
fn half_the_level_in_all_bands_is_six_decibels() {
    let sent = music();
    let heard: Vec<f32> = sent.iter().map(|x| x * 0.5).collect();
    // Bands with nothing to hear in them, below the floor, differ by nothing.
    let found = compare(&sent, &heard).log_mel;
    assert!((2.0..6.03).contains(&found), "{found}");
    let mut random = Random::new(2);
    let noise: Vec<f32> = (0..96_000).map(|_| random.unit() as f32 - 0.5).collect();
    let heard: Vec<f32> = noise.iter().map(|x| x * 0.5).collect();
    let found = compare(&noise, &heard).log_mel;
    assert!((found - 6.02).abs() < 0.01, "{found}");
}

#[test]
fn nothing_sent_or_nothing_heard_is_no_panic() {
    let none = compare(&[], &[]);
    assert!(none.signal_to_error.is_nan() && none.log_mel.is_nan() && none.clicks.is_empty());
    assert!(
        compare(&[0.0; 48_000], &[0.1; 48_000])
            .signal_to_error
            .is_nan()
    );
    let silent = compare(&music(), &[]);
    assert!(
        silent.signal_to_error.abs() < 1e-6,
        "{}",
        silent.signal_to_error
    );
    assert!(compare(&music(), &[f32::NAN; 99]).signal_to_error.abs() < 1e-6);
    assert!(compare(&[0.5; 10], &[0.5; 10]).blocks.is_empty());
}

fn compare(sent: &[f32], heard: &[f32]) -> Score {
    score(sent, heard, &Plan::new(RATE))
}

fn delayed(samples: &[f32], frames: usize) -> Vec<f32> {
    let mut out = vec![0.0; frames];
    out.extend(samples);
    out
}

/// Plucked notes, no two alike: attacks, partials, decays.
fn music() -> Vec<f32> {
    const NOTE: usize = 12_000;
    let pitch = |note: usize| 110.0 * 2f64.powf((note * 7 % 25) as f64 / 12.0 + note as f64 * 1e-4);
    let sample = |i: usize| {
        let (note, t) = (i / NOTE, (i % NOTE) as f64 / 48_000.0);
        let partial = |k: f64| (TAU * pitch(note) * k * t).sin() / k * (-t * 6.0 * k).exp();
        let attack = 1.0 - (-t * 500.0).exp();
        let end = ((0.25 - t) * 200.0).min(1.0);
        ((1..=8).map(f64::from).map(partial).sum::<f64>() * 0.3 * attack * end) as f32
    };
    (0..SECONDS * 48_000).map(sample).collect()
}
