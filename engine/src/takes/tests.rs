//! Takes of a host and a far end that exist in numbers only: what comes, when, and what becomes of it on the disk.

mod ends;
mod faults;
mod named;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use farsend_ipc::message::{Placement, Take, TakeState};
use farsend_ipc::segment::Stretch;
use farsend_units::{Channels, Frames, SampleRate};
use farsend_wire::SampleFormat;
use farsend_wire::jacktrip::Format;

use super::book::Book;
use super::clerk::{Called, Clerk, Setup};
use super::tap::{Tap, Way, tap};

const RATE: SampleRate = SampleRate(8000);
/// Frames in a block of the host and in a packet of the far end.
const BLOCK: i64 = 80;
/// What comes back was heard this many frames after it was sent, and captured at once.
const LOOP: i64 = 1234;
/// Packets that are on their way.
const WAY: i64 = 7;

/// A host, and a far end that sends back what it hears.
struct Rig {
    folder: tempfile::TempDir,
    tap: Option<Tap>,
    clerk: Option<Clerk>,
    book: Arc<Book>,
    called: Called,
    /// Blocks so far, and the next packet.
    block: i64,
    began: Instant,
    stretch: Stretch,
    exact: bool,
    format: Format,
    /// Packets that are lost on their way.
    lost: fn(i64) -> bool,
    way: fn(i64) -> Way,
    /// What the far end's frames are numbered from.
    far: i64,
    /// The next packet is of a new stream.
    begins_anew: bool,
}

impl Rig {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("the folder for temporary files is writable");
        let (tap, drain) = tap(RATE, Channels(1), Channels(1));
        let book = Arc::<Book>::default();
        let called = Called::default();
        let setup = Setup {
            rate: RATE,
            folder: folder.path().join("band"),
            session: "band".into(),
            player: "Ann".into(),
            keeps_send: true,
        };
        Self {
            clerk: Some(Clerk::new(drain, setup, Arc::clone(&book)).naming(Arc::clone(&called))),
            tap: Some(tap),
            called,
            book,
            folder,
            block: 0,
            began: Instant::now(),
            stretch: Stretch::default(),
            exact: true,
            format: Format {
                rate: RATE,
                period: Frames(BLOCK as u32),
                channels: Channels(1),
                wants: Channels(1),
                samples: SampleFormat::I24,
            },
            lost: |_| false,
            way: |_| Way::Direct,
            far: 4000,
            begins_anew: false,
        }
    }

    /// Another player of the same session, as at a hub: what is sent is recorded by this one only.
    fn beside(&self, player: &str) -> Self {
        let (tap, drain) = tap(RATE, Channels(0), Channels(1));
        let setup = Setup {
            rate: RATE,
            folder: self.folder.path().join("band"),
            session: "band".into(),
            player: player.into(),
            keeps_send: false,
        };
        Self {
            clerk: Some(Clerk::new(drain, setup, Arc::clone(&self.book))),
            tap: Some(tap),
            book: Arc::clone(&self.book),
            block: self.block,
            stretch: self.stretch,
            ..Self::new()
        }
    }

    /// The host's transport from the next block on.
    fn roll(&mut self, timeline: Option<i64>) {
        self.stretch = Stretch {
            number: self.stretch.number + 1,
            rolling: timeline.is_some(),
            recording: false,
            since: (self.block * BLOCK) as u64,
            timeline: timeline.unwrap_or(0),
        };
    }

    /// The host rolls on from this place, and from the next block on it records, or does so no longer.
    fn punch(&mut self, recording: bool, timeline: i64) {
        self.roll(Some(timeline));
        self.stretch.recording = recording;
    }

    /// The host rolls for 420 blocks, in which the far end says 21 times how many frames longer its queue is.
    fn roll_hearing(&mut self, longer: impl Fn(i64) -> i64) {
        self.exact = false;
        self.play(100);
        self.roll(Some(24_000));
        for step in 0..=20 {
            self.play(20);
            let n = self.block - WAY - 1;
            let heard = (n * BLOCK - LOOP + 55 - longer(step)) as f64;
            let number = n + self.far;
            self.tap().heard(number, heard);
        }
        self.roll(None);
    }

    fn tap(&mut self) -> &mut Tap {
        self.tap.as_mut().expect("it is not over")
    }

    /// So many blocks of the host.
    fn play(&mut self, blocks: i64) {
        for _ in 0..blocks {
            let position = self.block * BLOCK;
            let stretch = self.stretch;
            let lane: Vec<f32> = (position..position + BLOCK).map(sample).collect();
            self.tap()
                .sent(position as u64, Some(position + 55), &[&lane]);
            if stretch.number > 0 {
                self.tap().stretch(stretch);
            }
            let n = self.block - WAY;
            if n >= 0 && !(self.lost)(n) {
                let way = (self.way)(n);
                self.hand_over(n, way);
            }
            if n >= 0 && self.exact {
                // What they captured first in this packet they played while hearing the frame LOOP before.
                let heard = (n * BLOCK - LOOP + 55) as f64;
                let number = n + self.far;
                self.tap().heard(number, heard);
            }
            self.block += 1;
            let at = self.began
                + Duration::from_secs_f64((self.block * BLOCK) as f64 / f64::from(RATE.0));
            if let Some(clerk) = &mut self.clerk {
                clerk.attend(at);
            }
        }
    }

    fn hand_over(&mut self, n: i64, way: Way) {
        let first = std::mem::take(&mut self.begins_anew) || n == 0;
        let mut bytes = vec![0; (BLOCK * 3) as usize];
        let samples: Vec<f32> = (n * BLOCK - LOOP..(n + 1) * BLOCK - LOOP)
            .map(sample)
            .collect();
        self.format.samples.encode(&samples, &mut bytes);
        let (number, format) = (n + self.far, self.format);
        let packets = bytes.chunks(self.format.samples.bytes() * BLOCK as usize);
        for packet in packets.take(1) {
            self.tap().packet(number, first, format, packet, way);
        }
    }

    fn takes(&self, player: &str) -> Vec<Take> {
        let takes = self.book.since(0).into_iter();
        takes.filter(|take| take.player == player).collect()
    }
}

