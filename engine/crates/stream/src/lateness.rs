//! How late packets come, and the reserve of time that is worth keeping for it.

use std::time::Duration;

use crate::contract::DepthPolicy;
use crate::prefetch::prefetch;

/// The lateness of the packets of the last half minute or so: a histogram whose past fades.
#[derive(Debug, Clone)]
pub(crate) struct Lateness {
    bins: Box<[f32]>,
    /// What of them did not come by itself; left alone as long as there is nothing of it.
    repaired: Box<[f32]>,
    has_repaired: bool,
    total: f32,
    /// What a packet weighs now; grows, so that older ones weigh less.
    weight: f32,
    growth: f32,
}

impl Lateness {
    /// Nothing seen; packets come `a_second` times a second.
    pub(crate) fn new() -> Self {
        Self {
            bins: vec![0.0; BINS].into_boxed_slice(),
            repaired: vec![0.0; BINS].into_boxed_slice(),
            has_repaired: false,
            total: 0.0,
            weight: 1.0,
            growth: 1.0,
        }
    }

    /// Forgets all; packets come so many times a second from now on.
    pub(crate) fn restart(&mut self, a_second: f64) {
        self.bins.fill(0.0);
        self.repaired.fill(0.0);
        self.has_repaired = false;
        self.total = 0.0;
        self.weight = 1.0;
        self.growth = (1.0 / (MEMORY_S * a_second.max(0.1))).exp() as f32;
    }

    /// Knows what the other knows.
    pub(crate) fn become_like(&mut self, other: &Self) {
        self.bins.copy_from_slice(&other.bins);
        if self.has_repaired || other.has_repaired {
            self.repaired.copy_from_slice(&other.repaired);
            self.has_repaired = other.has_repaired;
        }
        (self.total, self.weight, self.growth) = (other.total, other.weight, other.growth);
    }

    /// Has the memory brought near for a packet that is hardly late.
    pub(crate) fn prefetch(&self) {
        prefetch(&self.bins[..32]);
    }

    /// A packet came this many seconds later than the earliest ones do.
    pub(crate) fn note(&mut self, seconds: f64) {
        self.note_part(seconds, 1.0);
    }

    /// A packet that was lost has come again, so much later than the earliest ones do; it counts for so many packets.
    pub(crate) fn note_repaired(&mut self, seconds: f64, packets: f32) {
        self.has_repaired = true;
        self.repaired[bin_of(seconds)] += self.weight * packets;
        self.note_part(seconds, packets);
    }

    /// The same, but it counts only for a part of a packet.
    pub(crate) fn note_part(&mut self, seconds: f64, part: f32) {
        let weight = self.weight * part;
        self.bins[bin_of(seconds)] += weight;
        self.total += weight;
        self.weight *= self.growth;
        if self.weight > HEAVY {
            let all = self.bins.iter_mut().chain(&mut self.repaired);
            all.for_each(|bin| *bin /= HEAVY);
            self.total /= HEAVY;
            self.weight /= HEAVY;
        }
    }

    /// Seconds that all but this share of the packets come within, repaired ones among them; 0 before the first.
    fn all_but(&self, share: f64) -> f64 {
        beyond(self.total * share as f32, self.bins.iter().copied())
    }

    /// The same of those that came by themselves: what the path does to what it does not lose.
    pub(crate) fn all_but_by_themselves(&self, share: f64) -> f64 {
        if !self.has_repaired {
            return self.all_but(share);
        }
        let pairs = self.bins.iter().zip(&self.repaired);
        // What was added and what was taken away are rounded.
        let own = pairs.map(|(all, repaired)| (all - repaired).max(0.0));
        let total: f32 = own.clone().sum();
        beyond(total * share as f32, own)
    }

    /// Seconds of delay that are worth spending on lateness.
    ///
    /// Without a target: where the next millisecond of delay costs more than what it would save. The first is worth
    /// [`WORTH`] of all packets, later ones more and more: nobody plays together over half a second. What is `kept`
    /// already is worth keeping while nothing costs much less: what is seen varies by chance, and each change is heard.
    pub(crate) fn worth(&self, policy: DepthPolicy, kept: f64) -> f64 {
        let DepthPolicy::Auto {
            latency_target,
            dry_target,
        } = policy
        else {
            return 0.0;
        };
        let wanted = dry_target.map_or_else(|| self.cheapest(kept), |share| self.all_but(share));
        wanted.min(latency_target.unwrap_or(LONGEST).as_secs_f64())
    }

