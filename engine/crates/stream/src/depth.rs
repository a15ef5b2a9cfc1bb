//! How deep the buffer is to be: where play begins, and when and how the play position is moved.
//!
//! Two clocks tell where things are in our time: that of the packets (`peer`) and that of our own
//! blocks (`local`). From them follows what every block would have had to play if each packet came `reserve`
//! seconds later than the earliest ones do:
//!
//! ```text
//!   spare = frames that would be there  -  play position  -  frames that the block takes
//! ```
//! It is to be 0 at its least: more is delay that nobody needs, less is a gap as soon as a packet is that late.
//!
//! ```text
//!          first packet               settle: begin                      0.5 s
//!  Empty ───────────────▶ Arriving ───────────────────────────▶ Settling ───────▶ Steady
//!    ▲                       ▲                                   │    ▲             │
//!    │                       └── numbers jump (`start_anew`) ────┤    └─────────────┤
//!    └────────── nothing came for 0.5 s (`Step::Lose`) ──────────┴──────────────────┘
//!                                             nothing but late packets: begin again
//!
//!  Settling  every few blocks                        -> jump by `spare`
//!  Steady    less than 0 in half a second            -> `Step::Move` back: played a little slower
//!            more than 0 for seconds                 -> `Step::Move` forward: a little faster
//!            a gap was heard, and there is too little -> jump back: the break is there anyway
//!            ... and too much for seconds      -> jump forward; waited for, where there are gaps
//!            our own blocks had a break, and there is too much since -> jump forward
//!            a clock's line jumps soon after the beginning -> Settling again
//! ```
//! A stream that is held back, as others come later, has no more to spare than its [wait](held) leaves. One whose delay is to be
//! [kept](kept) is moved only where nothing would be heard any more.
//!
//! While the clocks run at different rates the play position slides along packets and blocks. Then `spare` is
//! taken from the lines themselves, for the worst phase, and [`Depth::pace`] follows it all the time.

mod held;
mod judge;
mod kept;
mod reserve;

use farsend_units::{Frames, MonoTime, SampleRate};

use self::held::Held;
use self::reserve::Reserve;
use crate::clock::Clock;
use crate::contract::{DepthPolicy, Origin};
use crate::observed::{Blocks, Spare};

/// What to do with the play position before the block is played. Frames are the peer's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Nothing.
    Stay,
    /// Put it where the depth is this.
    Anchor(i64),
    /// Forward by this many frames (the delay becomes less), or back; heard as a cross-fade.
    Jump(i64),
    /// The same by playing a little faster or slower; [`Depth::moved`] when that is done.
    Move(i64),
    /// The stream has broken off: play nothing until packets come, then anchor.
    Lose,
}

/// How the play position goes on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// A frame of the peer's for each of ours.
    Even,
    /// So many frames of the peer's for each of ours.
    Step(f64),
}

/// Where a block is about to be played.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// When, and how many frames of ours.
    pub(crate) now: MonoTime,
    pub(crate) block: Frames,
    /// The peer's frame that comes next to be heard, once the stream is anchored.
    pub(crate) play: f64,
}

/// The decisions about one stream's depth.
#[derive(Debug, Clone)]
pub(crate) struct Depth {
    ours: f64,
    theirs: f64,
    period: i64,
    /// The most that the buffer can hold, and what a resampler needs beyond what it plays.
    limit: i64,
    lookahead: i64,
    state: State,
    peer: Clock,
    local: Clock,
    /// For how much lateness it allows.
    reserve: Reserve,
    blocks: Blocks,
    /// Our frames settled so far.
    played: i64,
    spare: Spare,
    /// The clocks differ so much that the rates must be converted.
    bent: bool,
    even_for: i64,
    uneven_for: i64,
    /// The last smooth `spare`, while bent.
    smooth: f64,
    moving: bool,
    /// Played since the stream was anchored, and the jumps of both clocks that were answered.
    anchored_for: i64,
    jumps: u64,
    since: Arrivals,
    /// The end of the newest packet.
    newest: i64,
    /// A packet came too late to be heard.
    missed: bool,
    /// When one did last, in frames played.
    gap_at: i64,
    /// Our own blocks stopped and went on later: what came meanwhile is too much.
    fell_behind: bool,
    strikes: i32,
    /// Played since the last packet came.
    quiet: i64,
    held: Held,
    /// The delay is to stay as it is.
    kept: bool,
}

