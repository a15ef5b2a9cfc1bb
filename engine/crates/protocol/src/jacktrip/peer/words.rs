//! What a [`Peer`](super::Peer) is told at the start, and what it says.

use std::net::SocketAddr;
use std::time::Duration;

use farsend_wire::jacktrip::{
    CONTROL_LEN, DatagramError, Format, HeaderKind, Hearing, Keep, Kept, Name, Reception, Wanted,
};

pub use super::talk::{MAX_REMARK, Remark, Talked};

/// How a [`Peer`](super::Peer) behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerConfig {
    /// Without audio for so long, the peer is reported as quiet.
    pub quiet_limit: Duration,
    /// Without audio for so long, the session ends (JackTrip's `-t`); for a client also when it was never
    /// answered. `None`: never.
    pub give_up: Option<Duration>,
    /// A server takes another peer when its own was quiet for so long.
    pub takeover_after: Duration,
    /// A server sends audio to one who was heard for a moment only until nothing has come from there for so long. Their next datagram has it
    /// begin again.
    pub forget_after: Duration,
    /// Between two pings, which only another Farsend answers.
    pub ping_every: Duration,
    /// Whether to take repair datagrams from another Farsend, and to tell it so.
    pub repair: bool,
    /// The header in front of each packet.
    pub header: HeaderKind,
    /// The format of the peer's stream, for headers other than the default.
    pub fallback: Option<Format>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            quiet_limit: Duration::from_millis(500),
            give_up: None,
            takeover_after: Duration::from_secs(5),
            forget_after: Duration::from_secs(10),
            ping_every: Duration::from_secs(1),
            repair: true,
            header: HeaderKind::Default,
            fallback: None,
        }
    }
}

/// What to do with a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "audio is to be passed to the depacketizer"]
pub enum Verdict {
    /// It is the peer's audio: pass it to the depacketizer, once that knows what it continues.
    Audio(Continuity),
    /// It is the peer's, for the [`Decoder`](crate::repair::Decoder).
    Repair,
    /// It was for control, and is dealt with.
    Consumed,
    /// Somebody else sent it.
    Stranger,
    /// The peer sent it, but it is no audio datagram.
    Malformed(DatagramError),
    /// It means nothing now.
    Ignored,
}

/// What a datagram continues, for [`Depacketizer::note`](crate::jacktrip::Depacketizer::note).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Continuity {
    /// The one before it.
    GoesOn,
    /// The same sender, who was quiet.
    AfterBreak,
    /// Nothing: it is the first of a sender.
    NewSender,
}

/// What to do next. Poll after every input, until [`Output::Wait`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Output {
    /// Send this control datagram.
    Send {
        /// Whom to send it, named as the socket names it.
        to: SocketAddr,
        /// All of it.
        payload: [u8; CONTROL_LEN],
    },
    /// Report this to the control plane.
    Event(Event),
    /// The peer, a Farsend, says how our audio comes: for the [`Policy`](crate::repair::Policy).
    Reception(Reception),
    /// What people write to each other: tell them.
    Talked(Talked),
    /// The peer, a Farsend, is called this from now on; empty: it has no name any more.
    Called(Name),
    /// The peer asks for audio again: for the [`Encoder`](crate::repair::Encoder), and for the [`History`](crate::repair::History) where it is long ago.
    Wanted(Wanted),
    /// The peer, a Farsend, records: for the [`History`](crate::repair::History).
    Keep(Keep),
    /// The peer says what it keeps of its audio: for the [`Fetcher`](crate::repair::Fetcher).
    Kept(Kept),
    /// The peer says what it was playing as it captured something: for the [`Relation`](crate::hearing::Relation).
    Hearing(Hearing),
    /// Nothing more to do before [`Peer::next_timeout`](super::Peer::next_timeout).
    Wait,
}

/// What happened to the session. Addresses are in the form to show: IPv4 where it is IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The first audio came.
    Arrived {
        /// From here.
        from: SocketAddr,
        /// And what it is.
        format: Format,
    },
    /// No audio came for `quiet_limit`.
    FellQuiet,
    /// Audio comes again.
    Returned,
    /// The peer has said that it stops. A server is free for the next one, a client is over.
    Left,
    /// The hub that we have called sends us away; its goodbye follows.
    SentAway {
        /// For so long it does not let us in again; 0: we may come at once.
        seconds: u32,
    },
    /// No audio came for `give_up`. A server is free for the next one, a client is over.
    GaveUp,
    /// One who was heard for a moment only was not heard for `forget_after`: a server sends nothing there any more, and is free for
    /// whoever comes next.
    Forgotten,
    /// The peer announces something else than before.
    FormatChanged {
        /// What it was.
        from: Format,
        /// What it is now.
        to: Format,
    },
    /// Another peer has taken the place of one that was quiet for long.
    Replaced {
        /// Who was quiet.
        from: SocketAddr,
        /// Who came.
        to: SocketAddr,
        /// And what it sends.
        format: Format,
    },
}

/// How many of what a [`Peer`](super::Peer) has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PeerCounts {
    /// Datagrams from others than the peer.
    pub strangers: u64,
    /// Of those, stop datagrams: somebody mistakes the port, or wants to disturb.
    pub stranger_stops: u64,
    /// Payloads that are no audio datagrams, of the peer or while there was none.
    pub malformed: u64,
    /// Control datagrams of the peer that mean nothing to us.
    pub unknown_controls: u64,
    /// Times that another peer took the place of a quiet one.
    pub replaced: u64,
    /// Events that were never polled.
    pub forgotten_events: u64,
}
