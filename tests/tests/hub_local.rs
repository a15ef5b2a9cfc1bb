//! A hub that takes part: through JACK, as JackTrip's with `-p 0` and `-i`.

use std::time::Duration;

use farsend_tests::lab::farsend::{self, Farsend};
use farsend_tests::lab::hub::{hears, player};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::{Machine, Need, Running, on_a_private_machine};
use nix::sys::signal::Signal;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];
const LIMIT: Duration = Duration::from_secs(10);

/// A hub as the client "hub" of this server.
fn hub(machine: &Machine, jack: &JackServer, options: &[&str]) -> Farsend {
    let mut hub = Farsend::start(machine, jack, "hub", &[&["hub"], options].concat());
    hub.wait_for_event("started", 1, LIMIT);
    hub
}

#[test]
fn players_hear_the_hub_and_are_heard_there_but_do_not_hear_each_other() {
    on_a_private_machine(NEEDS, |machine| {
        let here = JackServer::start(machine, "here", JackClock::CALM);
        let there = JackServer::start(machine, "there", JackClock::CALM);
        let mut hub = hub(machine, &here, &["-p", "server"]);
        let _ann = player(machine, &there, "ann", 4471, &[]);
        let _ben = player(machine, &there, "ben", 4472, &["-n", "1"]);
        hub.wait_for_event("joined", 2, LIMIT);
        assert!(hears(machine, (&here, "hub"), (&there, "ann")));
        assert!(hears(machine, (&here, "hub"), (&there, "ben")));
        assert!(hears(machine, (&there, "ben"), (&here, "hub")));
        assert!(!hears(machine, (&there, "ann"), (&there, "ben")));
    });
}

#[test]
fn with_i_the_hub_is_one_more_player_through_other_blocks_and_a_new_sound_server() {
    on_a_private_machine(NEEDS, |machine| {
        let mut here = JackServer::start(machine, "here", JackClock::CALM);
        let there = JackServer::start(machine, "there", JackClock::CALM);
        let mut hub = hub(machine, &here, &["-i"]);
        let _ann = player(machine, &there, "ann", 4471, &[]);
        let _ben = player(machine, &there, "ben", 4472, &[]);
        hub.wait_for_event("joined", 2, LIMIT);
        assert!(hears(machine, (&there, "ann"), (&there, "ben")));
        assert!(hears(machine, (&here, "hub"), (&there, "ben")));
        // Neither a part nor a multiple of the mix's period.
        here.set_period(192);
        hub.wait_for_event("jack_period", 1, LIMIT);
        assert!(hears(machine, (&there, "ann"), (&here, "hub")));
        assert!(hears(machine, (&here, "hub"), (&there, "ann")));

        here.running.signal(Signal::SIGKILL);
        hub.wait_for_event("jack_gone", 1, LIMIT);
        here.running.wait_exit(LIMIT);
        here = JackServer::start(machine, "here", JackClock::CALM);
        hub.wait_for_event("jack_back", 1, LIMIT);
        assert!(hears(machine, (&there, "ann"), (&here, "hub")));
        assert!(hears(machine, (&here, "hub"), (&there, "ann")));
    });
}

#[test]
fn a_sound_server_that_hangs_keeps_nobody_from_ending_and_from_completing_their_files() {
    on_a_private_machine(NEEDS, |machine| {
        let mut here = JackServer::start(machine, "here", JackClock::CALM);
        let folder = machine.path("takes");
        let folder = folder.to_str().expect("letters");
        let mut hub = hub(machine, &here, &["-i", "--record", folder]);
        std::thread::sleep(Duration::from_secs(1));
        here.running.signal(Signal::SIGSTOP);
        hub.wait_for_event("jack_stands", 1, LIMIT);
        hub.running.signal(Signal::SIGINT);
        assert_eq!(hub.running.wait_exit_code(LIMIT), 0);
        let mut late = farsend::command(&["hub", "-i"]);
        let mut late = Running::start(machine, "late", here.used_by(&mut late));
        assert_eq!(late.wait_exit_code(LIMIT), 5);
        assert!(
            late.output().contains("does not answer"),
            "{}",
            late.output()
        );
        here.running.signal(Signal::SIGCONT);
        let mut files = Vec::new();
        for take in std::fs::read_dir(folder).expect("there is a folder") {
            let take = take.expect("of takes").path();
            files.extend(std::fs::read_dir(take).expect("of files").flatten());
        }
        assert_eq!(files.len(), 2, "{files:?}");
        for file in files {
            let file = hound::WavReader::open(file.path()).expect("a whole file");
            assert!(file.duration() > 24_000, "{} frames", file.duration());
        }
    });
}

#[test]
fn jacktrips_own_options_make_a_hub_that_its_clients_find() {
    on_a_private_machine(NEEDS, |machine| {
        let here = JackServer::start(machine, "here", JackClock::CALM);
        let there = JackServer::start(machine, "there", JackClock::CALM);
        let mut command = farsend::command(&["jacktrip", "-S", "-D", "-J", "hub", "-V"]);
        let mut hub = Running::start(machine, "hub", here.used_by(&mut command));
        hub.wait_for("UDP port 61002", LIMIT);
        let _ann = player(machine, &there, "ann", 4471, &[]);
        hub.wait_for("ann", LIMIT);
        assert!(hears(machine, (&here, "hub"), (&there, "ann")));
        assert!(hears(machine, (&there, "ann"), (&here, "hub")));
        hub.signal(Signal::SIGINT);
        assert_eq!(hub.wait_exit_code(LIMIT), 0);
    });
}

#[test]
fn a_hub_that_is_to_take_part_says_that_there_is_no_jack() {
    on_a_private_machine(&[], |machine| {
        let mut hub = Farsend::start_without_jack(machine, "hub", &["hub", "-i"]);
        assert_eq!(hub.running.wait_exit_code(LIMIT), 5);
        assert!(
            hub.running.output().contains("no JACK server"),
            "{}",
            hub.running.output()
        );
    });
}
