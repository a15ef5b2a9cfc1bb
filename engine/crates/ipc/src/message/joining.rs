//! Who we are at a hub.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Who we are at a hub that we join.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HubUser {
    /// What we are called there; empty: as the instance is.
    pub name: String,
    /// The user to log in as, at a hub that asks for passwords; empty: nobody.
    pub user: String,
    /// The user's password, as it was typed.
    pub password: Option<Secret>,
    /// A file whose first line it is, where it was not typed.
    pub password_file: Option<String>,
    /// The SHA-256 fingerprint that the hub's certificate must have, in hexadecimal digits; empty: any.
    pub fingerprint: String,
}

/// A text that is not shown, and overwritten when it is dropped.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes it as it is.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    /// Without it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::{HubUser, Secret};

    #[test]
    fn a_password_is_not_shown() {
        let user = HubUser {
            password: Some(Secret::new("open sesame".into())),
            ..HubUser::default()
        };
        assert!(!format!("{user:?}").contains("sesame"));
    }
}