/// Packets that came since the last block.
#[derive(Debug, Clone, Copy, Default)]
struct Arrivals {
    came: u32,
    late: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Arriving,
    Settling { left: i64 },
    Steady,
}

impl Depth {
    /// A stream of which nothing came yet; `ours` is the rate of the blocks.
    pub(crate) fn new(policy: DepthPolicy, ours: SampleRate) -> Self {
        Self {
            ours: f64::from(ours.0.max(1)),
            theirs: f64::from(ours.0.max(1)),
            period: 1,
            limit: 1,
            lookahead: 0,
            state: State::Empty,
            peer: Clock::new(ours),
            local: Clock::of_blocks(ours),
            reserve: Reserve::new(policy),
            blocks: Blocks::default(),
            played: 0,
            spare: Spare::default(),
            bent: false,
            even_for: 0,
            uneven_for: 0,
            smooth: 0.0,
            moving: false,
            anchored_for: 0,
            jumps: 0,
            since: Arrivals::default(),
            newest: 0,
            missed: false,
            gap_at: i64::MIN / 2,
            fell_behind: false,
            strikes: 0,
            quiet: 0,
            held: Held::default(),
            kept: false,
        }
    }

    /// Packets of `period` frames at `theirs` from now on, of which `limit` frames can be held; nothing came yet.
    pub(crate) fn set_format(
        &mut self,
        theirs: SampleRate,
        period: Frames,
        limit: i64,
        lookahead: usize,
    ) {
        self.theirs = f64::from(theirs.0.max(1));
        self.period = i64::from(period.0.max(1));
        self.limit = limit;
        self.lookahead = lookahead as i64;
        self.peer = Clock::new(theirs);
        self.bent = self.theirs != self.ours;
        self.reserve.set_period(self.period as f64 / self.theirs);
        self.held.forget();
        self.forget();
        self.take_reserve();
    }

    /// Keeps another reserve from now on. What plays is brought there at once, in a jump.
    pub(crate) fn set_policy(&mut self, policy: DepthPolicy) {
        self.reserve.set_policy(policy);
        if matches!(self.state, State::Settling { .. } | State::Steady) {
            self.state = State::Settling {
                left: (self.ours * SETTLING_S) as i64,
            };
            self.begin();
        }
        self.take_reserve();
    }

    /// As if nothing had come. What is known of the path and the clocks' rates is kept.
    pub(crate) fn forget(&mut self) {
        self.state = State::Empty;
        self.quiet = 0;
        self.peer.restart();
        self.begin();
    }

    /// Whether nothing came yet, or nothing since the stream was lost.
    pub(crate) fn is_empty(&self) -> bool {
        self.state == State::Empty
    }

    /// Anchors anew at the next settle, as the numbers of the packets jumped.
    pub(crate) fn start_anew(&mut self) {
        self.forget();
        self.state = State::Arriving;
    }

    /// Has the memory for the next packet brought near.
    pub(crate) fn prefetch(&self) {
        self.reserve.prefetch();
    }

