//! Streams that are held back, so that what is heard has the age that was asked for: how exactly, and that nobody hears it.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test's helpers fail as the test does"
)]

mod common;

use std::time::Duration;

use common::{RATE, Scene, Trace, frame_of, ramp, sine, steepest};
use farsend_netsim::{Jitter, PathConfig};
use farsend_stream::Wait;
use farsend_units::SampleRate;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The path's least delay, which nothing at this end can tell.
const PATH: Duration = Duration::from_millis(7);

fn scene(seconds: f64) -> Scene {
    Scene {
        queue: 0,
        seconds,
        path: PathConfig {
            delay: PATH,
            jitter: Jitter::Exponential(Duration::from_micros(200)),
            ..PathConfig::default()
        },
        ..Scene::default()
    }
}

/// Runs it with these holds, each from its second on, and gives the wait at the end.
fn run(scene: &Scene, holds: &[(f64, Duration)]) -> (Trace, Wait) {
    let mut last = None;
    let trace = scene.run_with(scene.arrivals(), |frames, buffer| {
        let seconds = frames as f64 / f64::from(RATE.0);
        let now = holds.iter().rfind(|(from, _)| *from <= seconds);
        buffer.hold(now.map_or(Duration::ZERO, |(_, hold)| *hold));
        last = buffer.wait().or(last);
    });
    (trace, last.expect("it is known at the end"))
}

fn off(one: Duration, other: Duration) -> f64 {
    (one.as_secs_f64() - other.as_secs_f64()).abs() * 1e3
}

#[test]
fn what_is_heard_has_the_age_that_was_asked_for_whatever_packets_and_blocks_are() {
    for (period, block, phase) in [
        (128, 128, 700),
        (128, 128, 2600),
        (64, 128, 100),
        (256, 64, 3000),
        (512, 128, 5000),
        (441, 128, 0),
    ] {
        let mut scene = scene(24.0);
        scene.period = period;
        scene.blocks = vec![block];
        scene.phase = Duration::from_micros(phase);
        scene.signal = ramp;
        let (trace, wait) = run(&scene, &[(3.0, ms(45))]);
        let what = format!("{period} in {block}, {phase} us");
        assert!(off(wait.now, ms(45)) < 1.0, "{what}: {wait:?}");
        // Frame `f` leaves with the end of its packet: it was there a packet's length before its own place in that.
        let (at, ..) = *trace.blocks.last().unwrap();
        let frame = frame_of(trace.out[0][at]) - i64::from(period);
        let captured = frame as f64 / 48e3 + scene.phase.as_secs_f64();
        let age = Duration::from_secs_f64(at as f64 / 48e3 - captured);
        assert!(off(age, PATH + ms(45)) < 1.0, "{what}: {age:?}");
        assert!(wait.own < ms(20), "{what}: {wait:?}");
        let before = run(&scene, &[]).1;
        assert!(
            off(before.now, wait.own) < 1.5,
            "{what}: {before:?} {wait:?}"
        );
    }
}

#[test]
fn other_clocks_and_rates_are_held_as_well() {
    for (rate, ppm) in [
        (48_000, 80.0),
        (48_000, -200.0),
        (44_100, 0.0),
        (96_000, 30.0),
    ] {
        let mut scene = scene(40.0);
        scene.peer_rate = SampleRate(rate);
        scene.ppm = ppm;
        scene.signal = sine;
        let (trace, wait) = run(&scene, &[(4.0, ms(30)), (16.0, ms(60))]);
        assert!(off(wait.now, ms(60)) < 1.0, "{rate} {ppm}: {wait:?}");
        let free = run(&scene, &[]).0.counts.dry;
        assert!(
            trace.counts.dry <= free,
            "{rate} {ppm}: {:?} {free}",
            trace.counts
        );
        assert!(
            trace.counts.reanchored <= 2,
            "{rate} {ppm}: {:?}",
            trace.counts
        );
    }
}

#[test]
fn it_goes_there_and_back_without_a_click_or_a_gap() {
    let mut scene = scene(70.0);
    scene.signal = sine;
    let (trace, wait) = run(
        &scene,
        &[(4.0, ms(60)), (20.0, ms(25)), (36.0, ms(26)), (45.0, ms(0))],
    );
    assert_eq!(trace.counts.dry, 0);
    // Played a little faster, and spliced at the end of that.
    let usual = steepest(sine, 1) * 1.05;
    let from = 3 * 48_000;
    let steps = trace.out[0][from..].windows(2).enumerate();
    let click = steps.map(|(at, pair)| (at, (pair[1] - pair[0]).abs()));
    let click = click.filter(|(_, step)| *step > usual).collect::<Vec<_>>();
    assert!(click.is_empty(), "{click:?}");
    assert!(off(wait.now, wait.own) < 1.0, "{wait:?}");
}

#[test]
fn what_comes_late_has_all_the_time_for_which_the_stream_is_held() {
    let with_stalls = |seconds| {
        let mut scene = scene(seconds);
        scene.signal = sine;
        scene.path.stalls = Some(farsend_netsim::Stalls {
            every: Duration::from_secs(9),
            length: ms(30),
        });
        scene
    };
    let (free, _) = run(&with_stalls(60.0), &[]);
    let (held, _) = run(&with_stalls(60.0), &[(1.0, ms(50))]);
    let late = |trace: &Trace| {
        let from = 20 * 48_000;
        let blocks = trace.blocks.iter().filter(|(at, ..)| *at >= from);
        blocks
            .filter(|(_, pulled, _)| *pulled == farsend_stream::Pulled::Concealed)
            .count()
    };
    assert!(late(&free) > 0, "or there is nothing to see");
    assert_eq!(late(&held), 0, "{:?}", held.counts);
}

#[test]
fn a_fixed_queue_is_held_within_two_packets_and_nonsense_as_far_as_there_is_memory() {
    let mut fixed = scene(30.0);
    fixed.queue = 4;
    fixed.signal = sine;
    let (_, wait) = run(&fixed, &[(3.0, ms(40))]);
    assert!(off(wait.now, ms(40)) < 5.5 + 0.5, "{wait:?}");
    let (trace, wait) = run(&fixed, &[(3.0, Duration::MAX)]);
    assert!(wait.now > ms(60) && wait.now < ms(500), "{wait:?}");
    assert_eq!(trace.counts.dry, 0);
}
