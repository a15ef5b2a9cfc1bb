//! How much a sender spends on repair.

use std::time::Duration;

use farsend_units::MonoTime;
use farsend_wire::jacktrip::Reception;

/// Follows what the peer says of its reception, and says how often a parity is due.
///
/// Where the peer can ask again in time, none is, but with heavy loss: that costs least. Else it goes up with the
/// loss within seconds, and down slowly.
#[derive(Debug, Default)]
pub struct Policy {
    before: Option<Reception>,
    /// The last word of the peer.
    heard: Option<MonoTime>,
    /// The share lost, 0 to 1: what is more counts for half in [`RISE`], what is less in [`FALL`].
    loss: f32,
    /// The step that is taken.
    step: usize,
    near: bool,
}

/// What a [`Policy`] is told of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    /// There and back, if that is known.
    pub round_trip: Option<Duration>,
    /// How long one of our packets is.
    pub packet: Duration,
}

impl Policy {
    /// Nothing is known of the peer.
    pub const fn new() -> Self {
        Self {
            before: None,
            heard: None,
            loss: 0.0,
            step: 0,
            near: true,
        }
    }

    /// The peer says how our audio has come. Of any counts, the worst that comes is the dearest step.
    pub fn handle_reception(&mut self, at: MonoTime, reception: Reception) {
        let Some(before) = self.before else {
            self.before = Some(reception);
            self.heard = Some(at);
            return;
        };
        let due = reception.due.wrapping_sub(before.due);
        if due > i32::MAX as u32 {
            self.before = Some(reception); // an older one, overtaken, or the counts of another run
            return;
        }
        if due < ENOUGH {
            return;
        }
        let lost = reception.lost.wrapping_sub(before.lost).min(due);
        let share = lost as f32 / due as f32;
        let passed = self.heard.map_or(Duration::ZERO, |heard| at.since(heard));
        let pace = if share > self.loss { RISE } else { FALL };
        let stays = (-passed.as_secs_f32() / pace.as_secs_f32()).exp2();
        self.loss = share + (self.loss - share) * stays;
        if self.loss < NOTHING {
            self.loss = 0.0;
        }
        self.before = Some(reception);
        self.heard = Some(at);
        let up = STEPS
            .iter()
            .rposition(|step| self.loss >= step.from)
            .unwrap_or(0);
        // Down only when it is well below.
        let down = STEPS
            .iter()
            .rposition(|step| self.loss >= step.from * 0.6)
            .unwrap_or(0);
        self.step = if up > self.step {
            up
        } else {
            down.min(self.step)
        };
    }

    /// After how many datagrams a parity is due; none: no parities.
    pub fn every(&mut self, situation: Situation) -> Option<u8> {
        let packet = situation.packet.as_secs_f32().max(1e-6);
        let away = situation.round_trip.map(|time| time.as_secs_f32() / packet);
        let depth = self
            .before
            .map_or(0.0, |reception| f32::from(reception.depth));
        let reach = (depth - ASKING).max(NEAR);
        let reach = if self.near { reach * 1.25 } else { reach };
        self.near = away.is_some_and(|away| away <= reach);
        if self.near {
            return (self.loss > HEAVY).then_some(4);
        }
        STEPS.get(self.step).and_then(|step| step.every)
    }

    /// The share of our packets that does not reach the peer by itself, 0 to 1.
    pub const fn loss(&self) -> f32 {
        self.loss
    }
}

/// From this loss on, a parity after so many packets.
#[derive(Debug)]
struct Step {
    from: f32,
    every: Option<u8>,
}

impl Step {
    const fn new(from: f32, every: Option<u8>) -> Self {
        Self { from, every }
    }
}

const STEPS: [Step; 5] = [
    Step::new(0.0, None),
    Step::new(0.0005, Some(8)),
    Step::new(0.005, Some(6)),
    Step::new(0.012, Some(4)),
    Step::new(0.02, Some(3)),
];

/// So much is lost that what is sent again is lost again too often.
const HEAVY: f32 = 0.02;

/// Packets that make a share of them mean something.
const ENOUGH: u32 = 100;

