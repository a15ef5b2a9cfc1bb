//! What resampling costs: a block of 128 frames at 48 kHz leaves 2667 us, and a frame 20.8 us.
//!
//! Expect 25 ns a frame for two channels, 0.12 % of a core, and 270 ns for 64, 1.3 %: about half of what `rubato` takes
//! with 64 taps, which is next to it. Straight through is a copy. Making a kernel takes half a millisecond, and all of
//! one rate four; that happens before a session begins, and taking another one of them is nothing.
//!
//! `cargo bench -p farsend-stream --bench resampler`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use farsend_stream::{Kernel, Kernels, Resampler};
use farsend_units::SampleRate;
use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{Async, FixedAsync, Resampler as _, SincInterpolationParameters};
use rubato::{SincInterpolationType, WindowFunction};

const BLOCK: usize = 128;
const DRIFT: f64 = 1.0 + 300e-6;

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("resampler");
    group.throughput(Throughput::Elements(BLOCK as u64));
    for channels in [2usize, 64] {
        for (what, from, to) in [
            ("48 to 48 kHz", 48_000, 48_000),
            ("44.1 to 48 kHz", 44_100, 48_000),
            ("192 to 44.1 kHz", 192_000, 44_100),
        ] {
            let mut resampler = Resampler::new(channels, SampleRate(from), SampleRate(to), BLOCK);
            let step = resampler.nominal_step() * DRIFT;
            let mut out = vec![vec![0.0f32; BLOCK]; channels];
            let mut out: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
            group.bench_function(format!("{channels} channels, {what}, bent"), |b| {
                b.iter(|| {
                    resampler.push(resampler.wants(BLOCK, step, step), noise);
                    black_box(resampler.bend(step, step, black_box(&mut out)))
                });
            });
        }
        let mut resampler = Resampler::new(channels, SampleRate(1), SampleRate(1), BLOCK);
        let mut out = vec![vec![0.0f32; BLOCK]; channels];
        let mut out: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        group.bench_function(format!("{channels} channels, straight"), |b| {
            b.iter(|| {
                resampler.push(resampler.wants_straight(BLOCK), noise);
                black_box(resampler.straight(black_box(&mut out)))
            });
        });
        let parameters = SincInterpolationParameters::new(64, WindowFunction::Blackman2)
            .oversampling_factor(256)
            .interpolation(SincInterpolationType::Linear);
        let mut rubato = Async::<f32>::new_sinc(
            1.0 / DRIFT,
            1.1,
            &parameters,
            BLOCK,
            channels,
            FixedAsync::Output,
        )
        .expect("sound parameters");
        let source = vec![vec![0.25f32; BLOCK * 2]; channels];
        let mut out = vec![vec![0.0f32; BLOCK]; channels];
        group.bench_function(format!("{channels} channels, rubato, 64 taps"), |b| {
            b.iter(|| {
                let wanted = rubato.input_frames_next();
                let source = SequentialSliceOfVecs::new(&source, channels, wanted);
                let into = SequentialSliceOfVecs::new_mut(&mut out, channels, BLOCK);
                let (source, mut into) = (source.expect("it fits"), into.expect("it fits"));
                black_box(rubato.process_into_buffer(&source, &mut into, None))
            });
        });
    }
    group.finish();
    for (from, to) in [(48_000, 48_000), (44_100, 48_000), (192_000, 44_100)] {
        c.bench_function(&format!("kernel for {from} to {to} Hz"), |b| {
            b.iter(|| Kernel::new(SampleRate(from), SampleRate(to)));
        });
    }
    c.bench_function("all kernels of 48000 Hz", |b| {
        b.iter(|| Kernels::new(SampleRate::HZ_48000, &NOMINAL.map(SampleRate)));
    });
    let mut resampler = Resampler::new(1, SampleRate(1), SampleRate(1), BLOCK);
    let kernels = [48_000, 96_000].map(|rate| Kernel::new(SampleRate::HZ_44100, SampleRate(rate)));
    let mut turns = kernels.iter().cycle();
    c.bench_function("another kernel", |b| {
        b.iter(|| {
            turns
                .next()
                .map(|kernel| resampler.set_kernel(kernel.clone()))
        });
    });
}

/// JackTrip's rates.
const NOMINAL: [u32; 7] = [22_050, 32_000, 44_100, 48_000, 88_200, 96_000, 192_000];

/// What a caller would copy.
fn noise(block: &mut [&mut [f32]]) {
    for channel in block {
        for (i, sample) in channel.iter_mut().enumerate() {
            *sample = (i % 7) as f32 * 0.1;
        }
    }
}

criterion_group!(benches, frames);
criterion_main!(benches);
