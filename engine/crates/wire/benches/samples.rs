//! A period of 64 channels to bytes and back, as the audio thread does it twice a period.
//!
//! 128 frames at 48 kHz leave 2667 us. Encoding and decoding 64 channels of them should take less than
//! 1 % of that in any format: 26 us. Seen on one core of a shared 2-core virtual machine, in us and as
//! part of the period:
//!
//! | bits | 8 | 16 | 24 | 32 |
//! | --- | --- | --- | --- | --- |
//! | encode | 4.5 (0.17 %) | 4.9 (0.18 %) | 8.3 (0.31 %) | 1.4 (0.05 %) |
//! | decode | 1.7 (0.06 %) | 1.3 (0.05 %) | 6.8 (0.26 %) | 1.3 (0.05 %) |
//!
//! `cargo bench -p farsend-wire`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use farsend_wire::SampleFormat;

const CHANNELS: usize = 64;
const FRAMES: usize = 128;

fn samples(criterion: &mut Criterion) {
    let audio: Vec<f32> = (0..CHANNELS * FRAMES)
        .map(|i| ((i * 37 % 65_536) as f32 - 32_768.0) / 32_768.0)
        .collect();
    let mut group = criterion.benchmark_group("64 channels of 128 frames");
    group.throughput(Throughput::Elements((CHANNELS * FRAMES) as u64));
    for format in SampleFormat::ALL {
        let mut bytes = vec![0; audio.len() * format.bytes()];
        group.bench_function(format!("encode {} bit", format.bits()), |bencher| {
            bencher.iter(|| {
                let line = FRAMES * format.bytes();
                for (channel, out) in black_box(&audio).chunks(FRAMES).zip(bytes.chunks_mut(line)) {
                    format.encode(channel, out);
                }
                black_box(&bytes);
            });
        });
        let mut decoded = vec![0.0; audio.len()];
        group.bench_function(format!("decode {} bit", format.bits()), |bencher| {
            bencher.iter(|| {
                let line = FRAMES * format.bytes();
                for (channel, out) in black_box(&bytes)
                    .chunks(line)
                    .zip(decoded.chunks_mut(FRAMES))
                {
                    format.decode(channel, out);
                }
                black_box(&decoded);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, samples);
criterion_main!(benches);
