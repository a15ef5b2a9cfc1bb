//! The control thread's side of a hub's recording: whose track is whose file, and what is told of it.
//!
//! All files begin with the recording, so that they line up wherever they are put side by side; who comes later has
//! silence before, which takes no room on a disk with sparse files. Who comes back under the same name, from the same
//! host, goes on in the same file.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use farsend_ipc::hub::RecordingStatus;
use farsend_units::{Channels, SampleRate};
use farsend_wire::jacktrip::{Format, Name};
use serde_json::{Value, json};

use super::HubSettings;
use super::floor::Order;
use super::report::HubReporter;
use super::taping::{self, MIX};
use crate::record::{
    Depth, Ended, Folder, Head, Moment, Names, Progress, RecordError, Recorder, Tape, TrackId,
    Trouble, history,
};
use crate::settings::MAX_CHANNELS;

/// A recording of the whole hub.
#[derive(Debug)]
pub(super) struct Takes {
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

impl Takes {
    /// Makes the folder and begins, if it is wished.
    ///
    /// # Errors
    /// [`RecordError`].
    pub(super) fn open(settings: &HubSettings) -> Result<Option<(Self, Tape)>, RecordError> {
        let Some(record) = &settings.record else {
            return Ok(None);
        };
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
        Ok(Some((takes, tape)))
    }

