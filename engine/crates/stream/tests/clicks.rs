//! Nothing that happens to a stream is heard as a click: from sample to sample the output never
//! steps more than the signal itself does, but for the slope of the fades.

mod common;

use std::time::Duration;

use common::{RATE, Scene, Trace, music, pull, sine, steepest};
use farsend_netsim::{Jitter, Loss, PathConfig, Stalls};
use farsend_stream::{Conceal, Origin, Pulled};
use farsend_units::{Channels, Frames};

const MODES: [Conceal; 4] = [
    Conceal::Predict,
    Conceal::Fade,
    Conceal::Zero,
    Conceal::Wavetable,
];
const SIGNALS: [fn(usize, i64) -> f32; 2] = [sine, music];

#[test]
fn losses_late_packets_and_stalls_do_not_click() {
    let paths = [
        PathConfig {
            seed: 1,
            loss: Loss::Independent(0.1),
            ..PathConfig::default()
        },
        PathConfig {
            seed: 2,
            loss: Loss::Bursts {
                rate: 0.3,
                length: 8.0,
            },
            ..PathConfig::default()
        },
        PathConfig {
            seed: 3,
            jitter: Jitter::Exponential(Duration::from_millis(3)),
            ..PathConfig::default()
        },
        PathConfig {
            seed: 4,
            stalls: Some(Stalls {
                every: Duration::from_millis(700),
                length: Duration::from_millis(90),
            }),
            ..PathConfig::default()
        },
    ];
    for path in paths {
        for (period, block, queue) in [
            (128, 128, 4),
            (128, 128, 1),
            (32, 128, 2),
            (100, 64, 1),
            (1024, 96, 1),
        ] {
            everywhere(|scene| {
                let scene = Scene {
                    path,
                    period,
                    blocks: vec![block],
                    queue,
                    seconds: 4.0,
                    ..scene
                };
                (
                    scene.run(),
                    format!("{path:?} {period} / {block}, queue {queue}"),
                )
            });
        }
    }
}

#[test]
fn one_lost_packet_is_bridged_and_the_rest_is_untouched() {
    for conceal in MODES {
        let scene = Scene {
            conceal,
            signal: sine,
            drop: |n| n == 100,
            queue: 1,
            ..Scene::default()
        };
        let trace = scene.run();
        let gap = trace
            .blocks
            .iter()
            .position(|(_, pulled, _)| *pulled == Pulled::Concealed)
            .unwrap()
            * 128;
        let whole = Scene {
            drop: |_| false,
            ..scene
        }
        .run();
        let same = |from: usize, to: usize| (from..to).all(|i| trace.out[0][i] == whole.out[0][i]);
        assert!(same(0, gap) && same(gap + 128 + 240, trace.out[0].len()));
        let loudest = |from: usize, frames| {
            trace.out[0][from..from + frames]
                .iter()
                .fold(0f32, |a, b| a.max(b.abs()))
        };
        match conceal {
            Conceal::Predict | Conceal::Fade => assert!(loudest(gap + 64, 64) > 0.3),
            Conceal::Zero => assert_eq!(loudest(gap + 64, 64), 0.0),
            Conceal::Wavetable => assert!(loudest(gap + 64, 64) > 0.2),
        }
    }
}

#[test]
fn clocks_far_apart_do_not_click() {
    for ppm in [2000.0, -2000.0] {
        for (period, block) in [(128, 128), (96, 128), (256, 128)] {
            everywhere(|scene| {
                let scene = Scene {
                    ppm,
                    queue: 2,
                    period,
                    blocks: vec![block],
                    seconds: 8.0,
                    ..scene
                };
                let trace = scene.run();
                assert_eq!(trace.counts.dry, 0, "{ppm} {period} {block}");
                (trace, format!("{ppm} ppm {period} / {block}"))
            });
        }
    }
}

#[test]
fn the_end_of_a_stream_a_reset_of_format_and_a_return_do_not_click() {
    everywhere(|scene| {
        let scene = Scene {
            seconds: 4.0,
            channels: 4,
            peer_channels: 4,
            ..scene
        };
        let trace = scene.run_with(scene.arrivals(), |frame, buffer| match frame / 128 {
            200 => buffer.fade_out(),
            600 => buffer.set_format(RATE, Frames(128), Channels(2)).unwrap(),
            800 => buffer.set_format(RATE, Frames(128), Channels(4)).unwrap(),
            _ => {}
        });
        (trace, "fade out, formats".to_string())
    });
}

