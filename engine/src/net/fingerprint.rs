//! The SHA-256 of a certificate: what two people can compare who know nothing else of each other's machines.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// As `openssl x509 -fingerprint -sha256` shows it: 32 bytes, `AB:CD:...`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

/// A text that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "expected the 64 hexadecimal digits of a SHA-256 fingerprint, with colons or without, as the hub shows it"
)]
pub struct FingerprintError;

impl Fingerprint {
    /// Of a certificate in DER.
    pub fn of(certificate: &[u8]) -> Self {
        Self(Sha256::digest(certificate).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index > 0 { ":" } else { "" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// With colons or without, in either case, and with what OpenSSL and others write before it.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let text = text.rsplit('=').next().unwrap_or_default().trim();
        let prefix = text
            .get(..7)
            .filter(|start| start.eq_ignore_ascii_case("sha256:"));
        let text = &text[prefix.map_or(0, str::len)..];
        let digits: Vec<u32> = text
            .chars()
            .filter(|c| *c != ':' && *c != ' ')
            .map(|c| c.to_digit(16).ok_or(FingerprintError))
            .collect::<Result<_, _>>()?;
        let (pairs, rest) = digits.as_chunks::<2>();
        let bytes: Vec<u8> = pairs
            .iter()
            .map(|[high, low]| (high << 4 | low) as u8)
            .collect();
        match (bytes.try_into(), rest) {
            (Ok(bytes), []) => Ok(Self(bytes)),
            _ => Err(FingerprintError),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_in_all_ways_that_programs_write_it() {
        let shown = Fingerprint::of(b"abc").to_string();
        assert!(
            shown.starts_with("BA:78:16:BF") && shown.ends_with("15:AD"),
            "{shown}"
        );
        let plain = shown.replace(':', "").to_lowercase();
        for text in [
            shown.clone(),
            plain.clone(),
            format!("sha256 Fingerprint={shown}"),
            format!("SHA256:{plain}"),
            format!(" {shown}\n"),
        ] {
            assert_eq!(text.parse(), Ok(Fingerprint::of(b"abc")), "{text}");
        }
        for text in [
            "",
            "AB:CD",
            &plain[1..],
            &format!("{plain}0"),
            &plain.replace('b', "g"),
        ] {
            assert_eq!(text.parse::<Fingerprint>(), Err(FingerprintError), "{text}");
        }
    }
}
