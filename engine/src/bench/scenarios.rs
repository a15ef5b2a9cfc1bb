//! The networks that people have, by name.

use std::time::Duration;

use farsend_netsim::{Change, Jitter, Loss, PathConfig, Stalls, Trace};
use farsend_units::{Channels, Frames, SampleRate};

use super::network::{EndPlan, PathPlan, Plan, plain_end};

/// A network and two ends.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: String,
    /// What it stands for, in a few words.
    pub about: String,
    /// How it is made.
    pub plan: Plan,
}

impl Scenario {
    /// When the last thing happens that it is about, if that is at a time.
    pub fn last_event(&self) -> Option<Duration> {
        let changes = self.plan.ends.iter().flat_map(|end| &end.clock.changes);
        changes.map(|(at, _)| *at).max()
    }
}

/// All of them, for takes of so many channels.
pub fn all(channels: Channels) -> Vec<Scenario> {
    let make =
        |name: &str, about: &str, [called, caller]: [EndPlan; 2], ways: [PathPlan; 2]| Scenario {
            name: name.into(),
            about: about.into(),
            plan: Plan {
                ends: [called, caller],
                ways,
                channels,
            },
        };
    let both = |name, about, path: PathConfig| make(name, about, ends(), two_ways(path));
    let clocks = |name, about, change: &dyn Fn(&mut EndPlan)| {
        let [called, mut caller] = ends();
        change(&mut caller);
        make(name, about, [called, caller], two_ways(line()))
    };
    vec![
        both("clean", "10 ms away, nothing is lost", line()),
        make(
            "loss",
            "3 % lost in bursts of 1.5 packets, as with a JackTrip at the other end: no repair",
            unrepaired(),
            two_ways(lossy()),
        ),
        both(
            "loss-repair",
            "3 % lost in bursts of 1.5 packets, between two Farsends",
            lossy(),
        ),
        make(
            "loss-far",
            "3 % lost in bursts over 80 ms: too far to ask again",
            ends(),
            two_ways(PathConfig {
                delay: ms(80),
                ..lossy()
            }),
        ),
        make(
            "loss-twice",
            "3 % lost in bursts, every packet sent twice (-r 2), no repair",
            unrepaired().map(|mut end| {
                end.settings.redundancy = 2;
                end
            }),
            two_ways(lossy()),
        ),
        both(
            "jitter-stalls",
            "1 ms of jitter on the average, a stall of 25 ms every 5 s",
            PathConfig {
                jitter: Jitter::Exponential(ms(1)),
                stalls: stalls(5000, 25),
                ..line()
            },
        ),
        both(
            "stalls-200",
            "Wi-Fi that looks around: a stall of 200 ms every 10 s",
            PathConfig {
                stalls: stalls(10_000, 200),
                ..line()
            },
        ),
        both(
            "radio",
            "jitter with a long tail: log-normal, 2 ms half of the time",
            PathConfig {
                jitter: Jitter::LogNormal {
                    median: ms(2),
                    spread: 1.0,
                },
                ..line()
            },
        ),
        both(
            "reorder",
            "2 % overtaken by 5 ms, 1 % twice",
            PathConfig {
                reorder: 0.02,
                duplicate: 0.01,
                ..line()
            },
        ),
        make(
            "asymmetric",
            "there clean over 8 ms, back 25 ms with 3 ms of jitter and 2 % loss",
            ends(),
            [
                PathPlan::Made(PathConfig {
                    delay: ms(25),
                    jitter: Jitter::Exponential(ms(3)),
                    loss: Loss::Independent(0.02),
                    ..line()
                }),
                PathPlan::Made(PathConfig {
                    delay: ms(8),
                    ..line()
                }),
            ],
        ),
        clocks(
            "drift-fast",
            "the caller's clock is 300 ppm faster",
            &|end| {
                end.clock.ppm = 300.0;
            },
        ),
        clocks(
            "drift-slow",
            "the caller's clock is 300 ppm slower",
            &|end| {
                end.clock.ppm = -300.0;
            },
        ),
        clocks(
            "drift-step",
            "the caller's clock goes from -50 to +150 ppm after 8 s",
            &|end| {
                end.clock.ppm = -50.0;
                end.clock.changes = vec![(ms(8000), Change::Ppm(150.0))];
            },
        ),
        clocks(
            "clock-glitch",
            "the caller's device stands still for a second after 8 s, and is late by 40 ms after 15 s",
            &|end| {
                end.clock.changes = vec![
                    (ms(8000), Change::Pause(ms(1000))),
                    (ms(15_000), Change::Hesitate(ms(40))),
                ];
            },
        ),
        clocks(
            "busy-machine",
            "the caller's callbacks come up to 2 ms late",
            &|end| {
                end.clock.lateness = Jitter::Uniform(ms(2));
            },
        ),
        clocks("periods", "128 frames here, 480 there", &|end| {
            end.period = Frames(480);
        }),
        clocks("rate-44100", "48 kHz here, 44.1 kHz there", &|end| {
            end.clock.rate = SampleRate::HZ_44100;
        }),
        clocks(
            "rate-96000",
            "48 kHz here, 96 kHz in periods of 256 there",
            &|end| {
                end.clock.rate = SampleRate::HZ_96000;
                end.period = Frames(256);
            },
        ),
        make(
            "wifi-trace",
            "a trace of a room with Wi-Fi (synthetic)",
            ends(),
            recorded(include_str!("../../crates/netsim/traces/wifi.trace")),
        ),
        make(
            "evening-trace",
            "a trace of a line that others use too (synthetic)",
            ends(),
            recorded(include_str!("../../crates/netsim/traces/evening.trace")),
        ),
    ]
}

