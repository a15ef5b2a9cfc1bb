//! A gain that moves without a click.

use farsend_units::SampleRate;

use crate::Glide;

/// A gain for all channels of a stream, which glides to a new value in 20 ms.
///
/// At rest at 1 it leaves samples as they are, to the bit.
#[derive(Debug, Clone)]
pub struct Gain(Glide);

impl Gain {
    /// A gain at rest at `factor` (linear, 1 = as it is) for audio of `rate`.
    pub fn new(rate: SampleRate, factor: f32) -> Self {
        Self(Glide::new(rate, sane(factor)))
    }

    /// Glides to `factor` from where it is. Not finite or negative counts as 0.
    pub fn set(&mut self, factor: f32) {
        self.0.set(sane(factor));
    }

    /// Where it is heading, linear.
    pub fn target(&self) -> f32 {
        self.0.target()
    }

    /// Whether it has arrived there.
    pub fn is_at_rest(&self) -> bool {
        self.0.resting().is_some()
    }

    /// Multiplies a planar block, of any length, in place.
    pub fn apply(&mut self, block: &mut [&mut [f32]]) {
        let frames = block.iter().map(|channel| channel.len()).max().unwrap_or(0);
        for channel in block.iter_mut() {
            match self.0.resting() {
                Some(1.0) => {}
                Some(0.0) => channel.fill(0.0),
                Some(factor) => channel.iter_mut().for_each(|sample| *sample *= factor),
                None => {
                    for (sample, factor) in channel.iter_mut().zip(self.0.values()) {
                        *sample *= factor;
                    }
                }
            }
        }
        self.0.pass(frames);
    }
}

/// Not finite is [`Glide`]'s to see to.
fn sane(factor: f32) -> f32 {
    factor.max(0.0)
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