/// What is sent at a position, exact in 24 bits.
fn sample(position: i64) -> f32 {
    (position.rem_euclid(30_011) * 17 + 1) as f32 / 1_048_576.0
}

fn read(path: &str) -> Vec<f32> {
    let mut reader = hound::WavReader::open(path).expect("a WAV file");
    match reader.spec().sample_format {
        hound::SampleFormat::Float => reader
            .samples::<f32>()
            .map(|s| s.expect("a sample"))
            .collect(),
        hound::SampleFormat::Int => reader
            .samples::<i32>()
            .map(|s| s.expect("a sample") as f32 / 8_388_608.0)
            .collect(),
    }
}

/// Of the file's own `bext` chunk.
fn time_reference(path: &str) -> u64 {
    let bytes = std::fs::read(path).expect("it is there");
    let at = bytes
        .windows(4)
        .position(|w| w == b"bext")
        .expect("a bext chunk")
        + 8
        + 338;
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

/// The samples of the send that were at the host's timeline from there on.
fn sent(from_position: i64, frames: usize) -> Vec<f32> {
    (from_position..from_position + frames as i64)
        .map(sample)
        .collect()
}

#[test]
fn a_take_lies_at_its_time_stamp_and_is_what_was_played_to_the_bit() {
    let mut rig = Rig::new();
    rig.play(100);
    rig.roll(Some(48_000));
    rig.play(400);
    rig.roll(None);
    rig.play(400);
    let [take] = &rig.takes("Ann")[..] else {
        panic!("{:?}", rig.book.since(0));
    };
    assert_eq!(take.state, TakeState::Done);
    assert_eq!((take.number, take.begins, take.frames), (1, 48_000, 32_000));
    assert_eq!(
        (take.placement, take.missing, take.repaired),
        (Placement::Exact, 0, 0)
    );
    assert_eq!(take.to_string(), "complete, in its exact place");
    assert_eq!(time_reference(&take.path), 48_000);
    let samples = read(&take.path);
    assert_eq!(samples.len(), 32_000);
    assert_eq!(samples, sent(100 * BLOCK, 32_000));
    let [send] = &rig.takes("send")[..] else {
        panic!("{:?}", rig.book.since(0));
    };
    assert_eq!((send.begins, send.frames), (48_000, 32_000));
    assert_eq!(read(&send.path), samples);
    assert!(Path::new(&take.path).starts_with(rig.folder.path().join("band")));
}

#[test]
fn what_is_late_or_fetched_afterwards_is_in_the_take_as_if_nothing_had_been() {
    let mut rig = Rig::new();
    rig.lost = |n| n % 50 == 20;
    rig.way = |n| if n % 50 == 21 { Way::Late } else { Way::Direct };
    rig.play(100);
    rig.roll(Some(0));
    rig.play(400);
    rig.roll(None);
    rig.play(300);
    let take = &rig.takes("Ann")[0];
    assert_eq!((take.missing, take.repaired), (8, 8));
    assert_eq!(
        take.to_string(),
        "repaired 8 packets, 8 packets missing, in its exact place"
    );
    let lost = rig.lost;
    for n in (0..500).filter(|n| lost(*n)) {
        rig.hand_over(n, Way::Fetched);
    }
    rig.play(300);
    let take = &rig.takes("Ann")[0];
    assert_eq!((take.missing, take.repaired), (0, 16));
    assert_eq!(read(&take.path), sent(100 * BLOCK, 32_000));
}

#[test]
fn a_loop_and_a_moved_playhead_make_takes_of_their_own_and_a_short_look_makes_none() {
    let mut rig = Rig::new();
    rig.play(50);
    for timeline in [0, 0, 16_000] {
        rig.roll(Some(timeline));
        rig.play(100);
    }
    rig.roll(Some(99_000));
    rig.play(2);
    rig.roll(None);
    rig.play(600);
    let takes = rig.takes("Ann");
    let places: Vec<_> = takes
        .iter()
        .map(|take| (take.number, take.begins, take.frames))
        .collect();
    assert_eq!(places, [(1, 0, 8000), (2, 0, 8000), (3, 16_000, 8000)]);
    for (take, block) in takes.iter().zip([50, 150, 250]) {
        assert_eq!(
            read(&take.path),
            sent(block * BLOCK, 8000),
            "take {}",
            take.number
        );
    }
}

#[test]
fn a_punch_in_is_a_take_of_its_own_and_nothing_is_lost_at_its_ends() {
    let mut rig = Rig::new();
    rig.play(50);
    rig.roll(Some(0));
    rig.play(100);
    rig.punch(true, 8000);
    rig.play(200);
    rig.punch(false, 24_000);
    rig.play(100);
    rig.roll(None);
    rig.play(600);
    for player in ["Ann", "send"] {
        let takes = rig.takes(player);
        let places: Vec<_> = takes
            .iter()
            .map(|take| (take.number, take.begins, take.frames))
            .collect();
        assert_eq!(places, [(1, 0, 8000), (2, 8000, 16_000), (3, 24_000, 8000)]);
        let together: Vec<f32> = takes.iter().flat_map(|take| read(&take.path)).collect();
        assert!(together == sent(50 * BLOCK, 32_000), "{player}");
    }
}

#[test]
fn a_take_that_begins_in_the_pre_roll_begins_at_the_timelines_beginning() {
    let mut rig = Rig::new();
    rig.play(50);
    rig.roll(Some(-800));
    rig.play(200);
    rig.roll(None);
    rig.play(400);
    let take = &rig.takes("Ann")[0];
    assert_eq!((take.begins, take.frames), (0, 15_200));
    assert_eq!(read(&take.path), sent(50 * BLOCK + 800, 15_200));
}

#[test]
fn a_session_that_ends_closes_its_take_whole() {
    let mut rig = Rig::new();
    rig.play(50);
    rig.roll(Some(0));
    rig.play(200);
    rig.tap = None;
    let clerk = rig.clerk.take().expect("it is not over");
    clerk.run();
    let take = &rig.takes("Ann")[0];
    assert_eq!((take.state.clone(), take.frames), (TakeState::Done, 16_000));
    let samples = read(&take.path);
    // What was on its way is not there.
    let there = 16_000 - LOOP as usize - WAY as usize * BLOCK as usize;
    assert_eq!(samples[..there], sent(50 * BLOCK, 16_000)[..there]);
}

#[test]
fn a_folder_that_cannot_be_written_is_told_of_and_the_next_take_is_tried_again() {
    let mut rig = Rig::new();
    let folder = rig.folder.path().join("band");
    std::fs::write(&folder, b"a file in the way").expect("it is writable");
    rig.play(50);
    rig.roll(Some(0));
    rig.play(100);
    rig.roll(None);
    rig.play(10);
    let takes = rig.book.since(0);
    assert!(
        matches!(&takes[0].state, TakeState::Failed(why) if why.contains("band")),
        "{takes:?}"
    );
    assert_eq!(takes.len(), 1);
    std::fs::remove_file(&folder).expect("it is there");
    rig.roll(Some(0));
    rig.play(100);
    rig.roll(None);
    rig.play(400);
    assert_eq!(
        rig.takes("Ann").last().map(|take| take.state.clone()),
        Some(TakeState::Done)
    );
}

#[test]
fn a_folder_that_goes_away_is_told_of() {
    let mut rig = Rig::new();
    rig.play(50);
    rig.roll(Some(0));
    rig.play(300);
    std::fs::remove_dir_all(rig.folder.path().join("band")).expect("it is there");
    rig.play(300);
    let take = &rig.takes("send")[0];
    assert!(
        matches!(&take.state, TakeState::Failed(why) if why.contains("has gone")),
        "{take:?}"
    );
}

#[test]
fn where_the_far_end_says_nothing_a_measured_loop_places_the_take_and_else_a_guess() {
    for measured in [true, false] {
        let mut rig = Rig::new();
        rig.exact = false;
        rig.play(100);
        if measured {
            // What is played at a position of ours is the far end's frame of WAY packets before.
            let (position, played) = (8000, (rig.far * BLOCK + 8000 - WAY * BLOCK) as f64);
            rig.tap().looped(LOOP + WAY * BLOCK, position, played);
        }
        rig.roll(Some(0));
        for _ in 0..40 {
            rig.play(10);
            let position = (rig.block * BLOCK) as u64;
            rig.tap().came(position, (LOOP - BLOCK) as u32, None);
        }
        rig.roll(None);
        rig.play(400);
        let take = &rig.takes("Ann")[0];
        let expected = if measured {
            Placement::Measured
        } else {
            Placement::Estimated
        };
        assert_eq!(take.placement, expected);
        let samples = read(&take.path);
        if measured {
            assert_eq!(samples, sent(100 * BLOCK, 32_000));
        } else {
            // The guess is off by what is on its way beyond what was said: here nothing but whole blocks.
            let ours = sent(100 * BLOCK - 4000, 40_000);
            let at = ours.windows(100).position(|w| w == &samples[4000..4100]);
            assert!(
                at.is_some_and(|at| at.abs_diff(8000) <= 10 * BLOCK as usize),
                "{at:?}"
            );
        }
    }
}

#[test]
fn where_the_far_ends_queue_grows_the_take_is_bent_to_lie_on_the_timeline_all_along() {
    let mut rig = Rig::new();
    // They hear it 40 frames later at the end than at the beginning.
    rig.roll_hearing(|step| step * 2);
    rig.play(400);
    let take = &rig.takes("Ann")[0];
    assert!(take.bent, "{take}");
    let frames = 21 * 20 * BLOCK;
    assert_eq!(
        (take.begins, take.frames, take.rate),
        (24_000, frames as u64, RATE)
    );
    assert_eq!(
        take.to_string(),
        "complete, in its exact place, follows their clock"
    );
    let samples = read(&take.path);
    assert_eq!(
        (samples.len() as i64, time_reference(&take.path)),
        (frames, 24_000)
    );
    // The wave is a saw: its value tells its place.
    let place = |sample: f32| (sample * 1_048_576.0 - 1.0) / 17.0;
    for (at, later) in [(2000, 2.8), (16_000, 20.3), (20_000, 25.3)] {
        let sent = (100 * BLOCK + at) as f32;
        let found = place(samples[at as usize]);
        let off = (found - sent - later).abs();
        assert!(off < 4.0, "at {at}: {found} for {sent}, {later} later");
    }
}

#[test]
fn what_is_missing_of_a_bent_take_is_still_told_once_it_is_done() {
    let mut rig = Rig::new();
    rig.lost = |n| n % 50 == 20;
    rig.way = |n| if n % 50 == 21 { Way::Late } else { Way::Direct };
    rig.roll_hearing(|step| step * 2);
    // It waits for what is fetched, in vain.
    rig.play(1100);
    let take = rig.takes("Ann").remove(0);
    assert_eq!((&take.state, take.bent), (&TakeState::Done, true), "{take}");
    assert!(take.missing >= 8 && take.repaired >= 8, "{take}");
    let file = std::fs::read(&take.path).expect("it is there");
    let lost = rig.lost;
    for n in (0..500).filter(|n| lost(*n)) {
        rig.hand_over(n, Way::Fetched);
    }
    rig.play(300);
    assert_eq!(rig.takes("Ann"), std::slice::from_ref(&take));
    assert!(std::fs::read(&take.path).expect("it is there") == file);
}

#[test]
fn where_the_far_ends_queue_leaps_what_comes_after_the_leap_lies_where_it_belongs() {
    let mut rig = Rig::new();
    rig.roll_hearing(|step| match step {
        0..=6 => 0,
        7..=13 => 6000,
        _ => 1000,
    });
    rig.play(400);
    let take = &rig.takes("Ann")[0];
    assert!(take.bent, "{take}");
    let samples = read(&take.path);
    // Far from the leaps it is what was played, to the bit.
    for (at, later) in [(4000, 0), (12_000, 6000), (26_000, 1000)] {
        let played = sent(100 * BLOCK + at + later, 1000);
        let at = at as usize;
        let [found, wanted] = [samples[at], played[0]].map(|it| (it * 1_048_576.0 - 1.0) / 17.0);
        assert!(
            samples[at..at + 1000] == played,
            "at {at}, {later} later: {found}, not {wanted}"
        );
    }
}

#[test]
fn a_far_end_of_another_rate_is_recorded_at_the_hosts() {
    let mut rig = Rig::new();
    rig.format.rate = SampleRate(16_000);
    rig.exact = false;
    rig.play(20);
    let looped = (rig.far * BLOCK) as f64;
    rig.tap().looped(0, 0, looped);
    rig.roll(Some(0));
    rig.play(300);
    rig.roll(None);
    rig.play(1200);
    let take = &rig.takes("Ann")[0];
    assert_eq!((take.rate, take.begins), (RATE, 0));
    assert_eq!(
        hound::WavReader::open(&take.path)
            .expect("a WAV file")
            .spec()
            .sample_rate,
        RATE.0
    );
}

#[test]
fn players_of_one_roll_are_one_take_also_one_who_comes_in_its_midst() {
    let mut ann = Rig::new();
    ann.play(100);
    ann.roll(Some(48_000));
    ann.play(50);
    let mut bob = ann.beside("Bob");
    for _ in 0..350 {
        ann.play(1);
        bob.play(1);
    }
    for rig in [&mut ann, &mut bob] {
        rig.roll(None);
        rig.play(400);
    }
    let numbers: Vec<_> = ann.book.since(0).iter().map(|take| take.number).collect();
    assert_eq!(numbers, [1; 3], "{:?}", ann.book.since(0));
    let [his] = &bob.takes("Bob")[..] else {
        panic!("{:?}", ann.book.since(0));
    };
    assert_eq!(his.placement, Placement::Exact);
    assert_eq!((his.begins, his.frames), (48_000, 32_000));
    // What he played first: before that there is silence.
    let first = (143 * BLOCK - LOOP - 100 * BLOCK) as usize;
    let samples = read(&his.path);
    assert!(samples[..first].iter().all(|sample| *sample == 0.0));
    assert_eq!(samples[first..], sent(100 * BLOCK, 32_000)[first..]);
    assert_eq!(read(&ann.takes("Ann")[0].path), sent(100 * BLOCK, 32_000));
}
