//! How fast the peer's clock runs against ours.
//!
//! Packets are delayed by chance but never sent early: of all that come within a second the one
//! with the least delay tells most. The slope of these least delays over half a minute (Theil and
//! Sen's median of the slopes of all pairs, which a few bad seconds do not move) is the drift.
//! Rough on purpose: it tells a user what is, it does not steer a resampler.

use farsend_units::{Frames, MonoTime, SampleRate};

/// Tells the peer's clock from the arrival of its packets. Allocates nothing.
#[derive(Debug, Clone)]
pub struct Drift {
    rate: f64,
    origin: Option<Origin>,
    /// The least delays of past seconds, a ring.
    seconds: [Least; SECONDS],
    filled: usize,
    oldest: usize,
    /// The least delay of this second.
    now: Option<Least>,
    ppm: Option<f64>,
}

/// The first packet; all is told from here.
#[derive(Debug, Clone, Copy)]
struct Origin {
    number: i64,
    at: MonoTime,
    period: Frames,
}

/// A packet: seconds since the first by the peer's clock, and how much more by ours.
#[derive(Debug, Clone, Copy, Default)]
struct Least {
    sent: f64,
    delay: f64,
}

impl Drift {
    /// Nothing known yet. `rate`: the peer's nominal one.
    pub fn new(rate: SampleRate) -> Self {
        let seconds = [Least::default(); SECONDS];
        let rate = f64::from(rate.0.max(1));
        Self {
            rate,
            origin: None,
            seconds,
            filled: 0,
            oldest: 0,
            now: None,
            ppm: None,
        }
    }

    /// Forgets all packets: the numbers or the peer's clock jumped. What was known is kept until
    /// something new is.
    pub fn restart(&mut self) {
        self.origin = None;
        self.now = None;
        (self.filled, self.oldest) = (0, 0);
    }

    /// The packet `number`, of `period` frames, came at `at`. Once a second this sorts a few
    /// hundred numbers, else it is a comparison.
    pub fn observe(&mut self, number: i64, period: Frames, at: MonoTime) {
        let Some(origin) = self.origin.filter(|origin| origin.period == period) else {
            self.restart();
            self.origin = Some(Origin { number, at, period });
            return;
        };
        let packets = number.saturating_sub(origin.number) as f64;
        let sent = packets * f64::from(period.0) / self.rate;
        let came = at.since(origin.at).as_secs_f64() - origin.at.since(at).as_secs_f64();
        let packet = Least {
            sent,
            delay: came - sent,
        };
        match &mut self.now {
            None => self.now = Some(packet),
            Some(least) if (packet.delay - least.delay).abs() > JUMP => self.restart(),
            Some(least) if packet.sent >= least.sent.floor() + 1.0 => {
                let least = std::mem::replace(least, packet);
                self.push(least);
            }
            Some(least) if packet.delay < least.delay && packet.sent >= least.sent.floor() => {
                *least = packet;
            }
            Some(_) => {}
        }
    }

    /// Parts per million that the peer's clock runs faster than ours (slower: negative); `None`
    /// until some seconds were seen.
    pub fn ppm(&self) -> Option<f64> {
        self.ppm
    }

    fn push(&mut self, least: Least) {
        self.seconds[(self.oldest + self.filled) % SECONDS] = least;
        if self.filled < SECONDS {
            self.filled += 1;
        } else {
            self.oldest = (self.oldest + 1) % SECONDS;
        }
        if self.filled >= ENOUGH {
            self.ppm = Some(-1e6 * self.slope());
        }
    }

    /// The median of the slopes of all pairs of seconds.
    fn slope(&self) -> f64 {
        let mut slopes = [0.0; SECONDS * (SECONDS - 1) / 2];
        let mut count = 0;
        for (i, a) in self.seconds[..self.filled].iter().enumerate() {
            for b in &self.seconds[..i] {
                let apart = a.sent - b.sent;
                if apart != 0.0 {
                    slopes[count] = (a.delay - b.delay) / apart;
                    count += 1;
                }
            }
        }
        if count == 0 {
            return 0.0;
        }
        *slopes[..count]
            .select_nth_unstable_by(count / 2, f64::total_cmp)
            .1
    }
}

/// How many seconds are looked at, and how many it takes.
const SECONDS: usize = 30;
const ENOUGH: usize = 5;
/// Seconds by which a delay changes only if a clock or the numbers jumped.
const JUMP: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Frames = Frames(128);

    #[test]
    fn a_drift_is_told_to_a_few_ppm_through_jitter() {
        for ppm in [-300.0, -20.0, 0.0, 5.0, 300.0] {
            let drift = after(30.0, ppm, |i| ((i * 7919) % 1000) as f64 * 2e-6);
            let told = drift.ppm().unwrap();
            assert!((told - ppm).abs() < 3.0, "{ppm}: {told}");
        }
    }

    #[test]
    fn seconds_of_stalls_do_not_move_it() {
        let stalled = |i: u64| if (3000..4500).contains(&i) { 0.2 } else { 0.0 };
        let told = after(30.0, 50.0, stalled).ppm().unwrap();
        assert!((told - 50.0).abs() < 3.0, "{told}");
    }

    #[test]
    fn nothing_is_told_in_the_first_seconds_nor_by_numbers_that_jump() {
        assert_eq!(after(4.0, 100.0, |_| 0.0).ppm(), None);
        let mut drift = Drift::new(SampleRate::HZ_48000);
        for i in 0..1000 {
            let number = if i % 2 == 0 { i64::MAX } else { i64::MIN };
            drift.observe(
                number,
                PERIOD,
                MonoTime::from_nanos(u64::MAX - i * 1_000_000_000),
            );
        }
        assert_eq!(drift.ppm(), None);
    }

    /// Packets of a clock that is faster by `ppm`, with an additional delay for each (seconds).
    fn after(seconds: f64, ppm: f64, delay: impl Fn(u64) -> f64) -> Drift {
        let mut drift = Drift::new(SampleRate::HZ_48000);
        let period = 128.0 / 48_000.0 / (1.0 + ppm * 1e-6);
        for i in 0..(seconds / period) as u64 {
            let at = 10.0 + i as f64 * period + delay(i);
            drift.observe(
                i as i64 - 50,
                PERIOD,
                MonoTime::from_nanos((at * 1e9) as u64),
            );
        }
        drift
    }
}
