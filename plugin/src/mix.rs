//! The gains of one insert, moved so that no change is heard as a click.

/// Gains that are wanted, linear.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gains {
    /// Of the input on its way to the output.
    pub dry: f32,
    /// Of the input on its way to the far end.
    pub send: f32,
    /// Of the far end on its way to the output.
    pub returned: f32,
}

/// The gains as they are, on their way to those that are wanted. For the audio thread.
#[derive(Debug, Clone)]
pub struct Mix {
    dry: Ramp,
    send: Ramp,
    returned: Ramp,
    /// Whether the next gains are a start, not a change.
    fresh: bool,
}

/// How the gains go over one block.
#[derive(Debug, Clone, Copy)]
pub struct BlockGains {
    /// Of the input on its way to the output.
    pub dry: Slope,
    /// Of the input on its way to the far end.
    pub send: Slope,
    /// Of the far end on its way to the output.
    pub returned: Slope,
}

impl Mix {
    /// At rest. `rate` in Hz says how long a change takes.
    pub fn new(rate: f32) -> Self {
        let ramp = Ramp::new(rate);
        Self {
            dry: ramp,
            send: ramp,
            returned: ramp,
            fresh: true,
        }
    }

    /// Makes the next gains start at once, as after a pause.
    pub fn reset(&mut self) {
        self.fresh = true;
    }

    /// Moves on by a block of `frames`, towards `wanted`.
    pub fn next(&mut self, wanted: Gains, frames: usize) -> BlockGains {
        let jump = std::mem::take(&mut self.fresh);
        BlockGains {
            dry: self.dry.next(wanted.dry, frames, jump),
            send: self.send.next(wanted.send, frames, jump),
            returned: self.returned.next(wanted.returned, frames, jump),
        }
    }
}

/// One gain over one block: a straight line for the first frames, then level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slope {
    /// Before the first frame.
    start: f32,
    /// Added in each frame of the line.
    step: f32,
    /// Frames of the line.
    moving: usize,
    /// After the line.
    end: f32,
}

impl Slope {
    /// Whether nothing comes through at all.
    pub fn is_off(&self) -> bool {
        self.is_level(0.0)
    }

    /// Whether it is `gain` all through.
    pub fn is_level(&self, gain: f32) -> bool {
        self.moving == 0 && self.end == gain
    }

    /// `out = input * gain`. Both of one length, as the block.
    pub fn copy(&self, input: &[f32], out: &mut [f32]) {
        if self.is_off() {
            out.fill(0.0);
            return;
        }
        let (moving, level) = self.split(input.len());
        for (i, (out, sample)) in out[..moving].iter_mut().zip(&input[..moving]).enumerate() {
            *out = sample * self.at(i);
        }
        for (out, sample) in out[moving..].iter_mut().zip(&input[moving..]) {
            *out = sample * level;
        }
    }

    /// `samples = samples * gain`.
    pub fn apply(&self, samples: &mut [f32]) {
        if self.is_level(1.0) {
            return;
        }
        if self.is_off() {
            samples.fill(0.0);
            return;
        }
        let (moving, level) = self.split(samples.len());
        for (i, sample) in samples[..moving].iter_mut().enumerate() {
            *sample *= self.at(i);
        }
        samples[moving..]
            .iter_mut()
            .for_each(|sample| *sample *= level);
    }

    /// `out = out + input * gain`. Both of one length, as the block.
    pub fn add(&self, input: &[f32], out: &mut [f32]) {
        if self.is_off() {
            return;
        }
        let (moving, level) = self.split(input.len());
        for (i, (out, sample)) in out[..moving].iter_mut().zip(&input[..moving]).enumerate() {
            *out += sample * self.at(i);
        }
        for (out, sample) in out[moving..].iter_mut().zip(&input[moving..]) {
            *out += sample * level;
        }
    }

    fn split(&self, length: usize) -> (usize, f32) {
        (self.moving.min(length), self.end)
    }

    fn at(&self, frame: usize) -> f32 {
        self.start + self.step * (frame + 1) as f32
    }
}

/// A gain that takes [`RAMP_SECONDS`] to get to where it is sent.
#[derive(Debug, Clone, Copy)]
struct Ramp {
    length: usize,
    now: f32,
    goal: f32,
    left: usize,
}

impl Ramp {
    fn new(rate: f32) -> Self {
        // Any rate at all, were it none: a ramp of 1 to 2^20 frames.
        let length = (rate * RAMP_SECONDS).clamp(1.0, (1 << 20) as f32) as usize;
        Self {
            length: length.max(1),
            now: 0.0,
            goal: 0.0,
            left: 0,
        }
    }

    fn next(&mut self, wanted: f32, frames: usize, jump: bool) -> Slope {
        if jump {
            (self.now, self.goal, self.left) = (wanted, wanted, 0);
        } else if wanted != self.goal {
            (self.goal, self.left) = (wanted, self.length);
        }
        let moving = self.left.min(frames);
        let step = if moving > 0 {
            (self.goal - self.now) / self.left as f32
        } else {
            0.0
        };
        let start = self.now;
        self.left -= moving;
        self.now = if self.left == 0 {
            self.goal
        } else {
            start + step * moving as f32
        };
        Slope {
            start,
            step,
            moving,
            end: self.now,
        }
    }
}

const RAMP_SECONDS: f32 = 0.02;

#[cfg(test)]
mod tests {
    use super::{Gains, Mix};

    const OFF: Gains = Gains {
        dry: 0.0,
        send: 0.0,
        returned: 0.0,
    };

    #[test]
    fn the_first_gains_are_there_at_once() {
        let mut mix = Mix::new(48_000.0);
        let gains = mix.next(Gains { dry: 0.5, ..OFF }, 64);
        assert!(gains.dry.is_level(0.5));
        assert!(gains.send.is_off());
    }

    #[test]
    fn a_change_goes_in_small_steps_through_blocks_of_any_size() {
        let mut mix = Mix::new(48_000.0);
        let _ = mix.next(OFF, 64);
        let mut heard = Vec::new();
        for frames in [0, 1, 100, 3, 0, 500, 1000] {
            let mut out = vec![0.0; frames];
            mix.next(
                Gains {
                    returned: 1.0,
                    ..OFF
                },
                frames,
            )
            .returned
            .add(&vec![1.0; frames], &mut out);
            heard.extend(out);
        }
        let largest = heard
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .fold(0.0, f32::max);
        assert!((0.0..0.0011).contains(&largest), "a step of {largest}");
        assert!(heard.windows(2).all(|pair| pair[1] >= pair[0]));
        assert_eq!((heard[959], heard[heard.len() - 1]), (1.0, 1.0));
    }

    #[test]
    fn a_change_on_the_way_starts_from_where_it_is() {
        let mut mix = Mix::new(48_000.0);
        let _ = mix.next(OFF, 64);
        let up = mix.next(Gains { dry: 1.0, ..OFF }, 480);
        let down = mix.next(OFF, 480);
        assert_eq!(up.dry.end, down.dry.start);
        assert!((up.dry.end - 0.5).abs() < 1e-6);
    }

    #[test]
    fn rates_that_make_no_sense_do_no_harm() {
        for rate in [0.0, -1.0, f32::NAN, f32::INFINITY, 1e30] {
            let mut mix = Mix::new(rate);
            let _ = mix.next(OFF, 64);
            let gains = mix.next(Gains { dry: 1.0, ..OFF }, 64);
            let mut samples = [1.0; 64];
            gains.dry.apply(&mut samples);
            assert!(samples.iter().all(|sample| (0.0..=1.0).contains(sample)));
        }
    }
}
