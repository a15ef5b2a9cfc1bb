//! One Broadcast WAV file that is being written, in any order of its frames.

use std::io;

use super::head::{Depth, Head};
use super::{Disk, DiskFile};

/// A file, and what is known of it. The disk thread's.
///
/// Whatever happens, the file on disk is a valid one of the length at the last [`checkpoint`](Self::checkpoint); frames
/// that were never written are silence.
#[derive(Debug)]
pub struct BroadcastFile {
    name: String,
    head: Head,
    file: Option<Box<dyn DiskFile>>,
    /// Frames up to the last that was written.
    frames: u64,
    /// Those that the head on disk tells of.
    told: Option<u64>,
    clipped: u64,
    /// What is written next.
    bytes: Vec<u8>,
}

impl BroadcastFile {
    /// Creates a file of this name, without audio.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn create(disk: &mut dyn Disk, name: String, head: Head) -> io::Result<Self> {
        let mut created = Self {
            file: Some(disk.create(&name)?),
            name,
            head,
            frames: 0,
            told: None,
            clipped: 0,
            bytes: Vec::new(),
        };
        created.checkpoint()?;
        Ok(created)
    }

    /// Its name in the folder.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it says of itself.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Frames from its beginning to the last that was written.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Samples beyond full scale that had to be clipped.
    pub fn clipped(&self) -> u64 {
        self.clipped
    }

    /// Whether it holds a file of the system.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }

    /// Writes frames at a position. `lanes` (planar) has a slice a channel, all of one length. Silence behind the end is
    /// not written, it takes no room on most disks. Opens the file again if it was closed. Gives the bytes that were
    /// written.
    ///
    /// # Errors
    /// Whatever the disk says; the frames count as not written then.
    pub fn write<'a>(
        &mut self,
        disk: &mut dyn Disk,
        at: u64,
        lanes: impl Iterator<Item = &'a [f32]> + Clone,
    ) -> io::Result<usize> {
        let frames = lanes.clone().map(<[f32]>::len).min().unwrap_or(0);
        let end = at + frames as u64;
        let silent = || {
            lanes
                .clone()
                .all(|lane| lane.iter().all(|sample| *sample == 0.0))
        };
        if at >= self.frames && silent() {
            self.frames = end;
            return Ok(0);
        }
        let width = self.head.frame_bytes();
        self.bytes.resize(frames * width, 0);
        self.clipped += encode(self.head.depth, lanes, width, &mut self.bytes);
        let place = self.head.len() as u64 + at * width as u64;
        let file = match &mut self.file {
            Some(file) => file,
            closed => closed.insert(disk.reopen(&self.name)?),
        };
        let written = file.write_at(place, &self.bytes);
        if written.is_err() {
            // Some of it may be there: cut at the next checkpoint.
            self.told = None;
        }
        written?;
        self.frames = self.frames.max(end);
        Ok(self.bytes.len())
    }

    /// Makes the file so many frames long: what is beyond is cut, what is missing is silence. Told by the next checkpoint.
    pub fn set_frames(&mut self, frames: u64) {
        if frames != self.frames {
            (self.frames, self.told) = (frames, None);
        }
    }

    /// It begins there on the time line, after all. Told by the next checkpoint.
    pub fn set_time_reference(&mut self, time_reference: u64) {
        if self.head.time_reference != time_reference {
            self.head.time_reference = time_reference;
            self.told = None;
        }
    }

    /// Makes the head true for what has been written. True: it was not.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn checkpoint(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else {
            return Ok(false);
        };
        if self.told == Some(self.frames) {
            return Ok(false);
        }
        // First the audio, then the head that tells of it.
        file.set_len(self.head.file_bytes(self.frames))?;
        file.write_at(0, &self.head.bytes(self.frames))?;
        self.told = Some(self.frames);
        Ok(true)
    }

    /// Opens it again, if it was closed: for a head that is to be another one.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn reopen(&mut self, disk: &mut dyn Disk) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(disk.reopen(&self.name)?);
        }
        Ok(())
    }

    /// Completes the file and closes it; it can be written to again.
    ///
    /// # Errors
    /// Whatever the disk says.
    pub fn close(&mut self) -> io::Result<()> {
        let told = self.checkpoint();
        self.file = None;
        told.map(|_| ())
    }
}

/// Interleaves and writes down. Gives the number of samples that were beyond full scale.
fn encode<'a>(
    depth: Depth,
    lanes: impl Iterator<Item = &'a [f32]>,
    width: usize,
    out: &mut [u8],
) -> u64 {
    let mut clipped = 0;
    for (channel, lane) in lanes.enumerate() {
        let first = channel * depth.bytes();
        let places = out.chunks_exact_mut(width);
        match depth {
            Depth::Int24 => {
                for (frame, sample) in places.zip(lane) {
                    let (value, beyond) = int24(*sample);
                    clipped += u64::from(beyond);
                    if let Some(place) = frame.get_mut(first..first + 3) {
                        let [low, middle, high, _] = value.to_le_bytes();
                        place.copy_from_slice(&[low, middle, high]);
                    }
                }
            }
            Depth::Float32 => {
                for (frame, sample) in places.zip(lane) {
                    let sample = if sample.is_finite() { *sample } else { 0.0 };
                    if let Some(place) = frame.get_mut(first..first + 4) {
                        place.copy_from_slice(&sample.to_le_bytes());
                    }
                }
            }
        }
    }
    clipped
}

