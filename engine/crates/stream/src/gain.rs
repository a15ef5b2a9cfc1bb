//! A gain that moves without a click.

use farsend_units::SampleRate;

/// A gain for all channels of a stream, which glides to a new value in 20 ms.
///
/// At rest at 1 it leaves samples as they are, to the bit.
#[derive(Debug, Clone)]
pub struct Gain {
    now: f32,
    target: f32,
    /// What `now` still has to move by per frame, and for how many frames.
    step: f32,
    left: u32,
    glide: u32,
}

impl Gain {
    /// A gain at rest at `factor` (linear, 1 = as it is) for audio of `rate`.
    pub fn new(rate: SampleRate, factor: f32) -> Self {
        let factor = sane(factor);
        Self {
            now: factor,
            target: factor,
            step: 0.0,
            left: 0,
            glide: (rate.0 / 50).max(1),
        }
    }

    /// Glides to `factor` from where it is. Not finite or negative counts as 0.
    pub fn set(&mut self, factor: f32) {
        let factor = sane(factor);
        if factor != self.target {
            self.target = factor;
            self.step = (factor - self.now) / self.glide as f32;
            self.left = self.glide;
        }
    }

    /// Where it is heading, linear.
    pub fn target(&self) -> f32 {
        self.target
    }

    /// Multiplies a planar block, of any length, in place.
    pub fn apply(&mut self, block: &mut [&mut [f32]]) {
        let frames = block.iter().map(|channel| channel.len()).max().unwrap_or(0);
        let gliding = frames.min(self.left as usize);
        for channel in block.iter_mut() {
            let (moving, resting) = channel.split_at_mut(gliding.min(channel.len()));
            let mut factor = self.now;
            for sample in moving {
                factor += self.step;
                *sample *= factor;
            }
            if self.target == 0.0 {
                resting.fill(0.0);
            } else if self.target != 1.0 {
                resting.iter_mut().for_each(|sample| *sample *= self.target);
            }
        }
        self.left -= gliding as u32;
        self.now = if self.left == 0 {
            self.target
        } else {
            self.now + self.step * gliding as f32
        };
    }
}

fn sane(factor: f32) -> f32 {
    if factor.is_finite() {
        factor.max(0.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_rest_at_one_nothing_is_touched() {
        let mut block = [0.1f32, -0.2, 0.3, f32::MIN_POSITIVE];
        let before = block;
        Gain::new(SampleRate::HZ_48000, 1.0).apply(&mut [&mut block]);
        assert_eq!(block, before);
    }

    #[test]
    fn a_new_value_is_reached_in_small_steps_and_exactly() {
        let mut gain = Gain::new(SampleRate::HZ_48000, 1.0);
        gain.set(0.25);
        let mut last = 1.0f32;
        for _ in 0..20 {
            let mut block = [1.0f32; 64];
            gain.apply(&mut [&mut block]);
            for sample in block {
                assert!((sample - last).abs() < 0.001, "{last} to {sample}");
                last = sample;
            }
        }
        assert_eq!(last, 0.25);
    }

    #[test]
    fn nonsense_is_silence() {
        for factor in [f32::NAN, f32::INFINITY, -1.0] {
            let mut block = [1.0f32; 4];
            Gain::new(SampleRate::HZ_48000, factor).apply(&mut [&mut block]);
            assert_eq!(block, [0.0; 4]);
        }
    }
}
