//! What concealment costs: so many periods of so many channels, every so many packets missing.
//!
//! `cargo build --release -p farsend-stream --example concealment_cost`, then
//! `perf stat -e instructions:u target/release/examples/concealment_cost CHANNELS FRAMES EVERY PERIODS`; the
//! difference of two runs with other `PERIODS` is the work of the periods between. `EVERY` 0: nothing is missing; 1: after
//! a second all is. Prints the mean and the longest time of a period as parts of its length; the longest is worth
//! little on a machine that does other things too.
#![allow(missing_docs, reason = "nobody calls an example")]
#![allow(
    clippy::disallowed_types,
    reason = "the audio of the crate knows no clock; what measures it does"
)]

use std::sync::Arc;
use std::time::Instant;

use farsend_netsim::Random;
use farsend_stream::{BufferConfig, Conceal, DepthPolicy, JitterBuffer, Kernels, Origin};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

const RATE: u32 = 48_000;

fn main() {
    let arguments: Vec<u32> = std::env::args().skip(1).flat_map(|a| a.parse()).collect();
    let [channels, frames, every, periods] = arguments[..] else {
        eprintln!("CHANNELS FRAMES EVERY PERIODS");
        std::process::exit(2);
    };
    let music = music();
    let channels = Channels(channels.min(254) as u8);
    let mut buffer = JitterBuffer::new(
        BufferConfig {
            channels,
            rate: SampleRate(RATE),
            depth: DepthPolicy::Fixed(4),
            block: Frames(frames),
            conceal: Conceal::Predict,
        },
        &Arc::new(Kernels::new(SampleRate(RATE), &[])),
    );
    buffer
        .set_format(SampleRate(RATE), Frames(frames), channels)
        .expect("a common period");
    let mut out = vec![vec![0.0; frames as usize]; channels.get()];
    let mut out: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
    let length = f64::from(frames) / f64::from(RATE);
    let (mut sum, mut longest) = (0.0, 0f64);
    for n in 0..i64::from(periods) {
        let now = MonoTime::from_nanos((n as f64 * length * 1e9) as u64);
        let second = n * i64::from(frames) > i64::from(RATE);
        let missing = second && every > 0 && n % i64::from(every) == 0;
        let begun = Instant::now();
        if !missing {
            let from = n as usize * frames as usize;
            buffer.insert(n, now, Origin::Direct, &mut |channel, out| {
                for (i, sample) in out.iter_mut().enumerate() {
                    *sample = music[(from + i + channel * 7919) % music.len()];
                }
            });
        }
        buffer.settle(now, Frames::ZERO, Frames(frames));
        let _ = buffer.pull(&mut out);
        let took = begun.elapsed().as_secs_f64() / length;
        sum += took;
        longest = longest.max(took);
    }
    println!(
        "mean {:.2} %, longest {:.1} % of a period",
        100.0 * sum / f64::from(periods),
        100.0 * longest
    );
}

/// Partials that come and go, and noise: what fills the models.
fn music() -> Vec<f32> {
    let mut random = Random::new(1);
    let partials: Vec<(f32, f32)> = (0..40)
        .map(|_| (random.unit() as f32 * 0.3, random.unit() as f32 * 1e-4))
        .collect();
    (0..RATE * 4)
        .map(|i| {
            let i = i as f32;
            let sum: f32 = partials
                .iter()
                .map(|(w, slow)| (i * w).sin() * (i * slow).cos())
                .sum();
            sum * 0.02 + (random.unit() as f32 - 0.5) * 0.001
        })
        .collect()
}
