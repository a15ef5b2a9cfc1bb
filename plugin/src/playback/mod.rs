//! What is heard where the host renders: the takes, each at its place on the timeline, in place of the network.
//!
//! ```text
//!   process()                               takes thread
//!   Player ── where on the timeline ──────▶ Reel: the folder's takes, oldest first
//!          ◀── a second and more of audio ─
//! ```
//! A host that renders is called back when it likes, so `process()` may wait for the disk; but never for long: a disk that
//! does not answer makes silence, once for [`PATIENCE`] and from then on at once. The engine has no part in it.

mod pace;
mod reel;
#[cfg(test)]
#[path = "../../tests/common/take.rs"]
mod take_files;
mod whose;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

pub use pace::Pace;
pub use reel::Reel;
pub use whose::{Place, Whose};

use crate::mapped::keep_mapped;

/// What both threads look at.
#[derive(Debug, Default)]
struct Tape {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What the host asks for: where, and how many channels; and how often it has asked.
    wanted: Option<(i64, usize)>,
    asked: u64,
    /// Where the takes are, as long as the host renders.
    chunks: Vec<Chunk>,
    /// The host has begun to render: what is in the folder is to be read anew.
    anew: bool,
    leaving: bool,
}

/// [`CHUNK`] frames of the timeline.
#[derive(Debug)]
struct Chunk {
    index: i64,
    channels: usize,
    /// Planar; `None`: there is no take.
    lanes: Option<Vec<Vec<f32>>>,
}

/// What is played back, for the thread that the host renders on.
#[derive(Debug)]
pub struct Player {
    tape: Arc<Tape>,
    /// The disk did not answer in time.
    stalled: bool,
    rendering: bool,
}

/// The thread that reads. Dropping it ends it; one that the disk holds ends by itself, later.
#[derive(Debug)]
pub struct Playback {
    tape: Arc<Tape>,
    thread: Option<JoinHandle<()>>,
}

/// Both halves; nothing is read before the host renders.
pub fn playback() -> (Playback, Player) {
    let tape = Arc::<Tape>::default();
    let player = Player {
        tape: Arc::clone(&tape),
        stalled: false,
        rendering: false,
    };
    (Playback { tape, thread: None }, player)
}

impl Player {
    /// Fills `out` (planar, one length, all outputs) with what the takes have from `at` of the timeline on, or with silence. Waits for the disk, at most
    /// [`PATIENCE`] in all until it answers again.
    pub fn play(&mut self, at: Option<i64>, out: &mut [&mut [f32]]) {
        out.iter_mut().for_each(|lane| lane.fill(0.0));
        let frames = out.first().map_or(0, |lane| lane.len());
        let Some(at) = at else {
            return;
        };
        let anew = !std::mem::replace(&mut self.rendering, true);
        let mut done = 0;
        while done < frames {
            let place = at.saturating_add(done as i64);
            let into = place.rem_euclid(CHUNK as i64) as usize;
            let some = (CHUNK - into).min(frames - done);
            self.copy(place, into, done..done + some, out, anew && done == 0);
            done += some;
        }
    }

    /// The host does not render any more.
    pub fn rest(&mut self) {
        (self.rendering, self.stalled) = (false, false);
    }

    fn copy(
        &mut self,
        at: i64,
        into: usize,
        place: std::ops::Range<usize>,
        out: &mut [&mut [f32]],
        anew: bool,
    ) {
        let (index, channels) = (at.div_euclid(CHUNK as i64), out.len());
        let patience = if self.stalled {
            Duration::ZERO
        } else {
            PATIENCE
        };
        let until = Instant::now() + patience;
        let Some(mut state) = self.tape.state.try_lock_until(until) else {
            self.stalled = true;
            return;
        };
        if anew {
            state.anew = true;
            state.chunks.clear();
        }
        state.wanted = Some((index, channels));
        state.asked += 1;
        self.tape.changed.notify_all();
        let is_it = |chunk: &Chunk| (chunk.index, chunk.channels) == (index, channels);
        while state.anew || !state.chunks.iter().any(is_it) {
            if self.tape.changed.wait_until(&mut state, until).timed_out() {
                self.stalled = true;
                return;
            }
        }
        self.stalled = false;
        let chunk = state.chunks.iter().find(|chunk| is_it(chunk));
        if let Some(lanes) = chunk.and_then(|chunk| chunk.lanes.as_ref()) {
            for (out, lane) in out.iter_mut().zip(lanes) {
                let from = &lane[into..into + place.len()];
                out[place.clone()].copy_from_slice(from);
            }
        }
    }
}

