//! How deep the buffer is to be: when to anchor, to skip and to go back.
//!
//! Depth is what is left to play right before a block is played: the frames from the play position
//! to the end of the newest packet. With packets of N frames, blocks of M and a queue of q the
//! greatest depth on a perfect path is to be
//!
//! ```text
//!   target = (q - 1) * N  +  N + M - gcd(N, M)
//!            for jitter      without a gap at all
//! ```
//!
//! and the least one, as packets and blocks move past each other, `target - (N - gcd(N, M))`.
//!
//! ```text
//!          first packet               settle: depth := target             0.3 s
//!  Empty ───────────────▶ Arriving ───────────────────────────▶ Settling ───────▶ Steady
//!    ▲                       ▲                                   │    ▲             │
//!    │                       └── numbers jump (`start_anew`) ────┤    └─────────────┤
//!    └────────── nothing came for 0.5 s (`Step::Lose`) ──────────┴──────────────────┘
//!                                                    persistently late: depth := target
//!
//!  Settling  every few blocks: more than the target        -> skip down to it
//!            every few blocks: less than the target        -> go back to it
//!  Steady    every second:     a packet too much or more   -> skip these packets
//!            every second:     the same, one block in four -> skip one
//!            every second:     one packet in ten late      -> go back by what was missing
//!  both      every few blocks: less than no gap at all     -> go back to the target
//!            late packets:     blocks of many sizes        -> go back by these, by gcd(N, M) - 1 at most
//! ```
//!
//! Counts only; it neither knows samples nor packets. The adaptive depth of the future replaces
//! [`Depth::target`] and the steps of `Steady`.

use farsend_units::{Frames, SampleRate};

use crate::observed::{Arrivals, Blocks, Window};

/// What to do with the play position before the block is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step {
    /// Nothing.
    Stay,
    /// Put it where the depth is this.
    Anchor(i64),
    /// Forward by this many frames: the delay becomes less.
    Skip(i64),
    /// Back by this many frames: the delay becomes more.
    Back(i64),
    /// The stream has broken off: play nothing until packets come, then anchor.
    Lose,
}

/// The decisions about one stream's depth. All counts are frames.
#[derive(Debug, Clone)]
pub(crate) struct Depth {
    queue: i64,
    rate: i64,
    period: i64,
    /// The most that the buffer can hold.
    limit: i64,
    state: State,
    blocks: Blocks,
    /// The last few blocks, and the last second.
    brief: Window,
    long: Window,
    /// Windows in a row that said: less than it takes without any jitter.
    shortfalls: u8,
    since: Arrivals,
    second: Arrivals,
    /// Blocks in a row before which packets came and all were late.
    strikes: u8,
    /// Played since the last packet came.
    quiet: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Empty,
    Arriving,
    Settling { left: i64 },
    Steady,
}

impl Depth {
    /// A stream of which nothing came yet. `queue` in packets, at least 1.
    pub(crate) fn new(queue: u16, rate: SampleRate) -> Self {
        Self {
            queue: i64::from(queue.max(1)),
            rate: i64::from(rate.0.max(1)),
            period: 1,
            limit: 1,
            state: State::Empty,
            blocks: Blocks::default(),
            brief: Window::default(),
            long: Window::default(),
            shortfalls: 0,
            since: Arrivals::default(),
            second: Arrivals::default(),
            strikes: 0,
            quiet: 0,
        }
    }

    /// Packets of `period` frames from now on, of which `limit` can be held; nothing came yet.
    pub(crate) fn set_period(&mut self, period: Frames, limit: i64) {
        self.period = i64::from(period.0.max(1));
        self.limit = limit;
        self.forget();
    }

