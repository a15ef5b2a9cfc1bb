//! An audio datagram: checked once, then cut into its packets without further doubt.

use std::ops::Range;

use farsend_units::{Channels, Frames, SampleRate, SeqNum};
use thiserror::Error;

use super::control::is_control;
use super::format::{Format, channel_bytes, rate_code};
use super::header::{Header, HeaderKind};
use crate::SampleFormat;

/// The most frames that a packet may have here.
pub const MAX_PERIOD: u16 = 8192;

/// The most packets in a datagram.
pub const MAX_REDUNDANCY: u8 = 64;

/// A datagram whose length fits what its headers say.
#[derive(Debug, Clone, Copy)]
pub struct Datagram<'a> {
    payload: &'a [u8],
    kind: HeaderKind,
    newest: Header,
    format: Format,
    redundancy: u8,
}

impl<'a> Datagram<'a> {
    /// Checks a UDP payload.
    ///
    /// `fallback` says what a [`JamLink`](HeaderKind::JamLink) header says in part and an
    /// [`Empty`](HeaderKind::Empty) one not at all; the default header needs none.
    ///
    /// # Errors
    /// What is wrong, for anything but 1 to 64 whole packets of one format with descending numbers.
    /// The all-zero packets with which a redundant sender starts are let through.
    pub fn parse(
        payload: &'a [u8],
        kind: HeaderKind,
        fallback: Option<Format>,
    ) -> Result<Self, DatagramError> {
        if is_control(payload) {
            return Err(DatagramError::Control);
        }
        let newest = read_header(payload, kind, fallback)?;
        let format = newest.format()?;
        let packet = kind.len() + format.samples_len();
        let got = payload.len();
        if got == 0 || !got.is_multiple_of(packet) {
            return Err(DatagramError::Length { got, packet });
        }
        let copies = got / packet;
        let redundancy = u8::try_from(copies)
            .ok()
            .filter(|&copies| copies <= MAX_REDUNDANCY)
            .ok_or(DatagramError::Redundancy { copies })?;
        let datagram = Self {
            payload,
            kind,
            newest,
            format,
            redundancy,
        };
        datagram.check_older()?;
        Ok(datagram)
    }

    /// What the stream is made of.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// Packets in the datagram, counting those that are all zeros.
    pub const fn redundancy(&self) -> u8 {
        self.redundancy
    }

    /// The number of the newest packet. Headers other than the default one have none to rely on.
    pub const fn newest(&self) -> SeqNum {
        self.newest.seq
    }

    /// The packets, newest first, without those that are all zeros. From the back: oldest first.
    pub fn packets(&self) -> Packets<'a> {
        Packets {
            datagram: *self,
            left: 0..self.redundancy,
        }
    }

    /// Of the older packets each must be of the same format as the newest and one number lower.
    fn check_older(&self) -> Result<(), DatagramError> {
        for age in 1..self.redundancy {
            let Some(packet) = self.packet(age) else {
                continue;
            };
            if !packet.header.agrees_with(&self.newest) {
                return Err(DatagramError::OlderDiffers { age });
            }
            let expected = SeqNum(self.newest.seq.0.wrapping_sub(u16::from(age)));
            if self.kind == HeaderKind::Default && packet.header.seq != expected {
                let got = packet.header.seq.0;
                return Err(DatagramError::OlderNumber {
                    age,
                    got,
                    expected: expected.0,
                });
            }
        }
        Ok(())
    }

    /// The packet made `age` periods before the newest, if it is not a blank of the session's start.
    fn packet(&self, age: u8) -> Option<Packet<'a>> {
        let len = self.kind.len() + self.format.samples_len();
        let packet = self.payload.get(usize::from(age) * len..)?.get(..len)?;
        let (bytes, samples) = packet.split_at(self.kind.len());
        if age == 0 {
            let header = self.newest;
            return Some(Packet { header, samples });
        }
        let blank = !bytes.is_empty() && bytes.iter().all(|&byte| byte == 0);
        if blank {
            return None;
        }
        let header = read_header(bytes, self.kind, Some(self.format)).ok()?;
        Some(Packet { header, samples })
    }
}

/// The packets of a datagram, see [`Datagram::packets`].
#[derive(Debug, Clone)]
pub struct Packets<'a> {
    datagram: Datagram<'a>,
    left: Range<u8>,
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    fn next(&mut self) -> Option<Packet<'a>> {
        self.left.by_ref().find_map(|age| self.datagram.packet(age))
    }
}

impl DoubleEndedIterator for Packets<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.left
            .by_ref()
            .rev()
            .find_map(|age| self.datagram.packet(age))
    }
}

/// One packet of a [`Datagram`].
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// Its header, which its datagram has checked. Where the wire has less, made up from the fallback.
    pub header: Header,
    /// One period, planar.
    pub samples: &'a [u8],
}

impl Packet<'_> {
    /// Decodes one channel to the start of `out`. The rest of `out`, and all of it for a channel that
    /// the packet does not have, becomes silence. Floats are as they were sent, whatever that is.
    pub fn decode_channel(&self, channel: usize, out: &mut [f32]) {
        let frames = usize::from(self.header.frames);
        let decoded = SampleFormat::from_bits(self.header.bits)
            .filter(|_| channel < usize::from(self.header.payload_channels()))
            .and_then(|format| {
                let line = frames * format.bytes();
                Some((format, self.samples.get(channel * line..)?.get(..line)?))
            })
            .map_or(0, |(format, bytes)| {
                format.decode(bytes, out);
                frames.min(out.len())
            });
        out[decoded..].fill(0.0);
    }
}

