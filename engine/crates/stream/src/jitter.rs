//! The jitter buffer of one peer: packets in by number, frames out in order.
//!
//! ```text
//!                         ┌ Tally: what came, what is late, lost, double
//!   insert ──▶ number ────┼ Depth: anchor, skip, go back (asked by settle)
//!                         └ Slots: the packets, by number
//!                                 │ next, hold
//!   pull   ◀───────────────── Weaver: plays them, invents what is missing, never clicks
//! ```
//!
//! The time line: packet `n` of `period` frames covers the frames from `n * period` on. `next` is
//! the next frame to be pulled, after `hold` frames of silence (or of what is invented) that raise
//! the depth. A packet that is missing at its turn is concealed and the time line goes on: the
//! delay stays as it is.

use farsend_units::{Channels, Frames, MonoTime};

use crate::conceal::{Conceal, Due, Span, Weaver};
use crate::contract::{
    BufferConfig, BufferCounts, Inserted, LONGEST_PERIOD, Origin, Pulled, Unsupported,
};
use crate::depth::{Depth, Step};
use crate::drift::Drift;
use crate::slots::Slots;
use crate::tally::{Came, Tally};

/// One peer's packets, in order and in time.
///
/// For one thread (the one that owns the audio clock, or one that feeds it): packets go in as they
/// come, then once a local block [`settle`](Self::settle) and [`pull`](Self::pull). On a clean path
/// what is pulled is what was sent, to the bit. Nothing allocates after [`new`](Self::new); the work
/// of a call is bounded by the frames it moves and the slots there are (both at most some thousand).
#[derive(Debug)]
pub struct JitterBuffer {
    config: BufferConfig,
    /// The peer's frames a packet; 0 without a format.
    period: i64,
    slots: Slots,
    tally: Tally,
    depth: Depth,
    weaver: Weaver,
    drift: Drift,
    /// The number on the wire that is number 0 here; none before the first packet.
    base: Option<i64>,
    /// `next` and `hold` mean something.
    anchored: bool,
    next: i64,
    hold: i64,
    /// Packets in a row that were older than all that the slots can hold.
    far_behind: u8,
    revived: u64,
    repaired: u64,
    dry: u64,
    concealed: u64,
    skipped: u64,
    reanchored: u64,
}

impl JitterBuffer {
    /// An empty buffer without a format. Allocates all that it will ever need: for `queue` 4 and 2
    /// channels less than a megabyte.
    pub fn new(config: BufferConfig) -> Self {
        let config = BufferConfig {
            queue: config.queue.max(1),
            block: Frames(config.block.0.clamp(1, LONGEST_BLOCK)),
            ..config
        };
        let longest = wanted(&config, LONGEST_PERIOD);
        // A queue of many packets is one of short packets: no memory for what nobody could bear.
        let frames = longest.min(wanted(&config, 1024).max(MEMORY_FRAMES));
        let frames = frames.min(MEMORY_SAMPLES / config.channels.get().max(1));
        let slots = wanted(&config, 1).min(frames);
        let mut buffer = Self {
            config,
            period: 0,
            slots: Slots::new(frames, config.channels.get(), slots),
            tally: Tally::new(slots.max(1024)),
            depth: Depth::new(config.queue, config.rate),
            weaver: Weaver::new(config.conceal, config.channels, config.rate),
            drift: Drift::new(config.rate),
            base: None,
            anchored: false,
            next: 0,
            hold: 0,
            far_behind: 0,
            revived: 0,
            repaired: 0,
            dry: 0,
            concealed: 0,
            skipped: 0,
            reanchored: 0,
        };
        buffer.forget();
        buffer
    }

