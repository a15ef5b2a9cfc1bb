//! What a path does to packets, counted and survived.

#![allow(clippy::unwrap_used, reason = "a test's helpers fail as the test does")]

mod common;

use std::time::Duration;

use common::{RATE, Scene, Trace, frame_of, ramp};
use farsend_netsim::{Jitter, Loss, PathConfig, Stalls};
use farsend_stream::{BufferConfig, Inserted, Origin, Pulled};
use farsend_units::{Channels, Frames, SampleRate};

#[test]
fn lost_packets_are_counted_exactly_and_the_delay_stays() {
    for loss in [
        Loss::Independent(0.05),
        Loss::Bursts {
            rate: 0.05,
            length: 3.0,
        },
    ] {
        let scene = Scene {
            path: PathConfig {
                seed: 5,
                loss,
                ..PathConfig::default()
            },
            seconds: 10.0,
            ..Scene::default()
        };
        let trace = scene.run();
        let came = came(&scene);
        let newest = *came.iter().max().unwrap();
        let first = *came.iter().min().unwrap();
        let counts = trace.counts;
        assert_eq!(counts.received, came.len() as u64);
        // The last few had no turn yet.
        let missing = (first..newest - 4).filter(|n| !came.contains(n)).count() as u64;
        assert!(
            (missing..=missing + 4).contains(&counts.lost),
            "{missing} {counts:?}"
        );
        assert_eq!(
            (
                counts.late,
                counts.duplicate,
                counts.skipped,
                counts.reanchored
            ),
            (0, 0, 0, 0)
        );
        assert_eq!(counts.concealed, counts.lost * 128);
        assert_one_delay(&trace, 0.5);
    }
}

#[test]
fn redundant_copies_revive_what_was_lost() {
    let loss = Loss::Independent(0.1);
    let scene = Scene {
        path: PathConfig {
            seed: 6,
            loss,
            ..PathConfig::default()
        },
        redundancy: 3,
        seconds: 10.0,
        ..Scene::default()
    };
    let trace = scene.run();
    let came = came(&scene);
    let newest = *came.iter().max().unwrap();
    // Lost for good: three datagrams in a row.
    let lost = (0..newest - 4)
        .filter(|n| (*n..n + 3).all(|n| !came.contains(&n)))
        .count() as u64;
    assert_eq!(trace.counts.lost, lost);
    assert!(
        trace.counts.revived > 300 && trace.counts.dry <= lost,
        "{:?}",
        trace.counts
    );
    assert_one_delay(&trace, 0.5);
}

#[test]
fn a_repaired_packet_is_counted_as_such_and_its_time_tells_nothing() {
    let scene = Scene::default();
    let mut buffer = scene.buffer();
    let at = |i: i64| common::START + Duration::from_nanos(i as u64 * 2_666_667);
    let mut out = vec![Vec::new(); 2];
    let mut outcomes = Vec::new();
    for i in 0..2000 {
        // Every tenth is lost, and comes back three packets later.
        if i % 10 != 5 {
            let _ = scene.insert(&mut buffer, i, at(i), Origin::Direct);
        }
        if i % 10 == 8 {
            outcomes.push(scene.insert(&mut buffer, i - 3, at(i), Origin::Repaired));
        }
        buffer.settle(at(i), Frames::ZERO, Frames(128));
        let _ = common::pull(&mut buffer, &mut out, 128);
    }
    let counts = buffer.counts();
    assert!(
        outcomes
            .iter()
            .all(|outcome| *outcome == Inserted::Repaired),
        "{outcomes:?}"
    );
    assert_eq!(
        (counts.repaired, counts.revived, counts.late, counts.lost),
        (200, 0, 0, 0)
    );
    assert!(
        buffer.drift().is_none_or(|ppm| ppm.abs() < 1.0),
        "{:?}",
        buffer.drift()
    );
}

#[test]
fn packets_in_another_order_are_played_in_theirs() {
    let path = PathConfig {
        seed: 7,
        reorder: 0.2,
        reorder_by: Duration::from_millis(4),
        ..PathConfig::default()
    };
    let trace = Scene {
        path,
        seconds: 5.0,
        ..Scene::default()
    }
    .run();
    assert_eq!(
        (trace.counts.dry, trace.counts.late, trace.counts.lost),
        (0, 0, 0),
        "{:?}",
        trace.counts
    );
    assert_one_delay(&trace, 0.5);
}

