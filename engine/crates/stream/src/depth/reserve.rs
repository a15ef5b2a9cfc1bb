//! For how much lateness of the packets the depth allows.
//!
//! A queue of q is a reserve of q - 1 packets. The automatic one is what the lateness that was seen is worth, a little
//! more while a path is new, and one packet more while packets are lost: a gap is hidden better
//! from both sides. It rises at once, and falls late and slowly.

use crate::contract::DepthPolicy;
use crate::lateness::Lateness;

/// The reserve of one stream, in seconds. Times are seconds played.
#[derive(Debug, Clone)]
pub(super) struct Reserve {
    policy: DepthPolicy,
    /// Seconds a packet.
    period: f64,
    lateness: Lateness,
    /// What that was found to be worth.
    worth: f64,
    loss: Loss,
    seconds: f64,
    /// As it was some tenths of a second ago, and some more.
    before: [Before; 2],
    noted: f64,
    renewed: f64,
    /// The most that was wanted in these seconds and in those before, and when these began.
    peaks: [f64; 2],
    peaks_since: f64,
    known_for: f64,
}

impl Reserve {
    /// Of a stream of which nothing came yet.
    pub(super) fn new(policy: DepthPolicy) -> Self {
        Self {
            policy,
            period: 1.0,
            lateness: Lateness::new(),
            worth: 0.0,
            loss: Loss::default(),
            seconds: 0.0,
            before: [Before::new(), Before::new()],
            noted: 0.0,
            renewed: 0.0,
            peaks: [0.0; 2],
            peaks_since: 0.0,
            known_for: 0.0,
        }
    }

    /// Packets of so many seconds from now on. What the path is like is seen anew.
    pub(super) fn set_period(&mut self, period: f64) {
        self.period = period;
        self.known_for = 0.0;
        self.loss = Loss::default();
        self.lateness.restart(1.0 / period);
        self.worth = 0.0;
        for before in &mut self.before {
            before.lateness.restart(1.0 / period);
            (before.worth, before.seconds) = (0.0, 0.0);
        }
    }

    /// What was late in the last moments was so by an old line, which was moved by so many seconds: it counts as a
    /// part of a late packet, as there was a break anyway. Once in a while that is not worth any delay; again and again it is.
    pub(super) fn go_back(&mut self, moved: f64) {
        let [_, before] = &self.before;
        self.lateness.become_like(&before.lateness);
        self.worth = before.worth;
        self.seconds = before.seconds;
        self.peaks = [before.seconds; 2];
        if moved > 0.0 {
            self.lateness.note_part(moved, A_MOVE_COUNTS);
        }
    }

    /// Has the memory for the next packet brought near.
    pub(super) fn prefetch(&self) {
        self.lateness.prefetch();
    }

    /// A packet came so many seconds later than the earliest ones do; `repaired`: not by itself.
    ///
    /// One that was lost and sent again counts as two that are late: losses go on, and what was paid for in bytes is to be heard.
    pub(super) fn note(&mut self, lateness: f64, repaired: bool) {
        if repaired {
            self.lateness.note_repaired(lateness, A_REPAIR_COUNTS);
        } else {
            self.lateness.note(lateness);
        }
    }

    /// So many packets came so far, and so many were lost for good. Those of the first seconds do not count either.
    pub(super) fn count(&mut self, came: u64, lost: u64) {
        self.loss.count(came, lost);
        if self.known_for < REPAIRED_BY_S {
            self.loss.pass_over();
        }
    }

    /// A block of so many seconds is played.
    pub(super) fn pass(&mut self, seconds: f64) {
        self.known_for += seconds;
    }

    /// Another policy from the next [`renew`](Self::renew) on; what is known of the path stays.
    pub(super) fn set_policy(&mut self, policy: DepthPolicy) {
        self.policy = policy;
    }

    pub(super) fn policy(&self) -> DepthPolicy {
        self.policy
    }

    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.policy, DepthPolicy::Fixed(_))
    }

    pub(super) fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Seconds within which these shares of the packets came, of those of the last half minute that came by themselves.
    pub(super) fn quantiles(&self) -> [f64; 3] {
        [0.5, 0.05, 0.001].map(|beyond| self.lateness.all_but_by_themselves(beyond))
    }

    /// Whether a tenth of a second has passed since [`renew`](Self::renew).
    pub(super) fn is_due(&self, now: f64) -> bool {
        !(self.renewed..self.renewed + RENEWED_S).contains(&now)
    }

    /// Finds out how much is wanted, `most` at the most; without `lingering` that is what it becomes at once. True
    /// if it has changed.
    pub(super) fn renew(&mut self, now: f64, lingering: bool, most: f64) -> bool {
        self.renewed = now;
        if !(self.noted..self.noted + NOTED_S).contains(&now) {
            self.noted = now;
            self.before.swap(0, 1);
            self.before[0].lateness.become_like(&self.lateness);
            self.before[0].worth = self.worth;
            self.before[0].seconds = self.seconds;
        }
        let wanted = self.wanted();
        let next = if lingering && !self.is_fixed() {
            self.linger(wanted, now)
        } else {
            self.peaks = [wanted; 2];
            wanted
        };
        let next = next.min(most.max(0.0));
        let changed = (next - self.seconds).abs() > 1e-9;
        self.seconds = next;
        changed
    }

    fn wanted(&mut self) -> f64 {
        match self.policy {
            DepthPolicy::Fixed(queue) => (f64::from(queue.max(1)) - 1.0) * self.period,
            DepthPolicy::Auto { latency_target, .. } => {
                self.worth = self.lateness.worth(self.policy, self.worth);
                // Of a path that is new little is known.
                let least = if self.known_for < NEW_S {
                    LEAST_NEW
                } else {
                    LEAST
                };
                let both_sides = if self.loss.renew() { self.period } else { 0.0 };
                let most = latency_target.map_or(f64::MAX, |most| most.as_secs_f64());
                (self.worth + least + both_sides).min(most)
            }
        }
    }

    /// Late and slowly down: what was needed a moment ago may be needed again, and each change is heard by somebody.
    fn linger(&mut self, wanted: f64, now: f64) -> f64 {
        if !(0.0..LINGER_S).contains(&(now - self.peaks_since)) {
            self.peaks = [0.0, self.peaks[0]];
            self.peaks_since = now;
        }
        self.peaks[0] = self.peaks[0].max(wanted);
        let peak = self.peaks[0].max(self.peaks[1]);
        peak.max(self.seconds - SHRINK)
    }
}

