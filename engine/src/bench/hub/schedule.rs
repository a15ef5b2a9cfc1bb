//! When which player sends: all of them once a period, spread over it, so that they do not come to the hub in one burst.

use std::time::Duration;

use farsend_units::{Frames, MonoTime, SampleRate};

/// A period in equal slots. The n-th slot since the start begins at `start + n * period / slots`, without drift.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    start: MonoTime,
    rate: SampleRate,
    period: Frames,
    slots: u32,
}

impl Schedule {
    /// Begins at `start`. A slot is as short as a thread can sensibly be woken for, or the period.
    pub(super) fn new(start: MonoTime, rate: SampleRate, period: Frames) -> Self {
        let slots = period.duration(rate).as_nanos() / SHORTEST_SLOT.as_nanos();
        Self {
            start,
            rate,
            period,
            slots: slots.clamp(1, MOST_SLOTS) as u32,
        }
    }

    /// Slots in a period.
    pub(super) fn slots(&self) -> u32 {
        self.slots
    }

    /// The slot of player `index`: those of any few players in a row lie far apart.
    pub(super) fn slot_of(&self, index: u32) -> u32 {
        // The fraction of a multiple of the golden ratio, in 32 bits.
        let place = index.wrapping_mul(GOLDEN);
        ((u64::from(place) * u64::from(self.slots)) >> 32) as u32
    }

    /// When slot `count` since the start begins.
    pub(super) fn due(&self, count: u64) -> MonoTime {
        let frames = u128::from(count) * u128::from(self.period.0) * 1_000_000_000;
        let nanos = frames / (u128::from(self.rate.0.max(1)) * u128::from(self.slots));
        self.start + Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// Everything later by `pause`, after a stop of the whole machine.
    pub(super) fn put_off(&mut self, pause: Duration) {
        self.start = self.start + pause;
    }

    /// The length of a period.
    pub(super) fn period(&self) -> Duration {
        self.period.duration(self.rate)
    }
}

/// A wake-up costs some ten microseconds; more of them were 8 % of what 400 players cost.
const SHORTEST_SLOT: Duration = Duration::from_micros(250);

const MOST_SLOTS: u128 = 64;

/// 2^32 over the golden ratio.
const GOLDEN: u32 = 2_654_435_769;

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule::new(MonoTime::default(), SampleRate::HZ_48000, Frames(128))
    }

    #[test]
    fn after_an_hour_the_slots_are_where_they_should_be() {
        let schedule = schedule();
        let an_hour = 3600 * 375 * u64::from(schedule.slots());
        assert_eq!(schedule.due(an_hour).as_nanos(), 3_600_000_000_000);
    }

    #[test]
    fn any_number_of_players_is_spread_evenly() {
        let schedule = schedule();
        assert_eq!(schedule.slots(), 10);
        for players in [10, 100, 500] {
            let mut filled = [0_u32; 10];
            (0..players).for_each(|index| filled[schedule.slot_of(index) as usize] += 1);
            let even = players / 10;
            assert!(
                filled
                    .iter()
                    .all(|&slot| slot.abs_diff(even) <= even.max(2)),
                "{players}: {filled:?}"
            );
        }
    }
}
