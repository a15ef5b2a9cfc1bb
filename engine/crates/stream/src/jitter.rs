//! The jitter buffer of one peer: packets in by number, frames out in order.
//!
//! ```text
//!                         ┌ Tally: what came, what is late, lost, double
//!   insert ──▶ number ────┼ Depth: anchor, skip, go back (asked by settle)
//!                         └ Slots: the packets, by number
//!                                 │ next, hold
//!                              Weaver: plays them, invents what is missing, never clicks
//!                                 │ the peer's frames, in order
//!   pull   ◀───────────────── Resampler: as they are, or at the rate of our clock
//! ```
//!
//! The time line: packet `n` of `period` frames covers the frames from `n * period` on, at the peer's rate.
//! `next` is the next frame to be taken, after `hold` frames of silence (or of what is invented) that
//! raise the depth. A packet that is missing at its turn is concealed and the time line goes on: the delay stays as
//! it is. The resampler holds what was taken and not played yet: nothing while it plays straight.

mod numbers;
mod playing;

use std::sync::Arc;
use std::time::Duration;

use arrayvec::ArrayVec;
use farsend_units::{Channels, Frames, MonoTime, SampleRate};

use self::playing::{Change, Taken};
use crate::conceal::{Conceal, Weaver};
use crate::contract::{
    BufferConfig, DepthPolicy, Inserted, LONGEST_PERIOD, Origin, Pulled, Unsupported,
};
use crate::depth::{Depth, FASTER, Pace, Place, Step};
use crate::prefetch::prefetch;
use crate::resample::{Kernel, Kernels, LEAST_STEP, MOST_STEP, Resampler};
use crate::slots::Slots;
use crate::tally::{Came, Tally};
use crate::watch::Watch;

/// One peer's packets, in order and in time.
///
/// For one thread (the one that owns the audio clock, or one that feeds it): packets go in as they
/// come, then once a local block [`settle`](Self::settle) and [`pull`](Self::pull). On a clean path
/// what is pulled is what was sent, to the bit. Nothing allocates after [`new`](Self::new); the work
/// of a call is bounded by the frames it moves and the slots there are (both at most some thousand).
#[derive(Debug)]
pub struct JitterBuffer {
    config: BufferConfig,
    /// In place of the configuration's, since it was set.
    policy: Option<DepthPolicy>,
    /// The peer's frames a packet; 0 without a format.
    period: i64,
    /// The peer's rate.
    rate: SampleRate,
    slots: Slots,
    tally: Tally,
    depth: Depth,
    watch: Watch,
    weaver: Weaver,
    resampler: Resampler,
    /// Between all rates that a peer may have and ours. The resampler's is a clone of one of them.
    kernels: Arc<Kernels>,
    /// The step of the last block, while it is bent.
    step: f64,
    change: Change,
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
    nonsense: u64,
    dry: u64,
    concealed: u64,
    skipped: u64,
    reanchored: u64,
    moves: u64,
}

impl JitterBuffer {
    /// An empty buffer without a format, for peers of the rates that there are `kernels` for, to and from `config.rate`.
    /// Allocates all that it will ever need: for 2 channels some megabytes.
    pub fn new(config: BufferConfig, kernels: &Arc<Kernels>) -> Self {
        let config = BufferConfig {
            block: Frames(config.block.0.clamp(1, LONGEST_BLOCK)),
            ..config
        };
        let highest = SampleRate(config.rate.0.max(192_000));
        let longest = wanted(&config, LONGEST_PERIOD, highest);
        // A queue of many packets is one of short packets: no memory for what nobody could bear.
        let frames = longest.min(wanted(&config, 1024, highest).max(MEMORY_FRAMES));
        let frames = frames.min(MEMORY_SAMPLES / config.channels.get().max(1));
        let slots = wanted(&config, 1, highest).min(frames);
        let even = kernels.get(config.rate, config.rate).cloned();
        let kernel = even.unwrap_or_else(|| Kernel::new(config.rate, config.rate));
        let mut buffer = Self {
            config,
            policy: None,
            period: 0,
            rate: config.rate,
            slots: Slots::new(frames, config.channels.get(), slots),
            tally: Tally::new(slots.max(1024)),
            depth: Depth::new(config.depth, config.rate),
            watch: Watch::default(),
            weaver: Weaver::new(config.conceal, config.channels, config.rate),
            resampler: Resampler::with_kernel(config.channels.get(), kernel, CHUNK),
            kernels: Arc::clone(kernels),
            step: 1.0,
            change: Change::None,
            base: None,
            anchored: false,
            next: 0,
            hold: 0,
            far_behind: 0,
            revived: 0,
            repaired: 0,
            nonsense: 0,
            dry: 0,
            concealed: 0,
            skipped: 0,
            reanchored: 0,
            moves: 0,
        };
        buffer.forget();
        buffer
    }

