//! What the frames before a gap foretell.

use super::analyst::{Analyst, weigh};
use super::bridge::Bridge;
use super::burg::{Burg, SILENCE, peak};
use super::effort::Effort;
use super::sums::dot;

/// The continuation of every channel from one frame on.
#[derive(Debug)]
pub(crate) struct Forecast {
    /// Per channel `past` frames before, then `room` frames after; all as parts of `scale`.
    lines: Box<[f32]>,
    /// As it is heard, [`NEAR`] frames of the past and then `room` frames after: not too loud, and without a bend where
    /// something begins.
    heard: Box<[f32]>,
    voices: Box<[Voice]>,
    /// The weights in use, `past` a channel.
    weights: Box<[f32]>,
    /// Those of the models that were made at the last gap.
    shorts: Box<[f32]>,
    /// When that was, if it was.
    tried_at: Option<usize>,
    past: usize,
    room: usize,
    /// Frames after the past that are foretold.
    made: usize,
    /// Where the frames after the past begin, in the caller's count.
    begin: usize,
    /// They end in the frame at this position of the source's time line.
    closed: Option<i64>,
    /// They could not be made to end there.
    refused: Option<i64>,
    short: Burg,
    bridge: Bridge,
    tried: Box<[f32]>,
    effort: Effort,
}

/// What is different from channel to channel.
#[derive(Debug, Clone, Copy, Default)]
struct Voice {
    scale: f32,
    order: usize,
    /// The level that is not to be exceeded, of the scaled frames.
    level: f32,
    /// What the last frame was brought down by for it.
    gain: f32,
}

impl Forecast {
    /// Allocates for up to `channels`, and for cross-fades of up to `cross` frames.
    pub(crate) fn new(channels: usize, cross: usize) -> Self {
        let effort = Effort::MOST;
        let past = effort.long.0.max(effort.short.0);
        let room = CHUNK.max(effort.reach + effort.context) + cross;
        let zeros = |len: usize| vec![0f32; len].into_boxed_slice();
        Self {
            lines: zeros(channels * (past + room)),
            voices: vec![Voice::default(); channels].into_boxed_slice(),
            weights: zeros(channels * past),
            shorts: zeros(channels * effort.short.0),
            tried_at: None,
            past,
            room,
            made: 0,
            begin: 0,
            closed: None,
            refused: None,
            heard: zeros(channels * (NEAR + room)),
            short: Burg::new(effort.short.0, effort.short.1),
            bridge: Bridge::new(effort.reach, effort.context, past),
            tried: zeros(past + effort.test),
            effort,
        }
    }

    /// Another number of channels from now on.
    pub(crate) fn forget(&mut self) {
        self.tried_at = None;
        self.made = 0;
        self.closed = None;
        self.refused = None;
    }

    /// The longest gap that can be closed.
    pub(crate) fn reach(&self) -> usize {
        self.effort.reach
    }

