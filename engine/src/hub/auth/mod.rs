//! Users with passwords: the hub's certificate, its file of users, and the log-in inside TLS.
//!
//! ```text
//!  Door ──"please authenticate"──▶ Porter (a thread) ──▶ Guest   TLS, user and password
//!    ▲                                │  ▲               Throttle  wrong passwords of a host
//!    └──── who is let in? ────────────┘  └── port ──     Book      the file of users, read again when it changes
//! ```
//! Nothing of it runs on the hub's control thread but what is done once at the start.

mod book;
mod certificate;
mod guest;
mod porter;
#[cfg(test)]
mod tests;
mod throttle;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use thiserror::Error;

pub(super) use self::book::Book;
pub use self::book::BookError;
pub use self::certificate::{CertificateError, make as make_certificate};
pub(super) use self::porter::Porter;
use crate::net::fingerprint::Fingerprint;

/// Where a hub's certificate, key and users are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthSettings {
    /// A certificate in PEM; those of who signed it may follow.
    pub certificate: PathBuf,
    /// Its key in PEM.
    pub key: PathBuf,
    /// JackTrip's credentials file.
    pub users: PathBuf,
}

/// Why a hub cannot ask for passwords.
#[derive(Debug, Error)]
pub enum AuthError {
    /// Certificate or key.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The users.
    #[error(transparent)]
    Book(#[from] BookError),
    /// No thread.
    #[error("the system refuses a thread for log-ins: {0}")]
    Thread(std::io::Error),
}

/// All that was read at the start.
#[derive(Debug)]
pub(super) struct Auth {
    pub(super) config: Arc<ServerConfig>,
    pub(super) fingerprint: Fingerprint,
    /// Of the certificate, from now.
    pub(super) days_left: i64,
    pub(super) book: Book,
}

impl Auth {
    /// Reads the three files.
    ///
    /// # Errors
    /// [`AuthError`] for a file that is missing, open to everyone or not understood, a certificate that is not valid now,
    /// and a key that is not its own.
    pub(super) fn load(settings: &AuthSettings) -> Result<Self, AuthError> {
        let identity = certificate::load(&settings.certificate, &settings.key)?;
        Ok(Self {
            config: identity.config,
            fingerprint: identity.fingerprint,
            days_left: identity.days_left,
            book: Book::open(&settings.users)?,
        })
    }
}