    /// Takes packets of `period` frames at `rate` and `peer_channels` from now on and forgets those before,
    /// fading out what sounds. Channels beyond the local ones are dropped, local ones beyond the
    /// peer's are silent. Bounded, for the audio thread: docs/resampler.md has the cost.
    ///
    /// # Errors
    /// Then there is no format: packets are dropped until another is set.
    pub fn set_format(
        &mut self,
        rate: SampleRate,
        period: Frames,
        peer_channels: Channels,
    ) -> Result<(), Unsupported> {
        self.forget();
        self.weaver.rest();
        self.period = 0;
        if !(1..=LONGEST_PERIOD).contains(&period.0) {
            return Err(Unsupported::Period { period });
        }
        if !(LOWEST_RATE..=HIGHEST_RATE).contains(&rate.0) {
            return Err(Unsupported::Rate { rate });
        }
        let own = self.config.rate;
        // A clock that is off, and a stream that catches up, want some room in the resampler's range.
        let steps = LEAST_STEP / 0.9..=MOST_STEP * 0.9;
        if !steps.contains(&(f64::from(rate.0) / f64::from(own.0))) {
            return Err(Unsupported::TooFar { rate, own });
        }
        let Some(kernel) = self.kernels.get(rate, own) else {
            return Err(Unsupported::NoKernel { rate });
        };
        let channels = peer_channels.min(self.config.channels).get();
        let block = in_theirs(self.config.block.get(), self.config.rate, rate);
        let wanted = wanted(&self.config, period.0, rate);
        let count = self.slots.set_format(period, channels, wanted) as i64;
        let length = i64::from(period.0);
        // One slot is being played, another filled.
        let room = (count - 2) * length;
        let queue = self.config.depth.queue();
        if room < (i64::from(queue) + 1) * length + block as i64 {
            let room = Frames(room.max(0) as u32);
            return Err(Unsupported::TooDeep {
                queue,
                period,
                room,
            });
        }
        if rate != self.rate {
            self.resampler.reset();
            // Not the last of its kind: `kernels` has it, too.
            drop(self.resampler.set_kernel(kernel.clone()));
            self.rate = rate;
        }
        self.step = self.resampler.nominal_step();
        self.period = length;
        if let Some(policy) = self.policy {
            self.depth.set_policy(self.held(policy));
        }
        self.depth
            .set_format(rate, period, room, self.resampler.lookahead());
        self.weaver.set_format(rate, period, channels);
        Ok(())
    }

    /// Keeps another delay against lateness from now on; what plays jumps there once, in a cross-fade. A queue longer than
    /// what the buffer has memory for, which was measured out for the first, becomes the longest that it has.
    pub fn set_depth(&mut self, policy: DepthPolicy) {
        self.policy = Some(policy);
        if self.period > 0 {
            self.stop_moving();
            self.depth.set_policy(self.held(policy));
        }
    }

