//! Two clocks that differ, for an hour of virtual time (or `FARSEND_HOURS`): nothing runs dry, nothing jumps.
//!
//! Each end plays a sine whose period is one block of its own; the phase in which it is heard, against the sender's
//! clock, is the delay.

use std::f64::consts::TAU;
use std::time::Duration;

use farsend::bench::network::{Heard, Musicians, Network, PathPlan, Plan, plain_end};
use farsend_netsim::{Jitter, PathConfig};
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

const RATE: f64 = 48_000.0;
const BLOCK: usize = 128;
const PPM: f64 = 300.0;

/// Until the loops have found the other clock's rate and the queue its depth.
const SETTLE: f64 = 60.0;

#[test]
fn two_clocks_three_hundred_ppm_apart_for_an_hour() {
    let hours = std::env::var("FARSEND_HOURS").map_or(1.0, |hours| hours.parse().unwrap());
    let seconds = 3600.0 * hours;
    let mut ends = [(); 2].map(|()| plain_end(SampleRate::HZ_48000, Frames(BLOCK as u32)));
    ends[1].clock.ppm = PPM;
    ends[1].clock.start = MonoTime::from_nanos(1_234_567);
    let way = |seed| {
        PathPlan::Made(PathConfig {
            seed,
            delay: Duration::from_millis(10),
            jitter: Jitter::Exponential(Duration::from_micros(100)),
            ..PathConfig::default()
        })
    };
    let plan = Plan {
        ends,
        ways: [way(1), way(2)],
        channels: Channels(1),
    };
    let mut network = Network::new(&plan).unwrap();
    let mut ears = Ears::new();
    let at = |seconds: f64| MonoTime::from_nanos((seconds * 1e9) as u64);
    while network.next() < at(SETTLE) {
        network.step(&mut ears);
    }
    let before = [0, 1].map(|end| network.statistics(end).buffer);
    ears.ends.iter_mut().for_each(Ear::begin);
    while network.next() < at(seconds) {
        network.step(&mut ears);
    }
    for (end, peer_ppm) in [(0, PPM), (1, -PPM)] {
        let statistics = network.statistics(end);
        let (now, then) = (statistics.buffer, before[end]);
        let Ear {
            largest_step,
            least,
            most,
            weakest,
            ..
        } = ears.ends[end];
        let told = format!(
            "end {end}: delay {least:.1} to {most:.1} frames, largest step {largest_step:.3}, level {weakest:.3}, {:?} ppm",
            statistics.drift_ppm
        );
        println!("{told}");
        assert_eq!(now.dry - then.dry, 0, "{told}");
        assert_eq!(now.reanchored - then.reanchored, 0, "{told}");
        assert!(weakest > 0.98, "{told}");
        // From one block to the next, of 128 frames: less than half a cent would be 0.04.
        assert!(largest_step < 0.5, "{told}");
        assert!(most - least < 2.0 * BLOCK as f64, "{told}");
        let drift = statistics.drift_ppm.unwrap();
        assert!((drift - peer_ppm).abs() < 5.0, "{told}");
    }
}

struct Ears {
    ends: [Ear; 2],
    sine: [f32; BLOCK],
}

#[derive(Clone, Copy, Default)]
struct Ear {
    /// The last block's delay in frames; follows it beyond a period.
    delay: Option<f64>,
    largest_step: f64,
    least: f64,
    most: f64,
    /// Of the sine, where 1 is what was sent.
    weakest: f64,
}

impl Ear {
    /// Forgets what was heard so far but for the delay.
    fn begin(&mut self) {
        *self = Self {
            delay: self.delay,
            least: f64::INFINITY,
            most: f64::NEG_INFINITY,
            weakest: 1.0,
            ..Self::default()
        };
    }
}

impl Ears {
    fn new() -> Self {
        let sine = std::array::from_fn(|i| (TAU * i as f64 / BLOCK as f64).sin() as f32);
        let mut ears = Self {
            ends: [Ear::default(); 2],
            sine,
        };
        ears.ends.iter_mut().for_each(Ear::begin);
        ears
    }
}

impl Musicians for Ears {
    fn play(&mut self, _end: usize, _frame: u64, block: &mut [Vec<f32>]) {
        for (out, sine) in block[0].iter_mut().zip(self.sine) {
            *out = 0.5 * sine;
        }
    }

    fn hear(&mut self, end: usize, heard: Heard, block: &[Vec<f32>]) {
        let (mut inphase, mut quadrature) = (0.0, 0.0);
        for (i, x) in block[0].iter().enumerate() {
            let x = f64::from(*x);
            inphase += x * f64::from(self.sine[i]);
            quadrature += x * f64::from(self.sine[(i + BLOCK / 4) % BLOCK]);
        }
        let level = inphase.hypot(quadrature) / (BLOCK as f64 / 4.0);
        // The frame that the sender is at when this block begins.
        let sender = 1 - end;
        let (ppm, start) = if sender == 1 {
            (PPM, 1_234_567.0)
        } else {
            (0.0, 0.0)
        };
        let sent = (heard.at.as_nanos() as f64 - start) * 1e-9 * RATE * (1.0 + ppm * 1e-6);
        let phase = quadrature.atan2(inphase) / TAU * BLOCK as f64;
        let ear = &mut self.ends[end];
        let raw = sent - phase;
        let near = ear.delay.unwrap_or(0.0);
        let delay = raw - ((raw - near) / BLOCK as f64).round() * BLOCK as f64;
        if ear.delay.is_some() {
            ear.largest_step = ear.largest_step.max((delay - near).abs());
        }
        ear.delay = Some(delay);
        ear.least = ear.least.min(delay);
        ear.most = ear.most.max(delay);
        ear.weakest = ear.weakest.min(level);
    }
}
