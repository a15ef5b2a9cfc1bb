//! What the plugin costs the host's audio thread.
//!
//! A host at 48 kHz with blocks of 128 frames calls it every 2667 us. A call should take under 5 us
//! with two channels (0.2 %) and under 60 us with 64 (2.3 %). `as it is` sends the block as it came,
//! `with gains` has to multiply both ways, `alone` has no engine. The system call that wakes the engine
//! is part of it; the engine's part is done between the calls, outside of the measured time.

#![allow(missing_docs, reason = "the functions are made by macros")]

#[path = "../tests/common/rig.rs"]
mod rig;

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use farsend_plugin::mix::Gains;

const FRAMES: usize = 128;
const AS_IT_IS: Gains = Gains {
    dry: 0.0,
    send: 1.0,
    returned: 1.0,
};
const WITH_GAINS: Gains = Gains {
    dry: 0.3,
    send: 0.7,
    returned: 0.9,
};

fn process(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("process");
    for channels in [2, 64] {
        for (name, gains, engine) in [
            ("alone", AS_IT_IS, false),
            ("as it is", AS_IT_IS, true),
            ("with gains", WITH_GAINS, true),
        ] {
            let (mut insert, mut sender) = rig::insert(channels, FRAMES);
            let mut engine = engine.then(|| rig::connect(&mut sender, [channels; 2]));
            let mut block = vec![vec![0.1; FRAMES]; channels.into()];
            let far = vec![vec![0.2; FRAMES]; channels.into()];
            let far: Vec<&[f32]> = far.iter().map(Vec::as_slice).collect();
            group.bench_function(BenchmarkId::new(name, channels), |bencher| {
                bencher.iter_custom(|times| {
                    let mut total = Duration::ZERO;
                    for _ in 0..times {
                        if let Some(engine) = &mut engine {
                            let waiting = engine.available();
                            engine.skip(waiting);
                            let _ = engine.release(&far);
                        }
                        block.iter_mut().for_each(|channel| channel.fill(0.1));
                        let mut channels: Vec<&mut [f32]> =
                            block.iter_mut().map(Vec::as_mut_slice).collect();
                        let start = Instant::now();
                        insert.process(gains, black_box(&mut channels));
                        total += start.elapsed();
                    }
                    total
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, process);
criterion_main!(benches);
