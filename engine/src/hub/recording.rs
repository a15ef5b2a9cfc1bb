//! The control thread's side of a hub's recording: whose track is whose file, and what is told of it.
//!
//! All files begin with the recording, so that they line up wherever they are put side by side; who comes later has
//! silence before, which takes no room on a disk with sparse files. Who comes back under the same name, from the same
//! host, goes on in the same file.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use farsend_ipc::hub::RecordingStatus;
use farsend_units::{Channels, SampleRate};
use farsend_wire::jacktrip::Name;
use serde_json::{Value, json};

use super::report::HubReporter;
use super::roster::Entry;
use super::taping::{self, MIX};
use super::{HubSettings, RecordSettings};
use crate::record::{
    Depth, Ended, Folder, Head, Moment, Names, Pen, Progress, RecordError, Recorder, Tape, TrackId,
    Trouble, history,
};
use crate::settings::MAX_CHANNELS;

/// A recording of the whole hub.
#[derive(Debug)]
pub(super) struct Recording {
    recorder: Recorder,
    folder: PathBuf,
    names: Names,
    begins: Moment,
    rate: SampleRate,
    depth: Depth,
    /// Places of the hub, which are the first slots of the tape.
    places: usize,
    /// Channels that are captured at the hub.
    local: Option<Channels>,
    stems: HashMap<Who, Vec<Stem>>,
    seats: HashMap<u16, (Who, TrackId)>,
    /// Files opened for players and for the mix.
    files: u32,
    /// Files of the mix, two channels each.
    mixes: usize,
    told: Progress,
    gaps_told: Instant,
    /// It was said that there are too many files.
    too_many: bool,
    stopped: bool,
}

/// Whose audio it is: the same again is the same file.
type Who = (Name, IpAddr, Channels);

#[derive(Debug)]
struct Stem {
    track: TrackId,
    /// Somebody writes it now.
    taken: bool,
}

impl Recording {
    /// Makes the folder and begins.
    ///
    /// # Errors
    /// [`RecordError`].
    pub(super) fn open(
        settings: &HubSettings,
        record: &RecordSettings,
    ) -> Result<(Self, Tape), RecordError> {
        let begins = Moment::now();
        let disk = Folder::for_session(&record.folder, &begins)?;
        let folder = disk.0.clone();
        let slots = taping::slots(settings.players);
        let (recorder, tape) = Recorder::start(Box::new(disk), settings.rate, slots)?;
        let takes = Self {
            recorder,
            folder,
            names: Names::default(),
            begins,
            rate: settings.rate,
            depth: record.depth,
            places: settings.players,
            local: settings.local.as_ref().map(|local| local.channels),
            stems: HashMap::new(),
            seats: HashMap::new(),
            files: 0,
            mixes: 0,
            told: Progress::default(),
            gaps_told: Instant::now(),
            too_many: false,
            stopped: false,
        };
        Ok((takes, tape))
    }

    /// The files of the mix and of what is captured at the hub, and a line about it all. `put` has pens put into slots of the
    /// tape.
    pub(super) fn begin(&mut self, reporter: &mut HubReporter, mut put: impl FnMut(usize, Pen)) {
        let local = self.local.unwrap_or(Channels::ZERO);
        self.mix_as_wide_as(local.get().max(MIX), &mut put);
        if local > Channels::ZERO {
            let name = self.names.give("hub");
            let whose = "what is captured at the hub".to_owned();
            let track = self.open_file(name, local, self.depth, whose, String::new());
            let pen = self.recorder.pen(track, local);
            put(taping::local(self.places), pen);
        }
        let text = format!(
            "records each player ({}) and the mix ({}) to {}",
            said(self.depth),
            said(Depth::Float32),
            self.folder.display()
        );
        let facts = json!({
            "folder": self.folder, "bits": self.depth.bits(), "rate": self.rate.0,
            "time_reference": self.begins.time_reference(self.rate),
        });
        reporter.say("recording", &text, facts);
    }

