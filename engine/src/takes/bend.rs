//! Makes a take lie on the host's timeline over its whole length, where what came does not do so by itself.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};

use farsend_ipc::message::TakeState;
use farsend_stream::{LEAST_STEP, Resampler};
use farsend_units::SampleRate;

use super::leftovers::{hold, part_of};
use super::place::Fit;
use super::track::Track;
use super::underway::Underway;
use crate::record::{BroadcastFile, Depth, Head};

/// Where a take is on our time line and on the host's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) since: i64,
    pub(super) end: i64,
    pub(super) timeline: u64,
}

/// Writes the track anew, at the host's rate: each frame of the host's timeline gets what was captured while it was heard. The file begins with
/// the frame `first` of its stream. What fails is told in the track.
pub(super) fn bend(track: &mut Track, first: i64, fit: &Fit, range: Range, rate: SampleRate) {
    track.close();
    if track.has_failed() {
        return;
    }
    let straight = fit.shift(range.since as f64, range.end as f64);
    let straight = straight.filter(|_| track.head().rate == rate);
    let written = rewrite(track, first, fit, range, rate);
    let path = track.path().to_owned();
    let part = part_of(&path);
    // Held until it has its name.
    let done = written.and_then(|_held| fs::rename(&part, &path));
    match done {
        Ok(()) => {
            let take = &mut track.take;
            (take.rate, take.begins) = (rate, range.timeline);
            take.frames = (range.end - range.since).max(0).unsigned_abs();
            take.bent = straight.is_none();
        }
        Err(error) => {
            // What it was made from is still there.
            _ = fs::remove_file(&part);
            let why = super::track::why(path.parent().unwrap_or(&path), &error);
            track.take.state = TakeState::Failed(format!(
                "It could not be laid along the timeline ({why}); what was recorded is in the file as it came"
            ));
        }
    }
}

fn rewrite(
    track: &mut Track,
    first: i64,
    fit: &Fit,
    range: Range,
    rate: SampleRate,
) -> io::Result<File> {
    let head = track.head().clone();
    let channels = head.channels.get().max(1);
    let source = Source::open(track)?;
    let part = part_of(track.path());
    let disk = track.disk();
    _ = fs::remove_file(&part);
    let name = part.file_name().unwrap_or_default().to_string_lossy();
    let settled = Head {
        rate,
        time_reference: range.timeline,
        ..head
    };
    let mut file = BroadcastFile::create(disk, name.into_owned(), settled)?;
    let held = hold(&part)?;
    let mut player = Player {
        resampler: Resampler::new(channels, head.rate, rate, BLOCK),
        same_rate: head.rate == rate,
        source,
    };
    let length = range.end - range.since;
    // Where in the source the next frame is.
    let place = |frame: i64| fit.captured((range.since + frame) as f64) - first as f64;
    let shift = fit.shift(range.since as f64, range.end as f64);
    let shift = shift.filter(|_| head.rate == rate);
    let begin = match shift {
        Some(shift) => range.since - shift - first,
        None => place(0).round() as i64,
    };
    player.source.at = begin;
    let [mut lanes, mut after] = [(); 2].map(|()| vec![vec![0.0; BLOCK]; channels]);
    let mut done = 0;
    while done < length {
        let frames = (length - done).min(BLOCK as i64) as usize;
        let even = player.evenly(frames);
        let straight = player.at() + even;
        let end = match shift {
            Some(_) => straight,
            None if head.rate == rate => on_a_frame(place(done + frames as i64), straight),
            None => place(done + frames as i64),
        };
        let speed = (end - player.at()) / even;
        if !(SLOWEST..=FASTEST).contains(&speed) {
            player.play_to(straight, &mut heads(&mut lanes, frames))?;
            player.leap((end - even).round() as i64);
            let end = player.at() + even;
            player.play_to(end, &mut heads(&mut after, frames))?;
            cross_fade(&mut lanes, &after, frames);
        } else {
            player.play_to(end, &mut heads(&mut lanes, frames))?;
        }
        let lanes = lanes.iter().map(|lane| &lane[..frames]);
        file.write(disk, done.unsigned_abs(), lanes)?;
        done += frames as i64;
        Underway::step();
    }
    file.close()?;
    Ok(held)
}

/// Where a block ends in its source that should end at `wanted`, if that is not where it ends when it is `straight`: on a frame in either case, so that
/// what follows can go straight on. Between the places where it is bent a take stays what was played, to the bit.
fn on_a_frame(wanted: f64, straight: f64) -> f64 {
    if (wanted - straight).abs() <= NEAR {
        straight
    } else {
        wanted.round()
    }
}

/// The first `frames` of each lane.
fn heads(lanes: &mut [Vec<f32>], frames: usize) -> Vec<&mut [f32]> {
    let heads = lanes.iter_mut().map(|lane| &mut lane[..frames]);
    heads.collect()
}