    /// Whether what was foretold ends in what follows.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.is_some()
    }

    /// Whether what was foretold up to `now` ends where the frame at `position` follows.
    pub(crate) fn meets(&self, now: usize, position: i64) -> bool {
        self.closed == Some(position) && now.wrapping_sub(self.begin) == self.made
    }

    /// Where it begins, in the caller's count.
    pub(crate) fn begun(&self) -> usize {
        self.begin
    }

    /// Whether it begins at `now` and nothing is foretold yet.
    pub(crate) fn is_new(&self, now: usize) -> bool {
        self.begin == now && self.made == 0
    }

    /// Whether it cannot be made to end where the frame at `position` follows.
    pub(crate) fn refuses(&self, position: i64) -> bool {
        self.refused == Some(position)
    }

    /// How many frames behind a gap are of use.
    pub(crate) fn context(&self) -> usize {
        self.effort.context
    }

    /// How many of the frames that are foretold come after `now`.
    pub(crate) fn left(&self, now: usize) -> usize {
        self.made.saturating_sub(now.wrapping_sub(self.begin))
    }

    /// Begins at the frame `now`: chooses a model for each channel, of the one that the analyst has
    /// and one made of the last frames, by how well they would have foretold the last ones.
    pub(crate) fn begin(
        &mut self,
        effort: Effort,
        now: usize,
        channels: usize,
        analyst: &Analyst,
        history: impl Fn(usize, &mut [f32]),
    ) {
        if self.effort != effort {
            self.effort = effort;
            self.tried_at = None;
        }
        let (order, frames) = self.effort.short;
        // Gaps in quick succession share the short models.
        let again = self
            .tried_at
            .is_some_and(|at| now.wrapping_sub(at) < frames / 4);
        if !again {
            self.tried_at = Some(now);
        }
        for channel in 0..channels.min(self.voices.len()) {
            let mut voice = Voice::default();
            let weights = &mut self.weights[channel * self.past..][..self.past];
            let short = &mut self.shorts[channel * order..][..order];
            if !again {
                self.short.begin(order, frames, |out| history(channel, out));
                let _ = self.short.work(&mut i64::MAX.clone());
                let found = weigh(self.short.predictor(), &mut weights[..order]);
                // The oldest are nothing where there are fewer.
                short.fill(0.0);
                short[order - found..].copy_from_slice(&weights[..found]);
            }
            let short = &short[short.iter().take_while(|weight| **weight == 0.0).count()..];
            weights[..short.len()].copy_from_slice(short);
            voice.order = short.len();
            let long = analyst.model(channel, now);
            let length = self.past + self.effort.test;
            let tried = &mut self.tried[..length];
            history(channel, tried);
            normalize(tried);
            if !long.is_empty()
                && miss(long, tried, self.effort.test)
                    <= miss(&weights[..voice.order], tried, self.effort.test)
            {
                weights[..long.len()].copy_from_slice(long);
                voice.order = long.len();
            }
            self.voices[channel] = voice;
        }
        self.refused = None;
        self.reload(now, channels, history);
    }

    /// Goes on from the frame `now` with the same models.
    pub(crate) fn reload(
        &mut self,
        now: usize,
        channels: usize,
        history: impl Fn(usize, &mut [f32]),
    ) {
        (self.begin, self.made, self.closed) = (now, 0, None);
        for (channel, voice) in self.voices.iter_mut().enumerate().take(channels) {
            let past = &mut self.lines[channel * (self.past + self.room)..][..self.past];
            history(channel, past);
            voice.scale = peak(past);
            if voice.scale < SILENCE {
                (voice.scale, voice.order) = (0.0, 0);
                past.fill(0.0);
            }
            let scale = if voice.scale > 0.0 {
                1.0 / voice.scale
            } else {
                0.0
            };
            past.iter_mut().for_each(|sample| *sample *= scale);
            voice.level = level(&past[self.past - LEVEL.min(self.past)..]);
            voice.gain = 1.0;
            self.heard[channel * (NEAR + self.room)..][..NEAR]
                .copy_from_slice(&past[self.past - NEAR..]);
        }
    }

    /// Has frames until `now + frames` foretold; at most [`CHUNK`] and a cross-fade at once.
    pub(crate) fn extend(&mut self, now: usize, frames: usize, channels: usize) {
        let used = now.wrapping_sub(self.begin).min(self.made);
        if used + frames <= self.made {
            return;
        }
        let frames = frames.max(EASED);
        if used + frames > self.room {
            // What was used is the past now.
            for line in self.lines.chunks_exact_mut(self.past + self.room) {
                line.copy_within(used..self.past + self.made, 0);
            }
            for heard in self.heard.chunks_exact_mut(NEAR + self.room) {
                heard.copy_within(used..NEAR + self.made, 0);
            }
            self.begin = self.begin.wrapping_add(used);
            self.made -= used;
        }
        let end = now
            .wrapping_sub(self.begin)
            .saturating_add(frames)
            .min(self.room);
        let made = self.made;
        self.run(end, channels);
        for channel in 0..channels.min(self.voices.len()) {
            let line = &self.lines[channel * (self.past + self.room)..][..self.past + end];
            let heard = &mut self.heard[channel * (NEAR + self.room)..][NEAR + made..NEAR + end];
            heard.copy_from_slice(&line[self.past + made..]);
            let Voice { level, gain, .. } = &mut self.voices[channel];
            tame(heard, *level, gain);
            self.ease(made, channel);
        }
    }

    /// Has the models foretell the first `end` frames, less those that are foretold already.
    fn run(&mut self, end: usize, channels: usize) {
        for channel in 0..channels.min(self.voices.len()) {
            let voice = self.voices[channel];
            let line =
                &mut self.lines[channel * (self.past + self.room)..][..self.past + self.room];
            let weights = &mut self.weights[channel * self.past..][..voice.order];
            let from = self.past + self.made;
            let frames = end - self.made;
            if voice.order == 0 {
                mirror(&mut line[..self.past + end], self.past, frames);
                continue;
            }
            for damping in DAMPING {
                predict(weights, line, from, frames);
                if peak(&line[from..from + frames]) <= LOUDEST {
                    break;
                }
                damp(weights, damping);
            }
            for sample in &mut line[from..from + frames] {
                *sample = sample.clamp(-LOUDEST, LOUDEST);
            }
        }
        self.made = end;
    }

    /// Where what is heard from `made` on would begin with a bend that nothing before it has, it begins as
    /// the short model has it, or else straight on: a long model knows best where it goes, but not always
    /// where it begins.
    fn ease(&mut self, made: usize, channel: usize) {
        let heard = &mut self.heard[channel * (NEAR + self.room)..][made..NEAR + self.made];
        let (before, foretold) = heard.split_at_mut(NEAR);
        let tried = &mut self.tried[..NEAR + EASED];
        tried[..NEAR].copy_from_slice(before);
        let most = (bend(before) * SHARPER).max(INAUDIBLE / self.voices[channel].scale);
        if begins(before, foretold) <= most {
            return;
        }
        let order = self.effort.short.0;
        let weights = &self.shorts[channel * order..][..order];
        predict(weights, tried, NEAR, EASED);
        let other = &mut tried[NEAR..];
        if begins(before, other) > most || peak(other) > LOUDEST {
            let mut slope = before[NEAR - 1] - before[NEAR - 2];
            let flatter = 1.0 - (most / slope.abs().max(TINY)).clamp(FLATTER.0, FLATTER.1);
            let mut sample = before[NEAR - 1];
            for other in other.iter_mut() {
                slope *= flatter;
                sample += slope;
                *other = sample;
            }
        }
        let steps = foretold.len().min(EASED);
        for (i, (sample, other)) in foretold.iter_mut().zip(other).enumerate() {
            let part = ((i + 1) as f32 / (steps + 1) as f32).min(1.0);
            *sample += (*other - *sample) * (1.0 - part * part * (3.0 - 2.0 * part));
        }
    }

    /// Foretells `frames` from the beginning on so that they meet what follows, from `position` of the
    /// source's time line on, of which `next` fills a slice with `context` frames. False if they do not
    /// without getting louder than what is on both sides; then they are what was foretold.
    pub(crate) fn close(
        &mut self,
        (frames, position): (usize, i64),
        context: usize,
        channels: usize,
        next: impl Fn(usize, &mut [f32]),
    ) -> bool {
        let context = context.min(self.effort.context);
        self.run(frames.max(self.made), channels);
        for channel in 0..channels.min(self.voices.len()) {
            let voice = self.voices[channel];
            let line =
                &mut self.lines[channel * (self.past + self.room)..][..self.past + self.room];
            let weights = &self.weights[channel * self.past..][..voice.order];
            let known = &mut line[self.past + frames..][..context];
            next(channel, known);
            let louder = peak(known).max(voice.scale);
            if louder < SILENCE {
                known.fill(0.0);
                continue;
            }
            known.iter_mut().for_each(|sample| *sample /= louder);
            let quieter = voice.scale / louder;
            self.voices[channel].level *= quieter;
            line[..self.past + frames]
                .iter_mut()
                .for_each(|sample| *sample *= quieter);
            self.heard[channel * (NEAR + self.room)..][..NEAR]
                .iter_mut()
                .for_each(|sample| *sample *= quieter);
            self.voices[channel].scale = louder;
            let whole = &mut line[self.past - voice.order..self.past + frames + context];
            let closed = self.bridge.close(weights, frames, whole);
            let (past, rest) = line.split_at(self.past);
            let (gap, known) = rest.split_at(frames);
            let known = &known[..context];
            let most = level(known)
                .max(level(past))
                .max(self.voices[channel].level);
            let loudest = peak(past).max(peak(known));
            let bent = is_bent(past, gap, known, INAUDIBLE / louder);
            let fits = level(gap) <= most * LOUDER && peak(gap) <= loudest * LOUDEST && !bent;
            if !closed || !fits {
                self.made = 0;
                self.refused = Some(position);
                self.extend(self.begin, frames, channels);
                return false;
            }
        }
        let lines = self.lines.chunks_exact(self.past + self.room);
        let heard = self.heard.chunks_exact_mut(NEAR + self.room);
        for (line, heard) in lines.zip(heard).take(channels) {
            heard[NEAR..NEAR + frames].copy_from_slice(&line[self.past..self.past + frames]);
        }
        (self.made, self.closed) = (frames, Some(position));
        true
    }

    /// The frames from `now` on of one channel.
    pub(crate) fn read(&self, now: usize, channel: usize, out: &mut [f32]) {
        let from = now.wrapping_sub(self.begin);
        let heard = &self.heard[channel * (NEAR + self.room)..][NEAR..NEAR + self.made];
        let scale = self.voices[channel].scale;
        let known = heard.get(from..).unwrap_or(&[]);
        for (i, sample) in out.iter_mut().enumerate() {
            *sample = known.get(i).map_or(0.0, |foretold| foretold * scale);
        }
    }
}

