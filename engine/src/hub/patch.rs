//! Who hears whom: JackTrip's `-p`.

use std::fmt;
use std::str::FromStr;

/// Which players are in a player's mix. A channel is heard in the channel of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PatchMode {
    /// Each hears what is captured at the hub, and is heard there (0).
    Server,
    /// Only oneself (1).
    Loopback,
    /// All but oneself (2).
    #[default]
    Others,
    /// All (4).
    All,
    /// Nobody (5).
    None,
}

impl PatchMode {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Server,
        Self::Loopback,
        Self::Others,
        Self::All,
        Self::None,
    ];

    /// JackTrip's number for it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Server => 0,
            Self::Loopback => 1,
            Self::Others => 2,
            Self::All => 4,
            Self::None => 5,
        }
    }

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Loopback => "loopback",
            Self::Others => "others",
            Self::All => "all",
            Self::None => "none",
        }
    }
}

impl PatchMode {
    /// How loud others, oneself, and only what is captured at the hub are in a player's mix: 0 or 1.
    pub(super) const fn weights(self) -> Weights {
        let (others, own, local) = match self {
            Self::Server => (0.0, 0.0, 1.0),
            Self::Loopback => (0.0, 1.0, 0.0),
            Self::Others => (1.0, 0.0, 0.0),
            Self::All => (1.0, 1.0, 0.0),
            Self::None => (0.0, 0.0, 0.0),
        };
        Weights { others, own, local }
    }
}

/// What a patch mode makes of everybody's mix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Weights {
    pub(super) others: f32,
    pub(super) own: f32,
    pub(super) local: f32,
}

impl fmt::Display for PatchMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Server => "everyone hears what is played at the hub, and is heard there",
            Self::Loopback => "everyone hears themselves",
            Self::Others => "everyone hears the others",
            Self::All => "everyone hears all, themselves too",
            Self::None => "nobody hears anybody",
        })
    }
}

impl FromStr for PatchMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // JackTrip's 3 does the same as its 0.
        let text = if text == "3" { "0" } else { text };
        Self::ALL
            .into_iter()
            .find(|mode| text == mode.name() || text.parse() == Ok(mode.number()))
            .ok_or_else(|| {
                "expected others (2), all (4), loopback (1), server (0) or none (5)".to_owned()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_named_or_numbered() {
        for mode in PatchMode::ALL {
            assert_eq!(mode.name().parse(), Ok(mode));
            assert_eq!(mode.number().to_string().parse(), Ok(mode));
        }
        assert_eq!("3".parse(), Ok(PatchMode::Server));
        assert!("6".parse::<PatchMode>().is_err() && "".parse::<PatchMode>().is_err());
    }
}