#[test]
fn packets_that_come_twice_are_counted_and_played_once() {
    let path = PathConfig {
        seed: 8,
        duplicate: 0.2,
        ..PathConfig::default()
    };
    let trace = Scene {
        path,
        seconds: 5.0,
        ..Scene::default()
    }
    .run();
    let twice = trace
        .outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Inserted::Duplicate)
        .count() as u64;
    assert_eq!(trace.counts.duplicate, twice);
    assert!(twice > 300);
    assert_eq!(
        (trace.counts.dry, trace.counts.late, trace.counts.lost),
        (0, 0, 0)
    );
    assert_one_delay(&trace, 0.5);
}

#[test]
fn late_packets_are_counted_late_and_not_lost() {
    // One in a hundred comes 20 ms later; the queue holds 10.
    let path = PathConfig {
        seed: 9,
        reorder: 0.01,
        reorder_by: Duration::from_millis(20),
        ..PathConfig::default()
    };
    let trace = Scene {
        path,
        seconds: 10.0,
        ..Scene::default()
    }
    .run();
    let late = trace
        .outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Inserted::Late)
        .count() as u64;
    assert!(late > 20);
    assert_eq!(
        (
            trace.counts.late,
            trace.counts.lost,
            trace.counts.reanchored
        ),
        (late, 0, 0)
    );
    assert_eq!(trace.counts.concealed, late * 128);
    assert_one_delay(&trace, 0.5);
}

#[test]
fn a_stall_costs_what_it_holds_up_and_nothing_after() {
    let stalls = Some(Stalls {
        every: Duration::from_secs(1),
        length: Duration::from_millis(40),
    });
    let scene = Scene {
        path: PathConfig {
            stalls,
            ..PathConfig::default()
        },
        seconds: 10.0,
        ..Scene::default()
    };
    let trace = scene.run();
    // 15 packets are held up each time, of which the last four are in time.
    assert!(
        (90..=120).contains(&trace.counts.late),
        "{:?}",
        trace.counts
    );
    assert_eq!(
        (
            trace.counts.lost,
            trace.counts.reanchored,
            trace.counts.skipped
        ),
        (0, 0, 0)
    );
    assert_one_delay(&trace, 0.5);
}

#[test]
fn a_path_that_becomes_longer_anchors_anew_and_one_that_becomes_shorter_is_caught_up_with() {
    let scene = Scene {
        queue: 2,
        seconds: 28.0,
        ..Scene::default()
    };
    let mut trace = None;
    for (longer_at, shorter_at) in [(3.0, f64::MAX), (3.0, 9.0)] {
        let step = Duration::from_millis(30);
        trace = Some(with_step(&scene, longer_at, shorter_at, step));
    }
    let trace = trace.unwrap();
    assert_eq!(trace.counts.reanchored, 1, "{:?}", trace.counts);
    assert!(trace.counts.skipped <= 32, "{:?}", trace.counts);
    let delay = |seconds: f64| {
        let at = (seconds * f64::from(RATE.0)) as i64;
        at - frame_of(trace.out[0][at as usize])
    };
    assert!(
        delay(4.0) - delay(2.0) >= 10 * 128,
        "{} {}",
        delay(2.0),
        delay(4.0)
    );
    assert_eq!(delay(27.0), delay(2.0));
}

#[test]
fn a_break_is_lived_through_and_the_delay_is_the_same_after() {
    for length in [0.2, 0.6, 3.0, 20.0] {
        let scene = Scene {
            seconds: 6.0 + length,
            ..Scene::default()
        };
        let gone = (3.0, 3.0 + length);
        let trace = filtered(&scene, |at| !(gone.0..gone.1).contains(&at));
        assert_transparent_until_the_end(&trace, gone.1 + 0.1);
        let idle = trace
            .blocks
            .iter()
            .any(|(at, pulled, _)| *at > 3 * 48_000 && *pulled == Pulled::Idle);
        assert_eq!(
            idle,
            length > 0.5,
            "after half a second it is no loss any more: {length}"
        );
        let (most, least) = trace.depths(gone.1 + 0.1);
        assert_eq!((most, least), (512, 512));
        // What was sent meanwhile is lost, as far as it can be known.
        let sent = (length * 375.0) as u64;
        let lost = trace.counts.lost;
        assert!(
            if length < 10.0 {
                lost.abs_diff(sent) <= 2
            } else {
                lost <= sent
            },
            "{length}: {lost}"
        );
    }
}

