//! The greeting: what each end says first, readable by every version there will ever be.

use std::fmt;

use thiserror::Error;

/// The version of the messages. Raised whenever an older program could misread one.
pub const PROTOCOL: u32 = 6;

/// What each end says first.
///
/// ```text
///   0        7        8           12         13
///   "FARSEND" | 0     | protocol   | length n | n bytes: program version, UTF-8
///             |       | u32 LE     | u8       |
/// ```
/// It goes as one message, with the length before it that every message has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// What speaks.
    pub version: Version,
}

/// A program's version, and that of the messages it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// See [`PROTOCOL`].
    pub protocol: u32,
    /// The program's, such as "0.1.0".
    pub program: String,
}

impl Version {
    /// Of this code, in a program of version `program`.
    pub fn ours(program: &str) -> Self {
        Self {
            protocol: PROTOCOL,
            program: program.into(),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (protocol {})", self.program, self.protocol)
    }
}

/// Why something is not a greeting.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HelloError {
    /// It does not start like one.
    #[error("no Farsend program greeted")]
    NotOurs,
    /// It ends too early.
    #[error("a greeting of {got} bytes, cut short")]
    Cut {
        /// Its length.
        got: usize,
    },
}

impl Hello {
    /// Its bytes, without the message length. A program version longer than 255 bytes is cut.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut program = self.version.program.as_str();
        while program.len() > 255 {
            program = &program[..program.floor_char_boundary(255)];
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.version.protocol.to_le_bytes());
        bytes.push(program.len() as u8);
        bytes.extend(program.as_bytes());
        bytes
    }

    /// Reads one. What follows its end is left for later versions, and ignored.
    pub fn parse(bytes: &[u8]) -> Result<Self, HelloError> {
        let cut = HelloError::Cut { got: bytes.len() };
        let rest = bytes.strip_prefix(MAGIC).ok_or(HelloError::NotOurs)?;
        let (protocol, rest) = rest.split_first_chunk::<4>().ok_or_else(|| cut.clone())?;
        let (&length, rest) = rest.split_first().ok_or_else(|| cut.clone())?;
        let program = rest.get(..usize::from(length)).ok_or(cut)?;
        let program = String::from_utf8_lossy(program).into_owned();
        Ok(Self {
            version: Version {
                protocol: u32::from_le_bytes(*protocol),
                program,
            },
        })
    }
}

const MAGIC: &[u8; 8] = b"FARSEND\0";

#[cfg(test)]
mod tests {
    use super::{Hello, HelloError, Version};

    fn hello(program: &str) -> Hello {
        Hello {
            version: Version {
                protocol: 0x0102_0304,
                program: program.into(),
            },
        }
    }

    #[test]
    fn a_greeting_is_these_bytes_for_ever() {
        assert_eq!(hello("0.1").to_bytes(), b"FARSEND\0\x04\x03\x02\x01\x030.1");
    }

    #[test]
    fn a_greeting_reads_back_and_may_grow() {
        let mut bytes = hello("9.9.9-beta").to_bytes();
        bytes.extend(b"something of the future");
        assert_eq!(Hello::parse(&bytes), Ok(hello("9.9.9-beta")));
    }

    #[test]
    fn a_cut_greeting_is_an_error() {
        let bytes = hello("0.1.0").to_bytes();
        for length in 0..bytes.len() {
            let error = Hello::parse(&bytes[..length]).unwrap_err();
            let expected = if length < 8 {
                HelloError::NotOurs
            } else {
                HelloError::Cut { got: length }
            };
            assert_eq!(error, expected);
        }
    }

    #[test]
    fn an_overlong_version_is_cut_at_a_character() {
        let read = Hello::parse(&hello(&"é".repeat(200)).to_bytes()).unwrap();
        assert_eq!(read.version.program, "é".repeat(127));
    }
}