    /// A packet that ends before frame `end` came at `at`, `late_by` frames after its turn (0 or less: in time);
    /// one that came directly tells the peer's time.
    pub(crate) fn arrived(&mut self, end: i64, at: MonoTime, late_by: i64, origin: Origin) {
        if origin.is_direct() {
            if self.state == State::Empty {
                self.start_anew();
            }
            let jumps = self.peer.jumps();
            self.peer.observe(end, at);
            if jumps != self.peer.jumps() {
                self.reserve.go_back(self.peer.last_move());
                self.spare = Spare::default();
            }
            self.quiet = 0;
            self.newest = end;
            self.since.came += 1;
            self.since.late += u32::from(late_by > 0);
        }
        if self.state == State::Steady {
            let lateness = self.peer.lateness(end, at);
            self.reserve.note(lateness, origin == Origin::Repaired);
        }
        self.missed |= late_by > 0;
    }

    /// So many packets came so far, and so many were lost and are missed.
    pub(crate) fn count(&mut self, came: u64, lost: u64) {
        self.reserve.count(came, lost);
    }

    /// So many of our frames were played unseen.
    pub(crate) fn pass(&mut self, frames: Frames) {
        self.played = self.played.wrapping_add(i64::from(frames.0));
    }

    /// So many of our frames were never played, and so many of the peer's were passed over for them: what is still too
    /// much is passed over as soon as that is known.
    pub(crate) fn pass_over(&mut self, frames: Frames, passed: i64) {
        self.pass(frames);
        if self.state == State::Steady {
            _ = self.jump(passed);
            self.fell_behind = true;
        }
    }

    /// A block is about to be played. Bounded, whatever the numbers are.
    pub(crate) fn settle(&mut self, place: Place) -> Step {
        let block = i64::from(place.block.0.max(1));
        let largest_before = self.blocks.largest();
        let jumps = self.local.jumps();
        self.local.observe(self.played, place.now);
        if self.local.jumps() != jumps && self.local.last_move() > 0.0 {
            self.fell_behind = true;
            self.spare = Spare::default();
        }
        let at = self.played;
        self.played = self.played.wrapping_add(block);
        self.blocks.note(block, self.ours as i64);
        match self.state {
            State::Empty => return Step::Stay,
            State::Arriving => return self.anchor(),
            State::Settling { left } if left <= 0 => {
                self.state = State::Steady;
                self.spare = Spare::default();
            }
            State::Settling { left } => self.state = State::Settling { left: left - block },
            State::Steady => {}
        }
        self.quiet += block;
        self.reserve.pass(block as f64 / self.ours);
        self.anchored_for += block;
        self.settle_again();
        if self.quiet as f64 > (self.ours / 2.0).max(3.0 * self.period_in_ours()) {
            self.forget();
            return Step::Lose;
        }
        self.count_strikes();
        if self.strikes >= STRIKES {
            // A server had an xrun, or the path is another one: what was seen of late tells nothing of it.
            self.peer.give_way();
            self.reserve.go_back(self.peer.last_move());
            return self.anchor();
        }
        self.renew_reserve();
        self.judge_clocks(block);
        if !self.look(at, &place) {
            return Step::Stay;
        }
        let grown = self.blocks.largest() - largest_before;
        if grown > 0 && largest_before > 1 {
            // What was just enough is too little now, whatever is to be kept.
            return self.jump(-self.in_theirs(grown));
        }
        let step = self.judge();
        if self.missed {
            self.gap_at = self.played;
        }
        self.missed = false;
        step
    }

    /// How the next block is to be played.
    pub(crate) fn pace(&self) -> Pace {
        if !self.bent {
            return Pace::Even;
        }
        let ratio = self.theirs / self.ours * self.drift_ratio();
        let wanted = self.smooth / (self.theirs * FOLLOW_S);
        let most = self.most_change(self.smooth);
        let correction = if self.state == State::Steady {
            wanted.clamp(-most, most)
        } else {
            0.0
        };
        Pace::Step(ratio * (1.0 + correction))
    }

    /// How much faster or slower a stream that has so many frames to catch up with (less than 0: to wait for) may be
    /// played: as little as brings it there in some seconds.
    pub(crate) fn most_change(&self, frames: f64) -> f64 {
        let least = if frames > 0.0 { FASTER } else { SLOWER };
        (frames.abs() / (self.theirs * CATCH_UP_S)).clamp(least, MOST_CHANGE)
    }