/// From what is in the lanes over to what is in the others.
fn cross_fade(lanes: &mut [Vec<f32>], others: &[Vec<f32>], frames: usize) {
    for (lane, other) in lanes.iter_mut().zip(others) {
        for (frame, (sample, other)) in lane.iter_mut().zip(other).take(frames).enumerate() {
            let part = (frame + 1) as f32 / frames as f32;
            *sample += part * (other - *sample);
        }
    }
}

/// A source on its way through the resampler.
struct Player {
    source: Source,
    resampler: Resampler,
    same_rate: bool,
}

impl Player {
    /// Where in the source the next frame is.
    fn at(&self) -> f64 {
        self.source.at as f64 - self.resampler.lag()
    }

    /// How far in the source so many frames reach that are not bent.
    fn evenly(&self, frames: usize) -> f64 {
        frames as f64 * self.resampler.nominal_step()
    }

    /// Goes on from another frame of the source.
    fn leap(&mut self, to: i64) {
        self.resampler.reset();
        self.source.at = to;
    }

    /// Fills the lanes, all of one length, with what lies up to `end`, as far as the resampler bends that much.
    fn play_to(&mut self, end: f64, out: &mut [&mut [f32]]) -> io::Result<()> {
        let Self {
            source, resampler, ..
        } = self;
        let frames = out.first().map_or(0, |lane| lane.len());
        let advance = end - (source.at as f64 - resampler.lag());
        if self.same_rate && advance == frames as f64 {
            let wanted = resampler.wants_straight(frames);
            source.feed(resampler, wanted)?;
            resampler.straight(out);
        } else {
            let step = advance / frames.max(1) as f64;
            let wanted = resampler.wants(frames, step, step);
            source.feed(resampler, wanted)?;
            resampler.bend_to(advance, out);
        }
        Ok(())
    }
}

/// A file that was written by us, frame by frame; before its beginning and after its end it is silent.
struct Source {
    file: File,
    /// Bytes before the audio.
    head: u64,
    depth: Depth,
    channels: usize,
    frames: i64,
    /// The frame that comes next.
    at: i64,
    bytes: Vec<u8>,
}

impl Source {
    fn open(track: &Track) -> io::Result<Self> {
        let head = track.head();
        Ok(Self {
            file: File::open(track.path())?,
            head: head.len() as u64,
            depth: head.depth,
            channels: head.channels.get().max(1),
            frames: i64::try_from(track.take.frames).unwrap_or(i64::MAX),
            at: 0,
            bytes: Vec::new(),
        })
    }

    fn feed(&mut self, resampler: &mut Resampler, mut frames: usize) -> io::Result<()> {
        while frames > 0 {
            let some = frames.min(resampler.room());
            if some == 0 {
                return Ok(());
            }
            let lanes = self.read(some)?;
            resampler.push(some, |out| {
                for (out, lane) in out.iter_mut().zip(&lanes) {
                    out.copy_from_slice(lane);
                }
            });
            frames -= some;
        }
        Ok(())
    }

    /// The next frames, planar.
    fn read(&mut self, frames: usize) -> io::Result<Vec<Vec<f32>>> {
        let mut lanes = vec![vec![0.0; frames]; self.channels];
        let from = self.at.clamp(0, self.frames);
        let to = (self.at + frames as i64).clamp(0, self.frames);
        let width = self.channels * self.depth.bytes();
        if to > from {
            self.bytes.resize((to - from) as usize * width, 0);
            let place = self.head + from.unsigned_abs() * width as u64;
            self.file.seek(SeekFrom::Start(place))?;
            self.file.read_exact(&mut self.bytes)?;
            let skipped = (from - self.at) as usize;
            for (frame, bytes) in self.bytes.chunks_exact(width).enumerate() {
                let samples = bytes.chunks_exact(self.depth.bytes());
                for (lane, sample) in lanes.iter_mut().zip(samples) {
                    lane[skipped + frame] = decode(sample);
                }
            }
        }
        self.at += frames as i64;
        Ok(lanes)
    }
}

fn decode(sample: &[u8]) -> f32 {
    match *sample {
        [low, middle, high] => i32::from_le_bytes([0, low, middle, high]) as f32 / 2_147_483_648.0,
        [a, b, c, d] => f32::from_le_bytes([a, b, c, d]),
        _ => 0.0,
    }
}

/// Frames that are written at a time; one is straight or bent.
const BLOCK: usize = 512;
/// How far from its place, in frames, a take goes straight on.
const NEAR: f64 = 2.0;
/// What would have to be bent more than so is left out, and faded over.
const FASTEST: f64 = 2.0;
/// As slow as a resampler goes.
const SLOWEST: f64 = LEAST_STEP;
