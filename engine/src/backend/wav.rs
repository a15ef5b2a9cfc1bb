//! WAV files at the two ends of a session: read ahead and written behind by threads of their own, so that the
//! audio thread only meets rings.

mod sink;

use std::fs;
use std::io::{self, BufReader, BufWriter, Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use farsend_units::{Channels, SampleRate};
use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use rtrb::{Consumer, Producer, RingBuffer};
use thiserror::Error;

pub use self::sink::News;
pub(super) use self::sink::WavSink;
use super::convert::Converted;
use crate::settings::MAX_CHANNELS;

/// What is wrong with a WAV file, and what to do.
#[derive(Debug, Error)]
pub enum WavError {
    /// It cannot be opened.
    #[error("cannot open {}: {source}", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is no WAV file that we read.
    #[error("{} is no WAV file that can be played: {why}. Farsend reads 8, 16, 24 and 32 bit integer and 32 bit float WAV; convert it, for example `sox in.wav -b 24 out.wav`", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        why: String,
    },
    /// It has no frames.
    #[error("{} holds no audio: zero frames", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It ends before its header says so.
    #[error("{} is cut: its header promises {promised} bytes of audio, {there} are there. Repair it, for example `sox --ignore-length in.wav out.wav`", .path.display())]
    Cut {
        /// The file.
        path: PathBuf,
        /// Bytes of audio by the header.
        promised: u64,
        /// Bytes of audio in the file.
        there: u64,
    },
    /// Whoever wrote it could not go back to say how long it is.
    #[error("{} does not say how long it is, as it was written to a pipe; {there} bytes of audio are there. Repair it, for example `sox --ignore-length in.wav out.wav`", .path.display())]
    Streamed {
        /// The file.
        path: PathBuf,
        /// Bytes of audio in the file.
        there: u64,
    },
    /// It has more channels than a session can carry.
    #[error("{} has {channels} channels; a session carries at most {MAX_CHANNELS}", .path.display())]
    TooManyChannels {
        /// The file.
        path: PathBuf,
        /// Its channels.
        channels: u16,
    },
    /// It cannot be written.
    #[error("cannot record to {}: {why}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        why: String,
    },
}

/// A WAV file that has been looked over and is ready to be read.
pub struct WavInput {
    path: PathBuf,
    reader: WavReader<BufReader<fs::File>>,
    /// To play it at, where that is not its own.
    to: Option<SampleRate>,
}

