//! What the hop between plugin and engine costs the two audio threads.
//!
//! A DAW at 48 kHz with blocks of 128 frames calls the plugin every 2667 us. `exchange` is nearly all
//! of that call: with two channels it should take under 5 us (0.2 %), with 64 under 60 us (2.3 %). The
//! bell's system call is in it, with nobody listening (`quiet`) and with a thread that polls and is
//! woken by each (`heard`); between blocks of a DAW the listener sleeps, so `heard` is the true case.
//! `turn` is the engine's part: take a block, release a block.

#![allow(missing_docs, reason = "the functions are made by macros")]

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
fn main() {
    linux::benches();
}

#[cfg(target_os = "linux")]
mod linux {
    use std::hint::black_box;
    use std::os::fd::AsFd;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;
    use std::time::{Duration, Instant};

    use criterion::{BenchmarkId, Criterion, criterion_group};
    use farsend_ipc::segment::{EngineEnd, PluginEnd, SegmentConfig};
    use farsend_units::{Channels, Frames, SampleRate};
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    const FRAMES: usize = 128;

    fn ends(channels: u8) -> (EngineEnd, PluginEnd) {
        let config = SegmentConfig {
            send: Channels(channels),
            receive: Channels(channels),
            rate: SampleRate::HZ_48000,
            capacity: Frames(4096),
        };
        let (engine, handle) = EngineEnd::create(config).expect("there is shared memory");
        (
            engine,
            PluginEnd::open(handle).expect("the segment was just made"),
        )
    }

    fn audio(channels: u8) -> Vec<Vec<f32>> {
        let line = |channel| {
            (0..FRAMES)
                .map(|frame| ((frame * channel) as f32).sin())
                .collect()
        };
        (0..usize::from(channels)).map(line).collect()
    }

    fn exchange(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("exchange");
        for channels in [2, 64] {
            let input = audio(channels);
            let inputs: Vec<&[f32]> = input.iter().map(Vec::as_slice).collect();
            let mut output = audio(channels);
            let mut outputs: Vec<&mut [f32]> = output.iter_mut().map(Vec::as_mut_slice).collect();

            group.bench_function(BenchmarkId::new("quiet", channels), |bencher| {
                let (mut engine, mut plugin) = ends(channels);
                bencher.iter_custom(|times| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..times {
                        let _ = engine.release(&inputs);
                        let start = Instant::now();
                        let _ = black_box(plugin.exchange(black_box(&inputs), &mut outputs));
                        spent += start.elapsed();
                    }
                    spent
                });
            });

            group.bench_function(BenchmarkId::new("heard", channels), |bencher| {
                let (engine, mut plugin) = ends(channels);
                let end = Arc::new(AtomicBool::new(false));
                let listener = std::thread::spawn({
                    let end = Arc::clone(&end);
                    move || listen(engine, channels, &end)
                });
                bencher.iter_custom(|times| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..times {
                        // So that the listener has done its turn, and sleeps.
                        std::thread::sleep(Duration::from_micros(150));
                        let start = Instant::now();
                        let _ = black_box(plugin.exchange(black_box(&inputs), &mut outputs));
                        spent += start.elapsed();
                    }
                    spent
                });
                end.store(true, Relaxed);
                listener.join().expect("the listener does not panic");
            });
        }
    }

    /// The engine: sleeps until the bell, returns what was sent.
    fn listen(mut engine: EngineEnd, channels: u8, end: &AtomicBool) {
        let mut taken = audio(channels);
        while !end.load(Relaxed) {
            let mut polled = [PollFd::new(engine.as_fd(), PollFlags::POLLIN)];
            let _ = poll(&mut polled, PollTimeout::from(50_u8));
            engine.hush();
            let mut takes: Vec<&mut [f32]> = taken.iter_mut().map(Vec::as_mut_slice).collect();
            let _ = engine.take(&mut takes);
            let releases: Vec<&[f32]> = taken.iter().map(Vec::as_slice).collect();
            let _ = engine.release(&releases);
        }
    }

    fn turn(criterion: &mut Criterion) {
        let mut group = criterion.benchmark_group("turn");
        for channels in [2, 64] {
            let input = audio(channels);
            let inputs: Vec<&[f32]> = input.iter().map(Vec::as_slice).collect();
            let (mut output, mut taken) = (audio(channels), audio(channels));
            let mut outputs: Vec<&mut [f32]> = output.iter_mut().map(Vec::as_mut_slice).collect();
            let mut takes: Vec<&mut [f32]> = taken.iter_mut().map(Vec::as_mut_slice).collect();
            group.bench_function(BenchmarkId::from_parameter(channels), |bencher| {
                let (mut engine, mut plugin) = ends(channels);
                bencher.iter_custom(|times| {
                    let mut spent = Duration::ZERO;
                    for _ in 0..times {
                        let _ = plugin.exchange(&inputs, &mut outputs);
                        let start = Instant::now();
                        let _ = black_box(engine.take(&mut takes));
                        let _ = black_box(engine.release(black_box(&inputs)));
                        spent += start.elapsed();
                    }
                    spent
                });
            });
        }
    }

    criterion_group! {
        name = benches;
        config = Criterion::default()
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2));
        targets = exchange, turn
    }
}