#[test]
fn a_host_that_stops_and_goes_on_does_not_click() {
    everywhere(|scene| {
        let scene = Scene {
            seconds: 6.0,
            ..scene
        };
        // Ten times 100 packets come while nothing is played.
        let mut extra = 0;
        let mut buffer = scene.buffer();
        let mut out = vec![Vec::new(); 2];
        for i in 0..2000 {
            let _ = scene.insert(&mut buffer, i, common::at(i), Origin::Direct);
            if i % 200 < 100 || i < 100 {
                buffer.settle(common::at(i), Frames::ZERO, Frames(128));
                let _ = pull(&mut buffer, &mut out, 128);
            } else {
                extra += 1;
            }
        }
        assert!(
            extra > 900 && buffer.counts().reanchored >= 8,
            "{:?}",
            buffer.counts()
        );
        (
            Trace {
                out,
                counts: buffer.counts(),
                ..scene.run()
            },
            "pauses".to_string(),
        )
    });
}

#[test]
fn numbers_that_start_over_do_not_click() {
    for jump in [-5000, 5000, 1 << 41] {
        everywhere(|scene| {
            let mut buffer = scene.buffer();
            let mut out = vec![Vec::new(); 2];
            for i in 0..1000i64 {
                let number = i + i / 150 * jump;
                let _ = buffer.insert(
                    number,
                    common::START,
                    Origin::Direct,
                    &mut |channel, out| {
                        let frames = i * 128 + i / 150 * 37..;
                        out.iter_mut()
                            .zip(frames)
                            .for_each(|(out, frame)| *out = (scene.signal)(channel, frame));
                    },
                );
                buffer.settle(common::at(i), Frames::ZERO, Frames(128));
                let _ = pull(&mut buffer, &mut out, 128);
            }
            assert!(buffer.counts().reanchored >= 6, "{:?}", buffer.counts());
            (
                Trace {
                    out,
                    counts: buffer.counts(),
                    ..scene.run()
                },
                format!("jumps by {jump}"),
            )
        });
    }
}

#[test]
fn a_break_does_not_click_and_is_silent_but_for_the_wavetable() {
    everywhere(|scene| {
        let scene = Scene {
            seconds: 4.0,
            drop: |n| (300..900).contains(&n),
            ..scene
        };
        let trace = scene.run();
        let meanwhile = &trace.out[0][2 * 48_000..2 * 48_000 + 4800];
        let silent = meanwhile.iter().all(|sample| *sample == 0.0);
        assert_eq!(silent, scene.conceal != Conceal::Wavetable);
        (trace, "a break".to_string())
    });
}

#[test]
fn the_wavetable_turns_for_ever_at_the_same_level() {
    let scene = Scene {
        conceal: Conceal::Wavetable,
        signal: sine,
        drop: |n| n > 300,
        seconds: 10.0,
        ..Scene::default()
    };
    let trace = scene.run();
    let energy = |from: usize| {
        trace.out[0][from..from + 4800]
            .iter()
            .map(|s| s * s)
            .sum::<f32>()
            / 4800.0
    };
    assert!((energy(60_000) / energy(470_000) - 1.0).abs() < 0.01);
    assert!(energy(60_000) > 0.08, "{}", energy(60_000));
}

#[test]
fn after_the_peer_has_left_there_is_silence_within_15_ms() {
    for conceal in MODES {
        let scene = Scene {
            conceal,
            signal: sine,
            ..Scene::default()
        };
        let mut buffer = scene.buffer();
        let mut out = vec![Vec::new(); 2];
        for i in 0..50 {
            let _ = scene.insert(&mut buffer, i, common::at(i), Origin::Direct);
            buffer.settle(common::at(i), Frames::ZERO, Frames(128));
            let _ = pull(&mut buffer, &mut out, 128);
        }
        buffer.fade_out();
        assert_eq!(pull(&mut buffer, &mut out, 960), Pulled::Idle);
        assert!(out[0][50 * 128..].iter().any(|sample| *sample != 0.0));
        assert!(
            out[0][50 * 128 + 720..].iter().all(|sample| *sample == 0.0),
            "{conceal:?}"
        );
        buffer.reset();
        assert_eq!(pull(&mut buffer, &mut out, 960), Pulled::Idle);
    }
}

/// Runs a story in each mode with each signal, and looks for clicks.
fn everywhere(story: impl Fn(Scene) -> (Trace, String)) {
    for conceal in MODES {
        for signal in SIGNALS {
            let (trace, what) = story(Scene {
                conceal,
                signal,
                ..Scene::default()
            });
            let loudest = trace
                .out
                .iter()
                .flatten()
                .fold(0f32, |most, sample| most.max(sample.abs()));
            // Frames of the shortest cross-fade.
            let fade = match conceal {
                Conceal::Predict => 24.0,
                Conceal::Zero => 64.0,
                Conceal::Fade | Conceal::Wavetable => 240.0,
            };
            let bound =
                steepest(signal, 4) * 1.1 + 2.0 * loudest * std::f32::consts::FRAC_PI_2 / fade;
            let (step, at) = trace.largest_step();
            assert!(loudest < 0.75 && loudest > 0.1, "{loudest}");
            assert!(
                step <= bound,
                "a step of {step} at {at}, more than {bound}: {conceal:?}, {what}"
            );
        }
    }
}