    /// As if nothing had come.
    pub(crate) fn forget(&mut self) {
        self.state = State::Empty;
        self.quiet = 0;
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

    /// A packet came, `late_by` frames after its turn (0 or less: in time).
    pub(crate) fn arrived(&mut self, late_by: i64) {
        if self.state == State::Empty {
            self.start_anew();
        }
        self.quiet = 0;
        self.since.note(late_by);
        self.second.note(late_by);
    }

    /// A block of `block` frames is about to be played at this depth (of no meaning before the
    /// first [`Step::Anchor`]). Bounded, whatever the numbers are.
    pub(crate) fn settle(&mut self, depth: i64, block: Frames) -> Step {
        let block = i64::from(block.0.max(1));
        let before = self.target();
        self.blocks.note(block, self.rate);
        match self.state {
            State::Empty => return Step::Stay,
            State::Arriving => return self.anchor(),
            State::Settling { left } if left <= 0 => self.state = State::Steady,
            State::Settling { left } => self.state = State::Settling { left: left - block },
            State::Steady => {}
        }

        self.quiet += block;
        if self.quiet > (self.rate / 2).max(3 * self.period) {
            self.forget();
            return Step::Lose;
        }
        let came = self.count_strikes();
        if self.strikes >= STRIKES {
            return self.anchor();
        }
        let raised = self.target() - before;
        if raised > 0 {
            // The block became larger: what was just enough is too little now.
            return self.back(raised, depth);
        }
        let over = depth >= self.target() + self.period;
        self.brief.note(depth, block, came, over);
        self.long.note(depth, block, came, over);
        self.judge_brief(depth)
            .or_else(|| self.judge_variety(depth))
            .or_else(|| self.judge_long(depth))
            .unwrap_or(Step::Stay)
    }

    /// The greatest depth there should be.
    pub(crate) fn target(&self) -> i64 {
        ((self.queue - 1) * self.period + self.gapless()).min(self.limit)
    }

    /// The greatest depth of a stream that has no gap, if only just.
    fn gapless(&self) -> i64 {
        self.period + self.blocks.largest() - self.common()
    }

    fn common(&self) -> i64 {
        gcd(self.period, self.blocks.largest())
    }

    fn anchor(&mut self) -> Step {
        self.state = State::Settling {
            left: self.rate * 3 / 10,
        };
        self.begin();
        Step::Anchor(self.target())
    }

    fn back(&mut self, frames: i64, depth: i64) -> Step {
        let frames = frames.min(self.limit - depth);
        self.begin();
        if frames > 0 {
            Step::Back(frames)
        } else {
            Step::Stay
        }
    }

    fn skip(&mut self, frames: i64) -> Step {
        self.begin();
        Step::Skip(frames)
    }

    /// Begins to observe: the play position was moved.
    fn begin(&mut self) {
        self.brief = Window::default();
        self.long = Window::default();
        self.shortfalls = 0;
        self.since = Arrivals::default();
        self.second = Arrivals::default();
        self.strikes = 0;
    }

    /// Whether packets came since the last block; counts when all of them were late.
    fn count_strikes(&mut self) -> bool {
        let Arrivals { came, late, .. } = std::mem::take(&mut self.since);
        if came > 0 {
            self.strikes = if came == late { self.strikes + 1 } else { 0 };
        }
        came > 0
    }

    fn judge_brief(&mut self, depth: i64) -> Option<Step> {
        // At least one whole period of the peer, in whichever phase.
        let few = 8.max((self.period + self.blocks.largest()) / self.blocks.largest() + 2);
        if self.brief.blocks < few {
            return None;
        }
        let window = std::mem::take(&mut self.brief);
        if self.state != State::Steady {
            let excess = self.excess(&window).max(self.surplus(&window));
            if excess > 0 {
                return Some(self.skip(excess));
            }
            let lacking = self.lacking(&window);
            if lacking > 0 {
                return Some(self.back(lacking, depth));
            }
        }
        self.shortfalls = if self.falls_short(&window) {
            self.shortfalls + 1
        } else {
            0
        };
        (self.shortfalls >= 2).then(|| self.back(self.target() - window.most, depth))
    }

    /// Blocks of many sizes meet packets in more ways than the rule knows of.
    fn judge_variety(&mut self, depth: i64) -> Option<Step> {
        let spare = self.target() + self.common() - 1 - self.long.most;
        let enough = self.second.late >= STRIKES.into()
            || self.second.late > 0 && self.long.frames >= self.rate;
        (enough && spare > 0 && self.blocks.vary())
            .then(|| self.back(self.second.latest.min(spare), depth))
    }

    fn judge_long(&mut self, depth: i64) -> Option<Step> {
        if self.long.frames < self.rate || self.long.blocks < 8 {
            return None;
        }
        let window = std::mem::take(&mut self.long);
        let arrivals = std::mem::take(&mut self.second);
        if self.falls_short(&window) {
            return Some(self.back(self.target() - window.most, depth));
        }
        if arrivals.late * 10 > arrivals.came {
            let mean = arrivals.late_by / arrivals.late.max(1);
            return Some(self.back((mean / self.period + 1) * self.period, depth));
        }
        let packets = self.excess(&window).max(self.surplus(&window)) / self.period;
        (packets > 0 && self.state == State::Steady).then(|| self.skip(packets * self.period))
    }

    /// Frames that were never needed. The second bound is for a window that did not see the least
    /// depth that packets and blocks come to as they move past each other.
    fn excess(&self, window: &Window) -> i64 {
        let least = self.target() - (self.period - self.common());
        (window.least - least).min(window.most - self.target())
    }

    /// Frames by which even the earliest packet was later than the target allows for: the stream was anchored on
    /// packets that came in a bunch, as a peer's first ones do.
    fn lacking(&self, window: &Window) -> i64 {
        if window.came && !self.blocks.vary() {
            self.target() - window.most - self.unseen(window)
        } else {
            0
        }
    }

    /// Frames by which packets often come earlier than the target allows for: in a quarter of the blocks, once
    /// settled. As JackTrip's, a queue of q is the most that is kept, not the least; but it is
    /// never cut to less than a block, so that no period goes dry for it.
    fn surplus(&self, window: &Window) -> i64 {
        let often = self.state != State::Steady || window.over * 4 >= window.blocks;
        if window.over == 0 || !often {
            return 0;
        }
        let wanted = match self.state {
            State::Steady => self.period,
            _ => window.most - self.target(),
        };
        let spare = window.least - self.blocks.largest();
        wanted.min(spare) / self.period * self.period
    }

    /// Whether there are gaps that even the best moments of this window cannot avoid.
    fn falls_short(&self, window: &Window) -> bool {
        window.short && window.came && window.most + self.unseen(window) < self.gapless()
    }

    /// Frames by which the best moment may be better than a window saw it that is shorter than the cycle of
    /// packets and blocks.
    fn unseen(&self, window: &Window) -> i64 {
        if window.blocks >= self.period / self.common() {
            0
        } else {
            self.period.min(self.blocks.largest())
        }
    }
}

/// Blocks in a row with nothing but late packets until the stream is anchored anew.
const STRIKES: u8 = 4;

/// The greatest common divisor of two positive numbers. At most 20 rounds for numbers up to 8192.
fn gcd(mut a: i64, mut b: i64) -> i64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: Frames = Frames(128);

