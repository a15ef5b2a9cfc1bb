//! What is captured at the hub, kept back until it is as old as what the players are heard at.

use std::time::Duration;

use farsend_stream::Glide;
use farsend_units::{Channels, Frames, SampleRate};

use super::lanes::Lanes;

/// A delay of whole frames. A change is a cross-fade of 20 ms from the delay before to the one after.
#[derive(Debug)]
pub(super) struct Delay {
    /// What came last, a ring a channel.
    past: Box<[Box<[f32]>]>,
    /// Where the next frame goes.
    at: usize,
    now: usize,
    /// What it is on its way to, and how far: from 0 to 1.
    next: Option<(usize, Glide)>,
    wanted: usize,
    rate: SampleRate,
}

impl Delay {
    /// None yet, for so many channels in blocks of `period`; up to `most`. Allocates.
    pub(super) fn new(
        channels: Channels,
        period: Frames,
        rate: SampleRate,
        most: Duration,
    ) -> Self {
        let length = frames(most, rate) + period.get() + 1;
        Self {
            past: vec![vec![0.0; length].into(); channels.get()].into(),
            at: 0,
            now: 0,
            next: None,
            wanted: 0,
            rate,
        }
    }

    /// What comes out is to be so old; as much as there is room for.
    pub(super) fn set(&mut self, wait: Duration, period: Frames) {
        let length = self.past.first().map_or(0, |lane| lane.len());
        let most = length.saturating_sub(period.get() + 1);
        self.wanted = frames(wait, self.rate).min(most);
    }

    /// How old what comes out is, in frames.
    pub(super) fn frames(&self) -> u64 {
        self.now as u64
    }

    /// Takes a period, and gives one.
    pub(super) fn pass(&mut self, input: &Lanes, output: &mut Lanes) {
        if self.next.is_none() && self.wanted != self.now {
            let mut fade = Glide::new(self.rate, 0.0);
            fade.set(1.0);
            self.next = Some((self.wanted, fade));
        }
        let mut count = 0;
        let lanes = self.past.iter_mut().zip(input.iter());
        for ((past, input), output) in lanes.zip(output.iter_mut()) {
            count = input.len();
            let length = past.len();
            // As many frames ago as `back` says, before the `k`th that comes now.
            let ago = |k: usize, back: usize| (self.at + k + length - back) % length;
            for (k, sample) in input.iter().enumerate() {
                past[ago(k, 0)] = *sample;
            }
            match &self.next {
                None => {
                    for (k, out) in output.iter_mut().enumerate() {
                        *out = past[ago(k, self.now)];
                    }
                }
                Some((next, fade)) => {
                    for ((k, out), part) in output.iter_mut().enumerate().zip(fade.values()) {
                        let (before, after) = (past[ago(k, self.now)], past[ago(k, *next)]);
                        *out = before + part * (after - before);
                    }
                }
            }
        }
        let length = self.past.first().map_or(1, |lane| lane.len());
        self.at = (self.at + count) % length;
        if let Some((next, fade)) = &mut self.next {
            fade.pass(count);
            if fade.resting().is_some() {
                self.now = *next;
                self.next = None;
            }
        }
    }
}

fn frames(wait: Duration, rate: SampleRate) -> usize {
    (wait.as_secs_f64() * f64::from(rate.0)).round() as usize
}

#[cfg(test)]
mod tests {
    use assert_no_alloc::assert_no_alloc;

    use super::*;

    const RATE: SampleRate = SampleRate::HZ_48000;
    const PERIOD: Frames = Frames(128);
    const MOST: Duration = Duration::from_millis(200);

    /// What comes out of `period` periods of a tone, of which the frames are those from `begin` on.
    fn play(delay: &mut Delay, begin: usize, periods: usize) -> Vec<f32> {
        let (mut input, mut output) = (
            Lanes::new(Channels(2), PERIOD),
            Lanes::new(Channels(2), PERIOD),
        );
        let mut heard = Vec::new();
        for period in 0..periods {
            for lane in input.iter_mut() {
                for (k, sample) in lane.iter_mut().enumerate() {
                    *sample = tone(begin + period * PERIOD.get() + k);
                }
            }
            assert_no_alloc(|| delay.pass(&input, &mut output));
            assert_eq!(output.get(0), output.get(1));
            heard.extend_from_slice(output.get(0).expect("two channels"));
        }
        heard
    }

    fn tone(frame: usize) -> f32 {
        (frame as f32 * 0.01).sin()
    }

    #[test]
    fn what_is_not_delayed_passes_to_the_bit() {
        let mut delay = Delay::new(Channels(2), PERIOD, RATE, MOST);
        let heard = play(&mut delay, 0, 100);
        assert!(
            (0..)
                .zip(&heard)
                .all(|(frame, heard)| *heard == tone(frame))
        );
    }

    #[test]
    fn a_delay_is_exact_and_comes_and_goes_without_a_click() {
        let mut delay = Delay::new(Channels(2), PERIOD, RATE, MOST);
        let mut begin = 0;
        let mut last = None;
        for (wait, expected) in [(200, 9600), (3, 144), (0, 0), (900, 9600)] {
            delay.set(Duration::from_millis(wait), PERIOD);
            let heard = play(&mut delay, begin, 200);
            for (frame, heard) in heard.iter().enumerate() {
                let step = (heard - last.unwrap_or(*heard)).abs();
                assert!(step < 0.015, "{step} at {frame}, {wait} ms");
                last = Some(*heard);
            }
            let end = heard.len() - 1;
            if begin + end > expected {
                assert_eq!(heard[end], tone(begin + end - expected), "{wait} ms");
            }
            begin += heard.len();
        }
    }
}
