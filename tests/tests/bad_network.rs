//! A seeded bad network between Farsend and the real JackTrip: what redundancy repairs, what the counters tell
//! of the rest.

use farsend_netsim::{Jitter, Loss, PathConfig};
use farsend_tests::lab::jack::JackClock;
use farsend_tests::lab::session::{Kind, Session, Setup};
use farsend_tests::lab::{Machine, Need, on_a_private_machine};
use farsend_tests::signal::{Depth, Heard, listen};
use std::time::Duration;

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

/// Every tenth datagram, never two in a row.
const SINGLE_LOSSES: Loss = Loss::Bursts {
    rate: 0.1,
    length: 1.0,
};

/// Three in a hundred, in bursts of 1.5.
const BURSTS: Loss = Loss::Bursts {
    rate: 0.03,
    length: 1.5,
};

/// Of a packet, in frames.
const PERIOD: u64 = Setup::STEREO.clock.period as u64;

/// How long it fades back in after a loss, in frames: 5 ms.
const FADE: u64 = Setup::STEREO.clock.rate as u64 / 200;

#[test]
fn with_two_copies_single_losses_are_not_heard_at_either_end() {
    on_a_private_machine(NEEDS, |machine| {
        let network = PathConfig {
            seed: 2,
            loss: SINGLE_LOSSES,
            ..PathConfig::default()
        };
        let setup = Setup {
            redundancy: 2,
            queue: 6,
            network: Some(network),
            ..Setup::STEREO
        };
        let mut session = with_everything_heard(At::BothEnds, setup, machine);
        let swallowed = session
            .relay
            .as_ref()
            .expect("there is one")
            .to_server()
            .lost;
        let counts = session.server.farsend().next_statistics();
        assert!(
            swallowed > 10 && counts.lost == 0,
            "{swallowed} swallowed, {counts:?}"
        );
        assert!(
            counts.revived >= swallowed - 10,
            "{swallowed} swallowed, {counts:?}"
        );
    });
}

#[test]
fn three_copies_repair_what_jacktrip_loses_on_the_way_to_a_client() {
    on_a_private_machine(NEEDS, |machine| {
        let network = PathConfig {
            seed: 3,
            loss: SINGLE_LOSSES,
            ..PathConfig::default()
        };
        let (server, client) = (Kind::Jacktrip, Kind::Farsend);
        let setup = Setup {
            server,
            client,
            redundancy: 3,
            queue: 6,
            network: Some(network),
            ..Setup::STEREO
        };
        _ = with_everything_heard(At::BothEnds, setup, machine);
    });
}

#[test]
fn without_copies_the_lost_counter_tells_what_is_missing() {
    on_a_private_machine(NEEDS, |machine| {
        let network = PathConfig {
            seed: 4,
            loss: SINGLE_LOSSES,
            ..PathConfig::default()
        };
        let mut session = Session::start(
            machine,
            Setup {
                network: Some(network),
                ..Setup::STEREO
            },
        );
        let mut attempts = (0..4).map(|_| {
            let before = session.server.farsend().next_statistics();
            let (at_a, _) = session.record(machine, 3 * Setup::STEREO.clock.rate);
            let counts = session.server.farsend().next_statistics();
            let relay = session.relay.as_ref().expect("there is one");
            let heard = listen(&at_a.channels[0], 0, Depth::Bits16, 1);
            (before, counts, relay.to_server().lost, heard)
        });
        // A busy machine may move JackTrip's time, or ours.
        let steady = attempts.find(|(.., heard)| heard.lines.len() == 1);
        let (before, counts, swallowed, heard) = steady.expect("the delay moves each time");
        assert!(counts.lost > 15, "{counts:?}");
        // Losses before the first datagram are not known, and some may be on their way.
        assert!(
            swallowed.abs_diff(counts.lost) <= 12,
            "{swallowed} swallowed, {counts:?}"
        );
        let (missing, counted) = (heard.wrong.len() as u64, counts.lost - before.lost);
        let samples = heard.wrong_samples() as u64;
        assert!(
            samples <= counted * (PERIOD + FADE),
            "{samples} samples, {counted} counted: {heard:?}"
        );
        assert!(
            (1..=counted).contains(&missing),
            "{missing} holes, {counted} counted: {heard:?}"
        );
        // The recording is most of the time between the two looks.
        assert!(
            missing * 3 > counted,
            "{missing} holes, {counted} counted: {heard:?}"
        );
    });
}

