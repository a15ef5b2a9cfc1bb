//! The takes of a folder as one tape: what is to be heard at each place of the host's timeline.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use farsend_ipc::take_file::TakeHead;
use farsend_units::SampleRate;

use super::whose::{STEREO, Whose};

/// What the far end played in each take of a folder, oldest first. Blocks on the disk.
#[derive(Debug, Default)]
pub struct Reel {
    takes: Vec<(PathBuf, TakeHead)>,
    /// Who plays in them.
    players: BTreeSet<String>,
    /// Takes of another rate than the host's.
    others: usize,
}

impl Reel {
    /// Reads what there is in a folder, at the host's rate. One that is not there has no takes.
    pub fn open(folder: &Path, rate: SampleRate) -> Self {
        let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = files.take(MOST_FILES).map(|entry| entry.path());
        let waves = paths.filter(|path| path.extension().is_some_and(|end| end == "wav"));
        let heads = waves.filter_map(|path| {
            let mut file = open_file(&path).ok()?;
            let length = file.metadata().ok()?.len();
            let head = TakeHead::read(&mut file, length).ok()?;
            Some((path, head))
        });
        let (mut takes, others): (Vec<_>, Vec<_>) = heads
            .filter(|(_, head)| !head.is_send)
            .partition(|(_, head)| head.rate == rate);
        takes.sort_by(|(path, head), (other, of_other)| {
            (head.number, path).cmp(&(of_other.number, other))
        });
        let players = takes.iter().map(|(_, head)| head.player.clone());
        Self {
            players: players.collect(),
            takes,
            others: others.len(),
        }
    }

    /// Files that are of another rate than the host's, and left out.
    pub fn others(&self) -> usize {
        self.others
    }

    /// Whether there is anything at all.
    pub fn is_empty(&self) -> bool {
        self.takes.is_empty()
    }

    /// What all outputs of a track hear: the first has the channels that the others, which are stereo, leave. `None`: nothing was recorded there.
    /// Takes that cannot be read are left out, and put into `unread`.
    pub fn read_outputs(
        &self,
        at: i64,
        frames: usize,
        channels: usize,
        whose: &[Whose],
        unread: &mut BTreeSet<PathBuf>,
    ) -> Option<Vec<Vec<f32>>> {
        let more = whose.len().saturating_sub(1) * STEREO;
        let mut lanes = Vec::with_capacity(channels);
        let mut any = false;
        for (output, whose) in whose.iter().enumerate() {
            let width = match output {
                0 => channels.saturating_sub(more),
                _ => STEREO.min(channels - lanes.len()),
            };
            let part = self.read(at, frames, width, whose, unread);
            any |= part.is_some();
            lanes.extend(part.unwrap_or_else(|| vec![vec![0.0; frames]; width]));
        }
        any.then_some(lanes)
    }

    /// What is heard of these players from `at` of the timeline on: planar, so many channels and frames. The newest take counts wherever it is; takes of one number are
    /// heard together. A file of one channel is in the first two. `None`: nothing was recorded there.
    /// A take that cannot be read is as if it were not there, and put into `unread`.
    pub fn read(
        &self,
        at: i64,
        frames: usize,
        channels: usize,
        whose: &Whose,
        unread: &mut BTreeSet<PathBuf>,
    ) -> Option<Vec<Vec<f32>>> {
        let mut out = vec![vec![0.0; frames]; channels];
        // The number of the take that each frame is of.
        let mut owner: Vec<u32> = vec![0; frames];
        let mut any = false;
        let takes = self.takes.iter();
        for (path, head) in takes.filter(|(_, head)| whose.is(&head.player, &self.players)) {
            let Some((place, from)) = overlap(head, at, frames) else {
                continue;
            };
            let Ok(lanes) = read_frames(path, head, from, place.len()) else {
                unread.insert(path.clone());
                continue;
            };
            any = true;
            for (frame, owner) in place.clone().zip(&mut owner[place.clone()]) {
                let older = *owner != head.number;
                *owner = head.number;
                for (channel, out) in out.iter_mut().enumerate() {
                    let lane = match lanes.get(channel) {
                        Some(lane) => lane,
                        None if channel == 1 && lanes.len() == 1 => &lanes[0],
                        None => &SILENT,
                    };
                    let sample = lane.get(frame - place.start).copied().unwrap_or(0.0);
                    if older {
                        out[frame] = sample;
                    } else {
                        out[frame] += sample;
                    }
                }
            }
        }
        any.then_some(out)
    }
}

