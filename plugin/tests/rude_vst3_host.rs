//! The VST3 in hosts that break the format's rules: whatever they do, they live on, and hear silence at worst.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a host calls native code")]

#[path = "common/raw_vst3.rs"]
mod raw;
#[path = "common/rude.rs"]
mod rude;

use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use proptest::prelude::*;
use raw::{Block, INPUT, INSERT, PLAYERS, Raw};
use vst3::Steinberg::{kInvalidArgument, kResultFalse, kResultOk, tresult};

/// Stereo in, stereo out.
fn stereo(frames: i32) -> Block {
    Block {
        inputs: vec![Some(2)],
        outputs: vec![Some(2)],
        frames,
        ..Block::default()
    }
}

/// Passes its input on.
fn sending(class: i32) -> Raw {
    let plugin = Raw::new(class);
    assert!(plugin.set(plugin.index("Mode"), 0.0));
    plugin
}

fn active(class: i32) -> Raw {
    let plugin = sending(class);
    assert!(plugin.set_up(48_000.0, 64) && plugin.activate(true));
    plugin.start(true);
    plugin
}

/// Plays a short block through these busses; gives what is in the outputs.
fn came(plugin: &Raw, inputs: &[Option<usize>], outputs: &[Option<usize>]) -> Vec<Vec<f32>> {
    let block = Block {
        inputs: inputs.to_vec(),
        outputs: outputs.to_vec(),
        frames: 3,
        ..Block::default()
    };
    let (result, busses) = plugin.process(&block);
    assert_eq!(result, kResultOk, "{block:?}");
    rude::levels(&busses)
}

fn all(result: tresult, level: f32, frames: usize) -> raw::Came {
    (result, vec![vec![vec![level; frames]; 2]])
}

#[test]
fn a_block_outside_of_activation_is_refused_and_silent() {
    let plugin = sending(INSERT);
    let (refused, heard) = (all(kResultFalse, 0.0, 64), all(kResultOk, INPUT, 64));
    assert_eq!(plugin.process(&stereo(64)), refused);
    assert!(!plugin.activate(true), "it was not set up");
    assert_eq!(plugin.process(&stereo(64)), refused);
    assert!(plugin.set_up(48_000.0, 64));
    assert_eq!(plugin.process(&stereo(64)), refused);
    assert!(plugin.activate(true));
    assert_eq!(plugin.process(&stereo(64)), heard);
    assert!(plugin.activate(false));
    assert_eq!(plugin.process(&stereo(64)), refused);
    assert!(plugin.activate(false) && plugin.activate(true));
    assert!(plugin.set_up(44_100.0, 128) && plugin.activate(true));
    assert_eq!(plugin.process(&stereo(64)), heard);
    assert_eq!(plugin.process_nothing(), kInvalidArgument);
}

#[test]
fn a_rate_that_is_none_is_refused() {
    let plugin = sending(INSERT);
    for (rate, frames) in [
        (0.0, 64),
        (-1.0, 64),
        (f64::NAN, 64),
        (f64::INFINITY, 64),
        (48_000.0, -1),
    ] {
        assert!(!plugin.set_up(rate, frames), "{rate} {frames}");
    }
    assert!(!plugin.activate(true));
    assert!(plugin.set_up(48_000.0, 0) && plugin.set_up(48_000.0, i32::MAX));
    assert!(plugin.activate(true));
}

#[test]
fn busses_other_than_agreed_are_heard_as_far_as_they_go() {
    let plugin = active(INSERT);
    rude::assert_heard_as_far_as_they_go(INPUT, |ins, outs| came(&plugin, ins, outs));
}

#[test]
fn outputs_behind_the_first_may_be_missing_or_have_one_memory() {
    let plugin = active(PLAYERS);
    rude::assert_further_outputs_may_be_missing(INPUT, |ins, outs| came(&plugin, ins, outs));
    for frames in [3_u16, 64, 5_000, 9_000] {
        let block = Block {
            outputs: vec![Some(2); 9],
            one_memory: true,
            ..stereo(frames.into())
        };
        let (result, busses) = plugin.process(&block);
        // More than it has memory for.
        let level = if frames > 8_192 { 0.0 } else { INPUT };
        let heard = (result, &busses[0], &busses[1][0]);
        let frames = frames.into();
        let expected = vec![vec![level; frames]; 2];
        assert_eq!(heard, (kResultOk, &expected, &vec![0.0; frames]));
    }
}

