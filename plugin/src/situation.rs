//! How an instance stands, in words: what is, why, and what to do about it.

use std::path::PathBuf;

use farsend_ipc::message::{SessionState, Version};

/// How an instance stands, from the musician's point of view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Situation {
    /// No session is wanted.
    Off,
    /// A session is wanted, and the host has not run audio through the plugin yet.
    HostSilent,
    /// There is no engine to start.
    NoEngine {
        /// Where it was looked for, in this order.
        looked: Vec<PathBuf>,
    },
    /// The engine was started, and does not answer yet.
    Starting,
    /// The engine is not there, and will be started again.
    Restarting {
        /// What happened to the last one.
        why: String,
    },
    /// The engine does not start, however often it is tried.
    DoesNotStart {
        /// What happened to the last one.
        why: String,
    },
    /// The engine is of a version that this plugin cannot talk to.
    OtherVersion {
        /// What it is.
        theirs: Version,
        /// What this plugin is.
        ours: Version,
    },
    /// What answers is no engine, or not this user's, or cannot be talked to.
    Unusable {
        /// What is wrong with it.
        why: String,
    },
    /// A hub is to be joined as a user whose password is not known.
    PasswordNeeded {
        /// The user.
        user: String,
        /// The hub.
        host: String,
        /// Where it is looked for.
        file: Option<PathBuf>,
    },
    /// The engine will not open this session, or it cannot be used.
    Refused {
        /// What is wrong, a sentence.
        why: String,
        /// What to do about it; may be empty.
        advice: String,
    },
    /// The session is open: the engine says how it does.
    Session(SessionState),
}

/// How good a situation is, for its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing is wanted.
    Neutral,
    /// On the way.
    Waiting,
    /// As wanted.
    Good,
    /// Something has to be done.
    Bad,
}

