//! What goes through a segment while both ends behave.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use farsend_ipc::segment::{EngineEnd, Exchanged, PluginEnd, SegmentConfig};
use farsend_rt::clock;
use farsend_units::{Channels, Frames, SampleRate};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use proptest::prelude::*;
use support::{Block, FADE, config, ends, loop_back};

proptest! {
    #[test]
    fn blocks_of_any_sizes_go_there_and_back_in_order_and_exact(
        sizes in prop::collection::vec(0_usize..700, 1..60),
        channels in 1_u8..5,
    ) {
        let (mut engine, mut plugin) = ends(channels, 2048);
        let channels = usize::from(channels);
        // So that a block longer than the one before it finds enough.
        let lead = 1000;
        let _ = plugin.exchange(&[], &mut []);
        prop_assert_eq!(engine.release(&Block::silent(channels, lead).channels()).written.get(), lead);

        let (mut first, mut heard) = (0, vec![Vec::new(); channels]);
        for size in sizes {
            let mut out = Block::silent(channels, size);
            let input = Block::ramp(channels, first, size);
            let exchanged = plugin.exchange(&input.channels(), &mut out.channels_mut());
            prop_assert_eq!(exchanged, Exchanged::Fresh);
            prop_assert_eq!(loop_back(&mut engine, channels), input);
            heard.iter_mut().zip(out.0).for_each(|(heard, out)| heard.extend(out));
            first += size;
        }
        let expected = Block::ramp(channels, 0, first.saturating_sub(lead));
        for (heard, expected) in heard.iter().zip(expected.0) {
            prop_assert!(heard.iter().take(lead).all(|sample| *sample == 0.0));
            prop_assert_eq!(heard.get(lead..).unwrap_or_default(), expected);
        }
    }

    #[test]
    fn time_goes_on_whether_or_not_the_engine_keeps_up(
        turns in prop::collection::vec((1_usize..300, 0_usize..900), 1..80),
    ) {
        let (mut engine, mut plugin) = ends(1, 512);
        let (mut read, mut written) = (0_i64, 0_i64);
        for (block, released) in turns {
            let fill = (written - read).max(0);
            let mut out = Block::silent(1, block);
            let exchanged = plugin.exchange(&[], &mut out.channels_mut());
            prop_assert_eq!(exchanged, match fill {
                0 => Exchanged::Dry,
                some if some < block as i64 => Exchanged::Partial,
                _ => Exchanged::Fresh,
            });
            read += block as i64;
            prop_assert_eq!(engine.fill(), written - read);

            let room = 512 - (written - read).max(0);
            prop_assert_eq!(i64::from(engine.room().0), room);
            let outcome = engine.release(&Block::ramp(1, 0, released).channels());
            prop_assert_eq!(i64::from(outcome.written.0), room.min(released as i64));
            prop_assert_eq!(outcome.overtaken as i64, (read - written).max(0));
            written = written.max(read) + i64::from(outcome.written.0);
        }
    }
}

#[test]
fn a_dry_block_is_silent_and_audio_that_came_late_adds_no_delay() {
    let (mut engine, mut plugin) = ends(1, 1024);
    let mut out = Block::silent(1, 200);
    for _ in 0..3 {
        assert_eq!(
            plugin.exchange(&[], &mut out.channels_mut()),
            Exchanged::Dry
        );
        assert!(out.samples().all(|sample| sample == 0.0));
    }
    assert_eq!(engine.fill(), -600);
    assert_eq!(
        engine.release(&Block::ramp(1, 0, 200).channels()).overtaken,
        600
    );
    assert_eq!(engine.fill(), 200);
    assert_eq!(
        plugin.exchange(&[], &mut out.channels_mut()),
        Exchanged::Fresh
    );
    assert_eq!(out.0[0][FADE..], Block::ramp(1, 0, 200).0[0][FADE..]);
    let counts = engine.counts();
    assert_eq!((counts.dry, counts.partial, counts.missing), (3, 0, 600));
    assert_eq!(counts.overtaken, 600);
}