impl Playback {
    /// Starts the thread, unless it runs. `place` says where the takes are, and whose are heard, when the host begins to render.
    /// `tell` gets a sentence about the render, or that there is nothing to say.
    pub fn start(
        &mut self,
        place: impl Fn() -> Option<Place> + Send + 'static,
        tell: impl Fn(Option<String>) + Send + 'static,
    ) {
        if self.thread.is_none() {
            let tape = Arc::clone(&self.tape);
            // Without a thread there is silence.
            self.thread = std::thread::Builder::new()
                .name("farsend-takes".into())
                .spawn(move || serve(&tape, &place, &tell))
                .ok();
        }
    }
}

impl Drop for Playback {
    fn drop(&mut self) {
        self.tape.state.lock().leaving = true;
        self.tape.changed.notify_all();
        let Some(thread) = self.thread.take() else {
            return;
        };
        let until = Instant::now() + PARTING;
        while !thread.is_finished() && Instant::now() < until {
            std::thread::sleep(TURN);
        }
        if thread.is_finished() {
            // A panic over there has been reported, and there is nothing left to do about it.
            let _ = thread.join();
        } else {
            // The disk has it. It owns what it uses, and ends as soon as it is let go.
            keep_mapped();
        }
    }
}

/// Reads what is wanted, and what will be wanted next.
fn serve(tape: &Tape, place: &dyn Fn() -> Option<Place>, tell: &dyn Fn(Option<String>)) {
    let mut reel = Reel::default();
    let mut whose = Vec::new();
    let mut heard = false;
    let mut unread = BTreeSet::new();
    let mut state = tape.state.lock();
    loop {
        if state.leaving {
            return;
        }
        let State { wanted, asked, .. } = *state;
        if std::mem::take(&mut state.anew) {
            // Whoever waits finds nothing yet, and waits on.
            drop(state);
            heard = false;
            unread.clear();
            (reel, whose) = place().map_or_else(Default::default, |place| {
                (Reel::open(&place.folder, place.rate), place.whose)
            });
            state = tape.state.lock();
            if state.leaving {
                // Whom it would be told has gone.
                return;
            }
            drop(state);
            tell(note(&reel, heard, &unread));
            state = tape.state.lock();
            continue;
        }
        let next = wanted.and_then(|(index, channels)| {
            let there = |index| {
                let mut chunks = state.chunks.iter();
                chunks.any(|chunk| (chunk.index, chunk.channels) == (index, channels))
            };
            let index = (index..=index.saturating_add(AHEAD)).find(|index| !there(*index));
            Some((index?, channels))
        });
        let Some((index, channels)) = next else {
            if state.asked == asked {
                tape.changed.wait(&mut state);
            }
            continue;
        };
        drop(state);
        let at = index.saturating_mul(CHUNK as i64);
        let before = (heard, unread.len());
        let lanes = reel.read_outputs(at, CHUNK, channels, &whose, &mut unread);
        heard |= lanes.is_some();
        if (heard, unread.len()) != before {
            tell(note(&reel, heard, &unread));
        }
        state = tape.state.lock();
        if !state.anew {
            let current = state.wanted.map_or(index, |(index, _)| index);
            let kept = current..=current.saturating_add(AHEAD);
            state.chunks.retain(|chunk| kept.contains(&chunk.index));
            state.chunks.push(Chunk {
                index,
                channels,
                lanes,
            });
        }
        tape.changed.notify_all();
    }
}

fn note(reel: &Reel, heard: bool, unread: &BTreeSet<PathBuf>) -> Option<String> {
    if let Some(path) = unread.first() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Some(match unread.len() {
            1 => format!("The host rendered, and a take cannot be read, which is left out: {name}"),
            n => format!(
                "The host rendered, and {n} takes cannot be read, which are left out: {name} ..."
            ),
        });
    }
    match (reel.others(), heard) {
        (_, true) => None,
        (0, false) if reel.is_empty() => {
            Some("The host rendered, and there is no take: the far end is silent there.".into())
        }
        (0, false) => Some("The host rendered where there is no take: silence.".into()),
        (n, false) => Some(format!(
            "The host rendered, and {n} files of takes are of another sample rate: silence."
        )),
    }
}

/// How long a render waits for the disk.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// How long an instance that goes waits for the disk: not worth a word in a host.
const PARTING: Duration = Duration::from_millis(200);
const TURN: Duration = Duration::from_millis(1);
/// Frames that are read at a time.
const CHUNK: usize = 1 << 15;
/// Chunks that are read ahead.
const AHEAD: i64 = 2;

#[cfg(test)]
mod tests {
    use farsend_units::SampleRate;

    use super::*;

    const RATE: SampleRate = SampleRate(8000);

    /// Both halves, which play what is there; and what was noted last.
    fn started(
        place: impl Fn() -> Option<Place> + Send + 'static,
    ) -> (Playback, Player, Arc<Mutex<Option<String>>>) {
        let (mut playback, player) = playback();
        let said = Arc::<Mutex<Option<String>>>::default();
        let note = Arc::clone(&said);
        playback.start(place, move |told| *note.lock() = told);
        (playback, player, said)
    }

