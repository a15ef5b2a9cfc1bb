//! What plugin and engine tell each other.
//!
//! ```text
//!   plugin                                     engine
//!     ── hello (protocol, program version) ──▶
//!     ◀── hello ────────────────────────────     or the connection ends: another protocol
//!     ── Open(wanted session) ──────────────▶
//!     ◀── Opened, with the segment's handle ─     or Refused
//!     ◀── State(..) ─────────────────────────     on every change
//!     ◀── Statistics(..) ────────────────────     a few times a second
//!     ◀── Players(..) ───────────────────────     on every change
//!     ── Listen(whom to hear) ──────────────▶
//!     ── Close, or the connection's end ────▶
//! ```
//! On the socket a message is a length (`u32`, little endian) and that many bytes of postcard. The
//! greeting is laid out by hand and stays as it is for ever, so that any two versions can tell each
//! other what they are: see [`Hello`].

mod chat;
mod frame;
mod hello;
mod joining;
mod latency;
mod players;
mod session;
mod statistics;
mod takes;
mod units;

use serde::{Deserialize, Serialize};

pub use chat::{ChatLine, Fate};
pub(crate) use frame::encode_raw;
pub use frame::{Deframer, FrameError, MAX_MESSAGE, encode};
pub use hello::{Hello, HelloError, PROTOCOL, Version};
pub use joining::{HubUser, Secret};
pub use latency::{About, Delay, Loop};
pub use players::{HubUsers, HubWish, Listening, MOST_OUTPUTS, Patch, PlayerInfo, Players};
pub use session::{PeerFormat, Role, SessionState, Share, WantedSession};
pub use statistics::{Minute, Statistics};
pub use takes::{Placement, Take, TakeState, TakeWishes, file_name, session_name, take_folder};

/// From a plugin (or a person's command line) to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ToEngine {
    /// Join this session, instead of the one that this connection has now.
    Open(Box<WantedSession>),
    /// Leave the session, and say goodbye to the peer. The connection stays.
    Close,
    /// Tell what you are and do: answered by [`FromEngine::Status`].
    Status,
    /// End all sessions and exit.
    Shutdown,
    /// Record takes of the session, or not. To be said again after each [`FromEngine::Opened`].
    Takes(TakeWishes),
    /// What is sent is heard again so late, as was measured: takes are placed by it where the far end does not say better.
    Loop(Loop),
    /// Hear this of the session from now on: in place of what [`Open`](Self::Open) said, and without a break of anything else.
    Listen(Listening),
    /// The delay of what comes back is to stay as it is from now on, as far as it can, or may follow the network again. Holds for
    /// this connection's session while it is open.
    KeepDelay(bool),
    /// Another queue length for the session that is open, in packets of the peer; 0: automatic. It goes on without a break.
    Queue(u16),
    /// Whose track it is. The session goes on.
    About(About),
    /// The same of its further outputs: in place of [`WantedSession::outputs`], as many as there are.
    Outputs(Vec<Listening>),
    /// Write this to the other end: answered by [`FromEngine::Chat`], as all instances of the session are told.
    Say(String),
}

/// From the engine to a plugin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum FromEngine {
    /// The session is on its way, and this is the memory for its audio: the
    /// [`SegmentHandle`](crate::segment::SegmentHandle) comes along with the message.
    Opened {
        /// Different for each segment that this engine made.
        generation: u64,
    },
    /// How the session stands. Sent on every change, and once a second while that changes a number.
    State(SessionState),
    /// How the audio does. Sent a few times a second while there is a session.
    Statistics(Box<Statistics>),
    /// An [`ToEngine::Open`] that cannot be done.
    Refused {
        /// What is wrong, a sentence for the musician.
        why: String,
        /// What to do about it, a sentence; may be empty.
        advice: String,
    },
    /// The answer to [`ToEngine::Status`].
    Status(EngineStatus),
    /// How this instance shares its session. Sent on every change.
    Sharing(Sharing),
    /// Takes of this session, one for each file, of which something is new: the others are as they were.
    Takes(Vec<Take>),
    /// Who is in the session, and whom this instance hears. Sent on every change, a few times a second at most.
    Players(Box<Players>),
    /// Somebody has written something, or it is known what became of it.
    Chat(ChatLine),
}

/// How an instance shares its session with others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// How many instances share it, this one included.
    pub instances: u32,
    /// What it is about, such as "a call to far.example:4464".
    pub about: String,
    /// Whether it is what this instance would have opened; else another one opened it, and that one's word counts.
    pub as_wanted: bool,
}

/// What an engine is and does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineStatus {
    /// Its process.
    pub pid: u32,
    /// Since when it runs.
    pub uptime_s: u64,
    /// How many connections it has.
    pub connections: u32,
    /// One line for each session.
    pub sessions: Vec<String>,
    /// Whether it ends by itself some time after the last connection.
    pub ends_when_unused: bool,
}
