//! The laboratory itself: what it reports of two real JackTrips that play to each other, so that what it reports
//! of Farsend can be believed.

use farsend_netsim::{Loss, PathConfig};
use farsend_tests::lab::session::{Kind, Session, Setup};
use farsend_tests::lab::{Need, on_a_private_machine};
use farsend_tests::signal::{Depth, listen};

const TWO_JACKTRIPS: Setup = Setup {
    server: Kind::Jacktrip,
    client: Kind::Jacktrip,
    ..Setup::STEREO
};

const PERIOD: u32 = TWO_JACKTRIPS.clock.period;

/// How often a busy machine may spoil a recording.
const ATTEMPTS: usize = 4;

#[test]
fn two_jacktrips_hear_each_other_to_the_sample() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        // JackTrip's threads have no real-time priority: where the machine hesitates, packets are missing.
        let session = Session::start(machine, TWO_JACKTRIPS);
        let whole = (0..ATTEMPTS).any(|_| {
            let (at_a, at_b) = session.record(machine, 22_050);
            [at_a, at_b].iter().all(|recording| {
                (0..).zip(&recording.channels).all(|(channel, samples)| {
                    let heard = listen(samples, channel, Depth::Bits16, 1);
                    println!("{heard:?} {:?}", recording.report);
                    heard.exact > 21_000
                })
            })
        });
        assert!(whole, "not once, see above");
    });
}

#[test]
fn a_loop_through_two_jacktrips_takes_nine_periods() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        let session = Session::start(machine, TWO_JACKTRIPS);
        let recording = session.record_loop(machine, 22_050);
        let heard = listen(&recording.channels[0], 0, Depth::Bits16, 2);
        // JackTrip's own -q4 at 128 frames takes 1152; a hiccup of the machine may add whole periods.
        let delay = heard.delay(recording.report.first);
        assert!(
            delay.is_some_and(|frames| frames >= 9 * PERIOD && frames % PERIOD == 0),
            "{delay:?} {heard:?}"
        );
    });
}

#[test]
fn what_the_relay_swallows_two_jacktrips_miss() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        let network = PathConfig {
            seed: 1,
            loss: Loss::Independent(0.06),
            ..PathConfig::default()
        };
        let session = Session::start(
            machine,
            Setup {
                network: Some(network),
                ..TWO_JACKTRIPS
            },
        );
        let (_, at_b) = session.record(machine, 66_150);
        let heard = listen(&at_b.channels[0], 0, Depth::Bits16, 1);
        // 258 packets, 15 of them lost on average.
        let periods = heard.wrong_samples() / PERIOD as usize;
        assert!((3..60).contains(&periods), "{periods} {heard:?}");
        let relay = session.relay.expect("there is one");
        assert!(relay.to_client().lost > 5, "{:?}", relay.to_client());
    });
}
