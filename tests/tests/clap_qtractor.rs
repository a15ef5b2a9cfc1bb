//! The CLAP in Qtractor, on a screen that nobody sees: a session with it plays, is saved, and comes back.
//!
//! ```text
//!   clip.wav ──▶ track Far [Farsend.clap] ──▶ Master ──▶ JACK ──▶ the test
//!                     │      ▲
//!                     ▼      │
//!                   engine ◀──UDP──▶ a peer that plays back what it gets
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use farsend_tests::host::Host;
use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::leftovers::{hasty_engine, leftovers, wait_for_none};
use farsend_tests::lab::probe::{Plan, Probe};
use farsend_tests::lab::qtractor::{CLIENT, Display, Qtractor, Session, Track, write_session};
use farsend_tests::lab::{Machine, Need, need, on_a_private_machine};
use farsend_tests::signal::{listen_to_tone, sine};
use serde_json::{Value, json};

const NEEDS: &[Need] = &[Need::Qtractor, Need::Xvfb, Need::Compiler, Need::Jackd];

const CLOCK: JackClock = JackClock::PATIENT;
const HERTZ: u32 = 441;

#[test]
fn a_session_plays_to_the_far_end_and_back_is_saved_and_comes_back_as_it_was() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "q", CLOCK);
        let display = Display::start(machine);
        let rate = CLOCK.rate.to_string();
        let options = ["-q", "8", "--rate", &rate, "--period", "256"];
        let mut peer = Farsend::start_looping(machine, &options);
        let engine = hasty_engine(machine.folder());
        let state = state_to_call("127.0.0.1");
        let (clip, frames) = clip(machine);
        let track = Track {
            name: "Far",
            bus: "Master",
            plugin: (0, "Farsend"),
            state: &state,
            clip: Some((&clip, frames)),
        };
        let rate = CLOCK.rate;
        let session = write_session(
            machine,
            Session {
                tracks: &[track],
                rate,
            },
        );
        for turn in 1..=2 {
            let mut host = Qtractor::start(machine, (&jack, &display), &session, &engine);
            peer.wait_for_event("connected", turn, Duration::from_secs(30));
            assert!(comes_back(machine, &jack, turn), "turn {turn}: not heard");
            let saved = host.save();
            assert_eq!(session_in(&saved), session_in(&state), "turn {turn}");
            assert_eq!(parameters_in(&saved), parameters_in(&state), "turn {turn}");
            host.end();
            peer.wait_for_event("left", turn, Duration::from_secs(5));
        }
        let (runtime, temporary) = (machine.path("run"), machine.path("tmp"));
        wait_for_none(&runtime, &temporary, Duration::from_secs(10));
        assert_eq!(leftovers(&runtime, &temporary), [""; 0]);
    });
}

/// Rolls, listens at the master bus, stops. A busy machine may spoil it now and then.
fn comes_back(machine: &Machine, jack: &JackServer, turn: usize) -> bool {
    (0..3).any(|attempt| {
        let name = format!("ear-{turn}-{attempt}");
        let plan = Plan {
            name: &name,
            play: None,
            record: Some((&format!("{CLIENT}:Master/out_"), 2)),
            frames: 2 * CLOCK.rate,
            sine: None,
        };
        jack.roll(true);
        let recording = Probe::start(machine, jack, &plan).recording();
        jack.roll(false);
        recording.channels.iter().all(|channel| {
            let tone = listen_to_tone(channel, HERTZ, CLOCK.rate);
            println!("{tone:?}");
            tone.seconds > 0.2
        })
    })
}

/// Half a minute of a sine.
fn clip(machine: &Machine) -> (PathBuf, usize) {
    let path = machine.path("clip.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: CLOCK.rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let frames = 30 * CLOCK.rate;
    let mut file = hound::WavWriter::create(&path, spec).expect("the test's folder is writable");
    for frame in 0..frames {
        for _ in 0..2 {
            let sample = sine(frame, HERTZ, CLOCK.rate) * 32_767.0;
            file.write_sample(sample as i16).expect("the disk has room");
        }
    }
    file.finalize().expect("the disk has room");
    (path, frames as usize)
}

/// A state of the plugin's with which it calls this host.
fn state_to_call(host: &str) -> Vec<u8> {
    let mut plugin = Host::load(Path::new(&need::own_plugin())).expect("the plugin can be loaded");
    let session =
        json!({ "connected": true, "role": "client", "host": host, "queue": 8, "period": 256 });
    plugin
        .want_session(&session)
        .expect("its state is as it was");
    plugin.state().expect("it has a state")
}

/// The saved session in a state of the plugin's.
fn session_in(state: &[u8]) -> Value {
    let text = parse(state)["fields"]["session"].clone();
    serde_json::from_str(text.as_str().expect("a session is text")).expect("it is JSON")
}

fn parameters_in(state: &[u8]) -> Value {
    parse(state)["params"].clone()
}

fn parse(state: &[u8]) -> Value {
    let json = state.get(8..).expect("a length comes first");
    serde_json::from_slice(json).expect("the plugin writes JSON")
}