    fn cheapest(&self, kept: f64) -> f64 {
        let total = self.total.max(f32::MIN_POSITIVE);
        let (mut beyond, mut best, mut cost) = (0.0f32, 0.0, f64::MAX);
        let mut cost_of_kept = None;
        for (bin, weight) in self.bins.iter().enumerate().rev() {
            let edge = upper_edge(bin);
            let here = f64::from(beyond / total) + cost_of(edge);
            if here < cost {
                (best, cost) = (edge, here);
            }
            if edge <= kept {
                cost_of_kept.get_or_insert(here);
            }
            beyond += weight;
        }
        let nothing = f64::from(beyond / total);
        if nothing <= cost {
            (best, cost) = (0.0, nothing);
        }
        match cost_of_kept {
            Some(here) if here <= cost * (1.0 + CHANCE) => kept,
            _ => best,
        }
    }
}

/// Where the bins behind weigh no more than this.
fn beyond(allowed: f32, bins: impl DoubleEndedIterator<Item = f32> + ExactSizeIterator) -> f64 {
    let mut sum = 0.0;
    for (bin, weight) in bins.enumerate().rev() {
        sum += weight;
        if sum > allowed {
            return upper_edge(bin);
        }
    }
    0.0
}

/// What so many seconds of delay are worth, as a share of all packets.
fn cost_of(seconds: f64) -> f64 {
    let much = seconds / MUCH_S;
    seconds * 1e3 * WORTH * (1.0 + much * much)
}

fn bin_of(seconds: f64) -> usize {
    if seconds.is_nan() || seconds <= 0.0 {
        return 0;
    }
    let mut first = 0;
    let mut from = 0.0;
    for (count, width) in SCALE {
        let to = from + width * count as f64;
        if seconds < to {
            return first + (((seconds - from) / width) as usize).min(count - 1);
        }
        (first, from) = (first + count, to);
    }
    BINS - 1
}

fn upper_edge(bin: usize) -> f64 {
    let (mut first, mut from) = (0, 0.0);
    for (count, width) in SCALE {
        if bin < first + count {
            return from + width * (bin - first + 1) as f64;
        }
        (first, from) = (first + count, from + width * count as f64);
    }
    from
}