/// Reads or makes up the header at the start of `bytes`.
fn read_header(
    bytes: &[u8],
    kind: HeaderKind,
    fallback: Option<Format>,
) -> Result<Header, DatagramError> {
    match (kind, fallback) {
        (HeaderKind::Default, _) => {
            Header::parse(bytes).map_err(|error| DatagramError::Truncated { got: error.got })
        }
        (_, None) => Err(DatagramError::NoFallback),
        (HeaderKind::JamLink, Some(fallback)) => read_jamlink(bytes, fallback),
        (HeaderKind::Empty, Some(fallback)) => Ok(announce(fallback)),
    }
}

/// ```text
///   0                                              2     4            8
///   | frames: 9 bits, rate: 3, not 16 bit, stereo | seq | time stamp |     little endian
/// ```
/// JackTrip leaves number and time stamp 0 for ever.
fn read_jamlink(bytes: &[u8], fallback: Format) -> Result<Header, DatagramError> {
    let Some(&[c0, c1, q0, q1, t0, t1, t2, t3]) = bytes.first_chunk() else {
        return Err(DatagramError::Truncated { got: bytes.len() });
    };
    let common = u16::from_le_bytes([c0, c1]);
    let code = (common >> 9 & 7) as u8;
    let rate = JAMLINK_RATES[usize::from(code)].ok_or(DatagramError::Rate { code })?;
    let channels = Channels(if common & JAMLINK_STEREO == 0 { 1 } else { 2 });
    let period = Frames(u32::from(common & 0x1ff));
    let header = announce(Format {
        rate,
        period,
        channels,
        ..fallback
    });
    Ok(Header {
        time_stamp: u64::from(u32::from_le_bytes([t0, t1, t2, t3])),
        seq: SeqNum(u16::from_le_bytes([q0, q1])),
        ..header
    })
}

/// A default header for `format`; what does not fit it is refused when it is judged.
fn announce(format: Format) -> Header {
    let (incoming, outgoing) = channel_bytes(format.wants, format.channels);
    Header {
        time_stamp: 0,
        seq: SeqNum(0),
        frames: u16::try_from(format.period.0).unwrap_or(u16::MAX),
        rate_code: rate_code(format.rate).unwrap_or(u8::MAX),
        bits: format.samples.bits(),
        incoming,
        outgoing,
    }
}

/// Why a payload is not an audio datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DatagramError {
    /// The length of a control datagram.
    #[error("63 bytes, which is for control and never audio")]
    Control,
    /// No room for a header.
    #[error("{got} bytes, fewer than a header has")]
    Truncated {
        /// Bytes that there were.
        got: usize,
    },
    /// A period of no frames, or of too many.
    #[error("a period of {frames} frames, not 1 to {MAX_PERIOD}")]
    Period {
        /// Frames that the header announces.
        frames: u16,
    },
    /// No channels, or 255 of them.
    #[error("no usable number of channels: in {incoming}, out {outgoing}")]
    Channels {
        /// The header's `in`.
        incoming: u8,
        /// The header's `out`.
        outgoing: u8,
    },
    /// An unknown rate.
    #[error("sampling rate code {code}, which stands for no rate")]
    Rate {
        /// The code.
        code: u8,
    },
    /// An unknown sample format.
    #[error("{bits} bits a sample, not 8, 16, 24 or 32")]
    Bits {
        /// Bits that the header announces.
        bits: u8,
    },
    /// Cut short, or with something behind it.
    #[error("{got} bytes, not a whole number of packets of {packet} bytes as the header announces")]
    Length {
        /// Bytes that there were.
        got: usize,
        /// Bytes of a packet, header included.
        packet: usize,
    },
    /// Too many packets in one datagram.
    #[error("{copies} packets in one datagram, more than {MAX_REDUNDANCY}")]
    Redundancy {
        /// Packets that there were.
        copies: usize,
    },
    /// An older packet of another format.
    #[error("the packet {age} before the newest announces another format")]
    OlderDiffers {
        /// How many periods older than the newest.
        age: u8,
    },
    /// An older packet that is not the one it should be.
    #[error("the packet {age} before the newest has number {got}, not {expected}")]
    OlderNumber {
        /// How many periods older than the newest.
        age: u8,
        /// Its number.
        got: u16,
        /// The number that it should have.
        expected: u16,
    },
    /// A header kind that does not announce the format, and nobody else did.
    #[error("this kind of header does not announce the format, and none was given")]
    NoFallback,
}

const JAMLINK_STEREO: u16 = 1 << 13;

/// By code; those that the default header cannot say are none.
const JAMLINK_RATES: [Option<SampleRate>; 8] = [
    Some(SampleRate::HZ_48000),
    Some(SampleRate::HZ_44100),
    Some(SampleRate::HZ_32000),
    None,
    Some(SampleRate::HZ_22050),
    None,
    None,
    None,
];
