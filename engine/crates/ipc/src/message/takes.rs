//! Takes: what is to be recorded, and what has been.

use std::fmt;
use std::path::PathBuf;

use farsend_units::SampleRate;
use sanitise_file_name::{Options, sanitise_with_options};
use serde::{Deserialize, Serialize};

use super::Role;
use super::units;

/// Whether an instance wants takes of its session, and where. Sent after each `Opened`, and when it changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TakeWishes {
    /// Record while the host rolls.
    pub record: bool,
    /// A folder for takes, in which each session has one of its own; empty: `Farsend` in the user's folder for music.
    pub folder: String,
}

/// One file of a take, as it is or will be. Known by its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Take {
    /// Where it is.
    pub path: String,
    /// Counts the takes of a session's folder, from 1; the files of one take have one number.
    pub number: u32,
    /// Who plays in it.
    pub player: String,
    /// Its frames a second.
    #[serde(with = "units::rate")]
    pub rate: SampleRate,
    /// Where on the host's timeline it begins, in its own frames.
    pub begins: u64,
    /// Its length.
    pub frames: u64,
    /// How it is known where it belongs.
    pub placement: Placement,
    /// Whether it was bent to lie on the timeline over its whole length, since the far end's clock or queue was not even with ours.
    pub bent: bool,
    /// Packets that were lost, late or overtaken on their way and are in it all the same.
    pub repaired: u64,
    /// Packets that are not in it (yet): silence in their place.
    pub missing: u64,
    /// How far it is.
    pub state: TakeState,
}

/// How it is known where a take belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Placement {
    /// It is what was sent: its place is the host's own.
    Sent,
    /// The far end said what it heard while playing, to the sample.
    Exact,
    /// By a loop that was measured.
    Measured,
    /// By what is known of the way there and back: some milliseconds may be missing.
    Estimated,
}

/// How far a take is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TakeState {
    /// The host rolls.
    Recording,
    /// What is on its way is waited for.
    Finishing,
    /// It can be used.
    Done,
    /// It could not be written: a sentence that says why. What is there may be a part of it.
    Failed(String),
}

impl Take {
    /// Its file's name.
    pub fn name(&self) -> &str {
        let name = self.path.rsplit(std::path::MAIN_SEPARATOR).next();
        name.unwrap_or(&self.path)
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames as f64 / f64::from(self.rate.0.max(1))
    }
}

/// As a sentence: whether it is whole, and how it is placed.
impl fmt::Display for Take {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            TakeState::Failed(why) => return f.write_str(why),
            TakeState::Recording => return f.write_str("recording"),
            TakeState::Finishing => f.write_str("finishing, ")?,
            TakeState::Done => {}
        }
        match self.repaired {
            0 => {}
            1 => f.write_str("repaired 1 packet, ")?,
            n => write!(f, "repaired {n} packets, ")?,
        }
        match self.missing {
            0 => f.write_str("complete")?,
            1 => f.write_str("1 packet missing")?,
            n => write!(f, "{n} packets missing")?,
        }
        f.write_str(match self.placement {
            Placement::Sent => "",
            Placement::Exact => ", in its exact place",
            Placement::Measured => ", placed by the measured loop",
            Placement::Estimated => ", placed by an estimate",
        })?;
        if self.bent {
            f.write_str(", follows their clock")?;
        }
        Ok(())
    }
}

/// The folder for takes of a session of this [name](session_name): in the one that was chosen, if it was.
pub fn take_folder(chosen: &str, session: &str) -> PathBuf {
    let chosen = chosen.trim();
    let within = if chosen.is_empty() {
        let music = dirs::audio_dir().or_else(|| Some(dirs::home_dir()?.join("Music")));
        music.unwrap_or_else(std::env::temp_dir).join("Farsend")
    } else {
        PathBuf::from(chosen)
    };
    within.join(session)
}

/// What a session is called, so that a file can be: by the name under which it is shared, or else by whom it calls or where it waits.
pub fn session_name(share: &str, role: Role, port: u16, host: &str) -> String {
    let name = match (share.trim(), role) {
        ("", Role::Server | Role::Hub) => format!("port {port}"),
        ("", Role::Client | Role::Member) => host.trim().to_owned(),
        (share, _) => share.to_owned(),
    };
    file_name(&name, LONGEST_SESSION, "session")
}

/// As much of a name from anywhere as can be a file's on every system, in so many bytes and one more; `nameless` where nothing is
/// left of it.
pub fn file_name(name: &str, longest: usize, nameless: &'static str) -> String {
    let options = Options {
        length_limit: longest,
        extension_cleverness: false,
        six_measures_of_barley: nameless,
        ..Options::DEFAULT
    };
    let mut name = sanitise_with_options(name, &options);
    // Windows takes "com1.x.wav" for a device, too.
    let first = name.split('.').next().unwrap_or_default();
    let alone = sanitise_with_options(first, &options);
    if alone.len() > first.len() {
        name.insert(first.len(), '_');
    }
    if name.starts_with('-') {
        // Tools would take it for an option.
        name.replace_range(..1, "_");
    }
    name
}

/// Bytes of a session's name in a path.
const LONGEST_SESSION: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_session_is_called_like_a_device_an_option_or_a_way_out() {
        let session = |share| session_name(share, Role::Client, 4464, "");
        assert_eq!(session("Band"), "Band");
        assert_eq!(session(""), "session");
        for share in ["com1.x", "CON", "nul.wav", "-rf", "../..", "a/b", "\0"] {
            let name = session(share);
            let device = name.split('.').next().unwrap_or_default().to_lowercase();
            assert!(!["com1", "con", "nul"].contains(&&device[..]), "{name}");
            assert!(!name.starts_with(['-', '.']) && !name.contains(['/', '\0']));
        }
        assert!(session(&"🎻".repeat(200)).len() <= LONGEST_SESSION);
    }
}
