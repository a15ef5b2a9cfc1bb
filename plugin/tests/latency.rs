//! The delay that the host is told of, and what makes it true: pings through an insert, and what comes out of one that is aligned.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/rig.rs"]
mod rig;

use assert_no_alloc::{AllocDisabler, assert_no_alloc};
use farsend_ipc::segment::EngineEnd;
use farsend_plugin::insert::Insert;
use farsend_plugin::link::LinkSender;
use farsend_plugin::mix::Gains;
use farsend_plugin::ping::{Found, Probe, Shot, Unheard, find};
use farsend_units::SampleRate;

#[global_allocator]
static ALLOCATOR: AllocDisabler = AllocDisabler;

const BOTH: Gains = Gains {
    dry: 0.0,
    send: 1.0,
    returned: 1.0,
};

/// An insert whose far end sends back what it gets, so many frames later.
struct Rig {
    sender: LinkSender,
    insert: Insert,
    engine: EngineEnd,
    /// What is under way, of the first channel.
    way: std::collections::VecDeque<f32>,
    sent: Vec<f32>,
}

impl Rig {
    fn new(delay: usize) -> Self {
        let (insert, mut sender) = rig::insert(2, 256);
        let engine = rig::connect(&mut sender, [2, 2]);
        Self {
            sender,
            insert,
            engine,
            way: std::iter::repeat_n(0.0, delay).collect(),
            sent: Vec::new(),
        }
    }

    /// One block; what comes out of the first channel.
    fn block(&mut self, gains: Gains, input: &[f32]) -> Vec<f32> {
        let due: Vec<f32> = self.way.drain(..input.len()).collect();
        let _ = self.engine.release(&[&due, &due]);
        let (mut left, mut right) = (input.to_vec(), input.to_vec());
        assert_no_alloc(|| {
            let _ = self.insert.latency();
            self.insert.process(gains, &mut [&mut left, &mut right]);
        });
        let mut taken = [vec![0.0; input.len()], vec![0.0; input.len()]];
        let [one, other] = &mut taken;
        assert_eq!(self.engine.take(&mut [one, other]).get(), input.len());
        self.way.extend(&taken[0]);
        self.sent.extend(&taken[0]);
        left
    }

    /// Pings while the track plays, and gives what came of it and what was heard meanwhile.
    fn ping(&mut self, longest: usize) -> (Result<Found, Unheard>, Vec<f32>) {
        let probe = Probe::new(SampleRate::HZ_48000);
        let shot = Shot::new(&probe, 2, longest + probe.samples().len());
        self.sender.pings.fire(shot);
        let mut heard = Vec::new();
        for block in 0.. {
            assert!(block < 10_000, "it never ends");
            let input: Vec<f32> = (0..200)
                .map(|i| 0.5 * ((block * 200 + i) as f32 * 0.05).sin())
                .collect();
            heard.extend(self.block(BOTH, &input));
            if self.sender.pings.is_done() {
                break;
            }
        }
        assert!(
            self.sender.pings.call_back().is_none(),
            "the audio thread has it"
        );
        self.block(BOTH, &[0.0; 64]);
        let shot = self.sender.pings.collect().unwrap();
        (find(&probe, shot.lanes(), longest), heard)
    }
}

#[test]
fn a_ping_through_an_insert_tells_the_loop_to_the_sample_and_is_not_heard() {
    for delay in [256, 1_777, 9_600] {
        let mut rig = Rig::new(delay);
        for _ in 0..50 {
            rig.block(BOTH, &[0.25; 256]);
        }
        let (found, heard) = rig.ping(24_000);
        let found = found.unwrap();
        assert_eq!(found.frames as usize, delay);
        // The return fades out for 20 ms, and then there is nothing.
        assert!(
            heard[2_000..].iter().all(|sample| *sample == 0.0),
            "{delay}"
        );
        // Afterwards the track is sent and heard again.
        let sent = rig.sent.len();
        let mut last = Vec::new();
        for _ in 0..100 {
            last = rig.block(BOTH, &[0.25; 256]);
        }
        assert!(
            rig.sent[sent + 5_000..]
                .iter()
                .all(|sample| *sample == 0.25)
        );
        assert!(
            last.iter().all(|sample| *sample == 0.25),
            "{delay}: {last:?}"
        );
    }
}

#[test]
fn a_far_end_that_is_not_looped_is_said_to_be_none() {
    let mut rig = Rig::new(512);
    let probe = Probe::new(SampleRate::HZ_48000);
    rig.sender
        .pings
        .fire(Shot::new(&probe, 2, 4_800 + probe.samples().len()));
    while !rig.sender.pings.is_done() {
        rig.way.iter_mut().for_each(|sample| *sample = 0.0);
        rig.block(BOTH, &[0.25; 256]);
    }
    let _ = rig.sender.pings.call_back();
    rig.block(BOTH, &[0.25; 256]);
    let shot = rig.sender.pings.collect().unwrap();
    assert_eq!(find(&probe, shot.lanes(), 4_800), Err(Unheard::Silence));
}

#[test]
fn an_aligned_insert_is_exactly_as_late_as_the_host_is_told_dry_and_wet_and_in_bypass() {
    let (delay, latency) = (1_000, 1_240);
    let click = |rig: &mut Rig, gains: Gains| {
        let mut heard = Vec::new();
        for block in 0..12 {
            let mut input = [0.0; 256];
            input[7] = if block == 0 { 1.0 } else { 0.0 };
            heard.extend(rig.block(gains, &input));
        }
        let clicks: Vec<(usize, f32)> = heard
            .into_iter()
            .enumerate()
            .filter(|(_, s)| *s != 0.0)
            .collect();
        clicks
    };
    let bypass = Gains {
        dry: 1.0,
        send: 0.0,
        returned: 0.0,
    };
    for (gains, level) in [
        (BOTH, 1.0),
        (Gains { dry: 0.5, ..BOTH }, 1.5),
        (bypass, 1.0),
    ] {
        let mut rig = Rig::new(delay);
        rig.sender.delays.set_latency(2, latency);
        rig.sender.delays.hold_back(2, latency - delay);
        // Until nothing fades in any more.
        for _ in 0..20 {
            rig.block(gains, &[0.0; 256]);
        }
        assert_eq!(rig.insert.latency() as usize, latency);
        assert_eq!(click(&mut rig, gains), [(7 + latency, level)]);
        rig.insert.reset();
    }
}

#[test]
fn an_insert_that_is_aligned_no_more_is_as_early_as_before() {
    let mut rig = Rig::new(512);
    rig.sender.delays.set_latency(2, 700);
    rig.block(BOTH, &[0.0; 64]);
    assert_eq!(rig.insert.latency(), 700);
    rig.sender.delays.set_latency(2, 0);
    rig.block(BOTH, &[0.0; 64]);
    assert_eq!(rig.insert.latency(), 0);
    let dry = Gains {
        dry: 1.0,
        send: 0.0,
        returned: 0.0,
    };
    rig.insert.reset();
    assert_eq!(rig.block(dry, &[0.5; 64]), [0.5; 64]);
}