#[test]
fn the_outputs_are_stereo_and_no_others_can_be_agreed() {
    let insert = Raw::new(INSERT);
    assert_eq!(insert.outputs(), [2]);
    let plugin = Raw::new(PLAYERS);
    assert_eq!(plugin.outputs(), [2; 9]);
    let (stereo, mono) = (0b11, 0b1);
    assert!(plugin.arrange(&[stereo; 9]));
    for odd in 0..9 {
        let mut arrangement = [stereo; 9];
        arrangement[odd] = mono;
        assert!(!plugin.arrange(&arrangement), "{odd}");
        arrangement[odd] = 0;
        assert!(!plugin.arrange(&arrangement), "{odd}");
    }
    assert!(!plugin.arrange(&[stereo]) && !plugin.arrange(&[stereo; 10]));
    assert_eq!(plugin.outputs(), [2; 9]);
}

#[test]
fn a_channel_without_memory_is_as_if_it_were_not_there() {
    let plugin = active(INSERT);
    let torn = Block {
        torn: true,
        ..stereo(8)
    };
    let (result, busses) = plugin.process(&torn);
    assert_eq!((result, &busses[0][0]), (kResultOk, &vec![0.0; 8]));
}

#[test]
fn blocks_are_of_any_length_and_of_32_bits() {
    let plugin = active(INSERT);
    for frames in [0_u16, 1, 64, 65, 5_000, 0, 64] {
        let heard = all(kResultOk, INPUT, frames.into());
        assert_eq!(plugin.process(&stereo(frames.into())), heard, "{frames}");
    }
    for frames in [-1, i32::MIN] {
        assert_eq!(plugin.process(&stereo(frames)).0, kInvalidArgument);
    }
    let double = Block {
        double: true,
        ..stereo(64)
    };
    assert_eq!(plugin.process(&double), all(kResultFalse, 0.0, 64));
    assert_eq!(plugin.process(&stereo(64)), all(kResultOk, INPUT, 64));
}

#[test]
fn parameters_are_taken_in_with_a_block_that_has_no_sound_and_nonsense_is_not() {
    let plugin = active(INSERT);
    let (queue, mode) = (plugin.index("Queue"), plugin.index("Mode"));
    let changed = |changes: &[(i32, f64)], block: Block| {
        let block = Block {
            changes: changes.to_vec(),
            ..block
        };
        assert_eq!(plugin.process(&block).0, kResultOk, "{block:?}");
    };
    changed(&[(queue, 1.0)], stereo(0));
    assert_eq!(plugin.get(queue), 1.0);
    changed(&[(queue, 0.5)], Block::default());
    assert_eq!(plugin.get(queue), 0.5);
    let odd = [f64::NAN, f64::INFINITY, 1e300, -7.0];
    let soup: Vec<_> = odd
        .into_iter()
        .flat_map(|value| [(999, value), (mode, value)])
        .collect();
    changed(&soup, stereo(64));
    assert!((0.0..=1.0).contains(&plugin.get(mode)));
    for value in odd {
        plugin.set(mode, value);
        let (_, heard) = plugin.process(&stereo(64));
        assert!(
            heard
                .iter()
                .flatten()
                .flatten()
                .all(|sample| sample.is_finite())
        );
    }
}

#[test]
fn there_is_no_parameter_after_the_last() {
    let plugin = Raw::new(INSERT);
    let count = plugin.parameter_count();
    assert!((0..count).all(|index| plugin.parameter(index).is_some()));
    for index in [count, count + 1, i32::MAX, -1, i32::MIN] {
        assert_eq!(plugin.parameter(index), None, "{index}");
    }
}

#[test]
fn threads_that_call_at_once_are_let_in_one_by_one() {
    let plugin = active(INSERT);
    let dry = plugin.index("Dry");
    let (over, whole) = (AtomicBool::new(false), plugin.save());
    std::thread::scope(|scope| {
        let blocks: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut heard = 0;
                    for _ in 0..2_000 {
                        let (result, busses) = plugin.process(&stereo(16));
                        heard += usize::from(result == kResultOk);
                        let mut samples = busses.iter().flatten().flatten();
                        assert!(samples.all(|sample| sample.is_finite()));
                    }
                    heard
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Relaxed) {
                plugin.set(dry, 0.5);
                plugin.start(true);
                std::thread::yield_now();
            }
        });
        scope.spawn(|| {
            while !over.load(Relaxed) {
                assert!(plugin.load(&whole));
                std::thread::yield_now();
            }
        });
        let heard: usize = blocks
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        over.store(true, Relaxed);
        assert!(heard > 0, "nobody was let in");
    });
}

#[test]
fn a_host_that_deactivates_during_a_block_hears_silence_from_then_on() {
    let plugin = active(INSERT);
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Relaxed) {
                let (_, busses) = plugin.process(&stereo(16));
                let mut samples = busses.iter().flatten().flatten();
                assert!(samples.all(|sample| [0.0, INPUT].contains(sample)));
            }
        });
        for _ in 0..50 {
            assert!(plugin.activate(false) && plugin.activate(true));
        }
        over.store(true, Relaxed);
    });
}

