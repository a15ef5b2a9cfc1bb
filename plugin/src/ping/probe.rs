//! What is sent to be heard again.

use std::f64::consts::TAU;

use farsend_units::SampleRate;

/// Two chirps, one after the other: upwards, a pause, downwards.
///
/// ```text
///   8 kHz    ╱│      ╲
///           ╱ │       ╲            each 0.18 s
///   1 kHz  ╱  │        ╲
///          up  pause    down
/// ```
/// What is played there hardly ever looks like one of them, and never like both at this distance. A clock that drifts makes the one
/// seem earlier and the other later, by as much. At -18 dB of full scale it is quiet for what is mixed.
#[derive(Debug, Clone)]
pub struct Probe {
    samples: Vec<f32>,
    chirp: usize,
    second: usize,
    band: [f64; 2],
    rate: f64,
}

impl Probe {
    /// For a host at this rate; one below 4 kHz or above 768 kHz is taken for that.
    pub fn new(rate: SampleRate) -> Self {
        let rate = f64::from(rate.0.clamp(4_000, 768_000));
        let chirp = (rate * CHIRP_S) as usize;
        let second = chirp + (rate * PAUSE_S) as usize;
        let high = HIGH_HZ.min(rate * 0.4);
        let band = [LOW_HZ.min(high / 4.0), high];
        let mut samples = vec![0.0; second + chirp];
        for frame in 0..chirp {
            let sample = chirp_at(frame, chirp, rate, band);
            samples[frame] = sample;
            // The other one is the first, backwards.
            samples[second + chirp - 1 - frame] = sample;
        }
        Self {
            samples,
            chirp,
            second,
            band,
            rate,
        }
    }

    /// All of it, for each channel alike.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// The first chirp.
    pub fn up(&self) -> &[f32] {
        &self.samples[..self.chirp]
    }

    /// The second one, ...
    pub fn down(&self) -> &[f32] {
        &self.samples[self.second..]
    }

    /// ... and the frame it begins at.
    pub fn second(&self) -> usize {
        self.second
    }

    /// The lowest and the highest frequency in it, in Hz.
    pub fn band(&self) -> [f64; 2] {
        self.band
    }

    /// Frames a second.
    pub fn rate(&self) -> f64 {
        self.rate
    }

    /// How many frames so many seconds are.
    pub fn frames(&self, seconds: f64) -> usize {
        (seconds * self.rate) as usize
    }
}

/// A frame of the chirp upwards, with soft ends.
fn chirp_at(frame: usize, length: usize, rate: f64, [low, high]: [f64; 2]) -> f32 {
    let (t, whole) = (frame as f64 / rate, length as f64 / rate);
    let phase = TAU * (low * t + (high - low) * t * t / (2.0 * whole));
    let from_end = t.min(whole - t) / (whole * SOFT);
    let level = if from_end < 1.0 {
        0.5 - 0.5 * (from_end * TAU / 2.0).cos()
    } else {
        1.0
    };
    (f64::from(LEVEL) * level * phase.sin()) as f32
}

/// Its highest sample: -18 dB.
pub const LEVEL: f32 = 0.125;
const CHIRP_S: f64 = 0.18;
const PAUSE_S: f64 = 0.02;
const LOW_HZ: f64 = 1_000.0;
const HIGH_HZ: f64 = 8_000.0;
/// The part of it in which it swells.
const SOFT: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_short_and_quiet_and_ends_in_silence_at_any_rate() {
        for rate in [0, 8_000, 22_050, 48_000, 192_000, u32::MAX] {
            let probe = Probe::new(SampleRate(rate));
            let peak = probe
                .samples()
                .iter()
                .fold(0.0_f32, |most, s| most.max(s.abs()));
            assert!((0.9 * LEVEL..=LEVEL).contains(&peak), "{rate}: {peak}");
            assert!(probe.samples().len() as f64 / probe.rate() < 0.4);
            assert!(probe.samples()[0].abs() < 1e-4);
            let [low, high] = probe.band();
            assert!(low < high && high < probe.rate() / 2.0);
        }
    }
}
