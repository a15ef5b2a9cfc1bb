//! A headless Ardour whose session has several tracks with the plugin, on Ardour's own engine: its inputs hold a constant,
//! and its meters are what is heard. The script is `tests/hosts/ardour_tracks.lua`.
//!
//! Levels are judged here and nothing finer: that engine's clock is a percent slow. What is exact is tested with
//! [`vst3::Ardour`](super::vst3::Ardour), on JACK.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::program::{self, Running};
use super::vst3::{self, Wish};
use super::{Machine, need};

/// The folder of a session, made and not open.
#[derive(Debug)]
pub struct Studio {
    folder: PathBuf,
}

/// An Ardour that has a session open. Killed when dropped.
#[derive(Debug)]
pub struct OpenStudio {
    /// The program.
    pub running: Running,
    folder: PathBuf,
    /// When it began to load the session.
    pub loading: Instant,
}

/// Ardour makes and loads a session within this, on a busy machine too.
const LIMIT: Duration = Duration::from_secs(40);

/// Its input is there within this, and if not it is started so often.
const INPUT_LIMIT: Duration = Duration::from_secs(4);
const STARTS: usize = 4;

impl Studio {
    /// Makes a session with so many tracks, `Far 1` and so on, each with the plugin as it is when it is new.
    ///
    /// # Panics
    ///
    /// If there is no Ardour, or the session cannot be made.
    pub fn make(machine: &Machine, tracks: usize) -> Studio {
        Self::make_by(machine, &["make", &tracks.to_string()])
    }

    /// The same with *Farsend Players* on the track `Far 1`, and the tracks `Player 1` and `Player 2` for its outputs of these names.
    ///
    /// # Panics
    ///
    /// As [`Self::make`].
    pub fn make_for_players(machine: &Machine) -> Studio {
        Self::make_by(machine, &["players"])
    }

    fn make_by(machine: &Machine, words: &[&str]) -> Studio {
        let folder = machine.path("studio");
        std::fs::create_dir(&folder).expect("the test's folder is writable");
        vst3::scan(machine, NOBODY);
        let mut command = ardour(machine, &folder);
        command.args(words);
        program::run_to_end(machine, "studio-make", &mut command, LIMIT);
        Studio { folder }
    }

    /// The session's file.
    pub fn file(&self) -> PathBuf {
        self.folder.join("farsend/farsend.ardour")
    }

    /// Gives every instance this session of ours in its saved state, and a send gain of -20 dB, as if its user had typed
    /// them. Gives how many there are.
    ///
    /// # Panics
    ///
    /// If there is no instance in the session, or its state is not as it was.
    pub fn want(&self, session: &Value) -> usize {
        let text = std::fs::read_to_string(self.file()).expect("Ardour has saved it");
        let mut parts = text.split("<chunk>");
        let mut changed = parts.next().expect("there is a first part").to_owned();
        let mut count = 0;
        for part in parts {
            let (chunk, rest) = part.split_once("</chunk>").expect("it has an end");
            let mut bytes = decode(chunk);
            put(&mut bytes, session);
            exchange(
                &mut bytes,
                br#""send":{"f32":1.0}"#,
                br#""send":{"f32":0.1}"#,
            );
            changed += &format!("<chunk>{}</chunk>{rest}", STANDARD.encode(bytes));
            count += 1;
        }
        assert!(count > 0, "no instance has a state in {text}");
        std::fs::write(self.file(), changed).expect("the test's folder is writable");
        count
    }