#[test]
fn jitter_copies_and_overtaking_are_not_heard() {
    on_a_private_machine(NEEDS, |machine| {
        let network = PathConfig {
            seed: 5,
            delay: Duration::from_millis(5),
            jitter: Jitter::Uniform(Duration::from_millis(25)),
            duplicate: 0.1,
            reorder: 0.1,
            reorder_by: Duration::from_millis(25),
            ..PathConfig::default()
        };
        let setup = Setup {
            queue: 12,
            network: Some(network),
            ..Setup::STEREO
        };
        let mut session = with_everything_heard(At::TheServer, setup, machine);
        let counts = session.server.farsend().next_statistics();
        assert!(counts.duplicate > 10 && counts.lost == 0, "{counts:?}");
    });
}

#[test]
fn between_two_farsends_bursts_of_loss_are_repaired_below_two_fifths_more() {
    on_a_private_machine(&[Need::Jackd], |machine| {
        let network = PathConfig {
            seed: 6,
            loss: BURSTS,
            ..PathConfig::default()
        };
        let setup = Setup {
            server: Kind::Farsend,
            client: Kind::Farsend,
            clock: JackClock {
                period: 128,
                ..JackClock::PATIENT
            },
            queue: 12,
            network: Some(network),
            ..Setup::STEREO
        };
        let mut session = Session::start(machine, setup);
        // Until both know of each other, and of the loss.
        std::thread::sleep(Duration::from_secs(6));
        let before = session.server.farsend().next_statistics();
        std::thread::sleep(Duration::from_secs(20));
        let counts = session.server.farsend().next_statistics();
        let relay = session.relay.as_ref().expect("there is one");
        let (up, down) = (relay.to_server(), relay.to_client());
        let received = counts.received - before.received;
        let repaired = counts.repaired - before.repaired;
        let missing = counts.lost + counts.late - before.lost - before.late;
        assert!(repaired * 100 > received, "{counts:?} {up:?}");
        // In virtual time it is fewer than one in 5000; a busy machine is late by itself.
        assert!(
            missing * 300 <= received,
            "{missing} of {received}: {counts:?}"
        );
        assert!(counts.repair_overhead_percent < 40.0, "{counts:?}");
        assert!(up.repairs > 0 && down.repairs > 0, "{up:?} {down:?}");
    });
}

#[test]
fn a_real_jacktrip_that_calls_is_never_sent_repair_nor_asked_for_anything() {
    on_a_private_machine(NEEDS, |machine| {
        assert_nothing_but_audio_and_pings(machine, Kind::Farsend, Kind::Jacktrip);
    });
}

#[test]
fn a_real_jacktrip_that_is_called_is_never_sent_repair_nor_asked_for_anything() {
    on_a_private_machine(NEEDS, |machine| {
        assert_nothing_but_audio_and_pings(machine, Kind::Jacktrip, Kind::Farsend);
    });
}

fn assert_nothing_but_audio_and_pings(machine: &Machine, server: Kind, client: Kind) {
    let network = PathConfig {
        seed: 7,
        loss: BURSTS,
        ..PathConfig::default()
    };
    let setup = Setup {
        server,
        client,
        network: Some(network),
        ..Setup::STEREO
    };
    let session = Session::start(machine, setup);
    std::thread::sleep(Duration::from_secs(8));
    let relay = session.relay.as_ref().expect("there is one");
    for way in [relay.to_server(), relay.to_client()] {
        assert!(way.lost > 20, "{way:?}");
        assert_eq!((way.repairs, way.words), (0, 0), "{way:?}");
    }
}

/// Which ends a network must not be heard at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    BothEnds,
    TheServer,
}

/// A session in which at least one of a few recordings is whole. Each has some fifteen losses a way, so what is not repaired shows
/// in all of them; what a busy machine does to JackTrip, whose threads have no priority, and to the clocks of dummy JACK
/// servers does not.
fn with_everything_heard(ends: At, setup: Setup, machine: &Machine) -> Session {
    let mut faults = Vec::new();
    for _ in 0..4 {
        let session = Session::start(machine, setup);
        for _ in 0..2 {
            let (at_a, at_b) = session.record(machine, 2 * Setup::STEREO.clock.rate);
            let heard =
                [at_a, at_b].map(|recording| listen(&recording.channels[0], 0, Depth::Bits16, 1));
            let asked = if ends == At::BothEnds {
                &heard[..]
            } else {
                &heard[..1]
            };
            if asked.iter().all(Heard::is_whole) {
                return session;
            }
            faults.push(heard);
        }
    }
    panic!("{faults:?}");
}
