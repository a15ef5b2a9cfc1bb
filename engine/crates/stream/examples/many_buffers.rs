//! What the buffers of so many stereo players cost who are played in turn, as in a hub: more of them are more memory than a
//! processor's caches hold, and what is missing of all of them has to be foretold.
//!
//! `cargo run --release -p farsend-stream --example many_buffers PLAYERS [EVERY [COMPANY [OTHER]]]`. `EVERY`: of so many packets one is
//! missing (0: none is); `COMPANY`: how many streams each believes that there are (0: as many as there are); `OTHER`: megabytes that
//! something else goes over before each pass, as the system's network does in a hub, which are not counted. Prints microseconds a packet
//! of 128 frames: those of the fastest of 40 rounds and of the middle one, a round being a tenth of a second of each player; then the same
//! where the memory of those who come next is asked for ahead, as a hub does it. The two take turns.
#![allow(missing_docs, reason = "nobody calls an example")]
#![allow(
    clippy::disallowed_types,
    reason = "the audio of the crate knows no clock; what measures it does"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_netsim::Random;
use farsend_stream::{BufferConfig, Conceal, DepthPolicy, JitterBuffer, Kernels, Origin};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

fn main() {
    let arguments: Vec<usize> = std::env::args().skip(1).flat_map(|a| a.parse()).collect();
    let (&[players, ..], [_, rest @ ..]) = (&*arguments, &*arguments) else {
        eprintln!("PLAYERS [EVERY [COMPANY [OTHER]]]");
        std::process::exit(2);
    };
    let [every, company, other] = [0, 1, 2].map(|i| rest.get(i).copied().unwrap_or(0));
    let company = if company == 0 { players } else { company };
    let mut hub = Hub::new(players, every, company, other << 20);
    let (mut plain, mut ahead) = (Vec::new(), Vec::new());
    for _ in 0..50 {
        plain.push(hub.round(false));
        ahead.push(hub.round(true));
    }
    println!(
        "{players} players, one of {every} missing, company of {company}, {other} MB of others"
    );
    for (how, rounds) in [("as it comes", plain), ("asked for ahead", ahead)] {
        let mut rounds = rounds[10..].to_vec();
        rounds.sort_by(f64::total_cmp);
        let middle = rounds[rounds.len() / 2];
        println!(
            "{how}: {:.2} µs a packet, {middle:.2} in the middle",
            rounds[0]
        );
    }
}

struct Hub {
    buffers: Vec<JitterBuffer>,
    every: u64,
    other: Vec<u8>,
    noise: Vec<f32>,
    n: u64,
}

impl Hub {
    fn new(players: usize, every: usize, company: usize, other: usize) -> Self {
        let kernels = Arc::new(Kernels::new(RATE, &[]));
        let config = BufferConfig {
            channels: Channels(2),
            rate: RATE,
            depth: DepthPolicy::AUTO,
            block: PERIOD,
            conceal: Conceal::Predict,
        };
        let buffer = || {
            let mut buffer = JitterBuffer::new(config, &kernels);
            buffer
                .set_format(RATE, PERIOD, Channels(2))
                .expect("a common period");
            buffer.set_company(company);
            buffer
        };
        let mut random = Random::new(1);
        Self {
            buffers: (0..players).map(|_| buffer()).collect(),
            every: every as u64,
            other: vec![1; other],
            noise: (0..4096).map(|_| random.unit() as f32 * 0.1).collect(),
            n: 0,
        }
    }

    /// Microseconds a packet.
    fn round(&mut self, ahead: bool) -> f64 {
        let mut took = Duration::ZERO;
        for _ in 0..PERIODS {
            self.go_over_other();
            let begun = Instant::now();
            self.insert();
            took += begun.elapsed();
            self.go_over_other();
            let begun = Instant::now();
            self.pull(ahead);
            took += begun.elapsed();
            self.n += 1;
        }
        took.as_secs_f64() * 1e6 / (PERIODS * self.buffers.len()) as f64
    }

    fn go_over_other(&mut self) {
        let lines = self.other.iter_mut().step_by(64);
        lines.for_each(|byte| *byte = byte.wrapping_add(1));
    }

    fn insert(&mut self) {
        let Self { noise, n, .. } = self;
        let came = MonoTime::from_nanos(*n * 2_666_667);
        for (i, buffer) in (0..).zip(&mut self.buffers) {
            if self.every == 0 || !(*n + 7 * i).is_multiple_of(self.every) {
                _ = buffer.insert(*n as i64, came, Origin::Direct, &mut |channel, out| {
                    let from = (*n as usize * 128 + channel * 977) % (noise.len() - 128);
                    out.copy_from_slice(&noise[from..from + 128]);
                });
            }
        }
    }

    fn pull(&mut self, ahead: bool) {
        let (mut left, mut right) = ([0.0; 128], [0.0; 128]);
        let now = MonoTime::from_nanos(self.n * 2_666_667 + 1_000_000);
        for i in 0..self.buffers.len() {
            if ahead {
                self.buffers.get(i + 2).inspect(|next| next.prefetch());
                self.buffers.get(i + 1).inspect(|next| next.prefetch_pull());
            }
            let buffer = &mut self.buffers[i];
            buffer.settle(now, Frames::ZERO, PERIOD);
            _ = buffer.pull(&mut [&mut left, &mut right]);
        }
    }
}

const RATE: SampleRate = SampleRate(48_000);
const PERIOD: Frames = Frames(128);
/// Of a round.
const PERIODS: usize = 38;
