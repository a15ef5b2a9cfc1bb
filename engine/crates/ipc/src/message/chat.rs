//! What people write to each other.

use serde::{Deserialize, Serialize};

/// A line of a session's chat, as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatLine {
    /// Its number in the session. A line that is told again has changed its [`Fate`].
    pub number: u64,
    /// Who wrote it; `None`: somebody at this end.
    pub from: Option<String>,
    /// Text without control characters, not empty.
    pub text: String,
    /// Whether it has arrived.
    pub fate: Fate,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fate {
    /// On its way.
    Sent,
    /// The other end has it; of all that others wrote.
    Arrived,
    /// The other end does not have it: it is not there, or a JackTrip.
    Lost,
}