/// Continues `line` from `from` on by `frames`; `weights` are those of the frames before, the oldest
/// first.
pub(crate) fn predict(weights: &[f32], line: &mut [f32], from: usize, frames: usize) {
    let order = weights.len();
    for at in from..from + frames {
        let sample = dot(weights, &line[at - order..at]);
        line[at] = if sample.abs() > TINY {
            sample.clamp(-WILD, WILD)
        } else {
            0.0
        };
    }
}

/// Draws the poles of a model towards the middle: the n-th weight from the end times `factor`^n.
fn damp(weights: &mut [f32], factor: f32) {
    let mut product = 1.0;
    for weight in weights.iter_mut().rev() {
        product *= factor;
        *weight *= product;
    }
}

/// The end of a line without a model: what came before it backwards, faded.
fn mirror(line: &mut [f32], past: usize, frames: usize) {
    let begin = line.len() - frames;
    for at in begin..line.len() {
        let i = at - past;
        let fade = 1.0 - (i as f32 / past as f32).min(1.0);
        line[at] = if i + 2 <= past {
            line[past - 2 - i] * fade
        } else {
            0.0
        };
    }
}

/// How far a model would have missed the last `frames` of a line, in energy.
fn miss(weights: &[f32], line: &mut [f32], frames: usize) -> f32 {
    let from = line.len() - frames;
    let mut foretold = [0f32; MOST_TESTED];
    let known = &mut foretold[..frames];
    known.copy_from_slice(&line[from..]);
    predict(weights, line, from, frames);
    let missed = known
        .iter()
        .zip(&line[from..])
        .map(|(known, foretold)| (known - foretold).powi(2))
        .sum();
    line[from..].copy_from_slice(known);
    missed
}