/// `x * 2^23` to the nearest whole number within 24 bits, and whether it was beyond. What is not a number is silence.
#[inline(always)]
fn int24(x: f32) -> (i32, bool) {
    let scaled = f64::from(x) * 8_388_608.0;
    let kept = scaled.clamp(-8_388_608.0, 8_388_607.0);
    // The whole number is in the low bits of the sum; those of what is not a number are zero.
    (
        (kept + ROUNDING).to_bits() as i32,
        scaled.abs() > 8_388_608.0,
    )
}

/// 1.5 * 2^52: a double of this size has no bits left for fractions.
const ROUNDING: f64 = 6_755_399_441_055_744.0;

#[cfg(test)]
mod tests {
    use super::super::Folder;
    use super::super::head::tests::head;
    use super::*;

    fn folder() -> (tempfile::TempDir, Folder) {
        let folder = tempfile::tempdir().expect("the folder for temporary files is writable");
        let disk = Folder(folder.path().to_owned());
        (folder, disk)
    }

    fn lanes(lanes: &[Vec<f32>]) -> impl Iterator<Item = &[f32]> + Clone {
        lanes.iter().map(Vec::as_slice)
    }

    #[test]
    fn what_was_written_is_read_and_what_was_not_is_silence() {
        let (folder, mut disk) = folder();
        for channels in [1, 2, 5] {
            let name = format!("{channels}.wav");
            let head = head(channels, Depth::Int24);
            let mut file = BroadcastFile::create(&mut disk, name.clone(), head).expect("it is new");
            let sample = |i: u64, c: u64| (i * 31 + c * 7) as f32 / 16_384.0 - 0.25;
            let some = |from: u64, count: u64| -> Vec<Vec<f32>> {
                let lane = |c: u64| (from..from + count).map(|i| sample(i, c)).collect();
                (0..u64::from(channels)).map(lane).collect()
            };
            for (at, count) in [(3, 100), (200, 33), (103, 7)] {
                file.write(&mut disk, at, lanes(&some(at, count)))
                    .expect("the disk takes it");
            }
            file.close().expect("the disk takes it");
            // And once more, as one who comes back.
            file.write(&mut disk, 300, lanes(&some(300, 2)))
                .expect("the disk takes it");
            file.close().expect("the disk takes it");
            let mut reader = hound::WavReader::open(folder.path().join(&name)).expect("a WAV file");
            assert_eq!(u16::from(channels), reader.spec().channels);
            assert_eq!(reader.duration(), 302);
            let written = [3..110, 200..233, 300..302];
            for (n, value) in reader.samples::<i32>().enumerate() {
                let (i, c) = (
                    n as u64 / u64::from(channels),
                    n as u64 % u64::from(channels),
                );
                let there = written.iter().any(|range| range.contains(&i));
                let expected = if there { sample(i, c) } else { 0.0 };
                assert_eq!(value.expect("a sample") as f32 / 8_388_608.0, expected);
            }
        }
    }

    #[test]
    fn a_file_is_valid_at_every_checkpoint_and_in_between() {
        let (folder, mut disk) = folder();
        let path = folder.path().join("a.wav");
        let head = head(1, Depth::Int24);
        let mut file = BroadcastFile::create(&mut disk, "a.wav".into(), head).expect("it is new");
        let length = || {
            hound::WavReader::open(&path)
                .expect("a WAV file")
                .duration()
        };
        assert_eq!(length(), 0);
        let tone = vec![0.5; 501];
        file.write(&mut disk, 0, [&tone[..]].into_iter())
            .expect("the disk takes it");
        assert_eq!(length(), 0);
        assert!(file.checkpoint().expect("the disk takes it"));
        assert!(!file.checkpoint().expect("the disk takes it"));
        assert_eq!(length(), 501);
        file.write(&mut disk, 501, [&tone[..]].into_iter())
            .expect("the disk takes it");
        assert_eq!(length(), 501);
        drop(file);
        assert_eq!(length(), 501);
    }

    #[test]
    fn a_name_that_is_there_is_never_overwritten() {
        let (folder, mut disk) = folder();
        std::fs::write(folder.path().join("a.wav"), b"precious").expect("a writable folder");
        let head = head(1, Depth::Int24);
        assert!(BroadcastFile::create(&mut disk, "a.wav".into(), head).is_err());
        let kept = std::fs::read(folder.path().join("a.wav")).expect("it is there");
        assert_eq!(kept, b"precious");
    }

    #[test]
    fn silence_at_the_end_takes_no_room() {
        let (_folder, mut disk) = folder();
        let head = head(1, Depth::Float32);
        let mut file = BroadcastFile::create(&mut disk, "a.wav".into(), head).expect("it is new");
        let silence = vec![0.0; 1000];
        let wrote = file.write(&mut disk, 5, [&silence[..]].into_iter());
        assert_eq!(wrote.expect("nothing was to be done"), 0);
        assert_eq!(file.frames(), 1005);
    }

    #[test]
    fn integers_are_exact_and_clip_at_full_scale() {
        for value in [-8_388_608, -8_388_607, -1, 0, 1, 4_711, 8_388_607] {
            assert_eq!(int24(value as f32 / 8_388_608.0), (value, false));
        }
        assert_eq!(int24(1.0), (8_388_607, false));
        assert_eq!(int24(1.001), (8_388_607, true));
        assert_eq!(int24(-2.0), (-8_388_608, true));
        assert_eq!(int24(f32::INFINITY), (8_388_607, true));
        assert_eq!(int24(f32::NAN).0 & 0xff_ffff, 0);
    }
}