    #[test]
    fn the_target_is_the_least_without_a_gap_and_a_packet_more_for_each_of_the_queue() {
        for (queue, period, block, target) in [
            (1, 128, 128, 128),
            (4, 128, 128, 512),
            (1, 64, 128, 128),
            (2, 256, 128, 512),
            (1, 96, 128, 192),
            (3, 100, 127, 426),
        ] {
            let mut depth = playing(queue, period);
            assert_eq!(depth.settle(0, Frames(block)), Step::Anchor(target));
        }
    }

    #[test]
    fn what_is_too_much_goes_at_once_at_first_and_by_whole_packets_later() {
        let mut depth = anchored(2);
        assert_eq!(after(&mut depth, 8, 300), Step::Skip(44));
        assert_eq!(after(&mut depth, 120, 256), Step::Stay);
        assert_eq!(after(&mut depth, 800, 300), Step::Stay);
        // A quarter of a second that was too deep is enough for the first, a whole one for all.
        assert_eq!(after(&mut depth, 800, 256 + 257), Step::Skip(128));
        assert_eq!(after(&mut depth, 800, 256 + 257), Step::Skip(256));
    }

    #[test]
    fn packets_that_come_early_every_other_time_cost_no_delay_and_no_gap() {
        let early = |queue: u16, least: i64, blocks: i64| {
            let mut depth = anchored(queue);
            (0..blocks)
                .map(|i| after(&mut depth, 1, least + 128 * (i % 2)))
                .find(|s| *s != Step::Stay)
        };
        assert_eq!(early(2, 256, 20), Some(Step::Skip(128)), "at once at first");
        assert_eq!(early(1, 128, 2000), None, "the block that is due stays");
        let mut depth = anchored(4);
        assert_eq!(after(&mut depth, 200, 512), Step::Stay);
        let later = (0..1000).map(|i| after(&mut depth, 1, 512 + 128 * (i % 2)));
        assert_eq!(
            later.into_iter().find(|s| *s != Step::Stay),
            Some(Step::Skip(128))
        );
        let burst = (0..1000).map(|i| after(&mut depth, 1, 512 + 128 * i64::from(i % 10 == 0)));
        assert_eq!(
            burst.into_iter().find(|s| *s != Step::Stay),
            None,
            "now and then is no reason"
        );
    }

