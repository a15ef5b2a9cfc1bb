//! A hub that records: stems line up with the mix to the sample, who comes back goes on in their file, and neither a full disk
//! nor a kill takes more than it must.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use farsend_tests::lab::farsend::{self, Farsend};
use farsend_tests::lab::hub::{ask, start};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::Jacktrip;
use farsend_tests::lab::probe::{Plan, Probe};
use farsend_tests::lab::program::Running;
use farsend_tests::lab::{Machine, Need, on_a_private_machine};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(10);

#[test]
fn stems_add_up_to_the_mix_to_the_sample_and_one_who_comes_back_goes_on() {
    let needs = [Need::Jackd, Need::Jacktrip, Need::Sndfile];
    on_a_private_machine(&needs, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = hub(machine, &machine.path("takes"), &["--record-bits", "32"]);
        let _ann = player(machine, &jack, "ann", 4471, 440);
        let ben = player(machine, &jack, "ben", 4472, 660);
        hub.wait_for_event("joined", 2, LIMIT);
        std::thread::sleep(Duration::from_secs(2));
        leave(ben);
        hub.wait_for_event("left", 1, LIMIT);
        std::thread::sleep(Duration::from_secs(1));
        // From another port, as a new program has it.
        let _again = player(machine, &jack, "ben", 4473, 660);
        hub.wait_for_event("joined", 3, LIMIT);
        std::thread::sleep(Duration::from_secs(2));
        hub.running.signal(Signal::SIGINT);
        assert_eq!(hub.running.wait_exit_code(LIMIT), 0);

        let recorded = &hub.events("recorded")[0];
        let folder = session(&machine.path("takes"));
        assert_eq!(recorded["folder"], folder.to_str().expect("plain text"));
        assert_eq!(files(&folder), ["ann.wav", "ben.wav", "mix.wav"]);
        assert_eq!(recorded["missed_frames"], 0, "{recorded}");

        let begun = hub.events("recording")[0]["time_reference"].as_u64();
        let [ann, ben, mix] = ["ann", "ben", "mix"].map(|name| {
            let path = folder.join(name).with_extension("wav");
            assert_eq!(Some(time_reference(&path)), begun);
            let told = info("sndfile-metadata-get", &["--all"], &path);
            let whose = if name == "mix" { "all players" } else { name };
            assert!(told.contains(&format!(": {whose}")), "{told}");
            assert!(
                told.contains("A=PCM,F=48000,W=32,M=stereo,T=Farsend"),
                "{told}"
            );
            read(&path)
        });
        assert_eq!(ann.len(), mix.len(), "both are there until the end");
        let wrong = (0..mix.len()).filter(|&i| {
            let of = |stem: &[f32]| f64::from(stem.get(i).copied().unwrap_or(0.0));
            (of(&ann) + of(&ben)) as f32 != mix[i]
        });
        assert_eq!(wrong.count(), 0);

        // Heard, away for a second or more, heard again.
        let sounds: Vec<bool> = ben
            .chunks(2 * 4800)
            .map(|tenth| tenth.iter().any(|x| x.abs() > 0.05))
            .collect();
        let spoken = String::from_iter(sounds.iter().map(|x| if *x { 'x' } else { '.' }));
        println!("ben: {spoken}");
        let (before, after) = spoken
            .trim_matches('.')
            .split_once("........")
            .unwrap_or_else(|| panic!("never away: {spoken}"));
        assert!(before.contains("xx") && after.contains("xx"), "{spoken}");
        assert!(ann.iter().any(|x| x.abs() > 0.05));
    });
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_hub() {
    on_a_private_machine(&[Need::Sndfile], |machine| {
        let takes = machine.path("takes");
        std::fs::create_dir(&takes).expect("the test's folder is writable");
        let mount = ["-t", "tmpfs", "-o", "size=2m", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(&takes).status();
        assert!(mounted.is_ok_and(|status| status.success()));
        let mut hub = hub(machine, &takes, &[]);
        let mut load = load(machine, 6);
        hub.wait_for_event("recording_stopped", 1, Duration::from_secs(30));
        let stopped = &hub.events("recording_stopped")[0];
        assert!(
            stopped["text"]
                .as_str()
                .is_some_and(|text| text.contains("No space left")),
            "{stopped}"
        );
        // Nobody hears of it.
        assert_eq!(load.wait_exit_code(Duration::from_secs(60)), 0);
        let report: serde_json::Value = serde_json::from_str(&load.stdout()).expect("JSON");
        let missing = report["contributions"]["missing_share"].as_f64();
        assert!(missing.is_some_and(|share| share < 0.5), "{report}");
        assert!(hub.running.is_running());
        hub.running.signal(Signal::SIGINT);
        assert_eq!(hub.running.wait_exit_code(LIMIT), 0);
        all_open(&takes);
        let unmounted = Command::new("umount").arg(&takes).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    });
}

#[test]
fn a_hub_that_is_killed_leaves_files_that_open() {
    on_a_private_machine(&[Need::Sndfile], |machine| {
        let takes = machine.path("takes");
        let mut hub = hub(machine, &takes, &[]);
        let _load = load(machine, 30);
        hub.wait_for_event("joined", 4, LIMIT);
        let long_enough = |output: &str| {
            let lines = output.lines().rev();
            let newest = lines
                .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
                .find(|line| line["event"] == "statistics");
            newest.is_some_and(|line| line["recording"]["seconds"].as_f64() > Some(8.0))
        };
        hub.running
            .wait_until("record for a while", Duration::from_secs(60), long_enough);
        hub.running.signal(Signal::SIGKILL);
        hub.running.wait_exit(LIMIT);
        let lengths = all_open(&takes);
        assert_eq!(lengths.len(), 5);
        println!("frames: {lengths:?}");
        // Eight seconds less the two that may be lost, on a machine that hesitates.
        assert!(lengths.iter().all(|frames| *frames > 4 * 48_000));
    });
}

#[test]
fn a_folder_that_cannot_be_made_is_said_at_once() {
    on_a_private_machine(&[], |machine| {
        let file = machine.path("file");
        std::fs::write(&file, b"not a folder").expect("the test's folder is writable");
        let words = ["hub", "--record", file.to_str().expect("plain text")];
        let mut hub = Running::start(machine, "hub", &mut farsend::command(&words));
        assert_eq!(hub.wait_exit_code(LIMIT), 8, "a file cannot be written");
        assert!(
            hub.output()
                .contains("that is a file, and a folder is needed"),
            "{}",
            hub.output()
        );
    });
}

#[test]
fn no_recording_begins_on_a_disk_that_is_full() {
    on_a_private_machine(&[], |machine| {
        let takes = machine.path("takes");
        std::fs::create_dir(&takes).expect("the test's folder is writable");
        let mount = ["-t", "tmpfs", "-o", "size=64k", "tmpfs"];
        let mounted = Command::new("mount").args(mount).arg(&takes).status();
        assert!(mounted.is_ok_and(|status| status.success()));
        let _hub = start(machine, &[]);
        let (said, code) = ask(&["record", "start", takes.to_str().expect("plain text")]);
        assert!(code == 1 && said.contains("the disk is full"), "{said}");
        assert_eq!(std::fs::read_dir(&takes).expect("a folder").count(), 0);
        let unmounted = Command::new("umount").arg(&takes).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    });
}

fn hub(machine: &Machine, takes: &Path, more: &[&str]) -> Farsend {
    let takes = takes.to_str().expect("plain text");
    let mut hub = start(machine, &[&["--record", takes], more].concat());
    hub.wait_for_event("recording", 1, LIMIT);
    hub
}

/// A real JackTrip that plays a sine to the hub.
fn player(
    machine: &Machine,
    jack: &JackServer,
    name: &str,
    port: u16,
    sine: u32,
) -> (Jacktrip, Probe) {
    let port = port.to_string();
    let options = ["-C", "127.0.0.1", "-B", &port, "-K", name];
    let player = Jacktrip::start(machine, jack, name, &options);
    jack.wait_for_port(&format!("{name}:send_1"), LIMIT);
    let plan = Plan {
        name: &format!("probe{port}"),
        play: Some((&format!("{name}:send_"), 2)),
        record: None,
        frames: 0,
        sine: Some(sine),
    };
    let probe = Probe::start(machine, jack, &plan);
    (player, probe)
}

fn leave((mut player, probe): (Jacktrip, Probe)) {
    drop(probe);
    player.running.signal(Signal::SIGINT);
    player.running.wait_exit(LIMIT);
}

/// Four players, each with a level of their own.
fn load(machine: &Machine, seconds: u32) -> Running {
    let seconds = seconds.to_string();
    let words = [
        "bench",
        "hub",
        "--clients",
        "4",
        "--seconds",
        &seconds,
        "--json",
    ];
    Running::start(machine, "load", &mut farsend::command(&words))
}

/// The one session in this folder.
fn session(takes: &Path) -> PathBuf {
    let names = files(takes);
    assert_eq!(names.len(), 1, "{names:?}");
    takes.join(&names[0])
}

fn files(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("it is there");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("readable").file_name())
        .map(|name| name.into_string().expect("plain text"))
        .collect();
    names.sort();
    names
}