/// Which of the frames a take has, and the first of its own that is there.
fn overlap(head: &TakeHead, at: i64, frames: usize) -> Option<(Range<usize>, u64)> {
    let begins = i64::try_from(head.begins).ok()?;
    let ends = begins.checked_add(i64::try_from(head.frames).ok()?)?;
    let (start, end) = (begins.max(at), ends.min(at.saturating_add(frames as i64)));
    if start >= end {
        return None;
    }
    // Both are within these frames.
    let place = usize::try_from(start - at).ok()?..usize::try_from(end - at).ok()?;
    Some((place, (start - begins).unsigned_abs()))
}

/// Opens what is a file. What is none, such as a pipe, could hold who opens it for ever.
fn open_file(path: &Path) -> io::Result<File> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    File::open(path)
}

fn read_frames(
    path: &Path,
    head: &TakeHead,
    from: u64,
    frames: usize,
) -> io::Result<Vec<Vec<f32>>> {
    let width = head.frame_bytes();
    let mut bytes = vec![0; frames * width];
    let mut file = open_file(path)?;
    file.seek(SeekFrom::Start(head.audio + from * width as u64))?;
    file.read_exact(&mut bytes)?;
    let mut lanes = vec![Vec::with_capacity(frames); usize::from(head.channels)];
    for frame in bytes.chunks_exact(width) {
        let samples = frame.chunks_exact(head.samples.bytes());
        for (lane, sample) in lanes.iter_mut().zip(samples) {
            lane.push(head.samples.decode(sample));
        }
    }
    Ok(lanes)
}