    /// Takes the packet `number` (unwrapped, counting from anywhere) that came at `at`, and how it
    /// came. The arrival of a copy or of a repaired packet is not one of the peer's clock.
    ///
    /// If the packet is of use `decode` is called for each of its channels that are played, and is
    /// to fill the slice, one period, whole; what is no audio (not a number, infinite, beyond +48 dB) is replaced by silence and counted.
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
        if origin.is_direct() {
            let period = Frames(self.period as u32).duration(self.rate);
            self.watch.arrived(n, at, period);
        }
        // Late ones too: a stream that is anchored anew begins with them.
        self.nonsense += self.slots.put(n, decode);
        let end = (n + 1).saturating_mul(self.period);
        self.depth.arrived(end, at, late_by, origin);
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
    /// `now`: when, on the clock of the packets' arrival; `ahead`: frames pulled but not played yet (0 if each
    /// block is pulled when it is played); `block`: how many frames are about to be played.
    pub fn settle(&mut self, now: MonoTime, ahead: Frames, block: Frames) {
        if self.period == 0 {
            return;
        }
        let behind = self.resampler.lag()
            + f64::from(ahead.0) * f64::from(self.rate.0) / f64::from(self.config.rate.0);
        let play = (self.next - self.hold) as f64 - behind;
        let depth = if self.anchored {
            self.end() - play as i64
        } else {
            0
        };
        self.watch
            .played(now, block.duration(self.config.rate), depth);
        if self.config.conceal == Conceal::Predict {
            let [came, _, lost, _] = self.tally.counts();
            self.depth.count(came, lost);
        }
        let step = self.depth.settle(Place { now, play, block });
        match step {
            Step::Stay => {}
            Step::Anchor(target) => self.anchor(self.end() - target + behind.round() as i64),
            Step::Jump(frames) if frames > 0 => self.skip(frames),
            Step::Jump(frames) => self.back(-frames),
            Step::Move(frames) => {
                self.moves += 1;
                self.change = Change::Moving { left: frames };
            }
            Step::Lose => self.lose(),
        }
        self.judge();
    }

    /// Blocks of so many frames in all were played without a [`settle`](Self::settle): the caller was late.
    pub fn pass(&mut self, frames: Frames) {
        self.depth.pass(frames);
    }

    /// So many frames were never asked for and never heard, as where a sound server misses a cycle: what came for
    /// them is passed over, and the delay stays. To be called before the next [`settle`](Self::settle).
    pub fn pass_over(&mut self, frames: Frames) {
        let theirs = in_theirs(frames.get(), self.config.rate, self.rate) as i64;
        let block = in_theirs(self.config.block.get(), self.config.rate, self.rate) as i64;
        // Not beyond what there is: the peer's server may have missed as much.
        let there = if self.anchored {
            self.end() - self.next + self.hold + self.resampler.lag() as i64 - block
        } else {
            0
        };
        let passed = theirs.clamp(0, there.max(0));
        self.depth.pass_over(frames, passed);
        if passed > 0 {
            self.skip(passed);
        }
        self.judge();
    }

    /// Frames that [`pull`](Self::pull) can hand out now without inventing any, the silence before
    /// a stream begins included; 0 while there is none.
    pub fn ready(&self) -> Frames {
        if !self.anchored {
            return Frames::ZERO;
        }
        let there = self.hold
            + self
                .slots
                .available(self.next, i64::from(LONGEST_BLOCK) * 8);
        let there = there as f64 + self.resampler.lag();
        let frames = if self.is_straight() {
            there
        } else {
            let step = match self.depth.pace() {
                Pace::Step(step) => step,
                Pace::Even => 1.0 + FASTER,
            };
            // What is asked for in all is never more than this: see `Resampler::wants`.
            (there - self.resampler.lookahead() as f64 - 2.0) / step.max(self.step) - 1.0
        };
        Frames(frames.clamp(0.0, f64::from(LONGEST_BLOCK)) as u32)
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
        let mut taken = Taken::default();
        let mut at = 0;
        while at < frames {
            let part = (frames - at).min(CHUNK);
            let mut chunk: ArrayVec<&mut [f32], MOST_CHANNELS> = ArrayVec::new();
            let channels = out.iter_mut().take(MOST_CHANNELS);
            chunk
                .extend(channels.map(|channel| channel.get_mut(at..at + part).unwrap_or_default()));
            self.play(&mut chunk, part, &mut taken);
            at += part;
        }
        self.judge();
        self.concealed += taken.missing as u64;
        if taken.missing > 0 {
            self.dry += 1;
            Pulled::Concealed
        } else if taken.fresh > 0 {
            Pulled::Fresh
        } else {
            Pulled::Idle
        }
    }

    /// Has the buffer itself brought near, but none of its audio: see [`prefetch`](crate::prefetch).
    pub fn prefetch(&self) {
        prefetch(self);
    }

    /// Has the memory brought near that the next packet is put into. The buffer itself is to be near.
    pub fn prefetch_insert(&self) {
        let next = self.tally.newest() + 1;
        self.slots.prefetch(next);
        self.tally.prefetch(next);
        self.depth.prefetch();
    }

