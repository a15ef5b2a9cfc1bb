//! Memory that one plugin instance shares with the engine, and that audio goes through.
//!
//! ```text
//!                     ┌──────────── segment ────────────┐
//!   DAW's process ──▶ │ send ring    ──────────────▶    │ ──▶ take() ──▶ packets
//!   PluginEnd         │ beats, last call, counts        │      EngineEnd
//!   exchange()    ◀── │ return ring  ◀──────────────    │ ◀── release() ◀── jitter buffer
//!                     └─────────────────────────────────┘
//!                       bell: plugin rings, engine polls
//! ```
//!
//! The **send ring** is a queue: the plugin writes each block whether or not anybody reads, and an
//! engine that falls behind by more than the ring's capacity jumps to the newest block.
//!
//! The **return ring** is a time line: the plugin's position goes on by each block's length, even when
//! there was nothing to read. An engine whose position was overtaken jumps to the plugin's before it
//! writes, so what comes late never adds delay.
//!
//! Either process may be killed, be hostile or scribble over the memory. So every end keeps its own
//! positions and its own copy of the geometry, checked once; positions of the other are read once a
//! call, and every index is masked by the own capacity. What can go wrong is the audio. The memory
//! cannot shrink (see [`SegmentHandle`]), and samples that are no numbers are read as 0.

mod engine_end;
mod fade;
mod layout;
mod levels;
mod plugin_end;
mod shared;
mod transport;
mod watch;

use std::io;
#[cfg(unix)]
use std::os::fd::OwnedFd;

use farsend_units::{Channels, Frames, MonoTime, SampleRate};
use thiserror::Error;

pub use engine_end::{EngineEnd, Released};
pub use levels::{Level, Levels};
pub use plugin_end::{Exchanged, PluginEnd};
pub use transport::{Stretch, Transport};
pub use watch::Watch;

use crate::sys;

/// What a segment is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentConfig {
    /// Channels from the plugin to the engine. None is allowed.
    pub send: Channels,
    /// Channels from the engine to the plugin. None is allowed.
    pub receive: Channels,
    /// The host's sampling rate; carried along, not used here.
    pub rate: SampleRate,
    /// Room of each ring: a power of two from 64 to 131072. Some four of the host's largest blocks,
    /// and a few of the network's.
    pub capacity: Frames,
}

/// A segment on its way to the plugin: the memory and the bell, as open descriptors.
///
/// On Linux the memory is an anonymous file, sealed against shrinking, so that no other process can
/// make this one die by `SIGBUS`. It has no name, and is gone with its last user.
#[derive(Debug)]
pub struct SegmentHandle {
    pub(crate) memory: sys::Handle,
    pub(crate) bell: sys::Handle,
}

impl SegmentHandle {
    /// A second handle for the same segment.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            memory: self.memory.try_clone()?,
            bell: self.bell.try_clone()?,
        })
    }

    /// From the descriptors of the memory and of the bell, to be checked by [`PluginEnd::open`].
    #[cfg(unix)]
    pub fn from_descriptors(memory: OwnedFd, bell: OwnedFd) -> Self {
        Self { memory, bell }
    }

    /// The descriptors of the memory and of the bell.
    #[cfg(unix)]
    pub fn into_descriptors(self) -> (OwnedFd, OwnedFd) {
        (self.memory, self.bell)
    }
}

/// Why there is no segment.
#[derive(Debug, Error)]
pub enum SegmentError {
    /// It has no segment's mark, or is no memory at all.
    #[error("this is no segment of Farsend's")]
    NotOurs,
    /// It was made by a program that lays it out differently.
    #[error("a segment of layout {theirs}, where this program knows layout {ours}")]
    OtherVersion {
        /// The layout's version in the segment.
        theirs: u64,
        /// The layout's version in this program.
        ours: u64,
    },
    /// It is smaller than its header says.
    #[error("a segment cut short: {got} bytes, {needed} needed")]
    Cut {
        /// Its size.
        got: u64,
        /// The size it should have.
        needed: u64,
    },
    /// Its numbers make no sense together, or what was asked for does not.
    #[error(
        "no segment can have {send} and {receive} channels, a capacity of {capacity} frames at {rate} Hz"
    )]
    Geometry {
        /// Channels to the engine.
        send: u64,
        /// Channels to the plugin.
        receive: u64,
        /// Frames in a ring.
        capacity: u64,
        /// Frames a second.
        rate: u64,
    },
    /// Another process could shrink it.
    #[error("a segment that is not sealed against shrinking")]
    NotSealed,
    /// The system refused, or is one where segments are not supported yet.
    #[error("the system gives no shared memory")]
    System(#[from] io::Error),
}

impl From<sys::MemoryError> for SegmentError {
    fn from(error: sys::MemoryError) -> Self {
        match error {
            sys::MemoryError::NotMemory => Self::NotOurs,
            sys::MemoryError::NotSealed => Self::NotSealed,
            sys::MemoryError::System(error) => Self::System(error),
        }
    }
}

/// The host's last call into the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HostCall {
    /// Calls so far, 1 for the first.
    pub number: u64,
    /// When it began, on the machine's monotonic clock.
    pub at: MonoTime,
    /// The block's length.
    pub block: Frames,
    /// The plugin's position on the return's time line after it, in frames since the start; wraps at
    /// 2^64. See [`EngineEnd::ahead_of`].
    pub position: u64,
}

/// How often something went wrong, since the segment was made. Written by whom it concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SegmentCounts {
    /// Blocks that the plugin got in part.
    pub partial: u64,
    /// Blocks that the plugin got nothing of.
    pub dry: u64,
    /// Frames that the plugin went without, in both kinds.
    pub missing: u64,
    /// Times that the engine was so late that the plugin's audio was overwritten, and jumped.
    pub jumped: u64,
    /// Frames of the return that came too late to be played, by the engine's position.
    pub overtaken: u64,
    /// Frames of the return that the ring had no room for.
    pub refused: u64,
}

#[cfg(all(test, unix))]
mod tests {
    use farsend_units::{Channels, Frames, SampleRate};

    use super::{EngineEnd, Exchanged, PluginEnd, SegmentConfig};

    #[test]
    fn audio_goes_on_where_positions_wrap() {
        let config = SegmentConfig {
            send: Channels(1),
            receive: Channels(1),
            rate: SampleRate::HZ_48000,
            capacity: Frames(256),
        };
        let (mut engine, handle) = EngineEnd::create(config).unwrap();
        let mut plugin = PluginEnd::open(handle).unwrap();
        // As after some million years.
        plugin.start_at(0_u64.wrapping_sub(500));
        engine.start_at(0_u64.wrapping_sub(500));

        let mut expected = Vec::new();
        let mut heard = Vec::new();
        for block in 0..20_usize {
            let input: Vec<f32> = (0..50)
                .map(|frame| (block * 50 + frame) as f32 + 1.0)
                .collect();
            let mut output = [0.0; 50];
            let exchanged = plugin.exchange(&[&input], &mut [&mut output]);
            assert_eq!(exchanged == Exchanged::Fresh, block > 0, "block {block}");
            let mut taken = [0.0; 60];
            assert_eq!(engine.take(&mut [&mut taken]), Frames(50));
            assert_eq!(engine.release(&[&taken[..50]]).written, Frames(50));
            assert_eq!(engine.fill(), 50);
            expected.extend(input);
            heard.extend(output);
        }
        // The first block was dry, and two fade in.
        assert_eq!(heard[150..], expected[100..950]);
        assert_eq!((engine.counts().jumped, engine.counts().overtaken), (0, 50));
    }
}
