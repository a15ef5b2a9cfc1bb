//! Where the takes are, and whose of them each output of a track hears.

use std::collections::BTreeSet;
use std::path::PathBuf;

use farsend_units::SampleRate;

/// What is to be played back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The folder of the takes.
    pub folder: PathBuf,
    /// The host's rate.
    pub rate: SampleRate,
    /// For each output of the track; all but the first are stereo.
    pub whose: Vec<Whose>,
}

impl Place {
    /// All takes of a folder, for a track with one output.
    pub fn all(folder: PathBuf, rate: SampleRate) -> Self {
        Self {
            folder,
            rate,
            whose: vec![Whose::Everybody],
        }
    }
}

/// Of all players of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Whose {
    /// All of them.
    #[default]
    Everybody,
    /// Those of these names.
    Of(Vec<String>),
    /// The same, unless there is nobody of that name: a call has one player, whoever was picked.
    Perhaps(String),
}

impl Whose {
    /// Whether this is about the player of this name, where takes of all of these are there.
    pub fn is(&self, player: &str, all: &BTreeSet<String>) -> bool {
        match self {
            Self::Everybody => true,
            Self::Of(names) => names.iter().any(|name| name == player),
            Self::Perhaps(name) => name == player || !all.contains(name),
        }
    }
}

/// Channels of each output but the first.
pub(super) const STEREO: usize = 2;