#[test]
fn what_was_sent_is_had_from_any_position_and_silence_where_it_is_not_there() {
    let (mut engine, mut plugin) = ends(2, 256);
    for block in 0..3 {
        let input = Block::ramp(2, block * 100, 100);
        let _ = plugin.exchange(&input.channels(), &mut []);
    }
    let mut take_at = |position: u64, frames: usize| {
        let mut out = Block::ramp(2, 7, frames);
        let taken = engine.take_at(position, &mut out.channels_mut());
        assert_eq!(engine.taken(), position.wrapping_add(frames as u64));
        (taken.get(), out)
    };
    assert_eq!(take_at(150, 100), (100, Block::ramp(2, 150, 100)));
    assert_eq!(take_at(60, 10), (10, Block::ramp(2, 60, 10)));
    let (taken, out) = take_at(260, 100);
    assert_eq!(taken, 40);
    assert_eq!(out.0[1][..40], Block::ramp(2, 260, 40).0[1][..]);
    assert!(
        out.0
            .iter()
            .all(|lane| lane[40..].iter().all(|sample| *sample == 0.0))
    );
    // Not written yet, and written over.
    for position in [300, 1000, 43, 0_u64.wrapping_sub(10)] {
        assert_eq!(
            take_at(position, 10),
            (0, Block::silent(2, 10)),
            "{position}"
        );
    }
    assert_eq!(engine.sent(), 300);
}

#[test]
fn what_is_released_at_a_position_is_heard_there_and_nothing_of_what_is_past() {
    let (mut engine, mut plugin) = ends(1, 512);
    let heard = |plugin: &mut PluginEnd, frames| {
        let mut out = Block::silent(1, frames);
        let _ = plugin.exchange(&[], &mut out.channels_mut());
        out.0.remove(0)
    };
    let ramp = Block::ramp(1, 0, 400).0.remove(0);
    let at =
        |position: usize, frames: usize| Block(vec![ramp[position..position + frames].to_vec()]);
    let _ = engine.release_at(0, &at(0, 200).channels());
    assert_eq!(heard(&mut plugin, 150)[FADE..], ramp[FADE..150]);
    // Fifty frames late, and over what was there.
    let released = engine.release_at(100, &at(100, 150).channels());
    assert_eq!((released.position, released.overtaken), (150, 50));
    assert_eq!(released.written, Frames(100));
    assert_eq!(heard(&mut plugin, 50)[..], ramp[150..200]);
    // A gap of 20 frames, which held something else the last time around.
    let released = engine.release_at(270, &at(270, 50).channels());
    assert_eq!((released.position, released.overtaken), (270, 0));
    let block = heard(&mut plugin, 100);
    assert_eq!(block[..50], ramp[200..250]);
    assert!(block[50..70].iter().all(|sample| *sample == 0.0));
    assert_eq!(block[70..], ramp[270..300]);
    // All of it past, and beyond the ring's end.
    assert_eq!(
        engine.release_at(0, &at(0, 100).channels()).written,
        Frames(0)
    );
    assert_eq!(
        engine.release_at(5000, &at(0, 100).channels()).written,
        Frames(0)
    );
    assert_eq!(
        engine.release_at(800, &at(0, 100).channels()).written,
        Frames(12)
    );
}

#[test]
fn an_engine_that_fell_behind_goes_on_with_the_newest_block() {
    let (mut engine, mut plugin) = ends(2, 256);
    for block in 0..5 {
        let input = Block::ramp(2, block * 100, 100);
        let _ = plugin.exchange(&input.channels(), &mut []);
    }
    assert_eq!(engine.available(), Frames(100));
    assert_eq!(loop_back(&mut engine, 2), Block::ramp(2, 400, 100));
    assert_eq!(engine.counts().jumped, 1);
    let _ = plugin.exchange(&Block::ramp(2, 500, 100).channels(), &mut []);
    assert_eq!(loop_back(&mut engine, 2), Block::ramp(2, 500, 100));
    assert_eq!(engine.counts().jumped, 1);
}

#[test]
fn an_engine_that_is_overwritten_while_it_reads_never_gets_torn_audio() {
    let (mut engine, mut plugin) = ends(4, 16_384);
    let done = Arc::new(AtomicBool::new(false));
    let writer = std::thread::spawn({
        let done = Arc::clone(&done);
        move || {
            let mut first = 0;
            while !done.load(Relaxed) {
                // Blocks of all sizes, at full speed: the ring is lapped again and again.
                let size = 1 + first % 397;
                let input = Block::ramp(4, first, size);
                let _ = plugin.exchange(&input.channels(), &mut []);
                first = if first < 900_000 { first + size } else { 0 };
            }
        }
    });
    let end = Instant::now() + Duration::from_secs(1);
    let (mut taken, mut takes, mut torn) = (Block::silent(4, 16_384), 0_u64, 0_u64);
    while Instant::now() < end {
        let frames = engine.take(&mut taken.channels_mut()).get();
        for (channel, samples) in taken.0.iter().enumerate() {
            let start = (channel * 1_000_000) as f32;
            let is_next = |pair: &[f32]| pair[1] == pair[0] + 1.0 || pair[1] == start;
            torn += u64::from(!samples[..frames].windows(2).all(is_next));
        }
        takes += u64::from(frames > 0);
        // Waits until the ring is about as full, so that the next blocks go over what is being read.
        let waiting = Frames((15_000 + takes * 37 % 1384) as u32);
        while engine.available() < waiting && Instant::now() < end {}
    }
    done.store(true, Relaxed);
    writer.join().unwrap();
    println!("{takes} takes, {} jumps", engine.counts().jumped);
    assert_eq!(torn, 0);
}