/// What was known.
#[derive(Debug, Clone)]
struct Before {
    lateness: Lateness,
    worth: f64,
    seconds: f64,
}

impl Before {
    fn new() -> Self {
        Self {
            lateness: Lateness::new(),
            worth: 0.0,
            seconds: 0.0,
        }
    }
}

/// Whether packets are lost.
#[derive(Debug, Clone, Copy, Default)]
struct Loss {
    /// All so far, and what of it is reckoned with: came, lost.
    counted: [u64; 2],
    seen: [u64; 2],
    /// The same of the last seconds.
    recent: [f64; 2],
    lossy: bool,
}

impl Loss {
    fn count(&mut self, came: u64, lost: u64) {
        self.counted = [came, lost];
    }

    /// What was counted so far is not reckoned with.
    fn pass_over(&mut self) {
        self.seen = self.counted;
    }

    /// To be called ten times a second.
    fn renew(&mut self) -> bool {
        for (recent, (counted, seen)) in self
            .recent
            .iter_mut()
            .zip(self.counted.iter().zip(&self.seen))
        {
            // What was lost and came after all, as what is repaired, is taken back.
            let more = counted.wrapping_sub(*seen) as i64 as f64;
            *recent = (*recent * FADES + more).max(0.0);
        }
        self.seen = self.counted;
        let [came, lost] = self.recent;
        let much = if self.lossy { MUCH / 2.0 } else { MUCH };
        // One or two are no habit.
        self.lossy = lost > much * (came + lost) && lost > 3.0;
        self.lossy
    }
}

const RENEWED_S: f64 = 0.1;
/// What a move of the line counts for, in late packets.
const A_MOVE_COUNTS: f32 = 0.3;
/// As how many late packets a repaired one counts.
const A_REPAIR_COUNTS: f32 = 2.0;
/// Seconds after which what is known is noted: longer than it takes to see that a line has moved.
const NOTED_S: f64 = 0.4;
/// Seconds for which a path is new, and what is kept in reserve then and later, at the least.
const NEW_S: f64 = 10.0;
/// Seconds within which a peer that repairs has begun with it.
const REPAIRED_BY_S: f64 = 4.0;
const LEAST_NEW: f64 = 1e-3;
const LEAST: f64 = 200e-6;
/// Seconds for which (and for up to as long again) a reserve is kept that is not wanted any more.
const LINGER_S: f64 = 4.0;
/// Seconds by which the reserve shrinks in a tenth of a second, at most.
const SHRINK: f64 = 0.5e-3;
/// The share of lost packets that is worth a packet of delay.
const MUCH: f64 = 0.005;
/// What is left of a count after a tenth of a second: it fades within some seconds.
const FADES: f64 = 0.985;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_now_and_then_is_nothing_and_one_percent_is_worth_a_packet_until_it_ends() {
        let mut reserve = Reserve::new(DepthPolicy::AUTO);
        reserve.set_period(1.0 / 375.0);
        let mut now = 0.0;
        let (mut came, mut lost) = (0, 0);
        let mut run = |reserve: &mut Reserve, seconds: u64, every: u64| {
            for _ in 0..seconds * 375 {
                came += 1;
                lost += u64::from(came % every == 0);
                now += 1.0 / 375.0;
                reserve.note(0.0, false);
                reserve.pass(1.0 / 375.0);
                reserve.count(came, lost);
                if reserve.is_due(now) {
                    reserve.renew(now, true, 1.0);
                }
            }
            reserve.seconds()
        };
        let rare = run(&mut reserve, 60, 1000);
        assert!(rare < 0.5e-3, "{rare}");
        let lossy = run(&mut reserve, 10, 100);
        assert!((lossy - rare - 1.0 / 375.0).abs() < 1e-6, "{lossy}");
        let over = run(&mut reserve, 60, u64::MAX);
        assert!((over - rare).abs() < 1e-6, "{over}");
    }
}
