//! A file's frames at another rate, on the thread that reads it.

use std::collections::VecDeque;

use farsend_stream::Resampler;
use farsend_units::SampleRate;

/// Interleaved samples at another rate than they come in. Frame 0 stays frame 0, and the end is the end.
pub(super) struct Converted<'a> {
    source: &'a mut dyn Iterator<Item = f32>,
    channels: usize,
    resampler: Resampler,
    taken: Vec<f32>,
    /// `OUT` frames a channel.
    out: Vec<Vec<f32>>,
    ready: VecDeque<f32>,
    ended: bool,
}

impl<'a> Converted<'a> {
    /// Of so many channels.
    pub(super) fn new(
        source: &'a mut dyn Iterator<Item = f32>,
        channels: usize,
        from: SampleRate,
        to: SampleRate,
    ) -> Self {
        Self {
            source,
            channels,
            resampler: Resampler::new(channels, from, to, OUT),
            taken: Vec::new(),
            out: vec![vec![0.0; OUT]; channels],
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// Converts some more. False: there is no more.
    fn convert(&mut self) -> bool {
        if self.ended || self.channels == 0 {
            return false;
        }
        let Self {
            source,
            channels,
            resampler,
            taken,
            out,
            ready,
            ended,
        } = self;
        taken.clear();
        taken.extend(source.take(IN * *channels));
        // A frame that is cut at the end of a file is none.
        let frames = taken.len() / *channels;
        resampler.push(frames, |lines| {
            for (channel, line) in lines.iter_mut().enumerate() {
                let samples = taken.iter().skip(channel).step_by(*channels);
                line.iter_mut()
                    .zip(samples)
                    .for_each(|(to, from)| *to = *from);
            }
        });
        if frames < IN {
            *ended = true;
            let silence = resampler.lookahead();
            resampler.push(silence, |lines| {
                lines.iter_mut().for_each(|line| line.fill(0.0));
            });
        }
        let step = resampler.nominal_step();
        loop {
            let count = resampler.ready(step).min(OUT);
            if count == 0 {
                return true;
            }
            let mut lines: Vec<&mut [f32]> =
                out.iter_mut().map(|line| &mut line[..count]).collect();
            resampler.bend(step, step, &mut lines);
            ready.extend((0..count).flat_map(|i| out.iter().map(move |line| line[i])));
        }
    }
}

impl Iterator for Converted<'_> {
    type Item = f32;

    fn next(&mut self) -> Option<f32> {
        while self.ready.is_empty() {
            if !self.convert() {
                return None;
            }
        }
        self.ready.pop_front()
    }
}

/// Frames that go into the resampler at once, and that come out.
const IN: usize = 256;
const OUT: usize = 256;

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// A sine in the first channel, half of it in the second.
    fn sine(rate: u32, frames: usize) -> impl Iterator<Item = f32> {
        (0..frames).flat_map(move |i| {
            let sample = (TAU * 440.0 * i as f64 / f64::from(rate)).sin() as f32;
            [0.5 * sample, 0.25 * sample]
        })
    }

    #[test]
    fn a_sine_is_the_same_sine_at_another_rate_from_its_first_frame_to_its_last() {
        for (from, to) in [
            (44_100, 48_000),
            (48_000, 44_100),
            (22_050, 96_000),
            (96_000, 22_050),
        ] {
            let mut source = sine(from, from as usize);
            let converted: Vec<f32> =
                Converted::new(&mut source, 2, SampleRate(from), SampleRate(to)).collect();
            let frames = converted.len() / 2;
            assert!(
                frames.abs_diff(to as usize) <= 1,
                "{from} to {to}: {frames}"
            );
            // The very ends are where the sine begins and breaks off.
            let middle = 400..2 * frames - 400;
            let expected = sine(to, frames).enumerate();
            for (i, sample) in expected.filter(|(i, _)| middle.contains(i)) {
                assert!((converted[i] - sample).abs() < 1e-3, "{from} to {to}, {i}");
            }
        }
    }

    #[test]
    fn nothing_and_a_cut_frame_are_nothing() {
        for count in [0, 1] {
            let mut source = std::iter::repeat_n(0.5, count);
            let rates = [SampleRate(44_100), SampleRate(48_000)];
            assert_eq!(
                Converted::new(&mut source, 2, rates[0], rates[1]).count(),
                0
            );
        }
    }
}
