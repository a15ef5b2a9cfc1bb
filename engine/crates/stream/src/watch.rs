//! What is noticed of the path and of ourselves only to be told: no decision depends on it.

use std::time::Duration;

use farsend_units::MonoTime;

/// What was irregular, since the buffer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Irregular {
    /// Times that nothing came for at least 10 ms (and half a packet) beyond what was due, and then went on
    /// where it had stopped: the network stood, or the peer sent in a bunch.
    pub stalls: u64,
    /// How long these took, all together.
    pub stalled: Duration,
    /// How long the last one took.
    pub last_stall: Duration,
    /// Packets that came after one that was sent later.
    pub overtaken: u64,
    /// Local blocks that were played at least 3 ms (and a block) later than the one before asked for.
    pub late_blocks: u64,
    /// How late these were, all together.
    pub late_by: Duration,
}

/// Watches arrivals and blocks. Every call is a few operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch {
    counts: Irregular,
    /// The newest packet that came by itself, and when.
    newest: Option<(i64, MonoTime)>,
    /// When the next block is due.
    due: Option<MonoTime>,
    depth: Peak,
}

impl Watch {
    /// What was irregular so far.
    pub(crate) fn counts(&self) -> Irregular {
        self.counts
    }

    /// The greatest depth of the last quarter to half of a second, in frames.
    pub(crate) fn depth(&self) -> i64 {
        self.depth.before.max(self.depth.now)
    }

    /// Other numbers begin.
    pub(crate) fn restart(&mut self) {
        self.newest = None;
        self.depth = Peak::default();
    }

    /// Packet `n` came by itself, at `at`; packets are `period` long.
    pub(crate) fn arrived(&mut self, n: i64, at: MonoTime, period: Duration) {
        let Some((newest, before)) = self.newest else {
            self.newest = Some((n, at));
            return;
        };
        let Some(packets) = n.checked_sub(newest).filter(|packets| *packets > 0) else {
            self.counts.overtaken += 1;
            return;
        };
        self.newest = Some((n, at));
        // A gap as long as what is missing is loss.
        let packets = u32::try_from(packets).unwrap_or(u32::MAX);
        let late = at
            .since(before)
            .saturating_sub(period.saturating_mul(packets));
        if (STALL.max(period / 2)..BREAK).contains(&late) {
            self.counts.stalls += 1;
            self.counts.stalled = self.counts.stalled.saturating_add(late);
            self.counts.last_stall = late;
        }
    }

    /// A block as long as `block` is played at `now`, of a stream that is `depth` frames deep.
    pub(crate) fn played(&mut self, now: MonoTime, block: Duration, depth: i64) {
        let late = self.due.map_or(Duration::ZERO, |due| now.since(due));
        if (LATE.max(block)..BREAK).contains(&late) {
            self.counts.late_blocks += 1;
            self.counts.late_by = self.counts.late_by.saturating_add(late);
        }
        self.due = Some(now + block);
        self.depth.note(depth, now);
    }
}

/// The greatest of the time before and of the present one.
#[derive(Debug, Clone, Copy, Default)]
struct Peak {
    before: i64,
    now: i64,
    until: MonoTime,
}

impl Peak {
    fn note(&mut self, depth: i64, now: MonoTime) {
        if now >= self.until {
            (self.before, self.now, self.until) = (self.now, 0, now + LOOK);
        }
        self.now = self.now.max(depth);
    }
}

/// No packet for this long, beyond what was due, is a stall; ...
const STALL: Duration = Duration::from_millis(10);
/// ... and a block is late that is played this long after its time. What takes longer than `BREAK` is a break.
const LATE: Duration = Duration::from_millis(3);
const BREAK: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_micros(2667);

    #[test]
    fn a_stall_is_counted_once_and_with_its_length() {
        let mut watch = Watch::default();
        for n in 0..1000u32 {
            let stood = if (500..515).contains(&n) {
                PERIOD * (515 - n)
            } else {
                Duration::ZERO
            };
            watch.arrived(i64::from(n), START + PERIOD * n + stood, PERIOD);
        }
        let Irregular {
            stalls,
            stalled,
            last_stall,
            ..
        } = watch.counts();
        assert_eq!((stalls, stalled, last_stall), (1, PERIOD * 15, stalled));
    }

    #[test]
    fn a_burst_of_losses_is_no_stall_and_a_break_is_none_either() {
        let mut watch = Watch::default();
        for n in (0..100u32).chain(120..200) {
            watch.arrived(i64::from(n), START + PERIOD * n, PERIOD);
        }
        let later = START + Duration::from_secs(3);
        watch.arrived(200, later, PERIOD);
        assert_eq!(watch.counts(), Irregular::default());
    }

    #[test]
    fn overtaken_packets_are_counted() {
        let mut watch = Watch::default();
        for n in [0, 2, 1, 3, 6, 4, 5] {
            watch.arrived(n, START, PERIOD);
        }
        assert_eq!(watch.counts().overtaken, 3);
    }

    #[test]
    fn a_block_that_is_late_is_counted_and_those_after_it_are_not() {
        let mut watch = Watch::default();
        for n in 0..100u32 {
            let late = if n == 50 {
                Duration::from_millis(7)
            } else {
                Duration::from_micros(n.into())
            };
            watch.played(START + PERIOD * n + late, PERIOD, 128);
        }
        let Irregular {
            late_blocks,
            late_by,
            ..
        } = watch.counts();
        assert_eq!(late_blocks, 1);
        assert!(late_by.abs_diff(Duration::from_millis(7)) < Duration::from_micros(100));
    }

    #[test]
    fn the_depth_is_the_greatest_of_late() {
        let mut watch = Watch::default();
        for n in 0..400u32 {
            let depth = if n == 10 { 900 } else { 128 + i64::from(n % 4) };
            watch.played(START + PERIOD * n, PERIOD, depth);
            if n == 20 {
                assert_eq!(watch.depth(), 900);
            }
        }
        assert_eq!(watch.depth(), 131);
    }

    #[test]
    fn no_numbers_do_harm() {
        let mut watch = Watch::default();
        for i in 0..100u64 {
            let n = if i % 2 == 0 { i64::MIN } else { i64::MAX };
            let at = MonoTime::from_nanos(u64::MAX.wrapping_mul(i));
            watch.arrived(n, at, Duration::MAX);
            watch.played(at, Duration::MAX, n);
        }
    }

    const START: MonoTime = MonoTime::from_nanos(1_000_000_000);
}
