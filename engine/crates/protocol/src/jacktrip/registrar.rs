//! The hub's side of a log-in with user and password, inside TLS: bytes in, until all are there.

use std::fmt;

use farsend_wire::jacktrip::{LogIn, LogInError};

/// Collects one log-in. Any bytes in any pieces will do; no more than [`LogIn::MAX_LEN`] are kept, and they are
/// overwritten when it is dropped.
pub struct Registrar {
    bytes: Vec<u8>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Heard<'a> {
    /// Wait for more bytes.
    More,
    /// This is all.
    Whole(LogIn<'a>),
    /// Close: it is no log-in.
    Nonsense(LogInError),
}

impl Registrar {
    /// For a connection whose TLS begins. Allocates all that it will ever have.
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(LogIn::MAX_LEN),
        }
    }

    /// Takes bytes that came, in their order and in any pieces. What comes after the log-in is dropped.
    pub fn handle_bytes(&mut self, bytes: &[u8]) {
        // It never moves: no copy of a password is left behind.
        let room = LogIn::MAX_LEN - self.bytes.len();
        self.bytes.extend(&bytes[..bytes.len().min(room)]);
    }

    /// How far it is now.
    pub fn heard(&self) -> Heard<'_> {
        match LogIn::parse(&self.bytes) {
            Ok(Some(log_in)) => Heard::Whole(log_in),
            Ok(None) => Heard::More,
            Err(error) => Heard::Nonsense(error),
        }
    }
}

impl Default for Registrar {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Registrar {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.bytes);
    }
}

impl fmt::Debug for Registrar {
    /// Without the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.len();
        f.debug_struct("Registrar")
            .field("bytes", &bytes)
            .finish_non_exhaustive()
    }
}
