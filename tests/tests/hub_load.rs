//! The load test for hubs against the real JackTrip: what it says of a hub that has nothing to do, so that what it says of
//! one under load can be believed.

use std::time::Duration;

use farsend_tests::lab::hub::jacktrips_hub;
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::program::Running;
use farsend_tests::lab::{Machine, Need, farsend, on_a_private_machine};
use serde_json::Value;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

#[test]
fn with_four_players_at_a_jacktrip_hub_nothing_is_missing() {
    on_a_private_machine(NEEDS, |machine| {
        // JackTrip's threads have no real-time priority: on a busy machine its buffers run dry, and its door may stay shut.
        let whole = (0..ATTEMPTS).filter_map(|attempt| {
            let (_jack, hub) = jacktrip_hub(machine, "2");
            let pid = hub.pid().to_string();
            let report = load(
                machine,
                &format!("load{attempt}"),
                &["--clients", "4", "--seconds", "4", "--pid", &pid],
            );
            if report["players"]["in"] != 4 {
                println!("{report}");
                return None;
            }
            assert_eq!(
                report["hints"].as_array().unwrap().len(),
                disturbed(&report)
            );
            // 4 players of whom each hears 3, 93.75 times a second.
            let expected = report["contributions"]["expected"].as_f64().unwrap();
            assert!((expected - 4_500.0).abs() < 300.0, "{report}");
            let delay = report["delay_ms"]["median"].as_f64().unwrap();
            assert!((8.0..150.0).contains(&delay), "{report}");
            let cpu = &report["server"][0]["processor"]["ms_per_second_and_player"];
            assert!(cpu.as_f64().unwrap() > 0.1, "{report}");
            Some(report)
        });
        let mut reports = Vec::new();
        for report in whole {
            let missing = [
                &report["contributions"]["silent"],
                &report["contributions"]["in_lost_packets"],
                &report["contributions"]["extra"],
                &report["proven"]["missing"],
            ];
            if missing.iter().all(|count| **count == 0) && report["proven"]["due"] != 0 {
                return;
            }
            reports.push(report);
        }
        panic!("something is missing each time: {reports:#?}");
    });
}

#[test]
fn players_that_come_and_go_are_let_in_and_hear_the_others() {
    on_a_private_machine(NEEDS, |machine| {
        let (_jack, _hub) = jacktrip_hub(machine, "2");
        let arguments = ["--clients", "2", "--seconds", "4", "--churn", "2"];
        let report = load(machine, "load", &arguments);
        let passing = &report["passing"];
        assert!(passing["log_ins"].as_u64().unwrap() >= 6, "{report}");
        assert_eq!([&passing["refused"], &passing["deaf"]], [0, 0], "{report}");
    });
}

#[test]
fn a_hub_in_which_nobody_hears_anybody_is_told_from_one_that_works() {
    on_a_private_machine(NEEDS, |machine| {
        let (_jack, _hub) = jacktrip_hub(machine, "5");
        let report = load(machine, "load", &["--clients", "2", "--seconds", "1"]);
        assert_eq!(report["contributions"]["missing_share"], 1.0, "{report}");
        assert!(hints(&report).contains("nobody hears anybody"), "{report}");
    });
}

#[test]
fn a_hub_in_which_everyone_hears_himself_too_is_noticed() {
    on_a_private_machine(NEEDS, |machine| {
        let (_jack, _hub) = jacktrip_hub(machine, "4");
        let report = load(machine, "load", &["--clients", "2", "--seconds", "1"]);
        assert!(hints(&report).contains("himself"), "{report}");
    });
}

#[test]
fn a_hub_that_asks_for_a_password_is_told_by_its_name() {
    on_a_private_machine(&[], |machine| {
        for (reply, says) in [(131_072_i32, "password"), (-5, "no port")] {
            let door = std::net::TcpListener::bind("127.0.0.1:4464").unwrap();
            std::thread::spawn(move || {
                use std::io::{Read, Write};
                let (mut caller, _) = door.accept().unwrap();
                caller.read_exact(&mut [0; 68]).unwrap();
                caller.write_all(&reply.to_le_bytes()).unwrap();
            });
            let mut command = farsend::command(&["bench", "hub", "--clients", "2"]);
            let mut load = Running::start(machine, "load", &mut command);
            assert_eq!(load.wait_exit_code(SOON), 11);
            assert!(load.output().contains(says), "{}", load.output());
        }
    });
}

/// `jacktrip -S` in a patch mode, and the JACK server that works for it.
fn jacktrip_hub(machine: &Machine, mode: &str) -> (JackServer, Running) {
    let jack = JackServer::start(machine, "hub", JackClock::CALM);
    let hub = jacktrips_hub(machine, &jack, 4464, &["-D", "-p", mode]);
    (jack, hub)
}

/// What `farsend bench hub` prints.
fn load(machine: &Machine, name: &str, arguments: &[&str]) -> Value {
    let mut command = farsend::command(&["bench", "hub", "--json", "--settle", "1"]);
    let period = JackClock::CALM.period.to_string();
    command.args(["--period", &period]).args(arguments);
    let output = farsend_tests::lab::program::run_to_end(
        machine,
        name,
        &mut command,
        Duration::from_secs(60),
    );
    serde_json::from_str(&output).unwrap_or_else(|error| panic!("{error} in {output}"))
}

fn hints(report: &Value) -> String {
    report["hints"].to_string()
}

/// Hints that a busy machine may add.
fn disturbed(report: &Value) -> usize {
    usize::from(report["load_test"]["disturbed"] == true)
}

const ATTEMPTS: usize = 5;

const SOON: Duration = Duration::from_secs(15);
