//! The CLAP in hosts that break the format's rules: whatever they do, they live on, and hear silence at worst.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "a host calls native code")]

#[path = "common/raw.rs"]
mod raw;
#[path = "common/rude.rs"]
mod rude;

use std::ffi::CStr;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use clap_sys::process::{CLAP_PROCESS_CONTINUE, CLAP_PROCESS_ERROR};
use proptest::prelude::*;
use raw::{Block, Event, INPUT, INSERT, PLAYERS, Raw};

/// Stereo in, stereo out.
fn stereo(frames: usize) -> Block {
    Block {
        inputs: vec![Some(2)],
        outputs: vec![Some(2)],
        frames,
        ..Block::default()
    }
}

/// Passes its input on.
fn sending(id: &CStr) -> Raw {
    let plugin = Raw::new(id);
    plugin.flush(&[Event::Set(plugin.index("Mode"), 0.0)]);
    plugin
}

fn active(id: &CStr) -> Raw {
    let plugin = sending(id);
    assert!(plugin.activate(48_000.0, 64) && plugin.start());
    plugin
}

/// Plays a short block through these ports; gives what is in the outputs.
fn came(plugin: &Raw, inputs: &[Option<usize>], outputs: &[Option<usize>]) -> Vec<Vec<f32>> {
    let block = Block {
        inputs: inputs.to_vec(),
        outputs: outputs.to_vec(),
        frames: 3,
        ..Block::default()
    };
    let (status, ports) = plugin.process(&block);
    assert_eq!(status, CLAP_PROCESS_CONTINUE, "{block:?}");
    rude::levels(&ports)
}

#[test]
fn a_block_outside_of_activation_is_refused_and_silent() {
    let plugin = sending(INSERT);
    let refused = (CLAP_PROCESS_ERROR, vec![vec![vec![0.0; 64]; 2]]);
    assert_eq!(plugin.process(&stereo(64)), refused);
    assert!(plugin.activate(48_000.0, 64) && plugin.start());
    let heard = (CLAP_PROCESS_CONTINUE, vec![vec![vec![INPUT; 64]; 2]]);
    assert_eq!(plugin.process(&stereo(64)), heard);
    plugin.deactivate();
    assert_eq!(plugin.process(&stereo(64)), refused);
    plugin.deactivate();
    assert!(plugin.activate(48_000.0, 64));
    assert!(plugin.activate(44_100.0, 128));
    assert_eq!(plugin.process(&stereo(64)), heard);
}

#[test]
fn a_rate_that_is_none_is_refused() {
    let plugin = sending(INSERT);
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(!plugin.activate(rate, 64), "{rate}");
    }
    assert!(plugin.activate(48_000.0, 0) && plugin.activate(48_000.0, u32::MAX));
}

#[test]
fn ports_other_than_agreed_are_heard_as_far_as_they_go() {
    let plugin = active(INSERT);
    rude::assert_heard_as_far_as_they_go(INPUT, |ins, outs| came(&plugin, ins, outs));
}

#[test]
fn outputs_behind_the_first_may_be_missing_or_have_one_memory() {
    let plugin = active(PLAYERS);
    rude::assert_further_outputs_may_be_missing(INPUT, |ins, outs| came(&plugin, ins, outs));
    for frames in [3, 64, 5_000, 9_000] {
        let block = Block {
            outputs: vec![Some(2); 9],
            one_memory: true,
            ..stereo(frames)
        };
        let (status, ports) = plugin.process(&block);
        // More than it has memory for.
        let level = if frames > 8_192 { 0.0 } else { INPUT };
        let heard = (status, &ports[0], &ports[1][0]);
        let expected = vec![vec![level; frames]; 2];
        assert_eq!(
            heard,
            (CLAP_PROCESS_CONTINUE, &expected, &vec![0.0; frames])
        );
    }
}

#[test]
fn a_channel_without_memory_is_as_if_it_were_not_there() {
    let plugin = active(INSERT);
    let torn = Block {
        torn: true,
        ..stereo(8)
    };
    let (status, ports) = plugin.process(&torn);
    assert_eq!(
        (status, &ports[0][0]),
        (CLAP_PROCESS_CONTINUE, &vec![0.0; 8])
    );
}

#[test]
fn blocks_are_of_any_length() {
    let plugin = active(INSERT);
    for frames in [0, 1, 64, 65, 5_000, 0, 64] {
        let heard = vec![vec![vec![INPUT; frames]; 2]];
        assert_eq!(plugin.process(&stereo(frames)).1, heard, "{frames}");
    }
}

