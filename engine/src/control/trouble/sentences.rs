//! Trouble in words.

use std::fmt;
use std::time::Duration;

use super::super::words::NONSENSE;
use super::{Caller, Cost, Cure, Set, Trouble, Whose, clipped};

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Nonsense => write!(f, "the other end sends {NONSENSE}"),
            Self::LateHere { times, by, caller } => {
                let by = by.map_or_else(String::new, |by| format!(" by {}", ms(by)));
                let times = often(times);
                match caller {
                    Caller::Machine => write!(
                        f,
                        "this computer is late{by} {times}, which makes gaps at both ends and is not the network's doing: take a longer period, end other programs, or allow real-time priority"
                    ),
                    Caller::Daw => write!(
                        f,
                        "the DAW is late{by} {times}, which makes gaps at both ends and is not the network's doing: set a larger buffer in it, or give it less to do"
                    ),
                }
            }
            Self::Loss { percent, cure } => loss(f, percent, cure),
            Self::Stalls {
                length,
                longest,
                times,
                within,
                wireless,
                cost,
            } => {
                let (who, times) = (
                    if wireless {
                        "your Wi-Fi"
                    } else {
                        "the network, or the other end,"
                    },
                    often_within(times, within),
                );
                write!(f, "{who} stalls for {}", ms(length))?;
                if longest.as_secs_f64() > length.as_secs_f64() * MUCH_LONGER {
                    write!(f, " ({} at the longest)", ms(longest))?;
                }
                write!(f, " {times}")?;
                let cable = if wireless {
                    "use a cable"
                } else {
                    "use a cable where either end has Wi-Fi"
                };
                match cost {
                    Cost::Gaps { delay, queue } => {
                        write!(f, ": {cable}, or accept {} (queue {queue})", ms(delay))
                    }
                    Cost::Delay(delay) => write!(
                        f,
                        ", and {} of delay are kept to ride that out: {cable} to have less",
                        ms(delay)
                    ),
                }
            }
            Self::TooShort {
                percent,
                set,
                enough,
            } => {
                write!(f, "{} of the packets come too late for ", share(percent))?;
                match (set, enough) {
                    (Set::Queue(set, _), Set::Queue(enough, packet)) => write!(
                        f,
                        "a queue of {set}: set it to {enough} ({}), or to automatic",
                        ms(packet.saturating_mul(clipped(enough)))
                    ),
                    (_, Set::Target(enough) | Set::Queue(_, enough)) => {
                        write!(f, "the latency target: allow {}, or none", ms(enough))
                    }
                }
            }
            Self::Jitter {
                spread,
                target,
                percent,
            } => {
                write!(
                    f,
                    "packets come up to {} late, and {} of delay are kept for that",
                    ms(spread),
                    ms(target)
                )?;
                if percent >= 0.5 {
                    write!(f, ", though {} still come too late", share(percent))?;
                }
                f.write_str(": use a cable instead of Wi-Fi, and see what else fills this line")
            }
            Self::Bunches { length } => write!(
                f,
                "the other end sends in bunches, one every {0}, so that {0} of delay are needed: have it use shorter blocks in its sound card or DAW",
                ms(length)
            ),
            Self::Clock { ppm, whose } => {
                let pace = if ppm > 0.0 { "fast" } else { "slow" };
                let (whose, place) = match whose {
                    Whose::Theirs => ("the other end's", "there"),
                    Whose::Ours => ("this end's", "here"),
                };
                write!(
                    f,
                    "{whose} clock is {:.0} ppm {pace}: its sound card runs at another rate than it says; check the rate and the clock source {place}",
                    ppm.abs()
                )
            }
            Self::Overtaking { percent, target } => write!(
                f,
                "{} of the packets overtake each other on the way, and {} of delay are kept for that: look for a VPN, a mesh or joined lines between the ends",
                share(percent),
                ms(target)
            ),
        }
    }
}

fn loss(f: &mut fmt::Formatter<'_>, percent: f64, cure: Cure) -> fmt::Result {
    write!(f, "{} of the packets get lost", share(percent))?;
    match cure {
        Cure::None => f.write_str(
            ": have the other end send two copies of each (jacktrip -r 2), or use a cable instead of Wi-Fi",
        ),
        Cure::NoneOfHub => f.write_str(
            ", and a JackTrip hub sends each of them once: use a cable instead of Wi-Fi, or a hub that is nearer",
        ),
        Cure::Copies(copies) => write!(
            f,
            " though {copies} copies of each are sent: use a cable instead of Wi-Fi, or have the other end send {}",
            u32::from(copies) + 1
        ),
        Cure::RepairIsOff => f.write_str(
            ", and one of the ends does not repair: leave --repair at auto at both, or have the other end send two copies of each (redundancy 2)",
        ),
        Cure::Repaired { percent } => write!(
            f,
            " though {} were repaired: use a cable instead of Wi-Fi, or set a longer queue, which gives repair more time",
            share(percent)
        ),
    }
}

/// As long as a musician wants to know: two digits.
fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 9.95 {
        format!("{ms:.1} ms")
    } else {
        format!("{ms:.0} ms")
    }
}

fn share(percent: f64) -> String {
    if percent < 9.95 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.0} %")
    }
}

/// How often it was: of a part of a minute as it was seen, since nobody knows the rest.
fn often_within(times: u64, within: Duration) -> String {
    let seconds = within.as_secs_f64();
    if seconds > A_MINUTE_OR_SO {
        return often(times as f64 * 60.0 / seconds);
    }
    match times {
        0 | 1 => format!("once in {seconds:.0} s"),
        2 => format!("twice in {seconds:.0} s"),
        times => format!("{times} times in {seconds:.0} s"),
    }
}

fn often(times: f64) -> String {
    match times.round() as u64 {
        0 | 1 => "once a minute".into(),
        2 => "twice a minute".into(),
        times => format!("{times} times a minute"),
    }
}

/// In seconds: what was seen for so long is told as so many times a minute.
const A_MINUTE_OR_SO: f64 = 55.0;
/// What is longer than the average by less than this is as long.
const MUCH_LONGER: f64 = 1.25;
