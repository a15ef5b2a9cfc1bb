//! One stream's frames, played at any place and speed: from one rate to another, along with a clock that
//! drifts, or as they are.
//!
//! ```text
//!                 at + fraction: what the next output frame plays
//!                      │
//!   ───────────────────▼─────────────────────────┐
//!    past frames       │◀────────── lag ────────▶│◀── push
//!   ───────────────────┼─────────────┬───────────┘
//!    (kernel, splices) │◀ lookahead ▶│
//! ```
//!
//! The caller says how far each block goes: [`Resampler::straight`] plays frames as they came, to the bit, and
//! needs none beyond the last one played; [`Resampler::bend`] and [`Resampler::bend_to`] play between
//! frames, and need [`Resampler::lookahead`] more. On a frame both play the same, so that the
//! one may follow the other without a seam wherever the fraction is 0.
//!
//! Everything is allocated in `new`; for other rates a [`Kernel`] is handed over that was made elsewhere.

mod held;
mod kernel;

use farsend_units::SampleRate;
use pulp::{Arch, Simd, WithSimd};

use held::Held;
use kernel::{MOST_HALF, dot};

pub use kernel::{Kernel, Kernels};

/// Plays source frames at a position that its caller controls.
///
/// A *step* is how many source frames the position moves on with each output frame, from [`LEAST_STEP`] to
/// [`MOST_STEP`] (what is beyond is brought back into that range). At the nominal rates it is `from / to`.
///
/// ```
/// # use farsend_stream::Resampler;
/// # use farsend_units::SampleRate;
/// let mut resampler = Resampler::new(2, SampleRate(44_100), SampleRate(48_000), 128);
/// let (mut left, mut right) = ([0.0; 128], [0.0; 128]);
/// let step = resampler.nominal_step();
/// let wanted = resampler.wants(128, step, step);
/// resampler.push(wanted, |block| block.iter_mut().for_each(|channel| channel.fill(0.25)));
/// assert_eq!(resampler.bend(step, step, &mut [&mut left, &mut right]), 0);
/// ```
#[derive(Debug)]
pub struct Resampler {
    kernel: Kernel,
    held: Held,
    /// The frame at the play position or before it, and how far beyond it the position is (0 to 1, without 1).
    at: usize,
    fraction: f64,
    splice: Option<Splice>,
    longest_block: usize,
    /// How many past frames are kept for jumps back, and how many output frames a cross-fade takes.
    reach: usize,
    cross: usize,
    nominal_step: f64,
    /// What the processor's vectors can do.
    arch: Arch,
}

/// A jump that is being faded over.
#[derive(Debug, Clone, Copy)]
struct Splice {
    /// Where the audio before the jump goes on, from the position.
    old: i64,
    /// Output frames played since.
    done: usize,
}

/// A run of output frames of one step or a glide: the position of frame k is
/// `fraction + k * step + k * k * bend`.
#[derive(Debug, Clone, Copy)]
struct Run {
    begin: usize,
    frames: usize,
    step: f64,
    bend: f64,
}

impl Resampler {
    /// Silence, for `channels` (up to 255) and blocks of up to `longest_block` output frames; longer ones
    /// work, but `push` may have no room for all they want. Allocates, and makes a kernel.
    ///
    /// Memory grows with ten times `longest_block`, the most source frames that such a block can take.
    pub fn new(channels: usize, from: SampleRate, to: SampleRate, longest_block: usize) -> Self {
        Self::with_kernel(channels, Kernel::new(from, to), longest_block)
    }

    /// The same with a kernel that is there already. Allocates.
    pub fn with_kernel(channels: usize, kernel: Kernel, longest_block: usize) -> Self {
        let longest_block = longest_block.clamp(1, 1 << 20);
        let taken = (longest_block as f64 * MOST_STEP) as usize;
        // The past and the frames between the two sides of a splice, what a block takes, what it looks ahead.
        let capacity = PAST + 2 * MOST_REACH + taken + MOST_HALF + 2;
        let mut resampler = Self {
            kernel,
            held: Held::new(channels, capacity, PAST),
            at: PAST,
            fraction: 0.0,
            splice: None,
            longest_block,
            reach: 0,
            cross: 1,
            nominal_step: 1.0,
            arch: Arch::new(),
        };
        resampler.set_times();
        resampler
    }

    /// From now on at the rates of this kernel. Returns the one before: the last clone of it frees memory where it
    /// is dropped, which should not be the audio thread.
    ///
    /// Frames that are held stay what they are: [`reset`](Self::reset) drops them. Rates whose ratio is beyond
    /// 9 to 1 are played with some aliasing.
    #[must_use = "dropping the last clone of a kernel frees memory"]
    pub fn set_kernel(&mut self, kernel: Kernel) -> Kernel {
        let before = std::mem::replace(&mut self.kernel, kernel);
        self.set_times();
        before
    }

