//! The numbers of a session.

use farsend_units::Frames;
use serde::{Deserialize, Serialize};

use super::latency::Delay;
use super::units;

/// How a session's audio does. Counts run from the start of the session.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Statistics {
    /// Packets sent.
    pub sent: u64,
    /// Packets received in time, or at all: lost ones are not among them.
    pub received: u64,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets that a redundant copy brought back.
    pub revived: u64,
    /// Blocks that had to be filled with less than the audio due.
    pub dry: u64,
    /// Packets left out to shorten a queue grown too long.
    pub skipped: u64,
    /// Datagrams that were no audio, or from somebody else.
    pub dropped: u64,
    /// What happened in the last minute.
    pub minute: Minute,
    /// Audio that waits to be played when a block is, at the most; in the peer's frames.
    #[serde(with = "units::frames")]
    pub queued: Frames,
    /// How long it waits, in microseconds.
    pub queue_us: u32,
    /// How long it is meant to wait.
    pub target_us: u32,
    /// How late half of the packets come, 95 % and 99.9 %, after the earliest ones.
    pub jitter_us: [u32; 3],
    /// There and back on the network, without any queue; known between two Farsends only.
    pub round_trip_us: Option<u32>,
    /// The same of a peer that answers nothing of ours, estimated by how its host answers echoes.
    pub round_trip_about_us: Option<u32>,
    /// From the peer's sound card to ours, as estimated from either: half of it, and what waits here.
    pub one_way_us: Option<u32>,
    /// The peer's clock against ours, in millionths; positive when it is fast.
    pub drift_ppm: Option<f32>,
    /// Largest absolute sample of late, of each channel to the peer.
    pub sent_peaks: Vec<f32>,
    /// Largest absolute sample of late, of each channel from the peer.
    pub received_peaks: Vec<f32>,
    /// What the musician could do better, a sentence each.
    pub advice: Vec<String>,
    /// What became of the delay between the network and the plugin.
    pub delay: Delay,
}

/// What happened in the last minute, or since the peer came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Minute {
    /// How long it was, in seconds.
    pub seconds: u32,
    /// Packets that never came.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Blocks that had to be filled with less than the audio due.
    pub dry: u64,
    /// Packets that were lost and came in time all the same: as copies, or calculated.
    pub repaired: u64,
    /// How much was invented, in milliseconds.
    pub concealed_ms: u32,
}