/// Interleaved.
fn read(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    assert_eq!(reader.spec().channels, 2);
    let samples: Result<_, _> = reader.samples::<f32>().collect();
    samples.expect("whole")
}

/// Frames of all files of the one session, which libsndfile has to agree upon.
fn all_open(takes: &Path) -> Vec<u32> {
    let folder = session(takes);
    let lengths = files(&folder).into_iter().map(|name| {
        let path = folder.join(name);
        let frames = hound::WavReader::open(&path)
            .expect("a WAV file")
            .duration();
        assert_eq!(told(&path, "Frames"), frames.to_string(), "{path:?}");
        frames
    });
    lengths.collect()
}

/// Samples since midnight, from its place in the bext chunk.
fn time_reference(path: &Path) -> u64 {
    let bytes = std::fs::read(path).expect("a file");
    let bext = bytes.windows(4).position(|name| name == b"bext");
    let at = bext.expect("a bext chunk") + 8 + 338;
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// What `sndfile-info` says behind this word and a colon.
fn told(path: &Path, what: &str) -> String {
    let text = info("sndfile-info", &[], path);
    let line = text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix(what)?.trim_start();
        rest.strip_prefix(':')
    });
    line.unwrap_or_else(|| panic!("no {what} in {text}"))
        .trim()
        .to_owned()
}

fn info(program: &str, options: &[&str], path: &Path) -> String {
    let output = Command::new(program).args(options).arg(path).output();
    let output = output.expect("it was there a moment ago");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
