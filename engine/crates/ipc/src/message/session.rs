//! A session as it is wanted, and as it stands.

use std::fmt;

use farsend_units::{Channels, Frames, SampleRate};
use serde::{Deserialize, Serialize};

use super::joining::HubUser;
use super::players::{HubWish, Listening};
use super::units;

/// The session that a plugin wants; part of its saved state.
///
/// Nothing in it is checked here: the engine does, and answers with `Refused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedSession {
    /// Who calls whom.
    pub role: Role,
    /// The server's or hub's name or address, for a client or member; unused for a server.
    pub host: String,
    /// The UDP port that we bind; of a hub the TCP port, too.
    pub port: u16,
    /// The UDP port of the server, for a client; the TCP port of the hub, for a member.
    pub peer_port: u16,
    /// Channels from this instance to the peer.
    #[serde(with = "units::channels")]
    pub send: Channels,
    /// Channels from the peer to this instance.
    #[serde(with = "units::channels")]
    pub receive: Channels,
    /// Bits of a sample on the wire: 8, 16, 24 or 32.
    pub bits: u8,
    /// Queue length, in packets of the peer; 0: automatic.
    pub queue: u16,
    /// Packets in a datagram, 1 for no redundancy.
    pub redundancy: u8,
    /// Frames in a packet of ours.
    #[serde(with = "units::frames")]
    pub period: Frames,
    /// The host's sampling rate.
    #[serde(with = "units::rate")]
    pub rate: SampleRate,
    /// The largest block that the host may pass.
    #[serde(with = "units::frames")]
    pub block: Frames,
    /// Names this plugin instance in logs and status, such as the track's name.
    pub name: String,
    /// Who we are at a hub; unused but for a member.
    pub user: HubUser,
    /// Which connection is shared with other instances; `None`: this instance has one of its own.
    pub share: Option<Share>,
    /// Whom this instance hears.
    pub listening: Listening,
    /// What its further outputs hear: these are the last of `receive`, two channels each; [`MOST_OUTPUTS`](super::MOST_OUTPUTS) at the most.
    pub outputs: Vec<Listening>,
    /// What the hub is to be like, of a [`Role::Hub`].
    pub hub: HubWish,
}

/// An instance's part in a connection that several instances share. What they send is summed, where it meets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The session's name: instances that say the same share one. Not empty.
    pub session: String,
    /// Channels of the connection each way; 0: those that the instance needs which opens it.
    #[serde(with = "units::channels")]
    pub channels: Channels,
    /// The channel of the connection that this instance's first one is; 0 for the first.
    #[serde(with = "units::channels")]
    pub first: Channels,
}

/// Who calls whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// We wait for the peer's first packet.
    Server,
    /// We call the peer at its address.
    Client,
    /// We log in at a hub.
    Member,
    /// We are the hub, and players log in here.
    Hub,
}

/// How a session stands. Displays as a sentence for the musician, without the advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum SessionState {
    /// Being made: names are looked up, sockets opened.
    Connecting,
    /// A server without a client.
    WaitingForPeer {
        /// The UDP port it waits at.
        port: u16,
    },
    /// A client that has not heard from its server yet.
    Calling {
        /// As the user wrote it.
        host: String,
        /// The server's port.
        port: u16,
        /// For how long it has called.
        heard_nothing_s: u32,
    },
    /// Audio comes and goes.
    Connected {
        /// The peer's address.
        peer: String,
        /// What it sends.
        format: PeerFormat,
    },
    /// The peer was there, and nothing has come from it for a while.
    Quiet {
        /// The peer's address.
        peer: String,
        /// For how long.
        heard_nothing_s: u32,
    },
    /// It cannot go on.
    Failed {
        /// What is wrong, a sentence.
        why: String,
        /// What to do about it, a sentence; may be empty.
        advice: String,
    },
    /// Over, as one of the two wanted.
    Ended {
        /// Who ended it, a sentence.
        why: String,
    },
    /// A member that the hub has not let in yet, or that is not heard there yet.
    Joining {
        /// As the user wrote it.
        host: String,
        /// The hub's TCP port.
        port: u16,
        /// What is in the way, a sentence; may be empty.
        why: String,
    },
    /// The hub does not let us in, and asking again would not change that.
    Denied {
        /// What it says, a sentence.
        why: String,
        /// What to do about it, a sentence; may be empty.
        advice: String,
    },
    /// This instance does not say whom to call, and no other one has opened the session that it names.
    Unopened {
        /// The session's name.
        session: String,
    },
    /// A hub for players to join.
    Hosting {
        /// The TCP port where they log in, and the UDP port of their audio.
        port: u16,
        /// How many are there.
        players: u32,
    },
}