    /// Has the memory brought near that is played from next. The buffer itself is to be near.
    pub fn prefetch_pull(&self) {
        let block = self.config.block.get().min(CHUNK);
        self.slots
            .prefetch(self.next.div_euclid(self.period.max(1)));
        self.resampler.prefetch(block);
        self.weaver.prefetch(block);
    }

    /// Forgets the stream, and is silent at once. The format stays.
    pub fn reset(&mut self) {
        self.resampler.reset();
        self.forget();
        self.weaver.hush();
    }

    /// Forgets the stream and fades out what sounds: the peer has left. The format stays.
    pub fn fade_out(&mut self) {
        self.forget();
        self.weaver.rest();
    }

    /// Whether prediction is to be done without from here on, and what is missing faded, as with [`Conceal::Fade`]: it is what
    /// may cost much. Nothing else changes.
    pub fn set_sparing(&mut self, sparing: bool) {
        self.weaver.set_sparing(sparing);
    }

    /// How many streams like this one share a thread, this one included: in company prediction takes fewer pains, so that all
    /// together cost about what one alone does.
    pub fn set_company(&mut self, streams: usize) {
        self.weaver.set_company(streams);
    }

    /// Holds the stream back so that what is heard has [waited](Wait::now) here for so long at least, as far as there is memory;
    /// 0: no longer than it must. It goes there inaudibly, a few milliseconds a second; what comes late meanwhile has all of that
    /// time. On a queue of a fixed length it may be off by two packets.
    pub fn hold(&mut self, wait: Duration) {
        self.depth.hold(wait.as_secs_f64());
    }

    /// Whether the delay is to stay as it is once a stream plays, whatever the network does, as long as anything is to be heard that
    /// way: what is later than that is concealed. [`BufferCounts::moves`](crate::BufferCounts::moves) tells when it had to change all
    /// the same. Drifting clocks are followed as ever.
    pub fn keep_delay(&mut self, keep: bool) {
        self.depth.keep(keep);
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
        let gap = i64::from(self.rate.0) * 10 / self.period + 1000;
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

    /// As much of it as there are slots for.
    fn held(&self, policy: DepthPolicy) -> DepthPolicy {
        let DepthPolicy::Fixed(queue) = policy else {
            return policy;
        };
        let block = in_theirs(self.config.block.get(), self.config.rate, self.rate) as i64;
        let most = self.slots.count() - 3 - block / self.period.max(1) - 1;
        DepthPolicy::Fixed(queue.min(most.clamp(1, i64::from(u16::MAX)) as u16))
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
        self.watch.restart();
        self.base = None;
        self.anchored = false;
        self.hold = 0;
        self.far_behind = 0;
        self.stop_moving();
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
        self.stop_moving();
        self.reanchored += u64::from(self.anchored);
        self.moves += 1;
        (self.next, self.hold, self.anchored) = (start, start - position, true);
    }

    fn skip(&mut self, frames: i64) {
        self.stop_moving();
        self.moves += 1;
        let held = frames.min(self.hold);
        self.hold -= held;
        if held < frames {
            self.weaver.jump(&self.slots, Some(self.next));
            self.next += frames - held;
            self.skipped += (frames - held) as u64;
        }
    }

    fn back(&mut self, frames: i64) {
        self.stop_moving();
        self.reanchored += 1;
        self.moves += 1;
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
        self.stop_moving();
        self.reanchored += 1;
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

/// The frames that a buffer for packets of `period` frames at `rate` should hold: what is wanted, and what may
/// come early, as after a stall, or be waited for.
fn wanted(config: &BufferConfig, period: u32, rate: SampleRate) -> usize {
    let packets = usize::from(config.depth.queue()) + 1 + 4;
    let waits = match config.depth {
        DepthPolicy::Fixed(_) => 10,
        DepthPolicy::Auto { .. } => 3,
    };
    packets * period as usize
        + 3 * in_theirs(config.block.get(), config.rate, rate)
        + rate.0 as usize / waits
}

fn in_theirs(frames: usize, ours: SampleRate, theirs: SampleRate) -> usize {
    (frames as f64 * f64::from(theirs.0) / f64::from(ours.0.max(1))).ceil() as usize
}

/// Local frames that are played at a time.
const CHUNK: usize = 256;
/// As many channels as there can be.
const MOST_CHANNELS: usize = 255;
/// Rates that are taken.
const LOWEST_RATE: u32 = 4_000;
const HIGHEST_RATE: u32 = 384_000;
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
