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
//! A queue of q is a reserve of q - 1 packets; the automatic one follows the lateness that is seen.
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
//!            our own blocks had a break, and there is too much since -> jump forward
//!            a clock's line jumps soon after the beginning -> Settling again
//! ```
//! While the clocks run at different rates the play position slides along packets and blocks. Then `spare` is
//! taken from the lines themselves, for the worst phase, and [`Depth::pace`] follows it all the time.

use farsend_units::{Frames, MonoTime, SampleRate};

use crate::clock::Clock;
use crate::contract::DepthPolicy;
use crate::lateness::Lateness;
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
    policy: DepthPolicy,
    ours: f64,
    theirs: f64,
    period: i64,
    /// The most that the buffer can hold, and what a resampler needs beyond what it plays.
    limit: i64,
    lookahead: i64,
    state: State,
    peer: Clock,
    local: Clock,
    lateness: Lateness,
    /// Seconds that packets may be late.
    reserve: f64,
    reserve_until: i64,
    /// The most that was wanted in these seconds and in those before, and when these began.
    peaks: [f64; 2],
    peaks_since: i64,
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
    known_for: i64,
    /// Played since the stream was anchored, and the jumps of both clocks that were answered.
    anchored_for: i64,
    jumps: u64,
    since: Arrivals,
    /// A packet came too late to be heard.
    missed: bool,
    /// Our own blocks stopped and went on later: what came meanwhile is too much.
    fell_behind: bool,
    strikes: i32,
    /// Played since the last packet came.
    quiet: i64,
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
            policy,
            ours: f64::from(ours.0.max(1)),
            theirs: f64::from(ours.0.max(1)),
            period: 1,
            limit: 1,
            lookahead: 0,
            state: State::Empty,
            peer: Clock::new(ours),
            local: Clock::of_blocks(ours),
            lateness: Lateness::new(),
            reserve: 0.0,
            reserve_until: 0,
            peaks: [0.0; 2],
            peaks_since: 0,
            blocks: Blocks::default(),
            played: 0,
            spare: Spare::default(),
            bent: false,
            even_for: 0,
            uneven_for: 0,
            smooth: 0.0,
            moving: false,
            known_for: 0,
            anchored_for: 0,
            jumps: 0,
            since: Arrivals::default(),
            missed: false,
            fell_behind: false,
            strikes: 0,
            quiet: 0,
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
        self.lateness.restart(self.theirs / self.period as f64);
        self.forget();
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

    /// A packet that ends before frame `end` came at `at`, `late_by` frames after its turn (0 or less: in time);
    /// `direct`: on its own, so that it tells the peer's time.
    pub(crate) fn arrived(&mut self, end: i64, at: MonoTime, late_by: i64, direct: bool) {
        if direct {
            if self.state == State::Empty {
                self.start_anew();
            }
            let jumps = self.peer.jumps();
            self.peer.observe(end, at);
            if jumps != self.peer.jumps() {
                // What was late by the old line tells nothing of the new one.
                self.lateness.restart(self.theirs / self.period as f64);
                self.spare = Spare::default();
            }
            self.quiet = 0;
            self.since.came += 1;
            self.since.late += u32::from(late_by > 0);
        }
        if self.state == State::Steady {
            self.lateness.note(self.peer.lateness(end, at));
        }
        self.missed |= late_by > 0;
    }

    /// So many of our frames were played unseen.
    pub(crate) fn pass(&mut self, frames: Frames) {
        self.played = self.played.wrapping_add(i64::from(frames.0));
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
        self.known_for += block;
        self.anchored_for += block;
        self.settle_again();
        if self.quiet as f64 > (self.ours / 2.0).max(3.0 * self.period_in_ours()) {
            self.forget();
            return Step::Lose;
        }
        self.count_strikes();
        if self.strikes >= STRIKES {
            // The path is another one: what was known of it tells nothing any more.
            self.peer.give_way();
            self.lateness.restart(self.theirs / self.period as f64);
            return self.anchor();
        }
        self.renew_reserve();
        self.judge_clocks(block);
        if !self.look(at, &place) {
            return Step::Stay;
        }
        let grown = self.blocks.largest() - largest_before;
        if grown > 0 && largest_before > 1 {
            // What was just enough is too little now.
            return self.jump(-self.in_theirs(grown));
        }
        let step = self.judge();
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
        let reserve = match self.policy {
            DepthPolicy::Fixed(queue) => (i64::from(queue.max(1)) - 1) * self.period,
            DepthPolicy::Auto { .. } => (self.reserve * self.theirs) as i64,
        };
        (reserve + self.gapless()).min(self.limit)
    }

    /// How much faster than ours the peer's clock runs, as a ratio less 1; none until it is known well.
    pub(crate) fn drift(&self) -> Option<f64> {
        (self.drift_uncertainty() < 60e-6).then(|| self.drift_ratio() - 1.0)
    }

    /// How much faster than nominal our own blocks are played, on the clock of the arrivals; none until it is known well.
    pub(crate) fn own_drift(&self) -> Option<f64> {
        (self.local.uncertainty() < 30e-6).then(|| self.local.drift())
    }

    /// Seconds within which these shares of the packets came, of the last half minute.
    pub(crate) fn lateness(&self) -> [f64; 3] {
        [0.5, 0.05, 0.001].map(|beyond| self.lateness.all_but(beyond))
    }

    /// Seconds of lateness that the depth allows for.
    pub(crate) fn reserve(&self) -> f64 {
        self.reserve
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
        let target = match self.policy {
            DepthPolicy::Fixed(_) => self.target(),
            DepthPolicy::Auto { .. } => self.target().max(self.gapless() + self.period),
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
        if self.missed || self.played >= self.reserve_until {
            self.reserve_until = self.played + (self.ours / 10.0) as i64;
            self.take_reserve();
        }
    }

    fn take_reserve(&mut self) {
        let wanted = match self.policy {
            DepthPolicy::Fixed(queue) => {
                (f64::from(queue.max(1)) - 1.0) * self.period as f64 / self.theirs
            }
            DepthPolicy::Auto { latency_target, .. } => {
                let seen = self.lateness.worth(self.policy);
                // Of a path that is new little is known.
                let least = if self.known_for < (self.ours * NEW_S) as i64 {
                    LEAST_NEW
                } else {
                    LEAST
                };
                let most = latency_target.map_or(f64::MAX, |most| most.as_secs_f64());
                (seen + least).min(most)
            }
        };
        let next = match self.policy {
            DepthPolicy::Auto { .. } if self.state == State::Steady => self.linger(wanted),
            _ => {
                self.peaks = [wanted; 2];
                wanted
            }
        };
        if (next - self.reserve).abs() > 1e-9 {
            self.reserve = next;
            self.spare = Spare::default();
        }
        let most = (self.limit - self.gapless()).max(0) as f64 / self.theirs;
        self.reserve = self.reserve.min(most);
    }

    /// Late and slowly down: what was needed a moment ago may be needed again, and each change is heard by somebody.
    fn linger(&mut self, wanted: f64) -> f64 {
        let passed = self.played.wrapping_sub(self.peaks_since);
        if !(0..(self.ours * LINGER_S) as i64).contains(&passed) {
            self.peaks = [0.0, self.peaks[0]];
            self.peaks_since = self.played;
        }
        self.peaks[0] = self.peaks[0].max(wanted);
        let peak = self.peaks[0].max(self.peaks[1]);
        peak.max(self.reserve - SHRINK)
    }

    /// Whether the rates have to be converted: if the drift is more than its uncertainty explains.
    fn judge_clocks(&mut self, block: i64) {
        if self.theirs != self.ours || self.moving {
            return;
        }
        let drift = (self.drift_ratio() - 1.0).abs();
        let unsure = self.drift_uncertainty();
        if self.bent {
            self.even_for = if drift < unsure.min(1.5e-6) {
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

    /// Notes how much this block has to spare; false while the clocks do not tell.
    fn look(&mut self, at: i64, place: &Place) -> bool {
        let epoch = place.now;
        let begins = self.local.time_of(at as f64, epoch);
        let there = |late: f64| self.peer.frames_at(begins? - late, epoch);
        let (Some(keep), Some(less)) = (
            there(self.reserve),
            there(self.reserve + HYSTERESIS * self.period as f64 / self.theirs + STEADY_S),
        ) else {
            return false;
        };
        let play = place.play;
        let block = self.block_in_theirs() as f64;
        self.smooth = keep - self.period as f64 - play - block - self.lookahead as f64;
        let worst = !self.keeps_step();
        let whole = |frames: f64| {
            if worst {
                return frames - (self.period - 1) as f64;
            }
            ((frames + 1e-3) / self.period as f64).floor() * self.period as f64
        };
        let spare = [keep, less].map(|there| (whole(there) - play - block).floor() as i64);
        self.spare.note(spare, i64::from(place.block.0));
        true
    }

    fn judge(&mut self) -> Step {
        if self.moving {
            return Step::Stay;
        }
        if self.bent {
            return self.judge_bent();
        }
        if self.missed && self.state == State::Steady && self.spare.keep() < 0 {
            return self.jump(self.spare.keep());
        }
        // At least one whole period of the peer, in whichever phase.
        let enough = if self.keeps_step() {
            self.cycle().max(8)
        } else {
            8
        };
        if self.spare.blocks() < enough {
            return Step::Stay;
        }
        let (keep, less) = (self.spare.keep(), self.spare.less());
        if self.state != State::Steady {
            let exact = matches!(self.policy, DepthPolicy::Fixed(_));
            let by = if keep < 0 || exact { keep } else { less.max(0) };
            return self.jump(by);
        }
        if std::mem::take(&mut self.fell_behind) && less >= LEAST_MOVE {
            // There was a break of our own making.
            return self.jump(less);
        }
        if (self.spare.frames() as f64) < self.ours / 2.0 {
            return Step::Stay;
        }
        if keep < 0 {
            return self.start_move(keep);
        }
        if less > (FAR_TOO_DEEP_S * self.theirs) as i64 {
            return self.jump(less);
        }
        // A queue that was asked for is not polished: packets that came in bunches may look like too many.
        let bearable = match self.policy {
            DepthPolicy::Fixed(_) => 2 * self.period + LEAST_MOVE,
            DepthPolicy::Auto { .. } => (self.period / 8).max(LEAST_MOVE),
        };
        if less > bearable && self.spare.frames() as f64 > self.ours * CALM_S {
            return self.start_move(less);
        }
        if self.spare.frames() as f64 > self.ours * (CALM_S + 1.0) {
            self.spare = Spare::default();
        }
        Step::Stay
    }

    fn judge_bent(&mut self) -> Step {
        let far = self.period as f64 + self.block_in_theirs() as f64;
        let spare = self.smooth;
        let fell_behind = std::mem::take(&mut self.fell_behind);
        let jump = if self.state == State::Steady {
            // A gap was heard, or it would take for ever.
            self.missed && spare < -far / 4.0
                || fell_behind && spare > far / 8.0
                || spare.abs() > (FAR_TOO_DEEP_S * self.theirs).max(2.0 * far)
        } else {
            self.spare.blocks() >= 8 && spare.abs() > far / 8.0
        };
        if jump {
            self.jump(spare as i64)
        } else {
            Step::Stay
        }
    }
}

/// Blocks in a row with nothing but late packets until the stream is anchored anew.
const STRIKES: i32 = 4;
/// How long the play position may still jump at first.
const SETTLING_S: f64 = 0.5;
/// Until so many seconds after the anchor a clock that jumps is a reason to settle anew.
const SETTLES_AGAIN_S: f64 = 3.0;
/// Seconds for which a path is new, and what is kept in reserve then and later, at the least.
const NEW_S: f64 = 10.0;
const LEAST_NEW: f64 = 1e-3;
const LEAST: f64 = 200e-6;
/// Seconds for which (and for up to as long again) a reserve is kept that is not wanted any more.
const LINGER_S: f64 = 4.0;
/// Seconds by which the reserve shrinks in a tenth of a second, at most.
const SHRINK: f64 = 0.5e-3;
/// The delay is only lowered where that leaves this part of a period and this many seconds more than is needed, ...
const HYSTERESIS: f64 = 0.05;
const STEADY_S: f64 = 100e-6;
/// ... and not before so many seconds have shown it.
const CALM_S: f64 = 3.0;
/// Frames that are not worth a move of the play position.
const LEAST_MOVE: i64 = 16;
/// Seconds with a drift until rates are converted, if they are nominally equal.
const UNEVEN_S: f64 = 0.5;
/// Seconds without a drift until rates are not converted any more.
const EVEN_S: f64 = 20.0;
/// While rates are converted: seconds in which an error of the depth shrinks to a third, and how much faster
/// and slower than it should the stream may be played for that.
const FOLLOW_S: f64 = 1.5;
pub(crate) const FASTER: f64 = 0.002;
const SLOWER: f64 = 0.004;
const MOST_CHANGE: f64 = 0.006;
const CATCH_UP_S: f64 = 4.0;
/// Seconds of depth too many that are not waited for to pass.
const FAR_TOO_DEEP_S: f64 = 0.1;
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
