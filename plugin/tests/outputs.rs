//! *Farsend Players* in a CLAP host that has all of its outputs.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a host calls native code")]

mod common;
#[allow(dead_code, reason = "other tests use the rest")]
#[path = "common/track.rs"]
mod track;

use std::time::Duration;

use common::{Answer, ECHO, FakeEngine, NUMBERED, wait_until};
use farsend_ipc::message::Listening;
use farsend_ipc::runtime::RuntimeDir;
use track::Track;

/// 256 frames take 5.3 ms; a host that calls more often than that renders.
const BLOCK: usize = 256;
const PAUSE: Duration = Duration::from_millis(4);

#[test]
fn each_channel_of_the_session_comes_out_where_it_belongs() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = folder.path().join("run");
    // SAFETY: the only test in this program, and it has no other thread that looks yet.
    unsafe {
        std::env::set_var("FARSEND_RUNTIME_DIR", &runtime);
        std::env::set_var("FARSEND_SESSION", r#"{"role":"hub","connected":true}"#);
    }
    let engine = FakeEngine::start(&RuntimeDir::at(&runtime).unwrap(), Answer::Echo);
    let mut track = Track::of(1, "org.farsend.players");
    track.activate(48_000.0, BLOCK as u32);
    let mut expected = vec![ECHO * 0.5; 2];
    expected.extend((2..18).map(|channel| NUMBERED * f32::from(channel as u8)));
    wait_until("all are there", || {
        std::thread::sleep(PAUSE);
        track.block(BLOCK, 0.5) == expected
    });
    let asked = &engine.asked()[0];
    assert_eq!((asked.send.get(), asked.receive.get()), (2, 18));
    assert_eq!(asked.outputs, vec![Listening::Free { had: None }; 8]);
}
