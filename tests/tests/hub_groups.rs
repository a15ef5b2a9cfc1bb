//! A hub of Farsends is divided into groups, and recorded, while it runs.

use std::path::{Path, PathBuf};
use std::time::Duration;

use farsend_tests::lab::farsend::Farsend;
use farsend_tests::lab::hub::{ask, start, status, told};
use farsend_tests::lab::voices::{self, CLOCK};
use farsend_tests::lab::{Machine, Need, on_a_private_machine};
use nix::sys::signal::Signal;
use serde_json::Value;

const NEEDS: &[Need] = &[];
const LIMIT: Duration = Duration::from_secs(20);

/// Players who each send a constant: ann -6 dB, ben -12, carl -18.
const PLAYERS: [(&str, f32); 3] = [("ann", 0.5), ("ben", 0.25), ("carl", 0.125)];

/// From a port of their own.
fn join(machine: &Machine, name: &str, level: f32) -> Farsend {
    let port = PLAYERS.iter().position(|(player, _)| *player == name);
    let port = 4471 + port.expect("one of them") as u16;
    voices::join(machine, name, level, port)
}

#[track_caller]
fn hears(player: &mut Farsend, levels: &[f32]) {
    voices::hears(player, levels, LIMIT);
}

#[test]
fn those_of_a_group_hear_one_another_and_one_who_comes_back_is_in_it_again() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, CLOCK);
        let [mut ann, mut ben, mut carl] = PLAYERS.map(|(name, level)| join(machine, name, level));
        hub.wait_for_event("joined", 3, LIMIT);
        told(&["group", "ann", "strings"]);
        told(&["group", "carl", "Strings"]);
        // Nobody says that ben is in a group: he hears all.
        hears(&mut ben, &[0.5, 0.125]);
        told(&["group", "ben", "brass"]);
        hears(&mut ben, &[]);
        hears(&mut carl, &[0.5]);
        told(&["group", "--between", "-20"]);
        assert!(told(&["status"]).contains("groups hear each other at -20 dB"));

        ben.running.signal(Signal::SIGINT);
        hub.wait_for_event("left", 1, LIMIT);
        let away = status()["absent"][0].clone();
        assert_eq!([&away["name"], &away["group"]], ["ben", "brass"]);
        assert!(told(&["group", "Ben", "winds"]).contains("who is not here"));
        let mut ben = join(machine, "ben", 0.25);
        hub.wait_for_event("joined", 4, LIMIT);
        let players = status()["players"].clone();
        let player = |name: &str| {
            let mut players = players.as_array().expect("a list").iter();
            players.find(|one| one["name"] == name).expect("here")["group"].clone()
        };
        assert_eq!(
            [player("ann"), player("ben"), player("carl")],
            ["strings", "winds", "strings"]
        );
        hears(&mut ben, &[0.05, 0.0125]);
        told(&["group", "--clear"]);
        hears(&mut ann, &[0.25, 0.125]);
    });
}

#[test]
fn each_start_of_a_recording_is_a_take_of_its_own_of_all_who_are_here() {
    on_a_private_machine(NEEDS, |machine| {
        let mut hub = start(machine, CLOCK);
        let [mut ann, _ben, _carl] = PLAYERS.map(|(name, level)| join(machine, name, level));
        hub.wait_for_event("joined", 3, LIMIT);
        let (nowhere, code) = ask(&["record", "start"]);
        assert_eq!(code, 1, "{nowhere}");
        hears(&mut ann, &[0.25, 0.125]);

        let folder = machine.path("takes");
        told(&[
            "record",
            "start",
            folder.to_str().expect("plain text"),
            "--bits",
            "32",
        ]);
        recorded_for(&mut hub, 1, 1.0);
        told(&["record", "stop"]);
        hub.wait_for_event("recorded", 1, LIMIT);
        assert_eq!(status()["recording"], Value::Null);
        told(&["record", "start"]);
        recorded_for(&mut hub, 2, 0.5);
        hub.running.signal(Signal::SIGINT);
        assert_eq!(hub.running.wait_exit_code(LIMIT), 0);
        assert_eq!(hub.events("recorded").len(), 2);

        let takes = sorted(&folder);
        assert_eq!(takes.len(), 2, "{takes:?}");
        for take in takes {
            let files = sorted(&take);
            let names = files.iter().map(|file| file.file_name().expect("a name"));
            assert!(names.eq(["ann.wav", "ben.wav", "carl.wav", "mix.wav"]));
            let lengths = files.iter().map(|file| {
                let file = hound::WavReader::open(file).expect("a WAV file");
                file.duration()
            });
            let lengths: Vec<u32> = lengths.collect();
            assert!(
                lengths.iter().all(|length| *length == lengths[0]),
                "{lengths:?}"
            );
            // Half a second.
            assert!(lengths[0] >= 11_025, "{lengths:?}");
            // From the first moment on, but for what the network lost.
            let mut mix = hound::WavReader::open(take.join("mix.wav")).expect("a WAV file");
            let left = mix.samples::<f32>().step_by(2);
            let levels: Vec<f32> = left.map(|sample| sample.expect("whole")).collect();
            let usual = levels
                .iter()
                .filter(|level| (**level - 0.875).abs() < 0.01)
                .count();
            assert!(usual * 2 > levels.len(), "{usual} of {}", levels.len());
        }
    });
}

/// Waits until so many seconds are in this take, counted from 1.
fn recorded_for(hub: &mut Farsend, take: usize, seconds: f64) {
    hub.running.wait_until("record", LIMIT, |output| {
        let lines = output
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let mut begun = 0;
        lines.into_iter().any(|line: Value| {
            begun += usize::from(line["event"] == "recording");
            begun == take && line["recording"]["seconds"].as_f64() >= Some(seconds)
        })
    });
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("it is there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    paths
}