    /// A player takes a place: their track, in the file that they had before, if they had one.
    pub(super) fn admit(
        &mut self,
        place: u16,
        entry: &Entry,
        reporter: &mut HubReporter,
        mut put: impl FnMut(usize, Pen),
    ) {
        if self.stopped {
            return;
        }
        let (name, from, format) = (entry.name, entry.address, &entry.format);
        let channels = format.channels.min(Channels(MAX_CHANNELS as u8));
        let who = (name, from.ip(), channels);
        let stems = self.stems.entry(who).or_default();
        let track = match stems.iter_mut().find(|stem| !stem.taken) {
            Some(stem) => {
                stem.taken = true;
                stem.track
            }
            None if self.files < MOST_FILES => {
                let host = from.ip().to_string();
                let name = if name.is_empty() {
                    &host
                } else {
                    name.as_str()
                };
                let was = history(format.rate, u16::from(format.samples.bits()), channels);
                let past = format!("{was},T=network; {} a packet\r\n", format.period);
                let description = format!("{name} ({from})");
                let name = self.names.give(name);
                let track = self.open_file(name, channels, self.depth, description, past);
                let stem = Stem { track, taken: true };
                self.stems.entry(who).or_default().push(stem);
                track
            }
            None => {
                if !std::mem::replace(&mut self.too_many, true) {
                    let text = format!("there are {MOST_FILES} files: no more are recorded");
                    reporter.say("recording_full", &text, json!({ "files": self.files }));
                }
                return;
            }
        };
        self.seats.insert(place, (who, track));
        let pen = self.recorder.pen(track, channels);
        put(usize::from(place), pen);
        self.mix_as_wide_as(channels.get(), put);
    }

    /// The player in this place has left, and may come back.
    pub(super) fn leave(&mut self, place: u16) {
        let Some((who, track)) = self.seats.remove(&place) else {
            return;
        };
        let stems = self.stems.entry(who).or_default();
        if let Some(stem) = stems.iter_mut().find(|stem| stem.track == track) {
            stem.taken = false;
        }
    }

    /// Says what the user should hear of.
    pub(super) fn attend(&mut self, reporter: &mut HubReporter) {
        while let Some(trouble) = self.recorder.trouble() {
            self.say(&trouble, reporter);
        }
        let now = self.recorder.progress();
        if now.missed > self.told.missed && self.gaps_told.elapsed() >= GAPS_EVERY {
            self.gaps_told = Instant::now();
            self.told = now;
            let text = format!(
                "the disk is too slow: of {} recorded so far, {} are silence in some files",
                clock(self.seconds(now.length)),
                span(self.seconds(now.missed))
            );
            reporter.say(
                "recording_gap",
                &text,
                json!({ "missed_frames": now.missed, "missed_s": self.seconds(now.missed) }),
            );
        }
    }

    /// Where the files are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the files are open, or cannot be.
    pub(super) fn is_ready(&self) -> bool {
        self.recorder.is_ready()
    }

    /// Whether the disk has refused something: nothing more is recorded.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// Whether the tape is finished and the disk has all of it.
    pub(super) fn is_over(&self) -> bool {
        self.recorder.is_over()
    }

    /// How it goes.
    pub(super) fn status(&self) -> RecordingStatus {
        let now = self.recorder.progress();
        RecordingStatus {
            folder: self.folder.display().to_string(),
            files: self.files,
            seconds: self.seconds(now.length),
            bytes: now.bytes,
            missed_frames: now.missed,
            clipped: now.clipped,
            stopped: now.stopped,
        }
    }