#[test]
fn a_peer_that_starts_over_is_heard_again_whatever_its_numbers() {
    for jump in [-100, -5000, 5000, 1 << 41, i64::MAX / 2, i64::MIN / 2] {
        let scene = Scene::default();
        let mut buffer = scene.buffer();
        let mut out = vec![Vec::new(); 2];
        for i in 0..1000i64 {
            let number = if i < 500 { i } else { i + jump };
            let at = common::START + Duration::from_micros(2667 * i as u64);
            let _ = buffer.insert(number, at, Origin::Direct, &mut |channel, out| {
                out.iter_mut()
                    .zip(i * 128..)
                    .for_each(|(out, frame)| *out = ramp(channel, frame));
            });
            buffer.settle(at, Frames::ZERO, Frames(128));
            let _ = common::pull(&mut buffer, &mut out, 128);
        }
        let begin = frame_of(out[0][90_000]);
        assert!(
            (0..30_000).all(|i| out[0][90_000 + i] == ramp(0, begin + i as i64)),
            "{jump}"
        );
        assert!(buffer.counts().reanchored >= 1, "{jump}");
        assert_eq!(
            buffer.counts().received + buffer.counts().duplicate,
            1000,
            "{jump}"
        );
    }
}

#[test]
fn a_change_of_format_in_mid_stream_goes_on_with_the_new_one() {
    let scene = Scene {
        channels: 4,
        peer_channels: 4,
        seconds: 3.0,
        ..Scene::default()
    };
    for (period, channels) in [(64, 2), (480, 4), (8192, 1), (1, 254)] {
        let after = Scene {
            period,
            peer_channels: channels,
            ..scene.clone()
        };
        let mut buffer = scene.buffer();
        let mut out = vec![Vec::new(); 4];
        play(&scene, &mut buffer, &mut out);
        buffer
            .set_format(RATE, Frames(period), Channels(channels))
            .unwrap();
        let begun = out[0].len();
        play(&after, &mut buffer, &mut out);
        let first = frame_of(out[0][begun + 96_000]);
        assert!(
            (0..40_000).all(|i| out[0][begun + 96_000 + i] == ramp(0, first + i as i64)),
            "{period}"
        );
        let others = &out[usize::from(channels).min(3)][begun + 48_000..];
        assert_eq!(others.iter().all(|sample| *sample == 0.0), channels < 4);
    }
}

#[test]
fn an_absurd_queue_is_refused_rather_than_given_memory() {
    let config = Scene {
        queue: u16::MAX,
        channels: 64,
        ..Scene::default()
    }
    .config();
    let mut buffer = farsend_stream::JitterBuffer::new(config, &common::KERNELS);
    let refused = buffer
        .set_format(RATE, Frames(128), Channels(64))
        .unwrap_err();
    assert!(
        matches!(refused, farsend_stream::Unsupported::TooDeep { .. }),
        "{refused}"
    );
}

#[test]
fn a_rate_that_is_too_far_to_be_converted_is_refused_rather_than_played_at_another_pitch() {
    let theirs = [6_896, 17_500, 22_050].map(SampleRate);
    let own = SampleRate(153_435);
    let config = BufferConfig {
        rate: own,
        ..Scene::default().config()
    };
    let kernels = std::sync::Arc::new(farsend_stream::Kernels::new(own, &theirs));
    let mut buffer = farsend_stream::JitterBuffer::new(config, &kernels);
    let why = theirs.map(|rate| {
        let taken = buffer.set_format(rate, Frames(128), Channels(2));
        taken.err().map(|refused| refused.to_string())
    });
    let far = "a rate of 6896 Hz, more than nine times 153435 Hz or less than a ninth";
    assert_eq!(why, [Some(far.to_owned()), None, None]);
}

#[test]
fn what_cannot_be_played_is_refused_with_a_reason_and_a_good_format_is_taken_after() {
    let mut buffer = Scene {
        queue: 1000,
        ..Scene::default()
    }
    .buffer();
    for (period, why) in [
        (0, "a period of 0 frames: 1 to 8192 frames are possible"),
        (
            8193,
            "a period of 8193 frames: 1 to 8192 frames are possible",
        ),
        (
            8192,
            "a queue of 1000 packets of 8192 frames is more than the",
        ),
    ] {
        let refused = buffer
            .set_format(RATE, Frames(period), Channels(2))
            .unwrap_err()
            .to_string();
        assert!(refused.starts_with(why), "{refused}");
        assert_eq!(
            buffer.insert(0, common::START, Origin::Direct, &mut |_, _| {}),
            Inserted::NoFormat
        );
        let mut out = vec![Vec::new(); 2];
        assert_eq!(common::pull(&mut buffer, &mut out, 64), Pulled::Idle);
    }
    assert!(buffer.set_format(RATE, Frames(128), Channels(2)).is_ok());
    assert_eq!(
        buffer.insert(0, common::START, Origin::Direct, &mut |_, _| {}),
        Inserted::Placed
    );
}

