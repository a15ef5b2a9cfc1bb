//! Where packets wait for their turn.

use farsend_units::{Frames, audio_or_silence, is_audio};
use pulp::Arch;

use crate::prefetch::prefetch;

/// Memory for the packets of one peer: a ring of slots, the packet `n` in slot `n mod count`.
///
/// Numbers count from the first packet of the stream (see `JitterBuffer`) and positions are frames
/// of the same line: packet `n` has the frames from `n * period` on. All memory is taken in `new`;
/// what a slot is follows from the format.
#[derive(Debug)]
pub(crate) struct Slots {
    /// Slot after slot, planar within each.
    memory: Box<[f32]>,
    /// Which packet each slot holds.
    numbers: Box<[i64]>,
    count: usize,
    period: usize,
    channels: usize,
}

impl Slots {
    /// Memory for `frames` of `channels`, in at most `most` slots, written to once so that no page
    /// fault waits on the audio thread.
    pub(crate) fn new(frames: usize, channels: usize, most: usize) -> Self {
        let mut memory = Vec::with_capacity(frames * channels);
        memory.resize(frames * channels, 0.0);
        let numbers = vec![NOTHING; most.max(1)].into_boxed_slice();
        Self {
            memory: memory.into_boxed_slice(),
            numbers,
            count: 1,
            period: 0,
            channels,
        }
    }

    /// Empties all and cuts the memory for packets of `period` frames and `channels` (no more than
    /// in `new`): room for `wanted` frames if possible. Returns the number of slots.
    pub(crate) fn set_format(&mut self, period: Frames, channels: usize, wanted: usize) -> usize {
        self.period = period.get();
        self.channels = channels;
        let size = (self.period * channels).max(1);
        self.count = (wanted / self.period.max(1) + 1).min(self.memory.len() / size);
        self.count = self.count.clamp(1, self.numbers.len());
        self.clear();
        self.count
    }

    /// Forgets all packets.
    pub(crate) fn clear(&mut self) {
        self.numbers[..self.count].fill(NOTHING);
    }

    /// How many packets fit.
    pub(crate) fn count(&self) -> i64 {
        self.count as i64
    }

    /// Whether packet `n` is here.
    pub(crate) fn has(&self, n: i64) -> bool {
        self.numbers[self.slot(n)] == n
    }

    /// Takes packet `n`, each channel filled by `decode`, in the place of an older one; not if a
    /// newer one is there. What is no audio becomes silence; returns how many samples that are.
    pub(crate) fn put(&mut self, n: i64, decode: &mut dyn FnMut(usize, &mut [f32])) -> u64 {
        let slot = self.slot(n);
        let size = self.period * self.channels;
        let Some(samples) = self.memory.get_mut(slot * size..(slot + 1) * size) else {
            return 0;
        };
        if self.numbers[slot] >= n || self.period == 0 {
            return 0;
        }
        self.numbers[slot] = n;
        let mut nonsense = 0;
        for (channel, samples) in samples.chunks_exact_mut(self.period).enumerate() {
            decode(channel, samples);
            nonsense += Arch::new().dispatch(|| {
                let mut nonsense = 0_u32;
                for sample in samples {
                    nonsense += u32::from(!is_audio(*sample));
                    *sample = audio_or_silence(*sample);
                }
                u64::from(nonsense)
            });
        }
        nonsense
    }

    /// One channel of packet `n`; silence-to-be (nothing) if the packet or the channel is not here.
    pub(crate) fn samples(&self, n: i64, channel: usize) -> &[f32] {
        if channel >= self.channels || !self.has(n) {
            return &[];
        }
        let from = (self.slot(n) * self.channels + channel) * self.period;
        self.memory.get(from..from + self.period).unwrap_or(&[])
    }

