//! Why a run comes to nothing.

use farsend_protocol::jacktrip::PacketizerError;
use farsend_units::SampleRate;
use thiserror::Error;

use crate::backend::WavError;
use crate::backend::jack::JackError;
use crate::cli::secret::SecretError;
use crate::exit::Exit;
use crate::hub::{AuthError, DoorError};
use crate::net::resolve::ResolveError;
use crate::net::tcp::LogInError;
use crate::net::udp::BindError;
use crate::record::RecordError;

/// Why a session did not start, or ended by itself.
#[derive(Debug, Error)]
pub enum RunError {
    /// The host is not known.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// No socket.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Packets of that shape cannot be sent.
    #[error("these settings make no packet that can be sent: {0}")]
    Packets(#[from] PacketizerError),
    /// The hub is not there, or does not let us in.
    #[error(transparent)]
    LogIn(#[from] LogInError),
    /// A hub's certificate, key or users.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// No port to log in at.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// A password cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No JACK.
    #[error(transparent)]
    Jack(#[from] JackError),
    /// A WAV file.
    #[error(transparent)]
    Wav(#[from] WavError),
    /// A folder for recordings.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// No header can say this rate.
    #[error(
        "JackTrip's header cannot say {0}: use 22050, 32000, 44100, 48000, 88200, 96000 or 192000 Hz"
    )]
    Rate(SampleRate),
    /// The hub's sound server came back otherwise.
    #[error("the JACK server is back at {to}, and the hub's mix is at {from}: start the hub again")]
    HubRate {
        /// The mix's.
        from: SampleRate,
        /// JACK's now.
        to: SampleRate,
    },
    /// Options that do not go together.
    #[error("{0}")]
    Options(&'static str),
    /// The system.
    #[error("the system refuses {what}: {source}")]
    System {
        /// What was wanted.
        what: &'static str,
        /// Its answer.
        source: std::io::Error,
    },
}

impl RunError {
    /// Whether there is no JACK here at all, so that one may want to do without.
    pub fn is_without_jack(&self) -> bool {
        matches!(
            self,
            Self::Jack(JackError::NoLibrary | JackError::NoServer { .. })
        )
    }

    /// The exit code for this cause.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Resolve(_) => Exit::NoSuchHost,
            Self::LogIn(LogInError::OtherCertificate { .. }) => Exit::OtherCertificate,
            Self::LogIn(error) if error.is_about_the_user() => Exit::NoSuchUser,
            Self::LogIn(error) if error.is_refusal() => Exit::HubRefuses,
            Self::LogIn(_) => Exit::NoHub,
            Self::Bind(BindError::PortBusy { .. }) | Self::Door(DoorError::PortBusy { .. }) => {
                Exit::PortBusy
            }
            Self::Jack(_) | Self::HubRate { .. } => Exit::NoJack,
            Self::Secret(_) | Self::Auth(_) => Exit::Secret,
            Self::Wav(_) | Self::Record(_) => Exit::File,
            Self::Rate(_) | Self::Packets(_) | Self::Options(_) => Exit::Usage,
            Self::Bind(_) | Self::Door(_) | Self::System { .. } => Exit::Other,
        }
    }
}
