//! A WAV file that is written behind by a thread of its own.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use farsend_units::{Channels, SampleRate};
use hound::{SampleFormat, WavSpec, WavWriter};
use parking_lot::Mutex;
use rtrb::{Consumer, Producer, RingBuffer};

use super::WavError;

/// What becomes of a recording, for the control thread to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A file of the wanted name was there.
    Renamed {
        /// The one that is left alone.
        wanted: PathBuf,
        /// The one that is written.
        to: PathBuf,
    },
    /// A file is full.
    GoesOn {
        /// The next one.
        to: PathBuf,
    },
    /// Nothing more is written: why.
    Failed(String),
}

impl News {
    /// The file that is written from now on.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Renamed { to, .. } | Self::GoesOn { to } => Some(to),
            Self::Failed(_) => None,
        }
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Renamed { wanted, to } => {
                let (wanted, to) = (wanted.display(), to.display());
                write!(f, "{wanted} is there already and stays: recording to {to}")
            }
            Self::GoesOn { to } => {
                write!(
                    f,
                    "the file is full: the recording goes on in {}",
                    to.display()
                )
            }
            Self::Failed(why) => write!(f, "{why}. Nothing more is recorded"),
        }
    }
}

/// What the writing thread has to tell.
type Told = Arc<Mutex<Vec<News>>>;

/// The audio thread's end of a file that is being written: 32 bit float, one file after another where 4 GiB
/// are not enough (`take.wav`, `take-2.wav`, ...). No file that was there is overwritten, and one that nothing came for
/// is removed again.
#[derive(Debug)]
pub(in crate::backend) struct WavSink {
    samples: Option<Producer<f32>>,
    owed: u64,
    lost: Arc<AtomicU64>,
    told: Told,
    thread: Option<JoinHandle<Result<(), WavError>>>,
}

impl WavSink {
    /// Creates `path`, or one like it that is not taken, and the thread that writes it.
    ///
    /// # Errors
    /// [`WavError::Write`] when the file cannot be created.
    pub(in crate::backend) fn create(
        path: &Path,
        rate: SampleRate,
        channels: Channels,
    ) -> Result<Self, WavError> {
        Self::create_in_parts(path, rate, channels, MOST_SAMPLES)
    }

