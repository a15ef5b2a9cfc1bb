//! What happens to a JACK server under a running session: another period, its end, its return.

use std::time::Duration;

use farsend_tests::lab::jack::JackServer;
use farsend_tests::lab::session::{Session, Setup};
use farsend_tests::lab::{Need, on_a_private_machine};
use farsend_tests::signal::listen;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

/// Of a recording: a second.
const FRAMES: u32 = Setup::STEREO.clock.rate;

/// Of them, those that a session that goes on gets across.
const ENOUGH: usize = FRAMES as usize * 5 / 6;

const SOON: Duration = Duration::from_secs(15);

#[test]
fn a_session_goes_on_through_other_periods() {
    on_a_private_machine(NEEDS, |machine| {
        let mut session = Session::start(machine, Setup::STEREO);
        for period in [512, 128, 256] {
            session.a.set_period(period);
            let (at_a, at_b) = session.record(machine, FRAMES);
            for (end, recording) in [("us", at_a), ("JackTrip", at_b)] {
                let heard = listen(&recording.channels[0], 0, Setup::STEREO.depth, 1);
                let enough = heard.exact > ENOUGH;
                assert!(
                    enough,
                    "with periods of {period} frames {end} hears {heard:?}"
                );
            }
        }
        assert!(session.server.farsend().statistics().connected);
        assert!(!session.server.farsend().events("jack_period").is_empty());
    });
}

#[test]
fn a_session_outlives_its_jack_server_and_is_heard_again_when_that_is_back() {
    on_a_private_machine(NEEDS, |machine| {
        let mut session = Session::start(machine, Setup::STEREO);
        session.a.running.signal(nix::sys::signal::Signal::SIGKILL);
        session
            .server
            .farsend()
            .wait_for_event("jack_gone", 1, SOON);
        session.a.running.wait_exit(SOON);
        std::thread::sleep(Duration::from_secs(1));
        session.a = JackServer::start(machine, "a", Setup::STEREO.clock);
        session
            .server
            .farsend()
            .wait_for_event("jack_back", 1, SOON);
        session.a.wait_for_port("server:receive_2", SOON);
        // The peer's buffer and ours settle.
        std::thread::sleep(Duration::from_secs(2));
        let (at_a, at_b) = session.record(machine, FRAMES);
        for (end, recording) in [("us", at_a), ("JackTrip", at_b)] {
            let heard = listen(&recording.channels[1], 1, Setup::STEREO.depth, 1);
            assert!(heard.exact > ENOUGH, "{end} hears {heard:?}");
        }
    });
}
