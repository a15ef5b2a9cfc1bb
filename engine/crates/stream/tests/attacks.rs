//! An attack of noise, as of a drum, is not smeared into a tone where packets are missing behind it.

mod common;

use common::{Scene, Trace};
use farsend_netsim::Random;
use farsend_stream::Conceal;

/// Frames from one attack to the next, and until it has faded to a third.
const EVERY: i64 = 128 * 47;
const FADES: f32 = 1200.0;
/// Packets that are missing behind an attack, and frames of these.
const MISSING: i64 = 3;
const GAP: usize = MISSING as usize * 128;

/// A drum of noise.
fn snare(channel: usize, frame: i64) -> f32 {
    let since = frame.rem_euclid(EVERY) as f32;
    let mut random = Random::new(frame as u64 * 7 + channel as u64);
    (random.unit() as f32 - 0.5) * (-since / FADES).exp()
}

/// The second packet of every other attack, and those behind it.
fn behind_the_attack(n: i64) -> bool {
    n > 100 && n / 47 % 2 == 0 && (1..=MISSING).contains(&(n % 47))
}

fn heard(drop: fn(i64) -> bool) -> Trace {
    Scene {
        conceal: Conceal::Predict,
        drop,
        signal: snare,
        queue: 4,
        seconds: 20.0,
        ..Scene::default()
    }
    .run()
}

/// How much like itself it is some time later: 1 for a tone that stands, a few tenths for noise.
fn likeness(samples: &[f32]) -> f64 {
    let energy = |samples: &[f32]| -> f64 { samples.iter().map(|x| f64::from(*x).powi(2)).sum() };
    let at = |lag: usize| {
        let (early, late) = (&samples[..samples.len() - lag], &samples[lag..]);
        let product = early.iter().zip(late).map(|(a, b)| f64::from(a * b));
        product.sum::<f64>() / (energy(early) * energy(late)).sqrt().max(1e-12)
    };
    (20..samples.len() / 2).map(at).fold(0.0, f64::max)
}

#[test]
fn what_is_missing_behind_an_attack_is_no_tone_and_no_louder() {
    let whole = heard(|_| false);
    let with_gaps = heard(behind_the_attack);
    let pairs = whole.out[0].iter().zip(&with_gaps.out[0]);
    let mut gaps: Vec<usize> = Vec::new();
    for (at, (sent, heard)) in pairs.enumerate() {
        if sent != heard && gaps.last().is_none_or(|last| at > last + 2 * GAP) {
            gaps.push(at);
        }
    }
    assert!(gaps.len() > 70, "{}", gaps.len());
    let energy = |samples: &[f32]| -> f64 { samples.iter().map(|x| f64::from(*x).powi(2)).sum() };
    let (mut likeness_of, mut energy_of) = ([0.0; 2], [0.0; 2]);
    for gap in &gaps {
        for (index, trace) in [&whole, &with_gaps].into_iter().enumerate() {
            let samples = &trace.out[0][*gap..gap + GAP];
            likeness_of[index] += likeness(samples) / gaps.len() as f64;
            energy_of[index] += energy(samples);
        }
    }
    // A tone that stands has 1. What is foretold of noise is the past, filtered and fading: more than the noise itself.
    let [noise, foretold] = likeness_of;
    assert!((0.1..0.25).contains(&noise), "{noise}");
    assert!(foretold < 0.5, "{foretold}");
    assert!(energy_of[1] < energy_of[0], "{energy_of:?}");
}