    /// How many frames from `position` on are here without a gap, as far as `most` matter.
    pub(crate) fn available(&self, position: i64, most: i64) -> i64 {
        let period = self.period.max(1) as i64;
        let first = position.div_euclid(period);
        let mut end = first;
        while end - first < self.count() && end * period - position < most && self.has(end) {
            end += 1;
        }
        (end * period - position).clamp(0, most.max(0))
    }

    /// The position of the first frame of packet `n`.
    pub(crate) fn start(&self, n: i64) -> i64 {
        n.saturating_mul(self.period as i64)
    }

    /// The first frame at or behind `position` that is here, up to `most` frames on.
    pub(crate) fn next_after(&self, position: i64, most: i64) -> Option<i64> {
        let period = self.period.max(1) as i64;
        let first = position.div_euclid(period);
        let last = position.saturating_add(most).div_euclid(period);
        let n = (first..=last.min(first.saturating_add(self.count()))).find(|n| self.has(*n))?;
        Some(position.max(n * period))
    }

    /// Has the slot of packet `n` brought near.
    pub(crate) fn prefetch(&self, n: i64) {
        let slot = self.slot(n);
        let size = self.period * self.channels;
        if let Some(samples) = self.memory.get(slot * size..(slot + 1) * size) {
            prefetch(samples);
            prefetch(&self.numbers[slot]);
        }
    }

    /// Copies one channel from `position` on; silence where nothing is.
    pub(crate) fn copy(&self, channel: usize, mut position: i64, mut out: &mut [f32]) {
        let period = self.period.max(1);
        while !out.is_empty() {
            let offset = position.rem_euclid(period as i64) as usize;
            let (part, rest) = out.split_at_mut((period - offset).min(out.len()));
            let samples = self.samples(position.div_euclid(period as i64), channel);
            match samples.get(offset..offset + part.len()) {
                Some(samples) => part.copy_from_slice(samples),
                None => part.fill(0.0),
            }
            position += part.len() as i64;
            out = rest;
        }
    }

    fn slot(&self, n: i64) -> usize {
        n.rem_euclid(self.count as i64) as usize
    }
}

/// No packet has this number.
const NOTHING: i64 = i64::MIN;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_found_by_number_and_the_newer_one_keeps_the_slot() {
        let mut slots = Slots::new(12, 2, 100);
        assert_eq!(slots.set_format(Frames(4), 2, 100), 3);
        for n in [-1, 0, 1, -2] {
            slots.put(n, &mut |channel, out| {
                out.fill(n as f32 + channel as f32 * 0.5);
            });
        }
        assert!(slots.has(-1) && slots.has(0) && slots.has(1) && !slots.has(-2) && !slots.has(2));
        assert_eq!(slots.samples(-1, 1), [-0.5; 4]);
        assert_eq!(
            (
                slots.available(-3, 100),
                slots.available(-3, 5),
                slots.available(8, 5)
            ),
            (11, 5, 0)
        );
        let mut out = [9.0; 6];
        slots.copy(0, 6, &mut out);
        assert_eq!(out, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn what_is_no_audio_becomes_silence_and_is_counted() {
        let mut slots = Slots::new(64, 1, 4);
        slots.set_format(Frames(6), 1, 24);
        let mut put =
            |n, samples: [f32; 6]| slots.put(n, &mut |_, out| out.copy_from_slice(&samples));
        assert_eq!(
            put(5, [0.5, f32::NAN, f32::INFINITY, 1e30, -257.0, -0.25]),
            4
        );
        assert_eq!(
            put(6, [-0.0, 1e-42, 16.0, 256.0, -256.0, 1.0]),
            0,
            "loud, and no more"
        );
        assert_eq!(put(5, [f32::NAN; 6]), 0, "it is there");
        assert_eq!(slots.samples(5, 0), [0.5, 0.0, 0.0, 0.0, 0.0, -0.25]);
        assert_eq!(slots.samples(6, 0), [-0.0, 1e-42, 16.0, 256.0, -256.0, 1.0]);
    }
}
