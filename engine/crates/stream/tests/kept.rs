//! Streams whose delay is to stay as it is: through what would move others, and what moves them all the same.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test's helpers fail as the test does"
)]

mod common;

use std::time::Duration;

use common::{RATE, START, Scene, ramp};
use farsend_netsim::{Jitter, PathConfig, Stalls};

fn scene(seconds: f64) -> Scene {
    Scene {
        queue: 0,
        seconds,
        signal: ramp,
        path: PathConfig {
            delay: Duration::from_millis(7),
            jitter: Jitter::Exponential(Duration::from_micros(300)),
            stalls: Some(Stalls {
                every: Duration::from_secs(4),
                length: Duration::from_millis(12),
            }),
            ..PathConfig::default()
        },
        ..Scene::default()
    }
}

/// How often the delay was changed after the third second, kept from then on or not.
fn moves(scene: &Scene, keep: bool) -> u64 {
    let (mut before, mut last) = (None, 0);
    let _ = scene.run_with(scene.arrivals(), |frames, buffer| {
        let seconds = frames as f64 / f64::from(RATE.0);
        if seconds >= 3.0 {
            buffer.keep_delay(keep);
            before.get_or_insert(buffer.counts().moves);
        }
        last = buffer.counts().moves;
    });
    last - before.unwrap()
}

#[test]
fn stalls_that_move_another_do_not_move_one_that_is_kept() {
    let scene = scene(40.0);
    assert!(moves(&scene, false) > 0);
    assert_eq!(moves(&scene, true), 0);
}

#[test]
fn a_path_that_becomes_longer_for_good_moves_it_once_or_twice_and_that_is_told() {
    let scene = scene(30.0);
    let mut arrivals = scene.arrivals();
    for (at, _) in &mut arrivals {
        if at.since(START) > Duration::from_secs(15) {
            *at = *at + Duration::from_millis(80);
        }
    }
    let (mut before, mut last) = (None, 0);
    let trace = scene.run_with(arrivals, |frames, buffer| {
        if frames as f64 > 5.0 * f64::from(RATE.0) {
            buffer.keep_delay(true);
            before.get_or_insert(buffer.counts().moves);
        }
        last = buffer.counts().moves;
    });
    let moves = last - before.unwrap();
    assert!((1..=4).contains(&moves), "{moves}");
    let end = &trace.out[0][trace.out[0].len() - 4800..];
    assert!(end.iter().all(|sample| *sample != 0.0), "it is heard again");
}

#[test]
fn a_delay_that_glides_has_moved_with_every_block_until_it_rests() {
    let scene = scene(150.0);
    let mut arrivals = scene.arrivals();
    // A bad time, after which less will do.
    for (at, n) in &mut arrivals {
        let since = at.since(START);
        if since > Duration::from_secs(5) && since < Duration::from_secs(8) && *n % 5 == 0 {
            *at = *at + Duration::from_millis(15);
        }
    }
    arrivals.sort();
    let (mut last, mut glided) = (None, 0);
    let _ = scene.run_with(arrivals, |frames, buffer| {
        let now = buffer.playhead().map(|playhead| {
            let behind = playhead - frames as f64;
            (behind, buffer.counts().moves)
        });
        if let (Some((behind, moves)), Some((was, had))) = (now, last)
            && behind != was
        {
            glided += 1;
            assert_ne!(moves, had, "{behind} in place of {was} at {frames}");
        }
        last = now;
    });
    assert!(glided > 100, "{glided}");
}
