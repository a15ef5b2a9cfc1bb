//! A hub and its players, in numbers.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

/// One look at a hub.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Status {
    /// Of the program.
    pub version: String,
    /// Where players log in.
    pub port: u16,
    /// Where their audio goes.
    pub udp_port: u16,
    /// Frames a second of the mix.
    pub rate: u32,
    /// Frames that are mixed at a time.
    pub period: u32,
    /// Who hears whom: `others`, `all`, `loopback` or `none`.
    pub patch: String,
    /// How loud players hear those of other groups; `None`: not at all.
    #[serde(default)]
    pub between_db: Option<f64>,
    /// Where all are heard as late as the latest.
    #[serde(default)]
    pub align: Option<AlignStatus>,
    /// As many players as there may be.
    pub places: usize,
    /// Seconds since its start.
    pub uptime_s: u64,
    /// Share of a core that the audio takes.
    pub busy_percent: f64,
    /// Periods mixed, and those that began late.
    pub periods: u64,
    /// See `periods`.
    pub late_periods: u64,
    /// Who plays.
    pub players: Vec<PlayerStatus>,
    /// What single listeners have otherwise than the rest.
    pub wishes: Vec<Wish>,
    /// Who is not here, and is not to be heard as usual.
    #[serde(default)]
    pub absent: Vec<Absent>,
    /// Who may not log in for a while.
    pub kept_out: Vec<KeptOut>,
    /// How the recording goes, if there is one.
    pub recording: Option<RecordingStatus>,
}

/// A player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlayerStatus {
    /// What they are called here: their name, with a number where several have it; their address if they have none.
    pub name: String,
    /// The user that they have logged in as, where users have passwords.
    #[serde(default)]
    pub user: Option<String>,
    /// Where their audio comes from.
    pub address: SocketAddr,
    /// Whether they are heard now.
    pub present: bool,
    /// Whether they use a Farsend.
    pub is_farsend: bool,
    /// Channels that they send.
    pub sends: u8,
    /// Channels that they hear.
    pub hears: u8,
    /// Frames a second that they send.
    pub rate: u32,
    /// Frames in each of their packets.
    pub period: u32,
    /// Of their samples.
    pub bits: u8,
    /// Milliseconds that their audio waits here.
    pub queue_ms: f64,
    /// The lateness that 95 % of their packets keep below.
    pub jitter_ms: f64,
    /// Packets since they came.
    pub received: u64,
    /// Of which these never came.
    pub lost: u64,
    /// And these came too late.
    pub late: u64,
    /// Share of packets that were lost or late, of late.
    pub loss_percent: f64,
    /// Milliseconds from them into the mix, but for their sound card, where it is known: see `path`.
    pub delay_ms: Option<f64>,
    /// How the network's part of that is known: `measured` all the time, with a Farsend; `log_in`, half the round trip of
    /// their log-in; `unknown`, and taken for nothing.
    #[serde(default)]
    pub path: String,
    /// Peak of what they send, before any gain.
    pub level_db: f32,
    /// For everybody.
    pub gain_db: f64,
    /// For everybody.
    pub muted: bool,
    /// The group that they are in; `None`: they hear all groups, and are heard there.
    #[serde(default)]
    pub group: Option<String>,
    /// How they are held back, where all are heard as late as the latest.
    #[serde(default)]
    pub aligned: Option<Aligned>,
}

/// Mixes in which all have the same delay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlignStatus {
    /// That delay in milliseconds, once somebody's is known.
    pub delay_ms: Option<f64>,
    /// Milliseconds that somebody is held back for at most.
    pub bound_ms: f64,
}

/// How a player is held back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aligned {
    /// Milliseconds that their audio waits for longer than it would.
    pub added_ms: f64,
    /// `with` the others or on the way there; `late`, and not waited for; `early`, by more than the bound.
    pub standing: String,
}

/// What a listener has otherwise of a player.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Wish {
    /// Who hears.
    pub listener: String,
    /// Who is heard.
    pub player: String,
    /// How loud.
    pub gain_db: f64,
    /// -1 (left) to 1 (right).
    pub pan: Option<f64>,
    /// Whether not at all.
    pub muted: bool,
    /// Whether only such players are heard.
    pub solo: bool,
}

/// Somebody who is not here, and what was asked for of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Absent {
    /// What they were called.
    pub name: String,
    /// Where they were.
    pub host: IpAddr,
    /// For everybody.
    pub gain_db: f64,
    /// For everybody.
    pub muted: bool,
    /// Whose group they come back into.
    #[serde(default)]
    pub group: Option<String>,
}

/// Somebody who was sent away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptOut {
    /// From where.
    pub host: IpAddr,
    /// Under which name; `None`: under any.
    pub name: Option<String>,
    /// This user, wherever they are.
    #[serde(default)]
    pub user: Option<String>,
    /// For how long still.
    pub seconds: u64,
}

/// A recording of everybody and the mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordingStatus {
    /// Where the files are.
    pub folder: String,
    /// How many there are.
    pub files: u32,
    /// How long it is.
    pub seconds: f64,
    /// Bytes of audio that were written.
    pub bytes: u64,
    /// Frames at which something is silence, since the disk was too slow.
    pub missed_frames: u64,
    /// Samples beyond full scale that were clipped.
    pub clipped: u64,
    /// Whether the disk refused something: nothing more is recorded then.
    pub stopped: bool,
}
