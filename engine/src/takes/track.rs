//! One file of a take: what one stream of the far end's contributes, or what was sent.

use std::io;
use std::path::{Path, PathBuf};

use farsend_ipc::message::{Placement, Take, TakeState};
use farsend_units::{Channels, SampleRate, audio_or_silence};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::Format;

use super::tap::Way;
use crate::record::{BroadcastFile, Depth, Disk, Folder, Head};

/// What a folder's disk is: a real one, but in tests.
pub(super) type Disks = fn(&Path) -> Box<dyn Disk>;

/// A folder of a real disk.
pub(super) fn real(folder: &Path) -> Box<dyn Disk> {
    Box::new(Folder(folder.to_owned()))
}

/// A file that frames are put into, wherever they belong. The disk thread's.
#[derive(Debug)]
pub(super) struct Track {
    disk: Box<dyn Disk>,
    folder: PathBuf,
    path: PathBuf,
    file: BroadcastFile,
    /// It was complete, and somebody has taken it away since.
    gone: bool,
    /// What is told of it.
    pub(super) take: Take,
}

impl Track {
    /// Creates the file in a folder, which is made if it is not there. Where that fails nothing is left.
    ///
    /// # Errors
    /// What is to be told of it.
    pub(super) fn create(
        mut disk: Box<dyn Disk>,
        folder: &Path,
        name: String,
        head: Head,
        take: Take,
    ) -> Result<Self, Take> {
        let path = folder.join(&name);
        let take = Take {
            path: path.to_string_lossy().into_owned(),
            ..take
        };
        let made = std::fs::create_dir_all(folder)
            .and_then(|()| BroadcastFile::create(&mut *disk, name, head));
        match made {
            Ok(file) => Ok(Self {
                disk,
                folder: folder.to_owned(),
                path,
                file,
                gone: false,
                take,
            }),
            Err(error) => {
                // A file without a head is none; but one that was there before is somebody's.
                if error.kind() != io::ErrorKind::AlreadyExists {
                    _ = std::fs::remove_file(&path);
                }
                Err(Take {
                    state: TakeState::Failed(why(folder, &error)),
                    ..take
                })
            }
        }
    }

    /// Puts frames (planar, one length) where they belong; those before the beginning are left out.
    pub(super) fn write(&mut self, at: i64, lanes: &[&[f32]]) {
        if self.has_failed() || self.gone {
            return;
        }
        let skip = usize::try_from(-at).unwrap_or(0);
        let kept = lanes
            .iter()
            .map(|lane| lane.get(skip..).unwrap_or_default());
        if kept.clone().all(<[f32]>::is_empty) {
            return;
        }
        let written = self
            .file
            .write(&mut *self.disk, at.max(0).unsigned_abs(), kept);
        match written {
            Err(error) if self.is_done() && error.kind() == io::ErrorKind::NotFound => {
                self.gone = true;
            }
            Err(error) => self.fail(&error),
            Ok(_) => {}
        }
        self.take.frames = self.file.frames();
    }

    /// The file is so long, and begins there on the timeline. One that could not be written is as long as it is.
    pub(super) fn settle(&mut self, frames: u64, begins: u64) {
        let failed = self.has_failed();
        let there = if failed { self.file.frames() } else { u64::MAX };
        self.file.set_frames(frames.min(there));
        self.file.set_time_reference(begins);
        (self.take.frames, self.take.begins) = (self.file.frames(), begins);
        if failed {
            // That takes no more room.
            let opened = self.file.reopen(&mut *self.disk);
            _ = opened.and_then(|()| self.file.close());
        }
    }

    /// Makes the head true, and looks whether the file is still there.
    pub(super) fn checkpoint(&mut self) {
        if self.has_failed() {
            return;
        }
        if let Err(error) = self.file.checkpoint() {
            self.fail(&error);
        } else if !self.is_done() && !self.path.exists() {
            let (path, folder) = (self.path.display(), self.folder.display());
            self.take.state = TakeState::Failed(if self.folder.is_dir() {
                format!("It was removed while it was recorded: {path}")
            } else {
                format!("Its folder has gone while it was recorded: {folder}")
            });
        }
    }

    /// Completes the file and closes it. It can be written to again.
    pub(super) fn close(&mut self) {
        self.checkpoint();
        if let Err(error) = self.file.close()
            && !self.has_failed()
        {
            self.fail(&error);
        }
    }

    /// Whether it could not be written.
    pub(super) fn has_failed(&self) -> bool {
        matches!(self.take.state, TakeState::Failed(_))
    }

    /// Whether it is complete, but for what is fetched.
    fn is_done(&self) -> bool {
        self.take.state == TakeState::Done
    }

    /// Whether somebody has taken it away since it was complete: nothing more goes into it.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// The disk that it is on.
    pub(super) fn disk(&mut self) -> &mut dyn Disk {
        &mut *self.disk
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says of itself.
    pub(super) fn head(&self) -> &Head {
        self.file.head()
    }

    fn fail(&mut self, error: &io::Error) {
        self.take.state = TakeState::Failed(why(&self.folder, error));
        // What can be saved.
        _ = self.file.close();
    }
}

/// A sentence for the user.
pub(super) fn why(folder: &Path, error: &io::Error) -> String {
    let folder = folder.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("The disk is full: {folder}")
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            format!("Nothing may be written in {folder}")
        }
        _ => format!("Cannot record in {folder}: {error}"),
    }
}

