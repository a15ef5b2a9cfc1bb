//! What is foretold in a gap: it goes on as before, meets what follows, and never gets louder.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

mod common;

use std::time::Duration;

use common::{Scene, Trace, music, sine};
use farsend_netsim::{Loss, PathConfig};
use farsend_stream::{Conceal, Pulled};

/// Sent packets that are missing: a single one, then some of many in a row.
fn some(n: i64) -> bool {
    n == 200 || n == 300 || (n > 300 && n % 25 < 2)
}

fn predicting() -> Scene {
    Scene {
        conceal: Conceal::Predict,
        ..Scene::default()
    }
}

/// Signal to error, dB, between a scene with losses and the same one without, after the first second.
fn signal_to_error(scene: &Scene) -> (f64, Trace) {
    let trace = scene.run();
    let whole = Scene {
        drop: |_| false,
        path: PathConfig {
            loss: Loss::None,
            ..scene.path
        },
        ..scene.clone()
    }
    .run();
    let (mut signal, mut error) = (0.0, 0.0);
    for (sent, heard) in whole.from(0.2).iter().zip(trace.from(0.2)) {
        signal += f64::from(*sent).powi(2);
        error += f64::from(sent - heard).powi(2);
    }
    (10.0 * (signal / error).log10(), trace)
}

#[test]
fn what_is_regular_goes_on_as_if_nothing_were_missing() {
    for (queue, least) in [(1, 40.0), (4, 40.0)] {
        for channels in [1, 2, 6] {
            let scene = Scene {
                queue,
                channels,
                peer_channels: channels,
                signal: sine,
                drop: some,
                seconds: 4.0,
                ..predicting()
            };
            let (decibels, trace) = signal_to_error(&scene);
            assert!(trace.counts.lost > 50);
            assert!(
                decibels > least,
                "{decibels} dB, queue {queue}, {channels} channels"
            );
        }
    }
}

#[test]
fn it_is_nearer_to_what_was_sent_than_the_other_inventions() {
    let path = PathConfig {
        seed: 5,
        loss: Loss::Bursts {
            rate: 0.03,
            length: 1.5,
        },
        ..PathConfig::default()
    };
    for queue in [1, 4] {
        let scene = |conceal, company| Scene {
            queue,
            path,
            conceal,
            company,
            signal: music,
            seconds: 8.0,
            ..predicting()
        };
        let others = [Conceal::Fade, Conceal::Zero, Conceal::Wavetable];
        let others = others.map(|conceal| signal_to_error(&scene(conceal, 1)).0);
        for (company, better) in [(1, 3.0), (3, 2.0), (16, 1.0), (48, 1.0)] {
            let foretold = signal_to_error(&scene(Conceal::Predict, company)).0;
            assert!(
                others.iter().all(|other| foretold > other + better),
                "queue {queue}, one of {company}: {foretold} dB, others {others:?} dB"
            );
        }
    }
}

#[test]
fn with_the_next_packet_here_nothing_behind_the_gap_is_touched() {
    let scene = Scene {
        signal: music,
        drop: |n| n == 300,
        ..predicting()
    };
    let trace = scene.run();
    let gap = trace
        .blocks
        .iter()
        .find(|(_, pulled, _)| *pulled == Pulled::Concealed)
        .unwrap()
        .0;
    let whole = Scene {
        drop: |_| false,
        ..scene
    }
    .run();
    assert!(trace.out[0][gap..gap + 128] != whole.out[0][gap..gap + 128]);
    assert!(trace.out[0][..gap] == whole.out[0][..gap]);
    assert!(trace.out[0][gap + 128..] == whole.out[0][gap + 128..]);
}

#[test]
fn where_there_is_no_time_to_foretell_what_is_missing_is_faded() {
    let scene = |conceal, sparing| Scene {
        conceal,
        sparing,
        signal: music,
        drop: some,
        ..Scene::default()
    };
    let sparing = scene(Conceal::Predict, true).run();
    assert!(sparing.out == scene(Conceal::Fade, false).run().out);
    assert!(sparing.out != scene(Conceal::Predict, false).run().out);
}

