//! How much work goes into prediction: what many channels share, each has less of.

/// Orders and lengths in frames. Everything that concealment costs follows from these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effort {
    /// The model that is made in the background, and the frames that it is made of.
    pub(crate) long: (usize, usize),
    /// The one that is made at a gap.
    pub(crate) short: (usize, usize),
    /// The longest gap that is filled from both sides, and the frames behind it that count.
    pub(crate) reach: usize,
    pub(crate) context: usize,
    /// How many of the last frames a model must have foretold to be chosen.
    pub(crate) test: usize,
}

impl Effort {
    /// For so many channels.
    pub(crate) const fn of(channels: usize) -> Self {
        match channels {
            0..=2 => Self {
                long: (1024, 15_360),
                short: (64, 2048),
                reach: 256,
                context: 384,
                test: 128,
            },
            3..=8 => Self {
                long: (512, 7680),
                short: (32, 1024),
                reach: 192,
                context: 256,
                test: 96,
            },
            9..=24 => Self {
                long: (256, 3840),
                short: (24, 512),
                reach: 128,
                context: 96,
                test: 64,
            },
            _ => Self {
                long: (64, 1984),
                short: (16, 256),
                reach: 32,
                context: 32,
                test: 32,
            },
        }
    }

    /// For so many channels where as many streams like this one share a thread. In company each has less, but no less than what is
    /// worth foretelling with.
    pub(crate) const fn in_company(channels: usize, streams: usize) -> Self {
        if streams <= 1 || channels > WORTH {
            return Self::of(channels);
        }
        let all = channels.saturating_mul(streams);
        Self::of(if all < WORTH { all } else { WORTH })
    }

    /// The largest of each that any number of channels is given.
    pub(crate) const MOST: Self = Self::of(1);

    /// The most multiply-adds (those in double precision count twice) of the period in which a gap
    /// begins, for each channel, the packet after it being here.
    #[cfg(test)]
    fn of_gap(&self) -> usize {
        use super::{bridge::Bridge, burg::Burg};
        let (order, _) = self.long;
        let tests = self.test * (order + self.short.0);
        Burg::cost(self.short.0, self.short.1)
            + tests
            + Bridge::cost(order, self.reach, self.context)
    }
}

/// Multiply-adds that the background analysis may do for each frame that is played, at 48 kHz, all
/// channels together; at other rates the same a second.
pub(crate) const BACKGROUND: usize = 5000;
/// The same for all streams in company together: they have other work, and most have lost nothing.
pub(crate) const IN_COMPANY: usize = 2500;
/// The most channels whose effort is of use where a stream has fewer.
const WORTH: usize = 24;

#[cfg(test)]
mod tests {
    use super::super::levinson::Levinson;
    use super::*;

    #[test]
    fn the_work_of_one_period_is_bounded() {
        for (channels, most) in [(1, 2.6e6), (2, 5.2e6), (8, 12e6), (24, 11e6), (64, 3e6)] {
            let work = channels as f64 * Effort::of(channels).of_gap() as f64;
            assert!(work <= most, "{channels} channels: {work}");
        }
    }

    #[test]
    fn a_model_is_no_older_than_fifty_milliseconds() {
        for channels in [1, 2, 3, 8, 9, 24, 25, 64] {
            let (order, frames) = Effort::of(channels).long;
            // One model, and what its last step and its first copy may take beyond the budget.
            let work = Levinson::cost(order, frames) + Levinson::step(order, frames) + 2 * frames;
            let seconds = (channels * work) as f64 / (BACKGROUND * 48_000) as f64;
            assert!(seconds < 0.05, "{channels} channels: {seconds} s");
        }
    }

    #[test]
    fn in_company_a_model_is_older_but_of_use() {
        for streams in [2, 4, 16, 48] {
            let (order, frames) = Effort::in_company(2, streams).long;
            let work = Levinson::cost(order, frames) + Levinson::step(order, frames) + 2 * frames;
            let seconds = (2 * streams * work) as f64 / (IN_COMPANY * 48_000) as f64;
            assert!(seconds < 0.4, "{streams} streams: {seconds} s");
        }
    }
}