impl Situation {
    /// A word or two.
    pub fn headline(&self) -> &'static str {
        match self {
            Self::Off => "Not connected",
            Self::HostSilent => "Ready",
            Self::NoEngine { .. } => "No engine",
            Self::Starting => "Starting the engine",
            Self::Restarting { .. } => "Restarting the engine",
            Self::DoesNotStart { .. } => "The engine does not start",
            Self::OtherVersion { theirs, ours } if theirs.protocol > ours.protocol => {
                "A newer engine"
            }
            Self::OtherVersion { .. } => "An older engine",
            Self::Unusable { .. } => "No connection to the engine",
            Self::Refused { .. } => "Not possible",
            Self::PasswordNeeded { .. } => "Password needed",
            Self::Session(state) => match state {
                SessionState::Joining { .. } => "Joining",
                SessionState::Denied { .. } => "Not let in",
                SessionState::Unopened { .. } => "Waiting",
                SessionState::Connecting => "Connecting",
                SessionState::WaitingForPeer { .. } => "Waiting",
                SessionState::Calling { .. } => "Calling",
                SessionState::Connected { .. } => "Connected",
                SessionState::Quiet { .. } => "Interrupted",
                SessionState::Failed { .. } => "Failed",
                SessionState::Ended { .. } => "Ended",
                SessionState::Hosting { players: 0, .. } => "Hub open",
                SessionState::Hosting { .. } => "Hub with players",
            },
        }
    }

    /// The reason, a sentence; empty where the headline says it all.
    pub fn reason(&self) -> String {
        match self {
            Self::Off | Self::Starting => String::new(),
            Self::HostSilent => "The host has not run audio through this plugin yet.".into(),
            Self::NoEngine { .. } => "The program \"farsend\" was not found.".into(),
            Self::Restarting { why } | Self::DoesNotStart { why } | Self::Unusable { why } => {
                why.clone()
            }
            Self::OtherVersion { theirs, ours } => {
                format!("The engine that runs is Farsend {theirs}; this plugin is {ours}.")
            }
            Self::Refused { why, .. } => full_stop(why.clone()),
            Self::PasswordNeeded { user, host, .. } => {
                format!("The hub {host} is to be joined as the user {user}.")
            }
            Self::Session(state) => full_stop(state.to_string()),
        }
    }

    /// What to do, a sentence; empty where there is nothing to do.
    pub fn advice(&self) -> String {
        match self {
            Self::Off | Self::Starting | Self::Restarting { .. } => String::new(),
            Self::HostSilent => {
                "Start the host's audio, or press \"Connect now\" to connect before it runs.".into()
            }
            Self::NoEngine { looked } => {
                let looked: Vec<_> = looked.iter().map(|path| path.display().to_string()).collect();
                format!(
                    "Install Farsend again, or set FARSEND_ENGINE to the program's path. Looked in: \
                     {}.",
                    looked.join(", ")
                )
            }
            Self::DoesNotStart { .. } => {
                "Run \"farsend engine\" in a terminal to see what it says; this plugin finds it there."
                    .into()
            }
            Self::OtherVersion { theirs, ours } if theirs.protocol > ours.protocol => {
                "Farsend was updated while this host was open: save, and start the host again, which loads \
                 the new plugin."
                    .into()
            }
            Self::OtherVersion { .. } => {
                "Another host still has an older Farsend: close that, and this plugin goes on by itself some \
                 seconds later. If no host has, install plugin and engine from one version."
                    .into()
            }
            Self::Unusable { .. } => {
                "Close other programs that use Farsend, or run \"farsend engine\" by hand.".into()
            }
            Self::Refused { advice, .. } => advice.clone(),
            Self::PasswordNeeded { file: None, .. } => "Type the password.".into(),
            Self::PasswordNeeded {
                file: Some(file), ..
            } => {
                let file = file.display();
                format!("Type the password, or make it the first line of {file} (and run chmod 600 on that).")
            }
            Self::Session(state) => match state {
                SessionState::Connecting
                | SessionState::Connected { .. }
                | SessionState::Joining { .. } => String::new(),
                SessionState::Unopened { .. } => {
                    "Say whom to call in one of the instances that share it, and connect there."
                        .into()
                }
                SessionState::WaitingForPeer { port } => format!(
                    "Tell your peer your address and port {port}. From the internet, your router has \
                     to forward UDP port {port} to this machine."
                ),
                SessionState::Hosting { players: 1.., .. } => String::new(),
                SessionState::Hosting { port, .. } => format!(
                    "Tell your players your address and port {port}. From the internet, your router has to \
                     forward TCP and UDP port {port} to this machine."
                ),
                SessionState::Calling { heard_nothing_s: ..2, .. } => String::new(),
                SessionState::Calling { host, port, .. } => format!(
                    "Is JackTrip or Farsend running at {host}, waiting at port {port}, and is UDP port \
                     {port} open there?"
                ),
                SessionState::Quiet { .. } => {
                    "The audio returns by itself when the network or the peer does.".into()
                }
                SessionState::Failed { advice, .. } => advice.clone(),
                SessionState::Denied { advice, .. } => advice.clone(),
                SessionState::Ended { .. } => "Connect again when your peer is ready.".into(),
            },
        }
    }

    /// How good it is.
    pub fn tone(&self) -> Tone {
        match self {
            Self::Off => Tone::Neutral,
            Self::HostSilent | Self::Starting | Self::Restarting { .. } => Tone::Waiting,
            Self::NoEngine { .. }
            | Self::DoesNotStart { .. }
            | Self::OtherVersion { .. }
            | Self::Unusable { .. }
            | Self::PasswordNeeded { .. }
            | Self::Refused { .. } => Tone::Bad,
            Self::Session(state) => match state {
                SessionState::Connected { .. } | SessionState::Hosting { players: 1.., .. } => {
                    Tone::Good
                }
                SessionState::Failed { .. } | SessionState::Denied { .. } => Tone::Bad,
                SessionState::Ended { .. } => Tone::Neutral,
                _ => Tone::Waiting,
            },
        }
    }
}

/// A sentence, whether it came as one or not.
fn full_stop(mut text: String) -> String {
    if !text.is_empty() && !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}
