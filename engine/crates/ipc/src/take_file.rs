//! What a take's file says of itself: read again by the plugin, which plays takes back where the host renders.
//!
//! Broadcast WAV (EBU Tech 3285) and RF64 (EBU Tech 3306), as far as Farsend writes them: 24-bit integers or 32-bit floats.
//! Source: those, and Microsoft's `WAVEFORMATEXTENSIBLE`.

use std::io::{self, Read, Seek, SeekFrom};

use farsend_units::{SampleRate, audio_or_silence};
use thiserror::Error;

/// The head of a file, with which its audio can be found and placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeHead {
    /// Frames a second.
    pub rate: SampleRate,
    /// At least one.
    pub channels: u16,
    /// How samples are written.
    pub samples: TakeSamples,
    /// Where the audio is, in bytes from the file's beginning.
    pub audio: u64,
    /// How long it is, in frames.
    pub frames: u64,
    /// Where it begins on the host's timeline, in frames.
    pub begins: u64,
    /// Which take of its session it is.
    pub number: u32,
    /// Whether it is what was sent rather than what came.
    pub is_send: bool,
    /// Who plays in it.
    pub player: String,
}

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakeSamples {
    /// Three bytes, little endian.
    Int24,
    /// Four bytes, little endian.
    Float32,
}

impl TakeSamples {
    /// Bytes a sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Int24 => 3,
            Self::Float32 => 4,
        }
    }

    /// One sample, of as many bytes as there are to one; silence if there are not, or if it is no audio.
    pub fn decode(self, bytes: &[u8]) -> f32 {
        let sample = match (self, bytes) {
            (Self::Int24, &[low, middle, high]) => {
                i32::from_le_bytes([0, low, middle, high]) as f32 / 2_147_483_648.0
            }
            (Self::Float32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            _ => 0.0,
        };
        audio_or_silence(sample)
    }
}

/// Why a file is no take.
#[derive(Debug, Error)]
pub enum TakeHeadError {
    /// It could not be read, or ends within its head.
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    /// Another kind of file, or of another program.
    #[error("it is no take of Farsend's")]
    NotOurs,
    /// A chunk that makes no sense.
    #[error("its \"{chunk}\" chunk makes no sense")]
    Chunk {
        /// Its name.
        chunk: &'static str,
    },
}

impl TakeHead {
    /// Reads the head of a file of `length` bytes. Any bytes are fine: reads no more than some kilobytes of them.
    ///
    /// # Errors
    /// [`TakeHeadError`], for anything but a take of Farsend's.
    pub fn read(file: &mut (impl Read + Seek), length: u64) -> Result<Self, TakeHeadError> {
        let mut riff = [0; 12];
        file.read_exact(&mut riff)?;
        if !matches!(&riff[..4], b"RIFF" | b"RF64") || &riff[8..] != b"WAVE" {
            return Err(TakeHeadError::NotOurs);
        }
        let mut found = Found::default();
        let mut at = 12;
        for _ in 0..MOST_CHUNKS {
            file.seek(SeekFrom::Start(at))?;
            let mut head = [0; 8];
            file.read_exact(&mut head)?;
            let [a, b, c, d, size @ ..] = head;
            let size = u64::from(u32::from_le_bytes(size));
            let body = at + 8;
            match &[a, b, c, d] {
                b"data" => return found.finish(body, size, length),
                b"ds64" => found.ds64 = Some(part(file, size)?),
                b"fmt " => found.format = Some(part(file, size)?),
                b"bext" => found.bext = Some(part(file, size)?),
                _ => {}
            }
            at = body + size + size % 2;
        }
        Err(TakeHeadError::NotOurs)
    }

    /// Bytes a frame.
    pub fn frame_bytes(&self) -> usize {
        usize::from(self.channels) * self.samples.bytes()
    }
}

#[derive(Default)]
struct Found {
    ds64: Option<Vec<u8>>,
    format: Option<Vec<u8>>,
    bext: Option<Vec<u8>>,
}