#[test]
fn a_missed_cycle_costs_what_it_lasted_and_no_delay() {
    for queue in [0, 2, 4] {
        let scene = Scene {
            queue,
            seconds: 6.0,
            miss: |block| matches!(block, 700 | 701 | 900 | 1500),
            path: PathConfig {
                jitter: Jitter::Uniform(Duration::from_micros(300)),
                ..PathConfig::default()
            },
            ..Scene::default()
        };
        let trace = scene.run();
        let delay = |block: usize| {
            let at = block * 128;
            at as i64 - frame_of(trace.out[0][at])
        };
        let before = delay(699);
        // One packet may be missing: the queue was not deep enough to pass over two.
        for after in [720, 899, 910, 1499, 1510, 2200] {
            assert_eq!(delay(after), before, "queue {queue}, block {after}");
        }
        let exact = (600 * 128..2200 * 128)
            .filter(|at| trace.out[0][*at] == ramp(0, *at as i64 - before))
            .count();
        assert!(exact > 1580 * 128, "queue {queue}: {exact}");
        assert!(trace.counts.dry <= 2, "queue {queue}: {:?}", trace.counts);
    }
}

/// All that is not concealed comes with the same delay.
fn assert_one_delay(trace: &Trace, seconds: f64) {
    let from = (seconds * f64::from(RATE.0)) as usize;
    let delays = trace.blocks.windows(4).filter(|blocks| blocks[0].0 >= from);
    let clean =
        delays.filter(|blocks| blocks.iter().all(|(_, pulled, _)| *pulled == Pulled::Fresh));
    let mut delays = clean.map(|blocks| blocks[3].0 as i64 - frame_of(trace.out[0][blocks[3].0]));
    let first = delays.next().unwrap();
    assert!(delays.all(|delay| delay == first));
}

fn assert_transparent_until_the_end(trace: &Trace, seconds: f64) {
    let out = trace.from(seconds);
    let first = frame_of(out[0]);
    assert!(
        out.iter()
            .enumerate()
            .all(|(i, sample)| *sample == ramp(0, first + i as i64))
    );
}

/// The packets whose datagrams came.
fn came(scene: &Scene) -> std::collections::BTreeSet<i64> {
    let end = common::START + Duration::from_secs_f64(scene.seconds - 0.003);
    scene
        .arrivals()
        .into_iter()
        .filter(|(at, _)| *at <= end)
        .map(|(_, n)| n)
        .collect()
}

/// Runs with only the packets for which `passes` is true, by the second of their arrival.
fn filtered(scene: &Scene, passes: impl Fn(f64) -> bool) -> Trace {
    let arrivals = scene.arrivals().into_iter();
    scene.run_arrivals(
        arrivals
            .filter(|(at, _)| passes(at.since(common::START).as_secs_f64()))
            .collect(),
    )
}

/// Runs with a path that takes `step` longer between two times.
fn with_step(scene: &Scene, longer_at: f64, shorter_at: f64, step: Duration) -> Trace {
    let arrivals = scene.arrivals().into_iter().map(|(at, n)| {
        let second = at.since(common::START).as_secs_f64();
        (
            if (longer_at..shorter_at).contains(&second) {
                at + step
            } else {
                at
            },
            n,
        )
    });
    let mut arrivals: Vec<_> = arrivals.collect();
    arrivals.sort();
    scene.run_arrivals(arrivals)
}

fn play(scene: &Scene, buffer: &mut farsend_stream::JitterBuffer, out: &mut [Vec<f32>]) {
    let begun = out[0].len();
    let mut arrivals = scene.arrivals().into_iter().peekable();
    while out[0].len() - begun < 144_000 {
        let frames = (out[0].len() - begun) as u64;
        let now = common::START + Duration::from_nanos(frames * 1_000_000_000 / 48_000);
        while let Some((at, i)) = arrivals.next_if(|(at, _)| *at <= now) {
            let _ = scene.insert(buffer, i, at, Origin::Direct);
        }
        buffer.settle(now, Frames::ZERO, Frames(128));
        let _ = common::pull(buffer, out, 128);
    }
}

#[test]
fn a_jittery_path_is_late_as_often_as_its_queue_is_short() {
    let jitter = Jitter::Exponential(Duration::from_millis(2));
    let late = [1, 2, 4, 8].map(|queue| {
        let path = PathConfig {
            seed: 11,
            jitter,
            ..PathConfig::default()
        };
        let trace = Scene {
            queue,
            path,
            seconds: 20.0,
            ..Scene::default()
        }
        .run();
        assert_eq!(trace.counts.lost, 0);
        trace.counts.late
    });
    assert!(late.is_sorted_by(|a, b| a >= b) && late[3] < 50, "{late:?}");
}
