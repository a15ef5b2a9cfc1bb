//! What is heard where the host renders: the takes, each at its place on the timeline, in place of the network.
//!
//! ```text
//!   process()                               takes thread
//!   Player ── where on the timeline ──────▶ Reel: the folder's takes, oldest first
//!          ◀── a second and more of audio ─
//! ```
//! A host that renders is called back when it likes, so `process()` may wait for the disk; but never for long: a disk that does
//! not answer is waited for once in a render, for [`PATIENCE`]. From then on there is silence at once, and each time that it has
//! answered again it is waited for a little ([`AGAIN`]). Instances that render together wait one after the other, so each further one waits
//! as little, too. The engine has no part in it.

mod gap;
mod pace;
mod reel;
#[cfg(test)]
#[path = "../../tests/common/take.rs"]
mod take_files;
mod whose;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use farsend_rt::clock;
use parking_lot::{Condvar, Mutex};

pub use gap::Gap;
pub use pace::Pace;
pub use reel::Reel;
pub use whose::{Place, Whose};

use crate::mapped::part_from;

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
    /// How often the disk has answered.
    answered: u64,
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
    rendering: bool,
    gap: Arc<Gap>,
    /// In this render the disk has been waited for in vain.
    spent: bool,
    /// How often the disk had answered when that was so last, in this render or before.
    stalled: Option<u64>,
    /// When any instance has waited so in vain last.
    in_vain: &'static AtomicU64,
}

/// The thread that reads. Dropping it ends it; one that the disk holds ends by itself, later.
#[derive(Debug)]
pub struct Playback {
    tape: Arc<Tape>,
    thread: Option<JoinHandle<()>>,
}

/// Both halves; nothing is read before the host renders. What a render lacks is counted in `gap`.
pub fn playback(gap: Arc<Gap>) -> (Playback, Player) {
    let tape = Arc::<Tape>::default();
    let player = Player {
        tape: Arc::clone(&tape),
        rendering: false,
        gap,
        spent: false,
        stalled: None,
        in_vain: &IN_VAIN,
    };
    (Playback { tape, thread: None }, player)
}

impl Player {
    /// Fills `out` (planar, one length, all outputs) with what the takes have from `at` of the timeline on, or with silence. Waits for the disk, but in a render only
    /// once for [`PATIENCE`], and then for [`AGAIN`] when it has answered since.
    pub fn play(&mut self, at: Option<i64>, out: &mut [&mut [f32]]) {
        out.iter_mut().for_each(|lane| lane.fill(0.0));
        let frames = out.first().map_or(0, |lane| lane.len());
        let Some(at) = at else {
            return;
        };
        let anew = !std::mem::replace(&mut self.rendering, true);
        if anew {
            self.gap.close();
        }
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
        self.rendering = false;
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
        // The other thread holds it for moments only.
        let Some(mut state) = self.tape.state.try_lock_for(AGAIN) else {
            self.gap.widen(place.len());
            return;
        };
        if anew {
            state.anew = true;
            state.chunks.clear();
            // What it was waited for before it has not answered yet: once was enough.
            self.spent = self.stalled == Some(state.answered);
        }
        state.wanted = Some((index, channels));
        state.asked += 1;
        self.tape.changed.notify_all();
        let is_it = |chunk: &Chunk| (chunk.index, chunk.channels) == (index, channels);
        let is_there = |state: &State| !state.anew && state.chunks.iter().any(is_it);
        if !is_there(&state) {
            let patience = match self.stalled {
                _ if !self.spent && self.others_waited_in_vain() => AGAIN,
                _ if !self.spent => PATIENCE,
                Some(answered) if answered == state.answered => Duration::ZERO,
                _ => AGAIN,
            };
            let begun = Instant::now();
            let missing = |state: &mut State| !is_there(state);
            let changed = &self.tape.changed;
            let _ = changed.wait_while_until(&mut state, missing, begun + patience);
            WAITED.fetch_add(begun.elapsed().as_nanos() as u64, Relaxed);
        }
        if !is_there(&state) {
            if !self.spent {
                self.in_vain.store(clock::now().as_nanos(), Relaxed);
            }
            (self.spent, self.stalled) = (true, Some(state.answered));
            self.gap.widen(place.len());
            return;
        }
        let chunk = state.chunks.iter().find(|chunk| is_it(chunk));
        if let Some(lanes) = chunk.and_then(|chunk| chunk.lanes.as_ref()) {
            for (out, lane) in out.iter_mut().zip(lanes) {
                let from = &lane[into..into + place.len()];
                out[place.clone()].copy_from_slice(from);
            }
        }
    }

    /// Whether another instance, or this one, has waited in vain a moment ago: most likely for the same disk.
    fn others_waited_in_vain(&self) -> bool {
        let last = self.in_vain.load(Relaxed);
        let since = clock::now().as_nanos().saturating_sub(last);
        last != 0 && Duration::from_nanos(since) < LATELY
    }
}