    fn played(player: &mut Player, at: i64, frames: usize) -> Vec<f32> {
        let mut lanes = [vec![9.0; frames], vec![9.0; frames]];
        let [left, right] = &mut lanes;
        player.play(Some(at), &mut [left, right]);
        let [left, right] = lanes;
        assert_eq!(left, right);
        left
    }

    #[test]
    fn a_render_hears_the_takes_at_their_places_and_silence_elsewhere() {
        let folder = tempfile::tempdir().expect("there is room");
        let ramp: Vec<f32> = (0..100_000).map(|n| n as f32 / 262_144.0).collect();
        take_files::write(
            folder.path(),
            "Ann",
            1,
            5000,
            8000,
            std::slice::from_ref(&ramp),
        );
        let path = folder.path().to_owned();
        let (_playback, mut player, said) = started(move || Some(Place::all(path.clone(), RATE)));
        let mut heard = Vec::new();
        for block in 0..240 {
            heard.extend(played(&mut player, block * 500, 500));
        }
        assert!(
            heard[..5000]
                .iter()
                .chain(&heard[105_000..])
                .all(|s| *s == 0.0)
        );
        assert_eq!(heard[5000..105_000], ramp);
        assert_eq!(*said.lock(), None);
        // And again from another place, with what was recorded meanwhile.
        player.rest();
        take_files::write(folder.path(), "Ann", 2, 6000, 8000, &[vec![0.5; 10]]);
        assert_eq!(played(&mut player, 6000, 10), [0.5; 10]);
        assert_eq!(played(&mut player, 5000, 4), ramp[..4]);
    }

    #[test]
    fn a_take_that_cannot_be_read_is_named_and_the_others_are_heard() {
        let folder = tempfile::tempdir().expect("there is room");
        let long = vec![vec![0.5; CHUNK * 8]];
        take_files::write(folder.path(), "Ann", 1, 0, 8000, &long);
        take_files::write(
            folder.path(),
            "Bob",
            1,
            CHUNK as u64 * 6,
            8000,
            &[vec![0.25; 100]],
        );
        let path = folder.path().to_owned();
        let (_playback, mut player, said) = started(move || Some(Place::all(path.clone(), RATE)));
        assert_eq!(played(&mut player, 0, 10), [0.5; 10]);
        assert_eq!(*said.lock(), None);
        let files = std::fs::read_dir(folder.path()).expect("it is there");
        for file in files.flatten() {
            if file.file_name().to_string_lossy().contains("Bob") {
                std::fs::remove_file(file.path()).expect("it is ours");
            }
        }
        assert_eq!(played(&mut player, CHUNK as i64 * 6, 10), [0.5; 10]);
        let note = said.lock().clone().unwrap_or_default();
        assert!(
            note.contains("cannot be read") && note.contains("Bob"),
            "{note}"
        );
    }

    #[test]
    fn a_render_without_takes_is_silent_and_says_so() {
        let (_playback, mut player, said) = started(|| None);
        assert_eq!(played(&mut player, -700, 1000), [0.0; 1000]);
        let note = said.lock().clone();
        assert!(note.is_some_and(|note| note.contains("no take")));
        let mut lane = [1.0; 8];
        player.play(None, &mut [&mut lane]);
        assert_eq!(lane, [0.0; 8]);
    }

    #[test]
    fn a_disk_that_does_not_answer_costs_one_wait() {
        let (mut playback, mut player) = playback();
        let slow = || {
            std::thread::sleep(PATIENCE + Duration::from_millis(500));
            None
        };
        playback.start(slow, |_| {});
        let begun = Instant::now();
        for block in 0..100 {
            assert_eq!(played(&mut player, block * 64, 64), [0.0; 64]);
        }
        assert!(begun.elapsed() < PATIENCE + Duration::from_secs(1));
    }

    #[test]
    fn an_instance_goes_though_the_disk_holds_its_thread_which_ends_when_it_is_let_go() {
        let (mut playback, _player) = playback();
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let (entered, in_there) = std::sync::mpsc::channel();
        let owned = Arc::new(());
        let kept = Arc::downgrade(&owned);
        playback.start(
            move || {
                let _owned = &owned;
                let _ = entered.send(());
                let _ = held.recv();
                None
            },
            |_| {},
        );
        playback.tape.state.lock().anew = true;
        playback.tape.changed.notify_all();
        in_there.recv().expect("it runs");
        let begun = Instant::now();
        drop(playback);
        assert!(begun.elapsed() < PARTING * 5, "{:?}", begun.elapsed());
        assert!(kept.upgrade().is_some());
        drop(let_go);
        let until = Instant::now() + PATIENCE * 5;
        while kept.upgrade().is_some() {
            assert!(Instant::now() < until, "it does not end");
            std::thread::sleep(TURN);
        }
    }
}
