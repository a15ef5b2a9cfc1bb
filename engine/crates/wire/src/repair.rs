//! Repair datagrams: what one Farsend sends to another so that lost audio can be calculated.
//!
//! ```text
//!   0         7         8       10  12      13      14       16
//!   | FARSEND | version | first | 0 | count | index | length | parity: length bytes, and 4 of a check |
//! ```
//! Numbers are little endian. The parity is over the audio datagrams `first` to `first + count - 1`, each
//! `length` bytes long. Where an audio header has its frames, there are zeros here, which no stream has: a repair
//! datagram is no audio to anybody, whatever else is in it. None is as long as a control datagram.
//!
//! With an `index` of 255 the parity is the audio datagram `first` itself: the answer to who asked for it long after.
//!
//! A plain JackTrip is never sent one: it would take it for audio.

use farsend_units::SeqNum;
use thiserror::Error;

use crate::jacktrip::{CONTROL_LEN, MAX_DATAGRAM};

/// The most audio datagrams that one parity is over.
pub const MAX_SPAN: u8 = 16;

/// The bytes behind the parity of a datagram, which tell whether what was calculated is right.
pub const CHECK_LEN: usize = 4;

/// The index of a parity that is a datagram itself, and its check: that of one only.
pub const PLAIN: u8 = 0xff;

/// Bytes before the parity.
pub const HEADER_LEN: usize = 16;

/// One repair datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair<'a> {
    /// The number of the first audio datagram that the parity is over.
    pub first: SeqNum,
    /// How many there are, 1 to [`MAX_SPAN`].
    pub count: u8,
    /// Which of the parities over these it is: says what each datagram was multiplied with.
    pub index: u8,
    /// The parity of the datagrams, and of the checks behind them.
    pub parity: &'a [u8],
}

impl<'a> Repair<'a> {
    /// The bytes of a repair datagram over audio datagrams of `length` bytes; none where there can not be one.
    pub const fn len_over(length: usize) -> Option<usize> {
        let len = HEADER_LEN + length + CHECK_LEN;
        if length == 0 || len == CONTROL_LEN || len > MAX_DATAGRAM {
            None
        } else {
            Some(len)
        }
    }

    /// Whether `payload` is meant as one, by its first bytes and its length.
    pub fn is_meant(payload: &[u8]) -> bool {
        payload.len() != CONTROL_LEN
            && payload.starts_with(MAGIC)
            && payload.get(10..12) == Some(&[0, 0])
    }

    /// Whether `payload`, which is [meant](Self::is_meant) as one, is an audio datagram itself.
    pub fn is_plain(payload: &[u8]) -> bool {
        payload.get(12..14) == Some(&[1, PLAIN])
    }

    /// Reads a repair datagram.
    ///
    /// # Errors
    /// What keeps it from being one.
    pub fn parse(payload: &'a [u8]) -> Result<Self, RepairError> {
        if !Self::is_meant(payload) {
            return Err(RepairError::NotMeant);
        }
        let Some((&[.., version, f0, f1, _, _, count, index, l0, l1], parity)) =
            payload.split_first_chunk::<{ HEADER_LEN }>()
        else {
            return Err(RepairError::Truncated { got: payload.len() });
        };
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        if version != VERSION {
            return Err(RepairError::Version(version));
        }
        if !(1..=MAX_SPAN).contains(&count) {
            return Err(RepairError::Count(count));
        }
        if length == 0 || parity.len() != length + CHECK_LEN {
            let got = parity.len();
            return Err(RepairError::Length { got, length });
        }
        let first = SeqNum(u16::from_le_bytes([f0, f1]));
        Ok(Self {
            first,
            count,
            index,
            parity,
        })
    }

    /// The audio datagram and its check, if that is what the parity is.
    pub fn plain(&self) -> Option<(&'a [u8], &'a [u8; CHECK_LEN])> {
        let is_plain = self.count == 1 && self.index == PLAIN;
        self.parity
            .split_last_chunk::<CHECK_LEN>()
            .filter(|_| is_plain)
    }

    /// The bytes of each audio datagram that the parity is over.
    pub const fn length(&self) -> usize {
        self.parity.len().saturating_sub(CHECK_LEN)
    }

    /// Writes the header of a repair datagram over `count` audio datagrams of `length` bytes from `first` on.
    /// The parity goes behind it.
    pub fn header(first: SeqNum, count: u8, index: u8, length: u16) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..7].copy_from_slice(MAGIC);
        bytes[7] = VERSION;
        bytes[8..10].copy_from_slice(&first.0.to_le_bytes());
        bytes[12] = count;
        bytes[13] = index;
        bytes[14..].copy_from_slice(&length.to_le_bytes());
        bytes
    }
}

/// Why a payload is not a repair datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RepairError {
    /// It is something else.
    #[error("no repair datagram")]
    NotMeant,
    /// No room for a header.
    #[error("{got} bytes, fewer than the {} of a repair header", HEADER_LEN)]
    Truncated {
        /// Bytes that there were.
        got: usize,
    },
    /// Of another Farsend's making.
    #[error("version {0} of repair, not {VERSION}")]
    Version(u8),
    /// A parity over nothing, or over too much.
    #[error("a parity over {0} datagrams, not 1 to {MAX_SPAN}")]
    Count(u8),
    /// Cut short, or with something behind it.
    #[error(
        "{got} bytes of parity over datagrams of {length}, {CHECK_LEN} more of which there should be"
    )]
    Length {
        /// Bytes that there were.
        got: usize,
        /// Bytes of each audio datagram, as the header says.
        length: usize,
    },
}

const MAGIC: &[u8; 7] = b"FARSEND";
const VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jacktrip::{Datagram, HeaderKind};

    #[test]
    fn what_is_written_is_read_and_is_never_audio() {
        for length in 1..400_u16 {
            let Some(len) = Repair::len_over(length.into()) else {
                assert_eq!(
                    length, 43,
                    "only the length of a control datagram is left out"
                );
                continue;
            };
            let mut bytes = Repair::header(SeqNum(65_535), 9, 200, length).to_vec();
            bytes.resize(len, 0x5a);
            assert!(Datagram::parse(&bytes, HeaderKind::Default, None).is_err());
            let repair = Repair::parse(&bytes).expect("it was just written");
            assert_eq!(
                (repair.first, repair.count, repair.index),
                (SeqNum(65_535), 9, 200)
            );
            assert_eq!(repair.length(), length.into());
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let mut bytes = Repair::header(SeqNum(1), 3, 0, 20).to_vec();
        bytes.resize(16 + 24, 0);
        let with = |at: usize, byte: u8| {
            let mut bytes = bytes.clone();
            bytes[at] = byte;
            Repair::parse(&bytes).err()
        };
        assert_eq!(with(0, b'f'), Some(RepairError::NotMeant));
        assert_eq!(with(10, 1), Some(RepairError::NotMeant));
        assert_eq!(with(7, 9), Some(RepairError::Version(9)));
        assert_eq!(with(12, 0), Some(RepairError::Count(0)));
        assert_eq!(with(12, 17), Some(RepairError::Count(17)));
        assert_eq!(
            with(14, 21),
            Some(RepairError::Length {
                got: 24,
                length: 21
            })
        );
        assert_eq!(
            Repair::parse(&bytes[..14]),
            Err(RepairError::Truncated { got: 14 })
        );
        assert_eq!(Repair::parse(&[0; CONTROL_LEN]), Err(RepairError::NotMeant));
    }
}
