//! What it costs to meet a peer of another rate: a buffer is given one of 44.1 kHz and one of 48 kHz in turn, and plays a
//! period of each.
//!
//! `cargo build --release -p farsend-stream --example new_rate_cost`, then
//! `valgrind --tool=callgrind target/release/examples/new_rate_cost CHANNELS TIMES MAKE`; the difference of two runs with
//! other `TIMES` is the work of the changes between. With a `MAKE` of 1 a kernel is made for each, as it was before they
//! were made beforehand; with 0 none is.
#![allow(missing_docs, reason = "nobody calls an example")]

use std::sync::Arc;

use farsend_stream::{BufferConfig, Conceal, DepthPolicy, JitterBuffer, Kernel, Kernels, Origin};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

fn main() {
    let arguments: Vec<u32> = std::env::args().skip(1).flat_map(|a| a.parse()).collect();
    let [channels, times, make] = arguments[..] else {
        eprintln!("CHANNELS TIMES MAKE");
        std::process::exit(2);
    };
    let channels = Channels(channels.min(254) as u8);
    let rates = [SampleRate::HZ_44100, SampleRate::HZ_48000];
    let config = BufferConfig {
        channels,
        rate: SampleRate::HZ_48000,
        depth: DepthPolicy::AUTO,
        block: PERIOD,
        conceal: Conceal::Predict,
    };
    let mut buffer = JitterBuffer::new(config, &Arc::new(Kernels::new(config.rate, &rates)));
    let mut out = vec![vec![0.0; PERIOD.get()]; channels.get()];
    let mut out: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
    for (n, rate) in (0..i64::from(times)).zip(rates.into_iter().cycle()) {
        let now = MonoTime::from_nanos(n as u64 * 2_666_667);
        if make > 0 {
            std::hint::black_box(Kernel::new(rate, config.rate));
        }
        buffer
            .set_format(rate, PERIOD, channels)
            .expect("there is a kernel");
        buffer.insert(n, now, Origin::Direct, &mut |_, out| out.fill(0.25));
        buffer.settle(now, Frames::ZERO, PERIOD);
        let _ = buffer.pull(&mut out);
    }
}

const PERIOD: Frames = Frames(128);