/// What a channel sounds like that a file does not have.
const SILENT: Vec<f32> = Vec::new();
/// Files of a folder that are looked at.
const MOST_FILES: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::super::take_files::write;
    use super::*;

    fn mono(value: f32, frames: usize) -> Vec<Vec<f32>> {
        vec![vec![value; frames]]
    }

    const RATE: SampleRate = SampleRate(8000);

    /// What everybody played, where all can be read.
    fn read(reel: &Reel, at: i64, frames: usize, channels: usize) -> Option<Vec<Vec<f32>>> {
        let mut unread = BTreeSet::new();
        let heard = reel.read(at, frames, channels, &Whose::Everybody, &mut unread);
        assert_eq!(unread, BTreeSet::new());
        heard
    }

    #[test]
    fn the_newest_take_is_heard_where_takes_overlap_and_the_older_ones_around_it() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path();
        write(path, "Ann", 2, 100, 8000, &mono(0.25, 200));
        write(path, "Ann", 10, 150, 8000, &mono(0.5, 50));
        write(path, "send", 11, 0, 8000, &mono(0.75, 500));
        let reel = Reel::open(path, RATE);
        let heard = read(&reel, 0, 400, 2).expect("there is a take");
        let at = |frame: usize| (heard[0][frame], heard[1][frame]);
        let places = [99, 100, 149, 150, 199, 200, 299, 300].map(at);
        let levels = [0.0, 0.25, 0.25, 0.5, 0.5, 0.25, 0.25, 0.0].map(|level| (level, level));
        assert_eq!(places, levels);
        assert!(read(&reel, 300, 1000, 2).is_none());
        assert!(read(&reel, i64::MIN, 10, 2).is_none());
        assert!(read(&reel, i64::MAX, 10, 2).is_none());
    }

    #[test]
    fn players_of_one_take_are_heard_together() {
        let folder = tempfile::tempdir().expect("there is room");
        write(folder.path(), "Ann", 3, 0, 8000, &mono(0.25, 100));
        let two = vec![vec![0.125; 100], vec![0.5; 100]];
        write(folder.path(), "Bob", 3, 50, 8000, &two);
        let reel = Reel::open(folder.path(), RATE);
        let heard = read(&reel, 0, 100, 2).expect("there is a take");
        assert_eq!(
            [heard[0][49], heard[0][50], heard[1][50]],
            [0.25, 0.375, 0.75]
        );
    }

    #[test]
    fn a_take_that_was_taken_away_silences_no_other() {
        let folder = tempfile::tempdir().expect("there is room");
        write(folder.path(), "Ann", 3, 0, 8000, &mono(0.25, 100));
        write(folder.path(), "Bob", 4, 0, 8000, &mono(0.5, 100));
        write(folder.path(), "Carl", 4, 0, 8000, &mono(0.125, 100));
        let reel = Reel::open(folder.path(), RATE);
        let files = || {
            std::fs::read_dir(folder.path())
                .expect("it is there")
                .flatten()
        };
        let bobs = files().find(|file| file.file_name().to_string_lossy().contains("Bob"));
        let bobs = bobs.expect("he plays").path();
        std::fs::remove_file(&bobs).expect("it is ours");
        let mut unread = BTreeSet::new();
        let heard = reel.read(0, 100, 1, &Whose::Everybody, &mut unread);
        assert_eq!(heard, Some(mono(0.125, 100)));
        assert_eq!(unread, BTreeSet::from([bobs]));
    }

    #[test]
    fn each_output_hears_the_players_that_are_its_own() {
        let folder = tempfile::tempdir().expect("there is room");
        write(folder.path(), "Ann", 3, 0, 8000, &mono(0.25, 100));
        write(folder.path(), "Bob", 3, 0, 8000, &mono(0.5, 100));
        let reel = Reel::open(folder.path(), RATE);
        let heard = |whose: &[Whose]| {
            let channels = 2 * whose.len();
            let lanes = reel.read_outputs(0, 10, channels, whose, &mut BTreeSet::new());
            lanes.map(|lanes| lanes.iter().map(|lane| lane[9]).collect::<Vec<_>>())
        };
        let of = |name: &str| Whose::Of(vec![name.into()]);
        assert_eq!(
            heard(&[Whose::Everybody, of("Bob"), of("Ann"), of("Carl")]),
            Some(vec![0.75, 0.75, 0.5, 0.5, 0.25, 0.25, 0.0, 0.0])
        );
        assert_eq!(heard(&[of("Carl")]), None);
        // In a call there is one player, whatever they are called.
        assert_eq!(heard(&[Whose::Perhaps("Bob".into())]), Some(vec![0.5; 2]));
        assert_eq!(heard(&[Whose::Perhaps("Dora".into())]), Some(vec![0.75; 2]));
        // Fewer channels than there are outputs for.
        let few = reel.read_outputs(
            0,
            10,
            1,
            &[Whose::Everybody, of("Bob")],
            &mut BTreeSet::new(),
        );
        assert_eq!(few.map(|lanes| lanes.len()), Some(1));
    }

    #[test]
    fn what_is_no_take_or_of_another_rate_is_left_out() {
        let folder = tempfile::tempdir().expect("there is room");
        write(folder.path(), "Ann", 1, 0, 44_100, &mono(0.25, 100));
        std::fs::write(folder.path().join("x.wav"), b"RIFF....WAVE").expect("it is writable");
        std::fs::create_dir(folder.path().join("y.wav")).expect("it is writable");
        let reel = Reel::open(folder.path(), RATE);
        assert_eq!((reel.is_empty(), reel.others()), (true, 1));
        assert!(Reel::open(Path::new("/no/such/folder"), RATE).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_that_is_called_like_a_take_holds_nobody_up() {
        let folder = tempfile::tempdir().expect("there is room");
        write(folder.path(), "Ann", 1, 0, 8000, &mono(0.25, 100));
        let pipe = folder.path().join("x.wav");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.is_ok_and(|made| made.success()));
        let (opened, is_open) = std::sync::mpsc::channel();
        let path = folder.path().to_owned();
        std::thread::spawn(move || opened.send(Reel::open(&path, RATE)));
        let reel = is_open.recv_timeout(std::time::Duration::from_secs(10));
        let reel = reel.expect("the pipe is left alone");
        assert_eq!(read(&reel, 0, 100, 1), Some(mono(0.25, 100)));
    }
}
