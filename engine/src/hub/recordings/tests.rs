//! Takes that begin and end while a hub plays; the audio thread is played by the test.

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use farsend_units::{Channels, Frames};
use rtrb::{Producer, RingBuffer};

use super::*;
use crate::control::report::Style;

const PLACES: usize = 4;

/// A hub of a few places, which has a tape or not.
struct Story {
    within: tempfile::TempDir,
    settings: HubSettings,
    recordings: Recordings,
    roster: Roster,
    reporter: HubReporter,
    pending: VecDeque<Order>,
    tape: Option<Tape>,
    returned: Producer<Tape>,
}

impl Story {
    fn new() -> Self {
        let (returned, tapes) = RingBuffer::new(TAPES);
        let settings = HubSettings {
            players: PLACES,
            ..HubSettings::default()
        };
        Self {
            within: tempfile::tempdir().expect("a writable folder"),
            recordings: Recordings::open(&settings, tapes).expect("nothing is wished"),
            settings,
            roster: Roster::new(PLACES),
            reporter: HubReporter::new(Style::Quiet),
            pending: VecDeque::new(),
            tape: None,
            returned,
        }
    }

    fn start(&mut self, folder: Option<&str>) -> Result<String, NoRecording> {
        let folder = folder.map(|name| self.within.path().join(name));
        let to = (&mut self.reporter, &mut self.pending);
        self.recordings
            .start(&self.settings, folder, None, &self.roster, to)
    }

    fn stop(&mut self) -> Result<String, NoRecording> {
        self.recordings.stop(&mut self.pending)
    }

    fn admit(&mut self, place: u16, name: &str) {
        let from = SocketAddr::from(([192, 0, 2, 1], 4464 + place));
        let entry = Entry::quiet(name, from, Channels(1));
        let Self {
            recordings,
            reporter,
            pending,
            ..
        } = self;
        recordings.admit(place, &entry, reporter, pending);
        self.roster.take(place, entry);
    }

    /// The control thread looks, and the audio thread does what it is told.
    fn attend(&mut self) {
        self.recordings
            .attend(&mut self.reporter, &mut self.pending);
        for order in self.pending.drain(..) {
            match order {
                Order::Tape(tape) => {
                    if let Some(full) = std::mem::replace(&mut self.tape, tape) {
                        assert!(self.returned.push(full).is_ok());
                    }
                }
                Order::Record(slot, pen) => {
                    if let Some(tape) = &mut self.tape {
                        tape.put(slot, pen);
                    }
                }
                _ => {}
            }
        }
    }

    /// Attends until that is so.
    fn until(&mut self, what: &str, is: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !is(self) {
            assert!(begun.elapsed() < Duration::from_secs(30), "never {what}");
            self.attend();
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn roll(&mut self) {
        self.until("a tape", |story| story.tape.is_some());
    }

    /// Everybody plays for a tenth of a second.
    fn play(&mut self) {
        let tape = self.tape.as_mut().expect("there is one");
        for _ in 0..10 {
            for slot in 0..super::super::taping::slots(PLACES) {
                tape.write(slot, Frames(480), |_, _, out| out.fill(0.5));
            }
            tape.advance(Frames(480));
        }
    }
}

/// The files of each take in a folder, in order of its name, and how many frames they have.
fn files(folder: &Path) -> Vec<(String, u32)> {
    let list = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("it was made");
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it is").path()).collect();
        paths.sort();
        paths
    };
    let takes = list(folder).into_iter().enumerate();
    let files = takes.flat_map(|(number, take)| list(&take).into_iter().map(move |f| (number, f)));
    let told = files.map(|(number, file)| {
        let name = file.file_name().expect("a name").to_string_lossy();
        let frames = hound::WavReader::open(&file).expect("WAV").duration();
        (format!("{number} {name}"), frames)
    });
    told.collect()
}

#[test]
fn each_start_is_a_take_of_its_own_of_all_who_are_here() {
    let mut story = Story::new();
    story.admit(1, "ann");
    assert!(matches!(story.start(None), Err(NoRecording::NoFolder)));
    story.start(Some("takes")).expect("a folder");
    assert!(matches!(story.start(None), Err(NoRecording::UnderWay)));
    story.roll();
    story.play();
    story.admit(2, "ben");
    story.attend();
    story.play();
    story.stop().expect("it was under way");
    assert!(matches!(story.stop(), Err(NoRecording::None)));
    assert_eq!(story.recordings.status(), None);
    // The next one begins before the disk is asked about the first.
    story.start(None).expect("where the one before went");
    story.recordings.leave(1);
    story.until("another tape", |story| {
        story.tape.is_some() && story.recordings.coming.is_none()
    });
    story.play();
    story.until("written", |story| story.recordings.ending.is_empty());
    story.stop().expect("it was under way");
    story.until("written", |story| story.recordings.ending.is_empty());
    let all = [
        ("0 ann.wav", 9600),
        ("0 ben.wav", 9600),
        ("0 mix.wav", 9600),
        ("1 ann.wav", 0),
        ("1 ben.wav", 4800),
        ("1 mix.wav", 4800),
    ];
    let all = all.map(|(name, frames)| (name.to_owned(), frames));
    assert_eq!(files(&story.within.path().join("takes")), all);
}

#[test]
fn one_that_ends_before_its_files_are_open_leaves_nothing_hanging() {
    let mut story = Story::new();
    story.start(Some("takes")).expect("a folder");
    story.stop().expect("it is to come");
    story.until("over", |story| story.recordings.ending.is_empty());
    assert!(story.tape.is_none());
    assert_eq!(
        files(&story.within.path().join("takes")),
        [("0 mix.wav".to_owned(), 0)]
    );
}

#[test]
fn takes_that_the_disk_has_not_written_are_not_piled_up_without_end() {
    let mut story = Story::new();
    for _ in 0..MOST_ENDING {
        story.start(Some("takes")).expect("a folder");
        // Handed over, and never given back.
        let tape = story.recordings.coming.take();
        std::mem::forget(tape);
        story.stop().expect("it is under way");
    }
    assert!(matches!(
        story.start(Some("takes")),
        Err(NoRecording::Behind)
    ));
    story.recordings.ending.clear();
}

#[test]
fn where_no_folder_can_be_made_nothing_is_begun() {
    let mut story = Story::new();
    std::fs::write(story.within.path().join("file"), b"").expect("a writable folder");
    assert!(matches!(
        story.start(Some("file")),
        Err(NoRecording::Unable(_))
    ));
    assert_eq!(story.recordings.status(), None);
    story.start(Some("takes")).expect("a folder");
}
