//! A recording's files, read again.

use std::net::SocketAddr;

use farsend_units::Frames;

use super::*;
use crate::control::report::Style;

/// A recording, and what is called with each place, name, host and channels.
struct Story {
    within: tempfile::TempDir,
    takes: Recording,
    tape: Tape,
    reporter: HubReporter,
}

impl Story {
    fn begin() -> Self {
        let within = tempfile::tempdir().expect("a writable folder");
        let settings = HubSettings {
            players: 8,
            ..HubSettings::default()
        };
        let record = RecordSettings {
            folder: within.path().join("takes"),
            depth: Depth::Int24,
        };
        let (takes, tape) = Recording::open(&settings, &record).expect("a writable folder");
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
        takes.begin(reporter, |slot, pen| tape.put(slot, pen));
        story
    }

    fn admit(&mut self, place: u16, name: &str, host: u8, channels: u8) {
        let Self {
            takes,
            tape,
            reporter,
            ..
        } = self;
        let from = SocketAddr::from(([192, 0, 2, host], 4464));
        let entry = Entry::quiet(name, from, Channels(channels));
        takes.admit(place, &entry, reporter, |slot, pen| tape.put(slot, pen));
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
