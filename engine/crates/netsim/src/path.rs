//! One direction of a bad network.

use std::time::Duration;

use farsend_units::MonoTime;

use crate::{Random, Trace};

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
    /// Log-normal, at most a hundred times the median: what queues of radio networks look like, with
    /// a tail that is longer the larger the spread is.
    LogNormal {
        /// Half of the packets take less.
        median: Duration,
        /// The standard deviation of the natural logarithm: 0.5 is calm, 1.5 wild.
        spread: f64,
    },
}

impl Jitter {
    /// The delay that belongs to a number evenly drawn from 0 to 1: the distribution's quantile.
    pub fn quantile(self, draw: f64) -> Duration {
        match self {
            Self::None => Duration::ZERO,
            Self::Uniform(most) => most.mul_f64(draw),
            Self::Exponential(mean) => mean.mul_f64((-(1.0 - draw).ln()).min(10.0)),
            Self::LogNormal { median, spread } => {
                median.mul_f64((spread * normal_quantile(draw)).exp().min(100.0))
            }
        }
    }
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
    /// In place of the configured delay, jitter and loss.
    replayed: Option<Replay>,
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
            replayed: None,
            random,
            bad: false,
            latest: MonoTime::from_nanos(0),
        }
    }

    /// A path on which packets are lost and delayed as they were when `trace` was recorded, over and
    /// over. The configured delay, jitter and loss do not count; stalls, duplicates and reordering come
    /// on top. As recorded, one packet may overtake another.
    pub fn replay(config: PathConfig, trace: Trace) -> Self {
        let mut path = Self::new(config);
        path.replayed = Some(Replay {
            trace,
            first: None,
            sent: 0,
        });
        path
    }

    /// Sends one packet at `at`, not before the one before; says when it arrives, how often if at
    /// all, the earliest first.
    ///
    /// Draws the same number of random numbers for every packet and every configuration: with one
    /// seed, the same packets are lost whatever the jitter is.
    pub fn send(&mut self, at: MonoTime) -> Deliveries {
        let lost = self.draw_loss();
        let draws = [(); 4].map(|()| self.random.unit());
        let sets_out = self.stalled_until(at);
        let in_order = match &mut self.replayed {
            Some(replay) => replay.next(at).map(|delay| sets_out + delay),
            None => {
                let delay = self.config.delay + self.config.jitter.quantile(draws[0]);
                (!lost).then(|| (sets_out + delay).max(self.latest))
            }
        };
        let Some(in_order) = in_order else {
            return Deliveries([None, None]);
        };
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

/// Where a replay is.
#[derive(Debug, Clone)]
struct Replay {
    trace: Trace,
    first: Option<MonoTime>,
    sent: usize,
}

impl Replay {
    /// What the packet that is sent at `at` takes; `None`: it is lost.
    fn next(&mut self, at: MonoTime) -> Option<Duration> {
        let first = *self.first.get_or_insert(at);
        let entries = self.trace.entries();
        let i = match self.trace.every() {
            Some(every) => (at.since(first).as_nanos() / every.as_nanos().max(1)) as usize,
            None => self.sent,
        };
        self.sent += 1;
        entries.get(i % entries.len().max(1)).copied().flatten()
    }
}

/// The place at which the standard normal distribution reaches this share: by Newton's method on its
/// logistic approximation, good to nine digits between a millionth and all but a millionth.
fn normal_quantile(share: f64) -> f64 {
    let share = share.clamp(1e-6, 1.0 - 1e-6);
    let mut x = (share / (1.0 - share)).ln() / 1.702;
    for _ in 0..20 {
        let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
        // From far out a step may overshoot to where the density is nothing.
        x = (x - ((normal(x) - share) / density).clamp(-0.5, 0.5)).clamp(-6.0, 6.0);
    }
    x
}

/// The standard normal distribution up to `x`, by its series (Marsaglia, "Evaluating the normal
/// distribution", 2004).
fn normal(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for k in 1..100 {
        term *= x * x / f64::from(2 * k + 1);
        sum += term;
    }
    0.5 + sum * (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantiles_are_those_of_the_tables() {
        let known = [
            (0.5, 0.0),
            (0.841_344_746, 1.0),
            (0.025, -1.959_963_985),
            (0.999, 3.090_232_306),
            (0.000_01, -4.264_890_794),
        ];
        for (share, x) in known {
            let found = normal_quantile(share);
            assert!((found - x).abs() < 1e-6, "{share}: {found}, not {x}");
        }
        assert!(normal_quantile(0.0) > -5.0 && normal_quantile(1.0) < 5.0);
    }
}