/// A stream of the far end's in a take: its file, and which packets are in it.
#[derive(Debug)]
pub(super) struct PeerTrack {
    pub(super) track: Track,
    /// Which of the session's streams it is.
    pub(super) stream: u32,
    pub(super) format: Format,
    /// The peer's frame that the file begins with.
    pub(super) first: i64,
    /// The one after the last, once that is known.
    end: Option<i64>,
    /// Nothing more goes into it, and nothing more is counted.
    sealed: bool,
    /// Packets that are in it, from `base` on.
    base: i64,
    got: Marks,
    /// Those of them that did not come by themselves and in time.
    mended: Marks,
    lanes: Vec<Vec<f32>>,
}

impl PeerTrack {
    /// One whose file begins with this frame of the stream.
    pub(super) fn new(track: Track, stream: u32, format: Format, first: i64) -> Self {
        let period = i64::from(format.period.0.max(1));
        Self {
            track,
            stream,
            format,
            first,
            end: None,
            sealed: false,
            base: first.div_euclid(period),
            got: Marks::default(),
            mended: Marks::default(),
            lanes: vec![vec![0.0; period as usize]; format.channels.get()],
        }
    }

    /// Takes a packet in, if it is of this take. `samples` are as on the wire.
    pub(super) fn packet(&mut self, number: i64, samples: &[u8], way: Way) {
        let period = self.period();
        let at = number.saturating_mul(period) - self.first;
        let kept = match self.end {
            Some(end) => (end - self.first - at).clamp(0, period) as usize,
            None => period as usize,
        };
        let Ok(place) = usize::try_from(number - self.base) else {
            return;
        };
        let known = self.sealed || self.got.has(place);
        if kept == 0 || at + period <= 0 || place >= MOST_PACKETS || known {
            return;
        }
        let line = period as usize * self.format.samples.bytes();
        let lines = samples.chunks_exact(line.max(1));
        for (lane, line) in self.lanes.iter_mut().zip(lines) {
            self.format.samples.decode(line, lane);
            // As it is played: who opens the file is to hear no more than who was there.
            lane.iter_mut()
                .for_each(|sample| *sample = audio_or_silence(*sample));
        }
        let lanes: Vec<&[f32]> = self.lanes.iter().map(|lane| &lane[..kept]).collect();
        self.track.write(at, &lanes);
        if self.track.is_gone() {
            return;
        }
        self.got.mark(place);
        if way != Way::Direct {
            self.mended.mark(place);
        }
    }

    /// The take ends with this frame of the stream: the file is as long, whatever has come.
    pub(super) fn end_at(&mut self, end: i64) {
        self.end = Some(end.max(self.first));
    }

    /// Nothing more goes into it, as once it is bent: what was counted stays.
    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    /// Whether it was [sealed](Self::seal).
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Completes the file of a take of so many frames of the host's, at this place of its timeline, when nothing more is to be
    /// learned of the stream: it begins where it was begun.
    pub(super) fn settle_as_it_is(&mut self, frames: u64, timeline: u64, host: SampleRate) {
        let [frames, begins] =
            [frames, timeline].map(|position| scaled(position, self.format.rate, host));
        self.end_at(self.first.saturating_add_unsigned(frames));
        self.track.settle(frames, begins);
        self.track.close();
        if !self.track.has_failed() {
            self.track.take.state = TakeState::Done;
        }
    }

    /// Counts what is missing and what was repaired, of packets from `first` up to the one before `end`; once it is sealed that stays.
    pub(super) fn count(&mut self, first: i64, end: i64) {
        if self.sealed {
            return;
        }
        let period = self.period();
        let last = self.end.map_or(end, |frame| {
            end.min((frame - 1).div_euclid(period).saturating_add(1))
        });
        let wanted = self.base.max(first)..last;
        let expected = (wanted.end - wanted.start).max(0) as u64;
        let count = |marks: &Marks| {
            let places = wanted.clone().map(|number| (number - self.base) as usize);
            places.filter(|place| marks.has(*place)).count() as u64
        };
        let (there, mended) = (count(&self.got), count(&self.mended));
        (self.track.take.missing, self.track.take.repaired) = (expected - there, mended);
    }

    fn period(&self) -> i64 {
        i64::from(self.format.period.0.max(1))
    }
}

/// A bit for each packet.
#[derive(Debug, Default)]
struct Marks(Vec<u64>);

impl Marks {
    fn mark(&mut self, place: usize) {
        if self.0.len() <= place / 64 {
            self.0.resize(place / 64 + 1, 0);
        }
        self.0[place / 64] |= 1 << (place % 64);
    }

    fn has(&self, place: usize) -> bool {
        let word = self.0.get(place / 64);
        word.is_some_and(|word| word >> (place % 64) & 1 == 1)
    }
}

/// How samples are written so that nothing of them is lost.
pub(super) fn depth(samples: SampleFormat) -> Depth {
    match samples {
        SampleFormat::F32 => Depth::Float32,
        SampleFormat::I8 | SampleFormat::I16 | SampleFormat::I24 => Depth::Int24,
    }
}

/// What is told of a file before it is there.
pub(super) fn draft(number: u32, player: &str, rate: SampleRate, begins: u64) -> Take {
    Take {
        path: String::new(),
        number,
        player: player.to_owned(),
        rate,
        begins,
        frames: 0,
        placement: Placement::Sent,
        bent: false,
        repaired: 0,
        missing: 0,
        state: TakeState::Recording,
    }
}

/// A position in frames of another rate.
pub(super) fn scaled(position: u64, to: SampleRate, from: SampleRate) -> u64 {
    let scaled = u128::from(position) * u128::from(to.0) / u128::from(from.0.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// At least one channel: a file of none is none.
pub(super) fn at_least_one(channels: Channels) -> Channels {
    channels.max(Channels(1))
}

/// A bound on what one take holds: a day of packets of 32 frames at 48 kHz.
const MOST_PACKETS: usize = 1 << 27;
