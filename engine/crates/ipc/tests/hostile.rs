//! What a broken or hostile process at the other end of a segment can do: spoil audio.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use farsend_ipc::segment::{EngineEnd, Exchanged, PluginEnd, SegmentError, SegmentHandle};
use farsend_units::Frames;
use proptest::prelude::*;
use support::{Block, Scribbler, bell, config, ends, loop_back, memory};

fn open(memory: OwnedFd) -> Result<PluginEnd, SegmentError> {
    PluginEnd::open(SegmentHandle::from_descriptors(memory, bell()))
}

/// The header of a sound segment, with a word changed, before `body` bytes of rings.
fn segment(offset: usize, value: u64, body: usize) -> Vec<u8> {
    let (_engine, handle) = EngineEnd::create(config(2, 64)).unwrap();
    let (scribbler, _handle) = Scribbler::new(handle);
    scribbler.word(offset).store(value, Relaxed);
    let words = (0..4096 / 8).flat_map(|i| scribbler.word(i * 8).load(Relaxed).to_ne_bytes());
    words.chain(std::iter::repeat_n(0, body)).collect()
}

const RINGS: usize = 4 * 64 * 4;
const UNUSED: usize = 2048;

#[test]
fn a_sound_segment_opens() {
    assert!(open(memory(&segment(UNUSED, 0, RINGS), true)).is_ok());
    assert!(open(memory(&segment(UNUSED, 0, RINGS + 5000), true)).is_ok());
}

#[test]
fn a_segment_of_another_layout_says_which() {
    let error = open(memory(&segment(8, 77, RINGS), true)).unwrap_err();
    assert!(
        matches!(error, SegmentError::OtherVersion { theirs: 77, .. }),
        "{error}"
    );
}

#[test]
fn a_segment_cut_anywhere_is_refused() {
    let whole = segment(UNUSED, 0, RINGS);
    for length in [1, 7, 8, 100, 4095, 4096, 4097, whole.len() - 1] {
        let error = open(memory(&whole[..length], true)).unwrap_err();
        assert!(
            matches!(error, SegmentError::Cut { got, .. } if got == length as u64),
            "{error}"
        );
    }
    assert!(matches!(
        open(memory(&[], true)),
        Err(SegmentError::NotOurs)
    ));
}

#[test]
fn a_segment_that_could_be_cut_later_is_refused() {
    let error = open(memory(&segment(UNUSED, 0, RINGS), false)).unwrap_err();
    assert!(matches!(error, SegmentError::NotSealed), "{error}");
}

#[test]
fn what_is_no_segment_is_refused() {
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let (pipe, _other) = std::io::pipe().unwrap();
    let directory = std::fs::File::open("/").unwrap();
    for descriptor in [socket.into(), pipe.into(), directory.into(), bell()] {
        let error = open(descriptor).unwrap_err();
        assert!(matches!(error, SegmentError::NotOurs), "{error}");
    }
    assert!(matches!(
        open(memory(&[7; 10_000], true)),
        Err(SegmentError::NotOurs)
    ));
}

#[test]
fn nobody_can_shrink_a_segment() {
    let (_engine, handle) = EngineEnd::create(config(2, 1024)).unwrap();
    let (memory, _bell) = handle.into_descriptors();
    let file = std::fs::File::from(memory);
    let length = file.metadata().unwrap().len();
    for length in [0, 4096, length - 1, length + 1] {
        assert!(file.set_len(length).is_err());
    }
}

#[test]
fn both_ends_survive_a_segment_that_is_scribbled_over_while_they_run() {
    let (mut engine, handle) = EngineEnd::create(config(3, 512)).unwrap();
    let (scribbler, handle) = Scribbler::new(handle);
    let mut plugin = PluginEnd::open(handle).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let scribbles = scope.spawn(|| scribble(&scribbler, &done));
        let exchanges = scope.spawn(|| {
            let end = Instant::now() + Duration::from_secs(2);
            let (mut out, mut count) = (Block::silent(3, 256), 0_u64);
            while Instant::now() < end {
                let _ =
                    plugin.exchange(&Block::ramp(3, 0, 256).channels(), &mut out.channels_mut());
                assert!(out.samples().all(f32::is_finite));
                count += 1;
            }
            done.store(true, Relaxed);
            count
        });
        let mut turns = 0_u64;
        while !done.load(Relaxed) {
            let block = loop_back(&mut engine, 3);
            assert!(block.0[0].len() <= 512);
            assert!(block.samples().all(f32::is_finite));
            assert!(engine.room() <= Frames(512));
            let (_, _, _) = (engine.fill(), engine.host_call(), engine.counts());
            engine.hush();
            turns += 1;
        }
        let (scribbles, exchanges) = (scribbles.join().unwrap(), exchanges.join().unwrap());
        println!("{scribbles} scribbles, {exchanges} exchanges, {turns} turns of the engine");
        assert!(exchanges > 100 && turns > 100);
    });
}

