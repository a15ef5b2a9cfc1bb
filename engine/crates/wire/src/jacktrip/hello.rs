//! What is said over TCP when somebody joins a hub: a hello, and a reply of four bytes. Then both close.
//!
//! ```text
//!   client ──▶ hub   0           4                                68
//!                    | port (i32) | name: UTF-8, padded with zeros |   by JackTrip 1.3 and later
//!                    | port (i32) |                                    by 1.2 and older
//!                    | 65536      |                                    asks to log in with user and password
//!   hub ──▶ client   | UDP port of the hub for this client, or a code above 65535 (i32) |
//! ```
//! All little endian. The client's port says nothing that the hub does not learn from its first datagram.
//!
//! Source: captures of JackTrip 1.7.0 and 2.7.2 in `tests/golden/`.

use std::fmt;

use super::text::is_unruly;

/// What a client calls itself on a hub: at most [`MAX_LEN`](Self::MAX_LEN) bytes of UTF-8, without [unruly](is_unruly)
/// characters, so that it may be shown as it is. Empty: it has no name.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Name {
    bytes: [u8; Name::MAX_LEN],
    len: u8,
}

/// What a client says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The client's own UDP port; the hub does not send there.
    pub port: u16,
    /// What it wants to be called.
    pub name: Name,
}

/// What the hub answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reply {
    /// Welcome: send audio to this UDP port of the hub.
    Port(u16),
    /// Go on with TLS, then say who you are. A client's hello, too, where it wants to do so.
    PleaseAuthenticate,
    /// This hub lets nobody in without user and password.
    AuthenticationRequired,
    /// This hub knows no users.
    NotRequired,
    /// User or password are wrong.
    WrongCredentials,
    /// This user may come at other times.
    NotAtThisTime,
    /// Nothing that any JackTrip says.
    Unknown(i32),
}

impl Name {
    /// The most bytes of a name: one of the field's is a zero.
    pub const MAX_LEN: usize = 63;

    /// No name.
    pub const EMPTY: Self = Self {
        bytes: [0; Self::MAX_LEN],
        len: 0,
    };

    /// `text`, cut at a character boundary where it is too long; [unruly](is_unruly) characters become U+FFFD.
    pub fn new(text: &str) -> Self {
        let mut name = Self::EMPTY;
        name.push(text);
        name
    }

    /// The name in a hello's field, or in as much of it as came: up to the first zero. What is no UTF-8 becomes
    /// U+FFFD.
    pub fn from_bytes(field: &[u8]) -> Self {
        let text = field.split(|byte| *byte == 0).next().unwrap_or_default();
        let mut name = Self::EMPTY;
        for chunk in text.utf8_chunks() {
            let fits = name.push(chunk.valid());
            let fits = fits && (chunk.invalid().is_empty() || name.push(REPLACEMENT));
            if !fits {
                break;
            }
        }
        name
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.text()).unwrap_or_default()
    }

    /// Whether there is no name.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn text(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Appends what fits. False: not all did.
    fn push(&mut self, text: &str) -> bool {
        for character in text.chars() {
            let shown = if is_unruly(character) {
                char::REPLACEMENT_CHARACTER
            } else {
                character
            };
            let from = usize::from(self.len);
            let room = &mut self.bytes[from..];
            if shown.len_utf8() > room.len() {
                return false;
            }
            // At most 63 in all.
            self.len += shown.encode_utf8(room).len() as u8;
        }
        true
    }
}

impl Default for Name {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Hello {
    /// Bytes of a hello with its name.
    pub const LEN: usize = 68;

    /// Bytes of the first word, all that a JackTrip of 1.2 or older sends.
    pub const WORD_LEN: usize = 4;

    /// The bytes. To be sent in one piece: a JackTrip hub takes the name only if it is there together with the port.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let (word, field) = bytes.split_at_mut(Self::WORD_LEN);
        word.copy_from_slice(&i32::from(self.port).to_le_bytes());
        let name = self.name.text();
        field[..name.len()].copy_from_slice(name);
        bytes
    }

