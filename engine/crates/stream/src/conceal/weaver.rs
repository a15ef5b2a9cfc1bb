//! The last step before the ear: joins what is played to what was played, without a click.
//!
//! ```text
//!                     nothing to play                        the cross-fade is over
//!   Clean ──────────────────────────────▶ Inventing                 Clean
//!     ▲ │  the play position jumps            │  audio again            ▲
//!     │ └────────────────────────────────┐    ▼                         │
//!     │                                  └▶ Returning ──────────────────┘
//!     └─ as it came, to the bit                (nothing to play: Inventing, from here on)
//! ```
//!
//! What is invented continues the last frames that were put out, whatever they were: as a
//! [`Forecast`] has it, or backwards, so that there is no step, and then faded, or blended into the
//! last period again and again. A forecast that meets the packet behind the gap needs no cross-fade.

use farsend_units::{Channels, Frames, SampleRate};

mod foretell;

use super::Conceal;
use super::analyst::Analyst;
use super::effort::Effort;
use super::forecast::{CHUNK, Forecast};
use crate::prefetch::prefetch;
use crate::slots::Slots;
use foretell::last;

/// Puts out one stream.
#[derive(Debug)]
pub(crate) struct Weaver {
    conceal: Conceal,
    /// Nothing is to be foretold for now.
    sparing: bool,
    /// What foretelling may cost, and how many streams share a thread.
    effort: Effort,
    company: usize,
    state: State,
    /// Of use with [`Conceal::Predict`], without memory else.
    forecast: Forecast,
    analyst: Analyst,
    /// Frames of a gap until what is foretold fades, and until it is silent.
    ebb: (usize, usize),
    /// What was put out last, each channel a ring of `ring` frames (a power of two).
    history: Box<[f32]>,
    ring: usize,
    /// The frames put out so far: the next one goes to `written % ring`.
    written: usize,
    /// The weight of what is invented, frame by frame, and of what returns.
    fade: Box<[f32]>,
    cross: Box<[f32]>,
    /// The continuation of what was played before a jump, `cross.len()` frames a channel.
    tail: Box<[f32]>,
    /// How long the wavetable is.
    turn: usize,
    /// Channels with audio, and those with history: more, while a fade of others goes on.
    channels: usize,
    sounding: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Clean,
    Inventing(Invention),
    Returning {
        done: usize,
        length: usize,
        from: Old,
    },
}

/// What a return fades out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Old {
    Invention(Invention),
    Tail,
}

/// Audio that continues what was put out before `from` (in the count of `written`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Invention {
    from: usize,
    kind: Kind,
}

/// How what is invented goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Backwards, and faded.
    Fading,
    /// Backwards, and into the last period again and again.
    Turning,
    /// As is foretold.
    Foretold,
}

/// Where in the caller's block to put what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) at: usize,
    pub(crate) frames: usize,
}

/// What is to follow a gap, if it comes: the frame `position` of the source's time line is due
/// `after` frames from the beginning of the span that is being invented.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    pub(crate) after: i64,
    pub(crate) position: i64,
}

impl Weaver {
    /// Silent. Allocates for up to `channels`.
    pub(crate) fn new(conceal: Conceal, channels: Channels, rate: SampleRate) -> Self {
        let ms = |ms: usize| (rate.0 as usize * ms / 1000).max(16);
        let short = (rate.0 as usize / 750).max(16);
        let (fade, cross) = if conceal == Conceal::Zero {
            (short, short)
        } else {
            (ms(15), ms(5))
        };
        let reach = match conceal {
            Conceal::Wavetable => 8192 + cross,
            Conceal::Predict => HISTORY,
            _ => 0,
        };
        let predicting = if conceal == Conceal::Predict {
            channels.get()
        } else {
            0
        };
        let ring = reach.max(2 * fade + 2).next_power_of_two();
        let rising = |len: usize| {
            (1..=len).map(move |i| 0.5 - 0.5 * (PI * i as f32 / (len + 1) as f32).cos())
        };
        Self {
            conceal,
            sparing: false,
            effort: Effort::MOST,
            company: 1,
            state: State::Inventing(Invention {
                from: 0,
                kind: Kind::Fading,
            }),
            forecast: Forecast::new(predicting, cross),
            analyst: Analyst::new(predicting),
            ebb: (ms(15), ms(80)),
            history: filled(channels.get() * ring),
            ring,
            written: 0,
            fade: rising(fade).rev().collect(),
            cross: rising(cross).collect(),
            tail: filled(channels.get() * cross),
            turn: 4 * cross,
            channels: 0,
            sounding: 0,
        }
    }

