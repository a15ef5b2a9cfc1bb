//! Farsend's hub with JackTrip's clients: they log in, hear each other, leave, vanish and come back.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::Duration;

use farsend_tests::lab::hub::{self, member, player};
use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::{Machine, Need, by_hand, on_a_private_machine};
use nix::sys::signal::Signal;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];
const LIMIT: Duration = Duration::from_secs(10);

/// Whether one is heard by another, both on this JACK server.
fn hears(machine: &Machine, jack: &JackServer, from: &str, to: &str) -> bool {
    hub::hears(machine, (jack, from), (jack, to))
}

#[test]
fn jacktrips_log_in_and_hear_each_other_but_not_themselves() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = hub::start(machine, &[]);
        let _ann = player(machine, &jack, "ann", 4471, &[]);
        let _ben = player(machine, &jack, "ben", 4472, &["-n", "1"]);
        let mut carl = player(machine, &jack, "carl", 4473, &["-r", "2", "-b", "24"]);
        hub.wait_for_event("joined", 3, LIMIT);
        for (from, to) in [("ann", "ben"), ("ben", "carl"), ("carl", "ann")] {
            assert!(hears(machine, &jack, from, to), "{from} to {to}");
        }
        assert!(
            !hears(machine, &jack, "ann", "ann"),
            "one is not to hear oneself"
        );
        let names: Vec<String> = hub
            .events("joined")
            .iter()
            .map(|event| event["name"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert_eq!(names, ["ann", "ben", "carl"]);

        carl.running.signal(Signal::SIGINT);
        hub.wait_for_event("left", 1, LIMIT);
        assert_eq!(hub.events("left")[0]["name"], "carl");
        assert!(hears(machine, &jack, "ann", "ben"));
    });
}

#[test]
fn one_who_vanishes_is_let_go_and_one_who_comes_back_from_the_same_port_takes_their_own_place() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = hub::start(machine, &["--players", "2"]);
        let _ann = player(machine, &jack, "ann", 4471, &[]);
        let mut ben = player(machine, &jack, "ben", 4472, &[]);
        hub.wait_for_event("joined", 2, LIMIT);
        ben.running.signal(Signal::SIGKILL);
        std::thread::sleep(Duration::from_secs(1));
        // There is no other place than the one that is taken over.
        let mut again = player(machine, &jack, "again", 4472, &["-n", "1"]);
        hub.wait_for_event("joined", 3, LIMIT);
        assert!(hears(machine, &jack, "ann", "again"));
        assert!(
            hub.events("left")
                .iter()
                .any(|event| event["name"] == "ben")
        );
        again.running.signal(Signal::SIGKILL);
        hub.wait_for_event("left", 2, Duration::from_secs(15));
        let left = &hub.events("left")[1];
        assert_eq!(left["name"], "again", "{left}");
    });
}

#[test]
fn nonsense_at_the_door_and_at_the_port_keeps_nobody_out() {
    on_a_private_machine(NEEDS, |machine| {
        let jack = JackServer::start(machine, "a", JackClock::CALM);
        let mut hub = hub::start(machine, &["--players", "3"]);
        let door = (Ipv4Addr::LOCALHOST, 4464);
        let connect = || TcpStream::connect(door).expect("the hub listens");
        let idle: Vec<TcpStream> = (0..100).map(|_| connect()).collect();
        for bytes in [
            &[0xff; 68][..],
            &[0; 4],
            &[7; 300],
            b"GET / HTTP/1.0\r\n\r\n",
            &[1, 0],
        ] {
            connect().write_all(bytes).expect("loopback takes it");
        }
        let stranger = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("some port is free");
        for length in [0, 1, 15, 16, 63, 64, 528, 9000] {
            for byte in [0, 1, 0x30, 0xff] {
                stranger
                    .send_to(&vec![byte; length], door)
                    .expect("loopback takes it");
            }
        }
        drop(idle);
        // The two who logged in with nonsense never send audio, and are not waited for any more.
        hub.wait_for_event("never_heard", 2, 2 * LIMIT);
        let _ann = player(machine, &jack, "ann", 4471, &[]);
        let _ben = player(machine, &jack, "ben", 4472, &[]);
        let _carl = player(machine, &jack, "carl", 4473, &[]);
        hub.wait_for_event("joined", 3, LIMIT);
        assert!(hears(machine, &jack, "ann", "carl"));

        // All places are taken: the connection is closed, as JackTrip's hub does.
        let mut refused = connect();
        let hello = by_hand::hello(4474, "");
        refused.write_all(&hello).expect("loopback takes it");
        let mut answer = Vec::new();
        let closed = refused.read_to_end(&mut answer);
        assert!(closed.is_ok() && answer.is_empty(), "{closed:?} {answer:?}");
        hub.wait_for_event("full", 1, LIMIT);
        assert!(hears(machine, &jack, "carl", "ben"));
    });
}

#[test]
fn who_sends_copies_is_sent_as_many() {
    on_a_private_machine(&[], |machine| {
        let _hub = hub::start(machine, &[]);
        for copies in ["1", "3"] {
            let mut player = member(machine, "player", &["-r", copies]);
            player.wait_for_peer();
            player.running.wait_until("hear the hub", LIMIT, |output| {
                output.contains(&format!("\"peer_redundancy\":{copies},"))
            });
        }
    });
}