/// Whether either half of a gap bends more than what is near it on both sides, as a click does.
fn is_bent(past: &[f32], gap: &[f32], known: &[f32], inaudible: f32) -> bool {
    // What is near the one half is not all near the other.
    let far = NEAR.saturating_sub(gap.len()).max(16);
    let before = |frames: usize| bend(&past[past.len().saturating_sub(frames)..]);
    let behind = |frames: usize| bend(&known[..frames.min(known.len())]);
    let (first, second) = gap.split_at(gap.len() / 2);
    let most = |a: f32, b: f32| (a.max(b) * SHARPER).max(inaudible);
    let first = bend(first).max(joint(past, gap));
    let second = bend(second).max(joint(gap, known));
    first > most(before(NEAR), behind(far)) || second > most(before(far), behind(NEAR))
}

/// The greatest second difference where one part meets the other.
fn joint(a: &[f32], b: &[f32]) -> f32 {
    let mut joint = [0f32; 4];
    let (a, b) = (&a[a.len().saturating_sub(2)..], &b[..b.len().min(2)]);
    joint[..a.len()].copy_from_slice(a);
    joint[a.len()..a.len() + b.len()].copy_from_slice(b);
    bend(&joint[..a.len() + b.len()])
}

/// The greatest second difference where one part meets the other, and right behind that.
fn begins(past: &[f32], foretold: &[f32]) -> f32 {
    joint(past, foretold).max(bend(&foretold[..foretold.len().min(BEGINNING)]))
}

