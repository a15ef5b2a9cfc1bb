//! The automatic depth, drift and other rates, over whole streams: what is heard stays whole and in tune.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test's helpers fail as the test does"
)]

mod common;

use std::time::Duration;

use common::{RATE, Scene, Trace, at, pull, sine, steepest};
use farsend_netsim::{Jitter, PathConfig, Stalls};
use farsend_stream::Origin;
use farsend_units::{Channels, Frames, SampleRate};

#[test]
fn stalls_of_wifi_are_ridden_out_and_the_delay_does_not_stay() {
    for ms in [25, 50, 100, 200] {
        let stalls = Stalls {
            every: Duration::from_secs(10),
            length: Duration::from_millis(ms),
        };
        let trace = Scene {
            queue: 0,
            seconds: 58.0,
            signal: sine,
            path: PathConfig {
                delay: Duration::from_millis(10),
                jitter: Jitter::Exponential(Duration::from_micros(200)),
                stalls: Some(stalls),
                ..PathConfig::default()
            },
            ..Scene::default()
        }
        .run();
        // The last stall was at 49 s.
        let (most, _) = trace.depths(57.0);
        assert!(most <= 1300, "{ms} ms: {most} frames");
        assert!(
            trace.counts.dry <= 6 * (ms / 2 + 2),
            "{ms} ms: {:?}",
            trace.counts
        );
        assert!(trace.counts.reanchored <= 6, "{ms} ms: {:?}", trace.counts);
        assert_no_click(&trace, &format!("{ms} ms"));
    }
}

#[test]
fn nominal_rates_and_periods_that_differ_just_work() {
    for rate in [44_100, 88_200, 96_000, 192_000, 22_050] {
        for (period, block) in [(16, 128), (128, 128), (2048, 64), (441, 512), (100, 37)] {
            let trace = Scene {
                queue: 0,
                peer_rate: SampleRate(rate),
                period,
                blocks: vec![block],
                seconds: 6.0,
                signal: sine,
                path: PathConfig {
                    delay: Duration::from_millis(5),
                    ..PathConfig::default()
                },
                ..Scene::default()
            }
            .run();
            let what = format!("{rate} Hz, {period} in {block}");
            assert_eq!(trace.counts.dry, 0, "{what}: {:?}", trace.counts);
            // 440 Hz at 48 kHz become this at the rate that the peer says it has.
            let pitch = 440.0 * f64::from(rate) / 48_000.0;
            let heard = pitch_of(trace.from(3.0));
            assert!(
                (heard / pitch - 1.0).abs() < 1e-3,
                "{what}: {heard} Hz for {pitch}"
            );
        }
    }
}

#[test]
fn a_peer_that_changes_its_period_every_second_is_heard_all_the_time() {
    let mut buffer = Scene::default().buffer();
    let mut out = vec![Vec::new(); 2];
    let mut heard = 0;
    for second in 0..12 {
        let period: i64 = [16, 2048, 128][second % 3];
        buffer
            .set_format(RATE, Frames(period as u32), Channels(2))
            .unwrap();
        let mut number = 0;
        for block in 0..375 {
            let i = second as i64 * 375 + block;
            while (number + 1) * period <= (block + 1) * 128 {
                buffer.insert(number, at(i), Origin::Direct, &mut |_, out| out.fill(0.25));
                number += 1;
            }
            buffer.settle(at(i), Frames::ZERO, Frames(128));
            let from = out[0].len();
            let _ = pull(&mut buffer, &mut out, 128);
            heard += usize::from(out[0][from..].iter().all(|sample| *sample > 0.2));
        }
    }
    assert!(heard > 12 * 375 / 2, "{heard}");
}

#[test]
fn a_peer_at_twice_the_rate_or_a_tenth_is_no_screech() {
    for factor in [2.0, 0.1, 1.3, 0.7] {
        let trace = Scene {
            queue: 0,
            ppm: (factor - 1.0) * 1e6,
            signal: sine,
            seconds: 10.0,
            ..Scene::default()
        }
        .run();
        assert!(
            trace.out[0].iter().all(|sample| sample.abs() <= 1.0),
            "{factor}"
        );
    }
}

#[test]
fn a_hundred_packets_at_once_and_a_second_of_none_are_lived_through() {
    let scene = Scene {
        queue: 0,
        signal: sine,
        seconds: 20.0,
        ..Scene::default()
    };
    let mut arrivals = scene.arrivals();
    for (when, i) in &mut arrivals {
        // A second without packets at 5 s; at 10 s a hundred of them wait for the last.
        if (1875..2250).contains(i) {
            *when = *when + Duration::from_secs(1000);
        }
        if (3750..3850).contains(i) {
            *when = common::START + Duration::from_secs_f64(3850.0 / 375.0);
        }
    }
    arrivals.sort();
    let trace = scene.run_arrivals(arrivals);
    assert_no_click(&trace, "bursts and breaks");
    let (most, _) = trace.depths(18.0);
    assert!(most <= 1024, "{most}");
}

#[test]
fn a_clock_that_stood_still_is_followed_without_a_screech() {
    // Our own blocks stop for a second, as a machine's that slept; packets of that time are there at once.
    let scene = Scene {
        queue: 0,
        signal: sine,
        ..Scene::default()
    };
    let mut buffer = scene.buffer();
    let mut out = vec![Vec::new(); 2];
    let mut came = 0;
    for block in 0..7500 {
        let now = if block < 3000 { block } else { block + 375 };
        while came <= now {
            let _ = scene.insert(&mut buffer, came, at(came), Origin::Direct);
            came += 1;
        }
        buffer.settle(at(now), Frames::ZERO, Frames(128));
        let _ = pull(&mut buffer, &mut out, 128);
    }
    assert!(buffer.queued().0 <= 512, "{:?}", buffer.queued());
    let tail = &out[0][7000 * 128..];
    let pitch = pitch_of(tail);
    assert!((pitch / 440.0 - 1.0).abs() < 1e-3, "{pitch}");
}

fn assert_no_click(trace: &Trace, what: &str) {
    let (step, frame) = trace.largest_step();
    assert!(
        step < 2.0 * steepest(sine, 2),
        "{what}: a step of {step} at {frame}"
    );
}

/// Of a sine, from the first and the last upward crossing of zero; Hz at 48 kHz.
fn pitch_of(samples: &[f32]) -> f64 {
    let crossings: Vec<f64> = samples
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0] < 0.0 && pair[1] >= 0.0)
        .map(|(i, pair)| i as f64 + f64::from(-pair[0] / (pair[1] - pair[0])))
        .collect();
    let turns = (crossings.len() - 1) as f64;
    48_000.0 * turns / (crossings.last().unwrap() - crossings.first().unwrap())
}
