//! Another queue is asked for while a stream plays.

mod common;

use common::{RATE, Scene, Trace, frame_of, ramp, sine, steepest};
use farsend_stream::DepthPolicy;
use farsend_units::{Channels, Frames};

/// Runs a scene of five seconds in which these queues are asked for after one second and after three.
fn asked(scene: &Scene, policies: [DepthPolicy; 2]) -> Trace {
    let mut policies = policies.into_iter().zip([1, 3]).peekable();
    scene.run_with(scene.arrivals(), |at, buffer| {
        if let Some((policy, _)) = policies.next_if(|(_, seconds)| at >= seconds * RATE.0 as usize)
        {
            buffer.set_depth(policy);
        }
    })
}

fn scene(signal: fn(usize, i64) -> f32) -> Scene {
    Scene {
        queue: 2,
        signal,
        seconds: 5.0,
        ..Scene::default()
    }
}

#[test]
fn the_delay_follows_within_a_second_and_what_is_heard_is_what_was_sent_again() {
    let trace = asked(&scene(ramp), [DepthPolicy::Fixed(8), DepthPolicy::Fixed(3)]);
    let delay = |seconds: f64| {
        let at = (seconds * 48_000.0) as usize;
        let all = trace.out[0][at..at + 24_000].iter();
        let frames: Vec<i64> = all.map(|sample| frame_of(*sample)).collect();
        assert!(frames.windows(2).all(|two| two[1] == two[0] + 1));
        at as i64 - frames[0]
    };
    let delays = [0.5, 2.2, 4.2].map(delay);
    assert_eq!(delays[1] - delays[0], 6 * 128);
    assert_eq!(delays[2] - delays[0], 128);
    assert_eq!(trace.counts.lost + trace.counts.late, 0);
}

#[test]
fn nobody_hears_a_click() {
    for (ppm, policies) in [
        (0.0, [DepthPolicy::Fixed(9), DepthPolicy::AUTO]),
        (300.0, [DepthPolicy::Fixed(7), DepthPolicy::Fixed(1)]),
    ] {
        let scene = Scene { ppm, ..scene(sine) };
        let (step, at) = asked(&scene, policies).largest_step();
        assert!(step < 2.0 * steepest(sine, 2), "{step} at {at}");
    }
}

#[test]
fn a_queue_beyond_the_buffers_memory_is_the_longest_that_it_has_and_no_format_is_refused_for_it() {
    let scene = scene(ramp);
    let trace = asked(&scene, [DepthPolicy::Fixed(u16::MAX); 2]);
    let (most, _) = trace.depths(4.5);
    assert!((2000..20_000).contains(&most), "{most}");
    let mut buffer = scene.buffer();
    buffer.set_depth(DepthPolicy::Fixed(u16::MAX));
    for period in [64, 2048] {
        assert!(buffer.set_format(RATE, Frames(period), Channels(2)).is_ok());
    }
}
