//! Complete ends on all the networks of `farsend bench network`, in virtual time: a change of behaviour is a changed
//! cell.

use farsend::bench::network::{EndPlan, PathPlan, Plan, plain_end};
use farsend::bench::scenarios::{self, Scenario};
use farsend::bench::take::{Music, Outcome, perform};
use farsend::bench::{piece, table};
use farsend_netsim::{PathConfig, Trace};
use farsend_units::{Channels, Frames, SampleRate};

const RATE: SampleRate = SampleRate::HZ_48000;

#[test]
fn eighteen_seconds_on_each_network() {
    let music = music(18.0);
    let rows = |scenario: &Scenario| {
        let outcomes = perform(&scenario.plan, &music).unwrap();
        let rows = ["there", "back"].into_iter().zip(&outcomes);
        rows.map(|(way, outcome)| row(&scenario.name, way, outcome))
            .collect::<String>()
    };
    let all = scenarios::all(Channels(1));
    // On a few processors at a time.
    let found: Vec<String> = std::thread::scope(|scope| {
        let parts = all.chunks(all.len().div_ceil(4));
        let threads: Vec<_> = parts
            .map(|part| scope.spawn(move || part.iter().map(rows).collect::<String>()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let head = format!("{}{:>8}{:>8}", table::head(false), "S/E dB", "middle");
    let table = format!("{head}\n{}", found.concat());
    insta::assert_snapshot!(table);
}

#[test]
fn a_clean_path_is_transparent_but_for_sixteen_bits() {
    let [there, back] = perform(&plan([end(), end()]), &music(6.0)).unwrap();
    for Outcome { score, counts, .. } in [there, back] {
        assert!(score.signal_to_error > 75.0, "{}", score.signal_to_error);
        assert!(score.clicks.is_empty(), "{:?}", score.clicks);
        assert_eq!(
            [counts.dry, counts.late, counts.lost, counts.skipped],
            [0; 4]
        );
    }
}

#[test]
fn no_lost_packet_is_heard_as_a_click() {
    let all = scenarios::all(Channels(1));
    let lossy = all.iter().find(|one| one.name == "loss").unwrap();
    for Outcome { score, counts, .. } in perform(&lossy.plan, &music(18.0)).unwrap() {
        assert!(counts.lost > 100, "{}", counts.lost);
        assert_eq!(score.clicks, [0; 0]);
    }
}

#[test]
fn the_same_plan_gives_the_same_take_to_the_bit() {
    let scenario = |name| {
        let all = scenarios::all(Channels(1));
        all.into_iter().find(|one| one.name == name).unwrap().plan
    };
    for name in ["jitter-stalls", "drift-fast"] {
        let take = || {
            perform(&scenario(name), &music(4.0))
                .unwrap()
                .map(|one| one.heard)
        };
        assert_eq!(take(), take(), "{name}");
    }
}

#[test]
fn the_delay_that_is_scored_is_the_one_in_time() {
    // Two ends whose clocks began at different times, 10 ms and 25 ms apart.
    let mut ends = [end(), end()];
    ends[1].clock.start = ends[0].clock.start + Frames(777).duration(RATE);
    let mut plan = plan(ends);
    let way = |ms| {
        PathPlan::Made(PathConfig {
            delay: std::time::Duration::from_millis(ms),
            ..PathConfig::default()
        })
    };
    plan.ways = [way(10), way(25)];
    let [there, back] = perform(&plan, &music(5.0)).unwrap();
    let sum = there.score.mean_delay() + back.score.mean_delay();
    let depths = there.depth_ms.0 + back.depth_ms.0;
    // The path, the waiting in the queues, and up to a block at each end until it is looked at.
    assert!(
        (35.0 + depths - 6.0..35.0 + depths).contains(&sum),
        "{sum} ms, {depths} ms in queues"
    );
    assert!(back.score.mean_delay() - there.score.mean_delay() > 12.0);
}

#[test]
fn the_shipped_traces_can_be_read() {
    for name in ["wifi-trace", "evening-trace"] {
        let all = scenarios::all(Channels(1));
        let scenario = all.into_iter().find(|one| one.name == name).unwrap();
        assert!(
            scenario
                .plan
                .ways
                .iter()
                .all(|way| matches!(way, PathPlan::Recorded(..)))
        );
    }
    let own = scenarios::replay("own", Trace::parse("7\nlost\n8\n").unwrap(), Channels(1));
    assert_eq!(own.about, "3 recorded delays");
}

/// With scores to the whole decibel: what is invented is not the same to the bit on every kind of processor.
fn row(name: &str, way: &str, outcome: &Outcome) -> String {
    let numbers = table::row(name, way, outcome, false);
    let score = &outcome.score;
    format!(
        "{numbers}{:>8.0}{:>8.0}\n",
        score.signal_to_error, score.middle
    )
}

fn music(seconds: f64) -> Music {
    Music {
        rate: RATE,
        channels: vec![piece::piece(RATE, seconds)],
    }
}

fn end() -> EndPlan {
    plain_end(RATE, Frames(128))
}

fn plan(ends: [EndPlan; 2]) -> Plan {
    let way = PathPlan::Made(PathConfig::default());
    Plan {
        ends,
        ways: [way.clone(), way],
        channels: Channels(1),
    }
}