/// How many bins of which width (seconds): fine where periods are short, coarse up to half a second.
const SCALE: [(usize, f64); 4] = [(32, 62.5e-6), (56, 250e-6), (64, 1e-3), (53, 8e-3)];
const BINS: usize = 32 + 56 + 64 + 53;
/// After so many seconds a packet weighs a third.
const MEMORY_S: f64 = 25.0;
const HEAVY: f32 = 1e6;
/// The share of packets that a first millisecond of delay is worth; at `MUCH_S` seconds it is four times that (its slope).
const WORTH: f64 = 1e-4;
const MUCH_S: f64 = 0.015;
/// What is cheaper by less than this part may be so by chance.
const CHANCE: f64 = 0.2;
/// No reserve is longer.
const LONGEST: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    const AUTO: DepthPolicy = DepthPolicy::Auto {
        latency_target: None,
        dry_target: None,
    };

    #[test]
    fn every_lateness_is_within_its_bin() {
        for ms in [
            0.0, 0.01, 0.0625, 1.0, 1.99, 2.0, 15.9, 16.0, 79.0, 80.1, 400.0,
        ] {
            let bin = bin_of(ms * 1e-3);
            assert!(upper_edge(bin) > ms * 1e-3, "{ms}");
            assert!(bin == 0 || upper_edge(bin - 1) <= ms * 1e-3 + 1e-12, "{ms}");
        }
        assert_eq!(bin_of(9e9), BINS - 1);
        assert_eq!(bin_of(f64::NAN), 0);
    }

    #[test]
    fn on_a_clean_path_nothing_is_kept() {
        assert!(seen(|_| 0.0).worth(AUTO, 0.0) < 1e-4);
    }

    #[test]
    fn what_came_again_is_not_how_late_packets_come_by_themselves() {
        let mut seen = Lateness::new();
        seen.restart(375.0);
        for i in 0..20_000 {
            if i % 30 == 0 {
                seen.note_repaired(0.03, 2.0);
            } else {
                seen.note(0.001);
            }
        }
        let at_most = |seconds: f64, most: f64| assert!(seconds <= most, "{seconds}");
        at_most(seen.all_but_by_themselves(0.001), 0.0011);
        at_most(seen.all_but_by_themselves(0.5), 0.0011);
        // The depth allows for them all the same.
        assert!(seen.all_but(0.001) > 0.029);
        assert!(seen.worth(AUTO, 0.0) > 0.029);
        assert_eq!(Lateness::new().all_but_by_themselves(0.5), 0.0);
    }

    #[test]
    fn jitter_of_a_millisecond_is_worth_some_and_rare_long_stalls_are_not() {
        let jitter = |i: u64| -(1.0 - (i * 7919 % 10_007) as f64 / 10_007.0).ln() * 1e-3;
        let kept = seen(jitter).worth(AUTO, 0.0);
        assert!((6e-3..10e-3).contains(&kept), "{kept}");
        // 25 ms every 5 s are worth it, 40 ms twice a minute are not.
        let stalls = |every: u64, packets: u64| {
            seen(move |i| {
                let left = packets.saturating_sub(i % every);
                left as f64 * 128.0 / 48_000.0
            })
            .worth(AUTO, 0.0)
        };
        assert!(stalls(1875, 10) > 8e-3, "{}", stalls(1875, 10));
        assert!(stalls(11_250, 15) < 5e-3, "{}", stalls(11_250, 15));
        assert!(
            stalls(3750, 75) < 8e-3,
            "200 ms every 10 s: {}",
            stalls(3750, 75)
        );
    }

    #[test]
    fn what_is_kept_stays_while_it_costs_little_more_and_goes_where_it_costs_much_more() {
        // What comes late comes 4, 8 or 12 ms late.
        let seen = |share: u64| {
            seen(move |i| {
                if i % 100 < share {
                    4e-3 * (1 + i % 3) as f64
                } else {
                    0.0
                }
            })
        };
        let best = seen(3).worth(AUTO, 0.0);
        let near = seen(3).worth(AUTO, best * 1.05);
        assert!((near - best * 1.05).abs() < 1e-9, "{best} {near}");
        assert_eq!(seen(3).worth(AUTO, best * 3.0), best);
        assert_eq!(seen(3).worth(AUTO, best * 0.2), best);
        assert!(seen(0).worth(AUTO, best) < 1e-4);
    }

    #[test]
    fn targets_bound_it() {
        let jitter = seen(|i| (i % 100) as f64 * 1e-4);
        let with = |latency_target, dry_target| {
            jitter.worth(
                DepthPolicy::Auto {
                    latency_target,
                    dry_target,
                },
                0.0,
            )
        };
        assert!(with(Some(Duration::from_millis(3)), None) <= 3e-3);
        let half = with(None, Some(0.5));
        assert!((4.5e-3..5.5e-3).contains(&half), "{half}");
        assert_eq!(jitter.worth(DepthPolicy::Fixed(4), 0.0), 0.0);
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let bad_before = seen(|i| if i < 3750 { 0.02 } else { 0.0 });
        assert!(bad_before.worth(AUTO, 0.0) > 0.01);
        let long_before = seen_for(150_000, |i| if i < 3750 { 0.02 } else { 0.0 });
        assert!(long_before.worth(AUTO, 0.0) < 1e-3);
    }

    fn seen(lateness: impl Fn(u64) -> f64) -> Lateness {
        seen_for(20_000, lateness)
    }

    fn seen_for(packets: u64, lateness: impl Fn(u64) -> f64) -> Lateness {
        let mut seen = Lateness::new();
        seen.restart(375.0);
        (0..packets).for_each(|i| seen.note(lateness(i)));
        seen
    }
}
