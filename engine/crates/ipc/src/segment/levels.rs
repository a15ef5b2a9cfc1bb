//! Peaks of what goes through a plugin, for its editor. In the plugin's process alone.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// Peaks of every channel, both ways.
#[derive(Debug)]
pub struct Levels {
    /// Of each channel to the engine.
    pub sent: Box<[Level]>,
    /// Of each channel from the engine.
    pub returned: Box<[Level]>,
}

/// The largest absolute sample of one channel.
#[derive(Debug, Default)]
pub struct Level(AtomicU32);

impl Level {
    /// The largest absolute sample since the last `take`. For one editor; wait-free.
    pub fn take(&self) -> f32 {
        let peak = f32::from_bits(self.0.swap(0, Relaxed));
        if peak.is_finite() { peak } else { 0.0 }
    }

    /// Counts a block in. For the audio thread; one store at most.
    pub(super) fn note(&self, samples: &[f32]) {
        // Bits of positive numbers are ordered as these are, and compare faster.
        let peak = samples
            .iter()
            .fold(0, |peak, sample| peak.max(sample.to_bits() & !SIGN));
        // Not one step: when the editor takes in between, an old peak is shown twice.
        if peak > self.0.load(Relaxed) {
            self.0.store(peak, Relaxed);
        }
    }
}

const SIGN: u32 = 1 << 31;

#[cfg(test)]
mod tests {
    use super::Level;

    #[test]
    fn a_level_is_the_largest_sample_since_it_was_taken() {
        let level = Level::default();
        level.note(&[0.1, -0.5, 0.25]);
        level.note(&[0.2]);
        assert_eq!(level.take(), 0.5);
        assert_eq!(level.take(), 0.0);
        level.note(&[f32::NAN]);
        assert_eq!(level.take(), 0.0);
    }
}