    /// Audio comes at this rate with this many channels (no more than in `new`) in such periods
    /// from now on.
    pub(crate) fn set_format(&mut self, rate: SampleRate, period: Frames, channels: usize) {
        let ms = |ms: usize| rate.0 as usize * ms / 1000;
        self.ebb = (ms(15), ms(80).max(ms(15) + 1));
        self.forecast.forget();
        self.analyst.set_format(rate, channels);
        let period = period.get().max(1);
        // Periods enough that the seam is a small part of them.
        self.turn = (4 * self.cross.len()).div_ceil(period) * period;
        self.channels = channels.min(self.history.len() / self.ring);
        self.take_effort();
        if self.channels > self.sounding {
            self.history[self.sounding * self.ring..self.channels * self.ring].fill(0.0);
            self.sounding = self.channels;
        }
    }

    /// Whether nothing is to be foretold from here on, but faded.
    pub(crate) fn set_sparing(&mut self, sparing: bool) {
        if self.sparing != sparing {
            self.sparing = sparing;
            self.analyst.rest();
        }
    }

    /// How many streams like this one share a thread, this one included.
    pub(crate) fn set_company(&mut self, streams: usize) {
        if self.company != streams {
            self.company = streams;
            self.take_effort();
        }
    }

    fn take_effort(&mut self) {
        self.effort = Effort::in_company(self.channels, self.company);
        self.analyst.set_effort(self.effort, self.company);
    }

    /// Has the memory brought near that as many frames would be put out to.
    pub(crate) fn prefetch(&self, frames: usize) {
        let at = self.written % self.ring;
        for ring in self.history.chunks_exact(self.ring).take(self.sounding) {
            ring.get(at..at + frames).inspect(|next| prefetch(*next));
        }
    }

    /// Silent at once.
    pub(crate) fn hush(&mut self) {
        self.history.fill(0.0);
        self.analyst.forget();
        self.state = State::Inventing(Invention {
            from: self.written,
            kind: Kind::Fading,
        });
    }

    /// Fades to silence from here, whatever is concealed with.
    pub(crate) fn rest(&mut self) {
        if !matches!(
            self.state,
            State::Inventing(Invention {
                kind: Kind::Fading,
                ..
            })
        ) {
            self.state = State::Inventing(self.fading());
        }
    }

    /// The next frames to be played do not follow those before; `old` is where those would go on,
    /// if anywhere.
    pub(crate) fn jump(&mut self, slots: &Slots, old: Option<i64>) {
        let len = self.cross.len();
        let old = old.filter(|old| slots.available(*old, len as i64) == len as i64);
        self.state = match (self.state, old) {
            (State::Inventing(invention), _) => State::Inventing(invention),
            (State::Clean, Some(old)) => {
                for (channel, tail) in self
                    .tail
                    .chunks_exact_mut(len)
                    .enumerate()
                    .take(self.sounding)
                {
                    slots.copy(channel, old, tail);
                }
                State::Returning {
                    done: 0,
                    length: len,
                    from: Old::Tail,
                }
            }
            (State::Clean | State::Returning { .. }, _) if self.conceal == Conceal::Wavetable => {
                State::Inventing(self.turning())
            }
            (State::Clean | State::Returning { .. }, _) => State::Inventing(self.fading()),
        };
    }