    fn create_in_parts(
        path: &Path,
        rate: SampleRate,
        channels: Channels,
        most_samples: u32,
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
        let fresh = Fresh::create(path, spec).map_err(|error| failed(error.to_string()))?;
        let told = Told::default();
        told.lock().extend(fresh.renamed(path));
        let (producer, samples) =
            RingBuffer::new(channels.get().max(1) * rate.0 as usize * WRITE_BEHIND_S);
        let behind = Take {
            first: fresh.path.clone(),
            spec,
            part: 1,
            fresh,
            most_samples,
            told: told.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("wav-write".into())
            .spawn(move || behind.write_all(samples))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            samples: Some(producer),
            owed: 0,
            lost: Arc::default(),
            told,
            thread: Some(thread),
        })
    }

    /// What there is to tell of it: to be looked at now and then.
    pub(in crate::backend) fn told(&self) -> Arc<Mutex<Vec<News>>> {
        self.told.clone()
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
        if samples.is_abandoned() {
            // The disk has failed, which was told.
            return;
        }
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

/// A file that was not there before.
struct Fresh {
    path: PathBuf,
    file: WavWriter<BufWriter<File>>,
    /// `false`: a device or a pipe.
    is_ours: bool,
}

impl Fresh {
    /// Creates `wanted`, or else the first of `NAME (2).wav`, `NAME (3).wav` ... that is not taken. What is no file, as a
    /// device, is written to as it is.
    fn create(wanted: &Path, spec: WavSpec) -> Result<Self, hound::Error> {
        let (path, file, is_ours) = open(wanted)?;
        let file = WavWriter::new(BufWriter::new(file), spec)?;
        Ok(Self {
            path,
            file,
            is_ours,
        })
    }

    fn renamed(&self, wanted: &Path) -> Option<News> {
        (self.path != wanted).then(|| News::Renamed {
            wanted: wanted.to_owned(),
            to: self.path.clone(),
        })
    }

    fn finish(self) -> Result<(), hound::Error> {
        let is_empty = self.file.len() == 0;
        self.file.finalize()?;
        if self.is_ours && is_empty {
            // Whoever tries once more is to have this name.
            _ = fs::remove_file(&self.path);
        }
        Ok(())
    }
}

/// Opens what [`Fresh::create`] writes to.
pub(super) fn open(wanted: &Path) -> io::Result<(PathBuf, File, bool)> {
    let mut options = OpenOptions::new();
    options.write(true);
    let is_no_file = |path| fs::metadata(path).is_ok_and(|data| !data.is_file());
    for path in names(wanted) {
        match options.clone().create_new(true).open(&path) {
            Ok(file) => return Ok((path, file, true)),
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            Err(_) if path == wanted && is_no_file(wanted) => {
                return Ok((path, options.open(wanted)?, false));
            }
            Err(_) => {}
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// `NAME.wav`, `NAME (2).wav`, ...
fn names(wanted: &Path) -> impl Iterator<Item = PathBuf> {
    let numbered = |n: u32| {
        let mut name = wanted.file_stem().unwrap_or_default().to_owned();
        name.push(format!(" ({n})"));
        if let Some(extension) = wanted.extension() {
            name.push(".");
            name.push(extension);
        }
        wanted.with_file_name(name)
    };
    std::iter::once(wanted.to_owned()).chain((2..MOST_ALIKE).map(numbered))
}

/// The writing thread's side of a recording.
struct Take {
    first: PathBuf,
    spec: WavSpec,
    part: u32,
    fresh: Fresh,
    /// In one file.
    most_samples: u32,
    told: Told,
}

impl Take {
    fn write_all(self, samples: Consumer<f32>) -> Result<(), WavError> {
        let told = self.told.clone();
        let written = self.try_write_all(samples);
        written.inspect_err(|error| told.lock().push(News::Failed(error.to_string())))
    }

    fn try_write_all(mut self, mut samples: Consumer<f32>) -> Result<(), WavError> {
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
                let flushed = self.fresh.file.flush();
                flushed.map_err(|error| failed(&self.fresh.path, &error))?;
                unflushed = 0;
            }
            if abandoned && count == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let path = self.fresh.path.clone();
        let finished = self.fresh.finish();
        finished.map_err(|error| failed(&path, &error))
    }

    fn write(&mut self, sample: f32) -> Result<(), WavError> {
        let there = self.fresh.file.len();
        if there >= self.most_samples && there.is_multiple_of(u32::from(self.spec.channels)) {
            self.begin_next()?;
        }
        let written = self.fresh.file.write_sample(sample);
        written.map_err(|error| failed(&self.fresh.path, &error))
    }

    fn begin_next(&mut self) -> Result<(), WavError> {
        self.part += 1;
        let stem = self.first.file_stem().unwrap_or_default().to_string_lossy();
        let name = format!("{stem}-{}.wav", self.part);
        let wanted = self.first.with_file_name(name);
        let next = Fresh::create(&wanted, self.spec).map_err(|error| failed(&wanted, &error))?;
        let to = next.path.clone();
        let full = std::mem::replace(&mut self.fresh, next);
        let path = full.path.clone();
        full.finish().map_err(|error| failed(&path, &error))?;
        self.told.lock().push(News::GoesOn { to });
        Ok(())
    }
}

fn failed(path: &Path, error: &hound::Error) -> WavError {
    WavError::Write {
        path: path.to_owned(),
        why: error.to_string(),
    }
}

/// Seconds that a disk may stall.
const WRITE_BEHIND_S: usize = 10;

/// Samples of 4 bytes in a file below the 4 GiB of its format.
const MOST_SAMPLES: u32 = 1_070_000_000;

/// Files of one name that are looked at.
const MOST_ALIKE: u32 = 10_000;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Instant;

    use hound::WavReader;

    use super::*;

    const RATE: SampleRate = SampleRate(8000);

    fn record(path: &Path, most_samples: u32, frames: usize) -> Vec<News> {
        let mut sink = WavSink::create_in_parts(path, RATE, Channels(1), most_samples)
            .expect("it can be created");
        sink.push(&[vec![0.5; frames]]);
        let told = sink.told();
        sink.finish().expect("it can be written");
        std::mem::take(&mut *told.lock())
    }

    /// By name: the frames of those that are WAV files.
    fn files(folder: &Path) -> BTreeMap<String, Option<u32>> {
        let entries = std::fs::read_dir(folder).expect("it is there").flatten();
        entries
            .map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let frames = WavReader::open(entry.path()).map(|file| file.duration());
                (name, frames.ok())
            })
            .collect()
    }

    #[test]
    fn what_was_there_stays_and_the_recording_has_the_next_free_name_in_each_part() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = |name: &str| folder.path().join(name);
        let kept = ["mix.wav", "mix (2).wav", "mix (3)-2.wav"];
        for name in kept {
            std::fs::write(path(name), name).expect("there is room");
        }
        let news = record(&path("mix.wav"), 100, 250);
        let told: Vec<_> = news.iter().filter_map(News::file).collect();
        let written = ["mix (3).wav", "mix (3)-2 (2).wav", "mix (3)-3.wav"];
        assert_eq!(told, written.map(path));
        assert!(news[0].to_string().contains("mix.wav is there already"));
        for name in kept {
            assert_eq!(
                std::fs::read(path(name)).expect("it stays"),
                name.as_bytes()
            );
        }
        let files = files(folder.path());
        assert_eq!(files.len(), 6, "{files:?}");
        let frames = written.map(|name| files[name]);
        assert_eq!(frames, [Some(100), Some(100), Some(50)]);
    }

    #[test]
    fn what_nothing_came_for_leaves_no_file_and_no_name_is_used_up() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().join("mix.wav");
        assert_eq!(record(&path, 100, 0), []);
        assert_eq!(files(folder.path()).len(), 0);
        assert_eq!(record(&path, 100, 10), []);
        assert_eq!(files(folder.path())["mix.wav"], Some(10));
    }

    #[test]
    fn a_device_is_written_to_as_it_is_and_one_that_is_full_says_so_at_once() {
        assert_eq!(record(Path::new("/dev/null"), 1_000_000, 20_000), []);
        let mut sink =
            WavSink::create(Path::new("/dev/full"), RATE, Channels(1)).expect("it is there");
        let told = sink.told();
        sink.push(&[vec![0.5; 20_000]]);
        let begun = Instant::now();
        while told.lock().is_empty() && begun.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let news = told.lock().clone();
        assert!(
            matches!(&news[..], [News::Failed(why)] if why.contains("/dev/full")),
            "{news:?}"
        );
        for _ in 0..20 {
            sink.push(&[vec![0.5; 20_000]]);
        }
        assert_eq!(sink.lost().load(Relaxed), 0, "the disk is not slow");
        sink.finish().expect_err("it is known at the end, too");
    }
}
