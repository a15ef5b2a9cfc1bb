//! The disk thread: takes full pages, writes them where they belong, gives them back empty; keeps heads true.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use farsend_units::SampleRate;
use rtrb::{Consumer, Producer};

use super::recorder::Trouble;
use super::tape::{Filled, Gauge, PAGE, lane};
use super::{BroadcastFile, Disk, Head};

/// A track that is to be there from now on. Its number is the count of those before it.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) name: String,
    pub(super) head: Head,
    /// Where its file begins on the time line.
    pub(super) origin: u64,
}

/// What became of a track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackReport {
    /// Its file's name in the folder.
    pub name: String,
    /// Frames of the file.
    pub frames: u64,
    /// Frames that a slow disk left out: silence stands in their place.
    pub missed: u64,
    /// Samples beyond full scale that were clipped.
    pub clipped: u64,
}

/// The disk thread's ends of everything.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) filled: Consumer<Filled>,
    pub(super) empty: Producer<Box<[f32]>>,
    pub(super) openings: Receiver<Opening>,
    pub(super) troubles: Sender<Trouble>,
    pub(super) gauge: Arc<Gauge>,
}

/// Owns the files.
#[derive(Debug)]
pub(super) struct Clerk {
    disk: Box<dyn Disk>,
    rate: SampleRate,
    lines: Lines,
    tracks: Vec<Track>,
    /// Pages in circulation, and how many there should be at most.
    pages: usize,
    most_pages: usize,
    next_checkpoint: Instant,
    space: Space,
}

#[derive(Debug)]
struct Track {
    file: BroadcastFile,
    origin: u64,
    missed: u64,
    /// Checkpoints since it was written to; `None`: closed.
    idle: Option<u32>,
}

impl Clerk {
    /// With the first pages in circulation. Allocates.
    pub(super) fn new(disk: Box<dyn Disk>, rate: SampleRate, lines: Lines) -> Self {
        let mut clerk = Self {
            disk,
            rate,
            lines,
            tracks: Vec::new(),
            pages: 0,
            most_pages: FIRST_PAGES,
            next_checkpoint: Instant::now() + CHECKPOINT_EVERY,
            space: Space::default(),
        };
        clerk.fill_pool();
        clerk
    }