    /// The sessions of ours in the instances' saved states.
    ///
    /// # Panics
    ///
    /// If one is none.
    pub fn wanted(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.file()).expect("Ardour has saved it");
        let chunks = text.split("<chunk>").skip(1);
        let chunks = chunks.filter_map(|part| part.split_once("</chunk>"));
        chunks
            .map(|(chunk, _)| {
                let bytes = decode(chunk);
                let (start, end) = place(&bytes);
                // As it stands in there it is a JSON string without its quotes.
                let quoted = format!("\"{}\"", String::from_utf8_lossy(&bytes[start..end]));
                let inner: String = serde_json::from_str(&quoted).expect("it is a JSON string");
                serde_json::from_str(&inner).expect("it is JSON")
            })
            .collect()
    }

    /// Opens it, and waits until it is loaded and its input is there: now and then Ardour's own engine gives none.
    ///
    /// # Panics
    ///
    /// If that fails again and again.
    pub fn open(&self, machine: &Machine) -> OpenStudio {
        for _ in 1..STARTS {
            let studio = self.try_open(machine);
            let started = Instant::now();
            while started.elapsed() < INPUT_LIMIT {
                if studio
                    .levels()
                    .get("Plain")
                    .is_some_and(|level| level.is_finite())
                {
                    return studio;
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            println!("Ardour has no input, once more");
        }
        self.try_open(machine)
    }

    fn try_open(&self, machine: &Machine) -> OpenStudio {
        let mut command = ardour(machine, &self.folder);
        command.arg("open");
        let mut running = Running::start(machine, "studio", &mut command);
        running.wait_for("loading", LIMIT);
        let loading = Instant::now();
        running.wait_for("loaded", LIMIT);
        OpenStudio {
            running,
            folder: self.folder.clone(),
            loading,
        }
    }
}

impl OpenStudio {
    /// The tracks' meters, in dB, as they were some hundredths of a second ago.
    pub fn levels(&self) -> BTreeMap<String, f64> {
        let output = self.running.stdout();
        let (whole, _) = output.rsplit_once('\n').unwrap_or_default();
        let line = whole
            .lines()
            .filter_map(|line| line.strip_prefix("levels "))
            .next_back();
        let words = line.unwrap_or_default().split_whitespace();
        let level = |word: &str| {
            let (track, level) = word.split_once('=')?;
            Some((track.to_owned(), level.parse().unwrap_or(f64::NEG_INFINITY)))
        };
        words.filter_map(level).collect()
    }

    /// Waits until the meters are so; gives when.
    ///
    /// # Panics
    ///
    /// If they are not within `limit`.
    pub fn wait_levels(
        &mut self,
        what: &str,
        limit: Duration,
        are_so: impl Fn(&BTreeMap<String, f64>) -> bool,
    ) -> Instant {
        let started = Instant::now();
        loop {
            let levels = self.levels();
            if are_so(&levels) {
                return Instant::now();
            }
            assert!(
                started.elapsed() < limit && self.running.is_running(),
                "{what}, not within {limit:?}: {levels:?}"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Gives an order of the script's, and waits until it is carried out.
    ///
    /// # Panics
    ///
    /// If it is not.
    pub fn order(&mut self, name: &str) {
        let done = format!("done {name}");
        let count = |output: &str| {
            output
                .lines()
                .filter(|line| line.starts_with(&done))
                .count()
        };
        let before = count(&self.running.stdout());
        std::fs::write(self.folder.join(name), []).expect("the test's folder is writable");
        self.running
            .wait_until(&done, LIMIT, |output| count(output) > before);
    }

    /// Closes the session, and ends.
    ///
    /// # Panics
    ///
    /// If it does not end well.
    pub fn close(mut self) {
        std::fs::write(self.folder.join("quit"), []).expect("the test's folder is writable");
        self.running.wait_for("closed", LIMIT);
        let code = self.running.wait_exit_code(LIMIT);
        assert_eq!(code, 0, "{}", self.running.output());
    }
}

/// Nothing is said in the environment: the project says it all.
const NOBODY: Wish<'_> = Wish {
    connect: "",
    queue: 0,
};

fn ardour(machine: &Machine, folder: &Path) -> std::process::Command {
    let program = need::find_ardour().expect("the test said that it needs Ardour");
    let mut command = vst3::host(machine, program, NOBODY);
    command
        .env_remove("FARSEND_CONNECT")
        .env_remove("FARSEND_SESSION")
        .arg(vst3::script("ardour_tracks.lua"))
        .arg(folder);
    command
}

fn decode(chunk: &str) -> Vec<u8> {
    let text: String = chunk.split_whitespace().collect();
    STANDARD.decode(text).expect("Ardour writes base64")
}

/// What stands before a session in the framework's JSON.
const BEFORE: &[u8] = br#""session":""#;

/// Where the session stands: a JSON string without its quotes.
fn place(state: &[u8]) -> (usize, usize) {
    let start = state
        .windows(BEFORE.len())
        .position(|bytes| bytes == BEFORE)
        .expect("there is a session in the state")
        + BEFORE.len();
    let mut end = start;
    while state[end] != b'"' {
        end += if state[end] == b'\\' { 2 } else { 1 };
    }
    (start, end)
}

/// Puts other bytes, as many, in the place of some.
fn exchange(state: &mut [u8], old: &[u8], new: &[u8]) {
    let at = state.windows(old.len()).position(|bytes| bytes == old);
    let at = at.expect("it is in the state");
    state[at..at + old.len()].copy_from_slice(new);
}

/// Puts another session in the place of the one in a state, at the same length.
fn put(state: &mut [u8], session: &Value) {
    let (start, end) = place(state);
    let quoted = Value::String(session.to_string()).to_string();
    let inner = &quoted[1..quoted.len() - 1];
    let (body, last) = inner.split_at(inner.len() - 1);
    let spaces = (end - start)
        .checked_sub(inner.len())
        .expect("there is room");
    let padded = format!("{body}{}{last}", " ".repeat(spaces));
    state[start..end].copy_from_slice(padded.as_bytes());
}
