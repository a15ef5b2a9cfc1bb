//! How long the way there and back is, and whose track it is.

use serde::{Deserialize, Serialize};

/// What became of the delay between the network and the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Delay {
    /// Whether it is kept as it is.
    pub kept: bool,
    /// How often it was changed since the session began: whoever has measured it has to measure it again.
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
