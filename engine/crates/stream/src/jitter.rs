//! The jitter buffer of one peer: packets in by number, frames out in order.

use farsend_units::{Channels, Frames, MonoTime, SampleRate};

/// What a buffer is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferConfig {
    /// Local channels: what [`JitterBuffer::pull`] fills.
    pub channels: Channels,
    /// The rate of both ends.
    pub rate: SampleRate,
    /// The queue length (`-q`) in packets of the peer, at least 1.
    pub queue: u16,
    /// The largest local block.
    pub block: Frames,
    /// What is played instead of what is missing.
    pub conceal: Conceal,
}

/// What is played instead of what is missing. None of it clicks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conceal {
    /// The last frames backwards, faded to silence over 15 ms.
    #[default]
    Fade,
    /// Silence, after a ramp of 1.3 ms.
    Zero,
    /// The last period over and over.
    Wavetable,
}

/// Why a peer's format cannot be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A period of no frames, or of more than 8192.
    #[error("a period of {} frames: 1 to 8192 are possible", period.0)]
    Period {
        /// What was asked for.
        period: Frames,
    },
    /// The queue in packets of this period is longer than the buffer's memory.
    #[error("a queue of {queue} packets of {} frames is longer than the buffer of {}", period.0, room.0)]
    TooDeep {
        /// The configured queue length.
        queue: u16,
        /// The peer's period.
        period: Frames,
        /// What the buffer holds.
        room: Frames,
    },
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// In its place, to be played.
    Placed,
    /// In its place, from a redundant copy.
    Revived,
    /// Came after its turn.
    Late,
    /// Was there already.
    Duplicate,
    /// Far from all before it: the buffer starts anew with it.
    Restarted,
    /// No format is set: dropped.
    NoFormat,
}

/// How a block was filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "says whether this is the peer's audio"]
pub enum Pulled {
    /// With the peer's audio.
    Fresh,
    /// Some of it was missing and is invented.
    Concealed,
    /// With silence, or the end of a fade: there is no stream, or it has not begun.
    Idle,
}

/// What happened since the buffer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufferCounts {
    /// Packets that came for the first time, late ones included.
    pub received: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that were not there at their turn while later ones were, and never came since.
    pub lost: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets that only a redundant copy brought in time.
    pub revived: u64,
    /// Pulls that had to invent something.
    pub dry: u64,
    /// Frames invented.
    pub concealed: u64,
    /// Frames thrown away to get back to the wanted depth.
    pub skipped: u64,
    /// How often the depth was raised, or set anew after a break or a jump of the numbers.
    pub reanchored: u64,
}

/// One peer's packets, in order.
#[derive(Debug)]
pub struct JitterBuffer {
    config: BufferConfig,
    counts: BufferCounts,
}

impl JitterBuffer {
    /// An empty buffer without a format. Allocates all it will ever need.
    pub fn new(config: BufferConfig) -> Self {
        Self {
            config,
            counts: BufferCounts::default(),
        }
    }

    /// Takes packets of `period` frames and `peer_channels` from now on, and forgets all others.
    pub fn set_format(
        &mut self,
        period: Frames,
        _peer_channels: Channels,
    ) -> Result<(), Unsupported> {
        if period.0 == 0 || period.0 > 8192 {
            Err(Unsupported::Period { period })
        } else {
            Ok(())
        }
    }

    /// Takes one packet.
    pub fn insert(
        &mut self,
        _number: i64,
        _at: MonoTime,
        _redundant: bool,
        _decode: &mut dyn FnMut(usize, &mut [f32]),
    ) -> Inserted {
        Inserted::NoFormat
    }

    /// To be called once a local block, right before it is played.
    pub fn settle(&mut self, _ahead: Frames, _block: Frames) {}

    /// Frames that can be pulled now without inventing any.
    pub fn ready(&self) -> Frames {
        Frames::ZERO
    }

    /// Fills `out`.
    pub fn pull(&mut self, out: &mut [&mut [f32]]) -> Pulled {
        out.iter_mut().for_each(|channel| channel.fill(0.0));
        Pulled::Idle
    }

    /// Forgets the stream, silent at once.
    pub fn reset(&mut self) {}

    /// Forgets the stream with a short fade.
    pub fn fade_out(&mut self) {}

    /// What happened so far.
    pub fn counts(&self) -> BufferCounts {
        self.counts
    }

    /// Frames between the next one to be pulled and the end of the newest packet.
    pub fn queued(&self) -> Frames {
        Frames::ZERO
    }

    /// The peer's clock against ours in ppm, once known.
    pub fn drift(&self) -> Option<f64> {
        None
    }

    /// What it was made for.
    pub fn config(&self) -> BufferConfig {
        self.config
    }
}
