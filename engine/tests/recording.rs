//! A recording whose disk is quick, stalls, or is full; the audio thread's side of it never allocates.

use std::fmt;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend::record::{
    BroadcastFile, Depth, Disk, DiskFile, Folder, Head, Moment, Recorder, Tape, Trouble,
};
use farsend_units::{Channels, Frames, SampleRate};
use tempfile::TempDir;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const RATE: SampleRate = SampleRate::HZ_48000;
const PERIOD: Frames = Frames(128);

#[test]
fn tracks_of_any_width_and_period_are_in_their_places_to_the_bit() {
    for (period, channels) in [(128, 2), (2048, 64), (37, 3), (64, 1)] {
        let folder = folder();
        let disk = Box::new(Folder(folder.path().to_owned()));
        let (mut recorder, mut tape) = Recorder::start(disk, RATE, 3).unwrap();
        let width = Channels(channels);
        let track = recorder.open("a.wav".into(), head(width, Depth::Float32), 0);
        let periods = 200_000 / u64::from(period) / u64::from(channels).min(8);
        let third = periods / 3 * u64::from(period);
        let mut at = 0;
        for n in 0..periods {
            if n == periods / 3 {
                // From here to twice as far nobody writes.
                tape.lift(1);
            }
            if n == 0 || n == periods / 3 * 2 {
                tape.put(1, recorder.pen(track, width));
            }
            assert_no_alloc(|| write(&mut tape, 1, &mut at, Frames(period)));
        }
        tape.finish();
        let ended = recorder.finish();
        assert_eq!(ended.tracks[0].frames, at);
        assert_eq!(ended.tracks[0].missed, 0);
        let written = read(&folder.path().join("a.wav"));
        assert_eq!(written.len() as u64, at * u64::from(channels));
        for (i, value) in written.iter().enumerate() {
            let (frame, channel) = (i as u64 / u64::from(channels), i % channels as usize);
            let away = (third..2 * third).contains(&frame);
            let expected = if away { 0.0 } else { sample(frame, channel) };
            assert_eq!(*value, expected, "frame {frame} channel {channel}");
        }
    }
}

#[test]
fn a_disk_that_stalls_leaves_silence_of_the_same_length_and_the_rest_in_its_place() {
    let folder = folder();
    let slow = Faulty::new(folder.path());
    let (mut recorder, mut tape) = Recorder::start(Box::new(slow.clone()), RATE, 1).unwrap();
    let width = Channels(1);
    let track = recorder.open("a.wav".into(), head(width, Depth::Float32), 0);
    tape.put(0, recorder.pen(track, width));
    let mut at = 0;
    slow.stall(true);
    // A minute, which is more than is kept: the audio thread goes on.
    assert_no_alloc(|| {
        while at < 60 * 48_000 {
            write(&mut tape, 0, &mut at, PERIOD);
        }
    });
    let missed = recorder.progress().missed;
    assert!((48_000..59 * 48_000).contains(&missed), "{missed}");
    slow.stall(false);
    let kept = 4 * (at - missed - 8192);
    wait_until(|| recorder.progress().bytes >= kept);
    while at < 62 * 48_000 {
        write(&mut tape, 0, &mut at, PERIOD);
    }
    assert_eq!(recorder.progress().missed, missed);
    tape.finish();
    let ended = recorder.finish();
    assert_eq!(ended.tracks[0].missed, missed);
    let written = read(&folder.path().join("a.wav"));
    assert_eq!(written.len() as u64, at);
    let silent = written.iter().filter(|value| **value == 0.0).count();
    assert_eq!(silent as u64, missed);
    for (frame, value) in written.iter().enumerate() {
        assert!(
            *value == 0.0 || *value == sample(frame as u64, 0),
            "{frame}"
        );
    }
}

#[test]
fn a_full_disk_ends_the_recording_and_leaves_files_that_open() {
    let folder = folder();
    let small = Faulty::new(folder.path());
    small.left.store(400_000, Relaxed);
    let (mut recorder, mut tape) = Recorder::start(Box::new(small), RATE, 2).unwrap();
    for (slot, name) in ["a.wav", "b.wav"].into_iter().enumerate() {
        let width = Channels(2);
        let track = recorder.open(name.into(), head(width, Depth::Int24), 0);
        tape.put(slot, recorder.pen(track, width));
    }
    let mut at = 0;
    assert_no_alloc(|| {
        while at < 3 * 48_000 {
            let mut same = at;
            copy(&mut tape, 0, same, PERIOD);
            write(&mut tape, 1, &mut same, PERIOD);
            at = same;
        }
    });
    wait_until(|| recorder.progress().stopped);
    let trouble = recorder.trouble();
    assert!(
        matches!(&trouble, Some(Trouble::Stopped { why, .. }) if why.kind() == io::ErrorKind::StorageFull),
        "{trouble:?}"
    );
    // The hub goes on, for hours, and comes and goes are no trouble either.
    tape.lift(0);
    for _ in 0..10_000 {
        write(&mut tape, 1, &mut at, PERIOD);
    }
    let late = recorder.open("c.wav".into(), head(Channels(1), Depth::Int24), 0);
    tape.put(0, recorder.pen(late, Channels(1)));
    write(&mut tape, 0, &mut at, PERIOD);
    assert_eq!(recorder.progress().missed, 0);
    tape.finish();
    let ended = recorder.finish();
    assert!(ended.troubles.is_empty(), "it was said: {ended:?}");
    for (name, track) in ["a.wav", "b.wav"].into_iter().zip(&ended.tracks) {
        let path = folder.path().join(name);
        let reader = hound::WavReader::open(&path).unwrap();
        let frames = u64::from(reader.duration());
        assert!(frames >= 8192 / 2 && frames == track.frames, "{track:?}");
        assert_eq!(
            std::fs::metadata(&path).unwrap().len(),
            head(Channels(2), Depth::Int24).file_bytes(frames),
            "what was half written is cut off"
        );
    }
}