impl std::fmt::Debug for WavInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WavInput")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl WavInput {
    /// Opens and checks `path`.
    ///
    /// # Errors
    /// [`WavError`] for anything that would not play from beginning to end.
    pub fn open(path: &Path) -> Result<Self, WavError> {
        let owned = || path.to_owned();
        let mut file = fs::File::open(path).map_err(|source| WavError::Open {
            path: owned(),
            source,
        })?;
        let size = file
            .metadata()
            .map_err(|source| WavError::Open {
                path: owned(),
                source,
            })?
            .len();
        let unreadable = |why: hound::Error| WavError::Unreadable {
            path: owned(),
            why: match why {
                other if size < SMALLEST_HEADER => {
                    format!("{other}; it has {size} bytes, fewer than a header")
                }
                other => other.to_string(),
            },
        };
        // What is no WAV at all is for the reader to say.
        if let Ok(Some((begins, promised))) = audio_of(&mut file) {
            let there = size.saturating_sub(begins);
            let none_said = promised == 0 && there > 0 && !has_chunk(&mut file, begins, there);
            if promised >= UNKNOWN_LENGTH && promised > there || none_said {
                let path = owned();
                return Err(WavError::Streamed { path, there });
            }
            if promised > there {
                return Err(WavError::Cut {
                    path: owned(),
                    promised,
                    there,
                });
            }
        }
        file.rewind().map_err(|source| WavError::Open {
            path: owned(),
            source,
        })?;
        let mut reader = WavReader::new(BufReader::new(file)).map_err(unreadable)?;
        let spec = reader.spec();
        if usize::from(spec.channels) > MAX_CHANNELS {
            return Err(WavError::TooManyChannels {
                path: owned(),
                channels: spec.channels,
            });
        }
        if reader.len() == 0 || spec.channels == 0 {
            return Err(WavError::Empty { path: owned() });
        }
        let odd = |why: String| {
            let path = owned();
            Err(WavError::Unreadable { path, why })
        };
        if !RATES.contains(&spec.sample_rate) {
            return odd(format!("it claims {} frames a second", spec.sample_rate));
        }
        if !WIDTHS.contains(&spec.bits_per_sample) {
            return odd(format!("its samples have {} bits", spec.bits_per_sample));
        }
        // The reader takes samples of any width, and says at the first that it cannot read them.
        first_sample(&mut reader).map_err(unreadable)?;
        let mut file = reader.into_inner();
        file.rewind().map_err(|source| WavError::Open {
            path: owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            reader: WavReader::new(file).map_err(unreadable)?,
            to: None,
        })
    }

    /// The same, [played](Self::start) at this rate: converted, where it is not its own.
    pub fn converted_to(self, rate: SampleRate) -> Self {
        Self {
            to: Some(rate),
            ..self
        }
    }

    /// The file's rate.
    pub fn rate(&self) -> SampleRate {
        SampleRate(self.reader.spec().sample_rate)
    }

    /// The file's channels.
    pub fn channels(&self) -> Channels {
        Channels(u8::try_from(self.reader.spec().channels).unwrap_or(u8::MAX))
    }

    /// Its first `frames` frames, or all, by channel; what cannot be read at its end is left out.
    pub fn read(self, frames: usize) -> Vec<Vec<f32>> {
        let count = self.channels().get();
        let mut channels = vec![Vec::new(); count];
        let most = frames.saturating_mul(count);
        each_sample(self.reader, |samples| {
            for (i, sample) in samples.take(most).enumerate() {
                channels[i % count].push(sample);
            }
        });
        let whole = channels.iter().map(Vec::len).min().unwrap_or(0);
        channels
            .iter_mut()
            .for_each(|channel| channel.truncate(whole));
        channels
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(
            f64::from(self.reader.duration()) / f64::from(self.reader.spec().sample_rate.max(1)),
        )
    }

    /// Begins to read ahead on a thread of its own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(self) -> std::io::Result<WavSource> {
        let channels = self.channels().get();
        let from = self.rate();
        let to = self.to.unwrap_or(from);
        let (mut samples, consumer) = RingBuffer::new(channels * to.0 as usize * READ_AHEAD_S);
        let ended = Arc::new(AtomicBool::new(false));
        let all_read = ended.clone();
        let read = move || {
            each_sample(self.reader, |all| {
                if from == to {
                    put_all(all, &mut samples);
                } else {
                    put_all(&mut Converted::new(all, channels, from, to), &mut samples);
                }
            });
            all_read.store(true, Relaxed);
        };
        std::thread::Builder::new()
            .name("wav-read".into())
            .spawn(read)?;
        Ok(WavSource {
            samples: consumer,
            channels,
            ended,
        })
    }
}

/// Reads one sample: whether there is one, and of a width that can be read.
fn first_sample(reader: &mut WavReader<BufReader<fs::File>>) -> Result<(), hound::Error> {
    let read = match reader.spec().sample_format {
        SampleFormat::Float => reader
            .samples::<f32>()
            .next()
            .map(|sample| sample.map(drop)),
        SampleFormat::Int => reader
            .samples::<i32>()
            .next()
            .map(|sample| sample.map(drop)),
    };
    read.unwrap_or(Err(hound::Error::UnfinishedSample))
}

/// Hands over the samples of a file, interleaved, up to the first that cannot be read.
fn each_sample(
    mut reader: WavReader<BufReader<fs::File>>,
    take: impl FnOnce(&mut dyn Iterator<Item = f32>),
) {
    let spec = reader.spec();
    let scale = 0.5_f32.powi(i32::from(spec.bits_per_sample) - 1);
    match spec.sample_format {
        SampleFormat::Float => take(&mut reader.samples::<f32>().map_while(Result::ok)),
        SampleFormat::Int => take(
            &mut reader
                .samples::<i32>()
                .map_while(Result::ok)
                .map(|x| x as f32 * scale),
        ),
    }
}

