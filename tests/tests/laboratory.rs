//! The laboratory itself: what it reports of two real JackTrips that play to each other.

use farsend_tests::lab::jack::{JackClock, JackServer};
use farsend_tests::lab::jacktrip::Jacktrip;
use farsend_tests::lab::probe::{Plan, Probe};
use farsend_tests::lab::{Need, on_a_private_machine};
use farsend_tests::signal::{Depth, listen};

#[test]
fn two_jacktrips_hear_each_other_to_the_sample() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        let a = JackServer::start(machine, "a", JackClock::default());
        let b = JackServer::start(machine, "b", JackClock::default());
        let mut server = Jacktrip::start(machine, &a, "jts", &["-s"]);
        let mut client = Jacktrip::start(machine, &b, "jtc", &["-c", "127.0.0.1", "-B", "4470"]);
        server.wait_for_peer();
        client.wait_for_peer();
        let plan = |name, play, record| Plan {
            name,
            play: Some((play, 2)),
            record: Some((record, 2)),
            frames: 96_000,
        };
        let mut at_a = Probe::start(machine, &a, &plan("pa", "jts:send_", "jts:receive_"));
        let mut at_b = Probe::start(machine, &b, &plan("pb", "jtc:send_", "jtc:receive_"));
        for probe in [&mut at_a, &mut at_b] {
            let recording = probe.recording();
            for (channel, samples) in (0..).zip(&recording.channels) {
                let heard = listen(samples, channel, Depth::Bits16, 1);
                println!("{:?} {heard:?}", recording.report);
                assert!(heard.exact > 90_000, "{heard:?}");
            }
        }
    });
}
