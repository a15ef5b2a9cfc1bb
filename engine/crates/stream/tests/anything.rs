//! Any calls in any order: nothing panics, nothing allocates, everything is filled and no louder than audio, and
//! nothing is played that was not sent. (A panic under `assert_no_alloc` shows as an abort.)

mod common;

use std::sync::Arc;

use assert_no_alloc::assert_no_alloc;
use common::{RATE, pull};
use farsend_stream::{BufferConfig, Conceal, DepthPolicy, JitterBuffer, Kernels, Origin, Pulled};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Call {
    Format {
        rate: u32,
        period: u32,
        channels: u8,
    },
    /// Relative to the last number.
    Insert {
        step: i64,
        count: u8,
        origin: Origin,
        at: u64,
    },
    InsertAt {
        number: i64,
        nonsense: f32,
    },
    Settle {
        at: u64,
        ahead: u32,
        block: u32,
    },
    Pull {
        frames: usize,
    },
    PullReady,
    Period {
        blocks: u8,
        block: u32,
    },
    /// 0: automatic.
    Depth {
        queue: u16,
    },
    Reset,
    FadeOut,
}

fn call() -> impl Strategy<Value = Call> {
    let period = prop_oneof![Just(128u32), 1u32..=300, 0u32..=8200, any::<u32>()];
    let block = prop_oneof![Just(128u32), 0u32..=600, 0u32..=20_000];
    let step =
        prop_oneof![6 => Just(1i64), 2 => -5i64..=5, 1 => -2000i64..=2000, 1 => any::<i64>()];
    let number = prop_oneof![Just(i64::MIN), Just(i64::MAX), -10i64..10, any::<i64>()];
    let nonsense = prop_oneof![
        Just(f32::NAN),
        Just(f32::NEG_INFINITY),
        Just(1e-42f32),
        Just(1e30f32),
        Just(257.0f32),
        Just(-256.0f32),
        Just(f32::MAX)
    ];
    let origin = prop_oneof![2 => Just(Origin::Direct), 1 => Just(Origin::Copy), 1 => Just(Origin::Repaired)];
    let ahead = prop_oneof![Just(0u32), 0u32..=1000, any::<u32>()];
    prop_oneof![
        1 => (rate(), period, any::<u8>()).prop_map(|(rate, period, channels)| Call::Format { rate, period, channels }),
        8 => (step, 1u8..20, origin, any::<u64>())
            .prop_map(|(step, count, origin, at)| Call::Insert { step, count, origin, at }),
        1 => (number, nonsense).prop_map(|(number, nonsense)| Call::InsertAt { number, nonsense }),
        4 => (any::<u64>(), ahead, block.clone()).prop_map(|(at, ahead, block)| Call::Settle { at, ahead, block }),
        4 => (0usize..9000).prop_map(|frames| Call::Pull { frames }),
        2 => Just(Call::PullReady),
        6 => (1u8..100, block).prop_map(|(blocks, block)| Call::Period { blocks, block }),
        1 => any::<u16>().prop_map(|queue| Call::Depth { queue }),
        1 => (0u16..=40).prop_map(|queue| Call::Depth { queue }),
        1 => Just(Call::Reset),
        1 => Just(Call::FadeOut),
    ]
}

/// The rate that is to come, of some: another has no kernel, and is refused.
fn rate_of(call: &Call) -> Option<SampleRate> {
    match call {
        Call::Format { rate, .. } if rate % 5 > 0 => Some(SampleRate(*rate)),
        _ => None,
    }
}

fn rate() -> impl Strategy<Value = u32> {
    prop_oneof![Just(48_000u32), Just(192_000), Just(44_100), 1u32..400_000]
}

fn policy(queue: u16) -> DepthPolicy {
    match queue {
        0 => DepthPolicy::AUTO,
        queue => DepthPolicy::Fixed(queue),
    }
}