/// A scenario that replays `trace` in both directions.
pub fn replay(name: &str, trace: Trace, channels: Channels) -> Scenario {
    Scenario {
        name: name.into(),
        about: format!("{} recorded delays", trace.entries().len()),
        plan: Plan {
            ends: ends(),
            ways: [(); 2].map(|()| PathPlan::Recorded(PathConfig::default(), trace.clone())),
            channels,
        },
    }
}

fn recorded(text: &str) -> [PathPlan; 2] {
    // A test holds that they can be read; without, a path that loses everything would show it.
    let way = || match Trace::parse(text) {
        Ok(trace) => PathPlan::Recorded(PathConfig::default(), trace),
        Err(_) => PathPlan::Made(PathConfig {
            loss: Loss::Independent(1.0),
            ..PathConfig::default()
        }),
    };
    [way(), way()]
}

/// 48 kHz, 128 frames, 16 bit; the caller begins 33 frames after the other.
fn ends() -> [EndPlan; 2] {
    let rate = SampleRate::HZ_48000;
    [0, 33].map(|frames| {
        let mut end = plain_end(rate, Frames(128));
        end.clock.start =
            farsend_units::MonoTime::from_nanos(1_000_000_000) + Frames(frames).duration(rate);
        end
    })
}

fn unrepaired() -> [EndPlan; 2] {
    ends().map(|mut end| {
        end.settings.repair = false;
        end
    })
}

fn lossy() -> PathConfig {
    PathConfig {
        loss: BURSTS,
        ..line()
    }
}

fn line() -> PathConfig {
    PathConfig {
        seed: 1,
        delay: ms(10),
        ..PathConfig::default()
    }
}

/// Equally bad, each with a fate of its own.
fn two_ways(path: PathConfig) -> [PathPlan; 2] {
    [1, 2].map(|seed| PathPlan::Made(PathConfig { seed, ..path }))
}

fn stalls(every: u64, length: u64) -> Option<Stalls> {
    Some(Stalls {
        every: ms(every),
        length: ms(length),
    })
}

const BURSTS: Loss = Loss::Bursts {
    rate: 0.03,
    length: 1.5,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