#[test]
fn the_engine_takes_in_pieces_and_may_skip() {
    let (mut engine, mut plugin) = ends(1, 256);
    let _ = plugin.exchange(&Block::ramp(1, 0, 100).channels(), &mut []);
    let mut piece = Block::silent(1, 30);
    assert_eq!(engine.take(&mut piece.channels_mut()), Frames(30));
    assert_eq!(engine.skip(Frames(50)), Frames(50));
    assert_eq!(engine.take(&mut piece.channels_mut()), Frames(20));
    assert_eq!(piece.0[0][..20], Block::ramp(1, 80, 20).0[0]);
    assert_eq!(engine.take(&mut piece.channels_mut()), Frames::ZERO);
    assert_eq!(engine.skip(Frames(50)), Frames::ZERO);
}

#[test]
fn a_block_longer_than_the_ring_sends_its_end_and_is_filled_in_part() {
    let (mut engine, mut plugin) = ends(1, 64);
    let _ = engine.release(&Block::ramp(1, 0, 64).channels());
    let mut out = Block(vec![vec![9.0; 1000]]);
    let input = Block::ramp(1, 0, 1000);
    assert_eq!(
        plugin.exchange(&input.channels(), &mut out.channels_mut()),
        Exchanged::Partial
    );
    assert!(out.0[0][64 + FADE..].iter().all(|sample| *sample == 0.0));
    let mut taken = Block::silent(1, 64);
    // Far behind by a thousand frames: half a ring is the most that a jump leaves.
    assert_eq!(engine.take(&mut taken.channels_mut()), Frames(32));
    assert_eq!(taken.0[0][..32], Block::ramp(1, 968, 32).0[0]);
}

#[test]
fn channels_that_are_missing_are_silent_and_further_ones_left_alone() {
    let (mut engine, mut plugin) = ends(2, 256);
    let one = Block::ramp(1, 1, 100);
    let _ = engine.release(&one.channels());
    let mut out = Block(vec![vec![9.0; 100]; 3]);
    assert_eq!(
        plugin.exchange(&one.channels(), &mut out.channels_mut()),
        Exchanged::Fresh
    );
    assert_eq!(out.0[0][FADE..], one.0[0][FADE..]);
    assert!(out.0[1..].iter().flatten().all(|sample| *sample == 0.0));

    let mut taken = Block(vec![vec![9.0; 100]; 3]);
    assert_eq!(engine.take(&mut taken.channels_mut()), Frames(100));
    assert_eq!(taken.0[0], one.0[0]);
    assert!(taken.0[1..].iter().flatten().all(|sample| *sample == 0.0));

    // An input shorter than the block is silent to its end.
    let _ = plugin.exchange(&[&[1.0; 10]], &mut out.channels_mut());
    assert_eq!(engine.take(&mut taken.channels_mut()), Frames(100));
    assert!(taken.0[0][..10].iter().all(|sample| *sample == 1.0));
    assert!(taken.0[0][10..].iter().all(|sample| *sample == 0.0));
}

#[test]
fn a_send_or_a_return_alone_works() {
    for (send, receive) in [(2, 0), (0, 2), (0, 0)] {
        let config = SegmentConfig {
            send: Channels(send),
            receive: Channels(receive),
            rate: SampleRate::HZ_44100,
            capacity: Frames(256),
        };
        let (mut engine, handle) = EngineEnd::create(config).unwrap();
        let mut plugin = PluginEnd::open(handle).unwrap();
        assert_eq!(plugin.config(), config);
        let mut out = Block(vec![vec![9.0; 64]; 2]);
        let exchanged = plugin.exchange(&Block::ramp(2, 0, 64).channels(), &mut out.channels_mut());
        // Where nothing is to be returned, nothing is missing.
        assert_eq!(exchanged == Exchanged::Fresh, receive == 0);
        assert!(out.samples().all(|sample| sample == 0.0));
        assert_eq!(engine.available(), Frames(64));
        assert_eq!(loop_back(&mut engine, 2).0[0].len(), 64);
    }
}