    /// Works until the audio thread's end has gone and all is written.
    pub(super) fn run(mut self) -> Vec<TrackReport> {
        loop {
            // Looked at first: what was filled before is taken then.
            let ended = self.lines.filled.is_abandoned();
            let done = self.attend();
            if let Err((name, error)) = done {
                self.give_up(&name, error);
            }
            if ended && self.lines.filled.is_empty() {
                break;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let mut failed = None;
        for track in &mut self.tracks {
            if let Err(error) = track.file.close() {
                failed = failed.or(Some((track.file.name().to_owned(), error)));
            }
        }
        if let Some((name, error)) = failed
            && !self.is_stopped()
        {
            self.give_up(&name, error);
        }
        let reports = self.tracks.iter().map(Track::report);
        reports.collect()
    }

    fn attend(&mut self) -> Result<(), (String, io::Error)> {
        self.open_tracks()?;
        // No more than there were: checkpoints must not wait for a pause.
        for _ in 0..self.lines.filled.slots() {
            let Ok(page) = self.lines.filled.pop() else {
                break;
            };
            if page.track.get() >= self.tracks.len() {
                // Its opening was sent before the page was.
                self.open_tracks()?;
            }
            let written = self.write(&page);
            self.give_back(page.samples);
            written?;
            self.checkpoint_if_due()?;
        }
        self.checkpoint_if_due()
    }

    fn open_tracks(&mut self) -> Result<(), (String, io::Error)> {
        while let Ok(opening) = self.lines.openings.try_recv() {
            if self.is_stopped() {
                continue;
            }
            let Opening { name, head, origin } = opening;
            self.most_pages += share(self.rate, &head);
            self.fill_pool();
            let file = BroadcastFile::create(&mut *self.disk, name.clone(), head);
            self.tracks.push(Track {
                file: file.map_err(|error| (name, error))?,
                origin,
                missed: 0,
                idle: Some(0),
            });
            self.lines.gauge.opened.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    fn write(&mut self, page: &Filled) -> Result<(), (String, io::Error)> {
        if self.is_stopped() {
            return Ok(());
        }
        let Some(track) = self.tracks.get_mut(page.track.get()) else {
            return Ok(());
        };
        track.missed += page.missed;
        if track.idle.is_none() {
            self.most_pages += share(self.rate, track.file.head());
        }
        track.idle = Some(0);
        let Some(at) = page.at.checked_sub(track.origin) else {
            return Ok(());
        };
        let channels = track.file.head().channels.get().max(1);
        let lanes = page.samples.chunks_exact(lane(channels)).take(channels);
        let lanes = lanes.map(|lane| &lane[..page.frames.min(lane.len())]);
        let before = track.file.clipped();
        let written = track.file.write(&mut *self.disk, at, lanes);
        let bytes = written.map_err(|error| (track.file.name().to_owned(), error))?;
        self.space.written += bytes as u64;
        let gauge = &self.lines.gauge;
        gauge.bytes.fetch_add(bytes as u64, Relaxed);
        let clipped = track.file.clipped() - before;
        gauge.clipped.fetch_add(clipped, Relaxed);
        Ok(())
    }

    /// Heads are made true, and files that nobody writes to are closed.
    fn checkpoint_if_due(&mut self) -> Result<(), (String, io::Error)> {
        let now = Instant::now();
        if now < self.next_checkpoint || self.is_stopped() {
            return Ok(());
        }
        self.next_checkpoint = now + CHECKPOINT_EVERY;
        for track in &mut self.tracks {
            let Some(idle) = &mut track.idle else {
                continue;
            };
            *idle += 1;
            let left = *idle > CLOSED_AFTER;
            let done = if left {
                track.idle = None;
                self.most_pages -= share(self.rate, track.file.head());
                track.file.close()
            } else {
                track.file.checkpoint().map(|_| ())
            };
            done.map_err(|error| (track.file.name().to_owned(), error))?;
        }
        self.fill_pool();
        if let Some(left) = self.space.look(now, &*self.disk) {
            _ = self.lines.troubles.send(Trouble::LowSpace { left });
        }
        Ok(())
    }

    /// The disk does not take any more: what is there is kept, the rest is dropped.
    fn give_up(&mut self, name: &str, why: io::Error) {
        self.lines.gauge.stopped.store(true, Relaxed);
        for track in &mut self.tracks {
            // What can be saved; why it cannot is said already.
            _ = track.file.close();
        }
        _ = self.lines.troubles.send(Trouble::Stopped {
            name: name.to_owned(),
            why,
        });
    }

    fn is_stopped(&self) -> bool {
        self.lines.gauge.stopped.load(Relaxed)
    }

    fn give_back(&mut self, page: Box<[f32]>) {
        if self.pages > self.pool() || self.lines.empty.push(page).is_err() {
            self.pages -= 1;
        }
    }

    fn fill_pool(&mut self) {
        while self.pages < self.pool() {
            // Not zeros, which the system would only promise: the audio thread is not to be the first to touch them.
            let page = vec![f32::MIN_POSITIVE; PAGE].into();
            if self.lines.empty.push(page).is_err() {
                return;
            }
            self.pages += 1;
        }
    }

    fn pool(&self) -> usize {
        self.most_pages.min(MOST_PAGES)
    }
}

impl Track {
    fn report(&self) -> TrackReport {
        TrackReport {
            name: self.file.name().to_owned(),
            frames: self.file.frames(),
            missed: self.missed,
            clipped: self.file.clipped(),
        }
    }
}

/// Pages that a track brings along.
fn share(rate: SampleRate, head: &Head) -> usize {
    let a_second = rate.0 as usize * head.channels.get().max(1);
    (a_second * STALL_S).div_ceil(PAGE)
}

/// How long the disk's space will do.
#[derive(Debug, Default)]
struct Space {
    /// Bytes since the last look.
    written: u64,
    looked: Option<Instant>,
    warned: bool,
}

impl Space {
    /// The time that is left at the pace of late, if it is the first time that it is short.
    fn look(&mut self, now: Instant, disk: &dyn Disk) -> Option<Duration> {
        let since = now.duration_since(*self.looked.get_or_insert(now));
        if since < SPACE_EVERY || self.warned {
            return None;
        }
        let pace = self.written as f64 / since.as_secs_f64();
        (self.looked, self.written) = (Some(now), 0);
        let left = disk.free()? as f64 / pace;
        self.warned = left < SPACE_SHORT.as_secs_f64();
        self.warned.then(|| Duration::from_secs_f64(left))
    }
}

/// How often pages are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How much a recording that is killed may lose, but for pages that are not full.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(2);
/// A file that was not written to for so many checkpoints is closed: its player has left.
const CLOSED_AFTER: u32 = 2;
/// Seconds that a disk may stall before anything is lost, as long as there are no more than [`MOST_PAGES`].
const STALL_S: usize = 10;
/// Pages that are there before anybody plays: 8 MiB.
const FIRST_PAGES: usize = 256;
/// The most there may be: 256 MiB, over three seconds of 200 players in stereo at 48 kHz.
pub(super) const MOST_PAGES: usize = 8192;
const SPACE_EVERY: Duration = Duration::from_secs(10);
/// A disk that will be full before is warned of.
const SPACE_SHORT: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::DiskFile;

    #[derive(Debug)]
    struct Left(u64);

    impl Disk for Left {
        fn create(&mut self, _: &str) -> io::Result<Box<dyn DiskFile>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn reopen(&mut self, _: &str) -> io::Result<Box<dyn DiskFile>> {
            Err(io::ErrorKind::Unsupported.into())
        }

        fn free(&self) -> Option<u64> {
            Some(self.0)
        }
    }

    #[test]
    fn a_disk_that_will_soon_be_full_is_warned_of_once() {
        let begun = Instant::now();
        let at = |s| begun + Duration::from_secs(s);
        let mut space = Space::default();
        let a_minute = |space: &mut Space, s| {
            space.written += 60_000_000;
            space.look(at(s), &Left(700_000_000))
        };
        assert_eq!(a_minute(&mut space, 0), None);
        space.written = 0;
        // A megabyte a second: 700 s.
        assert_eq!(a_minute(&mut space, 60), None);
        space.written += 60_000_000;
        assert_eq!(a_minute(&mut space, 120), Some(Duration::from_secs(350)));
        assert_eq!(a_minute(&mut space, 180), None);
    }

    #[test]
    fn a_disk_that_nothing_is_written_to_lasts() {
        let begun = Instant::now();
        let mut space = Space::default();
        for s in [0, 60, 120] {
            assert_eq!(space.look(begun + Duration::from_secs(s), &Left(0)), None);
        }
    }
}