    /// The move that was asked for is done.
    pub(crate) fn moved(&mut self) {
        self.moving = false;
        self.spare = Spare::default();
    }

    /// The greatest depth that there should be, right before a block is played: the peer's frames.
    pub(crate) fn target(&self) -> i64 {
        let reserve = match self.reserve.policy() {
            DepthPolicy::Fixed(queue) => (i64::from(queue.max(1)) - 1) * self.period,
            DepthPolicy::Auto { .. } => (self.reserve.seconds() * self.theirs) as i64,
        };
        let held = (self.held_for() * self.theirs) as i64;
        (reserve + self.gapless()).max(held).min(self.limit)
    }

    /// How much faster than ours the peer's clock runs, as a ratio less 1; none until it is known well.
    pub(crate) fn drift(&self) -> Option<f64> {
        (self.drift_uncertainty() < 60e-6).then(|| self.drift_ratio() - 1.0)
    }

    /// How much faster than nominal our own blocks are played, on the clock of the arrivals; none until it is known well.
    pub(crate) fn own_drift(&self) -> Option<f64> {
        (self.local.uncertainty() < 30e-6).then(|| self.local.drift())
    }

    /// Seconds within which these shares of the packets came, of those of the last half minute that came by themselves.
    pub(crate) fn lateness(&self) -> [f64; 3] {
        self.reserve.quantiles()
    }

    /// Seconds of lateness that the depth allows for.
    pub(crate) fn reserve(&self) -> f64 {
        self.reserve.seconds()
    }

    /// The greatest depth of a stream that has no gap, if only just.
    fn gapless(&self) -> i64 {
        let block = self.block_in_theirs();
        if self.bent {
            self.period + block + self.lookahead
        } else {
            let common = if self.blocks.vary() {
                1
            } else {
                gcd(self.period, block)
            };
            self.period + block - common
        }
    }

    fn block_in_theirs(&self) -> i64 {
        self.in_theirs(self.blocks.largest())
    }

    /// Whether packets and blocks meet in few ways, each of which is seen soon: then the depth can rely on those.
    fn keeps_step(&self) -> bool {
        !self.blocks.vary() && self.cycle() <= MOST_CYCLE
    }

    /// Blocks until packets and blocks meet again as before.
    fn cycle(&self) -> i64 {
        self.period / gcd(self.period, self.block_in_theirs())
    }

    fn in_theirs(&self, frames: i64) -> i64 {
        (frames as f64 * self.theirs / self.ours).ceil() as i64
    }

    fn period_in_ours(&self) -> f64 {
        self.period as f64 * self.ours / self.theirs
    }

    fn drift_ratio(&self) -> f64 {
        (1.0 + self.peer.drift()) / (1.0 + self.local.drift())
    }

    fn drift_uncertainty(&self) -> f64 {
        self.peer.uncertainty() + self.local.uncertainty()
    }

    fn anchor(&mut self) -> Step {
        self.state = State::Settling {
            left: (self.ours * SETTLING_S) as i64,
        };
        self.begin();
        self.anchored_for = 0;
        self.take_reserve();
        // The first packets of a peer often come in a bunch.
        let target = if self.reserve.is_fixed() {
            self.target()
        } else {
            self.target().max(self.gapless() + self.period)
        };
        Step::Anchor(target.min(self.limit))
    }

    fn jump(&mut self, frames: i64) -> Step {
        let frames = frames.max(-self.limit);
        if frames == 0 {
            return Step::Stay;
        }
        self.begin();
        if frames > 0 {
            // What is passed over comes late, through no fault of the path.
            self.strikes = -i32::try_from(frames / self.block_in_theirs().max(1) + 1).unwrap_or(0);
        }
        Step::Jump(frames)
    }

    fn start_move(&mut self, frames: i64) -> Step {
        self.begin();
        self.moving = true;
        Step::Move(frames)
    }