    #[test]
    fn four_blocks_of_late_packets_anchor_anew_and_three_do_not() {
        let mut depth = anchored(2);
        for came in [1, 1, 1, -5, 1, 1, 1] {
            depth.arrived(came);
            assert_eq!(depth.settle(0, BLOCK), Step::Stay);
        }
        depth.arrived(1);
        assert_eq!(depth.settle(0, BLOCK), Step::Anchor(256));
    }

    #[test]
    fn one_late_packet_in_ten_is_borne_and_more_is_answered_by_going_back() {
        for (every, step) in [(12, Step::Stay), (6, Step::Back(128))] {
            let mut depth = anchored(2);
            let steps: Vec<Step> = (0..750)
                .map(|i| {
                    depth.arrived(if i % every == 0 { 20 } else { -100 });
                    depth.settle(256, BLOCK)
                })
                .collect();
            assert_eq!(
                steps
                    .into_iter()
                    .find(|s| *s != Step::Stay)
                    .unwrap_or(Step::Stay),
                step
            );
        }
    }

    #[test]
    fn a_larger_block_raises_the_depth_at_once() {
        let mut depth = anchored(1);
        depth.arrived(-1);
        assert_eq!(depth.settle(128, Frames(512)), Step::Back(384));
    }

    #[test]
    fn half_a_second_without_packets_loses_the_stream_and_the_next_packet_anchors_it() {
        let mut depth = anchored(1);
        let blocks = (0..)
            .take_while(|_| depth.settle(0, BLOCK) != Step::Lose)
            .count();
        assert_eq!(blocks, 24_000 / 128);
        assert_eq!(depth.settle(0, BLOCK), Step::Stay);
        depth.arrived(0);
        assert_eq!(depth.settle(0, BLOCK), Step::Anchor(128));
    }

    fn playing(queue: u16, period: u32) -> Depth {
        let mut depth = Depth::new(queue, SampleRate::HZ_48000);
        depth.set_period(Frames(period), 100_000);
        depth.arrived(0);
        depth
    }

    fn anchored(queue: u16) -> Depth {
        let mut depth = playing(queue, 128);
        assert_eq!(depth.settle(0, BLOCK), Step::Anchor(i64::from(queue) * 128));
        depth
    }

    /// What comes of so many blocks at this depth: the first thing done.
    fn after(depth: &mut Depth, blocks: usize, frames: i64) -> Step {
        for _ in 0..blocks {
            depth.arrived(-1);
            match depth.settle(frames, BLOCK) {
                Step::Stay => {}
                step => return step,
            }
        }
        Step::Stay
    }
}