/// A step of a host without manners.
#[derive(Debug, Clone)]
enum Act {
    SetUp(f64, i32),
    Activate(bool),
    Start(bool),
    Process(Block),
    Set(i32, f64),
    Save,
    Load(Vec<u8>),
}

fn any_bus() -> impl Strategy<Value = Vec<Option<usize>>> {
    let some = proptest::collection::vec(proptest::option::of(0..5_usize), 0..12);
    prop_oneof![some, Just(vec![Some(2)]), Just(vec![Some(2); 9])]
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..1.0, any::<f64>()]
}

fn any_block() -> impl Strategy<Value = Block> {
    let changes = proptest::collection::vec((-1..20, any_value()), 0..4);
    let frames = prop_oneof![-2..200, Just(5_000)];
    let parts = (
        any_bus(),
        any_bus(),
        frames,
        changes,
        any::<(bool, bool, bool)>(),
    );
    parts.prop_map(
        |(inputs, outputs, frames, changes, (torn, double, one_memory))| Block {
            inputs,
            outputs,
            frames,
            changes,
            torn,
            double,
            one_memory,
            rolls_at: None,
        },
    )
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (any_value(), any::<i32>()).prop_map(|(rate, frames)| Act::SetUp(rate, frames)),
        Just(Act::SetUp(48_000.0, 64)),
        any::<bool>().prop_map(Act::Activate),
        Just(Act::Activate(true)),
        any::<bool>().prop_map(Act::Start),
        any_block().prop_map(Act::Process),
        any_block().prop_map(Act::Process),
        (0..64_i32).prop_map(|frames| Act::Process(stereo(frames))),
        (-1..20, any_value()).prop_map(|(index, value)| Act::Set(index, value)),
        Just(Act::Save),
        proptest::collection::vec(any::<u8>(), 0..100).prop_map(Act::Load),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn calls_in_any_order_end_no_host(
        acts in proptest::collection::vec(any_act(), 1..40),
        which in prop_oneof![Just(INSERT), Just(PLAYERS)],
    ) {
        let plugin = sending(which);
        for act in acts {
            match act {
                Act::SetUp(rate, frames) => {
                    plugin.set_up(rate, frames);
                }
                Act::Activate(active) => {
                    plugin.activate(active);
                }
                Act::Start(processing) => plugin.start(processing),
                Act::Process(block) => {
                    let (result, busses) = plugin.process(&block);
                    let torn = usize::from(block.torn);
                    // The memory of the others is not passed.
                    let busses = busses.iter().take(if block.one_memory { 1 } else { 16 });
                    for bus in busses.filter(|_| result != kInvalidArgument) {
                        let there = bus.len().saturating_sub(torn);
                        let mut samples = bus.iter().take(there).flatten();
                        prop_assert!(samples.all(|sample| sample.is_finite()), "{block:?}");
                    }
                }
                Act::Set(index, value) => {
                    plugin.set(index, value);
                }
                Act::Save => prop_assert!(plugin.load(&plugin.save())),
                Act::Load(bytes) => {
                    plugin.load(&bytes);
                }
            }
        }
    }
}

/// A saved state with damage: cut, with bytes of others in it, or nothing but those.
fn any_damage() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec(any::<u8>(), 1..300);
    let saved = Raw::new(INSERT).save();
    let cut = (1..saved.len()).prop_map({
        let saved = saved.clone();
        move |length| saved[..length].to_vec()
    });
    let spoilt = (8..saved.len(), bytes.clone()).prop_map(move |(at, bytes)| {
        let mut spoilt = saved.clone();
        spoilt.splice(at.., bytes);
        spoilt
    });
    prop_oneof![cut, spoilt, bytes]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_damage_to_a_state_is_lost_or_does_harm(states in proptest::collection::vec(any_damage(), 1..6)) {
        let plugin = Raw::new(PLAYERS);
        let new = plugin.save();
        for state in states {
            prop_assert!(plugin.load(&state));
            prop_assert_eq!(plugin.save(), state);
        }
        prop_assert!(plugin.load(&new));
        prop_assert_eq!(plugin.save(), new);
    }
}

#[test]
fn a_stream_that_breaks_or_never_ends_loads_nothing() {
    let plugin = Raw::new(INSERT);
    let before = plugin.save();
    assert!(!plugin.load_broken(&before[..before.len() / 2]));
    assert!(!plugin.load(&vec![b'x'; (16 << 20) + 1]));
    assert_eq!(plugin.save(), before);
    let longest = vec![b'x'; 16 << 20];
    assert!(plugin.load(&longest));
    assert!(plugin.save() == longest);
}