    /// The step at which the source plays at its own speed, as far as the nominal rates say.
    pub fn nominal_step(&self) -> f64 {
        self.nominal_step
    }

    /// Source frames beyond the last one played that an interpolated output needs: half the kernel.
    pub fn lookahead(&self) -> usize {
        self.kernel.taps() / 2
    }

    /// Source frames pushed and not yet played. Never less than 0.
    pub fn lag(&self) -> f64 {
        self.held.end() as f64 - self.at as f64 - self.fraction
    }

    /// How far the position is behind a frame: 0 (on it) to 1 (never reached).
    pub fn fraction(&self) -> f64 {
        self.fraction
    }

    /// How many source frames are to be pushed before a block of `frames` can be
    /// [bent](Self::bend) from one step to another; 0 when there are enough.
    pub fn wants(&self, frames: usize, from_step: f64, to_step: f64) -> usize {
        self.lacks(&self.run(0, frames, from_step, to_step))
    }

    /// How many source frames are to be pushed before a block of `frames` can be played
    /// [straight](Self::straight).
    pub fn wants_straight(&self, frames: usize) -> usize {
        if self.fraction == 0.0 {
            self.lacks_straight(frames)
        } else {
            self.wants(frames, 1.0, 1.0)
        }
    }

    /// How many output frames of a constant step can be played with what is held.
    pub fn ready(&self, step: f64) -> usize {
        let step = tame(step);
        let beyond = self.splice.map_or(0, |splice| splice.old.max(0)) as usize;
        let needed = self.at + self.lookahead() + beyond;
        let spare = self.held.end().saturating_sub(needed) as f64 - self.fraction;
        if spare <= 0.0 {
            return 0;
        }
        // Rounding may be off by a frame: what `wants` says holds.
        let guess = (spare / step) as usize + 1;
        (guess.saturating_sub(2)..=guess + 1)
            .rev()
            .find(|frames| self.wants(*frames, step, step) == 0)
            .unwrap_or(0)
    }

    /// Source frames that there is room for.
    pub fn room(&self) -> usize {
        self.held.room(self.outdated())
    }

    /// Has the memory brought near that as many frames would be pushed to.
    pub(crate) fn prefetch(&self, frames: usize) {
        self.held.prefetch(frames);
    }

    /// Has `fill` write the next `frames` source frames: one slice a channel, in their order, with whatever in
    /// them before. Returns how many it was really asked for: never more than [`room`](Self::room).
    ///
    /// There is always room for what [`wants`](Self::wants) says of blocks as long as in `new`.
    /// Samples that are no numbers, or beyond 1e30 or below 1e-20 in size, become 0.
    pub fn push(&mut self, frames: usize, fill: impl FnOnce(&mut [&mut [f32]])) -> usize {
        let frames = frames.min(self.room());
        if !self.held.fits(frames) {
            let outdated = self.outdated();
            self.held.drop_first(outdated);
            self.at -= outdated;
        }
        self.held.push(frames, fill);
        frames
    }

    /// Plays source frames as they are into `out` (planar; missing channels are left out, surplus ones
    /// silent). Returns how many frames were missing: silence was pushed for them.
    ///
    /// The position has to be on a frame: else the block is bent at a step of 1.
    pub fn straight(&mut self, out: &mut [&mut [f32]]) -> usize {
        if self.fraction != 0.0 {
            return self.bend(1.0, 1.0, out);
        }
        let frames = self.begin(out);
        let mut missing = 0;
        for begin in (0..frames).step_by(self.longest_block) {
            let count = (frames - begin).min(self.longest_block);
            let lacking = self.lacks_straight(count);
            missing += self.push(lacking, silent);
            for (channel, out) in self.sounding(out) {
                let source = &self.held.channel(channel)[self.at..][..count];
                out[begin..begin + count].copy_from_slice(source);
            }
            if let Some(splice) = self.splice {
                let fading = count.min(self.cross - splice.done);
                let old = self.at.saturating_add_signed(splice.old as isize);
                for k in 0..fading {
                    let rise = self.rise(splice.done + k);
                    for (channel, out) in self.sounding(out) {
                        let out = &mut out[begin + k];
                        let old = self.held.channel(channel)[old + k];
                        *out = old + (*out - old) * rise;
                    }
                }
                self.faded(splice, fading);
            }
            self.at += count;
        }
        missing
    }

