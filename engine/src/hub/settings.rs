//! What a hub is to be.

use std::path::PathBuf;
use std::time::Duration;

use farsend_stream::{Conceal, DepthPolicy};
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::sample::SampleFormat;

use super::{AuthSettings, OscPort, PatchMode};
use crate::record::Depth;

/// One hub.
#[derive(Debug, Clone, PartialEq)]
pub struct HubSettings {
    /// Players log in at this TCP port.
    pub port: u16,
    /// And send their audio, all of them, to this UDP port.
    pub udp_port: u16,
    /// Or each to one of their own: the lowest from that on that is free.
    pub port_each: bool,
    /// Where OSC is taken.
    pub osc: OscPort,
    /// Frames a second of the mix.
    pub rate: SampleRate,
    /// Frames that are mixed at a time; 0: as the sound server has them, or 128.
    pub period: Frames,
    /// Where users need a password: the files for it.
    pub auth: Option<AuthSettings>,
    /// Who hears whom.
    pub patch: PatchMode,
    /// Whether a player who sends one channel is heard in both.
    pub upmix: bool,
    /// The hub's own input and output.
    pub local: Option<LocalSettings>,
    /// Whether what is captured there is in the players' mixes, beside what `patch` says.
    pub include_local: bool,
    /// As many players as there may be.
    pub players: usize,
    /// How samples go out. `None`: to each player as the player sends them.
    pub samples: Option<SampleFormat>,
    /// How much of each player is kept before it is mixed.
    pub depth: DepthPolicy,
    /// Whether all are heard as late as the latest, and for how long anybody is held back for that at most.
    pub align: bool,
    /// See `align`.
    pub align_bound: Duration,
    /// Whether loss is repaired, with players that are Farsends.
    pub repair: bool,
    /// What is heard in place of what is missing.
    pub conceal: Conceal,
    /// Where everything is recorded, and how; `None`: nowhere.
    pub record: Option<RecordSettings>,
}

/// A recording of all players and the mix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSettings {
    /// Each run of the hub makes a folder of its own in here.
    pub folder: PathBuf,
    /// How the players' samples are written. The mix is always written as floats: a sum goes beyond full scale.
    pub depth: Depth,
}

/// Nobody is held back for longer, unless told.
pub const ALIGN_BOUND: Duration = Duration::from_millis(100);

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            port: crate::settings::DEFAULT_PORT,
            udp_port: crate::settings::DEFAULT_PORT,
            port_each: false,
            osc: OscPort::OfDoor,
            rate: SampleRate::HZ_48000,
            period: Frames(128),
            auth: None,
            patch: PatchMode::Others,
            upmix: false,
            local: None,
            include_local: false,
            players: 512,
            samples: None,
            depth: DepthPolicy::AUTO,
            align: false,
            align_bound: ALIGN_BOUND,
            repair: true,
            conceal: Conceal::Predict,
            record: None,
        }
    }
}

/// What comes in there the players hear, what they play leaves through it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalSettings {
    /// Each way.
    pub channels: Channels,
    /// Where from and where to.
    pub through: Through,
}

/// How a hub hears and is heard itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Through {
    /// As a JACK client. JACK paces the hub then.
    Jack {
        /// The client's name.
        name: String,
        /// Connect to the sound card's ports.
        connect: bool,
    },
    /// By WAV files, from the moment that the first player is there.
    Files {
        /// What the players hear, converted to the mix's rate.
        input: Option<PathBuf>,
        /// What they play together.
        output: Option<PathBuf>,
    },
    /// By the plugin's instances, whose calls pace the hub then.
    Instances,
}