/// Writes a whole take (planar) as 32 bit float, and returns where: what is there already stays, and `NAME (2).wav` or
/// the like is written then.
///
/// # Errors
/// [`WavError::Write`].
pub fn write(path: &Path, rate: SampleRate, channels: &[Vec<f32>]) -> Result<PathBuf, WavError> {
    let spec = WavSpec {
        channels: channels.len() as u16,
        sample_rate: rate.0,
        bits_per_sample: 32,
        sample_format: SampleFormat::Float,
    };
    let all = || {
        let (written, file, _) = sink::open(path)?;
        let mut file = WavWriter::new(BufWriter::new(file), spec)?;
        for frame in 0..channels.iter().map(Vec::len).min().unwrap_or(0) {
            for channel in channels {
                file.write_sample(channel[frame])?;
            }
        }
        file.finalize()?;
        Ok(written)
    };
    all().map_err(|error: hound::Error| WavError::Write {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

/// Makes a file that was not there: `NAME (2).svg` or the like where the name is taken. Gives what it is called.
///
/// # Errors
/// The system's.
pub fn fresh(path: &Path) -> io::Result<(PathBuf, fs::File)> {
    let (path, file, _) = sink::open(path)?;
    Ok((path, file))
}

/// Where a WAV file's audio begins, and how many bytes of it there are by its header; `None` where it is no WAV file.
fn audio_of(file: &mut fs::File) -> io::Result<Option<(u64, u64)>> {
    let mut head = [0; 12];
    file.read_exact(&mut head)?;
    if &head[..4] != b"RIFF" || &head[8..] != b"WAVE" {
        return Ok(None);
    }
    let mut at = 12;
    for _ in 0..MOST_CHUNKS {
        let mut head = [0; 8];
        file.seek(io::SeekFrom::Start(at))?;
        file.read_exact(&mut head)?;
        let [name @ .., a, b, c, d] = head;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        at += 8;
        if &name == b"data" {
            return Ok(Some((at, length)));
        }
        // Chunks are padded to whole words.
        at += length.next_multiple_of(2);
    }
    Ok(None)
}

/// Whether a chunk that fits begins there, with so many bytes to the file's end.
fn has_chunk(file: &mut fs::File, at: u64, there: u64) -> bool {
    let mut head = [0; 8];
    let read = file.seek(io::SeekFrom::Start(at));
    if read.and_then(|_| file.read_exact(&mut head)).is_err() {
        return false;
    }
    let [name @ .., a, b, c, d] = head;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b' ';
    name.iter().all(is_name) && length <= there - 8
}

fn put_all(all: &mut dyn Iterator<Item = f32>, samples: &mut Producer<f32>) {
    for sample in all {
        while samples.is_full() {
            if samples.is_abandoned() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // There is room, checked above, and we are the only writer.
        _ = samples.push(sample);
    }
}

/// The audio thread's end of a file that is being read.
#[derive(Debug)]
pub struct WavSource {
    samples: Consumer<f32>,
    channels: usize,
    ended: Arc<AtomicBool>,
}

impl WavSource {
    /// Fills `block` (planar) with the next frames; silence behind the end and where the disk was too slow.
    /// Returns `false` once everything has been played. Wait-free.
    pub fn pull(&mut self, block: &mut [Vec<f32>]) -> bool {
        let ended = self.ended.load(Relaxed);
        let wanted = block.first().map_or(0, Vec::len);
        let frames = wanted.min(self.samples.slots() / self.channels);
        block
            .iter_mut()
            .for_each(|channel| channel[frames..].fill(0.0));
        if let Ok(chunk) = self.samples.read_chunk(frames * self.channels) {
            for (i, sample) in chunk.into_iter().enumerate() {
                if let Some(channel) = block.get_mut(i % self.channels) {
                    channel[i / self.channels] = sample;
                }
            }
        }
        block
            .iter_mut()
            .skip(self.channels)
            .for_each(|extra| extra.fill(0.0));
        !(ended && self.samples.is_empty())
    }
}

/// RIFF, format and data chunk heads at their shortest.
const SMALLEST_HEADER: u64 = 44;

/// Chunks before the audio; nobody writes so many.
const MOST_CHUNKS: usize = 64;

/// What is written before a length is known is about this, or twice as much.
const UNKNOWN_LENGTH: u64 = 0x7fff_ff00;

/// Frames a second that a file can be thought to have.
const RATES: std::ops::RangeInclusive<u32> = 1_000..=1_000_000;

/// Bits of a sample that some reader understands.
const WIDTHS: [u16; 4] = [8, 16, 24, 32];

/// Seconds of input held ready.
const READ_AHEAD_S: usize = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// A second of mono in 16 bits whose header says `length` of the audio, with these chunks before and bytes behind it.
    fn wav(folder: &Path, length: u32, before: &[u8], behind: &[u8]) -> PathBuf {
        let format = [
            16, 0, 0, 0, 1, 0, 1, 0, 0x80, 0xbb, 0, 0, 0, 0x77, 1, 0, 2, 0, 16, 0,
        ];
        let path = folder.join("in.wav");
        let bytes = [
            &b"RIFF\xff\xff\xff\xffWAVE"[..],
            before,
            b"fmt ",
            &format,
            b"data",
            &length.to_le_bytes(),
            &[1; 96_000],
            behind,
        ];
        fs::write(&path, bytes.concat()).unwrap();
        path
    }

    #[test]
    fn a_file_whose_header_does_not_say_how_long_it_is_and_one_that_is_cut_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let said = |length, before: &[u8], behind: &[u8]| {
            let opened = WavInput::open(&wav(folder.path(), length, before, behind));
            opened
                .err()
                .map_or("fine".to_owned(), |error| error.to_string())
        };
        let list = b"LIST\x04\0\0\0abcd";
        assert_eq!(said(96_000, b"", b""), "fine");
        assert_eq!(said(96_000, list, list), "fine");
        for length in [u32::MAX, u32::MAX - 1, i32::MAX as u32 - 36, 0] {
            let told = said(length, list, b"");
            assert!(told.contains("written to a pipe; 96000 bytes"), "{told}");
        }
        let path = wav(folder.path(), 0, b"", b"");
        let mut empty = fs::read(&path).unwrap();
        empty.truncate(44);
        empty.extend_from_slice(list);
        fs::write(&path, &empty).unwrap();
        let told = WavInput::open(&path).unwrap_err().to_string();
        assert!(told.contains("holds no audio"), "{told}");
        for (length, before) in [(96_002, &b""[..]), (96_004, list), (200_000, b"")] {
            let told = said(length, before, b"");
            let promise = format!("promises {length} bytes of audio, 96000 are there");
            assert!(told.contains(&promise), "{told}");
        }
    }

    #[test]
    fn a_header_of_any_bytes_is_survived() {
        let folder = tempfile::tempdir().unwrap();
        let whole = fs::read(wav(folder.path(), 96_000, b"", b"")).unwrap();
        let path = folder.path().join("other.wav");
        for place in 0..44 {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut other = whole[..2000].to_vec();
                other[place] = byte;
                fs::write(&path, &other).unwrap();
                _ = WavInput::open(&path);
                fs::write(&path, &other[..place]).unwrap();
                assert!(WavInput::open(&path).is_err());
            }
        }
    }

    #[test]
    fn a_take_is_written_beside_what_is_there_already() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("sent.wav");
        let take = [vec![0.5; 3]];
        let write = || write(&wanted, SampleRate::HZ_48000, &take).unwrap();
        assert_eq!(write(), wanted);
        let first = fs::read(&wanted).unwrap();
        assert_eq!(write(), folder.path().join("sent (2).wav"));
        assert_eq!(fs::read(&wanted).unwrap(), first);
    }
}
