//! The real JackTrip at another rate, with other bits and other periods than ours, whichever of the two waits: both hear
//! the other's sine at its frequency and without a gap.
//!
//! JackTrip ends a session in which its peer's rate or bits differ from its own; so what it gets is its own.

use std::time::Duration;

use farsend_tests::lab::jack::JackClock;
use farsend_tests::lab::probe::Recording;
use farsend_tests::lab::session::{Kind, Session, Setup};
use farsend_tests::lab::{Need, on_a_private_machine};
use farsend_tests::signal::{Depth, Tone, listen_to_tone};

const NEEDS: &[Need] = &[Need::Jackd, Need::Jacktrip];

/// Farsend waits at 48 kHz, JackTrip calls. Periods are long: a machine that stalls is to be late for few of them.
const AS_SERVER: Setup = Setup {
    clock: JackClock {
        rate: 48_000,
        period: 256,
    },
    sine: Some(HERTZ),
    ..Setup::STEREO
};

/// JackTrip waits at 48 kHz, Farsend calls.
const AS_CLIENT: Setup = Setup {
    server: Kind::Jacktrip,
    client: Kind::Farsend,
    ..AS_SERVER
};

const HERTZ: u32 = 1000;

macro_rules! both_hear_the_sine {
    ($setup:expr) => {
        on_a_private_machine(NEEDS, |machine| {
            let setup: Setup = $setup;
            let mut session = Session::start(machine, setup);
            assert_adopted(&mut session, &setup);
            let rates = [
                setup.clock.rate,
                setup.client_clock.unwrap_or(setup.clock).rate,
            ];
            // A machine that hesitates is not held against us: there are some recordings of the same session, and what
            // counts is what each channel is like in its best one.
            let mut best: Vec<Tone> = Vec::new();
            for attempt in 0..ATTEMPTS {
                std::thread::sleep(SETTLE * (attempt + 1));
                // Two seconds of the slower end, at least one of the other.
                let frames = (2 * rates[0].min(rates[1])).max(rates[0].max(rates[1]));
                let (at_server, at_client) = session.record(machine, frames);
                let mut heard = listen(&at_server, rates[0]);
                heard.extend(listen(&at_client, rates[1]));
                best.resize(heard.len(), heard[0]);
                for (best, heard) in best.iter_mut().zip(heard) {
                    if attempt == 0 || is_whole(&heard) {
                        *best = heard;
                    }
                }
                if best.iter().all(is_whole) {
                    return;
                }
            }
            panic!("at the server and at the client: {best:#?}");
        })
    };
}

const ATTEMPTS: u32 = 4;
const SETTLE: Duration = Duration::from_secs(1);

mod as_server {
    use super::*;

    #[test]
    fn a_client_of_44100_hz_and_16_bit() {
        both_hear_the_sine!(Setup {
            client_clock: clock(44_100, 256),
            ..AS_SERVER
        });
    }

    #[test]
    fn a_client_of_88200_hz() {
        both_hear_the_sine!(Setup {
            client_clock: clock(88_200, 512),
            ..AS_SERVER
        });
    }

    #[test]
    fn a_client_of_192_khz_and_24_bit() {
        both_hear_the_sine!(Setup {
            client_clock: clock(192_000, 1024),
            client_depth: Some(Depth::Bits24),
            ..AS_SERVER
        });
    }

    #[test]
    fn a_client_with_periods_of_384_frames_and_24_bit_where_16_were_asked_for() {
        both_hear_the_sine!(Setup {
            client_clock: clock(48_000, 384),
            client_depth: Some(Depth::Bits24),
            ..AS_SERVER
        });
    }
}

mod as_client {
    use super::*;

    #[test]
    fn a_server_of_48_khz_heard_from_44100_hz() {
        both_hear_the_sine!(Setup {
            client_clock: clock(44_100, 256),
            ..AS_CLIENT
        });
    }

    #[test]
    fn a_server_of_88200_hz_and_24_bit_heard_from_48_khz() {
        both_hear_the_sine!(Setup {
            clock: JackClock {
                rate: 88_200,
                period: 512,
            },
            client_clock: clock(48_000, 256),
            depth: Depth::Bits24,
            client_depth: Some(Depth::Bits16),
            ..AS_CLIENT
        });
    }

    #[test]
    fn a_server_of_192_khz_heard_from_48_khz() {
        both_hear_the_sine!(Setup {
            clock: JackClock {
                rate: 192_000,
                period: 1024,
            },
            client_clock: clock(48_000, 256),
            ..AS_CLIENT
        });
    }
}

/// Farsend says what it sends: what JackTrip has.
fn assert_adopted(session: &mut Session, setup: &Setup) {
    let clock = setup.client_clock.unwrap_or(setup.clock);
    let depth = setup.client_depth.unwrap_or(setup.depth);
    let (farsend, theirs) = if setup.server == Kind::Farsend {
        (session.server.farsend(), (clock, depth))
    } else {
        (session.client.farsend(), (setup.clock, setup.depth))
    };
    farsend.wait_for_event("adopted", 1, Duration::from_secs(5));
    let event = &farsend.events("adopted")[0];
    let said = ["sent_rate", "sent_bits"].map(|key| event[key].to_string());
    assert_eq!(
        said,
        [theirs.0.rate.to_string(), theirs.1.bits().to_owned()],
        "{event}"
    );
}

fn clock(rate: u32, period: u32) -> Option<JackClock> {
    Some(JackClock { rate, period })
}

fn listen(recording: &Recording, rate: u32) -> Vec<Tone> {
    let channels = recording.channels.iter();
    channels
        .map(|samples| listen_to_tone(samples, HERTZ, rate))
        .collect()
}

/// Half a second in which nothing is missing: JackTrip's threads have no real-time priority, and miss their time where
/// other programs are busy.
fn is_whole(tone: &Tone) -> bool {
    tone.seconds >= 0.5 && (tone.hertz - f64::from(HERTZ)).abs() < f64::from(HERTZ) * 1e-3
}
