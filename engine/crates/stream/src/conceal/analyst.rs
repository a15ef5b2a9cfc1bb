//! Makes the long models in the background, channel after channel.

use farsend_units::SampleRate;

use super::effort::{BACKGROUND, Effort, IN_COMPANY};
use super::levinson::Levinson;

/// Makes one model after another, a bounded piece of work at a time, as long as it is wanted.
///
/// Asleep until [`alarm`](Self::alarm) is called, and again some time after the last alarm: on a
/// clean path there is nothing to be foretold.
#[derive(Debug)]
pub(crate) struct Analyst {
    levinson: Levinson,
    /// The models, as [`predict`](super::forecast::predict) takes them: `stride` weights a channel.
    weights: Box<[f32]>,
    made: Box<[Made]>,
    stride: usize,
    effort: Effort,
    /// Multiply-adds for each frame at 48 kHz.
    budget: usize,
    channels: usize,
    rate: usize,
    /// The channel whose model is being made, and when it was begun.
    job: Option<(usize, usize)>,
    next: usize,
    /// Frames until it falls asleep.
    awake: usize,
}

/// The model of a channel: how many weights, and of what time.
#[derive(Debug, Clone, Copy, Default)]
struct Made {
    order: usize,
    at: usize,
}

impl Analyst {
    /// Asleep. Allocates for up to `channels`.
    pub(crate) fn new(channels: usize) -> Self {
        let effort = Effort::MOST;
        let (order, frames) = effort.long;
        Self {
            levinson: Levinson::new(order, frames),
            weights: vec![0.0; order * channels].into_boxed_slice(),
            made: vec![Made::default(); channels].into_boxed_slice(),
            stride: order,
            effort,
            budget: BACKGROUND,
            channels: 0,
            rate: 48_000,
            job: None,
            next: 0,
            awake: 0,
        }
    }

    /// Forgets all models; so many channels at this rate from now on.
    pub(crate) fn set_format(&mut self, rate: SampleRate, channels: usize) {
        self.channels = channels.min(self.made.len());
        self.rate = (rate.0 as usize).max(1);
        self.forget();
    }

    /// Takes no more pains than this from now on, of which so many streams take as much.
    pub(crate) fn set_effort(&mut self, effort: Effort, streams: usize) {
        self.budget = if streams > 1 {
            IN_COMPANY.div_ceil(streams)
        } else {
            BACKGROUND
        };
        if self.effort != effort {
            self.effort = effort;
            self.forget();
        }
    }

    /// Forgets all models.
    pub(crate) fn forget(&mut self) {
        self.made.fill(Made::default());
        self.job = None;
        self.next = 0;
    }

    /// Forgets all models, and falls asleep.
    pub(crate) fn rest(&mut self) {
        self.forget();
        self.awake = 0;
    }

    /// Something was lost: more may be.
    pub(crate) fn alarm(&mut self) {
        self.awake = self.rate.saturating_mul(WATCH);
    }

    /// Does some of the work, for `frames` that were played until the frame `now`; `history` fills
    /// a slice with the last frames of a channel.
    pub(crate) fn work(
        &mut self,
        frames: usize,
        now: usize,
        mut history: impl FnMut(usize, &mut [f32]),
    ) {
        if self.awake == 0 || self.channels == 0 {
            return;
        }
        self.awake = self.awake.saturating_sub(frames);
        if self.awake == 0 {
            self.rest();
            return;
        }
        // The same work a second at each rate, in pieces no larger than 512 frames' at 48 kHz.
        let share = (self.budget * frames).saturating_mul(48_000) / self.rate;
        let mut budget = share.min(self.budget * 512) as i64;
        let (order, length) = self.effort.long;
        while budget > 0 {
            let (channel, at) = *self.job.get_or_insert_with(|| {
                let channel = self.next % self.channels;
                self.next = channel + 1;
                self.levinson
                    .begin(order, length, |out| history(channel, out));
                budget -= length as i64;
                (channel, now)
            });
            if !self.levinson.work(&mut budget) {
                return;
            }
            let predictor = self.levinson.predictor();
            let weights = &mut self.weights[channel * self.stride..][..self.stride];
            let order = weigh(predictor, weights);
            self.made[channel] = Made { order, at };
            self.job = None;
            // What silence costs: nothing that would be counted.
            budget -= length as i64;
        }
    }

    /// The model of a channel, if there is one that is not too old; as
    /// [`predict`](super::forecast::predict) takes it.
    pub(crate) fn model(&self, channel: usize, now: usize) -> &[f32] {
        match self.made.get(channel) {
            Some(made) if now.wrapping_sub(made.at) < self.rate / FRESH => {
                &self.weights[channel * self.stride..][..made.order]
            }
            _ => &[],
        }
    }
}

/// Writes a predictor as weights of the frames before, the oldest first; returns how many.
pub(crate) fn weigh(predictor: &[f64], weights: &mut [f32]) -> usize {
    let order = predictor.len().saturating_sub(1).min(weights.len());
    for (i, weight) in weights[..order].iter_mut().enumerate() {
        *weight = -predictor[order - i] as f32;
    }
    order
}

/// Seconds after the last loss until it falls asleep.
const WATCH: usize = 40;
/// A model older than this part of a second is not used.
const FRESH: usize = 2;
