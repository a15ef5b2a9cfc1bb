//! What is said when something is wrong, when it begins, and when it ends.

use std::time::Duration;

use farsend::control::advice::Advisor;
use farsend::control::minute::Minute;
use farsend::control::trouble::{Caller, Facts, Kind, Trouble};
use farsend_stream::{DepthPolicy, Jitter};

#[test]
fn each_trouble_has_a_sentence_with_what_to_do_about_it() {
    let table: Vec<String> = cases()
        .into_iter()
        .map(|(case, change)| {
            let mut facts = well();
            change(&mut facts);
            let found = Trouble::find(&facts, None);
            let said = found.map_or_else(|| "-".into(), |trouble| trouble.to_string());
            format!("{case}\n    {said}")
        })
        .collect();
    assert_eq!(table.join("\n"), SENTENCES.trim());
}

#[test]
fn nothing_is_said_in_the_first_seconds() {
    let mut facts = well();
    facts.minute.length = Duration::from_secs(9);
    facts.minute.buffer.lost = 500;
    assert_eq!(Trouble::find(&facts, None), None);
}

#[test]
fn it_is_said_once_after_three_seconds_and_ends_after_ten_good_ones() {
    let mut advisor = Advisor::default();
    let said = run(&mut advisor, 0..60, &lossy(1.0));
    assert_eq!(said, [(3, Kind::Loss)]);
    assert_eq!(run(&mut advisor, 60..70, &well()), []);
    assert!(advisor.wrong().is_some(), "it may come back");
    assert_eq!(run(&mut advisor, 70..71, &well()), []);
    assert!(advisor.wrong().is_none());
}

#[test]
fn it_holds_on_down_to_half_of_what_it_takes_to_begin() {
    let mut advisor = Advisor::default();
    assert_eq!(run(&mut advisor, 0..20, &lossy(0.15)), []);
    assert_eq!(run(&mut advisor, 20..40, &lossy(0.25)), [(23, Kind::Loss)]);
    assert_eq!(run(&mut advisor, 40..100, &lossy(0.15)), []);
    assert!(advisor.wrong().is_some());
    _ = run(&mut advisor, 100..120, &lossy(0.05));
    assert!(advisor.wrong().is_none());
}

#[test]
fn what_comes_and_goes_is_printed_once_in_five_minutes() {
    let mut advisor = Advisor::default();
    let mut said = Vec::new();
    for round in 0..6u64 {
        let from = round * 60;
        said.extend(run(&mut advisor, from..from + 30, &lossy(2.0)));
        said.extend(run(&mut advisor, from + 30..from + 60, &well()));
    }
    assert_eq!(said, [(3, Kind::Loss), (303, Kind::Loss)]);
}

#[test]
fn something_worse_takes_its_place_and_what_flickers_does_not() {
    let mut advisor = Advisor::default();
    let mut clock = well();
    clock.drift_ppm = Some(800.0);
    assert_eq!(run(&mut advisor, 0..10, &clock), [(3, Kind::Clock)]);
    let mut both = lossy(2.0);
    both.drift_ppm = Some(800.0);
    for second in 10..40 {
        let facts = if second % 4 == 0 { &both } else { &clock };
        assert_eq!(run(&mut advisor, second..second + 1, facts), []);
    }
    assert_eq!(run(&mut advisor, 40..60, &both), [(45, Kind::Loss)]);
}

#[test]
fn its_numbers_stay_until_they_are_quite_different() {
    let mut advisor = Advisor::default();
    _ = run(&mut advisor, 0..10, &lossy(2.0));
    let said = advisor.wrong().map(ToString::to_string);
    _ = run(&mut advisor, 10..20, &lossy(2.4));
    assert_eq!(advisor.wrong().map(ToString::to_string), said);
    _ = run(&mut advisor, 20..30, &lossy(6.0));
    assert!(
        advisor
            .wrong()
            .is_some_and(|wrong| wrong.to_string().starts_with("6.0 %"))
    );
}

#[test]
fn no_numbers_do_harm() {
    let mut facts = well();
    let most = u64::MAX / 4;
    for length in [0, 10, u64::MAX] {
        facts.minute.length = Duration::from_secs(length);
        for packet in [Duration::ZERO, Duration::MAX / 4] {
            facts.packet = packet;
            for (what, lost) in [(0, 0), (1, 0), (2, most), (3, most)] {
                facts.minute.buffer.lost = lost;
                facts.minute.irregular.stalls = if what == 1 { 3 } else { most };
                facts.minute.irregular.stalled = Duration::MAX / 4;
                facts.minute.longest_stall = Duration::MAX / 4;
                facts.minute.buffer.late = most;
                facts.minute.xruns = if what == 3 { most } else { 0 };
                facts.drift_ppm = Some(f64::NAN);
                facts.own_drift_ppm = Some(f64::INFINITY);
                _ = Trouble::find(&facts, None)
                    .map(|trouble| (trouble.to_string(), trouble.size()));
            }
        }
    }
}

