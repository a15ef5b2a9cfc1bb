//! What stands before the audio in a Broadcast WAV file, for any length of it.
//!
//! ```text
//!   "RIFF" size "WAVE" | "JUNK" 28 bytes | "bext" | "fmt " | "fact" (floats only) | "data" size | audio, a byte if odd
//!   "RF64"  -1  "WAVE" | "ds64" sizes    |   the same                             | "data"  -1  |   beyond 4 GiB
//! ```
//! The junk keeps the place of the 64-bit sizes, so that the audio never has to move.
//!
//! Source: EBU Tech 3285 (bext, version 1), EBU Tech 3306 v1 (RF64), Microsoft's `WAVEFORMATEXTENSIBLE`.

use farsend_units::{Channels, SampleRate};

use super::Moment;

/// How a sample is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Integers of 24 bit; what is beyond full scale is clipped.
    #[default]
    Int24,
    /// Floats of 32 bit.
    Float32,
}

impl Depth {
    /// Bits a sample.
    pub const fn bits(self) -> u16 {
        match self {
            Self::Int24 => 24,
            Self::Float32 => 32,
        }
    }

    /// Bytes a sample.
    pub const fn bytes(self) -> usize {
        self.bits() as usize / 8
    }
}

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Frames a second.
    pub rate: SampleRate,
    /// At least one.
    pub channels: Channels,
    /// How samples are written.
    pub depth: Depth,
    /// Whose audio it is: up to 256 bytes are kept.
    pub description: String,
    /// A name of this file among all that there are: up to 32 bytes are kept.
    pub reference: String,
    /// When the file begins, by the clock on the wall.
    pub begins: Moment,
    /// Where on the time line the file begins: samples since midnight.
    pub time_reference: u64,
    /// What the audio has been through before it came here: lines of EBU R 98, each ended by CR LF.
    pub history: String,
}

impl Head {
    /// Bytes a frame.
    pub fn frame_bytes(&self) -> usize {
        self.channels.get().max(1) * self.depth.bytes()
    }

    /// Bytes before the audio.
    pub fn len(&self) -> usize {
        let fact = if self.depth == Depth::Float32 { 12 } else { 0 };
        RIFF + CHUNK + DS64 + CHUNK + self.bext_bytes() + CHUNK + self.format_bytes() + fact + CHUNK
    }

    /// Never: there is always a head.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Bytes of a file with so many frames.
    pub fn file_bytes(&self, frames: u64) -> u64 {
        let audio = frames.saturating_mul(self.frame_bytes() as u64);
        (self.len() as u64)
            .saturating_add(audio)
            .saturating_add(audio % 2)
    }

    /// The head of a file with so many frames.
    pub fn bytes(&self, frames: u64) -> Vec<u8> {
        let audio = frames.saturating_mul(self.frame_bytes() as u64);
        let riff = self.file_bytes(frames).saturating_sub(8);
        let small = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
        let long = riff >= u64::from(u32::MAX);
        let mut out = Vec::with_capacity(self.len());
        out.extend(if long { b"RF64" } else { b"RIFF" });
        put32(&mut out, if long { u32::MAX } else { small(riff) });
        out.extend(b"WAVE");
        out.extend(if long { b"ds64" } else { b"JUNK" });
        put32(&mut out, DS64 as u32);
        if long {
            [riff, audio, frames]
                .iter()
                .for_each(|size| out.extend(size.to_le_bytes()));
            // No table of other long chunks.
            put32(&mut out, 0);
        } else {
            out.extend([0; DS64]);
        }
        self.put_bext(&mut out);
        self.put_format(&mut out);
        if self.depth == Depth::Float32 {
            out.extend(b"fact");
            put32(&mut out, 4);
            put32(&mut out, small(frames));
        }
        out.extend(b"data");
        put32(&mut out, if long { u32::MAX } else { small(audio) });
        debug_assert_eq!(out.len(), self.len());
        out
    }

    fn put_bext(&self, out: &mut Vec<u8>) {
        out.extend(b"bext");
        put32(out, self.bext_bytes() as u32);
        put_text(out, &self.description, 256);
        put_text(out, ORIGINATOR, 32);
        put_text(out, &self.reference, 32);
        put_text(out, &self.begins.date(), 10);
        put_text(out, &self.begins.time(':'), 8);
        out.extend(self.time_reference.to_le_bytes());
        put16(out, BEXT_VERSION);
        // No UMID, and what is reserved.
        out.extend([0; 64 + 190]);
        out.extend(self.history.as_bytes());
        out.extend(self.own_history().as_bytes());
        if out.len() % 2 == 1 {
            out.push(0);
        }
    }

    fn put_format(&self, out: &mut Vec<u8>) {
        let channels = self.channels.0.max(1);
        let plain = match self.depth {
            Depth::Int24 => FORMAT_PCM,
            Depth::Float32 => FORMAT_FLOAT,
        };
        let extensible = self.format_bytes() == EXTENSIBLE;
        out.extend(b"fmt ");
        put32(out, self.format_bytes() as u32);
        put16(out, if extensible { FORMAT_EXTENSIBLE } else { plain });
        put16(out, u16::from(channels));
        put32(out, self.rate.0);
        put32(out, self.rate.0.saturating_mul(self.frame_bytes() as u32));
        put16(out, self.frame_bytes() as u16);
        put16(out, self.depth.bits());
        if extensible {
            put16(out, (EXTENSIBLE - 18) as u16);
            put16(out, self.depth.bits());
            // No loudspeaker is meant by any of the channels.
            put32(out, 0);
            put16(out, plain);
            out.extend(MEDIA_SUBTYPE);
        } else if self.format_bytes() == WITH_EXTRA {
            put16(out, 0);
        }
    }

