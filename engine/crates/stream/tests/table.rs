//! What a bad network does to a stream, as a table: dry blocks, late and lost packets and the delay
//! against loss, jitter and queue length. A change of behaviour is a changed cell.

mod common;

use std::fmt::Write;
use std::time::Duration;

use common::{Scene, frame_of};
use farsend_netsim::{Jitter, Loss, PathConfig, Stalls};
use farsend_stream::Pulled;

#[test]
fn a_minute_on_each_of_some_networks() {
    let clean = PathConfig {
        seed: 1,
        delay: Duration::from_millis(10),
        ..PathConfig::default()
    };
    let us = |us| Jitter::Exponential(Duration::from_micros(us));
    let every = Duration::from_secs(5);
    let stalls = Some(Stalls {
        every,
        length: Duration::from_millis(25),
    });
    let bursts = Loss::Bursts {
        rate: 0.03,
        length: 1.5,
    };
    let networks = [
        ("clean", clean),
        (
            "loss 1 %",
            PathConfig {
                loss: Loss::Independent(0.01),
                ..clean
            },
        ),
        (
            "loss 3 % in bursts",
            PathConfig {
                loss: bursts,
                ..clean
            },
        ),
        (
            "jitter 0.3 ms",
            PathConfig {
                jitter: us(300),
                ..clean
            },
        ),
        (
            "jitter 1 ms",
            PathConfig {
                jitter: us(1000),
                ..clean
            },
        ),
        (
            "jitter 3 ms",
            PathConfig {
                jitter: us(3000),
                ..clean
            },
        ),
        ("stalls of 25 ms", PathConfig { stalls, ..clean }),
        (
            "1 ms and stalls",
            PathConfig {
                jitter: us(1000),
                stalls,
                ..clean
            },
        ),
        (
            "all of it",
            PathConfig {
                jitter: us(1000),
                stalls,
                loss: bursts,
                duplicate: 0.01,
                reorder: 0.01,
                ..clean
            },
        ),
    ];
    let mut table = String::from(
        "48 kHz, periods of 128 frames, 22500 packets. Delay: frames from sending to playing, 480 of them on the path.\n\n\
         network             queue  copies    dry   late   lost  revived  skipped  anchored  delay\n",
    );
    for (name, path) in networks {
        for (queue, redundancy) in [(0, 1), (0, 2), (1, 1), (2, 1), (4, 1), (4, 2), (8, 1)] {
            let scene = Scene {
                queue,
                redundancy,
                path,
                seconds: 60.0,
                ..Scene::default()
            };
            let trace = scene.run();
            let counts = trace.counts;
            let clean = trace.blocks.windows(3).rev();
            let mut clean =
                clean.filter(|blocks| blocks.iter().all(|(_, pulled, _)| *pulled == Pulled::Fresh));
            let delay = clean.next().map_or(-1, |blocks| {
                let at = blocks[2].0;
                at as i64 - frame_of(trace.out[0][at]) - SENT
            });
            let queue = if queue == 0 {
                "auto".into()
            } else {
                queue.to_string()
            };
            let _ = writeln!(
                table,
                "{name:<20}{queue:>5}{redundancy:>8}{:>7}{:>7}{:>7}{:>9}{:>9}{:>10}{delay:>7}",
                counts.dry,
                counts.late,
                counts.lost,
                counts.revived,
                counts.skipped,
                counts.reanchored,
            );
        }
    }
    insta::assert_snapshot!(table);
}

/// Frames from the beginning of a local block to the moment when the peer sends, in `Scene::default()`.
const SENT: i64 = 33;
