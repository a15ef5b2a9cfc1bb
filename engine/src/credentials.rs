//! Who we are at a hub that asks, and whom we believe to be it.

use std::fmt;

use zeroize::Zeroizing;

use crate::net::fingerprint::Fingerprint;

/// A user of a hub, and the certificate by which the hub is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name there.
    pub user: String,
    /// Theirs.
    pub password: Password,
    /// Of the hub's certificate; `None` takes any.
    pub fingerprint: Option<Fingerprint>,
}

/// A password: not shown, and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes it as it is.
    pub fn new(password: String) -> Self {
        Self(Zeroizing::new(password))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    /// Without it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
