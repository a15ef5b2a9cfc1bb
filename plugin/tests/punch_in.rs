//! A punch-in, as the CLAP and the VST3 hear of it: in the very block in which the host begins to record, the engine is told so.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a host calls native code")]

#[allow(dead_code, reason = "other tests use the rest")]
mod common;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "common/raw_vst3.rs"]
mod raw;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "common/track.rs"]
mod track;

use std::time::Duration;

use common::{Answer, FakeEngine};
use farsend_ipc::runtime::RuntimeDir;
use farsend_ipc::segment::Stretch;
use raw::{Block, INSERT, Raw};
use track::Track;

const BLOCK: usize = 480;

/// Plays through `block` until the engine is there, then on the host's timeline: some blocks, as many that are recorded, some more.
/// Gives what the engine saw of that timeline.
fn punched_in(directory: &RuntimeDir, mut block: impl FnMut(Option<(i64, bool)>)) -> Vec<Stretch> {
    let engine = FakeEngine::start(directory, Answer::Echo);
    common::wait_until("the engine hears of the host", || {
        block(None);
        std::thread::sleep(Duration::from_millis(8));
        !engine.stretches().is_empty()
    });
    for n in 0..60 {
        let records = (20..40).contains(&n);
        block(Some((n * BLOCK as i64, records)));
        // As long as it plays, so that it is not taken for a render, and every stretch is seen.
        std::thread::sleep(Duration::from_millis(10));
    }
    let seen = engine.stretches();
    seen.into_iter().filter(|stretch| stretch.rolling).collect()
}

fn assert_punched_in(seen: &[Stretch]) {
    let told: Vec<_> = seen
        .iter()
        .map(|stretch| (stretch.recording, stretch.timeline))
        .collect();
    let block = BLOCK as i64;
    assert_eq!(told, [(false, 0), (true, 20 * block), (false, 40 * block)]);
    // On the segment's own time line, too: not a frame off.
    let gaps = seen.windows(2).map(|pair| pair[1].since - pair[0].since);
    assert!(gaps.eq([20 * BLOCK as u64; 2]), "{seen:?}");
}

#[test]
fn a_punch_in_begins_and_ends_in_the_very_block_in_which_the_host_says_so() {
    let above = tempfile::tempdir().unwrap();
    let directory = RuntimeDir::at(above.path().join("run")).unwrap();
    // SAFETY: this is the only test in here, and nothing of ours runs yet.
    unsafe {
        std::env::set_var("FARSEND_RUNTIME_DIR", directory.path());
        std::env::set_var("FARSEND_ENGINE", "/nonexistent/farsend");
        std::env::set_var(
            "FARSEND_SESSION",
            r#"{"connected":true,"host":"far.example"}"#,
        );
    }

    let mut clap = Track::new();
    clap.activate(48_000.0, BLOCK as u32);
    let seen = punched_in(&directory, |rolls| {
        clap.rolls_at = rolls.map(|(at, _)| at as f64 / 48e3);
        clap.records = rolls.is_some_and(|(_, records)| records);
        let _ = clap.block(BLOCK, 0.5);
    });
    assert_punched_in(&seen);
    drop(clap);

    let vst3 = Raw::new(INSERT);
    assert!(vst3.set_up(48_000.0, BLOCK as i32) && vst3.activate(true));
    vst3.start(true);
    let seen = punched_in(&directory, |rolls_at| {
        let _ = vst3.process(&Block {
            inputs: vec![Some(2)],
            outputs: vec![Some(2)],
            frames: BLOCK as i32,
            rolls_at,
            ..Block::default()
        });
    });
    assert_punched_in(&seen);
}