    /// Begins to observe: the play position was moved.
    fn begin(&mut self) {
        self.spare = Spare::default();
        self.since = Arrivals::default();
        self.strikes = 0;
        self.missed = false;
        self.fell_behind = false;
        self.moving = false;
    }

    /// A host's or a peer's first blocks may come in a bunch, before their time: once the lines have found that out, what
    /// was settled by them is settled anew.
    fn settle_again(&mut self) {
        let jumps = self.peer.jumps() + self.local.jumps();
        if jumps != self.jumps && self.anchored_for as f64 <= self.ours * SETTLES_AGAIN_S {
            self.state = State::Settling {
                left: (self.ours * SETTLING_S) as i64,
            };
            self.spare = Spare::default();
        }
        self.jumps = jumps;
    }

    /// Counts blocks in a row before which packets came and all were late.
    fn count_strikes(&mut self) {
        let Arrivals { came, late } = std::mem::take(&mut self.since);
        if came > 0 && came == late {
            self.strikes += 1;
        } else if came > 0 && self.strikes > 0 {
            self.strikes = 0;
        }
    }

    /// Every tenth of a second, and when a packet was missed.
    fn renew_reserve(&mut self) {
        if self.missed || self.reserve.is_due(self.played as f64 / self.ours) {
            self.take_reserve();
        }
    }

    fn take_reserve(&mut self) {
        if self.is_kept() {
            return;
        }
        let now = self.played as f64 / self.ours;
        let most = (self.limit - self.gapless()) as f64 / self.theirs;
        let lingering = self.state == State::Steady;
        if self.reserve.renew(now, lingering, most) {
            self.spare = Spare::default();
        }
    }

    /// Whether the rates have to be converted: if the drift is more than its uncertainty explains.
    fn judge_clocks(&mut self, block: i64) {
        if self.theirs != self.ours || self.moving {
            return;
        }
        let drift = (self.drift_ratio() - 1.0).abs();
        let unsure = self.drift_uncertainty();
        if self.bent {
            self.even_for = if drift < unsure.min(EVEN) {
                self.even_for + block
            } else {
                0
            };
            if self.even_for as f64 > self.ours * EVEN_S {
                self.bent = false;
                self.even_for = 0;
                self.spare = Spare::default();
            }
        } else if drift > 2.0 * unsure && self.state == State::Steady {
            self.uneven_for += block;
            if self.uneven_for as f64 > self.ours * UNEVEN_S {
                self.bent = true;
                self.even_for = 0;
            }
        } else {
            self.uneven_for = 0;
        }
    }
}

/// Blocks in a row with nothing but late packets until the stream is anchored anew.
const STRIKES: i32 = 4;
/// How long the play position may still jump at first.
const SETTLING_S: f64 = 0.5;
/// Until so many seconds after the anchor a clock that jumps is a reason to settle anew.
const SETTLES_AGAIN_S: f64 = 3.0;
/// Seconds with a drift until rates are converted, if they are nominally equal.
const UNEVEN_S: f64 = 0.5;
/// Seconds without more drift than this, as a ratio, until rates are not converted any more. What little there is makes
/// a move of some frames each few minutes.
const EVEN_S: f64 = 8.0;
const EVEN: f64 = 3e-6;
/// While rates are converted: seconds in which an error of the depth shrinks to a third, and how much faster
/// and slower than it should the stream may be played for that.
const FOLLOW_S: f64 = 1.5;
pub(crate) const FASTER: f64 = 0.002;
const SLOWER: f64 = 0.004;
const MOST_CHANGE: f64 = 0.006;
const CATCH_UP_S: f64 = 4.0;
/// Blocks that are looked at, at most, to see how packets and blocks move past each other.
const MOST_CYCLE: i64 = 48;

/// The greatest common divisor of two positive numbers. At most 20 rounds for numbers up to 8192.
fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests;