#[test]
fn events_out_of_bounds_out_of_order_and_cut_off_do_no_harm() {
    let plugin = active(INSERT);
    let (mode, dry) = (plugin.index("Mode"), plugin.index("Dry"));
    let soups = [
        vec![Event::Transport(63), Event::Transport(64)],
        vec![Event::Transport(u32::MAX)],
        vec![
            Event::Transport(40),
            Event::Transport(3),
            Event::Set(dry, 0.0),
        ],
        vec![
            Event::Transport(40),
            Event::Set(dry, 0.0),
            Event::Transport(50),
        ],
        vec![Event::Cut, Event::Missing, Event::Cut],
        vec![
            Event::Set(99, 0.5),
            Event::Set(mode, f64::NAN),
            Event::Set(mode, 1e300),
        ],
        vec![Event::Set(mode, 0.0)],
    ];
    for events in soups {
        for frames in [64, 1, 0] {
            let block = Block {
                events: events.clone(),
                ..stereo(frames)
            };
            let (status, _) = plugin.process(&block);
            assert_ne!(status, CLAP_PROCESS_ERROR, "{events:?}");
        }
        plugin.flush(&events);
    }
    let heard = (CLAP_PROCESS_CONTINUE, vec![vec![vec![INPUT; 64]; 2]]);
    let settled = plugin.process(&stereo(4_800)).0;
    assert_eq!(
        (settled, plugin.process(&stereo(64))),
        (CLAP_PROCESS_CONTINUE, heard)
    );
}

#[test]
fn there_is_no_parameter_after_the_last() {
    let plugin = Raw::new(INSERT);
    let count = plugin.parameter_count();
    assert!((0..count).all(|index| plugin.parameter(index).is_some()));
    for index in [count, count + 1, u32::MAX] {
        assert_eq!(plugin.parameter(index), None);
    }
}

#[test]
fn threads_that_call_at_once_are_let_in_one_by_one() {
    let plugin = active(INSERT);
    let (dry, bypass) = (plugin.index("Dry"), plugin.index("Bypass"));
    let (over, whole) = (AtomicBool::new(false), plugin.save());
    std::thread::scope(|scope| {
        let blocks: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut heard = 0;
                    for _ in 0..2_000 {
                        let (status, ports) = plugin.process(&stereo(16));
                        heard += usize::from(status == CLAP_PROCESS_CONTINUE);
                        let samples = ports.iter().flatten().flatten();
                        assert!(samples.into_iter().all(|sample| sample.is_finite()));
                    }
                    heard
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Relaxed) {
                plugin.flush(&[Event::Set(dry, 0.5), Event::Set(bypass, 1.0)]);
                plugin.reset();
            }
        });
        scope.spawn(|| {
            while !over.load(Relaxed) {
                assert!(plugin.load(&whole));
                plugin.on_main_thread();
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

#[derive(Debug, Clone)]
enum Act {
    Activate(f64, u32),
    Deactivate,
    Start,
    Stop,
    Reset,
    Callback,
    Process(Block),
    Flush(Vec<Event>),
    Save,
    Load(Vec<u8>),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..9_u32, -1.0..5.0).prop_map(|(index, value)| Event::Set(index, value)),
        (0..200_u32).prop_map(Event::Transport),
        Just(Event::Cut),
        Just(Event::Missing),
    ]
}

fn any_block() -> impl Strategy<Value = Block> {
    let some = || proptest::collection::vec(proptest::option::of(0..5_usize), 0..12);
    let ports = || prop_oneof![some(), Just(vec![Some(2)]), Just(vec![Some(2); 9])];
    let frames = prop_oneof![Just(0_usize), 1..300_usize];
    let events = proptest::collection::vec(any_event(), 0..5);
    let odd = any::<(bool, bool)>();
    (ports(), ports(), frames, events, odd).prop_map(
        |(inputs, outputs, frames, events, (torn, one_memory))| Block {
            inputs,
            outputs,
            frames,
            events,
            torn,
            one_memory,
        },
    )
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (-1.0..400_000.0, 0..3_000_u32).prop_map(|(rate, frames)| Act::Activate(rate, frames)),
        Just(Act::Deactivate),
        Just(Act::Start),
        Just(Act::Stop),
        Just(Act::Reset),
        Just(Act::Callback),
        any_block().prop_map(Act::Process),
        any_block().prop_map(Act::Process),
        (0..64_usize).prop_map(|frames| Act::Process(stereo(frames))),
        proptest::collection::vec(any_event(), 0..5).prop_map(Act::Flush),
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
                Act::Activate(rate, frames) => {
                    plugin.activate(rate, frames);
                }
                Act::Deactivate => plugin.deactivate(),
                Act::Start => {
                    plugin.start();
                }
                Act::Stop => plugin.stop(),
                Act::Reset => plugin.reset(),
                Act::Callback => plugin.on_main_thread(),
                Act::Process(block) => {
                    let (_, ports) = plugin.process(&block);
                    let torn = usize::from(block.torn);
                    // The memory of the others is not passed.
                    let ports = ports.iter().take(if block.one_memory { 1 } else { 16 });
                    for port in ports {
                        let there = port.len().saturating_sub(torn);
                        let mut samples = port.iter().take(there).flatten();
                        prop_assert!(samples.all(|sample| sample.is_finite()), "{block:?}");
                    }
                }
                Act::Flush(events) => plugin.flush(&events),
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