fn run(advisor: &mut Advisor, seconds: std::ops::Range<u64>, facts: &Facts) -> Vec<(u64, Kind)> {
    seconds
        .filter_map(|second| {
            let begun = advisor.look(Duration::from_secs(second), facts)?;
            Some((second, begun.kind()))
        })
        .collect()
}

type Change = fn(&mut Facts);

fn cases() -> Vec<(&'static str, Change)> {
    vec![
        ("all is well", |_| {}),
        ("a few are lost", |f| lose(f, 20)),
        ("JackTrip's packets are lost", |f| lose(f, 472)),
        ("a hub's are, which has no option for that", |f| {
            lose(f, 472);
            f.hub = true;
        }),
        ("so are its copies", |f| {
            lose(f, 472);
            f.redundancy = 2;
        }),
        ("a Farsend's, told not to repair", |f| {
            lose(f, 472);
            f.farsend = true;
        }),
        ("a Farsend's, and more are repaired", |f| {
            lose(f, 90);
            (f.farsend, f.repairs) = (true, true);
            f.minute.buffer.repaired = 2400;
        }),
        ("40 ms twice a minute", |f| stall(f, 2, 40)),
        ("the same, our way is a cable", |f| {
            stall(f, 2, 40);
            f.wireless = false;
        }),
        ("25 ms every 5 s, ridden out", |f| {
            stall(f, 12, 25);
            f.reserve = Duration::from_millis(27);
            f.target = Duration::from_millis(30);
        }),
        ("one stall is no stall", |f| stall(f, 1, 40)),
        ("twice in 12 s is not known to be often", |f| {
            stall(f, 2, 40);
            f.minute.length = Duration::from_secs(12);
        }),
        ("six of them in 20 s are, as far as they were seen", |f| {
            stall(f, 6, 40);
            f.minute.length = Duration::from_secs(20);
        }),
        (
            "one of two is much longer: that one is to be ridden out",
            |f| {
                stall(f, 2, 40);
                f.minute.longest_stall = Duration::from_millis(62);
            },
        ),
        ("a fixed queue that is too short", |f| {
            late(f, 270, 21);
            f.depth = DepthPolicy::Fixed(4);
            f.reserve = Duration::from_millis(8);
        }),
        ("a latency target that is too short", |f| {
            late(f, 270, 12);
            f.depth = DepthPolicy::Auto {
                latency_target: Some(Duration::from_millis(5)),
                dry_target: None,
            };
            f.reserve = Duration::from_millis(5);
        }),
        (
            "the automatic queue lets few be late: it is worth it",
            |f| late(f, 60, 8),
        ),
        ("jitter", |f| {
            late(f, 40, 24);
            f.reserve = Duration::from_millis(22);
            f.target = Duration::from_millis(25);
        }),
        ("jitter, and many are late", |f| {
            late(f, 300, 60);
            f.reserve = Duration::from_millis(42);
            f.target = Duration::from_millis(45);
        }),
        ("a DAW there with blocks of 2048", |f| {
            stall(f, 1400, 40);
            f.reserve = Duration::from_millis(40);
        }),
        ("their clock", |f| f.drift_ppm = Some(-812.0)),
        ("ours", |f| {
            (f.drift_ppm, f.own_drift_ppm) = (Some(-812.0), Some(801.0));
        }),
        ("two clocks, as clocks are", |f| {
            (f.drift_ppm, f.own_drift_ppm) = (Some(120.0), Some(-80.0));
        }),
        ("our own blocks are late, and the network is bad too", |f| {
            lose(f, 300);
            f.minute.irregular.late_blocks = 12;
            f.minute.irregular.late_by = Duration::from_millis(108);
        }),
        ("a few late blocks are nothing beside such loss", |f| {
            lose(f, 472);
            f.minute.xruns = 5;
        }),
        ("JACK's xruns", |f| f.minute.xruns = 5),
        ("a late DAW", |f| {
            f.caller = Caller::Daw;
            f.minute.irregular.late_blocks = 12;
            f.minute.irregular.late_by = Duration::from_millis(108);
        }),
        ("a sample that is no number, or 1e30", |f| {
            lose(f, 472);
            f.minute.buffer.nonsense = 1;
        }),
        ("packets overtake each other", |f| {
            f.minute.irregular.overtaken = 700;
            f.reserve = Duration::from_millis(6);
            f.target = Duration::from_millis(9);
        }),
    ]
}

const SENTENCES: &str = "
all is well
    -
a few are lost
    -
JackTrip's packets are lost
    2.1 % of the packets get lost: have the other end send two copies of each (jacktrip -r 2), or use a cable instead of Wi-Fi
a hub's are, which has no option for that
    2.1 % of the packets get lost, and a JackTrip hub sends each of them once: use a cable instead of Wi-Fi, or a hub that is nearer
