//! A path on which nothing is lost: what comes out, and how late.

mod common;

use std::time::Duration;

use common::{Scene, Trace, frame_of, ramp, sine, steepest};
use farsend_stream::{Origin, Pulled};

#[test]
fn what_is_pulled_is_what_was_sent_to_the_bit() {
    for (period, blocks) in [
        (128, vec![128]),
        (64, vec![128]),
        (256, vec![128]),
        (1, vec![64]),
        (8192, vec![100]),
        (100, vec![8192]),
    ] {
        for queue in [1, 2, 4] {
            let trace = Scene {
                queue,
                period,
                blocks: blocks.clone(),
                seconds: 3.0,
                ..Scene::default()
            }
            .run();
            assert_transparent(
                &trace,
                1.5,
                &format!("{period} / {blocks:?}, queue {queue}"),
            );
        }
    }
}

#[test]
fn the_delay_is_that_of_the_depth_rule() {
    for queue in 1..=8 {
        for (period, block) in [
            (128, 128),
            (64, 128),
            (16, 128),
            (256, 128),
            (1024, 128),
            (96, 128),
            (128, 96),
            (160, 128),
            (480, 128),
            (100, 127),
            (512, 441),
        ] {
            for phase in [1, 700, 1900] {
                let phase = Duration::from_micros(phase);
                let scene = Scene {
                    queue,
                    period,
                    blocks: vec![block],
                    phase,
                    seconds: 1.5,
                    ..Scene::default()
                };
                let what = format!("{period} / {block}, queue {queue}, phase {phase:?}");
                let trace = scene.run();
                let target = (u32::from(queue) - 1) * period + period + block - gcd(period, block);
                assert_eq!(trace.target, target, "{what}");
                let (most, least) = trace.depths(0.7);
                let spread = period - gcd(period, block);
                // 512 / 441 do not meet in all ways within the time for settling.
                let off = if block == 441 { 24 } else { 0 };
                assert!(
                    (target - off..=target + off).contains(&most),
                    "{what}: {most} of {target}"
                );
                assert!(
                    (target - off - spread..=target + off - spread).contains(&least),
                    "{what}: {least}"
                );
                assert_transparent(&trace, 0.7, &what);
                assert_eq!(
                    (trace.counts.dry, trace.counts.reanchored),
                    (0, 0),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn with_equal_periods_nothing_is_touched_from_the_first_packet_on() {
    for queue in 1..=8 {
        let trace = Scene {
            queue,
            ..Scene::default()
        }
        .run();
        assert_eq!(
            (
                trace.counts.skipped,
                trace.counts.dry,
                trace.counts.reanchored
            ),
            (0, 0, 0)
        );
        let begun = trace
            .blocks
            .iter()
            .position(|(_, pulled, _)| *pulled == Pulled::Fresh)
            .unwrap();
        // The first packet is there before the second block; queue - 1 periods of silence follow.
        assert_eq!(begun, usize::from(queue));
        assert!(
            trace.blocks[begun..]
                .iter()
                .all(|(_, pulled, _)| *pulled == Pulled::Fresh)
        );
        // But for the 5 ms in which it is faded in.
        assert!(
            (begun * 128 + 240..trace.out[0].len())
                .all(|i| { trace.out[0][i] == ramp(0, (i - begun * 128) as i64) })
        );
    }
}

#[test]
fn blocks_of_many_sizes_find_the_depth_they_need_and_have_no_gap_with_a_queue_of_two() {
    for period in [64, 128, 500, 512] {
        for blocks in [
            vec![1, 127, 64, 500, 3],
            vec![512, 512, 37, 475],
            vec![64, 128, 512, 17],
        ] {
            let what = format!("{period} / {blocks:?}");
            let scene = Scene {
                queue: 1,
                period,
                blocks,
                seconds: 20.0,
                ..Scene::default()
            };
            let blocks = scene.run().blocks;
            let gaps: Vec<_> = blocks
                .iter()
                .filter(|(_, pulled, _)| *pulled == Pulled::Concealed)
                .collect();
            assert!(
                gaps.len() <= 25 && gaps.iter().all(|(at, ..)| *at < 12 * 48_000),
                "{what} {gaps:?}"
            );
            let trace = Scene { queue: 2, ..scene }.run();
            assert_transparent(&trace, 1.0, &what);
            assert_eq!(trace.counts.dry, 0, "{what}");
        }
    }
}

#[test]
fn channels_that_the_peer_does_not_send_are_silent_and_others_are_dropped() {
    let few = Scene {
        channels: 4,
        peer_channels: 1,
        ..Scene::default()
    }
    .run();
    assert_transparent(&few, 1.0, "1 of 4");
    assert!(
        few.out[1..]
            .iter()
            .all(|channel| channel.iter().all(|sample| *sample == 0.0))
    );
    let many = Scene {
        channels: 2,
        peer_channels: 200,
        ..Scene::default()
    }
    .run();
    assert_transparent(&many, 1.0, "200 in 2");
    let wide = Scene {
        channels: 64,
        peer_channels: 64,
        ..Scene::default()
    }
    .run();
    assert_transparent(&wide, 1.0, "64");
    assert!(
        wide.from(1.0)
            .iter()
            .zip(&wide.out[63][48_000..])
            .all(|(a, b)| *a == -*b)
    );
}

#[test]
fn numbers_may_begin_anywhere() {
    for first in [0, -1000, 65_530, i64::MAX - 500, i64::MIN, i64::MIN + 3] {
        let trace = Scene {
            first,
            seconds: 1.0,
            ..Scene::default()
        }
        .run();
        assert_transparent(&trace, 0.5, &format!("from {first}"));
        assert_eq!(trace.counts.reanchored, 0);
    }
}

#[test]
fn clocks_that_differ_cost_neither_a_gap_nor_a_jump_and_the_delay_stays() {
    for queue in [0, 2] {
        for ppm in [500.0, -500.0, 50.0, -50.0] {
            let scene = Scene {
                ppm,
                queue,
                signal: sine,
                seconds: 60.0,
                ..Scene::default()
            };
            let trace = scene.run();
            let what = format!("{ppm} ppm, queue {queue}: {:?}", trace.counts);
            assert_eq!(
                (trace.counts.dry, trace.counts.reanchored),
                (0, 0),
                "{what}"
            );
            assert!(trace.counts.skipped <= 256, "{what}");
            let (most, least) = trace.depths(20.0);
            assert!(most - least <= 128 + 2 * 8, "{what}: {least} to {most}");
            assert!(
                (trace.drift.unwrap() - ppm).abs() < 2.0,
                "{what}: {:?}",
                trace.drift
            );
            assert!(trace.largest_step().0 < 1.5 * steepest(sine, 2), "{what}");
        }
    }
}

#[test]
fn a_link_that_takes_frames_early_gets_them_as_they_come_and_at_the_same_delay() {
    // The host plays 128 frames; the engine hands out what is ready after each arrival.
    let scene = Scene {
        queue: 3,
        period: 64,
        blocks: vec![128],
        ..Scene::default()
    };
    let mut buffer = scene.buffer();
    let (mut handed, mut played) = (vec![Vec::new(); 2], 0);
    let mut arrivals = scene.arrivals().into_iter().peekable();
    for block in 0..700u64 {
        let now = common::START + Duration::from_nanos(block * 128 * 1_000_000_000 / 48_000);
        while let Some((at, i)) = arrivals.next_if(|(at, _)| *at <= now) {
            let _ = scene.insert(&mut buffer, i, at, Origin::Direct);
            let ready = buffer.ready().get();
            let _ = common::pull(&mut buffer, &mut handed, ready);
        }
        let fill = handed[0].len() - played;
        buffer.settle(
            now,
            farsend_units::Frames(fill as u32),
            farsend_units::Frames(128),
        );
        let ready = buffer.ready().get();
        let _ = common::pull(&mut buffer, &mut handed, ready);
        let fill = handed[0].len() - played;
        if fill < 128 {
            let _ = common::pull(&mut buffer, &mut handed, 128 - fill);
        }
        if block == 400 {
            assert_eq!(
                handed[0].len() - played,
                2 * 64 + 128,
                "all of the depth is in the ring"
            );
        }
        played += 128;
    }
    assert_eq!((buffer.counts().dry, buffer.counts().reanchored), (0, 0));
    let begin = frame_of(handed[0][40_000]);
    assert!((0..20_000).all(|i| handed[0][40_000 + i] == ramp(0, begin + i as i64)));
}

#[test]
fn a_move_that_a_break_interrupts_leaves_no_trace() {
    // The path becomes 3 ms longer at 4 s, which a move of some tenths of a second answers within a second.
    let mut moving = 0;
    for tenths in 42..56 {
        let scene = Scene {
            seconds: 11.0,
            ..Scene::default()
        };
        let mut arrivals = scene.arrivals();
        let broken = tenths * 375 / 10;
        arrivals.retain(|(_, i)| !(broken..broken + 300).contains(i));
        for (when, _) in arrivals.iter_mut().filter(|(_, i)| *i > 1500) {
            *when = *when + Duration::from_millis(3);
        }
        let trace = scene.run_arrivals(arrivals);
        let before = &trace.out[0][broken as usize * 128 - 512..][..512];
        moving += usize::from(
            before
                .windows(2)
                .any(|pair| frame_of(pair[1]) != frame_of(pair[0]) + 1),
        );
        assert_transparent(
            &trace,
            8.5,
            &format!("a break {tenths} tenths of a second on"),
        );
    }
    assert!(moving >= 3, "{moving} of the breaks came in a move");
}

/// From this time on, every frame of the first channel is the one after the frame before.
fn assert_transparent(trace: &Trace, seconds: f64, what: &str) {
    let out = trace.from(seconds);
    let first = frame_of(out[0]);
    for (i, sample) in out.iter().enumerate() {
        assert_eq!(
            *sample,
            ramp(0, first + i as i64),
            "{what}: frame {i} of {}",
            out.len()
        );
    }
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