fn config() -> impl Strategy<Value = BufferConfig> {
    let conceal = prop_oneof![
        Just(Conceal::Predict),
        Just(Conceal::Fade),
        Just(Conceal::Zero),
        Just(Conceal::Wavetable)
    ];
    let block = prop_oneof![Just(128u32), 0u32..10_000];
    (0u8..=6, rate(), 0u16..=40, block, conceal).prop_map(
        |(channels, rate, queue, block, conceal)| BufferConfig {
            channels: Channels(channels),
            rate: SampleRate(rate),
            depth: policy(queue),
            block: Frames(block),
            conceal,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_of_calls_does_harm(config in config(), calls in vec(call(), 1..60)) {
        let rates: Vec<SampleRate> = calls.iter().filter_map(rate_of).collect();
        let mut buffer = JitterBuffer::new(config, &Arc::new(Kernels::new(config.rate, &rates)));
        let mut out = vec![Vec::new(); usize::from(config.channels.0).max(1)];
        let (mut number, mut time) = (0i64, 1u64 << 40);
        let _ = buffer.set_format(RATE, Frames(128), Channels(2));
        for call in calls {
            out.iter_mut().for_each(Vec::clear);
            assert_no_alloc(|| {
                buffer.prefetch();
                buffer.prefetch_pull();
            });
            match call {
                Call::Format { rate, period, channels } => {
                    let _ = assert_no_alloc(|| buffer.set_format(SampleRate(rate), Frames(period), Channels(channels)));
                }
                Call::Insert { step, count, origin, at } => for i in 0..count {
                    number = number.wrapping_add(step);
                    let at = MonoTime::from_nanos(at.wrapping_add(u64::from(i) * 2_667_000));
                    insert(&mut buffer, number, at, origin, 0.25);
                }
                Call::InsertAt { number, nonsense } => {
                    insert(&mut buffer, number, MonoTime::from_nanos(0), Origin::Direct, nonsense);
                }
                Call::Settle { at, ahead, block } => assert_no_alloc(|| buffer.settle(MonoTime::from_nanos(at), Frames(ahead), Frames(block))),
                Call::Pull { frames } => pulled(&mut buffer, &mut out, frames),
                Call::PullReady => {
                    let ready = buffer.ready().get().min(20_000);
                    let filled = pull(&mut buffer, &mut out, ready);
                    prop_assert!(filled != Pulled::Concealed, "it said that it had them");
                }
                Call::Period { blocks, block } => for _ in 0..blocks {
                    number = number.wrapping_add(1);
                    time += 2_500_000;
                    insert(&mut buffer, number, MonoTime::from_nanos(time), Origin::Direct, 0.25);
                    assert_no_alloc(|| buffer.settle(MonoTime::from_nanos(time), Frames::ZERO, Frames(block)));
                    out.iter_mut().for_each(Vec::clear);
                    pulled(&mut buffer, &mut out, block as usize);
                }
                Call::Depth { queue } => assert_no_alloc(|| buffer.set_depth(policy(queue))),
                Call::Reset => buffer.reset(),
                Call::FadeOut => buffer.fade_out(),
            }
            let counts = buffer.counts();
            prop_assert!(counts.late <= counts.received && counts.revived + counts.repaired <= counts.received);
            let _ = (buffer.queued(), buffer.ready(), buffer.target(), buffer.drift(), buffer.config());
        }
    }
}

fn insert(buffer: &mut JitterBuffer, number: i64, at: MonoTime, origin: Origin, value: f32) {
    let _ = assert_no_alloc(|| {
        buffer.insert(number, at, origin, &mut |channel, out| {
            // A quarter on the even channels, minus that on the odd ones.
            out.fill(if channel % 2 == 0 { value } else { -value });
        })
    });
}

/// `pull` of the common module checks that everything is filled and finite.
fn pulled(buffer: &mut JitterBuffer, out: &mut [Vec<f32>], frames: usize) {
    let filled = pull(buffer, out, frames);
    assert!(frames > 0 || filled == Pulled::Idle);
}

#[test]
fn numbers_at_both_ends_of_their_range_begin_anew() {
    let mut buffer = common::Scene::default().buffer();
    for number in [
        i64::MAX,
        -1,
        i64::MIN,
        0,
        i64::MAX,
        i64::MIN,
        i64::MIN,
        i64::MAX - 1,
    ] {
        insert(
            &mut buffer,
            number,
            MonoTime::from_nanos(0),
            Origin::Direct,
            0.25,
        );
        buffer.settle(MonoTime::from_nanos(0), Frames::ZERO, Frames(128));
        pulled(&mut buffer, &mut [Vec::new(), Vec::new()], 128);
    }
    assert!(buffer.counts().reanchored > 0);
}

#[test]
fn what_no_signal_can_be_is_silence_and_what_one_can_is_played_to_the_bit() {
    let mut buffer = common::Scene::default().buffer();
    let sent = [
        0.25,
        f32::NAN,
        1e30,
        -1e30,
        f32::INFINITY,
        257.0,
        -256.0,
        16.0,
    ];
    let mut out = vec![Vec::new(), Vec::new()];
    for i in 0..400_u64 {
        let at = MonoTime::from_nanos(i * 2_666_667);
        let _ = assert_no_alloc(|| {
            buffer.insert(i as i64, at, Origin::Direct, &mut |_, out| {
                let samples = sent.iter().cycle();
                out.iter_mut().zip(samples).for_each(|(x, sent)| *x = *sent);
            })
        });
        buffer.settle(at, Frames::ZERO, Frames(128));
        pulled(&mut buffer, &mut out, 128);
    }
    assert_eq!(buffer.counts().nonsense, 400 * 2 * 128 * 5 / 8);
    let last = &out[1][399 * 128..];
    for eight in last.chunks(8) {
        assert_eq!(eight, [0.25, 0.0, 0.0, 0.0, 0.0, 0.0, -256.0, 16.0]);
    }
}

#[test]
fn blocks_without_channels_or_of_unequal_length_are_filled_as_far_as_they_go() {
    let mut buffer = common::Scene::default().buffer();
    insert(
        &mut buffer,
        0,
        MonoTime::from_nanos(0),
        Origin::Direct,
        0.25,
    );
    buffer.settle(MonoTime::from_nanos(0), Frames::ZERO, Frames(128));
    assert_eq!(buffer.pull(&mut []), Pulled::Idle);
    let (mut long, mut short) = ([9.0f32; 20], [9.0f32; 5]);
    let _ = buffer.pull(&mut [&mut long[..10], &mut short]);
    let _ = buffer.pull(&mut [&mut short, &mut long, &mut []]);
    assert_eq!((short, long), ([0.0; 5], [0.0; 20]));
    let (mut second, mut third) = ([9.0f32; 20], [9.0f32; 20]);
    let _ = buffer.pull(&mut [&mut long, &mut second, &mut third]);
    assert_eq!(third, [0.0; 20]);
}
