//! A path does what its configuration says, and the same each time.

use std::time::Duration;

use farsend_netsim::{Deliveries, Jitter, Loss, Path, PathConfig, Stalls};
use farsend_units::MonoTime;

const SECOND_PACKETS: u64 = 375;

#[test]
fn a_perfect_path_delivers_everything_at_once_and_once() {
    for (sent, deliveries) in run(PathConfig::default(), 1000) {
        assert_eq!(deliveries.into_iter().collect::<Vec<_>>(), [sent]);
    }
}

#[test]
fn the_same_seed_does_the_same_and_another_does_not() {
    let config = PathConfig {
        seed: 3,
        jitter: Jitter::Exponential(ms(1)),
        loss: Loss::Independent(0.1),
        duplicate: 0.1,
        reorder: 0.1,
        ..PathConfig::default()
    };
    assert_eq!(run(config, 1000), run(config, 1000));
    assert_ne!(
        run(config, 1000),
        run(PathConfig { seed: 4, ..config }, 1000)
    );
}

#[test]
fn the_same_packets_are_lost_whatever_the_delay_is() {
    let lossy = PathConfig {
        seed: 9,
        loss: Loss::Bursts {
            rate: 0.05,
            length: 2.0,
        },
        ..PathConfig::default()
    };
    let late = PathConfig {
        jitter: Jitter::Uniform(ms(30)),
        duplicate: 0.5,
        reorder: 0.5,
        ..lossy
    };
    let lost = |config| {
        run(config, 5000)
            .iter()
            .map(|(_, d)| d.is_lost())
            .collect::<Vec<_>>()
    };
    assert_eq!(lost(lossy), lost(late));
}

#[test]
fn bursts_have_the_rate_and_the_length_that_was_asked_for() {
    for (rate, length) in [(0.03, 1.5), (0.1, 4.0), (0.01, 10.0)] {
        let loss = Loss::Bursts { rate, length };
        let sent = run(
            PathConfig {
                seed: 1,
                loss,
                ..PathConfig::default()
            },
            2_000_000,
        );
        let lost: Vec<bool> = sent.iter().map(|(_, d)| d.is_lost()).collect();
        let total = lost.iter().filter(|&&lost| lost).count() as f64;
        let runs = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count() as f64;
        assert!(
            (total / lost.len() as f64 / rate - 1.0).abs() < 0.1,
            "rate {}",
            total / lost.len() as f64
        );
        assert!(
            (total / runs / length - 1.0).abs() < 0.1,
            "length {}",
            total / runs
        );
    }
}

#[test]
fn jitter_delays_but_never_changes_the_order() {
    let config = PathConfig {
        delay: ms(10),
        jitter: Jitter::Exponential(ms(4)),
        ..PathConfig::default()
    };
    let arrivals: Vec<(MonoTime, MonoTime)> = run(config, 5000)
        .into_iter()
        .flat_map(|(sent, d)| d.into_iter().map(move |at| (sent, at)))
        .collect();
    assert!(arrivals.windows(2).all(|pair| pair[0].1 <= pair[1].1));
    assert!(arrivals.iter().all(|(sent, at)| at.since(*sent) >= ms(10)));
    assert!(arrivals.iter().any(|(sent, at)| at.since(*sent) >= ms(20)));
}

#[test]
fn a_distribution_has_the_quantiles_that_it_should_have() {
    let calm = Jitter::LogNormal {
        median: ms(4),
        spread: 0.5,
    };
    assert!(calm.quantile(0.5).abs_diff(ms(4)) < Duration::from_micros(1));
    // One standard deviation up is a factor of e to the spread.
    let up = calm.quantile(0.841_344_746).as_secs_f64() / 0.004;
    assert!((up - 0.5f64.exp()).abs() < 1e-3, "{up}");
    assert_eq!(
        Jitter::LogNormal {
            median: ms(4),
            spread: 9.0
        }
        .quantile(1.0),
        ms(400)
    );
    assert_eq!(Jitter::Uniform(ms(8)).quantile(0.25), ms(2));
    assert_eq!(Jitter::Exponential(ms(1)).quantile(1.0), ms(10));
    let delays = run(
        PathConfig {
            jitter: calm,
            ..PathConfig::default()
        },
        10_000,
    );
    let longer = delays
        .iter()
        .filter(|(sent, d)| d.into_iter().any(|at| at.since(*sent) > ms(4)))
        .count();
    // Waiting for the one before makes it more than half.
    assert!((5000..9000).contains(&longer), "{longer}");
}

#[test]
fn packets_are_overtaken_and_doubled_as_often_as_asked() {
    let config = PathConfig {
        reorder: 0.1,
        reorder_by: ms(9),
        duplicate: 0.2,
        ..PathConfig::default()
    };
    let sent = run(config, 20_000);
    let overtaken = sent
        .iter()
        .filter(|(sent, d)| d.into_iter().next() == Some(*sent + ms(9)))
        .count();
    let doubled = sent
        .iter()
        .filter(|(_, d)| d.into_iter().count() == 2)
        .count();
    assert!((1900..2100).contains(&overtaken), "{overtaken}");
    assert!((3800..4200).contains(&doubled), "{doubled}");
}

#[test]
fn a_stall_holds_everything_back_until_its_end() {
    let stalls = Some(Stalls {
        every: Duration::from_secs(1),
        length: ms(25),
    });
    let sent = run(
        PathConfig {
            stalls,
            ..PathConfig::default()
        },
        3 * SECOND_PACKETS,
    );
    let delays: Vec<Duration> = sent
        .iter()
        .flat_map(|(sent, d)| d.into_iter().map(|at| at.since(*sent)))
        .collect();
    assert_eq!(delays.iter().max().unwrap().as_millis(), 25);
    let held = delays.iter().filter(|delay| !delay.is_zero()).count();
    assert_eq!(held, 2 * 10, "10 of 2.67 ms in each of two stalls");
}

/// Sends `count` packets of 128 frames at 48 kHz; when each was sent, and its deliveries.
fn run(config: PathConfig, count: u64) -> Vec<(MonoTime, Deliveries)> {
    let mut path = Path::new(config);
    let sent = (0..count).map(|i| MonoTime::from_nanos(i * 1_000_000_000 / SECOND_PACKETS));
    sent.map(|at| (at, path.send(at))).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
