//! A hub with a UDP port for each player, as JackTrip's hubs have it.

use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::Duration;

use farsend_tests::lab::by_hand::{header, log_in};
use farsend_tests::lab::farsend::{Farsend, command};
use farsend_tests::lab::hub::{hears, member, player, start, told};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::{Machine, Need, Running, on_a_private_machine};
use nix::sys::signal::Signal;

const LIMIT: Duration = Duration::from_secs(10);

fn hub(machine: &Machine, players: &str) -> Farsend {
    let options = ["--port-each", "-U", "47100", "--players", players];
    start(machine, &options)
}

/// Somebody whom the hub has told this port, and who hears it.
fn at_port(machine: &Machine, name: &str, port: u16) -> Farsend {
    let mut one = member(machine, name, &[]);
    one.wait_for_peer();
    let remote = one.events("joined")[0]["remote"].clone();
    assert_eq!(remote, format!("127.0.0.1:{port}"));
    one
}

#[test]
fn each_has_the_lowest_port_that_is_free_until_they_leave() {
    on_a_private_machine(&[], |machine| {
        let mut hub = hub(machine, "2");
        let started = &hub.events("started")[0];
        assert_eq!(started["udp_port"], 47_100);
        assert_eq!(started["last_udp_port"], 47_101);
        // The number of the log-in is free for it.
        assert_eq!(started["osc_port"], 4464);
        let mut ann = at_port(machine, "ann", 47_100);
        let _ben = at_port(machine, "ben", 47_101);
        hub.wait_for_event("joined", 2, LIMIT);
        let ports: Vec<_> = hub
            .events("joined")
            .iter()
            .map(|one| one["udp_port"].clone())
            .collect();
        assert_eq!(ports, [47_100, 47_101]);
        let mut carl = member(machine, "carl", &[]);
        assert_eq!(carl.running.wait_exit_code(LIMIT), 11);
        hub.wait_for_event("full", 1, LIMIT);
        ann.running.signal(Signal::SIGINT);
        assert_eq!(ann.running.wait_exit_code(LIMIT), 0);
        hub.wait_for_event("left", 1, LIMIT);
        let _dora = at_port(machine, "dora", 47_100);
    });
}

#[test]
fn one_who_sends_on_to_a_port_that_was_freed_is_not_let_in_as_the_next_who_is_lent_it() {
    on_a_private_machine(&[], |machine| {
        let mut hub = hub(machine, "1");
        let to = log_in(4500, "ann");
        assert_eq!(to.port(), 47_100);
        let ann = UdpSocket::bind((Ipv4Addr::LOCALHOST, 4500)).expect("a free port");
        let stream = |socket: &UdpSocket, number| {
            let audio = [&header(number, 128, [3, 16, 1, 0])[..], &[0; 256]].concat();
            socket.send_to(&audio, to).expect("loopback");
            std::thread::sleep(Duration::from_millis(2));
        };
        (0..300).for_each(|number| stream(&ann, number));
        hub.wait_for_event("joined", 1, LIMIT);
        told(&["kick", "ann"]);
        // Until she is faded out.
        (300..400).for_each(|number| stream(&ann, number));
        let ben = std::thread::spawn(|| log_in(4501, "ben"));
        // A second of it; the log-in is answered meanwhile.
        (400..800).for_each(|number| stream(&ann, number));
        assert_eq!(ben.join().expect("there is a place"), to);
        assert_eq!(hub.events("joined").len(), 1);
        let ben = UdpSocket::bind((Ipv4Addr::LOCALHOST, 4501)).expect("a free port");
        stream(&ben, 0);
        hub.wait_for_event("joined", 2, LIMIT);
        assert_eq!(hub.events("joined")[1]["remote"], "127.0.0.1:4501");
    });
}

#[test]
fn ports_of_other_programs_are_passed_over_and_a_range_without_a_free_one_turns_away() {
    on_a_private_machine(&[], |machine| {
        let other = |port| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port)).expect("it is free");
        let _first = other(47_100);
        let mut hub = hub(machine, "3");
        let _ann = at_port(machine, "ann", 47_101);
        let last = other(47_102);
        let mut ben = member(machine, "ben", &[]);
        assert_eq!(ben.running.wait_exit_code(LIMIT), 11);
        hub.wait_for_event("no_port", 1, LIMIT);
        let told = hub.events("no_port")[0]["text"].to_string();
        assert!(told.contains("47100 to 47102 are taken"), "{told}");
        drop(last);
        let _ben = at_port(machine, "ben", 47_102);
    });
}

#[test]
fn a_range_that_is_busy_from_end_to_end_is_no_hub() {
    on_a_private_machine(&[], |machine| {
        let _other = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 47_100)).expect("it is free");
        let words = ["hub", "--port-each", "-U", "47100", "--players", "1"];
        let mut hub = Farsend::start_without_jack(machine, "hub", &words);
        assert_eq!(hub.running.wait_exit_code(LIMIT), 3);
        assert!(hub.running.output().contains("UDP port 47100 is taken"));
    });
}

#[test]
fn real_jacktrips_hear_each_other_through_ports_of_their_own() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let words = ["jacktrip", "-S", "-p", "2", "--port-each", "-V", "-q", "8"];
        let mut hub = Running::start(machine, "hub", &mut command(&words));
        hub.wait_for("61002 to", LIMIT);
        let _ann = player(machine, &jack, "ann", 4471, &[]);
        let mut ben = player(machine, &jack, "ben", 4472, &[]);
        hub.wait_until("let both in", LIMIT, |output| output.contains("2 players"));
        // Comes back from the same port, at another of the hub's.
        ben.running.signal(Signal::SIGKILL);
        ben.running.wait_exit(LIMIT);
        let _again = player(machine, &jack, "again", 4472, &[]);
        hub.wait_for("began again", LIMIT);
        assert!(hears(machine, (&jack, "ann"), (&jack, "again")));
    });
}
