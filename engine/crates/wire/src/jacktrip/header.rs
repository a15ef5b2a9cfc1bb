//! The header in front of each packet.

use farsend_units::{Channels, Frames, SampleRate, SeqNum};
use thiserror::Error;

use super::datagram::{DatagramError, MAX_PERIOD};
use super::format::{Format, NONE, rate_of_code};
use crate::SampleFormat;

/// Which of JackTrip's headers a session uses. Both ends must be told the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum HeaderKind {
    /// 16 bytes that say all there is to know.
    #[default]
    Default,
    /// The 8 bytes of a JamLink box (`-j`): one channel, 48 kHz, 64 frames.
    JamLink,
    /// None at all (`-e`).
    Empty,
}

impl HeaderKind {
    /// Bytes in front of each packet.
    pub const fn len(self) -> usize {
        match self {
            Self::Default => Header::LEN,
            Self::JamLink => 8,
            Self::Empty => 0,
        }
    }

    /// Whether packets have no header.
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// The default header: its bytes, not yet judged.
///
/// ```text
///   0            8     10          12    13     14   15   16
///   | time stamp | seq | frames N | rate | bits | in | out |     little endian
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Header {
    /// Microseconds since the Unix epoch on the sender's clock, when the packet was made.
    pub time_stamp: u64,
    /// The packet's number.
    pub seq: SeqNum,
    /// Frames in the packet.
    pub frames: u16,
    /// The code of the sampling rate.
    pub rate_code: u8,
    /// Bits a sample.
    pub bits: u8,
    /// Channels that the sender wants to receive.
    pub incoming: u8,
    /// Channels in the packet: 0 as many as `incoming`, 255 none.
    pub outgoing: u8,
}

impl Header {
    /// Its bytes.
    pub const LEN: usize = 16;

    /// Reads the header at the start of `bytes`. Any values are let through.
    ///
    /// # Errors
    /// Fewer than 16 bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, HeaderError> {
        let Some(bytes) = bytes.first_chunk::<{ Self::LEN }>() else {
            return Err(HeaderError { got: bytes.len() });
        };
        let &[
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            s6,
            s7,
            q0,
            q1,
            n0,
            n1,
            rate_code,
            bits,
            incoming,
            outgoing,
        ] = bytes;
        Ok(Self {
            time_stamp: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            seq: SeqNum(u16::from_le_bytes([q0, q1])),
            frames: u16::from_le_bytes([n0, n1]),
            rate_code,
            bits,
            incoming,
            outgoing,
        })
    }

    /// The header as bytes.
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..8].copy_from_slice(&self.time_stamp.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.seq.0.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.frames.to_le_bytes());
        bytes[12..].copy_from_slice(&[self.rate_code, self.bits, self.incoming, self.outgoing]);
        bytes
    }

    /// Writes the header to the start of `out`.
    ///
    /// # Panics
    /// If `out` has fewer than 16 bytes.
    pub fn write(&self, out: &mut [u8]) {
        out[..Self::LEN].copy_from_slice(&self.to_bytes());
    }

    /// Channels in the packet: `out`, or `in` where that is 0; 255 counts as none.
    pub const fn payload_channels(&self) -> u8 {
        match (self.outgoing, self.incoming) {
            (NONE, _) | (0, NONE) => 0,
            (0, same) => same,
            (other, _) => other,
        }
    }

    /// The sampling rate. 6 and 7 are both 192 kHz, see [`rate_code`](super::rate_code).
    pub fn rate(&self) -> Option<SampleRate> {
        rate_of_code(self.rate_code)
    }

    /// The format that the header announces.
    ///
    /// # Errors
    /// A value that no stream can have: which, and what it was.
    pub fn format(&self) -> Result<Format, DatagramError> {
        let &Self {
            frames,
            rate_code,
            bits,
            incoming,
            outgoing,
            ..
        } = self;
        if !(1..=MAX_PERIOD).contains(&frames) {
            return Err(DatagramError::Period { frames });
        }
        let channels = self.payload_channels();
        if channels == 0 || incoming == NONE {
            return Err(DatagramError::Channels { incoming, outgoing });
        }
        Ok(Format {
            rate: self.rate().ok_or(DatagramError::Rate { code: rate_code })?,
            period: Frames(u32::from(frames)),
            channels: Channels(channels),
            wants: Channels(incoming),
            samples: SampleFormat::from_bits(bits).ok_or(DatagramError::Bits { bits })?,
        })
    }

    /// Whether `self` and `other` can be of one stream: all but number and time are the same.
    pub(super) fn agrees_with(&self, other: &Self) -> bool {
        let format = |header: &Self| {
            let &Self {
                frames,
                rate_code,
                bits,
                incoming,
                outgoing,
                ..
            } = header;
            (frames, rate_code, bits, incoming, outgoing)
        };
        format(self) == format(other)
    }
}

/// Too few bytes for a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{got} bytes, fewer than the {} of a header", Header::LEN)]
pub struct HeaderError {
    /// How many there were.
    pub got: usize,
}