#[test]
fn beyond_4_gib_a_file_is_rf64_and_libsndfile_reads_it() {
    let folder = folder();
    let mut disk = Folder(folder.path().to_owned());
    let head = head(Channels(2), Depth::Int24);
    let mut file = BroadcastFile::create(&mut disk, "long.wav".into(), head.clone()).unwrap();
    let tone: Vec<f32> = (0..1000).map(|i| sample(i, 0)).collect();
    let lanes = [&tone[..], &tone[..]];
    // Four and a half gigabytes, nearly all of which take no room.
    let end = 750_000_000;
    for at in [0, 100_000_000, end - 1000] {
        file.write(&mut disk, at, lanes.into_iter()).unwrap();
        file.checkpoint().unwrap();
    }
    file.close().unwrap();
    let path = folder.path().join("long.wav");
    let size = std::fs::metadata(&path).unwrap().len();
    assert_eq!(size, head.file_bytes(end));
    if let Some(told) = sndfile_info(&path) {
        assert!(told.contains("RF64"), "{told}");
        assert!(told.contains(&end.to_string()), "{told}");
        assert!(told.contains("bext : "), "{told}");
    }
    let mut last = [0; 6];
    let opened = std::fs::File::open(&path).unwrap();
    opened.read_exact_at(&mut last, size - 6).unwrap();
    let [low, middle, high, ..] = last;
    let value = i32::from_le_bytes([0, low, middle, high]) >> 8;
    assert_eq!(value as f32 / 8_388_608.0, sample(999, 0));
}

#[test]
fn a_session_never_writes_to_a_folder_that_is_there() {
    let folder = folder();
    let begins = Moment::new([2026, 11, 21], Duration::from_secs(77_825));
    let names: Vec<String> = (0..3)
        .map(|_| Folder::for_session(folder.path(), &begins).unwrap().0)
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "2026-11-21 21.37.05",
            "2026-11-21 21.37.05 (2)",
            "2026-11-21 21.37.05 (3)"
        ]
    );
    let file = folder.path().join("file");
    std::fs::write(&file, b"no folder").unwrap();
    let error = Folder::for_session(&file, &begins).unwrap_err();
    assert!(error.to_string().contains("cannot record to"), "{error}");
}

/// Never silence.
fn sample(frame: u64, channel: usize) -> f32 {
    let step = (frame * 7 + channel as u64 * 131) % 10_000;
    (step as f32 + 1.0) / 16_384.0
}

/// Writes a period of [`sample`]s, and the time line goes on.
fn write(tape: &mut Tape, slot: usize, at: &mut u64, period: Frames) {
    copy(tape, slot, *at, period);
    tape.advance(period);
    *at += u64::from(period.0);
}

fn copy(tape: &mut Tape, slot: usize, at: u64, period: Frames) {
    tape.write(slot, period, |channel, from, out| {
        for (i, out) in out.iter_mut().enumerate() {
            *out = sample(at + (from + i) as u64, channel);
        }
    });
}

fn head(channels: Channels, depth: Depth) -> Head {
    let begins = Moment::new([2026, 11, 21], Duration::from_secs(77_825));
    Head {
        rate: RATE,
        channels,
        depth,
        description: "a test".into(),
        reference: "Farsend20261121213705-1".into(),
        time_reference: begins.time_reference(RATE),
        begins,
        history: String::new(),
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a writable folder")
}

fn read(path: &Path) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    reader.samples::<f32>().map(Result::unwrap).collect()
}

fn wait_until(done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not done");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What libsndfile makes of a file, if it is here (in CI it is).
fn sndfile_info(path: &Path) -> Option<String> {
    match Command::new("sndfile-info").arg(path).output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "no sndfile-info: {error}");
            println!(
                "skipped in part: needs sndfile-info (Debian: apt-get install sndfile-programs)"
            );
            None
        }
    }
}

/// A folder whose disk stalls, or has so many bytes left.
#[derive(Clone)]
struct Faulty {
    folder: std::path::PathBuf,
    stalled: Arc<(Mutex<bool>, Condvar)>,
    left: Arc<AtomicU64>,
}

impl Faulty {
    fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            stalled: Arc::default(),
            left: Arc::new(u64::MAX.into()),
        }
    }

    fn stall(&self, stalled: bool) {
        *self.stalled.0.lock().expect("nobody panics") = stalled;
        self.stalled.1.notify_all();
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        let disk = self.clone();
        Box::new(FaultyFile { disk, file })
    }
}

impl Disk for Faulty {
    fn create(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = Folder(self.folder.clone()).create(name)?;
        Ok(self.file(file))
    }

    fn reopen(&mut self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = Folder(self.folder.clone()).reopen(name)?;
        Ok(self.file(file))
    }

    fn free(&self) -> Option<u64> {
        Some(self.left.load(Relaxed))
    }
}

#[derive(Debug)]
struct FaultyFile {
    disk: Faulty,
    file: Box<dyn DiskFile>,
}

impl DiskFile for FaultyFile {
    fn write_at(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        let (stalled, changed) = &*self.disk.stalled;
        let now = stalled.lock().expect("nobody panics");
        drop(changed.wait_while(now, |stalled| *stalled));
        if at == 0 {
            // A head that is there needs no more room.
            return self.file.write_at(at, bytes);
        }
        let left = self.disk.left.load(Relaxed);
        let some = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.file.write_at(at, &bytes[..some])?;
        self.disk.left.store(left - some as u64, Relaxed);
        if some < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn set_len(&mut self, bytes: u64) -> io::Result<()> {
        self.file.set_len(bytes)
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}
