//! The clock of an audio device: not quite as fast as it says, and not always at work.

use std::collections::VecDeque;
use std::time::Duration;

use farsend_units::{Frames, MonoTime, SampleRate};

use crate::{Jitter, Random};

/// How a clock runs.
#[derive(Debug, Clone, PartialEq)]
pub struct ClockConfig {
    /// Everything random follows from this.
    pub seed: u64,
    /// Frames a second by name.
    pub rate: SampleRate,
    /// How much faster it really is, in millionths.
    pub ppm: f64,
    /// When the first block begins.
    pub start: MonoTime,
    /// How long after a block begins its owner is called: a busy machine. Does not add up.
    pub lateness: Jitter,
    /// What happens to it, by time after the start, the earliest first.
    pub changes: Vec<(Duration, Change)>,
}

impl Default for ClockConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            rate: SampleRate::HZ_48000,
            ppm: 0.0,
            start: MonoTime::from_nanos(0),
            lateness: Jitter::None,
            changes: Vec::new(),
        }
    }
}

/// What may happen to a clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// From now on it is this much faster than its name, in millionths.
    Ppm(f64),
    /// It stands still for so long (a machine that sleeps, a device that is lost) and goes on then.
    Pause(Duration),
    /// What should have been called during so long is called at once at its end, on time afterwards:
    /// a machine that hesitates.
    Hesitate(Duration),
}

/// The beginning of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// When its first frame is played or recorded.
    pub begins: MonoTime,
    /// When its owner is called, not before nor earlier than for the block before.
    pub called: MonoTime,
}

/// A clock that runs.
#[derive(Debug, Clone)]
pub struct Clock {
    config: ClockConfig,
    changes: VecDeque<(MonoTime, Change)>,
    random: Random,
    ppm: f64,
    /// When the next block begins, in nanoseconds.
    next: f64,
    /// Nobody is called before: nor earlier than for the block before.
    hesitates_until: MonoTime,
}

impl Clock {
    /// A clock at its start.
    pub fn new(config: ClockConfig) -> Self {
        let changes = config.changes.iter();
        let changes = changes.map(|(after, change)| (config.start + *after, *change));
        Self {
            changes: changes.collect(),
            random: Random::new(config.seed),
            ppm: config.ppm,
            next: config.start.as_nanos() as f64,
            hesitates_until: config.start,
            config,
        }
    }

    /// Goes on to the next block, which has so many frames.
    pub fn tick(&mut self, frames: Frames) -> Tick {
        let mut begins = MonoTime::from_nanos(self.next as u64);
        while let Some((_, change)) = self.changes.pop_front_if(|(at, _)| *at <= begins) {
            match change {
                Change::Ppm(ppm) => self.ppm = ppm,
                Change::Pause(length) => {
                    self.next += length.as_nanos() as f64;
                    begins = MonoTime::from_nanos(self.next as u64);
                }
                Change::Hesitate(length) => self.hesitates_until = begins + length,
            }
        }
        let rate = f64::from(self.config.rate.0.max(1)) * (1.0 + self.ppm * 1e-6);
        self.next += f64::from(frames.0) * 1e9 / rate;
        let lateness = self.config.lateness.quantile(self.random.unit());
        let called = (begins + lateness).max(self.hesitates_until);
        self.hesitates_until = called;
        Tick { begins, called }
    }

    /// Its nominal rate.
    pub fn rate(&self) -> SampleRate {
        self.config.rate
    }
}
