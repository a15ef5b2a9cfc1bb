//! Farsend and the real JackTrip hear each other to the sample, whichever of them waits for the other.
//!
//! Both ends play a ramp and record what they hear, on two JACK dummy servers; every sample has to be what the
//! bit depth makes of the one that was played, and the delay has to stay.

use farsend_tests::lab::jack::JackClock;
use farsend_tests::lab::probe::Recording;
use farsend_tests::lab::session::{Kind, Session, Setup};
use farsend_tests::lab::{Need, on_a_private_machine};
use farsend_tests::signal::{Depth, listen};

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

const AS_SERVER: Setup = Setup::STEREO;

const AS_CLIENT: Setup = Setup {
    server: Kind::Jacktrip,
    client: Kind::Farsend,
    ..Setup::STEREO
};

/// Runs the session on a private machine; everything that is played has to be heard at the other end.
///
/// JackTrip's threads have no real-time priority: on a busy machine it sends and plays late, and its buffer moves. And
/// a dummy JACK server there runs late for good each time that it wakes too late, so that the clocks are not equal. That
/// is not held against us: another recording is made, and another session begun, a few times.
macro_rules! both_hear_everything {
    ($setup:expr) => {
        on_a_private_machine(NEEDS, |machine| {
            let setup: Setup = $setup;
            for last in [false, false, false, false, true] {
                let session = Session::start(machine, setup);
                for _ in 0..RECORDINGS {
                    let (at_server, at_client) = session.record(machine, setup.clock.rate / 2);
                    let faults = [
                        find_fault("at the server", &at_server, setup.depth),
                        find_fault("at the client", &at_client, setup.depth),
                    ];
                    match faults.into_iter().flatten().next() {
                        None => return,
                        Some(fault) => assert!(!last, "{fault}"),
                    }
                }
            }
        })
    };
}

/// Periods of few frames that are not too short for a busy machine.
const SHORT: JackClock = JackClock {
    period: 64,
    ..JackClock::PATIENT
};

/// What most people play with, and a queue that bears a busy machine.
const AS_USUAL: Setup = Setup {
    clock: JackClock {
        rate: 48_000,
        period: 128,
    },
    queue: 8,
    ..Setup::STEREO
};

/// Recordings of each session.
const RECORDINGS: u32 = 4;

mod as_server {
    use super::*;

    #[test]
    fn stereo_at_16_bit_is_exact() {
        both_hear_everything!(AS_USUAL);
    }

    #[test]
    fn stereo_at_8_bit_is_exact() {
        both_hear_everything!(Setup {
            depth: Depth::Bits8,
            ..AS_SERVER
        });
    }

    #[test]
    fn stereo_at_24_bit_is_exact() {
        both_hear_everything!(Setup {
            depth: Depth::Bits24,
            ..AS_SERVER
        });
    }

    #[test]
    fn eight_channels_are_exact() {
        both_hear_everything!(Setup {
            down: 8,
            up: 8,
            ..AS_SERVER
        });
    }

    #[test]
    fn periods_of_64_frames_are_exact() {
        both_hear_everything!(Setup {
            clock: SHORT,
            queue: 8,
            ..AS_SERVER
        });
    }

    #[test]
    fn periods_of_512_frames_are_exact() {
        both_hear_everything!(Setup {
            clock: clock(44_100, 512),
            ..AS_SERVER
        });
    }

    #[test]
    fn two_copies_are_exact() {
        both_hear_everything!(Setup {
            redundancy: 2,
            ..AS_SERVER
        });
    }

    #[test]
    fn three_copies_are_exact() {
        both_hear_everything!(Setup {
            redundancy: 3,
            ..AS_SERVER
        });
    }

    #[test]
    fn two_channels_down_and_one_up_are_exact() {
        both_hear_everything!(Setup {
            down: 2,
            up: 1,
            ..AS_SERVER
        });
    }

    #[test]
    fn one_channel_down_and_four_up_are_exact() {
        both_hear_everything!(Setup {
            down: 1,
            up: 4,
            ..AS_SERVER
        });
    }

    #[test]
    fn a_rate_of_96_khz_is_exact() {
        both_hear_everything!(Setup {
            clock: clock(96_000, 512),
            ..AS_SERVER
        });
    }
}

mod as_client {
    use super::*;

    #[test]
    fn stereo_at_16_bit_is_exact() {
        both_hear_everything!(Setup {
            server: AS_CLIENT.server,
            client: AS_CLIENT.client,
            ..AS_USUAL
        });
    }

