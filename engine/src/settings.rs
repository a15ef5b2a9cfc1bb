//! What a session is to be: said once, by the command line, JackTrip's command line or a plugin.

use std::path::PathBuf;
use std::time::Duration;

use farsend_stream::{Conceal, DepthPolicy};
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::jacktrip::{HeaderKind, Name};
use farsend_wire::sample::SampleFormat;

use crate::credentials::Credentials;

/// Most channels each way: what a plugin, a JACK client and the meters are sized for.
pub const MAX_CHANNELS: usize = 64;

/// JackTrip's port, for both ends.
pub const DEFAULT_PORT: u16 = 4464;

/// One session with one peer, which may be a hub, whoever paces it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionSettings {
    /// Who calls whom.
    pub role: Role,
    /// What we are called, for a peer that is a Farsend; empty: nothing. A hub is told at the log-in: see [`Role::Member`].
    pub name: Name,
    /// The UDP port of our own.
    pub bind_port: u16,
    /// Whether any other port will do where that one is taken: who is called answers to wherever it is called from.
    pub or_any_port: bool,
    /// Channels that we send.
    pub send: Channels,
    /// Channels that we want from the peer.
    pub receive: Channels,
    /// How samples go out. `None`: 16 bit, or as the peer sends its own where we hear it first.
    pub samples: Option<SampleFormat>,
    /// How much is kept before playing.
    pub depth: DepthPolicy,
    /// Packets in each datagram.
    pub redundancy: u8,
    /// Whether loss is repaired, where the peer is a Farsend that does so too. Not sent with `redundancy`.
    pub repair: bool,
    /// What is played in place of what is missing.
    pub conceal: Conceal,
    /// Who we are at a hub that lets in only users with a password.
    pub credentials: Option<Credentials>,
    /// The header before each packet.
    pub header: HeaderKind,
    /// How long a peer may be silent before the session ends; `None`: for ever.
    pub give_up: Option<Duration>,
    /// Whether the session ends with its peer, or waits for it (or the next one) to come back.
    pub once: bool,
    /// Whether what is received is sent back instead of the input.
    pub loopback: bool,
}

/// Who calls whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Waits for a peer to call.
    Server,
    /// Calls a peer.
    Client {
        /// A name or an address, as typed.
        host: String,
        /// The peer's UDP port.
        port: u16,
    },
    /// Joins a hub: logs in, and then calls where it is told to.
    Member {
        /// A name or an address, as typed.
        host: String,
        /// The hub's TCP port.
        port: u16,
        /// What we are called there; empty: the hub chooses.
        name: Name,
    },
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            role: Role::Server,
            name: Name::EMPTY,
            bind_port: DEFAULT_PORT,
            or_any_port: false,
            send: Channels(2),
            receive: Channels(2),
            samples: None,
            depth: DepthPolicy::AUTO,
            redundancy: 1,
            repair: true,
            conceal: Conceal::Predict,
            credentials: None,
            header: HeaderKind::Default,
            give_up: None,
            once: false,
            loopback: false,
        }
    }
}

impl SessionSettings {
    /// How the first datagram's samples go out.
    pub fn first_samples(&self) -> SampleFormat {
        self.samples.unwrap_or(SampleFormat::I16)
    }
}

/// Who paces the audio thread, and where audio comes from and goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BackendSettings {
    /// A JACK server.
    Jack {
        /// The JACK client's name.
        name: String,
        /// Whether to connect to the physical ports.
        connect: bool,
    },
    /// The machine's clock; sends silence and drops what comes (or loops it back).
    Timer {
        /// Frames a second.
        rate: SampleRate,
        /// Frames a period.
        period: Frames,
    },
    /// The machine's clock, with WAV files for ears and voice.
    File {
        /// Sent from its beginning once the peer is there.
        input: Option<PathBuf>,
        /// What the peer sends, from the same moment on.
        record: Option<PathBuf>,
        /// Frames a second; `None`: the input's, or 48 kHz without one.
        rate: Option<SampleRate>,
        /// Frames a period.
        period: Frames,
        /// How long to go on receiving after the input's end.
        tail: Duration,
    },
}
