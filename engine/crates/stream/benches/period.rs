//! One period of the audio thread's work for one peer: a packet in, the depth looked after, a block
//! out, at 48 kHz with packets and blocks of 128 frames, which leave 2667 us.
//!
//! The packet's samples are copied as they are; decoding them from the wire is not part of it. On a
//! shared machine expect, as a part of the period: stereo 0.02 %, 64 channels 0.4 %; twice that with
//! every second packet concealed by a fade, four times by the wavetable. Foretold: see `concealment_cost`, an
//! example, whose music fills the models as this sine does not.
//!
//! `cargo bench -p farsend-stream`

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use farsend_stream::{
    BufferConfig, Conceal, DepthPolicy, Gain, JitterBuffer, Kernels, Meter, Origin,
};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

const BLOCK: usize = 128;
const RATE: SampleRate = SampleRate::HZ_48000;

fn periods(c: &mut Criterion) {
    let samples: Vec<f32> = (0..BLOCK).map(|i| (i as f32 * 0.05).sin()).collect();
    for channels in [2u8, 64] {
        for (what, conceal, every) in [
            ("clean", Conceal::Fade, 1),
            ("every second packet missing, fade", Conceal::Fade, 2),
            ("every second packet missing, foretold", Conceal::Predict, 2),
            (
                "every second packet missing, wavetable",
                Conceal::Wavetable,
                2,
            ),
        ] {
            let (mut buffer, mut out) = (buffer(channels, conceal), block(channels));
            let mut out: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
            let mut number = 0;
            c.bench_function(&format!("{channels} channels, {what}"), |b| {
                b.iter(|| {
                    let at = MonoTime::from_nanos(number as u64 * 2_666_667);
                    if number % every == 0 {
                        let decode = &mut |_: usize, out: &mut [f32]| out.copy_from_slice(&samples);
                        black_box(buffer.insert(number, at, Origin::Direct, decode));
                    }
                    number += 1;
                    buffer.settle(at, Frames::ZERO, Frames(BLOCK as u32));
                    let _ = black_box(buffer.pull(&mut out));
                });
            });
        }
        let (mut gain, mut meter, mut out) = (
            Gain::new(RATE, 0.5),
            Meter::new(Channels(channels), RATE),
            block(channels),
        );
        let mut out: Vec<&mut [f32]> = out.iter_mut().map(Vec::as_mut_slice).collect();
        let shown: Vec<&[f32]> = vec![samples.as_slice(); channels.into()];
        c.bench_function(&format!("{channels} channels, gain and meter"), |b| {
            b.iter(|| {
                gain.apply(black_box(&mut out));
                meter.update(black_box(&shown));
            });
        });
    }
}

fn buffer(channels: u8, conceal: Conceal) -> JitterBuffer {
    let channels = Channels(channels);
    let block = Frames(BLOCK as u32);
    let mut buffer = JitterBuffer::new(
        BufferConfig {
            channels,
            rate: RATE,
            depth: DepthPolicy::Fixed(4),
            block,
            conceal,
        },
        &Arc::new(Kernels::new(RATE, &[])),
    );
    buffer
        .set_format(SampleRate::HZ_48000, block, channels)
        .expect("128 frames fit");
    buffer
}

fn block(channels: u8) -> Vec<Vec<f32>> {
    vec![vec![0.0; BLOCK]; channels.into()]
}

criterion_group!(benches, periods);
criterion_main!(benches);