    /// Plays between source frames into `out` (planar; missing channels are left out, surplus ones
    /// silent), with a step that glides evenly from `from_step` to `to_step`: the position
    /// moves on by the mean of both for each output frame. Returns how many source frames were missing:
    /// silence was pushed for them.
    pub fn bend(&mut self, from_step: f64, to_step: f64, out: &mut [&mut [f32]]) -> usize {
        let frames = self.begin(out);
        let (from, to) = (tame(from_step), tame(to_step));
        let slope = (to - from) / frames.max(1) as f64;
        let mut missing = 0;
        for begin in (0..frames).step_by(self.longest_block) {
            let count = (frames - begin).min(self.longest_block);
            let step = from + slope * begin as f64;
            let run = self.run(begin, count, step, step + slope * count as f64);
            missing += self.play(run, out);
            self.advance(run.position(count));
        }
        missing
    }

    /// As [`bend`](Self::bend), at the one step with which the block moves the position on by `advance` source
    /// frames, as far as steps may be so long or short. Where that ends within 1e-12 of a frame, the
    /// position is on it: `n as f64 - fraction()` reaches a frame.
    pub fn bend_to(&mut self, advance: f64, out: &mut [&mut [f32]]) -> usize {
        let frames = out.first().map_or(0, |channel| channel.len());
        let step = advance / frames.max(1) as f64;
        let missing = self.bend(step, step, out);
        if self.fraction < ON_A_FRAME {
            self.fraction = 0.0;
        } else if 1.0 - self.fraction < ON_A_FRAME {
            self.fraction = 0.0;
            self.at += 1;
        }
        missing
    }

    /// Jumps by `by` source frames, forward or (less than 0) backward: what went on where the position was is
    /// faded out, and what goes on at the new one faded in, over the next 5 ms of output. Returns the jump made.
    ///
    /// A jump goes 20 ms of the source at most. Forward it goes no further than [`lag`](Self::lag), that
    /// is to frames that are held; what follows them is to be pushed as `wants` says. Backward at
    /// least 20 ms of past frames are held once they were pushed. Until the cross-fade is over `wants` asks for
    /// what both sides need, and there is no other jump: 0 is returned.
    pub fn splice(&mut self, by: i64) -> i64 {
        if self.splice.is_some() {
            return 0;
        }
        let reach = self.reach as i64;
        let back = self.at.saturating_sub(MOST_HALF) as i64;
        let ahead = self.lag() as i64;
        let by = by.clamp(-back.min(reach), ahead.min(reach));
        if by != 0 {
            self.at = self.at.saturating_add_signed(by as isize);
            self.splice = Some(Splice { old: -by, done: 0 });
        }
        by
    }

    /// Whether a jump is being faded over.
    pub fn is_splicing(&self) -> bool {
        self.splice.is_some()
    }

    /// Drops all frames: silence, with the position on a frame and nothing pushed.
    pub fn reset(&mut self) {
        self.held.silence(PAST);
        self.at = PAST;
        self.fraction = 0.0;
        self.splice = None;
    }

    fn set_times(&mut self) {
        let (from, to) = (self.kernel.from(), self.kernel.to());
        self.reach = (from.0 as usize / 50).clamp(1, MOST_REACH);
        self.cross = (to.0 as usize / 200).max(1);
        self.nominal_step = tame(f64::from(from.0) / f64::from(to.0.max(1)));
    }

    /// The frames of a block; what is in it of channels that are not here is silent.
    fn begin(&self, out: &mut [&mut [f32]]) -> usize {
        let frames = out.iter().map(|channel| channel.len()).min().unwrap_or(0);
        for (channel, out) in out.iter_mut().enumerate() {
            let known = if channel < self.held.channels() {
                frames
            } else {
                0
            };
            out[known..].fill(0.0);
        }
        frames
    }

