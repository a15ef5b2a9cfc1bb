//! A clock runs as it is told to.

use std::time::Duration;

use farsend_netsim::{Change, Clock, ClockConfig, Jitter};
use farsend_units::{Frames, SampleRate};

const BLOCK: Frames = Frames(480);

#[test]
fn a_clock_without_faults_ticks_by_its_rate() {
    let mut clock = Clock::new(ClockConfig::default());
    assert_eq!(ticks(&mut clock, 4), [0, 10_000, 20_000, 30_000]);
}

#[test]
fn a_fast_clock_is_ahead_by_its_millionths_after_an_hour() {
    for (rate, ppm) in [(48_000, 300.0), (44_100, -300.0), (192_000, 50.0)] {
        let mut clock = Clock::new(ClockConfig {
            rate: SampleRate(rate),
            ppm,
            ..ClockConfig::default()
        });
        let blocks = 3600 * rate / BLOCK.0;
        let last = (0..=blocks)
            .map(|_| clock.tick(BLOCK).begins)
            .last()
            .unwrap();
        let wanted = 3600.0 / (1.0 + ppm * 1e-6);
        let found = last.as_nanos() as f64 * 1e-9;
        assert!(
            (found - wanted).abs() < 1e-6,
            "{ppm} ppm: {found} s, not {wanted}"
        );
    }
}

#[test]
fn a_clock_that_pauses_goes_on_later_and_one_that_hesitates_catches_up() {
    let with = |change| {
        let changes = vec![(Duration::from_millis(15), change)];
        ticks(
            &mut Clock::new(ClockConfig {
                changes,
                ..ClockConfig::default()
            }),
            6,
        )
    };
    let ms = Duration::from_millis;
    assert_eq!(
        with(Change::Pause(ms(100))),
        [0, 10_000, 120_000, 130_000, 140_000, 150_000]
    );
    assert_eq!(
        with(Change::Hesitate(ms(25))),
        [0, 10_000, 45_000, 45_000, 45_000, 50_000]
    );
    assert_eq!(
        with(Change::Ppm(1_000_000.0)),
        [0, 10_000, 20_000, 25_000, 30_000, 35_000]
    );
}

#[test]
fn lateness_does_not_add_up() {
    let lateness = Jitter::Uniform(Duration::from_millis(2));
    let mut clock = Clock::new(ClockConfig {
        lateness,
        ..ClockConfig::default()
    });
    let late: Vec<u64> = (0..1000).map(|i| tick(&mut clock) - i * 10_000).collect();
    assert!(late.iter().all(|late| *late <= 2000));
    assert!(late.iter().any(|late| *late > 1900) && late.iter().any(|late| *late < 100));
}

fn ticks(clock: &mut Clock, count: usize) -> Vec<u64> {
    (0..count).map(|_| tick(clock)).collect()
}

/// In microseconds.
fn tick(clock: &mut Clock) -> u64 {
    let at = clock.tick(BLOCK).called;
    (at.as_nanos() + 500) / 1000
}
