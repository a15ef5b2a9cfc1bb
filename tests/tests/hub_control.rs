//! A hub that runs is asked from the command line, with real JackTrips as players, and by those who send nonsense.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use farsend_tests::lab::hub::{ask, hears, member, player, start, start_as, status, told};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::Jacktrip;
use farsend_tests::lab::probe::{Plan, Probe};
use farsend_tests::lab::{Machine, Need, on_a_private_machine, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];
const RATE: u32 = 48_000;
const LIMIT: Duration = Duration::from_secs(10);

/// How loud a sine at half of full scale is heard: the level that is kept for most of the time.
fn level(machine: &Machine, jack: &JackServer, from: &str, to: &str) -> f32 {
    let (from, to) = (format!("{from}:send_"), format!("{to}:receive_"));
    let plan = Plan {
        name: "probe",
        play: Some((&from, 1)),
        record: Some((&to, 1)),
        frames: 3 * RATE,
        sine: Some(440),
    };
    let recording = Probe::start(machine, jack, &plan).recording();
    let peak = |block: &[f32]| block.iter().fold(0.0f32, |peak, x| peak.max(x.abs()));
    let mut peaks: Vec<f32> = recording.channels[0].chunks(480).map(peak).collect();
    peaks.sort_by(f32::total_cmp);
    peaks[peaks.len() * 2 / 3]
}

#[test]
fn players_are_listed_muted_turned_down_and_sent_away() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = start(machine, &[]);
        let _ann = player(machine, &jack, "ann", 4471, &[]);
        let ben = player(machine, &jack, "ben", 4472, &["-n", "1"]);
        let _carl = player(machine, &jack, "carl", 4473, &[]);
        hub.wait_for_event("joined", 3, LIMIT);
        let heard = |from: &str, to: &str| hears(machine, (&jack, from), (&jack, to));

        let column = |name: &str| -> Vec<Value> {
            let status = status();
            let players = status["players"].as_array().expect("a list").iter();
            players.map(|player| player[name].clone()).collect()
        };
        assert_eq!(column("name"), ["ann", "ben", "carl"]);
        wait_until("what each sends is known", LIMIT, || {
            column("sends") == [2, 1, 2]
        });
        assert_eq!(column("address")[2], "127.0.0.1:4473");
        assert!(told(&["status"]).contains("127.0.0.1:4472"));

        told(&["mute", "ann"]);
        assert!(!heard("ann", "ben"));
        told(&["unmute", "Ann"]);
        assert!(heard("ann", "ben"));
        told(&["mute", "ann", "--for", "ben"]);
        assert!(!heard("ann", "ben") && heard("ann", "carl"));
        told(&["unmute", "127.0.0.1:4471", "--for", "ben"]);
        told(&["solo", "carl", "--for", "ben"]);
        assert!(!heard("ann", "ben") && heard("carl", "ben"));
        told(&["solo", "carl", "--for", "ben", "--off"]);
        told(&["gain", "ann", "-20"]);
        told(&["gain", "ann", "6", "--for", "carl"]);
        let (ben_hears, carl_hears) = (
            level(machine, &jack, "ann", "ben"),
            level(machine, &jack, "ann", "carl"),
        );
        assert!((0.045..0.055).contains(&ben_hears), "{ben_hears}");
        assert!((0.09..0.11).contains(&carl_hears), "{carl_hears}");
        told(&["patch", "none"]);
        assert!(!heard("carl", "ben"));
        told(&["patch", "others"]);

        let (said, code) = ask(&["kick", "nobody"]);
        assert!(code == 1 && said.contains("ann, ben, carl"), "{said}");
        told(&["kick", "ben", "--for", "5"]);
        hub.wait_for_event("left", 1, LIMIT);
        drop(ben);
        let options = ["-C", "127.0.0.1", "-B", "4472", "-K", "ben"];
        let again = Jacktrip::start(machine, &jack, "again", &options);
        hub.wait_for_event("kept_out", 1, LIMIT);
        assert_eq!(status()["kept_out"][0]["name"], "ben");
        let _dora = player(machine, &jack, "dora", 4474, &[]);
        hub.wait_for_event("joined", 4, LIMIT);
        let (said, code) = ask(&["unkick", "carl"]);
        assert!(code == 1 && said.contains("but ben (127.0.0.1)"), "{said}");
        assert!(told(&["unkick", "Ben"]).contains("ben (127.0.0.1)"));
        assert!(ask(&["unkick", "ben"]).0.contains("nobody is kept out"));
        drop(again);
        let _ben = player(machine, &jack, "ben", 4475, &[]);
        hub.wait_for_event("joined", 5, LIMIT);
    });
}