    fn sounding<'a, 'b>(
        &self,
        out: &'a mut [&'b mut [f32]],
    ) -> impl Iterator<Item = (usize, &'a mut &'b mut [f32])> + use<'a, 'b> {
        out.iter_mut().enumerate().take(self.held.channels())
    }

    fn run(&self, begin: usize, frames: usize, from_step: f64, to_step: f64) -> Run {
        let (from, to) = (tame(from_step), tame(to_step));
        Run {
            begin,
            frames,
            step: from,
            bend: (to - from) / (2 * frames.max(1)) as f64,
        }
    }

    /// Source frames that a run needs and that are not held.
    fn lacks(&self, run: &Run) -> usize {
        let Some(last) = run.frames.checked_sub(1) else {
            return 0;
        };
        // Steps are more than 0: the last frame is the furthest.
        let last = self.at + (self.fraction + run.position(last)) as usize;
        self.ahead(last + self.lookahead() + 1)
    }

    fn lacks_straight(&self, frames: usize) -> usize {
        if frames == 0 {
            return 0;
        }
        self.ahead(self.at + frames)
    }

    /// How many frames there are to come until there are `end`, and as many for a splice.
    fn ahead(&self, end: usize) -> usize {
        let beyond = self.splice.map_or(0, |splice| splice.old.max(0)) as usize;
        (end + beyond).saturating_sub(self.held.end())
    }

    /// Frames that nothing will need any more.
    fn outdated(&self) -> usize {
        let old = self.splice.map_or(0, |splice| splice.old.min(0));
        self.at
            .saturating_add_signed(old as isize)
            .saturating_sub(MOST_HALF + self.reach)
    }

    fn play(&mut self, run: Run, out: &mut [&mut [f32]]) -> usize {
        let lacking = self.lacks(&run);
        let missing = self.push(lacking, silent);
        let arch = self.arch;
        arch.dispatch(Interpolation {
            resampler: self,
            run,
            out,
        });
        missing
    }

    /// The work of it, compiled for each kind of processor. `weights` is room for those of one instant.
    #[inline(always)]
    fn interpolate<S: Simd>(
        &mut self,
        simd: S,
        run: Run,
        out: &mut [&mut [f32]],
        weights: &mut [f32],
    ) {
        let taps = weights.len();
        let first = self.at + 1 - taps / 2;
        let channels = out.len().min(self.held.channels());
        for k in 0..run.frames {
            let position = self.fraction + run.position(k);
            // Less than a few thousand, and cheaper to convert than a larger number.
            let whole = position as i32;
            let fraction = position - f64::from(whole);
            let whole = whole as usize;
            self.kernel.weigh(simd, fraction, weights);
            for (channel, out) in out.iter_mut().enumerate().take(channels) {
                let frames = &self.held.channel(channel)[first + whole..][..taps];
                out[run.begin + k] = dot(simd, weights, frames);
            }
            if let Some(splice) = self.splice {
                let rise = self.rise(splice.done);
                let first = (first + whole).saturating_add_signed(splice.old as isize);
                for (channel, out) in out.iter_mut().enumerate().take(channels) {
                    let old = dot(simd, weights, &self.held.channel(channel)[first..][..taps]);
                    let out = &mut out[run.begin + k];
                    *out = old + (*out - old) * rise;
                }
                self.faded(splice, 1);
            }
        }
    }

    /// Moves the position on. Whole frames and the fraction are kept apart, so that hours later it is as exact
    /// as at first.
    fn advance(&mut self, by: f64) {
        let whole = by.floor();
        self.at += whole as usize;
        self.fraction += by - whole;
        if self.fraction >= 1.0 {
            self.fraction -= 1.0;
            self.at += 1;
        }
    }

    /// The weight of what follows a jump, in a frame of its cross-fade.
    fn rise(&self, done: usize) -> f32 {
        0.5 - 0.5 * (PI * (done + 1) as f32 / (self.cross + 1) as f32).cos()
    }

    fn faded(&mut self, splice: Splice, frames: usize) {
        let done = splice.done + frames;
        self.splice = (done < self.cross).then_some(Splice { done, ..splice });
    }
}

/// A run that is to be played, for whichever vectors the processor has.
struct Interpolation<'a, 'b, 'c> {
    resampler: &'a mut Resampler,
    run: Run,
    out: &'b mut [&'c mut [f32]],
}

impl WithSimd for Interpolation<'_, '_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            resampler,
            run,
            out,
        } = self;
        match resampler.kernel.taps() {
            // Of a known length the weights stay in the processor.
            32 => resampler.interpolate(simd, run, out, &mut [0.0; 32]),
            48 => resampler.interpolate(simd, run, out, &mut [0.0; 48]),
            taps => resampler.interpolate(simd, run, out, &mut [0.0; 2 * MOST_HALF][..taps]),
        }
    }
}

impl Run {
    /// Source frames from where the run begins to output frame `k`.
    fn position(&self, k: usize) -> f64 {
        let k = k as f64;
        k * self.step + k * k * self.bend
    }
}

/// A step within what is possible.
fn tame(step: f64) -> f64 {
    if step.is_nan() {
        return 1.0;
    }
    step.clamp(LEAST_STEP, MOST_STEP)
}

fn silent(block: &mut [&mut [f32]]) {
    block.iter_mut().for_each(|channel| channel.fill(0.0));
}

/// The shortest step.
pub const LEAST_STEP: f64 = 0.1;
/// The longest step; shorter than any lookahead, so that a block's end is within what it needed.
pub const MOST_STEP: f64 = 10.0;
/// Source frames of 20 ms at 192 kHz and some more.
const MOST_REACH: usize = 4096;
/// Past frames that are there from the start.
const PAST: usize = MOST_HALF + MOST_REACH;
/// What is nearer to a frame than this is on it.
const ON_A_FRAME: f64 = 1e-12;

const PI: f32 = std::f32::consts::PI;
