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
