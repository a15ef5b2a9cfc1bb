//! Where the buffer says that it plays is where it plays, whatever has happened.

mod common;

use std::time::Duration;

use common::{KERNELS, RATE, START};
use farsend_netsim::Random;
use farsend_stream::{BufferConfig, Conceal, DepthPolicy, JitterBuffer, Origin};
use farsend_units::{Channels, Frames};

#[test]
fn a_block_that_came_through_to_the_bit_begins_at_the_playhead() {
    for (seed, depth) in (0..100).flat_map(|seed| {
        [
            DepthPolicy::AUTO,
            DepthPolicy::Fixed(16),
            DepthPolicy::Fixed(3),
        ]
        .map(|depth| (seed, depth))
    }) {
        follow(seed, depth);
    }
}

fn follow(seed: u64, depth: DepthPolicy) {
    const PERIOD: usize = 128;
    let mut random = Random::new(seed);
    let config = BufferConfig {
        channels: Channels(1),
        rate: RATE,
        depth,
        block: Frames(PERIOD as u32),
        conceal: Conceal::Fade,
    };
    let mut buffer = JitterBuffer::new(config, &KERNELS);
    buffer
        .set_format(RATE, Frames(PERIOD as u32), Channels(1))
        .expect("128 frames fit");
    let period = Frames(PERIOD as u32).duration(RATE);
    let (mut sent_at, mut now) = (START, START + Duration::from_millis(5));
    let mut number = 0i64;
    let mut checked = 0;
    for _ in 0..12_000 {
        match random.below(3000) {
            // The peer stands still.
            0 => sent_at = sent_at + Duration::from_micros(random.below(400_000)),
            // We do.
            1 => now = now + Duration::from_micros(random.below(400_000)),
            2 => {
                let both = Duration::from_micros(random.below(400_000));
                sent_at = sent_at + both;
                now = now + both;
            }
            // We have missed some.
            3 => buffer.pass_over(Frames(random.below(2000) as u32)),
            _ => {}
        }
        while sent_at <= now {
            if !random.chance(0.01) {
                let _ = buffer.insert(number, sent_at, Origin::Direct, &mut |_, out| {
                    for (i, out) in out.iter_mut().enumerate() {
                        *out = ((number * PERIOD as i64) as f32 + i as f32) / 16_777_216.0;
                    }
                });
            }
            number += 1;
            sent_at = sent_at + period;
        }
        buffer.settle(now, Frames::ZERO, Frames(PERIOD as u32));
        let before = buffer.playhead();
        let mut block = [0f32; PERIOD];
        let _ = buffer.pull(&mut [&mut block]);
        let frames = block.map(|sample| f64::from(sample) * 16_777_216.0);
        let straight = frames.windows(2).all(|pair| pair[1] == pair[0] + 1.0);
        if straight {
            checked += 1;
            // While it is bent a little a block may look straight to the last bit, which is an eighth of a frame here.
            let off = before.map(|before| before - frames[0]);
            assert!(
                off.is_some_and(|off| off.abs() < 0.1 + 0.0625),
                "seed {seed}, {depth:?}: off by {off:?}"
            );
        }
        now = now + period;
    }
    assert!(checked > 500, "seed {seed}, {depth:?}: {checked}");
}
