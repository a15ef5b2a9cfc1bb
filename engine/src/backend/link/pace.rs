//! How a host calls: as regularly as a sound card, or faster than real time.

use std::time::Duration;

use farsend_ipc::segment::HostCall;
use farsend_units::{Frames, MonoTime, SampleRate};

/// Whether the host's calls come as regularly as those of a sound card, and when the next one is due.
#[derive(Debug)]
pub(super) struct HostBeat {
    rate: SampleRate,
    last: HostCall,
    in_time: u8,
}

impl HostBeat {
    /// Of a host that has not called yet.
    pub(super) fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            last: HostCall::default(),
            in_time: 0,
        }
    }

    /// Takes in the newest call. One that was missed, is of another size or out of time starts the count anew.
    pub(super) fn note(&mut self, call: &HostCall) {
        let last = std::mem::replace(&mut self.last, *call);
        let off = call
            .at
            .since(last.at)
            .abs_diff(last.block.duration(self.rate));
        let follows = call.number == last.number.wrapping_add(1) && call.block == last.block;
        self.in_time = if follows && off < IN_TIME {
            self.in_time.saturating_add(1)
        } else {
            0
        };
    }

    /// When the next call should have been made, if the calls so far tell.
    pub(super) fn next_call(&self) -> Option<MonoTime> {
        (self.in_time >= REGULAR)
            .then(|| self.last.at + self.last.block.duration(self.rate) + LEEWAY)
    }
}

/// Tells a host that renders faster than real time: what is beyond real time is not for the network.
#[derive(Debug)]
pub(super) struct Pace {
    rate: SampleRate,
    allowance: f64,
    since: MonoTime,
}

impl Pace {
    /// Of a host at this rate.
    pub(super) fn new(rate: SampleRate, now: MonoTime) -> Self {
        Self {
            rate,
            allowance: BURST_S * f64::from(rate.0),
            since: now,
        }
    }

    /// How many of `frames` may be sent.
    pub(super) fn allow(&mut self, now: MonoTime, frames: Frames) -> Frames {
        let rate = f64::from(self.rate.0);
        let earned = now.since(self.since).as_secs_f64() * rate * FASTEST;
        self.since = now;
        self.allowance = (self.allowance + earned).min(BURST_S * rate);
        let allowed = frames.min(Frames(self.allowance as u32));
        self.allowance -= f64::from(allowed.0);
        allowed
    }
}

/// How far a call may be from its time, ...
const IN_TIME: Duration = Duration::from_micros(250);

/// ... for so many calls in a row, until they are relied on; ...
const REGULAR: u8 = 16;

/// ... and how long after its time the next one is looked for.
const LEEWAY: Duration = Duration::from_micros(150);

/// A host may be this much faster than its nominal rate, ...
const FASTEST: f64 = 1.05;

/// ... and this many seconds ahead of it, at a start or after a stall.
const BURST_S: f64 = 0.5;

#[cfg(test)]
mod tests {
    use super::*;

    fn call(number: u64, at_us: u64, block: u32) -> HostCall {
        HostCall {
            number,
            at: MonoTime::from_nanos(at_us * 1000),
            block: Frames(block),
            position: 0,
        }
    }

    /// A host of 128 frames at 48 kHz that has called in time for long.
    fn regular() -> HostBeat {
        let mut beat = HostBeat::new(SampleRate::HZ_48000);
        (1..=20).for_each(|n| beat.note(&call(n, n * 2667, 128)));
        beat
    }

    #[test]
    fn a_regular_host_is_awaited_shortly_after_its_next_call() {
        let due = regular().next_call().expect("it was in time 20 times");
        let expected = MonoTime::from_nanos((21 * 2667 + 150) * 1000);
        assert!(due.since(expected).max(expected.since(due)) < Duration::from_micros(2));
        assert_eq!(HostBeat::new(SampleRate::HZ_48000).next_call(), None);
    }

    #[test]
    fn a_host_that_is_late_or_skips_or_changes_its_block_is_not_relied_on() {
        for odd in [
            call(21, 21 * 2667 + 400, 128),
            call(22, 22 * 2667, 128),
            call(21, 21 * 2667, 64),
        ] {
            let mut beat = regular();
            beat.note(&odd);
            assert_eq!(beat.next_call(), None, "{odd:?}");
        }
    }

    #[test]
    fn what_is_beyond_real_time_is_not_allowed_out() {
        let start = MonoTime::from_nanos(0);
        let mut pace = Pace::new(SampleRate::HZ_48000, start);
        assert_eq!(
            pace.allow(start, Frames(20_000)),
            Frames(20_000),
            "a burst may be"
        );
        assert_eq!(pace.allow(start, Frames(20_000)), Frames(4_000));
        let later = start + Duration::from_millis(100);
        assert_eq!(pace.allow(later, Frames(20_000)), Frames(5_040));
    }
}
