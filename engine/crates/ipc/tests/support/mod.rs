//! What the tests of the segment have in common.
#![allow(
    unsafe_code,
    reason = "a plugin that breaks the rules writes to the memory itself"
)]
#![allow(
    unreachable_pub,
    reason = "every test file has it as a module of its own"
)]
#![allow(dead_code, reason = "no test file uses all of it")]

use std::os::fd::OwnedFd;
use std::sync::atomic::AtomicU64;

use farsend_ipc::segment::{EngineEnd, PluginEnd, SegmentConfig, SegmentHandle};
use farsend_units::{Channels, Frames, SampleRate};

/// A segment for `channels` both ways.
pub fn config(channels: u8, capacity: u32) -> SegmentConfig {
    SegmentConfig {
        send: Channels(channels),
        receive: Channels(channels),
        rate: SampleRate::HZ_48000,
        capacity: Frames(capacity),
    }
}

/// Both ends of a segment, in this process.
pub fn ends(channels: u8, capacity: u32) -> (EngineEnd, PluginEnd) {
    let (engine, handle) = EngineEnd::create(config(channels, capacity)).unwrap();
    (engine, PluginEnd::open(handle).unwrap())
}

/// Frames of a fade at 48 kHz.
pub const FADE: usize = 96;

/// Planar audio that one can borrow as slices.
#[derive(Debug, Clone, PartialEq)]
pub struct Block(pub Vec<Vec<f32>>);

impl Block {
    /// Zeros.
    pub fn silent(channels: usize, frames: usize) -> Self {
        Self(vec![vec![0.0; frames]; channels])
    }

    /// A rising line from `first` on, each channel a million above the one before; exact in `f32`.
    pub fn ramp(channels: usize, first: usize, frames: usize) -> Self {
        let sample = |channel: usize, frame: usize| (channel * 1_000_000 + first + frame) as f32;
        let line = |channel| (0..frames).map(|frame| sample(channel, frame)).collect();
        Self((0..channels).map(line).collect())
    }

    pub fn channels(&self) -> Vec<&[f32]> {
        self.0.iter().map(Vec::as_slice).collect()
    }

    pub fn channels_mut(&mut self) -> Vec<&mut [f32]> {
        self.0.iter_mut().map(Vec::as_mut_slice).collect()
    }

    pub fn samples(&self) -> impl Iterator<Item = f32> {
        self.0.iter().flatten().copied()
    }
}

/// What the engine of these tests does: returns all it gets. Gives back what that was.
pub fn loop_back(engine: &mut EngineEnd, channels: usize) -> Block {
    let frames = engine.available().get();
    let mut block = Block::silent(channels, frames);
    let taken = engine.take(&mut block.channels_mut()).get();
    block
        .0
        .iter_mut()
        .for_each(|channel| channel.truncate(taken));
    let _ = engine.release(&block.channels());
    block
}

/// A segment's memory, as somebody maps it who is up to no good.
pub struct Scribbler(memmap2::MmapRaw);

impl Scribbler {
    /// Maps it, and hands the handle back.
    pub fn new(handle: SegmentHandle) -> (Self, SegmentHandle) {
        let (memory, bell) = handle.into_descriptors();
        let map = memmap2::MmapRaw::map_raw(&memory).unwrap();
        (Self(map), SegmentHandle::from_descriptors(memory, bell))
    }

    /// The word at this offset, which is a multiple of 8 inside the memory.
    pub fn word(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8) && offset + 8 <= self.0.len());
        // SAFETY: aligned and inside the mapping; all who use it use atomics.
        unsafe { AtomicU64::from_ptr(self.0.as_mut_ptr().add(offset).cast()) }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// An anonymous file, sealed against shrinking or not.
pub fn memory(bytes: &[u8], sealed: bool) -> OwnedFd {
    use nix::fcntl::{FcntlArg, SealFlag, fcntl};
    use nix::sys::memfd::{MFdFlags, memfd_create};
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let file = memfd_create(c"test", flags).unwrap();
    let mut written = std::fs::File::from(file.try_clone().unwrap());
    std::io::Write::write_all(&mut written, bytes).unwrap();
    if sealed {
        fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK)).unwrap();
    }
    file
}

/// A bell for those who need any.
pub fn bell() -> OwnedFd {
    std::fs::File::options()
        .write(true)
        .open("/dev/null")
        .unwrap()
        .into()
}