impl Found {
    fn finish(&self, audio: u64, size: u64, length: u64) -> Result<TakeHead, TakeHeadError> {
        let none = TakeHeadError::NotOurs;
        let format = self.format.as_deref().ok_or(none)?;
        let wrong = || TakeHeadError::Chunk { chunk: "fmt " };
        let short = |at: usize| Some(u16::from_le_bytes(*format.get(at..)?.first_chunk()?));
        let long = |at: usize| Some(u32::from_le_bytes(*format.get(at..)?.first_chunk()?));
        let tag = short(0).ok_or_else(wrong)?;
        // What is extensible says what it is further behind.
        let tag = if tag == 0xfffe { short(24) } else { Some(tag) };
        let bits = short(14).ok_or_else(wrong)?;
        let samples = match (tag, bits) {
            (Some(1), 24) => TakeSamples::Int24,
            (Some(3), 32) => TakeSamples::Float32,
            _ => return Err(wrong()),
        };
        let channels = short(2)
            .filter(|count| (1..=255).contains(count))
            .ok_or_else(wrong)?;
        let rate = long(4)
            .filter(|rate| (1..=1_000_000).contains(rate))
            .ok_or_else(wrong)?;
        let bext = self.bext.as_deref().ok_or(TakeHeadError::NotOurs)?;
        let wrong = || TakeHeadError::Chunk { chunk: "bext" };
        let description = text(bext.get(..256).ok_or_else(wrong)?);
        let begins = bext
            .get(338..)
            .and_then(<[u8]>::first_chunk)
            .ok_or_else(wrong)?;
        let label = description
            .strip_prefix("Farsend take=")
            .ok_or(TakeHeadError::NotOurs)?;
        let mut fields = label.splitn(3, ';');
        let number = fields
            .next()
            .and_then(|number| number.parse().ok())
            .ok_or_else(wrong)?;
        let kind = fields.next().unwrap_or_default();
        let player = fields
            .next()
            .and_then(|field| field.strip_prefix("player="));
        let size = match (size, &self.ds64) {
            (0xffff_ffff, Some(ds64)) => {
                let size = ds64.get(8..).and_then(<[u8]>::first_chunk);
                size.map(|size| u64::from_le_bytes(*size))
                    .ok_or(TakeHeadError::Chunk { chunk: "ds64" })?
            }
            _ => size,
        };
        let width = u64::from(channels) * samples.bytes() as u64;
        Ok(TakeHead {
            rate: SampleRate(rate),
            channels,
            samples,
            audio,
            // A file that is written, or was cut, has less than it says.
            frames: size.min(length.saturating_sub(audio)) / width,
            begins: u64::from_le_bytes(*begins),
            number,
            is_send: kind == "kind=send",
            player: player.unwrap_or_default().to_owned(),
        })
    }
}

/// The beginning of a chunk.
fn part(file: &mut impl Read, size: u64) -> Result<Vec<u8>, TakeHeadError> {
    let mut bytes = vec![0; size.min(LONGEST_CHUNK) as usize];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// A bound on the chunks before the audio.
const MOST_CHUNKS: usize = 64;
/// Nothing of interest is further behind.
const LONGEST_CHUNK: u64 = 1024;

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let mut bytes = name.to_vec();
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.extend(body);
        bytes
    }

    fn file(frames: u32) -> Vec<u8> {
        let mut bext = vec![0; 602];
        let label = b"Farsend take=7;kind=return;player=Ann; the first";
        bext[..label.len()].copy_from_slice(label);
        bext[338..346].copy_from_slice(&96_000_u64.to_le_bytes());
        let mut format = Vec::new();
        for short in [1_u16, 2, 0xbb80, 0, 0x6540, 4, 6, 24] {
            format.extend(short.to_le_bytes());
        }
        let mut body = b"WAVE".to_vec();
        body.extend(chunk(b"JUNK", &[0; 28]));
        body.extend(chunk(b"bext", &bext));
        body.extend(chunk(b"fmt ", &format));
        body.extend(chunk(b"data", &vec![0; frames as usize * 6]));
        chunk(b"RIFF", &body)
    }

    fn read(bytes: &[u8]) -> Result<TakeHead, TakeHeadError> {
        TakeHead::read(&mut Cursor::new(bytes), bytes.len() as u64)
    }

    #[test]
    fn a_take_says_what_and_where_it_is() {
        let bytes = file(100);
        let head = read(&bytes).expect("it is one");
        assert_eq!(
            (head.rate, head.channels, head.frames),
            (SampleRate::HZ_48000, 2, 100)
        );
        assert_eq!((head.begins, head.number, head.is_send), (96_000, 7, false));
        assert_eq!(head.player, "Ann; the first");
        assert_eq!(head.audio, bytes.len() as u64 - 600);
    }

    #[test]
    fn a_file_that_was_cut_has_the_frames_that_are_left_and_one_without_audio_is_none() {
        let bytes = file(100);
        for cut in 0..bytes.len() {
            let head = read(&bytes[..cut]);
            match head {
                Ok(head) => assert_eq!(head.frames, (cut as u64 - head.audio) / 6),
                Err(_) => assert!(cut < bytes.len() - 600),
            }
        }
    }

    #[test]
    fn changed_bytes_are_another_head_or_an_error() {
        let bytes = file(3);
        for place in 0..bytes.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[place] = value;
                if let Ok(head) = read(&changed) {
                    assert!(head.channels > 0 && head.rate.0 > 0);
                }
            }
        }
    }

    #[test]
    fn samples_are_whole_numbers_or_floats_and_never_anything_else() {
        assert_eq!(TakeSamples::Int24.decode(&[0, 0, 0x80]), -1.0);
        assert_eq!(TakeSamples::Int24.decode(&[0, 0, 0x40]), 0.5);
        assert_eq!(TakeSamples::Float32.decode(&0.25_f32.to_le_bytes()), 0.25);
        for nonsense in [f32::NAN, 1e30] {
            assert_eq!(TakeSamples::Float32.decode(&nonsense.to_le_bytes()), 0.0);
        }
        assert_eq!(TakeSamples::Int24.decode(&[1]), 0.0);
    }
}
