//! The control thread's end of a recording.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use farsend_units::SampleRate;
use rtrb::RingBuffer;
use thiserror::Error;

use super::clerk::{Clerk, Lines, MOST_PAGES, Opening, TrackReport};
use super::tape::{Gauge, Pen, Tape, TrackId};
use super::{Disk, Folder, Head, Moment};

/// Why there is no recording.
#[derive(Debug, Error)]
pub enum RecordError {
    /// The folder cannot be made.
    #[error("cannot record to {}: {source}", .path.display())]
    Folder {
        /// The folder wanted.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Something else has the folder's name.
    #[error("cannot record to {}: that is a file, and a folder is needed", .0.display())]
    NoFolder(PathBuf),
    /// Nothing of use would fit.
    #[error("cannot record to {}: the disk is full ({left} bytes are left): make room, or choose another folder", .path.display())]
    Full {
        /// The folder wanted.
        path: PathBuf,
        /// Bytes that are left.
        left: u64,
    },
    /// There is no thread for the disk.
    #[error("the system refuses a thread for the disk: {0}")]
    Thread(io::Error),
}

/// Something that the user should hear of.
#[derive(Debug)]
pub enum Trouble {
    /// The disk refused something: nothing more is recorded, what is there is kept.
    Stopped {
        /// The file that could not be written.
        name: String,
        /// What the system said.
        why: io::Error,
    },
    /// There is little room left.
    LowSpace {
        /// How long it will do.
        left: Duration,
    },
}

/// How a recording goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Frames of the time line so far.
    pub length: u64,
    /// Frames of the time line at which anything could not be recorded, since the disk was too slow.
    pub missed: u64,
    /// Bytes of audio that were written.
    pub bytes: u64,
    /// Samples that were clipped, of files of 24 bit.
    pub clipped: u64,
    /// The disk refused something.
    pub stopped: bool,
}

/// What is left when it is over.
#[derive(Debug, Default)]
pub struct Ended {
    /// Every track in the order in which they were opened.
    pub tracks: Vec<TrackReport>,
    /// What went wrong at last.
    pub troubles: Vec<Trouble>,
}

/// Opens tracks and asks how it goes.
#[derive(Debug)]
pub struct Recorder {
    openings: Sender<Opening>,
    opened: u32,
    troubles: Receiver<Trouble>,
    gauge: Arc<Gauge>,
    thread: JoinHandle<Vec<TrackReport>>,
}

impl Recorder {
    /// Begins a recording of so many slots on that disk: its time line is at 0 until the tape moves. Allocates 8 MiB; up
    /// to 256 with many tracks.
    ///
    /// # Errors
    /// [`RecordError::Thread`].
    pub fn start(
        disk: Box<dyn Disk>,
        rate: SampleRate,
        slots: usize,
    ) -> Result<(Self, Tape), RecordError> {
        let (filling, filled) = RingBuffer::new(MOST_PAGES);
        let (emptying, empty) = RingBuffer::new(MOST_PAGES);
        let (openings, opened) = channel();
        let (told, troubles) = channel();
        let gauge = Arc::<Gauge>::default();
        let lines = Lines {
            filled,
            empty: emptying,
            openings: opened,
            troubles: told,
            gauge: gauge.clone(),
        };
        let clerk = Clerk::new(disk, rate, lines);
        let thread = std::thread::Builder::new()
            .name("record".into())
            .spawn(move || clerk.run())
            .map_err(RecordError::Thread)?;
        let tape = Tape::new(slots, filling, empty, gauge.clone());
        let recorder = Self {
            openings,
            opened: 0,
            troubles,
            gauge,
            thread,
        };
        Ok((recorder, tape))
    }

    /// A new track whose file begins at `origin` on the time line. `name` is that of its file, and has to be new.
    pub fn open(&mut self, name: String, head: Head, origin: u64) -> TrackId {
        let track = TrackId(self.opened);
        self.opened += 1;
        // Where the thread has ended nothing is written, which it has said.
        _ = self.openings.send(Opening { name, head, origin });
        track
    }

    /// Something to write a track with, for the audio thread. One at a time.
    pub fn pen(&self, track: TrackId, channels: farsend_units::Channels) -> Pen {
        Pen::new(track, channels)
    }

    /// How it goes.
    pub fn progress(&self) -> Progress {
        let Gauge {
            missed,
            length,
            stopped,
            bytes,
            clipped,
            opened: _,
        } = &*self.gauge;
        Progress {
            length: length.load(Relaxed),
            missed: missed.load(Relaxed),
            bytes: bytes.load(Relaxed),
            clipped: clipped.load(Relaxed),
            stopped: stopped.load(Relaxed),
        }
    }

    /// Whether all tracks that were opened have their files and their pages, or nothing is written any more.
    pub fn is_ready(&self) -> bool {
        self.gauge.opened.load(Relaxed) >= self.opened || self.gauge.stopped.load(Relaxed)
    }

    /// Whether the tape is finished and the disk has all of it: [`finish`](Self::finish) does not block then.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Something that the user should hear of now, once.
    pub fn trouble(&mut self) -> Option<Trouble> {
        self.troubles.try_recv().ok()
    }

    /// Completes all files. The tape has to be [finished](Tape::finish) before. Blocks until the disk has it.
    pub fn finish(self) -> Ended {
        let tracks = self.thread.join().unwrap_or_default();
        Ended {
            tracks,
            troubles: self.troubles.try_iter().collect(),
        }
    }
}

impl Folder {
    /// A new folder for a recording that begins then: `2026-11-21 21.37.05`, or with ` (2)` where that is there.
    ///
    /// # Errors
    /// [`RecordError::Folder`], [`RecordError::NoFolder`], [`RecordError::Full`].
    pub fn for_session(within: &Path, begins: &Moment) -> Result<Self, RecordError> {
        let failed = |path: &Path, source| RecordError::Folder {
            path: path.to_owned(),
            source,
        };
        allow_open_files();
        fs::create_dir_all(within).map_err(|source| match fs::metadata(within) {
            Ok(there) if !there.is_dir() => RecordError::NoFolder(within.to_owned()),
            _ => failed(within, source),
        })?;
        let full = |left: &u64| *left < LEAST_ROOM;
        if let Some(left) = Self(within.to_owned()).free().filter(full) {
            let path = within.to_owned();
            return Err(RecordError::Full { path, left });
        }
        let name = format!("{} {}", begins.date(), begins.time('.'));
        let mut n = 1;
        loop {
            let path = match n {
                1 => within.join(&name),
                n => within.join(format!("{name} ({n})")),
            };
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < MOST_SESSIONS => {
                    n += 1;
                }
                Err(source) => return Err(failed(&path, source)),
            }
        }
    }
}

/// A file a track may be more than programs get without asking.
#[cfg(unix)]
fn allow_open_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where that is refused the recording says so when it comes to it.
        _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
    }
}

#[cfg(not(unix))]
fn allow_open_files() {}

/// Bytes that a recording needs at least, of some seconds of a few players.
const LEAST_ROOM: u64 = 1 << 20;
/// Sessions that may begin in one second.
const MOST_SESSIONS: u32 = 1000;