    /// Reads a hello. Only the low 16 bits of the first word count, as on a JackTrip hub.
    pub fn parse(bytes: &[u8; Self::LEN]) -> Self {
        Self {
            port: u16::from_le_bytes([bytes[0], bytes[1]]),
            name: Name::from_bytes(&bytes[Self::WORD_LEN..]),
        }
    }
}

impl Reply {
    /// Bytes of a reply.
    pub const LEN: usize = 4;

    /// The bytes to send.
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let word = match self {
            Self::Port(port) => port as i32,
            Self::PleaseAuthenticate => PLEASE_AUTHENTICATE,
            Self::AuthenticationRequired => AUTHENTICATION_REQUIRED,
            Self::NotRequired => NOT_REQUIRED,
            Self::WrongCredentials => WRONG_CREDENTIALS,
            Self::NotAtThisTime => NOT_AT_THIS_TIME,
            Self::Unknown(word) => word,
        };
        word.to_le_bytes()
    }

    /// Reads a reply, or the first word of a hello.
    pub const fn parse(bytes: [u8; Self::LEN]) -> Self {
        match i32::from_le_bytes(bytes) {
            port @ 0..=0xffff => Self::Port(port as u16),
            PLEASE_AUTHENTICATE => Self::PleaseAuthenticate,
            AUTHENTICATION_REQUIRED => Self::AuthenticationRequired,
            NOT_REQUIRED => Self::NotRequired,
            WRONG_CREDENTIALS => Self::WrongCredentials,
            NOT_AT_THIS_TIME => Self::NotAtThisTime,
            word => Self::Unknown(word),
        }
    }
}

const REPLACEMENT: &str = "\u{fffd}";

const PLEASE_AUTHENTICATE: i32 = 1 << 16;
const AUTHENTICATION_REQUIRED: i32 = 2 << 16;
const NOT_REQUIRED: i32 = 3 << 16;
const WRONG_CREDENTIALS: i32 = 4 << 16;
const NOT_AT_THIS_TIME: i32 = 5 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(Name::new("").as_str(), "");
        assert!(Name::new("").is_empty());
        let long = "é".repeat(40);
        assert_eq!(Name::new(&long).as_str(), "é".repeat(31));
        assert_eq!(Name::from_bytes(long.as_bytes()), Name::new(&long));
        let exact = "x".repeat(Name::MAX_LEN);
        assert_eq!(Name::new(&exact).as_str(), exact);
        assert_eq!(Name::new(&(exact.clone() + "y")).as_str(), exact);
    }

    #[test]
    fn a_name_ends_at_the_first_zero() {
        assert_eq!(Name::from_bytes(b"alice\0bob\0").as_str(), "alice");
        assert_eq!(Name::from_bytes(b"\0alice"), Name::EMPTY);
        assert_eq!(Name::from_bytes(b"alice").as_str(), "alice");
        assert_eq!(Name::from_bytes(b""), Name::EMPTY);
    }

    #[test]
    fn what_is_no_text_is_replaced() {
        assert_eq!(
            Name::from_bytes(b"a\xffb\xc3").as_str(),
            "a\u{fffd}b\u{fffd}"
        );
        let replaced = "\u{fffd}".repeat(21);
        assert_eq!(Name::from_bytes(&[0xff; 64]).as_str(), replaced);
        assert_eq!(
            Name::new("a\x1b[2Jb\r\n").as_str(),
            "a\u{fffd}[2Jb\u{fffd}\u{fffd}"
        );
        assert_eq!(Name::new("anna\u{202e}exe").as_str(), "anna\u{fffd}exe");
    }

    #[test]
    fn a_reply_is_a_port_or_one_of_five_codes() {
        for (word, reply) in [
            (0, Reply::Port(0)),
            (61_002, Reply::Port(61_002)),
            (65_535, Reply::Port(65_535)),
            (65_536, Reply::PleaseAuthenticate),
            (131_072, Reply::AuthenticationRequired),
            (196_608, Reply::NotRequired),
            (262_144, Reply::WrongCredentials),
            (327_680, Reply::NotAtThisTime),
            (65_537, Reply::Unknown(65_537)),
            (-1, Reply::Unknown(-1)),
        ] {
            let bytes = i32::to_le_bytes(word);
            assert_eq!(Reply::parse(bytes), reply);
            assert_eq!(reply.to_bytes(), bytes);
        }
    }
}