so are its copies
    2.1 % of the packets get lost though 2 copies of each are sent: use a cable instead of Wi-Fi, or have the other end send 3
a Farsend's, told not to repair
    2.1 % of the packets get lost, and one of the ends does not repair: leave --repair at auto at both, or have the other end send two copies of each (redundancy 2)
a Farsend's, and more are repaired
    0.4 % of the packets get lost though 11 % were repaired: use a cable instead of Wi-Fi, or set a longer queue, which gives repair more time
40 ms twice a minute
    your Wi-Fi stalls for 40 ms twice a minute: use a cable, or accept 43 ms (queue 16)
the same, our way is a cable
    the network, or the other end, stalls for 40 ms twice a minute: use a cable where either end has Wi-Fi, or accept 43 ms (queue 16)
25 ms every 5 s, ridden out
    your Wi-Fi stalls for 25 ms 12 times a minute, and 30 ms of delay are kept to ride that out: use a cable to have less
one stall is no stall
    -
twice in 12 s is not known to be often
    -
six of them in 20 s are, as far as they were seen
    your Wi-Fi stalls for 40 ms 6 times in 20 s: use a cable, or accept 43 ms (queue 16)
one of two is much longer: that one is to be ridden out
    your Wi-Fi stalls for 40 ms (62 ms at the longest) twice a minute: use a cable, or accept 65 ms (queue 25)
a fixed queue that is too short
    1.2 % of the packets come too late for a queue of 4: set it to 9 (24 ms), or to automatic
a latency target that is too short
    1.2 % of the packets come too late for the latency target: allow 12 ms, or none
the automatic queue lets few be late: it is worth it
    -
jitter
    packets come up to 24 ms late, and 25 ms of delay are kept for that: use a cable instead of Wi-Fi, and see what else fills this line
jitter, and many are late
    packets come up to 60 ms late, and 45 ms of delay are kept for that, though 1.3 % still come too late: use a cable instead of Wi-Fi, and see what else fills this line
a DAW there with blocks of 2048
    the other end sends in bunches, one every 43 ms, so that 43 ms of delay are needed: have it use shorter blocks in its sound card or DAW
their clock
    the other end's clock is 812 ppm slow: its sound card runs at another rate than it says; check the rate and the clock source there
ours
    this end's clock is 801 ppm fast: its sound card runs at another rate than it says; check the rate and the clock source here
two clocks, as clocks are
    -
our own blocks are late, and the network is bad too
    this computer is late by 9.0 ms 12 times a minute, which makes gaps at both ends and is not the network's doing: take a longer period, end other programs, or allow real-time priority
a few late blocks are nothing beside such loss
    2.1 % of the packets get lost: have the other end send two copies of each (jacktrip -r 2), or use a cable instead of Wi-Fi
JACK's xruns
    this computer is late 5 times a minute, which makes gaps at both ends and is not the network's doing: take a longer period, end other programs, or allow real-time priority
a late DAW
    the DAW is late by 9.0 ms 12 times a minute, which makes gaps at both ends and is not the network's doing: set a larger buffer in it, or give it less to do
a sample that is no number, or 1e30
    the other end sends samples that are no audio (no numbers, or beyond +48 dB): silence is heard in their place; a plugin or program there has gone wrong and wants to be restarted
packets overtake each other
    3.1 % of the packets overtake each other on the way, and 9.0 ms of delay are kept for that: look for a VPN, a mesh or joined lines between the ends
";

fn lose(facts: &mut Facts, packets: u64) {
    facts.minute.buffer.lost = packets;
    facts.minute.buffer.received = 22_500 - packets;
}

fn stall(facts: &mut Facts, times: u32, ms: u64) {
    facts.minute.irregular.stalls = times.into();
    facts.minute.irregular.stalled = Duration::from_millis(ms) * times;
    facts.wireless = true;
}

fn late(facts: &mut Facts, packets: u64, nearly_all: u64) {
    facts.minute.buffer.late = packets;
    facts.jitter.nearly_all = Duration::from_millis(nearly_all);
}

fn lossy(percent: f64) -> Facts {
    let mut facts = well();
    lose(&mut facts, (percent * 225.0).round() as u64);
    facts
}

/// A minute of packets of 128 frames at 48 kHz.
fn well() -> Facts {
    let mut minute = Minute {
        length: Duration::from_secs(60),
        ..Minute::default()
    };
    minute.buffer.received = 22_500;
    Facts {
        minute,
        packet: Duration::from_micros(2667),
        reserve: Duration::from_micros(200),
        target: Duration::from_micros(2867),
        jitter: Jitter::default(),
        depth: DepthPolicy::AUTO,
        redundancy: 1,
        farsend: false,
        hub: false,
        repairs: false,
        drift_ppm: Some(12.0),
        own_drift_ppm: Some(0.0),
        wireless: false,
        caller: Caller::Machine,
    }
}
