//! Players as tracks: which of them an instance hears, and who there is.

use serde::{Deserialize, Serialize};

/// Whom an instance hears of its session.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Listening {
    /// All that comes, as it comes.
    #[default]
    Mix,
    /// The player of this name, or at this address where they have none, whenever they are there.
    Player(String),
    /// The next player whom no other instance has picked. Once there was one it is theirs, as with [`Player`](Self::Player).
    Free {
        /// Who that was, if there was one.
        had: Option<String>,
    },
    /// All players of this group.
    Group(String),
}

/// Stereo outputs that an instance can have beside the first.
pub const MOST_OUTPUTS: usize = 8;

/// Who is in a session, and whom one instance hears. What one instance is told.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Players {
    /// Whom it hears: a player's name; `None` where that is no single player, or none yet.
    pub heard: Option<String>,
    /// Whether they are there.
    pub is_there: bool,
    /// What there is to say of that, a sentence; empty if nothing.
    pub says: String,
    /// Whom its further outputs hear, in their order.
    pub outputs: Vec<Option<String>>,
    /// Players that it said it had got, and who are another instance's: it was copied from that. Each with the output, 0 for the track's
    /// own; those outputs wait for the next free player.
    pub copied: Vec<(u8, String)>,
    /// All who are there, in the order of their places.
    pub players: Vec<PlayerInfo>,
    /// The groups that have somebody here.
    pub groups: Vec<String>,
}

/// One who plays.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlayerInfo {
    /// What nobody else of the session is called; their address where they have no name.
    pub name: String,
    /// Where their audio comes from.
    pub address: String,
    /// Channels that they send.
    pub channels: u8,
    /// Whether audio comes.
    pub is_present: bool,
    /// Whether they have a Farsend.
    pub is_farsend: bool,
    /// The colour of what they play on, where they say it: red, green, blue.
    pub colour: Option<[u8; 3]>,
    /// Whether they are muted for everybody at our hub.
    pub is_muted: bool,
    /// Largest sample of late, linear.
    pub level: f32,
    /// From them to us, but for sound cards, in microseconds, where it is known.
    pub delay_us: Option<u32>,
    /// Packets lost or late in the last minute, in percent.
    pub loss_percent: f32,
    /// Their clock against ours, in millionths; positive when it is fast.
    pub drift_ppm: Option<f32>,
    /// Their group.
    pub group: Option<String>,
    /// The instances that have picked them, by their names.
    pub tracks: Vec<String>,
}

/// What a hub is to be like that an instance opens.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HubWish {
    /// As many players as there may be; 0: as many as is usual.
    pub players: u16,
    /// Whom players hear beside what the instances send.
    pub patch: Patch,
    /// Where players need passwords: the files for it.
    pub users: Option<HubUsers>,
}

/// Whom a hub's players hear beside what the instances send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Patch {
    /// All others.
    #[default]
    Others,
    /// All, themselves too.
    All,
    /// Nobody.
    Nobody,
}

/// The files of a hub whose players need passwords, each an absolute path.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HubUsers {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its key, PEM.
    pub key: String,
    /// Users and what their passwords hash to, as JackTrip has it.
    pub users: String,
}