#[test]
fn what_was_asked_for_holds_for_one_who_comes_back_and_names_are_told_apart() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = start(machine, &[]);
        let ann = player(machine, &jack, "ann", 4471, &[]);
        hub.wait_for_event("joined", 1, LIMIT);
        told(&["gain", "ann", "-6"]);
        let other = Jacktrip::start(
            machine,
            &jack,
            "other",
            &["-C", "127.0.0.1", "-B", "4472", "-K", "ann"],
        );
        hub.wait_for_event("joined", 2, LIMIT);
        let (said, code) = ask(&["mute", "ann"]);
        assert!(code == 1 && said.contains("ann (1), ann (2)"), "{said}");
        told(&["mute", "ann (2)"]);
        let players = status()["players"].clone();
        assert_eq!(players[0]["gain_db"], -6.0);
        assert_eq!(players[1]["name"], "ann (2)");
        assert_eq!(players[1]["muted"], true);
        drop((ann, other));
        hub.wait_for_event("left", 2, Duration::from_secs(15));
        // What is asked for of those who are not here is taken back by name.
        assert_eq!(status()["absent"][1]["name"], "ann (2)");
        assert!(told(&["unmute", "Ann (2)"]).contains("who is not here"));
        assert_eq!(status()["absent"].as_array().expect("a list").len(), 1);
        assert!(told(&["status"]).contains("ann (127.0.0.1), who is not here: at -6 dB"));
        assert_eq!(ask(&["unmute", "ann (2)"]).1, 1);
        let _ann = player(machine, &jack, "ann", 4475, &[]);
        hub.wait_for_event("joined", 3, LIMIT);
        assert_eq!(status()["players"][0]["gain_db"], -6.0);
        assert_eq!(status()["absent"], Value::Array(Vec::new()));
    });
}

#[test]
fn one_who_is_killed_and_back_at_once_is_who_they_were() {
    killed_and_back(&[]);
}

#[test]
fn the_same_at_a_hub_with_a_port_for_each() {
    killed_and_back(&["--port-each", "-U", "47100", "--players", "3"]);
}

fn killed_and_back(options: &[&str]) {
    on_a_private_machine(&[], |machine| {
        let mut hub = start(machine, options);
        let mut ann = member(machine, "ann", &[]);
        ann.wait_for_peer();
        hub.wait_for_event("joined", 1, LIMIT);
        told(&["mute", "ann"]);
        ann.running.signal(nix::sys::signal::Signal::SIGKILL);
        ann.running.wait_exit(LIMIT);
        let mut again = member(machine, "ann", &[]);
        again.wait_for_peer();
        wait_until("she is known again", LIMIT, || {
            let players = status()["players"].clone();
            players.as_array().is_some_and(|all| all.len() == 1)
                && players[0]["name"] == "ann"
                && players[0]["present"] == true
        });
        let players = status()["players"].clone();
        assert_eq!(players[0]["muted"], true, "{players}");
        assert_eq!(status()["absent"], Value::Array(Vec::new()));
        // A script reads what was asked for.
        let control = &hub.events("control")[0];
        assert_eq!([&control["do"], &control["player"]], ["mute", "ann"]);
        assert_eq!(control["on"], true);
    });
}

