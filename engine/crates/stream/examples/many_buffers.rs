//! What the buffers of so many stereo players cost who are played in turn, as in a hub: more of them are more memory than a
//! processor's caches hold, and what is missing of all of them has to be foretold.
//!
//! `cargo run --release -p farsend-stream --example many_buffers PLAYERS [EVERY [COMPANY]]`. `EVERY`: of so many packets one is
//! missing (0: none is); `COMPANY`: how many streams each believes that there are (`PLAYERS` unless given). Prints microseconds
//! a packet of 128 frames: those of the fastest of 40 rounds and of the middle one, a round being a tenth of a second of each
//! player.
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

const RATE: SampleRate = SampleRate(48_000);
const PERIOD: Frames = Frames(128);

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).flat_map(|a| a.parse()).collect();
    let (players, every, company) = match arguments[..] {
        [players] => (players, 0, players),
        [players, every] => (players, every, players),
        [players, every, company] => (players, every, company),
        _ => {
            eprintln!("PLAYERS [EVERY [COMPANY]]");
            std::process::exit(2);
        }
    };
    let kernels = Arc::new(Kernels::new(RATE, &[]));
    let config = BufferConfig {
        channels: Channels(2),
        rate: RATE,
        depth: DepthPolicy::AUTO,
        block: PERIOD,
        conceal: Conceal::Predict,
    };
    let mut buffers = Vec::new();
    for _ in 0..players {
        let mut buffer = JitterBuffer::new(config, &kernels);
        buffer
            .set_format(RATE, PERIOD, Channels(2))
            .expect("a common period");
        buffer.set_company(company);
        buffers.push(buffer);
    }
    let (mut left, mut right) = ([0.0; 128], [0.0; 128]);
    let mut random = Random::new(1);
    let noise: Vec<f32> = (0..4096).map(|_| random.unit() as f32 * 0.1).collect();
    let mut n = 0;
    let mut rounds: Vec<f64> = (0..50)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..38 {
                let came = MonoTime::from_nanos(n * 2_666_667);
                let now = MonoTime::from_nanos(n * 2_666_667 + 1_000_000);
                for (i, buffer) in (0..).zip(&mut buffers) {
                    if every == 0 || !(n + 7 * i).is_multiple_of(every as u64) {
                        _ = buffer.insert(n as i64, came, Origin::Direct, &mut |channel, out| {
                            let from = (n as usize * 128 + channel * 977) % (noise.len() - 128);
                            out.copy_from_slice(&noise[from..from + 128]);
                        });
                    }
                    buffer.settle(now, Frames::ZERO, PERIOD);
                    _ = buffer.pull(&mut [&mut left, &mut right]);
                }
                n += 1;
            }
            begun.elapsed().as_secs_f64() * 1e6 / (38 * buffers.len()) as f64
        })
        .skip(10)
        .collect();
    rounds.sort_by(f64::total_cmp);
    println!(
        "{players} players, one of {every} missing, company of {company}: {:.2} µs a packet, {:.2} in the middle",
        rounds[0],
        rounds[rounds.len() / 2]
    );
}