/// Random words all over the segment; those of the positions more often.
fn scribble(scribbler: &Scribbler, done: &AtomicBool) -> u64 {
    let (mut random, mut count) = (0x9e37_79b9_7f4a_7c15_u64, 0);
    while !done.load(Relaxed) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let place = if random & 1 == 0 {
            1152
        } else {
            scribbler.len()
        };
        let offset = (random >> 20) as usize % (place / 8) * 8;
        let word = scribbler.word(offset);
        let small = word.load(Relaxed).wrapping_add(random >> 54);
        word.store(if random & 2 == 0 { small } else { random }, Relaxed);
        count += 1;
    }
    count
}

proptest! {
    #[test]
    fn a_header_of_any_bytes_is_refused_or_works(
        changes in prop::collection::vec((0_usize..144, any::<u64>(), 0_u32..64), 1..6),
        keep_magic in any::<bool>(),
    ) {
        let mut bytes = segment(UNUSED, 0, RINGS);
        for (word, value, shift) in changes {
            if !(keep_magic && word < 2) {
                bytes[word * 8..][..8].copy_from_slice(&(value >> shift).to_ne_bytes());
            }
        }
        if let Ok(mut plugin) = open(memory(&bytes, true)) {
            let mut out = Block::silent(2, 100);
            for _ in 0..4 {
                let _ = plugin.exchange(&Block::ramp(2, 0, 100).channels(), &mut out.channels_mut());
                prop_assert!(out.samples().all(f32::is_finite));
            }
        }
    }

    #[test]
    fn audio_is_back_after_any_position_was_spoiled(
        place in prop::sample::select(vec![128, 136, 256, 384, 512, 640, 648, 656, 664, 768, 776]),
        value in any::<u64>(),
        block in 1_usize..200,
    ) {
        let (mut engine, handle) = EngineEnd::create(config(1, 1024)).unwrap();
        let (scribbler, handle) = Scribbler::new(handle);
        let mut plugin = PluginEnd::open(handle).unwrap();
        let mut turn = |engine: &mut EngineEnd, number: usize| {
            let mut out = Block::silent(1, block);
            let input = Block::ramp(1, number * block, block);
            let exchanged = plugin.exchange(&input.channels(), &mut out.channels_mut());
            (exchanged, out, loop_back(engine, 1) == input)
        };
        for number in 0..5 {
            let (_, _, _) = turn(&mut engine, number);
        }
        scribbler.word(place).store(value, Relaxed);
        for number in 5..10 {
            let (_, _, _) = turn(&mut engine, number);
        }
        for number in 10..400 {
            let (exchanged, out, arrived) = turn(&mut engine, number);
            prop_assert_eq!(exchanged, Exchanged::Fresh);
            prop_assert!(arrived);
            // Faded in by now, whatever the block's length.
            if number * block > 12 * block + 200 {
                prop_assert_eq!(out, Block::ramp(1, (number - 1) * block, block));
            }
        }
    }
}

#[test]
fn a_plugin_that_never_stops_writing_cannot_hold_the_engine() {
    let (mut engine, mut plugin) = ends(1, 64);
    let mut taken = Block::silent(1, 64);
    for _ in 0..1000 {
        let _ = plugin.exchange(&Block::ramp(1, 0, 63).channels(), &mut []);
        let _ = plugin.exchange(&Block::ramp(1, 0, 63).channels(), &mut []);
        assert!(engine.take(&mut taken.channels_mut()) <= Frames(64));
    }
}