    /// The files of the mix and of what is captured at the hub, and a line about it all.
    pub(super) fn begin(&mut self, reporter: &mut HubReporter, mut order: impl FnMut(Order)) {
        let local = self.local.unwrap_or(Channels::ZERO);
        self.mix_as_wide_as(local.get().max(MIX), &mut order);
        if local > Channels::ZERO {
            let name = self.names.give("hub");
            let whose = "what is captured at the hub".to_owned();
            let track = self.open_file(name, local, self.depth, whose, String::new());
            let pen = self.recorder.pen(track, local);
            order(Order::Record(taping::local(self.places), pen));
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
        name: Name,
        from: SocketAddr,
        format: &Format,
        reporter: &mut HubReporter,
        mut order: impl FnMut(Order),
    ) {
        if self.stopped {
            return;
        }
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
        order(Order::Record(usize::from(place), pen));
        self.mix_as_wide_as(channels.get(), order);
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
        let mut text = format!("{} files are in {}", tracks.len(), folder.display());
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
        let facts = json!({
            "folder": folder, "rate": rate.0, "frames": last.length, "missed_frames": last.missed,
            "stopped": stopped || !troubles.is_empty(), "tracks": all,
        });
        reporter.say("recorded", &text, facts);
    }

    /// Opens files of the mix until there is one for each two of so many channels.
    fn mix_as_wide_as(&mut self, channels: usize, mut order: impl FnMut(Order)) {
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
            order(Order::Record(slot, self.recorder.pen(track, width)));
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

fn say(trouble: &Trouble, folder: &std::path::Path, length: f64, reporter: &mut HubReporter) {
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
mod tests {
    use farsend_units::Frames;
    use farsend_wire::sample::SampleFormat;

    use super::super::RecordSettings;
    use super::*;
    use crate::control::report::Style;

    /// A recording, and what is called with each place, name, host and channels.
    struct Story {
        within: tempfile::TempDir,
        takes: Takes,
        tape: Tape,
        reporter: HubReporter,
    }

    impl Story {
        fn begin() -> Self {
            let within = tempfile::tempdir().expect("a writable folder");
            let settings = HubSettings {
                players: 8,
                record: Some(RecordSettings {
                    folder: within.path().join("takes"),
                    depth: Depth::Int24,
                }),
                ..HubSettings::default()
            };
            let opened = Takes::open(&settings).expect("a writable folder");
            let (takes, tape) = opened.expect("it is wished");
            let mut story = Self {
                within,
                takes,
                tape,
                reporter: HubReporter::new(Style::Quiet),
            };
            let Self {
                takes,
                tape,
                reporter,
                ..
            } = &mut story;
            takes.begin(reporter, |order| obey(tape, order));
            story
        }

        fn admit(&mut self, place: u16, name: &str, host: u8, channels: u8) {
            let Self {
                takes,
                tape,
                reporter,
                ..
            } = self;
            let format = Format {
                rate: SampleRate::HZ_48000,
                period: Frames(128),
                channels: Channels(channels),
                wants: Channels(2),
                samples: SampleFormat::I16,
            };
            let from = SocketAddr::from(([192, 0, 2, host], 4464));
            takes.admit(place, Name::new(name), from, &format, reporter, |order| {
                obey(tape, order);
            });
        }

        fn leave(&mut self, place: u16) {
            self.tape.lift(usize::from(place));
            self.takes.leave(place);
        }

        /// Everybody plays their place's number, for a second.
        fn play(&mut self) {
            for _ in 0..375 {
                for slot in 0..taping::slots(8) {
                    let level = (slot + 1) as f32 / 64.0;
                    self.tape
                        .write(slot, Frames(128), |_, _, out| out.fill(level));
                }
                self.tape.advance(Frames(128));
            }
        }

        /// Each file's name, with the place that is heard in each second.
        fn end(mut self) -> Vec<(String, String)> {
            self.tape.finish();
            let folder = self.takes.folder.clone();
            self.takes.finish(&mut self.reporter);
            let entries = std::fs::read_dir(folder).expect("it was made");
            let mut files: Vec<_> = entries
                .map(|entry| {
                    let path = entry.expect("readable").path();
                    let name = path.file_name().expect("a name").to_string_lossy();
                    (name.into_owned(), heard(&path))
                })
                .collect();
            files.sort();
            drop(self.within);
            files
        }
    }

    fn obey(tape: &mut Tape, order: Order) {
        if let Order::Record(slot, pen) = order {
            tape.put(slot, pen);
        }
    }

    /// A character a second: a dash for silence.
    fn heard(path: &std::path::Path) -> String {
        let reader = hound::WavReader::open(path).expect("a WAV file");
        let (spec, scale) = (reader.spec(), 1.0 / 8_388_608.0);
        let samples: Vec<f32> = match spec.sample_format {
            hound::SampleFormat::Int => reader
                .into_samples::<i32>()
                .map(|x| x.expect("whole") as f32 * scale)
                .collect(),
            hound::SampleFormat::Float => {
                let samples = reader.into_samples::<f32>();
                samples.map(|x| x.expect("whole")).collect()
            }
        };
        let seconds = samples.chunks(48_000 * usize::from(spec.channels));
        let seconds = seconds.map(|second| {
            assert!(second.iter().all(|x| *x == second[0]));
            match (second[0] * 64.0) as usize {
                0 => '-',
                slot if slot <= 8 => char::from_digit(slot as u32 - 1, 10).expect("a digit"),
                _ => '+',
            }
        });
        seconds.collect()
    }

    fn files<const N: usize>(all: [(&str, &str); N]) -> Vec<(String, String)> {
        all.map(|(name, heard)| (name.to_owned(), heard.to_owned()))
            .into()
    }

    #[test]
    fn who_comes_back_goes_on_in_the_same_file_wherever_they_sit() {
        let mut story = Story::begin();
        story.admit(0, "ann", 1, 2);
        story.play();
        story.admit(1, "ben", 2, 1);
        story.play();
        story.leave(0);
        story.play();
        story.admit(3, "ann", 1, 2);
        story.play();
        let all = [
            ("ann.wav", "00-3"),
            ("ben.wav", "-111"),
            ("mix.wav", "++++"),
        ];
        assert_eq!(story.end(), files(all));
    }

    #[test]
    fn the_same_name_twice_or_with_other_channels_or_from_elsewhere_is_another_file() {
        let mut story = Story::begin();
        story.admit(0, "ann", 1, 2);
        story.admit(1, "ann", 1, 2);
        story.admit(2, "Ann", 2, 2);
        story.admit(3, "", 3, 1);
        story.play();
        story.leave(0);
        story.leave(3);
        story.admit(0, "ann", 1, 1);
        story.admit(3, "../mix", 4, 1);
        story.play();
        let all = [
            ("192.0.2.3.wav", "3"),
            ("Ann (3).wav", "22"),
            ("ann (2).wav", "11"),
            ("ann (4).wav", "-0"),
            ("ann.wav", "0"),
            ("mix (2).wav", "-3"),
            ("mix.wav", "++"),
        ];
        assert_eq!(story.end(), files(all));
    }

    #[test]
    fn the_mix_has_as_many_files_as_the_widest_player_needs() {
        let mut story = Story::begin();
        story.play();
        story.admit(0, "ann", 1, 5);
        story.play();
        let all = [
            ("ann.wav", "-0"),
            ("mix 3-4.wav", "-+"),
            ("mix 5-6.wav", "-+"),
            ("mix.wav", "++"),
        ];
        assert_eq!(story.end(), files(all));
    }

    #[test]
    fn times_are_read_at_a_glance() {
        assert_eq!(clock(59.9), "0:59");
        assert_eq!(clock(3_600.0 * 26.0 + 61.0), "26:01:01");
        assert_eq!(span(0.128), "0.13 s");
    }
}
