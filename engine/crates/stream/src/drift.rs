//! How fast the peer's clock runs against ours.

use farsend_units::{Frames, MonoTime, SampleRate};

/// Tells the peer's clock from the arrival of its packets.
#[derive(Debug, Clone)]
pub struct Drift {
    rate: SampleRate,
}

impl Drift {
    /// Nothing known yet. `rate`: the peer's nominal one.
    pub fn new(rate: SampleRate) -> Self {
        Self { rate }
    }

    /// A packet with this number, of `period` frames, came at `at`.
    pub fn observe(&mut self, _number: i64, _period: Frames, _at: MonoTime) {
        let _ = self.rate;
    }

    /// Parts per million that the peer's clock runs faster than ours (slower: negative); `None`
    /// until enough was seen.
    pub fn ppm(&self) -> Option<f64> {
        None
    }
}
