//! How long the way there and back is, and whose track it is.

use serde::{Deserialize, Serialize};

/// What became of the delay between the network and the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delay {
    /// Whether it is kept as it is.
    pub kept: bool,
    /// Whose it is, at a hub of ours: no two players have one number, nor has one who comes back. 0: of the only far end there is, or
    /// no single player is heard.
    pub player: u64,
    /// How often it was changed since the session began, or since the player came: whoever has measured it has to measure it again.
    pub moves: u64,
}

/// A loop that was measured: what is sent is heard again so late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loop {
    /// From the send to the return, both at the plugin, at the session's rate.
    pub frames: u32,
    /// Through whom, as [`Delay::player`].
    pub player: u64,
    /// When that was so, as [`Delay::moves`]: the delay that was measured is another one after the next.
    pub moves: u64,
}

/// Whose track it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct About {
    /// The track's name, or what the user typed.
    pub name: String,
    /// The track's colour: red, green, blue.
    pub colour: Option<[u8; 3]>,
}