    /// Takes packets of `period` frames and `peer_channels` from now on and forgets those before,
    /// fading out what sounds. Channels beyond the local ones are dropped, local ones beyond the
    /// peer's are silent.
    ///
    /// # Errors
    /// Then there is no format: packets are dropped until another is set.
    pub fn set_format(
        &mut self,
        period: Frames,
        peer_channels: Channels,
    ) -> Result<(), Unsupported> {
        self.forget();
        self.weaver.rest();
        self.period = 0;
        if !(1..=LONGEST_PERIOD).contains(&period.0) {
            return Err(Unsupported::Period { period });
        }
        let channels = peer_channels.min(self.config.channels).get();
        let count =
            self.slots
                .set_format(period, channels, wanted(&self.config, period.0)) as i64;
        let length = i64::from(period.0);
        // One slot is being played, another filled.
        let room = (count - 2) * length;
        if room < (i64::from(self.config.queue) + 1) * length + i64::from(self.config.block.0) {
            let room = Frames(room.max(0) as u32);
            return Err(Unsupported::TooDeep {
                queue: self.config.queue,
                period,
                room,
            });
        }
        self.period = length;
        self.depth.set_period(period, room);
        self.weaver.set_format(self.config.rate, period, channels);
        Ok(())
    }

    /// Takes the packet `number` (unwrapped, counting from anywhere) that came at `at`, and how it
    /// came. The arrival of a copy or of a repaired packet is not one of the peer's clock.
    ///
    /// If the packet is of use `decode` is called for each of its channels that are played, and is
    /// to fill the slice, one period, whole; not-a-number and infinity are replaced by silence.
    pub fn insert(
        &mut self,
        number: i64,
        at: MonoTime,
        origin: Origin,
        decode: &mut dyn FnMut(usize, &mut [f32]),
    ) -> Inserted {
        if self.period == 0 {
            return Inserted::NoFormat;
        }
        let (n, outcome) = self.locate(number, origin);
        let late_by = if self.anchored {
            self.next - n * self.period
        } else {
            0
        };
        if self.tally.arrive(n, late_by > 0) == Came::Again {
            return Inserted::Duplicate;
        }
        // Late ones too: a stream that is anchored anew begins with them.
        self.slots.put(n, decode);
        if origin.is_direct() {
            self.depth.arrived(late_by);
            self.drift.observe(number, Frames(self.period as u32), at);
        }
        self.judge();
        match outcome {
            Some(outcome) => outcome,
            None if late_by > 0 => Inserted::Late,
            None => match origin {
                Origin::Direct => Inserted::Placed,
                Origin::Copy => {
                    self.revived += 1;
                    Inserted::Revived
                }
                Origin::Repaired => {
                    self.repaired += 1;
                    Inserted::Repaired
                }
            },
        }
    }

    /// Sees to the depth; to be called once for each local block, right before it is played.
    ///
    /// `ahead`: frames pulled but not played yet (0 if each block is pulled when it is played);
    /// `block`: how many frames are about to be played.
    pub fn settle(&mut self, ahead: Frames, block: Frames) {
        if self.period == 0 {
            return;
        }
        let ahead = i64::from(ahead.0);
        let end = self.end();
        let depth = end - self.next + self.hold + ahead;
        match self.depth.settle(depth, block) {
            Step::Stay => {}
            Step::Anchor(target) => self.anchor(end - target + ahead),
            Step::Skip(frames) => self.skip(frames),
            Step::Back(frames) => self.back(frames),
            Step::Lose => self.lose(),
        }
        self.judge();
    }