#[test]
fn a_farsend_that_is_sent_away_knows_it_and_comes_back_only_where_it_may() {
    on_a_private_machine(&[], |machine| {
        let _hub = start(machine, &[]);
        let mut ann = member(machine, "ann", &[]);
        let wait_until_known = || {
            wait_until("it answers pings", LIMIT, || {
                status()["players"][0]["is_farsend"] == true
            });
        };
        ann.wait_for_peer();
        wait_until_known();
        told(&["kick", "ann", "--for", "0"]);
        ann.wait_for_event("sent_away", 1, LIMIT);
        ann.wait_for_event("connected", 2, LIMIT);
        wait_until_known();
        told(&["kick", "ann", "--for", "5"]);
        assert_eq!(ann.running.wait_exit_code(LIMIT), 11);
        assert_eq!(ann.events("sent_away")[1]["seconds"], 300);
        let said = ann.running.output();
        assert!(said.contains("lets us in again in 5 min"), "{said}");
        assert!(!said.contains("full"), "{said}");
        let mut again = member(machine, "ann", &[]);
        assert_eq!(again.running.wait_exit_code(LIMIT), 11);
        let said = again.running.output();
        assert!(said.contains("does not let us in for a while"), "{said}");
    });
}

#[test]
fn hubs_are_told_apart_by_port_and_one_that_is_gone_is_said_to_be() {
    on_a_private_machine(&[], |machine| {
        assert_eq!(ask(&["status"]).1, 10);
        let mut first = start_as(machine, "first", &[]);
        let mut second = start_as(machine, "second", &["--port", "4500"]);
        let (said, code) = ask(&["status"]);
        assert!(
            code == 1 && said.contains("--port 4464, --port 4500"),
            "{said}"
        );
        let (said, code) = ask(&["patch", "all", "--port", "9"]);
        assert!(code == 10 && said.contains("--port 4500"), "{said}");
        told(&["patch", "all", "--port", "4500"]);
        assert!(told(&["status", "--port", "4464"]).contains("hears the others"));
        assert!(told(&["status", "--port", "4500"]).contains("hears all"));
        second.running.signal(Signal::SIGTERM);
        second.running.wait_exit_code(LIMIT);
        told(&["status"]);
        first.running.signal(Signal::SIGKILL);
        first.running.wait_exit(LIMIT);
        assert_eq!(ask(&["status"]).1, 10);
        let _third = start_as(machine, "third", &[]);
        told(&["status"]);
    });
}

#[test]
fn nonsense_at_the_control_socket_keeps_nobody_from_asking() {
    on_a_private_machine(&[], |machine| {
        let mut hub = start(machine, &[]);
        let folder = std::env::var_os("FARSEND_RUNTIME_DIR").expect("the private machine has one");
        let path = Path::new(&folder).join("hub-4464.sock");
        let connect = || UnixStream::connect(&path).expect("the hub listens");
        let idle: Vec<UnixStream> = (0..100).map(|_| connect()).collect();
        for bytes in [
            &[0xff; 100_000][..],
            &[b'['; 5000],
            b"\n\n\n{}\n[]\nnull\n",
            b"{\"do\":\"kick\",\"player\":\"\\u0000\",\"minutes\":1e308}\n",
            b"{\"do\":\"gain\",\"player\":\"\",\"db\":-1e999}\n",
            b"{\"do\":\"status\"",
        ] {
            // It may hang up in the middle.
            _ = connect().write_all(bytes);
        }
        let mut deaf = connect();
        deaf.set_nonblocking(true).expect("it is a socket");
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(2) {
            _ = deaf.write(b"{\"do\":\"status\"}\n");
        }
        let mut asking = connect();
        asking.write_all(b"nonsense\n").expect("the hub listens");
        let mut answer = [0; 200];
        let count = asking.read(&mut answer).expect("the hub answers");
        let answer = String::from_utf8_lossy(&answer[..count]);
        assert!(answer.contains("\"not_understood\""), "{answer}");
        told(&["status"]);
        assert!(hub.running.is_running());
        drop(idle);
    });
}
