//! The resampler's promises: what is played is what was pushed, where the maths says, and nothing else.

use assert_no_alloc::assert_no_alloc;
use farsend_stream::{Kernel, LEAST_STEP, MOST_STEP, Resampler};
use farsend_units::SampleRate;
use proptest::collection::vec;
use proptest::prelude::*;

const HZ_48000: SampleRate = SampleRate::HZ_48000;

/// A resampler of one channel, with the sound that it is fed.
struct Fed<F> {
    resampler: Resampler,
    sound: F,
    pushed: usize,
}

impl<F: Fn(usize) -> f32> Fed<F> {
    fn new(from: SampleRate, to: SampleRate, sound: F) -> Self {
        Self {
            resampler: Resampler::new(1, from, to, 512),
            sound,
            pushed: 0,
        }
    }

    fn feed(&mut self, frames: usize) {
        let (first, sound) = (self.pushed, &self.sound);
        self.pushed += self.resampler.push(frames, |block| {
            for (i, sample) in block[0].iter_mut().enumerate() {
                *sample = sound(first + i);
            }
        });
    }

    fn straight(&mut self, frames: usize) -> Vec<f32> {
        let mut out = vec![9.0; frames];
        self.feed(self.resampler.wants_straight(frames));
        assert_eq!(self.resampler.straight(&mut [&mut out]), 0);
        out
    }

    fn bend(&mut self, frames: usize, from: f64, to: f64) -> Vec<f32> {
        let mut out = vec![9.0; frames];
        self.feed(self.resampler.wants(frames, from, to));
        assert_eq!(self.resampler.bend(from, to, &mut [&mut out]), 0);
        out
    }

    /// The frame that the next output frame plays.
    fn position(&self) -> f64 {
        self.pushed as f64 - self.resampler.lag()
    }
}

fn sine(i: usize) -> f32 {
    (i as f32 * 0.05).sin() * 0.5
}

#[test]
fn straight_is_to_the_bit_and_needs_no_frame_ahead() {
    let mut fed = Fed::new(HZ_48000, HZ_48000, |i| (i * 7919 % 1000) as f32 * 1e-3);
    for block in [1usize, 64, 127, 512, 700].iter().cycle().take(1000) {
        let first = fed.pushed;
        let out = fed.straight(*block);
        assert_eq!(fed.resampler.lag(), 0.0);
        for (i, sample) in out.iter().enumerate() {
            assert_eq!(*sample, (fed.sound)(first + i));
        }
    }
}

#[test]
fn bent_at_a_step_of_one_on_a_frame_it_is_to_the_bit_too() {
    let mut fed = Fed::new(HZ_48000, HZ_48000, |i| (i * 7919 % 1000) as f32 * 1e-3);
    for _ in 0..100 {
        let first = fed.position() as usize;
        for (i, sample) in fed.bend(128, 1.0, 1.0).iter().enumerate() {
            assert_eq!(*sample, (fed.sound)(first + i));
        }
    }
    assert_eq!(fed.resampler.lag(), fed.resampler.lookahead() as f64);
}

#[test]
fn straight_after_bent_after_straight_has_no_seam() {
    let mut fed = Fed::new(HZ_48000, HZ_48000, sine);
    let mut out = fed.straight(256);
    out.extend(fed.bend(128, 1.0, 1.002));
    out.extend(fed.bend(128, 1.002, 1.0));
    let mut last = vec![0.0; 128];
    let advance = 129.0 - fed.resampler.fraction();
    fed.feed(fed.resampler.wants(128, advance / 128.0, advance / 128.0));
    fed.resampler.bend_to(advance, &mut [&mut last]);
    assert_eq!(fed.resampler.fraction(), 0.0);
    out.extend(last);
    out.extend(fed.straight(256));
    // 0.5 sin(0.05 t) never steps by more than 0.025 a frame, nor bends by more than 0.00125.
    for frames in out[1..].windows(3) {
        let bent = frames[2] - 2.0 * frames[1] + frames[0];
        assert!(bent.abs() < 0.00127, "{frames:?}");
    }
}

#[test]
fn after_1e9_frames_the_position_is_within_1e_6_of_where_the_steps_put_it() {
    // A million frames are played; what they are off is what rounding does, and it adds up at worst.
    let mut fed = Fed::new(HZ_48000, HZ_48000, |_| 0.0);
    let (mut out, step) = ([0.0; 50], 1.000_3);
    for _ in 0..20_000 {
        fed.feed(fed.resampler.wants(50, step, step));
        assert_eq!(fed.resampler.bend(step, step, &mut [&mut out]), 0);
    }
    let off = (fed.position() - 1e6 * step).abs();
    assert!(off * 1000.0 < 1e-6, "{off}");
}

#[test]
fn a_glide_moves_on_by_the_mean_of_its_steps() {
    let mut fed = Fed::new(HZ_48000, HZ_48000, sine);
    for (from, to) in [(1.0, 1.01), (0.5, 3.0), (3.0, 0.5), (10.0, 0.1)] {
        let before = fed.position();
        fed.bend(400, from, to);
        let moved = fed.position() - before;
        assert!((moved - 200.0 * (from + to)).abs() < 1e-9, "{moved}");
    }
}

#[test]
fn ready_is_what_wants_nothing_more() {
    for step in [LEAST_STEP, 0.918_75, 1.0, 48.0 / 44.1, 2.0, 4.35, MOST_STEP] {
        let mut fed = Fed::new(SampleRate(192_000), SampleRate(44_100), sine);
        for frames in 0..600 {
            fed.feed(frames % 37);
            let ready = fed.resampler.ready(step);
            assert_eq!(fed.resampler.wants(ready, step, step), 0);
            assert!(fed.resampler.wants(ready + 1, step, step) > 0);
            fed.bend(ready, step, step);
        }
    }
}

