//! What comes out of an insert, and what goes to the far end, with a real segment in between.

#[path = "common/rig.rs"]
mod rig;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend_ipc::segment::{EngineEnd, Transport};
use farsend_plugin::insert::Insert;
use farsend_plugin::link::{LinkSender, link};
use farsend_plugin::mix::Gains;
use farsend_units::Frames;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const SEND: Gains = Gains {
    dry: 1.0,
    send: 1.0,
    returned: 0.0,
};
const RETURN: Gains = Gains {
    dry: 0.0,
    send: 0.0,
    returned: 1.0,
};
const BOTH: Gains = Gains {
    dry: 0.0,
    send: 1.0,
    returned: 1.0,
};
const BYPASSED: Gains = Gains {
    dry: 1.0,
    send: 0.0,
    returned: 0.0,
};

#[test]
fn without_an_engine_there_is_silence_plus_dry() {
    let mut insert = Rig::stereo().insert;
    assert_eq!(process(&mut insert, BOTH, 64, 0.5), [0.0; 64]);
    insert.reset();
    assert_eq!(
        process(&mut insert, Gains { dry: 0.25, ..BOTH }, 64, 0.5),
        [0.125; 64]
    );
}

#[test]
fn the_input_is_sent_and_the_far_end_comes_back() {
    let mut rig = Rig::connected();
    rig.engine
        .release(&[&[0.75; 512], &[0.5; 512]])
        .written
        .get();
    let heard = process(&mut rig.insert, BOTH, 512, 0.25);
    // The far end fades in.
    assert_eq!(heard[511], 0.75);
    assert_eq!(rig.taken(512), [0.25; 512]);
}

#[test]
fn send_mode_passes_its_input_to_the_bit() {
    let mut rig = Rig::connected();
    rig.engine
        .release(&[&[0.75; 512], &[0.5; 512]])
        .written
        .get();
    assert_eq!(process(&mut rig.insert, SEND, 512, 0.123), [0.123; 512]);
    assert_eq!(rig.taken(512), [0.123; 512]);
}

#[test]
fn return_mode_sends_silence() {
    let mut rig = Rig::connected();
    rig.engine
        .release(&[&[0.75; 512], &[0.5; 512]])
        .written
        .get();
    assert_eq!(process(&mut rig.insert, RETURN, 512, 0.25)[511], 0.75);
    assert_eq!(rig.taken(512), [0.0; 512]);
}

#[test]
fn an_input_that_is_no_number_does_not_reach_the_return() {
    let mut rig = Rig::connected();
    rig.engine
        .release(&[&[0.75; 512], &[0.5; 512]])
        .written
        .get();
    let heard = process(&mut rig.insert, BOTH, 512, f32::NAN);
    assert!(heard.iter().all(|sample| sample.is_finite()));
}

#[test]
fn bypass_goes_on_and_off_without_a_click() {
    let mut rig = Rig::connected();
    let mut heard = Vec::new();
    let mut sent = Vec::new();
    for block in 0..100 {
        let gains = if (30..60).contains(&block) {
            BYPASSED
        } else {
            BOTH
        };
        rig.engine
            .release(&[&[-0.5; 64], &[-0.5; 64]])
            .written
            .get();
        heard.extend(process(&mut rig.insert, gains, 64, 0.5));
        sent.extend(rig.taken(64));
    }
    let step = |samples: &[f32]| {
        samples
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).abs())
            .fold(0.0, f32::max)
    };
    // After the far end has faded in: 20 ms for a whole turn of 1.0 is some 0.001 a frame.
    assert!(
        step(&heard[640..]) < 0.002,
        "heard a step of {}",
        step(&heard[640..])
    );
    assert!(step(&sent) < 0.002, "sent a step of {}", step(&sent));
    assert_eq!((heard[50 * 64], sent[50 * 64]), (0.5, 0.0));
    assert_eq!((heard[99 * 64], sent[99 * 64]), (-0.5, 0.5));
}

#[test]
fn blocks_of_any_size_send_every_sample_once() {
    let mut rig = Rig::connected();
    let mut expected = Vec::new();
    let mut taken = Vec::new();
    // 64 frames were announced.
    for (i, frames) in [64, 0, 1, 63, 17, 500, 64, 2, 333, 1000]
        .into_iter()
        .enumerate()
    {
        let value = i as f32 / 16.0;
        let _ = process(&mut rig.insert, SEND, frames, value);
        expected.extend(std::iter::repeat_n(value, frames));
        taken.extend(rig.taken(frames));
    }
    assert_eq!(taken, expected);
}

#[test]
fn a_block_narrower_or_wider_than_announced_does_no_harm() {
    let mut rig = Rig::connected();
    for channels in [0, 1, 2, 3, 64, 70] {
        let mut audio = vec![vec![0.5; 64]; channels];
        let mut block: Vec<&mut [f32]> = audio.iter_mut().map(Vec::as_mut_slice).collect();
        rig.insert.process(BOTH, &mut block);
        // What was not prepared for passes.
        assert!(audio.iter().skip(2).flatten().all(|sample| *sample == 0.5));
    }
}

#[test]
fn an_insert_never_allocates_not_even_when_its_link_changes() {
    for channels in [1, 2, 64] {
        let mut rig = Rig::new(channels);
        let mut audio = vec![vec![0.5; 777]; channels.into()];
        let mut kept = Vec::new();
        for round in 0..20 {
            if round % 5 == 2 {
                kept.push(rig.connect(channels));
            }
            let gains = [SEND, BOTH, BYPASSED, Gains { send: 0.3, ..BOTH }][round % 4];
            let frames = [64, 777, 0, 1][round % 4];
            let mut block: Vec<&mut [f32]> = audio
                .iter_mut()
                .map(|channel| &mut channel[..frames])
                .collect();
            assert_no_alloc(|| rig.insert.process(gains, &mut block));
            rig.sender.collect();
        }
    }
}

