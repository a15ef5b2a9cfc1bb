//! Audio of one player for a period.

use farsend_stream::prefetch;
use farsend_units::{Channels, Frames};

use crate::settings::MAX_CHANNELS;

/// Planar audio of one player for a period: `channels` lanes of `period` frames.
#[derive(Debug)]
pub(super) struct Lanes {
    samples: Box<[f32]>,
    channels: usize,
    period: usize,
}

impl Lanes {
    /// Silence. Allocates.
    pub(super) fn new(channels: Channels, period: Frames) -> Self {
        let channels = channels.get().min(MAX_CHANNELS);
        let period = period.get().max(1);
        Self {
            samples: vec![0.0; channels * period].into(),
            channels,
            period,
        }
    }

    /// Has the audio brought near.
    pub(super) fn prefetch(&self) {
        prefetch(&*self.samples);
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[f32]> {
        self.samples.chunks_exact(self.period)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.samples.chunks_exact_mut(self.period)
    }

    pub(super) fn get(&self, channel: usize) -> Option<&[f32]> {
        self.samples
            .get(channel * self.period..)?
            .get(..self.period)
    }
}
