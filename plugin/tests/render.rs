//! What is heard of the far end where a host renders: its takes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a host calls native code")]

#[path = "common/take.rs"]
mod take;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "common/track.rs"]
mod track;

use std::time::{Duration, Instant};

use track::{Track, state_with};

const RATE: u32 = 48_000;
const BLOCK: usize = 480;

/// The last sample of each block that a host renders as fast as it can, from the beginning of its timeline on.
fn rendered(track: &mut Track, blocks: usize) -> Vec<f32> {
    track.activate(f64::from(RATE), BLOCK as u32);
    let block = |n: usize| {
        track.rolls_at = Some(n as f64 * BLOCK as f64 / f64::from(RATE));
        track.block(BLOCK, 0.5)[0]
    };
    (0..blocks).map(block).collect()
}

#[test]
fn takes_are_heard_at_their_places_without_any_engine() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("Band");
    std::fs::create_dir(&session).unwrap();
    // Two seconds from the first on, and a newer take within.
    let two = 2 * RATE as usize;
    take::write(&session, "Ann", 1, RATE.into(), RATE, &[vec![0.25; two]]);
    let begins = RATE as u64 * 2;
    take::write(&session, "Ann", 2, begins, RATE, &[vec![-0.5; two / 4]]);
    let mut track = Track::new();
    let wish = serde_json::json!({ "share": "Band", "takes": folder.path() });
    assert!(track.load(&state_with(&wish.to_string())));
    let heard = rendered(&mut track, 400);
    let at = |seconds: f64| heard[(seconds * 100.0) as usize];
    let levels = [0.5, 1.1, 1.9, 2.1, 2.4, 2.6, 2.9, 3.1].map(at);
    assert_eq!(levels, [0.0, 0.25, 0.25, -0.5, -0.5, 0.25, 0.25, 0.0]);
}

#[test]
fn without_a_take_a_render_is_silent_and_does_not_wait() {
    let folder = tempfile::tempdir().unwrap();
    let mut track = Track::new();
    let wish = serde_json::json!({ "share": "Band", "takes": folder.path() });
    assert!(track.load(&state_with(&wish.to_string())));
    let begun = Instant::now();
    let heard = rendered(&mut track, 6000);
    assert!(heard.iter().all(|sample| *sample == 0.0));
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_host_may_not_want_its_takes_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let session = folder.path().join("Band");
    std::fs::create_dir(&session).unwrap();
    take::write(&session, "Ann", 1, 0, RATE, &[vec![0.25; RATE as usize]]);
    let mut track = Track::new();
    let wish = serde_json::json!({ "share": "Band", "takes": folder.path() });
    assert!(track.load(&state_with(&wish.to_string())));
    track.set("Render from takes", 0.0);
    let heard = rendered(&mut track, 100);
    assert!(heard.iter().all(|sample| *sample == 0.0));
}
