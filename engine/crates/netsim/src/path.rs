//! One direction of a bad network.

use std::time::Duration;

use farsend_units::MonoTime;

use crate::Random;

/// How bad a path is. The default is perfect: nothing is lost, nothing takes time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PathConfig {
    /// Everything random follows from this.
    pub seed: u64,
    /// What every packet takes at least.
    pub delay: Duration,
    /// What it takes more, by chance. Does not change the order of packets: as in a real queue,
    /// one that is held up holds up those behind it.
    pub jitter: Jitter,
    /// Times when nothing gets through and all is delivered at their end, as on Wi-Fi.
    pub stalls: Option<Stalls>,
    /// What is lost.
    pub loss: Loss,
    /// The share of packets that arrive twice; the copy comes up to 2 ms later.
    pub duplicate: f64,
    /// The share of packets that are overtaken by others; see `reorder_by`.
    pub reorder: f64,
    /// How much later such a packet comes; 5 ms if zero.
    pub reorder_by: Duration,
}

/// The distribution of the random delay.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Jitter {
    /// Always the same delay.
    #[default]
    None,
    /// Evenly from nothing to this.
    Uniform(Duration),
    /// Exponential with this mean, at most ten times it: mostly little, at times much.
    Exponential(Duration),
}

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Loss {
    /// Nothing.
    #[default]
    None,
    /// Each packet for itself, with this probability.
    Independent(f64),
    /// In bursts (Gilbert and Elliott's two states): `rate` of all packets over a long time, in
    /// runs of `length` packets on average (at least 1, 1 / (1 - rate) or more to be possible).
    Bursts {
        /// The share of packets lost.
        rate: f64,
        /// The mean number of packets lost in sequence.
        length: f64,
    },
}

/// A path that stops now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stalls {
    /// From the beginning of one to that of the next; the first begins after this time.
    pub every: Duration,
    /// How long nothing gets through.
    pub length: Duration,
}

/// One direction between two ends.
#[derive(Debug, Clone)]
pub struct Path {
    config: PathConfig,
    random: Random,
    /// In the bad state of [`Loss::Bursts`].
    bad: bool,
    /// When the last packet in order arrived: none behind it comes earlier.
    latest: MonoTime,
}

impl Path {
    /// A path at its beginning.
    pub fn new(config: PathConfig) -> Self {
        let random = Random::new(config.seed);
        Self {
            config,
            random,
            bad: false,
            latest: MonoTime::from_nanos(0),
        }
    }

    /// Sends one packet at `at`, not before the one before; says when it arrives, how often if at
    /// all, the earliest first.
    ///
    /// Draws the same number of random numbers for every packet and every configuration: with one
    /// seed, the same packets are lost whatever the jitter is.
    pub fn send(&mut self, at: MonoTime) -> Deliveries {
        let lost = self.draw_loss();
        let draws = [(); 4].map(|()| self.random.unit());
        let in_order =
            (self.stalled_until(at) + self.config.delay + self.jitter(draws[0])).max(self.latest);
        if lost {
            return Deliveries([None, None]);
        }
        let overtaken = draws[1] < self.config.reorder;
        let arrival = if overtaken {
            let by = self.config.reorder_by;
            in_order
                + if by.is_zero() {
                    Duration::from_millis(5)
                } else {
                    by
                }
        } else {
            self.latest = in_order;
            in_order
        };
        let copy = draws[2] < self.config.duplicate;
        Deliveries([
            Some(arrival),
            copy.then(|| arrival + MAX_COPY_DELAY.mul_f64(draws[3])),
        ])
    }

    /// Makes the path another one from now on; its random numbers and losses go on.
    pub fn change(&mut self, config: PathConfig) {
        self.config = config;
    }

    fn draw_loss(&mut self) -> bool {
        let draw = self.random.unit();
        match self.config.loss {
            Loss::None => false,
            Loss::Independent(rate) => draw < rate,
            Loss::Bursts { rate, length } => {
                // Mean stay in the bad state 1 / leave = length; share of it enter / (enter + leave) = rate.
                let leave = 1.0 / length.max(1.0);
                let enter = leave * rate / (1.0 - rate).max(f64::MIN_POSITIVE);
                self.bad = if self.bad {
                    draw >= leave
                } else {
                    draw < enter
                };
                self.bad
            }
        }
    }

    fn jitter(&self, draw: f64) -> Duration {
        match self.config.jitter {
            Jitter::None => Duration::ZERO,
            Jitter::Uniform(most) => most.mul_f64(draw),
            Jitter::Exponential(mean) => mean.mul_f64((-(1.0 - draw).ln()).min(10.0)),
        }
    }

    /// When what is sent at `at` sets out: at once, or at the end of the stall.
    fn stalled_until(&self, at: MonoTime) -> MonoTime {
        let Some(Stalls { every, length }) = self.config.stalls else {
            return at;
        };
        let every = every.as_nanos().max(1) as u64;
        let length = length.as_nanos() as u64;
        let into = at.as_nanos() % every;
        if at.as_nanos() >= every && into < length {
            at + Duration::from_nanos(length - into)
        } else {
            at
        }
    }
}

/// When one packet arrives: never, once or twice; the earliest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deliveries([Option<MonoTime>; 2]);

impl Deliveries {
    /// Whether it never arrives.
    pub fn is_lost(&self) -> bool {
        self.0[0].is_none()
    }
}

impl IntoIterator for Deliveries {
    type Item = MonoTime;
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<MonoTime>, 2>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

const MAX_COPY_DELAY: Duration = Duration::from_millis(2);
