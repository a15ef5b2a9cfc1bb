//! What each concealment makes of the same losses: the table of docs/concealment.md.
//!
//! Renders a piano, strings and drums with fluidsynth (Debian: `fluidsynth fluid-soundfont-gm`), drops
//! the same packets for every method, and prints signal to error, log-mel distance and clicks a
//! minute as docs/scoring.md defines them.
//!
//! `cargo run --release -p farsend-stream --example concealment [--dry] [SOUNDFONT]`; `--dry` leaves
//! fluidsynth's reverberation and chorus out.
#![allow(missing_docs, unreachable_pub, reason = "nobody calls an example")]

mod clips;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use clips::{CLIPS, RATE};
use farsend_netsim::{Loss, Path, PathConfig};
use farsend_score::{Plan, Score, score};
use farsend_stream::{BufferConfig, Conceal, DepthPolicy, JitterBuffer, Kernels, Origin};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

const METHODS: [Conceal; 4] = [
    Conceal::Zero,
    Conceal::Wavetable,
    Conceal::Fade,
    Conceal::Predict,
];

fn main() -> Result<(), Box<dyn Error>> {
    let (options, soundfonts): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|argument| argument == "--dry");
    let soundfont = soundfonts
        .first()
        .map_or("/usr/share/sounds/sf2/FluidR3_GM.sf2", String::as_str);
    println!(
        "| queue | clip | method | signal to error, dB | middle | log-mel, dB | clicks a minute |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    for clip in &CLIPS {
        let sent = clip.render(soundfont, !options.is_empty(), SECONDS)?;
        for queue in [1, 4] {
            for method in METHODS {
                let heard = hear(&sent, method, queue);
                let Score {
                    signal_to_error,
                    middle,
                    log_mel,
                    clicks,
                    minutes,
                    ..
                } = score(
                    &sent,
                    &heard,
                    &Plan {
                        between_frames: false,
                        longest: 0.2,
                        ..Plan::new(SampleRate(RATE))
                    },
                );
                println!(
                    "| {queue} | {} | {method:?} | {signal_to_error:.1} | {middle:.1} | {log_mel:.2} | {:.1} |",
                    clip.name,
                    clicks.len() as f64 / minutes,
                );
            }
        }
    }
    Ok(())
}

/// One channel over a path that loses 3 % of the packets in bursts of 1.5, and is regular else.
fn hear(sent: &[f32], conceal: Conceal, queue: u16) -> Vec<f32> {
    let mut buffer = JitterBuffer::new(
        BufferConfig {
            channels: Channels(1),
            rate: SampleRate(RATE),
            depth: DepthPolicy::Fixed(queue),
            block: Frames(PERIOD as u32),
            conceal,
        },
        &Arc::new(Kernels::new(SampleRate(RATE), &[])),
    );
    buffer
        .set_format(SampleRate(RATE), Frames(PERIOD as u32), Channels(1))
        .expect("128 frames fit");
    let mut path = Path::new(PathConfig {
        seed: 1,
        loss: Loss::Bursts {
            rate: 0.03,
            length: 1.5,
        },
        ..PathConfig::default()
    });
    let mut heard = Vec::with_capacity(sent.len() + RATE as usize);
    for n in 0..sent.len() / PERIOD + 2 * usize::from(queue) {
        let now = MonoTime::from_nanos(0)
            + Duration::from_secs_f64(n as f64 * PERIOD as f64 / f64::from(RATE));
        let lost = path.send(now).is_lost();
        if !lost || n < 100 {
            let samples = sent
                .get(n * PERIOD..(n + 1) * PERIOD)
                .unwrap_or(&[0.0; PERIOD]);
            buffer.insert(n as i64, now, Origin::Direct, &mut |_, out| {
                out.copy_from_slice(samples);
            });
        }
        buffer.settle(now, Frames::ZERO, Frames(PERIOD as u32));
        let mut block = [0f32; PERIOD];
        let _ = buffer.pull(&mut [&mut block]);
        // As it is heard: 16 bit.
        heard.extend(block.map(|sample| (sample * 32_768.0).round() / 32_768.0));
    }
    heard
}

const PERIOD: usize = 128;
const SECONDS: u32 = 30;