#[test]
fn a_long_gap_is_silent_after_80_ms_and_sounds_until_then() {
    let trace = Scene {
        signal: sine,
        drop: |n| n >= 300,
        seconds: 1.5,
        ..predicting()
    }
    .run();
    let gap = trace
        .blocks
        .iter()
        .find(|(_, pulled, _)| *pulled == Pulled::Concealed)
        .unwrap()
        .0;
    let loudest = |from: f64, to: f64| {
        let at = |ms: f64| gap + (ms * 48.0) as usize;
        trace.out[0][at(from)..at(to)]
            .iter()
            .fold(0f32, |peak, x| peak.max(x.abs()))
    };
    assert!(loudest(0.0, 15.0) > 0.45 && loudest(25.0, 35.0) > 0.2);
    assert!(loudest(60.0, 80.0) < 0.15);
    assert_eq!(loudest(80.1, 100.0), 0.0);
}

#[test]
fn noise_attacks_and_nonsense_never_get_louder() {
    fn noise(channel: usize, frame: i64) -> f32 {
        let mut random = farsend_netsim::Random::new(frame as u64 * 7 + channel as u64);
        random.unit() as f32 - 0.5
    }
    // A click every 37 ms, just before many of the gaps.
    fn attacks(_: usize, frame: i64) -> f32 {
        let t = frame.rem_euclid(1792) as f32;
        (-t / 60.0).exp() * (t * 0.9).sin() * 0.5
    }
    fn square(_: usize, frame: i64) -> f32 {
        if frame % 200 < 100 { 0.5 } else { -0.5 }
    }
    fn huge(_: usize, frame: i64) -> f32 {
        if frame % 200 < 100 {
            f32::MAX
        } else {
            f32::MIN
        }
    }
    fn subnormal(_: usize, frame: i64) -> f32 {
        if frame % 48_000 < 24_000 {
            sine(0, frame)
        } else {
            1e-42 * (frame % 3) as f32
        }
    }
    type Signal = fn(usize, i64) -> f32;
    let signals: [(&str, Signal, f32); 5] = [
        ("noise", noise, 0.5),
        ("attacks", attacks, 0.5),
        ("square", square, 0.5),
        ("huge", huge, f32::MAX),
        ("subnormal", subnormal, 0.5),
    ];
    for (name, signal, peak) in signals {
        for queue in [1, 2, 4] {
            let trace = Scene {
                signal,
                queue,
                path: PathConfig {
                    seed: 3,
                    loss: Loss::Bursts {
                        rate: 0.3,
                        length: 4.0,
                    },
                    ..PathConfig::default()
                },
                seconds: 4.0,
                ..predicting()
            }
            .run();
            let loudest = trace.out[0].iter().fold(0f32, |peak, x| peak.max(x.abs()));
            assert!(loudest / 2.0 <= peak, "{loudest}, {name}, queue {queue}");
            let tiny = |x: &&f32| **x != 0.0 && x.abs() < 1e-30 && name != "subnormal";
            assert_eq!(trace.out[0].iter().filter(tiny).count(), 0);
        }
    }
}

#[test]
fn any_period_and_block_are_foretold_alike() {
    for (period, block) in [
        (16, 128),
        (128, 16),
        (128, 2048),
        (2048, 128),
        (1000, 333),
        (8192, 64),
    ] {
        let scene = Scene {
            period,
            blocks: vec![block],
            queue: 3,
            signal: sine,
            path: PathConfig {
                seed: 4,
                loss: Loss::Independent(0.03),
                stalls: None,
                delay: Duration::from_millis(1),
                ..PathConfig::default()
            },
            seconds: 8.0,
            ..predicting()
        };
        let (decibels, trace) = signal_to_error(&scene);
        assert!(
            decibels > 12.0,
            "{decibels} dB: {period} / {block} {:?}",
            trace.counts
        );
    }
}