/// The greatest second difference: what makes a click.
fn bend(samples: &[f32]) -> f32 {
    samples
        .windows(3)
        .fold(0f32, |most, x| most.max((x[0] - 2.0 * x[1] + x[2]).abs()))
}

/// Makes the loudest frame 1.
fn normalize(samples: &mut [f32]) {
    let peak = peak(samples);
    let scale = if peak < SILENCE { 0.0 } else { 1.0 / peak };
    samples.iter_mut().for_each(|sample| *sample *= scale);
}

/// Keeps what is foretold from being louder than what was: what is too loud is brought down, within
/// a few frames, from the gain that the frame before had.
fn tame(samples: &mut [f32], most: f32, gain: &mut f32) {
    for part in samples.chunks_mut(LEVEL / 4) {
        let level = level(part);
        let wanted = (most * LOUDER / level.max(TINY)).min(1.0);
        if (*gain, wanted) == (1.0, 1.0) {
            continue;
        }
        for (i, sample) in part.iter_mut().enumerate() {
            *sample *= *gain + (wanted - *gain) * ((i + 1) as f32 / SOFTLY).min(1.0);
        }
        *gain = wanted;
    }
}

/// The root of the mean square.
fn level(samples: &[f32]) -> f32 {
    (dot(samples, samples) / samples.len().max(1) as f32).sqrt()
}

/// The most frames that are foretold in one go, but for a cross-fade.
pub(crate) const CHUNK: usize = 512;
/// The frames whose level counts.
const LEVEL: usize = 512;
const MOST_TESTED: usize = 128;
/// Less is nothing: -140 dB of the loudest frame. Keeps sub-normal numbers out.
const TINY: f32 = 1e-7;
/// How much louder than the frames before, or behind, what is invented may be.
const LOUDER: f32 = 1.2;
/// How much sharper its bends may be than those on both sides, within so many frames.
const SHARPER: f32 = 1.2;
const NEAR: usize = 240;
/// A bend that is never heard as a click.
const INAUDIBLE: f32 = 0.003;
/// The frames in which a beginning that bends too much is led to what is foretold, and the part of its slope
/// that a frame loses without a model: the least and the most.
const EASED: usize = 64;
/// The first of the frames that are foretold, whose bends count.
const BEGINNING: usize = 16;
const FLATTER: (f32, f32) = (0.05, 0.5);
/// The frames in which what is too loud is brought down.
const SOFTLY: f32 = 32.0;
/// A model that gets louder than it may is damped so, and tried again; the last one is not.
const DAMPING: [f32; 4] = [0.99, 0.96, 0.9, 1.0];
/// Where a model has run away.
const WILD: f32 = 1e3;
/// Relative to the loudest frame of the past.
const LOUDEST: f32 = 1.2;
