//! Players at a hub, and whether they hear each other.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::farsend::{Farsend, command};
use super::jack::JackServer;
use super::jacktrip::{self, Jacktrip};
use super::machine::is_listening;
use super::probe::{Plan, Probe};
use super::wait::wait_until;
use super::{Machine, Running};
use crate::signal::listen_to_tone;

/// Farsend as the hub of this machine, with these options, once it lets players in.
///
/// # Panics
///
/// If it does not within ten seconds.
pub fn start(machine: &Machine, options: &[&str]) -> Farsend {
    start_as(machine, "hub", options)
}

/// The same, by a name of its own where there are several.
///
/// # Panics
///
/// As [`start`].
pub fn start_as(machine: &Machine, name: &str, options: &[&str]) -> Farsend {
    let mut hub = Farsend::start_without_jack(machine, name, &[&["hub"], options].concat());
    hub.wait_for_event("started", 1, LIMIT);
    hub
}

/// What `farsend hub WORDS` says to a hub that runs, and its exit code.
///
/// # Panics
///
/// If it cannot be started, or says what is no text.
pub fn ask(words: &[&str]) -> (String, i32) {
    let output = command(&[&["hub"], words].concat()).output();
    let output = output.expect("the program can be started");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("it says text");
    println!("hub {words:?}: {said}");
    (said, output.status.code().unwrap_or(-1))
}

/// The same where it has to be done.
///
/// # Panics
///
/// If it is not.
#[track_caller]
pub fn told(words: &[&str]) -> String {
    let (said, code) = ask(words);
    assert_eq!(code, 0, "{words:?}: {said}");
    said
}

/// What the hub of this machine tells of itself.
///
/// # Panics
///
/// If it does not, or there are several.
#[track_caller]
pub fn status() -> Value {
    serde_json::from_str(&told(&["status", "--json"])).expect("it is JSON")
}

/// A real JackTrip as a client of the hub on this machine, from a UDP port of its own.
///
/// # Panics
///
/// If it does not start.
pub fn player(
    machine: &Machine,
    jack: &JackServer,
    name: &str,
    port: u16,
    more: &[&str],
) -> Jacktrip {
    let port = port.to_string();
    let options = ["-C", "127.0.0.1", "-B", &port, "-K", name];
    let player = Jacktrip::start(machine, jack, name, &[&options, more].concat());
    jack.wait_for_port(&format!("{name}:send_1"), Duration::from_secs(10));
    player
}

/// The words that make a Farsend a member of the hub on this machine, from a UDP port that is free.
pub fn join<'a>(options: &[&'a str]) -> Vec<&'a str> {
    [&["join", "127.0.0.1", "--bind-port", "0"], options].concat()
}

/// A Farsend as a member of that hub, in time with the machine's clock.
pub fn member(machine: &Machine, name: &str, options: &[&str]) -> Farsend {
    let options = [&["--backend", "timer", "--name", name], options].concat();
    Farsend::start_without_jack(machine, name, &join(&options))
}

/// A real JackTrip as a hub, which lets clients in at this TCP port.
///
/// # Panics
///
/// If it does not listen within ten seconds.
pub fn jacktrips_hub(
    machine: &Machine,
    jack: &JackServer,
    port: u16,
    options: &[impl AsRef<OsStr>],
) -> Running {
    let mut command = jacktrip::command(&["-S", "-B", &port.to_string()]);
    command.args(options);
    let hub = Running::start(machine, "hub", jack.used_by(&mut command));
    // It listens some time after it is ready to say so.
    wait_until("JackTrip's hub listens", LIMIT, || is_listening(port));
    hub
}

/// Plays a sine into `send_1` of the first JACK client, while `receive_1` of the second is recorded, a few times if the
/// machine is busy: whether it is heard. Each on its own JACK server, at 48 kHz.
///
/// JackTrip's own buffer drops packets where the machine hesitates, so that a stretch of it has to do; and the hub
/// plays a player slower for a while whose packets come late.
pub fn hears(machine: &Machine, from: (&JackServer, &str), to: (&JackServer, &str)) -> bool {
    let (at, to) = to;
    let ports = (format!("{}:send_", from.1), format!("{to}:receive_"));
    let play = Plan {
        name: "probe_play",
        play: Some((&ports.0, 1)),
        record: None,
        frames: TAKE,
        sine: Some(440),
    };
    let record = |frames| Plan {
        name: "probe_record",
        play: None,
        record: Some((&ports.1, 1)),
        frames,
        sine: None,
    };
    let _playing = Probe::start(machine, from.0, &play);
    for attempt in 0..TAKES {
        // A probe that comes disturbs a server that is late already.
        let frames = if attempt < 2 { TAKE } else { 2 * TAKE };
        let recording = Probe::start(machine, at, &record(frames)).recording();
        let samples = &recording.channels[0];
        let silent = samples.iter().all(|sample| sample.abs() < 1e-3);
        if silent && attempt > 0 {
            return false;
        }
        let tone = listen_to_tone(samples, 440, RATE);
        println!("{} to {to}: {tone:?}", from.1);
        if tone.seconds >= 0.2 && (tone.hertz - 440.0).abs() < 3.0 && tone.residue < -35.0 {
            return true;
        }
    }
    false
}

const LIMIT: Duration = Duration::from_secs(10);
const RATE: u32 = 48_000;
/// Of a recording: thrice what has to be heard of it.
const TAKE: u32 = RATE * 3 / 2;
/// Of what does not sound right, twice as long from the third on: it takes a buffer so long to settle on a busy machine.
const TAKES: u32 = 9;

/// Waits until these players, in the order of the alphabet, and nobody else are at the hub that a plugin's engine is in `run` of this machine.
///
/// # Panics
///
/// If they are not within half a minute.
pub fn wait_for_players(machine: &Machine, names: &[&str]) {
    let started = Instant::now();
    loop {
        let mut status = command(&["hub", "status", "--json"]);
        status.env("FARSEND_RUNTIME_DIR", machine.path("run"));
        let output = status.output().expect("the program can be started");
        let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let here = status["players"].as_array().map(|players| {
            let names = players.iter().filter_map(|one| one["name"].as_str());
            let mut names: Vec<&str> = names.collect();
            names.sort_unstable();
            names
        });
        if here.as_deref() == Some(names) {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(30),
            "not there within 30 s: {names:?}; {output:?}"
        );
        std::thread::sleep(Duration::from_millis(100));
    }
}