    /// Formats but plain integers say how much more they say; from three channels on they have to say what those mean.
    fn format_bytes(&self) -> usize {
        match (self.channels.0, self.depth) {
            (3.., _) => EXTENSIBLE,
            (_, Depth::Float32) => WITH_EXTRA,
            _ => 16,
        }
    }

    fn bext_bytes(&self) -> usize {
        (BEXT + self.history.len() + self.own_history().len()).next_multiple_of(2)
    }

    /// Our own line of the history.
    fn own_history(&self) -> String {
        let width = match self.depth {
            Depth::Int24 => "",
            Depth::Float32 => " 32 bit float",
        };
        let version = env!("CARGO_PKG_VERSION");
        format!(
            "{},T=Farsend {version}{width}\r\n",
            history(self.rate, self.depth.bits(), self.channels)
        )
    }
}

/// The beginning of a line of coding history: everything but the free text.
pub(crate) fn history(rate: SampleRate, bits: u16, channels: Channels) -> String {
    let mode = match channels.0 {
        1 => ",M=mono",
        2 => ",M=stereo",
        _ => "",
    };
    format!("A=PCM,F={},W={bits}{mode}", rate.0)
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend(value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend(value.to_le_bytes());
}

/// As much of `text` as fits into `room` bytes, in whole characters, and zeros.
fn put_text(out: &mut Vec<u8>, text: &str, room: usize) {
    let kept = text.floor_char_boundary(room);
    out.extend(&text.as_bytes()[..kept]);
    out.extend(std::iter::repeat_n(0, room - kept));
}

const ORIGINATOR: &str = "Farsend";
const BEXT_VERSION: u16 = 1;
/// "RIFF", size, "WAVE".
const RIFF: usize = 12;
/// A chunk's name and size.
const CHUNK: usize = 8;
/// Three sizes and the length of a table.
const DS64: usize = 28;
/// A bext chunk without history.
const BEXT: usize = 602;
const WITH_EXTRA: usize = 18;
const EXTENSIBLE: usize = 40;
const FORMAT_PCM: u16 = 1;
const FORMAT_FLOAT: u16 = 3;
const FORMAT_EXTENSIBLE: u16 = 0xfffe;
/// What follows the format's number in a `KSDATAFORMAT_SUBTYPE`.
const MEDIA_SUBTYPE: [u8; 14] = [
    0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71,
];

#[cfg(test)]
pub(crate) mod tests {
    use std::time::Duration;

    use super::*;

    /// The head of a test's file.
    pub(crate) fn head(channels: u8, depth: Depth) -> Head {
        let begins = Moment::new([2026, 11, 21], Duration::from_secs(77_825));
        Head {
            rate: SampleRate::HZ_48000,
            channels: Channels(channels),
            depth,
            description: "ann (192.0.2.7:4464)".into(),
            reference: "Farsend20261121213705-1".into(),
            time_reference: begins.time_reference(SampleRate::HZ_48000),
            begins,
            history: "A=PCM,F=44100,W=16,M=mono,T=JackTrip\r\n".into(),
        }
    }

    #[test]
    fn a_head_is_as_long_as_it_says_and_its_chunks_are_even() {
        for channels in [1, 2, 3, 64] {
            for depth in [Depth::Int24, Depth::Float32] {
                let mut head = head(channels, depth);
                for odd in ["", "x"] {
                    head.history.push_str(odd);
                    let bytes = head.bytes(7);
                    assert_eq!(bytes.len(), head.len());
                    assert_eq!(bytes.len() % 2, 0);
                    assert_eq!(bytes[bytes.len() - 8..][..4], *b"data");
                    let riff = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes"));
                    assert_eq!(u64::from(riff) + 8, head.file_bytes(7));
                    assert_eq!(head.file_bytes(7) % 2, 0);
                }
            }
        }
    }

    #[test]
    fn the_sizes_move_to_where_the_junk_was_at_4_gib() {
        let head = head(2, Depth::Int24);
        let most = (u64::from(u32::MAX) - 1 + 8 - head.len() as u64) / 6;
        let short = head.bytes(most);
        assert_eq!((&short[..4], &short[12..16]), (&b"RIFF"[..], &b"JUNK"[..]));
        let long = head.bytes(most + 1);
        assert_eq!((&long[..4], &long[12..16]), (&b"RF64"[..], &b"ds64"[..]));
        assert_eq!(long[4..8], [0xff; 4]);
        assert_eq!(long[long.len() - 4..], [0xff; 4]);
        let size = |at: usize| u64::from_le_bytes(long[at..at + 8].try_into().expect("eight"));
        assert_eq!(size(20), head.file_bytes(most + 1) - 8);
        assert_eq!(size(28), (most + 1) * 6);
        assert_eq!(size(36), most + 1);
        assert_eq!(long.len(), short.len());
    }

    #[test]
    fn what_is_too_long_for_its_field_is_cut_between_characters() {
        let mut head = head(1, Depth::Int24);
        head.description = "é".repeat(400);
        head.reference = format!("{}é", "x".repeat(31));
        let bytes = head.bytes(0);
        let bext = &bytes[12 + 36 + 8..];
        assert_eq!(bext[..256], *"é".repeat(128).as_bytes());
        assert_eq!(
            bext[256..288],
            *b"Farsend\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        );
        assert_eq!(bext[288 + 30..][..2], *b"x\0");
        assert_eq!(bext[320..338], *b"2026-11-2121:37:05");
        assert_eq!(bext[338..346], (77_825_u64 * 48_000).to_le_bytes());
    }
}
