//! A WAV file that is written behind by a thread of its own.

use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use farsend_units::{Channels, SampleRate};
use hound::{SampleFormat, WavSpec, WavWriter};
use rtrb::{Consumer, Producer, RingBuffer};

use super::WavError;

/// The audio thread's end of a file that is being written: 32 bit float, one file after another where 4 GiB
/// are not enough (`take.wav`, `take-2.wav`, ...).
#[derive(Debug)]
pub(in crate::backend) struct WavSink {
    samples: Option<Producer<f32>>,
    owed: u64,
    lost: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<(), WavError>>>,
}

impl WavSink {
    /// Creates `path` and the thread that writes it.
    ///
    /// # Errors
    /// [`WavError::Write`] when the file cannot be created.
    pub(in crate::backend) fn create(
        path: &Path,
        rate: SampleRate,
        channels: Channels,
    ) -> Result<Self, WavError> {
        let spec = WavSpec {
            channels: u16::from(channels.0),
            sample_rate: rate.0,
            bits_per_sample: 32,
            sample_format: SampleFormat::Float,
        };
        let failed = |why: String| WavError::Write {
            path: path.to_owned(),
            why,
        };
        let file = WavWriter::create(path, spec).map_err(|error| failed(error.to_string()))?;
        let (producer, samples) =
            RingBuffer::new(channels.get().max(1) * rate.0 as usize * WRITE_BEHIND_S);
        let behind = Take {
            first: path.to_owned(),
            spec,
            part: 1,
            file,
        };
        let thread = std::thread::Builder::new()
            .name("wav-write".into())
            .spawn(move || behind.write_all(samples))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            samples: Some(producer),
            owed: 0,
            lost: Arc::default(),
            thread: Some(thread),
        })
    }

    /// Frames that a slow disk made us drop; silence stands in their place in the file.
    pub(in crate::backend) fn lost(&self) -> Arc<AtomicU64> {
        self.lost.clone()
    }

    /// Appends one block (planar). A full ring (a stalled disk) costs these frames; they are written as
    /// silence later, so that what follows stays in its place. Wait-free.
    pub(in crate::backend) fn push(&mut self, block: &[Vec<f32>]) {
        let Some(samples) = &mut self.samples else {
            return;
        };
        let frames = block.first().map_or(0, Vec::len);
        let channels = block.len().max(1);
        if self.owed > 0 {
            let most = (samples.slots() / channels) as u64;
            let now = self.owed.min(most).min(frames as u64 * 4) as usize;
            if let Ok(chunk) = samples.write_chunk_uninit(now * channels) {
                chunk.fill_from_iter(std::iter::repeat_n(0.0, now * channels));
                self.owed -= now as u64;
            }
        }
        let written = (self.owed == 0)
            .then(|| samples.write_chunk_uninit(frames * channels).ok())
            .flatten()
            .map(|chunk| {
                let interleaved =
                    (0..frames).flat_map(|i| block.iter().map(move |channel| channel[i]));
                chunk.fill_from_iter(interleaved);
            });
        if written.is_none() {
            self.owed += frames as u64;
            self.lost.fetch_add(frames as u64, Relaxed);
        }
    }

    /// Writes what is queued and completes the file. Blocks until the disk has it.
    ///
    /// # Errors
    /// [`WavError::Write`] when the disk was full, say.
    pub(in crate::backend) fn finish(mut self) -> Result<(), WavError> {
        drop(self.samples.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            _ => Ok(()),
        }
    }
}

/// The writing thread's side of a recording.
struct Take {
    first: PathBuf,
    spec: WavSpec,
    part: u32,
    file: WavWriter<BufWriter<fs::File>>,
}

impl Take {
    fn write_all(mut self, mut samples: Consumer<f32>) -> Result<(), WavError> {
        let a_second = self.spec.sample_rate as usize * usize::from(self.spec.channels);
        let mut unflushed = 0;
        loop {
            let abandoned = samples.is_abandoned();
            let Ok(chunk) = samples.read_chunk(samples.slots()) else {
                continue;
            };
            let count = chunk.len();
            for sample in chunk {
                self.write(sample)?;
            }
            unflushed += count;
            if unflushed >= a_second {
                // The header on disk is true once a second, so that a crash loses no more than that.
                let flushed = self.file.flush();
                flushed.map_err(|error| self.failed(&error))?;
                unflushed = 0;
            }
            if abandoned && count == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let path = self.path();
        self.file.finalize().map_err(|error| WavError::Write {
            path,
            why: error.to_string(),
        })
    }

    fn write(&mut self, sample: f32) -> Result<(), WavError> {
        let frames_left = MOST_SAMPLES.saturating_sub(self.file.len());
        if frames_left == 0
            && self
                .file
                .len()
                .is_multiple_of(u32::from(self.spec.channels))
        {
            self.part += 1;
            let next = WavWriter::create(self.path(), self.spec);
            let next = next.map_err(|error| self.failed(&error))?;
            let full = std::mem::replace(&mut self.file, next);
            full.finalize().map_err(|error| self.failed(&error))?;
        }
        self.file
            .write_sample(sample)
            .map_err(|error| self.failed(&error))
    }

    fn path(&self) -> PathBuf {
        if self.part == 1 {
            return self.first.clone();
        }
        let stem = self.first.file_stem().unwrap_or_default().to_string_lossy();
        self.first
            .with_file_name(format!("{stem}-{}.wav", self.part))
    }

    fn failed(&self, error: &hound::Error) -> WavError {
        WavError::Write {
            path: self.path(),
            why: error.to_string(),
        }
    }
}

/// Seconds that a disk may stall.
const WRITE_BEHIND_S: usize = 10;

/// Samples of 4 bytes in a file below the 4 GiB of its format.
const MOST_SAMPLES: u32 = 1_070_000_000;