    /// Puts frames of packet `n`, from `offset` on, into this span of the block.
    pub(crate) fn play(
        &mut self,
        slots: &Slots,
        n: i64,
        offset: usize,
        out: &mut [&mut [f32]],
        span: Span,
    ) {
        let mut done = 0;
        while done < span.frames {
            let part = Span {
                at: span.at + done,
                frames: (span.frames - done).min(self.chunk()),
            };
            let samples = |channel| {
                slots
                    .samples(n, channel)
                    .get(offset + done..offset + done + part.frames)
            };
            done += match self.state {
                State::Clean => {
                    self.put(out, part, |_, channel, out| match samples(channel) {
                        Some(samples) => out.copy_from_slice(samples),
                        None => out.fill(0.0),
                    });
                    part.frames
                }
                State::Inventing(Invention {
                    kind: Kind::Foretold,
                    ..
                }) if self
                    .forecast
                    .meets(self.written, slots.start(n) + offset as i64) =>
                {
                    self.sounding = self.channels;
                    self.state = State::Clean;
                    0
                }
                State::Inventing(mut invention) => {
                    let mut length = self.cross.len();
                    if invention.kind == Kind::Foretold && self.forecast.is_closed() {
                        // It was to meet something else.
                        invention = self.fading();
                    } else if invention.kind == Kind::Foretold {
                        // The longer ago it was foretold the less is it what comes.
                        let gap = self.written.wrapping_sub(invention.from);
                        length = (gap / 4).clamp((length / 10).max(1), length);
                        self.forecast.extend(self.written, length, self.sounding);
                    }
                    self.state = State::Returning {
                        done: 0,
                        length,
                        from: Old::Invention(invention),
                    };
                    0
                }
                State::Returning { done, length, from } => {
                    self.blend((done, length), from, samples, out, part)
                }
            };
        }
    }

    /// Invents frames for this span of the block; `due` says what follows, unless there is no
    /// stream.
    pub(crate) fn invent(
        &mut self,
        slots: &Slots,
        due: Option<Due>,
        out: &mut [&mut [f32]],
        span: Span,
    ) {
        let mut invention = match (self.state, self.conceal, due) {
            (State::Inventing(invention), _, None) if invention.kind == Kind::Foretold => {
                self.fading()
            }
            (State::Inventing(invention), ..) => invention,
            (_, Conceal::Wavetable, _) => self.turning(),
            (_, Conceal::Predict, Some(_)) if !self.sparing => self.foretold(),
            _ => self.fading(),
        };
        self.state = State::Inventing(invention);
        let mut done = 0;
        while done < span.frames {
            let mut part = Span {
                at: span.at + done,
                frames: (span.frames - done).min(self.chunk()),
            };
            if let (Kind::Foretold, Some(due)) = (invention.kind, due) {
                let due = Due {
                    after: due.after - done as i64,
                    ..due
                };
                match self.foretell(slots, due, (invention.from, part.frames)) {
                    Some(frames) => part.frames = frames,
                    None => {
                        invention = self.fading();
                        self.state = State::Inventing(invention);
                    }
                }
            }
            self.put(out, part, |weaver, channel, out| {
                weaver.invent_into(invention, channel, out);
            });
            done += part.frames;
        }
    }

    fn fading(&self) -> Invention {
        Invention {
            from: self.written,
            kind: Kind::Fading,
        }
    }

    fn turning(&self) -> Invention {
        Invention {
            from: self.written,
            kind: Kind::Turning,
        }
    }