    #[test]
    fn stereo_at_8_bit_is_exact() {
        both_hear_everything!(Setup {
            depth: Depth::Bits8,
            ..AS_CLIENT
        });
    }

    #[test]
    fn stereo_at_24_bit_is_exact() {
        both_hear_everything!(Setup {
            depth: Depth::Bits24,
            ..AS_CLIENT
        });
    }

    #[test]
    fn eight_channels_are_exact() {
        both_hear_everything!(Setup {
            down: 8,
            up: 8,
            ..AS_CLIENT
        });
    }

    #[test]
    fn periods_of_64_frames_are_exact() {
        both_hear_everything!(Setup {
            clock: SHORT,
            queue: 8,
            ..AS_CLIENT
        });
    }

    #[test]
    fn periods_of_512_frames_are_exact() {
        both_hear_everything!(Setup {
            clock: clock(44_100, 512),
            ..AS_CLIENT
        });
    }

    #[test]
    fn two_copies_are_exact() {
        both_hear_everything!(Setup {
            redundancy: 2,
            ..AS_CLIENT
        });
    }

    #[test]
    fn three_copies_of_eight_channels_at_24_bit_are_exact() {
        both_hear_everything!(Setup {
            redundancy: 3,
            down: 8,
            up: 8,
            depth: Depth::Bits24,
            ..AS_CLIENT
        });
    }

    #[test]
    fn two_channels_down_and_one_up_are_exact() {
        both_hear_everything!(Setup {
            down: 2,
            up: 1,
            ..AS_CLIENT
        });
    }

    #[test]
    fn one_channel_down_and_four_up_are_exact() {
        both_hear_everything!(Setup {
            down: 1,
            up: 4,
            ..AS_CLIENT
        });
    }

    #[test]
    fn a_rate_of_44100_hz_is_exact() {
        both_hear_everything!(Setup {
            clock: clock(44_100, 256),
            ..AS_CLIENT
        });
    }
}

#[test]
fn two_farsends_carry_floats_unchanged() {
    both_hear_everything!(Setup {
        client: Kind::Farsend,
        depth: Depth::Bits32,
        ..AS_SERVER
    });
}

#[test]
fn a_loop_takes_no_longer_than_through_two_jacktrips() {
    on_a_private_machine(&[Need::Jackd], |machine| {
        for (queue, periods) in [(4, 9), (2, 5)] {
            let session = Session::start(
                machine,
                Setup {
                    client: Kind::Farsend,
                    queue,
                    ..AS_SERVER
                },
            );
            let recording = session.record_loop(machine, AS_SERVER.clock.rate);
            let heard = listen(&recording.channels[0], 0, Depth::Bits16, 2);
            let delay = heard
                .delay(recording.report.first)
                .expect("the loop is heard");
            let jacktrip = periods * AS_SERVER.clock.period;
            assert!(
                delay <= jacktrip,
                "{delay} frames at -q{queue}, {jacktrip} through JackTrip"
            );
        }
    });
}

#[test]
fn the_way_to_a_jacktrip_is_sounded_and_said_to_be_an_estimate() {
    on_a_private_machine(&[Need::Jackd, Need::Jacktrip], |machine| {
        // As most distributions have it: everybody may send echoes.
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").expect("it is our own");
        let mut session = Session::start(machine, AS_CLIENT);
        let farsend = session.client.farsend();
        let sounded = (0..15).find_map(|_| {
            farsend.next_statistics();
            let events = farsend.events("statistics");
            let now = events.last().expect("there was one").clone();
            now["round_trip_estimated_ms"].as_f64().map(|ms| (ms, now))
        });
        let (trip, now) = sounded.expect("echoes come back on a loopback");
        assert!(trip < 20.0, "{trip} ms");
        assert!(now["round_trip_ms"].is_null(), "nobody answered us: {now}");
        assert!(
            now["one_way_ms"].as_f64() >= now["queue_ms"].as_f64(),
            "{now}"
        );
    });
}

fn clock(rate: u32, period: u32) -> JackClock {
    JackClock { rate, period }
}

/// What is wrong with a recording of one trip, if anything is.
fn find_fault(place: &str, recording: &Recording, depth: Depth) -> Option<String> {
    (0..)
        .zip(&recording.channels)
        .find_map(|(channel, samples)| {
            let heard = listen(samples, channel, depth, 1);
            let whole = heard.is_whole() && heard.exact == samples.len();
            let report = recording.report;
            (!whole).then(|| format!("{place}, channel {channel}: {heard:?}, {report:?}"))
        })
}