#[test]
fn a_jump_does_not_click_and_lands_where_it_should() {
    for bent in [false, true] {
        for by in [-900i64, -100, 100, 900] {
            // The jump's two sides differ in phase: a hard cut would step by up to 1.
            let mut fed = Fed::new(HZ_48000, HZ_48000, sine);
            let play = |fed: &mut Fed<_>| match bent {
                true => fed.bend(128, 1.0003, 1.0003),
                false => fed.straight(128),
            };
            let mut out = Vec::new();
            (0..20).for_each(|_| out.extend(play(&mut fed)));
            fed.feed(1000);
            let before = fed.position();
            assert_eq!(fed.resampler.splice(by), by);
            assert_eq!(fed.resampler.splice(by), 0, "one at a time");
            assert_eq!(fed.position(), before + by as f64);
            (0..20).for_each(|_| out.extend(play(&mut fed)));
            assert!(!fed.resampler.is_splicing());
            for pair in out[64..].windows(2) {
                assert!((pair[1] - pair[0]).abs() < 0.03, "{bent} {by}: {pair:?}");
            }
            if !bent {
                let last = fed.position() as usize - 128;
                let expected: Vec<f32> = (last..last + 128).map(sine).collect();
                assert_eq!(out[out.len() - 128..], expected);
            }
        }
    }
}

#[test]
fn what_is_missing_is_silence_and_said() {
    let mut resampler = Resampler::new(2, HZ_48000, HZ_48000, 64);
    let (mut left, mut right, mut surplus) = ([9.0; 64], [9.0; 64], [9.0; 64]);
    resampler.push(10, |block| block.iter_mut().for_each(|c| c.fill(1.0)));
    let missing = resampler.straight(&mut [&mut left, &mut right, &mut surplus]);
    assert_eq!((missing, left[9], left[10]), (54, 1.0, 0.0));
    assert_eq!(surplus, [0.0; 64]);
}

#[derive(Debug, Clone)]
enum Call {
    Push(usize, f32),
    Straight(usize),
    Bend(usize, f64, f64),
    BendTo(usize, f64),
    Feed(usize, f64),
    Splice(i64),
    Rates(Kernel),
    Reset,
}

fn call() -> impl Strategy<Value = Call> {
    let frames = || prop_oneof![4 => Just(64usize), 4 => 0usize..300, 1 => 0usize..3000];
    let step = || prop_oneof![6 => 0.9f64..1.1, 3 => 0.1f64..10.0, 1 => any::<f64>()];
    let value = prop_oneof![-1f32..1.0, any::<f32>()];
    let rate = || prop_oneof![Just(44_100u32), Just(48_000), Just(192_000), any::<u32>()];
    let by = prop_oneof![-100i64..100, -2000i64..2000, any::<i64>()];
    prop_oneof![
        4 => (frames(), value).prop_map(|(frames, value)| Call::Push(frames, value)),
        4 => frames().prop_map(Call::Straight),
        6 => (frames(), step(), step()).prop_map(|(frames, a, b)| Call::Bend(frames, a, b)),
        2 => (frames(), step()).prop_map(|(frames, step)| Call::BendTo(frames, step * frames as f64)),
        6 => (frames(), step()).prop_map(|(frames, step)| Call::Feed(frames, step)),
        2 => by.prop_map(Call::Splice),
        1 => (rate(), rate()).prop_map(|(from, to)| Call::Rates(Kernel::new(SampleRate(from), SampleRate(to)))),
        1 => Just(Call::Reset),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 200 } else { 2000 }))]

    #[test]
    fn any_calls_in_any_order_give_finite_audio(calls in vec(call(), 1..60)) {
        let mut resampler = Resampler::new(2, HZ_48000, HZ_48000, 256);
        let (mut left, mut right) = (vec![0.0f32; 3000], vec![0.0f32; 3000]);
        for call in calls {
            let mut frames = 0;
            // The test drops what was played with, as a control thread would.
            let mut before = None;
            assert_no_alloc(|| match call {
                Call::Push(frames, value) => _ = resampler.push(frames, |block| {
                    block.iter_mut().for_each(|channel| channel.fill(value));
                }),
                Call::Straight(count) => {
                    frames = count;
                    resampler.straight(&mut [&mut left[..count], &mut right[..count]]);
                }
                Call::Bend(count, from, to) => {
                    frames = count;
                    resampler.bend(from, to, &mut [&mut left[..count], &mut right[..count]]);
                }
                Call::BendTo(count, advance) => {
                    frames = count;
                    resampler.bend_to(advance, &mut [&mut left[..count], &mut right[..count]]);
                }
                Call::Feed(count, step) => {
                    let count = count.min(256);
                    let wanted = resampler.wants(count, step, step);
                    assert!(resampler.room() >= wanted);
                    assert_eq!(resampler.push(wanted, |_| {}), wanted);
                    frames = count;
                    let out = &mut [&mut left[..count], &mut right[..count]];
                    assert_eq!(resampler.bend(step, step, out), 0);
                    assert!(resampler.ready(step) < 1 << 20);
                }
                Call::Splice(by) => _ = resampler.splice(by),
                Call::Rates(kernel) => before = Some(resampler.set_kernel(kernel)),
                Call::Reset => resampler.reset(),
            });
            prop_assert!(left[..frames].iter().chain(&right[..frames]).all(|x| x.is_finite()));
            prop_assert!(resampler.lag() >= 0.0);
            prop_assert!((0.0..1.0).contains(&resampler.fraction()));
        }
    }
}
