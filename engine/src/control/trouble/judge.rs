//! What it takes for something to be wrong.

use std::time::Duration;

use farsend_stream::DepthPolicy;

use super::{Cost, Cure, Facts, Kind, Set, Trouble, Whose, clipped};

/// Judges facts, of which one kind of trouble may be known.
pub(super) struct Judge<'a> {
    pub(super) facts: &'a Facts,
    pub(super) known: Option<Kind>,
}

impl Judge<'_> {
    /// Whether there is as much of something as it takes, or half as much of what is known already.
    fn is(&self, kind: Kind, much: f64, limit: f64) -> bool {
        much >= if self.known == Some(kind) {
            limit / 2.0
        } else {
            limit
        }
    }

    /// One is enough: chance makes none.
    pub(super) fn nonsense(&self) -> Option<Trouble> {
        (self.facts.minute.buffer.nonsense > 0).then_some(Trouble::Nonsense)
    }

    pub(super) fn late_here(&self) -> Option<Trouble> {
        let minute = &self.facts.minute;
        let late = minute.irregular.late_blocks;
        let times = late.max(minute.xruns);
        let by = minute.irregular.late_by.checked_div(clipped(late));
        let enough = if minute.length < KNOWN_WELL_AFTER {
            10.0
        } else {
            4.0
        };
        // Not while it is the lesser evil by far.
        let matters = times.saturating_mul(50) >= minute.buffer.lost;
        (matters && self.is(Kind::LateHere, times as f64, enough)).then(|| Trouble::LateHere {
            times: minute.rate(times),
            by,
            caller: self.facts.caller,
        })
    }

    pub(super) fn loss(&self) -> Option<Trouble> {
        let Facts {
            minute,
            redundancy,
            farsend,
            repairs,
            hub,
            ..
        } = *self.facts;
        let percent = minute.percent(minute.buffer.lost);
        if !self.is(Kind::Loss, percent, 0.2) || minute.buffer.lost < 5 {
            return None;
        }
        let cure = match (farsend, repairs) {
            _ if redundancy > 1 => Cure::Copies(redundancy),
            (_, true) => Cure::Repaired {
                percent: minute.percent(minute.buffer.repaired),
            },
            (true, false) => Cure::RepairIsOff,
            (false, _) if hub => Cure::NoneOfHub,
            (false, _) => Cure::None,
        };
        Some(Trouble::Loss { percent, cure })
    }

    /// The time between bunches is nearly all the time that there is.
    pub(super) fn bunches(&self) -> Option<Trouble> {
        let minute = &self.facts.minute;
        let (stalls, stalled) = (minute.irregular.stalls, minute.irregular.stalled);
        let share = stalled.as_secs_f64() / minute.length.as_secs_f64().max(1.0);
        let length = stalled.checked_div(clipped(stalls))? + self.facts.packet;
        (self.is(Kind::Bunches, share, 0.5) && minute.rate(stalls) > FREQUENT)
            .then_some(Trouble::Bunches { length })
    }

    pub(super) fn stalls(&self) -> Option<Trouble> {
        let Facts {
            minute,
            packet,
            reserve,
            target,
            wireless,
            ..
        } = *self.facts;
        let stalls = minute.irregular.stalls;
        let length = minute.irregular.stalled.checked_div(clipped(stalls))?;
        // Few in a short time say little of how many there are in a long one.
        let enough = if minute.length < KNOWN_WELL_AFTER {
            5.0
        } else {
            2.0
        };
        if !self.is(Kind::Stalls, stalls as f64, enough) || minute.rate(stalls) > FREQUENT {
            return None;
        }
        let longest = minute.longest_stall.max(length);
        let cost = if longest > reserve + packet {
            let queue = packets(longest, packet) + 1;
            let delay = longest + target.saturating_sub(reserve);
            Cost::Gaps { delay, queue }
        } else if self.is(Kind::Stalls, reserve.as_secs_f64(), 15e-3) {
            Cost::Delay(target)
        } else {
            return None;
        };
        Some(Trouble::Stalls {
            length,
            longest,
            times: stalls,
            within: minute.length,
            wireless,
            cost,
        })
    }

    pub(super) fn too_short(&self) -> Option<Trouble> {
        let Facts {
            minute,
            packet,
            reserve,
            jitter,
            depth,
            ..
        } = *self.facts;
        let late = minute.buffer.late;
        let percent = minute.percent(late);
        if !self.is(Kind::TooShort, percent, 0.2) || late < 5 {
            return None;
        }
        let beyond = jitter.nearly_all.max(reserve + packet);
        let (set, enough) = match depth {
            DepthPolicy::Fixed(queue) => (
                Set::Queue(queue.into(), packet),
                Set::Queue(
                    (packets(beyond, packet) + 1).max(u64::from(queue) + 1),
                    packet,
                ),
            ),
            DepthPolicy::Auto {
                latency_target: Some(set),
                ..
            } if reserve + MARGIN >= set => (
                Set::Target(set),
                Set::Target(jitter.nearly_all.max(set + MARGIN)),
            ),
            DepthPolicy::Auto { .. } => return None,
        };
        Some(Trouble::TooShort {
            percent,
            set,
            enough,
        })
    }

    pub(super) fn jitter(&self) -> Option<Trouble> {
        let Facts {
            minute,
            target,
            reserve,
            jitter,
            ..
        } = *self.facts;
        let percent = minute.percent(minute.buffer.late);
        (self.is(Kind::Jitter, reserve.as_secs_f64(), 20e-3)
            && self.is(Kind::Jitter, jitter.nearly_all.as_secs_f64(), 15e-3)
            || self.is(Kind::Jitter, percent, 1.0))
        .then_some(Trouble::Jitter {
            spread: jitter.nearly_all,
            target,
            percent,
        })
    }

    pub(super) fn clock(&self) -> Option<Trouble> {
        let drift = self.facts.drift_ppm?;
        let own = self.facts.own_drift_ppm.unwrap_or(0.0);
        // Ours slow looks like theirs fast.
        let (ppm, whose) = if own.abs() > (drift + own).abs() {
            (own, Whose::Ours)
        } else {
            (drift + own, Whose::Theirs)
        };
        // A margin smaller than half: this one does not come and go.
        let limit = if self.known == Some(Kind::Clock) {
            250.0
        } else {
            300.0
        };
        (drift.abs() >= limit && ppm.abs() >= limit / 2.0).then_some(Trouble::Clock { ppm, whose })
    }

    pub(super) fn overtaking(&self) -> Option<Trouble> {
        let Facts {
            minute,
            target,
            reserve,
            ..
        } = *self.facts;
        let percent = minute.percent(minute.irregular.overtaken);
        (self.is(Kind::Overtaking, percent, 1.0) && reserve > MARGIN)
            .then_some(Trouble::Overtaking { percent, target })
    }
}

fn packets(time: Duration, packet: Duration) -> u64 {
    let packets = time.as_nanos().div_ceil(packet.as_nanos().max(1));
    u64::try_from(packets).unwrap_or(u64::MAX).min(1000)
}

/// From so much on what was seen is taken for what is usual.
const KNOWN_WELL_AFTER: Duration = Duration::from_secs(30);
/// More often than this a minute it is not a stall but how this path, or this peer, is.
const FREQUENT: f64 = 120.0;
const MARGIN: Duration = Duration::from_millis(1);
