//! WAV files as ears and voice of a timer: what is played to the peer, and what is kept of it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use farsend_units::{Channels, Frames, SampleRate};

use super::timer::Ears;
pub use super::wav::{News, WavError, WavInput};
use super::wav::{WavSink, WavSource};

/// The files of a session. Input and recording begin together, with the first period that has a peer: frame 0
/// of the one leaves as frame 0 of the other is taken.
#[derive(Debug)]
pub struct FileEars {
    input: Option<WavSource>,
    sink: Option<WavSink>,
    tail_left: Option<u64>,
    begun: bool,
    progress: Progress,
}

/// What the control thread can see of the files.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Input and tail are over.
    pub done: Arc<AtomicBool>,
    /// Frames played so far.
    pub played: Arc<AtomicU64>,
    /// Frames that a slow disk cost the recording.
    pub lost: Arc<AtomicU64>,
    news: Arc<parking_lot::Mutex<Vec<News>>>,
    sink: Arc<parking_lot::Mutex<Option<WavSink>>>,
}

impl Progress {
    /// What has become of the recording since this was asked last.
    pub fn news(&self) -> Vec<News> {
        std::mem::take(&mut *self.news.lock())
    }

    /// Completes the recording. Blocks until the disk has it.
    ///
    /// # Errors
    /// [`WavError::Write`] when it could not be written whole.
    pub fn finish(&self) -> Result<(), WavError> {
        self.sink.lock().take().map_or(Ok(()), WavSink::finish)
    }
}

impl FileEars {
    /// Opens the recording, in a file that was not there before ([`Progress::news`] says so if it has another name), and starts the threads at the disk.
    ///
    /// # Errors
    /// [`WavError`].
    pub fn start(
        input: Option<WavInput>,
        record: Option<&Path>,
        rate: SampleRate,
        receive: Channels,
        tail: Duration,
    ) -> Result<Self, WavError> {
        let sink = record
            .map(|path| WavSink::create(path, rate, receive))
            .transpose()?;
        let input = match input {
            Some(input) => Some(input.start().map_err(|source| WavError::Open {
                path: Path::new("the reading thread").to_owned(),
                source,
            })?),
            None => None,
        };
        let tail_frames = (tail.as_secs_f64() * f64::from(rate.0)) as u64;
        let progress = Progress {
            lost: sink.as_ref().map(WavSink::lost).unwrap_or_default(),
            news: sink.as_ref().map(WavSink::told).unwrap_or_default(),
            ..Progress::default()
        };
        Ok(Self {
            tail_left: input.is_some().then_some(tail_frames),
            input,
            sink,
            begun: false,
            progress,
        })
    }

    /// What to watch while it plays.
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }
}

impl Ears for FileEars {
    fn listen(&mut self, peer: bool, inputs: &mut [Vec<f32>]) {
        self.begun |= peer;
        let Some(source) = self.input.as_mut().filter(|_| self.begun) else {
            inputs.iter_mut().for_each(|channel| channel.fill(0.0));
            return;
        };
        let frames = Frames(inputs.first().map_or(0, Vec::len) as u32);
        if source.pull(inputs) {
            self.progress.played.fetch_add(u64::from(frames.0), Relaxed);
        } else if let Some(left) = &mut self.tail_left {
            *left = left.saturating_sub(u64::from(frames.0));
            if *left == 0 {
                self.progress.done.store(true, Relaxed);
            }
        }
    }

    fn hear(&mut self, peer: bool, outputs: &[Vec<f32>]) {
        self.begun |= peer;
        if !self.begun {
            return;
        }
        if let Some(sink) = &mut self.sink {
            sink.push(outputs);
        }
    }
}

impl Drop for FileEars {
    /// The audio thread is over: hands the recording to whoever completes it.
    fn drop(&mut self) {
        *self.progress.sink.lock() = self.sink.take();
    }
}
