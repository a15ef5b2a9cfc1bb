//! Level meters.

use farsend_units::{Channels, Frames, SampleRate};
use pulp::Arch;

/// The peak of each channel: up at once, down by 20 dB a second.
#[derive(Debug, Clone)]
pub struct Meter {
    peaks: Box<[f32]>,
    rate: SampleRate,
    /// The fall over one block of `fall_frames`, kept as blocks are mostly equal.
    fall: f32,
    fall_frames: Frames,
}

impl Meter {
    /// Meters at rest. Allocates; nothing else here does.
    pub fn new(channels: Channels, rate: SampleRate) -> Self {
        let peaks = vec![0.0; channels.get()].into_boxed_slice();
        Self {
            peaks,
            rate,
            fall: 1.0,
            fall_frames: Frames::ZERO,
        }
    }

    /// Takes in one planar block of any length. Channels without a meter are ignored, meters
    /// without a channel fall.
    pub fn update(&mut self, block: &[&[f32]]) {
        let frames = Frames(block.first().map_or(0, |channel| channel.len()) as u32);
        if frames != self.fall_frames {
            self.fall_frames = frames;
            self.fall = 10f32.powf(-(frames.0 as f32) / self.rate.0.max(1) as f32);
        }
        for (i, held) in self.peaks.iter_mut().enumerate() {
            let fallen = *held * self.fall;
            let fallen = if fallen < FLOOR { 0.0 } else { fallen };
            *held = block
                .get(i)
                .map_or(0.0, |channel| peak(channel))
                .max(fallen);
        }
    }

    /// The peaks, linear (1 = full scale), one a channel; never more than 16, never NaN.
    pub fn peaks(&self) -> &[f32] {
        &self.peaks
    }
}

/// The largest magnitude in one channel; not-a-number counts as nothing. In lanes, for speed.
fn peak(channel: &[f32]) -> f32 {
    Arch::new().dispatch(|| peak_here(channel))
}

#[inline(always)]
fn peak_here(channel: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = channel.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, sample) in lanes.iter_mut().zip(chunk) {
            let size = sample.abs();
            *lane = if size > *lane { size } else { *lane };
        }
    }
    let most = lanes.into_iter().fold(0.0, f32::max);
    rest.iter()
        .fold(most, |most, sample| most.max(sample.abs()))
        .min(CEILING)
}

/// -120 dB: below it a meter rests at 0.
const FLOOR: f32 = 1e-6;
/// +24 dB: infinities are shown as this.
const CEILING: f32 = 16.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peak_is_held_and_falls_by_twenty_decibels_a_second() {
        let mut meter = Meter::new(Channels(2), SampleRate::HZ_48000);
        let mut loud = [0.0f32; 480];
        loud[477] = -0.5;
        meter.update(&[&loud, &[0.0; 480]]);
        assert_eq!(meter.peaks(), [0.5, 0.0]);
        for _ in 0..100 {
            meter.update(&[&[0.0; 480], &[0.0; 480]]);
        }
        assert!(
            (meter.peaks()[0] - 0.05).abs() < 1e-4,
            "{:?}",
            meter.peaks()
        );
        for _ in 0..1000 {
            meter.update(&[]);
            meter.update(&[&[0.0; 480]]);
        }
        assert_eq!(meter.peaks(), [0.0, 0.0]);
    }

    #[test]
    fn nonsense_from_a_peer_stays_within_the_scale() {
        let mut meter = Meter::new(Channels(1), SampleRate::HZ_48000);
        meter.update(&[&[f32::NAN, f32::NEG_INFINITY, 0.1, f32::NAN]]);
        assert_eq!(meter.peaks(), [16.0]);
    }
}