    /// Frames that [`pull`](Self::pull) can hand out now without inventing any, the silence before
    /// a stream begins included; 0 while there is none.
    pub fn ready(&self) -> Frames {
        if !self.anchored {
            return Frames::ZERO;
        }
        let frames = self.hold + self.slots.available(self.next, i64::from(LONGEST_BLOCK));
        Frames(frames.clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// Fills `out`, planar, one slice a channel, all as long as the first, with the next frames.
    /// Always fills all; channels that the peer does not send are silent. To be called with the
    /// configured channels each time.
    pub fn pull(&mut self, out: &mut [&mut [f32]]) -> Pulled {
        let frames = out.first().map_or(0, |channel| channel.len());
        for channel in out.iter_mut() {
            // As long as the first one: what is longer is silence, what is shorter is not filled.
            if let Some(rest) = channel.get_mut(frames..) {
                rest.fill(0.0);
            }
        }
        let (mut at, mut fresh, mut missing) = (0, 0, 0);
        while at < frames {
            let left = frames - at;
            let offset = self.next.rem_euclid(self.period.max(1)) as usize;
            let n = self.next.div_euclid(self.period.max(1));
            let mut span = Span { at, frames: left };
            let due = |after| {
                Some(Due {
                    after,
                    position: self.next,
                })
            };
            if !self.anchored {
                self.weaver.invent(&self.slots, None, out, span);
            } else if self.hold > 0 {
                span.frames = left.min(self.hold.min(i64::from(LONGEST_BLOCK)) as usize);
                self.weaver.invent(&self.slots, due(self.hold), out, span);
                self.hold -= span.frames as i64;
            } else {
                span.frames = left.min(self.period as usize - offset);
                if self.slots.has(n) {
                    self.weaver.play(&self.slots, n, offset, out, span);
                    fresh += span.frames;
                } else {
                    self.weaver.invent(&self.slots, due(0), out, span);
                    missing += span.frames;
                }
                self.next += span.frames as i64;
            }
            at += span.frames;
        }
        self.judge();
        self.concealed += missing as u64;
        if missing > 0 {
            self.dry += 1;
            Pulled::Concealed
        } else if fresh > 0 {
            Pulled::Fresh
        } else {
            Pulled::Idle
        }
    }

    /// Forgets the stream, and is silent at once. The format stays.
    pub fn reset(&mut self) {
        self.forget();
        self.weaver.hush();
    }

    /// Forgets the stream and fades out what sounds: the peer has left. The format stays.
    pub fn fade_out(&mut self) {
        self.forget();
        self.weaver.rest();
    }

    /// What happened so far.
    pub fn counts(&self) -> BufferCounts {
        let [received, late, lost, duplicate] = self.tally.counts();
        BufferCounts {
            received,
            late,
            lost,
            duplicate,
            revived: self.revived,
            repaired: self.repaired,
            dry: self.dry,
            concealed: self.concealed,
            skipped: self.skipped,
            reanchored: self.reanchored,
        }
    }

    /// Frames from the next one to be pulled to the end of the newest packet: the delay that the
    /// buffer makes.
    pub fn queued(&self) -> Frames {
        let frames = if self.anchored {
            self.end() - self.next + self.hold
        } else {
            0
        };
        Frames(frames.clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// What [`queued`](Self::queued) is to be at most, right before a block is played.
    pub fn target(&self) -> Frames {
        Frames(self.depth.target().clamp(0, i64::from(u32::MAX)) as u32)
    }

    /// How much faster than ours the peer's clock is, in ppm; none until some seconds were seen.
    pub fn drift(&self) -> Option<f64> {
        self.drift.ppm()
    }

    /// What it was made for.
    pub fn config(&self) -> BufferConfig {
        self.config
    }

    /// The number of a packet on the time line of the stream, and what is to be said of it if the
    /// stream begins anew with it.
    fn locate(&mut self, number: i64, origin: Origin) -> (i64, Option<Inserted>) {
        let Some(base) = self.base else {
            self.begin(number);
            return (0, None);
        };
        let newest = self.tally.newest();
        // As far as ten seconds and a thousand packets ahead it is a gap, else other numbers.
        let gap = i64::from(self.config.rate.0) * 10 / self.period + 1000;
        let n = number
            .checked_sub(base)
            .filter(|n| n.saturating_sub(newest) <= gap && n.unsigned_abs() < FARTHEST);
        self.far_behind = match n {
            Some(n) if n > newest - self.slots.count() => 0,
            _ if !origin.is_direct() => self.far_behind,
            _ => self.far_behind + 1,
        };
        // Old numbers after a break: the peer began again.
        let again = n.is_some_and(|n| n <= newest && origin.is_direct() && self.depth.is_empty());
        match n {
            Some(n) if self.far_behind < FAR_BEHIND && !again => {
                if self.anchored && n >= self.next.div_euclid(self.period) + self.slots.count() {
                    self.anchored = false;
                    self.depth.start_anew();
                    self.reanchored += 1;
                    return (n, Some(Inserted::Restarted));
                }
                (n, None)
            }
            _ => {
                self.forget();
                self.begin(number);
                self.depth.start_anew();
                self.reanchored += 1;
                (0, Some(Inserted::Restarted))
            }
        }
    }

    /// A stream whose first packet is `number`.
    fn begin(&mut self, number: i64) {
        self.base = Some(number);
        self.tally.start(0);
    }

    fn forget(&mut self) {
        self.slots.clear();
        self.tally.start(0);
        self.depth.forget();
        self.drift.restart();
        self.base = None;
        self.anchored = false;
        self.hold = 0;
        self.far_behind = 0;
    }

    /// The end of the newest packet.
    fn end(&self) -> i64 {
        (self.tally.newest() + 1) * self.period
    }

    /// Has `position` be the next frame; where nothing is there yet, silence until there is.
    fn anchor(&mut self, position: i64) {
        let mut first = self.tally.newest();
        let oldest = (first - self.slots.count()).max(position.div_euclid(self.period));
        while first > oldest && self.slots.has(first - 1) {
            first -= 1;
        }
        let start = (first * self.period).max(position);
        self.weaver
            .jump(&self.slots, self.anchored.then_some(self.next));
        self.reanchored += u64::from(self.anchored);
        (self.next, self.hold, self.anchored) = (start, start - position, true);
    }

    fn skip(&mut self, frames: i64) {
        let held = frames.min(self.hold);
        self.hold -= held;
        if held < frames {
            self.weaver.jump(&self.slots, Some(self.next));
            self.next += frames - held;
            self.skipped += (frames - held) as u64;
        }
    }

    fn back(&mut self, frames: i64) {
        self.reanchored += 1;
        if self.hold == 0 && self.slots.available(self.next - frames, 1) > 0 {
            self.weaver.jump(&self.slots, Some(self.next));
            self.next -= frames;
        } else {
            self.hold += frames;
        }
    }

    /// The stream has broken off. Its numbers stay: what is missing when it returns was lost.
    fn lose(&mut self) {
        self.anchored = false;
        self.hold = 0;
        self.reanchored += 1;
        self.drift.restart();
        if self.config.conceal != Conceal::Wavetable {
            self.weaver.rest();
        }
    }

    /// Counts the packets whose turn is over.
    fn judge(&mut self) {
        if self.anchored {
            self.tally
                .judge((self.next + self.period - 1).div_euclid(self.period));
        }
    }
}

/// The frames that a buffer for packets of `period` should hold: what is wanted, and what may come
/// early, as after a stall, or be waited for.
fn wanted(config: &BufferConfig, period: u32) -> usize {
    let packets = usize::from(config.queue) + 1 + 4;
    packets * period as usize + 3 * config.block.get() + config.rate.0 as usize / 10
}

/// The largest number of frames that a host or a server asks for at once.
const LONGEST_BLOCK: u32 = 8192;
/// As much memory a channel as anyone gets for long packets: 1 MiB.
const MEMORY_FRAMES: usize = 1 << 18;
/// As much memory as any buffer gets: 128 MiB.
const MEMORY_SAMPLES: usize = 1 << 25;
/// Numbers farther apart than this belong to different streams; times 8192 it still fits well.
const FARTHEST: u64 = 1 << 40;
/// Packets in a row from far before the newest one that mean that the numbers start over.
const FAR_BEHIND: u8 = 4;