impl SessionState {
    /// True if audio is exchanged with a peer, or with players.
    pub const fn is_connected(&self) -> bool {
        matches!(
            self,
            Self::Connected { .. } | Self::Hosting { players: 1.., .. }
        )
    }

    /// What to do about it, if there is something to be done.
    pub fn advice(&self) -> Option<&str> {
        match self {
            Self::Failed { advice, .. } | Self::Denied { advice, .. } if !advice.is_empty() => {
                Some(advice)
            }
            _ => None,
        }
    }
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting => write!(f, "Connecting"),
            Self::WaitingForPeer { port } => write!(f, "Waiting for a peer at UDP port {port}"),
            Self::Calling {
                host,
                port,
                heard_nothing_s: 0,
            } => write!(f, "Calling {host} port {port}"),
            Self::Calling {
                host,
                port,
                heard_nothing_s,
            } => {
                write!(
                    f,
                    "Calling {host} port {port}, nothing heard for {heard_nothing_s} s"
                )
            }
            Self::Connected { peer, format } => write!(f, "Connected to {peer}: {format}"),
            Self::Quiet {
                peer,
                heard_nothing_s,
            } => {
                write!(f, "Nothing from {peer} for {heard_nothing_s} s")
            }
            Self::Failed { why, .. } | Self::Denied { why, .. } | Self::Ended { why } => {
                f.write_str(why)
            }
            Self::Joining { host, port, why } if why.is_empty() => {
                write!(f, "Joining the hub at {host} port {port}")
            }
            Self::Joining { host, port, why } => {
                write!(f, "Joining the hub at {host} port {port}: {why}")
            }
            Self::Unopened { session } => {
                write!(f, "No instance has opened the session \"{session}\" yet")
            }
            Self::Hosting { port, players: 0 } => {
                write!(f, "A hub at TCP and UDP port {port}; nobody has joined yet")
            }
            Self::Hosting { port, players: 1 } => {
                write!(f, "A hub at TCP and UDP port {port} with 1 player")
            }
            Self::Hosting { port, players } => {
                write!(f, "A hub at TCP and UDP port {port} with {players} players")
            }
        }
    }
}

/// What a peer sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerFormat {
    /// Its sampling rate.
    #[serde(with = "units::rate")]
    pub rate: SampleRate,
    /// Frames in a packet.
    #[serde(with = "units::frames")]
    pub period: Frames,
    /// Channels from it.
    #[serde(with = "units::channels")]
    pub channels: Channels,
    /// Channels that it wants from us.
    #[serde(with = "units::channels")]
    pub wants: Channels,
    /// Bits of a sample.
    pub bits: u8,
    /// Packets in a datagram.
    pub redundancy: u8,
}

impl fmt::Display for PeerFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rate,
            period,
            channels,
            bits,
            redundancy,
            ..
        } = self;
        write!(f, "{channels}, {rate}, {period}, {bits} bit")?;
        if *redundancy > 1 {
            write!(f, ", each packet sent {redundancy} times")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use farsend_units::{Channels, Frames, SampleRate};

    use super::{PeerFormat, SessionState};

    #[test]
    fn a_state_reads_as_a_sentence() {
        let format = PeerFormat {
            rate: SampleRate::HZ_48000,
            period: Frames(128),
            channels: Channels(2),
            wants: Channels(2),
            bits: 16,
            redundancy: 1,
        };
        let state = SessionState::Connected {
            peer: "10.0.0.2:4464".into(),
            format,
        };
        assert_eq!(
            state.to_string(),
            "Connected to 10.0.0.2:4464: 2 channels, 48000 Hz, 128 frames, 16 bit"
        );
        let calling = SessionState::Calling {
            host: "far.example".into(),
            port: 4464,
            heard_nothing_s: 3,
        };
        assert_eq!(
            calling.to_string(),
            "Calling far.example port 4464, nothing heard for 3 s"
        );
    }
}