    /// Puts out the part of a cross-fade that this span has room for; returns its frames.
    fn blend<'a>(
        &mut self,
        (done, length): (usize, usize),
        from: Old,
        samples: impl Fn(usize) -> Option<&'a [f32]>,
        out: &mut [&mut [f32]],
        span: Span,
    ) -> usize {
        let len = self.cross.len();
        let frames = span.frames.min(length - done);
        self.put(out, Span { frames, ..span }, |weaver, channel, out| {
            match from {
                Old::Invention(invention) => weaver.invent_into(invention, channel, out),
                Old::Tail => out.copy_from_slice(&weaver.tail[channel * len + done..][..frames]),
            }
            let weights = (done..done + frames).map(|i| weaver.cross[i * len / length]);
            match samples(channel) {
                Some(new) => {
                    for ((out, weight), new) in out.iter_mut().zip(weights).zip(new) {
                        *out += (new - *out) * weight;
                    }
                }
                None => out
                    .iter_mut()
                    .zip(weights)
                    .for_each(|(out, weight)| *out -= *out * weight),
            }
        });
        self.state = if done + frames < length {
            State::Returning {
                done: done + frames,
                length,
                from,
            }
        } else {
            self.sounding = self.channels;
            State::Clean
        };
        frames
    }

    /// Has each sounding channel of a span filled, others silenced, and remembers what was put out.
    fn put(
        &mut self,
        out: &mut [&mut [f32]],
        span: Span,
        mut fill: impl FnMut(&Self, usize, &mut [f32]),
    ) {
        let Span { at, frames } = span;
        let start = self.written % self.ring;
        let first = frames.min(self.ring - start);
        for (channel, out) in out.iter_mut().enumerate() {
            let Some(out) = out.get_mut(at..at + frames) else {
                continue;
            };
            if channel >= self.sounding {
                out.fill(0.0);
                continue;
            }
            fill(self, channel, out);
            let ring = &mut self.history[channel * self.ring..][..self.ring];
            ring[start..start + first].copy_from_slice(&out[..first]);
            ring[..frames - first].copy_from_slice(&out[first..]);
        }
        self.written = self.written.wrapping_add(frames);
        if !matches!(self.state, State::Inventing(_)) {
            let (past, mask, now) = (&self.history, self.ring - 1, self.written);
            self.analyst.work(frames, now, |channel, out| {
                last(&past[channel * (mask + 1)..][..mask + 1], now, out);
            });
        }
    }

    /// The frames of an invention that come next, for one channel; at most [`Self::chunk`].
    fn invent_into(&self, invention: Invention, channel: usize, out: &mut [f32]) {
        let past = &self.history[channel * self.ring..][..self.ring];
        let mask = self.ring - 1;
        let begun = self.written.wrapping_sub(invention.from);
        // The frame before the last one, the one before that, ...
        let mirrored = |k: usize| past[invention.from.wrapping_sub(2 + k) & mask];
        if invention.kind == Kind::Foretold {
            self.forecast.read(self.written, channel, out);
            if !self.forecast.is_closed() {
                self.wane(begun, out);
            }
            return;
        }
        if invention.kind == Kind::Fading {
            let fading = self.fade.len().saturating_sub(begun).min(out.len());
            let (sounding, silent) = out.split_at_mut(fading);
            for (i, sample) in sounding.iter_mut().enumerate() {
                *sample = mirrored(begun + i) * self.fade[begun + i];
            }
            silent.fill(0.0);
            return;
        }
        // The last `turn` frames again; where the end meets the beginning the mirrored end fades
        // out as the beginning fades in. Later turns repeat what the first one put out.
        for (i, sample) in out.iter_mut().enumerate() {
            let again = past[self.written.wrapping_add(i).wrapping_sub(self.turn) & mask];
            *sample = match self.cross.get(begun.saturating_add(i)) {
                Some(weight) => mirrored(begun + i) * (1.0 - weight) + again * weight,
                None => again,
            };
        }
    }

    /// The most frames that can be put out in one go: what is repeated must be in the history.
    fn chunk(&self) -> usize {
        self.turn.min(self.ring).min(CHUNK)
    }
}

/// Memory that was written to, so that its pages are there.
fn filled(len: usize) -> Box<[f32]> {
    let mut memory = Vec::with_capacity(len);
    memory.resize(len, 0.0);
    memory.into_boxed_slice()
}

/// The frames that foretelling looks back on.
const HISTORY: usize = 1 << 14;
const PI: f32 = std::f32::consts::PI;
