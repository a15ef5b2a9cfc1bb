//! What the jitter buffer is told and what it tells.

use std::time::Duration;

use farsend_units::{Channels, Frames, SampleRate};

use crate::conceal::Conceal;

/// What a buffer is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BufferConfig {
    /// Local channels: what [`JitterBuffer::pull`] fills.
    pub channels: Channels,
    /// The rate of what is pulled.
    pub rate: SampleRate,
    /// How much delay is kept against lateness.
    pub depth: DepthPolicy,
    /// The largest local block, up to 8192 frames.
    pub block: Frames,
    /// What is played instead of what is missing.
    pub conceal: Conceal,
}

/// How much delay is kept against packets that come late.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum DepthPolicy {
    /// A queue of so many packets of the peer (JackTrip's `-q`), at least 1.
    Fixed(u16),
    /// As much as the lateness that is seen makes worth its delay.
    Auto {
        /// No more than this against lateness, whatever comes of it.
        latency_target: Option<Duration>,
        /// As much as it takes for all but this share (0 to 1) of the packets to be in time.
        dry_target: Option<f64>,
    },
}

impl DepthPolicy {
    /// The automatic one, without a target.
    pub const AUTO: Self = Self::Auto {
        latency_target: None,
        dry_target: None,
    };

    /// The packets of a fixed queue; 1 for an automatic one.
    pub fn queue(self) -> u16 {
        match self {
            Self::Fixed(queue) => queue.max(1),
            Self::Auto { .. } => 1,
        }
    }
}

/// How late packets came, after the earliest ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Jitter {
    /// Half of all packets came within this, ...
    pub half: Duration,
    /// ... 95 % within this, ...
    pub most: Duration,
    /// ... and 99.9 %.
    pub nearly_all: Duration,
}

/// How long what is heard has waited in a buffer, counted from when it would have been there had it come as early as any
/// of the peer's packets: with the path's least delay that is its age since it was captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wait {
    /// The block that was played last.
    pub now: Duration,
    /// The same if the stream were not held back.
    pub own: Duration,
}

/// Why a peer's format cannot be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsupported {
    /// A period of no frames, or of more than 8192.
    #[error("a period of {}: 1 to {LONGEST_PERIOD} frames are possible", period)]
    Period {
        /// What was asked for.
        period: Frames,
    },
    /// A rate that no sound card has.
    #[error("a rate of {} Hz: 4000 to 384000 are possible", rate.0)]
    Rate {
        /// What was asked for.
        rate: SampleRate,
    },
    /// A rate that is too far from our own to be converted.
    #[error("a rate of {} Hz, more than nine times {} Hz or less than a ninth", rate.0, own.0)]
    TooFar {
        /// What was asked for.
        rate: SampleRate,
        /// Ours.
        own: SampleRate,
    },
    /// A rate for which no kernel was made.
    #[error("a rate of {} Hz, which nothing here is prepared for", rate.0)]
    NoKernel {
        /// What was asked for.
        rate: SampleRate,
    },
    /// The queue in packets of this period is longer than the buffer's memory.
    #[error("a queue of {queue} packets of {period} is more than the {room} that the buffer holds")]
    TooDeep {
        /// The configured queue length.
        queue: u16,
        /// The peer's period.
        period: Frames,
        /// What the buffer holds.
        room: Frames,
    },
}

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// By itself, as the newest of its datagram: its arrival tells of the peer's clock and of the path.
    Direct,
    /// As an older copy along with a newer packet.
    Copy,
    /// Calculated from others: it was lost, and what brought it came some packets later.
    Repaired,
}

impl Origin {
    /// Whether its arrival tells when the packet was sent.
    pub const fn is_direct(self) -> bool {
        matches!(self, Self::Direct)
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// In its place, to be played.
    Placed,
    /// In its place, from a redundant copy.
    Revived,
    /// In its place, calculated from others.
    Repaired,
    /// It came after its turn.
    Late,
    /// It was there already.
    Duplicate,
    /// It is far from all before it: the buffer anchors anew with it.
    Restarted,
    /// No format is set: it was dropped.
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
    /// With silence, or the end of a fade: there is no stream, or it has not begun to sound.
    Idle,
}

/// What happened since the buffer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BufferCounts {
    /// Packets that came, each counted once, late ones included.
    pub received: u64,
    /// Packets of those that came after their turn.
    pub late: u64,
    /// Packets that were missing at their turn though later ones had come, and did not come since:
    /// one that still comes is taken off and counts as late.
    pub lost: u64,
    /// Packets that came once more.
    pub duplicate: u64,
    /// Packets that a redundant copy brought in time, of those received.
    pub revived: u64,
    /// Packets that were calculated from others in time, of those received.
    pub repaired: u64,
    /// Samples that were no audio (not a number, infinite, beyond +48 dB), and are silence instead.
    pub nonsense: u64,
    /// Pulls that had to invent something.
    pub dry: u64,
    /// Frames invented by these.
    pub concealed: u64,
    /// Frames passed over to get back to the wanted depth.
    pub skipped: u64,
    /// How often the depth was raised, or set anew after a break or a jump of the numbers.
    pub reanchored: u64,
    /// How often the delay became another one, in whichever way, with each block of it where it glides: while this stays,
    /// what is heard at even clocks has one delay to the frame.
    pub moves: u64,
}

/// The largest number of frames in one packet.
pub(crate) const LONGEST_PERIOD: u32 = 8192;
