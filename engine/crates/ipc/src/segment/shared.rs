//! The segment's memory as atomics: all access to it goes through here.
//!
//! Samples are atomics as well, read and written relaxed (plain moves of the processor), so that
//! nothing the other process does is undefined here. What orders them are the positions.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU32, AtomicU64, fence};

use farsend_units::{Frames, MonoTime};

use super::layout::{Geometry, HEADER, LAYOUT, MAGIC, MOST, Ring, Word};
use super::{HostCall, SegmentConfig, SegmentCounts, SegmentError, Stretch};
use crate::sys;

/// A mapped segment. Its geometry is this process's own copy, and fits the mapping.
#[derive(Debug)]
pub(super) struct Shared {
    memory: sys::Memory,
    geometry: Geometry,
    generation: u64,
}

// SAFETY: the memory is only touched through atomics, and unmapped when the last user is gone.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Makes a segment.
    pub(super) fn create(
        config: SegmentConfig,
        generation: u64,
    ) -> Result<(Self, sys::Handle), SegmentError> {
        let geometry = Geometry::new(config)?;
        let (memory, handle) = sys::Memory::create(geometry.length())?;
        memory.settle();
        let shared = Self {
            memory,
            geometry,
            generation,
        };
        for (word, value) in [
            (Word::Layout, LAYOUT),
            (Word::Generation, generation),
            (Word::SendChannels, u64::from(config.send.0)),
            (Word::ReceiveChannels, u64::from(config.receive.0)),
            (Word::Rate, u64::from(config.rate.0)),
            (Word::Capacity, u64::from(config.capacity.0)),
        ] {
            shared.word(word).store(value, Relaxed);
        }
        shared.word(Word::Magic).store(MAGIC, Release);
        Ok((shared, handle))
    }

    /// Takes on a segment that another process made, after checking it.
    pub(super) fn open(handle: &sys::Handle) -> Result<Self, SegmentError> {
        let memory = sys::Memory::open(handle, MOST)?;
        let got = memory.length();
        if got < HEADER {
            return Err(SegmentError::Cut {
                got: got as u64,
                needed: HEADER as u64,
            });
        }
        // Good for the header only, until the true geometry is known.
        let geometry = Geometry::from_words(0, 0, 1, 64)?;
        let mut shared = Self {
            memory,
            geometry,
            generation: 0,
        };
        if shared.word(Word::Magic).load(Acquire) != MAGIC {
            return Err(SegmentError::NotOurs);
        }
        let theirs = shared.get(Word::Layout);
        if theirs != LAYOUT {
            return Err(SegmentError::OtherVersion {
                theirs,
                ours: LAYOUT,
            });
        }
        let geometry = Geometry::from_words(
            shared.get(Word::SendChannels),
            shared.get(Word::ReceiveChannels),
            shared.get(Word::Rate),
            shared.get(Word::Capacity),
        )?;
        if got < geometry.length() {
            return Err(SegmentError::Cut {
                got: got as u64,
                needed: geometry.length() as u64,
            });
        }
        shared.geometry = geometry;
        shared.generation = shared.get(Word::Generation);
        shared.memory.settle();
        Ok(shared)
    }

    pub(super) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// A word of the header.
    pub(super) fn word(&self, word: Word) -> &AtomicU64 {
        // SAFETY: every `Word` is a multiple of 8 below `HEADER`; the mapping is aligned to pages, at
        // least `HEADER` long, lives as long as `self`, and is only ever accessed through atomics.
        unsafe { AtomicU64::from_ptr(self.memory.base().as_ptr().add(word as usize).cast()) }
    }

    /// A word's value, unordered.
    pub(super) fn get(&self, word: Word) -> u64 {
        self.word(word).load(Relaxed)
    }

    /// Adds to a counter that only this side writes.
    pub(super) fn count(&self, word: Word, more: u64) {
        let word = self.word(word);
        word.store(word.load(Relaxed).wrapping_add(more), Relaxed);
    }

    /// A channel's samples in a ring: as many as the ring has frames, as the bits of `f32`.
    fn samples(&self, ring: Ring, channel: usize) -> &[AtomicU32] {
        let offset = self.geometry.offset(ring, channel);
        // SAFETY: `offset` is a multiple of 4 and `capacity` samples from it on are inside the
        // mapping, since the geometry was checked against its length; as for the rest, see `word`.
        unsafe {
            let first = self.memory.base().as_ptr().add(offset).cast::<AtomicU32>();
            std::slice::from_raw_parts(first, self.geometry.capacity())
        }
    }

    /// Writes `samples` from `position` on: at most a ring full.
    pub(super) fn store(&self, ring: Ring, channel: usize, position: u64, samples: &[f32]) {
        let (late, early) = self.parts(ring, channel, position);
        let (first, second) = samples.split_at(late.len().min(samples.len()));
        for (cells, samples) in [(late, first), (early, second)] {
            for (cell, sample) in cells.iter().zip(samples) {
                cell.store(sample.to_bits(), Relaxed);
            }
        }
    }

    /// Writes silence.
    pub(super) fn store_silence(&self, ring: Ring, channel: usize, position: u64, frames: usize) {
        let (late, early) = self.parts(ring, channel, position);
        late.iter()
            .chain(early)
            .take(frames)
            .for_each(|cell| cell.store(0, Relaxed));
    }

    /// Fills `out` from `position` on: at most a ring full. What is no number is 0.
    pub(super) fn load(&self, ring: Ring, channel: usize, position: u64, out: &mut [f32]) {
        let (late, early) = self.parts(ring, channel, position);
        let (first, second) = out.split_at_mut(late.len().min(out.len()));
        for (cells, out) in [(late, first), (early, second)] {
            for (cell, out) in cells.iter().zip(out) {
                *out = finite(cell.load(Relaxed));
            }
        }
    }

    /// A ring in the order of time: from `position` to the memory's end, and from its start on.
    fn parts(&self, ring: Ring, channel: usize, position: u64) -> (&[AtomicU32], &[AtomicU32]) {
        let samples = self.samples(ring, channel);
        let (early, late) = samples.split_at(position as usize & (samples.len() - 1));
        (late, early)
    }

    /// Notes a call of the host. For the plugin's audio thread alone.
    pub(super) fn set_call(&self, call: HostCall, stretch: Stretch) {
        // Odd while it is being written; the fences keep the words between the two stores.
        let lock = self.get(Word::CallLock) & !1;
        self.word(Word::CallLock)
            .store(lock.wrapping_add(1), Relaxed);
        fence(Release);
        self.word(Word::CallNumber).store(call.number, Relaxed);
        self.word(Word::CallAt).store(call.at.as_nanos(), Relaxed);
        self.word(Word::CallBlock)
            .store(u64::from(call.block.0), Relaxed);
        self.word(Word::CallPosition).store(call.position, Relaxed);
        self.word(Word::StretchNumber)
            .store(stretch.number, Relaxed);
        self.word(Word::StretchRolling)
            .store(u64::from(stretch.rolling), Relaxed);
        self.word(Word::StretchSince).store(stretch.since, Relaxed);
        self.word(Word::StretchTimeline)
            .store(stretch.timeline as u64, Relaxed);
        self.word(Word::StretchRecording)
            .store(u64::from(stretch.recording), Relaxed);
        self.word(Word::CallLock)
            .store(lock.wrapping_add(2), Release);
    }

    /// The host's last call; `None` while it cannot be read whole, which does not last.
    pub(super) fn call(&self) -> Option<HostCall> {
        for _ in 0..4 {
            let lock = self.word(Word::CallLock).load(Acquire);
            let call = HostCall {
                number: self.get(Word::CallNumber),
                at: MonoTime::from_nanos(self.get(Word::CallAt)),
                block: Frames(u32::try_from(self.get(Word::CallBlock)).unwrap_or(u32::MAX)),
                position: self.get(Word::CallPosition),
            };
            fence(Acquire);
            if lock & 1 == 0 && self.get(Word::CallLock) == lock {
                return Some(call);
            }
        }
        None
    }

    /// What the host's transport does; `None` as for [`call`](Self::call).
    pub(super) fn stretch(&self) -> Option<Stretch> {
        for _ in 0..4 {
            let lock = self.word(Word::CallLock).load(Acquire);
            let stretch = Stretch {
                number: self.get(Word::StretchNumber),
                rolling: self.get(Word::StretchRolling) == 1,
                recording: self.get(Word::StretchRecording) == 1,
                since: self.get(Word::StretchSince),
                timeline: self.get(Word::StretchTimeline) as i64,
            };
            fence(Acquire);
            if lock & 1 == 0 && self.get(Word::CallLock) == lock {
                return Some(stretch);
            }
        }
        None
    }

    pub(super) fn counts(&self) -> SegmentCounts {
        SegmentCounts {
            partial: self.get(Word::Partial),
            dry: self.get(Word::Dry),
            missing: self.get(Word::Missing),
            jumped: self.get(Word::Jumped),
            overtaken: self.get(Word::Overtaken),
            refused: self.get(Word::Refused),
        }
    }
}

/// A sample from its bits, 0 for infinities and what is not a number.
fn finite(bits: u32) -> f32 {
    const EXPONENT: u32 = 0x7f80_0000;
    f32::from_bits(if bits & EXPONENT == EXPONENT { 0 } else { bits })
}

#[cfg(test)]
mod tests {
    use super::finite;

    #[test]
    fn what_is_no_number_is_read_as_zero() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(finite(bad.to_bits()).to_bits(), 0);
        }
        for good in [0.0, -0.0, 1.0, -0.5, f32::MAX, f32::MIN_POSITIVE, 1e-40] {
            assert_eq!(finite(good.to_bits()).to_bits(), good.to_bits());
        }
    }
}