/// How long blocks of this process have waited for disks so far, all together: for that their host did not pause.
pub fn waited() -> Duration {
    Duration::from_nanos(WAITED.load(Relaxed))
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
        if let Some(thread) = self.thread.take() {
            part_from(thread, PARTING);
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
            state.answered += 1;
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
        state.answered += 1;
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
/// How long a render that has waited so waits each time that the disk has answered since.
const AGAIN: Duration = Duration::from_millis(250);
/// For so long an instance that has waited in vain keeps others from waiting as long.
const LATELY: Duration = Duration::from_secs(10);
/// When, by [`clock::now`] in nanoseconds; 0: never.
static IN_VAIN: AtomicU64 = AtomicU64::new(0);
/// In nanoseconds.
static WAITED: AtomicU64 = AtomicU64::new(0);
/// How long an instance that goes waits for the disk: not worth a word in a host.
const PARTING: Duration = Duration::from_millis(200);
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
        let (mut playback, mut player) = playback(Arc::default());
        // Tests that run beside it are none of its business.
        player.in_vain = Box::leak(Box::default());
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

    /// A host that denies that it renders, and does so as fast as it can. Blocks of 64 frames, for so long.
    fn renders(pace: &mut Pace, player: &mut Player, at: &mut i64, time: Duration) -> Vec<f32> {
        let (mut heard, begun) = (Vec::new(), Instant::now());
        while begun.elapsed() < time {
            let block = Duration::from_millis(8);
            if pace.look(clock::now(), waited(), block, false) {
                heard.extend(played(player, *at, 64));
            } else {
                player.rest();
            }
            *at += 64;
            std::thread::sleep(Duration::from_micros(50));
        }
        heard
    }

    #[test]
    fn a_disk_that_does_not_answer_costs_one_wait_and_is_heard_once_it_does() {
        let folder = tempfile::tempdir().expect("there is room");
        let path = folder.path().to_owned();
        let long = vec![vec![0.5; CHUNK * 100]];
        take_files::write(&path, "Ann", 1, 0, 8000, &long);
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let (_playback, mut player, _said) = started(move || {
            let _ = held.recv();
            Some(Place::all(path.clone(), RATE))
        });
        let (mut pace, mut at) = (Pace::default(), 0);
        let begun = Instant::now();
        let heard = renders(
            &mut pace,
            &mut player,
            &mut at,
            PATIENCE + Duration::from_secs(1),
        );
        // Not a second time: neither our waiting nor anything else was a pause of the host.
        assert!(begun.elapsed() < PATIENCE * 2, "{:?}", begun.elapsed());
        assert!(heard.len() > 64 * 100, "{}", heard.len());
        assert!(heard.iter().all(|sample| *sample == 0.0));
        // And that is told while it is so.
        let lacks = heard.len() as f64 / 8000.0;
        let note = player.gap.note(RATE).unwrap_or_default();
        assert!(note.contains(&format!("{lacks:.1} s of silence")), "{note}");
        drop(let_go);
        // Where there is a take, at the host's pace.
        at = 0;
        let heard = renders(&mut pace, &mut player, &mut at, Duration::from_secs(2));
        assert_eq!(heard.last(), Some(&0.5));
        player.rest();
        assert!(player.gap.note(RATE).is_some());
        // The next render is another.
        assert_eq!(played(&mut player, 0, 64), [0.5; 64]);
        assert_eq!(player.gap.note(RATE), None);
    }

    #[test]
    fn a_disk_that_has_not_answered_since_the_last_render_is_not_waited_for_in_the_next() {
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let (_playback, mut player, _said) = started(move || {
            let _ = held.recv();
            None
        });
        assert_eq!(played(&mut player, 0, 64), [0.0; 64]);
        player.rest();
        let begun = Instant::now();
        assert_eq!(played(&mut player, 0, 64), [0.0; 64]);
        assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
        drop(let_go);
    }

    #[test]
    fn instances_that_render_together_do_not_wait_as_long_each() {
        let (let_go, held) = std::sync::mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let all: Vec<_> = (0..5)
            .map(|_| {
                let held = Arc::clone(&held);
                started(move || {
                    let _ = held.lock().recv();
                    None
                })
            })
            .collect();
        let in_vain = all[0].1.in_vain;
        let begun = Instant::now();
        let all: Vec<_> = all
            .into_iter()
            .map(|(playback, mut player, said)| {
                player.in_vain = in_vain;
                assert_eq!(played(&mut player, 0, 64), [0.0; 64]);
                (playback, player, said)
            })
            .collect();
        let took = begun.elapsed();
        assert!(took >= PATIENCE && took < PATIENCE * 2, "{took:?}");
        drop(let_go);
        drop(all);
    }

    #[test]
    fn an_instance_goes_though_the_disk_holds_its_thread_which_ends_when_it_is_let_go() {
        let (mut playback, _player) = playback(Arc::default());
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
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}