#[test]
fn what_is_no_number_arrives_as_silence() {
    let (mut engine, mut plugin) = ends(1, 256);
    let bad = [f32::NAN, 0.5, f32::INFINITY, f32::NEG_INFINITY, -0.25];
    let _ = plugin.exchange(&[&bad], &mut []);
    assert_eq!(loop_back(&mut engine, 1).0[0], [0.0, 0.5, 0.0, 0.0, -0.25]);
    let _ = engine.release(&[&[f32::NAN; 100]]);
    let mut out = Block::silent(1, 105);
    assert_eq!(
        plugin.exchange(&[], &mut out.channels_mut()),
        Exchanged::Fresh
    );
    assert!(out.samples().all(f32::is_finite));
}

#[test]
fn the_engine_knows_when_the_host_called_and_how_much_it_wanted() {
    let (mut engine, mut plugin) = ends(1, 256);
    assert_eq!(
        (engine.host_call(), engine.host_block()),
        (None, Frames::ZERO)
    );
    let before = clock::now();
    let _ = plugin.exchange(&[], &mut Block::silent(1, 48).channels_mut());
    let _ = plugin.exchange(&[], &mut Block::silent(1, 17).channels_mut());
    let call = engine.host_call().unwrap();
    assert_eq!(
        (call.number, call.block, call.position),
        (2, Frames(17), 65)
    );
    assert_eq!((engine.ahead_of(call.position), engine.fill()), (-65, -65));
    assert!(before <= call.at && call.at <= clock::now());
    assert_eq!(engine.watch().host_call(), Some(call));
}

#[test]
fn the_bell_rings_at_each_exchange_that_is_listened_for_until_it_is_hushed() {
    let (engine, mut plugin) = ends(1, 256);
    let rings = |engine: &EngineEnd| {
        let mut polled = [PollFd::new(engine.as_fd(), PollFlags::POLLIN)];
        poll(&mut polled, PollTimeout::ZERO).unwrap() == 1
    };
    engine.hush();
    assert!(!rings(&engine));
    for _ in 0..3 {
        let _ = plugin.exchange(&[], &mut Block::silent(1, 8).channels_mut());
    }
    assert!(rings(&engine));
    engine.hush();
    assert!(!rings(&engine));
    let _ = plugin.exchange(&[], &mut Block::silent(1, 8).channels_mut());
    assert!(rings(&engine));

    engine.hush();
    engine.listen(false);
    let _ = plugin.exchange(&[], &mut Block::silent(1, 8).channels_mut());
    assert!(
        !rings(&engine),
        "an engine that goes by the clock is not woken"
    );
    engine.listen(true);
    let _ = plugin.exchange(&[], &mut Block::silent(1, 8).channels_mut());
    assert!(rings(&engine));
}

#[test]
fn the_plugin_sees_whether_the_engine_lives() {
    let (engine, plugin) = ends(1, 256);
    let watch = plugin.watch();
    let now = clock::now();
    assert_eq!((watch.engine_beats(), watch.engine_silence(now)), (0, None));
    engine.beat(now);
    engine.beat(now);
    assert_eq!(watch.engine_beats(), 2);
    let later = now + Duration::from_millis(300);
    assert_eq!(
        watch.engine_silence(later),
        Some(Duration::from_millis(300))
    );
    assert_eq!(
        (watch.generation(), watch.config()),
        (engine.generation(), config(1, 256))
    );
}

#[test]
fn each_channel_has_its_peaks() {
    let (mut engine, mut plugin) = ends(2, 256);
    let _ = engine.release(&[&[0.0; 200], &[-0.5; 200]]);
    let mut out = Block::silent(2, 200);
    let _ = plugin.exchange(&[&[0.25; 200], &[0.0; 200]], &mut out.channels_mut());
    let levels = plugin.levels();
    assert_eq!((levels.sent[0].take(), levels.sent[1].take()), (0.25, 0.0));
    assert_eq!(
        (levels.returned[0].take(), levels.returned[1].take()),
        (0.0, 0.5)
    );
    assert_eq!(levels.sent[0].take(), 0.0);
}

#[test]
fn two_segments_are_told_apart() {
    let (one, _) = EngineEnd::create(config(1, 64)).unwrap();
    let (other, _) = EngineEnd::create(config(1, 64)).unwrap();
    assert_ne!(one.generation(), other.generation());
}

#[test]
fn a_geometry_without_sense_cannot_be_made() {
    for capacity in [0, 32, 100, 1 << 18, u32::MAX] {
        assert!(EngineEnd::create(config(2, capacity)).is_err());
    }
}