const RISE: Duration = Duration::from_secs(2);
const FALL: Duration = Duration::from_secs(8);

/// Too little to spend anything on.
const NOTHING: f32 = 0.0002;

/// Packets of a round trip within which it is always asked again rather than paid in advance.
const NEAR: f32 = 6.0;

/// Packets that it takes to notice, ask and answer, besides the round trip.
const ASKING: f32 = 4.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_spent_on_a_clean_path_and_a_few_lost_packets_change_nothing_for_long() {
        let mut path = Told::new(FAR_AWAY);
        assert_eq!(path.run(60, 0), None);
        assert!(path.run(1, 2).is_some());
        assert_eq!(path.run(60, 0), None);
    }

    #[test]
    fn it_rises_with_the_loss_within_seconds_and_falls_slowly_a_step_at_a_time() {
        let mut path = Told::new(FAR_AWAY);
        path.run(5, 0);
        // Of 375 packets a second.
        assert_eq!(path.run(20, 1), Some(8));
        assert_eq!(path.run(20, 3), Some(6));
        assert_eq!(path.run(20, 6), Some(4));
        assert_eq!(path.run(20, 11), Some(3));
        assert_eq!(path.run(4, 0), Some(3));
        let falling: Vec<_> = (0..100).map(|_| path.run(1, 0)).collect();
        let mut steps = falling.clone();
        steps.dedup();
        assert_eq!(steps, [Some(3), Some(4), Some(6), Some(8), None]);
        assert!(falling[30].is_some() && falling[99].is_none());
        assert!(path.run(3, 40) == Some(3), "up at once");
    }

    #[test]
    fn where_the_peer_can_ask_in_time_parities_come_with_heavy_loss_only() {
        let mut path = Told::new(Some(Duration::from_millis(12)));
        assert_eq!(path.run(20, 4), None);
        assert_eq!(path.run(20, 20), Some(4));
        path.round_trip = FAR_AWAY;
        assert_eq!(path.run(1, 20), Some(3));
        // A peer that keeps much audio anyway has the time to ask.
        path.total.depth = 40;
        assert_eq!(path.run(1, 20), Some(4));
        path.round_trip = None;
        assert_eq!(path.run(1, 20), Some(3), "nobody knows how far it is");
    }

    #[test]
    fn words_that_come_late_or_begin_anew_are_no_loss() {
        let mut path = Told::new(FAR_AWAY);
        path.run(10, 1);
        let late = Reception {
            due: 375,
            lost: 0,
            ..path.total
        };
        path.policy.handle_reception(path.at, late);
        assert!(path.policy.loss() < 0.004);
        let anew = Reception {
            due: 10,
            lost: 4_000_000_000,
            ..path.total
        };
        path.policy.handle_reception(path.at, anew);
        let more = Reception {
            due: 1010,
            lost: 0,
            ..path.total
        };
        path.policy.handle_reception(path.at, more);
        assert!((0.0..=1.0).contains(&path.policy.loss()));
    }

    const FAR_AWAY: Option<Duration> = Some(Duration::from_millis(60));

    /// A peer that tells every second.
    struct Told {
        policy: Policy,
        at: MonoTime,
        round_trip: Option<Duration>,
        total: Reception,
    }

    impl Told {
        fn new(round_trip: Option<Duration>) -> Self {
            let mut policy = Policy::new();
            let total = Reception::default();
            policy.handle_reception(MonoTime::from_nanos(0), total);
            let at = MonoTime::from_nanos(0);
            Self {
                policy,
                at,
                round_trip,
                total,
            }
        }

        /// So many seconds with so many packets lost in each. What is decided at their end.
        fn run(&mut self, seconds: u32, lost: u32) -> Option<u8> {
            let packet = Duration::from_nanos(2_666_667);
            let situation = Situation {
                round_trip: self.round_trip,
                packet,
            };
            for _ in 0..seconds {
                self.at = self.at + Duration::from_secs(1);
                self.total.due += 375;
                self.total.lost += lost;
                self.policy.handle_reception(self.at, self.total);
            }
            self.policy.every(situation)
        }
    }
}
