//! How much of what was sent came out at the far end, in three numbers: signal to error, log-mel
//! distance and clicks a minute. docs/scoring.md defines them.
//!
//! [`plot`] draws what was found.
//!
//! Works on whole takes in memory, one channel at a time: for benchmarks and tests, not for an audio
//! thread. Pure: no clock, no file.
//!
//! ```
//! # use farsend_score::{Plan, score};
//! # use farsend_units::SampleRate;
//! let sent: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.07).sin() * 0.3).collect();
//! let mut heard = vec![0.0; 640];
//! heard.extend(sent.iter().map(|sample| sample * 0.99));
//! let score = score(&sent, &heard, &Plan::new(SampleRate::HZ_48000));
//! assert!((score.signal_to_error - 40.0).abs() < 0.1);
//! assert_eq!(score.clicks, []);
//! ```

mod align;
mod clicks;
mod mel;
pub mod plot;
mod sinc;

use farsend_units::SampleRate;

pub use align::Block;
pub use sinc::{convert, sampled_at};

use crate::align::Aligned;

/// What a take is compared by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Of both takes; see [`convert`] where they differ.
    pub rate: SampleRate,
    /// The longest delay from the beginning of what was sent to where it is heard, in seconds.
    pub longest: f64,
    /// Whether delays between whole frames are tried too: to be set where something resamples.
    pub between_frames: bool,
}

impl Plan {
    /// Delays up to a second, between frames too.
    pub const fn new(rate: SampleRate) -> Self {
        Self {
            rate,
            longest: 1.0,
            between_frames: true,
        }
    }
}

/// How much came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The energy of the signal over that of the error, over all blocks, each at its own best delay;
    /// dB, at most 200. Not a number if nothing was sent.
    pub signal_to_error: f64,
    /// The same of the middle one of the blocks.
    pub middle: f64,
    /// Mean absolute difference of the log-mel spectra, dB. Not a number if nothing was sent.
    pub log_mel: f64,
    /// Where something clicks that did not when it was sent: frames of what was sent.
    pub clicks: Vec<usize>,
    /// How long what was sent is, in minutes.
    pub minutes: f64,
    /// Each half second that is not silence.
    pub blocks: Vec<Block>,
    rate: SampleRate,
}

impl Score {
    /// The score of several channels: energies and clicks of all, the mean of the log-mel distances.
    /// `None` of none.
    pub fn of_all(channels: &[Score]) -> Option<Score> {
        let first = channels.first()?;
        let blocks: Vec<Block> = channels.iter().flat_map(|one| one.blocks.clone()).collect();
        let heard = channels.iter().filter(|one| !one.log_mel.is_nan());
        let (distance, count) = heard.fold((0.0, 0), |(sum, n), one| (sum + one.log_mel, n + 1));
        let mut clicks: Vec<usize> = channels.iter().flat_map(|one| one.clicks.clone()).collect();
        clicks.sort_unstable();
        Some(Score {
            log_mel: distance / f64::from(count),
            clicks,
            ..Score::of_blocks(blocks, first.minutes, first.rate)
        })
    }

    /// Without log-mel distance and clicks.
    fn of_blocks(blocks: Vec<Block>, minutes: f64, rate: SampleRate) -> Score {
        let (signal, error) = blocks.iter().fold((0.0, 0.0), |(signal, error), block| {
            (signal + block.signal, error + block.error)
        });
        let mut each: Vec<f64> = blocks.iter().map(Block::decibels).collect();
        each.sort_by(f64::total_cmp);
        Score {
            signal_to_error: decibels(signal, error),
            middle: each.get(each.len() / 2).copied().unwrap_or(f64::NAN),
            log_mel: f64::NAN,
            clicks: Vec::new(),
            minutes,
            blocks,
            rate,
        }
    }

    /// Clicks a minute.
    pub fn clicks_per_minute(&self) -> f64 {
        self.clicks.len() as f64 / self.minutes
    }

    /// The mean delay of the blocks that can be recognised (10 dB and better; all if none is), in
    /// milliseconds. Not a number if nothing was sent.
    pub fn mean_delay(&self) -> f64 {
        let mean = |least: f64| {
            let delays = self.blocks.iter().filter(|block| block.decibels() >= least);
            let (sum, count) = delays.fold((0.0, 0), |(sum, count), block| {
                (sum + block.delay, count + 1)
            });
            (count > 0).then(|| sum / f64::from(count))
        };
        let frames = mean(RECOGNISED).or_else(|| mean(f64::NEG_INFINITY));
        frames.unwrap_or(f64::NAN) * 1000.0 / f64::from(self.rate.0)
    }
}

/// Compares one channel of what was sent with what was heard. `heard` may begin at any time before
/// what was sent is first heard in it, up to `plan.longest`; what is missing at its end is silence.
/// Not-a-number counts as silence.
pub fn score(sent: &[f32], heard: &[f32], plan: &Plan) -> Score {
    let heard: Vec<f32> = heard.iter().map(|x| finite(*x)).collect();
    let sent: Vec<f32> = sent.iter().map(|x| finite(*x)).collect();
    let aligned = Aligned::new(&sent, &heard, plan);
    let minutes = sent.len() as f64 / f64::from(plan.rate.0.max(1)) / 60.0;
    Score {
        log_mel: mel::distance(&sent, &aligned, plan.rate),
        clicks: clicks::find(&sent, &aligned, plan.rate),
        ..Score::of_blocks(aligned.blocks().to_vec(), minutes, plan.rate)
    }
}

fn finite(sample: f32) -> f32 {
    if sample.is_finite() { sample } else { 0.0 }
}

/// The ratio of two energies, at most [`MOST`].
fn decibels(signal: f64, error: f64) -> f64 {
    if signal == 0.0 {
        return f64::NAN;
    }
    (10.0 * (signal / error).log10()).min(MOST)
}

/// dB: what is the same to the bit has as much.
const MOST: f64 = 200.0;

/// dB: a block with less is not taken to say what its delay was.
const RECOGNISED: f64 = 10.0;