    /// Completes the files, when the tape is finished. Blocks until the disk has them.
    pub(super) fn finish(self, reporter: &mut HubReporter) {
        let last = self.recorder.progress();
        let (length, missed) = (self.seconds(last.length), self.seconds(last.missed));
        let Self {
            recorder,
            folder,
            rate,
            stopped,
            ..
        } = self;
        let Ended { tracks, troubles } = recorder.finish();
        for trouble in &troubles {
            say(trouble, &folder, length, reporter);
        }
        let files = match tracks.len() {
            1 => "1 file is".to_owned(),
            count => format!("{count} files are"),
        };
        let mut text = format!("{files} in {}", folder.display());
        if !stopped {
            text = format!("recorded {}; {text}", clock(length));
        }
        if last.missed > 0 {
            text += &format!("; the disk was too slow: {} are silence", span(missed));
        }
        let clipped = tracks.iter().filter(|track| track.clipped > 0).count();
        if clipped > 0 {
            text += &format!(
                "; {clipped} of them clip: --record-bits 32 keeps what is beyond full scale"
            );
        }
        let all: Vec<Value> = tracks
            .iter()
            .map(|track| {
                json!({
                    "file": track.name, "frames": track.frames, "missed_frames": track.missed,
                    "clipped": track.clipped,
                })
            })
            .collect();
        let stopped = stopped || !troubles.is_empty();
        let frames = if stopped {
            tracks.iter().map(|track| track.frames).max().unwrap_or(0)
        } else {
            last.length
        };
        let facts = json!({
            "folder": folder, "rate": rate.0, "frames": frames, "missed_frames": last.missed,
            "stopped": stopped, "tracks": all,
        });
        reporter.say("recorded", &text, facts);
    }

    /// Opens files of the mix until there is one for each two of so many channels.
    fn mix_as_wide_as(&mut self, channels: usize, mut put: impl FnMut(usize, Pen)) {
        while self.mixes * MIX < channels.min(MAX_CHANNELS) {
            let slot = taping::mixes(self.places) + self.mixes;
            let first = self.mixes * MIX + 1;
            self.mixes += 1;
            let name = match first {
                1 => self.names.give("mix"),
                first => self.names.give(&format!("mix {first}-{}", first + 1)),
            };
            let description = format!("all players, channels {first} and {}", first + 1);
            let width = Channels(MIX as u8);
            let track = self.open_file(name, width, Depth::Float32, description, String::new());
            put(slot, self.recorder.pen(track, width));
        }
    }

    fn open_file(
        &mut self,
        name: String,
        channels: Channels,
        depth: Depth,
        description: String,
        history: String,
    ) -> TrackId {
        self.files += 1;
        let time: String = self.begins.time(':').split(':').collect();
        let date: String = self.begins.date().split('-').collect();
        let head = Head {
            rate: self.rate,
            channels,
            depth,
            description,
            reference: format!("Farsend{date}{time}-{}", self.files),
            begins: self.begins.clone(),
            time_reference: self.begins.time_reference(self.rate),
            history,
        };
        self.recorder.open(name, head, 0)
    }

    fn say(&mut self, trouble: &Trouble, reporter: &mut HubReporter) {
        self.stopped |= matches!(trouble, Trouble::Stopped { .. });
        let length = self.seconds(self.recorder.progress().length);
        say(trouble, &self.folder, length, reporter);
    }

    fn seconds(&self, frames: u64) -> f64 {
        frames as f64 / f64::from(self.rate.0.max(1))
    }
}

fn say(trouble: &Trouble, folder: &Path, length: f64, reporter: &mut HubReporter) {
    match trouble {
        Trouble::Stopped { name, why } => {
            let text = format!(
                "recording stopped after {}: {} cannot be written: {why}. What was recorded until then is kept; the hub goes on",
                clock(length),
                folder.join(name).display()
            );
            let facts = json!({ "file": name, "why": why.to_string(), "seconds": length });
            reporter.say("recording_stopped", &text, facts);
        }
        Trouble::LowSpace { left } => {
            let minutes = left.as_secs_f64() / 60.0;
            let text = format!(
                "the disk will be full in about {minutes:.0} min of recording: make room, or recording will stop"
            );
            reporter.say(
                "recording_low_space",
                &text,
                json!({ "left_s": left.as_secs() }),
            );
        }
    }
}

fn said(depth: Depth) -> &'static str {
    match depth {
        Depth::Int24 => "24 bit",
        Depth::Float32 => "32 bit float",
    }
}

/// `1:02:03`, or `2:03`.
pub(super) fn clock(seconds: f64) -> String {
    let seconds = seconds as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A short time.
fn span(seconds: f64) -> String {
    format!("{seconds:.2} s")
}

/// How often a disk that is too slow is spoken of.
const GAPS_EVERY: Duration = Duration::from_secs(5);
/// Files of one recording, against guests who come under ever new names.
const MOST_FILES: u32 = 10_000;

#[cfg(test)]
mod tests;
