//! Recorded paths are read as they are written, and replayed.

use std::time::Duration;

use farsend_netsim::{Path, PathConfig, Stalls, Trace, TraceError};
use farsend_units::MonoTime;

#[path = "../examples/make_trace.rs"]
mod make_trace;

const WIFI: &str = include_str!("../traces/wifi.trace");
const EVENING: &str = include_str!("../traces/evening.trace");

#[test]
fn a_line_is_a_delay_a_loss_a_comment_or_the_pace() {
    let trace = Trace::parse("# so\n\nevery 10\n1.5\nlost # gone\n  2 , 7, x\n").unwrap();
    assert_eq!(trace.every(), Some(Duration::from_millis(10)));
    let us = |us| Some(Duration::from_micros(us));
    assert_eq!(trace.entries(), [us(1500), None, us(2000)]);
}

#[test]
fn a_line_that_says_nothing_is_named() {
    for (text, line) in [
        ("1\ntwo\n", 2),
        ("-1", 1),
        ("nan", 1),
        ("inf", 1),
        ("1e9", 1),
        ("1\nevery 10", 2),
        ("every 0\n1", 1),
        ("every 1\nevery 1\n1", 2),
    ] {
        match Trace::parse(text) {
            Err(TraceError::Line { line: found, .. }) => assert_eq!(found, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(Trace::parse("# nothing\n"), Err(TraceError::Empty));
}

#[test]
fn packets_take_what_they_took_over_and_over() {
    let mut path = Path::replay(PathConfig::default(), Trace::parse("5\nlost\n1\n").unwrap());
    let arrivals: Vec<Option<u64>> = (0..6).map(|i| first(&mut path, i * 1000)).collect();
    let once = [Some(5000), None, Some(3000)];
    assert_eq!(arrivals[..3], once);
    assert_eq!(
        arrivals[3..],
        [Some(8000), None, Some(6000)],
        "one overtakes the other"
    );
}

#[test]
fn with_a_pace_it_is_the_time_that_counts() {
    let trace = Trace::parse("every 10\n1\n2\n").unwrap();
    let mut path = Path::replay(PathConfig::default(), trace);
    let sent = [100_000, 104_000, 109_999, 110_000, 119_000, 120_000];
    let took = sent.map(|at| first(&mut path, at).unwrap() - at);
    assert_eq!(took, [1000, 1000, 1000, 2000, 2000, 1000]);
}

#[test]
fn stalls_come_on_top_of_a_trace() {
    let stalls = Some(Stalls {
        every: Duration::from_secs(1),
        length: Duration::from_millis(20),
    });
    let config = PathConfig {
        stalls,
        ..PathConfig::default()
    };
    let mut path = Path::replay(config, Trace::parse("5").unwrap());
    assert_eq!(first(&mut path, 1_005_000), Some(1_025_000));
}

#[test]
fn the_synthetic_traces_are_what_their_generator_makes() {
    for (name, file) in [("wifi", WIFI), ("evening", EVENING)] {
        let (made, kept) = (make_trace::make(name).unwrap(), Trace::parse(file).unwrap());
        let made = Trace::parse(&made).unwrap();
        assert_eq!(made.every(), kept.every());
        assert_eq!(made.entries().len(), kept.entries().len());
        for (made, kept) in made.entries().iter().zip(kept.entries()) {
            // Logarithms may differ in the last digit from one machine to another.
            let near = made.unwrap_or_default().abs_diff(kept.unwrap_or_default());
            assert!(made.is_some() == kept.is_some() && near <= Duration::from_micros(20));
        }
    }
}

/// When the packet sent at this microsecond arrives.
fn first(path: &mut Path, at_us: u64) -> Option<u64> {
    let deliveries = path.send(MonoTime::from_nanos(at_us * 1000));
    deliveries.into_iter().next().map(|at| at.as_nanos() / 1000)
}
