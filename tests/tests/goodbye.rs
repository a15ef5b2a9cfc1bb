//! How sessions end: both sides are told, and the exit code says that all was well.

use std::time::Duration;

use farsend_tests::lab::session::{Kind, Session, Setup};
use farsend_tests::lab::{Need, on_a_private_machine};
use nix::sys::signal::Signal;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

const SOON: Duration = Duration::from_secs(5);

#[test]
fn ctrl_c_at_the_server_ends_the_jacktrip_that_calls_it() {
    ends_both(Setup::STEREO, Signal::SIGINT);
}

#[test]
fn sigterm_at_the_client_ends_the_jacktrip_that_it_calls() {
    ends_both(
        Setup {
            server: Kind::Jacktrip,
            client: Kind::Farsend,
            ..Setup::STEREO
        },
        Signal::SIGTERM,
    );
}

/// The signal goes to our end; the other has to end by itself, for JackTrip ends with its peer.
fn ends_both(setup: Setup, signal: Signal) {
    on_a_private_machine(NEEDS, |machine| {
        let mut session = Session::start(machine, setup);
        let (ours, theirs) = match setup.server {
            Kind::Farsend => (&mut session.server, &mut session.client),
            Kind::Jacktrip => (&mut session.client, &mut session.server),
        };
        ours.running().signal(signal);
        assert_eq!(
            ours.running().wait_exit_code(SOON),
            0,
            "{}",
            ours.running().output()
        );
        theirs.running().wait_exit(SOON);
        let output = theirs.running().output();
        assert!(
            output.contains("exit packet"),
            "JackTrip did not end by our goodbye:\n{output}"
        );
    });
}

#[test]
fn when_jacktrip_leaves_the_server_waits_for_the_next_caller() {
    on_a_private_machine(NEEDS, |machine| {
        let mut session = Session::start(machine, Setup::STEREO);
        session.client.running().signal(Signal::SIGINT);
        session.server.farsend().wait_for_event("left", 1, SOON);
        session.client.running().wait_exit(SOON);
        let mut next = session.start_client_again(machine);
        next.wait_for_peer();
        session
            .server
            .farsend()
            .wait_for_event("connected", 2, SOON);
        session.client = next;
        let (at_a, _) = session.record(machine, Setup::STEREO.clock.rate);
        let heard = farsend_tests::signal::listen(&at_a.channels[0], 0, Setup::STEREO.depth, 1);
        assert!(
            heard.exact > 18_000,
            "the second caller is not heard: {heard:?}"
        );
    });
}

#[test]
fn a_client_told_to_end_with_its_peer_does() {
    on_a_private_machine(NEEDS, |machine| {
        let setup = Setup {
            server: Kind::Jacktrip,
            client: Kind::Farsend,
            ..Setup::STEREO
        };
        let mut session = Session::start_with(machine, setup, &["--once"]);
        session.server.running().signal(Signal::SIGTERM);
        assert_eq!(session.client.running().wait_exit_code(SOON), 0);
    });
}
