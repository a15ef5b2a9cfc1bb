//! What people write to each other, in control datagrams: a line in pieces of up to 47 bytes.
//!
//! ```text
//!   0           4        6                                  7             54
//!   | talk (4)  | number | length (6 bits), first, last bit | text, zeros |
//!
//!   talk     drawn by who writes; another one: their numbers begin anew
//!   number   of the piece in the talk, little endian; wraps
//! ```

/// A piece of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Tells a talk from those before it, such as of a program that was restarted.
    pub talk: u32,
    /// Which piece of the talk it is. Wraps.
    pub number: u16,
    /// A line begins with it.
    pub first: bool,
    /// A line ends with it.
    pub last: bool,
    text: [u8; PIECE_TEXT],
    length: u8,
}

/// Bytes of a line in one piece, at most.
pub const PIECE_TEXT: usize = 47;

/// Bytes of a piece in a datagram.
pub(super) const PIECE_LEN: usize = 7 + PIECE_TEXT;

impl Piece {
    /// With the beginning of `text`, up to [`PIECE_TEXT`] bytes.
    pub fn new(talk: u32, number: u16, [first, last]: [bool; 2], text: &[u8]) -> Self {
        let length = text.len().min(PIECE_TEXT);
        let mut piece = Self {
            talk,
            number,
            first,
            last,
            text: [0; PIECE_TEXT],
            length: length as u8,
        };
        piece.text[..length].copy_from_slice(&text[..length]);
        piece
    }

    /// Its part of the line, in bytes: letters may be cut.
    pub fn text(&self) -> &[u8] {
        &self.text[..usize::from(self.length)]
    }

    /// Reads one; `None` if it says a length that it does not have.
    pub(super) fn parse(bytes: &[u8; PIECE_LEN]) -> Option<Self> {
        let [t0, t1, t2, t3, n0, n1, about, text @ ..] = bytes;
        let length = usize::from(about & LENGTH);
        let (said, rest) = text.split_at_checked(length)?;
        let number = u16::from_le_bytes([*n0, *n1]);
        let talk = u32::from_le_bytes([*t0, *t1, *t2, *t3]);
        let ends = [about & FIRST != 0, about & LAST != 0];
        rest.iter()
            .all(|byte| *byte == 0)
            .then(|| Self::new(talk, number, ends, said))
    }

    pub(super) fn to_bytes(self) -> [u8; PIECE_LEN] {
        let mut bytes = [0; PIECE_LEN];
        bytes[..4].copy_from_slice(&self.talk.to_le_bytes());
        bytes[4..6].copy_from_slice(&self.number.to_le_bytes());
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        bytes[6] = self.length | flag(self.first, FIRST) | flag(self.last, LAST);
        bytes[7..].copy_from_slice(&self.text);
        bytes
    }
}

const LENGTH: u8 = 0x3f;
const FIRST: u8 = 0x40;
const LAST: u8 = 0x80;
