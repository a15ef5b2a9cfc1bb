//! On an audio thread nothing is allocated, at either end of a segment.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod support;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend_rt::clock;
use farsend_units::Frames;
use support::{Block, ends};

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

#[test]
fn neither_end_allocates_whatever_happens() {
    let (mut engine, mut plugin) = ends(8, 512);
    let (input, output) = (Block::ramp(8, 0, 700), Block::silent(8, 700));
    let (inputs, mut output) = (input.channels(), output);
    let mut outputs = output.channels_mut();
    let mut taken = Block::silent(8, 512);
    let mut takes = taken.channels_mut();
    assert_no_alloc(|| {
        for turn in 0..2000_usize {
            // Fresh, partial and dry blocks; a reader that lags; a writer that is overtaken.
            let length = (turn * 7919) % 701;
            let _ = plugin.exchange(
                &inputs.each_prefix(length),
                &mut outputs.each_prefix_mut(length),
            );
            let _ = plugin.exchange(&[], &mut outputs.each_prefix_mut(length / 2));
            if turn % 3 > 0 {
                let _ = engine.take(&mut takes);
                let _ = engine.skip(Frames(5));
            }
            if turn % 5 > 0 {
                let _ = engine.release(&inputs.each_prefix((turn * 104_729) % 701));
            }
            let _ = (
                engine.fill(),
                engine.room(),
                engine.host_call(),
                engine.counts(),
            );
            engine.beat(clock::now());
            engine.hush();
        }
    });
    let counts = engine.counts();
    assert!(counts.partial > 0 && counts.dry > 0 && counts.jumped > 0 && counts.refused > 0);
}

/// The first samples of each of eight channels, without a `Vec`.
trait Prefix {
    fn each_prefix(&self, length: usize) -> [&[f32]; 8];
}

impl Prefix for Vec<&[f32]> {
    fn each_prefix(&self, length: usize) -> [&[f32]; 8] {
        std::array::from_fn(|channel| &self[channel][..length])
    }
}

/// The same, to write.
trait PrefixMut {
    fn each_prefix_mut(&mut self, length: usize) -> [&mut [f32]; 8];
}

impl PrefixMut for Vec<&mut [f32]> {
    fn each_prefix_mut(&mut self, length: usize) -> [&mut [f32]; 8] {
        let mut channels = self.iter_mut();
        std::array::from_fn(|_| &mut channels.next().expect("there are eight")[..length])
    }
}