#[test]
fn further_channels_come_beside_the_tracks_own_at_the_returns_gain() {
    let (mut sender, link) = link();
    let mut insert = Insert::with_more(link, 4);
    insert.prepare(2, 64, 48_000.0);
    let mut engine = rig::connect(&mut sender, [2, 6]);
    let lanes: Vec<Vec<f32>> = (1..=6).map(|lane| vec![lane as f32; 1000]).collect();
    let lanes: Vec<&[f32]> = lanes.iter().map(Vec::as_slice).collect();
    let gains = Gains {
        dry: 0.0,
        send: 1.0,
        returned: 0.5,
    };
    let (mut left, mut right) = (vec![9.0; 1000], vec![9.0; 1000]);
    let mut more = vec![vec![0.0; 1000]; 4];
    for _ in 0..2 {
        let _ = engine.release(&lanes);
        assert_no_alloc(|| {
            insert.process_with(
                gains,
                &mut [&mut left, &mut right],
                &mut |lane, at, part| {
                    more[lane][at..at + part.len()].copy_from_slice(part);
                },
            );
        });
    }
    let last = |lane: &Vec<f32>| lane[999];
    assert_eq!([last(&left), last(&right)], [0.5, 1.0]);
    let more: Vec<f32> = more.iter().map(last).collect();
    assert_eq!(more, [1.5, 2.0, 2.5, 3.0]);
}

#[test]
fn the_engine_is_told_to_the_frame_where_the_host_punches_in_and_out() {
    let mut rig = Rig::connected();
    let mut told = Vec::new();
    for (block, recording) in [false, true, true, false].into_iter().enumerate() {
        rig.roll(block as i64 * 256, recording);
        let _ = process(&mut rig.insert, BOTH, 256, 0.5);
        let stretch = rig.engine.stretch().expect("the host has said something");
        told.push((stretch.recording, stretch.since, stretch.timeline));
    }
    let expected = [(false, 0, 0), (true, 256, 256), (true, 256, 256)];
    assert_eq!(told[..3], expected);
    assert_eq!(told[3], (false, 768, 768));
}

#[test]
fn after_a_change_of_rate_a_segment_of_the_old_one_has_no_rolling_host_and_no_sound() {
    let mut rig = Rig::connected();
    rig.roll(4800, false);
    let _ = process(&mut rig.insert, BOTH, 256, 0.5);
    assert_eq!(rig.taken(256), [0.5; 256]);
    // What the far end plays meanwhile is not at the host's rate either.
    rig.engine
        .release(&[&[0.75; 512], &[0.75; 512]])
        .written
        .get();
    rig.insert.prepare(2, 64, 96_000.0);
    for block in 0..2 {
        rig.roll(2 * (4800 + 256) + block * 256, false);
        assert_eq!(process(&mut rig.insert, BOTH, 256, 0.5), [0.0; 256]);
    }
    assert_eq!(rig.taken(512), [0.0; 512]);
    let stretch = rig.engine.stretch().expect("the host has said something");
    assert_eq!((stretch.rolling, stretch.since), (false, 256));

    // The host comes back before there is another segment.
    rig.insert.prepare(2, 64, 48_000.0);
    rig.roll(9600, false);
    let _ = process(&mut rig.insert, BOTH, 256, 0.5);
    let stretch = rig.engine.stretch().expect("the host has said something");
    let expected = (true, 768, 9600);
    assert_eq!((stretch.rolling, stretch.since, stretch.timeline), expected);
    assert_eq!(rig.taken(256), [0.5; 256]);
}

/// An insert, and the engine's end of what it is linked to.
struct Rig<E = EngineEnd> {
    insert: Insert,
    sender: LinkSender,
    engine: E,
}

impl Rig<()> {
    fn new(channels: u8) -> Self {
        let (insert, sender) = rig::insert(channels, 64);
        Self {
            insert,
            sender,
            engine: (),
        }
    }

    fn stereo() -> Self {
        Self::new(2)
    }
}

impl<E> Rig<E> {
    fn connect(&mut self, channels: u8) -> EngineEnd {
        rig::connect(&mut self.sender, [channels; 2])
    }
}

impl Rig {
    fn connected() -> Self {
        let mut rig = Rig::stereo();
        let engine = rig.connect(2);
        let Rig { insert, sender, .. } = rig;
        Self {
            insert,
            sender,
            engine,
        }
    }

    /// The host rolls, and its next block is there.
    fn roll(&mut self, position: i64, recording: bool) {
        self.insert.set_transport(Transport {
            rolling: true,
            recording,
            position: Some(position),
        });
    }

    /// What the engine got of the first channel.
    fn taken(&mut self, frames: usize) -> Vec<f32> {
        let (mut left, mut right) = (vec![9.0; frames], vec![9.0; frames]);
        let got = self.engine.take(&mut [&mut left, &mut right]);
        assert_eq!(got, Frames(frames as u32));
        left
    }
}

/// The first channel of what a stereo block of `value` turns into.
fn process(insert: &mut Insert, gains: Gains, frames: usize, value: f32) -> Vec<f32> {
    let (mut left, mut right) = (vec![value; frames], vec![value; frames]);
    assert_no_alloc(|| insert.process(gains, &mut [&mut left, &mut right]));
    left
}
