//! The source frames at hand, each channel in a line.

use arrayvec::ArrayVec;
use pulp::Arch;

use crate::prefetch::prefetch;

/// Frames of all channels, one behind the other: what a kernel is laid over.
#[derive(Debug)]
pub(crate) struct Held {
    samples: Box<[f32]>,
    /// From the start of a channel to that of the next.
    stride: usize,
    channels: usize,
    /// Frames that may be held, and are.
    capacity: usize,
    end: usize,
}

impl Held {
    /// Nothing but `silence` frames. Allocates.
    pub(crate) fn new(channels: usize, capacity: usize, silence: usize) -> Self {
        let channels = channels.min(MOST_CHANNELS);
        // An odd number of cache lines: frames of one time do not compete for the same place in a cache.
        let stride = (capacity.div_ceil(LINE) | 1) * LINE;
        let mut samples = Vec::with_capacity(channels * stride);
        samples.resize(channels * stride, 0.0);
        let samples = samples.into_boxed_slice();
        Self {
            samples,
            stride,
            channels,
            capacity,
            end: silence,
        }
    }

    /// How many channels there are.
    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// The number of frames held.
    pub(crate) fn end(&self) -> usize {
        self.end
    }

    /// How many more there is room for, once the first `old` of them are dropped.
    pub(crate) fn room(&self, old: usize) -> usize {
        self.capacity - (self.end - old.min(self.end))
    }

    /// Whether as many more fit as it is.
    pub(crate) fn fits(&self, frames: usize) -> bool {
        frames <= self.capacity - self.end
    }

    /// All frames of one channel.
    pub(crate) fn channel(&self, channel: usize) -> &[f32] {
        &self.samples[channel * self.stride..][..self.end]
    }

    /// Has the memory brought near that as many frames would be pushed to.
    pub(crate) fn prefetch(&self, frames: usize) {
        let new = self.end..self.end + frames;
        for line in self.samples.chunks_exact(self.stride) {
            line.get(new.clone()).inspect(|new| prefetch(*new));
        }
    }

    /// Drops the first frames: the others move down by as many.
    pub(crate) fn drop_first(&mut self, frames: usize) {
        let frames = frames.min(self.end);
        for channel in self.samples.chunks_exact_mut(self.stride) {
            channel.copy_within(frames..self.end, 0);
        }
        self.end -= frames;
    }

    /// Nothing but as many frames of silence.
    pub(crate) fn silence(&mut self, frames: usize) {
        let frames = frames.min(self.capacity);
        for channel in self.samples.chunks_exact_mut(self.stride) {
            channel[..frames].fill(0.0);
        }
        self.end = frames;
    }

    /// Has `fill` write as many more frames, which fit. What is not audio becomes silence.
    pub(crate) fn push(&mut self, frames: usize, fill: impl FnOnce(&mut [&mut [f32]])) {
        let new = self.end..self.end + frames;
        // Extended in place: what is collected is moved, and it is 4 kB.
        let mut lines: ArrayVec<&mut [f32], MOST_CHANNELS> = ArrayVec::new();
        let all = self.samples.chunks_exact_mut(self.stride);
        lines.extend(all.map(|line| &mut line[new.clone()]));
        fill(&mut lines);
        // Line by line: the compiler makes vector code of that.
        for line in &mut lines {
            Arch::new().dispatch(|| line.iter_mut().for_each(|sample| *sample = sane(*sample)));
        }
        self.end += frames;
    }
}

/// What is no number, or too large to be added up, is silence; so is what would slow a processor down by being
/// next to nothing (-400 dB).
#[inline(always)]
fn sane(sample: f32) -> f32 {
    if (1e-20..1e30).contains(&sample.abs()) {
        sample
    } else {
        0.0
    }
}

/// As many channels as `Channels` can say.
pub(crate) const MOST_CHANNELS: usize = 255;
/// Samples in a cache line.
const LINE: usize = 16;
