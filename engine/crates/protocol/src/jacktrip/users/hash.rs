//! SHA-512 crypt as JackTrip has it: 5000 rounds, a salt of at most 16 characters.

use std::fmt;

use sha_crypt::{CustomizedPasswordHasher as _, Params, PasswordVerifier as _, ShaCrypt};

/// Most characters of a salt.
pub(super) const SALT_LEN: usize = 16;

/// Random bytes that make a salt of [`SALT_LEN`].
pub const SALT_BYTES: usize = 12;

/// Bytes of a password that count, as in JackTrip.
pub const MAX_PASSWORD: usize = 256;

/// Salt and hash, as they stand in the file.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hash(Box<str>);

impl Hash {
    /// Reads `$6$SALT$HASH`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (salt, hash) = text.strip_prefix(SHA512)?.split_once('$')?;
        let is_salt = (1..=SALT_LEN).contains(&salt.len()) && salt.bytes().all(is_digit);
        let is_hash = hash.len() == HASH_LEN && hash.bytes().all(is_digit);
        (is_salt && is_hash).then(|| Self(text.into()))
    }

    /// Of a new password.
    pub(super) fn make(password: &[u8], salt: [u8; SALT_BYTES]) -> Option<Self> {
        let params = Params::new(ROUNDS).ok()?;
        let made = ShaCrypt::SHA512.hash_password_customized(password, &salt, None, None, params);
        // JackTrip does not know that the number of rounds can be said; 5000 is what it is without.
        let text = made.ok()?.to_string().replacen("rounds=5000$", "", 1);
        Self::parse(&text)
    }

    /// A hash that no password has: finding that out takes as long as with any other.
    pub(super) fn nobodys() -> Self {
        let (salt, hash) = (".".repeat(SALT_LEN), ".".repeat(HASH_LEN));
        Self(format!("{SHA512}{salt}${hash}").into())
    }

    /// Whether it is the hash of this password. How long it takes does not tell how much of it is right.
    pub(super) fn is_of(&self, password: &[u8]) -> bool {
        let counts = &password[..password.len().min(MAX_PASSWORD)];
        let is_equal = ShaCrypt::SHA512.verify_password(counts, &*self.0).is_ok();
        // JackTrip lets nobody in without a password, whatever the file says.
        is_equal && !password.is_empty()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Hash {
    /// Without the hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

fn is_digit(byte: u8) -> bool {
    DIGITS.contains(&byte)
}

const SHA512: &str = "$6$";
const ROUNDS: u32 = 5000;
/// Characters of a hash: 64 bytes, six bits each.
const HASH_LEN: usize = 86;

/// The digits of crypt(3).
const DIGITS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
